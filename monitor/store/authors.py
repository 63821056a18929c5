"""Keyed hashes of authors: one person's posts can be counted together, but the network's id is never stored.

The key rotates, and the old one is forgotten, so that no identity can be followed beyond a rotation
(Law 94-V on personal data: no longer than the purpose needs).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import keep

ROTATE_AFTER = 30
"""Days, where nobody settled anything else (`retention.author_key_days`)."""
_NAME = "author_key"


@dataclass(frozen=True, slots=True, repr=False)
class AuthorKey:
    """The secret of the hash; it has no repr, so that no log can show it."""

    secret: bytes

    def hash(self, network: str, native_author: str) -> str:
        """32 hex digits that stand for an author of a network; "" for nobody."""
        if not native_author:
            return ""
        named = f"{network}\x00{native_author}".encode("utf-8", "replace")
        return blake2b(named, key=self.secret, digest_size=16).hexdigest()


def author_key(c: Connection, now: datetime) -> AuthorKey:
    """The key in force at `now`; made when there is none, and anew when it is older than its days."""
    value = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    # A key from the far future was made under a wrong clock; it must not live until that day comes.
    days = ROTATE_AFTER if value is None else value.get("days", ROTATE_AFTER)
    if value is not None and abs(now - datetime.fromisoformat(value["made_at"])) <= timedelta(days=days):
        return AuthorKey(bytes.fromhex(value["key"]))
    fresh = {"key": secrets.token_hex(32), "made_at": now.isoformat(), "days": days}
    if value is None:
        dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
        c.execute(dialect(keep).values(name=_NAME, value=fresh).on_conflict_do_nothing())
    else:
        c.execute(update(keep).where(keep.c.name == _NAME, keep.c.value == value).values(value=fresh))
    # Another process may have been quicker: what stands in the table counts.
    kept = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one()
    return AuthorKey(bytes.fromhex(kept["key"]))


def rotate_after(c: Connection, days: int, now: datetime) -> None:
    """The key lives so many days from now on; one that is older goes at once, also where nobody posts any more."""
    value = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    if value is not None and value.get("days", ROTATE_AFTER) != days:
        c.execute(update(keep).where(keep.c.name == _NAME, keep.c.value == value).values(value={**value, "days": days}))
    author_key(c, now)
    if value is None and days != ROTATE_AFTER:
        rotate_after(c, days, now)
