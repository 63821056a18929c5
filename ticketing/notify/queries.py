"""Queries behind messages to staff: what is due, for whom, what it says, and what became of it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Row, Text, case, delete, func, insert, or_, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from config.timezone import ALMATY
from monitor.core.verdict import Span
from monitor.store.tables import keep
from monitor.store.verdicts import judged_post
from ticketing import groups
from ticketing import ticket as rules
from ticketing.answered import answered_before
from ticketing.notify.message import WAITING, Facts, Item, Letter, Notice, Person, news
from ticketing.notify.quiet import QuietHours
from ticketing.notify.reach import NOBODY, WAYS, Address, Group, Reach, Reader
from ticketing.reminders import told
from ticketing.store import entries_of
from ticketing.tables import account, delivery, office, staff_message, ticket, ticket_post

CHUNK = 500

MORNING = "morning"
"""Kind of the delivery that is a person's morning message; it is about a day and not about a ticket."""

FAR = timedelta(days=3650)
"""Such a delivery is out of the queue until `release` puts it back."""


class Parcel(Protocol):
    """What goes out on a channel, whatever is in it."""

    @property
    def address(self) -> Address: ...
    @property
    def deliveries(self) -> tuple[int, ...]: ...
    @property
    def attempts(self) -> int: ...


# --- whom

def person_of(row: Row[Any] | Group) -> Person:
    """An account, or a group, as a reader."""
    return Person(row.id, row.name, row.language, row.role, row.office)


def reader_of(c: Connection, recipient: str, about_office: str | None, now: datetime,
              ways: Collection[str] = ("telegram",)) -> Reader | str:
    """Who reads what is for `user:ID` or `duty:OFFICE`, or in words why nobody can be told (ticketing.notify.reach)."""
    return Reach(c, now, ways).reader(recipient, about_office)


_came = func.coalesce(type_coerce(delivery.c.body, Text).like('%"not_by":%'), False)
_moved_here = case((_came, 1), else_=0)
"""Whether a delivery came here from another way: it does not go back there."""


def _readers(c: Connection, groups: Sequence[Any], channel: str, now: datetime, ways: Collection[str],
             ) -> dict[tuple[str, int], Reader | str]:
    """Who reads what is for each recipient: many may be waiting."""
    if not groups:
        return {}
    offices = {row.number: row.office for row in _in_chunks(
        c, select(ticket.c.number, ticket.c.office), ticket.c.number, [g.about for g in groups])}
    reach = Reach(c, now, ways)
    return {(group.recipient, group.moved): reach.reader(group.recipient, offices.get(group.about), channel if group.moved else "")
            for group in groups}


def _in_chunks(c: Connection, query: Any, column: Any, values: Sequence[Any]) -> Iterable[Row[Any]]:
    for start in range(0, len(values), CHUNK):
        yield from c.execute(query.where(column.in_(values[start:start + CHUNK])))


# --- what

SHOWN_BEFORE = 2
"""Finished cards of the same place and topic that a message shows."""


def facts(c: Connection, numbers: Iterable[str], *, words: bool) -> dict[str, Facts]:
    """What may be said of these tickets, by number; `words` brings the text of the post that opened each."""
    wanted = list(numbers)
    found: dict[str, Facts] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = c.execute(select(ticket, account.c.name.label("who"))
                         .outerjoin(account, account.c.id == ticket.c.responsible)
                         .where(ticket.c.number.in_(wanted[start:start + CHUNK]))).all()
        for row in rows:
            found[row.number] = _facts(c, row, words)
    return found


