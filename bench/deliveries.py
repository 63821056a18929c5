"""The outbox killed with -9 twenty times while it tells 400 people: nothing lost, at most one repeat a kill.

usage: python -m bench deliveries [--tickets 400] [--kills 20] [--db URL]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from monitor.store.engine import Database
from monitor.store.schema import upgrade

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "telegram")]
from kills import killed


def main(argv: Sequence[str] = ()) -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench deliveries", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", help="an empty database; by default SQLite in a temporary folder")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        url = args.db or f"sqlite:///{folder}/qulaq.db"
        db = Database(url)
        upgrade(db)
        began = time.monotonic()
        outcome = asyncio.run(killed(db, url, tickets=args.tickets, kills=args.kills, seed=args.seed))
        db.close()
    good = outcome.lost == 0 and outcome.repeats <= outcome.kills and not outcome.faults
    print(json.dumps({"tickets": outcome.tickets, "kills": outcome.kills, "lost": outcome.lost, "repeats": outcome.repeats,
                      "most often": max(outcome.told.values(), default=0), "limits broken": len(outcome.faults),
                      "seconds": round(time.monotonic() - began, 1)}))
    print("met" if good else "NOT met")
    return 0 if good else 1
