"""The runner: what follows from each way a source can fare. Real server, real database, time in the test's hands."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import HttpUrl, SecretStr
from sqlalchemy import event as sa_event
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Inbound, Limit, Refused
from connectors.errors import AuthError, BadPayload, RateLimited, Transient
from connectors.rss import Rss
from connectors.telegram import Telegram
from monitor import collect
from monitor.collect import Clock, Collector
from monitor.core.post import Post
from monitor.http import WebHttp
from monitor.limits import Limiter
from monitor.store.engine import Database
from monitor.store.posts import Stored
from monitor.store.sources import switch_off
from monitor.store.tables import allowance, damaged, event, hole, inbound, unjudged
from monitor.store.tables import post as post_table
from monitor.store.tables import source as source_table

START = datetime(2026, 3, 1, 7, tzinfo=UTC)


@dataclass
class Hands:
    """Time that passes when somebody waits."""

    at: datetime = START
    passed: float = 0.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, monotonic=lambda: self.passed, sleep=self.sleep, jitter=lambda _low, high: high)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)
        self.passed += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Config:
    name: str = "kala"
    network: str = "rss"
    home: str | None = "551000000"
    every: float | None = 60.0
    keep_raw: bool = False


class Site:
    """A feed whose answers the test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.items: list[str] = []
        self.body: bytes | None = None
        self.asked: list[dict[str, str]] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append({k.lower(): v for k, v in request.headers.items()})
        body = self.body if self.body is not None else (
            "<rss version='2.0'><channel><title>t</title>" + "".join(self.items) + "</channel></rss>").encode()
        etag = f'"{len(body)}"'
        if self.status == 200 and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(status=self.status, body=body, headers={"ETag": etag, **self.headers})

    def say(self, native_id: str, text: str, date: str = "Sun, 01 Mar 2026 06:00:00 GMT") -> None:
        self.items.insert(0, f"<item><guid>urn:{native_id}</guid><description>{text}</description><pubDate>{date}</pubDate></item>")


@asynccontextmanager
async def running(handler: Any) -> AsyncIterator[str]:
    app = web.Application(client_max_size=50_000_000)
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    async with running(made.serve) as made.url:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[WebHttp]:
    async with WebHttp(timeout=5) as made:
        yield made


def collector(db: Database, site: Site, http: Http, hands: Hands, config: Config = Config(),
              on_stored: Callable[[Stored], None] | None = None) -> Collector:
    return Collector(db, config, Rss(config.name, Rss.Settings(url=HttpUrl(site.url + "/feed"))), http,
                     clock=hands.clock(), on_stored=on_stored)


def row(db: Database, name: str = "kala") -> Any:
    with db.reading() as c:
        return c.execute(select(source_table).where(source_table.c.name == name)).one()


def everything(db: Database, table: Any) -> list[Any]:
    with db.reading() as c:
        return list(c.execute(select(table).order_by(table.c.id if "id" in table.c else table.c.post_id)))


async def test_posts_cursor_and_state_are_stored_together(db: Database, site: Site, http: WebHttp) -> None:
    hands, told = Hands(), list[Stored]()
    site.say("1", "Жарық жоқ")
    one = collector(db, site, http, hands, on_stored=told.append)
    assert await one.once() == 60.0
    (stored,) = everything(db, post_table)
    assert (stored.text, stored.source, stored.home, stored.collected_at) == ("Жарық жоқ", "kala", "551000000", START)
    assert [r.post_id for r in everything(db, unjudged)] == [stored.id]
    known = row(db)
    assert (known.state, known.posts, known.last_ok_at, known.last_post_at) == ("up", 1, START, START)
    assert known.next_poll_at == START + timedelta(seconds=60)
    assert known.cursor["etag"]
    assert [t.ids for t in told] == [(stored.id,)]


