"""From points to a probability that holds: a rising map fitted on labelled surges, and its error on those that it was not fitted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

WIDTH = 0.5
"""Points over which the share of campaigns is averaged (a Gaussian's standard deviation): less follows single surges."""


@dataclass(frozen=True)
class Ended:
    """The last that was told of a surge: its points, its score, whether it was a campaign; `open`: told as organised."""

    points: float
    score: float
    true: bool
    open: bool = False


def error(scored: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: mean distance of score and share of campaigns over ten bins, by their size."""
    by_bin: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for score, true in scored:
        by_bin[min(bins - 1, int(score * bins))].append((score, true))
    return sum(abs(sum(s for s, _ in b) - sum(t for _, t in b)) for b in by_bin.values()) / max(1, len(scored))


def fitted(ended: Sequence[Ended], knots: Sequence[float]) -> list[float]:
    """Scores at the knots: the share of campaigns around each, made never to fall, from .01 to .99."""
    grid = np.linspace(-7, 8, 121)
    points = np.array([e.points for e in ended if not e.open])
    true = np.array([e.true for e in ended if not e.open], dtype=float)
    weight = np.exp(-0.5 * ((grid[:, None] - points[None]) / WIDTH) ** 2)
    share = weight @ true / np.maximum(weight.sum(1), 1e-9)
    rising = IsotonicRegression(out_of_bounds="clip").fit(grid, share, sample_weight=weight.sum(1)).predict(grid)
    return [round(float(v), 3) for v in np.clip(np.interp(knots, grid, rising), 0.01, 0.99)]


def held_out(fitted_on: Sequence[Ended], measured_on: Sequence[Ended], knots: Sequence[float], openly: float) -> float:
    """The error of a map on surges that it was not fitted on."""
    scores = fitted(fitted_on, knots)
    as_score: Callable[[float], float] = lambda points: float(np.interp(points, knots, scores))  # noqa: E731
    return error([(min(openly, as_score(e.points)) if e.open else as_score(e.points), e.true) for e in measured_on])
