"""Committed events reach those who watch: none lost, encoded once, in everybody's own rights and language."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import insert, update
from web_scene import NOW, a_post, a_verdict, one, put_people, put_sources, say, take_in

from monitor.live import Event, Live, MissedTooMuchError
from monitor.store.engine import Database
from monitor.store.tables import event, source
from monitor.web import stream
from ticketing import people
from ticketing.tables import ticket

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Following:
    """One connection to /api/v1/events, read as a browser reads it."""

    def __init__(self, answer) -> None:
        self.answer, self.last, self.got = answer, "", []
        self._rest = b""

    async def more(self, seconds: float = 3.0, *, until=None) -> list[tuple[str, dict]]:
        """What comes within so many seconds, or until `until(event, data)` is true of one."""
        got = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    chunk = await self.answer.content.readany()
                    if not chunk:
                        return got
                    self._rest += chunk
                    while b"\n\n" in self._rest:
                        block, self._rest = self._rest.split(b"\n\n", 1)
                        name, data = "message", None
                        for line in block.decode().split("\n"):
                            field, _, value = line.partition(": ")
                            if field == "id":
                                self.last = value
                            elif field == "event":
                                name = value
                            elif field == "data":
                                data = json.loads(value)
                        if data is not None:
                            got.append((name, data))
                            if until and until(name, data):
                                return got
        except TimeoutError:
            return got


@asynccontextmanager
async def follow(browser, query: str = "", last: str = ""):
    headers = {"Last-Event-ID": last} if last else {}
    answer = await browser.client.get(f"/api/v1/events{query}", headers=headers)
    assert answer.status == 200 and answer.content_type == "text/event-stream"
    try:
        yield Following(answer)
    finally:
        answer.close()


def rows(got) -> list[int]:
    return [data["post"] for name, data in got if name == "row"]


async def test_a_new_post_arrives_as_the_row_the_page_shows(browse, db, service, morning, clock):
    control = await browse("control")
    async with follow(control, "?view=feed") as feed:
        id_ = await asyncio.to_thread(one, db, service, "new", "Павлодар әкімі, Абай көшесінде шұңқыр бар", clock.now)
        got = await feed.more(until=lambda name, data: name == "row" and data["post"] == id_)
    html = got[-1][1]["html"].strip()
    page = await control.page("/")
    assert html in page, "server and live rows come from one template"
    assert got[-1][1]["urgent"] is False and "ӘЖ-551-2026-000008" in html




async def test_a_killed_connection_loses_nothing(browse, db, service, staff, clock):
    control = await browse("control")
    ids: list[int] = []
    seen: set[int] = set()
    last = ""

    async def write(count: int) -> None:
        for _ in range(count):
            ids.append(await asyncio.to_thread(one, db, service, f"k{len(ids)}", f"Павлодар әкімі, {len(ids)}-үйге су жоқ",
                                               clock.now))

    async with follow(control) as feed:
        await write(1)
        await feed.more(until=lambda name, data: name == "post")
        last = feed.last
    for cut in range(5):
        await write(2)                                      # while nobody listens ...
        await asyncio.sleep(0.7)                            # ... and the server has looked past them
        writing = asyncio.create_task(write(6))             # while somebody does, until the line is cut at any byte
        async with follow(control, last=last) as feed:
            got = await feed.more(0.15 + cut * 0.07)
            last = feed.last or last
        seen |= {data["id"] for name, data in got if name == "post"}
        await writing
    async with follow(control, last=last) as feed:
        got = await feed.more(1.5)
        seen |= {data["id"] for name, data in got if name == "post"}
    assert len(ids) == 41 and seen >= set(ids[1:])


async def test_what_another_process_commits_shows_too(browse, db, database_url, service, staff, clock):
    other = Database(database_url)
    try:
        async with follow(await browse("control"), "?view=feed") as feed:
            id_ = await asyncio.to_thread(one, other, service, "o", "Павлодар әкімі, аулада жарық жоқ", clock.now)
            got = await feed.more(until=lambda name, data: name == "row")
        assert rows(got) == [id_]
    finally:
        other.close()


async def test_a_lower_id_that_commits_late_is_not_missed(db):
    if db.engine.dialect.name == "sqlite":
        return                                   # one writer: ids are committed in their order
    live = Live(db, tick=0.02, poll=0.1)
    running = asyncio.create_task(live.run())
    got: list[int] = []

    async def encode(events) -> bytes:
        got.extend(e.id for e in events)
        return b""

    try:
        say(db, "post", "1")
        await live.subscribe("a", encode, None)
        with db.engine.begin() as slow:
            low = slow.execute(insert(event).values(at=NOW, kind="post", ref="2").returning(event.c.id)).scalar_one()
            say(db, "post", "3")
            await asyncio.sleep(0.4)
            assert got == [low + 1]
        await asyncio.sleep(0.4)
        assert got == [low + 1, low]
        resumed: list[Event] = []

        async def again(events) -> bytes:
            resumed.extend(events)
            return b"x"

        await live.subscribe("b", again, low + 1)
        assert low in [e.id for e in resumed], "one who resumes behind the higher id gets the lower one again"
    finally:
        running.cancel()


@one_database
async def test_one_encoding_serves_all_who_are_alike(db):
    live = Live(db, tick=0.02, poll=0.1)
    running = asyncio.create_task(live.run())
    encoded = []

    def encoder(name: str):
        async def encode(events) -> bytes:
            encoded.extend((name, e.ref) for e in events)
            return f"{name}{[e.ref for e in events]}".encode()
        return encode

    try:
        readers = [(await live.subscribe(key, encoder(key), None))[0] for key in ("kk", "kk", "kk", "ru")]
        say(db, "post", "7")
        chunks = [await asyncio.wait_for(r.next(), 2) for r in readers]
        assert sorted(encoded) == [("kk", "7"), ("ru", "7")]
        assert chunks[0] is chunks[1] is chunks[2]
    finally:
        running.cancel()


@one_database
async def test_a_slow_reader_is_dropped_and_told_to_reload_and_holds_up_nobody(db):
    live = Live(db, tick=0.01, poll=0.05, backlog=3)
    running = asyncio.create_task(live.run())

    async def encode(events) -> bytes:
        return b"".join(e.ref.encode() for e in events)

    try:
        slow, _ = await live.subscribe("x", encode, None)
        quick, _ = await live.subscribe("x", encode, None)
        got = b""
        for n in range(8):
            say(db, "post", str(n))
            got += await asyncio.wait_for(quick.next(), 2)
        assert got == b"01234567"
        with pytest.raises(MissedTooMuchError):
            await slow.next()
    finally:
        running.cancel()


@one_database
@pytest.mark.parametrize("after", [10_000, 1])
async def test_one_who_was_away_too_long_or_saw_another_database_reloads(db, after):
    for n in range(40):
        say(db, "post", str(n))
    live = Live(db, resume=10)
    live_later = {10_000: live, 1: Live(db, resume=-30)}[after]

    async def encode(events) -> bytes:
        return b"x"

    with pytest.raises(MissedTooMuchError):
        await live_later.subscribe("x", encode, after)
    assert live_later.readers == 0


@one_database
@pytest.mark.parametrize("last", ["99999999999999999999999", "999999999999999999", "-5", "abc", "1e9"])
async def test_an_id_that_is_none_of_ours_means_reload_not_from_now_on(browse, staff, last):
    async with follow(await browse("control"), "?view=feed", last) as feed:
        assert await feed.more(2) == [("reload", {})]


@one_database
async def test_a_flood_is_counted_not_painted(browse, db, service, staff, clock, monkeypatch):
    monkeypatch.setattr(stream, "MANY", 5)
    async with follow(await browse("control"), "?view=feed") as feed:
        def flood() -> None:
            take_in(db, service, [(a_post(f"f{n}", f"Павлодар әкімі, {n}-ші үйде газ жоқ", clock.now), a_verdict("x"))
                                  for n in range(30)], clock.now)
        await asyncio.to_thread(flood)
        got = await feed.more(until=lambda name, data: name == "many")
    assert got[-1][1]["count"] == 30


@one_database
async def test_a_date_that_passes_turns_the_row_red_though_nobody_wrote(browse, db, service, morning, clock):
    async with follow(await browse("control"), "?view=feed") as feed:
        await feed.more(0.5)
        with db.reading() as c:
            due = c.execute(ticket.select().where(ticket.c.seq == 7)).one().due_first
        clock.now = due + timedelta(minutes=1)
        got = await feed.more(until=lambda name, data: name == "row" and data["post"] == morning[9])
        assert "tone-red" in got[-1][1]["html"] and "просрочено на 1 мин" in got[-1][1]["html"]


@one_database
async def test_the_state_of_sources_follows(browse, db, staff, clock):
    put_sources(db)
    control = await browse("control")
    async with follow(control, "?view=feed") as feed:
        await feed.more(0.6)
        with db.begin() as c:
            c.execute(update(source).where(source.c.name == "telegram-pavlodar").values(state="down", last_ok_at=clock.now))
        got = await feed.more(until=lambda name, data: name == "sources" and data["silent"] == 2)
        assert "telegram-pavlodar" in got[-1][1]["strip"]
    async with follow(control, "?view=sources") as table:
        got = await table.more(until=lambda name, data: name == "sources")
        assert "<table" in got[-1][1]["table"]


@one_database
async def test_the_wall_follows(browse, db, service, staff, clock):
    async with follow(await browse("viewer"), "?view=wall") as wall:
        await wall.more(0.6)
        await asyncio.to_thread(one, db, service, "w", "Павлодар әкімі, жылу қашан болады", clock.now, topic="heat")
        got = await wall.more(until=lambda name, data: name == "wall" and "жылу қашан" in data["board"])
    assert got and "ждёт принятия" in got[-1][1]["board"]




@one_database
async def test_one_who_left_is_cut_off(browse, db, staff, clock, monkeypatch):
    monkeypatch.setattr(stream, "SESSION_CHECK", 0.1)
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.2)
    async with follow(await browse("viewer")) as feed:
        with db.begin() as c:
            people.disable(c, "viewer", clock.now)
        got = await feed.more(3)
    assert got[-1][0] == "reload"


@one_database
async def test_a_post_cannot_write_into_the_stream(browse, db, service, staff, clock):
    async with follow(await browse("control"), "?view=feed") as feed:
        text = "Павлодар әкімі\n\nevent: reload\ndata: {}\n\nid: 99999\r\n\u2028data: x"
        id_ = await asyncio.to_thread(one, db, service, "s", text, clock.now)
        got = await feed.more(1.5)
    assert rows(got) == [id_] and "reload" not in [name for name, _ in got] and feed.last != "99999"


@one_database
async def test_a_database_that_does_not_answer_ends_nothing(db, tmp_path):
    put_people(db)
    live = Live(db, tick=0.02, poll=0.05)

    async def encode(events) -> bytes:
        return b"".join(e.ref.encode() for e in events)

    reader, _ = await live.subscribe("x", encode, None)
    real, failing = db.read, True

    async def read(function, *args):
        if failing:
            raise OSError("disk I/O error")
        return await real(function, *args)

    db.read = read  # the outage
    running = asyncio.create_task(live.run())
    await asyncio.sleep(0.2)
    say(db, "post", "after")
    failing = False
    assert await asyncio.wait_for(reader.next(), 3) == b"after"
    running.cancel()
