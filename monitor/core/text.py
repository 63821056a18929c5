"""Text as detection reads it: words in one folded spelling, each with its place in the raw text.

Folding makes one spelling out of many: Kazakh with or without its special letters, Kazakh or Russian typed in Latin,
letters that only look Cyrillic, letters hidden behind zero-width marks or spread out with spaces. It must never be
shown or stored: it is for matching. Everything here is linear in the length of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

READ_LIMIT = 8_000
"""Characters of one post that are judged. The longest letter we have seen has 3,000."""

_WORD = re.compile(r"[^\W_]+")
_HIDDEN = re.compile("[\u00ad\u034f\u061c\u0300-\u0305\u0307-\u036f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
_LATIN = re.compile(r"[a-zıäöüşğñçáóúńǵūżéèàâîôûēāīōýí]")
_SPREAD = re.compile(r"(?: [^\W\d_] ){4}")

_FOLDS = (("ё", "е"), ("э", "е"), ("ә", "а"), ("і", "и"), ("ї", "и"), ("ң", "н"), ("ғ", "г"), ("ү", "у"), ("ұ", "у"),
          ("қ", "к"), ("ө", "о"), ("һ", "х"), ("ҳ", "х"), ("ў", "у"), ("җ", "ж"), ("ь", ""), ("ъ", ""))

# Kazakh Latin of 2018-2021 with and without diacritics, and the usual Latin spelling of Russian; longest first.
_LATIN_PAIRS = (("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("sh", "ш"), ("ch", "ч"), ("kh", "х"), ("gh", "г"), ("ts", "ц"),
                ("yo", "е"), ("yu", "ю"), ("ya", "я"), ("ia", "ия"), ("ye", "е"), ("ph", "ф"))
_PAIR_STARTS = frozenset(pair[0] for pair, _ in _LATIN_PAIRS)
_LATIN_SINGLE = {
    "a": "а", "b": "б", "c": "с", "d": "д", "e": "е", "f": "ф", "g": "г", "h": "х", "i": "и", "j": "ж", "k": "к",
    "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "q": "к", "r": "р", "s": "с", "t": "т", "u": "у", "v": "в",
    "w": "у", "x": "х", "y": "ы", "z": "з", "ı": "ы", "ä": "а", "ö": "о", "ü": "у", "ş": "ш", "ğ": "г", "ñ": "н",
    "ç": "ч", "á": "а", "ó": "о", "ú": "у", "ń": "н", "ǵ": "г", "ū": "у", "ż": "ж", "é": "е", "è": "е", "à": "а",
    "â": "а", "î": "и", "ô": "о", "û": "у", "ē": "е", "ā": "а", "ī": "и", "ō": "о", "ý": "у", "í": "и",
}
_LATIN_VOWELS = frozenset("aeiouyıäöüáóúūéèàâîôûēāīō")
_LOOKALIKE = str.maketrans({"a": "а", "b": "в", "c": "с", "e": "е", "h": "н", "i": "і", "k": "к", "m": "м", "n": "п",
                            "o": "о", "p": "р", "t": "т", "u": "и", "x": "х", "y": "у", "ı": "і"})


def fold(text: str) -> str:
    """`text` in lower case and in the folded spelling; only letters, so it may get shorter."""
    text = text.lower()
    for old, new in _FOLDS:
        text = text.replace(old, new)
    return text


def cyrillic(word: str) -> str:
    """A lower-case Latin word in folded Cyrillic, by the sounds it stands for in Kazakh or Russian."""
    out: list[str] = []
    i, n = 0, len(word)
    while i < n:
        c = word[i]
        after_vowel = i > 0 and word[i - 1] in _LATIN_VOWELS
        if c in "yi" and after_vowel:
            out.append("й")
            i += 1
            continue
        for latin, letter in _LATIN_PAIRS if c in _PAIR_STARTS else ():
            if word.startswith(latin, i):
                out.append(letter)
                i += len(latin)
                break
        else:
            out.append(_LATIN_SINGLE.get(c, c))
            i += 1
    return "".join(out)


def one_spelling(word: str) -> str:
    """The folded spelling of one lower-case word that has Latin letters in it."""
    for c in word:
        if "а" <= c <= "ӿ":
            return fold(word.translate(_LOOKALIKE))
    return cyrillic(word)


class Text:
    """A post's text as words. `words` are as typed in lower case, `folded` in one spelling; both have the same length.

    `lower` is what they were found in, `spread` whether single letters were joined to words. `line` is what the automaton reads:
    each word between two blanks of its own, so that a pattern with its own blanks matches whole words only, and neighbours
    don't share a blank.
    """

    __slots__ = ("_gaps", "_origin", "_spans", "_starts", "clean", "cut", "folded", "line", "lower", "raw", "spread", "words")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.cut = len(raw) > READ_LIMIT
        clean = raw[:READ_LIMIT] if self.cut else raw
        self._origin: list[int] | None = None
        if not clean.isascii() and _HIDDEN.search(clean):
            kept = [i for i, c in enumerate(clean) if not _HIDDEN.match(c)]
            self._origin = kept
            clean = "".join([clean[i] for i in kept])
        self.clean = clean
        self.lower = lower = clean.lower()
        if len(lower) != len(clean):  # İ becomes two characters
            self.lower = lower = "".join([c.lower()[0] for c in clean])
        words: list[str] = _WORD.findall(lower)
        self._spans: list[tuple[int, int]] | None = None
        self._starts: list[int] | None = None
        self._gaps: list[str] | None = None
        line = "  ".join(words)
        self.spread = 1 in map(len, words) and _SPREAD.search(f" {line} ") is not None
        if self.spread:
            words = self._together(lower)
            line = "  ".join(words)
        self.words = words
        for old, new in _FOLDS:
            line = line.replace(old, new)
        if "   " in f" {line} " or not line:      # a lone ь or ъ stays as it was typed: no word may vanish
            line = "  ".join([f or w for w, f in zip(words, line.split("  "), strict=True)] if words else ())
        if _LATIN.search(line):
            folded = [one_spelling(w) if _LATIN.search(w) else f
                      for w, f in zip(words, line.split("  "), strict=True)] if words else []
            line = "  ".join(folded)
        else:
            folded = line.split("  ") if words else []
        self.folded = folded
        self.line = f" {line} "

    def _together(self, lower: str) -> list[str]:
        """Words, with runs of four and more single letters read as one word each."""
        spans = [m.span() for m in _WORD.finditer(lower)]
        words: list[str] = []
        merged: list[tuple[int, int]] = []
        i = 0
        while i < len(spans):
            j = i
            while j < len(spans) and spans[j][1] - spans[j][0] == 1 and lower[spans[j][0]].isalpha() and (
                    j == i or spans[j][0] - spans[j - 1][1] <= 2):
                j += 1
            if j - i >= 4:
                words.append("".join(lower[a] for a, _ in spans[i:j]))
                merged.append((spans[i][0], spans[j - 1][1]))
                i = j
            else:
                words.append(lower[spans[i][0]:spans[i][1]])
                merged.append(spans[i])
                i += 1
        self._spans = merged
        return words

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of each word in `clean`."""
        if self._spans is None:
            self._spans = [m.span() for m in _WORD.finditer(self.clean)]
        return self._spans

    @property
    def gaps(self) -> list[str]:
        """What stands before each word and, last, after the last one: one longer than `words`."""
        if self._gaps is None:
            gaps, at = [], 0
            for start, end in self.spans:
                gaps.append(self.clean[at:start])
                at = end
            gaps.append(self.clean[at:])
            self._gaps = gaps
        return self._gaps

    def word_at(self, offset: int) -> int:
        """The index of the word that an offset in `line` lies in."""
        if self._starts is None:
            self._starts = list(accumulate([len(w) + 2 for w in self.folded], initial=0))
        return bisect_right(self._starts, offset) - 1

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """A span of `clean` in the raw text."""
        if self._origin is None or start >= end:
            return start, end
        return self._origin[start], self._origin[end - 1] + 1

    def span_of(self, first: int, last: int) -> tuple[int, int]:
        """The span in the raw text of the words `first` to `last`, both included."""
        return self.raw_span(self.spans[first][0], self.spans[last][1])
