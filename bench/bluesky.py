"""The bluesky connector against the real thing: a PDS, an AppView and their firehose, from npm's @atproto/dev-env.

Five people post, reply, mention, delete and write anew; the firehose is cut and comes back; the PDS says 429 in earnest.
usage: QULAQ_ATPROTO=FOLDER python -m bench bluesky
FOLDER has node_modules with @atproto/dev-env (npm install @atproto/dev-env). Needs node, redis-server, initdb and postgres on the PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from connectors.base import Cursor
from connectors.bluesky import Bluesky
from connectors.errors import AuthError, CannotAnswer, RateLimited
from monitor.core.post import Post
from monitor.http import WebHttp

SCRIPT = Path(__file__).with_name("bluesky_network.cjs")
OFFICE = "akimat.test"
PEOPLE = tuple(f"turgyn{n}.test" for n in range(1, 6))
PASSWORD = "kala-sozi-2026"


def missing() -> str:
    """What is not there to run this; "" where all is."""
    folder = os.environ.get("QULAQ_ATPROTO", "")
    if not folder or not (Path(folder) / "node_modules" / "@atproto" / "dev-env").is_dir():
        return "QULAQ_ATPROTO names no folder with npm's @atproto/dev-env"
    return next((f"no {program} on the PATH" for program in ("node", "redis-server", "initdb", "postgres") if shutil.which(program) is None), "")


@contextmanager
def network(rate_limits: bool = False) -> Iterator[dict[str, str]]:
    """The network's addresses, for as long as it runs."""
    with tempfile.TemporaryDirectory(prefix="qulaq-bluesky-", ignore_cleanup_errors=True) as folder:
        postgres, url = _postgres(Path(folder))
        port = _free()
        redis = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
        given = {"DB_POSTGRES_URL": url, "REDIS_HOST": f"127.0.0.1:{port}", "LOG_ENABLED": "false",
                 "NODE_PATH": str(Path(os.environ["QULAQ_ATPROTO"]) / "node_modules")}
        if rate_limits:
            given["PDS_RATE_LIMITS"] = "1"
        node = subprocess.Popen(["node", str(SCRIPT)], env={**os.environ, **given}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE if not os.environ.get("QULAQ_NOISY") else None)
        try:
            assert node.stdout is not None
            assert node.stdin is not None
            addresses = b""
            while not addresses.startswith(b"{"):
                addresses = node.stdout.readline()
                if not addresses:
                    raise RuntimeError("the network did not start: " + (node.stderr.read().decode()[-2000:] if node.stderr else ""))
            yield json.loads(addresses)
            node.stdin.close()
            node.wait(30)
        finally:
            node.kill()
            redis.terminate()
            redis.wait(10)
            postgres.terminate()
            postgres.wait(20)


