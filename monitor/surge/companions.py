"""Which authors were seen before, and which were together in an earlier group of copies.

Authors come as keyed hashes and are compared as short numbers, in shards of five days that are dropped whole before they
are 30 days old; they can't be listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

SHARD = 5 * 86400
GROUPS_PER_AUTHOR = 8
REMEMBERED = 20_000
"""Posts over which it is learnt how usual known authors and repeaters are; halved beyond."""
OWN_POSTS = 3
"""Posts in words of their own that make an author a voice of this place."""
SETTLED = 60
"""Minutes after which an author's first post makes them a known voice: before, it may belong to the same
action."""
HEARD = 15
"""Posts in words of their own from which it can be told whether authors come back."""
YOUNG = 30 * 86400
"""Seconds of age below which an account counts as young."""


def mark(author: str) -> int:
    """An author key as 48 bits, never 0: enough to compare, too short to be looked up."""
    return int.from_bytes(blake2b(author.encode("utf-8", "replace"), digest_size=6).digest(), "big") or 1


@dataclass(slots=True)
class Shard:
    """Authors first seen in five days: minute of their first post and number of own posts in one number; their groups."""

    bucket: int
    seen: dict[int, int] = field(default_factory=dict)
    groups: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Companions:
    """Authors of the last 25 to 30 days, and what is usual among them."""

    shards: list[Shard] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    known_posts: float = 0.0
    heard: float = 0.0
    returned: float = 0.0
    repeaters: float = 0.0
    ordinary_posts: float = 0.0
    ordinary_returned: float = 0.0
    young: float = 0.0
    aged: float = 0.0

    def __len__(self) -> int:
        return sum(len(shard.seen) for shard in self.shards)

    def forget(self, now: float, window: int) -> None:
        """Drop the shards that began before the window."""
        while self.shards and self.shards[0].bucket * SHARD < now - window:
            for groups in self.shards.pop(0).groups.values():
                for group in groups:
                    self._leave(group)

    def _leave(self, group: int) -> None:
        left = self.sizes[group] - 1
        if left:
            self.sizes[group] = left
        else:
            del self.sizes[group]

    def _shard(self, author: int) -> Shard | None:
        for shard in reversed(self.shards):
            if author in shard.seen:
                return shard
        return None

    def saw(self, author: int, at: float) -> bool:
        """Remember an author; whether they wrote more than an hour before."""
        shard = self._shard(author)
        minute = int(at // 60)
        known = shard is not None and minute - (shard.seen[author] >> 8) > SETTLED
        self.heard += 1.0
        self.known_posts += known
        self.returned += shard is not None
        if self.heard > REMEMBERED:
            self.heard *= 0.5
            self.returned *= 0.5
            self.known_posts *= 0.5
        if shard is None:
            bucket = int(at // SHARD)
            if not self.shards or self.shards[-1].bucket < bucket:
                self.shards.append(Shard(bucket))
            self.shards[-1].seen[author] = minute << 8
        return known

    def aged_at(self, age: float) -> bool:
        """Learn how usual young accounts are; whether one of this age (seconds) is young."""
        self.aged += 1.0
        self.young += age < YOUNG
        if self.aged > REMEMBERED:
            self.aged *= 0.5
            self.young *= 0.5
        return age < YOUNG

    def voice(self, author: int, at: float) -> bool:
        """Whether the author has long been heard here with words of their own, and copies less than that."""
        shard = self._shard(author)
        if shard is None:
            return False
        seen = shard.seen[author]
        own = seen & 255
        return int(at // 60) - (seen >> 8) > SETTLED and own >= OWN_POSTS and own > len(shard.groups.get(author, ()))

    def ordinary(self, author: int) -> None:
        """Learn from a post that nobody copied how usual authors are who took part in copying before."""
        shard = self._shard(author)
        if shard is not None:
            self.ordinary_returned += shard.seen[author] & 255 > 0
            if shard.seen[author] & 255 < 255:
                shard.seen[author] += 1
            self.repeaters += author in shard.groups
        self.ordinary_posts += 1.0
        if self.ordinary_posts > REMEMBERED:
            self.ordinary_posts *= 0.5
            self.ordinary_returned *= 0.5
            self.repeaters *= 0.5

    @property
    def usual_repeaters(self) -> float:
        """Share of ordinary posts whose author took part in a group of copies before."""
        return (self.repeaters + 2.0) / (self.ordinary_posts + 100.0)

    @property
    def usual(self) -> float:
        """Share of recent posts whose author was known before."""
        return self.known_posts / (self.heard + 50.0)

    @property
    def nameless(self) -> bool:
        """Whether nobody ever returns: then a name may stand for a post, not for a person, and authors cannot be counted. So it is
        at the very beginning too: a file of ten posts by ten names does not show how many people wrote them."""
        return self.returned < 1.0 or self.returned < 0.01 * self.heard

    def neighbours(self, authors: int, returning: float) -> bool:
        """Whether this is a neighbourhood: fewer than `authors` wrote in the last month, and who writes in words of their own
        comes back."""
        return self.ordinary_posts >= HEARD and self.ordinary_returned >= returning * self.ordinary_posts and len(self) < authors

    @property
    def usual_young(self) -> float:
        """Share of recent posts from young accounts, of those whose age is known."""
        return (self.young + 1.0) / (self.aged + 20.0)

    def earlier(self, author: int) -> tuple[int, ...]:
        """Numbers of the groups that the author took part in."""
        shard = self._shard(author)
        return () if shard is None else shard.groups.get(author, ())

    def join(self, author: int, group: int) -> None:
        """Remember that the author took part in a group of copies."""
        shard = self._shard(author)
        if shard is None:
            return
        before = shard.groups.get(author, ())
        if group in before:
            return
        if len(before) >= GROUPS_PER_AUTHOR:
            self._leave(before[0])
            before = before[1:]
        shard.groups[author] = (*before, group)
        self.sizes[group] = self.sizes.get(group, 0) + 1

    def size(self, group: int) -> int:
        """How many remembered authors took part in a group."""
        return self.sizes.get(group, 0)
