"""Due dates: a table worked out by plain counting, the rules of the contract as properties, and what is refused."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import ZONE, inside, plain, works

from config.timezone import ALMATY
from config.workdays import DayOff, Worked, load_workdays
from monitor.commands.due import said
from ticketing.deadlines import Calendar, Term, UnknownYear, due, kazakhstan, registered_at

ROWS = [line.split("\t") for line in
        (Path(__file__).parent / "due_dates.tsv").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 10, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=ZONE))
TERMS = st.builds(lambda count, unit: f"{count}{unit}", st.integers(1, 30), st.sampled_from(["wd", "wh", "cd"]))
COUNT_FROM = st.sampled_from(["same", "next"])


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(ROWS) >= 300
    assert {row[2] for row in ROWS} == {"same", "next"}
    assert len({tuple(row[:3]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0][:16]} {row[1]} {row[2]}")
def test_the_table_of_due_dates(row: list[str]) -> None:
    received, term, count_from, expected = row[:4]
    result = due(datetime.fromisoformat(received), Term.parse(term), kazakhstan(), count_from)
    assert result.at.astimezone(ALMATY).isoformat() == expected
    assert plain(datetime.fromisoformat(received), term, count_from)[0].isoformat() == expected


def test_counting_days_without_the_calendar_gets_many_rows_wrong() -> None:
    """The table would be worthless if weekends alone gave the same dates."""
    wrong = 0
    naive = Calendar(load_workdays())
    naive._table = _weekends_only()  # type: ignore[assignment]
    for received, term, count_from, expected, *_ in ROWS:
        got = due(datetime.fromisoformat(received), Term.parse(term), naive, count_from).at
        wrong += got != datetime.fromisoformat(expected)
    assert wrong > len(ROWS) // 2


def test_adding_days_gets_most_rows_wrong() -> None:
    """And so would the table if N days later were the date."""
    wrong = 0
    for received, term, _count_from, expected, *_ in ROWS:
        moment, count = datetime.fromisoformat(received), int(term[:-2])
        naive = (moment + timedelta(hours=count) if term.endswith("wh") else
                 (moment + timedelta(days=count)).replace(hour=18, minute=30))
        wrong += naive != datetime.fromisoformat(expected)
    assert wrong > len(ROWS) * 2 // 3


def _weekends_only() -> object:
    from ticketing.deadlines import _Days

    class Nothing:
        def of(self, year: int) -> tuple[dict[date, DayOff], dict[date, Worked]]:
            return {}, {}
    return _Days(kazakhstan().week, Nothing(), 2024, 2027)


@given(MOMENTS, TERMS, COUNT_FROM)
@settings(max_examples=300, deadline=None)
def test_a_second_way_of_counting_agrees(received: datetime, term: str, count_from: str) -> None:
    assert due(received, Term.parse(term), kazakhstan(), count_from).at == plain(received, term, count_from)[0]


@given(MOMENTS, st.integers(0, 60 * 24 * 10), TERMS, COUNT_FROM)
@settings(max_examples=300, deadline=None)
def test_received_later_is_never_due_earlier(received: datetime, minutes: int, term: str, count_from: str) -> None:
    later = received + timedelta(minutes=minutes)
    first, second = (due(r, Term.parse(term), kazakhstan(), count_from).at for r in (received, later))
    assert first <= second


@given(MOMENTS, TERMS, COUNT_FROM)
@settings(max_examples=300, deadline=None)
def test_it_is_never_due_outside_working_time(received: datetime, term: str, count_from: str) -> None:
    at = due(received, Term.parse(term), kazakhstan(), count_from).at.astimezone(ZONE)
    assert inside(at - timedelta(minutes=1)), "the minute before it is working time"
    # of calendar days the day of receipt is the first, whatever the hour: a term of one ends with that day's working time
    assert at > received or ((term, count_from) == ("1cd", "same") and at.date() == received.date())


@given(MOMENTS, st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_hours_add_up(received: datetime, a: int, b: int) -> None:
    def later(moment: datetime, hours: int) -> datetime:
        return due(moment, Term(hours, "wh"), kazakhstan()).at
    assert later(later(received, a), b) == later(received, a + b)


@given(MOMENTS, TERMS)
@settings(max_examples=200, deadline=None)
def test_counting_from_the_same_day_is_never_later(received: datetime, term: str) -> None:
    same, following = (due(received, Term.parse(term), kazakhstan(), c).at for c in ("same", "next"))
    assert same <= following


@given(MOMENTS, TERMS, COUNT_FROM)
@settings(max_examples=200, deadline=None)
def test_the_derivation_can_be_replayed(received: datetime, term: str, count_from: str) -> None:
    result = due(received, Term.parse(term), kazakhstan(), count_from)
    steps = {step["step"]: step for step in result.derivation}
    assert steps["due"]["at"] == result.at.astimezone(ALMATY).isoformat()
    assert datetime.fromisoformat(steps["received"]["at"]) == received
    if term.endswith("wd"):
        days = [date.fromisoformat(day) for day in steps["counted"]["days"]]
        assert len(days) == int(term[:-2])
        assert all(works(day) for day in days)
        skipped = {step["day"] for step in result.derivation if step["step"] == "day_off"}
        between = [days[0] + timedelta(n) for n in range((days[-1] - days[0]).days + 1)]
        assert all(works(day) or day.weekday() > 4 or day.isoformat() in skipped for day in between)
    if term.endswith("wh"):
        assert sum(step["minutes"] for step in result.derivation if step["step"] == "hours") == int(term[:-2]) * 60


@given(MOMENTS, TERMS, COUNT_FROM)
@settings(max_examples=100, deadline=None)
def test_the_short_derivation_changes_no_date(received: datetime, term: str, count_from: str) -> None:
    full = due(received, Term.parse(term), kazakhstan(), count_from)
    short = due(received, Term.parse(term), kazakhstan(), count_from, full=False)
    assert short.at == full.at
    assert set(map(str, short.derivation)) <= set(map(str, full.derivation))


def test_the_derivation_names_article_holiday_estimate_and_calendar() -> None:
    term = Term.parse("15wd", rule="final", article="АППК Art. 76")
    steps = due(datetime(2026, 5, 8, 17, tzinfo=ZONE), term, kazakhstan()).derivation
    assert steps[0] == {"step": "term", "term": "15wd", "rule": "final", "article": "АППК Art. 76",
                        "count_from": "same"}
    eid = next(step for step in steps if step.get("day") == "2026-05-27")
    assert (eid["ru"], eid["estimated"]) == ("Курбан айт", True)
    assert "Құрбан айт" in eid["kk"]
    assert said(eid) == "day off: 2026-05-27 Eid al-Adha (estimated)"
    assert "Победы" in next(step for step in steps if step.get("day") == "2026-05-11")["ru"]
    assert "holidays" in next(step for step in steps if step["step"] == "calendar")["version"]


def test_seconds_and_other_zones_are_kept_exactly() -> None:
    received = datetime(2026, 11, 24, 6, 0, 1, 500, tzinfo=UTC)   # 11:00:01.0005 in Almaty
    assert due(received, Term.parse("1wh"), kazakhstan()).at == received + timedelta(hours=1)


def test_before_march_2024_the_clock_of_almaty_was_an_hour_ahead() -> None:
    at = due(datetime(2024, 2, 27, 10, tzinfo=ALMATY), Term.parse("1wd"), kazakhstan()).at
    assert at == datetime(2024, 2, 27, 12, 30, tzinfo=UTC)      # 18:30 at UTC+6
    over = due(datetime(2024, 2, 29, 18, tzinfo=ALMATY), Term.parse("1wh"), kazakhstan()).at
    assert over == datetime(2024, 3, 1, 4, 30, tzinfo=UTC)      # 09:30 at UTC+5


# --- registration, АППК Art. 64

@pytest.mark.parametrize(("received", "registered"), [
    ("2026-11-24T10:00", "2026-11-24T10:00"),
    ("2026-11-24T03:00", "2026-11-24T03:00"),      # before work: still the day of receipt
    ("2026-11-24T13:30", "2026-11-24T13:30"),      # lunch is no end of the day
    ("2026-11-24T18:30", "2026-11-25T09:00"),
    ("2026-11-27T19:00", "2026-11-30T09:00"),
    ("2026-12-31T18:29", "2026-12-31T18:29"),
    ("2026-12-31T18:30", "2027-01-05T09:00"),      # the number belongs to 2027
    ("2025-01-03T12:00", "2025-01-05T09:00"),      # the worked Sunday
])
def test_registered_on_the_day_of_receipt_or_the_next_working_day(received: str, registered: str) -> None:
    moment = datetime.fromisoformat(received).replace(tzinfo=ALMATY)
    assert registered_at(moment, kazakhstan()) == datetime.fromisoformat(registered).replace(tzinfo=ALMATY)


# --- what is not known, and what is not a term

def test_an_unknown_year_is_not_promised() -> None:
    with pytest.raises(UnknownYear, match="calendar of 2028 is not known"):
        due(datetime(2027, 12, 20, tzinfo=ZONE), Term.parse("15wd"), kazakhstan())
    with pytest.raises(UnknownYear):
        due(datetime(2031, 5, 5, tzinfo=ZONE), Term.parse("1wh"), kazakhstan())
    with pytest.raises(UnknownYear, match="2002"):
        due(datetime(1999, 5, 5, tzinfo=ZONE), Term.parse("1wh"), kazakhstan())


def test_intake_may_count_on_and_says_so() -> None:
    calendar = Calendar(load_workdays())
    result = due(datetime(2027, 12, 20, 10, tzinfo=ZONE), Term.parse("15wd"), calendar, provisional=True)
    assert result.at.year == 2028
    assert any(step["step"] == "provisional" for step in result.derivation)
    assert registered_at(datetime(2027, 12, 31, 20, tzinfo=ZONE), calendar, provisional=True).year == 2028
    with pytest.raises(UnknownYear):       # a promise is refused as before, whatever intake did with this calendar
        due(datetime(2027, 12, 20, 10, tzinfo=ZONE), Term.parse("15wd"), calendar)
    known = due(datetime(2027, 12, 1, 10, tzinfo=ZONE), Term.parse("1wd"), calendar, provisional=True)
    assert all(step["step"] != "provisional" for step in known.derivation)


@pytest.mark.parametrize("text", ["", "15", "wd", "0wd", "-1wd", "1.5wh", "15WD", "15d", "99999cd", "１５wd"])
def test_what_is_no_term_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="15wd"):
        Term.parse(text)


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        due(datetime(2026, 11, 24, 10), Term.parse("1wd"), kazakhstan())


# --- other calendars

def test_an_office_file_closes_and_opens_days(tmp_path: Path) -> None:
    file = tmp_path / "days.yaml"
    file.write_text("""
