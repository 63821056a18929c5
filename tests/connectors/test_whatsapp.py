"""A message that Meta pushes is on the disk before Meta hears 200, comes through `poll`, and leaves the disk when it is stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cases import META
from stage import recording

from connectors.whatsapp import WhatsApp, parse
from monitor.http import WebHttp
from monitor.web import hooks

BODIES = recording("whatsapp").bodies()


def number(inbox: Path) -> WhatsApp:
    return WhatsApp("wa", WhatsApp.Settings(number="106540352242922", token=META, app_secret="shh-secret", verify_token="word", inbox=inbox))


def signed(body: bytes, key: bytes = b"shh-secret") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}


@pytest.fixture
async def scene(tmp_path: Path):  # type: ignore[no-untyped-def]
    source = number(tmp_path / "inbox")
    app = web.Application()
    app.add_routes(hooks.routes({"wa": source, "feed": object()}.get))
    async with TestClient(TestServer(app)) as client, WebHttp() as http:
        yield source, client, http, tmp_path / "inbox"


async def test_the_address_is_set_up_only_with_our_word(scene: Any) -> None:
    _, client, _, _ = scene
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "word"}
    answer = await client.get("/hooks/wa", params=asked)
    assert (answer.status, await answer.text(), answer.content_type) == (200, "1158201444", "text/plain")
    assert (await client.get("/hooks/wa", params={**asked, "hub.verify_token": "другое"})).status == 403
    assert (await client.get("/hooks/feed", params=asked)).status == 404
    assert (await client.get("/hooks/nobody", params=asked)).status == 404


async def test_a_message_is_kept_rings_and_leaves_when_stored(scene: Any) -> None:
    source, client, http, inbox = scene
    bell = asyncio.create_task(source.doorbell())
    await asyncio.sleep(0)
    assert (await client.post("/hooks/wa", data=BODIES[0], headers=signed(BODIES[0]))).status == 200
    await asyncio.wait_for(bell, 2)
    first = await source.poll(http, {})
    assert [post.native_id for post in first.posts] == ["77010000001/wamid.HBgL0012", "77010000002/wamid.HBgL0013"]
    again = await number(inbox).poll(http, {})                  # killed before the commit: it is still there
    assert again.posts == first.posts
    assert list(inbox.iterdir())
    assert (await number(inbox).poll(http, json.loads(json.dumps(first.cursor)))).posts == ()
    assert list(inbox.iterdir()) == []                           # committed: no personal data stays behind


async def test_what_is_not_signed_by_meta_is_refused_and_what_cannot_be_kept_is_asked_for_again(scene: Any) -> None:
    _, client, _, inbox = scene
    for headers in ({}, signed(BODIES[0], b"other"), signed(BODIES[1]), {"X-Hub-Signature-256": "sha256=é"}):
        assert (await client.post("/hooks/wa", data=BODIES[0], headers=headers)).status == 403
    assert not inbox.exists()
    inbox.write_text("a file where the folder should be")
    assert (await client.post("/hooks/wa", data=BODIES[0], headers=signed(BODIES[0]))).status == 503


def hook(**message: Any) -> bytes:
    one = {"from": "77010000001", "id": "wamid.9", "timestamp": "1772349330", **message}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"messages": [one]}}]}]}).encode()


def test_an_edit_and_a_deletion_are_the_message_once_more() -> None:
    (edit,) = parse(hook(type="edit", edit={"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "Толстого, 14"}}}))
    (gone,) = parse(hook(type="revoke", revoke={"original_message_id": "wamid.1"}))
    assert edit.native_id == gone.native_id == "77010000001/wamid.1"
    assert (edit.text, edit.edited_at is not None, gone.deleted_at is not None, gone.text) == ("Толстого, 14", True, True, "")
    assert parse(hook(type="reaction", reaction={"message_id": "wamid.1", "emoji": "👍"})) == []


async def test_a_message_and_its_edit_that_wait_together_become_two_revisions(scene: Any) -> None:
    source, _, http, _ = scene
    edit = hook(type="edit", edit={"original_message_id": "wamid.HBgL0012", "message": {"text": {"body": "Толстого, 14"}}})
    for body in (BODIES[0], edit):
        source.receive({"x-hub-signature-256": signed(body)["X-Hub-Signature-256"]}, body)
    first = await source.poll(http, {})
    then = await source.poll(http, first.cursor)
    assert first.more
    assert first.posts[0].text.startswith("Толстого, 12")
    assert [post.text for post in then.posts] == ["Толстого, 14"]
