"""Judged posts to the surge detector, and what it says to table `surge`, for people to read.

A reader of committed verdicts and nothing more: the line from post to ticket neither waits for it nor reads it, so a
detector that errs or crashes changes nobody's number, deadline, priority or assignee (invariant 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from config.surges import explain
from monitor.store.engine import Database
from monitor.store.tables import post, surge, verdict
from monitor.surge.observe import Observation, Observer, SurgeVerdict
from monitor.surge.rules import Rules

log = structlog.get_logger(__name__)

MEMORY = timedelta(days=4)
"""How far back posts are read again after a start: longer than the longest window (3 days)."""

BATCH = 500
LANGUAGES = ("kk", "ru")


class SurgeWatch:
    """Feeds addressed posts to an Observer in the order in which they were judged."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._observer = Observer(rules)
        self._clock = clock
        self._seen: int | None = None
        self._fresh: Rules | None = None

    def judge_by(self, rules: Rules) -> None:
        """From the next look on, judge by these rules: the last days are read again under them."""
        if rules != self._observer.rules:
            self._fresh = rules

    def _renew(self) -> None:
        if self._fresh is not None:
            self._observer, self._seen, self._fresh = Observer(self._fresh), None, None

    def step(self, c: Connection) -> Sequence[Any]:
        """The next judged posts; those of the last days again after a start, since the windows live in memory."""
        if self._seen is None:
            start = c.execute(select(func.min(post.c.id)).where(post.c.collected_at > self._clock() - MEMORY)).scalar_one()
            self._seen = (start or 1) - 1
        return c.execute(select(
            post.c.id, post.c.network, post.c.text, post.c.published_at, post.c.author_key, post.c.extra, verdict.c.akimat,
            verdict.c.topic, verdict.c.decision).join(verdict, verdict.c.post_id == post.c.id)
            .where(post.c.id > self._seen, post.c.revision == 0, post.c.expired_at.is_(None)).order_by(post.c.id)
            .limit(BATCH)).all()

    def observe(self, rows: Sequence[Any]) -> list[SurgeVerdict]:
        """What the observer says of these rows, the last word of each surge."""
        said: dict[str, SurgeVerdict] = {}
        for row in rows:
            self._seen = row.id
            if row.decision == "ignore":
                continue
            extra = row.extra or {}
            for one in self._observer.observe(Observation(
                    row.id, row.published_at, row.text, row.author_key or None, network=row.network,
                    urls=tuple(extra.get("links", ())), akimat=row.akimat, topic=row.topic,
                    repost=bool(extra.get("repost_of")))):
                said[one.surge_id] = one
        return list(said.values())

    def drain(self, db: Database) -> None:
        """Everything judged so far, in this thread."""
        while True:
            with db.reading() as c:
                rows = self.step(c)
            if not rows:
                return
            if said := self.observe(rows):
                with db.begin() as c:
                    keep(c, said)

    async def run(self, db: Database) -> None:
        """For ever; a failure is said once and tried again, and stops nothing else."""
        failing, unwritten = False, list[SurgeVerdict]()
        while True:
            self._renew()
            rows: Sequence[Any] = ()
            try:
                if not unwritten:
                    rows = await db.read(self.step)
                    unwritten = await asyncio.to_thread(self.observe, rows)
                if unwritten:       # kept until it is written: the observer says nothing twice
                    await db.write(keep, unwritten)
                failing, unwritten = False, []
            except SQLAlchemyError as e:
                if not failing:
                    log.error("the database cannot be used; surges wait, tickets are not touched by this",
                              reason=str(getattr(e, "orig", None) or e).splitlines()[0])
                failing, rows = True, ()
            except Exception:
                if not failing:
                    log.exception("surges cannot be watched; tickets are not touched by this")
                failing, rows = True, ()
            if not rows:
                await asyncio.sleep(2.0)


def keep(c: Connection, said: Sequence[SurgeVerdict]) -> None:
    """Replace what was said of these surges before."""
    c.execute(delete(surge).where(surge.c.id.in_([v.surge_id for v in said])))
    c.execute(insert(surge), [{
        "id": v.surge_id, "akimat": v.akimat, "topic": v.topic, "verdict": v.verdict, "score": v.score,
        "detected_at": v.detected_at, "window_start": v.window_start, "window_end": v.window_end, "authors": v.authors,
        "detail": {
            "kind": v.kind, "posts": v.posts, "observed": v.observed, "expected": v.expected,
            "signals": [{"kind": s.kind, "value": s.value, "expected": s.expected, "p": s.p} for s in v.signals],
            "counter": [str(x.kind) for x in v.counter],
            "explanation": {code: explain(v, code) for code in LANGUAGES}}} for v in said])
