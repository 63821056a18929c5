"""Whether two messages are about one problem: by words, place, topic and time. Pure: values in, a likeness out.

It proposes; a person merges. Only what says nearly the same words of the same place is joined by itself. Nothing here knows
of surges, authors or numbers (invariant 3).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from monitor.core.text import fold

WITHIN = timedelta(days=14)
"""Messages further apart are two occasions."""

NEAR_IDENTICAL = 0.82
"""Share of common word pairs from which two texts say the same; measured on tests/ticketing/same_problem.tsv."""

ALIKE = 0.30
"""From here the words alone speak for one problem, where neither place nor topic speaks against it."""

SOON = timedelta(days=5)
"""So close in time, the same exact place and topic are one problem in whatever words: people write in two languages."""

_WORD = re.compile(r"[^\W_]+")
_STEM = 5
_STREET = 4
_KINDS = frozenset(fold(w) for w in ["улица", "улице", "улицы", "ул", "көшесі", "көшесінде", "көшесінің", "көше", "проспект", "пр", "даңғылы", "даңғыл", "мкр", "микрорайон", "микрорайоне", "ықшамауданы", "дом", "дома", "доме", "д", "үй", "үйдің", "үйде", "двор", "дворе", "аула", "ауласында", "подъезд", "подъезде", "остановка", "остановке", "аялдама", "аялдамасында", "аялдамасы", "район", "районе", "ауданы", "қаласы", "город", "городе", "село", "ауылы", "ауылында", "на", "в", "во", "у", "возле", "около", "жанында", "қасында", "напротив", "перекресток", "перекрестке", "қиылысында", "қиылысы", "угол", "бұрышы", "и", "мен", "и"])
_EMPTY = frozenset(fold(w) for w in ["и", "в", "во", "на", "не", "что", "с", "со", "по", "к", "у", "за", "из", "от", "до", "для", "это", "как", "так", "уже", "мы", "нас", "нам", "вы", "я", "он", "она", "они", "то", "же", "бы", "ли", "но", "а", "или", "при", "о", "об", "мен", "және", "бұл", "да", "де", "та", "те", "үшін", "біз", "біздің", "бізде", "сіз", "ол", "осы", "сол", "бар", "жоқ", "бір", "әлі", "енді", "деп", "еді", "ма", "ме", "ба", "бе", "па", "пе", "ғой", "акимат", "акимату", "аким", "акиму", "уважаемый", "уважаемая", "здравствуйте", "добрый", "день", "пожалуйста", "просим", "прошу", "құрметті", "әкім", "әкімдік", "әкімі", "сәлеметсіздер", "сәлем", "өтінеміз"])
_NEGATIONS = frozenset({"не", "нет", "жок"})


@dataclass(frozen=True, slots=True)
class Case:
    """A message as it is compared."""

    text: str
    place: str
    topic: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Likeness:
    """What speaks for one problem. `sure`: nearly the same words of the same place."""

    text: float
    place: bool
    topic: bool
    hours: float
    sure: bool

    def why(self) -> dict[str, Any]:
        """As a proposal keeps it, for those who decide."""
        return {"text": round(self.text, 2), "place": self.place, "topic": self.topic, "hours": round(self.hours, 1)}


def likeness(one: Case, other: Case) -> Likeness | None:
    """How alike two messages are where they may be one problem; None where they are not."""
    apart = abs(one.at - other.at)
    if apart > WITHIN:
        return None
    words = _shared(one.text, other.text)
    same, against = compared(one, other)
    topic = one.topic == other.topic
    found = Likeness(words, same, topic, apart / timedelta(hours=1), words >= NEAR_IDENTICAL and same and topic)
    if against:
        return None
    if words >= NEAR_IDENTICAL:
        return found
    if same and (words >= ALIKE or (topic and topic_says(one.topic) and apart <= SOON)):
        return found
    return found if topic and words >= ALIKE else None


def topic_says(topic: str) -> bool:
    """Whether a topic is narrow enough to speak for one problem at one place."""
    return topic not in ("other", "")


def compared(one: Case, other: Case) -> tuple[bool, bool]:
    """Whether two messages name the same place, and whether they name different ones."""
    a, b = place_of(one.place or one.text), place_of(other.place or other.text)
    streets = a.streets & b.streets
    apart = bool(a.houses and b.houses and not a.houses & b.houses)
    if one.place and other.place:
        return bool(streets) and not apart, not streets or apart
    # Places read from the whole text: numbers are houses only beside a street that both name.
    near = {(street, house) for street, house in a.pairs} & {(street, house) for street, house in b.pairs}
    clash = bool(a.pairs and b.pairs and not near)
    return bool(near) or (bool(streets) and bool(one.place or other.place) and not apart), clash


@dataclass(frozen=True, slots=True)
class Place:
    """Streets by their first letters, house numbers, and which number stands beside which street."""

    streets: frozenset[str]
    houses: frozenset[str]
    pairs: frozenset[tuple[str, str]]


@lru_cache(maxsize=4096)
def place_of(text: str) -> Place:
    """What in a text may name a place."""
    words = [w for w in _WORD.findall(fold(text[:1000])) if w not in _KINDS or w.isdigit()]
    streets = frozenset(_sound(w) for w in words if not w[0].isdigit() and len(w) >= 3)
    houses = frozenset(w for w in words if w[0].isdigit() and len(w) <= 5)
    pairs = frozenset((_sound(a), b) for a, b in itertools.pairwise(words)
                      if b[0].isdigit() and len(b) <= 5 and not a[0].isdigit() and len(a) >= 4)
    return Place(streets, houses, pairs)


_SOUNDS = str.maketrans({"ю": "у", "я": "а", "э": "е", "ы": "и", "п": "б", "й": None, "ь": None, "ъ": None})


def _sound(word: str) -> str:
    """A street's name as both languages say it: Сәтбаев and Сатпаева, Дүйсенов and Дюсенова, Абай and Абая are one."""
    said = word.translate(_SOUNDS)[:_STREET]
    return said.rstrip("аеиоу") or said


@lru_cache(maxsize=4096)
def _signs(text: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Stems of a text and pairs of neighbours: the pairs tell "the same words" from "the same subject". Addresses are left
    to `compared`: one house has many troubles."""
    words = _WORD.findall(fold(text[:4000]))
    address = {i for i, w in enumerate(words) if w[0].isdigit()} | {i - 1 for i, w in enumerate(words) if w[0].isdigit() and i}
    kept = [w if w in _NEGATIONS else w[:_STEM] for i, w in enumerate(words)
            if i not in address and (w in _NEGATIONS or (w not in _EMPTY and w not in _KINDS))]
    return frozenset(kept), frozenset(itertools.pairwise(kept))


def _shared(one: str, other: str) -> float:
    """Common stems and common pairs, as a share of all: 1 the same, 0 nothing in common."""
    (a, pairs_a), (b, pairs_b) = _signs(one), _signs(other)
    if not a or not b:
        return 0.0
    words = len(a & b) / len(a | b)
    pairs = len(pairs_a & pairs_b) / len(pairs_a | pairs_b) if pairs_a and pairs_b else words
    return (words + pairs) / 2


def best(case: Case, others: Sequence[tuple[str, Case]], most: int = 3) -> list[tuple[str, Likeness]]:
    """The messages most alike, by number, the surest first."""
    found = [(number, found) for number, other in others if (found := likeness(case, other)) is not None]
    return sorted(found, key=lambda f: (-f[1].sure, -f[1].place, -f[1].text, f[0]))[:most]
