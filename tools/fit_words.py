#!/usr/bin/env python3
"""Fit what labelled posts say of words: config/knowledge/words/*.tsv and the weights of address_model.yaml.

usage: fit_words.py LABELLED.jsonl... --not NOT_ADDRESSED.jsonl... [--held-out LABELLED.jsonl]... [--write]

LABELLED posts have `addressed`, `topic`, `kind` and `urgency`; of each NOT file every second line is used (the other half
stays for measuring). Logistic regression (scikit-learn, lbfgs): the same files give the same weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.knowledge import DEFAULT, load_knowledge
from monitor.core.classify import listed
from monitor.core.features import word_signs
from monitor.core.judge import Judge
from monitor.core.row import as_post, parse_row
from monitor.core.text import Text
from monitor.core.words import marks, signs

LEAST = 2
"""Posts that a sign must stand in."""
FIELDS = {"topic": (30.0, 0.15), "kind": (10.0, 0.3), "urgency": (30.0, 0.3)}
"""How freely each is fitted (C), and what a mark of the word lists weighs beside the words."""
WORDS_BESIDE_CUES = 5.0
"""What the words of a post weigh beside its cues before the fit finds its own weights."""
EXAMPLES = 3
"""How often an example of a knowledge file is taken: an analyst's word weighs more than one post."""
NEGATIVE = 2.0
"""What a post that is not addressed counts: a wrong number costs more than a look in triage."""

Row = tuple[list[str], dict[str, float], str]


