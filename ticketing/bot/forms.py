"""What is asked, step by step, before a verb can be called; and the call. Pure but for the calls.

A form's fields are asked one after another; `confirm` shows what would be said before it is. What is public is always shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from config.answers import DATES, Template
from config.languages import N_
from config.timezone import ALMATY
from ticketing.acting import MOST, Actor, Refused, cleaned
from ticketing.citizens import spoken
from ticketing.reply.templates import Unfilled, fill, in_languages
from ticketing.service import Service

Data = Mapping[str, Any]
Call = Callable[[Service, Connection, Row[Any], Data, Actor, datetime], Any]


@dataclass(frozen=True, slots=True)
class Form:
    """Fields with their questions, whether it is shown before it is done, the call, and what is said once it is done."""

    right: str
    fields: tuple[tuple[str, str], ...]
    call: Call
    done: str
    confirm: bool = False
    public: bool = False


class NotReadable(Exception):
    """What was typed is no answer to the question; the message is a gettext id with its parameters."""

    def __init__(self, message: str, **params: str) -> None:
        super().__init__(message)
        self.message, self.params = message, params


def _given(d: Data, name: str) -> str:
    return str(d["given"].get(name, ""))


FORMS: Mapping[str, Form] = {
    "ask": Form("ask", (("text", N_("Write the question to your colleague.")),),
                lambda s, c, r, d, a, t: s.ask(c, r.number, _given(d, "text"), d["colleague"], a, t),
                N_("The question was put.")),
    "ask_citizen": Form("ask", (("text", N_("Write the question to the citizen. It will stand in public.")),),
                        lambda s, c, r, d, a, t: s.ask(c, r.number, _given(d, "text"), None, a, t),
                        N_("The question goes to the citizen."), confirm=True, public=True),
    "pause": Form("pause", (("text", N_("Write what is missing. The citizen is asked in public, and the clock stands until the reply.")),),
                  lambda s, c, r, d, a, t: s.pause(c, r.number, _given(d, "text"), a, t),
                  N_("The citizen is asked; the clock of the answer stands."), confirm=True, public=True),
    "reply": Form("reply", (("text", N_("Write the reply.")),),
                  lambda s, c, r, d, a, t: s.reply(c, r.number, int(d["question"]), _given(d, "text"), a, t),
                  N_("The reply was written down.")),
    "interim": Form("interim", (("text", N_("Write how it stands. The citizen will read it in public.")),),
                    lambda s, c, r, d, a, t: s.interim(c, r.number, _given(d, "text"), a, t),
                    N_("The interim answer goes out."), confirm=True, public=True),
    "extend": Form("extend", (("reason", N_("Write the reason of the extension. The citizen reads it.")),
                              ("day", N_("Until which day? For example 25.12.2026."))),
                   lambda s, c, r, d, a, t: s.extend(c, r.number, date.fromisoformat(_given(d, "day")), _given(d, "reason"), a, t),
                   N_("The term was extended; the citizen is told."), confirm=True, public=True),
    "outside": Form("redirect_outside", (("body", N_("Write the name of the body to which the message goes.")),),
                    lambda s, c, r, d, a, t: s.redirect_outside(c, r.number, _given(d, "body"), a, t),
                    N_("Passed on. Within five minutes it can be taken back before anybody is told."), confirm=True, public=True),
    "draft": Form("draft", (("text", N_("Write the answer.")),),
                  lambda s, c, r, d, a, t: s.draft(c, r.number, _given(d, "text"), a, t, language=d.get("language") or "",
                                                   answer_id=d.get("answer"), version=d.get("version")),
                  N_("The answer is saved and waits for approval by another person."), confirm=True),
    "return": Form("return", (("remark", N_("Write what is to be mended.")),),
                   lambda s, c, r, d, a, t: s.return_draft(c, r.number, int(d["answer"]), _given(d, "remark"), a, t),
                   N_("The answer went back to its author.")),
    "reopen": Form("reopen", (("reason", N_("Write why it is taken up again.")),),
                   lambda s, c, r, d, a, t: s.reopen(c, r.number, _given(d, "reason"), a, t),
                   N_("Taken up again: the terms are counted anew.")),
    "photo": Form("photo", (("photo", N_("Send the photo here, one or several, as photos and not as files.")),),
                  lambda s, c, r, d, a, t: None, ""),
}

_TYPED_DAY = re.compile(r"\s*(\d{1,2})[./](\d{1,2})(?:[./](\d{4}))?\s*")


def a_day(typed: str, today: date) -> date | None:
    """A day as people write it: 25.12.2026, 25.12 (the next one), 2026-12-25. None for anything else."""
    found = _TYPED_DAY.fullmatch(typed[:20])
    try:
        if found is None:
            return date.fromisoformat(typed.strip()[:20])
        month, day = int(found[2]), int(found[1])
        if found[3]:
            return date(int(found[3]), month, day)
        this = date(today.year, month, day)
        return this if this >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def _template(data: Data, templates: Sequence[Template]) -> Template | None:
    """The template that is being filled."""
    return next((t for t in templates if t.id == data.get("template")), None)


def fields_of(form: Form, data: Data, tongue: str, templates: Sequence[Template]) -> list[tuple[str, str]]:
    """The fields to be asked: of a template its blanks, with what they are called."""
    found = _template(data, templates)
    if found is None:
        return list(form.fields)
    return [(v.name, v.ru if tongue == "ru" else v.kk) for v in found.variables]


def missing(form: Form, data: Data, tongue: str, templates: Sequence[Template]) -> tuple[str, str] | None:
    """The next field, with its question; None once all are there."""
    return next(((name, ask) for name, ask in fields_of(form, data, tongue, templates) if name not in data["given"]), None)


def read(data: Data, name: str, typed: str, now: datetime, templates: Sequence[Template]) -> str:
    """What was typed as the value of a field. Raises NotReadable."""
    today = now.astimezone(ALMATY).date()
    text = cleaned(typed)
    if not text:
        raise NotReadable(N_("Write it as a text."))
    if len(text) > MOST:
        raise NotReadable(N_("That is too long: %(count)s characters, %(most)s at most."), count=str(len(text)), most=str(MOST))
    found = _template(data, templates)
    if found is not None:
        variable = next(v for v in found.variables if v.name == name)
        if variable.type in DATES and (day := a_day(text, today)) is not None:
            text = day.isoformat()
        try:
            fill(found, "ru", {**data["given"], name: text}, today)
        except Unfilled as e:
            wrong = next((w for w in e.wrong if w.variable.name == name), None)
            if wrong is not None:
                raise NotReadable(wrong.message) from e
        return text
    if name == "day":
        day = a_day(text, today)
        if day is None:
            raise NotReadable(N_("This is no day. Write it like 25.12.2026."))
        return day.isoformat()
    return text


def filled(data: Data, row: Row[Any], now: datetime, templates: Sequence[Template]) -> Data:
    """A template with all its blanks as the text of a draft: in the citizen's language, in both where that is not known."""
    found = _template(data, templates)
    if found is None:
        return data
    try:
        text, tongue = in_languages(found, spoken(row.language), data["given"], now.astimezone(ALMATY).date())
    except Unfilled as e:       # a day that was still to come when it was typed
        raise Refused(N_("The answer cannot be made of this any more: write it anew.")) from e
    return {**data, "template": "", "given": {"text": text}, "language": tongue}
