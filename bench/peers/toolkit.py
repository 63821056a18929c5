"""co_tweet and co_similar of coordination-network-toolkit on a stream, each in a process of its own with a limit of time.

usage: python -m bench.peers.toolkit POSTS.jsonl co_tweet|co_similar WINDOW_SECONDS   (prints a pair of authors a line, as JSON)
It joins accounts, not posts, and looks at the whole stream at once: there is no moment of an alert, and no lag.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LEAST = 3
"""Accounts of a group: as many as make a campaign in the data."""


@dataclass(frozen=True)
class Ran:
    """Pairs of accounts; `seconds` of the processor; `stopped`: the limit came first, and the pairs are missing."""

    pairs: tuple[tuple[str, str], ...]
    seconds: float
    stopped: bool


def installed() -> bool:
    try:
        import coordination_network_toolkit  # noqa: F401 - asked only whether it is there
    except ImportError:
        return False
    return True


def run(rows: Iterable[Row], what: str, window: int, limit: float) -> Ran:
    """The pairs that `what` joins; stopped when its processes have used `limit` seconds of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "posts.jsonl", Path(folder) / "pairs"
        source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        with out.open("w", encoding="utf-8") as said:
            child = subprocess.Popen([sys.executable, "-m", "bench.peers.toolkit", str(source), what, str(window)], stdout=said,
                                     stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "TMPDIR": folder})
            spent = 0.0
            while child.poll() is None:
                time.sleep(0.2)
                spent = max(spent, _spent(child.pid))
                if spent > limit:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                    return Ran((), spent, True)
        if child.returncode:
            raise RuntimeError(f"{what} of coordination-network-toolkit ended with {child.returncode}")
        pairs = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("[")]
        return Ran(tuple((a, b) for a, b, *_ in pairs), next((p[2] for p in pairs if len(p) == 3), spent), False)


def _spent(session: int) -> float:
    """Seconds of the processor that the processes of a session have used so far."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def score(rows: Sequence[Row], pairs: Iterable[tuple[str, str]]) -> tuple[int, int, int, int]:
    """(campaigns found, campaigns, pairs, wrong pairs): a campaign is found by two pairs of its accounts, three accounts; a pair is
    wrong where no campaign has both."""
    members: dict[str, set[str]] = defaultdict(set)
    of: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["campaign_label"]:
            members[row["campaign_label"]].add(row["author_id"])
            of[row["author_id"]].add(row["campaign_label"])
    campaigns = {label for label, who in members.items() if len(who) >= LEAST}
    found: dict[str, set[str]] = defaultdict(set)
    both = {(min(a, b), max(a, b)) for a, b in pairs if a != b}
    wrong = 0
    for a, b in both:
        shared = of.get(a, set()) & of.get(b, set())
        wrong += not shared
        for label in shared:
            found[label] |= {a, b}
    return sum(len(found[label]) >= LEAST for label in campaigns), len(campaigns), len(both), wrong


def main(source: str, what: str, window: int) -> None:
    import sqlite3

    from coordination_network_toolkit import compute_networks
    from coordination_network_toolkit.preprocess import preprocess_data

    # Its likeness divides by the words of both texts: one without any would end it.
    rows = [json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
    rows = [r for r in rows if re.search(r"\w", re.sub(r"@\S*", "", r["text"]))]
    database = str(Path(tempfile.mkdtemp()) / "peer.db")
    preprocess_data(database, [(str(r["id"]), r["author_id"] or str(r["id"]), r["author_id"] or str(r["id"]), None, None, r["text"],
                                datetime.fromisoformat(r["created_at"]).timestamp(), "") for r in rows])
    before = sum(os.times()[:4])
    if what == "co_tweet":
        compute_networks.compute_co_tweet_network(database, window, n_threads=1)
    else:
        compute_networks.compute_co_similar_tweet(database, window, n_threads=1)
    spent = sum(os.times()[:4]) - before
    for a, b in sqlite3.connect(database).execute(f"select user_1, user_2 from {what}{'_tweet' if what == 'co_similar' else ''}_network"):
        print(json.dumps([a, b, spent]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
