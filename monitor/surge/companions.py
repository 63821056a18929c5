"""Which authors were seen before, and which were together in an earlier group of copies.

Authors come as keyed hashes and are compared as short numbers, which are forgotten after 30 days and can't
be listed.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

DAY = 86400.0
GROUPS_PER_AUTHOR = 8
REMEMBERED = 20_000
"""Posts over which it is learnt how usual known authors and repeaters are; halved beyond."""
OWN_POSTS = 3
"""Posts in words of their own that make an author a voice of this place."""
SETTLED = 3600.0
"""Seconds after which an author's first post makes them a known voice: before, it may belong to the same
action."""


def mark(author: str) -> int:
    """An author key as 48 bits: enough to compare, too short to be looked up."""
    return int.from_bytes(blake2b(author.encode("utf-8", "replace"), digest_size=6).digest(), "big")


class Companions:
    """Authors of the last `window` seconds: first seen, and numbers of the groups they took part in."""

    __slots__ = ("_first", "_groups", "_heard", "_known", "_ordinary", "_own", "_queue", "_repeaters", "_sizes", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._first: dict[int, float] = {}
        self._groups: dict[int, tuple[int, ...]] = {}
        self._queue: deque[tuple[float, int]] = deque()
        self._sizes: dict[int, int] = {}
        self._known = 0.0
        self._heard = 0.0
        self._own: dict[int, int] = {}
        self._repeaters = 0.0
        self._ordinary = 0.0

    def __len__(self) -> int:
        return len(self._first)

    def forget(self, now: float) -> None:
        """Drop the authors first seen before the window."""
        queue = self._queue
        while queue and queue[0][0] < now - self._window:
            _, author = queue.popleft()
            self._first.pop(author, None)
            self._own.pop(author, None)
            for group in self._groups.pop(author, ()):
                self._sizes[group] -= 1
                if not self._sizes[group]:
                    del self._sizes[group]

    def known(self, author: str, at: float) -> bool:
        """Whether the author wrote more than an hour before `at`."""
        first = self._first.get(mark(author))
        return first is not None and at - first > SETTLED

    def saw(self, author: str, at: float) -> None:
        """Remember an author, and how usual it is for a post to come from a known one."""
        number = mark(author)
        first = self._first.get(number)
        self._heard += 1.0
        if first is not None and at - first > SETTLED:
            self._known += 1.0
        if self._heard > REMEMBERED:
            self._heard *= 0.5
            self._known *= 0.5
        if first is None:
            self._first[number] = at
            self._queue.append((at, number))

    def voice(self, author: str, at: float) -> bool:
        """Whether the author has long been heard here with words of their own, and copies less than that."""
        number = mark(author)
        first = self._first.get(number)
        own = self._own.get(number, 0)
        copied = len(self._groups.get(number, ()))
        return first is not None and at - first > SETTLED and own >= OWN_POSTS and own >= 2 * copied

    def ordinary(self, author: str) -> None:
        """Learn from a post that nobody copied how usual authors are who took part in copying before."""
        number = mark(author)
        if number in self._first:
            self._own[number] = self._own.get(number, 0) + 1
        repeats = 1.0 if number in self._groups else 0.0
        self._repeaters += repeats
        self._ordinary += 1.0
        if self._ordinary > REMEMBERED:
            self._ordinary *= 0.5
            self._repeaters *= 0.5

    @property
    def usual_repeaters(self) -> float:
        """Share of ordinary posts whose author took part in a group of copies before."""
        return (self._repeaters + 2.0) / (self._ordinary + 100.0)

    @property
    def usual(self) -> float:
        """Share of recent posts whose author was known before."""
        return self._known / (self._heard + 50.0)

    def earlier(self, author: str) -> tuple[int, ...]:
        """Numbers of the groups that the author took part in."""
        return self._groups.get(mark(author), ())

    def join(self, author: str, group: int) -> None:
        """Remember that the author took part in a group of copies."""
        number = mark(author)
        if number not in self._first:
            return
        before = self._groups.get(number, ())
        if group in before:
            return
        if len(before) >= GROUPS_PER_AUTHOR:
            dropped, before = before[0], before[1:]
            self._sizes[dropped] -= 1
            if not self._sizes[dropped]:
                del self._sizes[dropped]
        self._groups[number] = (*before, group)
        self._sizes[group] = self._sizes.get(group, 0) + 1

    def size(self, group: int) -> int:
        """How many remembered authors took part in a group."""
        return self._sizes.get(group, 0)
