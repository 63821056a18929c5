"""When silence is unusual: learnt from a source's own weeks, without an alarm every night."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from monitor.core.rhythm import Rhythm, interval

START = datetime(2026, 3, 2, tzinfo=UTC)


def lived(weeks: float, chance: random.Random, *, busy: float = 4.0, night: float = 0.05) -> tuple[Rhythm, datetime, int]:
    """A source with `busy` posts an hour by day and almost none by night in Almaty; how often its silence would have alarmed."""
    rhythm, at, alarms = Rhythm(), START, 0
    end = START + timedelta(weeks=weeks)
    while at < end:
        at += timedelta(hours=chance.expovariate(busy))
        if not 8 <= (at + timedelta(hours=5)).hour < 23 and chance.random() > night / busy:
            continue
        if rhythm.known and rhythm.last is not None and rhythm.due(rhythm.last, at) > rhythm.bound():
            alarms += 1
        rhythm = rhythm.heard(at)
    return rhythm, rhythm.last or at, alarms


def test_a_silent_day_alarms_within_hours_and_a_silent_night_does_not() -> None:
    rhythm, _, alarms = lived(5, random.Random(3))
    assert alarms <= 1
    evening = datetime(2026, 4, 8, 17, 50, tzinfo=UTC)             # 22:50 in Almaty
    morning = datetime(2026, 4, 9, 3, 0, tzinfo=UTC)               # 08:00
    first = rhythm.silent_from(evening)
    assert first is not None
    assert morning < first < morning + timedelta(hours=6)
    assert rhythm.due(evening, morning) < 2.0
    noon = rhythm.silent_from(morning + timedelta(hours=4))
    assert noon is not None
    assert noon - (morning + timedelta(hours=4)) < timedelta(hours=5)


def test_times_in_which_it_was_not_heard_are_no_silence() -> None:
    rhythm, _, _ = lived(5, random.Random(3))
    noon = datetime(2026, 4, 8, 7, tzinfo=UTC)
    deaf = [(noon + timedelta(minutes=10), noon + timedelta(hours=5)), (noon + timedelta(hours=4), noon + timedelta(hours=5))]
    assert rhythm.due(noon, noon + timedelta(hours=5)) > rhythm.bound()
    assert rhythm.due(noon, noon + timedelta(hours=5), deaf) < 2.0
    heard, deafened = rhythm.silent_from(noon), rhythm.silent_from(noon, deaf)
    assert heard is not None
    assert deafened is not None
    assert deafened - heard > timedelta(hours=4)


def test_bursts_widen_the_bound_and_a_new_source_says_nothing() -> None:
    fresh = Rhythm().heard(START).heard(START + timedelta(hours=1))
    assert fresh.silent_from(START) is None
    even, bursty, at = Rhythm(), Rhythm(), START
    for day in range(35):
        for hour in range(0, 24, 2):
            even = even.heard(at + timedelta(days=day, hours=hour))
        if day % 3 == 0:
            for minute in range(0, 360, 10):
                bursty = bursty.heard(at + timedelta(days=day, minutes=minute))
    assert bursty.bound() > 2 * even.bound()


def test_it_survives_being_kept_and_the_interval_is_a_week_shared_out() -> None:
    rhythm, _, _ = lived(2, random.Random(5))
    again = Rhythm.of(rhythm.kept())
    assert abs(again.bound() - rhythm.bound()) < 0.01
    assert again.last == rhythm.last
    assert interval(2016, 60, 900) == 300
    assert (interval(1e9, 60, 900), interval(0, 60, 900)) == (60, 900)
