"""The citizens' bot: real intake, real judge, real verbs; words and presses as the strict fake delivers them.

Every step is made by new objects, as after a restart: what the bot knows lies in the database or nowhere.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from fake_api import TOKEN, FakeTelegram
from PIL import Image
from rows import NOW
from sqlalchemy import func, insert, select, update
from stand import Clock

from config.knowledge import load_knowledge
from config.settings import Office, Settings
from connectors.telegram import Telegram, parse
from monitor.core.judge import Judge
from monitor.core.knowledge import Knowledge
from monitor.http import WebHttp
from monitor.limits import Limiter
from monitor.pictures import OpenWeb, Pictures
from monitor.pipeline import Pipeline
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.tables import inbound, post, verdict
from ticketing import access, people, pictures
from ticketing.acting import Move
from ticketing.bot.citizen import CitizenBot
from ticketing.bot.inbound import Inbox
from ticketing.bot.outgoing import ToCitizens
from ticketing.bot.staff import StaffBot
from ticketing.bot.two import TwoBots
from ticketing.bot.voice import SpeakingBot
from ticketing.citizens import queue, threads
from ticketing.desk import desk
from ticketing.notify.message import Wording
from ticketing.notify.names import KnownNames
from ticketing.notify.pace import Limits, Pace
from ticketing.notify.telegram import StaffBot as Bot
from ticketing.notify.telegram import TelegramChannel, limiter_of
from ticketing.register import verify
from ticketing.service import Actor, Service
from ticketing.store import ticket_by_number
from ticketing.tables import account, answer, delivery, erasure, question, talk, ticket, ticket_post

PAVLODAR, SEMEY = "551000000", "101000000"
DANA, ERLAN, AIGUL = 701, 702, 601
HEAT = "На Естая 83 третий день нет отопления, дети мёрзнут. Когда будет тепло?"
LIGHT = "Павлодар, Ломова 42: екі аптадан бері жарық жоқ, балалар қараңғыда жүр."


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def judge(knowledge: Knowledge) -> Judge:
    return Judge(knowledge)


@dataclass
class Town:
    """Citizens at their phones, and the program between them and the register."""

    db: Database
    api: FakeTelegram
    clock: Clock
    judge: Judge
    service: Service
    channel: TelegramChannel
    aigul: int
    pipeline_first: bool = False

    async def goes_on(self) -> None:
        body = json.dumps({"ok": True, "result": self.api.updates}).encode()
        with self.db.begin() as c:
            store_posts(c, parse(body, "bot", self.channel.bot.token.partition(":")[0]), NOW)
            for raw in self.api.updates:
                c.execute(insert(inbound).values(source="bot", key=str(raw["update_id"]), payload=raw, at=NOW))
        self.api.updates.clear()
        if self.pipeline_first:
            self.pipeline()
        bot = TwoBots(SpeakingBot(self.db, StaffBot(self.service, self.channel.wording), self.channel, first_pause=0.01),
                      CitizenBot(self.service, self.judge, "https://qulaq.example"))
        await Inbox(self.db, {"bot": bot}, clock=self.clock, first_pause=0.0).drain()
        await self.speaks()
        self.pipeline()

    def pipeline(self) -> None:
        while Pipeline(self.judge, self.service, self.clock).step(self.db).posts:
            pass

    async def speaks(self) -> None:
        await ToCitizens(self.db, self.service, self.channel, clock=self.clock, first_pause=0.0).drain()

    def said(self, chat: int) -> str:
        return self.api.by_bot(chat)[-1]["text"] if self.api.by_bot(chat) else ""

    async def write(self, chat: int, text: str, **more: Any) -> str:
        self.api.write(chat, text, **more)
        await self.goes_on()
        return self.said(chat)

    async def press(self, chat: int, text: str) -> str:
        query = self.api.press(chat, self.api.by_bot(chat)[-1]["message_id"], text)
        await self.goes_on()
        assert self.api.queries[query] is not None, "every press is answered"
        return self.said(chat)

    async def tap(self, chat: int, data: str) -> str:
        self.api.press_data(chat, self.api.by_bot(chat)[-1]["message_id"], data)
        await self.goes_on()
        return self.said(chat)

    def cards(self) -> list[Any]:
        with self.db.reading() as c:
            return list(c.execute(select(ticket).order_by(ticket.c.id)).all())

    async def answers(self, number: str, text: str) -> None:
        """The office answers: approved text, queued for each thread, as `publish` leaves it."""
        actor = Actor(self.aigul, "officer", PAVLODAR)
        with self.db.begin() as c:
            self.service.accept(c, number, actor, self.clock())
            id_ = c.execute(insert(answer).values(
                ticket=number, kind="final", language="ru", text=text, state="publishing", version=1, warnings=[], author=self.aigul,
                made_at=NOW).returning(answer.c.id)).scalar_one()
            queue(c, threads(c, [number]), f"answer:{id_}", lambda _t: {"answer": id_}, self.clock())
            row = ticket_by_number(c, number)
            assert row is not None
            self.service._enter(c, self.clock(), actor, Move(row, "publish", {"answer": id_, "version": 1, "threads": 1}))
        await self.speaks()


def make_town(db: Database, api: FakeTelegram, bot: Bot, clock: Clock, judge: Judge, *offices: str) -> Town:
    salts = count()
    service = Service(desk(Settings(offices=tuple(Office(code=code) for code in offices)), judge.knowledge),
                      lambda: next(salts).to_bytes(16, "big"))
    service.bot_source = "bot"
    channel = TelegramChannel(bot, Wording(KnownNames(judge.knowledge.registry, judge.knowledge.topics), "https://qulaq.example"))
    with db.begin() as c:
        for code in offices:
            people.put_office(c, code, code, code)
        people.add(c, "aigul", name="Aigul", role="officer", now=NOW, office_code=offices[0], language="ru")
        c.execute(update(account).values(telegram_id=AIGUL))
        aigul = c.execute(select(account.c.id)).scalar_one()
    for chat in (DANA, ERLAN, AIGUL):
        api.chat(chat)
    api.limits = False
    limiter_of(bot).pace = Pace(0.0, Limits(per_second=25, between=0.0, after_start=0.0))
    return Town(db, api, clock, judge, service, channel, aigul)


@pytest.fixture
def town(db: Database, api: FakeTelegram, bot: Bot, clock: Clock, judge: Judge) -> Town:
    return make_town(db, api, bot, clock, judge, PAVLODAR)


@pytest.mark.parametrize("pipeline_first", [False, True])
async def test_a_message_gets_number_code_and_term_whoever_is_first(town: Town, pipeline_first: bool) -> None:
    town.pipeline_first = pipeline_first
    assert "жазыңыз" in await town.write(DANA, "/start")
    said = await town.write(DANA, HEAT)
    (card,) = town.cards()
    assert (card.series, card.akimat, card.topic, card.number[:6]) == ("ЧБ", PAVLODAR, "heat", "ЧБ-551")
    assert card.number in said
    assert "Срок ответа" in said or "Ответ до" in said
    code = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", said)
    assert code, said
    with town.db.reading() as c:
        opened = access.opened(c, card.number, code[0])
        assert opened is not None
        assert opened.id == card.id
        bodies = [str(b) for b in c.execute(select(delivery.c.body)).scalars()]
        assert not any(code[0] in body for body in bodies), "the code lies nowhere as text"
        assert c.execute(select(verdict.c.state)).scalar_one() == "ticket"
        assert verify(c).broken == ()


async def test_the_same_words_again_are_swallowed_and_a_photo_joins(town: Town) -> None:
    await town.write(DANA, HEAT)
    (card,) = town.cards()
    said = await town.write(DANA, HEAT)
    assert len(town.cards()) == 1
    assert card.number in said
    photo = [{"file_id": "f", "file_unique_id": "u1", "width": 90, "height": 90}]
    assert card.number in await town.write(DANA, "", photo=photo)
    assert card.number in await town.write(DANA, "", location={"latitude": 52.28, "longitude": 76.96})
    assert town.cards()[0].location_text == "52.28000, 76.96000", "staff see where it is"
    with town.db.reading() as c:
        assert c.execute(select(func.count()).select_from(ticket_post)).scalar_one() == 4
        assert len(threads(c, [card.number])) == 1, "one talk is told once"
        assert verify(c).broken == ()
    photo = [{"file_id": "g", "file_unique_id": "u2", "width": 90, "height": 90}]
    said = await town.write(ERLAN, "", photo=photo, caption=LIGHT)
    assert town.cards()[1].number in said


async def test_a_photo_sent_to_the_bot_is_brought_for_staff_and_its_author(town: Town) -> None:
    await town.write(DANA, HEAT)
    (card,) = town.cards()
    out = BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, "JPEG")
    town.api.photograph(DANA, out.getvalue(), name="pit")
    await town.goes_on()
    bot = Telegram("bot", Telegram.Settings(token=TOKEN, api_url=town.api.url, long_poll=0))
    async with WebHttp() as http, OpenWeb() as outside:
        await Pictures(town.db, http, outside, {"bot": bot}.get, town.clock, Limiter(town.db, town.clock)).look()
    with town.db.reading() as c:
        [shown] = pictures.of_author(c, c.execute(select(ticket).where(ticket.c.number == card.number)).one(), [card.number])
        assert Image.open(BytesIO(pictures.content_of(c, shown.id, small=False) or b"")).size == (40, 20)


async def test_the_akimat_is_asked_where_it_is_not_clear(db, api, bot, clock, judge) -> None:
    town = make_town(db, api, bot, clock, judge, PAVLODAR, SEMEY)
    said = await town.write(DANA, HEAT)
    assert "Какому акимату" in said or "Для какого акимата" in said
    assert town.cards() == []
    assert len(api.buttons(DANA, api.by_bot(DANA)[-1]["message_id"])) == 2
    said = await town.write(DANA, "Семей")
    if town.cards() == []:
        buttons = api.buttons(DANA, api.by_bot(DANA)[-1]["message_id"])
        said = await town.press(DANA, next(b for b in buttons if b.startswith("г. Семей") or "Семей" in b))
    (card,) = town.cards()
    assert card.akimat == SEMEY
    assert card.number in said
    with db.reading() as c:
        assert sorted(c.execute(select(verdict.c.state)).scalars()) in (["own", "ticket"], ["ticket"])
        assert c.execute(select(func.count()).select_from(post)).scalar_one() == 2, "every message is kept"


async def test_what_is_no_message_gets_a_polite_answer_and_may_still_be_filed(town: Town) -> None:
    said = await town.write(DANA, "Вчера смотрел футбол, матч был отличный")
    assert "Спасибо" in said
    assert town.cards() == []
    await town.press(DANA, "Зарегистрировать")
    assert len(town.cards()) == 1
    again = await town.tap(DANA, f"c.f:{1}")
    assert len(town.cards()) == 1
    assert town.cards()[0].number in again


async def test_answer_judgement_and_taking_up_again(town: Town) -> None:
    await town.write(DANA, HEAT)
    number = town.cards()[0].number
    long = "Тепло дали 24 ноября. <b>Естая</b> & Ломова. " * 120
    await town.answers(number, long)
    texts = [m["text"] for m in town.api.by_bot(DANA)[-2:]]
    assert number in texts[0], "a long answer comes in parts"
    assert "<b>Естая</b>" in texts[1]
    assert "reply_markup" in town.api.by_bot(DANA)[-1]
    card = town.cards()[0]
    assert card.status == "answered"
    await town.tap(DANA, f"c.m:{card.id}:4")
    await town.tap(DANA, f"c.y:{card.id}")
    assert (town.cards()[0].solved, town.cards()[0].mark) == (True, 4)
    await town.tap(DANA, f"c.n:{card.id}")
    said = await town.write(DANA, "Через день снова холодно, на Естая 83 нет отопления")
    assert "снова" in said
    assert (town.cards()[0].status, town.cards()[0].reopenings, len(town.cards())) == ("assigned", 1, 1)
    with town.db.reading() as c:
        assert verify(c).broken == ()


async def test_a_question_of_the_office_is_answered_by_the_button_or_as_a_reply(town: Town) -> None:
    await town.write(DANA, HEAT)
    number = town.cards()[0].number
    for words, by_button in (("Какой подъезд?", True), ("Какой этаж?", False)):
        with town.db.begin() as c:
            town.service.ask(c, number, words, None, Actor(town.aigul, "officer", PAVLODAR), town.clock())
        await town.speaks()
        message = town.api.by_bot(DANA)[-1]
        assert words in message["text"]
        if by_button:
            await town.press(DANA, "Ответить")
            await town.write(DANA, "Второй, код на двери 12, там тоже нет отопления")
        else:
            await town.write(DANA, "пятый", reply_to=message["message_id"])
    with town.db.reading() as c:
        assert list(c.execute(select(question.c.reply).order_by(question.c.id)).scalars()) == [
            "Второй, код на двери 12, там тоже нет отопления", "пятый"]
    assert len(town.cards()) == 1, "a reply is no new message"


async def test_strangers_see_nothing_and_guessing_ends(town: Town) -> None:
    said = await town.write(DANA, HEAT)
    code = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", said)
    assert code
    card = town.cards()[0]
    assert card.number in await town.write(DANA, f"/status {card.number}"), "one's own need no code"
    assert card.number in await town.write(DANA, "/status")
    assert card.number not in await town.write(ERLAN, f"/status {card.number}")
    for action in ("v", "y", "n", "N", "e", "E", "q", "m"):
        said = await town.tap(ERLAN, f"c.{action}:{card.id}:1")
        assert card.number not in said
    with town.db.reading() as c:
        assert c.execute(select(erasure)).all() == []
    assert card.number in await town.write(ERLAN, f"/status {card.number} {code[0]}")
    for _ in range(5):
        await town.write(ERLAN, f"/status {card.number} AAAA-AAAA")
    assert card.number not in await town.write(ERLAN, f"/status {card.number} {code[0]}")


async def test_erasure_is_asked_for_in_the_bot(town: Town) -> None:
    await town.write(DANA, HEAT)
    await town.press(DANA, "Как обстоит дело?")
    await town.press(DANA, "Удалить мои данные")
    assert "удалены" in await town.press(DANA, "Попросить удалить")
    with town.db.reading() as c:
        assert c.execute(select(erasure.c.by)).scalar_one() == "citizen"


async def test_a_flood_is_stored_but_not_answered_without_end(town: Town) -> None:
    for i in range(30):
        town.api.write(DANA, f"На улице Абая {i} нет воды уже {i + 2} дня, примите меры")
    await town.goes_on()
    assert len(town.cards()) == 5, "five cards an hour"
    assert len(town.api.by_bot(DANA)) <= 21
    with town.db.reading() as c:
        assert c.execute(select(func.count()).select_from(post)).scalar_one() == 30
        assert c.execute(select(func.count()).where(verdict.c.state == "triage")).scalar_one() == 25, "people see the rest"
        assert c.execute(select(func.count()).select_from(inbound)).scalar_one() == 0


async def test_staff_stay_staff_and_hostile_words_do_no_harm(town: Town) -> None:
    assert "Номера" in await town.write(AIGUL, HEAT)    # the staff bot looks for a number
    assert town.cards() == []
    for words in ("<b>&amp;" * 500, "\u202e‮ 💧" * 100, "/status " + "9" * 3000, "/status ' OR 1=1 --", "c.E:1", "💡" * 3000):
        await town.write(DANA, words[:4000])
    for data in ("c.", "c.v", "c.v:99999999999999999999", "c.a:1:'; --", "c.m:1:99", "c.zz:1", "c.l::de", "c.q:1:" + "9" * 40):
        await town.tap(DANA, data)
    with town.db.reading() as c:
        assert c.execute(select(func.count()).select_from(inbound)).scalar_one() == 0
        assert c.execute(select(talk.c.chat)).scalars().all() == [DANA]


async def test_a_number_is_told_after_a_failure_of_the_network_with_a_fresh_code(town: Town) -> None:
    town.api.write(DANA, HEAT)
    body_before = len(town.api.by_bot(DANA))
    town.api.order(1, DANA)      # the first message is answered 429
    await town.goes_on()
    assert len(town.api.by_bot(DANA)) == body_before
    town.clock.ahead += timedelta(seconds=5)
    await asyncio.sleep(1.1)
    await town.speaks()
    said = town.said(DANA)
    code = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", said)
    assert code
    with town.db.reading() as c:
        assert access.opened(c, town.cards()[0].number, code[0]) is not None
