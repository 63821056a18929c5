"""When a source usually has news, and from when its silence is no longer usual.

What is counted are arrivals: polls that brought something new, at most one a minute, so that a burst of comments is one. They are
counted by hour of the week in Almaty, older weeks fade. Where few weeks are known, an hour of the week is shrunk to what the same
hour brings on any day, and that to the mean of all hours. Silence is measured in arrivals that were due meanwhile, not in hours:
a night in which nothing is due does not count. Under a Poisson process such gaps are exponential with mean 1, so the bound that one
gap in a year exceeds is ln(gaps a year); real sources are burstier, so it is never below half as much again as the longest gap that
was seen lately. docs/sources.md has the reasoning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from typing import Any, Self

ALMATY = timedelta(hours=5)
"""The one time of Kazakhstan; an hour more or less before March 2024 changes no rhythm."""
WEEK = timedelta(days=7)
HOURS = 168
HALF_LIFE = 6.0
"""Weeks after which a week counts half."""
SHRINK_DAY, SHRINK_WEEK = 3.0, 2.0
"""Hours' worth of the mean that an hour of the day begins with; weeks' worth of the hour of the day, for an hour of the week."""
KNOWN_WEEKS, KNOWN_ARRIVALS = 1.0, 30.0
"""Below that nothing is said of a source's rhythm."""
APART = timedelta(minutes=1)
FORGET, MARGIN = 0.995, 1.5
"""How fast the longest gap fades with each arrival, and by how much a gap must exceed it."""
LONGEST_LOOK = timedelta(days=60)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Arrivals by hour of the week, faded, over so many weeks; the longest gap lately, in arrivals that were due."""

    began: datetime | None = None
    last: datetime | None = None
    weeks: float = 0.0
    hours: tuple[float, ...] = (0.0,) * HOURS
    longest: float = 0.0

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """From what `kept` gave."""
        if not kept:
            return cls()
        return cls(datetime.fromisoformat(kept["began"]), datetime.fromisoformat(kept["last"]), float(kept["weeks"]),
                   tuple(float(n) for n in kept["hours"]), float(kept["longest"]))

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        assert self.began is not None
        assert self.last is not None
        return {"began": self.began.isoformat(), "last": self.last.isoformat(), "weeks": round(self.weeks, 6),
                "hours": [round(n, 4) for n in self.hours], "longest": round(self.longest, 4)}

    def heard(self, at: datetime, deaf: Iterable[Span] = ()) -> Rhythm:
        """After something new arrived. `deaf`: times since the last arrival in which the source was not heard."""
        if self.last is None or self.began is None:
            return Rhythm(at, at, 0.0, _counted(self.hours, at), 0.0)
        if at - self.last < APART:
            return self
        longest = self.longest * FORGET
        if self.known:
            longest = max(longest, min(self.due(self.last, at, deaf), self.bound()))
        passed = (at - self.last) / WEEK
        fade = 0.5 ** (passed / HALF_LIFE)
        hours = _counted([n * fade for n in self.hours], at)
        return Rhythm(self.began, at, self.weeks * fade + passed, hours, longest)

    @property
    def known(self) -> bool:
        """Whether enough was seen to speak of a rhythm."""
        return self.weeks >= KNOWN_WEEKS and sum(self.hours) >= KNOWN_ARRIVALS

    @property
    def weekly(self) -> float:
        """Arrivals in a week."""
        return sum(self.hours) / max(self.weeks, KNOWN_WEEKS)

    def rates(self) -> tuple[float, ...]:
        """Arrivals due in each hour of the week."""
        weeks, mean = max(self.weeks, 1e-9), self.weekly / HOURS
        daily = [sum(self.hours[hour::24]) for hour in range(24)]
        day = [(n + SHRINK_DAY * mean) / (7 * weeks + SHRINK_DAY) for n in daily]
        return tuple((n + SHRINK_WEEK * day[i % 24]) / (weeks + SHRINK_WEEK) for i, n in enumerate(self.hours))

    def due(self, since: datetime, until: datetime, deaf: Iterable[Span] = ()) -> float:
        """Arrivals that were due between two moments, without the times in which the source was not heard."""
        since = max(since, until - LONGEST_LOOK)
        rates = self.rates()
        spent = sum(_due(rates, max(a, since), min(b, until)) for a, b in _merged(deaf))
        return max(0.0, _due(rates, since, until) - spent)

    def bound(self) -> float:
        """Arrivals that may be due in one silence before it is unusual: about one false alarm a year."""
        yearly = max(self.weekly * 52.18, 2.0)
        return max(3.0, log(yearly), self.longest * MARGIN)

    def silent_from(self, since: datetime, deaf: Sequence[Span] = ()) -> datetime | None:
        """The moment at which silence since then becomes unusual, if nothing comes; None where no rhythm is known."""
        if not self.known:
            return None
        wanted, rates = self.bound(), self.rates()
        holes = _merged(deaf)
        at = since
        while at - since < LONGEST_LOOK:
            step = min(_next_hour(at), since + LONGEST_LOOK)
            here = self._heard(rates, at, step, holes)
            if here >= wanted:
                return at + (step - at) * (wanted / here)
            wanted -= here
            at = step
        return since + LONGEST_LOOK

    @staticmethod
    def _heard(rates: Sequence[float], since: datetime, until: datetime, holes: Sequence[Span]) -> float:
        return _due(rates, since, until) - sum(_due(rates, max(a, since), min(b, until)) for a, b in holes)


def interval(weekly: float, shortest: float, longest: float) -> float:
    """Seconds between polls for a source with so many arrivals a week: a week shared out among them, between two bounds
    (the arithmetic of Miniflux, internal/model/feed.go)."""
    return min(longest, max(shortest, WEEK.total_seconds() / max(weekly, 1.0)))


def _hour(at: datetime) -> int:
    local = at + ALMATY
    return local.weekday() * 24 + local.hour


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _counted(hours: Sequence[float], at: datetime) -> tuple[float, ...]:
    which = _hour(at)
    return tuple(n + (i == which) for i, n in enumerate(hours))


def _due(rates: Sequence[float], since: datetime, until: datetime) -> float:
    """The integral of the rates over a stretch of time."""
    if until <= since:
        return 0.0
    weeks = (until - since) // WEEK
    total = weeks * sum(rates)
    at = since + weeks * WEEK
    while at < until:
        step = min(_next_hour(at), until)
        total += rates[_hour(at)] * ((step - at) / timedelta(hours=1))
        at = step
    return total


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans without overlaps."""
    merged: list[Span] = []
    for since, until in sorted(spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], until)
        else:
            merged.append((since, until))
    return merged
