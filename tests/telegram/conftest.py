"""The strict fake, and what is needed to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fake_api import TOKEN, FakeTelegram
from rows import NOW
from stand import QUICK, Clock, PlainNames

from monitor.store.engine import Database
from ticketing.notify.message import Wording
from ticketing.notify.telegram import StaffBot, TelegramChannel, open_bot
from ticketing.outbox import Outbox, Policy


@pytest.fixture
async def api() -> AsyncIterator[FakeTelegram]:
    """The strict fake; a test whose requests were at fault fails."""
    async with FakeTelegram() as server:
        yield server
        assert server.faults == []


@pytest.fixture
async def bot(api: FakeTelegram) -> AsyncIterator[StaffBot]:
    async with open_bot(TOKEN, api.url, QUICK, read_timeout=2.0) as made:
        yield made


@pytest.fixture
def channel(bot: StaffBot) -> TelegramChannel:
    return TelegramChannel(bot, Wording(PlainNames(), "https://qulaq.example"))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW + timedelta(seconds=1))


@pytest.fixture
def outbox(db: Database, channel: TelegramChannel, clock: Clock) -> Outbox:
    return Outbox(db, {"telegram": channel}, clock=clock, chance=lambda: 0.0,
                  policy=Policy(attempts=3, look_for_people=0.0, barred_pause=30.0, first_pause=0.2))
