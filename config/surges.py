"""Surge rules from config/knowledge/surges.yaml, and the explanation of a surge in the reader's language."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from config.languages import N_, language
from monitor.surge.judge import Phrase
from monitor.surge.normal import normalise
from monitor.surge.observe import SurgeVerdict
from monitor.surge.rules import Rules

KNOWLEDGE = Path(__file__).parent / "knowledge" / "surges.yaml"


class RulesError(ValueError):
    """surges.yaml cannot be used; the message names the file, the key and how to mend it."""


def load_rules(path: Path | None = None) -> Rules:
    """The rules of surges; raises RulesError with one line for a missing, unknown or mistyped key."""
    path = path or KNOWLEDGE
    try:
        raw = path.read_bytes()
        found: Any = yaml.safe_load(raw)
    except OSError as e:
        raise RulesError(f"{path}: cannot be read ({e.strerror}); restore it from the release") from e
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise RulesError(f"{path}: not YAML ({' '.join(str(e).split())[:120]}); mend the line") from e
    if not isinstance(found, dict):
        raise RulesError(f"{path}: expected keys with values; restore it from the release")
    names = {f.name for f in fields(Rules)} - {"ruleset"}
    for name in sorted(set(found) ^ names, key=str):
        what = "unknown key, remove it" if name in found else "key is missing, add it"
        raise RulesError(f"{path}: {name}: {what}")
    shape = Rules.__annotations__
    for name, value in found.items():
        if not _fits(str(shape[name]), value):
            raise RulesError(f"{path}: {name}: {value!r:.60} does not fit, expected {shape[name]}")
    found["windows"] = tuple(found["windows"])
    found["volume_windows"] = tuple(sorted(found["volume_windows"]))
    found["open_calls"] = tuple(call.lower() for call in found["open_calls"])
    # Stop words are compared as stems, in the folded spelling that the posts are compared in.
    found["stop_words"] = frozenset(s for word in found["stop_words"].split() for s in normalise(word).stems)
    return Rules(**found, ruleset=blake2b(raw, digest_size=8).hexdigest())


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
