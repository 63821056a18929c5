#!/usr/bin/env python3
"""Fit what labelled posts say of words: config/knowledge/words/*.tsv and the weights of address_model.yaml.

usage: fit_words.py LABELLED.jsonl... --not NOT_ADDRESSED.jsonl... [--danger LABELLED.jsonl...] [--held-out LABELLED.jsonl...]
                    [--only subject|address] [--write]

LABELLED posts have `addressed`, `topic`, `kind` and `urgency`; of those of --danger, which were written about danger, only the
urgency is fitted (half of them are emergencies, which no town has); of each NOT file every second line is used (the other half
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
from scipy.sparse import csr_matrix, diags, hstack
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

LEAST = 3
"""Posts that a sign must stand in."""
SOONER = {"urgency:urgent": 0.75}
"""Added to the log-odds of a label: a danger is called one from a probability of 0.32 up, as a missed one costs more than a look."""
FIELDS = {"topic": (30.0, 0.15, None), "kind": (10.0, 0.3, None), "urgency": (10.0, 0.3, {"urgent": 2.0, "normal": 1.0})}
"""How freely each is fitted (C), what a mark of the word lists weighs beside the words, and what a post of a label counts."""
WORDS_BESIDE_CUES = 5.0
"""What the words of a post weigh beside its cues before the fit finds its own weights."""
LIGHT = 15
"""Hundredths below which a weight is not worth a line of the table."""
EXAMPLES = 3
"""How often an example of a knowledge file is taken: an analyst's word weighs more than one post."""
NEGATIVE = 3.0
"""What a post that is not addressed counts: a wrong number costs more than a look in triage."""

Row = tuple[list[str], dict[str, float], dict[str, str]]
"""Signs, named features, and the labels by field."""


