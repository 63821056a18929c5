"""Edits the cards in chats once they no longer wait: taken in a chat or on the page, moved, closed.

What to edit is read from the tables, so that nothing is forgotten over a restart and a crash repeats at most one edit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from monitor.store.engine import Database
from ticketing.notify import queries
from ticketing.notify.channel import ChannelError, Rejected, Unreachable
from ticketing.notify.queries import Shown
from ticketing.notify.telegram import TelegramChannel

BATCH = 50

log = structlog.get_logger("edits")


class Edits:
    """Keeps the messages of one bot true."""

    def __init__(self, db: Database, channel: TelegramChannel, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
                 look: float = 5.0, first_pause: float = 1.0) -> None:
        self._db, self._channel, self._clock, self._look, self._first_pause = db, channel, clock, look, first_pause
        self._bell = asyncio.Event()
        self._not_before: dict[tuple[int, int], tuple[float, int]] = {}
        db.on_commit(self._bell.set)

    async def run(self) -> None:
        """For ever."""
        while True:
            self._bell.clear()
            try:
                edited = await self.round()
            except SQLAlchemyError as e:
                log.error("the database cannot be used; edits wait", reason=str(e).splitlines()[0])
                edited = 0
            if not edited:
                try:
                    async with asyncio.timeout(self._look):
                        await self._bell.wait()
                except TimeoutError:
                    continue
                await asyncio.sleep(0.2)  # many commits, one look

    async def round(self) -> int:
        """Edit what can be edited now; returns how many messages were settled."""
        steady = self._channel.steady()
        if self._channel.closed_until() - steady > 1:
            return 0
        held = {chat for (chat, _m), (at, _n) in self._not_before.items() if at > steady}
        held |= {chat for chat, at in self._channel.busy().items() if at - steady > 5}
        stale = await self._db.read(queries.stale, BATCH, held)
        return sum([await self._edit(one) for one in stale])

    async def _edit(self, one: Shown) -> bool:
        wording, now = self._channel.wording, self._clock()
        message = wording.cards(one.items, one.person, now)
        ended = {i.facts.number for i in one.items if wording.outcome(i.facts, one.person, now)} & one.open
        try:
            await self._channel.edit(one.chat, one.message, message.html, message.rows)
        except (Unreachable, Rejected) as e:
            log.info("a card could not be edited", chat=one.chat, reason=str(e)[:200])
        except ChannelError as e:
            _at, failures = self._not_before.get((one.chat, one.message), (0.0, 0))
            pause = min(600.0, self._first_pause * 2.0 ** min(failures, 12))
            self._not_before[one.chat, one.message] = (self._channel.steady() + pause, failures + 1)
            log.info("an edit waits", chat=one.chat, reason=str(e)[:200])
            return False
        self._not_before.pop((one.chat, one.message), None)
        await self._db.write(queries.settle, one.chat, one.message, ended)
        return True
