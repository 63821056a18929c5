"""Keyed hashes of what was erased, so that the next poll does not bring it back.

The key lies in `keep` and never changes: a hash alone does not say whose post it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.core.post import Post
from monitor.store.tables import keep, tombstone

_NAME = "tombstone_key"
PREFIX = "erased:"
"""Stands before the hash where the network's id of an erased post stood."""


class TombstoneKey:
    """The secret of the hash; it has no repr that could show it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.name = blake2b(secret, digest_size=8, person=b"key name").hexdigest()
        """Tells one key from another without giving it away."""

    def hash(self, network: str, native_id: str) -> str:
        """32 hex digits that stand for a post of a network."""
        if native_id.startswith(PREFIX):
            return native_id.removeprefix(PREFIX)
        return blake2b(f"{network}\x00{native_id}".encode("utf-8", "replace"), key=self._secret, digest_size=16).hexdigest()


def tombstone_key(c: Connection) -> TombstoneKey:
    """The key of this database; made when there is none."""
    known = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    if known is None:
        c.execute(_insert(c)(keep).values(name=_NAME, value=secrets.token_hex(32)).on_conflict_do_nothing())
        known = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one()
    return TombstoneKey(bytes.fromhex(known))


def bury(c: Connection, keys: Iterable[str], at: datetime) -> None:
    """Remember that these posts were erased."""
    rows = [{"key": key, "at": at} for key in sorted(set(keys))]
    if rows:
        c.execute(_insert(c)(tombstone).on_conflict_do_nothing(), rows)


def buried(c: Connection, posts: Sequence[Post], stored_id: Any) -> set[int]:
    """Indexes of the posts that were erased before. `stored_id` gives a native id as it is stored."""
    if c.execute(select(tombstone.c.key).limit(1)).first() is None:
        return set()
    key = tombstone_key(c)
    wanted: dict[str, list[int]] = {}
    for i, post in enumerate(posts):
        wanted.setdefault(key.hash(post.network, stored_id(post.native_id)), []).append(i)
    names = list(wanted)
    found: set[int] = set()
    for start in range(0, len(names), 500):
        for name in c.execute(select(tombstone.c.key).where(tombstone.c.key.in_(names[start:start + 500]))).scalars():
            found.update(wanted[name])
    return found


def _insert(c: Connection) -> Any:
    return postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
