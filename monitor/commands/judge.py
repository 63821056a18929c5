"""A verdict for each post of a JSONL file.

A line is {id, text} and, where known, source, author, created_at, in_reply_to_account, mentions, home. A line that is
no post is reported on stderr with its number and skipped; the rest is done and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from config.knowledge import KnowledgeError, load_knowledge
from monitor.commands import Unusable, rewrite
from monitor.core.judge import Judge
from monitor.core.registry import Registry
from monitor.core.row import BadLine, Row, as_post, parse_row
from monitor.core.verdict import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("input", type=Path, metavar="IN.jsonl")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.jsonl")
    parser.add_argument("--home", metavar="CODE", help="KATO code of the unit that the source belongs to")
    parser.add_argument("--knowledge", type=Path, metavar="FOLDER", help="a knowledge folder in place of the built-in one")


def as_line(row: Row, verdict: Verdict, registry: Registry) -> dict[str, Any]:
    """A verdict as the command writes it."""
    unit = registry[verdict.akimat] if verdict.akimat else None
    return {
        "id": row.id, "addressed": verdict.addressed, "score": round(verdict.score, 4),
        "akimat": {"code": unit.code, "name_kk": unit.name_kk, "name_ru": unit.name_ru} if unit else None,
        "candidates": verdict.candidates, "also": verdict.also, "kind": verdict.kind, "topic": verdict.topic,
        "language": verdict.language, "urgency": verdict.urgency, "location_text": verdict.location_text,
        "pii": sorted({span.kind for span in verdict.pii}), "decision": verdict.decision,
        "reasons": [{"rule": r.rule, "start": r.start, "end": r.end, "text": r.text} for r in verdict.reasons],
    }


def judge_lines(lines: BinaryIO, judge: Judge, home: str | None, name: str) -> Iterator[bytes | None]:
    """A line of output for every post, None for a line that is none; that is reported on stderr."""
    encode = msgspec.json.Encoder().encode
    registry = judge.knowledge.registry
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_row(line)
            if row.text is None:
                raise BadLine("no `text`; a post needs an `id` and a `text`")
            if row.home is not None and row.home not in registry:
                raise BadLine(f"home: {row.home!r} is not the KATO code of an akimat")
            post = as_post(row, home=home)
        except BadLine as e:
            print(f"{name}:{number}: {e}", file=sys.stderr)  # noqa: T201
            yield None
            continue
        yield encode(as_line(row, judge(post), registry))


def run(args: argparse.Namespace) -> int:
    """Judge the file; 1 where a line was skipped."""
    try:
        knowledge = load_knowledge(args.knowledge)
    except KnowledgeError as e:
        raise Unusable(str(e)) from e
    if args.home is not None and args.home not in knowledge.registry:
        raise Unusable(f"--home: {args.home!r} is not the KATO code of an akimat; look it up in config/knowledge/akimats.tsv")
    judge = Judge(knowledge)
    bad = rewrite(args.input, args.out, lambda lines: judge_lines(lines, judge, args.home, str(args.input)), " posts")
    return 1 if bad else 0
