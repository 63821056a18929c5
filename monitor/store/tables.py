"""Tables of what was collected and how it was judged. Those of tickets and people stand in `ticketing.tables`."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.store.columns import Id, Json, Utc

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s",
})

# Every revision of every fetched post; a row is only ever added (invariant 1).
post = Table(
    "post", metadata,
    Column("id", Id, primary_key=True),
    Column("network", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),       # of the content: a repeat has the digest of the last revision
    Column("source", Text, nullable=False),
    Column("home", Text),                                    # KATO code of the source's unit, where configured
    Column("url", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False),
    Column("published_at", Utc, nullable=False),
    Column("collected_at", Utc, nullable=False),
    Column("edited_at", Utc),
    Column("deleted_at", Utc),
    Column("author_key", Text, nullable=False, server_default=""),   # keyed hash, never the network's id
    Column("author_display", Text, nullable=False, server_default=""),
    Column("in_reply_to", Text),
    Column("in_reply_to_account", Text),
    Column("extra", Json),                                   # mentions, hashtags, links, media, files, repost_of: only those present
    Column("raw", Json),                                     # erasable; kept only where a source asks for it
    Column("expired_at", Utc),                               # when the text of a post that is nobody's matter was emptied
    UniqueConstraint("network", "native_id", "revision"),
)

# Keyed hashes of posts that were erased: whatever a source sends under that id again is swallowed (monitor.store.tombstones).
tombstone = Table(
    "tombstone", metadata,
    Column("key", Text, primary_key=True),
    Column("at", Utc, nullable=False),
)

# Posts stored but not yet judged: the pipeline's memory of how far it got.
unjudged = Table("unjudged", metadata, Column("post_id", Id, ForeignKey("post.id"), primary_key=True, autoincrement=False))

verdict = Table(
    "verdict", metadata,
    Column("post_id", Id, ForeignKey("post.id"), primary_key=True, autoincrement=False),
    Column("judged_at", Utc, nullable=False),
    Column("ruleset", Text, nullable=False),
    Column("decision", Text, nullable=False),                # register, triage, ignore: what detection said
    Column("state", Text, nullable=False),                   # ticket, attached, revision, triage, ignored, not_addressed, own, duplicate: what came of it
    Column("addressed", Boolean, nullable=False),
    Column("score", Float, nullable=False),
    Column("akimat", Text),
    Column("kind", Text),
    Column("topic", Text),
    Column("language", Text, nullable=False),
    Column("urgency", Text),
    Column("location_text", Text),
    Column("detail", Json),                                  # candidates, also, pii spans, reasons: only those present
    Column("said_topic", Text),                              # what staff say instead; null: detection stands
    Column("said_kind", Text),
    Column("said_urgency", Text),
    Column("said_place", Text),                              # "": there is none; erasable
    Index("ix_verdict_shown", "post_id", sqlite_where=text("state not in ('ignored', 'own')"),
          postgresql_where=text("state not in ('ignored', 'own')")),
    Index("ix_verdict_triage", "post_id", sqlite_where=text("state = 'triage'"), postgresql_where=text("state = 'triage'")),
)

# What a person said of a verdict: labelled data for learning, and the undo of it. Append-only; undone, not deleted.
correction = Table(
    "correction", metadata,
    Column("id", Id, primary_key=True),
    Column("post_id", Id, ForeignKey("post.id"), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("by", Integer, nullable=False),                   # account.id
    Column("action", Text, nullable=False),                  # take, not_addressed, other_akimat, correct
    Column("akimat", Text),
    Column("before_state", Text, nullable=False),            # verdict.state to go back to
    Column("before_akimat", Text),
    Column("undone_at", Utc),
    Column("undone_by", Integer),
    Column("changes", Json),                                 # of `correct`: {"topic": "roads"}; erasable, a place may stand in it
    Column("before_values", Json),                           # the same fields before it; erasable
)

# Tries at what guessing must not open (the status page): shared by all who serve it, and kept over a restart.
attempt = Table(
    "attempt", metadata,
    Column("id", Id, primary_key=True),
    Column("what", Text, nullable=False),
    Column("key", LargeBinary(16), nullable=False),          # keyed hash of an address
    Column("at", Utc, nullable=False, index=True),
    Index("ix_attempt_key", "what", "key", "at"),
)

source = Table(
    "source", metadata,
    Column("name", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("cursor", Json, nullable=False),
    Column("state", Text, nullable=False),                   # new, up, down, waiting, refused, damaged, off
    Column("reason", Text),                                  # one line, no secret
    Column("last_ok_at", Utc),
    Column("last_try_at", Utc),
    Column("last_post_at", Utc),
    Column("next_poll_at", Utc),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("posts", Integer, nullable=False, server_default="0"),
    Column("every", Float),                                  # seconds between polls as they are now
    Column("lag", Float),                                    # seconds from published to stored, smoothed
    Column("rhythm", Json),                                  # monitor.core.rhythm: when it usually has news
    Column("quiet_since", Utc),                              # it answers, but is silent beyond its rhythm since then
    Column("backfill", Json),                                # cursor of `source backfill`; null: none under way
)

# Times in which a source was not heard: shown where its posts would be.
hole = Table(
    "hole", metadata,
    Column("id", Id, primary_key=True),
    Column("source", Text, nullable=False, index=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc),                                    # null while it lasts
    Column("reason", Text, nullable=False),
    Column("alarmed_at", Utc),                               # when the operators were alarmed
    Column("filled_at", Utc),                                # when a backfill had read all of it
    Column("part", Text),                                    # what of the source the network refuses; null: all of it is not heard
)

# What was asked of each account of a network, so that no restart forgets it (monitor.limits). "" as name: a flood wait.
allowance = Table(
    "allowance", metadata,
    Column("network", Text, primary_key=True),
    Column("account", Text, primary_key=True),               # "" where all accounts of the network share the limit
    Column("name", Text, primary_key=True),                  # of the limit
    Column("spent", Json),                                   # {slot: amount}
    Column("until", Utc),                                    # of a flood wait
    Column("reason", Text),
)

# A payload that a connector could not read, kept aside for the operator (BadPayload). One per source and digest.
damaged = Table(
    "damaged", metadata,
    Column("id", Id, primary_key=True),
    Column("source", Text, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),          # first 1 MiB
    UniqueConstraint("source", "digest"),
)

# Messages for our bots, stored by the one poller before its offset is confirmed, deleted when handled.
inbound = Table(
    "inbound", metadata,
    Column("id", Id, primary_key=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reason", Text),
    UniqueConstraint("source", "key"),
)

# What the live feed tells its readers, written in the transaction that made it true. Ids are the SSE event ids.
event = Table(
    "event", metadata,
    Column("id", Id, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("kind", Text, nullable=False),                    # post, ticket, source, surge
    Column("ref", Text, nullable=False),                     # post.id, ticket.number, source.name, surge.id
    sqlite_autoincrement=True,
)

# Values the program keeps for itself: the key of the author hash and when it was made.
keep = Table("keep", metadata, Column("name", Text, primary_key=True), Column("value", Json, nullable=False))
