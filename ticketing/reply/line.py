"""An answer as one line of plain tokens, in which phrases of dates are looked for.

Kazakh and Russian, with their letters or without, typed well or with a slip, come out alike: numbers in words are digits, a
month is `m11:ending`, a day of the week `w5:ending`, a season `s4:ending`, a date in digits `d2026.11.25` (year 0 where it
is not said), a stop is `.`. The ending stays because in Kazakh it says what a preposition says in Russian.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.core.text import READ_LIMIT, Text, cyrillic, fold

_DATE = re.compile(
    r"(?<![\d.,/])(?:(?P<Y>20\d\d)-(?P<M>\d\d)-(?P<D>\d\d)"
    r"|(?P<d>\d{1,2})(?P<by>[./])(?P<m>\d{1,2})(?:(?P=by)(?P<y>20\d\d|\d\d)(?!\d))?)(?![\d:/]|\.\d|[ \t]?(?:час|сағ|ч\b|м\b|км|%|тонн|млн|млрд|тыс|мың))")
_TIME = re.compile(r"(?<![\d.:])(?:[01]?\d|2[0-3])[.:][0-5]\d[ \t]{0,2}(?:-|–|—|до|дан|ден|тан|тен)[ \t]{0,2}(?:[01]?\d|2[0-3])[.:][0-5]\d(?![.\d])")
"""Working hours with a dot, which are no dates: 09.00-18.30."""
_SHORT = frozenset(fold(
    "г гг ст ул д т к м ж жж пр кв руб тг им тел см др обл р корп мкр каб стр ғ қ ш н с а ағ п пп ч тыс млн млрд исп отв пр-т гос нп пос кг көш б св ак акад ген проф кн орын бек сан").split())
"""Words whose full stop ends no sentence."""
_STOPS = {".": ".", "!": ".", "?": ".", "…": ".", ";": ".", "\n": ".", ",": ",", ":": ":", "(": "(", ")": ")", "-": "-", "‐": "-",
          "‑": "-", "–": "-", "—": "-", "−": "-", "«": "«", "»": "»", "“": "«", "„": "«", "”": "»", '"': '"', "№": "№"}
_ENDING = frozenset(fold(
    "го ого его е ое й ый ий му ому ему м ом х ым ші шы інші ншы нші інщі не на ге ға ке қа е і ы сы сі іне ына сына сіне нен нан тен тан ден дан "
    "ден ке да де та те нде нда інде ында сында сінде ти ми ю ін ын нің ның дің дың тің тың ш ж").split())
"""What stands behind a number and a hyphen: 25-го, 25-іне."""
_TENS = frozenset(range(10, 100, 10))
_DIGITS = re.compile(r"(\d{1,4})([^\W\d]{1,4})?")


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the words of the text it stands for; a mark stands for none (`last` is `first` - 1)."""

    text: str
    first: int
    last: int


class Calendar:
    """Words of the calendar: forms of months, days and seasons, numbers in words; all in folded spelling."""

    def __init__(self, named: Mapping[str, str], numbers: Mapping[str, int], only_before: frozenset[str]) -> None:
        self.named = dict(named)
        self.numbers = dict(numbers)
        self.only_before = only_before          # "он" is ten in Kazakh, "he" in Russian
        self._slips: dict[str, str] = {}
        for form, code in self.named.items():
            if code[0] == "m" and len(form) >= 6:
                for slip in _shorter(form):
                    self._slips.setdefault(slip, code)

    def month_of(self, word: str) -> str | None:
        """The month that a word with one slip of the fingers in it may mean."""
        if not 5 <= len(word) <= 16:
            return None
        if word in self._slips:
            return self._slips[word]
        for slip in _shorter(word):
            if slip in self.named and self.named[slip][0] == "m" and len(slip) >= 6:
                return self.named[slip]
            if slip in self._slips and slip[0] == word[0]:
                return self._slips[slip]
        return None


def _shorter(word: str) -> Iterator[str]:
    """The word with one letter left out; the first stays."""
    return (word[:i] + word[i + 1:] for i in range(1, len(word)))


