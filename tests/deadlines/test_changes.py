"""What happens to a deadline later: pauses, extensions, another calendar; and the derivation counted again from itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import ZONE, inside

from config.timezone import ALMATY
from config.workdays import load_workdays
from ticketing import redated
from ticketing.deadlines import (
    Calendar,
    CountFrom,
    Due,
    NotNow,
    Term,
    advanced,
    day_begins,
    due,
    is_paused,
    kazakhstan,
    paused,
    recounted,
    replay,
    resumed,
    worked,
)
from ticketing.replay import NotReplayable

MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 9, 30)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=ZONE))
TERMS = st.builds(lambda count, unit: Term(count, unit), st.integers(1, 20), st.sampled_from(["wd", "wh", "cd"]))
COUNT_FROM: st.SearchStrategy[CountFrom] = st.sampled_from(["same", "next"])
GAPS = st.lists(st.integers(0, 3 * 24 * 60), min_size=2, max_size=4)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY)


def with_pauses(first: Due, received: datetime, gaps: list[int]) -> tuple[Due, list[tuple[datetime, datetime]]]:
    """Pauses and goings-on at these distances in minutes, as long as the deadline is not past; and which there were."""
    moment, made, now = received, [], first
    for on, off in zip(gaps[::2], gaps[1::2], strict=False):
        stop = moment + timedelta(minutes=on)
        if stop >= now.at:
            break
        moment = stop + timedelta(minutes=off)
        now = resumed(paused(now.derivation, "asked", stop).derivation, kazakhstan(), moment)
        made.append((stop, moment))
    return now, made


def minutes(since: datetime, until: datetime) -> int:
    """Working minutes between two moments, one by one: the second way."""
    since, until = since.astimezone(ZONE), until.astimezone(ZONE)
    return sum(inside(since + timedelta(minutes=i)) for i in range(int((until - since) / timedelta(minutes=1))))


def put_off(made: Due, days: int) -> Due:
    """Extended by a decision to so many days later."""
    until = made.at.astimezone(ALMATY).date() + timedelta(days=days)
    ends = redated.end_of(until, kazakhstan())
    return Due(ends, tuple(redated.extended(made.derivation, until, ends, "extension_months", until, kazakhstan(), made.at)))


@given(MOMENTS, TERMS, COUNT_FROM, GAPS)
@settings(max_examples=60, deadline=None)
def test_pauses_add_up(received: datetime, term: Term, count_from: CountFrom, gaps: list[int]) -> None:
    """However many there are, the clock runs as long as it would have run without them."""
    first = due(received, term, kazakhstan(), count_from, full=False)
    later, pauses = with_pauses(first, received, gaps)
    assert minutes(first.at, later.at) == sum(minutes(a, b) for a, b in pauses)
    assert first.at == later.at or inside(later.at.astimezone(ZONE) - timedelta(minutes=1))
    assert first.at <= later.at
    assert replay(later.derivation) == later.at


@given(MOMENTS, TERMS, COUNT_FROM, GAPS, st.integers(12, 40))
@settings(max_examples=60, deadline=None)
def test_every_derivation_leads_to_its_date_again(received: datetime, term: Term, count_from: CountFrom, gaps: list[int],
                                                  more: int) -> None:
    first = due(received, term, kazakhstan(), count_from)
    assert replay(first.derivation) == first.at
    later, _ = with_pauses(first, received, gaps)
    end = put_off(later, more)
    again, _ = with_pauses(end, later.at, gaps)
    assert replay(again.derivation) == again.at
    assert again.derivation[-1] == {"step": "due", "at": again.at.astimezone(ALMATY).isoformat()}
    assert first.derivation == again.derivation[:len(first.derivation)], "what was written stays"
    assert first.at <= later.at < end.at <= again.at


@given(MOMENTS, st.integers(0, 60 * 24 * 4), TERMS, COUNT_FROM, GAPS)
@settings(max_examples=40, deadline=None)
def test_paused_or_not_what_came_later_is_never_due_earlier(received: datetime, after: int, term: Term, count_from: CountFrom,
                                                            gaps: list[int]) -> None:
    """Two messages, the same pauses of the office for both."""
    other = received + timedelta(minutes=after)
    dates = []
    for moment in (received, other):
        now = due(moment, term, kazakhstan(), count_from, full=False)
        start = other
        for on, off in zip(gaps[::2], gaps[1::2], strict=False):
            stop = start + timedelta(minutes=on)
            start = stop + timedelta(minutes=off)
            if stop < now.at:
                now = resumed(paused(now.derivation, "asked", stop).derivation, kazakhstan(), start)
        dates.append(now.at)
    assert dates[0] <= dates[1]


@given(MOMENTS, st.integers(-6000, 6000))
@settings(max_examples=80, deadline=None)
def test_working_time_forth_and_back(moment: datetime, by: int) -> None:
    there = advanced(moment, timedelta(minutes=by), kazakhstan(), provisional=True)
    a, b = sorted([moment, there])
    assert worked(a, b, kazakhstan(), provisional=True) == timedelta(minutes=abs(by))
    if a.year > 2024:
        assert minutes(a, b) == abs(by)


@pytest.mark.parametrize(("moment", "days", "expected"), [
    ("2026-12-02T18:30", -1, "2026-12-01T09:00"),
    ("2026-12-02T18:30", 1, "2026-12-03T09:00"),
    ("2026-12-15T18:30", 1, "2026-12-17T09:00"),      # Independence Day
    ("2026-12-19T12:00", 1, "2026-12-21T09:00"),      # from a Saturday
    ("2026-12-19T12:00", -1, "2026-12-18T09:00"),
    ("2026-01-05T12:00", -1, "2025-12-31T09:00"),     # New Year
    ("2027-12-31T12:00", 1, "2028-01-04T09:00"),      # 1 and 2 January are a Saturday and a Sunday, 3 the day instead
])
def test_the_beginning_of_a_working_day_before_or_after(moment: str, days: int, expected: str) -> None:
    found = day_begins(at(moment), days, kazakhstan(), provisional=True)
    if expected.startswith("2028"):
        assert found >= at(expected)
    else:
        assert found == at(expected)


def test_what_makes_no_sense_is_refused() -> None:
    first = due(at("2026-11-24T10:00"), Term.parse("3wd"), kazakhstan()).derivation
    stands = paused(first, "asked", at("2026-11-25T10:00")).derivation
    assert is_paused(stands)
    assert not is_paused(first)
    refusals: list[Callable[[], Due]] = [lambda: paused(stands, "again", at("2026-11-25T11:00")),
                lambda: resumed(first, kazakhstan(), at("2026-11-25T11:00")),
                lambda: resumed(stands, kazakhstan(), at("2026-11-25T09:00")),
                lambda: paused(first, "too late", at("2026-12-25T11:00"))]
    for ask in refusals:
        with pytest.raises(NotNow):
            ask()


def test_a_published_calendar_makes_a_date_earlier_but_never_later(tmp_path: Path) -> None:
    received = at("2026-05-25T10:00")       # Kurban Ait 27 May 2026 is an estimate
    given_ = due(received, Term.parse("3wd", "final", "art."), kazakhstan(), full=False)
    assert given_.at == at("2026-05-28T18:30")
    file = tmp_path / "days.yaml"
    file.write_text("version: a\nworked: [{date: 2026-05-27}]\nclosed: [{date: 2026-05-29, name_kk: Айт, name_ru: Айт}]\n",
                    encoding="utf-8")
    anew = recounted(given_.derivation, Calendar(load_workdays(file)), "same", at("2026-05-20T10:00"))
    assert anew is not None
    assert anew.at == at("2026-05-27T18:30")
    assert replay(anew.derivation) == anew.at
    file.write_text("version: b\nclosed: [{date: 2026-05-26, name_kk: Айт, name_ru: Айт}]\n", encoding="utf-8")
    assert recounted(given_.derivation, Calendar(load_workdays(file)), "same", at("2026-05-20T10:00")) is None
    assert recounted(put_off(given_, 4).derivation, Calendar(load_workdays(file)), "same", at("2026-05-27T10:00")) is None


def test_a_derivation_is_counted_again_without_the_calendar_it_was_made_with(tmp_path: Path) -> None:
    """Lunch, a short Friday, a worked Saturday with its own hours: all of it stands in the steps."""
    file = tmp_path / "days.yaml"
    file.write_text("version: a\nworked: [{date: 2026-11-28, intervals: ['10:00-12:00']}]\n"
                    "closed: [{date: 2026-11-25, name_kk: Қала күні, name_ru: День города}]\n", encoding="utf-8")
    calendar = Calendar(load_workdays(file), {"mon-thu": ["08:30-12:30", "14:00-18:00"], "fri": ["08:30-12:00"]})
    for term in ("9wh", "25wh", "3wd", "5cd"):
        made = due(at("2026-11-24T16:10"), Term.parse(term), calendar, full=False)
        assert replay(made.derivation) == made.at
        forged = [dict(step) for step in made.derivation if step["step"] != "day_off"]
        assert term == "5cd" or replay(forged) != made.at, "a day off taken out of it shows"


def test_extended_to_a_day_and_dates_that_a_merged_card_brought() -> None:
    first = due(at("2026-11-24T10:00"), Term.parse("7wd"), kazakhstan(), full=False)
    moved = (*first.derivation, {"step": "extended", "until": "2026-12-20", "decided": "2026-12-01T10:00:00+05:00"},
             {"step": "brought_back", "day": "2026-12-18"}, {"step": "calendar", "version": "x"},
             {"step": "due", "at": "2026-12-18T18:30:00+05:00"})
    assert replay(moved) == at("2026-12-18T18:30")
    joined = (*moved, {"step": "merged", "number": "ӘЖ-551-2026-000001", "at": "2026-12-03T18:30:00+05:00"},
              {"step": "due", "at": "2026-12-03T18:30:00+05:00"})
    assert replay(joined) == at("2026-12-03T18:30")


@pytest.mark.parametrize("broken", [[], [{"step": "due", "at": "2026-11-24T18:30:00+05:00"}], [{}], ["x"],
                                    [{"step": "term", "term": "9999wd", "count_from": "same"}]])
def test_nonsense_is_not_counted(broken: list[object]) -> None:
    with pytest.raises(NotReplayable):
        replay(broken)  # type: ignore[arg-type]
