"""The numbers that surges are judged by: read from config/knowledge/surges.yaml, handed in as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and weights. Times in seconds, `bits` of information, weights in logits. Meanings:
    docs/surges.md."""

    min_authors: int
    min_shown: int
    min_bits: float
    look_bits: float
    join_bits: float
    join_share: float
    join_words: int
    windows: tuple[int, ...]
    copy_window: int
    match_window: int
    silence: int
    late: int
    companion_window: int
    marker_window: int
    family_p: float
    min_families: int
    volume_p: float
    volume_authors: int
    volume_windows: tuple[int, ...]
    coordinated_at: float
    bias: float
    weights: Mapping[str, float] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)
    against: Mapping[str, float] = field(default_factory=dict)
    told_openly: float = 0.1
    told_from: float = 0.05
    calibrated_points: tuple[float, ...] = (0.0,)
    calibrated_scores: tuple[float, ...] = (0.5,)
    subject_from: float = 0.05
    subject_full: float = 0.30
    copies_from: float = 0.05
    copies_full: float = 0.20
    neighbours: int = 400
    neighbours_return: float = 0.45
    accuses_from: float = 0.55
    accuses_known: float = 0.7
    stop_words: frozenset[str] = frozenset()
    open_calls: tuple[str, ...] = ()
    spreads: tuple[str, ...] = ()
    requests: frozenset[str] = frozenset()
    demands: frozenset[str] = frozenset()
    repairs: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    announces: frozenset[str] = frozenset()
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accusing: Mapping[str, float] = field(default_factory=dict)
    days_off: frozenset[str] = frozenset()
    ruleset: str = ""
