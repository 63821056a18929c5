"""What codes are called, from the knowledge files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class _Registry(Protocol):
    def __contains__(self, code: object) -> bool: ...

    def __getitem__(self, code: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names of akimats and topics in kk and ru."""

    registry: _Registry
    topics: Mapping[str, Any]

    def akimat(self, code: str, language: str) -> str:
        """The unit's name and, below an oblast, that of the unit above: names repeat (Абай ауданы, four times)."""
        if code not in self.registry:
            return code
        unit = self.registry[code]
        name = str(_named(unit, language))
        if unit.parent and unit.parent in self.registry:
            above = self.registry[unit.parent]
            name += f" ({_named(above, language)})"
        return name

    def topic(self, code: str, language: str) -> str:
        """The topic's name."""
        found = self.topics.get(code)
        return str(_named(found, language)) if found is not None else code


def _named(thing: Any, language: str) -> Any:
    return thing.name_kk if language == "kk" else thing.name_ru
