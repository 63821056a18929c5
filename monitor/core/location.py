"""Where a post says that the trouble is: street and house, micro-district, stop, school, landmark or village.

A conditional random field reads the words in their order (Lafferty, McCallum & Pereira 2001, "Conditional random fields"),
with what the lexicon knows of each: names of units, words of level and of streets. tools/fit_places.py fits it on the
places that people marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Lock

import pycrfsuite

from monitor.core.address import Reading
from monitor.core.knowledge import Body, HeadWord, Level, Street
from monitor.core.lexicon import Hit
from monitor.core.registry import Name, Registry
from monitor.core.text import Text

EDGE, SURE, SECOND = 0.1, 0.15, 0.3
"""How likely a word must be to belong to a place, one word of it to make it one, and one word of a second place. Low: a
caretaker strikes out a word more easily than they guess one."""
MOST = 2
"""Places given for one post."""
LONGEST = 400
"""Words that are read."""

_STOP, _PAUSE = re.compile(r"[.!?\n]"), re.compile(r"[,;:()]")


def told(reading: Reading, code: str | None, registry: Registry) -> dict[int, str]:
    """What the addressee says of words: A names the addressee, I is a place inside the unit addressed, P another place."""
    out: dict[int, str] = {}
    for m in reading.places:
        inside = (code is not None and any(u != code and registry.within(u, code) for u in m.units)) or code in m.settlements
        for i in range(m.first, m.last + 1):
            out[i] = "I" if inside else "P"
    for head in reading.heads:
        if head.kind != "unnamed":
            for i in range(head.first, head.last + 1):
                out[i] = "A"
    return out


def features(text: Text, hits: Sequence[Hit], place: Mapping[int, str], nouns: Nouns) -> list[list[str]]:
    """What is known of each word and of its neighbours. `place` is what `told` answers."""
    n = min(len(text.words), LONGEST)
    known: list[str] = [place.get(i, "") for i in range(n)]
    for hit in hits:
        letter = "".join(sorted({_letter(mark) for mark in hit.marks}))
        for i in range(hit.first, min(hit.last + 1, n)):
            known[i] += letter
    words, shapes, pauses = text.folded[:n], [_shape(text.clean[a:b]) for a, b in text.spans[:n]], [_pause(g) for g in text.gaps[:n]]
    words = ["0" if shape == "d" else word for word, shape in zip(words, shapes, strict=True)]
    kinds = [nouns.kind(word) for word in words]
    beside = [_beside(*one) for one in zip(words, shapes, known, kinds, strict=True)]
    out: list[list[str]] = []
    for i in range(n):
        word, shape, mark, pause = words[i], shapes[i], known[i], pauses[i]
        signs = [*_own(word, shape, mark, kinds[i]), "g=" + pause]
        if i == 0:
            signs.append("first")
        if i > 1:
            signs += beside[i - 2][0]
        if i:
            signs += beside[i - 1][1]
            signs += ("hh=" + shapes[i - 1] + shape + pause, "pb=" + words[i - 1][:4] + "|" + shape)
        else:
            signs.append("-1end")
        if i + 1 < n:
            signs += beside[i + 1][2]
            signs += ("g1=" + pauses[i + 1], "pn=" + words[i + 1][:4] + "|" + shape)
        else:
            signs.append("1end")
        if i + 2 < n:
            signs += beside[i + 2][3]
        out.append(signs)
    return out


@lru_cache(maxsize=20_000)
def _own(word: str, shape: str, mark: str, kind: str) -> tuple[str, ...]:
    """What a word says of itself."""
    end = word[-2:]
    return ("b", "w=" + word, "p5=" + word[:5], "p4=" + word[:4], "s3=" + word[-3:], "s2=" + end, "h=" + shape, "m=" + mark,
            "hm=" + shape + mark, "hs=" + shape + end, "ms=" + mark + end, *(("k=" + kind, "ks=" + kind + end) if kind else ()))


@lru_cache(maxsize=20_000)
def _beside(word: str, shape: str, mark: str, kind: str) -> tuple[tuple[str, ...], ...]:
    """What a word says to the one two behind it, one behind, one before and two before it."""
    return tuple((f"{d}p={word[:5]}", f"{d}h={shape}", *((f"{d}m={mark}",) if mark else ()), *((f"{d}k={kind}",) if kind else ()))
                 for d in (-2, -1, 1, 2))


class Nouns:
    """Words that are places or say where one lies (landmarks.yaml), whole or by their beginning: classes of words for the model,
    so that what it learnt of one landmark holds for all."""

    def __init__(self, whole: Mapping[str, str], beginnings: Mapping[str, str]) -> None:
        self._whole, self._beginnings = dict(whole), dict(beginnings)
        self._lengths = sorted({len(b) for b in beginnings}, reverse=True)
        self.kind = lru_cache(maxsize=20_000)(self._kind)

    def _kind(self, word: str) -> str:
        begun = (self._beginnings.get(word[:n]) for n in self._lengths if n <= len(word))
        return self._whole.get(word) or next((kind for kind in begun if kind), "")


def _letter(mark: object) -> str:
    if isinstance(mark, Name):
        return "c" if mark.common else "N" if mark.units else "n"
    return {Level: "L", Street: "S", HeadWord: "H", Body: "B"}.get(type(mark), "")


@lru_cache(maxsize=20_000)
def _shape(word: str) -> str:
    if word.isdigit():
        return "d"
    if any(c.isdigit() for c in word):
        return "dx"
    if len(word) > 1 and word.isupper():
        return "U"
    return "C" if word[0].isupper() else "l"


@lru_cache(maxsize=2_000)
def _pause(gap: str) -> str:
    if _STOP.search(gap):
        return "."
    if _PAUSE.search(gap):
        return ","
    return "-" if "-" in gap or "–" in gap else '"' if "«" in gap or '"' in gap else ""


class PlaceReader:
    """Finds the places of a text. Any number of threads may share it."""

    def __init__(self, model: bytes, nouns: Nouns) -> None:
        self.nouns = nouns
        self._model = model     # the tagger reads these bytes for as long as it lives and does not hold them itself
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(model)
        self._lock = Lock()

    def find(self, text: Text, hits: Sequence[Hit], place: Mapping[int, str]) -> list[tuple[int, int]]:
        """The first and last word of the likeliest places, in the order of the text. `place` is what `told` answers."""
        signs = features(text, hits, place, self.nouns)
        if not signs:
            return []
        with self._lock:        # the tagger holds one sequence at a time
            tags = self._tagger.tag(signs)
            likely = [1 - self._tagger.marginal("O", i) for i in range(len(signs))]
        found: list[list[float]] = []
        for i, share in enumerate(likely):
            if share < EDGE:
                continue
            if found and found[-1][1] == i - 1 and (tags[i] == "I" or _pause(text.gaps[i]) in ("", "-", '"')):
                found[-1][1], found[-1][2] = i, max(found[-1][2], share)
            else:
                found.append([i, i, share])
        best = sorted((place for place in found if place[2] >= SURE), key=lambda place: -place[2])
        best = sorted(best[:1] + [place for place in best[1:MOST] if place[2] >= SECOND])
        return [(int(first), int(last)) for first, last, _ in best]
