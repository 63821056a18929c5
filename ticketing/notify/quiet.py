"""When staff are left alone. Pure: a moment in, the end of the quiet time out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from config.reminders import Quiet, quiet_spans
from config.timezone import ALMATY
from ticketing.deadlines import FIRST_YEAR, Calendar

LONGEST = timedelta(days=15)
"""Nothing is held back longer, whatever the calendar says."""


@dataclass(frozen=True, slots=True)
class Hours:
    """One rule: stretches of the day in minutes, and the calendar whose days off are quiet, where they are."""

    spans: tuple[tuple[int, int], ...] = ()
    days_off: Calendar | None = None

    def end(self, at: datetime) -> datetime | None:
        """When the stretch that `at` lies in is over; None where it lies in none."""
        local = at.astimezone(ALMATY)
        if self.days_off is not None and self._off(local):
            return datetime.combine(local.date() + timedelta(days=1), time(), ALMATY)
        minute = local.hour * 60 + local.minute
        ends = [until for since, until in self.spans if since <= minute < until]
        if not ends:
            return None
        return datetime.combine(local.date(), time(), ALMATY) + timedelta(minutes=max(ends))

    def _off(self, local: datetime) -> bool:
        calendar = self.days_off
        assert calendar is not None, "end() asked"
        return FIRST_YEAR <= local.year <= calendar.known_through and not calendar.is_working(local.date())


@dataclass(frozen=True, slots=True)
class QuietHours:
    """What each office has settled, and what a person adds."""

    offices: Mapping[str, Hours] = field(default_factory=dict)
    default: Hours = Hours()
    urgent_waits: frozenset[str] = frozenset()
    """Offices in which even what is urgent waits."""

    def until(self, office: str, own: tuple[str, ...], urgent: bool, now: datetime) -> datetime | None:
        """When it may be said; None: now. `own` are the reader's own quiet hours, as written."""
        if urgent and office not in self.urgent_waits:
            return None
        rules = [self.offices.get(office, self.default), Hours(quiet_spans(own) if own else ())]
        moment = now
        while moment - now < LONGEST:
            ends = [end for rule in rules if (end := rule.end(moment)) is not None]
            if not ends:
                break
            moment = max(ends)
        return moment if moment > now else None


def quiet_hours(settled: Mapping[str, tuple[Quiet, Calendar]]) -> QuietHours:
    """Of each office's settings and calendar. An office that settled nothing has none."""
    return QuietHours(
        {code: Hours(quiet_spans(own.hours), calendar if own.days_off else None) for code, (own, calendar) in settled.items()},
        urgent_waits=frozenset(code for code, (own, _) in settled.items() if not own.urgent_anyway))
