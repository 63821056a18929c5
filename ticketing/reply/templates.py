"""Answers from templates in pairs kk/ru: which fit a topic, in which language, and the text once every blank is filled.

A blank is never left open and never filled with nonsense: `fill` says all that is wrong at once. The text is plain; whoever
shows it escapes it as any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from config.answers import DATES, Template, Variable
from config.languages import N_

Pair = Literal["kk", "ru"]
LONGEST = 300
"""Characters that a blank may take."""
_MONTHS_RU = ("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря")
_MONTHS_KK = ("қаңтар", "ақпан", "наурыз", "сәуір", "мамыр", "маусым", "шілде", "тамыз", "қыркүйек", "қазан", "қараша", "желтоқсан")
_TO = ("ға", "ға", "ға", "ге", "ға", "ға", "ге", "ға", "ке", "ға", "ға", "ға")
_IN = ("да", "да", "да", "де", "да", "да", "де", "да", "те", "да", "да", "да")
FAR_DAYS = 5 * 366
"""Days from publication past which a date is a slip of the fingers: programmes of roads and networks run five years."""
_BLANK = re.compile(r"\{([a-z_]+)(?::(by|on))?\}")
_NONSENSE = re.compile(r"(?i)(?:[\W_\d]*|(.)\1*|(?:н/?д|нет|жоқ|tbd|todo|n/?a|none|null|test|тест|указать|вписать|заполнить|толтыру|көрсету|дата|күні|адрес|мекенжай|срок|мерзім|x+|х+|имя|фио|аты-жөні|уточнить|уточняется|анықталуда|нақтылануда|кто-то|где-то|біреу|работ[аы]|жұмыс|мы|біз|отдел|бөлім|подрядчик|мердігер|исполнитель|орындаушы|ответственн\w+ (?:служб|лиц)\w*|жауапты (?:қызмет|тұлға)\w*|тоо|жшс|ип|жк|кгп|гкп|мкк|гу|мм|нет данных|дерек жоқ|(?:согласно|по) плану|жоспарға сай|(?:указать|вписать|заполнить|уточнить|будет указан\w|будет уточнен\w)(?: \w+){0,3}|(?:кейін|соңынан) \w+(?: \w+)?|[xх]+(?: [xх]+)*)[\W_]*|.*(?:\.{3}|…|_{2,}|\?{2,}|x{3}|х{3}|\{|\}|<[^>]*>|\[[^\]]*\]).*)", re.S)
_PHONE = re.compile(r"\+?[\d ()–-]{2,22}")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A blank that cannot be used: its variable, and a message id (English; config/locale/*/answers.po) that says why."""

    variable: Variable
    message: str


class Unfilled(ValueError):
    """A template that cannot be sent; `wrong` has every blank that is empty or nonsense."""

    def __init__(self, wrong: Iterable[Wrong]) -> None:
        self.wrong = tuple(wrong)
        super().__init__("; ".join(f"{w.variable.name}: {w.message}" for w in self.wrong))


EMPTY = N_("is empty; fill it in")
LONG = N_("is too long; at most 300 characters")
PLACEHOLDER = N_("says nothing; write what it really is")
NO_DATE = N_("is no date; write it as 2026-11-25")
GONE = N_("lies before the day of publication; a promise needs a day to come")
AHEAD = N_("lies after the day of publication; it has not been done yet")
FAR = N_("lies years away; check the year")
NO_NUMBER = N_("is no number above zero")
NO_PHONE = N_("is no telephone number; write at least three digits")
NO_PLACE = N_("is no place; write a street and a house, or a name")
NO_NAME = N_("is no name; write a surname with the first name or initials, or the post")
NO_ARTICLE = N_("names no law; write the law and its article")


def choose(templates: Iterable[Template], topic: str, kind: str | None = None) -> list[Template]:
    """The templates that fit a topic, those made for it first; of one kind where it is said."""
    fit = [t for t in templates if (topic in t.topics or "*" in t.topics) and kind in (None, t.kind)]
    return sorted(fit, key=lambda t: "*" in t.topics)


