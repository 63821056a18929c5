"""The five invariants that are not already the subject of another file; each test fails if its invariant is broken.

(1) posts: tests/store/test_posts.py, tests/ingest; (2) numbers: tests/ticketing/test_register.py; (5) tests/deadlines.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, Text, delete, insert, inspect, select, true, type_coerce

from bench.posts import rows
from config.knowledge import load_knowledge
from config.settings import Alerts, Retention
from config.surges import load_rules
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.core.row import as_post, parse_row
from monitor.core.verdict import Verdict
from monitor.jobs import tidy
from monitor.pipeline import Pipeline
from monitor.response import alerts, journal, verbs
from monitor.store.columns import Json
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.surge_tables import decision, surge, surge_alert
from monitor.store.tables import keep, post, verdict
from monitor.surge.observe import Observation, Observer, SurgeVerdict
from monitor.surges import SurgeWatch
from ticketing.desk import desk
from ticketing.notify.names import KnownNames
from ticketing.service import Service
from ticketing.tables import delivery, entry, head, sealed, ticket

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def test_import_rules_hold() -> None:
    """Invariant 3 by construction: nothing that numbers, dates, routes or ranks can see surges."""
    done = subprocess.run([Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


class Random(Observer):
    """Says anything at all of every post, and is sure of it."""

    dice = random.Random(7)

    def observe(self, post: Observation) -> list[SurgeVerdict]:
        at, dice = NOW, self.dice
        return [SurgeVerdict(f"s-{dice.randrange(9)}", "copies", dice.choice(("organic", "organised", "coordinated")),
                             dice.random(), at, at, at, dice.randrange(500), 5, (post.id,), (), (), (),
                             akimat=dice.choice((None, "551000000")), topic="roads")]


class Crashing(Observer):
    """Fails on every post."""

    def observe(self, post: Observation) -> list[SurgeVerdict]:
        raise RuntimeError("a fault of the detector")


def line(url: str, watched: str) -> list[object]:
    """The whole register after the same posts, with the surge watch off, on, random, crashed, or nonsense in its tables."""
    db = Database(url)
    from monitor.store.tables import metadata
    metadata.drop_all(db.engine)
    metadata.create_all(db.engine)
    salts = count()
    knowledge = load_knowledge()
    pipeline = Pipeline(Judge(knowledge), Service(desk(None, knowledge), lambda: next(salts).to_bytes(16, "big")), lambda: NOW)
    watch = SurgeWatch(load_rules(), lambda: NOW, {"random": Random, "crashed": Crashing}.get(watched, Observer))
    posts = [as_post(parse_row(msgspec.json.encode(r)), network="x") for r in rows(300, addressed=0.5)]
    with db.begin() as c:
        c.execute(insert(keep).values(name="author_key", value={"key": "00" * 32, "made_at": NOW.isoformat()}))
    for start in range(0, len(posts), 50):
        with db.begin() as c:
            store_posts(c, posts[start:start + 50], NOW)
        pipeline.drain(db)
        if watched in ("on", "random"):
            watch.drain(db)
            with db.begin() as c:
                decide_anything(c, start)
        elif watched == "crashed":
            with contextlib.suppress(TimeoutError):
                asyncio.run(asyncio.wait_for(watch.run(db), 0.2))
        elif watched == "nonsense":
            with db.begin() as c:
                c.execute(delete(surge))
                c.execute(insert(surge).values(
                    id="s", akimat="551000000", topic="roads", verdict="coordinated", score=1.0, detected_at=NOW,
                    window_start=NOW, window_end=NOW, authors=999, detail={}))
    with db.reading() as c:
        about_cards = delivery.c.kind.not_like("alert:%")
        found = [c.execute(select(*(type_coerce(x, Text) if isinstance(x.type, Json) else x for x in t.c))
                           .where(about_cards if t is delivery else true()).order_by(*t.primary_key.columns)).all()
                 for t in (entry, ticket, head, sealed, delivery)]
        if watched == "random":
            assert c.execute(select(decision.c.id)).all()
            assert c.execute(select(surge_alert.c.id)).all()
        assert not journal.verify(c)
    db.close()
    return found


def decide_anything(c: Connection, start: int) -> None:
    """People decide on whatever there is, and alerts are planned."""
    for id_ in c.execute(select(surge.c.id).where(surge.c.part_of.is_(None)).limit(3)).scalars().all():
        what = ("confirm", "dismiss", "watch")[start // 50 % 3]
        verbs.decide(c, id_, what, "", verbs.Actor(1, "head", None), NOW, lambda: b"0" * 16)
    names = KnownNames({}, {})
    alerts.tell(c, alerts.Policy(Alerts(quiet=""), names, "", lambda code: code), NOW)


def test_surges_change_no_number_deadline_or_assignee(tmp_path: Path) -> None:
    """Invariant 3 by trial: register, tickets, heads, sealed texts and deliveries about cards are the same to the byte,
    with the detector off, on, random, crashed, and with its tables full of nonsense; with people deciding and being told."""
    off = line(f"sqlite:///{tmp_path}/off.db", "off")
    assert len(off[1]) > 100
    for watched in ("on", "random", "crashed"):
        assert line(f"sqlite:///{tmp_path}/{watched}.db", watched) == off, watched
    assert line(f"sqlite:///{tmp_path}/nonsense.db", "nonsense") == off


def test_nobody_is_rated(db: Database) -> None:
    """Invariant 4: scores stand beside surges and verdicts, and no table has a row per author."""
    with db.reading() as c:
        tables = inspect(c).get_table_names()
        for name in tables:
            columns = {column["name"] for column in inspect(c).get_columns(name)}
            keys = set(inspect(c).get_pk_constraint(name)["constrained_columns"])
            assert not keys & {"author", "author_key", "author_display"}, f"{name} has a row per author"
            if {"score", "rating", "rank", "reputation"} & columns:
                assert name in {"verdict", "surge"}
                assert not {"author", "author_key", "author_display"} & columns


async def test_text_of_nobodys_posts_expires_and_is_not_brought_back(db: Database) -> None:
    """Invariant 1's recorded expiry: the row and its digest stay, so the next poll swallows the post."""
    knowledge = load_knowledge()
    pipeline = Pipeline(Judge(knowledge), Service(desk(None, knowledge)), lambda: NOW)
    talk = as_post(parse_row('{"id": 1, "source": "vk", "text": "продам диван, торг"}'.encode()))
    asked = as_post(parse_row('{"id": 2, "source": "vk", "text": "Акимат Павлодара! На улице Естая 7 нет воды третий день, примите меры"}'.encode()))
    old = NOW - timedelta(days=31)
    with db.begin() as c:
        store_posts(c, [talk, asked], old)
    pipeline.drain(db)
    assert await tidy(db, Retention(unaddressed_days=30), lambda: NOW) == 1
    with db.begin() as c:
        kept = {r.native_id: (r.text, r.expired_at) for r in c.execute(select(post))}
        assert kept["1"] == ("", NOW)
        assert "Естая" in kept["2"][0]
        assert store_posts(c, [talk], NOW).ids == ()


