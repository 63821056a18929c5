"""Akimats as a reader names them: by code or by a name they type; and what lies below each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Units:
    """An index over the registry, made once per registry."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry
        below: dict[str, set[str]] = {}
        self._named: dict[str, list[str]] = {}
        for unit in registry:
            for code in registry.ancestors(unit.code):
                below.setdefault(code, set()).add(unit.code)
            for name in {fold(unit.name_kk), fold(unit.name_ru)}:
                self._named.setdefault(name, []).append(unit.code)
        self._below = {code: frozenset(codes) for code, codes in below.items()}

    def below(self, code: str) -> frozenset[str]:
        """The unit and everything below it; only itself where the registry doesn't know it."""
        return self._below.get(code, frozenset({code}))

    def name(self, code: str | None, language: str) -> str:
        """Its name in the reader's language; the code where the registry doesn't know it."""
        if code is None or code not in self.registry:
            return code or ""
        unit = self.registry[code]
        return str(unit.name_ru if language == "ru" else unit.name_kk)

    def path(self, code: str, language: str) -> str:
        """Its name with the units above it, which tells the 23 Жамбыл apart."""
        if code not in self.registry:
            return code
        return ", ".join(self.name(c, language) for c in self.registry.ancestors(code))

    def find(self, typed: str, within: frozenset[str] | None = None) -> list[str]:
        """Codes that a person may mean: a code, `code · name` as the list offers it, a name, or the begin of one."""
        typed = typed.strip()
        code = typed.split(" ", 1)[0].split("·", 1)[0]
        if code in self.registry:
            return [code]
        wanted = fold(typed)
        if not wanted:
            return []
        exact = self._within(self._named.get(wanted, ()), within)
        return exact or self.suggest(typed, within, limit=12)

    def suggest(self, typed: str, within: frozenset[str] | None = None, limit: int = 12) -> list[str]:
        """Codes whose name has a word that begins with what was typed, larger units first."""
        wanted = fold(typed)
        if not wanted:
            return []
        found = [code for name, codes in self._named.items()
                 if name.startswith(wanted) or f" {wanted}" in name for code in codes]
        found = self._within(dict.fromkeys(found), within)
        found.sort(key=lambda c: (self.registry[c].level, c))
        return found[:limit]

    @staticmethod
    def _within(codes: Iterable[str], within: frozenset[str] | None) -> list[str]:
        return [c for c in codes if within is None or c in within]


def fold(name: str) -> str:
    """A name as it is compared."""
    return " ".join(name.casefold().replace("ё", "е").split())
