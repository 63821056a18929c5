"""Secrets stand in no config: only where they lie, `{env: NAME}` or `{file: PATH}`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from config.document import Document, Where

FORM = "{env: NAME} or {file: PATH}"


class Fetched(str):
    """Text that stood elsewhere: an option that may be plain text as well is then hidden like a secret."""


class Secrets:
    """Replaces the references of a document by what they refer to, and remembers which could not be."""

    def __init__(self, document: Document, environment: Mapping[str, str] = os.environ) -> None:
        self._document = document
        self._environment = environment
        self.missing: dict[Where, str] = {}
        """Places whose secret is not there, with what is missing."""
        self.files: list[Path] = []
        """Files that hold secrets: a new secret in one is taken over like a change of the config."""

    def resolved(self, value: Any, where: Where = ()) -> Any:
        """`value` with every `{env: NAME}` and `{file: PATH}` in it replaced by its text."""
        if isinstance(value, list):
            return [self.resolved(part, (*where, i)) for i, part in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)) in ("env", "file"):
            (kind, name), = value.items()
            if isinstance(name, str) and name:
                return self._text(kind, name, where)
        if value and value.keys() <= {"env", "file"}:
            self._document.problem(where, f"says not clearly where the value lies; write {FORM}")
            return value
        return {key: self.resolved(part, (*where, key)) for key, part in value.items()}

    def _text(self, kind: str, name: str, where: Where) -> str:
        if kind == "env":
            found = self._environment.get(name, "")
            if not found:
                self.missing[where] = f"the environment variable {name} is not set; set it, or use {{file: PATH}}"
            return Fetched(found)
        path = self._document.path.parent / name
        self.files.append(path)
        try:
            found = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as e:
            self.missing[where] = f"{path}: {getattr(e, 'strerror', None) or 'not UTF-8'}; put the secret there"
            return ""
        if not found:
            self.missing[where] = f"{path} is empty; put the secret there"
        return Fetched(found)


def written_out(document: Document, model: type[BaseModel], where: Where) -> list[Where]:
    """Notes a problem for each secret option of `model` that stands in the file as text; returns the places."""
    value = document.at(where)
    places: list[Where] = []
    if not isinstance(value, dict):
        return places
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = (*where, key)
        given = value.get(key)
        inside = [(*here, part) for part in given] if isinstance(given, dict) and _holds_secrets(field.annotation) else []
        for place in [here] if is_secret(field.annotation) else inside:
            if isinstance(document.at(place), str | int | float):
                document.problem(place, f"a secret must not stand in this file; write {FORM}")
                places.append(place)
    return places


def is_secret(annotation: Any) -> bool:
    """Whether a field is a secret (SecretStr, also optional)."""
    return annotation is SecretStr or (get_origin(annotation) is not dict and any(is_secret(part) for part in get_args(annotation)))


def _holds_secrets(annotation: Any) -> bool:
    """Whether a field maps names of the operator's choice to secrets."""
    return get_origin(annotation) is dict and get_args(annotation)[1] is SecretStr
