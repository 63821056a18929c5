"""Who can be told, and by which way, at one moment: the absent, those without a way, and those who left are passed over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ticketing import groups
from ticketing.people import WAYS as WAYS
from ticketing.tables import absence, account, office, reach

NOBODY = "nobody to tell: "
"""How the reason of a delivery begins that waits until somebody can be reached."""

Address = int | str


@dataclass(frozen=True, slots=True)
class Group:
    """The staff of an office in one chat, as a reader."""

    office: str
    language: str
    id: int = 0
    name: str = ""
    role: str = groups.ROLE


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told, where, and (`instead`) why it is not the one whom it was meant for."""

    person: Row[Any] | Group
    channel: str
    address: Address
    quiet: tuple[str, ...] = ()
    instead: str = ""
    alarm: bool = False
    """Nobody of the office could be reached: it comes to who oversees it."""


class Reach:
    """The people of one moment, read once: many letters may be waiting."""

    def __init__(self, c: Connection, now: datetime, ways: Collection[str] = ("telegram",)) -> None:
        self._people = {row.id: row for row in c.execute(select(account))}
        self._duty = {row.code: row.duty for row in c.execute(select(office.c.code, office.c.duty))}
        self._own = {row.account: row for row in c.execute(select(reach))}
        self._deputies: dict[int, list[int]] = {}
        for row in c.execute(select(absence.c.account, absence.c.deputy).where(
                absence.c.since <= now, absence.c.until > now).order_by(absence.c.id)):
            self._deputies.setdefault(row.account, []).extend([] if row.deputy is None else [row.deputy])
        self._ways = ways
        self._groups = groups.readers(c)

    def reader(self, recipient: str, about_office: str | None, first: str = "") -> Reader | str:
        """Who reads what is for `user:ID`, `duty:OFFICE` or `chat:ID`, or in words why nobody can be told. `first`: by this way, if at all.

        The person; of an absent one the deputies, and theirs; the office's duty officer, a head of it. Where none of them can be
        reached, with an alarm its controller or one of all offices, then an operator; only then the absent person after all.
        """
        role, _, which = recipient.partition(":")
        if role == "chat":
            chat = int(which) if which.lstrip("-").isdecimal() else 0
            if chat not in self._groups or "telegram" not in self._ways:
                return f"{NOBODY}the group {which[:20]} belongs to no office"
            return Reader(Group(*self._groups[chat]), "telegram", chat)
        if role == "user":
            wanted = self._people.get(int(which)) if which.isascii() and which.isdigit() else None
            if wanted is None or wanted.disabled_at is not None:
                why = f"account {which[:20]} has left"
            elif wanted.id in self._deputies:
                why = f"{wanted.login} is absent"
            else:
                why = f"{wanted.login} cannot be reached: no {', no '.join(self._ways)}"
            where = about_office
        elif role == "duty":
            where = which
            wanted = self._people.get(self._duty.get(which) or 0)
            why = (f"office {which[:20]} has no duty officer" if wanted is None else
                   f"the duty officer of {which[:20]} is absent or cannot be reached")
        else:
            return f"{NOBODY}{recipient[:60]} is neither user: nor duty:"
        present = list(self._in_turn(wanted, where))
        for person in present:
            found = self._to(person, first=first)
            if found is not None:
                return Reader(person, *found, self._quiet(person), "" if wanted is not None and person.id == wanted.id else why)
        for person in self._overseers(where):
            found = self._to(person, first=first)
            if found is not None:
                return Reader(person, *found, self._quiet(person), f"{why}; nobody of the office can be reached", alarm=True)
        for person in [wanted, *present] if wanted is not None else []:
            found = self._to(person, first=first)
            if found is not None and person.disabled_at is None:
                return Reader(person, *found, self._quiet(person))
        return f"{NOBODY}{why}"

    def _in_turn(self, wanted: Row[Any] | None, where: str | None) -> Iterator[Row[Any]]:
        """Those who are there, in the order in which they are asked."""
        if wanted is not None:
            yield from self._standing_in(wanted, set())
        duty = self._people.get(self._duty.get(where or "") or 0)
        if duty is not None:
            yield from self._standing_in(duty, set())
        yield from (person for person in self._people.values()
                    if person.role == "head" and person.office == where and where and self._here(person))

    def _overseers(self, where: str | None) -> Iterator[Row[Any]]:
        """Controllers, then operators who are there: of this office first, then of all offices."""
        for role in ("controller", "operator"):
            for office_ in (where, None) if where else (None,):
                yield from (person for person in self._people.values()
                            if person.role == role and person.office == office_ and self._here(person))

    def _standing_in(self, person: Row[Any], seen: set[int]) -> Iterator[Row[Any]]:
        """The person, or the deputies of an absent one and theirs; deputies of each other do not turn for ever."""
        if person.id in seen:
            return
        seen.add(person.id)
        if self._here(person):
            yield person
        elif person.disabled_at is None:
            for deputy in self._deputies[person.id]:
                yield from self._standing_in(self._people[deputy], seen)

    def _here(self, person: Row[Any]) -> bool:
        return person.disabled_at is None and person.id not in self._deputies

    def _to(self, person: Row[Any], but: str = "", first: str = "") -> tuple[str, Address] | None:
        own = self._own.get(person.id)
        chosen = [way for way in (own.channels if own is not None and own.channels else ()) if way in WAYS]
        for way in dict.fromkeys([first, *chosen, *WAYS]):
            address: Address | None = person.telegram_id if way == "telegram" else own.email if own is not None else None
            if way in self._ways and way != but and address:
                return way, address
        return None

    def other_way(self, person: int, but: str) -> str | None:
        """A way to a person besides the one that failed."""
        row = self._people.get(person)
        found = self._to(row, but) if row is not None and row.disabled_at is None else None
        return None if found is None else found[0]

    def _quiet(self, person: Row[Any]) -> tuple[str, ...]:
        own = self._own.get(person.id)
        return tuple(own.quiet or ()) if own is not None else ()
