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
    """Have somebody told, unless they are already."""
    one = letter(number, kind, office, responsible, now)
    known = c.execute(select(delivery.c.id).where(and_(
        *(delivery.c[name] == one[name] for name in ("about", "kind", "channel", "recipient"))))).scalar_one_or_none()
    if known is None:
        c.execute(insert(delivery).values(one))
