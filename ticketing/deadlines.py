"""Until when: due dates in the working time of Kazakhstan, each with a derivation that a person can replay.

Pure: the calendar comes in as a value and so does the moment of receipt. Nothing here knows surges.

How a term is counted (DESIGN.md, command `due`):

- `wd`, working days: ends with the working time of its last day. `same`: the day of receipt is the first day if it is
  a working day and the receipt lies before the end of its working time, else the next working day is. `next`: the
  next working day is.
- `cd`, calendar days: `same`: the day of receipt is the first day; `next`: the next day is. Ends with the working time
  of its last day; where that is a day off, with that of the next working day.
- `wh`, working hours: run from the moment of receipt inside working time.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from config.hours import DEFAULT, Intervals, parse_week
from config.languages import N_
from config.timezone import ALMATY
from config.workdays import DayOff, Workdays, Worked, load_workdays

Unit = Literal["wd", "wh", "cd"]
CountFrom = Literal["same", "next"]
Step = dict[str, Any]

FIRST_YEAR = 2002
"""The package's shifts of weekends begin here; nothing older is dated."""
_MINUTE = 60_000_000  # microseconds: sums of working time stay exact integers


class UnknownYear(Exception):
    """The calendar of a year isn't published: no due date is promised on a guess."""

    def __init__(self, year: int, calendar: Calendar) -> None:
        self.year = year
        super().__init__(
            f"the calendar of {year} is not known (known: {FIRST_YEAR} to {calendar.known_through}); add its days off "
            "to the holidays file and raise known_through" if year > calendar.known_through else
            f"nothing before {FIRST_YEAR} is dated")


@dataclass(frozen=True, slots=True)
class Term:
    """How long: a count of working days, working hours or calendar days; with the rule it applies and its article."""

    count: int
    unit: Unit
    rule: str = ""
    article: str = ""

    @classmethod
    def parse(cls, text: str, rule: str = "", article: str = "") -> Term:
        """The term of `15wd`, `9wh` or `15cd`. Raises ValueError with how to mend."""
        found = re.fullmatch(r"\s*([0-9]{1,4})\s*(wd|wh|cd)\s*", text)
        if not found or int(found[1]) == 0:
            raise ValueError(f'"{text}" is no term; write 15wd (working days), 9wh (working hours) or 15cd (calendar '
                             "days), from 1 to 9999")
        unit: Unit = found[2]  # type: ignore[assignment]
        return cls(int(found[1]), unit, rule, article)

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


@dataclass(frozen=True, slots=True)
class Due:
    """The moment (UTC) until which, and the steps that lead to it (JSON values, times in Asia/Almaty)."""

    at: datetime
    derivation: tuple[Step, ...]


class _Days:
    """Working days of a run of years, with the sums that make every question one bisection."""

    __slots__ = ("before", "first", "hours", "index", "last", "moved", "names", "noted", "working")

    def __init__(self, week: Sequence[Intervals], workdays: Workdays, since: int, until: int) -> None:
        self.first, self.last = date(since, 1, 1).toordinal(), date(until, 12, 31).toordinal()
        names: dict[int, DayOff] = {}
        worked: dict[int, Worked] = {}
        for year in range(since, until + 1):
            off, moved = workdays.of(year)
            names.update((day.toordinal(), what) for day, what in off.items())
            worked.update((day.toordinal(), what) for day, what in moved.items())
        usual = next(hours for hours in week if hours)
        self.names = names                         # ordinal -> why it is off, weekends left out
        self.moved = worked                        # ordinal -> whose place it takes
        self.noted = sorted({*names, *worked})
        self.working: list[int] = []               # ordinals of the working days
        self.hours: list[Intervals] = []           # of each working day
        self.index: list[int] = []                 # of each day: how many working days lie before it
        self.before: list[int] = [0]               # of each working day: the working time before it, in microseconds
        for day in range(self.first, self.last + 1):
            self.index.append(len(self.working))
            hours = week[(day - 1) % 7]            # ordinal 1 is a Monday
            if day in worked:
                moved_day = worked[day]
                instead = moved_day.instead_of
                hours = moved_day.intervals or (week[instead.weekday()] if instead else hours) or usual
            elif day in names:
                hours = ()
            if hours:
                self.working.append(day)
                self.hours.append(hours)
                self.before.append(self.before[-1] + sum(b - a for a, b in hours) * _MINUTE)
        self.index.append(len(self.working))


class Calendar:
    """Working time by day: the week's intervals, less days off, plus days worked instead. Immutable to its users."""

    def __init__(self, workdays: Workdays, week: Mapping[str, Sequence[str]] | None = None) -> None:
        self.workdays = workdays
        self.week = parse_week(DEFAULT if week is None else week)
        self.known_through = workdays.known_through
        self.version = workdays.version
        self._table: _Days = _Days(self.week, workdays, 2024, self.known_through)
        self._years = (2024, self.known_through)

    def days(self, since: int, until: int, provisional: bool) -> _Days:
        """The table that covers the years; raises UnknownYear past what is known unless `provisional`."""
        known, (low, high) = self.known_through, self._years
        if low <= since and until <= high and (provisional or until <= known):
            return self._table
        if since < FIRST_YEAR or (until > known and not provisional) or until > 2100:
            raise UnknownYear(since if since < FIRST_YEAR else until, self)
        low, high = min(low, since), max(high, until)
        table = _Days(self.week, self.workdays, low, high)
        self._table, self._years = table, (low, high)
        return table

    def is_working(self, day: date) -> bool:
        """Whether anybody works on `day`."""
        table = self.days(day.year, day.year, False)
        at = day.toordinal() - table.first
        return table.index[at + 1] > table.index[at]


