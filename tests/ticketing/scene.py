"""Posts and verdicts for the tests of tickets, and the way from one to the other without a judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select

from monitor.core.post import Author, Post
from monitor.core.verdict import Verdict
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.tables import post as post_table
from monitor.store.verdicts import claim, insert_verdicts
from ticketing.intake import Judged
from ticketing.service import Service

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)   # Monday 10:00 in Kazakhstan
PAVLODAR, SEMEY, ALMATY = "551000000", "101000000", "750000000"
TEXT = "Құрметті әкім! Естай көшесінде үш аптадан бері шұңқыр, балалар мектепке қалай барады?"


def a_post(native_id: str, text: str, network: str = "vk", author: str = "", **more) -> Post:
    return Post(network=network, source="test", native_id=native_id, text=text, published_at=NOW,
                author=Author(author or native_id), **more)


def said(decision: str = "register", akimat: str | None = PAVLODAR, topic: str = "roads", **more) -> Verdict:
    return Verdict(addressed=decision != "ignore", score=0.9, decision=decision, language="kk", akimat=akimat,
                   kind="complaint", topic=topic, urgency="normal", ruleset="test", **more)


def feed(db: Database, service: Service, *posts: tuple[Post, Verdict], now: datetime = NOW) -> list[str]:
    """Store and judge posts the way the pipeline does, in one batch; returns the state of each that was new."""
    with db.begin() as c:
        stored = store_posts(c, [post for post, _ in posts], now)
        ids = dict(zip(stored.indexes, zip(stored.ids, stored.revisions, strict=True), strict=True))
    judged = []
    with db.begin() as c:
        claim(c, stored.ids)
        for index, (id_, revision) in ids.items():
            post, verdict = posts[index]
            key = c.execute(select(post_table.c.author_key).where(post_table.c.id == id_)).scalar_one()
            judged.append(Judged(id_, replace(post, revision=revision, author=Author(key)), verdict,
                                 service.desk.is_own(post.author.display)))
        plan = service.intake(c, judged, now)
        insert_verdicts(c, [(j.id, j.verdict) for j in judged], plan.states, now)
    return [plan.states[j.id] for j in judged]
