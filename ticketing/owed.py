"""What offices owe citizens by a date: whether it was kept. Counted by office, never by person (invariant 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, or_, select, true, update

from ticketing.tables import obligation, ticket

_UNKEPT = obligation.c.kept_at.is_(None)


@dataclass(frozen=True, slots=True)
class Tally:
    """An office's obligations that fell or fall due in a time."""

    office: str
    kept: int
    late: int
    """Kept, but after their day."""
    broken: int
    """Their day is over and nobody has said that they are kept."""
    ahead: int


def any_broken(c: Connection, now: datetime) -> bool:
    """Whether `note_broken` would find something."""
    return c.execute(select(obligation.c.id).where(_fresh(now)).limit(1)).one_or_none() is not None


def note_broken(c: Connection, now: datetime) -> int:
    """Write down those whose day has passed. Kept later, they stay broken: the day was promised. Returns how many."""
    return c.execute(update(obligation).where(_fresh(now)).values(broken_at=obligation.c.due)).rowcount


def tallies(c: Connection, scope: frozenset[str] | None, since: datetime, now: datetime) -> list[Tally]:
    """By office, of cards that a reader of these akimats (None: all) may see, due since then or not yet due."""
    def count(which: ColumnElement[bool]) -> Any:
        return func.coalesce(func.sum(case((which, 1), else_=0)), 0)
    kept = obligation.c.kept_at.is_not(None)
    rows = c.execute(select(
        ticket.c.office, count(and_(kept, obligation.c.kept_at <= obligation.c.due)),
        count(and_(kept, obligation.c.kept_at > obligation.c.due)), count(and_(_UNKEPT, obligation.c.due < now)),
        count(and_(_UNKEPT, obligation.c.due >= now)))
        .join(ticket, ticket.c.number == obligation.c.ticket).where(_seen(scope), obligation.c.due >= since)
        .group_by(ticket.c.office).order_by(ticket.c.office))
    return [Tally(*row) for row in rows]


def open_ones(c: Connection, scope: frozenset[str] | None, limit: int) -> Sequence[Row[Any]]:
    """What is still owed, the longest due first."""
    return c.execute(select(obligation, ticket.c.office, ticket.c.akimat)
                     .join(ticket, ticket.c.number == obligation.c.ticket).where(_UNKEPT, _seen(scope))
                     .order_by(obligation.c.due, obligation.c.id).limit(limit)).all()


def _fresh(now: datetime) -> ColumnElement[bool]:
    return and_(_UNKEPT, obligation.c.broken_at.is_(None), obligation.c.due < now)


def _seen(scope: frozenset[str] | None) -> ColumnElement[bool]:
    return true() if scope is None else or_(ticket.c.akimat.in_(sorted(scope)), ticket.c.office.in_(sorted(scope)))
