"""The one time zone of Kazakhstan since 1 March 2024 (UTC+5), whatever the age of the machine's own tz database."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

NAME = "Asia/Almaty"


def _zone() -> ZoneInfo:
    """The machine's zone where it knows the change of 1 March 2024, else the one in the `tzdata` package (2024a on)."""
    try:
        zone = ZoneInfo(NAME)
        if zone.utcoffset(datetime(2025, 1, 1)) == timedelta(hours=5):  # noqa: DTZ001 - a wall-clock time is asked for
            return zone
    except (OSError, KeyError):
        pass
    with files("tzdata.zoneinfo").joinpath("Asia", "Almaty").open("rb") as file:
        return ZoneInfo.from_file(file, key=NAME)


ALMATY = _zone()
