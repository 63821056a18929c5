"""What needs someone, for the rail of every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from monitor.store import surges
from ticketing import feed


@dataclass(frozen=True, slots=True)
class Counts:
    """Posts to decide on, cards to accept, cards that are late, surges to decide on."""

    triage: int
    new: int
    late: int
    surges: int


def counts(c: Connection, scope: frozenset[str] | None, now: datetime) -> Counts:
    """All of them of one moment."""
    seen = feed.counts(c, scope, now)
    return Counts(seen.triage, seen.new, seen.late, surges.waiting(c, scope))
