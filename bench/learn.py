"""`learn` on two real sets of appeals, beside TF-IDF with LinearSVC fitted on the same rows: weighted F1, right, right in three.

usage: python -m bench learn [--folds 2] [--rows 12000] [--only kursk|spb]

Kursk: folds at random (the set names no authors). St Petersburg: folds by author, never at random; `--rows` draws that many
rows by author (0: all 43,600; a fit then takes one to three minutes). Nothing of the sets is kept.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.svm import LinearSVC

from monitor.learning.archive import pack
from monitor.learning.history import as_example
from monitor.learning.model import answers, fit

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "appeals"
KURSK = (("category", ()), ("topic", ()), ("executor", ()))
SPB = (("group", ()), ("topic", ()), ("executor", ()), ("executor", ("district",)))


def kursk() -> list[dict[str, Any]]:
    """Rows of Kursk as they are."""
    return [json.loads(line) for line in (DATA / "kursk_appeals.jsonl").open(encoding="utf-8")]


def spb() -> list[dict[str, Any]]:
    """Rows of St Petersburg with the names of topic, group and executor, and no other label."""
    names = json.loads((DATA / "spb_labels.json").read_text("utf-8"))
    topics, bodies = ({entry["id"]: entry for entry in names[part]} for part in ("topics", "executors"))
    rows = []
    for part in (1, 2):
        for line in (DATA / f"spb_appeals_{part}.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            topic, body = topics.get(row["topic_id"], {}), bodies.get(row["executor_id"], {})
            rows.append({"id": row["id"], "text": row["text"], "author": row["author"], "district": row["district"],
                         "group": topic.get("group"), "topic": topic.get("topic"), "executor": body.get("name")})
    return rows


def drawn(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """All rows of authors drawn until there are `count` rows."""
    if not count:
        return rows
    authors = sorted({row["author"] for row in rows})
    np.random.default_rng(1).shuffle(authors)
    place = {author: i for i, author in enumerate(authors)}
    return sorted(rows, key=lambda row: (place[row["author"]], row["id"]))[:count]


def baseline(train: Sequence[dict[str, Any]], test: Sequence[dict[str, Any]], target: str, context: Sequence[str]) -> np.ndarray:
    """What TF-IDF of words 1-2 and letters 2-5 (context as more words) with LinearSVC says: ranks, best first."""
    def read(rows: Sequence[dict[str, Any]]) -> list[str]:
        return [" ".join([row["text"], *(f"{name}_{row[name]}" for name in context)]) for row in rows]

    makers = (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
              TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3))
    x = hstack([maker.fit_transform(read(train)) for maker in makers], format="csr")
    machine = LinearSVC(random_state=0).fit(x, [str(row[target]) for row in train])
    margins = machine.decision_function(hstack([maker.transform(read(test)) for maker in makers], format="csr"))
    return machine.classes_[np.argsort(-margins, axis=1)[:, :3]]


def folds(rows: Sequence[dict[str, Any]], count: int) -> Iterator[tuple[Any, Any]]:
    """Rows to learn from and to ask, five ways, the first `count` of them."""
    grouped = "author" in rows[0]
    parts = GroupKFold(5).split(rows, groups=[row["author"] for row in rows]) if grouped else KFold(
        5, shuffle=True, random_state=0).split(rows)
    for _, pair in zip(range(count), parts, strict=False):
        yield pair


def figures(true: Sequence[str], ranked: Sequence[Sequence[str]]) -> list[float]:
    """Weighted F1, share right, share right in three."""
    return [float(f1_score(true, [r[0] for r in ranked], average="weighted", zero_division=0)),
            float(np.mean([t == r[0] for t, r in zip(true, ranked, strict=True)])),
            float(np.mean([t in r for t, r in zip(true, ranked, strict=True)]))]


def main(argv: list[str]) -> int:
    """Print a row per task: baseline and ours."""
    parser = argparse.ArgumentParser(prog="bench learn", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--only", choices=("kursk", "spb"))
    args = parser.parse_args(argv)
    if not DATA.is_dir():
        print("skipped: the appeals (../shared/data/appeals) are not beside this checkout")
        return 0
    print(f"{'set':6}  {'target':30}  {'rows':>6}  {'baseline F1 / right / in 3':26}  {'learn F1 / right / in 3':24}  {'fit s':>6}  {'MB':>5}")
    for name, tasks in (("kursk", KURSK), ("spb", SPB)):
        if args.only not in (None, name):
            continue
        rows = kursk() if name == "kursk" else drawn(spb(), args.rows)
        for target, context in tasks:
            plain, own, seconds, size = [], [], [], []
            for learn, ask in folds(rows, args.folds):
                train, test = [rows[i] for i in learn], [rows[i] for i in ask if rows[i][target] is not None]
                true = [str(row[target]) for row in test]
                plain.append(figures(true, baseline([r for r in train if r[target] is not None], test, target, context).tolist()))
                began = time.perf_counter()
                model = fit([as_example(row, target, context) for row in train], target, context)
                seconds.append(time.perf_counter() - began)
                size.append(len(pack(model)) / 1e6)
                said = answers(model, [as_example({**row, target: None}, None, context) for row in test])
                own.append(figures(true, [[str(label) for label in a.top3] for a in said]))
            a, b = np.mean(plain, axis=0), np.mean(own, axis=0)
            print(f"{name:6}  {' with '.join([target, *context]):30}  {len(rows):>6}  {' / '.join(f'{v:.3f}' for v in a):26}  "
                  f"{' / '.join(f'{v:.3f}' for v in b):24}  {np.mean(seconds):>6.1f}  {np.mean(size):>5.1f}", flush=True)
    return 0
