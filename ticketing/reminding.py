"""What the clock brings to staff: reminders, escalation, the morning message, duty that turns, tickets of the absent.

Each part first asks in a read transaction whether there is anything to do, so that an idle minute writes nothing. What is
queued here is sent by `ticketing.outbox`; nobody is told twice of the same mark of the same date, not even after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from config.reminders import Reminders
from config.timezone import ALMATY
from ticketing import ticket as rules
from ticketing.deadlines import Calendar, UnknownYear, is_paused
from ticketing.notify.message import WAITING
from ticketing.notify.queries import MORNING
from ticketing.reminders import ESCALATE, REMIND, Told, escalations, last_passed, marks
from ticketing.tables import absence, account, delivery, obligation, office, reach, ticket

MORNING_LASTS = timedelta(hours=3)
"""Who starts the machine in the afternoon gets no good morning."""

CHUNK = 500
REMEMBERED = 500_000
"""Dates and deliveries kept in memory; past that they are looked up anew."""

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery to be: about which number, of what kind, to whom."""

    about: str
    kind: str
    recipient: str


@dataclass(slots=True)
class Reminding:
    """`rules_of` gives an office's settings and `calendar_of` its calendar; both may change while it runs."""

    rules_of: Callable[[str], Reminders]
    calendar_of: Callable[[str], Calendar]
    _settled: dict[str, tuple[Reminders, Calendar]] = field(default_factory=dict)
    _sleeps: dict[tuple[str, str, datetime], datetime] = field(default_factory=dict)
    """Until when there is nothing to say about a date, as far as it is known."""
    _known: set[tuple[str, str]] = field(default_factory=set)

    def wanted(self, c: Connection, now: datetime) -> list[Message]:
        """What is to be told now and has not been queued yet."""
        self._forget_where_settings_changed()
        found: list[tuple[Message, str]] = []
        looked: list[tuple[tuple[str, str, datetime], list[Message], datetime]] = []
        people = _Heads(c)

        def look(row: Any, what: str, start: datetime, due: datetime, owed: int | None, name: str) -> None:
            key = (row.number, what if owed is None else f"{what}:{owed}", due)
            if self._sleeps.get(key, now) > now:
                return
            messages, until = self._about(row, what, start, due, owed, people, now)
            looked.append((key, messages, until))
            found.extend((message, name) for message in messages)
        for row in c.execute(_open()):
            if row.status in WAITING and row.first_reaction_at is None:
                look(row, "first", row.registered_at, row.due_first, None, "due_first")
            look(row, "final", row.registered_at, row.due_final, None, "due_final")
        for row in self._obligations(c):
            look(row, row.kind, row.made_at, row.due, row.owed, "")
        new = self._unknown(c, [message for message, _ in found])
        self._sleeps.update((key, until) for key, messages, until in looked if not any(m in new for m in messages))
        return _not_paused(c, [pair for pair in found if pair[0] in new])

    def queue(self, c: Connection, now: datetime) -> int:
        """Queue it. Returns how many deliveries."""
        return put(c, self.wanted(c, now), now)

    def mornings(self, c: Connection, now: datetime) -> list[Message]:
        """Morning messages whose time has come: on working days, for whoever is there and has open tickets."""
        local = now.astimezone(ALMATY)
        away = select(absence.c.account).where(absence.c.since <= now, absence.c.until > now)
        has_open = select(ticket.c.id).where(ticket.c.status.in_(sorted(rules.OPEN)), or_(
            ticket.c.responsible == account.c.id, ticket.c.responsible.is_(None) & ticket.c.office.in_(
                select(office.c.code).where(office.c.duty == account.c.id).correlate(account)))).correlate(account).exists()
        rows = c.execute(select(account.c.id, account.c.office, reach.c.morning).outerjoin(reach, reach.c.account == account.c.id)
                         .where(account.c.disabled_at.is_(None), account.c.id.not_in(away), has_open)
                         .order_by(account.c.id))
        wanted = []
        for row in rows:
            code = row.office or ""
            at = self.rules_of(code).morning if row.morning is None else row.morning
            if not at or not _is_worked(self.calendar_of(code), local):
                continue
            begins = datetime.combine(local.date(), time.fromisoformat(at), ALMATY)
            if begins <= local < begins + MORNING_LASTS:
                wanted.append(Message(local.date().isoformat(), MORNING, f"user:{row.id}"))
        known = {row.recipient for row in c.execute(select(delivery.c.recipient).where(
            delivery.c.about == local.date().isoformat(), delivery.c.kind == MORNING))}
        return [message for message in wanted if message.recipient not in known]

    def _about(self, row: Any, what: str, start: datetime, due: datetime, owed: int | None, people: _Heads,
               now: datetime) -> tuple[list[Message], datetime]:
        """The last reminder that is over and each escalation that is, told long ago or not; and when there will be more."""
        if row.office not in self._settled:
            self._settled[row.office] = self.rules_of(row.office), self.calendar_of(row.office)
        own, calendar = self._settled[row.office]
        try:
            reminders, escalated = marks(start, due, own, calendar), escalations(due, own, calendar)
        except UnknownYear:     # a message of long ago: one such must not silence all others
            return [], NEVER
        day = due.astimezone(ALMATY).strftime("%Y%m%dT%H%M")
        found = []
        mark = last_passed(reminders, now)
        if mark is not None:
            recipient = f"duty:{row.office}" if row.responsible is None else f"user:{row.responsible}"
            found.append(Message(row.number, str(Told(REMIND, what, mark.name, day, owed)), recipient))
        for level in escalated:
            if level.at <= now:
                kind = str(Told(ESCALATE, what, level.name, day, owed))
                found += [Message(row.number, kind, f"user:{person}") for person in people.of(row.office, level.name)
                          if person != row.responsible]
        return found, min((m.at for m in (*reminders, *escalated) if m.at > now), default=NEVER)

    def _forget_where_settings_changed(self) -> None:
        changed = any(self.rules_of(code) != own or self.calendar_of(code) is not calendar
                      for code, (own, calendar) in self._settled.items())
        if changed or len(self._sleeps) > REMEMBERED:
            self._settled.clear()
            self._sleeps.clear()

    def _obligations(self, c: Connection) -> Sequence[Any]:
        return c.execute(select(
            obligation.c.id.label("owed"), obligation.c.kind, obligation.c.due, obligation.c.made_at,
            ticket.c.number, ticket.c.office, ticket.c.responsible)
            .join(ticket, ticket.c.number == obligation.c.ticket)
            .where(obligation.c.kept_at.is_(None)).order_by(obligation.c.id)).all()

    def _unknown(self, c: Connection, messages: Sequence[Message]) -> set[Message]:
        """Those that were never queued, to anybody, by any way."""
        fresh = [m for m in messages if (m.about, m.kind) not in self._known]
        numbers = sorted({m.about for m in fresh})
        if len(self._known) > REMEMBERED:
            self._known.clear()
        for start in range(0, len(numbers), CHUNK):
            self._known.update(c.execute(select(delivery.c.about, delivery.c.kind).where(
                delivery.c.about.in_(numbers[start:start + CHUNK]),
                or_(delivery.c.kind.startswith(f"{REMIND}:"), delivery.c.kind.startswith(f"{ESCALATE}:")))).tuples())
        return {m for m in fresh if (m.about, m.kind) not in self._known}


