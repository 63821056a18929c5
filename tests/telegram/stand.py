"""What the tests of Telegram share beside fixtures: quick limits, plain names, a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.notify.pace import Limits

QUICK = Limits(after_start=0.0)
"""Telegram's limits without the silence after a start: these tests don't kill."""


class PlainNames:
    """Names as codes, where a test does not need the knowledge files."""

    def akimat(self, code: str, language: str) -> str:
        return {"551000000": "Павлодар қаласы"}.get(code, code)

    def topic(self, code: str, language: str) -> str:
        return {"roads": "Жолдар"}.get(code, code)


@dataclass
class Clock:
    """A clock that a test moves; it also goes by itself, as the bot's pace does."""

    start: datetime
    began: datetime = datetime.min
    ahead: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.began = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.start + self.ahead + (datetime.now(UTC) - self.began)
