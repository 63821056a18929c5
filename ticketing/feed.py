"""What the pages and the API read: posts with what became of them. Queries only; nothing here changes a row.

A row of the feed is the newest revision of a post, in the order of arrival: `post.id` is the position, so that a page
can be continued (`before`) while new posts arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    text,
    true,
)

from monitor.core.rhythm import Rhythm
from monitor.store.tables import correction, hole, post, source, unjudged, verdict
from ticketing.tables import account, delivery, office, ticket, ticket_post
from ticketing.ticket import OPEN

EXCERPT = 1500
"""Characters of a post that a list shows; a post may have a million."""

STATES = ("waiting", "new", "hand", "late", "done", "dismissed", "ignored")
"""What a reader filters by: needs a decision, needs acceptance, in hand, late, done, set aside, passed over."""

PERIODS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LANGUAGES = {"kk": ("kk", "kk_plain", "kk_latin"), "ru": ("ru",), "mixed": ("mixed",), "other": ("en", "other")}

_OPEN = sorted(OPEN)
_DISMISSED = ("not_addressed", "duplicate")
_CLOCK_SLACK = timedelta(days=1)
_person = account.alias("person")
_duty = account.alias("duty")
_newer = post.alias("newer")
_last = correction.alias("last")
_person_of = account.alias("corrector")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader asked for. `akimats` holds the unit and everything below it; None means all."""

    akimats: frozenset[str] | None = None
    topic: str | None = None
    language: str | None = None
    state: str | None = None
    period: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class FeedRow:
    """The newest revision of a post, its verdict, and the ticket that stands on it."""

    id: int
    network: str
    source: str
    native_id: str
    revision: int
    url: str
    text: str
    length: int
    home: str | None
    author: str
    published_at: datetime
    collected_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    decision: str
    state: str
    score: float
    language: str
    judged_akimat: str | None
    judged_topic: str | None
    judged_kind: str | None
    judged_urgency: str | None
    judged_location: str | None
    detail: Mapping[str, Any]
    ruleset: str
    role: str | None
    ticket_id: int | None
    number: str | None
    office: str | None
    status: str | None
    ticket_akimat: str | None
    ticket_topic: str | None
    ticket_kind: str | None
    ticket_urgency: str | None
    ticket_location: str | None
    department: str | None
    responsible: int | None
    responsible_name: str | None
    duty_name: str | None
    assigned_by: Mapping[str, Any] | None
    received_at: datetime | None
    registered_at: datetime | None
    due_first: datetime | None
    due_first_derivation: Sequence[Mapping[str, Any]] | None
    due_final: datetime | None
    due_final_derivation: Sequence[Mapping[str, Any]] | None
    paused_until: datetime | None
    proposal: Mapping[str, Any] | None
    first_reaction_at: datetime | None
    closed_at: datetime | None
    posts: int
    correction: int | None
    correction_action: str | None
    correction_at: datetime | None
    correction_name: str | None
    said_topic: str | None
    said_kind: str | None
    said_urgency: str | None
    said_place: str | None

    @property
    def akimat(self) -> str | None:
        """The addressee: that of the ticket, else what detection says."""
        return self.ticket_akimat or self.judged_akimat

    @property
    def topic(self) -> str | None:
        return self.ticket_topic or self.said_topic or self.judged_topic

    @property
    def kind(self) -> str | None:
        return self.ticket_kind or self.said_kind or self.judged_kind

    @property
    def urgent(self) -> bool:
        return (self.ticket_urgency or self.said_urgency or self.judged_urgency) == "urgent"

    @property
    def location(self) -> str | None:
        return self.ticket_location or (self.judged_location if self.said_place is None else self.said_place or None)

    @property
    def waits(self) -> bool:
        """Whether detection left it to a person and nobody has decided."""
        return self.state == "triage"

    def due(self) -> tuple[str, datetime] | None:
        """The next date that somebody must keep: ("first", at) or ("final", at); None where nobody must."""
        if self.status not in OPEN or self.due_first is None or self.due_final is None:
            return None
        if self.first_reaction_at is None and self.due_first <= self.due_final:
            return "first", self.due_first
        if self.paused_until is not None:
            return None
        return "final", self.due_final

    def late(self, now: datetime) -> bool:
        """Whether the next date has passed."""
        due = self.due()
        return due is not None and due[1] < now


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source and how it fares. `since` is when it fell silent, where it has."""

    name: str
    network: str
    state: str
    reason: str | None
    last_ok_at: datetime | None
    last_try_at: datetime | None
    last_post_at: datetime | None
    next_poll_at: datetime | None
    failures: int
    posts: int
    since: datetime | None
    every: float | None = None
    lag: float | None = None
    quiet_since: datetime | None = None
    expected_by: datetime | None = None
    """If nothing comes until then, its silence is unusual by its own rhythm; None where no rhythm is known yet."""

    @property
    def silent(self) -> bool:
        """Whether its posts do not come in now. A source that only waits for its turn is not silent."""
        return self.since is not None or self.state in ("down", "refused", "damaged")


@dataclass(frozen=True, slots=True)
class Hole:
    """A time in which a source was not heard."""

    source: str
    since: datetime
    until: datetime | None
    reason: str
    filled_at: datetime | None = None
    """When a backfill had read all of it."""
    part: str | None = None
    """What of the source is refused; None: all of it was not heard."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What needs someone."""

    triage: int
    new: int
    late: int


