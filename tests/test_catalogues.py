"""Every text that a user sees exists in Kazakh and Russian, with the same placeholders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from config.languages import LOCALE

ROOT = Path(__file__).resolve().parents[1]
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "P_": (1, 2)}
PLACEHOLDER = re.compile(r"%\((\w+)\)|%([sd])|\{(\w+)\}")


def messages() -> set[str | tuple[str, ...]]:
    found: set[str | tuple[str, ...]] = set()
    for package in ("monitor", "connectors", "ticketing", "config"):
        for _file, _line, message, _comments, _context in extract_from_dir(
                ROOT / package, METHODS, keywords=KEYWORDS,
                options_map={"**.html": {"trimmed": "true", "extensions": "jinja2.ext.i18n", "newstyle_gettext": "true"}}):
            found.add(message if isinstance(message, str) else tuple(message))
    return {m for m in found if m and m != ("", "")}


def catalogue(code: str) -> Catalog:
    whole = Catalog(locale=code)
    for path in sorted((LOCALE / code / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=code):
                if message.id:
                    assert not message.fuzzy, f"{path.name}: {message.id!r} is marked as unsure"
                    whole.add(message.id, message.string)
    return whole


@pytest.mark.parametrize("code", ["kk", "ru"])
def test_every_message_is_translated(code: str) -> None:
    whole = catalogue(code)
    missing = []
    for message in messages():
        found = whole.get(message if isinstance(message, str) else message[0])
        forms = () if found is None else (found.string,) if isinstance(found.string, str) else found.string
        if not forms or not all(forms):
            missing.append(message)
    assert sorted(map(str, missing)) == []


@pytest.mark.parametrize("code", ["kk", "ru"])
def test_placeholders_are_kept(code: str) -> None:
    wrong = []
    for message in catalogue(code):
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else message.id
        wanted = {p for i in ids for p in PLACEHOLDER.findall(i)}
        forms = (message.string,) if isinstance(message.string, str) else message.string
        wrong += [message.id for form in forms if form and not set(PLACEHOLDER.findall(form)) <= wanted]
    assert wrong == []


@pytest.mark.parametrize("code", ["kk", "ru"])
def test_one_message_has_one_translation(code: str) -> None:
    """The files are merged: where two of them differ, one part of the program would speak with the other's words."""
    said: dict[object, dict[object, str]] = {}
    for path in sorted((LOCALE / code / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=code):
                if message.id:
                    said.setdefault((message.id, message.context), {})[message.string] = path.name
    assert {key: found for key, found in said.items() if len(found) > 1} == {}


def test_there_is_something_to_translate() -> None:
    assert len(messages()) > 100
