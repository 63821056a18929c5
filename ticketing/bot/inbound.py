"""Hands the stored messages for our bots to them, one after another.

A row of `inbound` is deleted in the transaction that did its work; what is to be said follows after the commit. A row
whose handling fails stays with the reason, is tried again after a growing pause, then put aside: it blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from monitor.store.engine import Database
from monitor.store.tables import inbound

ATTEMPTS = 5
"""After so many failures a row is put aside for the operator."""

BATCH = 100

log = structlog.get_logger("bot")


class Bot(Protocol):
    """A bot: does its work inside a transaction and returns what is to be said when that is committed."""

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Any]: ...

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Any]:
        """What to say to whoever waits for an answer that will come late."""
        ...

    async def say(self, effects: Sequence[Any]) -> None:
        """Say it; never raises for what the network does."""
        ...


class Inbox:
    """Drives the bots; `bots` by the source whose poller stored the messages."""

    def __init__(self, db: Database, bots: Mapping[str, Bot], *,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC), first_pause: float = 1.0,
                 look: float = 1.0) -> None:
        self._db, self._bots, self._clock, self._first_pause, self._look = db, bots, clock, first_pause, look
        self._bell = asyncio.Event()
        self._not_before: dict[int, float] = {}
        self._saying: set[asyncio.Task[None]] = set()
        db.on_commit(self._bell.set)

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                self._bell.clear()
                try:
                    busy = await self._round()
                except SQLAlchemyError as e:
                    log.error("the database cannot be used; what came for the bots waits", reason=str(e).splitlines()[0])
                    await asyncio.sleep(5)
                    continue
                if not busy:
                    try:
                        async with asyncio.timeout(self._look):
                            await self._bell.wait()
                    except TimeoutError:
                        continue
        finally:
            if self._saying:
                await asyncio.wait(self._saying, timeout=5)

    async def drain(self) -> None:
        """Handle what can be handled now, and wait until the answers are out."""
        while await self._round():
            pass
        while self._saying:
            await asyncio.wait(self._saying)

    async def _round(self) -> bool:
        now = asyncio.get_running_loop().time()
        rows = await self._db.read(_waiting, sorted(self._bots), {i for i, at in self._not_before.items() if at > now})
        for row in rows:
            await self._handle(row)
        return bool(rows)

    async def _handle(self, row: Row[Any]) -> None:
        bot = self._bots[row.source]
        try:
            effects = await self._db.write(self._work, bot, row.id)
        except Exception as e:
            if isinstance(e, SQLAlchemyError) and "locked" in str(e):
                raise
            last = row.attempts + 1 >= ATTEMPTS
            log.error("a message for the bot could not be handled", row=row.id, put_aside=last, exc_info=e)
            pause = self._first_pause * 4.0 ** row.attempts
            self._not_before[row.id] = asyncio.get_running_loop().time() + pause
            await self._db.write(_note, row.id, f"{type(e).__name__}: {e}"[:500])
            if row.attempts == 0:
                self._say(bot, bot.failed(row.payload))
            return
        self._not_before.pop(row.id, None)
        self._say(bot, effects)

    def _work(self, c: Connection, bot: Bot, id_: int) -> Sequence[Any]:
        row = c.execute(select(inbound).where(inbound.c.id == id_)).one_or_none()
        if row is None:
            return ()
        effects = bot.handle(c, row.payload, self._clock())
        c.execute(delete(inbound).where(inbound.c.id == id_))
        return effects

    def _say(self, bot: Bot, effects: Sequence[Any]) -> None:
        if not effects:
            return
        task = asyncio.create_task(bot.say(effects))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)


def _waiting(c: Connection, sources: Sequence[str], not_yet: set[int]) -> Sequence[Row[Any]]:
    query = select(inbound).where(inbound.c.source.in_(sources), inbound.c.attempts < ATTEMPTS)
    if not_yet:
        query = query.where(inbound.c.id.not_in(sorted(not_yet)[:500]))
    return c.execute(query.order_by(inbound.c.id).limit(BATCH)).all()


def _note(c: Connection, id_: int, reason: str) -> None:
    c.execute(update(inbound).where(inbound.c.id == id_).values(attempts=inbound.c.attempts + 1, reason=reason))
