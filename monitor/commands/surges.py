"""Replay a stream of posts in their own time and report surges with their evidence, a line per verdict
reached or changed.

IN.jsonl: {id, source, author_id, author_created_at, created_at, text, urls}; any but id and created_at may
be null.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from config.surges import RulesError, explain, load_rules
from monitor.commands import Unusable
from monitor.core.row import BadLine, parse_row, parse_time
from monitor.surge.observe import Observation, Observer, SurgeVerdict

SHOWN_ERRORS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `surges`."""
    parser.add_argument("input", metavar="IN.jsonl", type=Path, help="posts, one JSON object a line")
    parser.add_argument("--out", metavar="OUT.jsonl", type=Path, required=True, help="where the verdicts go")


def run(args: argparse.Namespace) -> int:
    """Replay the file. 1 when lines had to be skipped, 2 when a file cannot be used."""
    try:
        observer = Observer(load_rules())
    except RulesError as e:
        raise Unusable(str(e).splitlines()[0]) from e
    bad = 0
    try:
        with args.input.open("rb") as source, args.out.open("wb") as sink:
            lines: Iterable[bytes] = tqdm(source, unit=" posts", disable=not sys.stderr.isatty())
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    post = as_observation(line)
                except BadLine as e:
                    bad += 1
                    if bad <= SHOWN_ERRORS:
                        print(f"{args.input}:{number}: skipped: {e}", file=sys.stderr)  # noqa: T201
                    continue
                sink.writelines(as_lines(observer.observe(post)))
    except OSError as e:
        name = e.filename or args.input
        raise Unusable(f"{name}: {e.strerror}; give a file that can be read and one to write") from e
    if bad > SHOWN_ERRORS:
        print(f"{args.input}: {bad} lines skipped in all", file=sys.stderr)  # noqa: T201
    if observer.too_late:
        print(f"{args.input}: {observer.too_late} posts were more than an hour late and not judged",  # noqa: T201
              file=sys.stderr)
    return 1 if bad else 0


def as_observation(line: bytes) -> Observation:
    """A line as an observation; raises BadLine where it has no usable time."""
    row = parse_row(line)
    at = parse_time(row.created_at)
    if at is None:
        raise BadLine("created_at is missing; a surge is judged in the posts' own time")
    author = row.author_id if row.author_id is not None else row.author
    return Observation(
        id=row.id, created_at=at, text=row.text or "", author=None if author is None else str(author),
        author_created_at=parse_time(row.author_created_at), network=row.source or "",
        urls=tuple(row.urls or ()))


def as_lines(verdicts: Iterable[SurgeVerdict]) -> Iterator[bytes]:
    """Verdicts as lines of the contract (DESIGN.md, command `surges`)."""
    for verdict in verdicts:
        yield msgspec.json.encode(as_row(verdict)) + b"\n"


def as_row(v: SurgeVerdict) -> dict[str, Any]:
    """A verdict as the object of one line."""
    return {
        "surge_id": v.surge_id, "kind": v.kind, "parts": list(v.parts), "verdict": v.verdict, "score": v.score,
        "detected_at": v.detected_at.isoformat(), "window_start": v.window_start.isoformat(),
        "window_end": v.window_end.isoformat(), "authors": v.authors, "post_ids": list(v.post_ids),
        "signals": [{"kind": s.kind, "family": s.family, "value": s.value, "expected": s.expected, "p": s.p,
                     "points": s.points}
                    for s in v.signals],
        "counter": [{"kind": c.kind, "value": c.value, "strength": round(c.strength, 2), "points": c.points}
                    for c in v.counter],
        "explanation_kk": explain(v, "kk"), "explanation_ru": explain(v, "ru"),
    }
