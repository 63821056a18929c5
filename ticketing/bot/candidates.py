"""Which akimats to offer where a card is not ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from monitor.core.text import fold

OFFERED = 6

_KINDS = frozenset(fold(w) for w in (
    "облысы", "область", "ауданы", "район", "қаласы", "город", "ауылдық", "округі", "сельский", "округ", "кенті", "поселок",
    "ауылы", "село", "әкімдігі", "акимат", "әкімі", "аким", "г", "р", "қ"))
"""Words that name the kind of a unit: they alone find nothing."""


class Registry(Protocol):
    """The akimats by their KATO code."""

    def __contains__(self, code: object) -> bool: ...

    def __getitem__(self, code: str) -> Any: ...

    def __iter__(self) -> Any: ...

    def ancestors(self, code: str) -> Sequence[str]: ...


def likely(registry: Registry, akimat: str, named: Iterable[str | None]) -> list[str]:
    """Codes to offer: first those that the post itself names, then the unit above, then the neighbours."""
    found: list[str] = []

    def add(code: str | None) -> None:
        if code and code != akimat and code in registry and code not in found:
            found.append(code)

    for code in named:
        add(code)
    above = [code for code in registry.ancestors(akimat) if code != akimat] if akimat in registry else []
    for code in above[:1]:
        add(code)
    if above and len(found) < OFFERED:
        for unit in registry:
            if unit.parent == above[0] and unit.level == registry[akimat].level:
                add(unit.code)
    for code in above[1:]:
        add(code)
    return found[:OFFERED]


def search(registry: Registry, words: str, near: str) -> list[str]:
    """Codes whose name begins with these words, in either language and spelling; those near to `near` first."""
    wanted = [w for w in _words(words) if w not in _KINDS]
    kinds = [w for w in _words(words) if w in _KINDS]
    if not wanted:
        return []
    lineage = list(registry.ancestors(near)) if near in registry else []
    found = []
    for unit in registry:
        names = [_words(name) for name in (unit.name_kk, unit.name_ru, *unit.aliases)]
        if not any(all(any(part.startswith(w) for part in name) for w in wanted) for name in names):
            continue
        own_kinds = sum(any(k in name for name in names) for k in kinds)
        exact = any(all(w in name for w in wanted) for name in names)
        common = next((i for i, code in enumerate(lineage) if code in registry.ancestors(unit.code)), len(lineage))
        found.append((-own_kinds, not exact, common, unit.level, unit.code))
    return [code for *_rest, code in sorted(found)[:OFFERED]]


def _words(text: str) -> list[str]:
    return [fold(w) for w in "".join(c if c.isalnum() else " " for c in text[:100].lower()).split()]
