"""Store, judge, register and assign the posts of a JSONL file; run it again after a kill, it goes on where it was.

`source` of a line is the network and `id` the native id. The same content again is swallowed, other content is the
next revision. Without a config, every akimat registers for itself and tickets go to the duty officer.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from monitor.commands import Unusable, add_database, first_problem, lines_of, open_database, print_json, warn
from monitor.core.post import Post
from monitor.core.row import UNKNOWN_TIME, BadLine, as_post, parse_row
from monitor.pipeline import BATCH, add
from monitor.setting import WRONG, line
from monitor.store.posts import store_posts
from ticketing.store import count_tickets

NETWORK = "jsonl"
"""The network of lines that name no source."""

EARLIEST, LATEST = datetime(2002, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Years that a calendar of Kazakhstan can be asked for; a post from outside is received when it is read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`ingest IN.jsonl --db URL`."""
    parser.add_argument("input", metavar="IN.jsonl")
    add_database(parser)
    parser.add_argument("-c", "--config", metavar="FILE")
    parser.add_argument("--as-of-post", action="store_true", help="a post is received when it was created, not now")
    parser.add_argument("--json", action="store_true", help="a summary as the last line of stdout")


def run(args: argparse.Namespace) -> int:
    """Exit 1 where a line was no post."""
    started = time.perf_counter()
    reader = _Reader(args.input)
    posts = reader.posts()
    first = list(islice(posts, BATCH))      # an unreadable file is said before a database is made
    total = new = 0
    try:
        pipeline = line(args.config, received=_as_of_post if args.as_of_post else None)
    except WRONG as e:
        raise Unusable(first_problem(Path(args.config or ""), e)) from e
    with open_database(args, make=True) as db:
        done = pipeline.drain(db)           # what an earlier run stored but did not judge
        with tqdm(unit=" posts", disable=not sys.stderr.isatty()) as bar:
            batch = first
            while batch:
                with db.begin() as c:
                    stored = store_posts(c, batch, datetime.now(UTC))
                total, new = total + len(batch), new + len(stored.ids)
                done = add(done, pipeline.drain(db))
                bar.update(len(batch))
                batch = list(islice(posts, BATCH))
        with db.reading() as c:
            tickets = count_tickets(c)
    summary = {"posts": total, "new": new, "duplicates": total - new, "tickets": tickets, "triage": done.triage,
               "seconds": round(time.perf_counter() - started, 3)}
    if args.json:
        print_json(summary)
    else:
        print(", ".join(f"{value} {name}" for name, value in summary.items()))  # noqa: T201
    return 1 if reader.bad else 0


def _as_of_post(post: Post) -> datetime:
    return post.published_at if EARLIEST <= post.published_at < LATEST else datetime.now(UTC)


class _Reader:
    """The posts of a file; a line that is none is reported with its number and passed over."""

    def __init__(self, path: str) -> None:
        self.bad = 0
        self._path = path
        self._lines = lines_of(path)

    def posts(self) -> Iterator[Post]:
        for number, text in self._lines:
            try:
                post = as_post(parse_row(text), network=NETWORK)
            except BadLine as e:
                self.bad += 1
                warn(f"{self._path}:{number}: {e}; this line is skipped")
                continue
            if post.published_at == UNKNOWN_TIME:
                post = replace(post, published_at=datetime.now(UTC))
            yield post
