"""How well answers are checked, in one table: promises with the right date, and each warning, by language.

usage: python -m bench answers [--shared ../shared] [--set FILE ...] [--show]

Reads tests/answers/*.jsonl ({id, text, published_at, question, question_language, group, promises: [dates], warnings}); --show
prints every answer that came out otherwise. Where --shared has officials' answers (real ones, Russian, of another country),
their rate of warnings and of promises is told too: they have no labels, so that is what to read through, not a score.
The last line is the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ticketing.reply import Earlier, Findings, check

ROOT = Path(__file__).parent.parent
WARNINGS = ("brush_off", "no_specifics", "wrong_language", "personal_data", "copied")


def f1(hits: int, found: int, wanted: int) -> dict[str, float]:
    """Precision, recall and their harmonic mean."""
    precision, recall = hits / found if found else 1.0, hits / wanted if wanted else 1.0
    return {"precision": round(precision, 3), "recall": round(recall, 3), "n": wanted,
            "f1": round(2 * precision * recall / (precision + recall), 3) if precision + recall else 0.0}


def checked(rows: Sequence[dict[str, Any]]) -> list[Findings]:
    """The findings of each row; `copied` looks at the rows before."""
    earlier, out = Earlier(), []
    for row in rows:
        out.append(check(row["text"], datetime.fromisoformat(row["published_at"]), row["question"], row["question_language"], earlier))
        earlier.add(row["text"])
    return out


def scores(rows: Sequence[dict[str, Any]], found: Sequence[Findings]) -> dict[str, dict[str, float]]:
    """Promises by their dates, warnings by name."""
    counts = {name: [0, 0, 0] for name in ("promises", *WARNINGS)}
    for row, one in zip(rows, found, strict=True):
        wanted = {"promises": Counter(row["promises"])} | {w: Counter([w] * (w in row["warnings"])) for w in WARNINGS}
        said = {"promises": Counter(p.due.isoformat() for p in one.promises)} | {w: Counter([w] * (w in one.warnings)) for w in WARNINGS}
        for name, count in counts.items():
            count[0] += (wanted[name] & said[name]).total()
            count[1] += said[name].total()
            count[2] += wanted[name].total()
    return {name: f1(*count) for name, count in counts.items()}


def differences(rows: Sequence[dict[str, Any]], found: Sequence[Findings]) -> Iterable[str]:
    """A line for each answer that came out otherwise than labelled."""
    for row, one in zip(rows, found, strict=True):
        dates = [p.due.isoformat() for p in one.promises]
        if Counter(dates) != Counter(row["promises"]) or set(one.warnings) != set(row["warnings"]):
            yield f"{row['id']}: {dates} for {row['promises']}, {list(one.warnings)} for {row['warnings']}: {row['text']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    options = argparse.ArgumentParser(prog="bench answers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    options.add_argument("--set", type=Path, nargs="*", help="labelled files in place of tests/answers/*.jsonl")
    options.add_argument("--show", action="store_true")
    args = options.parse_args(argv)
    figures: dict[str, Any] = {}
    for path in args.set or sorted((ROOT / "tests/answers").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        started = time.perf_counter()
        found = checked(rows)
        spent = (time.perf_counter() - started) / len(rows) * 1000
        print(f"\n{path.name}: {len(rows)} answers, {spent:.2f} ms each\n{'':16}{'':4}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}")
        for group in ("kk", "ru"):
            part = [i for i, row in enumerate(rows) if row["group"] == group]
            one = scores([rows[i] for i in part], [found[i] for i in part])
            figures[f"{path.stem} {group}"] = one
            for name, s in one.items():
                print(f"{name:16}{group:4}{s['n']:5}{s['precision']:11.3f}{s['recall']:8.3f}{s['f1']:7.3f}")
        if args.show:
            print(*differences(rows, found), sep="\n")
    real = args.shared / "data/text/ru_official_replies_spb.jsonl"
    if real.exists():
        texts = [json.loads(line)["text"] for line in real.read_text(encoding="utf-8").splitlines()]
        at = datetime.fromisoformat("2021-05-01T10:00:00+03:00")
        started = time.perf_counter()
        result = [check(text, at, "Почему не убирают двор?", "ru") for text in texts]
        rates = {w: round(sum(w in one.warnings for one in result) / len(texts), 4) for w in WARNINGS[:-1]}
        rates["promises"] = round(sum(bool(one.promises) for one in result) / len(texts), 4)
        print(f"\n{len(texts)} real answers without labels, {(time.perf_counter() - started) / len(texts) * 1000:.2f} ms each:", rates)
        figures["real"] = rates
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
