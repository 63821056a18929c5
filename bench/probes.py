"""Planted probes: posts spread over local sources that fail in every way, the daemon stopped and killed meanwhile.

What is asked: recall 100 %, none twice, the newest state of every post, p95 from published to stored below interval + 1 s, and every
hole longer than two intervals alarmed within two more (of the time in which the daemon runs).

The time from published to stored is stated twice: over all posts, those published while a network was down or the daemon was dead among
them (nothing can bring these in time), and without those that were published in a hole that the program itself declared and that is
longer than two intervals. Single 429s, 500s, cuts and short stops are in both. The goal is asked of the second.

usage: python -m bench probes [--small] [--posts 10000] [--sources 20] [--every 5] [--minutes 15] [--kills 4]
The whole trial takes 18 minutes, --small (600 posts, 6 sources) two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import select

from monitor.store.engine import Database
from monitor.store.tables import hole, post

ROOT = Path(__file__).resolve().parents[1]
PAGE = 50


@dataclass
class Local:
    """One source: its posts in the order of their last change, what was answered when, and its outages (begin, end)."""

    name: str
    items: dict[str, dict[str, object]] = field(default_factory=dict)
    seq: int = 0
    heard: list[float] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class World:
    """The networks, with the truth."""

    chance: random.Random
    sources: list[Local]
    published: dict[str, float] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    def change(self, local: Local, id_: str, **fields: object) -> None:
        now = time.time()
        local.seq += 1
        known = local.items.pop(id_, {"id": id_, "text": "", "at": now - self.chance.uniform(0, 86_400), "edits": 0, "deleted": False})
        local.items[id_] = {**known, **fields, "seq": local.seq, "changed": now}

    def publish(self, number: int) -> None:
        """A new post; now and then an edit or a deletion of an older one, too."""
        local = self.chance.choice(self.sources)
        id_ = f"{local.name}/{number}"
        self.published[id_] = time.time()
        self.change(local, id_, text=f"Пост {number}: на улице Естая, дом {number}, темно")
        if local.items and self.chance.random() < 0.1:
            old = self.chance.choice(list(local.items))
            one = local.items[old]
            if one["deleted"]:
                return
            if self.chance.random() < 0.3:
                self.change(local, old, deleted=True)
            else:
                self.change(local, old, text=f"{one['text']} (дополнено {number})", edits=int(str(one["edits"])) + 1)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        local = next(s for s in self.sources if s.name == request.match_info["name"])
        now, lot = time.time(), self.chance.random()
        if any(a <= now < b for a, b in local.outages):
            return self.fault("outage", web.Response(status=503))
        if lot < 0.02:
            return self.fault("429", web.Response(status=429, headers={"Retry-After": "1"}))
        if lot < 0.04:
            return self.fault("500", web.Response(status=500, text="Internal Server Error"))
        since = int(request.query.get("since", 0))
        after = [one for one in local.items.values() if int(str(one["seq"])) >= since]
        page = after[:PAGE]
        if self.chance.random() < 0.1 and local.items:          # what was told already, once more
            page = [*page, *(one for one in self.chance.sample(list(local.items.values()), min(3, len(local.items)))
                             if int(str(one["seq"])) < since)]
        body = json.dumps({"items": page, "more": len(after) > PAGE}).encode()
        if lot < 0.05:
            self.faults["cut"] = self.faults.get("cut", 0) + 1
            cut = web.StreamResponse(headers={"Content-Length": str(len(body) + 20)})
            await cut.prepare(request)
            await cut.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.abort()
            return cut
        local.heard.append(now)
        return web.Response(body=body)

    def fault(self, kind: str, answer: web.Response) -> web.Response:
        self.faults[kind] = self.faults.get(kind, 0) + 1
        return answer


class Daemon:
    """`run -c FILE`, with the network of this trial installed as a package."""

    def __init__(self, folder: Path, url: str, sources: list[Local], every: float) -> None:
        self.folder, self.alive = folder, list[tuple[float, float]]()
        self.process: subprocess.Popen[bytes] | None = None
        about = folder / "packages" / "qulaq_probe-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qulaq-probe\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[qulaq.connectors]\nprobe = bench.probe_network:Probe\n")
        (folder / "qulaq.yaml").write_text(
            f"database: sqlite:///{folder}/q.db\nweb: {{port: 0}}\nhearing: {{shortest_hole: 1}}\nsources:\n"
            + "".join(f"- {{name: {s.name}, network: probe, url: '{url}/{s.name}', every: {every}}}\n" for s in sources))
        self.log = (folder / "log").open("ab")

    async def start(self) -> None:
        path = os.pathsep.join([str(self.folder / "packages"), str(ROOT)])
        before = (self.folder / "log").stat().st_size
        self.process = subprocess.Popen([sys.executable, str(ROOT / "run_monitor.py"), "run", "-c", str(self.folder / "qulaq.yaml")],
                                        stderr=self.log, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path})
        while b"Qulaq listens" not in (self.folder / "log").read_bytes()[before:]:
            if self.process.poll() is not None:
                raise SystemExit((self.folder / "log").read_text()[-3000:])
            await asyncio.sleep(0.05)
        self.began = time.time()

    async def stop(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.alive.append((self.began, time.time()))
        self.process.send_signal(how)
        await asyncio.to_thread(self.process.wait)


async def trial(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    chance = random.Random(args.seed)
    world = World(chance, [Local(f"s{n:02}") for n in range(args.sources)])
    app = web.Application()
    app.router.add_get("/{name}", world.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    daemon = Daemon(folder, f"http://127.0.0.1:{runner.addresses[0][1]}", world.sources, args.every)
    await daemon.start()
    began, lasts = time.time(), args.minutes * 60
    for local in world.sources:
        if chance.random() < 0.4:
            at = began + chance.uniform(0.1, 0.7) * lasts
            local.outages.append((at, at + chance.uniform(3, 8) * args.every))
    kills = sorted((began + chance.uniform(0.1, 0.9) * lasts, chance.choice([signal.SIGKILL, signal.SIGTERM])) for _ in range(args.kills))
    stopped = 0
    for number in range(args.posts):
        await asyncio.sleep(max(0.0, began + lasts * number / args.posts - time.time()))
        world.publish(number)
        if kills and time.time() >= kills[0][0]:
            await daemon.stop(kills.pop(0)[1])
            stopped += 1
            await daemon.start()
    until = time.time() + 12 * args.every
    db = Database(f"sqlite:///{folder}/q.db")
    while time.time() < until and not done(db, world):
        await asyncio.sleep(1.0)
    await asyncio.sleep(4 * args.every)
    await daemon.stop(signal.SIGTERM)
    await runner.cleanup()
    result = judged(db, world, daemon, args.every)
    db.close()
    return {"posts": args.posts, "sources": args.sources, "every": args.every, "minutes": args.minutes, "stops": stopped,
            "faults": world.faults, **result}


def newest(db: Database) -> dict[str, tuple[str, bool]]:
    with db.reading() as c:
        rows = c.execute(select(post.c.native_id, post.c.text, post.c.deleted_at).order_by(post.c.revision))
        return {r.native_id: (r.text, r.deleted_at is not None) for r in rows}


def done(db: Database, world: World) -> bool:
    have = newest(db)
    return all(have.get(id_) == (one["text"], one["deleted"]) for local in world.sources for id_, one in local.items.items())


def judged(db: Database, world: World, daemon: Daemon, every: float) -> dict[str, Any]:
    have = newest(db)
    truth = {id_: (one["text"], one["deleted"]) for local in world.sources for id_, one in local.items.items()}
    with db.reading() as c:
        rows = c.execute(select(post.c.native_id, post.c.text, post.c.deleted_at, post.c.revision, post.c.collected_at)).all()
        holes = c.execute(select(hole)).all()
    double = len(rows) - len({(r.native_id, r.text, r.deleted_at is not None) for r in rows})
    declared = [(h.source, h.since.timestamp(), h.until.timestamp()) for h in holes
                if h.until is not None and (h.until - h.since).total_seconds() > 2 * every]
    dead = list(zip([b for _, b in daemon.alive], [a for a, _ in daemon.alive[1:]], strict=False))
    took, outside = list[float](), list[float]()
    for r in rows:
        if r.revision == 0:
            at = world.published[r.native_id]
            lag = r.collected_at.timestamp() - at
            took.append(lag)
            name = r.native_id.partition("/")[0]
            if not any(n == name and a <= at < b for n, a, b in declared):
                outside.append(lag)
    late, long = [], 0
    for local in world.sources:
        for a, b in zip(local.heard, local.heard[1:], strict=False):
            if b - a <= 2 * every + 0.5:
                continue
            long += 1
            allowed = a + 4 * every
            for stop, start in dead:
                if stop < allowed and start > a:
                    allowed = max(allowed, start + 2 * every)
            alarms = [h.alarmed_at.timestamp() for h in holes if h.source == local.name and h.alarmed_at is not None
                      and h.since.timestamp() < b and (h.until is None or h.until.timestamp() > a)]
            if not alarms or min(alarms) > allowed + 0.5:
                late.append({"source": local.name, "seconds": round(b - a, 1),
                             "alarmed_after": round(min(alarms) - a, 1) if alarms else None})
    return {"recall": round(sum(id_ in have for id_ in truth) / len(truth), 6),
            "newest_state": sum(have.get(id_) != now for id_, now in truth.items()), "double": double,
            "seconds_outside_declared_holes": spread(outside), "seconds_over_all": spread(took),
            "published_in_declared_holes": len(took) - len(outside), "long_holes": long, "holes_alarmed_late": late}


def spread(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and the largest."""
    found = sorted(seconds) or [float("inf")]
    return {"p50": round(found[len(found) // 2], 2), "p95": round(found[int(len(found) * 0.95)], 2), "max": round(found[-1], 2)}


def idle(sources: int, seconds: float) -> dict[str, object]:
    """CPU of one process that polls so many sources without news once a minute, as a part of a core."""
    async def run() -> dict[str, object]:
        with tempfile.TemporaryDirectory() as folder:
            world = World(random.Random(1), [Local(f"s{n:03}") for n in range(sources)])

            async def nothing(_: web.Request) -> web.Response:
                return web.json_response({"items": [], "more": False})
            app = web.Application()
            app.router.add_get("/{name}", nothing)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            daemon = Daemon(Path(folder), f"http://127.0.0.1:{runner.addresses[0][1]}", world.sources, 60)
            await daemon.start()
            assert daemon.process is not None
            await asyncio.sleep(20)
            before, at = cpu(daemon.process.pid), time.time()
            await asyncio.sleep(seconds)
            used = (cpu(daemon.process.pid) - before) / (time.time() - at)
            await daemon.stop(signal.SIGTERM)
            await runner.cleanup()
            return {"idle_sources": sources, "core": round(used, 3), "seconds": seconds}
    return asyncio.run(run())


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used (proc(5))."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> int:
    """Exit 1 where a probe was lost or doubled, came too late, or a hole was not alarmed in time."""
    parser = argparse.ArgumentParser(prog="bench probes", description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--small", action="store_true", help="two minutes: 600 posts over 6 sources asked every 2 s, 2 stops, no idle trial")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--idle", type=int, default=500, help="sources of the idle trial; 0: none")
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    parser.add_argument("--keep", metavar="DIR", help="keep database and log there")
    if "--small" in argv:
        parser.set_defaults(posts=600, sources=6, every=2.0, minutes=1.5, kills=2, idle=0)
    args = parser.parse_args(argv)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    good = True
    if args.posts:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(args.keep or made)
            folder.mkdir(parents=True, exist_ok=True)
            result = asyncio.run(trial(args, folder))
        print(json.dumps(result, ensure_ascii=False))
        good = (result["recall"] == 1.0 and not result["newest_state"] and not result["double"] and not result["holes_alarmed_late"]
                and result["seconds_outside_declared_holes"]["p95"] < args.every + 1)
    if args.idle:
        still = idle(args.idle, args.idle_seconds)
        print(json.dumps(still))
        good = good and float(str(still["core"])) < 0.25
    return 0 if good else 1