class Line:
    """The tokens of a text, the line they make, and the way back to the raw text."""

    __slots__ = ("_sentences", "_starts", "base", "line", "text", "tokens")

    def __init__(self, text: Text, calendar: Calendar, base: int = 0) -> None:
        self.text, self.base = text, base
        self.tokens = list(_tokens(text, calendar))
        self._starts: list[int] = []
        at = 1
        for token in self.tokens:
            self._starts.append(at)
            at += len(token.text) + 1
        self._sentences = list(_sentences(self.tokens))
        self.line = " " + " ".join([t.text for t in self.tokens]) + " "

    def token_at(self, offset: int) -> int:
        """The index of the token that an offset of `line` lies in."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def raw_span(self, first: int, last: int) -> tuple[int, int]:
        """The span in the raw answer of the tokens `first` to `last`."""
        words = [t for t in self.tokens[first:last + 1] if t.last >= t.first]
        start, end = self.text.span_of(words[0].first, words[-1].last)
        return start + self.base, end + self.base

    def sentence(self, at: int) -> tuple[int, int]:
        """First token of the sentence that a token lies in, and the one behind its last (its stop, if it has one)."""
        return self._sentences[bisect_right(self._sentences, (at, len(self.tokens) + 1)) - 1]


LONGEST = 120
"""Tokens of a sentence; what goes on without a stop is cut there, so that the work on it stays linear."""


def _sentences(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    start = 0
    for i, token in enumerate(tokens):
        if token.text == "." or i - start >= LONGEST:
            yield start, i
            start = i + (token.text == ".")
    yield start, len(tokens)


def lines(raw: str, calendar: Calendar) -> Iterator[Line]:
    """The lines of an answer of any length: one, or pieces cut between sentences, so that the work stays linear."""
    at = 0
    while at < len(raw) or at == 0:
        end = at + READ_LIMIT
        if end < len(raw):
            cut = max(raw.rfind(stop, at + READ_LIMIT // 2, end) for stop in ("\n", ". ", "! "))
            end = cut + 1 if cut > 0 else end
        yield Line(Text(raw[at:end]), calendar, at)
        at = end
        if not raw:
            return


def _dates(clean: str) -> dict[int, tuple[int, str]]:
    """Where a date in digits begins -> where it ends and its token."""
    hours = [m.span() for m in _TIME.finditer(clean)]
    out: dict[int, tuple[int, str]] = {}
    for m in _DATE.finditer(clean):
        if any(a < m.end() and m.start() < b for a, b in hours):
            continue
        day, month = int(m["D"] or m["d"]), int(m["M"] or m["m"])
        year = m["Y"] or m["y"] or "0"
        if not (1 <= day <= 31 and 1 <= month <= 12) or (m["d"] and not m["y"] and (m["by"] == "/" or len(m["m"]) < 2)):
            continue
        out[m.start()] = m.end(), f"d{'20' + year if len(year) == 2 else year}.{month}.{day}"
    return out


def _tokens(text: Text, calendar: Calendar) -> Iterator[Token]:
    clean, spans, gaps, folded = text.clean, text.spans, text.gaps, text.folded
    if len(spans) != len(folded):       # words of spread letters: without places there is nothing to point at
        return
    dates = _dates(clean) if any(c.isdigit() for c in clean) else {}
    made: list[Token] = []
    i, n = 0, len(folded)
    while i < n:
        made += [Token(mark, i, i - 1) for mark in _marks(gaps[i], folded, i, clean, spans)]
        if spans[i][0] in dates:
            end, token = dates[spans[i][0]]
            last = i
            while last + 1 < n and spans[last + 1][0] < end:
                last += 1
            made.append(Token(token, i, last))
            i = last + 1
            continue
        word = folded[i]
        digits = _DIGITS.fullmatch(word)
        if digits:
            if digits[2]:               # 25го, 2026ж
                made.append(Token(f"{int(digits[1])}:{digits[2]}", i, i))
                i += 1
            elif i + 1 < n and gaps[i + 1] in ("-", "–", "‑") and folded[i + 1] in _ENDING:
                made.append(Token(f"{int(word)}:{folded[i + 1]}", i, i + 1))
                i += 2
            else:
                made.append(Token(str(int(word)), i, i))
                i += 1
            continue
        made.append(Token(_named(word, calendar), i, i))
        i += 1
    made += [Token(mark, n, n - 1) for mark in _marks(gaps[n], folded, n, clean, spans)] if n else []
    yield from _counted(made, calendar)


def _named(word: str, calendar: Calendar) -> str:
    code = calendar.named.get(word)
    if code is None and any("a" <= c <= "z" for c in word):     # a Latin letter in a Cyrillic word: ertең
        word = fold(cyrillic(word))
        code = calendar.named.get(word)
    return word if code is None else code


def _marks(gap: str, folded: Sequence[str], at: int, clean: str, spans: Sequence[tuple[int, int]]) -> Iterable[str]:
    """The marks of the gap before word `at`."""
    if gap in (" ", ""):
        return ()
    out: list[str] = []
    for c in gap:
        mark = _STOPS.get(c)
        if mark is None or (out and out[-1] == mark):
            continue
        if c == "." and not _ends(gap, folded, at, clean, spans):
            continue
        out.append(mark)
    return out


def _ends(gap: str, folded: Sequence[str], at: int, clean: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether the full stop before word `at` ends a sentence."""
    if at >= len(folded) or at == 0 or "\n" in gap:
        return True
    next_one = clean[spans[at][0]]
    if next_one.islower():
        return False
    if folded[at - 1] in _SHORT or (len(folded[at - 1]) == 1 and not folded[at - 1].isdigit()):
        return next_one.isupper() and at > 1 and folded[at - 1] in ("г", "ж", "года") and folded[at - 2][-1:].isdigit() and " " in gap
    return next_one.isupper() or " " in gap


def _counted(tokens: list[Token], calendar: Calendar) -> Iterator[Token]:
    """Numbers in words as digits (жиырма бес, двадцать пятого), and months with a slip in them beside a number."""
    numbers = calendar.numbers
    i, n = 0, len(tokens)
    while i < n:
        token = tokens[i]
        value = numbers.get(token.text)
        if value is not None and not (token.text in calendar.only_before and not _counts(tokens, i + 1, calendar)):
            nxt = numbers.get(tokens[i + 1].text) if i + 1 < n else None
            if value in _TENS and nxt is not None and 0 < nxt < 10:
                yield Token(str(value + nxt), token.first, tokens[i + 1].last)
                i += 2
                continue
            yield Token(str(value), token.first, token.last)
            i += 1
            continue
        text = token.text
        if len(text) >= 5 and ":" not in text and i and tokens[i - 1].text.split(":")[0].isdigit() and text.isalpha():
            text = calendar.month_of(text) or text
        yield Token(text, token.first, token.last)
        i += 1


def _counts(tokens: Sequence[Token], at: int, calendar: Calendar) -> bool:
    """Whether what stands at `at` is counted in Kazakh."""
    return at < len(tokens) and (tokens[at].text in calendar.numbers or tokens[at].text.startswith(
        ("кун", "жумыс", "ай", "апта", "минут", "сагат", "m", "жыл", "таулик")))
