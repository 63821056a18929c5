"""Times in a reader's words, always of Asia/Almaty. Pure: now comes in."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from babel.dates import format_date, format_datetime, format_timedelta

from config.timezone import ALMATY

_KK_ONES = {1: "ге", 2: "ге", 3: "ке", 4: "ке", 5: "ке", 6: "ға", 7: "ге", 8: "ге", 9: "ға", 0: "ге"}
_KK_TENS = {1: "ға", 2: "ға", 3: "ға", 4: "қа", 5: "ге"}

_KK_FROM_ONES = {1: "ден", 2: "ден", 3: "тен", 4: "тен", 5: "тен", 6: "дан", 7: "ден", 8: "ден", 9: "дан", 0: "ден"}
_KK_FROM_TENS = {1: "нан", 2: "дан", 3: "дан", 4: "тан", 5: "ден"}


def kk_dative(number: int) -> str:
    """The dative ending of a Kazakh numeral below 60 as it is read aloud: 16:30-ға, 14:05-ке, 21:50-ге."""
    if number % 10 or not number:
        return _KK_ONES[number % 10]
    return _KK_TENS[number // 10]


def kk_ablative(number: int) -> str:
    """The ablative ending of a Kazakh numeral below 60 as it is read aloud: 11:25-тен, 14:30-дан, 10:10-нан."""
    if number % 10 or not number:
        return _KK_FROM_ONES[number % 10]
    return _KK_FROM_TENS[number // 10]


def clock(moment: datetime) -> str:
    """14:02."""
    return moment.astimezone(ALMATY).strftime("%H:%M")


def exact(moment: datetime, language: str) -> str:
    """24 қараша 2026, 14:02:11."""
    return format_datetime(moment, "d MMMM y, HH:mm:ss", tzinfo=ALMATY, locale=language)


def day(moment: datetime, language: str, now: datetime) -> str:
    """24 қар., with the year where it is not this one."""
    local = moment.astimezone(ALMATY)
    pattern = "d MMM" if local.year == now.astimezone(ALMATY).year else "d MMM y"
    return format_date(local.date(), pattern, locale=language)


def short_day(day: date, language: str) -> str:
    """24 қар."""
    return format_date(day, "d MMM", locale=language)


def long_day(moment: datetime, language: str) -> str:
    """сейсенбі, 24 қараша."""
    return format_date(moment.astimezone(ALMATY).date(), "EEEE, d MMMM", locale=language)


def days_apart(moment: datetime, now: datetime) -> int:
    """Calendar days in Kazakhstan from now to `moment`; negative in the past."""
    return (moment.astimezone(ALMATY).date() - now.astimezone(ALMATY).date()).days


def when(moment: datetime, language: str, now: datetime) -> str:
    """When something happened: 5 мин. бұрын, 14:02, 23 қар., 18:40."""
    ago = now - moment
    if timedelta(0) <= ago < timedelta(hours=1):
        return span_ago(ago, language)
    if days_apart(moment, now) == 0:
        return clock(moment)
    return f"{day(moment, language, now)}, {clock(moment)}"


def at(moment: datetime, language: str, now: datetime) -> str:
    """A moment without "ago": 16:30, 26 қар., 18:30."""
    return clock(moment) if days_apart(moment, now) == 0 else f"{day(moment, language, now)}, {clock(moment)}"


def until(moment: datetime, language: str, now: datetime) -> str:
    """A moment that something must be done by: 16:30-ға дейін, до 26 нояб., 18:30."""
    said = at(moment, language, now)
    if language != "kk":
        return f"до {said}" if language == "ru" else f"by {said}"
    local = moment.astimezone(ALMATY)
    return f"{said}-{kk_dative(local.minute or local.hour)} дейін"


def since(moment: datetime, language: str, now: datetime) -> str:
    """A moment from which something has lasted: 11:25-тен бері, с 11:25."""
    said = at(moment, language, now)
    if language != "kk":
        return f"с {said}" if language == "ru" else f"since {said}"
    local = moment.astimezone(ALMATY)
    return f"{said}-{kk_ablative(local.minute or local.hour)} бері"


def span_ago(ago: timedelta, language: str) -> str:
    """5 мин. бұрын."""
    return format_timedelta(-max(ago, timedelta(seconds=1)), add_direction=True, locale=language, format="short")


def span(length: timedelta, language: str) -> str:
    """How long: 2 сағ 30 мин; the two largest units."""
    minutes = max(1, round(length.total_seconds() / 60))
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    first = next((i for i, (n, _) in enumerate(parts) if n), 2)
    said = [format_timedelta(timedelta(**{f"{unit}s": n}), granularity=unit, threshold=10**9, locale=language,  # type: ignore[arg-type]
                             format="short") for n, unit in parts[first:first + 2] if n]
    return " ".join(said)
