"""Reads config/knowledge/answers: words of the calendar, cues of promises and of substance, templates.

Every error is one line: FILE:LINE: what is wrong and how to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from config.knowledge import DEFAULT, Document, Source, word_model
from monitor.core.lexicon import BadPattern, Lexicon
from monitor.core.text import fold
from monitor.core.words import WordModel


@dataclass(frozen=True, slots=True)
class CalendarWords:
    """Forms of months, days and seasons with their codes, and numbers in words; all in folded spelling."""

    named: dict[str, str]
    numbers: dict[str, int]
    only_before: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """What is known of the words of answers. A lexicon's marks are the names of its groups."""

    calendar: CalendarWords
    cues: Lexicon
    substance: Lexicon
    brush_off: WordModel


TYPES = ("text", "place", "body", "person", "phone", "number", "article", "date", "future", "past")
DATES = ("date", "future", "past")
_BLANK = re.compile(r"\{([a-z_]+)(?::(by|on))?\}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A blank of a template: its type and what it is called, for the one who fills it."""

    name: str
    type: str
    kk: str
    ru: str


@dataclass(frozen=True, slots=True)
class Template:
    """An answer in both languages with blanks `{name}`, `{name:by}`, `{name:on}`; all of `variables` are required."""

    id: str
    kind: str
    topics: tuple[str, ...]
    kk: str
    ru: str
    variables: tuple[Variable, ...]


def load_templates(folder: Path | None = None) -> tuple[Template, ...]:
    """The templates of a knowledge folder, the project's own by default. Raises KnowledgeError."""
    source = Source(folder or DEFAULT)
    variables: dict[str, Variable] = {}
    for name, body in source.document("answers/templates/variables.yaml").need("variables").items():
        made = Variable(name, *(body.need(k).text() for k in ("type", "kk", "ru")))
        if made.type not in TYPES:
            raise body.need("type").wrong(f"{made.type!r} is none of {' '.join(TYPES)}")
        variables[name] = made
    topics = {code for code, _ in source.document("topics.yaml").need("topics").items()} | {"*"}
    out = []
    for id, body in source.document("answers/templates/templates.yaml").need("templates").items():
        used: dict[str, set[str]] = {}
        for language in ("kk", "ru"):
            text = body.need(language)
            used[language] = {m[1] for m in _BLANK.finditer(text.text())}
            for name, form in _BLANK.findall(text.text()):
                if name not in variables:
                    raise text.wrong(f"no variable is called {name!r}; add it to variables.yaml")
                if bool(form) != (variables[name].type in DATES):
                    raise text.wrong(f"{name!r} is {'a day: write {name:by} or {name:on}' if not form else 'no day: write {name}'}".replace("name:", f"{name}:"))
            if "{" in _BLANK.sub("", text.text()) or "}" in _BLANK.sub("", text.text()):
                raise text.wrong("a bracket that is no blank; a blank is {name}, of a day {name:by} or {name:on}")
        if used["kk"] != used["ru"]:
            raise body.wrong(f"blanks of one language only: {' '.join(sorted(used['kk'] ^ used['ru']))}")
        for topic in body.need("topics").list():
            if topic.text() not in topics:
                raise topic.wrong(f"no topic is called {topic.text()!r}")
        order = [m[1] for m in _BLANK.finditer(body.need("ru").text())]
        out.append(Template(id, body.need("kind").text(), tuple(t.text() for t in body.need("topics").list()), body.need("kk").text(),
                            body.need("ru").text(), tuple(variables[name] for name in dict.fromkeys(order))))
    return tuple(out)


def load_answer_words(folder: Path | None = None) -> AnswerWords:
    """Read the folder `answers` of a knowledge folder, the project's own by default. Raises KnowledgeError."""
    source = Source(folder or DEFAULT)
    return AnswerWords(_calendar(source.document("answers/calendar.yaml")), _lexicon(source.document("answers/promises.yaml")),
                       _lexicon(source.document("answers/substance.yaml")), word_model(source, "answers/brush_off.tsv", "tools/fit_brush_off.py"))


@dataclass(frozen=True, slots=True)
class AnswerKnowledge:
    """All of the folder `answers`: the words by which answers are checked, and the templates they are made of."""

    words: AnswerWords
    templates: tuple[Template, ...]


def load_answers(folder: Path | None = None) -> AnswerKnowledge:
    """Read it from a knowledge folder; the project's own where there is none, or no `answers` in it. Raises KnowledgeError."""
    if folder is not None and not (folder / "answers").is_dir():
        folder = None
    return AnswerKnowledge(load_answer_words(folder), load_templates(folder))


@lru_cache(maxsize=1)
def own_answers() -> AnswerKnowledge:
    """The project's own, read once."""
    return load_answers()


def _lexicon(document: Document) -> Lexicon:
    """Groups of patterns by language; a group's name is the mark."""
    lexicon = Lexicon()
    for name, group in document.need("groups").items():
        for language, words in group.items():
            if language not in ("ru", "kk"):
                continue
            for word in words.list():
                try:
                    lexicon.add(word.text(), name)
                except BadPattern as e:
                    raise word.wrong(str(e)) from e
        spared = group.get("except")
        for word in spared.list() if spared else ():
            lexicon.spare(word.text(), name)
    return lexicon.ready()


def _calendar(document: Document) -> CalendarWords:
    endings = {name: [e.text() for e in value.list()] for name, value in document.need("endings").items()}
    named: dict[str, str] = {}
    for part, letter, count in (("seasons", "s", 4), ("weekdays", "w", 7), ("months", "m", 12)):
        for language in ("ru", "kk"):
            members = list(document.need(part).need(language).list())
            if len(members) != count:
                raise document.need(part).need(language).wrong(f"{len(members)} of {count} {part}; their order is their number")
            for number, member in enumerate(members, 1):
                for form, ending in _forms(member, endings):
                    named[fold(form)] = f"{letter}{number}:{fold(ending)}" if ending else f"{letter}{number}"
    months = document.need("months")
    for also, month in months.need("also").items():
        named[fold(also)] = f"m{int(month.number())}"
    for no_month in months.need("not").list():
        named.pop(fold(no_month.text()), None)
    numbers = {fold(word.text()): int(value) for value, words in document.need("numbers").items() for word in words.list()}
    return CalendarWords(named, numbers, frozenset(fold(w.text()) for w in document.need("only_before").list()))


def _forms(member: Document, endings: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The forms of a name: as they are listed, or a stem with the endings of its class. A Kazakh form gives its ending."""
    if isinstance(member.node, yaml.SequenceNode):
        for form in member.list():
            word = form.text()
            yield word, next((e for e in sorted(endings["kk"], key=len, reverse=True) if e and word.endswith(e)), "")
        return
    for kind, stem in member.items():
        if kind not in endings:
            raise stem.wrong(f"no endings are called {kind!r}")
        for ending in endings[kind]:
            yield stem.text() + ending, ending if kind == "kk" else ""