@dataclass(frozen=True, slots=True)
class Meters:
    """Figures for /metrics."""

    sources: tuple[SourceState, ...]
    unjudged: int
    tickets: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    triage: int = 0


def rows(c: Connection, scope: frozenset[str] | None, wanted: Filter | None, now: datetime, *,
         before: int | None = None, posts: Sequence[int] | None = None, ticket_id: int | None = None, limit: int = 50,
         excerpt: int = EXCERPT, revisions: bool = False) -> list[FeedRow]:
    """Rows newest first, below position `before`; only `posts` or those of a ticket where given.

    `scope` holds the codes a reader may see; None is everything. `wanted` None with `posts` shows those whatever
    became of them. `revisions` keeps superseded ones too.
    """
    query = _feed(excerpt).where(_seen(scope))
    if ticket_id is None and (posts is None or wanted is not None):
        query = query.where(_matches(c, wanted or Filter(), now))
    if not revisions:
        query = query.where(_newest())
    if before is not None:
        query = query.where(verdict.c.post_id < before)
    if posts is not None:
        query = query.where(verdict.c.post_id.in_(list(posts)))
    if ticket_id is not None:
        query = query.where(ticket_post.c.ticket_id == ticket_id)
    found = c.execute(query.order_by(verdict.c.post_id.desc()).limit(limit))
    return [_row(r) for r in found]


def posts_of_tickets(c: Connection, numbers: Sequence[str]) -> list[int]:
    """The posts that these tickets stand on."""
    return [post_id for _, post_id in ticket_posts(c, numbers)]


def ticket_posts(c: Connection, numbers: Sequence[str]) -> list[tuple[str, int]]:
    """(number, post) of these tickets."""
    if not numbers:
        return []
    found = c.execute(select(ticket.c.number, ticket_post.c.post_id).join(
        ticket, ticket.c.id == ticket_post.c.ticket_id).where(ticket.c.number.in_(list(numbers))))
    return [(r.number, r.post_id) for r in found]


def fell_due(c: Connection, since: datetime, until: datetime) -> list[str]:
    """Tickets of which a date passed in (since, until]: nobody wrote anything, and yet their rows changed."""
    return list(c.execute(select(ticket.c.number).where(ticket.c.status.in_(_OPEN), or_(
        and_(ticket.c.due_first > since, ticket.c.due_first <= until),
        and_(ticket.c.due_final > since, ticket.c.due_final <= until))).limit(200)).scalars())


def tickets(c: Connection, scope: frozenset[str] | None, wanted: Filter, now: datetime, *, before: int | None = None,
            mine: int | None = None, limit: int = 50) -> list[FeedRow]:
    """Tickets newest first, each with the post that opened it; `mine` keeps those of one person.

    One whose posts went on with another office's number has `id` 0 and no text: the series has no gap for a reader.
    """
    query = _columns(EXCERPT).select_from(_with_people(_cards()))
    query = query.where(_seen(scope), _matches(c, wanted, now, shown=False))
    if before is not None:
        query = query.where(ticket.c.id < before)
    if mine is not None:
        query = query.where(ticket.c.responsible == mine)
    return [_row(r) for r in c.execute(query.order_by(ticket.c.id.desc()).limit(limit))]


