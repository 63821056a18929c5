"""Stored posts by sequence -> core -> intake. It has no rules of its own.

Judging happens outside any transaction; the outcome is written in one, together with the claim on the posts, so that
a kill repeats a judgement but never a number, and two processes never give one post two numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.store.engine import Database
from monitor.store.verdicts import claim, insert_verdicts, waiting
from ticketing.intake import Judged
from ticketing.service import Service

log = structlog.get_logger()

BATCH = 500
"""Posts in one transaction."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step brought."""

    posts: int = 0
    addressed: int = 0
    tickets: int = 0
    triage: int = 0


class Pipeline:
    """Judges what is stored. `received` says when a post counts as received; None: when it is judged."""

    def __init__(self, judge: Callable[[Post], Verdict], service: Service, clock: Callable[[], datetime],
                 received: Callable[[Post], datetime] | None = None, batch: int = BATCH) -> None:
        self.judge = judge
        self.service = service
        self._clock = clock
        self._received = received
        self._batch = batch

    def judged(self, posts: Sequence[tuple[int, Post]]) -> list[Judged]:
        """The verdict on each post. A judge that fails on one post leaves it to people and says so; the rest goes on."""
        result = []
        for id_, post in posts:
            try:
                verdict = self.judge(post)
            except Exception:
                log.exception("a post could not be judged; it is left for people", post=id_, network=post.network)
                verdict = Verdict(addressed=False, score=0.5, decision="triage", language="other", ruleset="failed")
            result.append(Judged(id_, post, verdict, self.service.desk.is_own(post.author.display)))
        return result

    def write(self, c: Connection, judged: Sequence[Judged]) -> Step:
        """Claim these posts, give each its outcome, keep the verdicts: one transaction."""
        mine = claim(c, [j.id for j in judged])
        todo = [j for j in judged if j.id in mine]
        if not todo:
            return Step()
        now = self._clock()
        plan = self.service.intake(c, todo, now, self._received)
        insert_verdicts(c, [(j.id, j.verdict) for j in todo], plan.states, now)
        return Step(len(todo), sum(j.verdict.addressed for j in todo), len(plan.open),
                    sum(state == "triage" for state in plan.states.values()))

    def step(self, db: Database) -> Step:
        """Judge one batch in this thread; `posts` is 0 when nothing waits."""
        with db.reading() as c:
            posts = waiting(c, self._batch)
        if not posts:
            return Step()
        judged = self.judged(posts)
        with db.begin() as c:
            return self.write(c, judged)

    def drain(self, db: Database) -> Step:
        """Judge everything that waits."""
        total = Step()
        while (step := self.step(db)).posts:
            total = add(total, step)
        return total

    async def run(self, db: Database, news: asyncio.Event) -> None:
        """Judge for ever: whenever `news` is set, and every second for what other processes stored."""
        failures = 0
        while True:
            try:
                posts = await db.read(waiting, self._batch if failures == 0 else 1)
                if posts:
                    await db.write(self.write, await asyncio.to_thread(self.judged, posts))
            except SQLAlchemyError as e:
                # Locked, full, gone: what is stored waits in the database, so nothing is lost by waiting.
                if failures == 0:
                    log.error("the database cannot be written; posts wait to be judged", reason=str(e).splitlines()[0])
                failures += 1
                await asyncio.sleep(min(30.0, 0.5 * 2 ** min(failures, 6)))
                continue
            if failures:
                log.info("posts are judged again")
                failures = 0
            if posts:
                continue
            news.clear()
            try:
                async with asyncio.timeout(1.0):
                    await news.wait()
            except TimeoutError:
                continue


def add(a: Step, b: Step) -> Step:
    """Two steps together."""
    return Step(a.posts + b.posts, a.addressed + b.addressed, a.tickets + b.tickets, a.triage + b.triage)
