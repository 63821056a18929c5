"""Who acts, what refuses them, and how a move is written: entry, row, event. The verbs stand on it.

A verb reads and decides first. `_enter` comes last but for the plain inserts: it holds the locks of the offices' heads,
and what it puts into the row is the fold of the entries, so that the two can never differ.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from config.languages import N_
from monitor.store.tables import event
from ticketing import redated
from ticketing import ticket as rules
from ticketing.desk import Desk, OfficeRules
from ticketing.register import NewEntry, Secret, append
from ticketing.routing import Assignment, People, route
from ticketing.store import absences, entries_of, open_load, people, ticket_by_number
from ticketing.tables import account, entry, head, ticket

SYSTEM = "system"

TOO_LATE: Mapping[str, str] = {
    "accepted": N_("%(number)s has been accepted already: this is not possible any more."),
    "answered": N_("%(number)s has been answered: this is not possible any more."),
    "closed": N_("%(number)s is closed: this is not possible any more."),
    "redirected": N_("%(number)s was redirected: this is not possible any more."),
    "merged": N_("%(number)s was merged into another card: this is not possible any more."),
    "not_examined": N_("%(number)s was left without examination: this is not possible any more."),
    "void": N_("%(number)s is void: this is not possible any more."),
}

MOST = 4000
"""Characters of a reason, a question or an answer."""


class Refused(Exception):
    """The verb is not allowed, not possible, or not for this person. `message_id` is a gettext id with `params`."""

    def __init__(self, message_id: str, **params: str) -> None:
        super().__init__(message_id % params)
        self.message_id = message_id
        self.params = params


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `office` None: all offices. `id` None: the program itself, or a citizen where the role says so."""

    id: int | None
    role: str
    office: str | None = None

    def __str__(self) -> str:
        return (self.role if self.role == "citizen" else SYSTEM) if self.id is None else f"user:{self.id}"


PROGRAM = Actor(None, SYSTEM)
"""The program itself."""

CITIZEN = Actor(None, "citizen")
"""The author of a message, known by number and code only."""


@dataclass(frozen=True, slots=True)
class Move:
    """One entry to be on a ticket, and the columns that are no fold of entries (moments, derivations)."""

    row: Row[Any]
    action: str
    details: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)


