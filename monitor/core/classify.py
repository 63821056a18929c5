"""What an addressed post is about, what kind of post it is, and whether it is urgent; with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.core.lexicon import Hit, Lexicon
from monitor.core.text import Text
from monitor.core.verdict import Kind, Reason, Urgency

SURE, STRONG, WEAK = 5.0, 3.0, 1.0


@dataclass(frozen=True, slots=True)
class TopicWord:
    """A word that speaks for a topic. `order` settles ties."""

    code: str
    weight: float
    order: int


@dataclass(frozen=True, slots=True)
class KindCue:
    """A word that speaks for a kind of post."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class UrgencyCue:
    """`part`: sure, lack or severe."""

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


def topical(text: Text, lexicon: Lexicon) -> bool:
    """Whether a word of a topic stands in the text."""
    return any(isinstance(mark, TopicWord) for hit in Lexicon.find(lexicon, text) for mark in hit.marks)


def subject(text: Text, lexicon: Lexicon) -> Subject:
    """Topic, kind and urgency of an addressed post."""
    scores: dict[str, float] = {}
    order: dict[str, int] = {}
    first: dict[str, Hit] = {}
    kinds: dict[Kind, Hit] = {}
    parts: dict[str, Hit] = {}
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
                scores[mark.code] = scores.get(mark.code, 0.0) + mark.weight * (0.3 if again else 1.0)
                order[mark.code] = mark.order
                first.setdefault(mark.code, hit)
            elif isinstance(mark, KindCue):
                kinds.setdefault(mark.kind, hit)
            elif isinstance(mark, UrgencyCue):
                parts.setdefault(mark.part, hit)
    topic = min(scores, key=lambda c: (-scores[c], first[c].first, order[c]), default="other")
    kind = kind_of(kinds, "?" in text.clean)
    rushed = "sure" in parts or ("lack" in parts and "severe" in parts)
    reasons = []
    if topic in first:
        reasons.append(_reason(text, f"topic:{topic}", first[topic], scores[topic]))
    if kind in kinds:
        reasons.append(_reason(text, f"kind:{kind}", kinds[kind], 1.0))
    if rushed:
        reasons.append(_reason(text, "urgent", parts.get("sure") or parts["lack"], 1.0))
    return Subject(topic, kind, "urgent" if rushed else "normal", tuple(reasons))


def kind_of(kinds: Mapping[Kind, Hit], question: bool) -> Kind:
    """The kind that a post's cues speak for."""
    if "proposal" in kinds:
        return "proposal"
    if "response" in kinds and not kinds.keys() & {"complaint", "application"} and not question:
        return "response"
    if "message" in kinds and not question:
        return "message"
    if "complaint" in kinds:
        return "complaint"
    if "application" in kinds:
        return "application"
    if "inquiry" in kinds and question:
        return "inquiry"
    return "complaint"


def _reason(text: Text, rule: str, hit: Hit, weight: float) -> Reason:
    start, end = text.span_of(hit.first, hit.last)
    return Reason(rule, start, end, weight, text.raw[start:end])
