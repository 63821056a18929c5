"""No network is asked more often than it publishes, whoever asks, also right after a kill; an order to wait is kept to the second."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

import connectors
from connectors.base import Batch, ConnectorSettings, Limit, Response, fingerprint, limits_of
from connectors.errors import RateLimited
from monitor.collect import Clock, Collector
from monitor.core.allowance import Allowance
from monitor.limits import Account, Limiter, OwnLimit, Paced, PacedVoice
from monitor.store.engine import Database
from monitor.store.tables import metadata
from monitor.store.tables import source as source_table

START = datetime(2026, 3, 1, 7, tzinfo=UTC)
PUBLISHED = {  # forms that networks publish, whatever is in connectors/ now
    "a few a second": (Limit("second", 3, 1, ""),),
    "hundreds in five minutes": (Limit("app", 300, 300, ""), Limit("search", 40, 300, "", cost=0, costs={"/search": 1})),
    "units a day": (Limit("units", 10_000, 86_400, "", costs={"/search": 100}, whole_network=True),),
    "one a minute": (Limit("one", 1, 60, ""),),
    "units of a day elsewhere": (Limit("units", 400, 86_400, "", costs={"/search": 20}, resets="America/Los_Angeles"),),
}
EVERY = {**PUBLISHED, **{name: limits for name in connectors.networks() if (limits := limits_of(connectors.find(name)))}}


@dataclass
class Network:
    """Counts as a network does: exactly, over any stretch of time (or by its own calendar days), by account."""

    limits: tuple[Limit, ...]
    now: float = 0.0
    asked: dict[tuple[str, str], deque[tuple[float, float]]] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    requests: int = 0

    def ask(self, account: str, path: str, sent: Any = None) -> None:
        self.requests += 1
        for limit in self.limits:
            seen = self.asked.setdefault(("" if limit.whole_network else account, limit.name), deque())
            begin = pacific_midnight(self.now) - 1e-9 if limit.resets else self.now - limit.seconds
            while seen and seen[0][0] <= begin:
                seen.popleft()
            seen.append((self.now, limit.cost_of(path, sent)))
            self.most[limit.name] = max(self.most.get(limit.name, 0.0), sum(cost for _, cost in seen))


def pacific_midnight(now: float) -> float:
    """Worked out apart from what is tested: the last hour of UTC at which clocks there say 00:00."""
    hour = now // 3600 * 3600
    while datetime.fromtimestamp(hour, ZoneInfo("America/Los_Angeles")).hour:
        hour -= 3600
    return hour


@dataclass
class Doors:
    network: Network
    account: str

    async def get(self, url: str, **_: Any) -> Response:
        self.network.ask(self.account, "/" + url.rpartition("/")[2])
        return Response(200, {}, b"", url)

    async def post(self, url: str, *, data: Any = None, **_: Any) -> Response:
        self.network.ask(self.account, "/" + url.rpartition("/")[2], data)
        return Response(200, {}, b"", url)


@pytest.fixture
def database(tmp_path: Path) -> Any:
    made = Database(f"sqlite:///{tmp_path}/q.db")
    metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.mark.parametrize("name", sorted(EVERY))
async def test_over_simulated_hours_no_published_limit_is_exceeded_also_right_after_a_kill(name: str, database: Database) -> None:
    """Greedy sources of two accounts ask as fast as they may, through three windows; the program is killed again and again."""
    limits = EVERY[name]
    network, chance = Network(limits, now=START.timestamp()), random.Random(7)
    end = network.now + 3 * max(limit.seconds for limit in limits)
    rest = max(min(limit.seconds for limit in limits) / 2000, 0.0005)
    limiter, kills, paths = made(database, network), 0, ["/wall", "/wall", "/search"]
    enough = 400 if any(limit.within for limit in limits) else 1000
    while network.now < end and network.requests < enough:
        if chance.random() < 0.004:
            limiter, kills = made(database, network), kills + 1       # what it held in memory is gone
        account = chance.choice(["a", "b"])
        http = Paced(Doors(network, account), limiter, Account("n", account, limits))
        inside = [limit.within for limit in limits if limit.within]
        try:
            if inside:                                                   # one request, up to 25 calls
                await http.post("https://api.example/execute", data={"code": "".join(chance.choices(inside, k=chance.randint(1, 25)))})
            else:
                await http.get(f"https://api.example/{chance.choice(paths)[1:]}")
        except OwnLimit as e:
            others = await limiter.wait(Account("n", "b" if account == "a" else "a", limits), 1)
            network.now += min(e.retry_after, max(others[0], rest)) + 1e-6
        else:
            network.now += rest
    for limit in limits:
        assert network.most[limit.name] <= limit.amount
    assert max(network.most[limit.name] / limit.amount for limit in limits) > 0.8 or network.requests >= enough, "far too careful"


async def test_a_limit_by_the_day_lasts_the_whole_day_for_all_sources_of_an_account(database: Database) -> None:
    """Two sources of one VK token with many walls: greedily, the day's 5000 were gone by the afternoon, and nobody heard the evening."""
    network = Network(limits_of(connectors.find("vk")), now=START.timestamp())
    limiter, polls = made(database, network), dict[str, list[float]](kala=[], audan=[])

    def collector(name: str) -> Collector:
        class Walls:
            name, account, poll_every, max_requests_per_poll, Settings, limits = "vk", "token", 60.0, 9, ConnectorSettings, network.limits

            async def poll(self, http: Any, cursor: Any) -> Batch:
                polls[source].append(network.now)
                for walls in (15, 12, 12, 1):                            # more than three in a second: they wait for their turn
                    await http.post("https://api.example/execute", data={"code": "API.wall.get({})," * walls})
                return Batch((), {})

        source, config = name, SimpleNamespace(name=name, network="vk", home=None, every=60.0, keep_raw=False)

        async def sleep(seconds: float) -> None:
            network.now += seconds
        clock = Clock(lambda: datetime.fromtimestamp(network.now, UTC), lambda: network.now, sleep, lambda low, high: high)
        return Collector(database, config, Walls(), Doors(network, "token"), clock=clock, limiter=limiter)

    both = {name: collector(name) for name in polls}
    for name in polls:
        limiter.join(Account("vk", "token", network.limits), name)
    due = dict.fromkeys(both, network.now)
    end = network.now + 86_400
    while (name := min(due, key=lambda one: due[one])) and due[name] < end:
        network.now = max(network.now, due[name])
        due[name] = network.now + await both[name].once()
    assert 2000 <= network.most["walls a day"] <= 2600
    assert network.most["token"] <= 3
    for times in polls.values():
        assert max(b - a for a, b in pairwise(times)) < 3200             # never silent: 40 of half its 2250 walls each time
    rows = {r.name: r for r in everything(database)}
    assert all(r.state == "up" and 2900 < r.every < 3200 for r in rows.values())     # what is said of it: so often is it heard


