"""Whether a copied text accuses, frightens, praises or sells, or asks, warns and helps: fitted on short texts written for this.

Only held against a text that several authors copied in a neighbourhood's chats, and only as counter-evidence: citizens who
organise and neighbours in an emergency copy as campaigns do, and what they say is what tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import exp, sqrt

from monitor.surge.normal import folded, normalise

SHORTEST, LONGEST = 2, 6
"""Letters of a piece of a word."""
_LEFT_OUT = re.compile(r"https?://\S+|@\w+")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


def pieces(text: str) -> dict[str, float]:
    """The signs of a text: pieces of its words (with their edges as blanks) and their stems, each group of length one."""
    low = _DIGITS.sub("0", _LEFT_OUT.sub(" ", folded(text[:1000].lower())))
    parts: set[str] = set()
    for word in _WORD.findall(low):
        edged = f" {word} "
        for n in range(SHORTEST, LONGEST + 1):
            parts.update(edged[i:i + n] for i in range(max(1, len(edged) - n + 1)))
    stems = {f"={stem}" for stem in normalise(text).words}
    signs = dict.fromkeys(parts, 1.0 / sqrt(len(parts) or 1))
    signs.update(dict.fromkeys(stems, 1.0 / sqrt(len(stems) or 1)))
    return signs


def accuses(text: str, weights: Mapping[str, float]) -> float:
    """How likely the text is of the kind that accuses, frightens, praises or sells (0 to 1); the weight "" is the bias."""
    points = weights.get("", 0.0) + sum(x * weights.get(sign, 0.0) for sign, x in pieces(text).items())
    return 1.0 / (1.0 + exp(-points))
