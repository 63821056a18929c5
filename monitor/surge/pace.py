"""How many posts the stream carries in any stretch of its last three days: the null that synchrony is held
against."""

from __future__ import annotations

from dataclasses import dataclass, field

BUCKET = 300
KEPT = 3 * 86400 // BUCKET


@dataclass(slots=True)
class Pace:
    """Posts per five minutes over three days, and how long the stream has been heard."""

    buckets: dict[int, int] = field(default_factory=dict)
    first: float | None = None
    newest: int = 0
    total: int = 0

    def add(self, at: float) -> None:
        """Count one post of the time `at` (seconds)."""
        if self.first is None:
            self.first = at
        bucket = int(at // BUCKET)
        if bucket > self.newest:
            self.newest = bucket
            for old in [b for b in self.buckets if b < bucket - KEPT] if len(self.buckets) > KEPT else ():
                self.total -= self.buckets.pop(old)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.total += 1

    def count(self, start: float, end: float) -> int:
        """Posts between two times, to the nearest five minutes."""
        first, last = int(start // BUCKET), int(end // BUCKET)
        if last - first >= KEPT:
            return self.total
        return sum(self.buckets.get(b, 0) for b in range(first, last + 1))

    def share(self, start: float, end: float) -> float:
        """Share of a day's posts (at least) that fall between `start` and `end`: what a post placed at
        random would do.

        Where less than a day has been heard, the day is filled up at the average pace so far.
        """
        heard = max(end - (self.first if self.first is not None else end), 1.0)
        first, last = int(start // BUCKET), int(end // BUCKET)
        inside = self.count(start, end)
        width = (last - first + 1) * BUCKET
        inside_share = inside * min(1.0, max(end - start, 60.0) / width)
        whole = self.total * max(1.0, 86400.0 / heard)
        by_posts = inside_share / max(whole, 1.0)
        by_time = max(end - start, 60.0) / max(86400.0, min(heard, KEPT * BUCKET))
        return min(1.0, max(by_posts, by_time))
