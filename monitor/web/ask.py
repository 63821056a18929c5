"""The query string is the filter: read it, name it, write it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from monitor.web.units import Units
from ticketing.feed import LANGUAGES, PERIODS, STATES, Filter

FIELDS = ("akimat", "topic", "language", "state", "period", "q")


@dataclass(frozen=True, slots=True)
class Ask:
    """What the reader asked for, in codes. `unclear`: units that the name `typed` may mean."""

    akimat: str = ""
    topic: str = ""
    language: str = ""
    state: str = ""
    period: str = ""
    q: str = ""
    unclear: tuple[str, ...] = ()
    typed: str = ""

    def query(self, **changes: str | int | None) -> str:
        """`?…` of this filter with changes; "" where nothing is asked."""
        values = {name: getattr(self, name) for name in FIELDS} | changes
        said = urlencode({k: v for k, v in values.items() if v not in ("", None)})
        return f"?{said}" if said else ""

    @property
    def empty(self) -> bool:
        return not any(getattr(self, name) for name in FIELDS)

    @property
    def unknown(self) -> bool:
        """Whether a name was typed that no unit has."""
        return bool(self.typed) and not self.unclear

    def with_state(self, state: str) -> Ask:
        return replace(self, state=state)

    def filter(self, units: Units) -> Filter:
        """The filter for the queries."""
        akimats = units.below(self.akimat) if self.akimat else None
        if self.typed:
            akimats = frozenset[str]().union(*(units.below(c) for c in self.unclear))
        return Filter(akimats, self.topic or None, self.language or None, self.state or None, self.period or None,
                      self.q or None)


def read(query: Mapping[str, str], units: Units, topics: Mapping[str, object]) -> Ask:
    """The filter of a query string. Unknown codes are dropped; an akimat may be typed by name."""
    typed = query.get("akimat", "").strip()[:120]
    found = units.find(typed) if typed else []
    return Ask(
        akimat=found[0] if len(found) == 1 else "", unclear=tuple(found) if len(found) > 1 else (),
        typed=typed if len(found) != 1 else "",
        topic=_one(query, "topic", topics), language=_one(query, "language", LANGUAGES),
        state=_one(query, "state", dict.fromkeys(STATES)), period=_one(query, "period", PERIODS),
        q=" ".join(query.get("q", "").replace("\x00", "").split())[:200])


def _one(query: Mapping[str, str], name: str, known: Mapping[str, object]) -> str:
    value = query.get(name, "")
    return value if value in known else ""