def everything(db: Database) -> list[Any]:
    with db.reading() as c:
        return list(c.execute(select(source_table)))


def made(db: Database, network: Network) -> Limiter:
    return Limiter(db, lambda: datetime.fromtimestamp(network.now, UTC))


async def test_an_order_to_wait_holds_for_all_sources_of_the_account_to_the_second_and_over_a_restart(db: Database) -> None:
    at = [START]
    one, other = Account("vk", fingerprint("token"), ()), Account("vk", fingerprint("another"), ())
    await Limiter(db, lambda: at[0]).ordered(one, 1234, "VK: flood control")
    at[0] += timedelta(seconds=1200)
    again = Limiter(db, lambda: at[0])
    assert await again.wait(one, 1) == (34.0, "VK: flood control")
    assert await again.wait(other, 1) == (0.0, "")
    at[0] += timedelta(seconds=34)
    assert await again.wait(one, 1) == (0.0, "")


async def test_a_poll_begins_only_when_all_its_requests_are_there_and_backfill_leaves_half(db: Database) -> None:
    at = [START]
    account, network = Account("n", "a", (Limit("app", 10, 100, ""),)), Network(())
    limiter = Limiter(db, lambda: at[0])
    slow = Paced(Doors(network, "a"), limiter, account, spare=0.5)
    for _ in range(5):
        await slow.get("https://api.example/old")
    with pytest.raises(OwnLimit):
        await slow.get("https://api.example/old")
    assert (await limiter.wait(account, 1, 0.5))[0] > 90
    fresh = Paced(Doors(network, "a"), limiter, account)
    for _ in range(3):
        await fresh.get("https://api.example/new")
    assert (await limiter.wait(account, 2))[0] == 0
    assert (await limiter.wait(account, 3))[0] > 90


async def test_what_was_written_ahead_and_not_asked_is_worth_nothing_later(database: Database) -> None:
    network, account = Network((Limit("app", 100, 100, ""),), now=START.timestamp()), Account("n", "a", (Limit("app", 100, 100, ""),))
    http = Paced(Doors(network, "a"), made(database, network), account)
    for _ in range(4):                                  # the fourth wrote four ahead: three are left
        await http.get("https://api.example/x")
    network.now += 200
    with pytest.raises(OwnLimit):
        while True:
            await http.get("https://api.example/x")
    assert 96 <= network.most["app"] <= 100


