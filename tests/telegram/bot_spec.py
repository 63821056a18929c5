"""The Bot API in its machine-readable form (../shared/specs/telegram-bot-api.json) as a check of requests and replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "telegram-bot-api.json"

_PLAIN = {"Integer": (int,), "Float": (int, float), "String": (str,), "Boolean": (bool,), "True": (bool,)}


class Spec:
    """Says what is wrong with a call or a reply; an empty list where nothing is."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._methods, self._types = document["methods"], document["types"]

    @classmethod
    @cache
    def load(cls) -> Spec | None:
        """The specification, where it lies beside the checkout."""
        return cls(json.loads(SPEC.read_text())) if SPEC.is_file() else None

    def call(self, method: str, given: Mapping[str, Any]) -> list[str]:
        """Faults of a call whose parameters came as JSON or as a form."""
        described = self._methods.get(method)
        if described is None:
            return [f"{method}: no such method"]
        fields = {f["name"]: f for f in described.get("fields", ())}
        faults = [f"{method}: no parameter {name!r}" for name in given if name not in fields]
        faults += [f"{method}: {name!r} is required" for name, f in fields.items() if f["required"] and name not in given]
        for name, value in given.items():
            if name in fields:
                types = fields[name]["types"]
                faults += self._any(types, _from_form(value, types), f"{method}.{name}")
        return faults

    def reply(self, method: str, result: Any) -> list[str]:
        """Faults of the `result` of a successful reply."""
        return self._any(self._methods[method]["returns"], result, f"{method}()")

    def value(self, type_: str, value: Any) -> list[str]:
        """Faults of a value of this type."""
        return self._any([type_], value, type_)

    def _any(self, types: list[str], value: Any, at: str) -> list[str]:
        found = [self._one(type_, value, at) for type_ in types]
        return min(found, key=len, default=[])

    def _one(self, type_: str, value: Any, at: str) -> list[str]:
        if type_.startswith("Array of "):
            if not isinstance(value, list):
                return [f"{at}: {value!r:.80} is no array"]
            return [fault for i, item in enumerate(value) for fault in self._one(type_[9:], item, f"{at}[{i}]")]
        if type_ in _PLAIN:
            right = isinstance(value, _PLAIN[type_]) and not (type_ != "Boolean" and isinstance(value, bool))
            return [] if right else [f"{at}: {value!r:.80} is no {type_}"]
        described = self._types.get(type_)
        if described is None:
            return [f"{at}: the specification does not know {type_}"]
        if "subtypes" in described:
            return self._any(described["subtypes"], value, at)
        if not isinstance(value, dict):
            return [f"{at}: {value!r:.80} is no {type_}"]
        fields = {f["name"]: f for f in described.get("fields", ())}
        faults = [f"{at}: {type_} has no {name!r}" for name in value if name not in fields]
        faults += [f"{at}: {type_} needs {name!r}" for name, f in fields.items() if f["required"] and name not in value]
        for name, part in value.items():
            if name in fields:
                faults += self._any(fields[name]["types"], part, f"{at}.{name}")
        return faults


def _from_form(value: Any, types: list[str]) -> Any:
    """A form has only strings: numbers, booleans and objects are written as JSON. https://core.telegram.org/bots/api#making-requests"""
    if not isinstance(value, str) or types == ["String"]:
        return value
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(read, str) else read
