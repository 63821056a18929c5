"""What is to be said to staff about a ticket, queued in the transaction that made it true; `ticketing.outbox` sends it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select

from ticketing.tables import delivery


def letter(number: str, kind: str, office: str, responsible: int | None, now: datetime) -> dict[str, Any]:
    """A row of `delivery` about a ticket: to its responsible person, else to the office's duty officer, whoever that is."""
    recipient = f"duty:{office}" if responsible is None else f"user:{responsible}"
    return {"about": number, "kind": kind, "channel": "telegram", "recipient": recipient, "state": "queued",
            "next_try_at": now, "created_at": now}


def tell(c: Connection, number: str, kind: str, office: str, responsible: int | None, now: datetime) -> None:
    """Have somebody told, unless that waits to be told already.

    What came back to somebody is told again, as `new_ticket:2`: what was told before stays as it was.
    """
    one = letter(number, kind, office, responsible, now)
    known = [row for row in c.execute(select(delivery.c.kind, delivery.c.state).where(and_(
        *(delivery.c[name] == one[name] for name in ("about", "channel", "recipient")))))
        if row.kind == kind or row.kind.startswith(f"{kind}:")]
    if any(row.state == "queued" for row in known):
        return
    c.execute(insert(delivery).values({**one, "kind": f"{kind}:{len(known) + 1}" if known else kind}))
