"""What is told of a model beside its weights: what it learnt from, how good it was, what its rows looked like."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Look:
    """What rows look like to a model: how many, the labels said (by their place), the mean score, the share of unknown words."""

    rows: int
    labels: dict[str, int]
    score: float
    unknown: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures on a tenth of the rows, held out by author or id, of a model that learnt from the other nine."""

    rows: int
    f1: float
    right: float
    in_top3: float


@dataclass(frozen=True, slots=True)
class Facts:
    """How a model came about. `newest` is the latest time in its rows: a model is as old as what it learnt from.

    `told_by` is the field that told missing labels, `way` the one that is read first, as a second way to the label. `apart` is the digest of the sample that was kept from it.
    `seen` holds a Look at the held-out rows, under the empty name and per channel.
    """

    rows: int
    learnt_from: int
    program: str = ""
    newest: str | None = None
    told_by: str | None = None
    way: str | None = None
    apart: str | None = None
    by: str = "source"
    measured: Measured | None = None
    seen: dict[str, Look] = field(default_factory=dict)
