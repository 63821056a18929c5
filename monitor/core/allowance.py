"""How much of a limit is left: in no stretch of `seconds` more than `amount`, whatever its begin.

A token bucket lets through up to twice the amount around the moment it is full; networks count windows, so this counts, too:
what was spent lies in slots of a thirtieth of the window, and a slot counts as long as any moment of it is inside. Exact upwards, at
most a thirtieth too careful. A limit that starts anew at a network's midnight counts its day alone, in slots of an hour, which
midnight never cuts. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

SLOTS = 30
"""Slots of a window."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` in any `seconds` (or in `day`), and what was spent of it: slot number to amount."""

    amount: float
    seconds: float
    spent: Mapping[int, float]
    day: tuple[float, float] | None = None
    """Begin and end of the day that is counted, where the network counts days."""

    @property
    def grain(self) -> float:
        """Seconds of a slot."""
        return self.seconds / SLOTS if self.day is None else 3600.0

    def promised(self, now: float) -> float:
        """When a promise made now ends: with its slot; one that is counted in a day, in that day."""
        return now + self.grain if self.day is None else min(now + self.grain, self.day[1] - 0.001)

    def at(self, now: float) -> Allowance:
        """Without what no longer counts. What lies in the future beyond a promise was written by a clock that ran ahead: it
        counts from now."""
        kept: dict[int, float] = {}
        begin = now - self.seconds if self.day is None else self.day[0]
        newest = floor((now + self.grain) / self.grain)
        for slot, amount in self.spent.items():
            if (slot + 1) * self.grain > begin and amount > 0:
                slot = min(slot, newest)
                kept[slot] = kept.get(slot, 0.0) + amount
        return Allowance(self.amount, self.seconds, kept, self.day)

    def left(self, now: float) -> float:
        """What may still be spent at this moment."""
        return self.amount - sum(self.at(now).spent.values())

    def wait(self, now: float, wanted: float, spare: float = 0.0) -> float:
        """Seconds until `wanted` may be spent while `spare` stays; 0: now. What is more than there ever is waits for all of it."""
        missing = min(wanted + spare, self.amount) - self.left(now)
        if missing <= 1e-9:
            return 0.0
        if self.day is not None:
            return max(self.day[1] - now, 0.0)
        for slot, amount in sorted(self.at(now).spent.items()):
            missing -= amount
            if missing <= 1e-9:
                return max(0.0, (slot + 1) * self.grain + self.seconds - now)
        return self.seconds

    def plus(self, amount: float, at: float) -> Allowance:
        """With `amount` spent (or, below zero, given back) at a moment."""
        slot = floor(at / self.grain)
        now = max(0.0, self.spent.get(slot, 0.0) + amount)
        return Allowance(self.amount, self.seconds, {**self.spent, slot: now}, self.day)
