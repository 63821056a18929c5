"""Numbers under fire: 32 workers on PostgreSQL, killed with -9, in deadlocks, with the server restarted and killed.

usage: python -m bench allocation [--count 1000000] [--workers 32] [--batch 20] [--restarts 6] [--seconds 8] [--no-peers]

Each transaction takes numbers for up to `batch` cards in one or two of four offices, by `ticketing.register.append` with
its entries and card rows; some are rolled back at the end, some first change two shared rows in random order, which
deadlocks. Worker processes are killed at random and replaced; the server is restarted without a checkpoint or killed.
Then: no gap, no double, the chain whole. An allocator by sequence and one by max+1 must fail the same test. Rates of
making tickets stand beside django-helpdesk and Roundup, each with the number of workers it is fastest with.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from bench.server import Server
from monitor.store.engine import Database, engine
from monitor.store.schema import upgrade
from ticketing.register import NewEntry, NewNumber, append, verify
from ticketing.tables import entry, ticket

ROOT = Path(__file__).resolve().parents[1]
OFFICES = ("551000000", "101000000", "750000000", "710000000")
ALLOCATORS = ("register", "sequence", "max")


class Cluster(Protocol):
    """What a trial needs of a server."""

    def url(self, database: str) -> str: ...
    def sql(self, statement: str) -> None: ...
    def restart(self) -> None: ...
    def kill(self) -> None: ...


# --- one allocation

def by_register(c: Connection, office: str, n: int) -> None:
    """As the program does it: numbers, entries and cards in one transaction, one row lock an office."""
    from datetime import UTC, datetime
    now = datetime.now(UTC)
    new: list[NewEntry] = []
    for i in range(n):
        new += [NewEntry(office, NewNumber("ӘЖ", 2026), now, "system", "register", {"akimat": office}, key=i),
                NewEntry(office, i, now, "system", "assign", {"department": "ЖКХ", "responsible": None, "reason": {}})]
    given = append(c, new, lambda: os.urandom(16))
    c.execute(insert(ticket), [{
        "number": number, "office": office, "series": "ӘЖ", "year": 2026, "seq": seq, "status": "assigned", "akimat": office,
        "department": "ЖКХ", "assigned_by": {}, "topic": "roads", "kind": "complaint", "urgency": "normal", "language": "kk",
        "received_at": now, "registered_at": now, "due_first": now, "due_first_derivation": [], "due_final": now,
        "due_final_derivation": []} for number, seq in given.numbers.values()])


def by_sequence(c: Connection, office: str, n: int) -> None:
    """A PostgreSQL sequence an office: a rollback keeps the number, so there are gaps."""
    c.execute(text("INSERT INTO naive SELECT :o, nextval(:s) FROM generate_series(1, :n)"),
              {"o": office, "s": f"seq_{office}", "n": n})


def by_max(c: Connection, office: str, n: int) -> None:
    """max+1: two that look at the same time take the same number."""
    c.execute(text("INSERT INTO naive SELECT :o, coalesce((SELECT max(seq) FROM naive WHERE office = :o), 0) + g "
                   "FROM generate_series(1, :n) g"), {"o": office, "n": n})


ALLOCATE = {"register": by_register, "sequence": by_sequence, "max": by_max}


# --- a worker

def work(url: str, how: str, batch: int, goal: int, seed: int, together: int) -> None:
    """Allocate until there are enough, beginning when all are there. Whatever the database says, go on: it may be restarting."""
    rng = random.Random(seed)
    made = engine(url, readers=0)
    with made.begin() as c:
        c.execute(text("INSERT INTO started DEFAULT VALUES"))
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with made.begin() as c:
            if int(c.execute(text("SELECT count(*) FROM started")).scalar_one()) >= together:
                break
        time.sleep(0.02)
    while True:
        try:
            if transaction(made, how, batch, goal, rng):
                return
        except _RolledBack:
            continue
        except DBAPIError:
            time.sleep(rng.random() * 0.05)


class _RolledBack(Exception):
    """The caller changed its mind after taking a number."""


def transaction(made: Engine, how: str, batch: int, goal: int, rng: random.Random) -> bool:
    """One transaction; returns whether there are enough numbers."""
    with made.begin() as c:
        if rng.random() < 0.05 and _count(c, how) >= goal:
            return True
        if rng.random() < 0.1:      # what else a transaction may touch, in whatever order: here PostgreSQL ends one of two
            for row in rng.sample((1, 2), 2):
                c.execute(text("UPDATE hot SET n = n + 1 WHERE id = :id"), {"id": row})
        offices = sorted(rng.sample(OFFICES, 1 if rng.random() < 0.8 else 2))
        for office in offices:
            ALLOCATE[how](c, office, rng.randint(1, batch))
        if rng.random() < 0.05:
            raise _RolledBack
    return False


def _count(c: Connection, how: str) -> int:
    """Numbers given; cheap, for it is asked often."""
    if how == "register":
        return int(c.execute(text("SELECT coalesce(sum(seq), 0) / 2 FROM head")).scalar_one())
    return int(c.execute(text("SELECT count(*) FROM naive")).scalar_one())


# --- the trial

def trial(server: Cluster, how: str, count: int, workers: int, batch: int, restarts: int, kills: float = 0.1,
          seed: int = 5) -> dict[str, Any]:
    """One allocator under fire until `count` numbers are committed; what became of them. `kills` is the chance that a worker
    is killed at each look, five times a second."""
    name = f"trial_{how}"
    server.sql(f"CREATE DATABASE {name}")
    url = server.url(name)
    db = Database(url)
    upgrade(db)
    with db.begin() as c:
        c.execute(text("CREATE TABLE naive (office text, seq bigint)"))
        c.execute(text("CREATE INDEX ON naive (office, seq)"))
        c.execute(text("CREATE TABLE started (id serial)"))
        c.execute(text("CREATE TABLE hot (id int primary key, n bigint)"))
        c.execute(text("INSERT INTO hot VALUES (1, 0), (2, 0)"))
        for office in OFFICES:
            c.execute(text(f"CREATE SEQUENCE seq_{office}"))
    db.engine.dispose()
    rng = random.Random(seed)
    did: Counter[str] = Counter()
    started = time.perf_counter()
    running = [start(url, how, batch, count, rng.random(), workers) for _ in range(workers)]
    hits = sorted(rng.uniform(0.05, 0.95) for _ in range(restarts))
    stuck = time.monotonic() + max(120.0, count / 50)
    try:
        while any(p.poll() is None for p in running):
            time.sleep(0.2)
            if time.monotonic() > stuck:
                raise SystemExit(f"bench allocation: {how} makes no progress")
            done = _reached(db, how)
            if done is None or done >= count:
                continue
            if hits and done / count >= hits[0]:
                hits.pop(0)
                kind = rng.choice(("restart", "kill"))
                (server.restart if kind == "restart" else server.kill)()
                did[f"server_{kind}"] += 1
            for i, p in enumerate(running):
                if p.poll():        # it came while the server was away
                    running[i] = start(url, how, batch, count, rng.random(), workers)
            if rng.random() < kills:
                i = rng.randrange(workers)
                if running[i].poll() is None:
                    running[i].send_signal(signal.SIGKILL)
                    running[i].wait()
                    did["worker_kill_9"] += 1
                    running[i] = start(url, how, batch, count, rng.random(), workers)
    finally:
        for p in running:
            if p.poll() is None:
                p.kill()
            p.wait()
    seconds = time.perf_counter() - started
    found = outcome(db, how)
    with db.reading() as c:
        did["deadlock"] = int(c.execute(text(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")).scalar_one())
    db.close()
    return {"allocator": how, "workers": workers, "batch": batch, **found, "did": dict(did), "seconds": round(seconds, 1),
            "numbers_per_s": round(found["numbers"] / seconds), "holds": not (found["gaps"] or found["doubles"] or found["broken"])}


def _reached(db: Database, how: str) -> int | None:
    try:
        with db.reading() as c:
            return _count(c, how)
    except DBAPIError:
        return None


def start(url: str, how: str, batch: int, goal: int, seed: float, together: int) -> subprocess.Popen[bytes]:
    """One worker, a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "bench.allocation", "work", url, how, str(batch), str(goal), str(int(seed * 2**31)),
                             str(together)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outcome(db: Database, how: str) -> dict[str, Any]:
    """Numbers, gaps and doubles over all series; the register's own proof, too."""
    table = "ticket" if how == "register" else "naive"
    with db.reading() as c:
        rows = c.execute(text(f"SELECT office, count(*), count(DISTINCT seq), max(seq) FROM {table} GROUP BY office")).all()
        broken = [b.what for b in verify(c).broken] if how == "register" else []
        given = c.execute(select(func.count()).select_from(entry).where(entry.c.action == "register")).scalar_one()
    numbers = sum(r[1] for r in rows)
    if how == "register" and given != numbers:
        broken.append(f"{given} numbers in the register, {numbers} cards")
    return {"numbers": numbers, "gaps": sum(r[3] - r[2] for r in rows), "doubles": sum(r[1] - r[2] for r in rows), "broken": broken}


