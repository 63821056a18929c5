"""Surges under load: posts per second and memory from 10,000 distinct posts to a million, a snapshot, and the peer.

usage: python -m bench surge_load [--posts N] [--peer-posts N] [--peer-limit N]
The posts are made up: 5 to 20 words of a Zipf vocabulary, a quarter as many authors, spread over three days. Times are of
the processor, so that a busy machine changes little. The peer is co_similar of coordination-network-toolkit at a window of
one hour, on the first posts of the same stream; it is stopped when it has taken so many times our seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from bench.peers import toolkit
from config.surges import load_rules
from monitor.surge.observe import Observation, Observer

START = datetime(2026, 3, 2, tzinfo=UTC)
WORDS = 60_000
LETTERS = "абвгдежзиклмнопрстуфхцчшэюя"


def made_up(n: int) -> Iterator[Observation]:
    """`n` posts over three days."""
    r = Random(1)
    words = []
    for i in range(WORDS):
        rest, word = i * 2654435761 % 2**32, ""
        for _ in range(7):
            word += LETTERS[rest % len(LETTERS)]
            rest //= len(LETTERS)
        words.append(word)
    weights = list(accumulate(1 / (i + 10) for i in range(WORDS)))
    for i in range(n):
        text = " ".join(r.choices(words, cum_weights=weights, k=r.randint(5, 20)))
        yield Observation(f"post-{i:08}", START + timedelta(seconds=3 * 86400 * i / n), text, f"a{r.randrange(n // 4 or 1)}",
                          network="vk")


def resident() -> float:
    """Megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(argv: Sequence[str]) -> int:
    """Print a line per tenth of the posts."""
    parser = argparse.ArgumentParser(prog="bench surge_load", description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--peer-posts", type=int, default=100_000)
    parser.add_argument("--peer-limit", type=float, default=60.0, help="times our own seconds, after which the peer is stopped")
    args = parser.parse_args(argv)
    observer = Observer(load_rules())
    before, spent, first = resident(), [], []
    step = max(1, args.posts // 10)
    for i, post in enumerate(made_up(args.posts), 1):
        if i <= args.peer_posts:
            first.append(post)
        start = time.process_time()
        observer.observe(post)
        spent.append(time.process_time() - start)
        if i == 10_000 or i % step == 0:
            last = sorted(spent[-min(step, len(spent)):])
            print(f"{i:>10,} posts: {len(last) / sum(last):,.0f} posts/s, p99 {last[int(0.99 * len(last))] * 1e3:.2f} ms, "
                  f"{resident() - before:.0f} MB", flush=True)
    start = time.process_time()
    data = observer.snapshot()
    middle = time.process_time()
    Observer(load_rules()).restore(data)
    print(f"snapshot {len(data) / 1e6:.1f} MB, written in {middle - start:.1f} s, read in {time.process_time() - middle:.1f} s")
    if not toolkit.installed():
        print("co_similar: coordination-network-toolkit is not installed (requirements/bench.in)", file=sys.stderr)
        return 0
    observer, start = Observer(load_rules()), time.process_time()
    for post in first:
        observer.observe(post)
    ours = time.process_time() - start
    rows = [{"id": p.id, "author_id": p.author, "text": p.text, "created_at": p.created_at.isoformat()} for p in first]
    theirs = toolkit.run(rows, "co_similar", 3600, args.peer_limit * ours)
    how = "then it was stopped: at least " if theirs.stopped else ""
    print(f"co_similar, 1 h, {len(first):,} posts of the same stream: {theirs.seconds:,.0f} s of the processor, Qulaq {ours:.1f} s; "
          f"{how}{theirs.seconds / ours:,.0f} times as long")
    return 0
