"""Who gets in, and what a stranger learns."""

from __future__ import annotations

import aiohttp
import pytest
from web_client import csrf_in, sign_in
from web_scene import NOW, PASSWORD, one

from monitor.web import WebOptions
from ticketing import people

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # one database is enough here

PAGES = ("/", "/triage", "/tickets", "/tickets/551-2026-1", "/posts/1", "/sources", "/wall", "/readyz", "/metrics",
         "/api/v1/posts", "/api/v1/tickets", "/api/v1/tickets/551-2026-1", "/api/v1/sources", "/api/v1/akimats?q=a",
         "/api/v1/session", "/api/v1/events", "/api/v1/openapi.json", "/nothing")


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_sees_nothing_but_the_door(anonymous, path, db, service):
    one(db, service, "a", "Құрметті әкім, жол нашар болып кетті ғой")
    answer = await anonymous.get(path, allow_redirects=False, headers={"Accept": "text/html"})
    assert answer.status in (303, 401)
    assert "жол нашар" not in await answer.text()
    if answer.status == 303:
        assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", ["/api/v1/posts/1/take", "/api/v1/tickets/551-2026-1/accept", "/logout"])
async def test_a_stranger_can_do_nothing(anonymous, path):
    assert (await anonymous.post(path)).status == 401


async def test_the_open_door_says_only_that_it_is_open(anonymous):
    assert (await anonymous.get("/healthz")).status == 200
    assert (await anonymous.get("/login")).status == 200


async def test_after_signing_in_one_is_where_one_wanted_to_be(anonymous, staff):
    answer = await anonymous.get("/tickets?state=late", allow_redirects=False)
    form = await (await anonymous.get(answer.headers["Location"])).text()
    assert 'name="next" value="/tickets?state=late"' in form


@pytest.mark.parametrize("elsewhere", ["//evil.kz", "https://evil.kz", "/\\evil.kz", "javascript:alert(1)", "/x\r\nSet-Cookie:a",
                                       "/\t/evil.kz", "/\x0b/evil.kz", "/\x00/evil.kz"])
async def test_signing_in_leads_nowhere_else(anonymous, staff, elsewhere):
    form = await (await anonymous.get("/login", params={"next": elsewhere})).text()
    assert 'name="next" value="/"' in form


async def test_wrong_password_unknown_login_and_one_who_left_look_the_same(anonymous, staff, db, clock):
    wrong = await sign_in(anonymous, "press", "not this one")
    unknown = await sign_in(anonymous, "nobody", PASSWORD)
    with db.begin() as c:
        people.disable(c, "viewer", NOW)
    left = await sign_in(anonymous, "viewer", PASSWORD)
    assert {wrong[0], unknown[0], left[0]} == {403}
    text = "Логин немесе құпиясөз қате."
    assert text in wrong[1] and text in unknown[1] and text in left[1]


async def test_a_guesser_has_to_wait_and_the_owner_gets_in_later(anonymous, staff, clock):
    for _ in range(5):
        assert (await sign_in(anonymous, "press", "guess"))[0] == 403
    status, text = await sign_in(anonymous, "press", PASSWORD)
    assert status == 429
    assert "15 минут" in text
    assert (await sign_in(anonymous, "head", PASSWORD))[0] == 303, "another account is not shut out"
    anonymous.session.cookie_jar.clear()
    clock.go(minutes=16)
    assert (await sign_in(anonymous, "press", PASSWORD))[0] == 303


async def test_a_stranger_who_knows_a_login_does_not_lock_its_owner_out(anonymous, staff):
    elsewhere = aiohttp.ClientSession(anonymous.make_url("/"), connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0)),
                                      cookie_jar=aiohttp.CookieJar(unsafe=True))
    async with elsewhere as stranger:
        for _ in range(5):
            await sign_in(stranger, "press", "guess")
        assert (await sign_in(stranger, "press", "guess"))[0] == 429
    assert (await sign_in(anonymous, "press", PASSWORD))[0] == 303


async def test_one_address_cannot_try_all_accounts(anonymous, staff, clock):
    for n in range(20):
        await sign_in(anonymous, f"somebody{n}", "guess")
    assert (await sign_in(anonymous, "press", PASSWORD))[0] == 429