def test_a_post_that_the_judge_cannot_read_is_left_to_people_and_the_rest_goes_on(db: Database) -> None:
    """Invariant 1: a fault in the rules loses no post and stops no other."""
    knowledge = load_knowledge()
    judge = Judge(knowledge)

    def faulty(one: Post) -> Verdict:
        if one.native_id == "2":
            raise RuntimeError("a rule of ours")
        return judge(one)

    pipeline = Pipeline(faulty, Service(desk(None, knowledge)), lambda: NOW)
    ask = "Акимат Павлодара! На улице Естая {} нет воды третий день, примите меры"
    with db.begin() as c:
        store_posts(c, [as_post(parse_row(msgspec.json.encode({"id": i, "source": "vk", "text": ask.format(i)}))) for i in (1, 2, 3)], NOW)
    assert pipeline.drain(db).posts == 3
    with db.reading() as c:
        states = c.execute(select(post.c.native_id, verdict.c.state).join(verdict, verdict.c.post_id == post.c.id).order_by(post.c.id))
        assert states.tuples().all() == [("1", "ticket"), ("2", "triage"), ("3", "ticket")]


@pytest.mark.parametrize("text", ["", "👍" * 500, "\u202eAкимат", "a" * 1_000_000, "<script>alert(1)</script>", "=cmd|' /C calc'!A0"])
def test_no_post_stops_the_line(db: Database, text: str) -> None:
    knowledge = load_knowledge()
    pipeline = Pipeline(Judge(knowledge), Service(desk(None, knowledge)), lambda: NOW)
    with db.begin() as c:
        store_posts(c, [as_post(parse_row(msgspec.json.encode({"id": 1, "source": "vk", "text": text})))], NOW)
    assert pipeline.drain(db).posts == 1
