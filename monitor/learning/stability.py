"""How far the labels said now lie from those said before, and whether that is more than chance. It needs no model."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

PSI_DRIFTED = 0.25
"""A population stability index from here on is a major change (Siddiqi, Credit Risk Scorecards, 2006); below 0.1 is none."""
LEAST = 50
"""Posts below which a channel is not judged."""
NOISE = 3.0
"""Beside the limit, the index must exceed what chance gives: its mean under no change is (labels - 1)(1/n + 1/m) (Yurdakul 2018)."""


def psi(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Population stability index of two counts, half a row added to each label so that a new one is finite."""
    names = sorted(before.keys() | now.keys())
    a, b = sum(before.values()) + 0.5 * len(names), sum(now.values()) + 0.5 * len(names)
    shares = [((before.get(n, 0) + 0.5) / a, (now.get(n, 0) + 0.5) / b) for n in names]
    return sum((q - p) * log(q / p) for p, q in shares)


def chance(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The index that chance gives between two counts of the same thing."""
    n, m = max(1, sum(before.values())), max(1, sum(now.values()))
    return (len(before.keys() | now.keys()) - 1) * (1 / n + 1 / m)


def moved(index: float, by_chance: float) -> bool:
    """Whether an index says that something changed."""
    return index >= PSI_DRIFTED and index > NOISE * by_chance
