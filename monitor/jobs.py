"""What runs by the clock: retention, reminders, duty that turns, tickets of the absent, the daily look at the channels."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Retention
from config.timezone import ALMATY
from monitor import drifts
from monitor.store.authors import rotate_after
from monitor.store.engine import Database, reason_of
from monitor.store.retention import CHUNK
from monitor.store.tables import post
from ticketing.handover import any_stuck, from_the_absent
from ticketing.owed import any_broken, note_broken
from ticketing.pausing import any_over
from ticketing.reminding import Reminding, put
from ticketing.retention import Forget, rules
from ticketing.rota import any_to_turn, turn
from ticketing.service import Service

if TYPE_CHECKING:
    from monitor.learning.inforce import Learned

log = structlog.get_logger(__name__)


def scheduler(db: Database, retained: Callable[[], Retention], clock: Callable[[], datetime],
              reminding: Reminding | None = None, salt: Callable[[], bytes] = lambda: os.urandom(16),
              learned: Callable[[], Learned | None] = lambda: None, service: Service | None = None,
              forget: Forget = lambda _c, _texts: None) -> AsyncIOScheduler:
    """The jobs, not yet started; `retained` is asked each time. A job that was missed while the machine slept runs once,
    not as often as it was missed."""
    made = AsyncIOScheduler(timezone=ALMATY, job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1})

    async def retention() -> None:
        try:
            await tidy(db, retained(), clock, forget)
            await db.write(rotate_after, retained().author_key_days, clock())
        except (SQLAlchemyError, OSError) as e:     # OSError: the erasure list outside cannot be written
            log.error("what has expired cannot be erased now; it is tried again in an hour",
                      reason=reason_of(e))

    made.add_job(retention, IntervalTrigger(hours=1, jitter=300, timezone=ALMATY), id="retention",
                 next_run_time=clock() + timedelta(minutes=1))
    if reminding is not None:
        async def minute() -> None:
            try:
                await remind(db, reminding, clock, salt, service)
            except SQLAlchemyError as e:
                log.error("the database cannot be used; reminders come a minute later",
                          reason=reason_of(e))

        made.add_job(minute, IntervalTrigger(minutes=1, timezone=ALMATY), id="reminders",
                     next_run_time=clock() + timedelta(seconds=5))

    if service is not None:
        async def calendars() -> None:
            try:
                earlier = await db.write(service.published, clock())
            except SQLAlchemyError as e:
                log.error("the database cannot be used; dates are counted again tomorrow", reason=reason_of(e))
            else:
                if earlier:
                    log.info("the calendar in force makes dates earlier", cards=earlier)

        made.add_job(calendars, IntervalTrigger(days=1, jitter=3600, timezone=ALMATY), id="calendars",
                     next_run_time=clock() + timedelta(minutes=3))

    async def channels() -> None:
        try:
            await look_at_channels(db, learned(), clock)
        except SQLAlchemyError as e:
            log.error("the database cannot be used; the channels are looked at tomorrow",
                      reason=reason_of(e))

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


async def remind(db: Database, reminding: Reminding, clock: Callable[[], datetime], salt: Callable[[], bytes],
                 service: Service | None = None) -> int:
    """Turn duty, let clocks go on, hand over what lies with the absent, queue reminders and morning messages. Returns how many of the last two."""
    now = clock()
    if await db.read(any_to_turn, now):
        await db.write(turn, now)
    while await db.read(any_stuck, now):
        handed = await db.write(from_the_absent, now, salt)
        log.info("tickets of people who are absent went over to others", tickets=handed)
        if not handed:
            break
    if service is not None:
        while await db.read(any_over, now):
            await db.write(service.clocks, now)
    if await db.read(any_broken, now):
        await db.write(note_broken, now)
    messages = [*await db.read(reminding.wanted, now), *await db.read(reminding.mornings, now)]
    for start in range(0, len(messages), CHUNK):
        await db.write(put, messages[start:start + CHUNK], now)
    return len(messages)


async def tidy(db: Database, policy: Retention, clock: Callable[[], datetime], forget: Forget = lambda _c, _texts: None) -> int:
    """Apply every rule of retention in small transactions. Returns how many texts of posts expired."""
    now = clock()
    expired = await db.read(_expired)
    for rule in rules(policy, now, lambda: os.urandom(16), forget):
        while await db.write(rule.step):
            pass
    expired = await db.read(_expired) - expired
    if expired:
        log.info("texts of posts have expired", posts=expired, after_days=policy.unaddressed_days)
    return expired


def _expired(c: Connection) -> int:
    return int(c.execute(select(func.count()).select_from(post).where(post.c.expired_at.is_not(None))).scalar_one())