@pytest.mark.parametrize("forged", ["made up", "", "-"])
async def test_a_form_of_another_site_signs_nobody_in(anonymous, staff, forged):
    answer = await anonymous.post("/login", data={"csrf": forged, "login": "press", "password": PASSWORD},
                                  allow_redirects=False)
    assert answer.status == 403 and "qulaq_session" not in answer.headers.get("Set-Cookie", "")


async def test_a_whole_office_signs_in_from_one_address(anonymous, staff):
    for _ in range(25):
        anonymous.session.cookie_jar.clear()
        assert (await sign_in(anonymous, "press"))[0] == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(anonymous, staff):
    form = await (await anonymous.get("/login")).text()
    answer = await anonymous.post("/login", allow_redirects=False, data={
        "csrf": csrf_in(form), "login": "press", "password": PASSWORD})
    cookie = next(c for c in answer.headers.getall("Set-Cookie") if c.startswith("qulaq_session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie


async def test_a_session_ends_when_it_is_over_when_one_signs_out_and_when_one_leaves(browse, db, clock):
    press = await browse("press")
    clock.go(hours=11)
    await press.page("/")                   # used: it goes on
    clock.go(hours=11)
    await press.page("/")
    clock.go(hours=13)
    assert (await press.client.get("/", allow_redirects=False)).status == 303
    head = await browse("head")
    token = head.client.session.cookie_jar.filter_cookies(head.client.make_url("/"))["qulaq_session"].value
    await head.client.post("/logout", data={"csrf": head.csrf})
    head.client.session.cookie_jar.update_cookies({"qulaq_session": token})
    assert (await head.client.get("/", allow_redirects=False)).status == 303, "signed out on the server too"
    viewer = await browse("viewer")
    with db.begin() as c:
        people.disable(c, "viewer", clock.now)
    assert (await viewer.client.get("/", allow_redirects=False)).status == 303


async def test_the_token_is_not_in_the_database(browse, db):
    from sqlalchemy import select

    from ticketing.tables import session
    press = await browse("press")
    token = press.client.session.cookie_jar.filter_cookies(press.client.make_url("/"))["qulaq_session"].value
    with db.reading() as c:
        assert all(token.encode() not in bytes(h) for h in c.execute(select(session.c.token_hash)).scalars())


@pytest.mark.parametrize("given", [{}, {"X-CSRF-Token": "wrong"}])
async def test_without_the_token_of_the_page_nothing_is_done(browse, morning, db, given):
    press = await browse("press")
    answer = await press.client.post(f"/api/v1/posts/{morning[5]}/take", json={}, headers=given)
    assert answer.status == 403
    assert "действие не выполнено" in (await answer.json())["error"]


async def test_another_site_cannot_post_even_with_a_token(browse, morning):
    press = await browse("press")
    answer = await press.client.post(f"/api/v1/posts/{morning[5]}/take", json={}, headers={
        "X-CSRF-Token": press.csrf, "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/login", "/", "/nothing", "/api/v1/posts", "/static/app.js", "/healthz"])
async def test_every_answer_carries_the_headers(browse, path):
    answer = await (await browse("press")).client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_machines_read_the_figures_with_a_token(anonymous, morning):
    for path in ("/metrics", "/readyz"):
        assert (await anonymous.get(path, headers={"Authorization": "Bearer no"})).status == 401
        assert (await anonymous.get(path, headers={"Authorization": "Bearer watch-me"})).status == 200
    text = await (await anonymous.get("/metrics", headers={"Authorization": "Bearer watch-me"})).text()
    assert 'qulaq_source_up{source="vk-ertis",network="vk"} 0' in text
    assert "qulaq_triage_waiting 4" in text and 'qulaq_tickets{status="assigned"} 6' in text


@pytest.mark.parametrize("options", [WebOptions(metrics_token=None)])
async def test_without_a_configured_token_an_empty_one_opens_nothing(anonymous, options):
    for header in ("Bearer ", "Bearer None", "Bearer"):
        assert (await anonymous.get("/metrics", headers={"Authorization": header})).status == 401