class Fit:
    """One or several answers from the same words beside named features."""

    def __init__(self, rows: Sequence[Row], words: float, fields: dict[str, tuple[float, float, Any]], least: int = LEAST) -> None:
        self.words = words
        self.tfidf = TfidfVectorizer(analyzer=lambda x: x, binary=True, min_df=least, dtype=np.float64)
        self.names = DictVectorizer()
        x = self.tfidf.fit_transform([r[0] for r in rows])
        named = self.names.fit_transform([r[1] for r in rows])
        self.fields = {}
        for field, (freedom, beside, weight) in fields.items():
            known = [i for i, r in enumerate(rows) if field in r[2]]
            # Signs of danger, each two of them too, are many and say nothing of topic and kind.
            own = diags([float(field == "urgency" or not name.startswith("urgency:")) for name in self.names.feature_names_])
            both = csr_matrix(hstack([words * x[known], beside * (named @ own)[known]]))
            model = LogisticRegression(C=freedom, max_iter=1000, class_weight=weight)
            self.fields[field] = model.fit(both, [rows[i][2][field] for i in known]), beside

    def predict(self, rows: Sequence[Row], field: str) -> list[str]:
        """The likeliest label of each row."""
        model, beside = self.fields[field]
        x = hstack([self.words * self.tfidf.transform([r[0] for r in rows]), beside * self.names.transform([r[1] for r in rows])])
        odds = model.decision_function(csr_matrix(x))
        odds = np.stack([0 * odds, odds], axis=1) if odds.ndim == 1 else odds
        sooner = [SOONER.get(f"{field}:{label}", 0.0) for label in model.classes_]
        return list(model.classes_[np.argmax(odds + sooner, axis=1)])

    def likely(self, rows: Sequence[Row], field: str, label: str) -> np.ndarray:
        """How likely a label is for each row."""
        model, beside = self.fields[field]
        x = hstack([self.words * self.tfidf.transform([r[0] for r in rows]), beside * self.names.transform([r[1] for r in rows])])
        return np.asarray(model.predict_proba(csr_matrix(x))[:, list(model.classes_).index(label)])

    def columns(self) -> tuple[list[str], np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Labels, biases, weights of the words and of the named features, of all fields side by side."""
        labels: list[str] = []
        biases, weights = [], []
        n = len(self.tfidf.vocabulary_)
        for field, (model, beside) in self.fields.items():
            w, b = model.coef_, model.intercept_
            if len(w) == 1:       # of two labels: the second against the first
                w, b = np.vstack([0 * w, w]), np.array([0.0, b[0]])
            w = np.hstack([self.words * w[:, :n], beside * w[:, n:]])
            named = [f"{field}:{label}" for label in model.classes_]
            labels += named
            biases.append(b + np.array([SOONER.get(label, 0.0) for label in named]))
            weights.append(w)
        all_ = np.vstack(weights)
        names = {name: all_[:, n + i] for i, name in enumerate(self.names.feature_names_)}
        return labels, np.concatenate(biases), all_[:, :n].T, names


def lines(path: Path, part: int | None = None) -> list[bytes]:
    """The lines of a file, or every second one."""
    return [line for n, line in enumerate(path.read_bytes().splitlines()) if line.strip() and (part is None or n % 2 == part)]


def row(judge: Judge, sentence: str, labels: dict[str, str]) -> Row:
    """A text with its labels."""
    text = Text(sentence)
    return [s for s, _ in (*signs(text.folded), *marks(text))], dict(listed(text, judge.knowledge.subject).weights), labels


def subjects(judge: Judge, path: Path) -> list[tuple[Row, dict[str, Any]]]:
    """The addressed posts of a file."""
    posts = [json.loads(line) for line in lines(path)]
    return [(row(judge, post["text"], {field: post[field] for field in FIELDS}), post) for post in posts if post["addressed"]]


def examples(judge: Judge) -> list[Row]:
    """The examples of the knowledge files, which are labelled posts too."""
    def tree(file: str, part: str) -> Any:
        return yaml.safe_load((DEFAULT / file).read_text(encoding="utf-8"))[part]

    urgent = tree("urgency.yaml", "examples")
    labelled = [("topic", code, body[True]) for code, body in tree("topics.yaml", "topics").items()]    # YAML reads yes as True
    labelled += [("kind", kind, body[True]) for kind, body in tree("kinds.yaml", "examples").items()]
    labelled += [("urgency", "urgent", urgent[True]), ("urgency", "normal", urgent[False])]
    return [row(judge, sentence, {field: label}) for field, label, sentences in labelled for sentence in sentences]


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
            out.append(([s for s, _ in word_signs(reading, head)], cues, {"address": "yes" if label else "no"}))
    return out, missed


def table(fit: Fit, path: Path, what: str, tool: str = "tools/fit_words.py") -> None:
    """Write a model in the form that config/knowledge.py reads; signs that weigh next to nothing are left out."""
    labels, bias, weights, names = fit.columns()
    out = [f"# Generated by {tool}: {what}; sign, idf, weights in hundredths",
           f"*\t{' '.join(labels)}\t{' '.join(str(round(100 * b)) for b in bias)}"]
    for sign, i in sorted(fit.tfidf.vocabulary_.items()):
        said = np.round(100 * weights[i]).astype(int)
        if np.abs(said).max() >= LIGHT:
            out.append(f"{sign}\t{fit.tfidf.idf_[i]:.2f}\t{' '.join(map(str, said))}")
    out += [f"{name}\t-\t{' '.join(str(round(100 * w)) for w in said)}" for name, said in sorted(names.items())]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(out) + "\n", encoding="utf-8")


def address_tables(fit: Fit, judge: Judge) -> None:
    """Write the words of the address model, and its cues into address_model.yaml."""
    _labels, bias, weights, names = fit.columns()
    out = ["# Generated by tools/fit_words.py: words that speak for or against an addressed post; sign, idf, weights in hundredths",
           "*\tyes\t0"]
    for sign, i in sorted(fit.tfidf.vocabulary_.items()):
        said = round(100 * float(weights[i][1]))
        if abs(said) >= LIGHT:
            out.append(f"{sign}\t{fit.tfidf.idf_[i]:.2f}\t{said}")
    (DEFAULT / "words").mkdir(exist_ok=True)
    (DEFAULT / "words" / "address.tsv").write_text("\n".join(out) + "\n", encoding="utf-8")
    model = judge.knowledge.model
    text = ["# Weights of the cues of monitor/core/features.py beside words/address.tsv. Written by tools/fit_words.py; sets and figures:",
            "# docs/detection.md.", f"bias: {bias[1]:.2f}", f"register: {model.register}", f"triage: {model.triage}", "weights:"]
    text += [f"  {name}: {said[1]:.2f}" for name, said in sorted(names.items()) if abs(said[1]) >= 0.005]
    (DEFAULT / "address_model.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")


def begin() -> None:
    """Empty tables where there are none yet, so that the knowledge can be read."""
    (DEFAULT / "words").mkdir(exist_ok=True)
    for name, labels in (("subject", "topic:other kind:complaint urgency:normal"), ("address", "yes")):
        path = DEFAULT / "words" / f"{name}.tsv"
        if not path.exists():
            nothing = " ".join("0" for _ in labels.split())
            path.write_text(f"*\t{labels}\t{nothing}\n=\t1\t{nothing}\n", encoding="utf-8")


def right(label: dict[str, Any], field: str, answer: str) -> bool:
    """Whether an answer is the label or the second label."""
    return answer in (label[field], (label.get("second_label") or {}).get(field))


def fit_subject(judge: Judge, labelled: Sequence[Path], danger: Sequence[Path], held_out: Sequence[Path]) -> Fit:
    """Fit topic, kind and urgency, and print what is right on the sets held out."""
    posts = [one for path in labelled for one, _ in subjects(judge, path)]
    posts += [(signs_, named, {"urgency": labels["urgency"]}) for path in danger for (signs_, named, labels), _ in subjects(judge, path)]
    subject = Fit(posts + EXAMPLES * examples(judge), 1.0, FIELDS)
    print(f"subject: {len(posts)} posts, {len(subject.tfidf.vocabulary_)} signs")
    for path in held_out:
        held = subjects(judge, path)
        for field in FIELDS:
            answers = subject.predict([one for one, _ in held], field)
            good = sum(right(post, field, answer) for (_, post), answer in zip(held, answers, strict=True))
            print(f"  {path.name} held out: {field} {good / len(held):.3f} of {len(held)}")
    return subject


def fit_address(judge: Judge, labelled: Sequence[Path], negatives: Sequence[Path], held_out: Sequence[Path]) -> Fit:
    """Fit whether a post is addressed, and print the figures on the sets held out."""
    rows = [one for path in labelled for one in asked(judge, path)[0]]
    rows += [one for path in negatives for one in asked(judge, path, negative=True, part=0)[0]]
    address = Fit(rows, WORDS_BESIDE_CUES, {"address": (1.0, 1.0, {"no": NEGATIVE, "yes": 1.0})})
    print(f"address: {len(rows)} posts, {len(address.tfidf.vocabulary_)} signs")
    for path in held_out:
        seen, missed = asked(judge, path)
        answers = address.predict(seen, "address")
        tp = sum(a == "yes" == r[2]["address"] for a, r in zip(answers, seen, strict=True))
        wrong, lost = answers.count("yes") - tp, sum(r[2]["address"] == "yes" for r in seen) - tp + missed
        print(f"  {path.name} held out: precision {tp / (tp + wrong):.3f} recall {tp / (tp + lost):.3f} F1 {2 * tp / (2 * tp + wrong + lost):.3f}")
    for path in negatives:
        other, _ = asked(judge, path, negative=True, part=1)
        called = address.predict(other, "address").count("yes")
        print(f"  {path.name} other half: {called} of {len(other)} with a word for an authority are called addressed")
    return address


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--not", dest="negatives", nargs="*", type=Path, default=[])
    parser.add_argument("--danger", nargs="*", type=Path, default=[])
    parser.add_argument("--held-out", nargs="*", type=Path, default=[])
    parser.add_argument("--only", choices=("subject", "address"), help="the table to fit; both by default")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    begin()
    judge = Judge(load_knowledge())
    if args.only != "address":
        subject = fit_subject(judge, args.labelled, args.danger, args.held_out)
        if args.write:
            table(subject, DEFAULT / "words" / "subject.tsv", "words that speak for each topic, kind and urgency")
    if args.only != "subject":
        address = fit_address(judge, args.labelled, args.negatives, args.held_out)
        if args.write:
            address_tables(address, judge)


if __name__ == "__main__":
    main()
