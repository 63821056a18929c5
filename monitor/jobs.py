"""What runs by the clock: retention and the clean-up of what is over."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Retention
from config.timezone import ALMATY
from monitor.store.engine import Database
from monitor.store.tables import post
from ticketing.retention import rules

log = structlog.get_logger(__name__)


def scheduler(db: Database, policy: Callable[[], Retention], clock: Callable[[], datetime]) -> AsyncIOScheduler:
    """The jobs, not yet started. A job that was missed while the machine slept runs once, not as often as it was missed."""
    made = AsyncIOScheduler(timezone=ALMATY, job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1})

    async def retention() -> None:
        try:
            await tidy(db, policy(), clock)
        except (SQLAlchemyError, OSError) as e:     # OSError: the erasure list outside cannot be written
            log.error("what has expired cannot be erased now; it is tried again in an hour",
                      reason=str(getattr(e, "orig", None) or e).splitlines()[0])

    made.add_job(retention, IntervalTrigger(hours=1, jitter=300, timezone=ALMATY), id="retention",
                 next_run_time=clock() + timedelta(minutes=1))
    return made


async def tidy(db: Database, policy: Retention, clock: Callable[[], datetime]) -> int:
    """Apply every rule of retention in small transactions. Returns how many texts of posts expired."""
    now = clock()
    expired = await db.read(_expired)
    for rule in rules(policy, now, lambda: os.urandom(16)):
        while await db.write(rule.step):
            pass
    expired = await db.read(_expired) - expired
    if expired:
        log.info("texts of posts have expired", posts=expired, after_days=policy.unaddressed_days)
    return expired


def _expired(c: Connection) -> int:
    return int(c.execute(select(func.count()).select_from(post).where(post.c.expired_at.is_not(None))).scalar_one())
