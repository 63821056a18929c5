"""When somebody is reminded of a deadline, and who else hears that it passed. Pure.

A reminder is a row of `delivery`; its kind, `remind:WHAT:MARK:DUE`, is what a repeat is known by, so that nobody is told
twice, and a deadline that moved is told of anew. Only the last mark that passed counts: after a stop of a day one
message comes and not three.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.reminders import Reminders
from ticketing.deadlines import Calendar, advanced, day_begins, worked

REMIND, ESCALATE = "remind", "escalate"
_KIND = re.compile(r"(remind|escalate):(\w+):([^:]{1,8}):(\d{8}T\d{4})(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment at which somebody is told: `50%`, `-1wd`, `-2wh`, `0`, `+3wd`."""

    at: datetime
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the kind of a delivery says: what it reminds of (first, final, or an obligation's kind), which mark, which date."""

    action: str
    what: str
    mark: str
    due: str
    obligation: int | None = None

    def __str__(self) -> str:
        return f"{self.action}:{self.what}:{self.mark}:{self.due}" + ("" if self.obligation is None else f":{self.obligation}")


def told(kind: str) -> Told | None:
    """A delivery's kind, where it is one of ours."""
    found = _KIND.fullmatch(kind)
    if found is None:
        return None
    return Told(found[1], found[2], found[3], found[4], None if found[5] is None else int(found[5]))


def marks(start: datetime, due: datetime, rules: Reminders, calendar: Calendar) -> tuple[Mark, ...]:
    """The moments at which the responsible person is reminded, in their order; none before the clock began to run."""
    found = []
    for text in rules.before:
        if text.endswith("%"):
            time = worked(start, due, calendar, provisional=True) * int(text[:-1]) // 100
            at = advanced(start, time, calendar, provisional=True)
        elif text.endswith("wh"):
            at = advanced(due, -timedelta(hours=int(text[:-2])), calendar, provisional=True)
        else:
            at = day_begins(due, -int(text[:-2]), calendar, provisional=True)
        found.append(Mark(at, text if text.endswith("%") else f"-{text}"))
    found = [mark for mark in found if start < mark.at < due]
    if rules.at_deadline:
        found.append(Mark(due, "0"))
    found += [Mark(day_begins(due, n, calendar, provisional=True), f"+{n}wd") for n in range(1, rules.after_days + 1)]
    return tuple(sorted(found, key=lambda mark: mark.at))


def escalations(due: datetime, rules: Reminders, calendar: Calendar) -> tuple[Mark, ...]:
    """When head and controller are told that a deadline passed; the mark's name is the role."""
    found = []
    for role in ("head", "controller"):
        days = getattr(rules, role)
        if days:
            count = int(days[:-2])
            found.append(Mark(day_begins(due, count, calendar, provisional=True) if count else due, role))
    return tuple(sorted(found, key=lambda mark: mark.at))


def last_passed(all_marks: Iterable[Mark], now: datetime) -> Mark | None:
    """The last mark that is over; None before the first."""
    return max((mark for mark in all_marks if mark.at <= now), key=lambda mark: mark.at, default=None)