def _facts(c: Connection, row: Row[Any], words: bool) -> Facts:
    text = ""
    pii: tuple[Span, ...] = ()
    if words:
        origin = c.execute(select(ticket_post.c.post_id).where(ticket_post.c.ticket_id == row.id)
                           .order_by(ticket_post.c.role != "origin", ticket_post.c.post_id).limit(1)).scalar_one_or_none()
        judged = judged_post(c, origin) if origin is not None else None
        if judged is not None:
            text, pii = judged.post.text, judged.verdict.pii
    before = answered_before(c, row, text, row.received_at, SHOWN_BEFORE) if words and row.status in rules.OPEN else ()
    moved_to = (row.proposal or {}).get("redirect")
    if row.status == "redirected":
        moves = [e for e in entries_of(c, row.number) if e.action == "redirect"]
        moved_to = json.loads(moves[-1].details).get("to") if moves else None
    return Facts(
        id=row.id, number=row.number, status=row.status, office=row.office, akimat=row.akimat, topic=row.topic,
        kind=row.kind, urgency=row.urgency, due_first=row.due_first, due_final=row.due_final, location=row.location_text, responsible=row.responsible,
        responsible_name=row.who or "", reacted_at=row.first_reaction_at, moved_to=moved_to, text=text, pii=pii, before=tuple(before))


def ticket_by_id(c: Connection, id_: int) -> Row[Any] | None:
    """The ticket that a button names."""
    return c.execute(select(ticket).where(ticket.c.id == id_)).one_or_none()


_URGENT_FIRST = case((ticket.c.urgency == "urgent", 0), else_=1)


def waiting_for(c: Connection, person: Person, limit: int) -> tuple[int, list[str]]:
    """How many tickets wait for this person to say mine or not ours, and the numbers of the most pressing.

    What waits for the duty officer of an office counts for whoever that is.
    """
    return _listed(c, _of(person) & ticket.c.status.in_(sorted(WAITING)), ticket.c.due_first, limit)


def _listed(c: Connection, which: Any, due: Any, limit: int) -> tuple[int, list[str]]:
    count = c.execute(select(func.count()).select_from(ticket).where(which)).scalar_one()
    rows = c.execute(select(ticket.c.number).where(which).order_by(_URGENT_FIRST, due, ticket.c.id).limit(limit)).scalars()
    return int(count), list(rows)


# --- the queue

@dataclass(frozen=True, slots=True)
class Due:
    """What to do next on a channel."""

    letters: tuple[Parcel, ...] = ()
    """To different addresses, the one that has waited longest first."""
    unreachable: tuple[tuple[str, str], ...] = ()
    """Recipients with the reason why nobody can be told."""
    lost: tuple[int, ...] = ()
    """Deliveries about a ticket that does not exist."""
    blocked: bool = False
    """Something is due for an address that must wait."""
    calmed: bool = False
    """Something is due for an address that has had enough letters of late."""
    next_at: datetime | None = None
    """When the next delivery becomes due."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Recipients with the other way by which they are told."""
    hushed: tuple[tuple[datetime, int], ...] = ()
    """Deliveries that fall into quiet hours, with the end of these."""


