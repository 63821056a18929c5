"""Checks an official answer before it is published: what it promises, and what its author should be warned of.

Pure: the text, the moment of publication and earlier answers come in, findings go out. Nothing here decides: a warning is
for the author, a promise becomes an obligation only through `ticketing.service`.

    promises(text, published_at) -> list[Promise]
    check(text, published_at, question, question_language, earlier) -> Findings

Both use the project's own words and the calendar of Kazakhstan; a `Checker` holds others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from config.answers import AnswerWords, own_answers
from config.knowledge import load_language
from config.languages import N_
from monitor.core.language import LanguageModel
from monitor.core.verdict import Language
from ticketing.deadlines import Calendar, kazakhstan
from ticketing.reply.brush_off import brush_off
from ticketing.reply.copied import Earlier
from ticketing.reply.dates import When
from ticketing.reply.languages import language_of, wrong_language
from ticketing.reply.line import Calendar as CalendarOfWords
from ticketing.reply.personal import personal_data
from ticketing.reply.promises import Finder, Promise
from ticketing.reply.substance import Reader, core

__all__ = ["SAID", "Checker", "Earlier", "Findings", "Promise", "Warning", "check", "promises"]

Warning = Literal["brush_off", "no_specifics", "wrong_language", "personal_data", "copied"]

SAID: dict[Warning, str] = {
    "brush_off": N_("The answer says nothing: no fact, date, action, person or address. Write what was or will be done, where, when and by whom."),
    "no_specifics": N_("An action is named, but neither when, where nor who. Add a date, a place or the one who does it."),
    "wrong_language": N_("The answer is not in the language of the question. Write it in the citizen's language, or in both."),
    "personal_data": N_("The answer would show a private person's data in public. Take out the name, phone, IIN or home address."),
    "copied": N_("The answer repeats an earlier one word for word. Say what concerns this case."),
}
"""What the author is told of each warning (message ids of config/locale/*/answers.po)."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the check of an answer found; warnings in the order of the contract."""

    language: Language
    promises: tuple[Promise, ...]
    warnings: tuple[Warning, ...]


class Checker:
    """The check with its words, its language model and its calendar; made once, then only read, from any thread."""

    def __init__(self, words: AnswerWords, language: LanguageModel, calendar: Calendar) -> None:
        dated = CalendarOfWords(words.calendar.named, words.calendar.numbers, words.calendar.only_before)
        self._finder = Finder(dated, words.cues)
        self._reader = Reader(self._finder, words.substance)
        self._brush_off = words.brush_off
        self._language, self._calendar = language, calendar

    def promises(self, text: str, published_at: datetime) -> list[Promise]:
        """What an answer published then promises; a time without an offset is UTC."""
        return self._finder.promises(text, self._when(published_at))

    def check(self, text: str, published_at: datetime, question: str = "", question_language: str | None = None,
              earlier: Earlier | None = None) -> Findings:
        """Promises and warnings. `question_language` is a code of the contract, told from the question where it is None;
        `earlier` are answers given before, which this call leaves as they are."""
        when = self._when(published_at)
        language = language_of(text, self._language)
        substance = self._reader(text, when)
        warnings: list[Warning] = []
        promised = tuple(self._finder.promises(text, when))
        if not promised and brush_off(self._brush_off, core(text), substance):
            warnings.append("brush_off")
        elif substance.no_specifics or substance.nothing:       # nothing known, yet no brush-off: an action that no list has
            warnings.append("no_specifics")
        if wrong_language(text, language, question, question_language, self._language):
            warnings.append("wrong_language")
        if personal_data(text):
            warnings.append("personal_data")
        if earlier is not None and earlier.copied(text) is not None:
            warnings.append("copied")
        return Findings(language, promised, tuple(warnings))

    def _when(self, published_at: datetime) -> When:
        return When(published_at if published_at.tzinfo else published_at.replace(tzinfo=UTC), self._calendar)


@lru_cache(maxsize=1)
def _own() -> Checker:
    return Checker(own_answers().words, load_language(), kazakhstan())


def check(text: str, published_at: datetime, question: str = "", question_language: str | None = None,
          earlier: Earlier | None = None) -> Findings:
    """`Checker.check` with the project's own knowledge."""
    return _own().check(text, published_at, question, question_language, earlier)


def promises(text: str, published_at: datetime) -> list[Promise]:
    """`Checker.promises` with the project's own knowledge."""
    return _own().promises(text, published_at)
