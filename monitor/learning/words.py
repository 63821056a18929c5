"""The terms of a text that a model weighs: beginnings of words, alone and in pairs, and stretches of letters.

A word counts by its first letters, so that the endings of Kazakh and Russian make no new word. The spelling is the folded one
of detection: Kazakh without its letters, or in Latin, gives the same terms.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from monitor.core.text import Text

STEM = 5
"""Letters of a word that count. Measured on the Kursk appeals: 4 to 6 are as good as Snowball's stems."""

LETTERS = (2, 5)
"""Lengths of the stretches of letters inside a word."""


def spoken(text: str) -> list[str]:
    """The folded words of a text; a word with a digit is only `0`: a phone or an IIN must not become a term of a model."""
    return [word if word.isalpha() else "0" for word in Text(text).folded]


def stems(words: list[str]) -> list[str]:
    """Beginnings of words and pairs of neighbours."""
    cut = [word[:STEM] for word in words]
    return cut + [f"{a} {b}" for a, b in pairwise(cut)]


def stretches(words: list[str]) -> list[str]:
    """Stretches of letters inside each word between its blanks."""
    out: list[str] = []
    for word in words:
        framed = f" {word} "
        for size in range(LETTERS[0], LETTERS[1] + 1):
            out.extend(framed[i:i + size] for i in range(len(framed) - size + 1))
    return out


def weigher(kind: str, **given: Any) -> TfidfVectorizer:
    """Counts of terms, damped, rare ones weighing more (TF-IDF), each text of length 1. `kind`: stems or stretches."""
    return TfidfVectorizer(analyzer={"stems": stems, "stretches": stretches}[kind], sublinear_tf=True, dtype=np.float32, **given)
