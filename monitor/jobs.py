"""What runs by the clock: retention, the clean-up of what is over, and the daily look at the channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError

from config.timezone import ALMATY
from monitor import drifts
from monitor.store.engine import Database
from monitor.store.retention import CHUNK, expire_texts, prune
from ticketing.tables import session

if TYPE_CHECKING:
    from monitor.learning.inforce import Learned

log = structlog.get_logger(__name__)


def scheduler(db: Database, unaddressed_days: Callable[[], int], clock: Callable[[], datetime],
              learned: Callable[[], Learned | None] = lambda: None) -> AsyncIOScheduler:
    """The jobs, not yet started. A job that was missed while the machine slept runs once, not as often as it was missed."""
    made = AsyncIOScheduler(timezone=ALMATY, job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1})

    async def retention() -> None:
        try:
            await tidy(db, unaddressed_days(), clock)
        except SQLAlchemyError as e:
            log.error("the database cannot be used; what has expired is erased an hour later",
                      reason=str(getattr(e, "orig", None) or e).splitlines()[0])

    made.add_job(retention, IntervalTrigger(hours=1, jitter=300, timezone=ALMATY), id="retention",
                 next_run_time=clock() + timedelta(minutes=1))

    async def channels() -> None:
        try:
            await look_at_channels(db, learned(), clock)
        except SQLAlchemyError as e:
            log.error("the database cannot be used; the channels are looked at tomorrow",
                      reason=str(getattr(e, "orig", None) or e).splitlines()[0])

    made.add_job(channels, IntervalTrigger(days=1, jitter=3600, timezone=ALMATY), id="channels",
                 next_run_time=clock() + timedelta(minutes=5))
    return made


async def look_at_channels(db: Database, learned: Learned | None, clock: Callable[[], datetime]) -> drifts.Look:
    """Look, remember, and raise what changed since the last look."""
    before = await db.read(drifts.standing)
    seen = await db.read(drifts.look, learned, clock())
    await db.write(drifts.keep_look, seen)
    drifts.tell(before, seen)
    return seen


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