# --- rates

def rates(server: Server, seconds: float, most: int) -> dict[str, Any]:
    """Tickets a second of each system, at its best number of workers."""
    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        where = (str(server.folder), "{}", "qulaq")
        home = str(Path(folder) / "tracker")
        server.sql("CREATE DATABASE helpdesk")
        _peer("helpdesk", "prepare", *(w.format("helpdesk") for w in where))
        _peer("tracker", "prepare", home, *(w.format("tracker") for w in where))
        server.sql("CREATE DATABASE ours")
        db = Database(server.url("ours"))
        upgrade(db)
        db.close()
        commands = {
            "qulaq": lambda n: [[sys.executable, "-m", "bench.allocation", "rate", server.url("ours"), str(seconds), str(n + k)] for k in range(n)],
            "django_helpdesk": lambda n: [[sys.executable, "-m", "bench.peers.helpdesk", "work", *(w.format("helpdesk") for w in where), str(seconds)]] * n,
            "roundup": lambda n: [[sys.executable, "-m", "bench.peers.tracker", "work", home, *(w.format("tracker") for w in where), str(seconds)]] * n}
        for name, command in commands.items():
            best = (0.0, 0)
            for workers in sorted({1, 4, most}):
                running = [subprocess.Popen(c, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for c in command(workers)]
                total = sum(int(p.communicate()[0] or 0) for p in running)
                best = max(best, (total / seconds, workers))
            made[name] = {"tickets_per_s": round(best[0], 1), "workers": best[1]}
    for name in ("django_helpdesk", "roundup"):
        made[f"times_{name}"] = round(made["qulaq"]["tickets_per_s"] / made[name]["tickets_per_s"], 1)
    return made


def _peer(name: str, *words: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"bench.peers.{name}", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench allocation: {name} cannot be prepared: {done.stderr[-400:]}")


def rate(url: str, seconds: float, seed: int) -> int:
    """Cards made in that time as intake makes them: in transactions of a batch, each with number, entries and card."""
    rng = random.Random(seed)
    made, db = 0, engine(url, readers=0)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        with db.begin() as c:
            by_register(c, rng.choice(OFFICES), 200)
        made += 200
    return made


def main(argv: list[str]) -> int:
    """Exit 1 where ours has a gap or a double, where a naive one has none, or where a peer is less than 20 times slower."""
    if argv[:1] == ["work"]:
        work(argv[1], argv[2], *map(int, argv[3:7]))
        return 0
    if argv[:1] == ["rate"]:
        print(rate(argv[1], float(argv[2]), int(argv[3])))
        return 0
    parser = argparse.ArgumentParser(prog="bench allocation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each rate")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args(argv)
    good = True
    server = Server()
    try:
        for how in ALLOCATORS:
            # The naive ones fail soon; they need not be waited for.
            count = args.count if how == "register" else min(args.count, 50_000)
            result = trial(server, how, count, args.workers, args.batch, args.restarts if how == "register" else 1)
            print(json.dumps(result), flush=True)
            good &= result["holds"] == (how == "register")
        if not args.no_peers:
            made = rates(server, args.seconds, args.workers)
            print(json.dumps(made), flush=True)
            good &= min(made["times_django_helpdesk"], made["times_roundup"]) >= 20
    finally:
        server.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
