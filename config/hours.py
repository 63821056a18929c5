"""Working time of a week, as people write it: `mon-thu: [09:00-13:00, 14:30-18:30]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

Intervals = tuple[tuple[int, int], ...]
"""Minutes of the day, from and until; in order, not touching, not overlapping."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT = {"mon-fri": ("09:00-13:00", "14:30-18:30")}
_SPAN = re.compile(r"\s*(\d{1,2}):(\d\d)\s*[-–—]\s*(\d{1,2}):(\d\d)\s*\Z")


def parse_intervals(spans: Iterable[str]) -> Intervals:
    """`["09:00-13:00", "14:30-18:30"]` as minutes. Raises ValueError with how to mend."""
    made: list[tuple[int, int]] = []
    for span in spans:
        found = _SPAN.match(span)
        if not found:
            raise ValueError(f'"{span}" is not an interval; write it like 09:00-13:00')
        h1, m1, h2, m2 = map(int, found.groups())
        since, until = h1 * 60 + m1, h2 * 60 + m2
        if m1 > 59 or m2 > 59 or until > 24 * 60:
            raise ValueError(f'"{span}" has a time that does not exist; the day ends at 24:00')
        if since >= until:
            raise ValueError(f'"{span}" ends before it begins')
        made.append((since, until))
    made.sort()
    for (_, until), (since, _) in pairwise(made):
        if since <= until:
            raise ValueError("intervals overlap or touch; join them into one")
    return tuple(made)


def parse_week(week: Mapping[str, Iterable[str]]) -> tuple[Intervals, ...]:
    """Seven tuples of intervals, Monday first, of days (`fri`), ranges (`mon-thu`) and lists (`sat,sun`)."""
    made: list[Intervals | None] = [None] * 7
    for name, spans in week.items():
        intervals = parse_intervals(spans)
        for day in _days(name):
            if made[day] is not None:
                raise ValueError(f"{DAYS[day]} is given twice")
            made[day] = intervals
    if not any(made):
        raise ValueError("no working time in the whole week; give at least one interval")
    return tuple(day or () for day in made)


def _days(name: str) -> list[int]:
    days: list[int] = []
    for part in name.lower().replace(" ", "").split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(end not in DAYS for end in ends):
            raise ValueError(f'"{name}" names no day; use {", ".join(DAYS)}, a range (mon-thu) or a list (sat,sun)')
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        days += range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
    return days


def spelled_intervals(intervals: Intervals) -> list[str]:
    """Intervals as they are written in a file."""
    return [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in intervals]


def spelled_week(week: Iterable[Intervals]) -> dict[str, list[str]]:
    """A week as it is written in a file, days with the same hours as one range: `parse_week` reads it back."""
    made: dict[str, list[str]] = {}
    first, before = 0, None
    for day, intervals in enumerate([*week, None]):
        if intervals == before:
            continue
        if before:
            name = DAYS[first] if first == day - 1 else f"{DAYS[first]}-{DAYS[day - 1]}"
            made[name] = spelled_intervals(before)
        first, before = day, intervals
    return made
