"""The citizen's page: number and code open a card, nothing else does, and what the citizen says there counts."""

from __future__ import annotations

import re
import time
from datetime import timedelta

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, select, update
from web_scene import NOW, PAVLODAR, one

from monitor.live import Live
from monitor.store.engine import Database
from monitor.store.tables import attempt
from monitor.web import build
from ticketing import access
from ticketing.service import Actor, Service
from ticketing.store import ticket_by_number
from ticketing.tables import answer, erasure, question, ticket

SECRET_TEXT = "Естай көшесіндегі шұңқыр <script>alert(1)</script>, телефоным 87015550011"


def a_card(db: Database, service: Service, staff: dict[str, int], *, answered: bool = False) -> tuple[str, str]:
    one(db, service, "s1", SECRET_TEXT)
    with db.begin() as c:
        number = c.execute(select(ticket.c.number)).scalar_one()
        code = access.issue(c, number, NOW)
        if answered:
            actor = Actor(staff["aigul"], "officer", PAVLODAR)
            service.accept(c, number, actor, NOW)
            c.execute(insert(answer).values(ticket=number, kind="final", language="kk", text="Шұңқыр <b>24 қарашада</b> бітелді.",
                                            state="published", version=1, warnings=[], author=staff["aigul"], made_at=NOW,
                                            published_at=NOW))
            row = ticket_by_number(c, number)
            assert row is not None
            from ticketing.acting import Move
            service._enter(c, NOW, actor, Move(row, "answer", {"answer": 1, "version": 1}))
    return number, code


async def ask(client: TestClient, number: str, code: str, **more: str) -> tuple[int, str]:
    reply = await client.post("/status", data={"number": number, "code": code, "lang": "ru", **more})
    return reply.status, await reply.text()


async def test_number_and_code_open_the_card_without_personal_text(db, service, staff, anonymous) -> None:
    number, code = a_card(db, service, staff)
    form = await anonymous.get(f"/status?n={number}&lang=kk")
    page = await form.text()
    assert form.status == 200
    assert number in page
    assert form.headers["X-Robots-Tag"].startswith("noindex")
    assert form.headers["Referrer-Policy"] == "no-referrer"
    assert form.headers["Cache-Control"] == "no-store"
    typed = f" {number.lower().replace('ә', 'а')} "       # АЖ, small letters: as a person types it
    status, page = await ask(anonymous, typed, code.lower().replace("-", " "))
    assert status == 200
    assert "Зарегистрировано" in page
    assert "Как посчитан этот срок" in page
    assert "рабочих дней" in page, "the rule is one step away"
    assert "eotinish.kz" in page
    assert "шұңқыр" not in page
    assert "87015550011" not in page
    assert "Айгүл" not in page, "no person is named to the public"
    for tongue in ("kk", "en"):
        assert (await anonymous.post("/status", data={"number": number, "code": code, "lang": tongue})).status == 200


async def test_a_wrong_number_and_a_wrong_code_look_the_same(db, service, staff, anonymous) -> None:
    number, code = a_card(db, service, staff)
    seen, took = [], []
    for tried in ((number, "AAAA-AAAA"), (number[:-1] + "9", code), ("'; DROP TABLE ticket; --\x00", "\udcff" * 3), ("", "")):
        began = time.monotonic()
        status, page = await ask(anonymous, tried[0].encode("utf-8", "replace").decode(), tried[1].encode("utf-8", "replace").decode())
        took.append(time.monotonic() - began)
        seen.append((status, re.sub(r'name="number" value="[^"]*"|(&amp;)?n=[^"]*', "", page)))
    assert seen[0][0] == 403
    assert len(set(seen)) == 1
    assert max(took) - min(took) < 0.15, took


async def test_guessing_ends_soon_and_right_ones_do_not_count(db, service, staff, anonymous, clock) -> None:
    number, code = a_card(db, service, staff)
    for _ in range(15):
        assert (await ask(anonymous, number, code))[0] == 200
    for _ in range(10):
        assert (await ask(anonymous, number, "ZZZZ-ZZZZ"))[0] == 403
    refused = await anonymous.post("/status", data={"number": number, "code": code})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 800
    clock.go(minutes=16)
    assert (await ask(anonymous, number, code))[0] == 200


