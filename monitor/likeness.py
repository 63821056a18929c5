"""Drives `ticketing.alike` beside the line: a look after every batch of new cards, never inside the batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from monitor.store.engine import Database, reason_of
from ticketing import alike
from ticketing.service import Service

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds between two looks: numbers come first."""


async def run(db: Database, service: Service, clock: Callable[[], datetime]) -> None:
    """For ever."""
    bell = asyncio.Event()
    db.on_commit(bell.set)
    down = False
    while True:
        bell.clear()
        try:
            while await db.read(alike.waits):
                await db.write(alike.look, service, clock())
                await asyncio.sleep(0)
            down = False
        except SQLAlchemyError as e:
            if not down:
                log.error("the database cannot be used; cards are compared later", reason=reason_of(e))
            down = True
        except Exception:
            # A fault in comparing must not end what runs: numbers and dates do not hang on it.
            log.exception("cards could not be compared")
            await asyncio.sleep(60)
        await asyncio.sleep(PAUSE)
        try:
            async with asyncio.timeout(30):
                await bell.wait()
        except TimeoutError:
            continue
