"""Labelled posts changed: as people mistype them, and with the place they name replaced by another one."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from config.knowledge import DEFAULT, name_endings
from monitor.core.registry import Registry
from monitor.core.text import Text, fold

PLAIN = str.maketrans("әіңғүұқөһӘІҢҒҮҰҚӨҺ", "аингуукохАИНГУУКОХ")
LATIN = {
    **dict(zip("абвгғдезийіклмнңоөпрстуұүфхһцыәқ", "abvggdeziiiklmnnooprstuuufhhcyak", strict=True)),
    "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sh", "ё": "e", "э": "e", "ю": "yu", "я": "ya", "ь": "", "ъ": ""}
FRONT = str.maketrans("аықғ", "еікг")
BACK = str.maketrans("еікг", "аықғ")
VOWEL = re.compile("[аоұыяуәөүіеэи]")


def plain(text: str) -> str:
    """Without the letters only Kazakh has."""
    return text.translate(PLAIN)


def latin(text: str) -> str:
    """As people type Kazakh and Russian in Latin."""
    return "".join([LATIN.get(c.lower(), c).capitalize() if c.isupper() else LATIN.get(c, c) for c in text])


def mistyped(text: str, rng: random.Random, often: float = 0.12) -> str:
    """With a letter left out, doubled or changed for the next one in that share of the words of five letters and more."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and rng.random() < often:
            k, kind = rng.randrange(1, len(word) - 1), rng.random()
            words[i] = (word[:k] + word[k + 1:] if kind < 0.4 else word[:k] + word[k + 1] + word[k] + word[k + 2:] if kind < 0.7
                        else word[:k] + word[k] + word[k:])
    return " ".join(words)


class Places:
    """The names of the registry that stand for others of the same level, in the case forms that both take."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._forms: dict[str, dict[str, list[tuple[str, str, str]]]] = defaultdict(lambda: defaultdict(list))
        self._means: dict[str, set[str]] = defaultdict(set)
        """Each form of a name, and the units it may stand for; * marks a settlement below one."""
        for line in (DEFAULT / "names.tsv").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            stem, kind, refs = line.split("\t")
            for ending in name_endings(kind):
                self._means[stem + ending].update(refs.split())
            for code in refs.split():
                written = None if code.endswith("*") else self._written(code, stem)
                for ending in name_endings(kind) if written else ():
                    self._forms[code][stem + ending].append((written or "", kind, ending))

    def _written(self, code: str, stem: str) -> str | None:
        """The stem as the unit's full name spells it, or None where it does not begin a word of it."""
        unit = self._registry[code]
        for name in (unit.name_kk, unit.name_ru):
            words = name.split()
            for first in range(len(words)):
                rest = " ".join(words[first:])
                for end in range(len(rest), 0, -1) if rest[0].isupper() else ():
                    if rest[end - 1] != " " and "  ".join(fold(rest[:end]).replace("-", " ").split()) == stem:
                        return rest[:end]
        return None

    def _levels(self, form: str) -> Counter[str]:
        """The levels of all that a form may mean."""
        return Counter(f"{self._registry[ref.rstrip('*')].type}{ref[9:]}" for ref in self._means[form])

    def swap(self, text: str, code: str, rng: random.Random) -> tuple[str, str] | None:
        """The text with another unit of the level in place of `code`, and that unit's code; None where no name fits.

        Where the text names a unit above it, the other one lies below that too. The other name is as plain as the old one: it
        may mean no level that the old one may not, nor more units of a level.
        """
        read = Text(text)
        found: list[tuple[int, int, str]] = []
        i = 0
        while i < len(read.folded):
            for length in (4, 3, 2, 1):
                said = "  ".join(read.folded[i:i + length])
                if i + length <= len(read.folded) and said in self._forms[code]:
                    found.append((i, i + length - 1, said))
                    i += length - 1
                    break
            i += 1
        if not found:
            return None
        pairs = {"  ".join(read.folded[k:k + n]) for n in (1, 2) for k in range(len(read.folded))} - self._forms[code].keys()
        above = next((up for up in self._registry.ancestors(code)[1:] if not pairs.isdisjoint(self._forms[up])), None)
        others = [unit.code for unit in self._registry if unit.type == self._registry[code].type and unit.code != code
                  and (above is None or self._registry.within(unit.code, above))]
        rng.shuffle(others)
        for other in others:
            new = self._replaced(read, found, code, other)
            if new is not None and fold(new) != fold(text):     # not another one of the same name
                return new, other
        return None

    def _replaced(self, read: Text, found: Sequence[tuple[int, int, str]], code: str, other: str) -> str | None:
        raw, at, parts = read.raw, 0, []
        for first, last, said in found:
            start, end = read.span_of(first, last)
            levels = self._levels(said)
            for own, kind, ending in self._forms[code][said]:
                fits = [(stem, form) for form, ways in self._forms[other].items() for stem, k, e in ways
                        if (k, e) == (kind, ending) and self._levels(form) <= levels]
                if fits:
                    stem, tail = fits[0][0], raw[start + len(own):end]
                    ending = tail if fold(tail) == ending else ending
                    stem = stem.upper() if raw[start:end].isupper() else stem
                    parts.append(raw[at:start] + stem + (in_harmony(stem, ending) if kind.startswith("=") else ending))
                    at = end
                    break
            else:
                return None
        return "".join(parts) + raw[at:]


def in_harmony(stem: str, ending: str) -> str:
    """A Kazakh ending with the vowels that the stem asks for."""
    vowels = VOWEL.findall(stem.lower())
    if ending in ("мен", "бен", "пен") or not vowels:
        return ending
    return ending.translate(FRONT if vowels[-1] in "әөүіеэи" else BACK)
