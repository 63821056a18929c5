"""The register's entries to another system of the office: JSON over HTTP, signed, in order, repeated until taken.

    POST URL
    Content-Type: application/json
    Idempotency-Key: entry:551000000:17          the same for each repeat: take it once
    Qulaq-Signature: t=1795507200,v1=HEX         HMAC-SHA256 over "T.BODY" with the shared secret

The receiver computes the HMAC over `t`, a dot and the raw body, compares it in constant time, and refuses a `t` that is
more than five minutes off. Any 2xx is "taken".
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from config.reminders import Webhook
from monitor.core.signature import signature
from ticketing.notify.channel import Barred, Failing, Rejected, Unreachable, Wait
from ticketing.notify.reach import Address

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
LONGEST_ORDER = 3600.0
"""Seconds: an order to wait longer than that is a mistake of the other system."""


@dataclass(frozen=True, slots=True)
class Call:
    """One entry on its way."""

    address: Address
    deliveries: tuple[int, ...]
    attempts: int
    key: str
    body: bytes


class Hook:
    """The channel to one URL."""

    name = "webhook"

    def __init__(self, session: aiohttp.ClientSession, settings: Webhook,
                 steady: Callable[[], float] = time.monotonic) -> None:
        self._session, self.steady = session, steady
        self.take(settings)
        self._closed_until = float("-inf")

    def take(self, settings: Webhook) -> None:
        """Go on with these: a new secret, another address."""
        self.actions, self._settings = frozenset(settings.actions), settings

    def closed_until(self) -> float:
        """Until when the other system asked for silence."""
        return self._closed_until

    def busy(self) -> Mapping[Address, float]:
        """Nobody: entries go one after another anyway."""
        return {}

    def orders(self) -> Mapping[Address | None, float]:
        """The order to wait that is in force, in seconds."""
        left = self._closed_until - self.steady()
        return {None: left} if left > 0 else {}

    def recall(self, orders: Mapping[Address | None, float]) -> None:
        """Keep the order that an earlier process was given."""
        if orders.get(None):
            self._closed_until = self.steady() + orders[None]

    async def send(self, letter: Call, now: datetime) -> Mapping[str, Any]:
        """Post one entry. Raises a ChannelError that says nothing of the secret."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": letter.key, "User-Agent": "Qulaq",
                   "Qulaq-Signature": signature(self._settings.secret.get_secret_value(), int(now.timestamp()), letter.body)}
        try:
            async with self._session.post(self._settings.url, data=letter.body, headers=headers,
                                          allow_redirects=False) as answer:
                return self._meaning(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Failing(f"{type(e).__name__}: the other system does not answer") from e

    def _meaning(self, answer: aiohttp.ClientResponse) -> Mapping[str, Any]:
        status = answer.status
        if 200 <= status < 300:
            return {"status": status}
        if status == 429 or (status == 503 and "Retry-After" in answer.headers):
            self._closed_until = self.steady() + _seconds(answer.headers.get("Retry-After", ""))
            raise Wait(f"{status}: the other system asks to wait")
        if status in (401, 403):
            raise Barred(f"{status}: the other system refuses our signature; check webhook.secret on both sides")
        if status == 410:
            raise Unreachable("410: the other system is gone for good")
        if status in (400, 413, 415, 422):
            raise Rejected(f"{status}: the other system does not take this entry")
        raise Failing(f"{status}: the other system fails" if status >= 500 else f"{status}: check webhook.url")


def _seconds(text: str) -> float:
    """`Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""
    try:
        wait = float(text) if text.strip().isdigit() else (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        wait = 60.0
    return min(max(wait, 1.0), LONGEST_ORDER)


@asynccontextmanager
async def open_hook(settings: Webhook) -> AsyncIterator[Hook]:
    """The channel, for as long as it is needed."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        yield Hook(session, settings)
