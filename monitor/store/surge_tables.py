"""Tables of surges and of what people decided about them, apart from all other tables: nothing in `ticketing` may import
this module (invariant 3, the contract in pyproject.toml). No table of them has a column for authors."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from monitor.store.columns import Id, Json, Utc
from monitor.store.tables import metadata

# A surge as it stands: the fold of its verdicts and of the journal, kept for queries.
surge = Table(
    "surge", metadata,
    Column("id", Text, primary_key=True),
    Column("serial", Integer, unique=True),                  # order in which surges were first told: the place on the page
    Column("part_of", Text, index=True),                     # the surge that rests on mostly the same posts and is shown instead
    Column("kind", Text, nullable=False, server_default=""),  # copies, tag, link, phone, volume
    Column("akimat", Text),
    Column("topic", Text),
    Column("verdict", Text, nullable=False),                 # organic, organised, inconclusive, coordinated
    Column("score", Float, nullable=False),
    Column("first_at", Utc),                                 # when it was first told, in the posts' time
    Column("detected_at", Utc, nullable=False),
    Column("window_start", Utc, nullable=False),
    Column("window_end", Utc, nullable=False),
    Column("authors", Integer, nullable=False),
    Column("posts", Integer, nullable=False, server_default="0"),
    Column("observed", Float),
    Column("expected", Float),
    Column("detail", Json, nullable=False),                  # signals, counter-evidence, explanations; no list of authors
    Column("decision", Text),                                # confirm, dismiss, watch: the last one of the journal
    Column("decided_verdict", Text),                         # the verdict that it was about: another one needs a new decision
    Column("decided_by", Integer),
    Column("decided_at", Utc),
    Column("routed_to", Text),                               # channel of config/knowledge/channels.yaml
    Column("outcome", Text),
    Column("published", Boolean, nullable=False, server_default="0"),
)

# Every verdict that was reached, never changed: an alert can be followed back to what was known when it was sent.
surge_verdict = Table(
    "surge_verdict", metadata,
    Column("id", Id, primary_key=True),
    Column("surge", Text, nullable=False),
    Column("seq", Id, nullable=False),                       # the observation that brought it about (`observed.seq`)
    Column("ruleset", Text, nullable=False),
    Column("detected_at", Utc, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("authors", Integer, nullable=False),
    Column("detail", Json, nullable=False),                  # all that was said, post ids and authors left out
    UniqueConstraint("surge", "seq", "ruleset"),
)

# The posts that a surge rests on: for the chart, the samples and the merging of surges; never served as a list.
surge_post = Table(
    "surge_post", metadata,
    Column("surge", Text, primary_key=True),
    Column("post_id", Id, ForeignKey("post.id"), primary_key=True, autoincrement=False),
    Index("ix_surge_post_post", "post_id"),
)

# What the detector was given, in its order and with what was known then, so that a replay gives the same verdicts.
observed = Table(
    "observed", metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("post_id", Id, ForeignKey("post.id"), nullable=False, unique=True),
    Column("at", Utc, nullable=False),                       # published
    Column("akimat", Text),
    Column("topic", Text),
    Index("ix_observed_series", "akimat", "topic", "at"),
)

# The detector's memory after observation `seq`; a restart goes on from here.
observer_state = Table(
    "observer_state", metadata,
    Column("ruleset", Text, primary_key=True),
    Column("seq", Id, nullable=False),
    Column("taken_at", Utc, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

# Decisions on surges: a journal of its own, chained like the register but apart from it; ids have no gaps.
decision = Table(
    "decision", metadata,
    Column("id", Id, primary_key=True),
    Column("surge", Text, nullable=False, index=True),
    Column("at", Text, nullable=False),
    Column("by", Integer, nullable=False),
    Column("what", Text, nullable=False),                    # monitor.response.rights.MAY
    Column("note", Text, nullable=False, server_default=""),  # erasable: the chain holds its commitment only
    Column("salt", LargeBinary(16)),
    Column("details", Text, nullable=False, server_default="{}"),  # canonical JSON: what was decided upon, commitments
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# One row: the end of the journal, locked while one is added.
decision_head = Table(
    "decision_head", metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False),
    Column("hash", Text, nullable=False),
)

# Drafts that people wrote over the machine's: dossiers for other channels, explanations. Only added; the newest counts.
surge_paper = Table(
    "surge_paper", metadata,
    Column("id", Id, primary_key=True),
    Column("surge", Text, nullable=False, index=True),
    Column("paper", Text, nullable=False),                   # explanation, or the code of a channel
    Column("language", Text, nullable=False),                # kk, ru
    Column("text", Text, nullable=False),
    Column("by", Integer, nullable=False),
    Column("at", Utc, nullable=False),
)

# An alert and what became of it; its messages are the deliveries of kind alert:ID.
surge_alert = Table(
    "surge_alert", metadata,
    Column("id", Id, primary_key=True),
    Column("surge", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kind", Text, nullable=False),                    # news, escalation
    Column("akimat", Text),
    Column("topic", Text),
    Column("due_at", Utc, nullable=False),
    Column("state", Text, nullable=False),                   # waiting, sent, joined, dropped
    Column("reason", Text),                                  # why it waits, was joined or dropped: a code
    Column("rests_on", Id),                                  # surge_verdict.id that was the last one when it went out
    Column("sent_at", Utc),
    UniqueConstraint("surge", "verdict", "kind"),
    Index("ix_surge_alert_due", "state", "due_at"),
)
