"""A classifier from the office's own history: text, and context such as a district, to a label.

  fit IN.jsonl --target FIELD [--context FIELD]… --out MODEL   learn; rows without a label are passed over
  predict MODEL IN.jsonl --out OUT.jsonl [--why]               {id, label, top3, score} for each row
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from monitor.commands import Unusable, lines_of, warn
from monitor.learning.archive import BrokenModel, digest, pack, unpack
from monitor.learning.history import BadExample, Example, as_example
from monitor.learning.model import Model, NothingToLearn, answers, fit

BATCH = 500
SHOWN_ERRORS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`learn VERB …`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    fitting = verbs.add_parser("fit", help="learn a model from labelled rows")
    fitting.add_argument("input", metavar="IN.jsonl")
    fitting.add_argument("--target", required=True, metavar="FIELD", help="the field to learn")
    fitting.add_argument("--context", action="append", default=[], metavar="FIELD", help="a field known beside the text; may be repeated")
    fitting.add_argument("--out", required=True, type=Path, metavar="MODEL")
    predicting = verbs.add_parser("predict", help="a label for each row")
    predicting.add_argument("model", type=Path, metavar="MODEL")
    predicting.add_argument("input", metavar="IN.jsonl")
    predicting.add_argument("--out", required=True, type=Path, metavar="OUT.jsonl")


def run(args: argparse.Namespace) -> int:
    """Do what the verb says; 1 where a line was skipped."""
    return int({"fit": _fit, "predict": _predict}[args.verb](args))


def _fit(args: argparse.Namespace) -> int:
    rows = Rows(args.input, args.target, args.context)
    examples = list(rows)
    for name, known in ((args.target, rows.fields), *((name, rows.fields) for name in args.context)):
        if name not in known:
            raise Unusable(f"{args.input}: no row has a field `{name}`; there are {', '.join(sorted(known)[:20]) or 'no rows'}")
    try:
        model = fit(examples, args.target, args.context)
    except NothingToLearn as e:
        raise Unusable(f"{args.input}: {e}") from e
    data = pack(model)
    write(args.out, [data])
    print(f"{args.out}: {digest(data)}, {len(model.labels)} labels of `{model.target}` from {model.facts['learnt_from']} rows")  # noqa: T201
    return rows.status()


def _predict(args: argparse.Namespace) -> int:
    model = read_model(args.model)
    rows = Rows(args.input, None, model.context)
    write(args.out, _lines(model, rows))
    return rows.status()


def _lines(model: Model, rows: Rows) -> Iterator[bytes]:
    with tqdm(unit=" rows", disable=not sys.stderr.isatty()) as bar:
        examples = iter(rows)
        while batch := list(islice(examples, BATCH)):
            for a in answers(model, batch):
                yield msgspec.json.encode({"id": a.id, "label": a.label, "top3": a.top3, "score": a.score}) + b"\n"
            bar.update(len(batch))


def read_model(path: Path) -> Model:
    """The model of a file, or one line of what is wrong with it."""
    try:
        return unpack(path.read_bytes())
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}; give a file that `qulaq learn fit` wrote") from e
    except BrokenModel as e:
        raise Unusable(f"{path}: {e}; give a file that `qulaq learn fit` wrote") from e


def write(path: Path, parts: Any) -> None:
    """Write a file, or one line of why it cannot be written."""
    try:
        with path.open("wb") as file:
            file.writelines(parts)
    except OSError as e:
        raise Unusable(f"{path}: cannot be written: {e.strerror}; give a file in a folder that exists") from e


class Rows:
    """The examples of a JSONL file; a line that is none is reported with its number and passed over."""

    def __init__(self, path: str, target: str | None, context: Sequence[str]) -> None:
        self.fields: set[str] = set()
        self._path, self._target, self._context = path, target, context
        self._bad = 0

    def __iter__(self) -> Iterator[Example]:
        decode = msgspec.json.Decoder().decode
        for number, line in lines_of(self._path):
            try:
                row = decode(line)
                example = as_example(row, self._target, self._context)
            except (msgspec.DecodeError, UnicodeDecodeError) as e:
                self._report(number, f"not JSON ({e}); one JSON object a line")
                continue
            except BadExample as e:
                self._report(number, str(e))
                continue
            self.fields.update(row)
            yield example

    def status(self) -> int:
        """The exit status: 1 where a line was passed over."""
        if self._bad > SHOWN_ERRORS:
            warn(f"{self._path}: {self._bad} lines skipped in all")
        return 1 if self._bad else 0

    def _report(self, number: int, what: str) -> None:
        self._bad += 1
        if self._bad <= SHOWN_ERRORS:
            warn(f"{self._path}:{number}: {what}; this line is skipped")
