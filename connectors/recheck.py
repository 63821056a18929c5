"""Recent posts asked again, where a network's lists leave out what was deleted and don't bring up what was edited.

The ids of recent posts stand in the cursor with their time; every poll asks again for some of them. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from monitor.core.post import Post

KEPT = 400
"""Ids at most."""
DAYS = 3
"""Days counted from the newest post, not from now: a cursor must not move where nothing happens."""


def still_there(known: Mapping[str, int], posts: Iterable[Post]) -> tuple[Post, ...]:
    """`posts` without those known to be deleted, which an index may show for a while. A deleted one stands negative in `known`."""
    return tuple(post for post in posts if known.get(post.native_id, 1) > 0)


def remembered(known: Mapping[str, int], posts: Iterable[Post], gone: Collection[str] = (), days: int = DAYS) -> dict[str, int]:
    """`known` with `posts` added and `gone` marked as deleted; those older than `days` leave, and the oldest above KEPT."""
    found = dict(known)
    for post in posts:
        found[post.native_id] = max(1, int(post.published_at.timestamp()))
    for name in gone:
        if name in found:
            found[name] = -abs(found[name])
    newest = max((abs(at) for at in found.values()), default=0)
    kept = sorted((name for name, at in found.items() if abs(at) > newest - days * 86400),
                  key=lambda name: (-abs(found[name]), name))[:KEPT]
    return {name: found[name] for name in kept}


def due(known: Mapping[str, int], amount: int, now: float, every: float) -> list[str]:
    """Which ids this poll asks again: `amount` of them, others the next time. The clock chooses, so nothing is kept for it."""
    names = sorted(known)
    slices = max(1, -(-len(names) // amount))
    turn = int(now // max(every, 1.0)) % slices
    return names[turn * amount:(turn + 1) * amount]


def removed(network: str, native_id: str, published: int, now: float) -> Post:
    """A deletion: the post once more, without its words."""
    return Post(network=network, source="", native_id=native_id, text="",
                published_at=datetime.fromtimestamp(abs(published), UTC), deleted_at=datetime.fromtimestamp(now, UTC))
