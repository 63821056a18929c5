"""The open tickets of a person who leaves or is absent go over to somebody who is there: an entry, the row, a message each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from monitor.store.tables import event
from ticketing import ticket as rules
from ticketing.letters import tell
from ticketing.register import NewEntry, append
from ticketing.routing import People, replacement
from ticketing.store import absences, open_load, people
from ticketing.tables import absence, account, ticket


def staff_at(c: Connection, now: datetime) -> People:
    """Everybody who has not left, with who is away and how much each has."""
    return People.of(people(c), absences(c), open_load(c), now)


def hand_back(c: Connection, numbers: Sequence[str], person: int, now: datetime, salt: Callable[[], bytes]) -> int:
    """Hand over those of `numbers` that are still open and `person`'s, because the person leaves. Returns how many."""
    rows = [row for row in c.execute(select(ticket).where(ticket.c.number.in_(numbers)).order_by(ticket.c.id)
                                   .with_for_update())
            if row.responsible == person and row.status in rules.OPEN]
    return _hand_over(c, rows, "left", now, salt)


def from_the_absent(c: Connection, now: datetime, salt: Callable[[], bytes], limit: int = 200) -> int:
    """Hand over open tickets of people who are absent or have left by now, up to `limit`. Returns how many.

    Nothing marks an absence as dealt with: whatever lies with somebody who is away goes over, however it got there.
    """
    away = [row.id for row in c.execute(select(ticket.c.id).where(_stuck(now)).order_by(ticket.c.id).limit(limit))]
    if not away:
        return 0
    rows = c.execute(select(ticket).where(ticket.c.id.in_(away), _stuck(now)).order_by(ticket.c.id).with_for_update()).all()
    return _hand_over(c, rows, "absent", now, salt)


def any_stuck(c: Connection, now: datetime) -> bool:
    """Whether `from_the_absent` would find something."""
    return c.execute(select(ticket.c.id).where(_stuck(now)).limit(1)).one_or_none() is not None


def _stuck(now: datetime) -> Any:
    away = select(absence.c.account).where(absence.c.since <= now, absence.c.until > now)
    left = select(account.c.id).where(account.c.disabled_at.is_not(None))
    return ticket.c.status.in_(sorted(rules.OPEN)) & (ticket.c.responsible.in_(away) | ticket.c.responsible.in_(left))


def _hand_over(c: Connection, rows: Sequence[Row[Any]], why: str, now: datetime, salt: Callable[[], bytes]) -> int:
    if not rows:
        return 0
    staff = staff_at(c, now)
    entries = []
    for row in rows:
        found = replacement(staff, row.responsible, row.office, row.department)
        rule = "left" if row.responsible not in staff.by_id else why
        reason = {"rule": rule, "person": row.responsible, **found.reason}
        c.execute(update(ticket).where(ticket.c.id == row.id).values(
            status="assigned", responsible=found.responsible, assigned_by=reason))
        tell(c, row.number, "new_ticket", row.office, found.responsible, now)
        c.execute(insert(event).values(at=now, kind="ticket", ref=row.number))
        entries.append(NewEntry(row.office, row.number, now, "system", "assign", {
            "department": row.department, "responsible": found.responsible, "reason": reason}))
    append(c, entries, salt)
    return len(rows)