@lru_cache(maxsize=1)
def kazakhstan() -> Calendar:
    """The default calendar: 09:00-13:00 and 14:30-18:30 Monday to Friday, the bundled days off."""
    return Calendar(load_workdays())


def due(received: datetime, term: Term, calendar: Calendar, count_from: CountFrom = "same", *,
        full: bool = True, provisional: bool = False) -> Due:
    """Until when a message received at `received` (aware) is due.

    `full=False` leaves the counted days and hours out of the derivation, not what skipped them. Past the known
    calendar it raises UnknownYear; `provisional=True` counts on with the fixed holidays and says so in the derivation:
    for intake, which must not lose a message because a file is late.
    """
    local = _in_almaty(received)
    if term.unit == "wh":
        return _hours(local, term, calendar, full, provisional)
    return _in_days(local, term, calendar, count_from, full, provisional)


def registered_at(received: datetime, calendar: Calendar, *, provisional: bool = False) -> datetime:
    """When it counts as registered (UTC): at receipt, but after hours with the start of the next working day.

    АППК Art. 64: registered on the day of receipt, after hours on the next working day.
    """
    local = _in_almaty(received)
    day = local.date().toordinal()
    table, at = _grown(calendar, local.year, provisional, lambda t: _first_day(t, day, _time(local), "same"))
    first = table.working[at]
    if first == day:
        return received.astimezone(UTC)
    return _moment(first, table.hours[at][0][0])


def _in_days(local: datetime, term: Term, calendar: Calendar, count_from: CountFrom, full: bool,
             provisional: bool) -> Due:
    day = local.date().toordinal()
    if term.unit == "wd":
        def find(table: _Days) -> int | None:
            start = _first_day(table, day, _time(local), count_from)
            return None if start is None or start + term.count > len(table.working) else start + term.count - 1
        table, at = _grown(calendar, local.year, provisional, find)
        first = table.working[at - term.count + 1]
        last = table.working[at]
    else:
        first = day if count_from == "same" else day + 1
        last = first + term.count - 1

        def find(table: _Days) -> int | None:
            found = bisect_left(table.working, last)
            return None if found == len(table.working) else found
        table, at = _grown(calendar, local.year, provisional, find)
    ends = table.working[at]
    moment = _moment(ends, table.hours[at][-1][1])
    steps = _opening(local, term, calendar, count_from)
    steps.append(_start(table, day, first, local, term, count_from))
    steps += _skipped(table, min(day, first), ends)
    if full and term.unit == "wd":
        steps.append({"step": "counted", "days": [_iso(d) for d in table.working[at - term.count + 1:at + 1]]})
    if term.unit == "cd":
        steps.append({"step": "last_day", "day": _iso(last)})
        if ends != last:
            steps.append({"step": "moved", "day": _iso(ends), "why": N_("the last day is a day off: the next working day")})
    return Due(moment, _closed(steps, calendar, moment))


def _hours(local: datetime, term: Term, calendar: Calendar, full: bool, provisional: bool) -> Due:
    day, time = local.date().toordinal(), _time(local)
    wanted = term.count * 60 * _MINUTE

    def find(table: _Days) -> int | None:
        target = _worked_before(table, day, time) + wanted
        at = bisect_left(table.before, target) - 1
        return None if at >= len(table.working) else at
    table, at = _grown(calendar, local.year, provisional, find)
    start = _worked_before(table, day, time)
    left = start + wanted - table.before[at]
    end = 0
    for since, until in table.hours[at]:
        span = (until - since) * _MINUTE
        if left <= span:
            end = since * _MINUTE + left
            break
        left -= span
    ends = table.working[at]
    moment = _moment(ends, 0, end)
    steps = _opening(local, term, calendar, None)
    stretches = _stretches(table, day, time, ends, end)
    first = stretches[0]
    steps.append({"step": "start", "at": first[0], "why":
                  N_("received inside working time") if first[0] == local.isoformat() else
                  N_("received outside working time: hours run from the next working interval")})
    steps += _skipped(table, day, ends)
    if full:
        steps += [{"step": "hours", "from": a, "until": b, "minutes": minutes} for a, b, minutes in stretches]
    return Due(moment, _closed(steps, calendar, moment))


