"""What detection knows, as values. config.knowledge reads it from files; nothing here reads anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.core.language import LanguageModel
from monitor.core.lexicon import Hit, Lexicon
from monitor.core.registry import Registry
from monitor.core.text import Text
from monitor.core.words import WordModel


@dataclass(frozen=True, slots=True)
class Cue:
    """A mark of the address lexicon: a sign that a text speaks to an akimat or about one."""

    name: str
    called: bool = False
    """Counts only as a call: at the start of the text, or with a comma or mark right after it."""


@dataclass(frozen=True, slots=True)
class Level:
    """A word of level: город, ауданы, облыстық. `types` are the types of unit it may stand for."""

    types: str
    adjective: bool = False


@dataclass(frozen=True, slots=True)
class HeadWord:
    """A word for an akimat or its head. `kind`: body, person, leaders (only beside a level or place), attached."""

    kind: str
    types: str = ""


@dataclass(frozen=True, slots=True)
class Street:
    """A word that makes the name beside it a street, a square or a school. `side`: before or after the name."""

    side: str


@dataclass(frozen=True, slots=True)
class Body:
    """Another body, or a place abroad. `kind`: other or abroad."""

    kind: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A line of the classifier of topics."""

    code: str
    group: str
    name_kk: str
    name_ru: str
    name_en: str
    department: str


@dataclass(frozen=True, slots=True)
class AddressModel:
    """Logistic regression: the bias, a weight per feature, what single words add, and the probabilities from which a post is
    registered or shown."""

    bias: float
    weights: Mapping[str, float]
    words: WordModel
    register: float
    triage: float


class Places(Protocol):
    """What finds the places of a text: monitor.core.location.PlaceReader. `nouns` is its class of words (landmarks.yaml)."""

    nouns: Any

    def find(self, text: Text, hits: Sequence[Hit], place: Mapping[int, str]) -> list[tuple[int, int]]:
        """The first and last word of each; `place` is what monitor.core.location.told says of words."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that `Judge` needs. `ruleset` changes when any file of it changes."""

    registry: Registry
    address: Lexicon
    """Names, heads, levels, streets, bodies and cues."""
    subject: Lexicon
    """Topics, kinds, urgency: read only where a post is addressed."""
    subject_words: WordModel
    """What labelled posts say of words: labels `topic:CODE`, `kind:KIND`, `urgency:URGENCY`."""
    model: AddressModel
    language: LanguageModel
    places: Places
    topics: Mapping[str, Topic]
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Official accounts named outright: handle (lower case, no @) to code."""
    ruleset: str = ""
