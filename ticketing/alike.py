"""Finds cards about one problem beside the line of intake: proposes to merge them, joins what is nearly identical.

It runs after registration with a query of its own, bounded in cards and days; it changes no number and no date but as
`merge` does, and knows nothing of surges.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import keep
from ticketing import ticket as rules
from ticketing.acting import PROGRAM, Refused
from ticketing.answered import BESIDE, LETTERS, case_of
from ticketing.merging import first_text
from ticketing.same_problem import WITHIN, best
from ticketing.service import Service
from ticketing.tables import ticket

AT_ONCE = 20
"""New cards looked at in one transaction: the writer must not wait long."""
_HISTORY = 2000
"""Cards before the first look that are looked at all the same."""
_NAME = "alike_seen"


def waits(c: Connection) -> bool:
    """Whether there are cards that were not looked at."""
    newest = c.execute(select(func.max(ticket.c.id))).scalar() or 0
    return int(newest) > _seen(c, int(newest))


def look(c: Connection, service: Service, now: datetime) -> int:
    """Hold the next new cards against the open ones of their office. Returns how many were looked at."""
    newest = int(c.execute(select(func.max(ticket.c.id))).scalar() or 0)
    seen = _seen(c, newest)
    rows = c.execute(select(ticket, first_text(LETTERS)).where(ticket.c.id > seen).order_by(ticket.c.id).limit(AT_ONCE)).all()
    for row in rows:
        if row.status in rules.OPEN and row.received_at > now - WITHIN:
            _match(c, service, row, now)
    if rows:
        dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
        value = {"id": rows[-1].id}
        c.execute(dialect(keep).values(name=_NAME, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return len(rows)


def _match(c: Connection, service: Service, row: Row[Any], now: datetime) -> None:
    near = or_(ticket.c.topic == row.topic, ticket.c.location_text == row.location_text)
    others = c.execute(select(ticket, first_text(LETTERS)).where(
        ticket.c.office == row.office, ticket.c.akimat == row.akimat, ticket.c.status.in_(sorted(rules.OPEN)), ticket.c.id < row.id,
        ticket.c.received_at > row.received_at - WITHIN, near).order_by(ticket.c.id.desc()).limit(BESIDE)).all()
    for number, found in best(case_of(row), [(o.number, case_of(o)) for o in others]):
        if found.sure:
            try:
                service.merge(c, number, [row.number], PROGRAM, now)
            except Refused:     # an answer is on its way, or others did something meanwhile: a person decides
                service.propose(c, row.number, number, found.why(), now)
            else:
                return
        else:
            service.propose(c, row.number, number, found.why(), now)


def _seen(c: Connection, newest: int) -> int:
    value = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    return int(value["id"]) if value is not None else max(0, newest - _HISTORY)
