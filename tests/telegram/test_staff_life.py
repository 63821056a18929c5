"""The whole life of a card in the staff bot: every action once, by who may; dialogues over restarts; groups; hostile input."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from fake_api import FakeTelegram, units
from rows import NOW
from sqlalchemy import insert, select, update
from test_staff_bot import AIGUL, BOLAT, DUTY, FOREIGN, PAVLODAR, SEMEY, VIEWER, Office1
from test_staff_bot import at_work as at_work
from test_staff_bot import knowledge as knowledge

from monitor.store.tables import inbound
from ticketing import erasure, groups, people
from ticketing.bot.inbound import Inbox
from ticketing.bot.staff import StaffBot
from ticketing.bot.voice import SpeakingBot
from ticketing.deadlines import Term
from ticketing.notify.buttons import Press
from ticketing.notify.message import Wording
from ticketing.notify.names import KnownNames
from ticketing.service import Actor
from ticketing.tables import absence, account, answer, delivery, dialogue, photo, question, reach, sealed
from ticketing.tables import ticket as tickets

GROUP = -1001
GOOD = "Шұңқырды «Жолдар» мекемесі 25 желтоқсанға дейін Естай көшесі, 12 мекенжайында жөндейді. Тел. 32-11-22."
JPEG = b"\xff\xd8\xff\xe0" + b"photo" * 20


def restart(at: Office1) -> None:
    """Another process: nothing but the database is left."""
    bot = SpeakingBot(at.db, StaffBot(at.service, at.channel.wording, username="qulaq_test_bot"), at.channel, first_pause=0.01,
                      clock=at.clock)
    at.inbox = Inbox(at.db, {"bot": bot}, clock=at.clock, first_pause=0.0)


async def opened(at: Office1, number: str, chat: int = AIGUL) -> dict[str, Any]:
    """The whole card in a chat, found by its digits."""
    said = await at.write(chat, number.split("-", 1)[1])
    assert number in said["text"]
    return said


async def taken(at: Office1, **settings: Any) -> str:
    """A card that Aigul has accepted."""
    number = at.arrives(**settings)
    with at.db.begin() as c:
        at.service.accept(c, number, Actor(at.ids["aigul"], "officer", PAVLODAR), at.clock())
    await at.goes_on()
    return number


def buttons(at: Office1, chat: int, message: dict[str, Any] | None = None) -> list[str]:
    return at.api.buttons(chat, (message or at.last(chat))["message_id"])


async def choose(at: Office1, chat: int, *names: str) -> dict[str, Any]:
    """Press, one after another, the first button of the last message that has one beginning so."""
    answered: dict[str, Any] = {}
    for name in names:
        for message in reversed(at.api.by_bot(chat)):
            found = next((b for b in at.api.buttons(chat, message["message_id"]) if b.startswith(name)), None)
            if found is not None:
                answered = await at.press(chat, found, message=message["message_id"])
                break
        else:
            raise AssertionError(f"no button {name!r} in {[buttons(at, chat, m) for m in at.api.by_bot(chat)][-3:]}")
    return answered


@pytest.mark.parametrize("kill", [False, True], ids=["running", "restarted"])
async def test_from_acceptance_to_the_closed_card(at_work: Office1, kill: bool) -> None:
    """Draft, return, another wording, approve, publish, close, reopen: with a restart after every single step, or without."""
    number = at_work.arrives()
    await at_work.goes_on()

    async def step(chat: int, *names: str) -> dict[str, Any]:
        if kill:
            restart(at_work)
        return await choose(at_work, chat, *names)

    async def write(chat: int, text: str) -> dict[str, Any]:
        if kill:
            restart(at_work)
        return await at_work.write(chat, text)

    await step(AIGUL, "Действия")
    assert "Опубликовать" not in buttons(at_work, AIGUL)
    await step(AIGUL, "Принять")
    await step(AIGUL, "Написать ответ", "Своими словами")
    await write(AIGUL, "Рассмотрим.")
    preview = at_work.last(AIGUL)["text"]
    assert "Рассмотрим." in preview
    assert "⚠️" in preview, "the check speaks before anything is saved"
    assert "draft" not in at_work.actions(number)
    await step(AIGUL, "Изменить")
    await write(AIGUL, "Рассмотрим и вернёмся.")
    await step(AIGUL, "Сохранить")
    assert "ждёт согласования" in at_work.last(AIGUL)["text"]
    assert "Согласовать" not in buttons(at_work, AIGUL), "nobody approves an answer of their own"

    await opened(at_work, number, DUTY)
    assert "Рассмотрим и вернёмся." in at_work.last(DUTY)["text"]
    await step(DUTY, "Қайтару")
    await write(DUTY, "Мерзімін жазыңыз")
    assert at_work.actions(number)[-1] == "return"
    await opened(at_work, number)
    assert "Мерзімін жазыңыз" in at_work.last(AIGUL)["text"]
    await step(AIGUL, "Изменить ответ", "Своими словами")
    await write(AIGUL, GOOD)
    assert "25.12.2026" in at_work.last(AIGUL)["text"]
    await step(AIGUL, "Сохранить")
    await opened(at_work, number, DUTY)
    await step(DUTY, "Келісу")
    await opened(at_work, number)
    await step(AIGUL, "Опубликовать")
    await step(AIGUL, "Да, опубликовать")
    with at_work.db.begin() as c:
        [out] = c.execute(select(delivery).where(delivery.c.channel == "reply:vk")).all()
        at_work.service.delivered(c, out.id, {"native_id": "1"}, at_work.clock())
    assert at_work.ticket(number).status == "answered"
    await opened(at_work, number)
    await step(AIGUL, "Закрыть")
    assert at_work.ticket(number).status == "closed"
    await step(AIGUL, "Возобновить")
    await write(AIGUL, "Яма вернулась")
    assert at_work.ticket(number).status == "assigned"
    assert at_work.actions(number) == ["register", "assign", "accept", "draft", "return", "draft", "approve", "publish", "posted",
                                       "answer", "close", "reopen"]


async def test_a_question_to_a_colleague_and_its_reply(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Спросить", "Bolat")
    await at_work.write(AIGUL, "Чей это участок? <b>&")
    assert "Вопрос задан" in at_work.last(AIGUL)["text"]
    assert "<b>&" in at_work.last(AIGUL)["text"]
    assert any("Әріптесіңіз" in m["text"] for m in at_work.api.by_bot(BOLAT))
    await choose(at_work, BOLAT, "Әрекеттер", "Сұраққа жауап беру")
    await at_work.write(BOLAT, "Біздікі")
    with at_work.db.reading() as c:
        asked = c.execute(select(question)).one()
    assert (asked.text, asked.reply, asked.asked) == ("Чей это участок? <b>&", "Біздікі", at_work.ids["bolat"])


async def test_what_is_public_is_shown_before_it_goes_out(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Спросить", "Гражданина")
    await at_work.write(AIGUL, "Какой дом?")
    assert at_work.actions(number)[-1] == "accept"
    await choose(at_work, AIGUL, "Отправить")
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Промежуточный ответ")
    await at_work.write(AIGUL, "Бригада выехала.")
    await at_work.write(AIGUL, "Бригада выехала на улицу Естая.")        # written instead of pressed: another wording
    await choose(at_work, AIGUL, "Отправить")
    with at_work.db.reading() as c:
        assert c.execute(select(answer.c.text).where(answer.c.kind == "interim")).scalars().all() == ["Бригада выехала на улицу Естая."]
        told = c.execute(select(delivery.c.kind).where(delivery.c.channel == "reply:vk").order_by(delivery.c.id)).scalars().all()
    assert [kind.partition(":")[0] for kind in told] == ["question", "answer"]


async def test_the_term_is_extended_by_a_head_within_the_limit(at_work: Office1) -> None:
    number = await taken(at_work)
    assert "Продлить срок" not in buttons(at_work, AIGUL, await opened(at_work, number))
    await opened(at_work, number, DUTY)
    await choose(at_work, DUTY, "Мерзімін ұзарту")
    await at_work.write(DUTY, "Асфальт зауыты жабық")
    await at_work.write(DUTY, "қашан да")
    assert "25.12.2026" in at_work.last(DUTY)["text"]                     # how to write a day
    await at_work.write(DUTY, "01.12.2027")
    await choose(at_work, DUTY, "Жіберу")
    assert "⚠️" in at_work.last(DUTY)["text"]                             # past the legal limit, and nothing that was written is lost
    assert at_work.actions(number)[-1] == "accept"
    await choose(at_work, DUTY, "Өзгерту")
    await at_work.write(DUTY, "Асфальт зауыты жабық")
    until = at_work.ticket(number).due_final.date() + timedelta(days=13)      # a working day
    await at_work.write(DUTY, f"{until:%d.%m.%Y}")
    await choose(at_work, DUTY, "Жіберу")
    assert at_work.actions(number)[-1] == "extend"
    assert at_work.ticket(number).due_final.date() >= until


async def test_the_clock_stands_and_goes_on(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    assert "Спросить и остановить срок" not in buttons(at_work, AIGUL), "off by default"
    own = replace(at_work.service.desk.rules_of(PAVLODAR), pause=Term(5, "wd", "pause"))
    at_work.service.desk = replace(at_work.service.desk, offices={PAVLODAR: own})
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Спросить и остановить")
    await at_work.write(AIGUL, "Укажите номер дома")
    await choose(at_work, AIGUL, "Отправить")
    assert at_work.actions(number)[-2:] == ["ask", "pause"]
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Возобновить срок")
    assert at_work.actions(number)[-1] == "resume"
    await opened(at_work, number)
    assert "Спросить и остановить срок" not in buttons(at_work, AIGUL), "it stands once"


async def test_given_to_a_colleague_or_a_department(at_work: Office1) -> None:
    with at_work.db.begin() as c:
        c.execute(update(account).where(account.c.login == "bolat").values(department="Абаттандыру бөлімі"))
    number = await taken(at_work)
    await opened(at_work, number)
    answered = await choose(at_work, AIGUL, "Передать другому", "Bolat")
    assert "Bolat" in answered["text"]
    assert at_work.ticket(number).responsible == at_work.ids["bolat"]
    assert number in at_work.last(BOLAT)["text"]
    await opened(at_work, number, DUTY)
    await choose(at_work, DUTY, "Басқаға беру", "Aigul")
    await choose(at_work, DUTY, "Басқаға беру", "🏢 Абаттандыру")
    assert at_work.ticket(number).responsible == at_work.ids["bolat"]


async def test_passed_to_another_body_and_taken_back(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "В другой орган", "Другой: написать")
    await at_work.write(AIGUL, "ТОО <Теплосеть>")
    assert "<Теплосеть>" in at_work.last(AIGUL)["text"]
    await choose(at_work, AIGUL, "Отправить")
    assert at_work.ticket(number).status == "redirected"
    await choose(at_work, AIGUL, "Забрать обратно")
    assert at_work.ticket(number).status == "assigned"
    known = next(iter(at_work.service.desk.procedure.bodies.values()))
    await choose(at_work, AIGUL, "В другой орган", known.ru[:40], "Отправить")
    assert at_work.ticket(number).status == "redirected"


async def test_not_ours_from_the_whole_card(at_work: Office1) -> None:
    number = await taken(at_work, candidates=(SEMEY,))
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Не наше", "Назад", "Не наше", "город Семей")
    assert at_work.ticket(number).status == "redirected"
    assert at_work.last(AIGUL)["text"].count("Перенаправлено: город Семей") == 1


async def test_left_without_examination_by_a_head_on_a_ground(at_work: Office1) -> None:
    number = await taken(at_work)
    assert "Оставить без рассмотрения" not in buttons(at_work, AIGUL, await opened(at_work, number))
    forged = str(Press("not_examine", at_work.ticket(number).id, "w"))
    query = at_work.api.press_data(AIGUL, at_work.last(AIGUL)["message_id"], forged)
    await at_work.goes_on()
    assert "роль" in (at_work.api.queries[query] or {})["text"]
    await opened(at_work, number, DUTY)
    ground = next(iter(at_work.service.desk.procedure.grounds.values()))
    told = await choose(at_work, DUTY, "Қараусыз қалдыру", ground.kk[:30])
    assert ground.article.kk[:20] in told["text"]
    assert at_work.ticket(number).status == "accepted"
    await choose(at_work, DUTY, "Иә, осы негіз")
    assert (at_work.ticket(number).status, at_work.ticket(number).ground) == ("not_examined", ground.code)


async def test_a_proposal_to_merge_is_decided_once(at_work: Office1) -> None:
    one, other, third = await taken(at_work), await taken(at_work), await taken(at_work)
    with at_work.db.begin() as c:
        at_work.service.propose(c, one, other, {"text": 0.9}, NOW)
        at_work.service.propose(c, third, other, {"text": 0.7}, NOW)
    card = await opened(at_work, other)
    await opened(at_work, other, DUTY)
    await choose(at_work, AIGUL, f"Объединить с {one}")
    assert at_work.ticket(one).merged_into == other
    late = await choose(at_work, DUTY, f"{one} карточкасымен")
    assert "біреу шешіп" in late["text"]
    await at_work.press(AIGUL, "Другой вопрос", message=card["message_id"])
    assert buttons(at_work, AIGUL, card).count("Другой вопрос") == 0
    await opened(at_work, one)
    await choose(at_work, AIGUL, "Отделить")
    assert at_work.ticket(one).merged_into is None


@pytest.mark.parametrize("kill", [False, True], ids=["running", "restarted"])
async def test_a_template_asks_for_its_blanks_one_by_one(at_work: Office1, kill: bool) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Написать ответ", "будет сделано: {place}: яму")
    for typed in ("Естай көшесі, 12", "01.01.2020", "25.12", "…", "«Жолдар» мекемесі", "32-11-22"):
        if kill:
            restart(at_work)
        await at_work.write(AIGUL, typed)
    preview = at_work.last(AIGUL)["text"]
    assert "Естай көшесі, 12: шұңқырды «Жолдар» мекемесі 2026 жылғы 25 желтоқсанға дейін жөндейді" in preview
    await choose(at_work, AIGUL, "Сохранить")
    with at_work.db.reading() as c:
        saved = c.execute(select(answer)).one()
        assert c.execute(select(dialogue)).all() == []
    assert (saved.language, saved.state) == ("kk", "draft")
    assert "{" not in saved.text


async def test_photos_are_kept_beside_the_answer_and_go_with_an_erasure(at_work: Office1) -> None:
    number = await taken(at_work)
    with at_work.db.begin() as c:
        at_work.service.draft(c, number, GOOD, Actor(at_work.ids["aigul"], "officer", PAVLODAR), at_work.clock())
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Прикрепить фото")
    await at_work.write(AIGUL, "вот")                      # no photo: asked again
    at_work.api.photograph(AIGUL, JPEG, name="a")
    at_work.api.photograph(AIGUL, JPEG, name="a")
    at_work.api.photograph(AIGUL, b"GIF89a", name="b")
    await at_work.goes_on()
    said = [m["text"] for m in at_work.api.by_bot(AIGUL)][-3:]
    assert any("фото сохранено вместе с ответом. Всего: 1" in t for t in said)
    assert any("уже прикреплено" in t for t in said)
    assert any("не удалось получить" in t for t in said)
    await choose(at_work, AIGUL, "С фото всё")
    with at_work.db.reading() as c:
        kept = c.execute(select(photo).where(photo.c.state == "kept")).one()
        assert bytes(kept.content) == JPEG
        assert kept.answer is not None
        committed = c.execute(select(sealed.c.text).where(sealed.c.field == "photo")).scalars().all()
    assert len(committed) == 1
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Показать фото")
    assert at_work.last(AIGUL)["photo"]
    with at_work.db.begin() as c:
        row = c.execute(select(tickets).where(tickets.c.number == number)).one()
        erasure.erase(c, erasure.of_number(c, row), at_work.clock(), lambda: b"1" * 16, number=number, by="citizen", why="demand")
        assert c.execute(select(photo.c.content, photo.c.file).where(photo.c.id == kept.id)).one() == (None, "")


async def test_a_photo_named_before_a_crash_is_brought_after_it(at_work: Office1) -> None:
    number = await taken(at_work)
    with at_work.db.begin() as c:
        at_work.service.photo_named(c, number, "late", "ulate", Actor(at_work.ids["aigul"], "officer", PAVLODAR), at_work.clock())
    at_work.api.files["late"] = JPEG
    again = SpeakingBot(at_work.db, StaffBot(at_work.service, at_work.channel.wording), at_work.channel, clock=at_work.clock)
    await again.resume()
    assert "фото сохранено при карточке" in at_work.last(AIGUL)["text"]
    assert at_work.actions(number)[-1] == "photo"


async def test_a_question_that_a_crash_swallowed_is_said_and_not_answered_blindly(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number, DUTY)
    await choose(at_work, DUTY, "Мерзімін ұзарту")
    at_work.api.chats[DUTY].refuses = "Bad Request: chat not found"       # committed, never said
    at_work.api.write(DUTY, "Қар")
    await at_work.goes_on()
    at_work.api.chats[DUTY].refuses = ""
    said = await at_work.write(DUTY, "Қар")
    assert "Қай күнге дейін" in said["text"]                            # asked again; nothing was taken for a day
    with at_work.db.begin() as c:
        assert c.execute(select(dialogue.c.step)).scalar() == "day"
        c.execute(update(dialogue).values(asked=None))
    again = SpeakingBot(at_work.db, StaffBot(at_work.service, at_work.channel.wording), at_work.channel, clock=at_work.clock)
    count = len(at_work.api.by_bot(DUTY))
    await again.resume()
    assert len(at_work.api.by_bot(DUTY)) == count + 1
    with at_work.db.reading() as c:
        assert c.execute(select(dialogue.c.asked)).scalar() == at_work.last(DUTY)["message_id"]


async def test_the_same_update_twice_changes_nothing(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Спросить", "Гражданина")
    at_work.api.write(AIGUL, "Какой дом?")
    [raw] = at_work.api.updates
    await at_work.goes_on()
    with at_work.db.begin() as c:
        c.execute(insert(inbound).values(source="bot", key="again", payload=raw, at=NOW))
    shown = len(at_work.api.by_bot(AIGUL))
    await at_work.goes_on()
    assert len(at_work.api.by_bot(AIGUL)) == shown
    message = at_work.last(AIGUL)["message_id"]
    send = at_work.api.chats[AIGUL].messages[message]["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    queries = [at_work.api.press_data(AIGUL, message, send) for _ in range(3)]
    await at_work.goes_on()
    assert at_work.actions(number).count("ask") == 1
    assert all(at_work.api.queries[q] is not None for q in queries)
    assert "уже сделано" in (at_work.api.queries[queries[2]] or {})["text"]


async def test_a_dialogue_ends_by_cancel_and_after_a_day(at_work: Office1) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Промежуточный ответ")
    assert "Отменено" in (await at_work.write(AIGUL, "/cancel"))["text"]
    assert "нечего" in (await at_work.write(AIGUL, "/cancel"))["text"]
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Промежуточный ответ")
    at_work.clock.ahead += timedelta(days=1, minutes=1)
    await at_work.write(AIGUL, "Бригада выехала")
    assert "/overdue" in at_work.last(AIGUL)["text"]
    assert at_work.actions(number)[-1] == "accept"


async def test_two_at_once_one_wins_and_the_other_is_told(at_work: Office1) -> None:
    number = at_work.arrives(topic="water")
    await at_work.goes_on()
    await opened(at_work, number, AIGUL)
    mine = at_work.last(AIGUL)["message_id"]
    await opened(at_work, number, DUTY)
    theirs = at_work.last(DUTY)["message_id"]
    first, second = at_work.api.press(DUTY, theirs, "Қабылдау"), at_work.api.press(AIGUL, mine, "Принять")
    await at_work.goes_on()
    assert number in (at_work.api.queries[first] or {})["text"]
    assert "уже принял другой сотрудник" in (at_work.api.queries[second] or {})["text"]
    assert at_work.ticket(number).responsible == at_work.ids["duty"]
    assert "Принято: Duty" in at_work.last(AIGUL)["text"], "the message of the other one is put right"


async def test_a_draft_changed_meanwhile_is_not_overwritten(at_work: Office1) -> None:
    number = await taken(at_work)
    with at_work.db.begin() as c:
        id_ = at_work.service.draft(c, number, "Первый текст", Actor(at_work.ids["aigul"], "officer", PAVLODAR), at_work.clock())
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Изменить ответ", "Своими словами")
    with at_work.db.begin() as c:
        at_work.service.draft(c, number, "Текст коллеги", Actor(at_work.ids["bolat"], "officer", PAVLODAR), at_work.clock(), answer_id=id_)
    await at_work.write(AIGUL, "Мой текст")
    await choose(at_work, AIGUL, "Сохранить")
    said = at_work.last(AIGUL)["text"]
    assert "⚠️" in said
    assert "Мой текст" in said, "what was written is not lost"
    with at_work.db.reading() as c:
        assert c.execute(select(answer.c.text)).scalar() == "Текст коллеги"


async def test_lists_have_pages_and_overdue_is_the_offices_for_a_head(at_work: Office1) -> None:
    numbers = [at_work.arrives() for _ in range(13)]
    await at_work.goes_on()
    listed = await at_work.write(AIGUL, "/new")
    assert "Вас ждут карточки: 13" in listed["text"]
    assert "Страница 1 из 2" in listed["text"]
    await at_work.press(AIGUL, "▶", message=listed["message_id"])
    page = at_work.api.chats[AIGUL].messages[listed["message_id"]]
    assert buttons(at_work, AIGUL, page) == [*numbers[10:], "◀"]
    assert "Просроченные карточки: 0" in (await at_work.write(AIGUL, "/overdue"))["text"]
    at_work.clock.ahead += timedelta(days=40)
    assert "Просроченные карточки: 13" in (await at_work.write(AIGUL, "/overdue"))["text"]
    assert "карточкалар: 13" in (await at_work.write(DUTY, "/overdue"))["text"]
    assert "Просроченные карточки: 0" in (await at_work.write(FOREIGN, "/overdue"))["text"]


async def test_a_card_is_found_by_any_form_of_its_number(at_work: Office1) -> None:
    number = at_work.arrives()
    await at_work.goes_on()
    for form in ("{}", "аж{}", "AZH {}", "/find ӘЖ-{}"):
        assert number in (await at_work.write(BOLAT, form.format("551-2026-1")))["text"]
        assert "другому акимату" in (await at_work.write(FOREIGN, form.format("551-2026-1")))["text"]
        assert "551-2026-7" in (await at_work.write(BOLAT, form.format("551-2026-7")))["text"]


async def test_a_viewer_is_offered_nothing_and_refused_everything(at_work: Office1) -> None:
    number = await taken(at_work)
    card = await opened(at_work, number, VIEWER)
    assert buttons(at_work, VIEWER, card) == []
    id_ = at_work.ticket(number).id
    actions = ["accept", "assign", "ask", "interim", "extend", "outside", "draft", "close", "photo", "not_examine", "reopen", "unmerge",
               "not_ours", "take_back"]
    queries = {a: at_work.api.press_data(VIEWER, card["message_id"], str(Press(a, id_, "w"))) for a in actions}  # type: ignore[arg-type]
    queries |= {a: at_work.api.press_data(VIEWER, card["message_id"], str(Press(a, id_, c))) for a, c in  # type: ignore[arg-type]
                (("reply", "1"), ("approve", "1v1"), ("return", "1"), ("publish", "1"), ("merge", "1"), ("dismiss", "1"))}
    await at_work.goes_on()
    said = {a: (at_work.api.queries[q] or {}).get("text", "") for a, q in queries.items()}
    assert {a: text for a, text in said.items() if "роль" not in text} == {}
    assert at_work.actions(number)[-1] == "accept"
    foreign = at_work.api.press_data(VIEWER, card["message_id"], str(Press("draft", id_, "f")), who=FOREIGN)
    await at_work.goes_on()
    assert "другому акимату" in (at_work.api.queries[foreign] or {})["text"]


FORGED = ("v:1:1", "v:1:9v9", "d:1:tzz", "g:1:p999999999", "g:1:dzz", "z:1:yzz", "m:1:99", "j:1:x", "p:1:y", "q:1:p77", "0:9999999999:n",
          "0:1:zz", "1:5", "3:5", "y:1:zz", "u:1:77", "o:1:bzz", "r:1:w", "h:1:s", "g:1:n999")


async def test_a_forged_press_is_answered_and_does_nothing(at_work: Office1) -> None:
    number = await taken(at_work)
    card = await opened(at_work, number, DUTY)
    queries = [at_work.api.press_data(DUTY, card["message_id"], data) for data in FORGED]
    await at_work.goes_on()
    assert [data for data, q in zip(FORGED, queries, strict=True) if at_work.api.queries[q] is None] == []
    assert at_work.actions(number)[-1] == "accept"
    with at_work.db.reading() as c:
        assert c.execute(select(inbound.c.reason)).all() == []


async def test_long_and_hostile_words_fit_a_message(at_work: Office1) -> None:
    number = await taken(at_work, text="<i>&amp;</i> @all https://evil.kz " * 60)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Написать ответ", "Своими словами")
    await at_work.write(AIGUL, ("😀<b>&\u202e" * 1000)[:3990])
    await choose(at_work, AIGUL, "Сохранить")
    await opened(at_work, number, DUTY)
    await choose(at_work, DUTY, "Жауапты өзгерту", "Жауапты толық көрсету")
    assert all(units(m["text"]) <= 4096 for chat in (AIGUL, DUTY) for m in at_work.api.by_bot(chat))
    whole = [m["text"] for m in at_work.api.by_bot(DUTY)][-3:]
    assert sum(t.count("😀") for t in whole) > 600
    await choose(at_work, AIGUL, "Изменить ответ", "Своими словами")
    too_long = await at_work.write(AIGUL, "а" * 4090)
    assert "4000" in too_long["text"]


# --- groups

@pytest.fixture
def group(at_work: Office1) -> Office1:
    at_work.api.chat(GROUP, name="Жолдар тобы")
    restart(at_work)
    return at_work


async def test_a_group_is_bound_by_a_head_and_each_acts_by_their_own_rights(group: Office1) -> None:
    api = group.api

    async def write(who: int, text: str) -> str:
        before = len(api.by_bot(GROUP))
        api.write(GROUP, text, who=who)
        await group.goes_on()
        return "\n".join(m["text"] for m in api.by_bot(GROUP)[before:])

    assert "/bind" in await write(AIGUL, "/new@qulaq_test_bot")
    assert "руководитель" in await write(AIGUL, "/bind")
    assert "Павлодар қаласы" in await write(DUTY, "/bind@qulaq_test_bot")
    assert set(api.commands[GROUP]) == {"new", "mine", "overdue", "find", "help"}
    number = group.arrives(text="Тел. 8 777 123 45 67, менің атым Асқар Серіков.")
    await group.goes_on()
    assert "Ждут в учреждении карточки: 1" in await write(AIGUL, "/new@qulaq_test_bot")
    assert await write(AIGUL, "/new@another_bot") == ""
    assert await write(999, "/new") == ""
    assert await write(AIGUL, "что-то своё 551-2026-1") == ""
    assert "другому акимату" in await write(FOREIGN, "/new")
    card = await write(AIGUL, "/find 551-2026-1")
    assert number in card
    assert "123 45 67" not in card
    message = group.last(GROUP)["message_id"]
    refused = await group.press(GROUP, "Қабылдау", message=message, who=VIEWER)
    assert "роль" in refused["text"]
    await group.press(GROUP, "Қабылдау", message=message, who=BOLAT)
    assert group.ticket(number).responsible == group.ids["bolat"]
    assert "Bolat" in api.chats[GROUP].messages[message]["text"]
    # words are asked for in private: what is written in a group may be a post
    await group.press(GROUP, "Аралық жауап", message=message, who=BOLAT)
    assert number in group.last(BOLAT)["text"]
    await group.write(BOLAT, "Бригада шықты.")
    await choose(group, BOLAT, "Жіберу")
    assert group.actions(number)[-1] == "interim"
    semey = group.arrives(akimat=SEMEY)
    await group.goes_on()
    assert "другому акимату" in await write(AIGUL, f"/find {semey}")
    assert "байланысты емес" in await write(DUTY, "/bind off")
    gone = await group.press(GROUP, buttons(group, GROUP, api.chats[GROUP].messages[message])[0], message=message, who=BOLAT)
    assert "байланысты емес" in gone["text"]


async def test_an_office_that_lets_nothing_out_lets_nothing_out_into_a_group(group: Office1) -> None:
    number = await taken(group)
    with group.db.begin() as c:
        group.service.draft(c, number, "Тайный проект", Actor(group.ids["aigul"], "officer", PAVLODAR), group.clock())
        people_ = group.ids["bolat"]
        group.service.ask(c, number, "Тайный вопрос", people_, Actor(group.ids["aigul"], "officer", PAVLODAR), group.clock())
    group.channel.wording = Wording(KnownNames(group.knowledge.registry, group.knowledge.topics), "", {PAVLODAR: "none"})
    with group.db.begin() as c:
        groups.settle(c, {GROUP: PAVLODAR}, group.clock())
    bot = StaffBot(group.service, group.channel.wording)
    group.inbox = Inbox(group.db, {"bot": SpeakingBot(group.db, bot, group.channel, clock=group.clock)}, clock=group.clock, first_pause=0.0)
    group.api.write(GROUP, f"/find {number}", who=AIGUL)
    await group.goes_on()
    text = group.last(GROUP)["text"]
    assert number in text
    assert "Тайный" not in text
    assert "шұңқыр" not in text


# --- what one settles about oneself

async def test_quiet_hours_and_absence(at_work: Office1) -> None:
    assert "Своих тихих часов" in (await at_work.write(AIGUL, "/quiet"))["text"]
    assert "22:00-07:00" in (await at_work.write(AIGUL, "/quiet 22:00-07:00"))["text"]
    assert "не тихие часы" in (await at_work.write(AIGUL, "/quiet <всегда>"))["text"]
    with at_work.db.reading() as c:
        assert c.execute(select(reach.c.quiet)).scalar() == ["22:00-07:00"]
    assert "bolat" in (await at_work.write(AIGUL, "/absent"))["text"]
    assert "Такого коллеги нет" in (await at_work.write(AIGUL, "/absent 01.12 10.12 semey"))["text"]
    assert "после начала" in (await at_work.write(AIGUL, "/absent 10.12.2026 01.12.2026 bolat"))["text"]
    for _ in range(2):
        said = (await at_work.write(AIGUL, "/absent 24.11.2026 10.12.2026 bolat"))["text"]
        assert "по 10.12.2026. Заместитель: Bolat" in said
    with at_work.db.reading() as c:
        [row] = c.execute(select(absence)).all()
        assert row.deputy == at_work.ids["bolat"]
        assert people.away(c, at_work.clock())
    number = at_work.arrives()
    await at_work.goes_on()
    assert number in at_work.last(BOLAT)["text"]
    assert "закончено" in (await at_work.write(AIGUL, "/absent off"))["text"]


async def test_the_commands_are_listed_in_the_readers_language(at_work: Office1) -> None:
    await at_work.write(AIGUL, "/help")
    assert at_work.api.commands[AIGUL]["overdue"] == "просроченные карточки"
    await at_work.write(AIGUL, "/lang kk")
    assert at_work.api.commands[AIGUL]["overdue"] == "мерзімі өткен карточкалар"
    assert BOLAT not in at_work.api.commands


async def test_telegrams_order_to_wait_is_obeyed_in_the_middle_of_a_dialogue(at_work: Office1, api: FakeTelegram) -> None:
    number = await taken(at_work)
    await opened(at_work, number)
    await choose(at_work, AIGUL, "Промежуточный ответ")
    api.order(1, AIGUL)
    said = await at_work.write(AIGUL, "Бригада выехала на улицу Естая.")        # the fake faults whoever speaks too early
    assert "Отправить так?" in said["text"]
    await choose(at_work, AIGUL, "Отправить")
    assert at_work.actions(number)[-1] == "interim"


def test_days_are_read_as_people_write_them() -> None:
    from ticketing.bot.forms import a_day
    today = date(2026, 11, 24)
    assert [a_day(t, today) for t in ("25.12.2026", "25.12", "1/2", "2026-12-25", "31.02.2027", "x", "", "99.99.9999")] == [
        date(2026, 12, 25), date(2026, 12, 25), date(2027, 2, 1), date(2026, 12, 25), None, None, None, None]
