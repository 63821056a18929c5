"""Settings of how staff are reminded and when they are left alone, and of the ways besides Telegram to tell them."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema, field_validator

_BASE = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)
_MARK = re.compile(r"(100|[1-9]?[0-9])%|([1-9][0-9]?)(wd|wh)")
_DAYS = re.compile(r"([0-9]|[1-9][0-9])wd")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_SPAN = re.compile(r"\s*(\d{1,2}):(\d\d)\s*[-–—]\s*(\d{1,2}):(\d\d)\s*")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
DAY = 24 * 60


def _listed(value: Any) -> Any:
    return [] if value in (None, "") else [value] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]})]


def quiet_spans(spans: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Quiet hours as minutes of the day, one that goes over midnight as two. Raises ValueError with how to mend."""
    made: list[tuple[int, int]] = []
    for span in spans:
        found = _SPAN.fullmatch(span)
        if not found:
            raise ValueError(f'"{span[:40]}" is no stretch of hours; write it like 22:00-07:00')
        h1, m1, h2, m2 = map(int, found.groups())
        since, until = h1 * 60 + m1, h2 * 60 + m2
        if m1 > 59 or m2 > 59 or until > DAY or since >= DAY:
            raise ValueError(f'"{span[:40]}" has a time that does not exist; the day ends at 24:00')
        if since == until:
            raise ValueError(f'"{span[:40]}" is empty, or a whole day; write it like 22:00-07:00')
        made += [(since, until)] if since < until else [(since, DAY), (0, until)]
    covered = {minute for since, until in made for minute in range(since, until)}
    if len(covered) == DAY:
        raise ValueError("quiet hours that never end: nothing would ever be told; leave some of the day out")
    return tuple(sorted((a, b) for a, b in made if a < b))


def email_address(text: str) -> str:
    """A bare address, `name@example.kz`. Raises ValueError with how to mend."""
    if not _EMAIL.fullmatch(text):
        raise ValueError(f'"{text[:60]}" is no e-mail address; write it like a.serikova@example.kz')
    return text


class Reminders(BaseModel):
    """When somebody is reminded of a deadline, and who else hears of it."""

    model_config = _BASE
    before: Texts = Field(
        default=("50%", "1wd"), description="Before a deadline: 50% (of its working time is over), 1wd (in the morning of "
                                            "the working day before), 2wh (working hours before).")
    at_deadline: bool = Field(default=True, description="At the deadline itself.")
    after_days: int = Field(default=5, ge=0, le=60, description="After it, in the morning of so many working days.")
    head: str = Field(default="0wd", description="When the head is told of an overdue card: 0wd at the deadline, 1wd in the "
                                                 "morning of the next working day; empty: never.")
    controller: str = Field(default="2wd", description="When the controller is told; empty: never.")
    morning: str = Field(default="", description="Time of the morning message with what waits and what is overdue, on "
                                                 "working days, like 09:00; empty: none.")

    @field_validator("before")
    @classmethod
    def _marks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for mark in value:
            if not _MARK.fullmatch(mark):
                raise ValueError(f'"{mark[:20]}" is no mark; write 50%, 1wd (working days) or 2wh (working hours)')
        return value

    @field_validator("head", "controller")
    @classmethod
    def _days(cls, value: str) -> str:
        if value and not _DAYS.fullmatch(value):
            raise ValueError(f'"{value[:20]}" is no number of working days; write it like 0wd or 2wd')
        return value

    @field_validator("morning")
    @classmethod
    def _clock(cls, value: str) -> str:
        if value and not _CLOCK.fullmatch(value):
            raise ValueError(f'"{value[:20]}" is no time of the day; write it like 09:00')
        return value


class Quiet(BaseModel):
    """When staff are left alone: what falls into it is sent at its end."""

    model_config = _BASE
    hours: Texts = Field(default=("22:00-07:00",), description="Stretches of the day, over midnight too.")
    days_off: bool = Field(default=False, description="Also the whole of days off.")
    urgent_anyway: bool = Field(default=True, description="Urgent messages are sent nevertheless.")

    @field_validator("hours")
    @classmethod
    def _spans(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        quiet_spans(value)
        return value


class Email(BaseModel):
    """The mail server through which staff are told who have no Telegram or prefer letters."""

    model_config = _BASE
    host: str = Field(min_length=1, description="Mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port: 587 with starttls, 465 with tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls and tls check the server's certificate; none only on one's own machine.")
    user: str = Field(default="", description="User name, where the server wants one.")
    password: SecretStr | None = Field(default=None, description="Its password.")
    sender: str = Field(description='From whom: qulaq@example.kz or "Qulaq <qulaq@example.kz>".')

    @field_validator("sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if any(ord(c) < 32 for c in value):
            raise ValueError("must be one line")
        email_address(parseaddr(value)[1])
        return value

    @property
    def from_address(self) -> Address:
        """The sender as a header takes it."""
        name, address = parseaddr(self.sender)
        return Address(name, addr_spec=address)


class Webhook(BaseModel):
    """Another system of the office that hears of every entry of the register, signed and retried."""

    model_config = _BASE
    url: str = Field(description="Where each entry is posted as JSON.")
    secret: SecretStr = Field(min_length=16, description="Key of the signature (HMAC-SHA256).")
    actions: Texts = Field(default=(), description="Actions of the register that are told; empty: all.")

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
        except ValueError:
            known = False
        if not known or any(ord(c) <= 32 for c in value):
            raise ValueError(f'"{value[:80]}" is no address; write it like https://edo.example.kz/qulaq')
        return value