def _postgres(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A server with pg_trgm, which the wheel that the tests use has not. It doesn't run as root."""
    other: dict[str, Any] = {}
    data = folder / "pg"
    data.mkdir()
    if os.getuid() == 0:
        person = pwd.getpwnam("postgres")
        folder.chmod(0o755)
        os.chown(data, person.pw_uid, person.pw_gid)
        other = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    subprocess.run(["initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"], check=True,
                   stdout=subprocess.DEVNULL, env=clean, cwd="/", **other)
    port = _free()
    server = subprocess.Popen(["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F", "-c", "max_connections=200"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean, cwd="/", **other)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    time.sleep(0.5)
    return server, f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _free() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class Person:
    """An account that acts by itself, over XRPC."""

    session: aiohttp.ClientSession
    pds: str
    handle: str
    did: str = ""
    token: str = ""

    async def call(self, method: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.post(f"{self.pds}/xrpc/{method}", json=body, headers=headers) as answer:
            assert answer.status == 200, (method, answer.status, await answer.text())
            return json.loads(await answer.read() or b"{}")

    async def join(self) -> None:
        made = await self.call("com.atproto.server.createAccount", handle=self.handle, password=PASSWORD,
                               email=f"{self.handle.partition('.')[0]}@example.invalid")
        self.did, self.token = made["did"], made["accessJwt"]

    async def say(self, text: str, reply: Any = None, mention: Person | None = None) -> Any:
        now = time.time()
        record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": text,
                                  "createdAt": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"}
        if reply is not None:
            record["reply"] = {"root": reply, "parent": reply}
        if mention is not None:
            at = text.encode().index(b"@" + mention.handle.encode())
            record["facets"] = [{"index": {"byteStart": at, "byteEnd": at + 1 + len(mention.handle)},
                                 "features": [{"$type": "app.bsky.richtext.facet#mention", "did": mention.did}]}]
        made = await self.call("com.atproto.repo.createRecord", repo=self.did, collection="app.bsky.feed.post", record=record)
        return {"uri": made["uri"], "cid": made["cid"]}

    async def unsay(self, ref: Any) -> None:
        await self.call("com.atproto.repo.deleteRecord", repo=self.did, collection="app.bsky.feed.post",
                        rkey=ref["uri"].rpartition("/")[2])


class Reader:
    """Polls as the collector does, and keeps every revision."""

    def __init__(self, connector: Bluesky, http: WebHttp) -> None:
        self.connector, self.http = connector, http
        self.cursor: Cursor = {}
        self.known: dict[str, Post] = {}
        self.polls = 0

    async def poll(self) -> None:
        more = True
        while more:
            batch = await self.connector.poll(self.http, json.loads(json.dumps(self.cursor)))
            assert not batch.damaged, batch.damaged
            self.cursor, more = batch.cursor, batch.more
            self.polls += 1
            self.known.update({post.native_id: post for post in batch.posts})

    async def until(self, what: str, true: Any, seconds: float = 20.0) -> float:
        began = time.monotonic()
        while True:
            await self.poll()
            if true():
                return time.monotonic() - began
            assert time.monotonic() - began < seconds, f"never saw: {what}; known: {sorted(p.text for p in self.known.values())}"
            await asyncio.sleep(0.3)

    def texts(self) -> set[str]:
        return {post.text for post in self.known.values() if post.deleted_at is None}


def made(**options: Any) -> Bluesky.Settings:
    """Settings as the config would give them."""
    return Bluesky.Settings.model_validate(options)


class Gate:
    """A TCP relay that can be cut: the firehose goes through it."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").rstrip("/").partition(":")
        self.host, self.port = host, int(port)
        self.open: set[asyncio.StreamWriter] = set()

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        self.server.close()
        for writer in list(self.open):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection(self.host, self.port)
        self.open |= {writer, out}
        await asyncio.gather(_pass(reader, out), _pass(there, writer), return_exceptions=True)
        self.open -= {writer, out}


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def everything(addresses: dict[str, str], posts: int) -> dict[str, Any]:
    """Five people's posts, replies, mentions, new versions and deletes; the firehose cut; an answer given."""
    measured: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session, WebHttp(timeout=20) as http:
        office, *people = (Person(session, addresses["pds"], handle) for handle in (OFFICE, *PEOPLE))
        for one in (office, *people):
            await one.join()
        gate = Gate(addresses["pds"])
        stream = await gate.start()
        connector = Bluesky("kala", made(
            handle=OFFICE, app_password=PASSWORD, accounts=(*PEOPLE, OFFICE), service=addresses["pds"],
            stream=f"{stream}/xrpc/com.atproto.sync.subscribeRepos"))
        reader = Reader(connector, http)
        root = await office.say("Бүгін жөндеу жұмыстары басталды")
        await reader.until("our own post", lambda: "Бүгін жөндеу жұмыстары басталды" in reader.texts())
        own = reader.known[root["uri"]]
        assert own.author.display == f"@{OFFICE}", own.author

        said: set[str] = set()
        replies, mentions = {}, {}
        for n in range(posts):
            for m, one in enumerate(people):
                text = f"Көшеде жарық жоқ {n}.{m}"
                await one.say(text)
                said.add(text)
        for m, one in enumerate(people):
            replies[m] = await one.say(f"Қашан бітеді? {m}", reply=root)
            mentions[m] = await one.say(f"@{OFFICE} су жоқ {m}", mention=office)
            said |= {f"Қашан бітеді? {m}", f"@{OFFICE} су жоқ {m}"}
        measured["arrived_s"] = round(await reader.until("all posts", lambda: said <= reader.texts()), 2)
        measured["posts"] = len(said)
        heard = reader.known[replies[0]["uri"]]
        assert (heard.in_reply_to, heard.in_reply_to_account) == (root["uri"], f"@{OFFICE}"), heard
        assert reader.known[mentions[1]["uri"]].mentions == (f"@{OFFICE}",)

        gone = [replies[0], mentions[1]]
        await people[0].unsay(replies[0])
        await people[0].say("Қашан бітеді? Толстой 12", reply=root)
        await people[1].unsay(mentions[1])
        connector.poll_every = 0.5  # type: ignore[misc]  # so that all recent posts are asked again within seconds
        measured["deleted_s"] = round(await reader.until("the deletes", lambda: all(
            reader.known[ref["uri"]].deleted_at for ref in gone) and "Қашан бітеді? Толстой 12" in reader.texts()), 2)
        assert not [p.text for p in reader.known.values() if p.deleted_at and p.native_id not in {r["uri"] for r in gone}]

        bell = asyncio.create_task(connector.doorbell())
        await asyncio.sleep(1.0)
        assert not bell.done(), bell
        began = time.monotonic()
        await people[2].say("Тағы да жарық жоқ")
        await asyncio.wait_for(bell, 10)
        measured["bell_s"] = round(time.monotonic() - began, 2)
        await reader.until("the post that rang", lambda: "Тағы да жарық жоқ" in reader.texts())

        bell = asyncio.create_task(connector.doorbell())
        await asyncio.sleep(0.5)
        await gate.cut()
        assert isinstance((await asyncio.gather(bell, return_exceptions=True))[0], Exception)
        while_cut = {f"Үзіліс кезінде {n}" for n in range(30)}
        for text in sorted(while_cut):
            await people[3].say(text, reply=root)
        measured["after_cut_s"] = round(await reader.until("what came while cut", lambda: while_cut <= reader.texts()), 2)

        back = await connector.answer(http, reader.known[mentions[0]["uri"]], "Сегодня к 18:00. https://akimat.example/1")
        await reader.until("our answer", lambda: back in reader.known)
        assert reader.known[back].links == ("https://akimat.example/1",)
        assert reader.known[back].in_reply_to == mentions[0]["uri"]
        try:
            await connector.answer(http, reader.known[gone[0]["uri"]], "Бітті")
        except CannotAnswer as e:
            measured["answer_to_deleted"] = str(e)
        wrong = Bluesky("kala", made(handle=OFFICE, app_password="wrong", service=addresses["pds"]))
        try:
            await wrong.poll(http, {})
            raise AssertionError("a wrong password passed")
        except AuthError as e:
            measured["wrong_password"] = str(e)[:120]
        step = {"since": "2020-01-01T00:00:00+00:00", "until": "2100-01-01T00:00:00+00:00"}
        found: set[str] = set()
        fresh = Bluesky("kala", made(accounts=PEOPLE, public=addresses["appview"]))
        more = True
        while more:
            batch = await fresh.backfill(http, step)
            found |= {post.text for post in batch.posts}
            step, more = dict(batch.cursor), batch.more
        assert said - {"Қашан бітеді? 0", f"@{OFFICE} су жоқ 1"} <= found
        measured["backfilled"] = len(found)
        measured["polls"] = reader.polls
    return measured


async def limited(addresses: dict[str, str]) -> dict[str, Any]:
    """Ask until the PDS refuses, in earnest."""
    async with aiohttp.ClientSession() as session, WebHttp(timeout=20) as http:
        office = Person(session, addresses["pds"], OFFICE)
        await office.join()
        for n in range(1, 400):
            connector = Bluesky("kala", made(handle=OFFICE, app_password=PASSWORD, service=addresses["pds"]))
            try:
                await connector.poll(http, {})
            except RateLimited as e:
                return {"limited_after": n, "retry_after": round(e.retry_after, 1), "said": str(e)[:160]}
    raise AssertionError("no 429")


def main(argv: list[str]) -> int:
    """Print what arrived, and when, as JSON."""
    parser = argparse.ArgumentParser(prog="bench bluesky", description=__doc__)
    parser.add_argument("--posts", type=int, default=30, help="posts of each of the five")
    args = parser.parse_args(argv)
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    began = time.monotonic()
    with network() as addresses:
        print(json.dumps({"network_ready_s": round(time.monotonic() - began, 1)}), flush=True)
        print(json.dumps(asyncio.run(everything(addresses, args.posts)), ensure_ascii=False), flush=True)
    with network(rate_limits=True) as addresses:
        print(json.dumps(asyncio.run(limited(addresses)), ensure_ascii=False))
    return 0
