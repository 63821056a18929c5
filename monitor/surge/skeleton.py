"""Finding earlier texts that have the same words at the same places.

Whoever replaces words of a copied text leaves the others where they were. Two texts that share two rare words at the same
distance are seldom independent (measured: one in 25 posts of the Russian stream shares 20 bits so, one in four shares as
much in any order), and with half of the words replaced two copies still share a quarter of them. Banded hashes
(MinHash) do not meet there: the Jaccard likeness is 1/7.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.surge.packed import Ints
from monitor.surge.shelf import READ

CELLS = 1 << 17
ROOM = 32
"""Newest texts remembered per word; with CELLS it bounds the memory (17 MB) and the work of a post."""
ASKED = 12
"""Rarest words of a text by which others are looked for."""
HALF = 64
"""Places are kept as 0 to 63, distances between texts as 0 to 127 around this."""
STAYED = 3.0
"""Bits that the same places count for: of eight shifts that occur, one."""
MASK = (1 << 26) - 1


@dataclass(slots=True)
class Skeletons:
    """For every word (by a cell) the newest texts that have it, as number and place, in rings of fixed size."""

    slots: Ints = field(default_factory=lambda: array("I", bytes(4 * CELLS * ROOM)))
    heads: Ints = field(default_factory=lambda: array("B", bytes(CELLS)))

    def add(self, number: int, words: Sequence[int]) -> None:
        """Remember where a text has its words, function words aside."""
        slots, heads = self.slots, self.heads
        low = (number & MASK) << 6
        for place, word in enumerate(words[:READ]):
            if word & 1:
                continue
            cell = word >> 1 & (CELLS - 1)
            head = heads[cell]
            slots[cell * ROOM + head] = low | place
            heads[cell] = (head + 1) % ROOM

    def alike(self, words: Sequence[int], bits: Sequence[float], newest: int, least: float, most: int,
              ) -> list[tuple[float, int, int]]:
        """Texts that share at least so many bits at the same places: (bits, number, shift of places), best first.

        Cells may mix words: the caller compares the words themselves.
        """
        rarest = sorted(((weight, place) for place, weight in enumerate(bits) if not words[place] & 1), reverse=True)[:ASKED]
        if not rarest:
            return []
        cells = np.array([words[place] >> 1 & (CELLS - 1) for _, place in rarest])
        found = np.frombuffer(self.slots, dtype=np.uint32).reshape(CELLS, ROOM)[cells]
        entries = found.astype(np.int64)
        places = np.array([place + HALF for _, place in rarest], dtype=np.int64)
        keys = (((entries >> 6) << 7) + places[:, None] - (entries & 63))[found != 0]
        if not keys.size:
            return []
        weights = np.repeat(np.array([weight for weight, _ in rarest]), ROOM)[found.ravel() != 0]
        order = keys.argsort(kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        votes, keys = np.add.reduceat(weights[order], starts), keys[starts]
        enough = votes >= least
        # Exchanging words moves nothing: a text in its old places comes first.
        votes, keys = votes[enough], keys[enough]
        votes = votes + STAYED * (keys & 127 == HALF)
        best = np.lexsort((keys, votes))[::-1][:most]
        return [(float(votes[i]), newest - ((newest - (int(keys[i]) >> 7)) & MASK), (int(keys[i]) & 127) - HALF) for i in best]
