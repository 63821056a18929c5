"""A service described in the config, asked by real HTTP: every way of paging, nothing skipped and nothing asked elsewhere, and what is
said where the description does not fit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from connectors.errors import BadPayload, RateLimited
from connectors.http_json import HttpJson
from connectors.mapping import Fields, Map, Times
from monitor.http import WebHttp

START = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
NOW = START.timestamp() + 86_400
FIELDS = {"id": "id", "text": "text", "published_at": "at"}


class Service:
    """A list of posts that answers in every way that services page."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.newest_first = True
        self.size = 3
        self.asked: list[dict[str, str]] = []
        self.elsewhere = ""
        self.pinned: dict[str, Any] | None = None
        self.fails_every = self.failed = 0
        self.none_is_404 = False

    def add(self, *numbers: int) -> None:
        self.posts += [{"id": n, "text": f"Нет света {n}", "at": (START + timedelta(minutes=5 * n)).isoformat()} for n in numbers]

    async def answer(self, request: web.Request) -> web.Response:
        asked = {**request.query, **(await request.json() if request.can_read_body else {})}
        self.asked.append(asked)
        if self.fails_every and len(self.asked) % self.fails_every == 0:
            self.failed += 1
            return web.Response(status=429, headers={"Retry-After": "7"})
        found = sorted(self.posts, key=lambda one: (one["at"], one["id"]), reverse=self.newest_first)
        if "since" in asked:
            found = [one for one in found if one["at"] >= datetime.fromisoformat(asked["since"]).isoformat()]
        at = int(asked.get("offset", 0)) or (int(asked.get("page", 1)) - 1) * self.size
        if "after" in asked:
            at = next((i + 1 for i, one in enumerate(found) if one["id"] == int(asked["after"])), 10**6)
        page, more = found[at:at + self.size], at + self.size < len(found)
        if self.none_is_404 and not page and at != len(found):
            return web.Response(status=404)
        page = [self.pinned, *page] if self.pinned else page
        link = self.elsewhere or f"/list?page={at // self.size + 2}&key={quote(request.query.get('key', ''), safe='').lower()}"
        return web.json_response({"data": page, "more": more, "next": link if more else None},
                                 headers={"Link": f'</list?page=1>; rel="first", <{link}>; rel="next"'} if more else {})


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, str]]:
    made = Service()
    app = web.Application()
    app.router.add_route("*", "/list", made.answer)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/list"))


def source(url: str, **options: Any) -> HttpJson:
    return HttpJson("portal", HttpJson.Settings(url=url, posts="data", fields=FIELDS, **options), clock=lambda: NOW)


async def read_on(connector: HttpJson, cursor: Any) -> tuple[list[str], Any]:
    found: list[str] = []
    async with WebHttp() as http:
        for _ in range(30):
            batch = await connector.poll(http, cursor)
            found += [post.native_id for post in batch.posts]
            if not batch.more and batch.cursor == cursor:
                return found, cursor
            cursor = json.loads(json.dumps(batch.cursor))
    raise AssertionError("does not come to rest")


