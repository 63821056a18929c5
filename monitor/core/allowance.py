"""How much of a limit is left: in no stretch of `seconds` more than `amount`, whatever its begin.

A token bucket lets through up to twice the amount around the moment it is full; networks count windows, so this counts, too:
what was spent lies in slots of a thirtieth of the window, and a slot counts as long as any moment of it is inside. Exact upwards, at
most a thirtieth too careful. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

SLOTS = 30
"""Slots of a window."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` in any `seconds`, and what was spent of it: slot number to amount."""

    amount: float
    seconds: float
    spent: Mapping[int, float]

    @property
    def grain(self) -> float:
        """Seconds of a slot."""
        return self.seconds / SLOTS

    def at(self, now: float) -> Allowance:
        """Without what no longer counts. What lies in the future beyond a promise was written by a clock that ran ahead: it
        counts from now."""
        kept: dict[int, float] = {}
        newest = floor((now + self.grain) / self.grain)
        for slot, amount in self.spent.items():
            if (slot + 1) * self.grain > now - self.seconds and amount > 0:
                slot = min(slot, newest)
                kept[slot] = kept.get(slot, 0.0) + amount
        return Allowance(self.amount, self.seconds, kept)

    def left(self, now: float) -> float:
        """What may still be spent at this moment."""
        return self.amount - sum(self.at(now).spent.values())

    def wait(self, now: float, wanted: float, spare: float = 0.0) -> float:
        """Seconds until `wanted` may be spent while `spare` stays; 0: now. What is more than there ever is waits for all of it."""
        missing = min(wanted + spare, self.amount) - self.left(now)
        if missing <= 1e-9:
            return 0.0
        for slot, amount in sorted(self.at(now).spent.items()):
            missing -= amount
            if missing <= 1e-9:
                return max(0.0, (slot + 1) * self.grain + self.seconds - now)
        return self.seconds

    def plus(self, amount: float, at: float) -> Allowance:
        """With `amount` spent (or, below zero, given back) at a moment."""
        slot = floor(at / self.grain)
        now = max(0.0, self.spent.get(slot, 0.0) + amount)
        return Allowance(self.amount, self.seconds, {**self.spent, slot: now})
