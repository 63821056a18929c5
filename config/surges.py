"""Surge rules from config/knowledge/surges.yaml, and the explanation of a surge in the reader's language."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from config.document import ConfigErrors, Problem, Unreadable, as_mapping, did_you_mean, read
from config.languages import N_, language
from config.workdays import load_workdays
from monitor.surge.forms import KINDS
from monitor.surge.judge import Phrase
from monitor.surge.normal import normalise
from monitor.surge.observe import SurgeVerdict
from monitor.surge.rules import Rules

KNOWLEDGE = Path(__file__).parent / "knowledge" / "surges.yaml"
WORDS = KNOWLEDGE.with_name("surge_words.tsv")


class RulesError(ConfigErrors):
    """surges.yaml cannot be used."""


def load_rules(path: Path | None = None) -> Rules:
    """The rules of surges; raises RulesError with every missing, unknown or mistyped key."""
    path = path or KNOWLEDGE
    try:
        document = read(path)
    except Unreadable as e:
        raise RulesError([Problem(str(path), 1, "", str(e).removeprefix(f"{path}: "))]) from e
    if document.data is None and document.problems:     # not even YAML
        raise RulesError(document.problems)
    found = dict(as_mapping(document))
    shape = {f.name: str(Rules.__annotations__[f.name]) for f in fields(Rules) if f.name not in ("ruleset", "days_off", "accusing")}
    for name, value in found.items():
        if name not in shape:
            document.problem((name,), f"unknown key{did_you_mean(name, shape)}")
        elif not _fits(shape[name], value):
            document.problem((name,), f"{value!r:.60} does not fit, expected {shape[name]}")
    if lacking := sorted(shape.keys() - found.keys()):
        document.problem((), f"{', '.join(lacking)}: missing; restore what you took away")
    elif not document.problems and sorted(found["forms"]) != sorted(KINDS):
        document.problem(("forms",), f"needs the lists {', '.join(KINDS)} and no others")
    elif not document.problems and not _rising(found["calibrated_points"], found["calibrated_scores"]):
        document.problem(("calibrated_points",), "each needs a value in calibrated_scores, both rising, scores from 0 to 1")
    if document.problems:
        raise RulesError(document.problems)
    accusing = _accusing()
    ruleset = blake2b(repr((document.data, sorted(accusing.items()))).encode(), digest_size=8).hexdigest()
    for name in ("windows", "calibrated_points", "calibrated_scores"):
        found[name] = tuple(found[name])
    found["volume_windows"] = tuple(sorted(found["volume_windows"]))
    for name in ("open_calls", "spreads"):
        found[name] = tuple(call.lower() for call in found[name])
    found["forms"] = {kind: tuple(words.lower() for words in said) for kind, said in found["forms"].items()}
    # Words are compared as stems, in the folded spelling that the posts are compared in.
    for name in ("stop_words", "requests", "demands", "repairs", "places", "sources", "announces"):
        found[name] = frozenset(s for word in found[name].split() for s in normalise(word).words)
    return Rules(**found, ruleset=ruleset, days_off=_days_off(), accusing=accusing)


@cache
def _accusing() -> dict[str, float]:
    """The weights that tools/fit_surge_words.py wrote."""
    lines = (line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {sign: float(weight) for sign, weight in lines}


@cache
def _days_off() -> frozenset[str]:
    """Days on which people write as on a Sunday, of the years that a stream may be of."""
    calendar = load_workdays()
    return frozenset(day.isoformat() for year in range(2024, 2031) for day in calendar.of(year)[0])


def _rising(points: list[float], scores: list[float]) -> bool:
    return len(points) == len(scores) and sorted(set(points)) == points and sorted(scores) == scores \
        and 0 <= scores[0] <= scores[-1] <= 1


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    match kind:
        case "int":
            return isinstance(value, int)
        case "float":
            return isinstance(value, int | float)
        case "tuple[int, ...]":
            return isinstance(value, list) and bool(value) and all(isinstance(v, int) for v in value)
        case "tuple[str, ...]":
            return isinstance(value, list) and all(isinstance(v, str) for v in value)
        case "frozenset[str]":
            return isinstance(value, str)
        case "Mapping[str, tuple[str, ...]]":
            return isinstance(value, dict) and all(_fits("tuple[str, ...]", v) for v in value.values())
        case "tuple[float, ...]":
            return isinstance(value, list) and bool(value) and all(isinstance(v, int | float) for v in value)
        case _:
            return isinstance(value, dict) and all(isinstance(v, int | float) for v in value.values())


def explain(verdict: SurgeVerdict, code: str) -> str:
    """The explanation of a verdict in `kk`, `ru` or `en`: what was seen, what would be usual, what speaks
    against it."""
    return " ".join(_sentence(phrase, code) for phrase in verdict.phrases)


def _sentence(phrase: Phrase, code: str) -> str:
    values = {name: _shown(name, value, code) for name, value in phrase.values.items()}
    return language(code).gettext(phrase.message) % values


@cache
def _units(code: str) -> tuple[str, str, str]:
    words = language(code)
    return words.gettext(N_("%d min")), words.gettext(N_("%d h")), words.gettext(N_("%d days"))


def _shown(name: str, value: str | int | float, code: str) -> str | int | float:
    if isinstance(value, str):
        return value
    if name != "span":
        return _number(value, code)
    minutes, hours, days = _units(code)
    if value < 5400:
        return minutes % max(1, round(value / 60))
    if value < 48 * 3600:
        return hours % round(value / 3600)
    return days % round(value / 86400)


def _number(value: float, code: str) -> str | int | float:
    """Whole numbers as they are (for %d), others with one decimal, in the reader's decimal sign, small ones
    as `< 0,1`."""
    if float(value).is_integer():
        return int(value)
    text = "< 0.1" if 0 < value < 0.05 else f"{value:.1f}"
    return text if code == "en" else text.replace(".", ",")
