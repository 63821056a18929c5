"""The lists of the staff bot: new, mine, overdue, a page at a time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, false, func, or_, select

from ticketing import ticket as rules
from ticketing.notify.message import WAITING
from ticketing.people import Account
from ticketing.tables import office, ticket

PAGE = 10
"""Cards on a page."""

Which = Literal["new", "mine", "overdue"]
LISTS: dict[str, Which] = {"n": "new", "m": "mine", "o": "overdue"}
"""By the letter that a button carries."""

OVERSEEING = frozenset({"head", "controller"})
"""Roles whose overdue list is that of their whole office."""

_URGENT_FIRST = case((ticket.c.urgency == "urgent", 0), else_=1)
_NEXT_DUE = case((ticket.c.status.in_(sorted(WAITING)), ticket.c.due_first), else_=ticket.c.due_final)


def page(c: Connection, which: Which, person: Account, offices: Collection[str] | None, group: str | None, number: int,
         now: datetime) -> tuple[int, list[str]]:
    """How many cards the list has, and the numbers on one page (from 0), the most pressing first.

    `offices` are those a person works for (None: all); `group` is the office of the group in which it is asked: there "new"
    and "overdue" are the office's.
    """
    duty = select(office.c.code).where(office.c.duty == person.id)
    own = or_(ticket.c.responsible == person.id, ticket.c.responsible.is_(None) & ticket.c.office.in_(duty))
    whole: Any = ticket.c.office == group if group is not None else (
        ticket.c.office.in_(sorted(offices)) if offices is not None else ticket.c.id.is_not(None))
    if which == "new":
        found = and_(whole if group is not None else own, ticket.c.status.in_(sorted(WAITING)))
    elif which == "mine":
        found = and_(ticket.c.responsible == person.id, ticket.c.status == "accepted", whole if group is not None else ~false())
    else:
        scope = whole if group is not None or person.role in OVERSEEING else own
        late = or_(ticket.c.status.in_(sorted(WAITING)) & (ticket.c.due_first < now), (ticket.c.due_final < now) & ticket.c.paused_until.is_(None))
        found = and_(scope, ticket.c.status.in_(sorted(rules.OPEN)), late)
    count = int(c.execute(select(func.count()).select_from(ticket).where(found)).scalar_one())
    rows = c.execute(select(ticket.c.number).where(found).order_by(_URGENT_FIRST, _NEXT_DUE, ticket.c.id)
                     .limit(PAGE).offset(number * PAGE)).scalars()
    return count, list(rows)
