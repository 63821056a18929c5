"""What staff get and how often, against the strict fake."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from fake_api import TOKEN, FakeTelegram
from rows import NOW, PAVLODAR, deliveries, put_delivery, put_office, put_person, put_ticket
from sqlalchemy import select, update

from monitor.store.engine import Database
from ticketing.notify.pace import Limits
from ticketing.notify.telegram import TelegramChannel, open_bot
from ticketing.outbox import Outbox, Policy, pause
from ticketing.tables import account, office, staff_message, ticket

ANNA, DUTY = 501, 502


@pytest.fixture
def anna(db: Database, api: FakeTelegram) -> int:
    """An officer with Telegram; the office has a duty officer with Telegram too."""
    api.chat(ANNA)
    api.chat(DUTY)
    with db.begin() as c:
        put_office(c)
        put_person(c, "duty", DUTY, duty=True)
        return put_person(c, "anna", ANNA, language="ru")


async def test_a_new_ticket_is_told_once_with_its_buttons(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    assert await outbox.drain() == 1
    assert await outbox.drain() == 0
    [message] = api.by_bot(ANNA)
    assert number in message["text"]
    assert "Естай" in message["text"]
    assert api.buttons(ANNA, message["message_id"]) == ["Принять", "Не наше", "Действия"]
    assert not api.by_bot(DUTY)
    row = deliveries(db)[number, f"user:{anna}"]
    assert (row.state, row.attempts, row.handle) == ("sent", 1, {"chat": ANNA, "message": message["message_id"]})
    with db.reading() as c:
        assert c.execute(select(staff_message.c.ticket)).scalars().all() == [number]


async def test_the_duty_officer_gets_what_is_nobodys(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"duty:{PAVLODAR}")
    await outbox.drain()
    [message] = api.by_bot(DUTY)
    assert "Жаңа карточка" in message["text"]


async def test_three_hundred_tickets_are_one_message(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        for seq in range(1, 301):
            put_ticket(c, seq, f"user:{anna}", responsible=anna, urgency="urgent" if seq == 200 else "normal",
                       due=timedelta(hours=1 if seq == 100 else 9))
    assert await outbox.drain() == 1
    [message] = api.by_bot(ANNA)
    lines = message["text"].splitlines()
    assert "300" in lines[0]
    assert "000200" in lines[2], "the urgent one comes first"
    assert "000100" in lines[3], "then the one that is due first"
    assert {r.state for r in deliveries(db).values()} == {"sent"}


async def test_a_digest_counts_cards_that_still_wait_each_once(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        c.execute(update(office).values(duty=anna))
        for seq in range(1, 11):
            number = put_ticket(c, seq, f"user:{anna}", responsible=anna)
            put_delivery(c, number, f"duty:{PAVLODAR}")
        c.execute(update(ticket).where(ticket.c.seq > 4).values(status="accepted"))
    assert await outbox.drain() == 1
    [message] = api.by_bot(ANNA)
    lines = message["text"].splitlines()
    assert lines[0].endswith(": 4")
    assert sum("ӘЖ-" in line for line in lines) == 4
    assert {r.state for r in deliveries(db).values()} == {"sent"}


async def test_two_deliveries_of_one_card_to_one_person_are_one_message(
        db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        c.execute(update(office).values(duty=anna))
        numbers = [put_ticket(c, seq, f"user:{anna}", responsible=anna) for seq in range(1, 5)]
        for number in numbers:
            put_delivery(c, number, f"duty:{PAVLODAR}")
    await outbox.drain()
    said = "".join(m["text"] for m in api.by_bot(ANNA))
    assert [said.count(number) for number in numbers] == [1, 1, 1, 1]
    assert len(api.by_bot(ANNA)) == 2


async def test_a_few_share_a_message_each_with_its_buttons(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        numbers = [put_ticket(c, seq, f"user:{anna}", responsible=anna, text=f"Құрметті әкім! {seq} көшеде шұңқыр бар.")
                   for seq in range(1, 4)]
    assert await outbox.drain() == 1
    [message] = api.by_bot(ANNA)
    assert all(number in message["text"] for number in numbers)
    assert "2 көшеде" in message["text"]
    assert api.buttons(ANNA, message["message_id"]) == [
        "Принять · 1", "Не наше · 1", "Принять · 2", "Не наше · 2", "Принять · 3", "Не наше · 3"]
    with db.reading() as c:
        assert set(c.execute(select(staff_message.c.ticket)).scalars()) == set(numbers)


async def test_messages_to_one_chat_are_a_second_apart(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        for seq in range(1, 6):
            put_ticket(c, seq, f"user:{anna}", responsible=anna)
    assert await outbox.drain() == 2
    assert all(b - a >= 1.0 for a, b in pairwise([c.at for c in api.sent(ANNA)]))


async def test_nobody_reachable_waits_and_starves_nobody(db: Database, api: FakeTelegram, outbox: Outbox, clock: Any) -> None:
    api.chat(ANNA)
    with db.begin() as c:
        put_office(c)
        put_office(c, "552200000")
        anna = put_person(c, "anna", ANNA)
        unbound = put_person(c, "newcomer", None)
        for seq in range(1, 60):
            put_ticket(c, seq, f"duty:{PAVLODAR}")
        put_ticket(c, 60, f"user:{unbound}", responsible=unbound)
        put_ticket(c, 61, f"user:{anna}", responsible=anna)
    assert await outbox.drain() == 1
    rows = deliveries(db)
    waits = [r for r in rows.values() if r.state == "queued"]
    assert len(waits) == 60
    assert all("nobody to tell" in r.reason and r.attempts == 0 for r in waits)
    before = len(api.calls)
    assert await outbox.drain() == 0
    assert len(api.calls) == before
    api.chat(DUTY)
    with db.begin() as c:
        c.execute(update(office).where(office.c.code == PAVLODAR).values(duty=put_person(c, "duty", DUTY)))
    assert await outbox.drain() == 1
    [message] = api.by_bot(DUTY)
    assert "60" in message["text"], "what is a newcomer's without Telegram is told to somebody else"


async def test_who_has_left_is_replaced_by_the_duty_officer(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
        c.execute(update(account).where(account.c.id == anna).values(disabled_at=NOW))
    await outbox.drain()
    assert not api.by_bot(ANNA)
    assert len(api.by_bot(DUTY)) == 1


@pytest.mark.parametrize("words", ["Forbidden: bot was blocked by the user", "Forbidden: user is deactivated",
                                   "Bad Request: chat not found"])
async def test_a_chat_that_is_gone_is_dead_and_the_duty_officer_is_told_once(
        db: Database, api: FakeTelegram, outbox: Outbox, anna: int, words: str) -> None:
    api.chats[ANNA].refuses = words
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    await outbox.drain()
    rows = deliveries(db)
    assert rows[number, f"user:{anna}"].state == "dead"
    assert words.partition(": ")[2].lower() in rows[number, f"user:{anna}"].reason.lower()
    assert rows[number, f"duty:{PAVLODAR}"].state == "sent"
    assert len(api.by_bot(DUTY)) == 1
    with db.begin() as c:
        put_delivery(c, number, f"user:{anna}", kind="proposal:9")
    await outbox.drain()
    assert len(api.by_bot(DUTY)) == 2, "another matter of the same ticket is told too"


async def test_a_duty_officer_who_blocked_the_bot_ends_it(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    api.chats[DUTY].refuses = "Forbidden: bot was blocked by the user"
    with db.begin() as c:
        number = put_ticket(c, 1, f"duty:{PAVLODAR}")
    await outbox.drain()
    assert {k: r.state for k, r in deliveries(db).items()} == {(number, f"duty:{PAVLODAR}"): "dead"}


async def test_an_order_to_wait_is_kept_to_the_second(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
        put_ticket(c, 2, f"duty:{PAVLODAR}")
    api.order(2)
    began = time.monotonic()
    await outbox.drain()                      # the fake notes a fault for every call that comes too early
    await asyncio.sleep(0.3)
    await outbox.drain()
    assert time.monotonic() - began >= 2
    assert {r.state for r in deliveries(db).values()} == {"sent"}
    assert {r.attempts for r in deliveries(db).values()} == {1}, "an order is not a failure"


async def test_an_order_to_wait_survives_a_restart(db: Database, api: FakeTelegram, channel: TelegramChannel, outbox: Outbox,
                                                   anna: int, clock: Any) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
    api.order(60)
    await outbox.drain()
    with db.begin() as c:
        put_ticket(c, 2, f"user:{anna}", responsible=anna)
    async with open_bot(TOKEN, api.url, Limits(after_start=0.0)) as fresh:
        again = Outbox(db, {"telegram": TelegramChannel(fresh, channel.wording)}, clock=clock)
        assert await again.drain() == 0
    assert len([c for c in api.calls if c.method == "sendMessage"]) == 1


async def test_a_broken_way_is_tried_again_then_dead(db: Database, api: FakeTelegram, outbox: Outbox, anna: int,
                                                     clock: Any) -> None:
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    api.breaks.extend(["502", "garbage", "refuse"])
    states = []
    for _ in range(3):
        await outbox.drain()
        await asyncio.sleep(1.1)              # the pace of the chat
        row = deliveries(db)[number, f"user:{anna}"]
        states.append((row.state, row.attempts))
        clock.ahead += timedelta(hours=1)
    assert states == [("queued", 1), ("queued", 2), ("dead", 3)]
    assert row.reason.startswith("failing: ")
    assert not api.by_bot(ANNA)


async def test_after_a_broken_try_it_arrives(db: Database, api: FakeTelegram, outbox: Outbox, anna: int, clock: Any) -> None:
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    api.breaks.append("502")
    await outbox.drain()
    assert await outbox.drain() == 0, "not before its pause is over"
    clock.ahead += timedelta(seconds=5)
    await asyncio.sleep(1.1)
    assert await outbox.drain() == 1
    assert deliveries(db)[number, f"user:{anna}"].reason is None


async def test_a_wrong_token_loses_nothing(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    api.token = "654321:another"
    await outbox.drain()
    row = deliveries(db)[number, f"user:{anna}"]
    assert (row.state, row.attempts) == ("queued", 0)
    assert "token" in row.reason
    assert api.url not in row.reason


async def test_a_delivery_about_nothing_is_dead(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        put_delivery(c, "ӘЖ-551-2026-999999", f"user:{anna}")
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
    assert await outbox.drain() == 1
    assert deliveries(db)["ӘЖ-551-2026-999999", f"user:{anna}"].state == "dead"


async def test_a_busy_chat_holds_up_nobody(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        for seq in range(1, 6):
            put_ticket(c, seq, f"user:{anna}", responsible=anna)
        put_ticket(c, 6, f"duty:{PAVLODAR}")
    await outbox.drain()
    assert [c.chat for c in api.sent()] == [ANNA, DUTY, ANNA]


async def test_slow_answers_hold_up_nobody_and_repeat_nothing(db: Database, api: FakeTelegram, outbox: Outbox) -> None:
    with db.begin() as c:
        put_office(c)
        for i in range(12):
            api.chat(700 + i)
            person = put_person(c, f"p{i}", 700 + i)
            put_ticket(c, i + 1, f"user:{person}", responsible=person)
    api.latency = 0.5
    began = time.monotonic()
    assert await outbox.drain() == 12
    assert time.monotonic() - began < 4
    assert len(api.sent()) == 12


async def test_running_it_tells_at_once(db: Database, api: FakeTelegram, channel: TelegramChannel, clock: Any, anna: int) -> None:
    outbox = Outbox(db, {"telegram": channel}, clock=clock, policy=Policy(look=30.0))
    running = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await db.write(put_ticket, 1, f"user:{anna}", responsible=anna)
    while not api.sent(ANNA):
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 10, "the next look would come after half a minute"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_pauses_double_up_to_two_minutes_for_days() -> None:
    policy = Policy()
    assert [pause(n, policy, 0.0) for n in (0, 1, 5, 30)] == [1, 2, 32, 120]
    assert pause(5, policy, 1.0) == 16
    assert sum(pause(n, policy, 0.5) for n in range(policy.attempts)) > 5 * 86400


async def test_an_order_to_one_chat_holds_up_nobody_else(db: Database, api: FakeTelegram, outbox: Outbox, anna: int) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
        put_ticket(c, 2, f"duty:{PAVLODAR}")
    api.order(600, ANNA)
    await outbox.drain()
    assert [c.chat for c in api.sent()] == [DUTY]
    with db.begin() as c:
        put_ticket(c, 3, f"duty:{PAVLODAR}")
    await asyncio.sleep(1.1)
    await outbox.drain()
    assert [c.chat for c in api.sent()] == [DUTY, DUTY]


@pytest.mark.parametrize("status", [400, 403, 404, 503])
async def test_a_page_of_somebody_else_gives_nothing_up(db: Database, api: FakeTelegram, outbox: Outbox, anna: int,
                                                        clock: Any, status: int) -> None:
    with db.begin() as c:
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
    api.breaks.append(str(status))
    await outbox.drain()
    assert {k: r.state for k, r in deliveries(db).items()} == {(number, f"user:{anna}"): "queued"}
    assert "<html>" not in deliveries(db)[number, f"user:{anna}"].reason
    clock.ahead += timedelta(minutes=2)
    await asyncio.sleep(1.1)
    await outbox.drain()
    assert deliveries(db)[number, f"user:{anna}"].state == "sent"


async def test_when_an_outage_is_over_all_that_waited_goes_out(db: Database, api: FakeTelegram, channel: TelegramChannel,
                                                              anna: int, clock: Any) -> None:
    lasting = Outbox(db, {"telegram": channel}, clock=clock, chance=lambda: 0.0, policy=Policy(first_pause=60.0))
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna)
        for i in range(3):
            api.chat(600 + i)
            put_ticket(c, 2 + i, f"user:{put_person(c, f'p{i}', 600 + i)}")
    api.breaks.extend(["502", "refuse", "502"])
    await lasting.drain()
    lasting._lanes[0]._down_until = 0.0     # half a minute later
    await lasting.drain()
    lasting._lanes[0]._down_until = 0.0
    await lasting.drain()
    lasting._lanes[0]._down_until = 0.0
    await asyncio.sleep(1.1)
    await lasting.drain()
    assert {r.state for r in deliveries(db).values()} == {"sent"}, "nobody waits for the end of a pause"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_that_is_set_back_makes_nobody_wait(db: Database, api: FakeTelegram, channel: TelegramChannel,
                                                          outbox: Outbox, anna: int, clock: Any, restarted: bool) -> None:
    with db.begin() as c:
        put_ticket(c, 1, f"user:{anna}", responsible=anna, now=clock())
    api.breaks.append("502")
    await outbox.drain()
    clock.ahead -= timedelta(days=2)
    await asyncio.sleep(1.2)
    if restarted:
        outbox = Outbox(db, {"telegram": channel}, clock=clock, policy=Policy(longest_pause=0.2))
        await outbox.drain()
        await asyncio.sleep(0.3)
    await outbox.drain()
    assert len(api.by_bot(ANNA)) == 1