def counts(c: Connection, scope: frozenset[str] | None, now: datetime) -> Counts:
    """How much waits for a decision, for acceptance, and is late."""
    waiting = select(func.count()).select_from(_joined()).where(
        text("verdict.state = 'triage'"), _seen(scope), _newest())
    # A unit of the scope, not the office, decides: a head of a district sees what is addressed to its okrugs.
    within = true() if scope is None else ticket.c.akimat.in_(sorted(scope))
    line = select(
        func.coalesce(func.sum(case((ticket.c.status.in_(("registered", "assigned")), 1), else_=0)), 0),
        func.coalesce(func.sum(case((_late(now), 1), else_=0)), 0),
    ).where(ticket.c.status.in_(_OPEN), within)
    new, late = c.execute(line).one()
    return Counts(int(c.execute(waiting).scalar_one()), int(new), int(late))


def columns(c: Connection, scope: frozenset[str] | None, wanted: Filter, now: datetime) -> tuple[int, int, int]:
    """How many cards are late or posts undecided, how many new, how many in hand: each in one of the three only."""
    late = _late(now)
    cards = select(*(func.coalesce(func.sum(case((which, 1), else_=0)), 0) for which in (
        late, and_(ticket.c.status.in_(("registered", "assigned")), ~late), and_(ticket.c.status == "accepted", ~late),
    ))).select_from(_cards()).where(
        _seen(scope), _matches(c, replace(wanted, state=None), now, shown=False))
    waiting = select(func.count()).select_from(_joined()).where(
        _seen(scope), _newest(), _matches(c, replace(wanted, state="waiting"), now))
    overdue, new, hand = c.execute(cards).one()
    return int(overdue) + int(c.execute(waiting).scalar_one()), int(new), int(hand)


def sources(c: Connection) -> list[SourceState]:
    """Every source by name, with the begin of its running hole."""
    running = select(hole.c.source, func.min(hole.c.since).label("since")).where(
        hole.c.until.is_(None), hole.c.part.is_(None)).group_by(hole.c.source).subquery()
    found = c.execute(select(source, running.c.since).outerjoin(
        running, running.c.source == source.c.name).order_by(source.c.name))
    return [SourceState(r.name, r.network, r.state, r.reason, r.last_ok_at, r.last_try_at, r.last_post_at,
                        r.next_poll_at, r.failures, r.posts, r.since, r.every, r.lag, r.quiet_since) for r in found]


def with_rhythm(c: Connection, states: Sequence[SourceState]) -> list[SourceState]:
    """The same, with the moment from which each one's silence would be unusual: for the page that shows it."""
    rhythms = {r.name: Rhythm.of(r.rhythm) for r in c.execute(select(source.c.name, source.c.rhythm))}
    expected = {}
    for s in states:
        if s.last_post_at is not None and s.state != "off" and rhythms[s.name].known:
            expected[s.name] = rhythms[s.name].silent_from(s.last_post_at)
    return [replace(s, expected_by=expected.get(s.name)) for s in states]


def holes(c: Connection, since: datetime, until: datetime, limit: int = 50, *, parts: bool = False) -> list[Hole]:
    """Holes that touch the time from `since` to `until`, newest first; with `parts` those of a part of a source, too."""
    found = c.execute(select(hole).where(hole.c.since <= until, or_(hole.c.until.is_(None), hole.c.until >= since),
                                         *(() if parts else (hole.c.part.is_(None),)))
                      .order_by(hole.c.since.desc(), hole.c.id.desc()).limit(limit))
    return [Hole(r.source, r.since, r.until, r.reason, r.filled_at, r.part) for r in found]


def last_correction(c: Connection, post_id: int) -> Row[Any] | None:
    """What a person last decided about a post and nobody has undone."""
    return c.execute(select(correction).where(correction.c.post_id == post_id, correction.c.undone_at.is_(None))
                     .order_by(correction.c.id.desc()).limit(1)).one_or_none()