version: city-1
closed:
  - {date: 2026-11-25, name_kk: Қала күні, name_ru: День города}
worked:
  - {date: 2026-11-28, instead_of: 2026-11-25}
  - {date: 2026-05-27}
""", encoding="utf-8")
    calendar = Calendar(load_workdays(file))
    assert not calendar.is_working(date(2026, 11, 25))
    assert calendar.is_working(date(2026, 11, 28))
    assert calendar.is_working(date(2026, 5, 27)), "the estimate of Kurban Ait was wrong"
    steps = due(datetime(2026, 11, 24, 17, 30, tzinfo=ZONE), Term.parse("25wh"), calendar).derivation
    assert {"step": "worked_day", "day": "2026-11-28", "instead_of": "2026-11-25"} in steps
    (own,) = [step for step in steps if step.get("ru") == "День города"]
    assert said(own) == "day off: 2026-11-25 Day off", "the console is English"
    assert "city-1" in steps[-2]["version"]


def test_a_worked_day_has_the_hours_of_the_day_it_replaces() -> None:
    calendar = Calendar(load_workdays(), {"mon-thu": ["09:00-18:00"], "fri": ["09:00-12:00"]})
    at = due(datetime(2025, 1, 5, 8, tzinfo=ZONE), Term.parse("1wd"), calendar).at      # instead of Friday 3 January
    assert at == datetime(2025, 1, 5, 12, tzinfo=ZONE)


def test_a_round_the_clock_office_ends_its_day_at_midnight() -> None:
    calendar = Calendar(load_workdays(), {"mon-sun": ["00:00-24:00"]})
    late = datetime(2026, 11, 28, 23, tzinfo=ZONE)
    assert due(late, Term.parse("1wd"), calendar).at == datetime(2026, 11, 29, tzinfo=ZONE)
    assert due(late, Term.parse("2wh"), calendar).at == datetime(2026, 11, 29, 1, tzinfo=ZONE)


def test_it_is_quick_enough_for_intake() -> None:
    """Two a ticket: at 20,000/s they cost 0.1 ms of it. A quarter of that is asked on a shared machine."""
    calendar, term, received = kazakhstan(), Term.parse("7wd"), datetime(2026, 11, 24, 10, tzinfo=UTC)
    began = time.perf_counter()
    for _ in range(2000):
        due(received, term, calendar)
    assert time.perf_counter() - began < 0.4
