"""Surges under load: posts per second and memory from 10,000 distinct posts to a million, a snapshot, and the peer.

usage: python -m bench surge_load [--posts N] [--peer-posts N]
The posts are made up: 5 to 20 words of a Zipf vocabulary, a quarter as many authors, spread over three days. Times are of
the processor, so that a busy machine changes little. The peer is co_similar of coordination-network-toolkit at a window of
one hour, on the first posts of the same stream at the same density.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

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


def peer_seconds(posts: Sequence[Observation]) -> float | None:
    """Seconds of co_similar at a window of one hour; None where it is not installed."""
    try:
        from coordination_network_toolkit.compute_networks import compute_co_similar_tweet
        from coordination_network_toolkit.preprocess import preprocess_data
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "peer.db")
        preprocess_data(database, [(p.id, p.author, p.author, None, None, p.text, p.created_at.timestamp(), "") for p in posts])
        before = time.perf_counter()
        compute_co_similar_tweet(database, 3600, n_threads=1)
        return time.perf_counter() - before


def main(argv: Sequence[str]) -> int:
    """Print a line per tenth of the posts."""
    parser = argparse.ArgumentParser(prog="bench surge_load", description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--peer-posts", type=int, default=5_000)
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
    theirs = peer_seconds(first)
    if theirs is None:
        print("co_similar: coordination-network-toolkit is not installed (requirements/bench.in)", file=sys.stderr)
    else:
        # By the clock on the wall, both: it works in a process of its own.
        observer, start = Observer(load_rules()), time.perf_counter()
        for post in first:
            observer.observe(post)
        ours = time.perf_counter() - start
        print(f"co_similar, 1 h, {len(first):,} posts: {theirs:.1f} s, Qulaq {ours:.2f} s: {theirs / ours:,.0f} times as long")
    return 0
