"""Days off and worked days of Kazakhstan: PyPI `holidays` plus a file that wins over it.

The package follows the Law on holidays (267-II) with the shifts of Saturdays and Sundays, and moved days up to 2025;
later ministerial transfers and the true date of Kurban Ait come by the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import version as version_of
from pathlib import Path

import holidays
from pydantic import BaseModel, ConfigDict, Field, field_validator

from config.document import Document, as_mapping, read
from config.hours import Intervals, parse_intervals

BUNDLED = Path(__file__).parent / "knowledge" / "holidays.yaml"


@dataclass(frozen=True, slots=True)
class DayOff:
    """A day off that is not simply a weekend. `estimated`: the date may still move (lunar calendar)."""

    name_kk: str
    name_ru: str
    name_en: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Worked:
    """A day that is worked although it would be off; its hours are its own or those of the day it replaces."""

    instead_of: date | None = None
    intervals: Intervals | None = None


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    day: date = Field(alias="date")
    name_kk: str = ""
    name_ru: str = ""
    name_en: str = ""
    source: str = ""


class _Worked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    day: date = Field(alias="date")
    instead_of: date | None = None
    intervals: list[str] | None = None
    source: str = ""

    @field_validator("intervals")
    @classmethod
    def _readable(cls, value: list[str] | None) -> list[str] | None:
        if value is not None:
            parse_intervals(value)
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str = Field(min_length=1)
    known_through: int | None = Field(None, ge=2025, le=2100)
    closed: list[_Closed] = []
    worked: list[_Worked] = []
    names_ru: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Workdays:
    """What the package and the files say. `known_through` is the last year whose calendar is published."""

    version: str
    known_through: int
    closed: Mapping[date, DayOff] = field(default_factory=dict)
    worked: Mapping[date, Worked] = field(default_factory=dict)
    names_ru: Mapping[str, str] = field(default_factory=dict)

    def of(self, year: int) -> tuple[dict[date, DayOff], dict[date, Worked]]:
        """Days off and worked days of `year`, the files' word last."""
        off, worked = _of_the_package(year)
        named = {day: self._named(kk, en) for day, (kk, en) in off.items() if day not in self.worked}
        named |= {day: what for day, what in self.closed.items() if day.year == year}
        moved = {day: Worked(instead) for day, instead in worked.items() if day not in self.closed}
        moved |= {day: what for day, what in self.worked.items() if day.year == year}
        return named, moved

    def _named(self, kk: str, en: str) -> DayOff:
        bare = re.sub(r" \((?:observed|estimated|observed, estimated|substituted from [^)]*)\)$", "", en)
        ru = self.names_ru.get(bare, bare)
        if "(observed" in en:
            ru += " (перенос с выходного)"
        if "substituted" in en:
            moved = re.search(r"\d\d\.\d\d\.\d{4}", kk)
            ru += f" (перенос с {moved[0]})" if moved else ""
        return DayOff(kk, ru, en, "estimated" in en)


@lru_cache(maxsize=256)
def _of_the_package(year: int) -> tuple[dict[date, tuple[str, str]], dict[date, date | None]]:
    kk = holidays.country_holidays("KZ", years=year, language="kk")
    en = holidays.country_holidays("KZ", years=year, language="en_US")
    off = {day: (kk[day], en[day]) for day in sorted(kk)}
    replaced = {}
    for day, (name, _) in off.items():
        found = re.search(r"(\d\d)\.(\d\d)\.(\d{4})", name)
        if found:
            replaced[date(int(found[3]), int(found[2]), int(found[1]))] = day
    worked = {day: replaced.get(day) for day in sorted(kk.weekend_workdays) if day.year == year}
    return off, worked


def load_workdays(path: Path | None = None, *, bundled: Path = BUNDLED) -> Workdays:
    """The bundled days and, over them, those of `path`. Raises ConfigErrors or Unreadable."""
    known, versions = 2025, [f"holidays {version_of('holidays')}"]
    closed: dict[date, DayOff] = {}
    worked: dict[date, Worked] = {}
    names: dict[str, str] = {}
    for file in [bundled] if path is None else [bundled, path]:
        document = read(file)
        made = _checked(document)
        document.raise_problems()
        assert made is not None
        versions.append(f"{made.version} {blake2b(file.read_bytes(), digest_size=4).hexdigest()}")
        known = made.known_through or known
        names |= made.names_ru
        for day in made.closed:
            worked.pop(day.day, None)
            closed[day.day] = DayOff(day.name_kk or day.name_ru, day.name_ru or day.name_kk,
                                      day.name_en or "Day off")
        for moved in made.worked:
            closed.pop(moved.day, None)
            worked[moved.day] = Worked(moved.instead_of, parse_intervals(moved.intervals) if moved.intervals else None)
    return Workdays("; ".join(versions), known, closed, worked, names)


def _checked(document: Document) -> _File | None:
    top = as_mapping(document)
    broken = document.data is None and document.problems     # not even YAML
    made = None if broken else document.validated(_File, (), top)
    if made is None:
        return None
    seen: dict[date, str] = {}
    days = [(f"{kind}", i, entry.day) for kind in ("closed", "worked") for i, entry in enumerate(getattr(made, kind))]
    for kind, i, day in days:
        if day in seen:
            document.problem((kind, i, "date"), f"{day} stands in {seen[day]} already; keep one")
        seen.setdefault(day, kind)
    for i, closed in enumerate(made.closed):
        if not (closed.name_kk or closed.name_ru):
            document.problem(("closed", i), "needs name_kk and name_ru: the derivation of every due date shows them")
    return made
