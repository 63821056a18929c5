"""One counter for each account of a network: its published limits and its orders to wait, kept across restarts.

What is asked is written down before it is asked. To write less often, a few requests are written ahead as a promise that ends with
its slot: what a kill leaves of a promise counts as asked, so no restart exceeds a limit; what is left at its end is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from yarl import URL

from connectors.base import Answers, Http, KnowsBeforehand, Limit, Response, account_of, limits_of
from connectors.errors import RateLimited, Transient
from monitor.core.allowance import Allowance
from monitor.core.post import Post
from monitor.core.spread import LONG, Long
from monitor.store.engine import Database, reason_of
from monitor.store.tables import allowance

AHEAD = 1 / 20
"""The part of a limit that may be written ahead, at most."""
MOMENT = 2.0
"""Seconds that a request in the middle of a poll waits for its turn, at most."""
FLOOD = ""
"""Name of the row that holds an order to wait."""

Key = tuple[str, str, str]


class OwnLimit(RateLimited):
    """The network would allow no more now, by our own count of what it publishes: it was not asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a network counts requests for."""

    network: str
    name: str
    limits: tuple[Limit, ...]

    @classmethod
    def of(cls, connector: Any, source: str) -> Account:
        """The account that a source's connector asks with."""
        return cls(connector.name, account_of(connector, source), limits_of(connector))

    def key(self, limit: Limit) -> Key:
        """The row that a limit is counted in."""
        return self.network, "" if limit.whole_network else self.name, limit.name


@dataclass(slots=True)
class _Promise:
    """Requests that are written down and not yet asked."""

    left: float = 0.0
    until: float = 0.0
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """A network's order to wait."""

    until: datetime
    reason: str


class Limiter:
    """For all sources and answers of one database."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock
        self._promises: dict[Key, _Promise] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._sharing: dict[Key, set[str]] = {}

    def join(self, account: Account, source: str) -> None:
        """A source of this program reads with the account: what its long limits give is shared out among them all."""
        for limit in account.limits:
            self._sharing.setdefault(account.key(limit), set()).add(source)

    def leave(self, account: Account, source: str) -> None:
        """It no longer does."""
        for limit in account.limits:
            self._sharing.get(account.key(limit), set()).discard(source)

    def long(self, account: Account) -> dict[str, Long]:
        """The account's limits with long windows, as one of its sources may use them."""
        return {limit.name: Long(limit.name, limit.amount, limit.seconds, len(self._sharing.get(account.key(limit), ())))
                for limit in account.limits if limit.seconds >= LONG}

    async def take(self, account: Account, path: str, spare: float = 0.0,
                   sent: Mapping[str, str] | None = None) -> list[tuple[Limit, float]]:
        """Count one request before it is sent, and what it costs; `spare` is the part of each limit to leave for others. Raises
        OwnLimit where it must not be sent now, Transient where it cannot be written down."""
        costs = [(limit, cost) for limit in account.limits if (cost := limit.cost_of(path, sent)) > 0]
        if not costs:
            return costs
        async with self._locks.setdefault(account.network, asyncio.Lock()):
            now = self._clock().timestamp()
            held = {account.key(limit): self._promises.setdefault(account.key(limit), _Promise()) for limit, _ in costs}
            if spare or any(p.until <= now or p.left < cost for p, (_, cost) in zip(held.values(), costs, strict=True)):
                fresh, refused = await self._written(_promise, account, costs, held, now, spare)
                for limit, _ in costs:
                    self._promises[account.key(limit)] = fresh[account.key(limit)]
                if refused is not None:
                    limit, wait = refused
                    raise OwnLimit(f"{_said(limit)} is used up; the next request in {wait:.0f} s", wait)
            for limit, cost in costs:
                self._promises[account.key(limit)].left -= cost
            return costs

    async def wait(self, account: Account, requests: int, spare: float = 0.0) -> tuple[float, str]:
        """Seconds until a poll of so many requests may begin, and why; 0: now. For no requests only an order to wait counts."""
        now = self._clock()
        order = await self._asked(order_of, account.network, account.name, now)
        if order is not None:
            return (order.until - now).total_seconds(), order.reason
        longest, why = 0.0, ""
        for limit in account.limits:
            key, wanted = account.key(limit), limit.cost * requests
            held = self._promises.get(key)
            mine = held.left if held is not None and held.until > now.timestamp() else 0.0
            if wanted and (spare or mine < wanted):
                spent = await self._asked(_spent, key)
                seconds = _allowance(limit, spent, now.timestamp()).wait(now.timestamp(), min(wanted, limit.amount) - mine,
                                                                         spare * limit.amount)
                if seconds > longest:
                    longest, why = seconds, f"{_said(limit)} is used up"
        return longest, why

    async def ordered(self, account: Account, seconds: float, reason: str) -> None:
        """The network told one of the account's sources to wait: all of them do, also after a restart."""
        now = self._clock()
        await self._written(_order, account, now + timedelta(seconds=seconds), reason, now)

    async def _written(self, function: Callable[..., Any], *args: Any) -> Any:
        return await self._surely(self._db.write(function, *args))

    async def _asked(self, function: Callable[..., Any], *args: Any) -> Any:
        return await self._surely(self._db.read(function, *args))

    @staticmethod
    async def _surely(done: Awaitable[Any]) -> Any:
        try:
            return await done
        except (DBAPIError, PoolTimeout) as e:
            raise Transient(f"what is asked cannot be counted, the database refuses: {reason_of(e)}") from None


