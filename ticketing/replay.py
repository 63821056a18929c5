"""Counts a stored derivation again, day by day, from what stands in it and nothing else.

Beside `ticketing.deadlines`, which counts with sums over a calendar: no calendar file, no table, no shared arithmetic.
So a date can be proved years later, whatever became of the calendar, and a fault in one way shows in the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from config.hours import Intervals, parse_intervals, parse_week
from config.timezone import ALMATY

Step = Mapping[str, Any]

_DAY = timedelta(days=1)
_FARTHEST = 366 * 60
"""Days that are walked: no term is longer, and a forged derivation must not keep the walker for ever."""


class NotReplayable(ValueError):
    """A derivation that holds too little, or nonsense; older ones don't say the working time they were counted with."""


def replay(derivation: Sequence[Step]) -> datetime:
    """The date (UTC) to which the steps lead. Raises NotReplayable."""
    try:
        return _counted(derivation).replace(tzinfo=ALMATY).astimezone(UTC)
    except (LookupError, TypeError, AttributeError, OverflowError, ValueError) as e:
        raise NotReplayable(f"this derivation cannot be counted again: {type(e).__name__}: {e}") from e


def proves(derivation: Sequence[Step], at: datetime) -> bool:
    """Whether the steps lead to this moment. Those that do not say their working time (older ones) must only end with it."""
    try:
        if datetime.fromisoformat(derivation[-1]["at"]) != at:
            return False
        counted = any("week" in step for step in derivation if step["step"] == "calendar")
        return not counted or replay(derivation) == at
    except (ValueError, LookupError, TypeError):
        return False


def _counted(derivation: Sequence[Step]) -> datetime:
    """The date by the wall clock of Kazakhstan. Each change ends with a date and was counted with the days it names."""
    first = max(i for i, step in enumerate(derivation) if step["step"] == "term")
    parts: list[list[Step]] = [[]]
    for step in derivation[first:]:
        parts[-1].append(step)
        if step["step"] == "due":
            parts.append([])
    if parts.pop():
        raise ValueError("the last step is no date")
    opening = parts[0][0]
    count, unit = _term(opening)
    received = _wall(next(step for step in parts[0] if step["step"] == "received"))
    days = _Days(parts[0])
    if unit == "wh":
        due = days.forth(received, timedelta(hours=count))
    elif unit == "cd":
        last = received.date() + timedelta(days=count - (opening["count_from"] == "same"))
        due = days.end(days.workday(last))
    else:
        day = received.date()
        same = opening["count_from"] == "same" and bool(days.hours(day)) and received < days.end(day)
        due = days.end(days.nth(day, count, from_itself=same))
    stopped = received
    for part in parts[1:]:
        change = part[0]
        if change["step"] == "paused":
            stopped = _wall(change)
            continue
        if change["step"] == "merged":      # a date that another card brought: its own derivation proves it
            due = min(due, _wall(change))
            continue
        if "until" in change:               # extended to a day, or to the working day before it
            day = next((step["day"] for step in part if step["step"] == "brought_back"), change["until"])
            due = days.end(date.fromisoformat(day))
            continue
        days = _Days(part)
        due = days.forth(due, days.between(stopped, _wall(change)))
    return due


class _Days:
    """Working time by day, as the steps of one count give it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.week = parse_week(next(step for step in steps if step["step"] == "calendar")["week"])
        self.usual = next(hours for hours in self.week if hours)
        self.off = {step["day"] for step in steps if step["step"] == "day_off"}
        self.worked = {step["day"]: step for step in steps if step["step"] == "worked_day"}

    def hours(self, day: date) -> Intervals:
        """Working time of a day, in minutes."""
        moved = self.worked.get(day.isoformat())
        if moved is not None:
            if "hours" in moved:
                return parse_intervals(moved["hours"])
            instead = date.fromisoformat(moved["instead_of"]) if "instead_of" in moved else day
            return self.week[instead.weekday()] or self.usual
        return () if day.isoformat() in self.off else self.week[day.weekday()]

    def end(self, day: date) -> datetime:
        """When the working time of a day is over."""
        return _midnight(day) + timedelta(minutes=self.hours(day)[-1][1])

    def workday(self, day: date) -> date:
        """The day, or the next one that is worked."""
        return self.nth(day, 1, from_itself=True)

    def nth(self, day: date, count: int, *, from_itself: bool) -> date:
        """The `count`-th working day from a day on."""
        if not from_itself:
            day += _DAY
        for _ in range(_FARTHEST):
            count -= bool(self.hours(day))
            if not count:
                return day
            day += _DAY
        raise OverflowError("no such day within sixty years")

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The working intervals of a day as moments."""
        start = _midnight(day)
        return [(start + timedelta(minutes=a), start + timedelta(minutes=b)) for a, b in self.hours(day)]

    def forth(self, moment: datetime, by: timedelta) -> datetime:
        """So much working time after a moment."""
        if not by:
            return moment
        day = moment.date()
        for _ in range(_FARTHEST):
            for since, until in self.spans(day):
                since = max(since, moment)
                if since < until:
                    if by <= until - since:
                        return since + by
                    by -= until - since
            day += _DAY
        raise OverflowError("no such moment within sixty years")

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Working time between two moments."""
        total, day = timedelta(0), since.date()
        while day <= until.date():
            total += sum((max(min(b, until) - max(a, since), timedelta(0)) for a, b in self.spans(day)), timedelta(0))
            day += _DAY
        return total


def _wall(step: Step) -> datetime:
    return datetime.fromisoformat(step["at"]).astimezone(ALMATY).replace(tzinfo=None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _term(step: Step) -> tuple[int, str]:
    return int(step["term"][:-2]), step["term"][-2:]
