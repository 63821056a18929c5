"""What staff do from a row, with and without script."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import select
from test_pages import row, rows_in, words
from web_scene import PAVLODAR, SEMEY, TURGEN

from monitor.store.tables import correction, verdict
from ticketing.register import verify
from ticketing.tables import ticket


def state_of(db, post_id: int) -> str:
    with db.reading() as c:
        return c.execute(select(verdict.c.state).where(verdict.c.post_id == post_id)).scalar_one()


async def test_taking_gives_a_number_and_undo_makes_it_void(browse, morning, db):
    press = await browse("press")
    done = await press.post(f"/api/v1/posts/{morning[5]}/take")
    assert done["number"] == "ӘЖ-551-2026-000008" and done["undo"]
    assert "ӘЖ-551-2026-000008" in done["html"] and "Мадина Әбенова: внесено в реестр" in words(done["html"])
    assert "Отменить" in done["html"]
    assert morning[5] not in rows_in(await press.page("/triage"))
    await press.post(f"/api/v1/posts/{morning[5]}/undo")
    assert state_of(db, morning[5]) == "triage"
    with db.reading() as c:
        assert c.execute(select(ticket.c.status).where(ticket.c.seq == 8)).scalar_one() == "void"
        assert not verify(c).broken
    assert morning[5] in rows_in(await press.page("/triage"))


async def test_not_addressed_leaves_the_queue_and_comes_back(browse, morning, db):
    press = await browse("press")
    done = await press.post(f"/api/v1/posts/{morning[10]}/not_addressed")
    assert "Мадина Әбенова: отложено: не к акимату" in words(done["html"])
    assert morning[10] not in rows_in(await press.page("/"))
    assert morning[10] in rows_in(await press.page("/?state=dismissed"))
    await press.post(f"/api/v1/posts/{morning[10]}/undo", correction=done["undo"])
    assert morning[10] in rows_in(await press.page("/triage"))


@pytest.mark.parametrize("typed", [SEMEY, "город Семей", "семей қаласы", f"{SEMEY} · Семей қаласы, Абай облысы"])
async def test_another_akimat_is_named_by_code_or_name(browse, morning, typed):
    control = await browse("control")
    done = await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", akimat=typed)
    assert done["number"] == "ӘЖ-101-2026-000001" and "город Семей" in done["html"]


async def test_a_name_of_several_akimats_asks_which(browse, morning, db):
    control = await browse("control")
    answer = await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", 409, akimat="Жамбыл ауданы")
    assert len(answer["candidates"]) >= 3 and "несколько" in answer["error"]
    assert state_of(db, morning[5]) == "triage"
    nobody = await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", 409, akimat="Шапалақ")
    assert nobody["candidates"] == [] and "Шапалақ" in nobody["error"]
    nothing = await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", 409)
    assert "Укажите" in nothing["error"]
    unserved = await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", 409, akimat=TURGEN)
    assert unserved["error"].startswith("За этот акимат")


async def test_taking_what_has_no_akimat_needs_one(browse, morning):
    press = await browse("press")
    assert "Укажите" in (await press.post(f"/api/v1/posts/{morning[4]}/take", 409))["error"]
    assert (await press.post(f"/api/v1/posts/{morning[4]}/take", akimat=PAVLODAR))["number"].startswith("ӘЖ-551")


async def test_accepting_puts_it_in_hand(browse, morning, db, clock):
    officer = await browse("bolat")
    done = await officer.post("/api/v1/tickets/" + quote("ӘЖ-551-2026-000007") + "/accept")
    assert "в работе" in words(done["html"]) and "Болат Нұрғалиев" in words(done["html"])
    aigul = await browse("aigul", "kk")
    refused = await aigul.post("/api/v1/tickets/551-2026-7/accept", 409)
    assert refused["error"] == "ӘЖ-551-2026-000007 карточкасын басқа адам қабылдап қойды."


@pytest.mark.parametrize(("login", "path", "status"), [
    ("viewer", "posts/{5}/take", 403), ("operator", "posts/{5}/not_addressed", 403), ("press", "tickets/551-2026-7/accept", 403),
    ("semey", "posts/{5}/take", 404), ("semey", "tickets/551-2026-7/accept", 404), ("semey", "posts/{3}/not_addressed", 404),
    ("press", "posts/999999/take", 404), ("press", "posts/{5}/eat", 404), ("bolat", "tickets/551-2026-99/accept", 404),
    ("bolat", "posts/{3}/not_addressed", 409), ("press", "posts/{5}/undo", 409), ("bolat", "tickets/nonsense/accept", 404)])
async def test_what_one_may_not_do_is_not_done(browse, morning, db, login, path, status):
    for n in (3, 5):
        path = path.replace(f"{{{n}}}", str(morning[n]))
    person = await browse(login)
    answer = await person.post(f"/api/v1/{path}", status)
    assert answer["error"]
    with db.reading() as c:
        assert c.execute(select(correction.c.id)).all() == []
        assert not verify(c).broken


async def test_somebody_elses_decision_is_undone_by_a_head_only(browse, morning):
    press, officer, head = await browse("press"), await browse("bolat"), await browse("head")
    await press.post(f"/api/v1/posts/{morning[10]}/not_addressed")
    assert "руководитель" in (await officer.post(f"/api/v1/posts/{morning[10]}/undo", 409))["error"]
    await head.post(f"/api/v1/posts/{morning[10]}/undo")


async def test_broken_bodies_are_told_and_change_nothing(browse, morning, db):
    press = await browse("press")
    for body in (b"{", b"[]", b'{"akimat": 5}', b'{"correction": "x"}', b"\xff"):
        answer = await press.client.post(f"/api/v1/posts/{morning[5]}/take", data=body, headers={
            "X-CSRF-Token": press.csrf, "Content-Type": "application/json"})
        assert answer.status == 400, await answer.text()
    assert state_of(db, morning[5]) == "triage"
    big = await press.client.post(f"/api/v1/posts/{morning[5]}/take", data=b"x" * 200_000, headers={
        "X-CSRF-Token": press.csrf, "Content-Type": "application/json"})
    assert big.status == 413


async def test_without_script_a_form_does_the_same_and_shows_undo(browse, morning, db):
    press = await browse("press")
    html = {"Accept": "text/html"}
    back = {"csrf": press.csrf, "back": "/triage?topic=waste"}
    answer = await press.client.post(f"/api/v1/posts/{morning[5]}/take", data=back, headers=html, allow_redirects=False)
    assert answer.status == 303 and answer.headers["Location"] == f"/triage?topic=waste&done={morning[5]}"
    page = await press.page(answer.headers["Location"])
    assert "ӘЖ-551-2026-000008" in row(page, morning[5]) and f"/posts/{morning[5]}/undo" in page
    answer = await press.client.post(f"/api/v1/posts/{morning[5]}/undo", headers=html, allow_redirects=False,
                                     data={**back, "back": answer.headers["Location"]})
    assert answer.headers["Location"] == "/triage?topic=waste&said=undone"
    assert "Готово." in await press.page(answer.headers["Location"])


async def test_without_script_an_unclear_name_leads_to_a_choice(browse, morning):
    control = await browse("control")
    answer = await control.client.post(
        f"/api/v1/posts/{morning[5]}/other_akimat", headers={"Accept": "text/html"}, allow_redirects=False,
        data={"csrf": control.csrf, "back": "/triage", f"other_{morning[5]}": "Жамбыл ауданы", f"other_{morning[6]}": ""})
    page = await answer.text()
    assert answer.status == 409 and page.count('name="akimat"') >= 3
    assert f'action="/api/v1/posts/{morning[5]}/other_akimat"' in page


@pytest.mark.parametrize("back", ["//evil.kz", "https://evil.kz", "/\\evil.kz", "/\t/evil.kz"])
async def test_a_form_leads_back_to_us_only(browse, morning, back):
    press = await browse("press")
    answer = await press.client.post(f"/api/v1/posts/{morning[5]}/take", headers={"Accept": "text/html"},
                                     data={"csrf": press.csrf, "back": back}, allow_redirects=False)
    assert answer.headers["Location"].startswith("/?done=")


async def test_a_form_refused_says_why_on_a_page(browse, morning):
    viewer = await browse("viewer")
    answer = await viewer.client.post(f"/api/v1/posts/{morning[5]}/take", headers={"Accept": "text/html"},
                                      data={"csrf": viewer.csrf, "back": "/"})
    assert answer.status == 403 and "Ваша роль этого не позволяет." in await answer.text()


async def test_a_number_that_was_redirected_away_stays_in_the_list(browse, morning):
    control, mine = await browse("control"), await browse("bolat")
    done = await control.post("/api/v1/tickets/551-2026-5/redirect", akimat=SEMEY)
    assert done["number"] == "ӘЖ-101-2026-000001"
    page = await mine.page("/tickets")
    for seq in range(1, 8):
        assert f"ӘЖ-551-2026-{seq:06}" in page
    assert "ӘЖ-101" not in page and "перенаправлена" in words(page)
    card = words(await mine.page("/tickets/551-2026-5"))
    assert "Посты перешли в карточку другого акимата" in card and "→ город Семей" in card
    items = (await mine.json("/api/v1/tickets"))["items"]
    assert [t["post"] for t in items if t["number"].endswith("000005")] == [None] and len(items) == 7
    theirs = await (await browse("semey")).page("/tickets/101-2026-1")
    assert "Прежний номер ӘЖ-551-2026-000005" in words(theirs)


async def test_what_a_post_is_about_is_corrected_and_undone(browse, morning, db):
    press = await browse("press")
    page = await press.page(f"/posts/{morning[5]}")
    assert f'formaction="/api/v1/posts/{morning[5]}/correct"' in page and "Срочность" in page
    done = await press.post(f"/api/v1/posts/{morning[5]}/correct", topic="heat", urgency="urgent", place="Естай, 9 <b>")
    assert done["undo"] and "исправлено" in words(done["html"]) and "Естай, 9 &lt;b&gt;" in done["html"]
    shown = await press.json(f"/api/v1/posts/{morning[5]}")
    assert shown["corrected"] == {"topic": "heat", "kind": None, "urgency": "urgent", "place": "Естай, 9 <b>"}
    assert morning[5] in rows_in(await press.page("/?topic=heat"))
    number = (await press.post(f"/api/v1/posts/{morning[5]}/take"))["number"]
    control = await browse("control")
    await control.post(f"/api/v1/tickets/{quote(number)}/correct", topic="water")
    card = await control.json(f"/api/v1/tickets/{quote(number)}")
    assert (card["topic"], card["urgency"], card["location_text"]) == ("water", "urgent", "Естай, 9 <b>")
    assert "исправлено: водоснабжение" in words(await control.page(f"/tickets/{quote(number)}")).lower()
    with db.reading() as c:
        assert not verify(c).broken
    assert "кода здесь нет" in (await press.post(f"/api/v1/posts/{morning[5]}/correct", 409, topic="nosuch"))["error"]
    viewer = await browse("viewer")
    await viewer.post(f"/api/v1/posts/{morning[5]}/correct", 403, topic="water")
    await control.post(f"/api/v1/posts/{morning[5]}/undo")
    assert (await control.json(f"/api/v1/tickets/{quote(number)}"))["topic"] == "heat"
