"""Whole cards as messages: sent, edited, with the names that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ticketing import groups, people
from ticketing.bot import whole
from ticketing.bot.effects import Edit, Effect, Say
from ticketing.notify import queries
from ticketing.notify.buttons import Rows
from ticketing.notify.message import WAITING, Message, Wording
from ticketing.people import Account
from ticketing.service import Service
from ticketing.store import ticket_by_number
from ticketing.tables import account

Where = tuple[int, int]
"""A chat and a message in it."""


class Cards:
    """Makes whole cards for one service; the wording changes with the config."""

    def __init__(self, service: Service, wording: Wording) -> None:
        self.service, self.wording = service, wording
        self.registry = service.desk.knowledge.registry

    def of_office(self, person: Account, row: Row[Any]) -> bool:
        """Whether a person works for the office of a card."""
        above = self.registry.ancestors(row.office) if row.office in self.registry else ()
        return people.may_act(person, row.office, above)

    def message(self, c: Connection, row: Row[Any], person: Account, now: datetime, *, group: int | None, heading: str = "",
                instead: Rows | None = None) -> Message:
        """The whole card as this person sees it; in a group, where everybody sees it, in the language of who bound that."""
        names = dict(c.execute(select(account.c.id, account.c.name)).tuples().all())
        if group is not None:
            _office, tongue = groups.readers(c).get(group, ("", person.language))
            person = replace(person, language=tongue)
        seen = whole.view(c, self.service, row, person, names, now)
        return whole.message(c, seen, self.wording, now, group=group is not None, heading=heading, instead=instead)

    def say(self, c: Connection, row: Row[Any], person: Account, chat: int, now: datetime, heading: str = "") -> Say:
        """The whole card as a new message; while it waits it is edited when somebody takes it."""
        made = self.message(c, row, person, now, group=chat if chat < 0 else None, heading=heading)
        mine = chat < 0 or row.responsible in (None, person.id)     # another's card says so already
        waits = row.status in WAITING and mine and bool(made.rows)
        return Say(chat, made.html, made.rows, row.number if waits else None, person.id, about=row.number)

    def edit(self, c: Connection, number: str, person: Account, where: Where, now: datetime, instead: Rows | None = None,
             ) -> Sequence[Effect]:
        """The whole card in place of what a message says."""
        row = ticket_by_number(c, number)
        if row is None:
            return ()
        made = self.message(c, row, person, now, group=where[0] if where[0] < 0 else None, instead=instead)
        if row.status not in WAITING:
            queries.settle(c, *where, [row.number])     # it says so itself: nobody has to edit it again
        return (Edit(*where, made.html, made.rows),)