def next_due(c: Connection, channel: str, now: datetime, busy: Collection[Address], calm: Collection[Address], *,
             letters: int, cards_at_once: int, digest_over: int, digest_shows: int, ways: Collection[str] = (),
             quiet: QuietHours | None = None) -> Due:
    """The letters, so many at most, that have waited longest among the addresses that are not `busy`.

    To addresses in `calm`, which have had many letters of late, only something urgent goes. `ways` are those to people
    that there are; `quiet` says what waits for the morning. One query by recipient, so that one with a hundred thousand
    rows doesn't stand before the others.
    """
    queued = (delivery.c.channel == channel) & (delivery.c.state == "queued")
    due = queued & (delivery.c.next_try_at <= now)
    groups = c.execute(select(delivery.c.recipient, _moved_here.label("moved"), func.min(delivery.c.id).label("oldest"),
                              func.min(delivery.c.about).label("about")).where(due)
                       .group_by(delivery.c.recipient, _moved_here).order_by("oldest")).all()
    readers: dict[Address, tuple[Reader, list[tuple[str, int]]]] = {}
    unreachable: list[tuple[str, str]] = []
    elsewhere: list[tuple[str, str]] = []
    for (recipient, moved), reader in _readers(c, groups, channel, now, ways or (channel,)).items():
        if isinstance(reader, str):
            unreachable.append((recipient, reader))
        elif reader.channel != channel:
            elsewhere.append((recipient, reader.channel))
        else:
            readers.setdefault(reader.address, (reader, []))[1].append((recipient, moved))
    blocked = calmed = False
    hushed: list[tuple[datetime, int]] = []
    found: list[Letter] = []
    for address, (reader, recipients) in readers.items():
        if address in busy:
            blocked = True
            continue
        rows = c.execute(
            select(delivery.c.id, delivery.c.about, delivery.c.kind, delivery.c.attempts, ticket.c.id.label("ticket"),
                   func.coalesce(type_coerce(delivery.c.body, Text).like('%"html":{%'), False).label("notice"),
                   ticket.c.urgency, ticket.c.due_first, ticket.c.status, ticket.c.office)
            .outerjoin(ticket, ticket.c.number == delivery.c.about)
            .where(due, or_(*((delivery.c.recipient == recipient) & (_moved_here == moved) for recipient, moved in recipients)))
            .order_by(delivery.c.id)).all()
        lost = tuple(r.id for r in rows if r.ticket is None and not r.notice and r.kind != MORNING)
        if lost:
            return Due((), tuple(unreachable), lost)
        if quiet is not None:
            later = {r.id: until for r in rows if (until := quiet.until(
                r.office or reader.person.office or "", reader.quiet, r.urgency == "urgent", now)) is not None}
            hushed += [(until, id_) for id_, until in later.items()]
            rows = [r for r in rows if r.id not in later]
            if not rows:
                continue
        if address in calm and not any(r.urgency == "urgent" for r in rows):
            calmed = True
            continue
        cards, notices = [r for r in rows if not r.notice], [r for r in rows if r.notice]
        if notices and (not cards or (notices[0].id < cards[0].id and not any(r.urgency == "urgent" for r in cards))):
            found.append(_notice(c, reader, notices))
        else:
            found.append(_letter(c, reader, cards, cards_at_once, digest_over, digest_shows))
        if len(found) == letters:
            break
    state = Due(tuple(found), tuple(unreachable), elsewhere=tuple(elsewhere), hushed=tuple(hushed))
    if found:
        return state
    following = c.execute(select(func.min(delivery.c.next_try_at)).where(queued, delivery.c.next_try_at > now)).scalar_one()
    return replace(state, blocked=blocked, calmed=calmed, next_at=following)


def _notice(c: Connection, reader: Reader, rows: Sequence[Any]) -> Letter:
    """The notice that waits longest; told to the same person by two ways it is said once."""
    same = [r for r in rows if (r.about, r.kind) == (rows[0].about, rows[0].kind)]
    body = c.execute(select(delivery.c.body).where(delivery.c.id == rows[0].id)).scalar_one()
    picture = b64decode(body["png"]) if body.get("png") else None
    return Letter(person_of(reader.person), reader.address, tuple(r.id for r in same), max(r.attempts for r in same), (),
                  notice=Notice(body["html"], picture, body.get("buttons", {})))


def _letter(c: Connection, reader: Reader, rows: Sequence[Any], at_once: int, over: int, shows: int) -> Letter:
    person, address = person_of(reader.person), reader.address
    attempts = max(r.attempts for r in rows)
    if any(r.kind == MORNING for r in rows):
        ids = tuple(r.id for r in rows if r.kind == MORNING)
        return Letter(person, address, ids, attempts, *_morning(c, person, shows), digest=True, instead=reader.instead, alarm=reader.alarm)
    if len({r.about for r in rows}) > over:
        pressing = sorted(filter(_waits_for_word, rows), key=lambda r: (r.urgency != "urgent", r.due_first, r.id))
        urgent = {r.about: r.urgency == "urgent" for r in pressing}
        numbers = list(urgent)[:shows]
        said = facts(c, numbers, words=False)
        return Letter(person, address, tuple(r.id for r in rows), attempts, tuple(Item(said[n]) for n in numbers),
                      digest=True, waiting=len(urgent), urgent=sum(urgent.values()), instead=reader.instead, alarm=reader.alarm)
    # By number: what two deliveries say of one ticket (to the responsible and to duty, and both are this person) is said once.
    first = list(dict.fromkeys(r.about for r in sorted(rows, key=lambda r: (r.urgency != "urgent", r.id))))[:at_once]
    chosen = sorted((r for r in rows if r.about in first), key=lambda r: (first.index(r.about), r.id))
    kinds = {r.about: r.kind for r in chosen}       # what was said last of a ticket counts
    said = facts(c, kinds, words=True)
    return Letter(person, address, tuple(r.id for r in chosen), max(r.attempts for r in chosen),
                  tuple(Item(said[n], kind) for n, kind in kinds.items()), instead=reader.instead, alarm=reader.alarm)


