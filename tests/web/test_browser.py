"""The pages in a real browser: what moves, what must not, and how they look."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from datetime import date

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import delete
from web_scene import NOW, PASSWORD, PAVLODAR, one

from ticketing.citizens import told
from ticketing.service import Actor
from ticketing.tables import session

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

WIDTHS = {1440: 900, 768: 1024, 390: 844}
PATHS = ("/", "/triage", "/tickets", "/tickets/551-2026-2", "/sources", "/wall", "/?q=жоқ", "/?akimat=Жамбыл ауданы")


@pytest.fixture
def window(chromium, server, staff):
    """`async with window("press") as page`: a window in which that person is signed in and looks at the feed."""
    @asynccontextmanager
    async def open_(login: str = "control", language: str = "ru", width: int = 1440, **more):
        context = await chromium.new_context(
            viewport={"width": width, "height": WIDTHS.get(width, 900)}, base_url=str(server.make_url("/")), **more)
        await context.add_cookies([{"name": "qulaq_language", "value": language, "url": str(server.make_url("/"))}])
        page = await context.new_page()
        page.wrong = []
        page.on("console", lambda m: page.wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.wrong.append(str(e)))
        page.on("dialog", lambda d: page.wrong.append(f"dialog {d.message}"))
        await page.goto("/login")
        await page.fill("[name=login]", login)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button.primary")
        await page.wait_for_selector("[data-rows]")
        if more.get("java_script_enabled", True):
            await page.wait_for_function("() => document.querySelector('[data-live]').dataset.is === 'live'")
        yield page
        await context.close()

    return open_


async def comes(db, service, native_id: str, text: str = "Павлодар әкімі, жол мүлдем нашар ғой", **more) -> int:
    return await asyncio.to_thread(one, db, service, native_id, text, NOW, **more)


def post(page: Page, id_: int):
    return page.locator(f"#post-{id_}")


async def box(page: Page, selector: str) -> dict[str, float]:
    """Where something stands, looked up and measured in one step: a live update may exchange the element in between."""
    await page.wait_for_selector(selector)
    return await page.evaluate(
        "s => (({x, y, width, height}) => ({x, y, width, height}))(document.querySelector(s).getBoundingClientRect())",
        selector)


async def test_at_the_head_new_posts_appear_by_themselves(window, morning, db, service):
    async with window() as page:
        id_ = await comes(db, service, "n1")
        await expect(post(page, id_)).to_be_visible()
        assert await page.locator(".row").first.get_attribute("id") == f"post-{id_}"
        await expect(post(page, id_)).to_have_class("row tone-amber fresh unread")
        assert page.wrong == []


async def test_further_down_nothing_moves_and_new_ones_wait(window, morning, db, service):
    async with window() as page:
        await page.mouse.wheel(0, 500)
        await page.wait_for_function("() => scrollY > 300")
        before = await box(page, f"#post-{morning[3]}")
        first = await comes(db, service, "n1")
        second = await comes(db, service, "n2", "Павлодар әкімі, бұл жол да нашар")
        button = page.locator("[data-arrived]")
        await expect(button).to_have_text("2 новых поста")
        assert await box(page, f"#post-{morning[3]}") == before
        assert await post(page, first).count() == 0 and (await page.title()).startswith("(2) ")
        await button.click()
        await expect(post(page, second)).to_be_visible()
        ids = await page.locator(".row").evaluate_all("rows => rows.slice(0, 2).map(r => r.id)")
        assert ids == [f"post-{second}", f"post-{first}"]
        await expect(button).to_be_hidden()


async def test_an_edited_post_shows_once_and_the_row_that_was_read_says_so(window, morning, db, service):
    async with window() as page:
        text = "Павлодар әкімі, шұғыл шара керек: енді екі бала жараланды."
        edited = await comes(db, service, "m9", text, network="telegram", topic="stray_animals", post={"edited_at": NOW})
        await expect(post(page, edited)).to_contain_text("екі бала")
        await expect(post(page, morning[9]).locator(".left-note")).to_contain_text("Автор изменил пост")
        await expect(post(page, morning[9])).to_have_class(re.compile("gone"))
        await page.reload()
        await expect(post(page, morning[9])).to_have_count(0)
        await expect(post(page, edited)).to_be_visible()


async def test_pause_holds_what_comes_until_one_goes_on(window, morning, db, service):
    async with window(language="kk") as page:
        await page.keyboard.press("p")
        await expect(page.locator("[data-live]")).to_have_attribute("data-is", "paused")
        id_ = await comes(db, service, "n1")
        await expect(page.locator("[data-arrived]")).to_have_text("1 жаңа жазба")
        assert await post(page, id_).count() == 0
        await page.keyboard.press("p")
        await expect(post(page, id_)).to_be_visible()


async def test_a_reason_that_is_open_is_not_pushed_away(window, morning, db, service):
    async with window() as page:
        await post(page, morning[10]).locator(".why-addressee > summary").click()
        await expect(post(page, morning[10]).locator(".why-addressee .panel")).to_be_visible()
        await comes(db, service, "n1")
        await expect(page.locator("[data-arrived]")).to_have_text("1 новый пост")


async def test_the_words_a_reason_rests_on_light_up(window, morning):
    async with window() as page:
        mark = post(page, morning[3]).locator("mark.on-addressee").first
        dark = await mark.evaluate("m => getComputedStyle(m).backgroundColor")
        word = post(page, morning[3]).locator(".why-addressee > summary")
        await word.scroll_into_view_if_needed()
        at = await box(page, f"#post-{morning[3]} .why-addressee > summary")
        await word.click()
        assert await mark.evaluate("m => getComputedStyle(m).backgroundColor") != dark
        now = await box(page, f"#post-{morning[3]} .why-addressee > summary")
        assert (now["x"], now["y"]) == (at["x"], at["y"]), "the word stays under the finger"


async def test_take_and_undo_without_leaving_the_page(window, morning):
    async with window("press") as page:
        row = post(page, morning[5])
        await row.locator("[data-verb=take]").click()
        await expect(row.locator(".number")).to_have_text("ӘЖ-551-2026-000008")
        await expect(row).to_contain_text("Мадина Әбенова: внесено в реестр")
        await row.locator("[data-verb=undo]").click()
        await expect(row.locator("[data-verb=take]")).to_be_visible()
        assert page.wrong == []


async def test_in_triage_the_row_stays_and_shows_what_was_done(window, morning):
    async with window("press") as page:
        await page.goto("/triage")
        row = post(page, morning[10])
        place = await box(page, f"#post-{morning[10]}")
        await page.evaluate("""id => {
            window.exchanged = 0;
            new MutationObserver(all => all.forEach(m => m.addedNodes.forEach(n => { if (n.id === id) window.exchanged += 1; })))
                .observe(document.querySelector("[data-rows]"), {childList: true}); }""", f"post-{morning[10]}")
        await row.locator("[data-verb=not_addressed]").click()
        await expect(row).to_have_class("row tone-grey gone")
        assert (await box(page, f"#post-{morning[10]}"))["y"] == place["y"]
        await expect(page.locator("[data-count=triage]")).to_have_text("3")  # by the stream, which brought the row again
        assert await page.evaluate("window.exchanged") == 1
        await row.locator("[data-verb=undo]").click()
        await expect(page.locator("[data-count=triage]")).to_have_text("4")


async def test_another_persons_decision_shows_in_place(window, morning):
    async with window("bolat") as mine, window("head") as theirs:
        row = post(mine, morning[9])
        top = (await box(mine, f"#post-{morning[9]}"))["y"]
        await post(theirs, morning[9]).locator("[data-verb=accept]").click()
        await expect(row.locator(".state")).to_have_text("в работе")
        assert (await box(mine, f"#post-{morning[9]}"))["y"] == top
        await expect(row.locator("[data-verb=accept]")).to_have_count(0)


async def test_another_akimat_is_chosen_from_what_one_types(window, morning):
    async with window() as page:
        row = post(page, morning[5])
        await row.locator("summary", has_text="Другой акимат").click()
        field = row.locator("input[name^=other_]")
        await field.press_sequentially("Жамбыл ау")
        await page.wait_for_function("() => document.querySelectorAll('#akimats option').length > 2")
        await field.press("Enter")
        await expect(page.locator("#said")).to_contain_text("несколько акиматов")
        await field.fill("101000000 · город Семей")
        await field.press("Enter")
        await expect(row.locator(".number")).to_have_text("ӘЖ-101-2026-000001")


async def test_the_keyboard_does_the_daily_work(window, morning):
    async with window("bolat") as page:
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        assert await page.evaluate("document.activeElement.id") == f"post-{morning[9]}"
        await page.keyboard.press("Enter")
        await expect(post(page, morning[9]).locator(".state")).to_have_text("в работе")
        await page.keyboard.press("/")
        assert await page.evaluate("document.activeElement.name") == "q"
        await page.keyboard.type("jp")
        assert await page.input_value("[name=q]") == "jp"


async def test_the_filter_changes_the_address_and_back_comes_back(window, morning):
    async with window() as page:
        await page.select_option("[name=state]", "late")
        await page.wait_for_url("**/?state=late")
        assert await page.locator(".row").count() == 2
        await page.fill("[name=akimat]", "город Павлодар")
        await page.press("[name=akimat]", "Enter")
        await page.wait_for_url("**akimat=*")
        assert await page.input_value("[name=akimat]") == "город Павлодар"
        await page.go_back()
        assert await page.locator(".row").count() == 2
        await page.go_back()
        await expect(page.locator(".row")).to_have_count(11)


async def test_the_place_survives_a_reload_even_when_posts_came(window, db, service, staff):
    ids = [await comes(db, service, f"p{n}", f"Павлодар әкімі, {n}-үйдің жанында шұңқыр бар") for n in range(70)]
    async with window() as page:
        await page.locator("[data-older]").click()
        await expect(page.locator(".row")).to_have_count(70)
        await post(page, ids[5]).scroll_into_view_if_needed()
        place = await box(page, f"#post-{ids[5]}")
        await comes(db, service, "later")
        await expect(page.locator("[data-arrived]")).to_have_text("1 новый пост")
        await page.reload()
        await expect(post(page, ids[5])).to_be_in_viewport()
        await page.wait_for_timeout(300)
        assert abs((await box(page, f"#post-{ids[5]}"))["y"] - place["y"]) < 2


async def test_a_cut_connection_says_so_and_makes_up_for_it(window, morning, db, service, server):
    async with window() as page:
        await page.context.set_offline(True)
        for reader in list(server.live._readers):
            reader.end()
        await expect(page.locator("[data-live]")).to_have_attribute("data-is", "broken", timeout=20_000)
        await expect(page.locator("[data-said]")).to_contain_text("Нет связи")
        id_ = await comes(db, service, "meanwhile")
        await post(page, morning[10]).locator("[data-verb=not_addressed]").click()
        await expect(page.locator("#said")).to_contain_text("Ничего не изменилось")
        await page.mouse.move(2, 2)  # a pointer that rests on a button would hold what comes
        await page.context.set_offline(False)
        await expect(post(page, id_)).to_be_visible(timeout=20_000)
        await expect(page.locator("[data-live]")).to_have_attribute("data-is", "live")


async def test_urgent_ones_sound_only_where_one_asked_for_it(window, morning, db, service):
    async with window() as page:
        id_ = await comes(db, service, "u1", urgency="urgent")
        await expect(post(page, id_)).to_be_visible()
        assert await page.evaluate("document.body.dataset.beeps") is None
        await page.click("[data-sound]")
        assert await page.evaluate("document.body.dataset.beeps") == "1"
        await comes(db, service, "u2", "Павлодар әкімі, жолда адам жатыр", urgency="urgent")
        await page.wait_for_function("() => document.body.dataset.beeps === '2'")
        plain = await comes(db, service, "u3", "Павлодар әкімі, жолда шұңқыр жатыр")
        await page.wait_for_timeout(600)
        assert await page.evaluate("document.body.dataset.beeps") == "2", plain


async def test_unread_is_marked_until_it_was_seen(window, morning, db, service):
    async with window() as page:
        id_ = await comes(db, service, "n1")
        await expect(post(page, id_)).to_have_class("row tone-amber fresh unread")
        await expect(post(page, id_)).not_to_have_class("unread", timeout=4000)
        await page.wait_for_function("() => !document.querySelector('.row.unread')", timeout=4000)


async def test_without_script_everything_can_be_read_and_decided(window, morning):
    async with window("press", java_script_enabled=False) as page:
        await post(page, morning[3]).locator(".why-person > summary").click()
        await expect(post(page, morning[3]).locator(".why-person .panel")).to_contain_text("назван в правиле")
        await page.select_option("[name=topic]", "waste") if await page.locator("option[value=waste]").count() else None
        await page.goto("/triage")
        await post(page, morning[5]).locator("[data-verb=take]").click()
        await expect(page.locator(".just-done")).to_contain_text("ӘЖ-551-2026-000008")
        await page.locator(".just-done [data-verb=undo]").click()
        await expect(page.locator(".notice")).to_contain_text("Готово.")
        await expect(post(page, morning[5]).locator("[data-verb=take]")).to_be_visible()


async def test_a_long_text_opens_and_closes(window, morning):
    async with window() as page:
        text = f"#post-{morning[4]} .text > p"
        low = (await box(page, text))["height"]
        await post(page, morning[4]).locator(".rest").click()
        assert (await box(page, text))["height"] > low


async def test_the_reading_pane_opens_the_card_beside_the_list_and_moves_nothing(window, morning):
    async with window("head") as page:
        await post(page, morning[3]).scroll_into_view_if_needed()
        before = await box(page, f"#post-{morning[3]}")
        await post(page, morning[3]).locator(".text p").click()
        pane = page.locator("[data-pane]")
        await expect(pane.locator("h1")).to_have_text("ӘЖ-551-2026-000004")
        for said in ("9 рабочих часов до первой реакции", "назван в правиле", "Записи реестра", "называет акимат или акима",
                     "https://instagram.com/p/m3"):
            await expect(pane).to_contain_text(said)
        assert await box(page, f"#post-{morning[3]}") == before
        assert await page.locator(f"#post-{morning[3]}").count() == 1, "the pane repeats no id of the list"
        await pane.locator("[data-verb=accept]").click()
        await expect(post(page, morning[3]).locator(".state")).to_have_text("в работе")
        await expect(pane.locator(".state").first).to_have_text("в работе")
        await page.reload()
        await expect(pane.locator("h1")).to_have_text("ӘЖ-551-2026-000004")
        await page.keyboard.press("Escape")
        await expect(pane).to_be_hidden()
        assert page.wrong == []


async def test_the_pane_follows_the_keys_and_what_others_do(window, morning):
    async with window("press") as page, window("head") as theirs:
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        pane = page.locator("[data-pane]")
        await expect(pane.locator("h1")).to_have_text("ӘЖ-551-2026-000007")
        await post(theirs, morning[9]).locator("[data-verb=accept]").click()
        await expect(pane).to_contain_text("Қайрат Жүнісов")
        await expect(pane.locator(".state").first).to_have_text("в работе")
        await page.keyboard.press("k")
        await expect(pane.locator("h1")).to_have_text("Пост")
        await pane.locator("[data-verb=take]").click()
        await expect(pane.locator("h1")).to_have_text("ӘЖ-551-2026-000008")


async def test_on_a_narrow_window_the_number_leads_to_the_card(window, morning):
    async with window(width=768) as page:
        await post(page, morning[3]).locator(".text p").click()
        await expect(page.locator("[data-pane]")).to_be_hidden()
        await post(page, morning[3]).locator("a.number").click()
        await page.wait_for_url("**/tickets/*")
        await expect(page.locator("h1")).to_have_text("ӘЖ-551-2026-000004")


async def test_a_wrong_clock_of_the_reader_tells_no_wrong_times(window, morning):
    async with window() as page:
        await page.clock.install(time="2031-01-01T00:00:00Z")
        await page.reload()
        await page.clock.run_for(21_000)
        time = post(page, morning[9]).locator(".facts time")
        await expect(time).to_have_text("9 мин. назад")
        await page.clock.run_for(5 * 60_000)
        await expect(time).to_have_text("14 мин. назад")
        await page.goto("/wall")
        await expect(page.locator("[data-wallclock]")).to_have_text("14:02")


async def test_one_who_is_signed_out_is_told_and_led_back(window, morning, db, clock, server):
    async with window("press") as page:
        await page.goto("/tickets?topic=roads")
        await page.wait_for_function("() => document.querySelector('[data-live]').dataset.is === 'live'")
        await asyncio.to_thread(close_all_sessions, db)
        for reader in list(server.live._readers):
            reader.end()
        await expect(page.locator("#said")).to_contain_text("Сеанс завершён", timeout=20_000)
        await page.locator("#said button").click()
        await page.wait_for_url("**/login?next=**topic**roads")


def close_all_sessions(db) -> None:
    with db.begin() as c:
        c.execute(delete(session))


async def test_the_wall_says_that_the_line_is_cut(window, morning, server):
    async with window("viewer") as page:
        await page.goto("/wall")
        await expect(page.locator(".column .many")).to_have_text(["6", "4", "1"])
        async with asyncio.timeout(20):
            while not server.live._readers:     # a line that does not stand yet cannot be cut
                await asyncio.sleep(0.02)
        await page.context.set_offline(True)
        for reader in list(server.live._readers):
            reader.end()
        await expect(page.locator("[data-cut]")).to_contain_text("Нет связи с 14:02", timeout=20_000)
        await page.context.set_offline(False)
        await expect(page.locator("[data-cut]")).to_be_hidden(timeout=20_000)


async def test_a_line_that_went_dead_without_a_word_is_noticed(window, morning):
    async with window() as page:
        await page.clock.install()
        await page.reload()
        await page.wait_for_function("() => document.querySelector('[data-live]').dataset.is === 'live'")
        asked = []
        await page.route("**/api/v1/events*", lambda route: asked.append(route.request.url))  # and no answer
        await page.clock.fast_forward(60_000)
        await expect(page.locator("[data-live]")).to_have_attribute("data-is", "broken")
        assert len(asked) == 1 and "after=" in asked[0]


# --- how it looks

CONTRAST = """() => {
  const luminance = (c) => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const rgba = (s) => { const m = s.match(/[\\d.]+/g).map(Number); return m.length === 3 ? [...m, 1] : m; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }
    return [255, 255, 255, 1]; };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('option, datalist, [aria-hidden], .hide')) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const needed = e.closest('.text p, .words') && !e.closest('.quiet') ? 7 : 4.5;
    if (ratio < needed) poor.push(`${node.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)} < ${needed}`);
  }
  return poor;
}"""
SMALL = """() => [...document.querySelectorAll('button, summary, input:not([type=hidden], [type=checkbox]), select, .rail nav a, .original, .number, .older a')]
  .filter(e => e.checkVisibility() && !e.disabled)
  .map(e => [e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 20), e])
  .filter(([, e]) => { const boxes = [...e.getClientRects()]; return Math.max(...boxes.map(b => b.height)) < 43.5; }).map(([n]) => n)"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_overflows_is_pale_or_breaks_its_own_rules(window, morning, width, scheme):
    async with window(width=width, color_scheme=scheme, language="kk" if scheme == "light" else "ru", has_touch=width < 400,
                      is_mobile=width < 400) as page:
        for path in PATHS:
            await page.goto(path)
            for details in await page.locator("details.why > summary").all():
                if await details.is_visible():
                    await details.click()
                    break
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
            assert await page.evaluate(CONTRAST) == [], path
            if width < 400 and path != "/wall":
                assert await page.evaluate(SMALL) == [], path
        assert await page.evaluate("document.body.dataset.owned") is None
        assert page.wrong == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
