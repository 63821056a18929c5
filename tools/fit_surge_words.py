#!/usr/bin/env python3
"""Fit what tells accusations and rumours from requests and notices: config/knowledge/surge_words.tsv from surge_texts.tsv.

usage: fit_surge_words.py [--write]

Prints how the texts of each batch are told by the texts of the others (the batches were written one after the other, each
before the one before it had been fitted). Logistic regression (scikit-learn, lbfgs): the same texts give the same weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.surges import KNOWLEDGE
from monitor.surge.wording import accuses, pieces

TEXTS = KNOWLEDGE.parent / "surge_texts.tsv"
WORDS = KNOWLEDGE.parent / "surge_words.tsv"
FREELY = 60.0
KEPT = 6000
"""Signs written, the heaviest."""
CALLED = 0.55


def read() -> list[tuple[str, bool, str]]:
    """Batch, whether it accuses, text."""
    out = []
    for line in TEXTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            batch, kind, text = line.split("\t")
            out.append((batch, kind == "accuses", text))
    return out


def fit(rows: Sequence[tuple[str, bool, str]]) -> dict[str, float]:
    """The weight of each sign; "" is the bias."""
    vectors = DictVectorizer()
    x = vectors.fit_transform([pieces(text) for _, _, text in rows])
    model = LogisticRegression(C=FREELY, class_weight="balanced", max_iter=1000).fit(x, [accusing for _, accusing, _ in rows])
    names = vectors.get_feature_names_out()
    heaviest = np.argsort(-np.abs(model.coef_[0]), kind="stable")[:KEPT]
    return {"": round(float(model.intercept_[0]), 4)} | {str(names[i]): round(float(model.coef_[0][i]), 4) for i in heaviest}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    rows = read()
    told: list[tuple[bool, float]] = []
    for batch in sorted({b for b, _, _ in rows}):
        weights = fit([r for r in rows if r[0] != batch])
        mine = [(accusing, accuses(text, weights)) for b, accusing, text in rows if b == batch]
        told += mine
        found = [p >= CALLED for accusing, p in mine if accusing]
        spared = [p < CALLED for accusing, p in mine if not accusing]
        print(f"{batch:10} accusing {sum(found)}/{len(found)} found, others {sum(spared)}/{len(spared)} spared")
    print(f"all: area under the curve {roc_auc_score([a for a, _ in told], [p for _, p in told]):.3f}")
    if args.write:
        lines = [f"{sign}\t{weight:g}" for sign, weight in sorted(fit(rows).items())]
        WORDS.write_text("\n".join(["# Written by tools/fit_surge_words.py from surge_texts.tsv.", *lines, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
