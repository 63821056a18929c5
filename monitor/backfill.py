"""`source backfill NAME`: what a source said before we listened, step by step into the past, with a budget of its own.

It may run beside the daemon: both count requests in the same rows, and a backfill leaves half of each limit to what is new. Each
step is stored with the place it reached, so an interrupted one goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

import connectors
from config.settings import Source
from connectors.base import Backfills, Batch, secrets_of
from connectors.errors import RateLimited, SourceError, Transient
from monitor.core.row import UNKNOWN_TIME
from monitor.http import WebHttp, scrubbed
from monitor.limits import Account, Limiter, OwnLimit, Paced
from monitor.setting import now, options_of
from monitor.store.engine import Database
from monitor.store.posts import Stored, encodable, store_posts
from monitor.store.sources import load_source
from monitor.store.tables import event, hole
from monitor.store.tables import source as source_table

SPARE = 0.5
"""The part of each limit that a backfill leaves to what is new."""
TRIES = 5
"""Failures in a row after which it stops; what was read is kept."""


async def backfill(db: Database, source: Source, since: datetime, say: Callable[[str], None],
                   sleep: Callable[[float], Any] = asyncio.sleep) -> tuple[int, int]:
    """Read back to `since`. Returns posts read and posts that were new. Raises SourceError where the network fails for good,
    LookupError where its connector cannot read the past."""
    connector = connectors.find(source.network)(source.name, options_of(source))
    if not isinstance(connector, Backfills):
        raise LookupError(f"{source.network} offers no history that can be asked for; the next poll takes what is still shown")
    limiter, account, secrets = Limiter(db, now), Account.of(connector, source.name), secrets_of(options_of(source))
    known = await db.write(load_source, source.name, source.network)
    started = {"since": since.isoformat(), "until": now().isoformat()}
    going = known.backfill if known.backfill and known.backfill.get("since") == since.isoformat() else None
    began = datetime.fromisoformat(going["until"]) if going else now()
    cursor: Any = going["cursor"] if going else started
    read = new = failures = 0
    async with WebHttp(secrets=secrets) as plain:
        http = Paced(plain, limiter, account, SPARE, sleep)
        while True:
            try:
                held, why = await limiter.wait(account, connector.max_requests_per_poll, SPARE)
                if held > 0:
                    raise OwnLimit(why, held)
                batch = await connector.backfill(http, cursor)
            except RateLimited as e:
                if not isinstance(e, OwnLimit):
                    await limiter.ordered(account, e.retry_after, scrubbed(str(e), secrets))
                say(f"waits {e.retry_after:.0f} s: {scrubbed(str(e), secrets)}")
                await sleep(max(1.0, e.retry_after))
                continue
            except Transient as e:
                failures += 1
                if failures >= TRIES:
                    raise
                say(f"tries again: {scrubbed(str(e), secrets)}")
                await sleep(min(60.0, 2.0 ** failures))
                continue
            failures = 0
            if batch.more and dict(batch.cursor) == dict(cursor):
                raise SourceError(f"{source.network}: the past does not come nearer; it stops at {cursor}")
            kept = {"since": since.isoformat(), "until": began.isoformat(), "cursor": dict(batch.cursor)} if batch.more else None
            stored = await db.write(_store, source, batch, kept, since, began)
            read, new, cursor = read + len(batch.posts), new + len(stored.ids), batch.cursor
            say(f"{read} posts read, {new} of them new" + (f", back to {_oldest(batch)}" if batch.posts else ""))
            if not batch.more:
                return read, new


def _store(c: Connection, source: Source, batch: Batch, kept: dict[str, Any] | None, since: datetime, began: datetime) -> Stored:
    """One step: posts and the place it reached; at the end the holes that lie behind are filled."""
    at = now()
    posts = [replace(post, source=source.name, home=post.home or source.home, raw=post.raw if source.keep_raw else None,
                     published_at=at if post.published_at == UNKNOWN_TIME else post.published_at) for post in batch.posts]
    stored = store_posts(c, posts, at)
    c.execute(update(source_table).where(source_table.c.name == source.name).values(
        backfill=encodable(kept) if kept else None, posts=source_table.c.posts + len(stored.ids)))
    if kept is None:
        filled = update(hole).where(hole.c.source == source.name, hole.c.part.is_(None), hole.c.filled_at.is_(None),
                                    hole.c.since >= since, hole.c.until <= began).values(filled_at=at)
        if c.execute(filled).rowcount:
            c.execute(event.insert().values(at=at, kind="source", ref=source.name))
    return stored


def _oldest(batch: Batch) -> str:
    return min(post.published_at for post in batch.posts).isoformat(timespec="minutes")


def under_way(db: Database, name: str) -> datetime | None:
    """How far back the backfill goes that was interrupted."""
    with db.reading() as c:
        kept = c.execute(select(source_table.c.backfill).where(source_table.c.name == name)).scalar()
    return datetime.fromisoformat(kept["since"]) if kept else None


def first_hole(db: Database, name: str) -> datetime | None:
    """Where the oldest hole of a source begins that no backfill has filled."""
    with db.reading() as c:
        return c.execute(select(hole.c.since).where(hole.c.source == name, hole.c.part.is_(None), hole.c.until.is_not(None), hole.c.filled_at.is_(None))
                         .order_by(hole.c.since).limit(1)).scalar()


DEFAULT = timedelta(days=7)
"""How far back without --since, where there is no hole to fill."""
