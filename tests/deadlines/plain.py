"""Due dates by plain counting, day by day and minute by minute, through lists of days off typed from the calendars.

The second way: it shares nothing with ticketing.deadlines, neither the package `holidays` nor any table of sums.

Days off that are no Saturday or Sunday, and days worked though they are, Labour Code Art. 84-85, Law on holidays
(267-II) Art. 3-5. A national or state holiday on a Saturday or Sunday gives the next working day; 7 January and the
first day of Kurban Ait do not.

2025: 1, 2 Jan New Year · 3 Jan for Sunday 5 Jan, which is worked · 7 Jan Christmas · 10 Mar for Saturday 8 Mar · 21 Mar
Nauryz, 24 and 25 Mar for Saturday 22 and Sunday 23 Mar · 1 May · 7 May · 9 May · 6 Jun Kurban Ait · 7 Jul for Sunday
6 Jul · 1 Sep for Saturday 30 Aug (Constitution, the last one in August) · 27 Oct for Saturday 25 Oct · 16 Dec.
2026: 1, 2 Jan · 7 Jan · 9 Mar for Sunday 8 Mar · 23 Mar Nauryz, 24 and 25 Mar for Saturday 21 and Sunday 22 Mar ·
1 May · 7 May · 11 May for Saturday 9 May · 27 May Kurban Ait (estimate) · 6 Jul · no Constitution Day · 26 Oct for
Sunday 25 Oct · 16 Dec.
2027: 1 Jan, 4 Jan for Saturday 2 Jan · 7 Jan · 8 Mar · 15 Mar Constitution, the first one in March · 22, 23 Mar Nauryz,
24 Mar for Sunday 21 Mar · 3 May for Saturday 1 May · 7 May · 10 May for Sunday 9 May · Kurban Ait is Sunday 16 May ·
6 Jul · 25 Oct · 16 Dec.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

OFF = {date.fromisoformat(day) for day in """
2025-01-01 2025-01-02 2025-01-03 2025-01-07 2025-03-10 2025-03-21 2025-03-24 2025-03-25 2025-05-01 2025-05-07 2025-05-09
2025-06-06 2025-07-07 2025-09-01 2025-10-27 2025-12-16
2026-01-01 2026-01-02 2026-01-07 2026-03-09 2026-03-23 2026-03-24 2026-03-25 2026-05-01 2026-05-07 2026-05-11 2026-05-27
2026-07-06 2026-10-26 2026-12-16
2027-01-01 2027-01-04 2027-01-07 2027-03-08 2027-03-15 2027-03-22 2027-03-23 2027-03-24 2027-05-03 2027-05-07 2027-05-10
2027-07-06 2027-10-25 2027-12-16
""".split()}  # noqa: SIM905 - a year a line
WORKED = {date(2025, 1, 5)}
ZONE = timezone(timedelta(hours=5))
DAY = timedelta(days=1)
END = time(18, 30)


def works(day: date) -> bool:
    """Whether the day is worked."""
    return day in WORKED or (day.weekday() < 5 and day not in OFF)


def inside(moment: datetime) -> bool:
    """Whether the minute that begins at `moment` is working time."""
    at = moment.time()
    return works(moment.date()) and (time(9) <= at < time(13) or time(14, 30) <= at < END)


def plain(received: datetime, term: str, count_from: str) -> tuple[datetime, str]:
    """The due date and how it was counted."""
    count, unit = int(term[:-2]), term[-2:]
    day = received.date()
    if unit == "wh":
        left, moment = count * 60, received
        while not inside(moment):
            moment += timedelta(minutes=1)
        begun = moment
        while left:
            left -= inside(moment)
            moment += timedelta(minutes=1)
        return moment, f"from {begun:%d.%m %H:%M}, minute by minute, to {moment:%d.%m %H:%M}"
    if unit == "cd":
        last = day if count_from == "same" else day + DAY
        for _ in range(count - 1):
            last += DAY
        how = f"day {count} is {last:%d.%m}"
        while not works(last):
            last += DAY
            how += f", off: {last:%d.%m}"
        return datetime.combine(last, END, ZONE), how
    counted: list[date] = []
    if count_from == "same" and works(day) and received.time() < END:
        counted.append(day)
    while len(counted) < count:
        day += DAY
        if works(day):
            counted.append(day)
    days = " ".join(f"{d:%d.%m}" for d in counted)
    return datetime.combine(counted[-1], END, ZONE), f"counted {days}"