WAYS: dict[str, dict[str, Any]] = {
    "page": {"params": {"page": "{page}"}, "paging": {"by": "page", "size": 3, "pages": 2}},
    "page until it says no more": {"params": {"page": "{page}"}, "paging": {"by": "page", "more": "more", "pages": 2}},
    "page until it is empty": {"params": {"page": "{page}"}, "paging": {"by": "page", "pages": 2}},
    "offset": {"params": {"offset": "{offset}"}, "paging": {"by": "offset", "pages": 2}},
    "cursor": {"params": {"after": "{cursor}"}, "paging": {"by": "cursor", "path": "data[-1].id", "pages": 2}},
    "cursor in a body": {"method": "POST", "body": {"after": "{cursor}"}, "paging": {"by": "cursor", "path": "data[-1].id", "more": "more", "pages": 2}},
    "next link": {"paging": {"by": "next_link", "path": "next", "pages": 2}},
    "Link header": {"paging": {"by": "next_link", "pages": 2}},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_flood_between_two_polls_is_read_to_its_end(service: tuple[Service, str], way: str, order: str) -> None:
    made, url = service
    made.newest_first = order == "newest"
    made.add(1, 2)
    listed = source(url, order=order, **WAYS[way])
    _, cursor = await read_on(listed, {})
    made.add(*range(30, 43))
    found, cursor = await read_on(listed, cursor)
    assert {f"portal/{n}" for n in range(30, 43)} <= set(found)
    made.posts.append({**made.posts[-1], "id": 43})     # the same second, later
    assert "portal/43" in (await read_on(listed, cursor))[0]


async def test_what_is_known_is_not_read_again_for_ever(service: tuple[Service, str]) -> None:
    made, url = service
    made.newest_first = False
    made.add(*range(1, 12))
    listed = source(url, order="oldest", **WAYS["page"])
    _, cursor = await read_on(listed, {})
    made.asked.clear()
    await read_on(listed, cursor)
    assert [asked["page"] for asked in made.asked] == ["4"]      # the last page that had posts


async def test_since_is_written_as_the_service_reads_it(service: tuple[Service, str]) -> None:
    made, url = service
    made.newest_first = False
    made.add(1, 2, 60)
    listed = source(url, order="oldest", params={"since": "{since}", "page": "{page}"}, paging={"by": "page", "size": 3}, since={"overlap": 600, "first": 2})
    _, cursor = await read_on(listed, {})
    made.asked.clear()
    made.add(59)
    found, _ = await read_on(listed, cursor)
    assert made.asked[0]["since"] == "2026-11-20T08:50:00Z"
    assert set(found) == {"portal/59", "portal/60"}
    for form, said in (("unix", 1763611200), ("unix_ms", 1763611200000), ("%d.%m.%Y %H:%M", "20.11.2025 09:00"), ("rfc2822", "Thu, 20 Nov 2025 09:00:00 +0500")):
        written = source(url, since={"form": form, "zone": "Asia/Almaty"})._settings.since.written(datetime(2025, 11, 20, 4, 0, tzinfo=UTC))
        assert written == said


async def test_a_pinned_old_post_does_not_end_the_reading(service: tuple[Service, str]) -> None:
    made, url = service
    made.pinned = {"id": 0, "text": "Правила", "at": "2020-01-01T00:00:00Z"}
    made.add(50)
    listed = source(url, params={"page": "{page}"}, paging={"by": "page", "more": "more"})
    _, cursor = await read_on(listed, {})
    made.add(*range(51, 60))
    assert {f"portal/{n}" for n in range(51, 60)} <= set((await read_on(listed, cursor))[0])


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_service_that_fails_at_every_third_request_is_read_and_its_order_to_wait_is_kept(service: tuple[Service, str], order: str) -> None:
    made, url = service
    made.newest_first = order == "newest"
    made.add(1)
    listed = source(url, order=order, params={"page": "{page}"}, paging={"by": "page", "size": 3})
    _, cursor = await read_on(listed, {})
    made.add(*range(30, 60))
    made.fails_every = 3
    found: set[str] = set()
    waits = []
    async with WebHttp() as http:
        for _ in range(60):
            try:
                batch = await listed.poll(http, cursor)
            except RateLimited as e:
                waits.append(e.retry_after)
                continue
            found |= {post.native_id for post in batch.posts}
            cursor = json.loads(json.dumps(batch.cursor))
            if not batch.more:
                break
    assert {f"portal/{n}" for n in range(30, 60)} <= found
    assert set(waits) == {7.0}
    assert len(waits) == made.failed


@pytest.mark.parametrize("way", ["page", "cursor", "next link"])
async def test_posts_that_the_service_throws_away_hide_no_new_ones(service: tuple[Service, str], way: str) -> None:
    made, url = service
    made.newest_first = False
    made.add(*range(1, 15))
    listed = source(url, order="oldest", **WAYS[way])
    _, cursor = await read_on(listed, {})
    made.posts = []
    made.add(70, 71)
    made.none_is_404 = True
    assert {"portal/70", "portal/71"} <= set((await read_on(listed, cursor))[0])


async def test_a_list_that_loses_its_oldest_while_it_grows_hides_no_new_ones(service: tuple[Service, str]) -> None:
    made, url = service
    made.newest_first = False
    made.add(*range(1, 15))
    listed = source(url, order="oldest", **WAYS["page"])
    _, cursor = await read_on(listed, {})           # on page 5 of 3 posts each
    made.posts = made.posts[6:]
    made.add(*range(70, 78))                        # on pages 3 to 6
    assert {f"portal/{n}" for n in range(70, 78)} <= set((await read_on(listed, cursor))[0])


async def test_a_page_behind_the_last_one_may_be_404(service: tuple[Service, str]) -> None:
    made, url = service
    made.add(*range(1, 7))
    made.none_is_404 = True
    made.size = 4
    listed = source(url, order="oldest", params={"page": "{page}"}, paging={"by": "page"})
    assert len((await read_on(listed, {}))[0]) >= 6
    async with WebHttp() as http:
        with pytest.raises(BadPayload, match="HTTP 404"):       # that there is no first page is a fault
            await source(url + "s").poll(http, {})


async def test_the_key_goes_nowhere_else(service: tuple[Service, str]) -> None:
    made, url = service
    made.add(*range(1, 9))
    listed = source(url, params={"key": "{key}"}, secrets={"key": "portal/key+0123456789"}, order="oldest", paging={"by": "next_link", "path": "next", "pages": 1})
    made.newest_first = False
    async with WebHttp() as http:
        first = await listed.poll(http, {})
        assert "0123456789" not in json.dumps(first.cursor)
        second = await listed.poll(http, first.cursor)
        assert made.asked[-1]["key"] == "portal/key+0123456789"
        assert [post.native_id for post in second.posts] == ["portal/4", "portal/5", "portal/6"]
        for made.elsewhere in ("http://169.254.169.254/latest", "//other.example/list", "http://127.0.0.1:1/list"):
            with pytest.raises(BadPayload, match="at another server"):
                await listed.poll(http, {})


@pytest.mark.parametrize(("changed", "said"), [
    ({"posts": "items"}, "posts: `items` gives nothing, not a list; the answer has: data, more, next"),
    ({"posts": "@"}, "posts: `@` gives an object"),
    ({"fields": {**FIELDS, "text": "body.text"}}, "fields.text: `body.text` gives nothing (where a post may have none, write `… || ''`); the post has: id, text, at"),
    ({"fields": {**FIELDS, "id": "uuid"}}, "fields.id: `uuid` gives nothing; the post has: id, text, at"),
    ({"fields": {**FIELDS, "text": "[id, text]"}}, "fields.text: `[id, text]` gives a list, not text; join it: join(' ', …)"),
    ({"fields": {**FIELDS, "text": "join(' ', [text, id])"}}, "fields.text: `join(' ', [text, id])`: "),
    ({"fields": {**FIELDS, "published_at": "id"}}, "fields.published_at: `id` gives 1, a number; write times: {form: unix}"),
    ({"times": {"form": "unix"}}, 'fields.published_at: `at` gives "2026-11-20T04:05:00+00:00", not Unix time; mend times.form'),
    ({"times": {"form": "%d.%m.%Y", "zone": "Asia/Almaty"}}, "which does not fit times.form %d.%m.%Y; mend it"),
])
async def test_a_description_that_does_not_fit_says_what_where_and_how_to_mend(service: tuple[Service, str], changed: dict[str, Any], said: str) -> None:
    made, url = service
    made.add(1)
    listed = HttpJson("portal", HttpJson.Settings(**{"url": url, "posts": "data", "fields": FIELDS, **changed}), clock=lambda: NOW)
    async with WebHttp() as http:
        with pytest.raises(BadPayload) as caught:
            await listed.poll(http, {})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("changed", "said"), [
    ({"fields": {**FIELDS, "text": "join("}}, "`join(` is no JMESPath expression: it ends too early"),
    ({"fields": {**FIELDS, "text": "joim(' ', a)"}}, "Unknown function: joim()"),
    ({"fields": {**FIELDS, "text": "a b"}}, "does not fit at character 3"),
    ({"params": {"p": "{pag}"}}, 'nothing is called {pag}; did you mean "page"?'),
    ({"paging": {"by": "page"}}, "nothing asks for it; write {page}"),
    ({"paging": {"by": "cursor"}, "params": {"c": "{cursor}"}}, "path is missing"),
    ({"headers": {"Authorization": "Bearer abc"}}, "Authorization: a secret must not stand in this file"),
    ({"url": "https://portal.example.kz/list?api_key=abc"}, "a secret must not stand in the address"),
    ({"times": {"form": "%d.%m.%Y"}}, "names no offset; add zone"),
    ({"times": {"form": "ISO"}}, "is no form of a time"), ({"since": {"zone": "Almaty"}}, "is no time zone"),
    ({"fields": {"id": "id", "text": "text"}, "params": {"since": "{since}"}}, "fields.published_at is missing"),
    ({"body": {"a": 1}}, "method: POST only"),
])
def test_a_description_that_cannot_work_is_refused_before_it_is_asked(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpJson.Settings(**{"url": "https://portal.example.kz/list", "fields": FIELDS, **changed})
    assert said in str(caught.value)


def test_times_of_every_form_are_the_same_moment() -> None:
    for times, value in (({}, "2026-11-20T09:00:00+05:00"), ({}, "2026-11-20T04:00:00Z"), ({"zone": "Asia/Almaty"}, "2026-11-20 09:00"), ({"form": "unix"}, 1795147200),
                         ({"form": "unix"}, "1795147200"), ({"form": "unix_ms"}, 1795147200000), ({"form": "rfc2822"}, "Fri, 20 Nov 2026 09:00:00 +0500"),
                         ({"form": "%d.%m.%Y %H:%M", "zone": "Asia/Almaty"}, "20.11.2026 09:00")):
        made = Map("http_json", "p", Fields(**FIELDS), Times(**times)).post({"id": 1, "text": "x", "at": value})
        assert made is not None
        assert made[0].published_at == START, (times, value)


def one(item: dict[str, Any], **fields: str) -> Any:
    made = Map("http_json", "p", Fields(**{**FIELDS, **fields}), Times(), base_url="https://portal.example.kz").post({"id": 1, "text": "x", "at": START.isoformat(), **item})
    assert made is not None
    return made[0]


def test_a_word_for_a_state_is_no_deletion() -> None:
    for value in (None, False, 0, "0", "false", ""):
        assert one({"gone": value}, deleted="gone").deleted_at is None
    for value in (True, 1, "true", "2026-11-20T09:00:00+05:00"):
        assert one({"gone": value, "text": None}, deleted="gone").deleted_at == START
    with pytest.raises(ValueError, match='`state` gives "published", neither true nor false nor a time; compare it: status == \'deleted\''):
        one({"state": "published"}, deleted="state")
    assert one({"state": "published"}, deleted="state == 'deleted'").deleted_at is None


def test_addresses_without_a_server_are_the_service_s_own_and_lists_of_objects_are_a_fault() -> None:
    assert one({"link": "/q/1"}, url="link").url == "https://portal.example.kz/q/1"
    assert one({"link": "javascript:alert(1)"}, url="link").url == ""
    with pytest.raises(ValueError, match=r"fields.media: `files` gives an object, not text; name the part: media\[\].url"):
        one({"files": [{"url": "x"}]}, media="files")
