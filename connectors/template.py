"""Requests with gaps: `{name}` in an address, a header, a parameter or a JSON body, filled when it is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

_GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")

Values = Mapping[str, str | int | None]


def gaps(value: Any) -> Iterator[str]:
    """The names of the gaps in `value`, also inside lists and mappings."""
    if isinstance(value, str):
        yield from _GAP.findall(value)
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from gaps(part)


def filled(value: Any, values: Values) -> Any:
    """`value` with its known gaps filled. A text that is nothing but a gap becomes the value itself, so a number stays one; an entry
    of a mapping or a list whose value is None is left out. Unknown gaps stay: a GraphQL query is full of braces."""
    if isinstance(value, str):
        whole = _GAP.fullmatch(value)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _GAP.sub(lambda gap: _said(values, gap), value)
    if isinstance(value, Mapping):
        made = {name: filled(part, values) for name, part in value.items()}
        return {name: part for name, part in made.items() if part is not None or value[name] is None}
    if isinstance(value, list | tuple):
        return [part for part in (filled(one, values) for one in value) if part is not None]
    return value


def address(text: str, values: Values) -> str:
    """An address with its gaps filled, each as a part of an address is written."""
    return _GAP.sub(lambda gap: quote(_said(values, gap), safe="") if gap[1] in values else gap[0], text)


def without(text: str, secrets: Mapping[str, str]) -> str:
    """An address with secrets turned back into gaps, so that it can be kept: services repeat our parameters in links to the next page."""
    text = _ESCAPE.sub(lambda found: found[0].upper(), text)
    for name, secret in secrets.items():
        for form in (quote(secret, safe=""), quote(secret), secret):
            text = text.replace(form, f"{{{name}}}")
    return text


def _said(values: Values, gap: re.Match[str]) -> str:
    if gap[1] not in values:
        return gap[0]
    found = values[gap[1]]
    return "" if found is None else str(found)
