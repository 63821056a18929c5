"""The whole lesson: measure on a tenth that is held out, then learn from all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joblib import Parallel, delayed

from monitor.learning.compare import weighted_f1
from monitor.learning.drift import by_channel
from monitor.learning.facts import Measured
from monitor.learning.history import Example
from monitor.learning.model import NETWORK_FROM, Model, NothingToLearn, answers, fit

TIMES = ("created_at", "ts")
"""Fields that may hold the time of a row (ISO 8601, so that text order is time order)."""


def learn(examples: Sequence[Example], target: str, context: Sequence[str], by: str = "source", program: str = "",
          apart: str | None = None) -> Model:
    """A model of all rows, with its figures and looks from a model of nine tenths. Raises NothingToLearn."""
    held = [e for e in examples if e.held_out]
    rest = [e for e in examples if not e.held_out]
    at_once = 2 if len(examples) >= NETWORK_FROM else 1
    model: Model
    trial: Model | None
    model, trial = Parallel(n_jobs=at_once)([delayed(fit)(examples, target, context), delayed(_trial)(rest, target, context)])
    facts = replace(model.facts, program=program, newest=_newest(examples), apart=apart, by=by)
    if trial is not None and held:
        said = answers(trial, held)
        true = [(e.label, a) for e, a in zip(held, said, strict=True) if e.label is not None]
        n = max(1, len(true))
        facts = replace(facts, seen=by_channel(trial, held, said, by, model.labels), measured=Measured(
            len(true), round(weighted_f1([t for t, _ in true if t is not None], [a.label for _, a in true]), 4),
            round(sum(t == a.label for t, a in true) / n, 4), round(sum(t in a.top3 for t, a in true) / n, 4)))
    return replace(model, facts=facts)


def _trial(rest: Sequence[Example], target: str, context: Sequence[str]) -> Model | None:
    try:
        return fit(rest, target, context)
    except NothingToLearn:
        return None


def _newest(examples: Sequence[Example]) -> str | None:
    times = [str(e.fields[name]) for e in examples for name in TIMES if name in e.fields]
    return max(times, default=None)
