"""Another system pushes, and a JSON service is read: the daemon is killed while it happens, the service fails in every way.

What is asked: every post stored once, the newest state of each, every pushed state a revision, the letterbox empty at the end, and no
secret in the log.

usage: python -m bench systems [--seconds 30] [--kills 5] [--order oldest|newest]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import select

from monitor.core.signature import HEADER, signature
from monitor.store.engine import Database
from monitor.store.tables import post

ROOT = Path(__file__).resolve().parents[1]
SECRET, TOKEN = "0123456789abcdef" * 2, "tok-0123456789abcdef"
PAGE = 50
CONFIG = """database: sqlite:///{folder}/q.db
web: {{port: {port}}}
sources:
- name: portal
  network: http_json
  url: http://127.0.0.1:{service}/list
  headers: {{Authorization: "Bearer {{token}}"}}
  params: {{since: "{{since}}", page: "{{page}}"}}
  secrets: {{token: {{file: token}}}}
  posts: data.items
  fields: {{id: id, text: text, published_at: created, edited_at: changed}}
  order: {order}
  paging: {{by: page, size: {size}}}
  every: 2s
- {{name: pushed, network: webhook, secret: {{file: secret}}, inbox: inbox}}
"""


class Portal:
    """A service with a list, asked with a key; three of ten requests fail."""

    def __init__(self, chance: random.Random, newest_first: bool) -> None:
        self.posts: list[dict[str, Any]] = []
        self.asked = 0
        self._chance, self._newest_first = chance, newest_first

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        lot = self._chance.random()
        if lot < 0.1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if lot < 0.2:
            return web.Response(status=500)
        if lot < 0.25:
            cut = web.StreamResponse(headers={"Content-Length": "5000"})
            await cut.prepare(request)
            await cut.write(b'{"data": {"items": [')
            assert request.transport is not None
            request.transport.abort()
            return cut
        if lot < 0.3:
            return web.Response(text="<html>maintenance</html>")
        since, at = datetime.fromisoformat(request.query["since"]), (int(request.query["page"]) - 1) * PAGE
        found = sorted((one for one in self.posts if datetime.fromisoformat(one["changed"]) >= since),
                       key=lambda one: (one["changed"], one["id"]), reverse=self._newest_first)
        return web.json_response({"data": {"items": found[at:at + PAGE]}})

    async def grow(self, until: float) -> None:
        while time.monotonic() < until:
            now = datetime.now(UTC).isoformat()
            number = len(self.posts)
            self.posts.append({"id": number, "text": f"Акимат Павлодара, на Естая {number} нет света", "created": now, "changed": now})
            if number % 40 == 39:
                edited = self._chance.choice(self.posts)
                edited["text"], edited["changed"] = edited["text"] + " и воды", now
            await asyncio.sleep(0.02)


class Daemon:
    """The program, started again after each kill."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self.url = folder, f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "run_monitor.py"), "run", "-c", str(self._folder / "qulaq.yaml"), stdout=log, stderr=log)
        async with aiohttp.ClientSession() as session:
            for _ in range(600):
                try:
                    async with session.get(f"{self.url}/healthz"):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        raise SystemExit((self._folder / "log").read_text())

    async def stop(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)
        await self._process.wait()


async def push(url: str, until: float) -> dict[str, list[dict[str, Any]]]:
    """Push batches, each until it is taken; the states that each post went through."""
    states: dict[str, list[dict[str, Any]]] = {}
    async with aiohttp.ClientSession() as session:
        number = 0
        while time.monotonic() < until:
            number, now = number + 1, datetime.now(UTC).isoformat()
            items = [{"id": f"{number}-{k}", "text": f"Әкімдік, Естай {number}-{k} үйде су жоқ", "published_at": now} for k in range(3)]
            if number % 7 == 0:
                items.append({**items[0], "text": items[0]["text"] + ", жарық та", "edited_at": now})
            if number % 11 == 0:
                items.append({"id": items[1]["id"], "deleted_at": now})
            body = json.dumps({"posts": items}, ensure_ascii=False).encode()
            while True:
                try:
                    async with session.post(url, data=body, headers={HEADER: signature(SECRET, int(time.time()), body)}) as answer:
                        if answer.status == 200:
                            break
                except (aiohttp.ClientError, OSError):
                    pass
                await asyncio.sleep(0.2)
            for item in items:
                states.setdefault(item["id"], []).append(item)
            await asyncio.sleep(0.08)
    return states


def faults(db: Database, portal: Portal, pushed: dict[str, list[dict[str, Any]]]) -> dict[str, int]:
    """What is missing, stale or stored twice."""
    with db.reading() as c:
        rows = c.execute(select(post.c.native_id, post.c.text, post.c.deleted_at, post.c.revision).order_by(post.c.revision)).all()
    last = {row.native_id: row for row in rows}
    wanted = {f"portal/{one['id']}": (one["text"], False) for one in portal.posts}
    wanted |= {f"pushed/{id_}": (states[-1].get("text", ""), "deleted_at" in states[-1]) for id_, states in pushed.items()}
    stale = sum(id_ in last and (last[id_].text, last[id_].deleted_at is not None) != state for id_, state in wanted.items())
    twice = len(rows) - len({(row.native_id, row.text, row.deleted_at is not None) for row in rows})
    revisions = sum(row.native_id.startswith("pushed/") for row in rows)
    return {"missing": len(wanted.keys() - last.keys()), "stale": stale, "twice": twice,
            "states lost": sum(map(len, pushed.values())) - revisions}


async def run(folder: Path, seconds: float, kills: int, order: str) -> int:
    chance = random.Random(3)
    portal = Portal(chance, order == "newest")
    app = web.Application()
    app.router.add_get("/list", portal.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "secret").write_text(SECRET)
    (folder / "token").write_text(TOKEN)
    (folder / "qulaq.yaml").write_text(CONFIG.format(folder=folder, port=port, service=runner.addresses[0][1], order=order, size=PAGE))
    daemon = Daemon(folder, port)
    await daemon.start()
    try:
        return await measured(folder, daemon, portal, seconds, kills, chance)
    finally:
        await daemon.stop(signal.SIGTERM)
        await runner.cleanup()


async def measured(folder: Path, daemon: Daemon, portal: Portal, seconds: float, kills: int, chance: random.Random) -> int:
    until = time.monotonic() + seconds

    async def kill() -> None:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.5, 1.5) * seconds / (kills + 1))
            await daemon.stop(signal.SIGKILL)
            await daemon.start()

    pushed, _, _ = await asyncio.gather(push(f"{daemon.url}/hooks/pushed", until), portal.grow(until), kill())
    db = Database(f"sqlite:///{folder}/q.db")
    end = time.monotonic() + 120
    while any((found := faults(db, portal, pushed)).values()) or os.listdir(folder / "inbox"):
        if time.monotonic() > end:
            break
        await asyncio.sleep(1)
    db.close()
    found |= {"left in the letterbox": len(os.listdir(folder / "inbox")),
              "secrets in the log": sum((folder / "log").read_text().count(one) for one in (SECRET, TOKEN))}
    print(f"pushed {len(pushed)} posts in {sum(map(len, pushed.values()))} states; read {len(portal.posts)} in {portal.asked} requests, "
          f"{kills} kills; " + ", ".join(f"{name} {count}" for name, count in found.items()))
    return int(any(found.values()))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench systems", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--order", choices=("oldest", "newest"), default="oldest")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder), args.seconds, args.kills, args.order))
