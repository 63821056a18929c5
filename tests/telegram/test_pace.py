"""How fast the bot may speak, with a clock of the test's own; and that a chat with much news is not flooded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from fake_api import FakeTelegram
from rows import PAVLODAR, put_office, put_person, put_ticket

from monitor.store.engine import Database
from ticketing.notify.pace import LIMITS, Pace
from ticketing.notify.telegram import TelegramChannel
from ticketing.outbox import Outbox, Policy

ANNA = 501


def spoken(pace: Pace, chats: list[int], until: float) -> list[tuple[float, int]]:
    """Everybody speaks as soon as the pace lets them; of several who may, who has been silent longest."""
    now, said = 0.0, []
    last = dict.fromkeys(chats, -1.0)
    while now < until:
        chat = min(chats, key=lambda c: (pace.free_at(c, now), last[c]))
        at = pace.free_at(chat, now)
        if at > now:
            now = at
            continue
        pace.spoke(chat, now)
        last[chat] = now
        said.append((now, chat))
    return said


def test_telegrams_limits_hold_however_much_there_is_to_say() -> None:
    chats = [*range(1, 101), -7]
    said = spoken(Pace(0.0), chats, 130.0)
    times = [at for at, _chat in said]
    assert max(sum(1 for t in times if a <= t < a + 1) for a in times) <= 30
    for chat in chats:
        own = [at for at, c in said if c == chat]
        assert all(b - a > 1.0 for a, b in pairwise(own))
    group = [at for at, chat in said if chat == -7]
    assert max(sum(1 for t in group if a <= t < a + 60) for a in group) <= 20
    assert len(said) > 130 * 20, "and the limits are used"


def test_nothing_is_said_right_after_a_start() -> None:
    assert Pace(100.0).free_at(1, 100.0) == 100.0 + LIMITS.after_start


@pytest.mark.parametrize("chat", [5, -5])
def test_an_order_is_the_chats_until_another_is_told_too(chat: int) -> None:
    pace = Pace(0.0)
    assert not pace.ordered(chat, 30, 10.0)
    assert (pace.free_at(chat, 10.0), pace.free_at(6, 10.0)) == (40.0, 10.0)
    assert pace.ordered(-6, 20, 11.0)
    assert pace.free_at(6, 11.0) == 31.0


def test_orders_are_recalled_with_what_is_left_of_them() -> None:
    before, after = Pace(0.0), Pace(1000.0)
    before.ordered(5, 30, 10.0)
    before.ordered(None, 15, 10.0)
    after.recall(before.orders(20.0), 1000.0)
    assert after.closed_until(1000.0) == 1005.0
    assert after.free_at(5, 1000.0) == 1020.0


async def test_a_chat_with_much_news_gets_the_rest_together_but_urgent_ones_at_once(
        db: Database, api: FakeTelegram, channel: TelegramChannel, clock: Any) -> None:
    api.chat(ANNA)
    outbox = Outbox(db, {"telegram": channel}, clock=clock, policy=Policy(letters_per_minute=2))
    with db.begin() as c:
        put_office(c)
        anna = put_person(c, "anna", ANNA)
    for seq in range(1, 6):
        with db.begin() as c:
            put_ticket(c, seq, f"user:{anna}", responsible=anna)
        await outbox.drain()
    assert len(api.sent(ANNA)) == 2
    with db.begin() as c:
        put_ticket(c, 6, f"user:{anna}", responsible=anna, urgency="urgent", code=PAVLODAR)
    await outbox.drain()
    assert len(api.sent(ANNA)) == 3
    assert "000006" in api.by_bot(ANNA)[-1]["text"]