def _morning(c: Connection, person: Person, shows: int) -> tuple[tuple[Item, ...], int, int]:
    """For the morning message: the most pressing cards of a person, how many are open, how many of these are urgent."""
    mine = _of(person) & ticket.c.status.in_(sorted(rules.OPEN))
    due = case((ticket.c.status.in_(sorted(WAITING)), ticket.c.due_first), else_=ticket.c.due_final)
    count, numbers = _listed(c, mine, due, shows)
    urgent = c.execute(select(func.count()).select_from(ticket).where(mine, ticket.c.urgency == "urgent")).scalar_one()
    said = facts(c, numbers, words=False)
    return tuple(Item(said[n], MORNING) for n in numbers), count, int(urgent)


def _of(person: Person) -> Any:
    """What lies with a person; with the duty officer of an office, what lies with nobody in it."""
    duty = select(office.c.code).where(office.c.duty == person.id)
    return or_(ticket.c.responsible == person.id, ticket.c.responsible.is_(None) & ticket.c.office.in_(duty))


def _waits_for_word(row: Any) -> bool:
    """Whether somebody must still say something about it: it may have been taken on the page since it was queued."""
    if told(row.kind) is not None:
        return True     # a reminder may be about a card that was accepted long ago
    return row.status in WAITING or (row.kind.startswith("proposal") and row.status in rules.OPEN)


def _each(ids: Sequence[int]) -> Iterable[Any]:
    return (delivery.c.id.in_(ids[i:i + CHUNK]) for i in range(0, len(ids), CHUNK))


def mark_sent(c: Connection, letter: Parcel, handle: Mapping[str, Any], now: datetime) -> None:
    """The channel has it: every delivery of the letter is sent, and its cards are remembered for their edit."""
    instead = letter.instead if isinstance(letter, Letter) else ""
    reason = f"told to user:{letter.person.id}: {instead}" if instead and isinstance(letter, Letter) else None
    if isinstance(letter, Letter) and letter.digest:
        handle = {**handle, "digest": True}     # nobody's words are in it: an erasure leaves it alone (ticketing.copies)
    for some in _each(letter.deliveries):
        c.execute(update(delivery).where(some).values(
            state="sent", sent_at=now, handle=dict(handle), reason=reason, attempts=delivery.c.attempts + 1))
    if isinstance(letter, Letter) and letter.items and not letter.digest and "message" in handle:
        # A reminder or news of what was accepted already has no button to be taken away later; an edit would take its words.
        cards = [i.facts.number for i in letter.items
                 if i.facts.status in WAITING or i.facts.proposed or not (told(i.kind) is not None or news(i))]
        remember(c, int(handle["chat"]), int(handle["message"]), cards, letter.person.id)


def mark_failed(c: Connection, letter: Parcel, reason: str, next_try_at: datetime, attempts: int) -> None:
    """Not sent: tried again at `next_try_at`, dead once it has been tried `attempts` times."""
    for some in _each(letter.deliveries):
        c.execute(update(delivery).where(some).values(
            attempts=delivery.c.attempts + 1, reason=reason[:500], next_try_at=next_try_at,
            state=case((delivery.c.attempts + 1 >= attempts, "dead"), else_="queued")))


def mark_dead(c: Connection, ids: Sequence[int], reason: str) -> None:
    """Never to be sent, with the reason."""
    for some in _each(ids):
        c.execute(update(delivery).where(some).values(state="dead", reason=reason[:500], attempts=delivery.c.attempts + 1))


