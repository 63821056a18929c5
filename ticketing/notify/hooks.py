"""Queries behind the webhook: which entries of the register it has not been told, and what is said of one.

What goes out holds codes, numbers, dates and ids: no text of a citizen and no name, neither in an entry nor here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import keep
from ticketing.notify.queries import Due
from ticketing.notify.reach import Address
from ticketing.notify.webhook import Call
from ticketing.tables import delivery, entry, head, ticket

HOOK = "hook"
_TOLD = "webhook"
"""Row of `keep` with the last entry told by office."""
BATCH = 500
_TICKET = ("number", "office", "akimat", "status", "department", "topic", "kind", "urgency", "parent", "external_number")
_DATES = ("received_at", "registered_at", "due_first", "due_final")


def any_new(c: Connection) -> bool:
    """Whether the register has grown since."""
    told = c.execute(select(keep.c.value).where(keep.c.name == _TOLD)).scalar_one_or_none()
    heads = {row.office: row.seq for row in c.execute(select(head.c.office, head.c.seq))}
    return told is None or any(seq > told.get(office, 0) for office, seq in heads.items())


def enqueue(c: Connection, actions: Collection[str], now: datetime) -> int:
    """Queue what is new, up to BATCH entries of each office. The first time everything that was before counts as told."""
    insert = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    told = c.execute(select(keep.c.value).where(keep.c.name == _TOLD).with_for_update()).scalar_one_or_none()
    heads = {row.office: row.seq for row in c.execute(select(head.c.office, head.c.seq).order_by(head.c.office))}
    if told is None:
        c.execute(insert(keep).values(name=_TOLD, value=heads).on_conflict_do_nothing())
        return 0
    queued = 0
    for office, last in heads.items():
        since = told.get(office, 0)
        until = min(last, since + BATCH)
        rows = c.execute(select(entry.c.seq, entry.c.ticket, entry.c.action).where(
            entry.c.office == office, entry.c.seq > since, entry.c.seq <= until).order_by(entry.c.seq)).all()
        new = [{"about": row.ticket, "kind": f"{row.action}:{office}:{row.seq}", "channel": "webhook", "recipient": HOOK,
                "state": "queued", "next_try_at": now, "created_at": now}
               for row in rows if not actions or row.action in actions]
        if new:
            c.execute(insert(delivery).on_conflict_do_nothing(), new)
        queued += len(new)
        told[office] = until
    c.execute(update(keep).where(keep.c.name == _TOLD).values(value=told))
    return queued


def next_due(c: Connection, now: datetime, busy: Collection[Address]) -> Due:
    """The oldest entry that waits: they go in their order, so that one that is not taken yet holds up the later ones."""
    if HOOK in busy:
        return Due(blocked=True)
    queued = (delivery.c.channel == "webhook") & (delivery.c.state == "queued")
    row = c.execute(select(delivery).where(queued).order_by(delivery.c.id).limit(1)).one_or_none()
    if row is None:
        return Due(next_at=c.execute(select(func.min(delivery.c.next_try_at)).where(queued)).scalar_one())
    if row.next_try_at > now:
        return Due(next_at=row.next_try_at)
    action, office, seq = row.kind.rsplit(":", 2)
    found = c.execute(select(entry).where(entry.c.office == office, entry.c.seq == int(seq))).one_or_none()
    about = c.execute(select(ticket).where(ticket.c.number == row.about)).one_or_none()
    if found is None or about is None:
        return Due(lost=(row.id,))
    key = f"entry:{office}:{seq}"
    said: dict[str, Any] = {"id": key, "at": found.at, "action": action, "actor": found.actor.partition(":")[0],
                            "ticket": {name: getattr(about, name) for name in _TICKET}}
    said["ticket"] |= {name: getattr(about, name).isoformat() for name in _DATES}
    return Due((Call(HOOK, (row.id,), row.attempts, key, msgspec.json.encode(said)),))
