"""The checks of the runner can fail: each fault below, planted into limiter or collector, is noticed by the check beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit, Response
from connectors.errors import RateLimited, Transient
from monitor import collect, limits
from monitor.collect import Clock, Collector
from monitor.core.allowance import Allowance
from monitor.core.post import Post
from monitor.limits import Account, Limiter, OwnLimit, Paced
from monitor.store import sources
from monitor.store.engine import Database
from monitor.store.tables import hole, metadata, post, source

START = datetime(2026, 3, 1, 7, tzinfo=UTC)
APP = (Limit("app", 5, 60, ""),)


@dataclass
class Scene:
    db: Database
    at: datetime = START
    asked: int = 0

    def limiter(self) -> Limiter:
        return limits.Limiter(self.db, lambda: self.at)

    async def get(self, url: str, **_: Any) -> Response:
        self.asked += 1
        return Response(200, {}, b"", url)

    post = get

    async def ask(self, limiter: Limiter, times: int, account: str = "a", method: str = "get", rules: Any = APP) -> int:
        """How many of so many requests went out."""
        before = self.asked
        for _ in range(times):
            try:
                await getattr(Paced(self, limiter, Account("n", account, rules)), method)("https://h/x")
            except OwnLimit:
                break
        return self.asked - before

    def collector(self, poll: Callable[[Http, Cursor], Awaitable[Batch]], name: str = "kala") -> Collector:
        async def sleep(seconds: float) -> None:
            self.at += timedelta(seconds=seconds)

        class Scripted:
            poll_every, max_requests_per_poll, Settings, account, limits = 60.0, 1, ConnectorSettings, "a", APP

            async def poll(self, http: Http, cursor: Cursor) -> Batch:
                return await poll(http, cursor)

        Scripted.name = "rss"  # type: ignore[attr-defined]

        @dataclass
        class Config:
            name: str
            network: str = "rss"
            home: str | None = None
            every: float | None = 60.0
            keep_raw: bool = False
        clock = Clock(now=lambda: self.at, monotonic=lambda: self.at.timestamp(), sleep=sleep, jitter=lambda _low, high: high)
        return Collector(self.db, Config(name), Scripted(), self, clock=clock, limiter=self.limiter())  # type: ignore[arg-type]

    def rows(self, table: Any) -> list[Any]:
        with self.db.reading() as c:
            return list(c.execute(select(table)))


async def holds_over_a_kill(s: Scene) -> None:
    assert await s.ask(s.limiter(), 3) == 3
    assert await s.ask(s.limiter(), 9) <= 2


async def holds_in_any_window(s: Scene) -> None:
    limiter = s.limiter()
    s.at += timedelta(seconds=58)
    assert await s.ask(limiter, 9) == 5
    s.at += timedelta(seconds=4)                              # a new minute of the clock, the same sixty seconds
    assert await s.ask(limiter, 9) == 0


async def counts_what_is_sent_too(s: Scene) -> None:
    assert await s.ask(s.limiter(), 9, method="post") == 5


async def is_shared_where_the_network_says_so(s: Scene) -> None:
    shared = (replace(APP[0], whole_network=True),)
    assert await s.ask(s.limiter(), 9, "a", rules=shared) + await s.ask(s.limiter(), 9, "b", rules=shared) == 5


async def keeps_accounts_apart(s: Scene) -> None:
    assert await s.ask(s.limiter(), 9, "a") + await s.ask(s.limiter(), 9, "b") == 10


async def opens_again(s: Scene) -> None:
    limiter = s.limiter()
    await s.ask(limiter, 9)
    s.at += timedelta(seconds=65)
    assert await s.ask(limiter, 9) == 5


async def waits_for_all_to_the_second(s: Scene) -> None:
    async def limited(http: Http, cursor: Cursor) -> Batch:
        s.asked += 1
        raise RateLimited("flood", 500)

    assert await s.collector(limited).once() == 500.0
    s.at += timedelta(seconds=499)
    assert await s.collector(limited, "audan").once() == 1.0
    assert s.asked == 1


async def loses_nothing_when_the_commit_fails(s: Scene) -> None:
    batches = [Batch((Post("rss", "kala", "1", "су жоқ", START),), {"n": 1})]

    async def poll(http: Http, cursor: Cursor) -> Batch:
        return batches[0] if cursor.get("n", 0) < 1 else Batch((), cursor)

    one = s.collector(poll)
    kept = s.db.write
    failing = [True]

    async def write(function: Any, *args: Any, **named: Any) -> Any:
        if failing[0] and getattr(function, "func", None) is sources.store_batch:
            failing[0] = False
            raise KeyError("the program dies here")
        return await kept(function, *args, **named)

    s.db.write = write  # type: ignore[method-assign]
    await one.once()
    await one.once()
    assert [r.text for r in s.rows(post)] == ["су жоқ"]


async def an_outage_is_a_hole_and_the_cursor_stays(s: Scene) -> None:
    answers: list[Any] = [Batch((), {"n": 1}), Transient("HTTP 500"), Batch((), {"n": 1})]

    async def poll(http: Http, cursor: Cursor) -> Batch:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    one = s.collector(poll)
    for _ in range(3):
        await one.once()
        s.at += timedelta(seconds=60)
    (gap,) = s.rows(hole)
    assert (gap.since, gap.until) == (START, START + timedelta(seconds=120))
    assert s.rows(source)[0].cursor == {"n": 1}


CHECKS = (holds_over_a_kill, holds_in_any_window, counts_what_is_sent_too, is_shared_where_the_network_says_so, keeps_accounts_apart,
          opens_again, waits_for_all_to_the_second, loses_nothing_when_the_commit_fails, an_outage_is_a_hole_and_the_cursor_stays)


def forgets_at_a_start(m: pytest.MonkeyPatch) -> None:
    m.setattr(limits, "_spent", lambda c, key, lock=False: {})


def counts_in_memory_only(m: pytest.MonkeyPatch) -> None:
    m.setattr(limits, "AHEAD", 1e9)
    plus = Allowance.plus
    m.setattr(Allowance, "plus", lambda self, amount, at: plus(self, min(amount, 1.0), at))


def counts_the_clock_s_minutes(m: pytest.MonkeyPatch) -> None:
    m.setattr(Allowance, "at", lambda self, now: replace(self, spent={
        slot: n for slot, n in self.spent.items() if slot * self.grain // self.seconds == now // self.seconds}))


def lets_posts_through(m: pytest.MonkeyPatch) -> None:
    m.setattr(Paced, "post", lambda self, url, **asked: self._http.post(url, **asked))


def counts_each_account_alone(m: pytest.MonkeyPatch) -> None:
    m.setattr(Account, "key", lambda self, limit: (self.network, self.name, limit.name))


def counts_all_accounts_as_one(m: pytest.MonkeyPatch) -> None:
    m.setattr(Account, "key", lambda self, limit: (self.network, "", limit.name))


def tells_nobody_of_the_order(m: pytest.MonkeyPatch) -> None:
    async def ordered(self: Limiter, account: Account, seconds: float, reason: str) -> None: ...
    m.setattr(Limiter, "ordered", ordered)


def swallows_the_order(m: pytest.MonkeyPatch) -> None:
    m.setattr(collect, "LONGEST_LIMIT", 60.0)


def moves_the_cursor_before_the_commit(m: pytest.MonkeyPatch) -> None:
    succeeded = Collector._succeeded

    async def early(self: Collector, known: Any, batch: Batch, began: float) -> float:
        self._known = replace(known, cursor=batch.cursor)
        return await succeeded(self, known, batch, began)
    m.setattr(Collector, "_succeeded", early)


def a_hole_begins_when_it_is_noticed(m: pytest.MonkeyPatch) -> None:
    opened = sources.open_hole
    m.setattr(sources, "open_hole", lambda c, name, since, reason: opened(c, name, since + timedelta(seconds=60), reason))


FAULTS = {
    forgets_at_a_start: holds_over_a_kill, counts_in_memory_only: holds_over_a_kill, counts_the_clock_s_minutes: holds_in_any_window,
    lets_posts_through: counts_what_is_sent_too, counts_each_account_alone: is_shared_where_the_network_says_so,
    counts_all_accounts_as_one: keeps_accounts_apart, tells_nobody_of_the_order: waits_for_all_to_the_second,
    swallows_the_order: waits_for_all_to_the_second, moves_the_cursor_before_the_commit: loses_nothing_when_the_commit_fails,
    a_hole_begins_when_it_is_noticed: an_outage_is_a_hole_and_the_cursor_stays,
}


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    db = Database(f"sqlite:///{tmp_path}/q.db")
    metadata.create_all(db.engine)
    yield Scene(db)
    db.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_runner(check: Callable[[Scene], Awaitable[None]], scene: Scene) -> None:
    await check(scene)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_the_fault_is_noticed(fault: Callable[[pytest.MonkeyPatch], None], scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        await FAULTS[fault](scene)
