"""Blindness is said: at once in log and database, once in a while to the operators, never twice, and when it is over."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from config.hearing import Hearing
from connectors.base import Batch, ConnectorSettings
from connectors.errors import AuthError, BadPayload, RateLimited, Transient
from monitor.collect import Clock, Collector
from monitor.core.rhythm import Rhythm
from monitor.hearing import Listening
from monitor.store.engine import Database
from monitor.store.sources import Outcome, load_source, record_failure, store_batch
from monitor.store.tables import event, hole, source
from ticketing.tables import account, delivery

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)


class Town:
    """Sources, operators, and a clock in the test's hands."""

    def __init__(self, db: Database) -> None:
        self.db, self.now = db, NOW
        self.listening = self.anew()
        with db.begin() as c:
            for login, role, gone in (("aliya", "operator", None), ("left", "operator", NOW), ("head", "head", None)):
                c.execute(insert(account).values(login=login, name=login, role=role, language="ru", created_at=NOW, disabled_at=gone))
            for name in ("kala", "audan"):
                load_source(c, name, "telegram")
        self.heard("kala", "audan")

    def anew(self) -> Listening:
        return Listening(self.db, lambda: Hearing(), lambda: self.now, "https://qulaq.example")

    def heard(self, *names: str, at: datetime | None = None) -> None:
        with self.db.begin() as c:
            for name in names:
                store_batch(c, name, [], {}, Outcome("up", at or self.now, None, every=60.0))

    def failed(self, *names: str) -> None:
        with self.db.begin() as c:
            for name in names:
                record_failure(c, name, Outcome("down", self.now, None, 1, "HTTP 500 <b>", 60.0))

    async def after(self, *heard: str, **passed: float) -> list[dict[str, Any]]:
        self.now += timedelta(**passed)
        self.heard(*heard)
        with capture_logs() as lines:
            await self.listening.look()
        return [dict(line) for line in lines]

    def messages(self) -> list[str]:
        with self.db.reading() as c:
            return [r.body["html"]["ru"] for r in c.execute(select(delivery).order_by(delivery.c.id))]


@pytest.fixture
def town(db: Database) -> Town:
    return Town(db)


async def test_a_hole_longer_than_two_intervals_alarms_once_and_operators_hear_of_all_together(town: Town) -> None:
    town.now += timedelta(seconds=60)
    town.failed("kala", "audan")
    assert await town.after(seconds=59) == []
    lines = await town.after(seconds=2)
    assert [(line["source"], line["reason"]) for line in lines] == [("kala", "HTTP 500 <b>"), ("audan", "HTTP 500 <b>")]
    assert await town.after(seconds=2) == []
    town.listening = town.anew()                             # a restart says nothing twice
    assert await town.after(seconds=2) == []
    (said,) = town.messages()
    assert "Источников не слышно: 2" in said
    assert "kala: с 24.11 12:00, HTTP 500 &lt;b&gt;" in said
    with town.db.reading() as c:
        assert {r.source: r.alarmed_at for r in c.execute(select(hole))} == dict.fromkeys(("kala", "audan"), NOW + timedelta(seconds=121))
        assert c.execute(select(delivery.c.recipient)).scalars().all() == ["user:1"]
        assert "kala" in c.execute(select(event.c.ref).where(event.c.kind == "source", event.c.at == NOW + timedelta(seconds=121))).scalars().all()


async def test_what_is_heard_again_is_told_after_the_pause(town: Town) -> None:
    town.failed("kala")
    await town.after(seconds=130)
    await town.after("kala", "audan", seconds=10)
    assert len(town.messages()) == 1
    await town.after("kala", "audan", seconds=300)
    assert "Снова слышно: 1" in town.messages()[1]
    assert "не слышно было с 24.11 12:00 по 24.11 12:02" in town.messages()[1]
    await town.after("kala", "audan", seconds=400)
    assert len(town.messages()) == 2


async def test_a_short_hole_is_no_alarm_and_a_poll_that_never_ends_is_one(town: Town) -> None:
    town.failed("kala")
    town.now += timedelta(seconds=50)
    town.heard("kala", "audan")
    assert await town.after(seconds=30) == []
    lines = await town.after(seconds=220)
    assert [line["reason"] for line in lines] == ["its poll does not end"] * 2