def postpone(c: Connection, letter: Parcel, reason: str, next_try_at: datetime) -> None:
    """An order to wait: no attempt is counted."""
    for some in _each(letter.deliveries):
        c.execute(update(delivery).where(some).values(reason=reason[:500], next_try_at=next_try_at))


def hurry(c: Connection, channel: str, reason: str, now: datetime) -> None:
    """What waits for a reason that begins so is due now."""
    c.execute(update(delivery).where(_waits(channel, now), delivery.c.reason.startswith(reason, autoescape=True))
              .values(next_try_at=now))


def set_back(c: Connection, channel: str, by: timedelta, now: datetime) -> None:
    """The clock was set back: what waits, waits as long as before."""
    rows = c.execute(select(delivery.c.id, delivery.c.next_try_at).where(_waits(channel, now))).all()
    for row in rows:
        c.execute(update(delivery).where(delivery.c.id == row.id).values(next_try_at=max(now, row.next_try_at - by)))


def no_later_than(c: Connection, channel: str, now: datetime, longest: timedelta) -> None:
    """Nothing waits longer than this."""
    c.execute(update(delivery).where(_waits(channel, now), delivery.c.next_try_at > now + longest)
              .values(next_try_at=now + longest))


def _waits(channel: str, now: datetime) -> Any:
    """Deliveries that are not yet due; not those that nobody can be told (see `park`)."""
    return ((delivery.c.channel == channel) & (delivery.c.state == "queued") & (delivery.c.next_try_at > now)
            & (delivery.c.next_try_at < now + FAR / 2))


def hush(c: Connection, hushed: Iterable[tuple[datetime, int]]) -> None:
    """What falls into quiet hours waits for their end, and says so."""
    by_end: dict[datetime, list[int]] = {}
    for until, id_ in hushed:
        by_end.setdefault(until, []).append(id_)
    for until, ids in by_end.items():
        reason = f"quiet hours until {until.astimezone(ALMATY):%Y-%m-%d %H:%M}"
        for some in _each(ids):
            c.execute(update(delivery).where(some, delivery.c.state == "queued").values(next_try_at=until, reason=reason))


def send_elsewhere(c: Connection, channel: str, elsewhere: Iterable[tuple[str, str]], now: datetime) -> None:
    """Due deliveries go to another way to the same recipient, unless that one has the same news already."""
    for recipient, other in elsewhere:
        _move(c, (delivery.c.channel == channel) & (delivery.c.recipient == recipient) & (delivery.c.next_try_at <= now)
              & ~_came, channel, other)


_TO_PEOPLE = delivery.c.recipient.not_like("chat:%")
"""What is for a group is for Telegram alone."""


def adopt(c: Connection, ways: Sequence[str]) -> int:
    """Deliveries of a way to people that is not there go to the first one that is. Returns how many."""
    moved = 0
    for gone in (way for way in WAYS if way not in ways):
        moved += _move(c, (delivery.c.channel == gone) & _TO_PEOPLE, gone, ways[0])
    return moved


def any_to_adopt(c: Connection, ways: Sequence[str]) -> bool:
    """Whether `adopt` would find something."""
    gone = [way for way in WAYS if way not in ways]
    return c.execute(select(delivery.c.id).where(delivery.c.state == "queued", delivery.c.channel.in_(gone), _TO_PEOPLE)
                     .limit(1)).one_or_none() is not None


def by_other_way(c: Connection, letter: Letter, channel: str, reason: str, ways: Collection[str], now: datetime) -> bool:
    """The same person by another way, where there is one: the one that failed is dead. False where there is none."""
    other = Reach(c, now, ways).other_way(letter.person.id, channel)
    if other is None:
        return False
    upsert = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    for some in _each(letter.deliveries):
        rows = c.execute(select(delivery.c.about, delivery.c.kind, delivery.c.recipient, delivery.c.body).where(some)).all()
        for row in rows:
            c.execute(upsert(delivery).values(
                about=row.about, kind=row.kind, channel=other, recipient=f"user:{letter.person.id}", state="queued",
                next_try_at=now, created_at=now, body={**(row.body or {}), "not_by": channel}).on_conflict_do_nothing())
    mark_dead(c, letter.deliveries, reason)
    return True


