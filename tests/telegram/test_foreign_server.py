"""The whole way to staff and back over a Bot API server that none of us wrote, with the real poller and everything running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from foreign import Foreign, why_absent
from rows import PAVLODAR, deliveries, put_office, put_person, put_ticket
from sqlalchemy import select
from stand import QUICK, Clock, PlainNames

from config.knowledge import load_knowledge
from config.settings import Office, Settings, Source
from connectors.telegram import Telegram
from monitor.collect import Collector
from monitor.http import WebHttp
from monitor.store.engine import Database
from tests.conftest import skip
from ticketing import groups, people
from ticketing.bot.inbound import Inbox
from ticketing.bot.staff import StaffBot
from ticketing.bot.voice import SpeakingBot
from ticketing.desk import desk
from ticketing.notify.edits import Edits
from ticketing.notify.message import Wording
from ticketing.notify.telegram import TelegramChannel, open_bot
from ticketing.outbox import Outbox
from ticketing.register import NewEntry, append
from ticketing.service import Service
from ticketing.store import ticket_by_number
from ticketing.tables import answer

TOKEN = "123456:token-of-a-test"
ANNA, HEAD = 41, 42


@pytest.fixture
async def foreign() -> AsyncIterator[Foreign]:
    if why_absent():
        skip(why_absent())
    async with Foreign(TOKEN) as server:
        yield server


@pytest.fixture
async def running(db: Database, foreign: Foreign, clock: Clock) -> AsyncIterator[None]:
    """The poller, the outbox, the bot and the edits, as `monitor.app` runs them."""
    service = Service(desk(Settings(offices=(Office(code=PAVLODAR),)), load_knowledge()))
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(open_bot(TOKEN, foreign.url, QUICK))
        http = await stack.enter_async_context(WebHttp())
        channel = TelegramChannel(bot, Wording(PlainNames(), "https://qulaq.example"))
        source = Source(name="bot", network="telegram", every=1.0)
        connector = Telegram("bot", Telegram.Settings(token=TOKEN, api_url=foreign.url, long_poll=0))
        tasks = [asyncio.create_task(part) for part in (
            Collector(db, source, connector, http).run(), Outbox(db, {"telegram": channel}, clock=clock).run(),
            Edits(db, channel, clock=clock).run(),
            Inbox(db, {"bot": SpeakingBot(db, StaffBot(service, channel.wording), channel)}, clock=clock).run())]
        yield
        for task in tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """What `found` returns once it is something, within ten seconds."""
    for _ in range(100):
        if result := await found():
            return result
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come in time")


async def test_from_the_link_to_the_accepted_card(db: Database, foreign: Foreign, clock: Clock, running: None) -> None:
    def begin(c: Any) -> str:
        put_office(c)
        put_person(c, "anna", None, language="ru", duty=True)
        return people.make_link(c, "anna", clock())

    token = await db.write(begin)
    number = await db.write(put_ticket, 1, f"duty:{PAVLODAR}")
    await foreign.writes(ANNA, f"/start {token}")

    async def said(words: str) -> dict[str, Any] | None:
        return next((m for m in await foreign.seen(ANNA) if words in m["message"]["text"]), None)

    await until(lambda: said("Здравствуйте, Anna"))
    card = await until(lambda: said("Новая карточка"))
    assert number in card["message"]["text"]
    await foreign.presses(ANNA, card, "Принять")
    edited = await until(lambda: said("✅ Принято: Anna"))
    assert edited["messageId"] == card["messageId"], "the message is edited, not sent anew"
    with db.reading() as c:
        assert ticket_by_number(c, number).status == "accepted"
    assert deliveries(db)[number, f"duty:{PAVLODAR}"].state == "sent"


async def test_a_backlog_is_one_message(db: Database, foreign: Foreign, clock: Clock, running: None) -> None:
    def begin(c: Any) -> None:
        put_office(c)
        anna = put_person(c, "anna", ANNA, language="ru")
        for seq in range(1, 301):
            put_ticket(c, seq, f"user:{anna}", responsible=anna)

    await db.write(begin)
    [message] = await until(lambda: foreign.seen(ANNA))
    assert "Вас ждут карточки: 300" in message["message"]["text"]
    await asyncio.sleep(1.5)
    assert len(await foreign.seen(ANNA)) == 1


async def test_a_draft_is_written_in_a_dialogue_and_approved_by_another(db: Database, foreign: Foreign, clock: Clock,
                                                                       running: None) -> None:
    def begin(c: Any) -> str:
        put_office(c)
        anna = put_person(c, "anna", ANNA, language="ru")
        put_person(c, "head", HEAD, language="ru", role="head")
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
        append(c, [NewEntry(PAVLODAR, number, clock(), "system", "register", {"number": number, "akimat": PAVLODAR}, ())],
               lambda: b"0" * 16)
        return number

    number = await db.write(begin)

    async def said(person: int, words: str) -> dict[str, Any] | None:
        return next((m for m in reversed(await foreign.seen(person)) if words in m["message"]["text"]), None)

    card = await until(lambda: said(ANNA, "Новая карточка"))
    await foreign.presses(ANNA, card, "Действия")
    whole = await until(lambda: _with(foreign, ANNA, "Написать ответ"))
    await foreign.presses(ANNA, whole, "Написать ответ")
    await foreign.presses(ANNA, await until(lambda: _with(foreign, ANNA, "Своими словами")), "Своими словами")
    await until(lambda: said(ANNA, "Напишите ответ"))
    await asyncio.sleep(0.2)
    await foreign.writes(ANNA, "Яму на улице Естая, 12 засыплем до 25 декабря. <b>")
    await foreign.presses(ANNA, await until(lambda: _with(foreign, ANNA, "Сохранить")), "Сохранить")
    await until(lambda: said(ANNA, "ждёт согласования"))
    await foreign.writes(HEAD, number)
    await foreign.presses(HEAD, await until(lambda: _with(foreign, HEAD, "Согласовать")), "Согласовать")

    async def approved() -> bool:
        with db.reading() as c:
            return c.execute(select(answer.c.state)).scalar() == "approved"
    await until(approved)


async def _with(foreign: Foreign, person: int, button: str) -> dict[str, Any] | None:
    """The last message that has this button now."""
    for message in reversed(await foreign.seen(person)):
        rows = (message["message"].get("reply_markup") or {}).get("inline_keyboard", ())
        if any(b["text"] == button for row in rows for b in row):
            return message
    return None


async def test_a_group_is_told_and_its_message_edited_once_somebody_took_the_card(db: Database, foreign: Foreign, clock: Clock,
                                                                                 running: None) -> None:
    group = -1001

    def begin(c: Any) -> tuple[int, str]:
        put_office(c)
        anna = put_person(c, "anna", ANNA, language="ru")
        groups.settle(c, {group: PAVLODAR}, clock())
        number = put_ticket(c, 1, f"user:{anna}", responsible=anna)
        groups.announce(c, [(number, PAVLODAR)], clock())
        return anna, number

    _anna, number = await db.write(begin)

    async def said(where: int, words: str) -> dict[str, Any] | None:
        return next((m for m in await foreign.seen(where) if words in m["message"]["text"]), None)

    card = await until(lambda: said(group, "Жаңа карточка"))
    assert number in card["message"]["text"]
    own = await until(lambda: said(ANNA, "Новая карточка"))
    await foreign.presses(ANNA, own, "Принять")
    edited = await until(lambda: said(group, "Қабылдады: Anna"))
    assert edited["messageId"] == card["messageId"]
    assert len(await foreign.seen(group)) == 1
