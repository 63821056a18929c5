"""The reception desk: a visit becomes a card with a coupon, once; an appeal needs its official number or a reason."""

from __future__ import annotations

import re
from html import unescape

from sqlalchemy import func, select
from web_scene import NOW, one

from ticketing import access
from ticketing.erasure import erase, of_number
from ticketing.register import verify
from ticketing.store import ticket_by_number
from ticketing.tables import sealed, ticket

TEXT = "Ломова 42 үйдің алдында жарық жоқ, екі апта болды. <script>alert(1)</script>"


def fields(page: str) -> dict[str, str]:
    """What a browser would send of the form."""
    form = page.split('<form class="ask reception"', 1)[1].split("</form>", 1)[0]
    found = {name: unescape(value) for name, value in re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', form)}
    for name, body in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        found[name] = chosen[1] if chosen else re.search(r'<option value="([^"]*)"', body)[1]
    return found


async def enter(browser, given: dict[str, str]) -> tuple[int, str]:
    reply = await browser.client.post("/reception", data=given, headers={"Accept": "text/html"})
    return reply.status, await reply.text()


async def test_a_visit_is_proposed_put_right_and_entered_once(db, service, browse) -> None:
    clerk = await browse("press", "kk")
    given = fields(await clerk.page("/reception")) | {"text": TEXT, "name": "Сәуле <b>Ахметова</b>", "contact": "8 701 555 00 11", "step": "propose"}
    status, page = await enter(clerk, given)
    assert status == 200
    given |= fields(page) | {"text": TEXT, "step": "enter"}
    assert given["topic"] in ("street_lighting", "power"), "detection proposes, the clerk decides"
    assert "<script>alert" not in page
    given["kind"] = "complaint"
    status, page = await enter(clerk, given)
    assert status == 409, "an appeal without its number or a reason is not entered"
    with db.reading() as c:
        assert c.execute(select(func.count()).select_from(ticket)).scalar_one() == 0
    given["without"] = "declined"
    status, page = await enter(clerk, given)
    assert status == 200, page
    with db.reading() as c:
        row = c.execute(select(ticket)).one()
    code = re.search(r'class="code">([^<]+)<', page)[1]
    assert row.number in page
    assert (row.series, row.no_external, row.topic, row.number[:6]) == ("ҚБ", "declined", given["topic"], "ҚБ-551")
    assert "Сәуле" not in page, "the coupon names nobody"
    status, page = await enter(clerk, given)        # the button pressed twice
    assert status == 200
    assert row.number in page
    assert 'class="code"' not in page
    with db.reading() as c:
        assert c.execute(select(func.count()).select_from(ticket)).scalar_one() == 1
        assert access.opened(c, row.number, code) is not None
        assert verify(c).broken == ()
    card = await clerk.page(f"/tickets/{row.number}")
    assert "Сәуле &lt;b&gt;" in card
    assert "8 701 555 00 11" in card


async def test_name_and_contact_go_with_the_text(db, service, browse, staff) -> None:
    clerk = await browse("press", "ru")
    given = fields(await clerk.page("/reception")) | {"text": TEXT, "name": "Сәуле", "contact": "87015550011", "step": "propose"}
    _status, page = await enter(clerk, given)
    given |= fields(page) | {"text": TEXT, "step": "enter", "kind": "inquiry"}
    assert (await enter(clerk, given))[0] == 200
    with db.begin() as c:
        row = c.execute(select(ticket)).one()
        assert set(c.execute(select(sealed.c.text).where(sealed.c.text.is_not(None))).scalars()) == {"Сәуле", "87015550011"}
        erase(c, of_number(c, row), NOW, lambda: bytes(16), number=row.number, by="operator", why="order", note="")
        assert c.execute(select(sealed.c.text).where(sealed.c.text.is_not(None))).all() == []
        assert verify(c).broken == ()


async def test_who_may_and_a_code_for_the_author_of_a_post(db, service, browse, anonymous) -> None:
    viewer = await browse("viewer")
    assert (await viewer.client.get("/reception")).status == 403
    one(db, service, "p1", "Құрметті әкім! Естай көшесінде шұңқыр бар, жөндеп беріңіздер.")
    with db.reading() as c:
        number = c.execute(select(ticket.c.number)).scalar_one()
    clerk = await browse("press")
    path = f"/reception/{number}/code"
    codes = []
    for _ in range(2):
        reply = await clerk.client.post(path, data={"csrf": clerk.csrf})
        codes.append(re.search(r'class="code">([^<]+)<', await reply.text())[1])
    with db.reading() as c:
        assert access.opened(c, number, codes[0]) is None, "a new code ends the old one"
        assert access.opened(c, number, codes[1]) is not None
        assert ticket_by_number(c, number) is not None
    foreign = await browse("semey")
    assert (await foreign.client.post(path, data={"csrf": foreign.csrf})).status == 404
    assert (await viewer.client.post(path, data={"csrf": viewer.csrf})).status == 403
    assert (await anonymous.post("/reception", data={"text": "x"})).status == 401
