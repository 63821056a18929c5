"""Promises and warnings for each official answer of a JSONL file, before it is published.

A line is {id, text, published_at, question, question_language}; question and question_language may be absent or null. The
warning `copied` compares with the earlier lines of the file. A line that is no answer is reported on stderr with its number and
skipped; the rest is done and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, get_args

import msgspec

from config.answers import load_answer_words
from config.knowledge import KnowledgeError, load_language
from monitor.commands import Unusable, rewrite
from monitor.core.row import BadLine, parse_time
from monitor.core.verdict import Language
from ticketing.deadlines import kazakhstan
from ticketing.reply import Checker, Earlier, Findings

_LANGUAGES = get_args(Language)


class AnswerRow(msgspec.Struct):
    """The fields of a line; unknown ones are passed over, so that labelled sets can be read as they are."""

    id: int | str
    text: str
    published_at: str
    question: str | None = None
    question_language: str | None = None


_decoder = msgspec.json.Decoder(AnswerRow)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("input", type=Path, metavar="IN.jsonl")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.jsonl")
    parser.add_argument("--knowledge", type=Path, metavar="FOLDER", help="a knowledge folder in place of the built-in one")


def as_line(id: int | str, found: Findings) -> dict[str, Any]:
    """Findings as the command writes them."""
    return {"id": id, "language": found.language,
            "promises": [{"start": p.start, "end": p.end, "due": p.due.isoformat()} for p in found.promises],
            "warnings": list(found.warnings)}


def check_lines(lines: BinaryIO, checker: Checker, name: str) -> Iterator[bytes | None]:
    """A line of output for every answer, None for a line that is none; that is reported on stderr."""
    encode = msgspec.json.Encoder().encode
    earlier = Earlier()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            published = parse_time(row.published_at, "published_at")
            if published is None:
                raise BadLine("published_at is empty; write it as 2026-01-14T09:05:17+05:00")
            found = checker.check(row.text, published, row.question or "", row.question_language, earlier)
        except BadLine as e:
            print(f"{name}:{number}: {e}", file=sys.stderr)  # noqa: T201
            yield None
            continue
        earlier.add(row.text)
        yield encode(as_line(row.id, found))


def _row(line: bytes) -> AnswerRow:
    try:
        row = _decoder.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as e:
        raise BadLine(f"{e}; an answer needs `id`, `text` and `published_at`") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadLine(f"not JSON ({e}); one JSON object a line") from e
    if row.question_language is not None and row.question_language not in _LANGUAGES:
        raise BadLine(f"question_language: {row.question_language[:20]!r} is none of {' '.join(_LANGUAGES)}")
    return row


def run(args: argparse.Namespace) -> int:
    """Check the file; 1 where a line was skipped."""
    try:
        checker = Checker(load_answer_words(args.knowledge), load_language(args.knowledge), kazakhstan())
    except KnowledgeError as e:
        raise Unusable(str(e)) from e
    bad = rewrite(args.input, args.out, lambda lines: check_lines(lines, checker, str(args.input)), " answers")
    return 1 if bad else 0