async def test_a_restart_goes_on_where_the_last_run_stood(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    site.say("1", "Жарық жоқ")
    await collector(db, site, http, hands).once()
    await hands.sleep(20)
    again = collector(db, site, http, hands)
    task = asyncio.create_task(again.run())
    while len(site.asked) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert hands.waits[1] == 40.0                           # what was left of the minute
    assert site.asked[1]["if-none-match"] == row(db).cursor["etag"]
    assert len(everything(db, post_table)) == 1


async def test_an_edit_is_a_revision_and_a_repeat_is_nothing(db: Database, site: Site, http: WebHttp) -> None:
    one = collector(db, site, http, Hands())
    site.say("1", "Жарық жоқ")
    await one.once()
    await one.once()
    site.items = []
    site.say("1", "Жарық екі күн жоқ")
    await one.once()
    assert [(r.revision, r.text) for r in everything(db, post_table)] == [(0, "Жарық жоқ"), (1, "Жарық екі күн жоқ")]


async def test_an_outage_is_one_line_down_one_line_back_and_a_hole(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    with capture_logs() as lines:
        await hands.sleep(await one.once() or 0)
        last_heard = row(db).last_ok_at
        site.status = 502
        waits = []
        for _ in range(12):
            waits.append(await one.once() or 0)
            await hands.sleep(waits[-1])
        assert row(db).state == "down"
        assert row(db).failures == 12
        assert "502" in row(db).reason
        assert everything(db, hole)[0].until is None
        site.status = 200
        site.say("1", "Оралды")
        await one.once()
    assert waits[:4] == [15.0, 30.0, 60.0, 60.0]
    assert waits[4:] == [max(60.0, sum(waits[:n]) / 4) for n in range(4, 12)]   # back within a quarter of the time it was down
    assert max(waits) > 60
    assert [(line["log_level"], line["event"]) for line in lines] == [("warning", "source is down"), ("info", "source is back")]
    assert lines[1]["after_seconds"] == round(sum(waits))
    (gap,) = everything(db, hole)
    assert (gap.since, gap.until, "502" in gap.reason) == (last_heard, hands.at, True)
    assert (row(db).state, row(db).failures, row(db).reason) == ("up", 0, None)
    assert [r.ref for r in everything(db, event) if r.kind == "source"] == ["kala"] * 3     # first heard, down, back


async def test_the_backoff_has_full_jitter() -> None:
    """Sources that fail together must not come back together: anywhere up to the bound."""
    asked = []
    clock = replace(Hands().clock(), jitter=lambda low, high: asked.append((low, high)) or 0.3 * high)
    from typing import cast
    made = Collector(cast(Database, None), Config(every=10.0), Rss("a", Rss.Settings(url=HttpUrl("http://h"))),
                     cast(Http, None), clock=clock)
    assert [made._backoff(), asked[-1]] == [0.75, (0.0, 2.5)]


async def test_retry_after_is_obeyed_to_the_second(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    site.status, site.headers = 429, {"Retry-After": "1234"}
    with capture_logs() as lines:
        assert await one.once() == 1234.0
        assert await one.once() == 1234.0
    assert len(lines) == 1
    assert (row(db).state, row(db).next_poll_at) == ("waiting", START + timedelta(seconds=1234))
    later = Hands(at=START + timedelta(seconds=200))
    again = collector(db, site, http, later)
    site.status = 200
    task = asyncio.create_task(again.run())
    while len(site.asked) < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert later.waits[0] == 1034.0                         # also after a restart


async def test_a_refusal_is_said_once_and_asked_again_ever_more_slowly(db: Database, site: Site, http: WebHttp) -> None:
    """One passing 403 must not end a source for ever, and a revoked token must not be tried every minute."""
    hands = Hands()
    one = collector(db, site, http, hands)
    site.status = 403
    with capture_logs() as lines:
        assert [await one.once() for _ in range(6)] == [3600.0 * n for n in (1, 2, 4, 8, 16, 24)]
    assert len(lines) == 1
    assert "refuses us" in lines[0]["event"]
    assert one.refused
    assert (row(db).state, row(db).next_poll_at) == ("refused", hands.at + timedelta(hours=24))
    site.status = 200
    await one.once()
    assert row(db).state == "up"
    assert not one.refused
    site.status = 401
    assert await one.once() == 3600.0


async def test_a_source_with_little_news_is_asked_less_often_unless_the_config_says_how_often(
        db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    free = collector(db, site, http, hands, Config(every=None))
    assert free.every == 300.0
    for hour in range(24 * 8):
        site.say(str(hour), f"жазба {hour}") if hour % 4 == 0 else None
        await free.once()
        hands.at += timedelta(hours=1)
        hands.passed += 3600
    again = collector(db, site, http, hands, Config(every=None))
    await again.once()
    assert again.every == 900.0                               # 42 arrivals a week: hours apart, but never slower than this
    assert row(db).every == 900.0
    assert collector(db, site, http, hands).every == 60.0


async def test_what_cannot_be_read_is_kept_aside_and_the_cursor_stays(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    site.say("1", "Жарық жоқ")
    await one.once()
    before = row(db).cursor
    site.body = b"<html>We are moving</html>"
    with capture_logs() as lines:
        for _ in range(3):
            assert (await one.once() or 0) >= 60.0
    assert [line["log_level"] for line in lines] == ["warning"]
    (aside,) = everything(db, damaged)
    assert (aside.payload, aside.source) == (site.body, "kala")
    assert (row(db).cursor, row(db).state) == (before, "damaged")


async def test_a_bug_in_a_connector_stops_nobody_and_shows_where(db: Database, site: Site, http: WebHttp) -> None:
    class Broken(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            raise KeyError("token=s3cr3t-token")

    hands = Hands()
    one = Collector(db, Config(), Broken("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=hands.clock(),
                    secrets=["s3cr3t-token"])
    with capture_logs() as lines:
        assert (await one.once() or 0) >= 60.0
    assert row(db).state == "down"
    assert "KeyError" in lines[0]["traceback"]
    assert "s3cr3t" not in str(lines)


async def test_a_post_of_ten_megabytes_and_one_without_text(db: Database, site: Site, http: WebHttp) -> None:
    site.say("long", "Жарық жоқ " * 550_000)
    site.items.append("<item><guid>urn:photo</guid><enclosure url='http://h/1.jpg' type='image/jpeg' length='1'/></item>")
    await collector(db, site, http, Hands()).once()
    stored = {r.native_id: r for r in everything(db, post_table)}
    assert len(stored["urn:long"].text) == 1_000_000
    assert (stored["urn:photo"].text, stored["urn:photo"].extra) == ("", {"media": ["http://h/1.jpg"]})
    assert stored["urn:photo"].published_at == START         # without a time of its own: when we saw it


async def test_the_clock_may_go_backwards(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    site.say("1", "бір")
    await one.once()
    hands.at -= timedelta(days=400)
    site.say("2", "екі")
    assert await one.once() == 60.0
    assert len(everything(db, post_table)) == 2
    with db.begin() as c:                                    # written under a clock that ran ahead
        c.execute(update(source_table).values(next_poll_at=hands.at + timedelta(days=900)))
    again = collector(db, site, http, hands)
    hands.waits.clear()
    task = asyncio.create_task(again.run())
    while len(site.asked) < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert hands.waits[0] == 0.0


async def test_time_we_were_not_running_is_a_hole(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    await collector(db, site, http, hands).once()
    hands.at += timedelta(hours=5)
    again = collector(db, site, http, hands)
    await again.once()
    (gap,) = everything(db, hole)
    assert (gap.since, gap.until, gap.reason) == (START, hands.at, "Qulaq was not running")


async def test_a_source_that_left_the_config_is_off(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    site.status = 500
    await one.once()
    with db.begin() as c:
        switch_off(c, ["another"], hands.at)
    assert row(db).state == "off"
    assert everything(db, hole)[0].until is not None


async def test_a_name_given_to_another_network_starts_anew(db: Database, site: Site, http: WebHttp) -> None:
    await collector(db, site, http, Hands()).once()
    assert row(db).cursor
    other = Collector(db, Config(network="telegram"), Rss("kala", Rss.Settings(url=HttpUrl(site.url))), http,
                      clock=Hands().clock())
    assert (await other._start()).cursor == {}


@pytest.fixture
def sqlite_db(tmp_path: Any) -> AsyncIterator[Database] | Any:
    from monitor.store.tables import metadata
    made = Database(f"sqlite:///{tmp_path}/q.db")
    metadata.create_all(made.engine)
    yield made
    made.close()


async def test_a_full_disk_loses_nothing(sqlite_db: Database, site: Site, http: WebHttp) -> None:
    """max_page_count makes SQLite say "database or disk is full", as it does when the disk is."""
    hands, room = Hands(), {"pages": 1}

    @sa_event.listens_for(sqlite_db.engine, "checkout")
    def _limit(raw: Any, _record: Any, _proxy: Any) -> None:
        raw.execute(f"PRAGMA max_page_count={room['pages']}")

    one = collector(sqlite_db, site, http, hands)
    room["pages"] = 4_000_000
    await one.once()
    room["pages"] = 1
    site.say("1", "Жарық жоқ " * 20_000)
    with capture_logs() as lines:
        task = asyncio.create_task(one.once())
        while len(hands.waits) < 3:
            await asyncio.sleep(0.01)
        assert everything(sqlite_db, post_table) == []
        room["pages"] = 4_000_000
        await task
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("error", "the database refuses to write; what came waits and is not lost"), ("info", "the database writes again")]
    assert "full" in lines[0]["reason"]
    assert len(everything(sqlite_db, post_table)) == 1
    assert len(site.asked) == 2                              # what was polled waited in memory


async def test_a_locked_database_loses_nothing(sqlite_db: Database, site: Site, http: WebHttp) -> None:
    @sa_event.listens_for(sqlite_db.engine, "checkout")
    def _impatient(raw: Any, _record: Any, _proxy: Any) -> None:
        raw.execute("PRAGMA busy_timeout=20")

    hands = Hands()
    one = collector(sqlite_db, site, http, hands)
    site.say("1", "Жарық жоқ")
    other = sqlite3.connect(sqlite_db.engine.url.database or "", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with capture_logs() as lines:
        task = asyncio.create_task(one.once())
        while len(hands.waits) < 3:
            await asyncio.sleep(0.01)
        other.execute("COMMIT")
        other.close()
        await task
    assert len(everything(sqlite_db, post_table)) == 1
    assert [line["log_level"] for line in lines] == ["error", "info"]
    assert "locked" in lines[0]["reason"]


async def test_a_post_that_the_database_refuses_is_kept_aside_and_the_others_are_stored(
        db: Database, site: Site, http: WebHttp) -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]

    class Deep(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            posts = [Post("rss", "kala", str(n), f"жазба {n}", START) for n in range(5)]
            return Batch((*posts[:2], replace(posts[2], raw={"x": deep}), *posts[3:]), {"n": 1})

    one = Collector(db, Config(keep_raw=True), Deep("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=Hands().clock())
    await one.once()
    assert [r.native_id for r in everything(db, post_table)] == ["0", "1", "3", "4"]
    assert "жазба 2" in everything(db, damaged)[0].payload.decode()
    assert row(db).cursor == {"n": 1}


async def test_a_limit_of_no_seconds_or_for_ever_is_neither(db: Database, http: WebHttp, site: Site) -> None:
    """Retry-After: 0 again and again would ask without pause; a wait beyond the calendar would end the program."""
    hands, waits = Hands(), [0.0, float("inf"), float("nan"), 1e15, 90.0]

    class Limiting(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            raise RateLimited("no", waits.pop(0))

    one = Collector(db, Config(), Limiting("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=hands.clock())
    assert [await one.once() for _ in range(5)] == [1.0, 30 * 86400.0, 1.0, 30 * 86400.0, 90.0]


async def test_what_is_no_unicode_in_a_cursor_or_a_message_stops_nothing(db: Database, http: WebHttp, site: Site) -> None:
    """aiohttp gives undecodable header bytes, and json an escaped half of an emoji, as lone surrogates."""
    class Odd(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            return Batch((Post("rss", "kala", "1", "а\ud83d", START),), {"etag": "\udcff"}, (Inbound("1", {"text": "\ud83d"}),))

    one = Collector(db, Config(), Odd("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=Hands().clock())
    await one.once()
    assert row(db).state == "up"
    assert len(everything(db, post_table)) == len(everything(db, inbound)) == 1


async def test_a_server_whose_tag_is_no_text_is_asked_again(db: Database, site: Site, http: WebHttp) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<rss version='2.0'><channel><item><guid>urn:1</guid><title>a</title></item></channel></rss>"
        writer.write(b"HTTP/1.1 200 OK\r\nETag: \"\xff\xfe\"\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    one = collector(db, site, http, Hands())
    for _ in range(2):
        await one.once()
        assert row(db).state == "up"
    server.close()


async def test_a_cursor_that_is_no_json_is_a_bug_of_one_source(db: Database, site: Site, http: WebHttp) -> None:
    class Wrong(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            return Batch((), {"n": object()})

    one = Collector(db, Config(), Wrong("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=Hands().clock())
    with capture_logs() as lines:
        assert await one.once() is not None
    assert "bug" in lines[0]["event"]
    assert row(db).state == "down"


async def test_what_is_unreadable_on_a_page_read_again_is_said_once(db: Database, site: Site, http: WebHttp) -> None:
    class Page(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            return Batch((), {}, damaged=(Damaged("one", b"1"), Damaged("two", b"2")))

    one = Collector(db, Config(), Page("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=Hands().clock())
    with capture_logs() as lines:
        for _ in range(5):
            await one.once()
    assert [line["reason"] for line in lines] == ["one", "two"]
    assert len(everything(db, damaged)) == 2


async def test_unchanged_since_a_reading_that_never_was_alarms(db: Database, site: Site, http: WebHttp) -> None:
    site.status = 304
    one = collector(db, site, http, Hands())
    await one.once()
    assert (row(db).state, row(db).last_ok_at) == ("damaged", None)


async def test_posts_and_messages_for_the_bots_of_one_poll(db: Database, http: WebHttp) -> None:
    """One unreadable update holds nobody up, and the offset is confirmed only by the poll after the commit."""
    user = {"id": 5, "is_bot": False, "first_name": "Тұрғын"}
    updates = [
        {"update_id": 7, "message": {"message_id": 1, "date": 1772349330, "from": user, "text": "Во дворе темно",
                                     "chat": {"id": -100, "type": "supergroup", "title": "т"}}},
        {"update_id": 8, "message": {"message_id": "?", "date": "yesterday"}},
        {"update_id": 9, "callback_query": {"id": "1", "from": user, "chat_instance": "1", "data": "accept:1"}}]
    asked = []

    async def serve(request: web.Request) -> web.Response:
        asked.append((await request.json()).get("offset"))
        with db.reading() as c:
            asked.append(c.execute(select(func.count()).select_from(inbound)).scalar_one())
        left = [u for u in updates if u["update_id"] >= (asked[-2] or 0)]  # type: ignore[operator]
        return web.json_response({"ok": True, "result": left})

    async with running(serve) as url:
        bot = Telegram("bot", Telegram.Settings(token=SecretStr("1:x"), api_url=HttpUrl(url), long_poll=0))
        one = Collector(db, Config(name="bot", network="telegram", every=None), bot, http, clock=Hands().clock())
        with capture_logs() as lines:
            await one.once()
            await one.once()
    assert asked == [None, 0, 10, 1]
    assert [r.text for r in everything(db, post_table)] == ["Во дворе темно"]
    assert [(r.source, r.key, r.payload["callback_query"]["data"]) for r in everything(db, inbound)] == [("bot", "9", "accept:1")]
    assert json.loads(everything(db, damaged)[0].payload)["update_id"] == 8
    assert [line["event"] for line in lines] == ["unreadable, kept aside"]


async def test_a_doorbell_ends_the_wait_and_rings_are_coalesced(
        db: Database, site: Site, http: WebHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "BELL_GAP", 0.2)
    polls: list[float] = []

    class Ringing:
        name = "rss"
        poll_every = 60.0
        max_requests_per_poll = 0
        Settings = ConnectorSettings

        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            polls.append(asyncio.get_running_loop().time())
            return Batch((), {"n": len(polls)})

        async def doorbell(self) -> None:
            await asyncio.sleep(0.01)                        # rings a hundred times a second

    one = Collector(db, Config(), Ringing(), http)  # type: ignore[arg-type]
    task = asyncio.create_task(one.run())
    await asyncio.sleep(1.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 3 <= len(polls) <= 6
    assert min(b - a for a, b in itertools.pairwise(polls)) >= 0.2


async def test_an_order_to_wait_holds_for_every_source_of_the_account_and_is_shown(
        db: Database, site: Site, http: WebHttp) -> None:
    class Shared(Rss):
        account = "one"
        limits = (Limit("app", 100, 3600, ""),)

    hands = Hands()
    limiter = Limiter(db, lambda: hands.at)
    both = [Collector(db, Config(name=name), Shared(name, Rss.Settings(url=HttpUrl(site.url))), http, clock=hands.clock(),
                      limiter=limiter) for name in ("kala", "audan")]
    site.status, site.headers = 429, {"Retry-After": "500"}
    assert await both[0].once() == 500.0
    hands.at += timedelta(seconds=100)
    site.status = 200
    assert await both[1].once() == 400.0                     # not asked
    assert len(site.asked) == 1
    assert row(db, "audan").state == "waiting"
    assert "HTTP 429" in row(db, "audan").reason
    hands.at += timedelta(seconds=400)
    assert await both[1].once() == 60.0
    assert row(db, "audan").state == "up"


async def test_a_used_up_limit_delays_a_poll_and_only_a_long_wait_is_an_outage(db: Database, site: Site, http: WebHttp) -> None:
    class Scarce(Rss):
        account = "one"
        limits = (Limit("app", 3, 600, ""),)

    hands = Hands()
    one = Collector(db, Config(), Scarce("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=hands.clock(),
                    limiter=Limiter(db, lambda: hands.at))
    for _ in range(3):
        assert await one.once() == 60.0
        hands.at += timedelta(seconds=60)
    wait = await one.once()
    assert 400 < wait < 480
    assert (row(db).state, len(site.asked)) == ("waiting", 3)
    assert "'app' (3 in 600 s) is used up" in row(db).reason
    hands.at += timedelta(seconds=wait - 5)
    assert 5 <= await one.once() < 6                          # a little later, and no news of it
    hands.at += timedelta(seconds=6)
    await one.once()
    assert row(db).state == "up"


async def test_rhythm_lag_and_silence_are_learnt_from_what_arrives(db: Database, site: Site, http: WebHttp) -> None:
    hands = Hands()
    one = collector(db, site, http, hands)
    for minute in range(4):
        await one.once()
        hands.at += timedelta(minutes=5)
        site.say(str(minute), "су жоқ", (hands.at - timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT"))
    await one.once()
    assert row(db).lag == 30.0
    assert sum(row(db).rhythm["hours"]) == pytest.approx(4, abs=0.01)


async def test_a_part_that_is_refused_is_a_hole_of_its_own_told_once_and_the_rest_goes_on(db: Database, site: Site, http: WebHttp) -> None:
    closed = [Refused("comments:7", "403 no permission")]

    class Parted(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            return replace(await super().poll(http, cursor), refused=tuple(closed))

    hands = Hands()
    one = Collector(db, Config(), Parted("kala", Rss.Settings(url=HttpUrl(site.url))), http, clock=hands.clock())
    with capture_logs() as lines:
        for n in range(3):
            site.say(str(n), "су жоқ")
            await hands.sleep(await one.once())
        closed.clear()
        await one.once()
    assert row(db).state == "up"
    assert row(db).posts == 3
    (gap,) = everything(db, hole)
    assert (gap.part, gap.reason, gap.since, gap.until) == ("comments:7", "403 no permission", START, START + timedelta(seconds=180))
    assert [line["event"] for line in lines if "part" in line] == [
        "a part of the source is refused; the rest is read", "a part of the source is read again"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_secret_in_what_a_connector_says_reaches_neither_log_nor_database(db: Database, http: WebHttp) -> None:
    secret = "s3cret-t0ken"
    said = [kind(f"the server says {secret}") for kind in (AuthError, Transient, BadPayload)]
    answers: list[Any] = [*said, RateLimited(f"wait, {secret}", 5), Batch(
        (), {"n": 1}, damaged=(Damaged(f"no post: {secret}", b"<"),), refused=(Refused("comments:7", f"403 {secret}"),))]

    class Chatty(Rss):
        async def poll(self, http: Http, cursor: Cursor) -> Batch:
            found = answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

    hands = Hands()
    one = Collector(db, Config(), Chatty("kala", Rss.Settings(url=HttpUrl("http://h"))), http, clock=hands.clock(), secrets=[secret],
                    limiter=Limiter(db, lambda: hands.at))
    with capture_logs() as lines:
        for _ in range(5):
            await hands.sleep(await one.once())
    assert len(lines) == 7                      # four failures, unreadable, refused, back
    with db.reading() as c:
        tables = [list(c.execute(select(table))) for table in (source_table, hole, damaged, event, allowance)]
    assert all(tables)
    assert secret not in repr((lines, tables))
