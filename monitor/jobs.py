"""What runs by the clock: retention and the clean-up of what is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError

from config.timezone import ALMATY
from monitor.store.engine import Database
from monitor.store.retention import CHUNK, expire_texts, prune
from ticketing.tables import session

log = structlog.get_logger(__name__)


def scheduler(db: Database, unaddressed_days: Callable[[], int], clock: Callable[[], datetime]) -> AsyncIOScheduler:
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
    return made


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
