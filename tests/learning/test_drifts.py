"""The daily look at the channels: what changed is kept, raised once, shown to operators and measured; what did not is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs
from test_learn import ROADS, WATER

from monitor import drifts
from monitor.core.post import Post
from monitor.jobs import look_at_channels, scheduler
from monitor.learning.history import as_example
from monitor.learning.inforce import InForce, Learned
from monitor.learning.lesson import learn
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.schema import upgrade
from monitor.store.tables import verdict

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path):
    made = Database(f"sqlite:///{tmp_path}/q.db")
    upgrade(made)
    yield made
    made.close()


def put(db: Database, at: datetime, *rows: tuple[str, str, str, int], start: int = 0) -> None:
    """Posts of (source, topic, text, how many) that came in at a moment."""
    with db.begin() as c:
        for source, topic, text, count in rows:
            stored = store_posts(c, [Post(network=source, source=f"{source}-pavlodar", native_id=f"{at}-{topic}-{n}", text=f"{text} {n}",
                                          published_at=at) for n in range(count)], at)
            c.execute(insert(verdict), [{"post_id": id_, "judged_at": at, "ruleset": "r", "decision": "register", "state": "ticket",
                                         "addressed": True, "score": 0.9, "topic": topic, "language": "ru"} for id_ in stored.ids])


async def test_a_channel_that_changed_is_raised_once_and_told_when_it_is_over(db: Database) -> None:
    for week in range(4):
        put(db, NOW - timedelta(days=12 + 5 * (3 - week)), ("vk", "roads", "яма", 30), ("vk", "water", "вода", 30),
            ("rss", "roads", "яма", 30), ("rss", "water", "вода", 30), ("few", "roads", "яма", 5))
    put(db, NOW - timedelta(days=2), ("vk", "heat", "холодно", 60), ("vk", "roads", "яма", 10), ("rss", "roads", "яма", 40),
        ("rss", "water", "вода", 34), ("few", "heat", "холодно", 9))
    with capture_logs() as said:
        seen = await look_at_channels(db, None, lambda: NOW)
        await look_at_channels(db, None, lambda: NOW)
    assert {c.name: c.drifted for c in seen.channels} == {"vk-pavlodar": True, "rss-pavlodar": False}
    assert [line["channel"] for line in said] == ["vk-pavlodar"]
    with db.reading() as c:
        assert drifts.standing(c) == seen
    put(db, NOW + timedelta(days=15), ("vk", "heat", "холодно", 60), ("vk", "roads", "яма", 20))
    put(db, NOW + timedelta(days=25), ("vk", "heat", "холодно", 70), ("vk", "roads", "яма", 20))
    with capture_logs() as said:
        await look_at_channels(db, None, lambda: NOW + timedelta(days=26))
    assert [(line["log_level"], line["channel"]) for line in said] == [("info", "vk-pavlodar")]


async def test_a_network_is_set_beside_what_the_model_in_force_learnt_from(db: Database) -> None:
    rows = [{**row, "id": f"{n}-{row['id']}", "source": "vk", "topic": "roads" if row["code"] == 7 else "water"}
            for n in range(8) for row in (*ROADS, *WATER)]
    model = learn([as_example(row, "topic", ()) for row in rows], "topic", ())
    learned = Learned({"topic": InForce("cafe", model)})
    put(db, NOW - timedelta(days=1), ("vk", "roads", "яма на дороге у дома, машина сломалась", 60),
        ("vk", "water", "нет воды в кране, сухо с утра", 60), ("chat", "water", "the quick brown fox jumps over lazy dogs", 70))
    seen = await look_at_channels(db, learned, lambda: NOW)
    assert {(c.name, c.by, c.model): c.drifted for c in seen.channels} == {
        ("vk", "topic", "cafe"): False, ("chat", "topic", "cafe"): True}


def test_it_is_looked_every_day(db: Database) -> None:
    job = scheduler(db, lambda: 30, lambda: NOW).get_job("channels")
    assert job is not None
    assert job.trigger.interval == timedelta(days=1)
