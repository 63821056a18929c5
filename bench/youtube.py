"""Two simulated days of a busy YouTube source under the runner, killed again and again: what the network counts, and what is missed.

A channel and forty videos of others that a search finds; people write under all of them all the time. The YouTube is the local one of
tests/connectors, which counts units by Pacific days. Fails where a day takes more than 10,000 units, or a comment is missing.
usage: python -m bench youtube [--hours 48] [--every 300] [--search 60]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from config.settings import Source
from connectors.youtube import YouTube
from monitor.collect import Clock, Collector
from monitor.http import WebHttp
from monitor.limits import Limiter
from monitor.store.engine import Database
from monitor.store.tables import metadata, post

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "connectors"))
from tube import CHANNEL, KEY, OTHER, Tube  # type: ignore[import-not-found]

START = datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()


async def trial(db: Database, hours: float, every: float, search: int) -> int:
    now, chance = [START], random.Random(3)
    tube = Tube(clock=lambda: now[0], videos={f"own-video{n:02}": (CHANNEL, START - 86_400 * n) for n in range(3)}
                | {f"news-vid{n:03}": (OTHER, START - 3600 * n) for n in range(40)})
    server = await tube.start()
    clock = Clock(now=lambda: datetime.fromtimestamp(now[0], UTC), monotonic=lambda: now[0], jitter=lambda a, b: (a + b) / 2)
    settings = YouTube.Settings.model_validate({"key": KEY, "channels": ["@akimat_pavlodar"], "search": ["акимат"], "search_minutes": search,
                                                "base_url": tube.url})
    source, said, polls, kills, slept = Source(name="yt", network="youtube", every=every), 0, 0, 0, 0.0
    async with WebHttp(timeout=5) as http:
        collector: Collector | None = None
        while now[0] < START + hours * 3600:
            if collector is None or chance.random() < 0.02:
                kills += collector is not None
                collector = Collector(db, source, YouTube("yt", settings, clock=lambda: now[0]), http, clock=clock,
                                      limiter=Limiter(db, lambda: datetime.fromtimestamp(now[0], UTC)))
            for _ in range(chance.randint(0, 3)):
                said += 1
                tube.say(f"Ugx{said:06}xxxxxxxxxx4AaABAg", f"Пікір {said}", now[0], chance.choice(list(tube.videos)))
            wait = await collector.once()
            polls += 1
            slept += wait if wait > 2 * every else 0.0
            now[0] += max(wait, 1.0)
    await server.close()
    stored = {row.native_id for row in await db.read(lambda c: list(c.execute(select(post.c.native_id))))}
    missing = tube.comments.keys() - stored
    searches = sum(method == "search" for method, _ in tube.asked)
    print(f"{polls} polls, {kills} kills; units by the network's days {list(tube.spent.values())} of 10,000; {searches} searches; "
          f"{said} comments, {len(missing)} missing; {slept / 3600:.1f} h of {hours:g} without quota")
    return int(bool(missing) or max(tube.spent.values()) > 10_000)


def main(argv: list[str]) -> int:
    options = argparse.ArgumentParser(prog="python -m bench youtube")
    options.add_argument("--hours", type=float, default=48)
    options.add_argument("--every", type=float, default=300)
    options.add_argument("--search", type=int, default=60)
    args = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/q.db")
        metadata.create_all(db.engine)
        try:
            return asyncio.run(trial(db, args.hours, args.every, args.search))
        finally:
            db.close()
