"""Does a channel still look like what a model was measured on? By the labels it says and by words it has never seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.learning.facts import Look
from monitor.learning.history import Example, Label
from monitor.learning.model import Answer, Model, answers
from monitor.learning.stability import LEAST, chance, moved, psi
from monitor.learning.words import STEM, spoken

UNKNOWN_DRIFTED = 0.10
"""What the share of words that are no term may rise by."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A channel beside what was seen at the fit. `psi` is the population stability index of the labels said."""

    channel: str
    posts: int
    psi: float
    chance: float
    unknown: float
    unknown_before: float
    score: float
    score_before: float

    @property
    def judged(self) -> bool:
        """Whether there are posts enough to say."""
        return self.posts >= LEAST

    @property
    def drifted(self) -> bool:
        """Whether somebody should look."""
        return self.judged and (moved(self.psi, self.chance)
                                or self.unknown - self.unknown_before >= UNKNOWN_DRIFTED)


def look(model: Model, examples: Sequence[Example], said: Sequence[Answer], labels: Sequence[Label]) -> Look:
    """What rows look like to a model; a label goes by its place in `labels`."""
    known = {term for term in model.terms[0] if " " not in term}
    places = {label: str(i) for i, label in enumerate(labels)}
    words = [word[:STEM] for e in examples for word in spoken(e.text)]
    return Look(len(examples), dict(sorted(Counter(places[a.label] for a in said).items())),
                round(sum(a.score for a in said) / max(1, len(said)), 4),
                round(sum(word not in known for word in words) / max(1, len(words)), 4))


def by_channel(model: Model, examples: Sequence[Example], said: Sequence[Answer], field: str,
               labels: Sequence[Label]) -> dict[str, Look]:
    """A look at all rows (under the empty name) and at those of each channel of LEAST rows and more."""
    out = {"": look(model, examples, said, labels)}
    for name, members in sorted(_channels(examples, field).items()):
        if len(members) >= LEAST:
            out[name] = look(model, [examples[i] for i in members], [said[i] for i in members], labels)
    return out


def drifts(model: Model, examples: Sequence[Example], field: str) -> list[Drift]:
    """Each channel of new posts beside the same channel at the fit, or beside all rows where it is new."""
    seen = model.facts.seen
    said = answers(model, examples)
    out = []
    for name, members in sorted(_channels(examples, field).items()):
        now = look(model, [examples[i] for i in members], [said[i] for i in members], model.labels)
        before = seen[name] if name in seen and field == model.facts.by else seen[""]
        out.append(Drift(name, len(members), psi(before.labels, now.labels), chance(before.labels, now.labels),
                         now.unknown, before.unknown, now.score, before.score))
    return out


def _channels(examples: Sequence[Example], field: str) -> dict[str, list[int]]:
    out: dict[str, list[int]] = defaultdict(list)
    for i, e in enumerate(examples):
        out[str(e.fields.get(field, "(none)"))].append(i)
    return out
