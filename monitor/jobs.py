"""What runs by the clock: retention, the clean-up of what is over, reminders, duty that turns, tickets of the absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Retention
from config.timezone import ALMATY
from monitor.store.authors import rotate_after
from monitor.store.engine import Database
from monitor.store.retention import CHUNK, expire_texts, prune
from ticketing.handover import any_stuck, from_the_absent
from ticketing.reminding import Reminding, put
from ticketing.rota import any_to_turn, turn
from ticketing.tables import session

log = structlog.get_logger(__name__)


def scheduler(db: Database, retained: Callable[[], Retention], clock: Callable[[], datetime],
              reminding: Reminding | None = None, salt: Callable[[], bytes] = lambda: os.urandom(16)) -> AsyncIOScheduler:
    """The jobs, not yet started; `retained` is asked each time. A job that was missed while the machine slept runs once, not as often as it was missed."""
    made = AsyncIOScheduler(timezone=ALMATY, job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1})

    async def retention() -> None:
        try:
            await tidy(db, retained().unaddressed_days, clock)
            await db.write(rotate_after, retained().author_key_days, clock())
        except SQLAlchemyError as e:
            log.error("the database cannot be used; what has expired is erased an hour later",
                      reason=str(getattr(e, "orig", None) or e).splitlines()[0])

    made.add_job(retention, IntervalTrigger(hours=1, jitter=300, timezone=ALMATY), id="retention",
                 next_run_time=clock() + timedelta(minutes=1))
    if reminding is not None:
        async def minute() -> None:
            try:
                await remind(db, reminding, clock, salt)
            except SQLAlchemyError as e:
                log.error("the database cannot be used; reminders come a minute later",
                          reason=str(getattr(e, "orig", None) or e).splitlines()[0])

        made.add_job(minute, IntervalTrigger(minutes=1, timezone=ALMATY), id="reminders",
                     next_run_time=clock() + timedelta(seconds=5))
    return made


async def remind(db: Database, reminding: Reminding, clock: Callable[[], datetime], salt: Callable[[], bytes]) -> int:
    """Turn duty, hand over what lies with the absent, queue reminders and morning messages. Returns how many of the last two."""
    now = clock()
    if await db.read(any_to_turn, now):
        await db.write(turn, now)
    while await db.read(any_stuck, now):
        handed = await db.write(from_the_absent, now, salt)
        log.info("tickets of people who are absent went over to others", tickets=handed)
        if not handed:
            break
    messages = [*await db.read(reminding.wanted, now), *await db.read(reminding.mornings, now)]
    for start in range(0, len(messages), CHUNK):
        await db.write(put, messages[start:start + CHUNK], now)
    return len(messages)


async def tidy(db: Database, unaddressed_days: int, clock: Callable[[], datetime]) -> int:
    """Expire texts in small transactions, then clean up. Returns how many texts expired."""
    now = clock()
    expired = 0
    while done := await db.write(expire_texts, now - timedelta(days=unaddressed_days), now):
        expired += done
        if done < CHUNK:
            break
    await db.write(_clean, now)
    if expired:
        log.info("texts of posts that are not addressed have expired", posts=expired, after_days=unaddressed_days)
    return expired


def _clean(c: Connection, now: datetime) -> None:
    prune(c, now)
    c.execute(delete(session).where(session.c.expires_at < now))