def _grown(calendar: Calendar, year: int, provisional: bool, find: Any) -> tuple[_Days, int]:
    """The table and what `find` finds in it; where the known years end first, one more year at a time."""
    until = year
    while True:
        table = calendar.days(year, until, provisional)
        found = find(table)
        # a table may hold provisional years of another caller: the answer itself must lie in a known year
        if found is not None and (provisional or _year(table.working[found]) <= calendar.known_through):
            return table, found
        until = max(until, calendar._years[1] if found is None else calendar.known_through) + 1


def _first_day(table: _Days, day: int, time: int, count_from: CountFrom) -> int | None:
    """Index of the first working day of a term received on `day` at `time`."""
    at = day - table.first
    index = table.index[at]
    today = table.index[at + 1] > index
    if today and (count_from == "next" or time >= table.hours[index][-1][1] * _MINUTE):
        index += 1
    return index if index < len(table.working) else None


def _worked_before(table: _Days, day: int, time: int) -> int:
    """Working time of the table before `time` of `day`, in microseconds."""
    at = day - table.first
    index = table.index[at]
    total = table.before[index]
    if table.index[at + 1] > index:
        for since, until in table.hours[index]:
            total += min(max(time - since * _MINUTE, 0), (until - since) * _MINUTE)
    return total


def _stretches(table: _Days, day: int, time: int, ends: int, end: int) -> list[tuple[str, str, float]]:
    """The stretches of working time between the receipt and the due moment: from, until, minutes."""
    made = []
    for at in range(table.index[day - table.first], bisect_right(table.working, ends)):
        today = table.working[at]
        for since, until in table.hours[at]:
            a = max(since * _MINUTE, time if today == day else 0)
            b = min(until * _MINUTE, end if today == ends else until * _MINUTE)
            if a < b:
                minutes = (b - a) / _MINUTE
                made.append((_local(today, a).isoformat(), _local(today, b).isoformat(),
                             int(minutes) if minutes == int(minutes) else round(minutes, 6)))
    return made


def _opening(local: datetime, term: Term, calendar: Calendar, count_from: CountFrom | None) -> list[Step]:
    opening: Step = {"step": "term", "term": str(term)}
    if term.rule:
        opening["rule"] = term.rule
    if term.article:
        opening["article"] = term.article
    if count_from is not None:
        opening["count_from"] = count_from
    return [opening, {"step": "received", "at": local.isoformat()}]


def _start(table: _Days, day: int, first: int, local: datetime, term: Term, count_from: CountFrom) -> Step:
    at = day - table.first
    working = table.index[at + 1] > table.index[at]
    if first == day:
        why = N_("the day of receipt is the first day")
    elif term.unit == "cd":
        why = N_("the day after receipt is the first day")
    elif count_from == "next":
        why = N_("the next working day after receipt is the first day")
    elif working:
        why = N_("received at or after the end of working time: the next working day is the first day")
    else:
        why = N_("received on a day off: the next working day is the first day")
    return {"step": "start", "first_day": _iso(first), "why": why}


def _skipped(table: _Days, since: int, until: int) -> list[Step]:
    """Every day off that is more than a plain weekend, and every moved day that is worked, from `since` to `until`."""
    steps: list[Step] = []
    for day in table.noted[bisect_left(table.noted, since):bisect_right(table.noted, until)]:
        moved = table.moved.get(day)
        if moved is not None:
            steps.append({"step": "worked_day", "day": _iso(day)})
            if moved.instead_of is not None:
                steps[-1]["instead_of"] = moved.instead_of.isoformat()
            continue
        what = table.names[day]
        steps.append({"step": "day_off", "day": _iso(day), "kk": what.name_kk, "ru": what.name_ru, "en": what.name_en})
        if what.estimated:
            steps[-1]["estimated"] = True
    return steps


def _closed(steps: list[Step], calendar: Calendar, moment: datetime) -> tuple[Step, ...]:
    local = moment.astimezone(ALMATY)
    # the end of a day at 24:00 belongs to the day before
    if (local - timedelta(microseconds=1)).year > calendar.known_through:
        steps.append({"step": "provisional", "past": calendar.known_through,
                      "why": N_("the calendar of that year is not published yet: the date may change")})
    steps.append({"step": "calendar", "version": calendar.version})
    steps.append({"step": "due", "at": local.isoformat()})
    return tuple(steps)


def _in_almaty(received: datetime) -> datetime:
    if received.tzinfo is None:
        raise ValueError(f"{received.isoformat()} has no offset; write it like 2026-11-24T10:00:00+05:00")
    return received.astimezone(ALMATY)


def _time(local: datetime) -> int:
    return ((local.hour * 60 + local.minute) * 60 + local.second) * 1_000_000 + local.microsecond


def _local(day: int, micros: int) -> datetime:
    return (datetime.fromordinal(day) + timedelta(microseconds=micros)).replace(tzinfo=ALMATY)


def _moment(day: int, minutes: int, micros: int = 0) -> datetime:
    return _local(day, minutes * _MINUTE + micros).astimezone(UTC)


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _year(day: int) -> int:
    return date.fromordinal(day).year


def with_article(term: Term, rule: str, article: str) -> Term:
    """The same term, saying which rule and article it applies."""
    return replace(term, rule=rule, article=article)
