"""The citizen's page in a real browser on a phone, without script: nothing runs over, everything can be hit with a thumb."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from web_scene import NOW, PAVLODAR, one

from ticketing import access
from ticketing.service import Actor
from ticketing.tables import ticket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_on_a_phone_without_script(db, service, staff, server, chromium) -> None:
    one(db, service, "p", "Құрметті әкім! Естай көшесінде шұңқыр бар.")
    with db.begin() as c:
        number = c.execute(select(ticket.c.number)).scalar_one()
        code = access.issue(c, number, NOW)
        service.ask(c, number, "Қай үйдің алдында? " + "ұзынсөз" * 40, None, Actor(staff["press"], "press", PAVLODAR), NOW)
    for scheme, lang in (("light", "kk"), ("dark", "en")):
        context = await chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True,
                                            java_script_enabled=False, base_url=str(server.make_url("/")))
        page = await context.new_page()
        await page.goto(f"/status?n={number}&lang={lang}")
        await page.fill("[name=code]", code.lower())
        await page.click("button.primary")
        await page.wait_for_selector("dl")
        await page.click("details.why summary")
        assert (await page.locator("html").bounding_box())["width"] <= 390
        for one_ in await page.locator("button, summary, textarea").all():
            box = await one_.bounding_box()
            assert box is None or not box["height"] or (box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 390), await one_.inner_text()
        if lang == "en":
            await page.fill("textarea[name=text]", "42")
            await page.click("form:has(textarea[name=text]) button")
            await page.wait_for_selector("[role=status]")
            assert "42" in await page.inner_text("main")
            assert code not in page.url
        await context.close()