class Fit:
    """One model: words beside named features."""

    def __init__(self, rows: Sequence[Row], freedom: float, words: float, named: float, weight: dict[str, float] | str | None) -> None:
        self.words, self.named = words, named
        self.tfidf = TfidfVectorizer(analyzer=lambda x: x, binary=True, min_df=LEAST, dtype=np.float64)
        self.names = DictVectorizer()
        x = hstack([words * self.tfidf.fit_transform([r[0] for r in rows]), named * self.names.fit_transform([r[1] for r in rows])])
        self.model = LogisticRegression(C=freedom, max_iter=1000, class_weight=weight).fit(csr_matrix(x), [r[2] for r in rows])

    def predict(self, rows: Sequence[Row]) -> list[str]:
        """The likeliest label of each row."""
        x = hstack([self.words * self.tfidf.transform([r[0] for r in rows]), self.named * self.names.transform([r[1] for r in rows])])
        return list(self.model.predict(csr_matrix(x)))

    def columns(self) -> tuple[list[str], np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Labels, biases, weights of the words and of the named features, by label."""
        weights, bias = self.model.coef_, self.model.intercept_
        if len(weights) == 1:       # of two labels: the second against the first
            weights, bias = np.vstack([0 * weights, weights]), np.array([0.0, bias[0]])
        n = len(self.tfidf.vocabulary_)
        names = {name: self.named * weights[:, n + i] for i, name in enumerate(self.names.feature_names_)}
        return list(self.model.classes_), bias, self.words * weights[:, :n].T, names


def lines(path: Path, part: int | None = None) -> list[bytes]:
    """The lines of a file, or every second one."""
    return [line for n, line in enumerate(path.read_bytes().splitlines()) if line.strip() and (part is None or n % 2 == part)]


def subjects(judge: Judge, path: Path, field: str) -> list[tuple[Row, Any]]:
    """The addressed posts of a file, for one field."""
    out = []
    for line in lines(path):
        label = json.loads(line)
        if label["addressed"]:
            text = Text(label["text"])
            known = dict(listed(text, judge.knowledge.subject).weights.items())
            out.append((([s for s, _ in (*signs(text.folded), *marks(text))], known, label[field]), label))
    return out


def examples(judge: Judge, field: str) -> list[Row]:
    """The yes and no examples of the knowledge files, which are labelled posts too."""
    file, part = {"topic": ("topics.yaml", "topics"), "kind": ("kinds.yaml", "examples"), "urgency": ("urgency.yaml", "examples")}[field]
    tree = yaml.safe_load((DEFAULT / file).read_text(encoding="utf-8"))[part]
    if field == "urgency":
        tree = {"urgent": {True: tree[True]}, "normal": {True: tree[False]}}
    out: list[Row] = []
    for label, body in tree.items():
        for sentence in body[True]:     # YAML reads yes as this
            text = Text(sentence)
            out.append(([s for s, _ in (*signs(text.folded), *marks(text))], dict(listed(text, judge.knowledge.subject).weights), label))
    return out


def asked(judge: Judge, path: Path, *, negative: bool = False, part: int | None = None) -> tuple[list[Row], int]:
    """The posts of a file that have any word for an authority, and how many addressed ones have none."""
    out, missed = [], 0
    for line in lines(path, part):
        label = not negative and bool(json.loads(line)["addressed"])
        found = judge.asked(as_post(parse_row(line), home=None))
        if found is None:
            missed += label
        else:
            reading, head, cues = found
            out.append(([s for s, _ in word_signs(reading, head)], cues, "yes" if label else "no"))
    return out, missed


def table(fit: Fit, path: Path, what: str) -> None:
    """Write a model in the form that config/knowledge.py reads; signs that weigh next to nothing are left out."""
    labels, bias, weights, names = fit.columns()
    out = [f"# Generated by tools/fit_words.py: {what}; sign, idf, weights in hundredths",
           f"*\t{' '.join(labels)}\t{' '.join(str(round(100 * b)) for b in bias)}"]
    for sign, i in sorted(fit.tfidf.vocabulary_.items()):
        row = np.round(100 * weights[i]).astype(int)
        if np.abs(row).max() >= 5:
            out.append(f"{sign}\t{fit.tfidf.idf_[i]:.2f}\t{' '.join(map(str, row))}")
    out += [f"{name}\t-\t{' '.join(str(round(100 * w)) for w in row)}" for name, row in sorted(names.items())]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(out) + "\n", encoding="utf-8")


def address_tables(fit: Fit, judge: Judge) -> None:
    """Write the words of the address model, and its cues into address_model.yaml."""
    _labels, bias, weights, names = fit.columns()
    out = ["# Generated by tools/fit_words.py: words that speak for or against an addressed post; sign, idf, weights in hundredths",
           "*\tyes\t0"]
    for sign, i in sorted(fit.tfidf.vocabulary_.items()):
        said = round(100 * float(weights[i][1]))
        if abs(said) >= 5:
            out.append(f"{sign}\t{fit.tfidf.idf_[i]:.2f}\t{said}")
    (DEFAULT / "words").mkdir(exist_ok=True)
    (DEFAULT / "words" / "address.tsv").write_text("\n".join(out) + "\n", encoding="utf-8")
    model = judge.knowledge.model
    text = ["# Weights of the cues of monitor/core/features.py beside words/address.tsv. Written by tools/fit_words.py; sets and figures:",
            "# docs/detection.md.", f"bias: {bias[1]:.2f}", f"register: {model.register}", f"triage: {model.triage}", "weights:"]
    text += [f"  {name}: {row[1]:.2f}" for name, row in sorted(names.items()) if abs(row[1]) >= 0.005]
    (DEFAULT / "address_model.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")


def begin() -> None:
    """Empty tables where there are none yet, so that the knowledge can be read."""
    (DEFAULT / "words").mkdir(exist_ok=True)
    for name, labels in (("topic", "other"), ("kind", "complaint"), ("urgency", "normal urgent"), ("address", "yes")):
        path = DEFAULT / "words" / f"{name}.tsv"
        if not path.exists():
            nothing = " ".join("0" for _ in labels.split())
            path.write_text(f"*\t{labels}\t{nothing}\n=\t1\t{nothing}\n", encoding="utf-8")


def right(label: dict[str, Any], field: str, answer: str) -> bool:
    """Whether an answer is the label or the second label."""
    return answer in (label[field], (label.get("second_label") or {}).get(field))


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--not", dest="negatives", nargs="*", type=Path, default=[])
    parser.add_argument("--held-out", nargs="*", type=Path, default=[])
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    begin()
    judge = Judge(load_knowledge())
    for field, (freedom, named) in FIELDS.items():
        rows = [row for path in args.labelled for row, _ in subjects(judge, path, field)] + EXAMPLES * examples(judge, field)
        fit = Fit(rows, freedom, 1.0, named, "balanced" if field == "urgency" else None)
        print(f"{field}: {len(rows)} posts, {len(fit.tfidf.vocabulary_)} signs")
        for path in args.held_out:
            held = subjects(judge, path, field)
            good = sum(right(label, field, answer) for (_, label), answer in zip(held, fit.predict([r for r, _ in held]), strict=True))
            print(f"  {path.name} held out: {good / len(held):.3f} of {len(held)}")
        if args.write:
            table(fit, DEFAULT / "words" / f"{field}.tsv", f"words that speak for each {field}")
    rows = [row for path in args.labelled for row in asked(judge, path)[0]]
    rows += [row for path in args.negatives for row in asked(judge, path, negative=True, part=0)[0]]
    fit = Fit(rows, 1.0, WORDS_BESIDE_CUES, 1.0, {"no": NEGATIVE, "yes": 1.0})
    print(f"address: {len(rows)} posts, {len(fit.tfidf.vocabulary_)} signs")
    for path in args.held_out:
        held, missed = asked(judge, path)
        answers = fit.predict(held)
        tp = sum(a == "yes" == r[2] for a, r in zip(answers, held, strict=True))
        wrong, lost = answers.count("yes") - tp, sum(r[2] == "yes" for r in held) - tp + missed
        print(f"  {path.name} held out: precision {tp / (tp + wrong):.3f} recall {tp / (tp + lost):.3f} F1 {2 * tp / (2 * tp + wrong + lost):.3f}")
    for path in args.negatives:
        other, _ = asked(judge, path, negative=True, part=1)
        print(f"  {path.name} other half: {fit.predict(other).count('yes')} of {len(other)} with a word for an authority are called addressed")
    if args.write:
        address_tables(fit, judge)


if __name__ == "__main__":
    main()
