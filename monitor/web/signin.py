"""How often somebody may try to sign in. Accounts and sessions themselves are in `ticketing.people`."""

from __future__ import annotations

import hmac
from collections import OrderedDict, deque
from datetime import datetime, timedelta


def same(a: str, b: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())


class Attempts:
    """Failed sign-ins by key in a sliding window, in memory: a restart forgets them, a guesser gains little by it."""

    def __init__(self, most: int, window: timedelta, keys: int = 10_000) -> None:
        self._most, self._window, self._keys = most, window, keys
        self._failed: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait(self, key: str, now: datetime) -> timedelta:
        """How long this key has to wait before the next try; zero: it may try."""
        failed = self._failed.get(key)
        while failed and failed[0] <= now - self._window:
            failed.popleft()
        return failed[0] + self._window - now if failed and len(failed) >= self._most else timedelta(0)

    def note(self, key: str, now: datetime) -> None:
        """Remember a failure; the keys that failed longest ago are forgotten first."""
        self._failed.setdefault(key, deque(maxlen=self._most)).append(now)
        self._failed.move_to_end(key)
        while len(self._failed) > self._keys:
            self._failed.popitem(last=False)

    def take_back(self, key: str) -> None:
        """The last one was no failure after all."""
        failed = self._failed.get(key)
        if failed:
            failed.pop()

    def forget(self, key: str) -> None:
        """A success: start anew."""
        self._failed.pop(key, None)
