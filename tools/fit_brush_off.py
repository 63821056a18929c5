#!/usr/bin/env python3
"""Fit what labelled answers say of brush-offs: config/knowledge/answers/brush_off.tsv.

usage: fit_brush_off.py LABELLED.jsonl... [--write]

LABELLED answers are those of tests/answers: `text`, `published_at`, `group` (the language) and `warnings`. Prints for each file
the F1 of a fit on all the others. Logistic regression (scikit-learn, lbfgs): the same files give the same weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.answers import load_answer_words
from config.knowledge import DEFAULT
from ticketing.deadlines import kazakhstan
from ticketing.reply.brush_off import CALLED, brush_off_signs
from ticketing.reply.dates import When
from ticketing.reply.line import Calendar
from ticketing.reply.promises import Finder
from ticketing.reply.substance import Reader, core
from tools.fit_words import Fit, Row, table

FREEDOM, BESIDE, LEAST = 8.0, 0.5, 2
"""How freely it is fitted (C), what the substance weighs beside the words, and the answers that a sign must stand in."""
TABLE = DEFAULT / "answers" / "brush_off.tsv"


def begin() -> None:
    """An empty table where there is none yet, so that the knowledge can be read."""
    if not TABLE.exists():
        TABLE.write_text("*\tbrush_off:no brush_off:yes\t0 0\n=\t1\t0 0\n", encoding="utf-8")


def reader() -> Reader:
    """The reader of substance, with the project's own words."""
    words = load_answer_words()
    return Reader(Finder(Calendar(words.calendar.named, words.calendar.numbers, words.calendar.only_before), words.cues), words.substance)


def row(read: Reader, text: str, at: str, brushed: bool) -> Row:
    """An answer with its label."""
    said = core(text)
    found, named = brush_off_signs(said, read(text, When(datetime.fromisoformat(at), kazakhstan())))
    return [sign for sign, _ in found], named, {"brush_off": "yes" if brushed else "no"}


def examples(read: Reader) -> list[Row]:
    """The examples of substance.yaml, which are labelled answers too."""
    tree = yaml.safe_load((DEFAULT / "answers/substance.yaml").read_text(encoding="utf-8"))["examples"]
    return [row(read, text, "2026-11-24T10:00:00+05:00", name == "brush_off") for name, texts in tree.items() for text in texts if text]


def fitted(rows: Sequence[Row]) -> Fit:
    """The model of these answers."""
    return Fit(rows, 1.0, {"brush_off": (FREEDOM, BESIDE, "balanced")}, LEAST)


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    begin()
    read = reader()
    own = examples(read)
    sets: dict[Path, list[tuple[dict[str, Any], Row]]] = {}
    for path in args.labelled:
        answers = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        sets[path] = [(a, row(read, a["text"], a["published_at"], "brush_off" in a["warnings"])) for a in answers]
    for held, rows in sets.items():
        fit = fitted(own + [one for path, others in sets.items() if path != held for _, one in others])
        for language in ("kk", "ru"):
            part = [one for a, one in rows if a["group"] == language]
            found = fit.likely(part, "brush_off", "yes") >= CALLED
            wanted = [one[2]["brush_off"] == "yes" for one in part]
            hits = sum(f and w for f, w in zip(found, wanted, strict=True))
            print(f"{held.name} held out, {language}: F1 {2 * hits / max(1, sum(found) + sum(wanted)):.3f} of {sum(wanted)} in {len(part)}")
    if args.write:
        fit = fitted(own + [one for rows in sets.values() for _, one in rows])
        table(fit, TABLE, "words that speak for or against a brush-off", "tools/fit_brush_off.py")


if __name__ == "__main__":
    main()
