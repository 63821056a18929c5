"""Serve the scene for eyes: `python tests/web/look.py [PORT]`; with --shots FOLDER it takes pictures of every page and stops."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

from aiohttp import web
from web_scene import PASSWORD, make_service, put_morning, put_people, put_sources
from web_surges import put_surges

import ticketing.tables  # noqa: F401
from monitor.live import Live
from monitor.store.engine import Database
from monitor.store.tables import metadata
from monitor.web import WebOptions, build


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("port", type=int, nargs="?", default=8089)
    options.add_argument("--shots", type=Path)
    options.add_argument("--only", default="")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/look.db")
        metadata.create_all(db.engine)
        begun, real = datetime.now(UTC), datetime(2026, 11, 24, 9, 2, tzinfo=UTC)

        def clock() -> datetime:
            return real + (datetime.now(UTC) - begun)

        service = make_service()
        ids = put_people(db, real)
        put_sources(db, real)
        put_morning(db, service, ids, real)
        put_surges(db, service, real)
        live = Live(db)
        runner = web.AppRunner(build(db, live, service, WebOptions(), clock), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", given.port).start()
        running = asyncio.create_task(live.run())
        try:
            if given.shots:
                await shoot(f"http://127.0.0.1:{given.port}", given.shots, given.only, real - datetime.now(UTC))
            else:
                print(f"http://127.0.0.1:{given.port}  control / {PASSWORD}", flush=True)
                await asyncio.Event().wait()
        finally:
            running.cancel()
            await runner.cleanup()
            db.close()


async def shoot(address: str, folder: Path, only: str, ahead: timedelta) -> None:
    """Every page in three widths, light and dark, kk and ru."""
    from playwright.async_api import async_playwright
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for width, height in ((1440, 900), (768, 1024), (390, 844)):
            for scheme in ("light", "dark"):
                for lang in ("kk", "ru"):
                    if (scheme, lang) in (("dark", "ru"), ("light", "ru")) and width == 768:
                        continue
                    context = await browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=width < 500,
                        is_mobile=width < 500, base_url=address)
                    await context.add_cookies([{"name": "qulaq_language", "value": lang, "url": address}])
                    page = await context.new_page()
                    await page.clock.install(time=datetime.now(UTC) + ahead)
                    page.on("console", lambda m: print("console:", m.text) if m.type in ("error", "warning") else None)
                    await page.goto("/login")
                    if "login" in only or not only:
                        await page.screenshot(path=folder / f"login-{width}-{scheme}-{lang}.png")
                    await page.fill("[name=login]", "control")
                    await page.fill("[name=password]", PASSWORD)
                    await page.click("button.primary")
                    await page.wait_for_selector("[data-rows]")
                    number = await page.locator("a.number").first.get_attribute("href")
                    for name, path in (("feed", "/"), ("triage", "/triage"), ("tickets", "/tickets"), ("ticket", number),
                                       ("sources", "/sources"), ("wall", "/wall"), ("surges", "/surges"),
                                       ("surge", "/surges/s-aa0000000001"), ("organic", "/surges/s-bb0000000002"),
                                       ("paper", "/surges/s-aa0000000001/papers/explanation"), ("none", "/?q=zzzz"),
                                       ("unclear", "/?akimat=Жамбыл")):
                        if only and name not in only.split(","):
                            continue
                        await page.goto(path)
                        if name == "triage":
                            for d in await page.locator("details.why-addressee").all():
                                await d.locator("summary").click()
                                break
                        if name == "tickets" and await page.locator("details.why-due").count():
                            await page.locator("details.why-due > summary").nth(1).click()
                            await page.locator("details.more > summary").first.click()
                        await page.wait_for_timeout(250)
                        await page.screenshot(path=folder / f"{name}-{width}-{scheme}-{lang}.png", full_page=name != "wall" and width > 500)
                        if width < 500 and name in ("feed", "triage", "ticket"):
                            await page.mouse.wheel(0, 900)
                            await page.wait_for_timeout(200)
                            await page.screenshot(path=folder / f"{name}-{width}-{scheme}-{lang}-2.png")
                    await context.close()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
