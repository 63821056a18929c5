"""From a post at a local source to the staff message at the Bot API server, through the daemon as an operator starts it.

usage: python -m bench latency [--posts 520] [--chats 64] [--rate 10] [--answers-after 0.0] [--db URL]

A feed on a local server gets posts at the given rate, each for one of the offices in turn at random; the daemon polls it
every second. The Bot API server is the strict one of tests/telegram: it refuses and notes whatever breaks Telegram's limits.
Goal: p99 under 1 s plus the poll interval.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape

from aiohttp import web
from sqlalchemy import select, update

from config.knowledge import load_knowledge
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.store.engine import Database
from monitor.store.schema import upgrade
from ticketing import people
from ticketing.tables import account, delivery, ticket, ticket_post

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "telegram"))
from fake_api import TOKEN, FakeTelegram

EVERY = 1.0
"""Seconds between polls: the shortest that the config allows."""

GOAL = 1.0
KEPT = 200
"""Entries that the feed shows, as feeds do: the newest."""


class Feed:
    """A feed that grows."""

    def __init__(self) -> None:
        self.shown: dict[str, float] = {}
        self._items: list[str] = []

    def add(self, guid: str, text: str) -> None:
        """A post appears."""
        at = format_datetime(datetime.now(UTC))
        self._items.insert(0, f"<item><guid isPermaLink=\"false\">{guid}</guid><author>{guid}@example.kz</author>"
                              f"<description>{escape(text)}</description><pubDate>{at}</pubDate></item>")
        del self._items[KEPT:]
        self.shown[guid] = time.monotonic()

    async def page(self, _request: web.Request) -> web.Response:
        """The document."""
        body = f"<rss version=\"2.0\"><channel><title>bench</title>{''.join(self._items)}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")


def text_for(name: str, n: int) -> str:
    """A complaint to one akimat; no two alike."""
    return f"Уважаемый аким! {name}: у дома {n} третий день не вывозят мусор, примите меры. Акимат, когда ответите?"


def addressees(count: int) -> list[tuple[str, str]]:
    """Akimats that detection recognises in our sentence: what is measured is the way, not detection."""
    knowledge = load_knowledge()
    judge = Judge(knowledge)
    found = []
    for unit in knowledge.registry:
        verdict = judge(Post("rss", "bench", "1", text_for(unit.name_ru, 7), datetime.now(UTC))) if unit.level == 2 else None
        if verdict is not None and (verdict.decision, verdict.akimat) == ("register", unit.code):
            found.append((unit.code, unit.name_ru))
        if len(found) == count:
            return found
    raise SystemExit(f"bench latency: detection knows only {len(found)} akimats in this sentence; use --chats {len(found)}")


def prepare(url: str, offices: Sequence[tuple[str, str]], api: FakeTelegram) -> None:
    """The database with a duty officer for each office, in a private chat of their own."""
    db = Database(url)
    upgrade(db)
    now = datetime.now(UTC)
    with db.begin() as c:
        for i, (code, name) in enumerate(offices):
            people.put_office(c, code, name, name)
            people.add(c, f"duty{i}", name=f"Дежурный {i}", role="officer", now=now, office_code=code,
                       language=("kk", "ru")[i % 2])
            c.execute(update(account).where(account.c.login == f"duty{i}").values(telegram_id=5000 + i))
            people.set_duty(c, code, f"duty{i}")
            api.chat(5000 + i)
    db.close()


def delays(url: str, feed: Feed, api: FakeTelegram) -> tuple[list[float], int]:
    """Seconds from post to message for each post that was told, and how many shared a message with others."""
    arrived = {(c.chat, c.message): c.at for c in api.sent()}
    db = Database(url)
    with db.reading() as c:
        rows = c.execute(select(ticket_post.c.native_id, delivery.c.handle).join(ticket, ticket.c.id == ticket_post.c.ticket_id)
                         .join(delivery, delivery.c.about == ticket.c.number).where(delivery.c.state == "sent")).all()
    db.close()
    handles = [(r.handle["chat"], r.handle["message"]) for r in rows]
    found = [arrived[handle] - feed.shown[row.native_id.rpartition("#")[2]] for row, handle in zip(rows, handles, strict=True)]
    return found, len(handles) - len(set(handles))


async def measured(args: argparse.Namespace, folder: Path) -> int:
    url = args.db or f"sqlite:///{folder}/qulaq.db"
    rng = random.Random(1)
    offices = addressees(args.chats)
    feed = Feed()
    app = web.Application()
    app.router.add_get("/feed", feed.page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source = f"http://127.0.0.1:{runner.addresses[0][1]}/feed"
    async with FakeTelegram(latency=args.answers_after) as api:
        await asyncio.to_thread(prepare, url, offices, api)
        config = folder / "qulaq.yaml"
        (folder / "token").write_text(TOKEN)
        config.write_text(json.dumps({
            "database": url, "web": {"host": "127.0.0.1", "port": free_port()}, "telegram": {"token": {"file": "token"}, "api_url": api.url},
            "offices": [{"code": code} for code, _name in offices],
            "sources": [{"name": "bench", "network": "rss", "url": source, "every": f"{EVERY:.0f}s"}]}))
        log = (folder / "log").open("wb")
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "run_monitor.py"), "run", "-c", str(config), stdout=log, stderr=log, env=os.environ)
        try:
            await _ready(folder / "log", daemon)
            began = time.monotonic()
            for n in range(args.posts):
                await asyncio.sleep(max(0.0, began + n / args.rate - time.monotonic()))
                feed.add(f"g{n}", text_for((offices[n % len(offices)] if args.in_turn else rng.choice(offices))[1], n))
            until = time.monotonic() + 60
            while len(await asyncio.to_thread(delays_told, url)) < args.posts and time.monotonic() < until:
                await asyncio.sleep(0.5)
        finally:
            if daemon.returncode is None:
                daemon.terminate()
            await daemon.wait()
            log.close()
        found, digested = await asyncio.to_thread(delays, url, feed, api)
    await runner.cleanup()
    return report(args, sorted(found), digested, api)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def delays_told(url: str) -> list[int]:
    """Ids of what has been sent so far."""
    db = Database(url)
    try:
        with db.reading() as c:
            return list(c.execute(select(delivery.c.id).where(delivery.c.state == "sent")).scalars())
    finally:
        db.close()


async def _ready(log: Path, daemon: asyncio.subprocess.Process) -> None:
    for _ in range(300):
        if b"listens" in log.read_bytes():
            await asyncio.sleep(2)
            return
        if daemon.returncode is not None:
            break
        await asyncio.sleep(0.1)
    raise SystemExit(f"bench latency: the daemon did not start:\n{log.read_text()[-2000:]}")


def report(args: argparse.Namespace, found: list[float], digested: int, api: FakeTelegram) -> int:
    """Print the figures; 0 where the goal is met."""
    def at(share: float) -> float:
        return found[min(len(found) - 1, int(share * len(found)))] if found else float("nan")

    seconds = [c.at for c in api.sent()]
    busiest = max((sum(1 for b in seconds if a <= b < a + 1) for a in seconds), default=0)
    print(json.dumps({
        "posts": args.posts, "told": len(found), "messages": len(seconds), "sharing a message": digested,
        "chats": len({c.chat for c in api.sent()}), "rate": args.rate, "poll interval": EVERY,
        "p50": round(at(0.5), 3), "p95": round(at(0.95), 3), "p99": round(at(0.99), 3), "max": round(at(1.0), 3),
        "goal p99": GOAL + EVERY, "busiest second": busiest, "limits broken": len(api.faults)}, ensure_ascii=False))
    for fault in api.faults[:5]:
        print(f"fault: {fault}")
    good = len(found) == args.posts and at(0.99) < GOAL + EVERY and not api.faults
    print("met" if good else "NOT met")
    return 0 if good else 1


def main(argv: Sequence[str] = ()) -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench latency", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=520)
    parser.add_argument("--chats", type=int, default=64)
    parser.add_argument("--rate", type=float, default=10.0, help="posts a second")
    parser.add_argument("--answers-after", type=float, default=0.0, help="seconds that the Bot API server takes to answer")
    parser.add_argument("--in-turn", action="store_true", help="posts go to the offices in turn, not at random")
    parser.add_argument("--db", help="an empty database; by default SQLite in a temporary folder")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measured(args, Path(folder)))
