#!/usr/bin/env python3
"""Fit the weights of config/knowledge/address_model.yaml and print how they do on posts that the fit did not see.

usage: fit_address.py LABELLED.jsonl... --not NOT_ADDRESSED.jsonl... [--held-out LABELLED.jsonl]... [--write]

LABELLED posts have `addressed`; of each NOT file every second line is used (the other half stays for measuring), and of
those only the ones that have any word for an authority: the others are never asked. Logistic regression with a ridge
(strength 1) around the prior weights of the file, Newton's method, no randomness: the same files give the same weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.knowledge import DEFAULT, load_knowledge
from monitor.core.judge import Judge
from monitor.core.row import as_post, parse_row

RIDGE = 1.0
MIN_POSTS = 3
"""A sign that fewer posts have is left out."""

Example = tuple[dict[str, float], bool, str]


def examples(judge: Judge, path: Path, *, negative: bool = False, part: int | None = None) -> list[Example]:
    """The signs, label and text of every post of a file that the model is asked about."""
    out: list[Example] = []
    for number, line in enumerate(path.read_bytes().splitlines()):
        if part is not None and number % 2 != part:
            continue
        post = as_post(parse_row(line), home=None)
        signs = judge.asked(post)
        if signs is not None:
            out.append((signs[2], not negative and bool(json.loads(line)["addressed"]), post.text))
    return out


def fit(rows: list[Example], prior: dict[str, float]) -> tuple[float, dict[str, float]]:
    """Bias and weights."""
    counts: dict[str, int] = {}
    for signs, _, _ in rows:
        for name in signs:
            counts[name] = counts.get(name, 0) + 1
    names = sorted(n for n, c in counts.items() if c >= MIN_POSTS or n in prior)
    index = {n: i + 1 for i, n in enumerate(names)}
    x = np.zeros((len(rows), len(names) + 1))
    x[:, 0] = 1
    for i, (signs, _, _) in enumerate(rows):
        for name, value in signs.items():
            if name in index:
                x[i, index[name]] = value
    y = np.array([label for _, label, _ in rows], float)
    ridge = np.eye(len(names) + 1) * RIDGE
    ridge[0, 0] = 1e-3
    centre = np.array([0.0] + [prior.get(n, 0.0) for n in names])
    w = centre.copy()
    for _ in range(40):
        p = 1 / (1 + np.exp(-x @ w))
        step = np.linalg.solve((x * (p * (1 - p) + 1e-9)[:, None]).T @ x + ridge, x.T @ (y - p) - ridge @ (w - centre))
        w += step
        if np.abs(step).max() < 1e-8:
            break
    return float(w[0]), {n: float(w[index[n]]) for n in names}


def report(title: str, rows: list[Example], bias: float, weights: dict[str, float], wrong: int = 0) -> None:
    """Precision, recall and F1 of the posts that were asked about."""
    score = [1 / (1 + np.exp(-bias - sum(weights.get(k, 0) * v for k, v in signs.items()))) for signs, _, _ in rows]
    tp = sum(s >= .5 and label for s, (_, label, _) in zip(score, rows, strict=True))
    fp = sum(s >= .5 and not label for s, (_, label, _) in zip(score, rows, strict=True))
    fn = sum(s < .5 and label for s, (_, label, _) in zip(score, rows, strict=True))
    print(f"{title:28} {len(rows):5} asked  precision {tp / max(1, tp + fp):.3f}  recall {tp / max(1, tp + fn):.3f}  "
          f"F1 {2 * tp / max(1, 2 * tp + fp + fn):.3f}")
    if wrong:
        for s, (signs, label, text) in sorted(zip(score, rows, strict=True), key=lambda one: abs(one[0] - one[1][1]))[-wrong:]:
            if (s >= .5) != label:
                print(f"   {s:.2f} {'T' if label else 'F'} {text[:150]!r}\n        {' '.join(sorted(signs))}")


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--not", dest="negatives", nargs="*", type=Path, default=[])
    parser.add_argument("--held-out", nargs="*", type=Path, default=[])
    parser.add_argument("--wrong", type=int, default=0, help="show so many of the worst errors of each set")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    judge = Judge(load_knowledge())
    prior = dict(judge.knowledge.model.prior)
    sets = {path: examples(judge, path) for path in args.labelled}
    unsaid = [row for path in args.negatives for row in examples(judge, path, negative=True, part=0)]
    for path in args.labelled:
        rest = [row for other, rows in sets.items() if other != path for row in rows] + unsaid
        if rest:
            report(f"{path.name} by the others", sets[path], *fit(rest, prior), wrong=args.wrong)
    rows = [row for part in sets.values() for row in part] + unsaid
    bias, weights = fit(rows, prior)
    for path in args.held_out:
        report(f"{path.name} held out", examples(judge, path), bias, weights, wrong=args.wrong)
    report("all, as fitted", rows, bias, weights)
    for path in args.negatives:
        other = examples(judge, path, negative=True, part=1)
        report(f"{path.name} other half", other, bias, weights, wrong=args.wrong)
    if args.write:
        model = judge.knowledge.model
        text = ["# Weights of the logistic model of monitor/core/features.py. Written by tools/fit_address.py; sets and figures: docs/detection.md.",
                f"bias: {bias:.2f}", f"register: {model.register}", f"triage: {model.triage}",
                "# What rare signs are taken to weigh where the posts say nothing; set by hand.", "prior:"]
        text += [f"  {name}: {weight}" for name, weight in prior.items()]
        text.append("weights:")
        text += [f"  {name}: {weight:.2f}" for name, weight in weights.items() if abs(weight) >= 0.005]
        (DEFAULT / "address_model.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