async def test_a_refused_part_is_told_once_as_what_it_is(town: Town) -> None:
    def heard_but_for_comments() -> None:
        with town.db.begin() as c:
            store_batch(c, "kala", [], {}, Outcome("up", town.now, None, every=60.0), closed=[("comments:7", "403")])
    lines: list[Any] = []
    for _ in range(4):
        town.now += timedelta(seconds=60)
        heard_but_for_comments()
        lines += await town.after("audan", seconds=1)
    assert [(line["event"], line["source"], line["part"]) for line in lines] == [("a part of a source is not heard", "kala", "comments:7")]
    (said,) = town.messages()
    assert "Закрыто частично, остальное слышно: 1" in said
    assert "kala (комментарии 7): с 24.11 12:00, 403" in said
    assert "Источников не слышно" not in said


async def test_a_source_that_answers_but_is_silent_beyond_its_rhythm_alarms_until_it_speaks(town: Town) -> None:
    rhythm = Rhythm()
    for hours in range(24 * 21):
        rhythm = rhythm.heard(NOW - timedelta(days=21) + timedelta(hours=hours))
    with town.db.begin() as c:
        c.execute(update(source).where(source.c.name == "kala").values(rhythm=rhythm.kept(), last_post_at=NOW))
        c.execute(insert(hole).values(source="kala", part="comments:7", reason="403", since=NOW, until=NOW + timedelta(hours=12),
                                      alarmed_at=NOW))          # one post's comments are refused: that explains no silence
    for _ in range(8):
        assert await town.after("kala", "audan", hours=1) == []
    lines: list[Any] = []
    for _ in range(4):
        lines += await town.after("kala", "audan", hours=1)
    assert [(line["event"], line["source"]) for line in lines] == [("source answers but is silent beyond its rhythm", "kala")]
    assert "необычно молчат: 1" in town.messages()[0]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_hole_longer_than_two_intervals_alarms_within_two_more_whatever_ails_the_source(town: Town, db: Database) -> None:
    """Three hours of five sources that fail in every way, hang, and are refused; the program is stopped and started meanwhile."""
    start, chance, look = NOW, random.Random(5), 10.0
    every = {"s30": 30.0, "s45": 45.0, "s60": 60.0, "s120": 120.0, "s300": 300.0}
    heard: dict[str, list[datetime]] = {name: [] for name in every}
    ill: dict[str, tuple[datetime, str]] = {}

    def collector(source: str) -> Collector:
        class Ailing:
            name, poll_every, max_requests_per_poll, Settings = "rss", every[source], 1, ConnectorSettings

            async def poll(self, http: Any, cursor: Any) -> Batch:
                until, what = ill.get(source, (start, ""))
                if town.now < until:
                    raise {"down": Transient("HTTP 500"), "limited": RateLimited("429", (until - town.now).total_seconds()),
                           "refused": AuthError("403"), "damaged": BadPayload("no feed", b"<")}[what]
                heard[source].append(town.now)
                return Batch((), {})
        config = SimpleNamespace(name=source, network="rss", home=None, every=every[source], keep_raw=False)
        return Collector(db, config, Ailing(), None,  # type: ignore[arg-type]
                         clock=Clock(lambda: town.now, lambda: (town.now - start).total_seconds(), asyncio.sleep, lambda low, high: high))

    running, due = {name: collector(name) for name in every}, dict.fromkeys(every, start)
    looks, end, stops = start, start + timedelta(hours=3), list[tuple[datetime, datetime]]()
    while town.now < end:
        name = min(due, key=lambda one: due[one])
        town.now = max(town.now, min(due[name], looks))
        if looks <= town.now:
            looks += timedelta(seconds=look)
            await town.listening.look()
            continue
        due[name] = town.now + timedelta(seconds=await running[name].once())
        if chance.random() < 0.1:
            lasts = timedelta(seconds=chance.uniform(0.5, 9) * every[name])
            what = chance.choice(["down", "limited", "refused", "damaged", "hangs", "stopped"])
            if what == "hangs":
                due[name] = town.now + lasts                 # its poll does not end
            elif what == "stopped":                          # the program, for all; what waits is asked at the start
                stops.append((town.now, town.now + lasts))
                town.now += lasts
                looks, due, running = town.now, dict.fromkeys(every, town.now), {one: collector(one) for one in every}
            else:
                ill[name] = town.now + lasts, what
    with db.reading() as c:
        holes = c.execute(select(hole)).all()
    long = [(name, a, b) for name, times in heard.items() for a, b in pairwise(times) if (b - a).total_seconds() > 2 * every[name] + 1]
    assert len(long) > 20
    for name, a, b in long:
        alarms = [h.alarmed_at for h in holes if h.source == name and h.alarmed_at and h.since < b and (h.until is None or h.until > a)]
        assert alarms, (name, a, b)
        lost = sum((min(b, e) - max(a, s) for s, e in stops if s < b and e > a), timedelta())
        assert min(alarms) <= a + timedelta(seconds=4 * every[name] + look) + lost, (name, a, b, min(alarms))
