"""The surge watch on a real database: what the bundled demo tells, that a restart tells nothing twice, that every verdict can be
reached again from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

import ticketing.tables  # noqa: F401 - registers its tables
from config.surges import load_rules
from monitor.commands.demo import BUNDLED, _read, _take_in
from monitor.setting import Setting, read
from monitor.store import surges
from monitor.store.engine import Database
from monitor.store.surge_tables import observed, surge, surge_post, surge_verdict
from monitor.store.surges import Told, Wanted, keep
from monitor.store.tables import event, metadata, post
from monitor.store.tables import verdict as stored_verdict
from monitor.surges import SurgeWatch, retold, write

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return read(BUNDLED / "qulaq.yaml", surges=True)


def judged(folder: Path, setting: Setting) -> Database:
    """The demo's posts, stored and judged, nobody watching yet."""
    db = Database(f"sqlite:///{folder}/q.db")
    metadata.create_all(db.engine)
    _take_in(db, setting, setting.service(), _read(BUNDLED / "posts.jsonl"), received=lambda p: p.published_at)
    return db


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, setting: Setting) -> Iterator[Database]:
    db = judged(tmp_path_factory.mktemp("whole"), setting)
    SurgeWatch(load_rules(), lambda: datetime.now(UTC)).drain(db)
    yield db
    db.close()


def told(db: Database) -> list[tuple]:
    with db.reading() as c:
        return [tuple(r)[1:] for r in c.execute(select(surge_verdict).order_by(surge_verdict.c.id))]


def test_the_demos_campaign_is_one_surge_beside_an_organic_one(whole: Database) -> None:
    with whole.reading() as c:
        rows = surges.rows(c, None, Wanted())
        by_verdict = {r.verdict: r for r in rows}
        assert len(rows) == len(by_verdict) == 2, [(r.kind, r.verdict) for r in rows]
        campaign = by_verdict["coordinated"]
        assert campaign.authors >= 4
        assert campaign.waits
        growth = [row.authors for row in surges.history(c, campaign.id)]
        assert max(growth) > growth[0]
        assert "organic" in by_verdict
        samples, _gone = surges.samples(c, campaign.id)
        assert samples[0].count >= 4      # one wording, however often it was copied


def test_every_verdict_is_reached_again_from_what_is_stored(whole: Database) -> None:
    rules = load_rules()
    with whole.reading() as c:
        stored = c.execute(select(surge_verdict)).all()
        assert stored
        for row in stored:
            again = {t.surge: t for t in retold(c, rules, row.seq)}[row.surge]
            assert (again.verdict, again.authors, again.detected_at, dict(again.said)) == (
                row.verdict, row.authors, row.detected_at, row.detail)


def test_a_restart_in_the_middle_tells_the_same(whole: Database, setting: Setting, tmp_path: Path) -> None:
    db = judged(tmp_path, setting)
    clock = lambda: datetime.now(UTC)  # noqa: E731
    for _ in range(3):      # each one a process that stops after some posts
        watch = SurgeWatch(load_rules(), clock)
        with db.reading() as c:
            watch.begin(c)
            look = watch.observe(watch.step(c)[:70])
        with db.begin() as c:
            write(c, look, NOW)
            watch._save(c, watch._snapshot())
    SurgeWatch(load_rules(), clock).drain(db)
    assert told(db) == told(whole)
    db.close()


def test_nothing_names_authors_and_the_feed_hears_of_it(whole: Database) -> None:
    with whole.reading() as c:
        keys = set(c.execute(select(post.c.author_key).where(post.c.author_key != "")).scalars())
        said = str(c.execute(select(surge_verdict)).all()) + str(c.execute(select(surge)).all()) + str(c.execute(select(observed)).all())
        assert keys
        assert not any(key in said for key in keys)
        assert set(c.execute(select(event.c.ref).where(event.c.kind == "surge")).scalars()) == {
            r.id for r in surges.rows(c, None, Wanted())}


def a_verdict(name: str, seq: int, verdict: str, authors: int, posts: tuple[int, ...], kind: str = "copies") -> Told:
    at = (NOW + timedelta(minutes=seq)).isoformat()
    return Told(name, seq, "r", NOW + timedelta(minutes=seq), verdict, authors, {
        "kind": kind, "score": 0.8, "posts": len(posts), "observed": None, "expected": None, "akimat": "551000000",
        "topic": "roads", "window_start": at, "window_end": at, "signals": [], "counter": [],
        "explanation": {"kk": "", "ru": ""}}, posts)


def test_surges_on_the_same_posts_are_one_and_the_most_serious_speaks(db: Database) -> None:
    with db.begin() as c:
        for i in range(1, 41):
            c.execute(insert(post).values(id=i, network="x", native_id=str(i), revision=0, digest=b"0" * 16, source="s", text="т",
                                          published_at=NOW, collected_at=NOW))
        keep(c, [a_verdict("s-crowd", 1, "organic", 30, tuple(range(1, 31)), "volume")], NOW)
        # A few copies inside a crowd don't make the crowd coordinated.
        keep(c, [a_verdict("s-few", 2, "coordinated", 5, (1, 2, 3, 4, 5))], NOW)
        keep(c, [a_verdict("s-tag", 3, "inconclusive", 4, (2, 3, 4, 5), "tag")], NOW)
        keep(c, [a_verdict("s-few", 4, "coordinated", 7, (1, 2, 3, 4, 5, 31, 32))] * 2, NOW)
    with db.reading() as c:
        rows = {r.id: r for r in surges.rows(c, None, Wanted())}
        assert set(rows) == {"s-crowd", "s-few"}
        assert rows["s-crowd"].verdict == "organic"
        assert (rows["s-few"].verdict, rows["s-few"].authors) == ("coordinated", 7)
        assert len(surges.history(c, "s-few")) == 3      # said twice, kept once
        assert surges.one(c, "s-tag", None).id == "s-few"
        assert surges.one(c, "s-few", frozenset({"101000000"})) is None
        assert c.execute(select(surge_post.c.post_id).where(surge_post.c.surge == "s-few")).all()


def test_one_picture_in_posts_of_strangers_is_evidence_for_live_posts(tmp_path: Path, setting: Setting) -> None:
    db = judged(tmp_path, setting)
    words = ["крыша", "течёт", "забор", "мост", "вывезли", "дрова", "окно", "лампа", "кино", "мяч", "хлеб", "зонт", "рис", "соль", "пыль"]
    with db.begin() as c:
        start = c.execute(select(func.max(post.c.published_at))).scalar_one() + timedelta(minutes=5)
        for i in range(12):
            id_ = 90_000 + i
            c.execute(insert(post).values(id=id_, network="telegram", native_id=f"1/{i}", revision=0, digest=b"0" * 16, source="s",
                                          text=f"{words[i]} {words[i + 1]} {words[i + 2]} {i}", author_key=f"new{i}", collected_at=start,
                                          published_at=start + timedelta(seconds=2 * i), extra={"media": ["photo:AQADxyz", "location:1,2"]}))
            c.execute(insert(stored_verdict).values(post_id=id_, judged_at=start, ruleset="r", decision="register", state="ticket",
                                                    addressed=True, score=1.0, language="ru"))
    SurgeWatch(load_rules(), lambda: datetime.now(UTC)).drain(db)
    with db.reading() as c:
        kinds = {s["kind"] for r in c.execute(select(surge_verdict.c.detail)).scalars() for s in r["signals"]}
    assert "image" in kinds
    db.close()
