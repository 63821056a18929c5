"""Official channels from config/knowledge/channels.yaml: which fits a surge, what it asks for, on what it rests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from config.document import ConfigErrors, Problem, Unreadable, read

KNOWLEDGE = Path(__file__).parent / "knowledge" / "channels.yaml"

UnitType = Literal["O", "R", "C", "D", "U", "T", "P", "K", "V"]
Verdict = Literal["organic", "organised", "inconclusive", "coordinated"]
_BASE = ConfigDict(extra="forbid", frozen=True)
_VOTES = re.compile(r"\d+|\d+(\.\d+)?%")


class ChannelsError(ConfigErrors):
    """channels.yaml cannot be used."""


class Basis(BaseModel):
    """What a channel rests on. Mark: V read in a source, S a secondary source, M memory (a lawyer confirms it)."""

    model_config = _BASE
    kk: str = Field(min_length=1)
    ru: str = Field(min_length=1)
    mark: Literal["V", "S", "M"]


class Example(BaseModel):
    """A surge as far as channels look at it."""

    model_config = _BASE
    type: UnitType
    topic: str
    verdict: Verdict


class Channel(BaseModel):
    """An institution that a common demand can be passed to."""

    model_config = _BASE
    code: str = Field(pattern=r"^[a-z0-9_]{2,40}$")
    name_kk: str = Field(min_length=1)
    name_ru: str = Field(min_length=1)
    use_kk: str = Field(min_length=1)
    use_ru: str = Field(min_length=1)
    url: str = Field(default="", pattern=r"^(https://\S+)?$")
    types: tuple[UnitType, ...] = Field(min_length=1)
    topics: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = Field(min_length=1)
    term: str | None = Field(default=None, pattern=r"^\d+(wd|cd|wh)$")
    votes: dict[UnitType, Annotated[str, BeforeValidator(str)]] = Field(default_factory=dict)
    conditions_kk: str = ""
    conditions_ru: str = ""
    basis: Basis
    yes: tuple[Example, ...] = Field(min_length=1)
    no: tuple[Example, ...] = Field(min_length=1)

    @field_validator("votes")
    @classmethod
    def _written(cls, value: dict[UnitType, str]) -> dict[UnitType, str]:
        for said in value.values():
            if not _VOTES.fullmatch(said):
                raise ValueError(f'"{said}" is no threshold; write 2500 (votes) or 1% (of the population)')
        return value

    def fits(self, unit: str, topic: str | None, group: str | None, verdict: str) -> bool:
        """Whether it is for such a unit, subject and verdict."""
        return (unit in self.types and verdict in self.verdicts
                and (not self.topics or topic in self.topics or group in self.topics))


class _File(BaseModel):
    model_config = _BASE
    channels: tuple[Channel, ...] = Field(min_length=1)
    population: dict[str, int] = Field(default_factory=dict)
    population_source: Basis | None = None
    """Where the figures come from: said wherever a threshold in per cent is shown as votes."""

    @model_validator(mode="after")
    def _sourced(self) -> _File:
        if self.population and self.population_source is None:
            raise ValueError("population needs population_source: kk, ru and mark (V read in a source, S secondary, M memory)")
        return self


class Channels:
    """The table."""

    def __init__(self, channels: Sequence[Channel], population: Mapping[str, int],
                 population_source: Basis | None = None) -> None:
        self.by_code = {channel.code: channel for channel in channels}
        self.population = dict(population)
        self.population_source = population_source

    def fitting(self, unit: str, topic: str | None, group: str | None, verdict: str) -> list[Channel]:
        """Those that fit, in the order of the file."""
        return [channel for channel in self.by_code.values() if channel.fits(unit, topic, group, verdict)]

    def votes(self, channel: Channel, code: str, unit: str) -> tuple[int | None, str]:
        """(votes needed, threshold as written); None where the population of the unit isn't known or no votes are needed."""
        said = channel.votes.get(unit, "")  # type: ignore[call-overload]
        if not said:
            return None, ""
        if not said.endswith("%"):
            return int(said), said
        people = self.population.get(code)
        return (None if people is None else ceil(people * float(said[:-1]) / 100)), said


@cache
def bundled() -> Channels:
    """The table that Qulaq comes with."""
    return load_channels()


def load_channels(path: Path | None = None) -> Channels:
    """The table of a file; of the bundled one where there is none. Raises ChannelsError with every fault."""
    if path is None or not path.is_file():
        path = KNOWLEDGE
    try:
        document = read(path)
    except Unreadable as e:
        raise ChannelsError([Problem(str(path), 1, "", str(e).removeprefix(f"{path}: "))]) from e
    if document.data is None and document.problems:
        raise ChannelsError(document.problems)
    data: Any = document.data if isinstance(document.data, dict) else {}
    made = document.validated(_File, (), data)
    if document.problems or made is None:
        raise ChannelsError(document.problems)
    codes = [channel.code for channel in made.channels]
    if twice := {code for code in codes if codes.count(code) > 1}:
        raise ChannelsError([Problem(str(path), 1, "channels", f"{', '.join(sorted(twice))}: stands there twice")])
    return Channels(made.channels, made.population, made.population_source)
