"""Is a new model better than the one in force? Both answer the same frozen rows; the new one must win in each language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sklearn.metrics import f1_score

from monitor.learning.history import Example, Label
from monitor.learning.model import Model, answers

LEAST = 20
"""Rows of a language below which a difference says nothing; they count in the whole only."""
ALL = "all"


@dataclass(frozen=True, slots=True)
class Standing:
    """How two models did on the rows of one language: F1 of the labels weighed by their number, and the share right."""

    language: str
    rows: int
    old_f1: float
    new_f1: float
    old_right: float
    new_right: float

    @property
    def won(self) -> bool:
        """Whether the new model is at least as good here; a tie is enough in a language, not in the whole."""
        return self.new_f1 > self.old_f1 if self.language == ALL else self.new_f1 >= self.old_f1


Said = Callable[[Sequence[Example]], Sequence[Label | None]]
"""What is in force, or may come into force: a label for each row."""


def by_model(model: Model) -> Said:
    """What a model says by itself."""
    return lambda rows: [a.label for a in answers(model, rows)]


def compare(old: Said | None, new: Said, sample: Sequence[Example], language: Callable[[str], str]) -> list[Standing]:
    """A standing for the whole sample and for each language of at least LEAST rows. Without `old`, its figures are 0."""
    rows = [e for e in sample if e.label is not None]
    groups: dict[str, list[int]] = defaultdict(list)
    for i, e in enumerate(rows):
        groups[ALL].append(i)
        groups[language(e.text)].append(i)
    before = old(rows) if old is not None else None
    after = new(rows)
    truth = [e.label for e in rows if e.label is not None]
    return [_standing(name, members, truth, before, after) for name, members in sorted(groups.items(), key=lambda g: (g[0] != ALL, g[0]))
            if name == ALL or len(members) >= LEAST]


def wins(standings: Sequence[Standing]) -> bool:
    """Whether the new model is better in the whole and no worse in any language."""
    return bool(standings) and all(s.won for s in standings)


def weighted_f1(truth: Sequence[Label], said: Sequence[Label | None]) -> float:
    """F1 of each label, weighed by how often it is true (0 to 1)."""
    return float(f1_score([_name(t) for t in truth], [_name(s) for s in said], average="weighted", zero_division=0)) if truth else 0.0


def _standing(name: str, members: Sequence[int], truth: Sequence[Label], before: Sequence[Label | None] | None,
              after: Sequence[Label | None]) -> Standing:
    true = [truth[i] for i in members]
    figures = []
    for said in (before, after):
        labels = [said[i] for i in members] if said is not None else None
        right = sum(a == b for a, b in zip(labels or (), true, strict=False)) / max(1, len(true))
        figures.append((weighted_f1(true, labels) if labels is not None else 0.0, right))
    return Standing(name, len(members), figures[0][0], figures[1][0], figures[0][1], figures[1][1])


def _name(label: Label | None) -> str:
    return f"{type(label).__name__}:{label}"
