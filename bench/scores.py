"""The figures of issue 3 for a labelled set: what `../shared/tools/score_verdicts.py` prints, computed here too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitor.core.registry import Registry

Row = Mapping[str, Any]
AS_ONE = {"complaint": "request", "application": "request", "inquiry": "request"}
"""Kinds that the soft figure takes for one."""
LEAST = 5
"""Posts a label must have to count in a macro F1: one miss in two says little."""


def prf(right: int, false: int, missed: int) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    p = right / (right + false) if right + false else 0.0
    r = right / (right + missed) if right + missed else 0.0
    return p, r, 2 * p * r / (p + r) if p + r else 0.0


def share(answers: Iterable[bool]) -> float:
    """The share of yes; 0 of nothing."""
    listed = list(answers)
    return sum(listed) / max(1, len(listed))


def of_pairs(pairs: Sequence[tuple[bool, bool]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of (labelled, told) pairs."""
    count = Counter((bool(a), bool(b)) for a, b in pairs)
    return prf(count[True, True], count[False, True], count[True, False])


def macro_f1(pairs: Sequence[tuple[Any, Any]]) -> float:
    """Mean F1 over the labels met often enough."""
    met = Counter(label for label, _ in pairs)
    listed = [of_pairs([(a == label, b == label) for a, b in pairs])[2] for label, n in met.items() if n >= LEAST]
    return sum(listed) / len(listed) if listed else 0.0


def label(row: Row, field: str, told: Any) -> Any:
    """The label; where a second labeller read it otherwise and the verdict agrees with that, the verdict's."""
    second = (row.get("second_label") or {}).get(field)
    return second if second is not None and told == second else row[field]


def words(text: str) -> set[str]:
    """Words of a place, for comparison."""
    return set(text.lower().replace(".", " ").replace(",", " ").split())


def scores(gold: Sequence[Row], out: Sequence[Row], registry: Registry) -> dict[str, float]:
    """The figures, by the names the scorer gives them. `out` has a verdict, as the command writes it, for each of `gold`."""
    both = list(zip(gold, out, strict=True))
    got: dict[str, float] = {"posts": len(gold)}
    got["addressed_p"], got["addressed_r"], got["addressed_f1"] = of_pairs([(g["addressed"], o["addressed"]) for g, o in both])
    for language in sorted({g["language"] for g in gold}):
        got[f"addressed_f1_{language}"] = of_pairs([(g["addressed"], o["addressed"]) for g, o in both if g["language"] == language])[2]
    spoken = [(g, o) for g, o in both if g["addressed"]]
    placed: list[tuple[str, str | None, str]] = [
        (g["akimat_code"], (o["akimat"] or {}).get("code"), o["decision"]) for g, o in spoken if g.get("akimat_code")]
    got["akimat_exact"] = share(a == b for a, b, _ in placed)
    got["akimat_same_branch"] = share(
        b is not None and (registry.within(a, b) or registry.within(b, a)) for a, b, _ in placed)
    got["registered_share"] = share(d == "register" for _, _, d in placed)
    got["triage_share"] = share(o["decision"] == "triage" for o in out)
    got["akimat_precision_when_named"] = share(a == b for a, b, _ in placed if b)
    for field in ("topic", "kind", "urgency"):
        pairs = [(label(g, field, o[field]), o[field]) for g, o in spoken]
        got[f"{field}_acc"], got[f"{field}_macro_f1"] = share(a == b for a, b in pairs), macro_f1(pairs)
    soft = [(label(g, "kind", o["kind"]), o["kind"]) for g, o in spoken]
    got["kind_soft_acc"] = share(AS_ONE.get(a, a) == AS_ONE.get(b, b) for a, b in soft)
    got["language_acc"] = share(label(g, "language", o["language"]) == o["language"] for g, o in both)
    got["urgent_p"], got["urgent_r"], got["urgent_f1"] = of_pairs(
        [(label(g, "urgency", o["urgency"]) == "urgent", o["urgency"] == "urgent") for g, o in spoken])
    pii = [(set(g.get("pii") or ()), set(o["pii"])) for g, o in both]
    got["pii_p"], got["pii_r"], got["pii_f1"] = prf(
        sum(len(a & b) for a, b in pii), sum(len(b - a) for a, b in pii), sum(len(a - b) for a, b in pii))
    places = [(words(g["location_text"]), words(o["location_text"] or "")) for g, o in spoken if g.get("location_text")]
    got["location_found"] = share(2 * len(a & b) >= len(a) for a, b in places)
    return got
