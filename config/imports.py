"""How the columns of another system's export are called, and which of its statuses mean that a card is finished there.

Bundled for e-Otinish and 109 in config/knowledge/imports; an own file by `import --mapping FILE`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from config.document import as_mapping, read

BUNDLED = Path(__file__).parent / "knowledge" / "imports"
FIELDS = ("number", "text", "subject", "received", "status", "place", "author")
Names = Annotated[tuple[str, ...], Field(min_length=1)]
_MARKS = re.compile(r"[\W_]+")


class Columns(BaseModel):
    """The names a column may have, the best first. A card needs a number and a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    number: Names
    text: Names
    subject: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    author: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    columns: Columns
    closed: tuple[str, ...] = ()
    dates: tuple[str, ...] = ("%d.%m.%Y %H:%M", "%d.%m.%Y")
    home: str | None = Field(default=None, pattern=r"^[0-9]{9}$")

    @field_validator("home", mode="before")
    @classmethod
    def _code(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value


def bare(name: str) -> str:
    """A header or a status as it is compared: without case, marks and spaces; № stays what it is."""
    return _MARKS.sub("", name.casefold().replace("ё", "е").replace("№", "n"))


@dataclass(frozen=True, slots=True)
class CardMapping:
    """A mapping as it is used."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    closed: frozenset[str]
    dates: tuple[str, ...]
    home: str | None

    def places(self, header: Sequence[str]) -> dict[str, int] | None:
        """Where each field stands in a row with this header; None where it has no number or no text."""
        there: dict[str, int] = {}
        for i, cell in enumerate(header):
            there.setdefault(bare(cell), i)
        there.pop("", None)
        found: dict[str, int] = {}
        taken: set[int] = set()
        for field in FIELDS:
            for name in self.columns[field]:
                at = there.get(name)
                if at is not None and at not in taken:
                    found[field] = at
                    taken.add(at)
                    break
        return found if {"number", "text"} <= found.keys() else None

    def is_closed(self, status: str) -> bool:
        """Whether the other system has finished with a card in this status."""
        return bare(status) in self.closed


def load_mapping(path: Path) -> CardMapping:
    """A mapping file. Raises ConfigErrors with every error and its line, Unreadable where it cannot be opened."""
    document = read(path)
    as_mapping(document)
    document.raise_problems()
    file = document.validated(_File)
    document.raise_problems()
    assert file is not None
    columns = {field: tuple(map(bare, getattr(file.columns, field))) for field in FIELDS}
    return CardMapping(path.stem, columns, frozenset(map(bare, file.closed)), file.dates, file.home)


def bundled(channel: str) -> list[CardMapping]:
    """The bundled mappings, that of the channel first: the first one whose columns fit is taken."""
    paths = sorted(BUNDLED.glob("*.yaml"), key=lambda path: (bare(path.stem) not in bare(channel), path.name))
    return [load_mapping(path) for path in paths]
