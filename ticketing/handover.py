"""Hands the open tickets of a person who leaves back to the duty officer: an entry, the row, a message for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from monitor.store.tables import event
from ticketing import ticket as rules
from ticketing.letters import tell
from ticketing.register import NewEntry, append
from ticketing.tables import ticket


def hand_back(c: Connection, numbers: Sequence[str], person: int, now: datetime, salt: Callable[[], bytes]) -> int:
    """Give those of `numbers` that are still open and `person`'s to the office's duty officer. Returns how many."""
    rows = [row for row in c.execute(select(ticket).where(ticket.c.number.in_(numbers)).order_by(ticket.c.id)
                                   .with_for_update())
            if row.responsible == person and row.status in rules.OPEN]
    if not rows:
        return 0
    reason = {"rule": "left", "person": person, "chosen": "duty"}
    for row in rows:
        c.execute(update(ticket).where(ticket.c.id == row.id).values(
            status="assigned", responsible=None, assigned_by=reason))
        tell(c, row.number, "new_ticket", row.office, None, now)
        c.execute(insert(event).values(at=now, kind="ticket", ref=row.number))
    append(c, [NewEntry(row.office, row.number, now, "system", "assign", {
        "department": row.department, "responsible": None, "reason": reason}) for row in rows], salt)
    return len(rows)
