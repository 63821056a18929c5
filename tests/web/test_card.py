"""The whole life of a card on its page: every step without script, by who may, and the same through the API."""

from __future__ import annotations

import html
from urllib.parse import quote

import pytest
from sqlalchemy import select
from test_pages import words
from web_scene import NOW, one

from ticketing.citizens import told
from ticketing.register import verify
from ticketing.store import ticket_by_number
from ticketing.tables import delivery

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

FIRST, SECOND = "ӘЖ-551-2026-000001", "ӘЖ-551-2026-000002"


def at(number: str) -> str:
    return "/tickets/" + quote(number)


async def press(browser, number: str, verb: str, status: int = 303, **fields: object) -> str:
    """Fill in a form of the page and send it, as a browser without script does."""
    page = await browser.page(at(number))
    action = f"/api/v1/tickets/{quote(number)}/{verb}"
    assert action in page, f"the page offers no {verb}"
    form = page[page.index(action):]
    form = form[:form.index("</form>")]
    hidden = {}
    for part in form.split('<input type="hidden" name="')[1:]:
        name, _, rest = part.partition('" value="')
        hidden[name] = html.unescape(rest.partition('"')[0])
    answer = await browser.client.post(action, data={**hidden, **{k: str(v) for k, v in fields.items()}}, allow_redirects=False,
                                       headers={"Accept": "text/html"})
    text = await answer.text()
    assert answer.status == status, words(text)
    return words(text) if status != 303 else words(await browser.page(answer.headers["Location"].partition("#")[0]))


async def test_from_acceptance_to_the_answer_under_the_post(browse, morning, db, service):
    aigul, head = await browse("aigul"), await browse("head")
    await aigul.post(f"/api/v1/tickets/{FIRST}/accept")
    page = await press(aigul, FIRST, "draft", text="Яма засыпана 24 ноября, ответственный — отдел дорог.", language="ru")
    assert "проект, ждёт согласования" in page
    assert f"{quote(FIRST)}/approve" not in await aigul.page(at(FIRST))      # an officer, and the author
    assert "согласован, ещё не опубликован" in await press(head, FIRST, "approve")
    before = words(await head.page(at(FIRST)))
    assert "Этот текст увидят все, в 1 месте" in before
    assert "разместить нужно вручную" in before      # no source can answer there
    assert "ждёт отправки" in await press(aigul, FIRST, "publish")
    with db.begin() as c:
        (out,) = [t.delivery for t in told(c, [FIRST])]
        service.by_hand(c, [out.id], "no source of ours can answer in this network", NOW)
    page = await press(aigul, FIRST, "posted", link="https://instagram.example.invalid/p/m0/r/1")
    assert "доставлено" in page
    assert "ответ дан" in page.casefold() or "отвечен" in page.casefold()
    await press(aigul, FIRST, "close")
    with db.reading() as c:
        assert ticket_by_number(c, FIRST).status == "closed"
        assert not verify(c).broken


async def test_an_answer_from_a_template_has_every_blank_filled(browse, morning, db):
    aigul = await browse("aigul")
    await aigul.post(f"/api/v1/tickets/{FIRST}/accept")
    blanks = {"blank_place": "ул. Естая, 83", "blank_work": "будет указано позже", "blank_due": "2020-01-01", "blank_body": "ГКП «Жол»", "blank_phone": "55-00-11"}
    page = await press(aigul, FIRST, "draft", 409, template="planned", **blanks)
    assert "Шаблон не заполнен: вид работ" in page
    assert "срок — " in page, "all that is wrong is said at once"
    assert "ГКП «Жол»" in page, "what was written is not lost"
    due = f"{NOW.year + 1}-03-02"
    page = await press(aigul, FIRST, "draft", template="planned", **blanks | {"blank_work": "замена плиты", "blank_due": due})
    assert f"ул. Естая, 83 мекенжайы бойынша: замена плиты {NOW.year + 1} жылғы 2 наурызға дейін аяқталады." in page, "the citizen wrote in Kazakh"
    assert "проект, ждёт согласования" in page


