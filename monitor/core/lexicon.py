"""Word lists as one automaton: phrases, word beginnings and word endings, each marked with what it is a sign of."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import ahocorasick_rs

from monitor.core.text import Text, fold, one_spelling

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_TOKEN = re.compile(r"\*?[^\W_]+\*?")
_LATIN = re.compile(r"[a-z]")
ENDING_LEAST = 2
"""Letters that a word must have before an ending counts."""


SLIP_LEAST = 6
"""Letters that a word must have to be found misspelt."""


class BadPattern(ValueError):
    """A pattern that cannot be read; the message says why."""


def spelt(pattern: str) -> Iterator[str]:
    """All forms of a pattern with alternatives: `дом(|а|у)` is дом, дома, дому."""
    todo = [pattern]
    while todo:
        now = todo.pop()
        m = _ALTERNATIVES.search(now)
        if m is None:
            if "(" in now or ")" in now:
                raise BadPattern(f"{pattern!r}: a bracket without its partner")
            yield now
        else:
            todo.extend(now[:m.start()] + one + now[m.end():] for one in m[1].split("|"))


def one_word(word: str) -> str:
    """A word of a pattern in the folded spelling."""
    return one_spelling(word) if _LATIN.search(word) else fold(word)


class Followed(NamedTuple):
    """A mark that holds only where the words after the needle begin, or are, as written ("земельн* участ*")."""

    words: tuple[str, ...]
    mark: Any


class Hit(NamedTuple):
    """A sign found in a text: all that it is a sign of, and its first and last word."""

    marks: tuple[Any, ...]
    first: int
    last: int


def _follow(words: list[str], at: int, wanted: tuple[str, ...]) -> bool:
    """Whether the words from `at` are the wanted ones; a trailing star leaves one open."""
    if at + len(wanted) > len(words):
        return False
    return all(words[at + i].startswith(w[:-1]) if w[-1] == "*" else words[at + i] == w for i, w in enumerate(wanted))


def _slips(word: str) -> Iterator[str]:
    """The word with one letter left out, doubled or swapped with the next; the first letter stays."""
    for i in range(1, len(word)):
        yield word[:i] + word[i + 1:]
        yield word[:i] + word[i] + word[i:]
        if i + 1 < len(word) and word[i] != word[i + 1]:
            yield word[:i] + word[i + 1] + word[i] + word[i + 2:]


class Lexicon:
    """Finds all marks of a text in one pass, leftmost and longest first; endings are looked up word by word.

    Fill it with `add` and `add_needles`, then call `ready` once; after that it is only read, from any thread.
    """

    def __init__(self) -> None:
        self._marks: dict[str, tuple[Any, ...]] = {}
        self._endings: dict[str, list[tuple[Hashable, str]]] = {}
        self._except: dict[Hashable, set[str]] = {}
        self._values: list[tuple[Any, ...]] = []
        self._lengths: tuple[int, ...] = ()

    def add(self, pattern: str, mark: Hashable) -> None:
        """Add a pattern of a knowledge file. Raises BadPattern."""
        for form in spelt(pattern.lower()):
            words = _TOKEN.findall(form)
            if not words:
                raise BadPattern(f"{pattern!r}: no letter is left")
            if words[0].startswith("*"):
                if len(words) > 2 or any("*" in w.lstrip("*") for w in words):
                    raise BadPattern(f"{pattern!r}: an ending may be followed by one whole word at most")
                ending = one_word(words[0].strip("*"))
                self._endings.setdefault(ending, []).append((mark, one_word(words[1]) if len(words) > 1 else ""))
            elif any("*" in w[:-1] for w in words):
                raise BadPattern(f"{pattern!r}: a star may stand at the end of a word, or before an ending")
            elif any("*" in w for w in words[:-1]):
                first = next(i for i, w in enumerate(words) if w.endswith("*"))
                needle = " " + "  ".join(one_word(w.rstrip("*")) for w in words[:first + 1])
                rest = tuple(one_word(w.rstrip("*")) + ("*" if w.endswith("*") else "") for w in words[first + 1:])
                self.add_needles((needle,), Followed(rest, mark))
            else:
                needle = " " + "  ".join(one_word(w.rstrip("*")) for w in words) + ("" if words[-1].endswith("*") else " ")
                self.add_needles((needle,), mark)

    def add_needles(self, needles: Iterable[str], mark: Any) -> None:
        """Add ready needles: folded words, each between two blanks, the last blank missing where the word is open."""
        marks = self._marks
        one = (mark,)
        for needle in needles:
            had = marks.get(needle)
            if had is None:
                marks[needle] = one
            elif mark not in had:
                marks[needle] = had + one

    def spare(self, word: str, mark: Hashable) -> None:
        """A word that an ending of `mark` must not take."""
        self._except.setdefault(mark, set()).update(one_word(w) for w in _TOKEN.findall(word.lower()))

    def misspelt(self, wanted: Callable[[Any], bool]) -> None:
        """Let whole single words with a wanted mark be found with one slip of the fingers: a letter left out, doubled or
        swapped with the next. Call it when all patterns are in: a slip that is another word of the lexicon stays that word."""
        for needle, marks in list(self._marks.items()):
            word = needle[1:-1]
            if needle[-1] == " " and len(word) >= SLIP_LEAST and " " not in word:
                meant = tuple(m for m in marks if wanted(m))
                for slip in _slips(word) if meant else ():
                    self._marks.setdefault(f" {slip} ", meant)

    def ready(self) -> Lexicon:
        """Build the automaton."""
        self._automaton = ahocorasick_rs.AhoCorasick(
            list(self._marks), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            implementation=ahocorasick_rs.Implementation.ContiguousNFA)
        self._values = list(self._marks.values())
        self._open = [any(isinstance(m, Followed) for m in marks) for marks in self._values]
        self._marks = {}
        self._lengths = tuple(sorted({len(e) for e in self._endings}, reverse=True))
        return self

    def find(self, text: Text) -> list[Hit]:
        """Every phrase and beginning found, in the order of the text."""
        values, at, words = self._values, text.word_at, text.folded
        found: list[Hit] = []
        for i, a, b in self._automaton.find_matches_as_indexes(text.line):
            first, last = at(a), at(b - 1)
            marks = values[i]
            if not self._open[i]:
                found.append(Hit(marks, first, last))
                continue
            plain = tuple(m for m in marks if not isinstance(m, Followed))
            if plain:
                found.append(Hit(plain, first, last))
            found += [Hit((m.mark,), first, last + len(m.words)) for m in marks
                      if isinstance(m, Followed) and _follow(words, last + 1, m.words)]
        return found

    def endings(self, text: Text) -> list[Hit]:
        """Every word that ends in one of the endings; the longest ending decides."""
        found: list[Hit] = []
        endings, words = self._endings, text.folded
        for i, word in enumerate(words):
            n = len(word)
            for length in self._lengths:
                if n < length + ENDING_LEAST:
                    continue
                for mark, then in endings.get(word[n - length:], ()):
                    if then and (i + 1 >= len(words) or words[i + 1] != then):
                        continue
                    if word not in self._except.get(mark, ()):
                        found.append(Hit((mark,), i, i + bool(then)))
        return found
