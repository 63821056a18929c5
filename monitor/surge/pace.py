"""How many posts the stream carries in any stretch of its last three days: the null that synchrony is held
against."""

from __future__ import annotations

BUCKET = 300
KEPT = 3 * 86400 // BUCKET


class Pace:
    """Posts per five minutes over three days, and how long the stream has been heard."""

    __slots__ = ("_buckets", "_first", "_now", "_total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._first: float | None = None
        self._now = 0
        self._total = 0

    def add(self, at: float) -> None:
        """Count one post of the time `at` (seconds)."""
        if self._first is None:
            self._first = at
        bucket = int(at // BUCKET)
        if bucket > self._now:
            self._now = bucket
            for old in [b for b in self._buckets if b < bucket - KEPT] if len(self._buckets) > KEPT else ():
                self._total -= self._buckets.pop(old)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._total += 1

    def share(self, start: float, end: float) -> float:
        """Share of a day's posts (at least) that fall between `start` and `end`: what a post placed at
        random would do.

        Where less than a day has been heard, the day is filled up at the average pace so far.
        """
        heard = max(end - (self._first if self._first is not None else end), 1.0)
        first, last = int(start // BUCKET), int(end // BUCKET)
        whole_window = last - first >= KEPT
        inside = self._total if whole_window else sum(self._buckets.get(b, 0) for b in range(first, last + 1))
        width = (last - first + 1) * BUCKET
        inside_share = inside * min(1.0, max(end - start, 60.0) / width)
        whole = self._total * max(1.0, 86400.0 / heard)
        by_posts = inside_share / max(whole, 1.0)
        by_time = max(end - start, 60.0) / max(86400.0, min(heard, KEPT * BUCKET))
        return min(1.0, max(by_posts, by_time))