def _promise(c: Connection, account: Account, costs: Sequence[tuple[Limit, float]], held: Mapping[Key, _Promise], now: float,
             spare: float) -> tuple[dict[Key, _Promise], tuple[Limit, float] | None]:
    """Give back what is left of the promises held, and write new ones ahead, for all limits or for none."""
    found: list[tuple[Limit, float, Allowance, _Promise]] = []
    refused: tuple[Limit, float] | None = None
    for limit, cost in sorted(costs, key=lambda pair: account.key(pair[0])):     # one order for all processes
        old = held[account.key(limit)]
        known = _allowance(limit, _spent(c, account.key(limit), lock=True), now)
        if old.left > 0:
            known = known.plus(-old.left, old.until)
        known = known.at(now)
        seconds = known.wait(now, cost, spare * limit.amount)
        if seconds > 0 and (refused is None or seconds > refused[1]):
            refused = limit, seconds
        found.append((limit, cost, known, old))
    fresh: dict[Key, _Promise] = {}
    for limit, cost, known, old in found:
        key = account.key(limit)
        if refused is not None:
            fresh[key] = _Promise(size=old.size)
        else:
            busy = now < old.until           # used up before its time: the next one is larger
            size = min(old.size * 2 if busy else max(1.0, old.size - old.left), limit.amount * AHEAD)
            amount = max(cost, min(size, known.left(now) - spare * limit.amount))
            until = known.promised(now)
            known = known.plus(amount, until)
            fresh[key] = _Promise(amount, until, max(size, 1.0))
        row = {"spent": {str(slot): part for slot, part in known.spent.items() if part > 0}}
        c.execute(_insert(c).values(network=key[0], account=key[1], name=key[2], **row).on_conflict_do_update(
            index_elements=["network", "account", "name"], set_=row))
    return fresh, refused


def _order(c: Connection, account: Account, until: datetime, reason: str, now: datetime) -> None:
    c.execute(delete(allowance).where(allowance.c.name == FLOOD, allowance.c.until <= now))
    row = {"until": until, "reason": reason[:500]}
    c.execute(_insert(c).values(network=account.network, account=account.name, name=FLOOD, **row).on_conflict_do_update(
        index_elements=["network", "account", "name"], set_=row))


def order_of(c: Connection, network: str, account: str, now: datetime) -> Order | None:
    """The order to wait that an account is under."""
    row = c.execute(select(allowance.c.until, allowance.c.reason).where(
        allowance.c.network == network, allowance.c.account == account, allowance.c.name == FLOOD,
        allowance.c.until > now)).first()
    return None if row is None else Order(row.until, row.reason)


def _spent(c: Connection, key: Key, *, lock: bool = False) -> dict[int, float]:
    asked = select(allowance.c.spent).where(
        allowance.c.network == key[0], allowance.c.account == key[1], allowance.c.name == key[2])
    row = c.execute(asked.with_for_update() if lock else asked).first()
    return {} if row is None or row.spent is None else {int(slot): float(amount) for slot, amount in row.spent.items()}


def _insert(c: Connection) -> Any:
    return (postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert)(allowance)


def _allowance(limit: Limit, spent: Mapping[int, float], now: float) -> Allowance:
    return Allowance(limit.amount, limit.seconds, spent, limit.day(now))


def _said(limit: Limit) -> str:
    when = f"a day, anew at midnight in {limit.resets}" if limit.resets else f"in {limit.seconds:g} s"
    return f"the network's limit {limit.name!r} ({limit.amount:g} {when})"


class Paced:
    """`Http` of one account: every request is counted before it is sent. With `sleep` it waits where its turn comes within moments (a
    limit by the second is no outage); `spent` adds up what was asked of each limit."""

    def __init__(self, http: Http, limiter: Limiter, account: Account, spare: float = 0.0,
                 sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        self._http, self._limiter, self._account, self._spare, self._sleep = http, limiter, account, spare, sleep
        self.spent: dict[str, float] = {}

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None,
                  timeout: float | None = None) -> Response:
        """Count, then read an address."""
        await self._counted(_path(url))
        return await self._http.get(url, headers=headers, params=params, timeout=timeout)

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None, public_only: bool = False) -> Response:
        """Count, then send."""
        await self._counted(f"POST {_path(url)}", data if isinstance(data, Mapping) else None)
        return await self._http.post(url, json=json, data=data, headers=headers, timeout=timeout, public_only=public_only)

    async def _counted(self, path: str, sent: Mapping[str, str] | None = None) -> None:
        for last in (False, False, True):
            try:
                costs = await self._limiter.take(self._account, path, self._spare, sent)
            except OwnLimit as e:
                if self._sleep is None or last or e.retry_after > MOMENT:
                    raise
                await self._sleep(e.retry_after + 0.001)
            else:
                for limit, cost in costs:
                    self.spent[limit.name] = self.spent.get(limit.name, 0.0) + cost
                return


class PacedVoice:
    """A connector's `answer` under the limits of its account."""

    def __init__(self, connector: Answers, limiter: Limiter, account: Account) -> None:
        self._connector, self._limiter, self._account = connector, limiter, account

    @property
    def behind(self) -> Answers:
        """The connector itself."""
        return self._connector

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """What the connector knows beforehand; nothing where it knows nothing."""
        return self._connector.can_answer(post, now) if isinstance(self._connector, KnowsBeforehand) else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Answer, when the account may."""
        seconds, why = await self._limiter.wait(self._account, 0)  # what an answer costs is its own: `take` counts it
        if seconds > 0:
            raise OwnLimit(why, seconds)
        try:
            return await self._connector.answer(Paced(http, self._limiter, self._account), post, text)
        except OwnLimit:
            raise
        except RateLimited as e:
            await self._limiter.ordered(self._account, e.retry_after, str(e))
            raise


def _path(url: str) -> str:
    try:
        return URL(url).path
    except ValueError:
        return ""

