"""Everything that the page of a surge, its papers and its alerts read, in one transaction. Queries only."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from config.languages import N_, language
from monitor.core.verdict import Span
from monitor.response import journal, verbs
from monitor.store import surges
from monitor.store.surge_tables import surge_alert
from monitor.store.surges import Sample, Series
from monitor.store.tables import verdict
from ticketing import feed
from ticketing.feed import Hole
from ticketing.notify.mask import masked, plain, shortened
from ticketing.tables import account, delivery, ticket_post

LINK = N_("[link]")
_LINK = re.compile(r"(?:https?://|www\.|t\.me/)\S+", re.I)
_HANDLE = re.compile(r"(?<![\w.])@[\w.]{2,}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the journal with the name of who made it."""

    id: int
    at: datetime
    name: str
    what: str
    note: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert and the messages it became: (name or recipient, state, when)."""

    kind: str
    verdict: str
    state: str
    reason: str | None
    due_at: datetime
    sent_at: datetime | None
    messages: tuple[tuple[str, str, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A surge with all that stands around it."""

    row: Row[Any]
    history: list[Row[Any]]
    samples: list[Sample]
    expired: int
    cards: int
    places: tuple[str, ...]
    series: Series
    holes: list[Hole]
    entries: list[Entry]
    alerts: list[Alert]
    papers: Mapping[str, Mapping[str, Row[Any]]]


def whole(c: Connection, id_: str, scope: frozenset[str] | None, papers: Sequence[str] = ()) -> Whole | None:
    """The surge that this reader may see; None where there is none for them."""
    row = surges.one(c, id_, scope)
    if row is None:
        return None
    samples, expired = surges.samples(c, row.id)
    return Whole(
        row, surges.history(c, row.id), samples, expired, cards(c, row.id), places(c, row.id), surges.series(c, row),
        feed.holes(c, row.window_start - timedelta(hours=1), row.window_end, 30), entries(c, row.id), alerts(c, row.id),
        {paper: verbs.latest(c, row.id, paper) for paper in (verbs.EXPLANATION, *papers)})


def cards(c: Connection, root: str) -> int:
    """How many cards stand on its posts: each has a number and gets an answer, whatever is said of the surge."""
    return int(c.execute(select(func.count(ticket_post.c.ticket_id.distinct())).where(
        ticket_post.c.post_id.in_(surges.posts_beneath(c, root)))).scalar_one())


def places(c: Connection, root: str, most: int = 4) -> tuple[str, ...]:
    """The places that its posts name most often, at least twice."""
    found = Counter(" ".join(name.split()) for name in c.execute(select(verdict.c.location_text).where(
        verdict.c.post_id.in_(surges.posts_beneath(c, root)), verdict.c.location_text.is_not(None))).scalars())
    return tuple(shortened(masked(name, (), "masked"), 80, 1) for name, n in found.most_common(most) if n > 1)


def entries(c: Connection, root: str) -> list[Entry]:
    """The journal of a surge, the newest entry first."""
    rows = journal.of_surge(c, root)
    names = feed.names(c, list({r.by for r in rows}))
    return [Entry(r.id, datetime.fromisoformat(r.at), names.get(r.by, ""), r.what, r.note, json.loads(r.details))
            for r in reversed(rows)]


def alerts(c: Connection, root: str) -> list[Alert]:
    """Its alerts with what became of each message."""
    found = c.execute(select(surge_alert).where(surge_alert.c.surge == root).order_by(surge_alert.c.id)).all()
    sent = c.execute(select(delivery.c.kind, delivery.c.recipient, delivery.c.state, delivery.c.sent_at)
                     .where(delivery.c.about == root).order_by(delivery.c.id)).all()
    ids = [int(r.recipient[5:]) for r in sent if r.recipient.startswith("user:") and r.recipient[5:].isdigit()]
    names = {r.id: r.name for r in c.execute(select(account.c.id, account.c.name).where(account.c.id.in_(ids)))}
    by_kind: dict[str, list[tuple[str, str, datetime | None]]] = {}
    for r in sent:
        who = names.get(int(r.recipient[5:]), "") if r.recipient.startswith("user:") else ""
        by_kind.setdefault(r.kind, []).append((who, r.state, r.sent_at))
    return [Alert(a.kind, a.verdict, a.state, a.reason, a.due_at, a.sent_at, tuple(by_kind.get(f"alert:{a.id}", ())))
            for a in found]


def hidden(text: str, code: str) -> str:
    """What staff wrote, fit for everybody: personal data, links and names of accounts hidden."""
    say = language(code).gettext
    return plain(_HANDLE.sub("@…", _LINK.sub(say(LINK), masked(text, (), "masked"))), say)


def words(sample: Sample, translate: Callable[[str], str], length: int = 600) -> str:
    """A sample as it may be shown: personal data, links and names of accounts hidden."""
    spans = [Span(kind, start, end) for kind, start, end in sample.pii]  # type: ignore[arg-type]
    text = _HANDLE.sub("@…", _LINK.sub(translate(LINK), masked(sample.text, spans, "masked")))
    return shortened(plain(text, translate), length, 8)
