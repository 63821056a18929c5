"""How often something may be tried within a while: counted in the database, so that a restart or a second worker forgets nothing.

Addresses are kept as keyed hashes, and no longer than the while.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import attempt, keep

_NAME = "attempt_key"
_ONE_AT_A_TIME = 0x51756C6171   # a number of our own for PostgreSQL's lock: two workers must not get past a limit together


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries of one key within a while."""

    what: str
    key: str
    most: int
    within: timedelta


def wait(c: Connection, limits: Sequence[Limit], now: datetime) -> timedelta:
    """How long the next try has to wait; zero: it may be made."""
    key = _key(c)
    return max((_wait(c, key, limit, now) for limit in limits), default=timedelta(0)) if key is not None else timedelta(0)


def note(c: Connection, limits: Sequence[Limit], now: datetime) -> tuple[timedelta, list[int]]:
    """Count a try before it is made, unless it has to wait: how long, and what `take_back` undoes, a number for each limit."""
    if c.dialect.name == "postgresql":
        c.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ONE_AT_A_TIME})
    longest = max(limit.within for limit in limits)
    c.execute(delete(attempt).where(attempt.c.at <= now - longest))
    key = _key(c) or _made(c)
    waits = max(_wait(c, key, limit, now) for limit in limits)
    if waits > timedelta(0):
        return waits, []
    return waits, [int(c.execute(insert(attempt).values(what=limit.what, key=_hash(key, limit), at=now).returning(attempt.c.id)).scalar_one())
                   for limit in limits]


def take_back(c: Connection, ids: Sequence[int]) -> None:
    """These were no failures after all."""
    c.execute(delete(attempt).where(attempt.c.id.in_(list(ids))))


def _wait(c: Connection, key: bytes, limit: Limit, now: datetime) -> timedelta:
    same = (attempt.c.what == limit.what) & (attempt.c.key == _hash(key, limit)) & (attempt.c.at > now - limit.within)
    if c.execute(select(func.count()).select_from(attempt).where(same)).scalar_one() < limit.most:
        return timedelta(0)
    oldest: datetime = c.execute(select(attempt.c.at).where(same).order_by(attempt.c.at.desc()).offset(limit.most - 1).limit(1)).scalar_one()
    return oldest + limit.within - now


def _hash(key: bytes, limit: Limit) -> bytes:
    return blake2b(limit.key.encode("utf-8", "replace"), key=key, digest_size=16).digest()


def _key(c: Connection) -> bytes | None:
    known = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    return None if known is None else bytes.fromhex(known)


def _made(c: Connection) -> bytes:
    dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    c.execute(dialect(keep).values(name=_NAME, value=secrets.token_hex(32)).on_conflict_do_nothing())
    made = _key(c)
    assert made is not None, "it was written a moment ago"
    return made
