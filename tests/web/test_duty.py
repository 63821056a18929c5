"""Absences and the duty rota on their page: who may enter what, and that nothing waits on somebody who is not there."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update
from web_scene import NOW, PAVLODAR, SEMEY, one

from ticketing import people
from ticketing.handover import from_the_absent
from ticketing.notify.reach import Reach
from ticketing.rota import turn
from ticketing.tables import absence, account, office, rota, ticket


async def enter(browser, status: int = 303, **given: str) -> str:
    answer = await browser.client.post("/duty", data={"csrf": browser.csrf, **given}, allow_redirects=False)
    assert answer.status == status, await answer.text()
    return await answer.text()


async def test_one_enters_the_own_absence_a_head_those_of_others(browse, db, staff, service) -> None:
    aigul, head = await browse("aigul"), await browse("head")
    page = await aigul.page("/duty")
    assert "Все на месте" in page
    assert 'name="office"' not in page, "an officer arranges no rota"
    today = (NOW + timedelta(hours=5)).date().isoformat()
    last = (NOW + timedelta(days=6)).date().isoformat()
    assert "только своё" in await enter(aigul, 409, do="away", login="bolat", first=today, last=last)
    assert "в прошлом" in await enter(aigul, 409, do="away", login="aigul", first="2020-01-01", last="2020-01-02")
    assert "первый и последний день" in await enter(aigul, 409, do="away", login="aigul", first="x", last=last)
    assert "заместителем" in await enter(aigul, 409, do="away", login="aigul", first=today, last=last, deputy="aigul")
    one(db, service, "d1", "Құрметті әкім! Естай көшесінде шұңқыр бар.")
    with db.begin() as c:
        c.execute(update(ticket).values(responsible=staff["aigul"], status="assigned"))
    await enter(aigul, do="away", login="aigul", first=today, last=last, deputy="bolat")
    await enter(aigul, do="away", login="aigul", first=today, last=last, deputy="bolat")      # twice is harmless
    page = await head.page("/duty")
    assert page.count("заместитель: ") == 1
    with db.begin() as c:
        assert from_the_absent(c, NOW + timedelta(minutes=1), service._salt) == 1
        assert c.execute(select(ticket.c.responsible)).scalar_one() == staff["bolat"]
        [away] = c.execute(select(absence)).all()
    await enter(head, do="back", id=str(away.id))
    assert "Все на месте" in await head.page("/duty")
    viewer = await browse("viewer")
    assert "нет такого" in (await enter(viewer, 409, do="away", login="viewer", first=today, last=last)).lower()


async def test_the_rota_is_entered_by_a_head_of_the_office_alone_and_turns(browse, db, staff) -> None:
    head = await browse("head")
    day = (NOW + timedelta(hours=5)).date().isoformat()
    await enter(head, do="duty", office=PAVLODAR, login="aigul", first=day, last=day)
    assert "уже есть" in await enter(head, 409, do="duty", office=PAVLODAR, login="bolat", first=day, last=day)
    assert "другому" in await enter(head, 409, do="duty", office=SEMEY, login="aigul", first=day, last=day)
    aigul = await browse("aigul")
    assert "роль" in await enter(aigul, 409, do="duty", office=PAVLODAR, login="aigul", first=day, last=day)
    with db.begin() as c:
        assert turn(c, NOW + timedelta(minutes=1)) == 1
        assert c.execute(select(office.c.duty).where(office.c.code == PAVLODAR)).scalar_one() == staff["aigul"]
        [part] = c.execute(select(rota)).all()
    await enter(head, do="no_duty", id=str(part.id))
    with db.begin() as c:
        assert turn(c, NOW + timedelta(minutes=2)) == 1
        assert c.execute(select(office.c.duty).where(office.c.code == PAVLODAR)).scalar_one() == staff["bolat"]


async def test_where_nobody_of_the_office_is_there_the_controller_then_an_operator_is_told_with_an_alarm(browse, db, staff) -> None:
    with db.begin() as c:
        ids = {p.login: p.id for p in people.everybody(c)}
        c.execute(update(account).values(telegram_id=account.c.id + 1000))
        for login in ("aigul", "bolat", "head", "press"):
            people.set_absence(c, login, NOW, NOW + timedelta(days=5))

    def told():
        with db.reading() as c:
            return Reach(c, NOW + timedelta(minutes=1), ("telegram",)).reader(f"user:{ids['aigul']}", PAVLODAR)
    found = told()
    assert (found.person.login, found.alarm) == ("control", True)
    assert "nobody of the office" in found.instead
    page = await (await browse("head")).page("/duty")
    assert "в учреждении никого не найти" in page
    with db.begin() as c:
        people.set_absence(c, "control", NOW, NOW + timedelta(days=5))
    assert told().person.login == "operator"
    with db.begin() as c:
        c.execute(update(account).values(telegram_id=None))
    assert isinstance(told(), str)
    assert "о новых карточках некому сообщить" in await (await browse("head")).page("/duty")