def names(c: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Names of people by id."""
    return {r.id: r.name for r in c.execute(select(account.c.id, account.c.name).where(account.c.id.in_(list(ids))))}


def meters(c: Connection) -> Meters:
    """Figures for /metrics."""
    status = c.execute(select(ticket.c.status, func.count()).group_by(ticket.c.status))
    sent = c.execute(select(delivery.c.state, func.count()).group_by(delivery.c.state))
    return Meters(
        tuple(sources(c)), int(c.execute(select(func.count()).select_from(unjudged)).scalar_one()),
        {r[0]: r[1] for r in status}, {r[0]: r[1] for r in sent},
        int(c.execute(select(func.count()).select_from(verdict).where(text("verdict.state = 'triage'"))).scalar_one()))


def first_after(c: Connection, moment: datetime) -> int:
    """The first post id that can have been collected at `moment` or later: ids grow with the time of collection.

    Found by halving over the primary key, so that "the last 24 hours" reads 24 hours and not the whole table.
    """
    low, high = 1, int(c.execute(select(func.coalesce(func.max(post.c.id), 0))).scalar_one()) + 1
    while low < high:
        middle = (low + high) // 2
        at = c.execute(select(post.c.collected_at).where(post.c.id >= middle).order_by(post.c.id).limit(1)).scalar_one()
        low, high = (middle + 1, high) if at < moment else (low, middle)
    return low


def _joined() -> Any:
    return (verdict.join(post, post.c.id == verdict.c.post_id)
            .outerjoin(ticket_post, ticket_post.c.post_id == verdict.c.post_id)
            .outerjoin(ticket, ticket.c.id == ticket_post.c.ticket_id))


def _cards() -> Any:
    origin = ticket.outerjoin(ticket_post, and_(ticket_post.c.ticket_id == ticket.c.id, ticket_post.c.role == "origin"))
    return origin.outerjoin(post, post.c.id == ticket_post.c.post_id).outerjoin(verdict, verdict.c.post_id == post.c.id)


def _feed(excerpt: int) -> Select[Any]:
    return _columns(excerpt).select_from(_with_people(_joined()))


def _columns(excerpt: int) -> Select[Any]:
    counted = ticket_post.alias("counted")
    others = select(func.count()).select_from(counted).where(
        counted.c.ticket_id == ticket.c.id, counted.c.role != "revision").scalar_subquery()
    return select(
        post.c.id, post.c.network, post.c.source, post.c.native_id, post.c.revision, post.c.url,
        func.substr(post.c.text, 1, excerpt).label("text"), func.length(post.c.text).label("length"), post.c.home,
        post.c.author_display.label("author"), post.c.published_at, post.c.collected_at, post.c.edited_at,
        post.c.deleted_at, verdict.c.decision, verdict.c.state, verdict.c.score, verdict.c.language,
        verdict.c.akimat.label("judged_akimat"), verdict.c.topic.label("judged_topic"),
        verdict.c.kind.label("judged_kind"), verdict.c.urgency.label("judged_urgency"),
        verdict.c.location_text.label("judged_location"), verdict.c.detail, verdict.c.ruleset,
        ticket_post.c.role, ticket.c.id.label("ticket_id"), ticket.c.number, ticket.c.office,
        ticket.c.status, ticket.c.akimat.label("ticket_akimat"),
        ticket.c.topic.label("ticket_topic"), ticket.c.kind.label("ticket_kind"),
        ticket.c.urgency.label("ticket_urgency"), ticket.c.location_text.label("ticket_location"),
        ticket.c.department, ticket.c.responsible, _person.c.name.label("responsible_name"),
        _duty.c.name.label("duty_name"), ticket.c.assigned_by, ticket.c.received_at, ticket.c.registered_at,
        ticket.c.due_first, ticket.c.due_first_derivation, ticket.c.due_final, ticket.c.due_final_derivation, ticket.c.paused_until,
        ticket.c.proposal, ticket.c.first_reaction_at, ticket.c.closed_at, others.label("posts"),
        _last.c.id.label("correction"), _last.c.action.label("correction_action"), _last.c.at.label("correction_at"),
        _person_of.c.name.label("correction_name"), verdict.c.said_topic, verdict.c.said_kind, verdict.c.said_urgency,
        verdict.c.said_place,
    )


def _with_people(joined: Any) -> Any:
    return (joined.outerjoin(_person, _person.c.id == ticket.c.responsible)
            .outerjoin(office, office.c.code == ticket.c.office)
            .outerjoin(_duty, _duty.c.id == office.c.duty)
            .outerjoin(_last, _last.c.id == _standing())
            .outerjoin(_person_of, _person_of.c.id == _last.c.by))


def _standing() -> Any:
    """The last decision of a person about a post that nobody has undone."""
    return select(func.max(correction.c.id)).where(
        correction.c.post_id == verdict.c.post_id, correction.c.undone_at.is_(None),
    ).correlate(verdict).scalar_subquery()


def _row(r: Row[Any]) -> FeedRow:
    values = dict(r._mapping)
    values["detail"] = values["detail"] or {}
    if values["id"] is None:
        at = values["received_at"]
        values |= {"id": 0, "network": "", "source": "", "native_id": "", "revision": 0, "url": "", "text": "",
                   "length": 0, "author": "", "published_at": at, "collected_at": at, "decision": "register",
                   "state": "ticket", "score": 1.0, "language": "other", "ruleset": ""}
    return FeedRow(**values)


def _newest() -> ColumnElement[bool]:
    return ~exists().where(_newer.c.network == post.c.network, _newer.c.native_id == post.c.native_id,
                           _newer.c.revision > post.c.revision)


def _seen(scope: frozenset[str] | None) -> ColumnElement[bool]:
    """What lies at or below the reader's office, and what no ticket holds of sources at home there."""
    if scope is None:
        return true()
    codes = sorted(scope)
    return or_(func.coalesce(ticket.c.akimat, verdict.c.akimat).in_(codes),
               and_(ticket.c.id.is_(None), post.c.home.in_(codes)))


def _late(now: datetime) -> ColumnElement[bool]:
    return and_(ticket.c.status.in_(_OPEN), or_(
        and_(ticket.c.first_reaction_at.is_(None), ticket.c.due_first < now),
        and_(ticket.c.due_final < now, ticket.c.paused_until.is_(None))))


def _matches(c: Connection, wanted: Filter, now: datetime, *, shown: bool = True) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    if wanted.state == "ignored":
        parts.append(verdict.c.state == "ignored")
    elif shown:
        # Word for word the condition of ix_verdict_shown, so that both databases use it.
        parts.append(text("verdict.state not in ('ignored', 'own')"))  # type: ignore[arg-type]
    match wanted.state:
        case None:
            if shown:
                parts.append(verdict.c.state.not_in(_DISMISSED))
        case "waiting":
            parts.append(text("verdict.state = 'triage'"))  # type: ignore[arg-type]
        case "new":
            parts.append(ticket.c.status.in_(("registered", "assigned")))
        case "hand":
            parts.append(ticket.c.status == "accepted")
        case "late":
            parts.append(_late(now))
        case "done":
            parts.append(and_(ticket.c.status.is_not(None), ticket.c.status.not_in(_OPEN)))
        case "dismissed":
            parts.append(verdict.c.state.in_(_DISMISSED))
        case "ignored":
            pass
        case _:
            parts.append(false())
    if wanted.akimats is not None:
        parts.append(func.coalesce(ticket.c.akimat, verdict.c.akimat).in_(sorted(wanted.akimats)))
    if wanted.topic:
        parts.append(func.coalesce(ticket.c.topic, verdict.c.said_topic, verdict.c.topic) == wanted.topic)
    if wanted.language:
        parts.append(verdict.c.language.in_(LANGUAGES.get(wanted.language, ())))
    if wanted.period:
        since = now - PERIODS[wanted.period]
        parts.append(post.c.published_at >= since)
        parts.append(verdict.c.post_id >= first_after(c, since - _CLOCK_SLACK))
    if wanted.text:
        # lower() knows no Cyrillic on SQLite nor in PostgreSQL's C locale: look for the usual ways to write a word.
        said = wanted.text.strip()
        ways = dict.fromkeys((said, said.lower(), said.upper(), said[:1].upper() + said[1:].lower(), said.title()))
        parts.append(or_(*(_contains(c, way) for way in ways)))
    return and_(true(), *parts)


def _contains(c: Connection, words: str) -> ColumnElement[bool]:
    if c.dialect.name == "postgresql":
        return func.strpos(post.c.text, words.replace("\x00", "")) > 0
    return func.instr(post.c.text, words) > 0