class Acting:
    """What all verbs share, for one desk. `salt` gives 16 random bytes; tests hand in a seeded one."""

    def __init__(self, desk: Desk, salt: Callable[[], bytes] = lambda: os.urandom(16)) -> None:
        self.desk = desk
        self._salt = salt

    # --- who may

    def _ticket(self, c: Connection, number: str, actor: Actor, action: str) -> Row[Any]:
        row = ticket_by_number(c, number, lock=True)
        if row is None:
            raise Refused(N_("There is no number %(number)s."), number=number[:40])
        self._entitled(actor, action, row.office)
        return row

    def _entitled(self, actor: Actor, action: str, office: str | None) -> None:
        if actor.id is None and actor.role != "citizen":
            return
        if not rules.may(actor.role, action):
            raise Refused(N_("Your role does not allow this."))
        if actor.office is not None and office is not None and office != actor.office \
                and actor.office not in self.desk.knowledge.registry.ancestors(office):
            raise Refused(N_("This belongs to another office."))

    def expect(self, c: Connection, number: str, seen: int, actor: Actor) -> None:
        """Refuse to act on a card that somebody else has changed since entry `seen` was read. One's own double press is none."""
        row = ticket_by_number(c, number, lock=True)
        if row is None:
            return
        newer = c.execute(select(entry.c.seq).where(
            entry.c.ticket == row.number, entry.c.office == row.office, entry.c.seq > seen, entry.c.actor.startswith("user:"),
            entry.c.actor != str(actor)).limit(1)).first()
        if newer is not None:
            raise Refused(N_("Somebody has changed %(number)s meanwhile: look at it, then decide."), number=row.number)

    def _known(self, akimat: str) -> None:
        if akimat not in self.desk.knowledge.registry:
            raise Refused(N_("There is no akimat with the code %(code)s."), code=akimat)

    def _allowed(self, action: str, row: Row[Any]) -> None:
        if not rules.allowed(action, row.status):
            raise Refused(TOO_LATE.get(row.status, N_("%(number)s: this is not possible any more.")), number=row.number)

    def expect_allowed(self, action: str, row: Row[Any]) -> None:
        """Refuse what the state of a card forbids before somebody has written what it needs."""
        if action in rules.MOVES:
            self._allowed(action, row)

    def _alone(self, c: Connection, row: Row[Any]) -> None:
        """Refuse what would leave merged cards without the one that answers for them."""
        if c.execute(select(ticket.c.id).where(ticket.c.merged_into == row.number).limit(1)).first() is not None:
            raise Refused(N_("Other cards are merged into %(number)s: part them first."), number=row.number)

    def _person(self, c: Connection, id_: int, office: str) -> Row[Any]:
        """Somebody who still works for this office."""
        row = c.execute(select(account).where(account.c.id == id_, account.c.disabled_at.is_(None))).one_or_none()
        above = self.desk.knowledge.registry.ancestors(office) if office in self.desk.knowledge.registry else (office,)
        if row is None or (row.office is not None and row.office != office and row.office not in above):
            raise Refused(N_("There is no such person in this office."))
        return row

    def _rules(self, row: Row[Any]) -> OfficeRules:
        return self.desk.rules_of(row.office)

    # --- who answers

    def _people(self, c: Connection, now: datetime) -> People:
        return People.of(people(c), absences(c), open_load(c), now)

    def _assign(self, staff: People, office: str, akimat: str, topic: str) -> Assignment:
        knowledge = self.desk.knowledge
        return route(self.desk.routing, staff, knowledge.registry.ancestors(akimat), topic, office, knowledge.topics)

    # --- what is written

    def _change(self, c: Connection, row: Row[Any], now: datetime, **values: Any) -> None:
        c.execute(update(ticket).where(ticket.c.id == row.id).values(**values))
        c.execute(insert(event).values(at=now, kind="ticket", ref=row.number))

    def _enter(self, c: Connection, now: datetime, actor: Actor, *moves: Move) -> list[str]:
        """Write moves, in their order. Returns the place of each entry, as `entry:OFFICE:SEQ`."""
        states: dict[str, rules.State] = {}
        columns: dict[str, dict[str, Any]] = {}
        entries: list[NewEntry] = []
        for m in moves:
            number = m.row.number
            state = states.get(number) or state_of(c, number)
            states[number] = rules.step(state, m.action, _committed(m))
            columns.setdefault(number, {}).update(m.columns)
            entries.append(NewEntry(m.row.office, number, now, str(actor), m.action, m.details, m.secrets))
        append(c, entries, self._salt)
        for number, row in {m.row.number: m.row for m in moves}.items():
            state = states[number]
            folded = {name: getattr(state, name) for name in rules.FOLDED
                      if not name.startswith("due_") or getattr(state, name) is not None}
            if state.reason is not None:
                folded["assigned_by"] = state.reason
            self._change(c, row, now, **folded, **columns[number])
        return _places(c, entries)


def state_of(c: Connection, number: str) -> rules.State:
    """What the register says of a ticket."""
    state = rules.fold((e.action, json.loads(e.details)) for e in entries_of(c, number))
    assert state is not None, "a ticket has its registration"
    return state


def parted(c: Connection, head_row: Row[Any], member: str) -> Move:
    """The entry by which a card lets a merged one go, with the dates that hold without it."""
    state = state_of(c, head_row.number)
    left = {n: dates for n, dates in state.members.items() if n != member}
    columns = {f"{name}_derivation": redated.with_members(getattr(head_row, f"{name}_derivation"), state.own.get(name), left, name)
               for name in rules.DUES}
    return Move(head_row, "release", {"member": member}, columns=columns)


def _committed(m: Move) -> dict[str, Any]:
    """The details as they will stand in the chain, but for the salt of their commitments."""
    return {**m.details, **{s.field: {"sha256": ""} for s in m.secrets}}


def _places(c: Connection, entries: Sequence[NewEntry]) -> list[str]:
    last = dict(c.execute(select(head.c.office, head.c.seq).where(
        head.c.office.in_({e.office for e in entries}))).tuples().all())
    left = {office: sum(e.office == office for e in entries) for office in last}
    places = []
    for e in entries:
        left[e.office] -= 1
        places.append(f"entry:{e.office}:{last[e.office] - left[e.office]}")
    return places


def cleaned(text: str) -> str:
    """What a person wrote as a database takes it: no NUL, no half of a character, no blanks around it."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "").strip()


def noted(name: str, text: str) -> tuple[Secret, ...]:
    """A note that need not be there, for the erasable half of an entry."""
    text = cleaned(text)[:1000]
    return (Secret(name, text),) if text else ()


def said(text: str, missing: str) -> str:
    """What a person wrote, without blanks around it; refuses nothing at all and far too much."""
    text = cleaned(text)
    if not text:
        raise Refused(missing)
    if len(text) > MOST:
        raise Refused(N_("That is too long: %(count)s characters, %(most)s at most."), count=str(len(text)), most=str(MOST))
    return text