async def test_a_card_in_full_work_reads_well_with_every_form_open(window, morning, db, service, staff, width, scheme):
    number, twin = "ӘЖ-551-2026-000004", "ӘЖ-551-2026-000005"
    officer, head = Actor(staff["aigul"], "officer", PAVLODAR), Actor(staff["head"], "head", PAVLODAR)
    with db.begin() as c:
        service.accept(c, number, officer, NOW)
        service.merge(c, number, [twin], officer, NOW)
        service.extend(c, number, date(2026, 12, 18), "Жобалық-сметалық құжаттама дайындалуда", head, NOW)
        service.interim(c, number, "Маман жіберілді.", officer, NOW)
        service.ask(c, number, "Мердігер кім?", staff["head"], officer, NOW)
        given = service.draft(c, number, "Шұңқыр 30 қарашаға дейін жөнделеді. " * 8, officer, NOW)
        service.return_draft(c, number, given, "Мекенжайын жазыңыз", head, NOW)
        service.by_hand(c, [t.delivery.id for t in told(c, [number])], "no source of ours can answer in this network", NOW)
    async with window("head", width=width, color_scheme=scheme, has_touch=width < 400, is_mobile=width < 400) as page:
        await page.goto(f"/tickets/{number}")
        await page.evaluate("for (const d of document.querySelectorAll('details.do')) { d.removeAttribute('name'); d.open = true; }")
        assert await page.locator("details.do form").count() > 8
        assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert await page.evaluate(CONTRAST) == []
        if width < 400:
            assert await page.evaluate(SMALL) == []
        await page.locator("#answer form[action$=approve] button").click()
        await expect(page.locator("#answer .state").first).to_have_text("согласован, ещё не опубликован")
        assert page.wrong == []


async def test_print_shows_exact_times_and_no_buttons(window, morning):
    async with window() as page:
        await page.emulate_media(media="print")
        assert not await page.locator(".rail").is_visible() and not await page.locator("[data-verb]").first.is_visible()
        shown = await page.locator("time[data-exact]").nth(3).evaluate("t => getComputedStyle(t, '::after').content")
        assert "24 ноября 2026" in shown
