"""Dates that change after registration, each with the steps that lead to it. Pure.

A date is extended by a decision, brought nearer by a card merged into it, or counted anew when a card is reopened. The steps
of what held before stay in the derivation; the last step is always the date itself.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Any

from config.settings import ARTICLES
from config.timezone import ALMATY
from ticketing.deadlines import Calendar, Due, Step, Term, due
from ticketing.desk import OfficeRules

INQUIRY = "inquiry"


def began(steps: Sequence[Step], received_at: datetime) -> datetime:
    """The moment that a term runs from: the receipt, or when the card was taken up again."""
    return next((datetime.fromisoformat(step["at"]) for step in steps if step.get("step") == "received"), received_at)


def limit(began_at: datetime, current: datetime, kind: str, own: OfficeRules) -> tuple[date, str]:
    """The last day to which the term of a message may be extended, and the rule that says so.

    A request for information once by so many days; everything else to so many months in all from its beginning.
    """
    if kind == INQUIRY:
        return current.astimezone(ALMATY).date() + timedelta(days=own.extension_inquiry.count), "extension_inquiry"
    start = began_at.astimezone(ALMATY).date()
    month = start.month - 1 + own.extension_months
    year, month = start.year + month // 12, month % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1])), "extension_months"


def end_of(day: date, calendar: Calendar) -> datetime:
    """When the working time of a day ends; of a day off, that of the last working day before it: never later than said.

    Raises UnknownYear.
    """
    while not calendar.is_working(day):
        day -= timedelta(days=1)
    midnight = datetime.combine(day, time(), ALMATY)
    return due(midnight, Term(1, "cd"), calendar).at


def extended(steps: Sequence[Step], until: date, at: datetime, rule: str, last: date, calendar: Calendar, now: datetime,
             ) -> list[Step]:
    """The derivation of a date that a decision moved to `at`."""
    local = at.astimezone(ALMATY)
    made: list[Step] = [*own_steps(steps), {
        "step": "extended", "rule": rule, "article": ARTICLES[rule], "until": until.isoformat(), "limit": last.isoformat(),
        "decided": now.astimezone(ALMATY).isoformat()}]
    if local.date() != until:
        made.append({"step": "brought_back", "day": local.date().isoformat()})
    return [*made, {"step": "calendar", "version": calendar.version}, {"step": "due", "at": local.isoformat()}]


def own_steps(steps: Sequence[Step]) -> list[Step]:
    """The steps without those that a merged card brought."""
    return list(takewhile(lambda step: step.get("step") != "merged", steps))


def with_members(steps: Sequence[Step], own: datetime | None, members: Mapping[str, Mapping[str, datetime]], name: str,
                 ) -> list[Step]:
    """The derivation of a card's date beside those that its members brought."""
    kept = own_steps(steps)
    brought = [(dates[name], number) for number, dates in members.items() if name in dates]
    if own is None or not brought or min(brought)[0] >= own:
        return kept
    at, number = min(brought)
    local = at.astimezone(ALMATY).isoformat()
    return [*kept, {"step": "merged", "number": number, "at": local}, {"step": "due", "at": local}]


def counted(since: datetime, term: Term, own: OfficeRules) -> Due:
    """A date counted from a moment, by the office's own rules; past the published calendar it is marked provisional."""
    return due(since, term, own.calendar, own.count_from, full=False, provisional=True)


def iso(dates: Mapping[str, datetime]) -> dict[str, Any]:
    """Dates as an entry holds them."""
    return {name: at.isoformat() for name, at in dates.items()}
