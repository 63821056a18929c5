"""The head of the register, published once a day: kept in the database and written into the configured folder.

A folder that was not there is caught up with: every kept head that has no file yet gets one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Register
from config.timezone import ALMATY
from monitor.store.engine import Database, reason_of
from ticketing import heads
from ticketing.tables import published_head

log = structlog.get_logger(__name__)

CAUGHT_UP = 40
"""Heads that are looked at for a missing file."""


def daily(jobs: AsyncIOScheduler, db: Database, register: Callable[[], Register], clock: Callable[[], datetime]) -> None:
    """Add the job: looked at every hour, so that a day in which the machine slept is not left out."""

    async def job() -> None:
        try:
            await once(db, register(), clock())
        except (SQLAlchemyError, heads.NoHead) as e:
            log.error("the head of the register was not published; it is tried again in an hour",
                      reason=reason_of(e))

    jobs.add_job(job, IntervalTrigger(hours=1, timezone=ALMATY), id="published head",
                 next_run_time=clock() + timedelta(minutes=2))


async def once(db: Database, register: Register, now: datetime) -> bool:
    """Publish today's head unless there is one; write the files that are missing. Returns whether one was published."""
    key = register.signing_key
    signer = heads.Signer(key.get_secret_value()) if key is not None else None
    published = await db.write(_today, now, signer)
    if register.folder is not None:
        for document in await db.read(_latest):
            try:
                _file(register.folder, document)
            except OSError as e:
                log.error("the head of the register cannot be written to the folder; it is tried again in an hour",
                          folder=str(register.folder), reason=e.strerror)
                break
    return published


def _today(c: Connection, now: datetime, signer: heads.Signer | None) -> bool:
    last = heads.newest(c)
    if last is not None:
        old = heads.read(last)
        for fault in heads.against(c, old):     # said before it is buried under the next head
            log.error("the register is not what was published", office=fault.office, entry=fault.seq, what=fault.what)
        if old.at is not None and old.at.astimezone(ALMATY).date() >= now.astimezone(ALMATY).date():
            return False
    heads.publish(c, now, signer)
    return True


def _latest(c: Connection) -> list[str]:
    return list(c.execute(select(published_head.c.document).order_by(published_head.c.id.desc()).limit(CAUGHT_UP)).scalars())[::-1]


def _file(folder: Path, document: str) -> None:
    """Write a head under its day; one that is there is never touched."""
    at = heads.read(document).at
    assert at is not None
    target = folder / f"head-{at.astimezone(ALMATY):%Y-%m-%d}.json"
    if target.exists():
        return
    partial = target.with_name(target.name + ".partial")
    partial.write_text(document + "\n", encoding="utf-8")
    partial.replace(target)
