"""All akimats of the country: who is above whom, and by which names each is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

UnitType = Literal["O", "R", "C", "D", "U", "T", "P", "K", "V"]
"""Oblast, city of republican standing, city of an oblast, district, district in a city, town (a city in a district),
settlement (кент), rural okrug, village."""

LEVELS: dict[str, int] = {"O": 1, "R": 1, "C": 2, "D": 2, "U": 2, "T": 3, "P": 3, "K": 3, "V": 3}


@dataclass(frozen=True, slots=True)
class Akimat:
    """A unit with an akim. `code` is its KATO code, `parent` the code of the unit above, None for the first level."""

    code: str
    parent: str | None
    level: int
    type: UnitType
    name_kk: str
    name_ru: str
    aliases: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """What a name may mean: units called so, and units that have a settlement called so."""

    units: tuple[str, ...]
    settlements: tuple[str, ...] = ()
    adjective: bool = False
    common: bool = False
    """Also an everyday word or a person: names a place only beside a word of level (Май ауданы, улица Абая)."""


class Registry:
    """The units by code."""

    def __init__(self, units: Iterable[Akimat]) -> None:
        self._units = {u.code: u for u in units}
        self._chains: dict[str, tuple[str, ...]] = {}
        for code in self._units:
            chain, at = [], code
            while at in self._units and at not in chain:
                chain.append(at)
                at = self._units[at].parent or ""
            self._chains[code] = tuple(chain)

    def __getitem__(self, code: str) -> Akimat:
        return self._units[code]

    def __contains__(self, code: object) -> bool:
        return code in self._units

    def __iter__(self) -> Iterator[Akimat]:
        return iter(self._units.values())

    def __len__(self) -> int:
        return len(self._units)

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The unit itself and every unit above it, upwards."""
        return self._chains[code]

    def within(self, code: str, above: str) -> bool:
        """Whether `code` is `above` or lies below it."""
        return above in self._chains.get(code, ())

    def at_level(self, code: str, types: str) -> str | None:
        """The nearest unit at or above `code` whose type is one of `types`."""
        return next((c for c in self._chains.get(code, ()) if self._units[c].type in types), None)
