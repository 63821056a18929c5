"""How common each word is in the stream, so that sharing a rare word says much and sharing a common one
nothing."""

from __future__ import annotations

from math import log2

PRIOR_POSTS = 1000.0
"""Posts that an empty vocabulary pretends to have read: in a cold start an unknown word is worth 10 bits,
not none."""
DAY = 86400.0
FADE = 0.75
"""What is left of a count after a day: half-life 2.4 days, so that a new subject is soon known as one."""
MAX_WORDS = 300_000


class Vocabulary:
    """Counts of posts per stem, faded daily, bounded. Copies of a text are to be added once."""

    __slots__ = ("_counts", "_faded", "_log", "_posts", "_stop")

    def __init__(self, stop: frozenset[str]) -> None:
        self._counts: dict[str, float] = {}
        self._posts = 0.0
        self._faded: float | None = None
        self._log = log2(PRIOR_POSTS)
        self._stop = stop

    def add(self, stems: tuple[str, ...], at: float) -> None:
        """Count one distinct text of the stream's time `at` (seconds)."""
        if self._faded is None:
            self._faded = at
        elif at - self._faded >= DAY or len(self._counts) > MAX_WORDS:
            self._fade(at)
        counts = self._counts
        for stem in stems:
            counts[stem] = counts.get(stem, 0.0) + 1.0
        self._posts += 1.0
        self._log = log2(self._posts + PRIOR_POSTS)

    def _fade(self, at: float) -> None:
        days = max(1, min(30, int((at - (self._faded or at)) // DAY)))
        left = FADE**days
        floor = 0.5
        while True:
            self._counts = {stem: n * left for stem, n in self._counts.items() if n * left >= floor}
            self._posts *= left
            if len(self._counts) <= MAX_WORDS // 2:
                break
            left = FADE
        self._faded = at

    def bits(self, stem: str) -> float:
        """Information in the presence of `stem`: -log2 of the share of posts that have it; 0 for function
        words."""
        if stem in self._stop or (len(stem) < 3 and not stem.isdigit()):
            return 0.0
        return max(0.0, self._log - log2(self._counts.get(stem, 0.0) + 1.0))

    def share(self, stem: str) -> float:
        """Share of the stream's distinct texts that have `stem`; 0 for function words."""
        if stem in self._stop or self._posts < 1.0:
            return 0.0
        return min(1.0, self._counts.get(stem, 0.0) / (self._posts + 20.0))
