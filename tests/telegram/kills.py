"""Kills an outbox with -9 while it works, again and again, and counts what people got."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import program
from fake_api import TOKEN, FakeTelegram
from rows import put_office, put_person, put_ticket
from sqlalchemy import func, select

from monitor.store.engine import Database
from ticketing.tables import delivery

_NUMBER = re.compile(r"ӘЖ-551-2026-\d{6}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often each of the tickets was told."""

    kills: int
    told: Counter[str]
    tickets: int
    sent_by_rows: int
    faults: list[str]

    @property
    def lost(self) -> int:
        return self.tickets - len(self.told)

    @property
    def repeats(self) -> int:
        return sum(self.told.values()) - len(self.told)


async def killed(db: Database, url: str, *, tickets: int, kills: int, seed: int) -> Outcome:
    """Tell `tickets` to as many people. Half of the kills strike between Telegram's acceptance and its answer."""
    dice = random.Random(seed)
    created = datetime.now(UTC) - timedelta(minutes=1)
    async with FakeTelegram() as api:
        with db.begin() as c:
            put_office(c)
            for i in range(tickets):
                api.chat(1000 + i)
                person = put_person(c, f"p{i}", 1000 + i)
                put_ticket(c, i + 1, f"user:{person}", responsible=person, now=created)
        at = sorted(dice.sample(range(2, tickets - 2), kills))
        for i, limit in enumerate(at):
            await _run_until(url, api, limit, in_the_answer=i % 2 == 0, pause=dice.random() * 0.02)
        await _run_until(url, api, tickets * (1 + kills) + 1, patience=60.0, done=lambda: _waiting(db) == 0)
        told = Counter(n for call in api.sent() for n in _NUMBER.findall(call.data["text"]))
        return Outcome(kills, told, tickets, tickets - _waiting(db), api.faults)


async def _run_until(url: str, api: FakeTelegram, messages: int, *, in_the_answer: bool = False, pause: float = 0.0,
                     patience: float = 60.0, done: Callable[[], bool] = lambda: False) -> None:
    process = program.start(url, api.url, TOKEN, script=Path(__file__).with_name("drain.py"))
    if in_the_answer:
        api.on_message = lambda: process.kill() if len(api.sent()) >= messages else None
    try:
        async with asyncio.timeout(patience):
            while process.poll() is None and len(api.sent()) < messages and not done():
                await asyncio.sleep(0.005)
            await asyncio.sleep(pause)
    except TimeoutError:
        pass
    finally:
        api.on_message = None
        process.kill()
        await asyncio.to_thread(process.wait)


def _waiting(db: Database) -> int:
    with db.reading() as c:
        return int(c.execute(select(func.count()).select_from(delivery).where(delivery.c.state != "sent")).scalar_one())