async def test_two_at_once_one_wins_and_the_other_reads_one_line_and_keeps_the_words(browse, morning, db):
    aigul, head = await browse("aigul"), await browse("head")
    stale = await aigul.page(at(SECOND))
    seen = stale.partition('name="seen" value="')[2].partition('"')[0]
    await press(head, SECOND, "assign", person="", department="ТКШ бөлімі", reason="не дороги")
    answer = await aigul.client.post(f"/api/v1/tickets/{SECOND}/interim", headers={"Accept": "text/html"}, data={
        "csrf": aigul.csrf, "seen": seen, "back": at(SECOND), "text": "Маман жіберілді"})
    said = words(await answer.text())
    assert answer.status == 409
    assert "кто-то изменил" in said
    assert "Маман жіберілді" in said
    assert at(SECOND) in await answer.text()
    with db.reading() as c:
        assert c.execute(select(delivery).where(delivery.c.about == SECOND, delivery.c.kind.startswith("answer"))).all() == []


async def test_merging_from_the_page_and_one_line_where_it_is_answered(browse, morning, db, service):
    with db.reading() as c:
        first = ticket_by_number(c, FIRST)
    one(db, service, "twin", "Тағы да сол мәселе, әкімдік қайда қарап отыр?", NOW, network="vk", topic=first.topic, akimat=first.akimat)
    aigul = await browse("aigul", "kk")
    page = await aigul.page(at(FIRST))
    other = "ӘЖ-551-2026-000008"
    assert other in page[page.index('id="merged"'):]                       # the same akimat and topic
    assert "2 карточка" in await press(aigul, FIRST, "merge", others=f"{other}, 551-2026-8")
    assert "бірге беріледі" in words(await aigul.page(at(other)))
    await press(aigul, other, "unmerge")
    with db.reading() as c:
        assert ticket_by_number(c, other).status == "assigned"
        assert not verify(c).broken


@pytest.mark.parametrize(("login", "status"), [("viewer", 403), ("press", 403), ("operator", 403), ("semey", 404), ("aigul", 403)])
async def test_roles_and_office_are_checked_on_every_verb(browse, morning, db, login, status):
    person = await browse(login)
    for verb, body in (("extend", {"until": "2026-12-20", "reason": "x"}), ("not_examine", {"ground": "court"})):
        await person.post(f"/api/v1/tickets/{FIRST}/{verb}", status, **body)
        assert f"{quote(FIRST)}/{verb}" not in (await person.page(at(FIRST)) if status == 403 else "")
    with db.reading() as c:
        assert ticket_by_number(c, FIRST).extensions == 0


async def test_a_hostile_answer_is_text_and_a_hostile_link_is_none(browse, morning, db, service):
    aigul = await browse("aigul")
    await aigul.post(f"/api/v1/tickets/{FIRST}/interim", text='<script>alert(1)</script> "><img src=x>', language="ru")
    page = await aigul.page(at(FIRST))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    with db.reading() as c:
        (out,) = [t.delivery for t in told(c, [FIRST])]
    await aigul.post(f"/api/v1/tickets/{FIRST}/posted", 409, delivery=out.id, link="javascript:alert(1)")
    with db.begin() as c:
        service.failed(c, out.id, "100% <b>wrong</b> %(name)s", NOW)
    assert "100% &lt;b&gt;wrong" in await aigul.page(at(FIRST))
    await aigul.post(f"/api/v1/tickets/{FIRST}/ask", 400, text="x", colleague=2**40)
    await aigul.post(f"/api/v1/tickets/{FIRST}/ask", 400, text="жол \ud800")
    await aigul.post(f"/api/v1/tickets/{FIRST}/ask", text="жол\x00 қайда", colleague=None)


async def test_the_api_does_the_same_and_shows_all_of_it(browse, morning, db):
    control = await browse("control")
    done = await control.post(f"/api/v1/tickets/{FIRST}/extend", until="2026-12-18", reason="Нужен проект")
    assert (done["verb"], done["changed"]) == ("extend", True)
    assert (await control.post(f"/api/v1/tickets/{FIRST}/extend", until="2026-12-18", reason="Нужен проект"))["changed"] is False
    for wrong in ({"until": "скоро", "reason": "x"}, {"until": "2028-12-18", "reason": "x"}):
        assert (await control.post(f"/api/v1/tickets/{FIRST}/extend", 409, **wrong))["error"]
    await control.post(f"/api/v1/tickets/{FIRST}/extend", 400, until=7)
    card = await control.json(f"/api/v1/tickets/{FIRST}")
    assert card["extensions"] == 1
    assert card["obligations"][0]["kind"] == "tell_extended"
    assert card["told"][0]["state"] == "queued"
    assert "Продлено" in words(await control.page(at(FIRST)))
