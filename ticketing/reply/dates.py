"""Phrases of dates and terms in an answer, and the day each of them means.

How days are counted (DESIGN.md, command `answer-check`): working days from the day after publication by the calendar of
Kazakhstan; "this week" and "the end of the week" are Sunday; a month, a quarter, a half-year, a year and a season end with
their last day, and so does a range; the first ten days end with the 10th, the beginning of a month too; the middle is the
15th; "within a day" is the next day, "within a month" the same date of the next month. A day or a month without a year is
the next one that does not lie before publication.

`dateparser` was tried and not taken: it knows next to nothing of Kazakh and none of these rules (docs/answers.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from config.timezone import ALMATY
from ticketing.deadlines import Calendar, UnknownYear
from ticketing.reply.line import Line

Frame = Literal["by", "in", "from", "ref"]
"""By a date, in or on it, from it on, or a date that only names a document or a day gone ("обращение от 20 ноября")."""

MOST = 1_000
"""The longest term counted, in days, weeks, months or years; more is no promise to be kept."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a date: its tokens, its day, how it stands in the sentence, and what it is made of.

    `full`: the year is said or the day is counted from publication, so that a day after publication is the future for sure.
    """

    first: int
    last: int
    due: date
    frame: Frame
    kind: str
    full: bool


class When:
    """The moment of publication, and days counted from it."""

    def __init__(self, published: datetime, calendar: Calendar) -> None:
        self.moment = published.astimezone(ALMATY)
        self.day = self.moment.date()
        self.calendar = calendar

    def working(self, count: int) -> date | None:
        """The working day `count` after publication; the first is the next working day."""
        until = self.day.year + count // 200 + 1
        try:
            table = self.calendar.days(self.day.year, until, provisional=True)
        except UnknownYear:
            return None
        done = table.index[self.day.toordinal() - table.first + 1]
        at = done + count - 1
        return date.fromordinal(table.working[at]) if at < len(table.working) else None

    def months(self, count: int) -> date:
        """The same date `count` months later, or the last of a shorter month."""
        year, month = divmod(self.day.month - 1 + count, 12)
        return min_day(self.day.year + year, month + 1, self.day.day)

    def week(self, later: int = 0) -> date:
        """The Sunday of this week, or of one so many weeks later."""
        return self.day + timedelta(6 - self.day.weekday() + 7 * later)

    def next_of(self, month: int, day: int) -> date | None:
        """The next `day` of `month` that does not lie before publication; a day past 31 is the last."""
        for year in range(self.day.year, self.day.year + 5):
            found = exact(year, month, day) if day <= 31 else last_of(year, month)
            if found is not None and found >= self.day:
                return found
        return None


def exact(year: int, month: int, day: int) -> date | None:
    """The date, or None where the calendar has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def last_of(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(1)


def min_day(year: int, month: int, day: int) -> date:
    """The date, or the last of a shorter month."""
    return min(last_of(year, month), date(year, month, 1) + timedelta(day - 1))


def _plain(pattern: str) -> str:
    """A pattern in folded letters; nothing else of it is touched."""
    for old, new in (("ё", "е"), ("э", "е"), ("ә", "а"), ("і", "и"), ("ң", "н"), ("ғ", "г"), ("ү", "у"), ("ұ", "у"), ("қ", "к"),
                     ("ө", "о"), ("ь", ""), ("ъ", "")):
        pattern = pattern.replace(old, new)
    return pattern


E = r"(?::\S{1,8})?"
"""The ending of a code."""
N = rf"\d{{1,4}}{E}"


def _years(side: str = "") -> str:
    """A year said, this year or the next; with groups named after the side of the phrase it stands on."""
    def group(name: str) -> str:
        return f"?P<{side}{name}>" if side else "?:"
    return _plain(
        rf"(?:({group('y')}20\d\d){E}(?: (?:год\w{{0,2}}|г|жыл\w{{0,5}}|ж)(?= ))?"
        rf"|({group('this')}(?:тек\w{{0,6}}|настоящ\w{{0,4}}|эт\w{{1,4}}) (?:год\w{{0,2}}|г)|т г|с г|ағ ж|а ж|(?:ағымдағы|осы|биылғы|үстіміздегі) жыл\w{{0,4}}|биыл\w{{0,3}})"
        rf"|({group('next')}(?:следующ|будущ|грядущ)\w{{0,3}} год\w{{0,2}}|келесі жыл\w{{0,4}}|келер жыл\w{{0,4}}))")


AFTER, BEFORE = rf"(?: {_years('a')})?", rf"(?:{_years('b')} )?"
UNIT = _plain(
    r"(?P<unit>дн(?:я|ей|ю|ям|и|ях)|день|күн(?:нің|інің|нен|інен|іне|ге|де|дік|ін|і|)|сут(?:ок|ки|ками|очный)|тәулік\w{0,5}|недел\w{0,3}|апта\w{0,4}|месяц\w{0,3}|ай(?:дың|дан|лық|да|ға|)|квартал\w{0,2}"
    r"|тоқсан\w{0,3}|год(?:а|у)?|лет|жыл(?:дың|дан|да|ға|)|час(?:а|ов)?|сағат\w{0,4}|полугоди\w{1,2}|полугода|минут\w{0,2}|декад\w{0,2})")
PART = _plain(
    r"(?P<part>конц\w{0,2}|конец|исход\w?|середин\w{1,2}|начал\w{1,2}|перв\w{2,3} числ\w{1,3}|последн\w{2,3} (?:числ\w{1,3}|дн\w{1,2})"
    rf"|(?P<count>[123]){E} (?:декад\w{{1,3}}|половин\w{{1,3}})|последн\w{{2,3}} декад\w{{1,3}})")
PART_KK = _plain(
    rf"(?P<kpart>соң\w{{0,6}}|аяғ\w{{1,6}}|аяқ\w{{0,5}}|орта\w{{1,6}}|бас(?:ына|ында|ы)|(?P<kcount>[123]){E} (?:онкүндіг\w{{1,5}}|декада\w{{1,5}}|жартыс\w{{1,5}})"
    r"|алғашқы (?:онкүндіг|күндер)\w{1,5}|соңғы (?:онкүндіг|күндер)\w{1,5})")


END_KK = _plain(r"(?:соңы|аяғы|аяқ)\w{0,4}")


def _part_of(said: str, count: str | None, year: int, month: int) -> date:
    """The day that a part of a month means."""
    if "половин" in said or "жартыс" in said:
        return date(year, month, 15) if count == "1" else last_of(year, month)
    if count in ("1", "2"):
        return date(year, month, 10 * int(count))
    if "декад" in said or "онкундиг" in said or said.startswith(("последн", "сон", "аяг", "аяк", "конц", "конец", "исход")):
        return date(year, month, 10) if said.startswith("алгашкы") else last_of(year, month)
    if said.startswith(("середин", "орта")):
        return date(year, month, 15)
    return date(year, month, 10)


def _year(m: re.Match[str], when: When) -> int | None:
    """The year said before or after, if any."""
    said = m.groupdict()
    for side in "ab":
        if said.get(side + "y"):
            return int(said[side + "y"])
        if said.get(side + "this"):
            return when.day.year
        if said.get(side + "next"):
            return when.day.year + 1
    return None


def _day(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    year, month = _year(m, when), int(m["month"])
    day = int(m["day"])
    return (when.next_of(month, day), False) if year is None else (exact(year, month, day), True)


def _digits(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    year, month, day = (int(v) for v in m["date"].split("."))
    if year == 0 and (said := _year(m, when)) is not None:
        year = said
    return (exact(year, month, day), True) if year else (when.next_of(month, day), False)


def _month(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    year, month = _year(m, when), int(m["month"])
    said = m.groupdict()
    part, count = (said.get("part") or said.get("kpart")), (said.get("count") or said.get("kcount"))

    def of(year: int) -> date:
        return _part_of(part, count, year, month) if part else last_of(year, month)
    if year is not None:
        return of(year), True
    here = of(when.day.year)
    return here if here >= when.day else of(when.day.year + 1), False


def _yearless(ends: Callable[[int], date], m: re.Match[str], when: When) -> tuple[date | None, bool]:
    year = _year(m, when)
    if year is not None:
        return ends(year), True
    here = ends(when.day.year)
    return here if here >= when.day else ends(when.day.year + 1), False


def _roman(said: str) -> int:
    """1 to 4 in digits or Roman: the plain spelling of III is "ийй" or "иии"."""
    return 4 if said == "ив" else int(said) if said.isdigit() else len(said)


def _quarter(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    count = _roman(m["count"])
    return _yearless(lambda year: last_of(year, 3 * count), m, when)


def _half(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    count = _roman(m["count"])
    return _yearless(lambda year: last_of(year, 6 * count), m, when)


def _season(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    said = m.groupdict()
    code = said.get("season") or ("4" if said.get("short") else next(
        str(i) for i, name in enumerate(("spring", "summer", "autumn", "winter"), 1) if said.get(name) or said.get(name + "2")))
    month = (5, 8, 11, 2)[int(code) - 1]
    part = said.get("part") or said.get("kpart")

    def ends(year: int) -> date:
        if part and part.startswith(("середин", "орта")):
            return min_day(year, month - 1, 15)
        if part and part.startswith(("начал", "бас")):
            return last_of(year - (month < 3), (month - 3) % 12 + 1)
        return last_of(year, month)
    year = _year(m, when)
    if year is not None and month == 2 and ends(year) < when.day:
        year += 1           # the winter that begins in December of the year said
    return (ends(year), True) if year is not None else _yearless(ends, m, when)


def _whole_year(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    year = _year(m, when)
    assert year is not None
    part = m.groupdict().get("part") or m.groupdict().get("kpart") or ""
    if part.startswith(("середин", "орта")):
        return date(year, 6, 30), True
    if part.startswith(("начал", "бас")):
        return date(year, 1, 31), True
    return date(year, 12, 31), True


_COUNTED = frozenset(("дни", "днеи", "дней", "дням", "днях", "часов", "лет", "месяцев", "недел", "кварталов"))
"""Units that mean a term only with a number."""


def _span(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    """A term: a count of days, weeks, months …; of a range the last."""
    n = int(m["n"].split(":")[0]) if m["n"] else 1
    unit, day = m["unit"], when.day
    if not m["n"] and unit in _COUNTED and not m.groupdict().get("few"):
        return None, True       # "за дни без тепла" is no term
    if m.groupdict().get("few"):
        n = 2
    if not 0 < n <= MOST:
        return None, True
    if m.groupdict().get("working") and unit.startswith(("дн", "ден", "кун")):
        return when.working(n), True
    if unit.startswith(("дн", "ден", "кун", "сут", "таулик")):
        return day + timedelta(n), True
    if unit.startswith(("недел", "апта")):
        return day + timedelta(7 * n), True
    if unit.startswith("декад"):
        return day + timedelta(10 * n), True
    if unit.startswith(("час", "сагат")):
        return (when.moment + timedelta(hours=n)).date(), True
    if unit.startswith("минут"):
        return (when.moment + timedelta(minutes=n)).date(), True
    months = {"кв": 3, "то": 3, "по": 6, "го": 12, "ле": 12, "жы": 12}.get(unit[:2], 1)
    return when.months(n * months) if n * months <= MOST else None, True


def _current(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    """This or next week, month, quarter, year; their end, their middle."""
    unit, said = m["period"], m.groupdict()
    later = int(bool(said.get("later")))
    part = said.get("part") or said.get("kpart") or ""
    day = when.day
    if unit.startswith(("недел", "апта")):
        if said.get("working") and part:
            return when.week(later) - timedelta(2), True
        return when.week(later) - timedelta(4 if part.startswith(("середин", "орта")) else 6 if part.startswith(("начал", "бас")) else 0), True
    if unit.startswith(("месяц", "ай")):
        first = min_day(day.year + (day.month - 1 + later) // 12, (day.month - 1 + later) % 12 + 1, 1)
        found = _part_of(part, said.get("count") or said.get("kcount"), first.year, first.month) if part else last_of(first.year, first.month)
        return found, True
    if unit.startswith(("квартал", "токсан")):
        months = (day.month - 1) // 3 * 3 + 2 + 3 * later
        return last_of(day.year + months // 12, months % 12 + 1), True
    if unit.startswith(("полугод", "жартыжыл")):
        months = (day.month - 1) // 6 * 6 + 5 + 6 * later
        return last_of(day.year + months // 12, months % 12 + 1), True
    if unit.startswith(("год", "жыл")):
        return date(day.year + later, 6 if part.startswith(("середин", "орта")) else 12, 30 if part.startswith(("середин", "орта")) else 31), True
    return day + timedelta(later), True


def _near(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    said = m["near"]
    if said.startswith(("сегодн", "бугин", "вечер", "кеш", "сутк", "обед", "тус", "утр")):
        return when.day, True
    if said.startswith(("завтр", "ертен")) and "послезавтр" not in said and "бурсигун" not in said:
        return when.day + timedelta(1), True
    return when.day + timedelta(2), True


def _weekday(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    ahead = (int(m["weekday"]) - 1 - when.day.weekday()) % 7 or 7
    if m.groupdict().get("later") and ahead < 7 - when.day.weekday():
        ahead += 7
    return when.day + timedelta(ahead), True


def _weekend(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    return when.week(int(bool(m["later"]))), True


def _day_of_month(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    day = int(m["day"])
    said = m.groupdict()
    for ahead in range(int(bool(said.get("later"))), 13):
        months = when.day.month - 1 + ahead
        found = exact(when.day.year + months // 12, months % 12 + 1, day)
        if found and found >= when.day:
            return found, True
    return None, True


def _feast(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    return (when.next_of(9, 1), False) if m["school"] else (date(when.day.year, 12, 31), True)


_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30}


def _word_term(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    """В десятидневный срок."""
    n = next((v for k, v in _COUNTS.items() if m[k]), 1)
    unit = m["unit"]
    if unit in ("дневн", "суточн"):
        return when.day + timedelta(n), True
    return (when.day + timedelta(7 * n) if unit.startswith("недел") else when.months(n)), True


def _half_more(m: re.Match[str], when: When) -> tuple[date | None, bool]:
    """One and a half, полтора месяца; or half of one, жарты ай."""
    half, unit = bool(m.groupdict().get("half")), m["unit"]
    if unit.startswith(("месяц", "аи", "ай")):
        return (when.day if half else when.months(1)) + timedelta(15), True
    if unit.startswith(("год", "жыл")):
        return when.months(6 if half else 18), True
    if unit.startswith(("недел", "апта")):
        return when.day + timedelta(4 if half else 11), True
    if unit.startswith(("час", "сагат")):
        return (when.moment + timedelta(minutes=30 if half else 90)).date(), True
    return when.day + timedelta(1 if half else 2), True


LATER = _plain(r"(?P<later>следующ\w{1,3}|будущ\w{1,3}|грядущ\w{1,3}|келесі|келер|алдағы)")
NOW = _plain(r"(?:эт\w{1,4}|текущ\w{1,3}|наст\w{4,9}|ближайш\w{1,3}|осы|бұл|ағымдағы|үстіміздегі)")
PERIOD = _plain(r"(?P<period>недел\w{0,2}|апта\w{0,5}|месяц\w{0,2}|ай(?:дың|ының|да|ында|)|квартал\w{0,2}|тоқсан\w{0,5}|полугоди\w{1,2}|жартыжыл\w{0,7}|год\w{0,2}|жыл(?:дың|ының|да|ға|)|дн[яю]|күн(?:нің|ге|і|))")
WORKING = _plain(r"(?:(?P<working>рабоч\w{2,3}|жұмыс)|календарн\w{2,3}|күнтізбелік)")
RANGE = r"(?:\d{1,3}(?::\S{1,4})? (?:- |или |немесе |до ))?"
DAY = rf"(?P<day>\d{{1,2}}){E}"

_GRAMMAR: tuple[tuple[str, str, Callable[[re.Match[str], When], tuple[date | None, bool]]], ...] = (
    ("date", rf"{BEFORE}(?:(?:с |со )?(?:d\S+|\d{{1,2}}{E}) (?:- |по |до |ден |мен |бен |пен ))?d(?P<date>[\d.]+){AFTER}", _digits),
    ("date", rf"{BEFORE}(?:(?:с |со )?(?<!№ )\d{{1,2}}{E} (?:m\d+{E} )?(?:{_years()} )?(?:- |по |до |мен |бен |пен )?)?{DAY} m(?P<month>\d+){E}{AFTER}", _day),
    ("date", rf"{BEFORE}m(?P<month>\d+){E} (?:ай\w{{0,4}} )?(?:\d{{1,2}}{E} (?:- |мен |бен |пен )?)?{DAY}(?! (?:мен )?m\d)(?! (?:жыл|кун[гд]е|кун иш|жумыс|рабоч|дн|недел|20))", _day),
    ("month", rf"{PART} (?:m\d+{E} (?:- |и )?)?(?:месяц\w? )?m(?P<month>\d+){E}(?: месяц\w{{0,2}})?{AFTER}", _month),
    ("month", rf"{BEFORE}m(?P<month>\d+){E} (?:ай\w{{0,4}} )?{PART_KK}", _month),
    ("month", rf"{BEFORE}(?:m\d+{E} (?:- |и |мен |бен |пен |, |жане |по |до )){{0,4}}m(?P<month>\d+){E}(?: месяц\w{{0,3}}| ай\w{{0,6}})?{AFTER}", _month),
    ("quarter", rf"{BEFORE}(?:(?:[1-4]|и[ий]{{0,2}}){E} (?:- |и |мен )?)?(?P<count>[1-4]|и[ий]{{0,2}}|ив){E} (?:- )?(?:квартал\w{{0,3}}|кв|токсан\w{{0,5}})(?: {END_KK})?{AFTER}", _quarter),
    ("half", rf"{BEFORE}(?P<count>[12]|и[ий]?){E} (?:- )?(?:полугоди\w{{1,2}}|жартыжыл\w{{0,8}}|жарты жыл\w{{0,5}})(?: {END_KK})?{AFTER}", _half),
    ("season", rf"(?:{PART} )?s(?P<season>\d){E}{AFTER}", _season),
    ("season", _plain(rf"(?:(?:(?P<spring>весенн\w{{2,3}}|көктемгі)|(?P<summer>летн\w{{2,3}}|жазғы)|(?P<autumn>осенн\w{{2,3}}|күзгі)|(?P<winter>зимн\w{{2,3}}|қысқы)) (?:период\w?|сезон\w?|кезең\w{{0,4}}|мезгіл\w{{0,4}})|(?P<short>қысқа)(?= де[ий]{1,2}н)|(?P<summer2>жаз) ай\w{2,8}|(?P<winter2>қыс) ай\w{2,8}){AFTER}"), _season),
    ("season", rf"{BEFORE}s(?P<season>\d){E}(?: {PART_KK})?", _season),
    ("year", rf"{PART} {_years('a')}", _whole_year),
    ("year", rf"{_years('b')} {PART_KK}", _whole_year),
    ("year", rf"(?<!- )(?:20\d\d - (?=20))?{_years('a')}(?! \d)(?! - \d)(?: ишинде)?", _whole_year),
    ("term", _plain(rf"(?:в течение|в течении|в срок(?: (?:не более|до|не позднее))?|за|через|спустя|в пределах|не позднее чем через|не более(?: чем)?(?: за)?|в (?:(?:ближайш|последующ)\w{{2,3}}|следующ(?:ие|их))) (?:(?:ближайш|последующ|следующ)\w{{2,3}} )?(?:не более )?{RANGE}(?:(?P<n>{N}) )?(?:(?P<few>пар[ыу]) )?(?:\( \S+ \) )?(?:{WORKING} )?(?:ближайш\w{{2,3}} )?{UNIT}"), _span),
    ("term", _plain(rf"в {RANGE}(?P<n>{N}) (?:- )?(?:(?:х|ти|ми|и) (?:- )?)?(?P<unit>дневн|недельн|месячн|суточн)\w{{2,3}} срок\w?"), _span),
    ("term", _plain(r"в (?:(?P<two>двух)|(?P<three>тр[еи]х)|(?P<four>четырех)|(?P<five>пяти)|(?P<seven>семи)|(?P<ten>десяти)|(?P<fifteen>пятнадцати)|(?P<twenty>двадцати)|(?P<thirty>тридцати)|(?P<one>))(?P<unit>дневн|недельн|месячн|суточн)\w{2,3} срок\w?"), _word_term),
    ("term", _plain(rf"{RANGE}(?:(?P<n>{N}) )?(?:\( \S+ \) )?(?:{WORKING} )?{UNIT} (?:ішінде|аралығында|мерзімде|мерзімінде|мерзім ішінде|уақытта|уақыт ішінде|кейін|соң|өткен соң|қалдырмай|кешіктірмей|кешікпей|асырмай|аспайтын мерзімде|де[ий]{1,2}нгі (?:мерзімде|уақытта))"), _span),
    ("days", _plain(rf"{RANGE}(?P<n>{N}) (?:{WORKING} )?(?P<unit>күнде|тәулікте|аптада|айда|сағатта)"), _span),
    ("term", _plain(rf"(?:алдағы|жақын|таяу|келесі) {RANGE}(?P<n>{N}) (?:{WORKING} )?{UNIT}"), _span),
    ("term", _plain(r"(?:в течение|в течении|через|за|спустя) (?:полутор\w|полтор\w) (?P<unit>недел\w|месяц\w{1,2}|год\w|час\w{1,2})"), _half_more),
    ("term", _plain(r"(?:(?P<half>жарты) |\S+ жарым )(?P<unit>ай|жыл|апта|күн|сағат)\w{0,4} (?:ішінде|кейін|соң|мерзімде)"), _half_more),
    ("term", _plain(rf"(?:займ[её]т|займут|потребуется|потребуются|уйд[её]т|продлится|продлятся|составит) (?:до |около |не более |примерно |ориентировочно )?{RANGE}(?P<n>{N}) (?:\( \S+ \) )?(?:{WORKING} )?{UNIT}"), _span),
    ("term", _plain(rf"{RANGE}(?P<n>{N}) (?:{WORKING} )?{UNIT} де[ий]{{1,2}}н(?= (?:созыл|жалғас|алады|уақыт))"), _span),
    ("term", _plain(rf"срок (?:(?:выполнения|исполнения|проведения|завершения|устранения|ремонта|работ|поставки|изготовления) ){{0,2}}(?:- |: )?{RANGE}(?P<n>{N}) (?:{WORKING} )?{UNIT}"), _span),
    ("term", _plain(rf"не позднее (?:чем через )?(?P<n>{N}) (?:{WORKING} )?{UNIT}"), _span),
    ("current", rf"{PART} (?:(?:{NOW}|{LATER}) )?(?:{WORKING} )?{PERIOD}", _current),
    ("current", rf"(?:(?:{NOW}|{LATER}) )?(?:{WORKING} )?{PERIOD} {PART_KK}", _current),
    ("current", _plain(rf"(?:в течение |в |на |до |к |за )?(?:{NOW}|{LATER}) {PERIOD}(?: ішінде| соң\w{{0,5}})?"), _current),
    ("near", _plain(r"(?:в течение )?(?P<near>(?:завтра - )?послезавтра|(?:ертең - )?бүрсігүн\w{0,3}|сегодняшн\w{2,3} дн\w|сегодня|бүгін\w{0,3}|завтра\w{0,6}(?: дн\w)?|ертең\w{0,4}|арғы күні|(?<=до )вечера(?! w)|(?<=к )вечеру(?! w)|(?<=до )обеда|кеш(?:ке|ке қарай)(?= де[ий]{1,2}н)|түс(?:ке)(?= де[ий]{1,2}н))(?: күні)?"), _near),
    ("weekday", rf"(?:(?P<later>следующ\w{{2,3}}|келеси) )?(?:{NOW} )?(?:апта\w{{0,4}} |недел\w{{1,2}} (?:в |во )?)?w(?P<weekday>\d){E}(?: (?:кун|кеш)\w{{0,4}})?", _weekday),
    ("weekend", _plain(r"(?:в|на|до|к) (?:ближайш\w{1,3} |этих |эти |(?P<later>следующ\w{1,3}) )?выходны\w{1,2}|(?:осы )?демалыс(?: күн\w{2,6}| аяғ\w{2,4})"), _weekend),
    ("day", rf"(?:(?<=[а-я] )|(?<=^ )|(?<=\. )){DAY} числ\w{{1,3}}(?: (?:{NOW}|{LATER}) месяц\w)?", _day_of_month),
    ("day", _plain(rf"(?:(?:{NOW}|{LATER}) )?ай(?:дың|ының) {DAY}"), _day_of_month),
    ("feast", _plain(r"(?P<school>(?:начал[ау] )?(?:нового )?учебного года|учебному году|оқу жылы(?:на|ның басына| басталғанша))|(?:нового года|новому году|новогодних праздников|новогодним праздникам|жаңа жылға(?= де[ий]{1,2}н))"), _feast),
)
_COMPILED = tuple((kind, re.compile(rf"(?<= ){pattern}(?= )"), reader) for kind, pattern, reader in _GRAMMAR)
_BY = re.compile(_plain(
    r" (?:до|к|ко|по|не позднее|не позже|не поздней|крайний срок|срок|сроком до|не более|включительно до)(?: (?:самого|самой|:|-|наступления|ориентировочно|предварительно|примерно|,))* $"))
_BY_AFTER = re.compile(_plain(
    r" (?:(?:күн\w{0,3}|жыл\w{0,4}|ай\w{0,5}|қоса алғанда|\( \S+ \)) )?(?:де[ий]{1,2}н|шейін|кешіктірмей|кешікпей|қалдырмай|қарай|аралығында|ішінде|мерзімінде|мерзімде)(?= )"))
_KK_BY_ENDING = re.compile(r"^[mdws]?[\d.]+:(?:га|ге|ка|ке|на|не|ына|ине|сына|сине)$")
_FROM = re.compile(_plain(r" (?:с|со|начиная с|после|от)(?: \d{1,2})? $"))
_REF = re.compile(_plain(r" (?:прошл\w{2,3}|прошедш\w{2,3}|минувш\w{2,3}|өткен|былтыр\w{0,4}|от|за|№|датированн\w{2,3}|из|не ранее(?: чем)?|не раньше(?: чем)?|ранее|раньше|после|жарияланған|по состоянию на|на период с)(?: :)? $"))
_REF_AFTER = re.compile(_plain(
    r" (?:(?:жыл\w{0,4}|күн\w{0,2}) )?(?:№|жарияланған|жолдаған|жолданған|түскен|келіп|тіркелген|жіберген|жіберілген|қол қойылған|бекітілген|қабылданған|шыққан|жазған|болған|жағдай\w{0,3} бойынша|ерте емес|бұрын емес)(?= )"))
_BUDGET = re.compile(r" (?:бюджет\w*|смет\w{1,2}) (?:\S+ )?(?:на )?$")
_BUDGET_AFTER = re.compile(r" (?:\S+ )?бюджет")
_NOT_AFTER = re.compile(_plain(r" (?:(?:де[ий]{1,2}н|қарай|ішінде) )?емес(?= )"))
_FROM_AFTER = re.compile(_plain(r" (?:бастап|кейін|соң|бері)(?= )"))
_DOC_ENDING = re.compile(r":(?:дагы|деги|тагы|теги|гы|ги|кы|ки|ындагы|индеги|сындагы|ынан|инен|дан|ден|тан|тен|нан|нен)$")
_GENITIVE = re.compile(r"(?:^аи|^ай|:)(?:ынын|дын|дин|нын|нин|тын|тин|сынын|инин)$")
_EVENT = re.compile(_plain(
    r" (?:,? ?(?:со? (?:дня|момента|даты)|после|с)) (?!(?:публикац|опубликов|сегодн|настоящ|ответа|этого ответа|выход))\S+"))


def phrases(line: Line, when: When) -> list[Phrase]:
    """Every phrase of a date in the line, longest first where they overlap, in the order of the text."""
    said = line.line
    raw: list[tuple[int, int, str, date, bool, str]] = []
    for kind, pattern, reader in _COMPILED:
        for m in pattern.finditer(said):
            due, full = reader(m, when)
            if due is not None:
                raw.append((m.start(), m.end(), kind, due, full, m[0]))
    raw.sort(key=lambda one: (one[0], -one[1]))
    return list(_chosen(raw, line))


def _chosen(raw: list[tuple[int, int, str, date, bool, str]], line: Line) -> Iterator[Phrase]:
    """The longest of those that overlap, each with its frame."""
    kept: list[tuple[int, int, str, date, bool, str]] = []
    for one in raw:
        if kept and one[0] < kept[-1][1]:
            if one[1] - one[0] > kept[-1][1] - kept[-1][0]:
                kept[-1] = one
            continue
        if kept and one[2] == kept[-1][2] == "near" and line.token_at(one[0]) - line.token_at(kept[-1][1] - 1) <= 5:
            continue            # завтра до обеда
        kept.append(one)
    for start, end, kind, due, full, said in kept:
        frame, grown_from, grown_to = _frame(line.line, start, end, kind, said)
        yield Phrase(line.token_at(grown_from), line.token_at(grown_to - 1), due, frame, kind, full)


def _frame(line: str, start: int, end: int, kind: str, said: str) -> tuple[Frame, int, int]:
    """How a phrase stands in its sentence, and the phrase with its preposition or postposition."""
    before = line[max(0, start - 48):start]
    last = said.rsplit(" ", 1)[-1]
    by_after = _BY_AFTER.match(line, end)
    by = _BY.search(" " + before if start < 48 else before)
    if _NOT_AFTER.match(line, end) or before.endswith((" не до ", " не к ", " не в ", " не на ", " не через ")):
        return "ref", start, end        # не до 1 декабря, а до 10-го
    if kind in ("year", "current") and (_BUDGET.search(before) or _BUDGET_AFTER.match(line, end)):
        return "ref", start, end        # the budget of a year
    if kind == "term":
        if _EVENT.match(line, end) or before.endswith(" не "):
            return "ref", start, end
        return "by", start, end
    ref = _REF.search(before)
    if ref and not by_after and not by:
        return "ref", start, end
    if by:
        grown = start - len(by[0].lstrip())
        if re.search(r" (?:с|со) \S+ (?:\S+ )?$", line[max(0, grown - 30):grown]) and by[0].strip() in ("по", "до"):
            return "in", grown, end       # с 25 ноября по 5 декабря
        return "by", grown, end
    if by_after:
        return "by", start, by_after.end()
    if _FROM_AFTER.match(line, end):
        return "from", start, end
    if kind in ("month", "season", "quarter") and _GENITIVE.search(last) and not by:
        return "ref", start, end        # қараша айының төлемі
    if (kind in ("date", "month", "day") and _REF_AFTER.match(line, end) and not (kind == "month" and line.startswith(" №", end))) or (_DOC_ENDING.search(last) and kind in ("date", "month", "year", "day")):
        return "ref", start, end
    if said.startswith(("конц", "конец", "сон")) and before.endswith((" к ", " до ")):
        return "by", start, end
    if _FROM.search(before):
        return "from", start, end
    if _KK_BY_ENDING.match(last):
        return "by" if line[end:end + 12].lstrip().startswith(("деи", "дей", "карай")) else "in", start, end
    return "in", start, end
