"""Whether an answer is a copy of an earlier one.

Two answers are compared by their words without names, numbers and dates (three words a shingle, MinHash to find, exact Jaccard
to decide). A near-copy is a copy only where it brings no fact of its own: a template filled with another date, street, house or
sum is what templates are for, and no copy. The citizen's name, the appeal's number and its date are no facts of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rensa import RMinHash, RMinHashLSH

from monitor.core.text import fold
from ticketing.reply.substance import core

READ = 6_000
SAME = 0.8
"""Jaccard index from which two answers say the same."""
LEAST = 3
"""Words that an answer must have to be a copy of another."""
_WORD = re.compile(r"[^\W\d_]+")
_FACT = re.compile(r"\d+(?:[.,:/-]\d+)*[^\W\d_]?|(?<![.!?…\n\"«][ \t])(?<![.!?…\n])(?<!^)(?<=[ \t«\"(])[A-ZА-ЯЁӘІҢҒҮҰҚӨҺ][^\W\d_]{2,}")
_HASHES, _BANDS = 64, 16


@dataclass(frozen=True, slots=True)
class _Answer:
    shingles: frozenset[str]
    facts: frozenset[str]


class Earlier:
    """Answers given before, to be searched for the one that a new answer copies. Grows by `add`."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._answers: list[_Answer] = []
        self._found = RMinHashLSH(0.5, _HASHES, _BANDS)
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, text: str) -> None:
        """Remember an answer."""
        answer = _read(text)
        if answer.shingles:
            self._found.insert(len(self._answers), _hashed(answer.shingles))
        self._answers.append(answer)

    def copied(self, text: str) -> int | None:
        """The place, in the order they were added, of the first answer that this one copies; None where it is its own."""
        answer = _read(text)
        if not answer.shingles or not self._answers:
            return None
        for place in sorted(self._found.query(_hashed(answer.shingles))):
            other = self._answers[place]
            common = len(answer.shingles & other.shingles)
            if common >= SAME * (len(answer.shingles) + len(other.shingles) - common) and answer.facts <= other.facts:
                return int(place)
        return None


def _read(text: str) -> _Answer:
    said = core(text[:READ])
    facts = frozenset(fold(m[0])[:8] for m in _FACT.finditer(said))
    words = [fold(w) for w in _WORD.findall(_FACT.sub(" ", said))]
    if len(words) < LEAST:
        return _Answer(frozenset(), facts)
    return _Answer(frozenset(" ".join(words[i:i + 3]) for i in range(len(words) - 2)), facts)


def _hashed(shingles: frozenset[str]) -> RMinHash:
    hashed = RMinHash(_HASHES, 0)
    hashed.update(sorted(shingles))
    return hashed
