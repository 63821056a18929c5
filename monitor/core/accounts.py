"""Which unit an official account speaks for, read from its handle."""

from __future__ import annotations

import re
from collections.abc import Mapping

from monitor.core.knowledge import HeadWord, Level
from monitor.core.lexicon import Lexicon
from monitor.core.places import Choice, choose
from monitor.core.registry import Name, Registry
from monitor.core.sound import Sounds
from monitor.core.text import Text

_OFFICIAL = frozenset(("адм", "администрация", "оффисиал", "оффисиял", "официал", "официалный", "пресс", "гов", "муниципал", "пресссентр"))
_OFFICE = frozenset(("акимат", "акимдик", "акимдиги", "аким", "акими"))
_BESIDE_NAME = re.compile(r"\(@([\w.@-]+)\)$")
_PARTS = re.compile(r"[_.\-\d]+")
_GLUED = re.compile(r"(obl|gor|rai)?(akimat|akimdigi|akimdik)")


LEAST = 5
"""Letters of a part of a handle that may name a unit by its consonants."""


class Accounts:
    """The official accounts: those named in the knowledge, and handles that name a unit and say that they are official."""

    def __init__(self, lexicon: Lexicon, registry: Registry, named: Mapping[str, str], sounds: Sounds) -> None:
        self.lexicon, self.registry, self.named, self.sounds = lexicon, registry, named, sounds

    def unit(self, handle: str) -> Choice | None:
        """The unit that an account speaks for; None where the handle is nobody's akimat.

        Official: a word for an akimat, its press or its level stands in the handle, or a unit inside another one
        (almaty_turksib). A place alone (astana_life) is nobody.
        """
        name = handle.strip().lstrip("@").lower()[:64]
        if name in self.named:
            return Choice(self.named[name])
        words = _PARTS.sub(" ", name)
        choice: Choice | None = None
        for spelling in (words, re.sub(r"y\b", "yi", words), _GLUED.sub(r" \1 \2 ", words)):  # rudny: Рудный; akimatoral
            choice = self._spoken_for(Text(spelling)) or choice
            if choice is not None and (choice.code or choice.candidates):
                return choice
        return choice

    def own(self, author: str) -> bool:
        """Whether the author is an akimat's own account, by its handle: its posts are no messages of citizens."""
        beside = _BESIDE_NAME.search(author)        # "Name (@account)": the account decides, not the name
        name = (beside[1] if beside else author.strip().removeprefix("@")).lower()
        if " " in name or not any(word in name for word in ("akim", "әкім", "аким")):
            return name in self.named
        found = self.unit(name)
        return found is not None and found.code is not None

    def _spoken_for(self, text: Text) -> Choice | None:
        registry = self.registry
        groups: list[tuple[str, ...]] = []
        official = any(word in _OFFICIAL for word in text.folded)
        types, named = "", 0
        told: set[int] = set()
        for hit in self.lexicon.find(text):
            units = tuple(dict.fromkeys(c for m in hit.marks if isinstance(m, Name) for c in m.units + m.settlements))
            if units:
                groups.append(units)
                named += hit.last - hit.first + 1
            for mark in hit.marks:
                if isinstance(mark, HeadWord):
                    official = True
                    types = mark.types or types
                elif isinstance(mark, Level) and not units and len(text.folded[hit.first]) > 1:
                    official, types = True, mark.types
            told.update(range(hit.first, hit.last + 1))
        for i, word in enumerate(text.folded):      # misspelt or in another Latin spelling: akimat_zharkain
            near = self.sounds.units(word) if i not in told and len(word) >= LEAST else ()
            if near and (not groups or any(registry.within(u, o) for u in near for o in groups[-1])):
                groups.append(near)
                named += 1
        if not groups:
            return Choice(None) if official and any(word in _OFFICE for word in text.folded) else None
        own = groups[-1]
        for other in groups[:-1]:
            inside = tuple(u for u in own if any(u != o and registry.within(u, o) for o in other))
            around = tuple(u for u in other if any(u != o and registry.within(u, o) for o in own))
            if inside:
                own, official = inside, official or named == len(text.words)
            elif around:
                own, official = around, official or named == len(text.words)
        if not official:
            return None
        fit = tuple(u for u in own if registry[u].type in types) if types else ()
        return choose(fit or tuple(u for u in own if registry[u].level <= 2) or own, registry)