def _move(c: Connection, which: Any, channel: str, other: str) -> int:
    there = delivery.alias()
    queued = which & (delivery.c.state == "queued")
    doubled = select(delivery.c.id).join(there, (there.c.about == delivery.c.about) & (there.c.kind == delivery.c.kind)
                                         & (there.c.recipient == delivery.c.recipient) & (there.c.channel == other)).where(queued)
    c.execute(update(delivery).where(delivery.c.id.in_(list(c.execute(doubled).scalars()))).values(
        state="dead", reason=f"told by {other}"))
    moved = c.execute(select(delivery.c.id, delivery.c.body).where(queued)).all()
    for row in moved:
        c.execute(update(delivery).where(delivery.c.id == row.id).values(
            channel=other, reason=f"not by {channel}", body={**(row.body or {}), "not_by": channel}))
    return len(moved)


def to_duty(c: Connection, letter: Letter, now: datetime, ways: Collection[str] = ("telegram",)) -> int:
    """Tell the duty officers of the tickets' offices instead, once: a delivery's natural key swallows a second time."""
    told = 0
    upsert = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    for some in _each(letter.deliveries):
        rows = c.execute(select(delivery.c.about, delivery.c.kind, delivery.c.channel, delivery.c.recipient,
                                ticket.c.office)
                         .join(ticket, ticket.c.number == delivery.c.about).where(some)).all()
        for row in rows:
            recipient = f"duty:{row.office}"
            reader = reader_of(c, recipient, None, now, ways)
            if row.recipient == recipient or (not isinstance(reader, str) and reader.address == letter.address):
                continue
            made = c.execute(upsert(delivery).values(
                about=row.about, kind=row.kind, channel=row.channel, recipient=recipient, state="queued", next_try_at=now,
                created_at=now).on_conflict_do_nothing())
            told += made.rowcount
    return told


def park(c: Connection, channel: str, unreachable: Iterable[tuple[str, str]], now: datetime) -> None:
    """Put the due deliveries of recipients whom nobody stands behind out of the way, with the reason."""
    for recipient, reason in unreachable:
        c.execute(update(delivery).where(
            delivery.c.channel == channel, delivery.c.state == "queued", delivery.c.recipient == recipient,
            delivery.c.next_try_at <= now).values(next_try_at=now + FAR, reason=reason))


def release(c: Connection, channel: str, now: datetime, ways: Collection[str] = WAYS) -> int:
    """Put parked deliveries back whose recipient can be reached by now. Returns how many."""
    parked = ((delivery.c.channel == channel) & (delivery.c.state == "queued") & (delivery.c.next_try_at > now + FAR / 2)
              & delivery.c.reason.startswith(NOBODY, autoescape=True))
    back = 0
    for recipient, about in c.execute(select(delivery.c.recipient, func.min(delivery.c.about)).where(parked)
                                      .group_by(delivery.c.recipient)).all():
        of = c.execute(select(ticket.c.office).where(ticket.c.number == about)).scalar_one_or_none()
        if not isinstance(reader_of(c, recipient, of, now, ways), str):
            back += c.execute(update(delivery).where(parked, delivery.c.recipient == recipient)
                              .values(next_try_at=now, reason=None)).rowcount
    return back


def any_to_release(c: Connection, channel: str, now: datetime, ways: Collection[str] = WAYS) -> bool:
    """Whether `release` would find something: asked in a read transaction, so that an idle outbox writes nothing."""
    parked = ((delivery.c.channel == channel) & (delivery.c.state == "queued") & (delivery.c.next_try_at > now + FAR / 2)
              & delivery.c.reason.startswith(NOBODY, autoescape=True))
    rows = c.execute(select(delivery.c.recipient, ticket.c.office, func.min(delivery.c.id))
                     .outerjoin(ticket, ticket.c.number == delivery.c.about).where(parked)
                     .group_by(delivery.c.recipient, ticket.c.office)).all()
    if not rows:
        return False
    reach = Reach(c, now, ways)
    return any(not isinstance(reach.reader(r.recipient, r.office), str) for r in rows)


