"""What an addressed post is about, what kind of post it is, and whether it is urgent; with reasons.

Word lists (topics.yaml, kinds.yaml, urgency.yaml) and what labelled posts say of single words (words/*.tsv) are weighed
together: an analyst's word counts at once, and words that no list has still count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from monitor.core.lexicon import Hit, Lexicon
from monitor.core.text import Text
from monitor.core.verdict import Kind, Reason, Urgency
from monitor.core.words import WordModel, marks, signs

SURE, STRONG, WEAK = 5.0, 3.0, 1.0
REPEATED = 0.3
"""What the same word counts for a topic the second time."""


@dataclass(frozen=True, slots=True)
class TopicWord:
    """A word that speaks for a topic."""

    code: str
    weight: float


@dataclass(frozen=True, slots=True)
class KindCue:
    """A word that speaks for a kind of post."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class UrgencyCue:
    """A sign of danger. `part`: what it is one of (urgency.yaml): hurt, flood, frost, frail, ..."""

    part: str


class SubjectLexicon(Lexicon):
    """Topics, and beside them kinds and urgency in automata of their own, so that no phrase of one hides a word of another."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds, self.urgency = Lexicon(), Lexicon()

    def ready(self) -> SubjectLexicon:
        """Build the automata."""
        super().ready()
        self.kinds.ready()
        self.urgency.ready()
        return self

    def find(self, text: Text) -> list[Hit]:
        """Every mark of the three lists."""
        return [*super().find(text), *self.kinds.find(text), *self.urgency.find(text)]


@dataclass(frozen=True, slots=True)
class Subject:
    """The answer."""

    topic: str
    kind: Kind
    urgency: Urgency
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """What the word lists found: the weight of each mark, and where it stands first."""

    weights: Mapping[str, float]
    first: Mapping[str, Hit]


def topical(text: Text, lexicon: Lexicon) -> bool:
    """Whether a word of a topic stands in the text."""
    return any(isinstance(mark, TopicWord) for hit in Lexicon.find(lexicon, text) for mark in hit.marks)


@lru_cache(maxsize=2_000)
def _pairs(danger: tuple[str, ...]) -> dict[str, float]:
    """Each two of the signs of danger, as one sign."""
    return {f"{one}+{other.partition(':')[2]}": 1.0 for one, other in combinations(danger, 2)}


def listed(text: Text, lexicon: Lexicon) -> Listed:
    """All that the word lists know in a text: `topic:CODE`, `kind:KIND`, `urgency:PART` and each two parts, `urgency:PART+PART`."""
    weights: dict[str, float] = {}
    first: dict[str, Hit] = {}
    seen: set[tuple[str, str]] = set()
    counted: dict[str, int] = {}        # the last word of each topic's last sign: a word inside a phrase is no second sign
    for hit in lexicon.find(text):
        for mark in hit.marks:
            if isinstance(mark, TopicWord):
                if hit.last <= counted.get(mark.code, -1):
                    continue
                counted[mark.code] = hit.last
                word = text.folded[hit.first]
                again = (mark.code, word[:5]) in seen
                seen.add((mark.code, word[:5]))
                name, weight = f"topic:{mark.code}", mark.weight * (REPEATED if again else 1.0)
            elif isinstance(mark, KindCue):
                name, weight = f"kind:{mark.kind}", 0.0
            elif isinstance(mark, UrgencyCue):
                name, weight = f"urgency:{mark.part}", 0.0
            else:
                continue
            first.setdefault(name, hit)
            weights[name] = weights.get(name, 0.0) + weight if weight else 1.0
    weights.update(_pairs(tuple(sorted(name for name in weights if name.startswith("urgency:")))))
    return Listed(weights, first)


def subject(text: Text, lexicon: Lexicon, words: WordModel) -> Subject:
    """Topic, kind and urgency of an addressed post. `words` has the labels `topic:CODE`, `kind:KIND` and `urgency:URGENCY`."""
    known = listed(text, lexicon)
    found = [*signs(text.folded), *marks(text)]
    scores = words.scores(found, known.weights)
    answers: list[str] = []
    reasons: list[Reason] = []
    for field in ("topic", "kind", "urgency"):
        start, end = words.span(field)
        at = start + int(scores[start:end].argmax())
        label = words.labels[at]
        answers.append(label.partition(":")[2])
        if label != "urgency:normal" and (place := _place(label, at, words, found, known)) is not None:
            first, last = text.span_of(*place)
            rule = "urgent" if field == "urgency" else label
            reasons.append(Reason(rule, first, last, float(scores[at]), text.raw[first:last]))
    topic, kind, urgency = answers
    return Subject(topic, kind, urgency, tuple(reasons))  # type: ignore[arg-type]


def _place(label: str, at: int, words: WordModel, found: Sequence[tuple[str, int]], known: Listed) -> tuple[int, int] | None:
    """First and last word of what a label rests on: a word of its list, else the one that says most for it."""
    named = [label] if label in known.first else []
    if label == "urgency:urgent":       # the sign of danger that weighs most
        named = sorted((name for name in known.first if name.startswith("urgency:") and words.mark(name, at) > 0),
                       key=lambda name: -words.mark(name, at))
    if named:
        return known.first[named[0]].first, known.first[named[0]].last
    best = words.best(found, at)
    return None if best is None else (best, best)