class _Heads:
    """Who hears of what is overdue: the office's heads, its controllers or those of all offices; one stands for the other."""

    def __init__(self, c: Connection) -> None:
        self._people = c.execute(select(account.c.id, account.c.role, account.c.office).where(
            account.c.disabled_at.is_(None), account.c.role.in_(("head", "controller"))).order_by(account.c.id)).all()

    def of(self, code: str, role: str) -> list[int]:
        for wanted in (role, "controller" if role == "head" else "head"):
            found = [p.id for p in self._people if p.role == wanted and p.office == code]
            found = found or [p.id for p in self._people if p.role == wanted and p.office is None]
            if found:
                return found
        return []


def _open() -> Any:
    return select(ticket.c.number, ticket.c.office, ticket.c.status, ticket.c.responsible, ticket.c.registered_at,
                  ticket.c.due_first, ticket.c.due_final, ticket.c.first_reaction_at).where(
                      ticket.c.status.in_(sorted(rules.OPEN))).order_by(ticket.c.id)


def _not_paused(c: Connection, found: Sequence[tuple[Message, str]]) -> list[Message]:
    """Without those of deadlines whose clock stands."""
    standing: dict[str, Mapping[str, bool]] = {}
    numbers = sorted({message.about for message, name in found if name})
    for start in range(0, len(numbers), CHUNK):
        for row in c.execute(select(ticket.c.number, ticket.c.due_first_derivation, ticket.c.due_final_derivation).where(
                ticket.c.number.in_(numbers[start:start + CHUNK]))):
            standing[row.number] = {"due_first": is_paused(row.due_first_derivation), "due_final": is_paused(row.due_final_derivation)}
    return [message for message, name in found if not standing.get(message.about, {}).get(name, False)]


def put(c: Connection, messages: Sequence[Message], now: datetime) -> int:
    """Queue messages; those that are queued already are swallowed. Returns how many were given."""
    if not messages:
        return 0
    insert = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    c.execute(insert(delivery).on_conflict_do_nothing(), [
        {"about": m.about, "kind": m.kind, "channel": "telegram", "recipient": m.recipient, "state": "queued",
         "next_try_at": now, "created_at": now} for m in messages])
    return len(messages)


def _is_worked(calendar: Calendar, local: datetime) -> bool:
    return local.year > calendar.known_through or calendar.is_working(local.date())