async def test_the_answer_is_judged_and_not_solved_takes_it_up_again(db, service, staff, anonymous, clock) -> None:
    number, code = a_card(db, service, staff, answered=True)
    status, page = await ask(anonymous, number, code)
    assert "Шұңқыр &lt;b&gt;24 қарашада" in page
    assert (await ask(anonymous, number, code, do="mark", mark="4"))[0] == 200
    assert (await ask(anonymous, number, code, do="mark", mark="6"))[0] == 409
    assert (await ask(anonymous, number, "ZZZZ-ZZZZ", do="unsolved", why="x"))[0] == 403
    status, page = await ask(anonymous, number, code, do="unsolved", why="Яма на месте")
    assert status == 200
    assert "снова взята в работу" in page
    with db.reading() as c:
        row = ticket_by_number(c, number)
        assert (row.status, row.solved, row.mark, row.reopenings) == ("assigned", False, 4, 1)
    status, page = await ask(anonymous, number, code, do="unsolved", why="Яма на месте")
    assert status == 200, "a double press is harmless"
    with db.reading() as c:
        assert ticket_by_number(c, number).reopenings == 1


async def test_a_question_is_answered_and_an_erasure_asked_for(db, service, staff, anonymous) -> None:
    number, code = a_card(db, service, staff)
    with db.begin() as c:
        asked = service.ask(c, number, "Қай үйдің алдында?", None, Actor(staff["press"], "press", PAVLODAR), NOW)
        service.ask(c, number, "Екеуара сұрақ", staff["bolat"], Actor(staff["press"], "press", PAVLODAR), NOW)
    _status, page = await ask(anonymous, number, code)
    assert "Қай үйдің" in page
    assert "Екеуара" not in page, "a question to a colleague is nobody else's"
    assert (await ask(anonymous, number, code, do="reply", question=str(asked), text="42 үй"))[0] == 200
    assert (await ask(anonymous, number, code, do="reply", question=str(asked + 1), text="x"))[0] == 200
    status, page = await ask(anonymous, number, code, do="erase")
    assert status == 200
    assert "попросили удалить данные" in page
    with db.reading() as c:
        assert [(q.reply, q.asked is None) for q in c.execute(select(question).order_by(question.c.id))] == [("42 үй", True), (None, False)]
        waits = c.execute(select(erasure)).one()
        assert (waits.number, waits.by) == (number, "citizen")
        assert timedelta(0) < waits.due_at - NOW < timedelta(days=3)


async def test_the_first_code_still_opens_a_message_that_another_office_took_over(db, service, staff, anonymous) -> None:
    number, code = a_card(db, service, staff)
    with db.begin() as c:
        moved = service.redirect(c, number, "101000000", Actor(staff["aigul"], "officer", PAVLODAR), NOW)
    status, page = await ask(anonymous, number, code)
    assert status == 200
    assert moved in page
    assert (await ask(anonymous, moved, code))[0] == 200
    with db.begin() as c:
        c.execute(update(ticket).where(ticket.c.number == moved).values(status="void"))
    assert (await ask(anonymous, moved, code))[0] == 403


async def test_the_limit_on_guessing_outlives_a_restart_and_is_shared(db, service, staff, anonymous, clock, options) -> None:
    number, code = a_card(db, service, staff)
    for _ in range(10):
        assert (await ask(anonymous, number, "AAAA-AAAA"))[0] == 403
    async with TestClient(TestServer(build(db, Live(db), service, options, clock))) as second:      # another worker, or the same anew
        assert (await ask(second, number, code))[0] == 429
        clock.go(minutes=16)
        assert (await ask(second, number, code))[0] == 200
    with db.reading() as c:
        kept = c.execute(select(attempt.c.key)).scalars().all()
    assert b"127.0.0.1" not in b"".join(bytes(key) for key in kept), "no address is kept"