# --- orders to wait, kept over a restart

def keep_orders(c: Connection, name: str, orders: Mapping[Address | None, float], now: datetime) -> None:
    """Write down the orders in force (seconds left by address, None is everybody)."""
    value = {"everybody" if a is None else str(a): (now + timedelta(seconds=s)).isoformat() for a, s in orders.items()}
    c.execute(delete(keep).where(keep.c.name == name))
    c.execute(insert(keep).values(name=name, value=value))


def kept_orders(c: Connection, name: str, now: datetime) -> dict[Address | None, float]:
    """The orders still in force."""
    value = c.execute(select(keep.c.value).where(keep.c.name == name)).scalar_one_or_none() or {}
    left = {None if a == "everybody" else int(a) if a.lstrip("-").isdigit() else a: (datetime.fromisoformat(at) - now).total_seconds()
            for a, at in value.items()}
    return {a: s for a, s in left.items() if s > 0}


# --- messages that carry buttons

def remember(c: Connection, chat: int, message: int, numbers: Sequence[str], reader: int) -> None:
    """A message in a chat that stands for these tickets."""
    c.execute(delete(staff_message).where(staff_message.c.chat == chat, staff_message.c.message == message))
    if not numbers:
        return
    c.execute(insert(staff_message), [
        {"chat": chat, "message": message, "ticket": number, "account": reader, "open": True} for number in numbers])


@dataclass(frozen=True, slots=True)
class Shown:
    """A message in a chat and the tickets it stands for, with those whose outcome it does not say yet."""

    chat: int
    message: int
    person: Person
    items: tuple[Item, ...]
    open: frozenset[str]


def shown_in(c: Connection, chat: int, message: int) -> Shown | None:
    """What a message stands for; None where it is not known to carry cards."""
    rows = c.execute(
        select(staff_message, account.c.name, account.c.language, account.c.role, account.c.office)
        .outerjoin(account, account.c.id == staff_message.c.account)
        .where(staff_message.c.chat == chat, staff_message.c.message == message)).all()
    if not rows or (rows[0].name is None and chat > 0):
        return None
    said = facts(c, [r.ticket for r in rows], words=True)
    if rows[0].name is None:
        where, tongue = groups.readers(c).get(chat, ("", "kk"))
        reader = person_of(Group(where, tongue))
    else:
        reader = Person(rows[0].account, rows[0].name, rows[0].language, rows[0].role, rows[0].office)
    return Shown(chat, message, reader, tuple(Item(said[r.ticket]) for r in rows if r.ticket in said),
                 frozenset(r.ticket for r in rows if r.open))


def stale(c: Connection, limit: int, busy: Collection[int] = ()) -> list[Shown]:
    """Messages with buttons of a ticket that somebody took, moved or closed, here or on the page: to be edited.

    Chats in `busy` must not be spoken to: theirs don't stand before the others'.
    """
    rows = c.execute(
        select(staff_message.c.chat, staff_message.c.message).distinct()
        .join(ticket, ticket.c.number == staff_message.c.ticket)
        # Only where the reader still is: who left or changed the telephone is told nothing more there.
        .outerjoin(account, account.c.id == staff_message.c.account)
        .where(staff_message.c.open, (account.c.telegram_id == staff_message.c.chat) | (staff_message.c.chat < 0), staff_message.c.chat.not_in(sorted(busy)),
               ticket.c.status.not_in(sorted(WAITING))
               | (ticket.c.responsible.is_not(None) & (ticket.c.responsible != staff_message.c.account)
                  & (staff_message.c.chat > 0)))     # in a group everybody may still take it
        .order_by(staff_message.c.message).limit(limit)).all()
    found = [shown_in(c, r.chat, r.message) for r in rows]
    return [shown for shown in found if shown is not None]


def settle(c: Connection, chat: int, message: int, numbers: Collection[str]) -> None:
    """The message says how these tickets ended; nothing more is done for them."""
    c.execute(update(staff_message).where(
        staff_message.c.chat == chat, staff_message.c.message == message, staff_message.c.ticket.in_(numbers))
        .values(open=False))
