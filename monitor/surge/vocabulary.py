"""How common each word is in the stream, so that sharing a rare word says much and sharing a common one
nothing.

Words are 32-bit numbers (the lowest bit marks a function word) and are counted in one table of fixed size: the cost is the same after a thousand posts and
after a billion, and a clash of two words only makes a rare one look a little less rare.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log2
from zlib import crc32

import numpy as np

from monitor.surge.packed import Floats

PRIOR_POSTS = 1000.0
"""Posts that an empty vocabulary pretends to have read: in a cold start an unknown word is worth 10 bits,
not none."""
DAY = 86400.0
FADE = 0.75
"""What is left of a count after a day: half-life 2.4 days, so that a new subject is soon known as one."""
CELLS = 1 << 20
WEAK = 2.0
"""Most bits of a function word: at the same place in two texts it tells a little, alone nothing."""


def number(word: str, stop: frozenset[str]) -> int:
    """A word as 32 bits, the same in every process; odd for a function word."""
    weak = word in stop or (len(word) < 3 and not word.isdigit())
    return crc32(word.encode("utf-8", "replace")) & 0xFFFFFFFE | weak


def _empty() -> Floats:
    return array("f", bytes(4 * CELLS))


@dataclass(slots=True)
class Vocabulary:
    """Counts of posts per word, faded daily. Copies of a text are to be added once."""

    counts: Floats = field(default_factory=_empty)
    posts: float = 0.0
    faded: float | None = None
    log: float = log2(PRIOR_POSTS)

    def add(self, words: Iterable[int], at: float) -> None:
        """Count one distinct text of the stream's time `at` (seconds)."""
        if self.faded is None:
            self.faded = at
        elif at - self.faded >= DAY:
            days = min(30, int((at - self.faded) // DAY))
            np.frombuffer(self.counts, dtype=np.float32)[:] *= FADE**days
            self.posts *= FADE**days
            self.faded = at
        counts = self.counts
        for word in words:
            counts[word >> 1 & (CELLS - 1)] += 1.0
        self.posts += 1.0
        self.log = log2(self.posts + PRIOR_POSTS)

    def bits(self, word: int) -> float:
        """Information in the presence of a word: -log2 of the share of posts that have it."""
        bits = self.log - log2(self.counts[word >> 1 & (CELLS - 1)] + 1.0)
        if word & 1 and bits > WEAK:
            return WEAK
        return bits if bits > 0.0 else 0.0

    def share(self, word: int) -> float:
        """Share of the stream's distinct texts that have the word; 0 for function words."""
        if word & 1:
            return 0.0
        return min(1.0, self.counts[word >> 1 & (CELLS - 1)] / (self.posts + 20.0)) if self.posts >= 1.0 else 0.0
