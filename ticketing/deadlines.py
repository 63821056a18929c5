"""Until when: due dates in the working time of Kazakhstan, each with a derivation that a person can replay.

Pure: the calendar comes in as a value and so does the moment of receipt. Nothing here knows surges.

How a term is counted (DESIGN.md, command `due`):

- `wd`, working days: ends with the working time of its last day. `same`: the day of receipt is the first day if it is
  a working day and the receipt lies before the end of its working time, else the next working day is. `next`: the
  next working day is.
- `cd`, calendar days: `same`: the day of receipt is the first day; `next`: the next day is. Ends with the working time
  of its last day; where that is a day off, with that of the next working day.
- `wh`, working hours: run from the moment of receipt inside working time.

What happens to a deadline later is written behind its derivation, never over it, and the last step is always the date
that holds: `paused` and `resumed` (the working time for which the clock stood is added back), `recounted` (another calendar, only
ever to an earlier date); `extended` by a decision is `ticketing.redated`. `ticketing.replay` counts a derivation again, day by day.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from config.hours import DEFAULT, Intervals, parse_week, spelled_intervals, spelled_week
from config.languages import N_
from config.timezone import ALMATY
from config.workdays import DayOff, Workdays, Worked, load_workdays
from ticketing.replay import replay as replay

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
        self.spelled = spelled_week(self.week)
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


# --- working time between moments

def worked(since: datetime, until: datetime, calendar: Calendar, *, provisional: bool = False) -> timedelta:
    """Working time between two moments; nothing where the second is not later."""
    if until <= since:
        return timedelta(0)
    a, b = _wall(since), _wall(until)
    table = calendar.days(_year(a[0]), _year(b[0]), provisional)
    return timedelta(microseconds=_worked_before(table, *b) - _worked_before(table, *a))


def advanced(moment: datetime, by: timedelta, calendar: Calendar, *, provisional: bool = False) -> datetime:
    """The moment (UTC) that lies `by` of working time after `moment`, or before it where `by` is negative."""
    if not by:
        return moment.astimezone(UTC)
    day, time = _wall(moment)
    micros = by // timedelta(microseconds=1)
    year = _year(day)
    while micros < 0 and year > FIRST_YEAR:     # a year more on the left, until what is counted back fits in
        table = calendar.days(year, _year(day), provisional)
        if _worked_before(table, day, time) - table.before[table.index[date(year, 1, 1).toordinal() - table.first]] + micros > 0:
            break
        year -= 1

    def find(table: _Days) -> int | None:
        at = bisect_left(table.before, _worked_before(table, day, time) + micros) - 1
        return None if at >= len(table.working) else max(at, 0)
    table, at = _grown(calendar, year, provisional, find)
    return _point(table, at, _worked_before(table, day, time) + micros - table.before[at])


def day_begins(moment: datetime, days: int, calendar: Calendar, *, provisional: bool = False) -> datetime:
    """When work begins on the `days`-th working day after the one `moment` lies in; before it where `days` is negative."""
    day, _ = _wall(moment - timedelta(microseconds=1))      # the end of a day at 24:00 belongs to it
    year = _year(day)

    def find(table: _Days) -> int | None:
        at = day - table.first
        today = table.index[at + 1] > table.index[at]
        found = table.index[at] + days - (0 if today or days < 0 else 1)
        return found if 0 <= found < len(table.working) else None
    table, at = _grown(calendar, max(year - 1, FIRST_YEAR) if days < 0 else year, provisional, find)
    return _moment(table.working[at], table.hours[at][0][0])


# --- what happens to a deadline later

class NotNow(ValueError):
    """What is asked of a deadline does not fit what happened to it: a pause in a pause, a resumption of nothing."""


def is_paused(derivation: Sequence[Step]) -> bool:
    """Whether the clock of this deadline stands."""
    return _last(derivation, "paused", "resumed") == "paused"


def paused(derivation: Sequence[Step], reason: str, at: datetime) -> Due:
    """The clock stops at `at`; the date stays until the clock goes on. `reason` is a code, no personal words.

    Raises NotNow where it stands already, where the deadline is past, or where `at` lies before the last change.
    """
    holds = _holds(derivation)
    if is_paused(derivation):
        raise NotNow("the clock of this deadline stands already")
    if at >= holds:
        raise NotNow("the deadline has passed: a pause cannot mend that")
    _in_order(derivation, at)
    step: Step = {"step": "paused", "at": _said(at), "why": reason}
    return Due(holds, (*derivation, step, {"step": "due", "at": _said(holds)}))


def resumed(derivation: Sequence[Step], calendar: Calendar, at: datetime, *, provisional: bool = False) -> Due:
    """The clock goes on at `at`, and the working time for which it stood is added back, to the microsecond.

    Raises NotNow where it does not stand, or where `at` lies before its pause.
    """
    holds = _holds(derivation)
    if not is_paused(derivation):
        raise NotNow("the clock of this deadline does not stand")
    _in_order(derivation, at)
    since = _at(next(s for s in reversed(derivation) if s["step"] == "paused"))
    stood = worked(since, at, calendar, provisional=provisional)
    step: Step = {"step": "resumed", "at": _said(at), "minutes": _minutes(stood)}
    steps = [*derivation, step]
    return _later(steps, advanced(holds, stood, calendar, provisional=provisional), since, calendar)


def recounted(derivation: Sequence[Step], calendar: Calendar, count_from: CountFrom, at: datetime) -> Due | None:
    """The same deadline under another calendar where that makes it earlier; None where it does not.

    For a year whose calendar was not published when the date was given. A later date is never taken by itself: that
    needs an extension with its reason. Nothing that was paused or extended is counted anew.
    """
    if {"paused", "extended"} & {step["step"] for step in derivation}:
        return None
    holds, opening = _holds(derivation), derivation[0]
    term = Term.parse(opening["term"], opening.get("rule", ""), opening.get("article", ""))
    received = next(_at(s) for s in derivation if s["step"] == "received")
    anew = due(received, term, calendar, opening.get("count_from", count_from), full=False, provisional=True)
    if anew.at >= holds:
        return None
    why: Step = {"step": "recounted", "at": _said(at), "why": N_("the calendar was published: the date is earlier")}
    return Due(anew.at, (*derivation, why, *anew.derivation))


def _later(steps: list[Step], moment: datetime, since: datetime, calendar: Calendar) -> Due:
    """The steps closed with `moment`, the days off on the way there from `since` among them."""
    (first, _), (last, _) = _wall(since - timedelta(microseconds=1)), _wall(moment - timedelta(microseconds=1))
    steps += _skipped(calendar.days(_year(first), _year(last), True), first, last)
    return Due(moment, _closed(steps, calendar, moment))


def _holds(derivation: Sequence[Step]) -> datetime:
    """The date that holds: the last step."""
    if not derivation or derivation[-1]["step"] != "due":
        raise ValueError("this derivation ends with no date")
    return _at(derivation[-1])


def _in_order(derivation: Sequence[Step], at: datetime) -> None:
    changes = [_at(s) if "at" in s else datetime.fromisoformat(s["decided"])
               for s in derivation if s["step"] in ("paused", "resumed", "extended", "recounted")]
    if changes and at < changes[-1]:
        raise NotNow("something was done to this deadline later than that")


def _last(derivation: Sequence[Step], *names: str) -> str:
    return next((str(s["step"]) for s in reversed(derivation) if s["step"] in names), "")


def _at(step: Step) -> datetime:
    return datetime.fromisoformat(step["at"])


def _said(moment: datetime) -> str:
    return _in_almaty(moment).isoformat()


def _minutes(time: timedelta) -> float:
    minutes = time / timedelta(minutes=1)
    return int(minutes) if minutes == int(minutes) else round(minutes, 6)


def _point(table: _Days, at: int, left: int) -> datetime:
    """The moment at which `left` of the working time of a working day is over."""
    for since, until in table.hours[at]:
        span = (until - since) * _MINUTE
        if left <= span:
            return _moment(table.working[at], 0, since * _MINUTE + left)
        left -= span
    raise AssertionError("no day has less working time than was found in it")


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
    ends = table.working[at]
    moment = _point(table, at, start + wanted - table.before[at])
    end = _micros(moment, ends)
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
            if moved.intervals is not None:
                steps[-1]["hours"] = spelled_intervals(moved.intervals)
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
    steps.append({"step": "calendar", "version": calendar.version, "week": calendar.spelled})
    steps.append({"step": "due", "at": local.isoformat()})
    return tuple(steps)


def _wall(moment: datetime) -> tuple[int, int]:
    """Day and time of a moment in Kazakhstan."""
    local = _in_almaty(moment)
    return local.date().toordinal(), _time(local)


def _in_almaty(received: datetime) -> datetime:
    if received.tzinfo is None:
        raise ValueError(f"{received.isoformat()} has no offset; write it like 2026-11-24T10:00:00+05:00")
    return received.astimezone(ALMATY)


def _time(local: datetime) -> int:
    return ((local.hour * 60 + local.minute) * 60 + local.second) * 1_000_000 + local.microsecond


def _local(day: int, micros: int) -> datetime:
    return (datetime.fromordinal(day) + timedelta(microseconds=micros)).replace(tzinfo=ALMATY)


def _micros(moment: datetime, day: int) -> int:
    """Microseconds of the wall clock from the beginning of `day` to a moment."""
    wall = moment.astimezone(ALMATY).replace(tzinfo=None)
    return (wall - datetime.fromordinal(day)) // timedelta(microseconds=1)


def _moment(day: int, minutes: int, micros: int = 0) -> datetime:
    return _local(day, minutes * _MINUTE + micros).astimezone(UTC)


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _year(day: int) -> int:
    return date.fromordinal(day).year


def with_article(term: Term, rule: str, article: str) -> Term:
    """The same term, saying which rule and article it applies."""
    return replace(term, rule=rule, article=article)