def fill(template: Template, language: Pair, values: Mapping[str, str | int | date], published: date) -> str:
    """The text of a template in a language, for publication on a day. Raises Unfilled where a blank is empty or nonsense."""
    said: dict[str, str | date] = {}
    wrong: list[Wrong] = []
    for variable in template.variables:
        value = _read(variable, values.get(variable.name))
        message = _fault(variable, value, published)
        if message is None:
            said[variable.name] = value
        else:
            wrong.append(Wrong(variable, message))
    if wrong:
        raise Unfilled(wrong)

    def put(m: re.Match[str]) -> str:
        value = said[m[1]]
        return _day(value, language, m[2]) if isinstance(value, date) else value
    return _BLANK.sub(put, getattr(template, language))


KINDS: dict[str, str] = {
    "accepted": N_("taken up"), "planned": N_("will be done"), "done": N_("is done"), "redirected": N_("passed on"),
    "extended": N_("term extended"), "details": N_("details are missing"), "refused": N_("cannot be done"),
    "seasonal": N_("seasonal work"),
}
"""What the templates of a kind say."""


def outline(template: Template, language: Pair) -> str:
    """A template as its author chooses it: its blanks in brackets by what they are called."""
    called = {v.name: getattr(v, language) for v in template.variables}
    return _BLANK.sub(lambda m: f"[{called[m[1]]}]", getattr(template, language))


def in_languages(template: Template, codes: Sequence[str], values: Mapping[str, str | int | date], published: date) -> tuple[str, str]:
    """The text of a template in the languages of the citizen, and the language of the answer. Raises Unfilled."""
    pairs: list[Pair] = ["ru" if code == "ru" else "kk" for code in codes]
    text = "\n\n".join(fill(template, pair, values, published) for pair in pairs)
    return text, pairs[0] if len(pairs) == 1 else "both"


def _read(variable: Variable, value: str | int | date | None) -> str | date:
    """The value as text in one line, or a day where one is meant and can be read."""
    if isinstance(value, date):
        return value
    text = " ".join(str(value if value is not None else "").split())
    if variable.type in DATES:
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return text


def _fault(variable: Variable, value: str | date, published: date) -> str | None:
    """What is wrong with a value, as a message id."""
    if variable.type in DATES:
        if not isinstance(value, date):
            return NO_DATE if value else EMPTY
        if abs((value - published).days) > FAR_DAYS:
            return FAR
        return GONE if variable.type == "future" and value < published else AHEAD if variable.type == "past" and value > published else None
    text = str(value)
    if not text:
        return EMPTY
    if len(text) > LONGEST:
        return LONG
    if variable.type == "number":
        return None if text.isascii() and text.isdigit() and int(text) > 0 else NO_NUMBER
    if variable.type == "phone":
        digits = "".join(c for c in text if c.isdigit())
        short = len(digits) < 11 and (text.startswith("+") or re.match(r"8[ (-]{1,2}7", text) is not None)      # 8 7182 and nothing behind it
        return None if _PHONE.fullmatch(text) and len(digits) >= 3 and digits.strip("0") and not short else NO_PHONE
    if _NONSENSE.fullmatch(text) or len(_LETTERS.findall(text)) < 2:
        return PLACEHOLDER
    if variable.type == "place" and not (any(c.isdigit() for c in text) or re.search(r"[A-ZА-ЯЁӘІҢҒҮҰҚӨҺ]", text)):
        return NO_PLACE
    if variable.type == "person" and not re.search(r"[A-ZА-ЯЁӘІҢҒҮҰҚӨҺ][^\W\d_]", text):
        return NO_NAME
    if variable.type == "article" and not re.search(r"\d", text):
        return NO_ARTICLE
    return None


def _day(day: date, language: Pair, form: str) -> str:
    """A day as a promise ("by") or as a date ("on")."""
    m = day.month - 1
    if language == "ru":
        return f"{'до ' if form == 'by' else ''}{day.day} {_MONTHS_RU[m]} {day.year} года"
    return f"{day.year} жылғы {day.day} {_MONTHS_KK[m]}" + (f"{_TO[m]} дейін" if form == "by" else _IN[m])
