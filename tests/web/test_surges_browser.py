"""Surges in a real browser: what grows grows in place, what a person types stays, every width holds, the print is the paper."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect
from test_browser import CONTRAST, SMALL, window  # noqa: F401 - a fixture, too
from test_surges import campaign  # noqa: F401 - a fixture
from web_scene import NOW, PAVLODAR

from tests.surges.scene import CAMPAIGN, tell, verdict

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def grows(db, ids: list[int], authors: int, word: str = "coordinated") -> None:
    one = verdict(CAMPAIGN, 100 + authors, NOW, word, authors, ids, akimat=PAVLODAR, topic="public_transport")
    await asyncio.to_thread(tell, db, [one], NOW)


async def test_evidence_grows_under_the_readers_eyes_and_leaves_the_note_alone(window, campaign, db):  # noqa: F811
    async with window("press") as page:
        await page.goto("/surges")
        row = page.locator(".row.surge").first
        await expect(row).to_contain_text("5 авторов")
        await page.wait_for_function("() => document.querySelector('[data-live]').dataset.is === 'live'")
        await grows(db, campaign, 17)
        await expect(row).to_contain_text("17 авторов")
        await row.locator("a.number").click()
        await expect(page.locator("[data-pane] svg")).to_be_visible()     # beside the list
        await page.goto(f"/surges/{CAMPAIGN}")
        await page.fill("textarea[name=note]", "не потеряйте меня")
        await asyncio.sleep(0.3)
        await grows(db, campaign, 33)
        await expect(page.locator("[data-evidence]")).to_contain_text("33 автора")
        assert await page.input_value("textarea[name=note]") == "не потеряйте меня"
        await page.click("text=Подтвердить вывод")
        await expect(page.locator(".journal")).to_contain_text("не потеряйте меня")
        await expect(page.locator('[data-count="surges"]')).to_be_hidden()
        assert page.wrong == []


async def test_every_width_holds_is_legible_and_the_paper_prints(window, campaign, db):  # noqa: F811
    await grows(db, campaign, 33, "organised")
    for width, language, scheme in ((1440, "kk", "dark"), (768, "ru", "light"), (390, "kk", "light"), (390, "ru", "dark")):
        async with window("head", language, width, color_scheme=scheme, has_touch=width < 400, is_mobile=width < 400) as page:
            for path in ("/surges", f"/surges/{CAMPAIGN}", f"/surges/{CAMPAIGN}/papers/epetition_akimat"):
                await page.goto(path)
                assert await page.evaluate("innerWidth") == width, f"{path}: something makes the page wider than the screen"
                wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, (path, width, wide)
                assert await page.evaluate(CONTRAST) == [], (path, scheme)
                assert width > 400 or await page.evaluate(SMALL) == [], path
            assert page.wrong == []
    async with window("head") as page:
        await page.goto(f"/surges/{CAMPAIGN}/papers/epetition_akimat")
        await page.emulate_media(media="print")
        await expect(page.locator(".printed").first).to_be_visible()
        await expect(page.locator("textarea").first).to_be_hidden()
