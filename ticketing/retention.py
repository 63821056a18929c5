"""What goes when its time is over, rule by rule; each rule says beforehand what it would take (a dry run).

Numbers and entries stay; texts, names and salts go, and the register says so. Settings: config.settings.Retention.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from config.settings import Retention
from monitor.store.retention import CHUNK, EVENTS_KEPT, NOBODYS, expire_texts
from monitor.store.tables import damaged, event, inbound, post, verdict
from ticketing import erasure_list
from ticketing.erasure import Why, erase, forget_expired, of_number, refuse, waiting
from ticketing.store import ticket_by_number
from ticketing.tables import entry, link, sealed, session, talk, ticket

TICKETS = 50
"""Tickets erased in one transaction: the writer must not wait long."""

TALK_KEPT = timedelta(days=30)
"""After so long a silence a talk with the bot is forgotten: its chat is somebody's."""

AHEAD = timedelta(hours=1)
"""So long before its term ends a demand that nobody met or refused is met by the program."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to erase: its name, the table it is counted by, how many rows wait, and one step of doing it."""

    name: str
    table: str
    count: Callable[[Connection], int]
    step: Callable[[Connection], int]
    """Returns the rows that went; 0 when nothing is left."""


Forget = Callable[[Connection, Collection[str]], object]
"""Takes texts out of what lies outside the database; raises OSError."""


def rules(policy: Retention, now: datetime, salt: Callable[[], bytes], forget: Forget = lambda _c, _texts: None) -> list[Rule]:
    """All rules under this policy, as of now. `forget` is told the texts of each erased card before the commit."""
    old = now - timedelta(days=policy.unaddressed_days)
    made = [
        Rule("demand", "ticket", lambda c: len(waiting(c, now + AHEAD)), lambda c: _demands(c, policy, now, salt, forget)),
        Rule("unaddressed", "post", lambda c: _count(c, select(post.c.id).join(verdict, verdict.c.post_id == post.c.id).where(
            post.c.collected_at < old, post.c.expired_at.is_(None), verdict.c.state.in_(NOBODYS))),
            lambda c: _expire(c, old, now, salt)),
        # What an expiry before this version left behind, and nothing else: `_expire` takes both in one transaction.
        Rule("salt of an expired text", "sealed", lambda c: _count(c, select(sealed.c.seq).join(
            post, post.c.id == sealed.c.post_id).where(post.c.expired_at.is_not(None), sealed.c.salt.is_not(None))),
            lambda c: forget_expired(c, now, salt)),
    ]
    if policy.closed_days is not None:
        closed = _closed(now - timedelta(days=policy.closed_days))
        made.append(Rule("closed", "ticket", lambda c: _count(c, closed), lambda c: _close(c, policy, closed, now, salt, forget)))
    for table, column, before in ((event, event.c.at, now - EVENTS_KEPT), (damaged, damaged.c.at, now - EVENTS_KEPT),
                                  (inbound, inbound.c.at, now - EVENTS_KEPT), (session, session.c.expires_at, now),
                                  (link, link.c.expires_at, now - EVENTS_KEPT), (talk, talk.c.at, now - TALK_KEPT)):
        made.append(_passing(table, column, before))
    return made


def due_now(c: Connection, policy: Retention, now: datetime) -> dict[str, dict[str, int]]:
    """What would go, by rule and table, without touching anything."""
    return {rule.name: {rule.table: rule.count(c)} for rule in rules(policy, now, lambda: b"")}


def _passing(table: Table, column: Any, before: datetime) -> Rule:
    def step(c: Connection) -> int:
        c.execute(delete(table).where(column < before))
        return 0
    return Rule(f"old {table.name}", table.name, lambda c: _count(c, select(column).where(column < before)), step)


def _expire(c: Connection, before: datetime, now: datetime, salt: Callable[[], bytes]) -> int:
    done = expire_texts(c, before, now)
    forget_expired(c, now, salt, done)      # with the text its salt, in the same transaction
    return len(done) if len(done) == CHUNK else 0


def _closed(before: datetime) -> Any:
    told = select(entry.c.ticket).where(entry.c.action == "erase", entry.c.ticket == ticket.c.number).exists()
    return select(ticket.c.number).where(ticket.c.closed_at < before, ~told)


def _close(c: Connection, policy: Retention, query: Any, now: datetime, salt: Callable[[], bytes],
           forget: Forget) -> int:
    numbers = c.execute(query.order_by(ticket.c.id).limit(TICKETS)).scalars().all()
    for number in numbers:
        _erase(c, policy, number, now, salt, "retention", forget)
    return len(numbers)


def _demands(c: Connection, policy: Retention, now: datetime, salt: Callable[[], bytes], forget: Forget) -> int:
    due = waiting(c, now + AHEAD)[:TICKETS]
    for asked in due:
        if not _erase(c, policy, asked.number, now, salt, "demand", forget):
            refuse(c, asked.number, now, "system", "there is no such number")
    return len(due) if len(due) == TICKETS else 0


def _erase(c: Connection, policy: Retention, number: str, now: datetime, salt: Callable[[], bytes], why: Why,
           forget: Forget) -> bool:
    """Erase a ticket and write that down outside, before the commit: better a line too many than one missing."""
    row = ticket_by_number(c, number, lock=True)
    if row is None:
        return False
    done = erase(c, of_number(c, row), now, salt, number=row.number, by="system", why=why)
    if policy.erasure_list is not None:
        erasure_list.write(policy.erasure_list, c, done.tombstones, now)
    forget(c, done.texts)
    return True


def _count(c: Connection, query: Any) -> int:
    return int(c.execute(select(func.count()).select_from(query.subquery())).scalar_one())
