"""What a reader sees: rows, reasons, filters, gaps, rights; and that a post can do no harm."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import insert, update
from web_scene import MORNING, NOW, PAVLODAR, SEMEY, a_post, a_verdict, one, put_sources, take_in

from monitor import drifts
from monitor.collect import NOT_RUNNING
from monitor.core.post import Author
from monitor.store.tables import hole, source
from ticketing.tables import ticket


def rows_in(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<article class="row[^"]*" id="post-(\d+)"', page)]


def row(page: str, id_: int) -> str:
    found = re.search(rf'<article class="row[^"]*" id="post-{id_}".*?</article>', page, re.DOTALL)
    assert found, f"post {id_} is not on the page"
    return found[0]


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_the_feed_shows_the_newest_first_with_all_of_the_anatomy(browse, morning):
    page = await (await browse("control")).page("/")
    assert rows_in(page) == sorted(morning, reverse=True)
    shown = row(page, morning[3])
    assert 'href="https://instagram.com/p/m3"' in shown and 'rel="noopener noreferrer nofollow"' in shown
    for said in ("Instagram", "@user_m3", "город Павлодар", "жалоба", "ӘЖ-551-2026-000004", "ждёт принятия",
                 "Естай көшесі", "Айгүл Серікова", "первая реакция до 25 нояб., 11:42", "Принять"):
        assert said in words(shown), said
    assert 'lang="kk"' in shown and 'lang="ru"' in row(page, morning[1])
    assert 'title="24 ноября 2026, 10:42:00"' in shown, "exact on hover, in Almaty"
    assert "просрочено на 20 ч 30 мин" in words(row(page, morning[1]))
    assert "в работе" in words(row(page, morning[2]))
    assert "назван другой акимат: город Семей" in words(row(page, morning[3]))


async def test_in_kazakh_numerals_carry_their_endings(browse, morning):
    page = await (await browse("control", "kk")).page("/")
    assert '<html lang="kk">' in page
    assert "бірінші жауап 25 қар., 11:42-ге дейін" in words(row(page, morning[3]))
    assert "11:25-тен бері" in words(page)
    assert "Қабылдау" in page and "Accept" not in page


async def test_the_language_is_the_readers_choice_and_stays(browse, morning):
    press = await browse("press", "kk")
    answer = await press.client.get("/language/ru?back=/tickets", allow_redirects=False)
    assert answer.headers["Location"] == "/tickets"
    assert '<html lang="ru">' in await press.page("/")
    for elsewhere in ("//evil.kz", "/%09/evil.kz"):
        answer = await press.client.get(f"/language/ru?back={elsewhere}", allow_redirects=False)
        assert answer.headers["Location"] == "/", elsewhere


async def test_every_word_opens_its_reason(browse, morning):
    page = await (await browse("control")).page("/")
    shown = row(page, morning[3])
    assert '<mark class="on-addressee">Құрметті әкім</mark>' in shown
    assert '<mark class="on-topic">шұңқыр</mark>' in shown
    said = words(shown)
    assert "Павлодарская область" in said, "the units above the addressee"
    assert "Вероятность, что пост обращён к акимату: 94 %" in said
    assert "называет акимат или акима +3,3" in said
    assert "назван в правиле" in said, "why this person"
    assert "9 рабочих часов до первой реакции" in said and "Срок 25 нояб., 11:42" in said.replace("Срок:", "Срок")


async def test_what_waits_has_decisions_where_the_number_would_be(browse, morning):
    page = await (await browse("press")).page("/triage")
    assert set(rows_in(page)) == {morning[i] for i in (4, 5, 6, 10)}
    shown = row(page, morning[5])
    assert f'formaction="/api/v1/posts/{morning[5]}/take"' in shown and "ӘЖ-" not in shown
    assert f'formaction="/api/v1/posts/{morning[5]}/not_addressed"' in shown and "Другой акимат" in shown


async def test_where_a_name_fits_several_units_one_chooses_among_them(browse, morning):
    shown = row(await (await browse("control")).page("/triage"), morning[4])
    assert f'<select form="act" name="akimat_{morning[4]}"' in shown and 'value="551000000"' in shown


@pytest.mark.parametrize(("login", "verbs"), [
    ("viewer", set()), ("operator", set()), ("press", {"take", "not_addressed", "other_akimat"}),
    ("bolat", {"take", "not_addressed", "other_akimat", "accept"}),
    ("control", {"take", "not_addressed", "other_akimat", "accept"})])
async def test_buttons_stand_only_for_those_who_may(browse, morning, login, verbs):
    page = await (await browse(login)).page("/")
    assert set(re.findall(r'data-verb="(\w+)"', page)) == verbs


async def test_an_office_sees_its_own_and_what_lies_below(browse, morning, db, service, clock):
    registry = service.desk.knowledge.registry
    below = next(a.code for a in registry if PAVLODAR in registry.ancestors(a.code) and a.code != PAVLODAR)
    mine = one(db, service, "below", "Ауыл әкімі, көпір құлап барады ғой", clock.now, akimat=below)
    theirs = one(db, service, "semey", "Семей әкімі, көпір құлап барады", clock.now, akimat=SEMEY, post={"home": SEMEY})
    waits = one(db, service, "semey2", "Көпір құлап барады", clock.now, decision="triage", akimat=None,
                topic=None, post={"home": SEMEY})
    pavlodar, semey, control = await browse("viewer"), await browse("semey"), await browse("control")
    page = await pavlodar.page("/")
    assert mine in rows_in(page) and theirs not in rows_in(page) and waits not in rows_in(page)
    assert set(rows_in(await semey.page("/"))) == {theirs, waits}
    assert {mine, theirs, waits} <= set(rows_in(await control.page("/")))
    assert (await semey.client.get(f"/posts/{mine}")).status == 404
    assert (await semey.client.get("/tickets/551-2026-1")).status == 404
    searched = await semey.client.get("/", params={"q": "551-2026-1"}, allow_redirects=False)
    assert searched.status == 200, "a number of another office is not found, as if it were nobody's"
    assert (await semey.client.get(f"/api/v1/posts/{mine}")).status == 404
    assert {p["id"] for p in (await pavlodar.json("/api/v1/posts?q=көпір"))["items"]} == {mine}
    items = (await semey.json("/api/v1/posts"))["items"]
    assert {p["id"] for p in items} == {theirs, waits}


@pytest.mark.parametrize(("query", "places"), [
    ("?topic=heat", [1]), ("?language=ru", [1, 2, 5, 8]), ("?language=mixed", [6, 7]), ("?state=late", [0, 1]),
    ("?state=hand", [2]), ("?state=new", [0, 1, 3, 7, 8, 9]), ("?state=waiting", [4, 5, 6, 10]),
    ("?period=24h", [2, 3, 4, 5, 6, 7, 8, 9, 10]), ("?q=естай", [3]), ("?q=ЕСТАЯ 83", [1]), ("?q=100%25", []),
    ("?q=_", []), ("?akimat=551000000&topic=roads", [3, 7]), ("?akimat=Павлодар қаласы&topic=roads", [3, 7]),
    ("?akimat=550000000&topic=heat", [1]), ("?akimat=101000000", []), ("?topic=nonsense&topic=heat", []),
    ("?state=dismissed", []), ("?topic=heat&state=late&language=ru&period=7d&q=теплосети", [1])])
async def test_the_filter_is_the_address(browse, morning, query, places, db):
    if "nonsense" in query:
        places = list(range(len(MORNING)))      # an unknown code filters nothing
    page = await (await browse("control")).page("/" + query)
    assert set(rows_in(page)) == {morning[i] for i in places}


async def test_a_name_of_several_units_asks_which(browse, morning):
    page = await (await browse("control")).page("/?akimat=Жамбыл ауданы&topic=roads")
    assert "несколько акиматов" in page and page.count("akimat=") >= 3 and "topic=roads" in page
    assert 'value="Жамбыл ауданы"' in page
    assert "нет. Проверьте" in await (await browse("control")).page("/?akimat=Шапалақ")


async def test_a_number_typed_any_way_opens_its_card(browse, morning):
    control = await browse("control")
    for typed in ("ӘЖ-551-2026-000002", "АЖ-551-2026-2", "azh 551 2026 000002", "551-2026-2"):
        answer = await control.client.get("/", params={"q": typed}, allow_redirects=False)
        assert answer.headers["Location"] == "/tickets/" + quote("ӘЖ-551-2026-000002")
        page = await control.page("/tickets/" + quote(typed))
        assert "<h1>ӘЖ-551-2026-000002</h1>" in page and "на Естая 83 третий день" in words(page)


async def test_a_card_tells_everything(browse, morning):
    page = await (await browse("viewer")).page("/tickets/551-2026-3")
    said = words(page)
    for told in ("Уважаемый аким", "в работе", "Первая реакция", "Окончательный ответ", "7 рабочих дней", "внесена в реестр",
                 "назначена", "принята: Болат Нұрғалиев", "Болат Нұрғалиев", "программа"):
        assert told in said, told
    assert "ӘРПК" not in said and "data-verb" not in page
    assert (await (await browse("viewer")).page("/tickets/551-2026-99", 404)).count("Карточки с таким номером нет") == 1


async def test_pages_continue_without_losing_or_repeating(browse, db, service, staff, clock, options):
    ids = take_in(db, service, [(a_post(f"p{n}", f"Павлодар әкімі, {n}-үйдің жолы нашар", clock.now),
                                 a_verdict("x", topic="roads")) for n in range(95)], clock.now)
    control = await browse("control")
    seen, path = [], "/?topic=roads"
    while path:
        page = await control.page(path)
        if len(seen) == 40:     # new posts arrive while one reads on: nothing shifts
            one(db, service, "late", "Павлодар әкімі, тағы бір жол нашар екен", clock.now)
        seen += rows_in(page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == sorted(ids, reverse=True)


async def test_an_edit_shows_the_newest_text_once(browse, db, service, staff, clock):
    first = one(db, service, "e", "Павлодар әкімі, Естайда шұңқыр бар")
    second = one(db, service, "e", "Павлодар әкімі, Естайда екі шұңқыр бар", post={"edited_at": NOW})
    page = await (await browse("viewer")).page("/")
    assert rows_in(page) == [second] and first != second
    assert "изменён" in words(row(page, second)) and "ӘЖ-551-2026-000001" in page
    card = await (await browse("viewer")).page("/tickets/551-2026-1")
    assert "Естайда шұңқыр бар" in card and "екі шұңқыр" in card, "the card keeps what stood there before"


async def test_gaps_are_honest_at_the_top_and_in_place(browse, morning):
    page = await (await browse("control")).page("/")
    assert "vk-ertis молчит с 11:25" in words(page)
    body = page[page.index("data-rows"):]
    gap = body.index("rss-pavlodarnews")
    assert body.index(f'id="post-{morning[4]}"') < gap < body.index(f'id="post-{morning[3]}"')
    lasting = body.index("vk-ertis")
    assert body.index(f'id="post-{morning[5]}"') < lasting < body.index(f'id="post-{morning[4]}"'), "from here on it is silent"
    assert "молчал с 10:02 до 10:52 (50 мин)" in words(body)
    sources = words(await (await browse("control")).page("/sources"))
    assert "connect timeout to api.vk.com" in sources and "14 сбоев подряд" in sources and "просит подождать" in sources


async def test_unusual_silence_stands_at_the_top_and_a_refused_part_among_the_holes(browse, morning, db):
    with db.begin() as c:
        c.execute(update(source).where(source.c.name == "telegram-pavlodar").values(quiet_since=NOW - timedelta(hours=2)))
        c.execute(insert(hole).values(source="instagram-pavlodar", part="comments:7", since=NOW - timedelta(hours=1), reason="403 closed"))
        c.execute(insert(hole).values(source="vk-ertis", since=NOW - timedelta(hours=9), until=NOW - timedelta(hours=8), reason=NOT_RUNNING))
    for language, said, part, why in (("ru", "telegram-pavlodar отвечает, но необычно молчит", "комментарии 7", "Qulaq не был запущен"),
                                      ("kk", "telegram-pavlodar жауап береді, бірақ", "пікірлер 7", "Qulaq жұмыс істемей тұрған")):
        someone = await browse("control", language)
        strip = re.search(r'<div class="strip".*?</div>', await someone.page("/"), re.DOTALL)
        assert strip
        assert said in words(strip[0])
        assert "instagram-pavlodar" not in strip[0]                 # all but those comments is heard
        page = await someone.page("/sources")
        assert page.count("data-th=") > 3 * 6, "on a phone each hole, too, is a block whose values are named"
        page = words(page)
        assert part in page
        assert "403 closed" in page
        assert why in page, "a reason of ours is said in the reader's language"


async def test_nothing_there_says_what_to_do(browse, staff, db):
    control = await browse("control")
    assert "Пока ничего не пришло" in await control.page("/")
    assert "Ничто не ждёт решения" in await control.page("/triage")
    assert "Карточек пока нет" in await control.page("/tickets")
    assert "Источников пока нет" in await control.page("/sources")
    assert "Ничего не найдено" in await control.page("/?q=жоқ")
    put_sources(db)
    assert "vk-ertis" in await control.page("/wall")


async def test_the_wall_has_no_controls(browse, morning):
    page = await (await browse("viewer")).page("/wall")
    assert not re.search(r"<(button|input|select|form|a )", page)
    assert "14:02" in page and "vk-ertis" in page and "Просрочено или не решено" in page


one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }} {% raw %} %(n)s %s", "]]>--><!--",
    "\u202eтерілген\u202c\u2066\u2069", "</bdi></p></article><h1>x", "a\x0bb\x1b[31m", "ұзын" * 3000, "Z̷̢͓a̸̡̛" * 200,
    "&lt;b&gt; &amp;", "x\ny" * 500,
]


@one_database
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_post_stays_a_text(browse, db, service, staff, text):
    id_ = one(db, service, "h", text, decision="triage", place=text[:100], post={
        "url": "javascript:alert(1)", "author": Author("x", text[:200]), "source": "s" + text[:30]},
        why=(("addressee", text[:5], 1.0), ("topic", text[2:8], 1.0)))
    control = await browse("control")
    for path in ("/", f"/posts/{id_}", "/wall"):
        page = await control.page(path)
        assert "<script>alert" not in page and "<img" not in page and 'href="javascript' not in page
        assert page.count("<h1") <= 1 and page.count("</article>") == page.count("<article")
    assert "49" not in words(row(await control.page("/"), id_)), "no template is run"


@one_database
@pytest.mark.parametrize("url", [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,x", "vbscript:x", "//evil.kz/x",
    "http:", "https://[", "", "ftp://a/b", "java\nscript:alert(1)"])
async def test_only_web_addresses_become_links(browse, db, service, staff, url):
    id_ = one(db, service, "u", "Павлодар әкімі, жол нашар екен", post={"url": url})
    shown = row(await (await browse("viewer")).page("/"), id_)
    assert "class=\"original\"" not in shown and "@user_u" in shown


async def test_a_post_of_a_million_characters_does_not_swell_the_page(browse, db, service, staff):
    id_ = one(db, service, "big", "Павлодар әкімі! " + "жол " * 240_000)
    viewer = await browse("viewer")
    page = await viewer.page("/")
    assert len(page) < 60_000 and f'href="/posts/{id_}"' in page
    assert len(await viewer.page(f"/posts/{id_}")) > 150_000


async def test_what_detection_passed_over_can_be_looked_at(browse, db, service, staff):
    id_ = one(db, service, "i", "Бүгін ауа райы жақсы", decision="ignore", akimat=None, topic=None, kind=None)
    press = await browse("press")
    assert id_ not in rows_in(await press.page("/"))
    page = await press.page("/?state=ignored")
    assert rows_in(page) == [id_] and f"/api/v1/posts/{id_}/take" in page


async def test_a_ticket_of_somebody_elses_akimat_inside_the_office_stays_visible(browse, morning, db):
    with db.begin() as c:
        c.execute(update(ticket).where(ticket.c.seq == 1).values(akimat=SEMEY))
    assert morning[0] not in rows_in(await (await browse("viewer")).page("/")), "readdressed to another unit: not ours"


async def test_a_channel_that_changed_is_told_to_operators_and_measured(browse, morning, db, anonymous):
    channels = (drifts.Channel("vk-ertis", "detection", "", 120, 0.41, 0.0, True),
                drifts.Channel("telegram", "executor", "cafe", 90, 0.05, 0.14, True), drifts.Channel("rss", "topic", "cafe", 90, 0.05, 0.0, False))
    operator = await browse("operator")
    assert "Каналы, которые изменились" not in await operator.page("/sources")
    with db.begin() as c:
        drifts.keep_look(c, drifts.Look(NOW, channels))
    page = words(await operator.page("/sources"))
    assert "vk-ertis : люди пишут о другом" in page or "vk-ertis: люди пишут о другом" in page
    assert "исполнитель" in page and "14 %" in page.replace("\u00a0", " ")
    answer = await anonymous.get("/metrics", headers={"Authorization": "Bearer watch-me"})
    text = await answer.text()
    assert 'qulaq_channel_drifted{channel="vk-ertis",by="detection"} 1' in text
    assert 'qulaq_channel_drift{channel="rss",by="topic"} 0.05' in text
