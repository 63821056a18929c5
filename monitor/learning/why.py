"""Which words spoke for a label: each is left out once, and what the label then loses is what the word said for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.learning.history import Example
from monitor.learning.model import Answer, Model

WORDS, SHOWN = 80, 5
"""Words of a text that are tried, and how many are told."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text or a value beside it, and how much the label's log-probability falls without it."""

    text: str
    weight: float


def reasons(model: Model, example: Example, answer: Answer, most: int = WORDS) -> list[Word]:
    """The words and context that spoke most for the label, strongest first; the first `most` words are tried."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(example.text)))[:most]
    names: list[str] = [*words, *(value for value in example.context if value)]
    without: list[Example] = [example]
    without += [replace(example, text=_WORD.sub(lambda m, w=word: " " if m[0].lower() == w else m[0], example.text))  # type: ignore[misc]
                for word in words]
    without += [replace(example, context=_dropped(example.context, i)) for i, value in enumerate(example.context) if value]
    logs = model.logs(without)[:, model.labels.index(answer.label)]
    lost = [(round(float(logs[0] - after), 3), name) for after, name in zip(logs[1:], names, strict=True)]
    return [Word(name, weight) for weight, name in sorted(lost, key=lambda p: (-p[0], p[1]))[:SHOWN] if weight > 0]


def _dropped(values: Sequence[str], place: int) -> tuple[str, ...]:
    return tuple("" if i == place else value for i, value in enumerate(values))
