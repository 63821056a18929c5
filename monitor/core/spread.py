"""How a limit by the hour or the day is made to last: a source that would use it up by noon is asked more seldom, from morning on.

What was asked is a debt that is paid off evenly over the limit's window; while more is owed than a small part of the limit, the
source waits. Half of a limit stays for what is not reading: answers, a backfill, a test by hand. Pure; times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LONG = 3600.0
"""Windows shorter than that need no sharing out: who used one up waits a moment."""
SHARE, AT_ONCE = 0.45, 0.05
"""Parts of a limit: what reading uses in a window, and what it may use at once besides."""


@dataclass(frozen=True, slots=True)
class Long:
    """A limit with a long window, and how many sources it is for."""

    name: str
    amount: float
    seconds: float
    sources: int = 1

    @property
    def rate(self) -> float:
        """What one source pays off in a second."""
        return self.amount * SHARE / self.seconds / max(self.sources, 1)

    @property
    def free(self) -> float:
        """What one source may owe without waiting."""
        return self.amount * AT_ONCE / max(self.sources, 1)


def owed(debts: Mapping[str, float], limits: Mapping[str, Long], passed: float, spent: Mapping[str, float]) -> dict[str, float]:
    """The debts after a time and what was asked in it."""
    return {name: max(0.0, debts.get(name, 0.0) - limit.rate * max(passed, 0.0)) + spent.get(name, 0.0)
            for name, limit in limits.items()}


def wait(debts: Mapping[str, float], limits: Mapping[str, Long]) -> float:
    """Seconds until no debt is too large."""
    return max((max(0.0, debts.get(name, 0.0) - limit.free) / limit.rate for name, limit in limits.items()), default=0.0)
