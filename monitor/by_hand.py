"""Asking a source by hand (`source test`, `source record`, `check --online`): counted in the same rows as what the daemon asks, so
that two programs with one account never exceed a limit together, and an order to wait holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine import make_url

import connectors
from config.settings import Source
from connectors.base import Batch, Http, Probes, limits_of, secrets_of
from connectors.errors import RateLimited
from monitor.http import scrubbed
from monitor.limits import MOMENT, Account, Limiter, OwnLimit, Paced
from monitor.setting import now, options_of
from monitor.store.engine import Database
from monitor.store.schema import upgrade

LONGEST = 60.0
"""Seconds that one question may take."""

T = TypeVar("T")


@contextmanager
def counter(url: str, sources: Iterable[Source]) -> Iterator[Limiter | None]:
    """The daemon's counter; None where there is no database yet, hence no daemon, and the networks publish no limit on reading.
    Raises UnusableDatabase."""
    file = make_url(url).database if url.startswith("sqlite") else None
    counted = any(limit.cost > 0 for source in sources for limit in limits_of(connectors.find(source.network)))
    if file is not None and not Path(file).exists() and not counted:
        yield None
        return
    db = Database(url)
    try:
        upgrade(db)
        yield Limiter(db, now)
    finally:
        db.close()


async def poll_once(source: Source, http: Http, limiter: Limiter | None) -> Batch:
    """What a source answers from the beginning; nothing is stored. Raises SourceError or TimeoutError."""
    connector = made(source)
    return await _asked(source, connector, http, limiter, lambda way: connector.poll(way, {}))


async def probed(source: Source, http: Http, limiter: Limiter | None) -> list[str]:
    """What a source's credential opens, where its connector can say so. Raises SourceError or TimeoutError."""
    connector = made(source)
    return await _asked(source, connector, http, limiter, lambda way: connector.probe(way)) if isinstance(connector, Probes) else []


def made(source: Source) -> Any:
    """The connector of a source."""
    return connectors.find(source.network)(source.name, options_of(source))


async def _asked(source: Source, connector: Any, http: Http, limiter: Limiter | None, ask: Callable[[Http], Awaitable[T]]) -> T:
    async with asyncio.timeout(LONGEST):
        if limiter is None:
            return await ask(http)
        account = Account.of(connector, source.name)
        held, why = await limiter.wait(account, connector.max_requests_per_poll)
        if held > MOMENT:
            raise OwnLimit(f"{why}; ask again in {held:.0f} s", held)
        await asyncio.sleep(held)
        try:
            return await ask(Paced(http, limiter, account, sleep=asyncio.sleep))
        except OwnLimit:
            raise
        except RateLimited as e:
            await limiter.ordered(account, e.retry_after, scrubbed(str(e), secrets_of(options_of(source))))
            raise
