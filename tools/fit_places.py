#!/usr/bin/env python3
"""Fit config/knowledge/places.crfsuite, the model of monitor/core/location.py, on posts whose place people marked.

usage: fit_places.py LABELLED.jsonl... [--held-out LABELLED.jsonl]... [--write]

Of LABELLED the addressed posts are read: `location_text` is the place as written in `text`, or null. The training is
CRFsuite's L-BFGS, without randomness: the same files give the same model.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pycrfsuite

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.knowledge import DEFAULT, load_knowledge, sealed
from monitor.core.judge import Judge
from monitor.core.location import LONGEST, PlaceReader, features
from monitor.core.row import as_post, parse_row
from monitor.core.text import Text

SPARSE, SMOOTH = 0.05, 0.5
"""Weights of the L1 and L2 penalties."""


def addressed(path: Path) -> list[dict[str, Any]]:
    """The addressed posts of a file."""
    posts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [post for post in posts if post["addressed"]]


def tags(text: Text, place: str | None) -> list[str]:
    """B for the first word of the place, I for the others, O outside."""
    out = ["O"] * min(len(text.words), LONGEST)
    if place and (begin := text.raw.find(place)) >= 0:
        inside = [i for i in range(len(out)) if text.span_of(i, i)[0] < begin + len(place) and text.span_of(i, i)[1] > begin]
        for i in inside:
            out[i] = "B" if i == inside[0] else "I"
    return out


def fit(posts: list[dict[str, Any]], judge: Judge) -> bytes:
    """The model of these posts."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": SPARSE, "c2": SMOOTH, "max_iterations": 150})
    for post in posts:
        text, hits, place = judge.place_signs(as_post(parse_row(msgspec.json.encode(post)), home=None))
        if text.words:
            trainer.append(features(text, hits, place, judge.knowledge.places.nouns), tags(text, post["location_text"]))
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(f"{folder}/places")
        return Path(folder, "places").read_bytes()


def measure(posts: list[dict[str, Any]], judge: Judge, reader: PlaceReader) -> str:
    """How many marked places are found by half of their words at least, and how often a place is named where none is."""
    found = named = 0
    placed = [post for post in posts if post["location_text"]]
    for post in posts:
        text, hits, place = judge.place_signs(as_post(parse_row(msgspec.json.encode(post)), home=None))
        got = " ".join(text.raw[slice(*text.span_of(a, b))] for a, b in reader.find(text, hits, place))
        if post["location_text"]:
            wanted = Text(post["location_text"]).words
            found += sum(w in Text(got).words for w in wanted) * 2 >= len(wanted)
        else:
            named += bool(got)
    return f"{found / max(1, len(placed)):.3f} of {len(placed)} found, a place in {named} of {len(posts) - len(placed)} that have none"


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="*", type=Path, default=[])
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    judge = Judge(load_knowledge())
    model = fit([post for path in args.labelled for post in addressed(path)], judge)
    reader = PlaceReader(model, judge.knowledge.places.nouns)
    for path in (*args.labelled, *args.held_out):
        print(f"{path.name}{' held out' if path in args.held_out else ''}: {measure(addressed(path), judge, reader)}")
    if args.write:
        (DEFAULT / "places.crfsuite").write_bytes(sealed(model))


if __name__ == "__main__":
    main()
