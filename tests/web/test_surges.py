"""What press service, head and controller see of surges and decide; what nobody sees."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from test_live import follow
from web_scene import NOW, PAVLODAR, SEMEY
from web_surges import put_surges

from monitor.response import journal
from monitor.store.surge_tables import decision, surge, surge_paper
from monitor.store.tables import hole, post
from tests.surges.scene import CAMPAIGN, MAIN, tell, verdict
from ticketing.tables import entry, head, sealed, ticket

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = one_database   # both databases: tests/surges/test_journal.py

@pytest.fixture
def campaign(db, service, morning) -> list[int]:
    """A campaign of five posts in Павлодар and a natural surge in Семей."""
    return put_surges(db, service, NOW)


async def test_the_list_shows_what_an_office_may_see_and_what_waits(browse, campaign):
    press = await browse("press")
    page = await press.page("/surges")
    assert "Признаки координации" in page and "5 авторов" in page and "нужно решение" in page
    assert MAIN not in page                                  # another office's
    assert 'data-count="surges"' in await press.page("/")    # the rail of every page says that one waits
    everybody = await (await browse("control", "kk")).page("/surges")
    assert MAIN in everybody and "Табиғи өсім" in everybody
    assert CAMPAIGN not in await press.page("/surges?state=organic")
    await press.page(f"/surges/{MAIN}", 404)


async def test_the_evidence_names_nobody_and_stands_beside_what_speaks_against_it(browse, campaign, db):
    press = await browse("press")
    page = await press.page(f"/surges/{CAMPAIGN}")
    text = re.sub(r"<[^>]+>", " ", page)
    for said in ("авторы почти одного текста", "&lt;\u00a00,001", "Доводы против", "большинство авторов давно пишут здесь",
                 "По этим постам есть", "vk-ertis"):
        assert said in text.replace("&amp;", "&") or said in page, said
    assert "<svg" in page and 'class="own"' in page
    assert "[телефон]" in text and "+7 701" not in text and "@boss_of_it" not in page and "<script>alert" not in page
    with db.reading() as c:
        rows = c.execute(select(post.c.author_display, post.c.author_key, post.c.url)
                         .where(post.c.id.in_(campaign))).all()
    api = str(await press.json(f"/api/v1/surges/{CAMPAIGN}"))
    for row in rows:
        assert not any(value in page or value in api for value in row if value)
    listed = str((await press.json("/api/v1/surges"))["items"])
    assert "post_ids" not in api + listed


async def test_a_decision_goes_to_its_own_journal_and_to_nothing_else(browse, campaign, db):
    def register():
        with db.reading() as c:
            return [c.execute(select(t).order_by(*t.primary_key.columns)).all() for t in (entry, ticket, head, sealed)]
    before = register()
    press = await browse("press")
    done = await press.post(f"/api/v1/surges/{CAMPAIGN}/confirm", note="Позвонили в автопарк")
    assert done["surge"]["decision"] == "confirm" and not done["surge"]["needs_decision"]
    await press.post(f"/api/v1/surges/{CAMPAIGN}/note", note="", status=409)
    for login in ("viewer", "aigul"):
        await (await browse(login)).post(f"/api/v1/surges/{CAMPAIGN}/dismiss", status=403)
    await (await browse("semey")).post(f"/api/v1/surges/{CAMPAIGN}/dismiss", status=404)
    page = await press.page(f"/surges/{CAMPAIGN}")
    assert "Позвонили в автопарк" in page and "Мадина Әбенова" in page and "подтверждено" in page
    assert register() == before
    with db.reading() as c:
        [row] = c.execute(select(decision)).all()
        assert '"verdict":"coordinated"' in row.details and "автопарк" not in row.details
        assert journal.verify(c) == []


async def test_a_flag_that_becomes_another_one_waits_again(browse, campaign, db):
    head_ = await browse("head")
    await head_.post(f"/api/v1/surges/{CAMPAIGN}/dismiss")
    assert not (await head_.json(f"/api/v1/surges/{CAMPAIGN}"))["needs_decision"]
    tell(db, [verdict(CAMPAIGN, 9, NOW, "organised", 12, campaign, akimat=PAVLODAR, topic="public_transport")], NOW)
    assert (await head_.json(f"/api/v1/surges/{CAMPAIGN}"))["needs_decision"]


@pytest.mark.parametrize("change", [
    {"note": "other"}, {"what": "dismiss"}, {"by": 99}, {"details": "{}"}, {"hash": "0" * 64}])
async def test_a_changed_journal_is_found(browse, campaign, db, change):
    press = await browse("press")
    await press.post(f"/api/v1/surges/{CAMPAIGN}/confirm", note="words")
    await press.post(f"/api/v1/surges/{CAMPAIGN}/watch")
    with db.begin() as c:
        c.execute(update(decision).where(decision.c.id == 1).values(**change))
    with db.reading() as c:
        assert journal.verify(c)


async def test_erasing_a_note_breaks_nothing_and_a_vanished_decision_is_missed(browse, campaign, db):
    press = await browse("press")
    await press.post(f"/api/v1/surges/{CAMPAIGN}/confirm", note="words")
    await press.post(f"/api/v1/surges/{CAMPAIGN}/watch")
    with db.begin() as c:
        c.execute(update(decision).where(decision.c.id == 1).values(note="", salt=None))
        assert journal.verify(c) == []
        c.execute(decision.delete().where(decision.c.id == 2))
        assert journal.verify(c)
        c.execute(update(surge).values(decision="dismiss"))


async def test_without_script_a_decision_comes_back_to_the_page(browse, campaign):
    press = await browse("press")
    answer = await press.client.post(f"/api/v1/surges/{CAMPAIGN}/watch", data={"csrf": press.csrf, "note": "ждём"},
                                     headers={"Accept": "text/html"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"/surges/{CAMPAIGN}?said=watch")
    assert "Записано в журнал." in await press.page(answer.headers["Location"])


async def test_a_demand_goes_to_an_official_channel(browse, campaign, db):
    tell(db, [verdict(CAMPAIGN, 9, NOW, "organised", 12, campaign, akimat=PAVLODAR, topic="public_transport")], NOW)
    press = await browse("press")
    page = await press.page(f"/surges/{CAMPAIGN}")
    assert "Онлайн-петиция в акимат" in page and "2\u00a0500" in page and "АППК, статья 91" in page
    paper = await press.page(f"/surges/{CAMPAIGN}/papers/eotinish_collective")
    assert "ПРОЕКТ. Составлен программой" in paper and "ЖОБА. Бағдарлама құрастырған" in paper and "15 рабочих дней" in paper
    assert "@boss_of_it" not in paper and "+7 701" not in paper
    plain = await press.client.get(f"/surges/{CAMPAIGN}/papers/eotinish_collective?text=kk")
    assert plain.content_type == "text/plain" and "Кімге: e-Өтініш" in await plain.text()
    await press.post(f"/api/v1/surges/{CAMPAIGN}/outcome", note="x", status=409)     # nothing was sent yet
    await press.post(f"/api/v1/surges/{CAMPAIGN}/draft", paper="eotinish_collective", ru="Наш текст")
    assert "Наш текст" in await press.page(f"/surges/{CAMPAIGN}/papers/eotinish_collective")
    await press.post(f"/api/v1/surges/{CAMPAIGN}/send", paper="eotinish_collective", note="№ 77")
    done = await press.post(f"/api/v1/surges/{CAMPAIGN}/outcome", note="Маршрут вернули", published=True)
    assert (done["surge"]["routed_to"], done["surge"]["outcome"], done["surge"]["published"]) == (
        "eotinish_collective", "Маршрут вернули", True)
    with db.reading() as c:
        kept = c.execute(select(surge_paper.c.language, surge_paper.c.text)).tuples().all()
        assert ("ru", "Наш текст") in kept and any(code == "kk" for code, _ in kept)     # as it was sent
        assert journal.verify(c) == []


async def test_a_published_outcome_stands_for_everybody_without_an_author(browse, anonymous, campaign):
    press, send = await browse("press"), f"/api/v1/surges/{CAMPAIGN}"
    await press.post(f"{send}/send", paper="eotinish_collective", note="№ 77")
    await press.post(f"{send}/outcome", note="внутреннее", published=False)
    assert "внутреннее" not in await (await anonymous.get("/outcomes?lang=ru")).text()
    await press.post(f"{send}/outcome", note="Маршрут вернули, звоните +7 701 123 45 67 <b>", published=True)
    for code, said in (("ru", "Что стало с требованиями"), ("kk", "Талаптардың нәтижесі")):
        reply = await anonymous.get(f"/outcomes?lang={code}")
        page = await reply.text()
        assert reply.status == 200 and said in page and "Маршрут вернули" in page and "&lt;b&gt;" in page and "<b>" not in page
        assert "701" not in page and "№ 77" not in page and "внутреннее" not in page and CAMPAIGN not in page
        assert not re.search("координац|үйлестіру|Press", page)


async def test_the_explanation_is_drafted_in_both_languages_and_accuses_nobody(browse, campaign):
    paper = await (await browse("press", "kk")).page(f"/surges/{CAMPAIGN}/papers/explanation")
    for said in ("Что известно", "Не белгілі", "Куда обращаться", "Қайда жүгінуге болады", "109"):
        assert said in paper
    written = "".join(re.findall(r"<textarea.*?</textarea>", paper, re.S))
    assert "координац" not in written and "үйлестіру" not in written


async def test_another_offices_and_unknown_papers_are_not_there(browse, campaign):
    press = await browse("press")
    for path in (f"/surges/{MAIN}/papers/explanation", f"/surges/{CAMPAIGN}/papers/nothing", "/surges/s-none"):
        await press.page(path, 404)
    await press.post(f"/api/v1/surges/{CAMPAIGN}/send", paper="nothing", status=400)
    await press.post(f"/api/v1/surges/{CAMPAIGN}/confirm", note="x" * 2001, status=409)


async def test_a_surge_that_grows_changes_where_it_is_shown(browse, campaign, db):
    press = await browse("press")
    async with follow(press, "?view=surges") as rows, follow(press, f"?view=surge&q={CAMPAIGN}") as page, follow(press, "") as api:
        await asyncio.sleep(0.1)
        tell(db, [verdict(CAMPAIGN, 9, NOW, "coordinated", 41, campaign, akimat=PAVLODAR, topic="public_transport"),
                  verdict(MAIN, 110, NOW, "organic", 60, [], akimat=SEMEY, topic="water", kind="volume", signals=[])], NOW)
        # The news of its first telling may still be on the way.
        got = await rows.more(until=lambda name, data: name == "row" and "41 автор" in data["html"])
        assert {data["post"] for name, data in got if name == "row"} == {2}
        got = await page.more(until=lambda n, d: n == "surge" and "41 автор" in d["html"])
        assert {d["id"] for n, d in got if n == "surge"} == {CAMPAIGN}
        got = await api.more(until=lambda n, d: n == "surge" and d["authors"] == 41)
        assert got[-1][1]["authors"] == 41 and "post_ids" not in got[-1][1]


async def test_a_silence_greys_the_chart_until_a_backfill_has_filled_it_and_then_says_when(browse, campaign, db):
    press, address = await browse("press"), f"/surges/{CAMPAIGN}"
    page = await press.page(address)
    assert "url(#deaf)" in page and "источник молчал" in page
    draft = await press.page(f"{address}/papers/explanation")
    assert "один из источников не читался" in draft
    with db.begin() as c:
        c.execute(update(hole).where(hole.c.source == "vk-ertis").values(until=NOW, filled_at=NOW + timedelta(hours=2)))
        c.execute(update(hole).where(hole.c.source == "rss-pavlodarnews").values(filled_at=NOW + timedelta(hours=3)))
        c.execute(insert(hole).values(source="vk-ertis", part="comments:7", since=NOW - timedelta(hours=1), reason="403"))
    page = await press.page(address)
    assert "url(#deaf)" not in page and "сказанное заполнено позже:" in page and "Заполнено позже:" in page
    series = (await press.json(f"/api/v1/surges/{CAMPAIGN}"))["series"]
    assert not any(b["deaf"] for b in series) and any(b["filled_at"] for b in series)
    assert "один из источников не читался" not in await press.page(f"{address}/papers/explanation")
