"""Whether two messages are about one problem: by words, place, topic and time. Pure: values in, a likeness out.

It proposes; a person merges. Only what says nearly the same words of the same place is joined by itself. Nothing here knows
of surges, authors or numbers (invariant 3).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from monitor.core.text import fold
from ticketing.named_places import KINDS, WIDE, Place, key, place_of

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
_EMPTY = frozenset(fold(w) for w in ["и", "в", "во", "на", "не", "что", "с", "со", "по", "к", "у", "за", "из", "от", "до", "для", "это", "как", "так", "уже", "мы", "нас", "нам", "вы", "я", "он", "она", "они", "то", "же", "бы", "ли", "но", "а", "или", "при", "о", "об", "мен", "және", "бұл", "да", "де", "та", "те", "үшін", "біз", "біздің", "бізде", "сіз", "ол", "осы", "сол", "бар", "жоқ", "бір", "әлі", "енді", "деп", "еді", "ма", "ме", "ба", "бе", "па", "пе", "ғой", "акимат", "акимату", "аким", "акиму", "уважаемый", "уважаемая", "здравствуйте", "добрый", "день", "пожалуйста", "просим", "прошу", "құрметті", "әкім", "әкімдік", "әкімі", "сәлеметсіздер", "сәлем", "өтінеміз"])
_NEGATIONS = frozenset({"не", "нет", "жок"})


_NEIGHBOURS = frozenset(frozenset(pair) for pair in (
    ("power", "street_lighting"), ("roads", "safety"), *(("emergency", utility) for utility in ("water", "gas", "power"))))
"""Topics between which two people choose for one trouble."""


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
    topic = one_topic(one.topic, other.topic)
    found = Likeness(words, same, topic, apart / timedelta(hours=1), words >= NEAR_IDENTICAL and same and one.topic == other.topic)
    if against:
        return None
    if words >= NEAR_IDENTICAL:
        return found
    if same and (words >= ALIKE or (topic and topic_says(one.topic) and topic_says(other.topic) and apart <= SOON)):
        return found
    return found if topic and words >= ALIKE else None


def topic_says(topic: str) -> bool:
    """Whether a topic is narrow enough to speak for one problem at one place: a school or a clinic has all kinds of them."""
    return topic not in ("other", "", "education", "healthcare")


def one_topic(a: str, b: str) -> bool:
    """Whether two topics may be one problem seen by two people."""
    return a == b or frozenset((a, b)) in _NEIGHBOURS


def compared(one: Case, other: Case) -> tuple[bool, bool]:
    """Whether two messages name the same place, and whether they name different ones. What is exact decides: house, crossing, stop."""
    a, b = _place(one), _place(other)
    if a.buses and b.buses and not a.buses & b.buses:
        return False, True
    for x, y in ((a.pairs, b.pairs), (a.crossings, b.crossings), (a.stops, b.stops), (a.numbered, b.numbered)):
        if x and y:
            return bool(x & y), not x & y
    if (a.near and b.near and not a.near & b.near) or _apart(a, b) or _apart(b, a):
        return False, True
    if a.exact or b.exact:
        return False, False             # a street is not yet the house or the crossing
    apart = bool(a.houses and b.houses and not a.houses & b.houses)
    same = bool((one.place and _in(a, b)) or (other.place and _in(b, a))) and not apart
    return same, bool(one.place and other.place) and (not a.words & b.words or apart)


def _in(place: Place, other: Place) -> bool:
    """Whether a place that is no spot is named by another message, too: all of its names, and half of its words."""
    return bool(place.words) and place.proper <= other.words and 2 * len(place.words & other.words) >= len(place.words)


def _apart(house: Place, park: Place) -> bool:
    """Whether one is at a house and the other in a park, at a station: named after the same person, and not one place."""
    return bool(house.pairs and not park.exact and park.objects & WIDE - house.objects)


def _place(case: Case) -> Place:
    """The place that was read out of a message; where that is no spot, what the whole message names."""
    read = place_of(case.place) if case.place else Place()
    if read.exact:
        return read
    whole = place_of(case.text)
    return whole if whole.exact or not case.place else replace(read, buses=whole.buses, numbered=whole.numbered, near=whole.near, objects=whole.objects)


@lru_cache(maxsize=4096)
def _signs(text: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Stems of a text and pairs of neighbours: the pairs tell "the same words" from "the same subject". Addresses are left
    to `compared`: one house has many troubles."""
    words = _WORD.findall(fold(text[:4000]))
    address = {i for i, w in enumerate(words) if w[0].isdigit()} | {i - 1 for i, w in enumerate(words) if w[0].isdigit() and i}
    place = place_of(text)
    spots = frozenset(itertools.chain(place.stops, *place.crossings))
    kept = [w if w in _NEGATIONS else w[:_STEM] for i, w in enumerate(words)
            if i not in address and not (spots and key(w) in spots) and (w in _NEGATIONS or (w not in _EMPTY and w not in KINDS))]
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
