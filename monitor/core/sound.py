"""Names by their consonants, for names that are misspelt or typed in another alphabet (Syrdarıa, Меркі, Павладар).

Vowels are what writers of Kazakh names disagree about, between the two languages, three alphabets and two decades; the
consonants stay. It is asked only where no name was found beside a word of level or a word for an akimat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from monitor.core.registry import Akimat, Registry
from monitor.core.text import fold

LEAST = 3
"""Consonants that a name must have to be known by them."""
LEAST_NEAR = 5
"""Consonants that a name must have for one of them to be wrong, missing or too many."""

_VOWELS = re.compile(r"[аеиоуыюяйэё]+")
_TWICE = re.compile(r"(.)\1+")
_KAZAKH_ENDING = re.compile(r"(?:[нтд]ын|[нтд]ин|[дт]агы|[дт]еги|[дт]ан|[дт]ен|нан|нен|[дт]а|[дт]е|га|ге|ка|ке|на|не|мен|пен|бен|[лдт]ык|[лдт]ик)$")
_RUSSIAN_ENDING = re.compile(r"(?:ин)?ск(?:ий|ого|ому|им|ом|ая|ой|ую|ое)?$")
_LEVEL = re.compile(
    r"^(?:город|район|область|поселок|село|сельский округ|имени|им\.)\s*|\s+(?:қаласы|облысы|ауданы|ауылдық округі|кенті|атындағы.*|"
    r"район|область|городская администрация|поселковая администрация|сельский округ)$", re.I)


def consonants(word: str) -> str:
    """The consonants of a folded word; an initial vowel counts as one letter, doubled letters as one."""
    first = "a" if _VOWELS.match(word) else ""
    return first + _TWICE.sub(r"\1", _VOWELS.sub("", word.replace("дж", "ж").replace("тс", "ц")))


def _stems(word: str) -> Iterator[str]:
    yield word
    for ending in (_KAZAKH_ENDING, _RUSSIAN_ENDING):
        stem = ending.sub("", word)
        if stem != word and len(stem) >= LEAST:
            yield stem


def _near(key: str) -> Iterator[str]:
    """The key, and it without each of its letters: two keys share one of these where one letter parts them."""
    yield key
    for i in range(len(key)):
        yield key[:i] + key[i + 1:]


class Sounds:
    """The districts, cities, oblasts and towns by their consonants."""

    def __init__(self, registry: Registry) -> None:
        self._exact: dict[str, set[str]] = {}
        self._near: dict[str, set[tuple[str, str]]] = {}
        for unit in registry:
            if unit.level <= 2 or unit.type in "TP":
                self._learn(unit)

    def _learn(self, unit: Akimat) -> None:
        for name in (unit.name_kk, unit.name_ru):
            bare = fold(_LEVEL.sub("", name)).replace("-", "").strip()
            if " " in bare:
                continue
            for stem in _stems(bare):
                key = consonants(stem)
                if len(key) >= LEAST:
                    self._exact.setdefault(key, set()).add(unit.code)
                    if len(key) >= LEAST_NEAR:
                        for near in _near(key):
                            self._near.setdefault(near, set()).add((key, unit.code))

    def units(self, word: str) -> tuple[str, ...]:
        """The units whose name has the consonants of a folded word; where none has, those one consonant away."""
        keys = [key for stem in _stems(word) if len(key := consonants(stem)) >= LEAST]
        for key in keys:
            if key in self._exact:
                return tuple(sorted(self._exact[key]))
        for key in keys:
            if len(key) >= LEAST_NEAR - 1:
                found = {code for near in _near(key) for full, code in self._near.get(near, ()) if full[0] == key[0]}
                if found:
                    return tuple(sorted(found))
        return ()
