"""What single words and pairs of words say for each of a few labels: logistic regression whose reasons are its words.

It stands behind the word lists of config/knowledge: those carry what we know, this what labelled posts add. Signs are
weighted as tf-idf does it, once each and divided by their length (Salton & Buckley 1988, "Term-weighting approaches in
automatic text retrieval"). tools/fit_words.py fits it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.core.text import Text

_FROST = re.compile(r"(?:(?<![\w-])[-–−]\s?|минус\s)[1-5]\d(?![\d-])")
_COLD_ROOM = re.compile(r"\+\s?1?\d(?![\d\s]*\d)")
STEM = 5
"""Letters of a word by which its forms are taken together."""


def signs(words: Sequence[str]) -> list[tuple[str, int]]:
    """The signs of folded words with the place of each: the word, its stem, and the stems of it and the next. Numbers are one sign."""
    out: list[tuple[str, int]] = []
    before = ""
    for i, word in enumerate(words):
        if word[0].isdigit():
            stem = "0"
        else:
            stem = word[:STEM]
            out.append(("=" + word, i))
            if len(word) >= STEM:
                out.append(("^" + stem, i))
        if before:
            out.append((before + " " + stem, i - 1))
        before = stem
    return out


def marks(text: Text) -> list[tuple[str, int]]:
    """Signs that are no words: question and exclamation marks, frost outside (-31) and few degrees inside (+9)."""
    clean = text.clean
    out = [(mark + mark, -1) for mark in "?!" if mark in clean]
    if _FROST.search(clean):
        out.append(("-0", -1))
    if "+" in clean and _COLD_ROOM.search(clean):
        out.append(("+0", -1))
    return out


@lru_cache(maxsize=64)
def _span(labels: tuple[str, ...], field: str) -> tuple[int, int]:
    inside = [i for i, label in enumerate(labels) if label.startswith(field + ":")]
    return inside[0], inside[-1] + 1


@dataclass(frozen=True, slots=True)
class WordModel:
    """Weights of each sign for each label. `lists` says which rows of `listed` are those of the marks of the word lists, which are not
    tf-idf weighted."""

    labels: tuple[str, ...]
    bias: NDArray[np.float32]
    index: Mapping[str, int]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    lists: Mapping[str, int]
    listed: NDArray[np.float32]

    def scores(self, found: Iterable[tuple[str, int]], listed: Mapping[str, float]) -> NDArray[np.float32]:
        """The log-odds of each label."""
        index = self.index
        rows = sorted({row for sign, _ in found if (row := index.get(sign)) is not None})
        total = self.bias.copy()
        if rows:
            at = np.array(rows, np.intp)
            idf = self.idf[at]
            total += (idf @ self.weights[at]) / np.sqrt(idf @ idf)
        marks = [(row, value) for name, value in listed.items() if (row := self.lists.get(name)) is not None]
        if marks:
            total += np.array([value for _, value in marks], np.float32) @ self.listed[[row for row, _ in marks]]
        return total

    def mark(self, name: str, label: int) -> float:
        """What a mark of the word lists says for a label."""
        row = self.lists.get(name)
        return 0.0 if row is None else float(self.listed[row, label])

    def best(self, found: Iterable[tuple[str, int]], label: int) -> int | None:
        """The place of the word that speaks most for a label; None where no word does."""
        place, most = None, 0.0
        for sign, at in found:
            row = self.index.get(sign)
            if row is not None and at >= 0:
                said = float(self.idf[row] * self.weights[row, label])
                if said > most:
                    place, most = at, said
        return place

    def span(self, field: str) -> tuple[int, int]:
        """First and end of the labels that begin with `field:`; they stand together."""
        return _span(self.labels, field)


def with_labels(model: WordModel, field: str, values: Sequence[str]) -> WordModel:
    """The model for the labels that a classifier has now: one that posts were never labelled with is known by its word list
    alone (a mark of the label's name), one that was taken out is never answered."""
    first, end = model.span(field)
    wanted = [f"{field}:{value}" for value in values]
    labels = model.labels[:first] + tuple(wanted) + model.labels[end:]
    old = {label: i for i, label in enumerate(model.labels)}
    own = [float(model.listed[row, old[name]]) for name, row in model.lists.items() if name in old and name.startswith(field + ":")]
    usual = sum(own) / max(1, len(own))
    at = [old.get(label, -1) for label in labels]
    known = np.array([i >= 0 for i in at])

    def columns(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(known, weights[..., at], 0).astype(np.float32)

    bias = np.where(known, model.bias[at], model.bias[first:end].min()).astype(np.float32)
    lists, listed = dict(model.lists), columns(model.listed)
    for i, label in enumerate(labels):
        if label not in old:
            lists[label] = len(listed)
            listed = np.vstack([listed, np.eye(1, len(labels), i, dtype=np.float32) * usual])
    return WordModel(labels, bias, model.index, model.idf, columns(model.weights), lists, listed)
