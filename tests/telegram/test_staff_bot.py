"""The staff bot: real service, real knowledge, presses and words as the strict fake delivers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from fake_api import FakeTelegram
from once import two_offices
from rows import NOW, deliveries, put_delivery
from sqlalchemy import func, insert, select, update
from stand import Clock

from config.knowledge import load_knowledge
from monitor.core.knowledge import Knowledge
from monitor.core.post import Author, Post
from monitor.core.verdict import Verdict
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.tables import inbound
from monitor.store.verdicts import claim, insert_verdicts
from ticketing import people
from ticketing.bot.inbound import ATTEMPTS, Inbox
from ticketing.bot.staff import StaffBot
from ticketing.bot.voice import SpeakingBot
from ticketing.handover import hand_back
from ticketing.intake import Judged
from ticketing.notify.edits import Edits
from ticketing.notify.message import Wording
from ticketing.notify.names import KnownNames
from ticketing.notify.pace import Limits, Pace
from ticketing.notify.telegram import StaffBot as Bot
from ticketing.notify.telegram import TelegramChannel, limiter_of
from ticketing.outbox import Outbox, Policy
from ticketing.service import Actor, Service
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import account, staff_message
from ticketing.tables import ticket as tickets

PAVLODAR, SEMEY = "551000000", "101000000"
AIGUL, BOLAT, DUTY, VIEWER, FOREIGN = 601, 602, 603, 604, 605
CHATS = {"aigul": AIGUL, "bolat": BOLAT, "duty": DUTY, "viewer": VIEWER, "semey": FOREIGN}


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@dataclass
class Office1:
    """An office at work: people at their phones, the parts of the program between them and the register."""

    db: Database
    api: FakeTelegram
    clock: Clock
    knowledge: Knowledge
    service: Service
    channel: TelegramChannel
    outbox: Outbox
    edits: Edits
    inbox: Inbox
    ids: dict[str, int]

    def arrives(self, text: str = "Құрметті әкім! Естай көшесінде шұңқыр бар.", topic: str = "roads", *, akimat: str = PAVLODAR,
                candidates: tuple[str, ...] = ()) -> str:
        """A post comes and is registered; returns its number."""
        verdict = Verdict(addressed=True, score=0.9, decision="register", language="kk", akimat=akimat, kind="complaint",
                          topic=topic, urgency="normal", ruleset="test", also=candidates)
        native = f"n{next(_natives)}"
        post = Post(network="vk", source="test", native_id=native, text=f"{text} {native}", published_at=NOW, author=Author(native))
        with self.db.begin() as c:
            [id_] = store_posts(c, [post], NOW).ids
            claim(c, [id_])
            judged = Judged(id_, post, verdict)
            plan = self.service.intake(c, [judged], NOW)
            insert_verdicts(c, [(id_, verdict)], plan.states, NOW)
            number: str = max(c.execute(select(tickets.c.number).where(tickets.c.akimat == akimat)).scalars())
            return number

    async def goes_on(self) -> None:
        """Everything that is waiting is handled, sent and edited."""
        while True:
            with self.db.begin() as c:
                for raw in self.api.updates:
                    c.execute(insert(inbound).values(source="bot", key=str(raw["update_id"]), payload=raw, at=NOW))
            self.api.updates.clear()
            await self.inbox.drain()
            if not await self.outbox.drain() + await self.edits.round():
                return

    def last(self, chat: int) -> dict[str, Any]:
        return self.api.by_bot(chat)[-1]

    async def press(self, chat: int, text: str, *, message: int | None = None, who: int | None = None) -> dict[str, Any]:
        """Press the button; returns what came up."""
        query = self.api.press(chat, message or self.last(chat)["message_id"], text, who=who)
        await self.goes_on()
        answer = self.api.queries[query]
        assert answer is not None, "every press is answered"
        return answer

    async def write(self, chat: int, text: str, *, reply_to: int | None = None) -> dict[str, Any]:
        self.api.write(chat, text, reply_to=reply_to)
        await self.goes_on()
        return self.last(chat)

    def ticket(self, number: str) -> Any:
        with self.db.reading() as c:
            return ticket_by_number(c, number)

    def actions(self, number: str) -> list[str]:
        with self.db.reading() as c:
            return [e.action for e in entries_of(c, number)]


_natives = count(1)


@pytest.fixture
def at_work(db: Database, api: FakeTelegram, bot: Bot, clock: Clock, knowledge: Knowledge) -> Office1:
    salts = count()
    service = Service(two_offices(), lambda: next(salts).to_bytes(16, "big"))
    channel = TelegramChannel(bot, Wording(KnownNames(knowledge.registry, knowledge.topics), "https://qulaq.example"))
    with db.begin() as c:
        for code, kk, ru in ((PAVLODAR, "Павлодар қаласы", "город Павлодар"), (SEMEY, "Семей қаласы", "город Семей")):
            people.put_office(c, code, kk, ru)
        for login, role, where, tongue in (("aigul", "officer", PAVLODAR, "ru"), ("bolat", "officer", PAVLODAR, "kk"),
                                           ("duty", "head", PAVLODAR, "kk"), ("viewer", "viewer", PAVLODAR, "ru"),
                                           ("semey", "officer", SEMEY, "ru")):
            people.add(c, login, name=login.title(), role=role, now=NOW, office_code=where, language=tongue)
            c.execute(update(account).where(account.c.login == login).values(telegram_id=CHATS[login]))
        people.set_duty(c, PAVLODAR, "duty")
        people.set_duty(c, SEMEY, "semey")
        ids = {p.login: p.id for p in people.everybody(c)}
    for chat in CHATS.values():
        api.chat(chat)
    api.limits = False      # the pace has its own tests; these would only take longer
    limiter_of(bot).pace = Pace(0.0, QUICKEST)
    speaking = SpeakingBot(db, StaffBot(service, channel.wording), channel, first_pause=0.01, clock=clock)
    return Office1(db, api, clock, knowledge, service, channel,
                   Outbox(db, {"telegram": channel}, clock=clock, policy=Policy(look_for_people=0.0)),
                   Edits(db, channel, clock=clock), Inbox(db, {"bot": speaking}, clock=clock, first_pause=0.0), ids)


QUICKEST = Limits(per_second=25, between=0.0, after_start=0.0)


async def test_accept_takes_the_card_and_edits_it_for_all(at_work: Office1) -> None:
    number = at_work.arrives()
    with at_work.db.begin() as c:
        put_delivery(c, number, f"user:{at_work.ids['bolat']}")
    await at_work.goes_on()
    assert at_work.api.buttons(BOLAT, at_work.last(BOLAT)["message_id"]) == []       # it is Aigul's
    assert "Aigul" in at_work.last(BOLAT)["text"]
    answer = await at_work.press(AIGUL, "Принять")
    assert number in answer["text"]
    assert at_work.ticket(number).status == "accepted"
    assert at_work.ticket(number).responsible == at_work.ids["aigul"]
    assert at_work.last(AIGUL)["text"].splitlines()[-1].startswith("✅ Принято: Aigul, сегодня, 09:")
    assert at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"]) == ["Действия"]
    assert len(at_work.api.by_bot(AIGUL)) == 1, "the message is edited, not sent anew"


async def test_what_is_the_dutys_is_taken_by_the_first(at_work: Office1) -> None:
    number = at_work.arrives(topic="water")
    with at_work.db.begin() as c:
        put_delivery(c, number, f"user:{at_work.ids['bolat']}")
    await at_work.goes_on()
    mine, other = at_work.last(DUTY)["message_id"], at_work.last(BOLAT)["message_id"]
    late = at_work.api.chats[BOLAT].messages[other]["reply_markup"]
    await at_work.press(DUTY, "Қабылдау", message=mine)
    assert "Қабылдады: Duty" in at_work.last(BOLAT)["text"]
    # a press that was on its way before the edit arrived
    data = late["inline_keyboard"][0][0]["callback_data"]
    query = at_work.api.press_data(BOLAT, other, data)
    await at_work.goes_on()
    answer = at_work.api.queries[query]
    assert answer is not None
    assert answer["show_alert"] == "true"
    assert number in answer["text"]
    assert at_work.ticket(number).responsible == at_work.ids["duty"]


async def test_a_double_press_is_harmless(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    message = at_work.last(AIGUL)["message_id"]
    data = at_work.api.chats[AIGUL].messages[message]["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    queries = [at_work.api.press_data(AIGUL, message, data) for _ in range(3)]
    await at_work.goes_on()
    assert at_work.actions(number).count("accept") == 1
    assert all(at_work.api.queries[q] is not None for q in queries)
    assert at_work.last(AIGUL)["text"].splitlines()[-1].startswith("✅")


async def test_taken_on_the_page_it_is_edited_in_the_chat(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    with at_work.db.begin() as c:
        at_work.service.accept(c, number, Actor(at_work.ids["duty"], "head", PAVLODAR), at_work.clock())
    await at_work.goes_on()
    assert at_work.last(AIGUL)["text"].splitlines()[-1].startswith("✅ Принято: Duty")


async def test_not_ours_offers_the_likely_and_goes_to_another_office(at_work: Office1) -> None:
    number = at_work.arrives(candidates=(SEMEY,))
    await at_work.goes_on()
    await at_work.press(AIGUL, "Не наше")
    offered = at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"])
    assert offered[0].startswith("город Семей")
    assert any("Павлодарская область" in name for name in offered)
    assert offered[-2:] == ["Другой: написать название", "Назад"]
    await at_work.press(AIGUL, "Назад")
    assert at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"]) == ["Принять", "Не наше", "Действия"]
    await at_work.press(AIGUL, "Не наше")
    answer = await at_work.press(AIGUL, offered[0])
    assert "город Семей" in answer["text"]
    assert at_work.ticket(number).status == "redirected"
    assert at_work.last(AIGUL)["text"].splitlines()[-1].startswith("↪️ Перенаправлено: город Семей")
    assert "reply_markup" not in at_work.last(AIGUL)
    there = at_work.last(FOREIGN)
    assert "ӘЖ-101-2026-000001" in there["text"]
    assert "шұңқыр" in there["text"]


async def test_within_the_office_the_number_stays_and_the_new_person_is_told(at_work: Office1) -> None:
    kenzhekol = next(u.code for u in at_work.knowledge.registry if u.parent == PAVLODAR)
    number = at_work.arrives(candidates=(kenzhekol,))
    await at_work.goes_on()
    await at_work.press(AIGUL, "Не наше")
    await at_work.press(AIGUL, at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"])[0])
    assert at_work.ticket(number).akimat == kenzhekol
    told = {recipient: row.kind for (about, recipient), row in deliveries(at_work.db).items() if about == number}
    assert "readdressed" in told.values()


async def test_the_name_may_be_typed_and_survives_a_restart(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    card = at_work.last(AIGUL)["message_id"]
    await at_work.press(AIGUL, "Не наше")
    await at_work.press(AIGUL, "Другой: написать название", message=card)
    question = at_work.last(AIGUL)
    assert question["text"].startswith(f"{number}: ")
    # nothing lies in memory: another process answers
    fresh = SpeakingBot(at_work.db, StaffBot(at_work.service, at_work.channel.wording), at_work.channel)
    at_work.inbox = Inbox(at_work.db, {"bot": fresh}, clock=at_work.clock)
    none = await at_work.write(AIGUL, "Атлантида", reply_to=question["message_id"])
    assert none["text"].startswith(f"{number}: ")
    choice = await at_work.write(AIGUL, "семей қаласы", reply_to=none["message_id"])
    button = at_work.api.buttons(AIGUL, choice["message_id"])[0]
    assert button.startswith("город Семей")
    await at_work.press(AIGUL, button)
    assert at_work.ticket(number).status == "redirected"
    for message in at_work.api.by_bot(AIGUL):
        assert "Принять" not in at_work.api.buttons(AIGUL, message["message_id"])


@pytest.mark.parametrize(("who", "words"), [
    (999, "қосылмағансыз"), (FOREIGN, "другому акимату"), (VIEWER, "роль")])
async def test_who_may_not_is_told_so(at_work: Office1, who: int, words: str) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    for button in ("Принять", "Не наше"):
        answer = await at_work.press(AIGUL, button, who=who)
        assert words in answer["text"]
        assert answer["show_alert"] == "true"
    assert at_work.ticket(number).status == "assigned"
    assert at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"]) == ["Принять", "Не наше", "Действия"]


async def test_who_has_left_is_cut_off(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    with at_work.db.begin() as c:
        people.disable(c, "aigul", NOW)
    answer = await at_work.press(AIGUL, "Принять")
    assert "не подключены" in answer["text"]
    assert at_work.ticket(number).status == "assigned"
    assert "Бұл бот" in (await at_work.write(AIGUL, "/new"))["text"]


async def test_a_link_binds_once_and_brings_what_has_waited(at_work: Office1) -> None:
    with at_work.db.begin() as c:
        c.execute(update(account).where(account.c.id == at_work.ids["aigul"]).values(telegram_id=None))
    for _ in range(8):
        at_work.arrives()
    await at_work.goes_on()
    assert not at_work.api.by_bot(AIGUL)
    with at_work.db.begin() as c:
        token = people.make_link(c, "aigul", at_work.clock())
    at_work.api.write(AIGUL, f"/start {token}")
    await at_work.goes_on()
    texts = [m["text"] for m in at_work.api.by_bot(AIGUL)]
    assert any("Здравствуйте, Aigul" in t for t in texts)
    assert any(t.startswith("Вас ждут карточки: 8") for t in texts)
    assert len(texts) == 2
    at_work.api.chat(777)
    stranger = await at_work.write(777, f"/start {token}")
    assert "пайдаланылған" in stranger["text"]
    assert "использована" in stranger["text"]


async def test_start_without_a_link_says_how_to_get_one(at_work: Office1) -> None:
    at_work.api.chat(777)
    text = (await at_work.write(777, "/start"))["text"]
    assert "жеке сілтеме" in text
    assert "личную ссылку" in text


async def test_cards_one_by_one(at_work: Office1) -> None:
    numbers = [at_work.arrives() for _ in range(7)]
    await at_work.goes_on()
    digest = at_work.last(AIGUL)
    assert at_work.api.buttons(AIGUL, digest["message_id"]) == ["Показать по одной"]
    await at_work.press(AIGUL, "Показать по одной")
    first = at_work.last(AIGUL)
    assert numbers[0] in first["text"]
    assert at_work.api.buttons(AIGUL, first["message_id"]) == ["Принять", "Не наше", "Действия", "Следующая"]
    await at_work.press(AIGUL, "Принять")
    assert at_work.ticket(numbers[0]).status == "accepted"
    await at_work.press(AIGUL, "Показать по одной", message=digest["message_id"])
    assert numbers[1] in at_work.last(AIGUL)["text"]
    await at_work.press(AIGUL, "Следующая")
    assert numbers[2] in at_work.last(AIGUL)["text"]


async def test_an_edit_that_names_another_akimat_is_said_also_of_an_accepted_card(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    await at_work.press(AIGUL, "Принять")
    with at_work.db.begin() as c:
        c.execute(update(tickets).where(tickets.c.number == number).values(proposal={"redirect": SEMEY, "post": 1}))
        put_delivery(c, number, f"user:{at_work.ids['aigul']}", kind="proposal:1")
    await at_work.goes_on()
    said = at_work.last(AIGUL)
    assert said["text"].startswith("Автор изменил пост: проверьте адресата")
    assert "Теперь в посте назван акимат: город Семей" in said["text"]
    assert at_work.api.buttons(AIGUL, said["message_id"]) == ["Не наше"]
    await at_work.press(AIGUL, "Не наше")
    await at_work.press(AIGUL, at_work.api.buttons(AIGUL, said["message_id"])[0])
    assert at_work.ticket(number).status == "redirected"
    assert at_work.last(AIGUL)["text"].splitlines()[-1].startswith("↪️ Перенаправлено: город Семей")


async def test_who_has_left_or_has_a_new_telephone_is_told_nothing_more_in_the_old_chat(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    with at_work.db.begin() as c:
        people.disable(c, "aigul", NOW)
        at_work.service.accept(c, number, Actor(at_work.ids["duty"], "head", PAVLODAR), at_work.clock())
    await at_work.goes_on()
    assert "Duty" not in at_work.last(AIGUL)["text"]


async def test_a_chat_that_must_wait_holds_up_no_other_edit(at_work: Office1) -> None:
    for n in range(60):
        number = at_work.arrives()
        with at_work.db.begin() as c:
            c.execute(insert(staff_message).values(chat=AIGUL, message=n - 1000, ticket=number, account=at_work.ids["aigul"],
                                                   open=True))
    mine = at_work.arrives(topic="water")
    await at_work.outbox.drain()
    limiter_of(at_work.channel.bot).pace.ordered(AIGUL, 600, at_work.channel.steady())
    with at_work.db.begin() as c:
        c.execute(update(tickets).values(status="accepted"))
    await at_work.edits.round()
    assert mine in at_work.last(DUTY)["text"]
    assert at_work.api.buttons(DUTY, at_work.last(DUTY)["message_id"]) == []


async def test_what_comes_back_is_told_again(at_work: Office1) -> None:
    number = at_work.arrives(topic="water")
    await at_work.goes_on()
    await at_work.press(DUTY, "Қабылдау")
    for _ in range(2):      # somebody has it and leaves
        with at_work.db.begin() as c:
            c.execute(update(tickets).where(tickets.c.number == number).values(responsible=at_work.ids["aigul"], status="accepted"))
            assert hand_back(c, [number], at_work.ids["aigul"], at_work.clock(), lambda: bytes(16)) == 1
        await at_work.goes_on()
    assert [m["text"].splitlines()[0] for m in at_work.api.by_bot(DUTY)][1:] == ["Жаңа карточка", "Жаңа карточка"]


async def test_what_staff_write_to_the_bot_is_no_post_to_an_akimat(at_work: Office1) -> None:
    """The name typed in answer to "whose is it?" is, read as a post, addressed to that akimat."""
    verdict = Verdict(addressed=True, score=0.9, decision="register", language="ru", akimat=SEMEY, kind="message",
                      topic="other", urgency="normal", ruleset="test")
    states = {}
    with at_work.db.begin() as c:
        for chat in (AIGUL, 777):
            post = Post("telegram", "bot", f"{chat}/5", f"акимат города Семей {chat}", NOW)
            [id_] = store_posts(c, [post], NOW).ids
            claim(c, [id_])
            states[chat] = at_work.service.intake(c, [Judged(id_, post, verdict)], NOW).states[id_]
    assert states == {AIGUL: "own", 777: "ticket"}


async def test_lists_and_language(at_work: Office1) -> None:
    numbers = [at_work.arrives() for _ in range(2)]
    await at_work.goes_on()
    both = at_work.last(AIGUL)
    assert len(at_work.api.buttons(AIGUL, both["message_id"])) == 4
    listed = await at_work.write(AIGUL, "/new")
    assert listed["text"].startswith("Вас ждут карточки: 2")
    await at_work.press(AIGUL, numbers[1], message=listed["message_id"])
    await at_work.press(AIGUL, "Принять")
    assert numbers[1] in (await at_work.write(AIGUL, "/mine"))["text"]
    assert "Принятые вами карточки: 1" in at_work.last(AIGUL)["text"]
    assert "қазақша" in (await at_work.write(AIGUL, "/lang kk"))["text"]
    assert (await at_work.write(AIGUL, "/new"))["text"].startswith("Сізді күтіп тұрған карточкалар: 1")
    await at_work.write(AIGUL, "/lang")
    await at_work.press(AIGUL, "Русский")
    assert "на русском" in at_work.last(AIGUL)["text"]


async def test_two_cards_in_one_message_are_handled_apart(at_work: Office1) -> None:
    first, second = at_work.arrives(candidates=(SEMEY,)), at_work.arrives()
    await at_work.goes_on()
    message = at_work.last(AIGUL)["message_id"]
    await at_work.press(AIGUL, "Принять · 2", message=message)
    assert (at_work.ticket(first).status, at_work.ticket(second).status) == ("assigned", "accepted")
    assert at_work.api.buttons(AIGUL, message) == ["Принять · 1", "Не наше · 1"]
    await at_work.press(AIGUL, "Не наше · 1", message=message)
    await at_work.press(AIGUL, at_work.api.buttons(AIGUL, message)[0], message=message)
    assert at_work.ticket(first).status == "redirected"
    text = at_work.last(AIGUL)["text"]
    assert first in text
    assert second in text
    assert "✅ Принято: Aigul" in text
    assert "↪️ Перенаправлено: город Семей" in text
    assert len(at_work.api.by_bot(AIGUL)) == 1


async def test_a_message_sent_just_before_a_crash_still_works(at_work: Office1) -> None:
    first, second = at_work.arrives(), at_work.arrives()
    await at_work.goes_on()
    with at_work.db.begin() as c:
        c.execute(staff_message.delete())
    await at_work.press(AIGUL, "Принять · 2")
    assert at_work.ticket(second).status == "accepted"
    assert "✅ Принято: Aigul" in at_work.last(AIGUL)["text"]
    assert first in at_work.last(AIGUL)["text"]
    assert at_work.api.buttons(AIGUL, at_work.last(AIGUL)["message_id"]) == ["Принять · 1", "Не наше · 1"]


class Fragile(SpeakingBot):
    """Fails on what `breaks` says."""

    breaks: Callable[[Mapping[str, Any]], bool]

    def handle(self, c: Any, payload: Mapping[str, Any], now: Any) -> Any:
        effects = super().handle(c, payload, now)
        if self.breaks(payload):
            raise RuntimeError("as if by accident")
        return effects


async def test_a_fault_keeps_the_row_undoes_its_work_and_stops_nobody(at_work: Office1) -> None:
    first, second = at_work.arrives(), at_work.arrives(topic="water")
    await at_work.goes_on()
    fragile = Fragile(at_work.db, StaffBot(at_work.service, at_work.channel.wording), at_work.channel)
    fragile.breaks = lambda payload: payload["callback_query"]["from"]["id"] == AIGUL
    at_work.inbox = Inbox(at_work.db, {"bot": fragile}, clock=at_work.clock, first_pause=0.0)
    query = at_work.api.press(AIGUL, at_work.last(AIGUL)["message_id"], "Принять")
    at_work.api.press(DUTY, at_work.last(DUTY)["message_id"], "Қабылдау")
    await at_work.goes_on()
    assert at_work.ticket(second).status == "accepted"
    assert at_work.ticket(first).status == "assigned"
    assert "сбой" in (at_work.api.queries[query] or {})["text"]
    with at_work.db.reading() as c:
        [kept] = c.execute(select(inbound)).all()
    assert kept.attempts == ATTEMPTS
    assert kept.reason == "RuntimeError: as if by accident"
    # mended: the operator puts it back
    fragile.breaks = lambda payload: False
    with at_work.db.begin() as c:
        c.execute(update(inbound).values(attempts=0))
    await at_work.goes_on()
    assert at_work.ticket(first).status == "accepted"
    with at_work.db.reading() as c:
        assert c.execute(select(func.count()).select_from(inbound)).scalar_one() == 0


@pytest.mark.parametrize("payload", [
    {"update_id": 1}, {"update_id": 2, "poll": {"id": "1"}}, {"update_id": 3, "message": {"message_id": 1}},
    {"update_id": 4, "callback_query": {"id": "q"}}, {}, {"update_id": 5, "message": {
        "message_id": 5, "date": 1, "chat": {"id": -5, "type": "group", "title": "x"}, "text": "/start x",
        "from": {"id": 1, "is_bot": False, "first_name": "x"}}}])
async def test_what_is_no_update_stops_nobody(at_work: Office1, payload: dict[str, Any]) -> None:
    with at_work.db.begin() as c:
        c.execute(insert(inbound).values(source="bot", key="x", payload=payload, at=NOW))
    at_work.arrives()
    at_work.api.write(AIGUL, "/new")
    await at_work.goes_on()
    assert any("Вас ждут карточки: 1" in m["text"] for m in at_work.api.by_bot(AIGUL))


async def test_telegram_down_while_answering_loses_no_work(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    at_work.api.breaks.extend(["502", "502"])
    at_work.api.press(AIGUL, at_work.last(AIGUL)["message_id"], "Принять")
    at_work.api.write(AIGUL, "/mine")
    await at_work.goes_on()
    at_work.clock.ahead += timedelta(minutes=1)
    await at_work.goes_on()
    assert at_work.ticket(number).status == "accepted"
    assert any("Принятые вами карточки: 1" in m["text"] for m in at_work.api.by_bot(AIGUL))
