"""What another system pushes: signed or refused, on the disk before it hears 200, every state of a post a revision, answers signed back."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors import pushed
from connectors.errors import BadPayload, CannotAnswer
from connectors.webhook import NO_CALLBACK, Webhook
from monitor.core.post import Post
from monitor.core.signature import HEADER, fault, signature
from monitor.http import WebHttp
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.schema import upgrade
from monitor.web import hooks

SECRET, OLD = "hook-secret-0123456789", "old-secret-0123456789"
NOW = 1_795_507_200


def source(inbox: Path, **options: Any) -> Webhook:
    return Webhook("portal", Webhook.Settings(secret=SECRET, inbox=inbox, **options), clock=lambda: float(NOW))


def body(*posts: Any) -> bytes:
    return json.dumps({"posts": posts}, ensure_ascii=False).encode()


def post(name: str = "1", text: str = "Нет света", **more: Any) -> dict[str, Any]:
    return {"id": name, "text": text, "published_at": "2026-11-24T13:20:00+05:00", **more}


def signed(sent: bytes, at: int = NOW, secret: str = SECRET) -> dict[str, str]:
    return {HEADER: signature(secret, at, sent)}


@pytest.fixture
async def scene(tmp_path: Path):  # type: ignore[no-untyped-def]
    portal = source(tmp_path / "inbox", old_secret=OLD)
    app = web.Application(client_max_size=1024)     # the pages are limited more
    app.add_routes(hooks.routes({"portal": portal}.get))
    async with TestClient(TestServer(app)) as client, WebHttp() as http:
        yield portal, client, http, tmp_path / "inbox"


async def test_a_signed_post_is_kept_rings_and_leaves_when_stored(scene: Any) -> None:
    portal, client, http, inbox = scene
    bell = asyncio.create_task(portal.doorbell())
    await asyncio.sleep(0)
    sent = body(post(), post("2", "Су жоқ"))
    answer = await client.post("/hooks/portal", data=sent, headers=signed(sent))
    assert (answer.status, await answer.json()) == (200, {"kept": 2, "faults": []})
    await asyncio.wait_for(bell, 2)
    first = await portal.poll(http, {})
    assert [one.native_id for one in first.posts] == ["portal/1", "portal/2"]
    assert list(inbox.iterdir())
    assert (await portal.poll(http, json.loads(json.dumps(first.cursor)))).posts == ()
    assert list(inbox.iterdir()) == []


async def test_both_secrets_sign_while_one_is_replaced(scene: Any) -> None:
    _, client, _, _ = scene
    sent = body(post())
    for headers in (signed(sent, secret=OLD), {HEADER: signed(sent, secret="some-other-secret")[HEADER] + "," + signed(sent)[HEADER].split(",")[1]}):
        assert (await client.post("/hooks/portal", data=sent, headers=headers)).status == 200


async def test_what_is_not_signed_or_was_recorded_is_refused_with_the_reason(scene: Any) -> None:
    _, client, _, inbox = scene
    sent = body(post())
    for headers, why in (({}, "is missing"), (signed(sent, secret="some-other-secret"), "does not fit"), (signed(body(post("2"))), "does not fit"),
                         (signed(sent, NOW - 301), "301 s away"), (signed(sent, NOW + 301), "301 s away"), ({HEADER: "v1=00"}, "no time"),
                         ({HEADER: f"t={NOW}"}, "does not fit"), ({HEADER: f"t={NOW},v1=é"}, "does not fit"), ({HEADER: "t=" + "9" * 300}, "no time")):
        answer = await client.post("/hooks/portal", data=sent, headers=headers)
        assert answer.status == 403
        (line,) = (await answer.json())["faults"]
        assert why in line
    assert not inbox.exists()


async def test_each_fault_is_a_line_and_holds_up_no_other_post(scene: Any) -> None:
    portal, client, http, _ = scene
    sent = body(post(), {"id": "2", "text": "x", "published_at": "yesterday"}, post("3", published_at="2026-11-24T13:20:00"),
                {"id": "4", "txt": "x", "published_at": "2026-11-24T13:20:00Z"}, post("5", url="javascript:alert(1)"), 6)
    answer = await client.post("/hooks/portal", data=sent, headers=signed(sent))
    told = await answer.json()
    assert (answer.status, told["kept"]) == (200, 1)
    lines = "\n".join(told["faults"])
    for said in ("posts[1].published_at: is no time; write it like", "posts[2].published_at: has no offset", 'posts[3].txt: unknown option; did you mean "text"',
                 "posts[4].url: must begin with", "posts[5]: must be an object"):
        assert said in lines
    batch = await portal.poll(http, {})
    assert [one.native_id for one in batch.posts] == ["portal/1"]
    assert {one.reason.partition(":")[0] for one in batch.damaged} == {"posts[1].published_at", "posts[2].published_at", "posts[3].txt", "posts[4].url", "posts[5]"}


@pytest.mark.parametrize(("sent", "status", "why"), [
    (b'{"posts": [', 400, "not JSON at character"), (b"\xff", 400, "not UTF-8"), (b"[" * 100_000, 400, "nested too deeply"), (b"[]", 400, 'no list "posts"'),
    (b'{"posts": []}', 400, "send 1 to 1000"), (b'{"posts": [{}]}', 422, "posts[0].id: is missing"), (b" " * 1_048_577, 413, "1048577 bytes"),
])
async def test_a_body_that_is_none_is_refused(scene: Any, sent: bytes, status: int, why: str) -> None:
    _, client, _, inbox = scene
    answer = await client.post("/hooks/portal", data=io.BytesIO(sent), headers=signed(sent))
    assert answer.status == status
    assert why in (await answer.json())["faults"][0]
    assert not inbox.exists()


async def test_states_of_one_post_are_revisions_and_a_request_played_again_brings_none(scene: Any, tmp_path: Path) -> None:
    portal, client, http, _ = scene
    db = Database(f"sqlite:///{tmp_path / 'q.db'}")
    upgrade(db)
    one = body(post(), post(text="Нет света и воды", edited_at="2026-11-24T13:30:00+05:00"), post("2", "Су жоқ"))
    gone = body({"id": "1", "deleted_at": "2026-11-24T14:00:00+05:00"})
    stored: list[Post] = []
    cursor: Any = {}
    for sent in (one, gone, one):
        assert (await client.post("/hooks/portal", data=sent, headers=signed(sent))).status == 200
    for _ in range(8):
        batch = await portal.poll(http, cursor)
        found = await db.write(store_posts, list(batch.posts), datetime.fromtimestamp(NOW, UTC))
        stored += [batch.posts[i] for i in found.indexes]
        cursor = batch.cursor
    db.close()
    assert [(p.native_id, p.text, p.deleted_at is not None) for p in stored] == [
        ("portal/1", "Нет света", False), ("portal/1", "Нет света и воды", False), ("portal/2", "Су жоқ", False), ("portal/1", "", True)]


async def test_an_answer_is_signed_and_goes_to_a_private_address_only_where_that_is_allowed(tmp_path: Path) -> None:
    heard = []

    async def callback(request: web.Request) -> web.Response:
        sent = await request.read()
        heard.append((fault(request.headers[HEADER], [SECRET], sent, NOW), request.headers["Idempotency-Key"], json.loads(sent)["answer"]))
        return web.json_response({"id": "a-9"})

    app = web.Application()
    app.add_routes([web.post("/answers", callback)])
    (citizen,) = pushed.read(body(post("17")), "portal")[0]
    async with TestServer(app) as server, WebHttp() as http:
        address = str(server.make_url("/answers"))
        with pytest.raises(BadPayload, match="private network"):
            await source(tmp_path, callback=address).answer(http, citizen, "Жарық берілді.")
        assert heard == []
        inside = source(tmp_path, callback=address, callback_private=True)
        assert await inside.answer(http, citizen, "Жарық берілді.") == "portal/a-9"
        assert await inside.answer(http, citizen, "Жарық берілді.") == "portal/a-9"
    assert [wrong for wrong, _, _ in heard] == [None, None]
    assert heard[0][1] == heard[1][1]       # pressed twice, taken once
    assert (heard[0][2]["to"], heard[0][2]["text"]) == ("17", "Жарық берілді.")
    (other,) = pushed.read(body(post("17")), "call-centre")[0]
    assert inside.can_answer(other, other.published_at) == NO_CALLBACK      # not to a system that never sent it
    alone = source(tmp_path)
    assert alone.can_answer(citizen, citizen.published_at) == NO_CALLBACK
    async with WebHttp() as http:
        with pytest.raises(CannotAnswer):
            await alone.answer(http, citizen, "Жарық берілді.")