async def test_two_programs_share_one_account(db: Database) -> None:
    """`source backfill` beside the daemon."""
    network, account = Network((Limit("app", 20, 60, ""),)), Account("n", "a", (Limit("app", 20, 60, ""),))
    limiters = [Limiter(db, lambda: START) for _ in range(2)]

    async def ask(limiter: Limiter) -> None:
        for _ in range(30):
            try:
                await Paced(Doors(network, "a"), limiter, account).get("https://api.example/x")
            except OwnLimit:
                return

    await asyncio.gather(*map(ask, limiters))
    assert network.most["app"] <= 20
    assert network.requests >= 18


async def test_an_answer_counts_and_its_order_holds_for_the_sources(db: Database) -> None:
    account = Account("n", "a", (Limit("app", 2, 60, ""),))

    class Voice:
        async def answer(self, http: Any, post: Any, text: str) -> str:
            await http.post("https://api.example/reply")
            raise RateLimited("slow down", 77)

    limiter = Limiter(db, lambda: START)
    with pytest.raises(RateLimited, match="slow down"):
        await PacedVoice(Voice(), limiter, account).answer(Doors(Network(()), "a"), None, "")  # type: ignore[arg-type]
    assert await limiter.wait(account, 1) == (77.0, "slow down")


async def test_a_budget_of_a_day_is_whole_again_at_the_network_s_midnight_and_not_before(db: Database) -> None:
    """All 100 searches in the last minutes of a day, then a kill: 100 more from midnight Pacific time on, also in summer time."""
    account = Account("youtube", "key", (Limit("searches", 100, 86_400, "", resets="America/Los_Angeles"),))
    for midnight in (datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 7, 2, 7, tzinfo=UTC)):
        at = [midnight - timedelta(minutes=20)]
        network = Network(account.limits, now=at[0].timestamp())
        for _ in range(2):
            http = Paced(Doors(network, "key"), Limiter(db, lambda now=at: now[0]), account)
            for _ in range(100):
                await http.get("https://api.example/search")
            at[0] += timedelta(minutes=19, seconds=59) if at[0] < midnight else timedelta(0)
            with pytest.raises(OwnLimit, match="midnight in America/Los_Angeles") as refused:
                await http.get("https://api.example/search")
            if at[0] < midnight:
                assert refused.value.retry_after == 1.0
                at[0] = midnight + timedelta(seconds=1)
            network.now = at[0].timestamp()
        assert network.requests == 200
        assert network.most["searches"] == 100


async def test_an_answer_is_not_held_up_by_what_only_reading_counts(db: Database) -> None:
    account = Account("youtube", "key", (Limit("units", 100, 86_400, "", costs={"POST /v3/comments": 50}),
                                         Limit("reading", 40, 86_400, "", costs={"POST /v3/comments": 0})))
    limiter, network = Limiter(db, lambda: START), Network(account.limits)
    http = Paced(Doors(network, "key"), limiter, account)
    for _ in range(40):
        await http.get("https://api.example/v3/comments")
    with pytest.raises(OwnLimit, match="reading"):
        await http.get("https://api.example/v3/comments")
    assert (await limiter.wait(account, 1))[0] > 0

    class Voice:
        async def answer(self, http: Any, post: Any, text: str) -> str:
            await http.post("https://api.example/v3/comments")
            return "1"

    voice = PacedVoice(Voice(), limiter, account)
    assert await voice.answer(Doors(network, "key"), None, "") == "1"  # type: ignore[arg-type]
    with pytest.raises(OwnLimit, match="units"):
        await voice.answer(Doors(network, "key"), None, "")  # type: ignore[arg-type]


def test_a_clock_that_ran_ahead_does_not_stop_a_source_for_ever() -> None:
    ahead = Allowance(5, 60, {}).plus(5, 4_000_000_000)
    assert 0 < ahead.wait(1_800_000_000, 1) <= 64


def test_the_wait_that_is_told_is_enough_and_no_longer() -> None:
    chance = random.Random(3)
    for _ in range(200):
        now = 1_800_000_000 + chance.uniform(0, 1e6)
        used = Allowance(20, 60, {})
        for _ in range(chance.randint(0, 25)):
            used = used.plus(1, now - chance.uniform(0, 70))
        wanted, spare = chance.randint(1, 8), chance.choice([0.0, 10.0])
        waits = used.wait(now, wanted, spare)
        assert used.left(now + waits + 1e-6) >= wanted + spare
        assert waits == 0 or used.left(now + waits - 1e-3) < wanted + spare


def test_an_account_shows_no_secret() -> None:
    assert fingerprint("s3cret", "x") == fingerprint("s3cret", "x") != fingerprint("s3cre", "tx")
    assert "s3cret" not in fingerprint("s3cret")


