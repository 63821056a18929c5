"""What an answer becomes in Meta's networks, X and TikTok, told to a local server: once, in the documented form, and what is known
when it cannot be given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cases import META, graph_error

from connectors.base import Answers, Connector, KnowsBeforehand
from connectors.errors import (
    CLOSED,
    GONE,
    NO_DIALOGUE,
    NOT_ALLOWED,
    TOO_LATE,
    TOO_LONG,
    AuthError,
    CannotAnswer,
    RateLimited,
    Transient,
)
from connectors.facebook import Facebook
from connectors.instagram import Instagram
from connectors.threads import Threads
from connectors.tiktok import TikTok
from connectors.whatsapp import WhatsApp
from connectors.x import X, weight
from monitor.core.post import Post
from monitor.http import WebHttp

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
POST = Post(network="", source="s", native_id="17", text="Қашан?", published_at=AT, in_reply_to="5")
ACCOUNT = {"account": "42", "username": "akimat.pvl", "token": META}


@dataclass
class Network:
    """What it was told, and what it answers."""

    url: str = ""
    status: int = 200
    body: bytes | None = b'{"id": "99"}'
    headers: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    async def serve(self, request: web.Request) -> web.Response:
        form = await request.json() if request.content_type == "application/json" else dict(await request.post())
        self.told.append({"path": request.path, **form})
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("Access-Token")
        assert token == META
        if self.body is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@pytest.fixture
async def net() -> AsyncIterator[tuple[Network, WebHttp]]:
    network, app = Network(), web.Application()
    app.router.add_route("*", "/{tail:.*}", network.serve)
    server = TestServer(app)
    await server.start_server()
    network.url = str(server.make_url("/")).rstrip("/")
    async with WebHttp(timeout=2) as http:
        yield network, http
    await server.close()


Make = Callable[[str, Path], Connector]
MAKES: dict[str, Make] = {
    "facebook": lambda url, _: Facebook("s", Facebook.Settings(page="42", username="akimat.pvl", token=META, base_url=url)),
    "instagram": lambda url, _: Instagram("s", Instagram.Settings(**ACCOUNT, base_url=url)),
    "threads": lambda url, _: Threads("s", Threads.Settings(**ACCOUNT, base_url=url)),
    "tiktok": lambda url, _: TikTok("s", TikTok.Settings(**{**ACCOUNT, "account": "b_42xx"}, base_url=url)),
    "whatsapp": lambda url, folder: WhatsApp("s", WhatsApp.Settings(number="424242", token=META, app_secret="shh-secret", verify_token="word",
                                                                   inbox=folder, base_url=url)),
    "x": lambda url, _: X("s", X.Settings(token="read-only-token", query="акимат", user_token=META, base_url=url)),
}
TOLD = {
    "facebook": ("17", b'{"id": "17_99"}', "17_99", {"path": "/v25.0/17/comments", "message": "Жауап"}),
    "instagram": ("17", b'{"id": "99"}', "99", {"path": "/v25.0/17/replies", "message": "Жауап"}),
    "threads": ("17", b'{"id": "99"}', "99", {"path": "/v1.0/42/threads", "media_type": "TEXT", "text": "Жауап", "reply_to_id": "17",
                                             "auto_publish_text": "true"}),
    "tiktok": ("7/17", b'{"code": 0, "message": "OK", "data": {"comment_id": "99"}}', "7/99", {
        "path": "/open_api/v1.3/business/comment/reply/create/", "business_id": "b_42xx", "video_id": "7", "comment_id": "17", "text": "Жауап"}),
    "whatsapp": ("7701/wamid.1", b'{"messages": [{"id": "wamid.2"}]}', "7701/wamid.2", {
        "path": "/v25.0/424242/messages", "messaging_product": "whatsapp", "recipient_type": "individual", "to": "7701",
        "context": {"message_id": "wamid.1"}, "type": "text", "text": {"preview_url": False, "body": "Жауап"}}),
    "x": ("17", b'{"data": {"id": "99", "text": "a"}}', "99", {"path": "/2/tweets", "text": "Жауап", "reply": {"in_reply_to_tweet_id": "17"}}),
}


@pytest.mark.parametrize("name", MAKES)
async def test_an_answer_in_the_form_that_is_documented(name: str, net: tuple[Network, WebHttp], tmp_path: Path) -> None:
    network, http = net
    native, network.body, made, told = TOLD[name]
    voice = MAKES[name](network.url, tmp_path)
    assert isinstance(voice, Answers)
    assert await voice.answer(http, replace(POST, native_id=native), "Жауап") == made
    assert network.told == [told]


@pytest.mark.parametrize("name", MAKES)
async def test_what_is_uncertain_is_said_to_be_and_never_sent_twice(name: str, net: tuple[Network, WebHttp], tmp_path: Path) -> None:
    network, http = net
    voice: Any = MAKES[name](network.url, tmp_path)
    post = replace(POST, native_id=TOLD[name][0])
    for number, (status, body) in enumerate([(200, None), (500, b""), (200, b"<html>"), (200, b"{}")], 1):
        network.status, network.body = status, body
        with pytest.raises(Transient) as failed:
            await voice.answer(http, post, "Жауап")
        assert failed.value.sent, (status, body)
        assert META not in str(failed.value)
        assert len(network.told) == number
    with pytest.raises(CannotAnswer, match=TOO_LONG):
        await voice.answer(http, post, "ж" * 9000)
    assert len(network.told) == 4


async def test_meta_says_why_and_how_long(net: tuple[Network, WebHttp], tmp_path: Path) -> None:
    network, http = net
    for name in ("facebook", "instagram", "threads", "whatsapp"):
        voice: Any = MAKES[name](network.url, tmp_path)
        post = replace(POST, native_id=TOLD[name][0])
        network.status, network.headers = 400, None
        for body, error in ((graph_error(190, "expired"), AuthError), (graph_error(100, "does not exist", error_subcode=33), CannotAnswer)):
            network.body = body
            with pytest.raises(error) as failed:
                await voice.answer(http, post, "Жауап")
            assert error is not CannotAnswer or str(failed.value) == GONE
        network.body = graph_error(80002, "There have been too many calls")
        network.headers = {"X-Business-Use-Case-Usage": json.dumps({"42": [
            {"type": "instagram", "call_count": 100, "total_cputime": 20, "total_time": 20, "estimated_time_to_regain_access": 19}]})}
        with pytest.raises(RateLimited) as limited:
            await voice.answer(http, post, "Жауап")
        assert limited.value.retry_after == 19 * 60
    network.headers, network.body = None, graph_error(131047, "Re-engagement message")
    with pytest.raises(CannotAnswer, match=TOO_LATE):
        await MAKES["whatsapp"](network.url, tmp_path).answer(http, replace(POST, native_id="7701/wamid.1"), "a")  # type: ignore[attr-defined]


async def test_x_waits_until_its_window_begins_anew_and_knows_closed_conversations(net: tuple[Network, WebHttp], tmp_path: Path) -> None:
    network, http = net
    voice: Any = MAKES["x"](network.url, tmp_path)
    network.status, network.body = 429, b'{"title": "Too Many Requests"}'
    network.headers = {"x-rate-limit-reset": str(int((datetime.now(UTC) + timedelta(seconds=500)).timestamp()))}
    with pytest.raises(RateLimited) as limited:
        await voice.answer(http, POST, "Жауап")
    assert 490 < limited.value.retry_after <= 500
    network.status = 403
    for said, reason in (("Reply to this conversation is not allowed because you have not been mentioned", CLOSED),
                         ("You attempted to reply to a Tweet that is deleted or not visible to you.", GONE)):
        network.body = json.dumps({"detail": said, "status": 403}).encode()
        with pytest.raises(CannotAnswer, match=reason):
            await voice.answer(http, POST, "Жауап")
    silent = X("s", X.Settings(token=META, query="a", base_url=network.url))
    assert silent.can_answer(POST, AT) == NOT_ALLOWED
    assert (weight("Әкімдік 🕳 https://example.kz/a-very-long-address"), weight("ж" * 280)) == (8 + 2 + 1 + 23, 280)


def test_what_is_known_beforehand(tmp_path: Path) -> None:
    instagram: Any = MAKES["instagram"]("http://h", tmp_path)
    whatsapp: Any = MAKES["whatsapp"]("http://h", tmp_path)
    assert isinstance(instagram, KnowsBeforehand)
    tagged = replace(POST, in_reply_to=None, mentions=("@akimat.pvl",))
    assert instagram.can_answer(POST, AT) is None
    assert instagram.can_answer(tagged, AT) == NOT_ALLOWED                                    # only tagged in the picture
    assert instagram.can_answer(replace(tagged, text="@akimat.pvl жол!"), AT) is None
    said = replace(POST, native_id="7701/wamid.1")
    assert whatsapp.can_answer(said, AT + timedelta(hours=23, minutes=59)) is None
    assert whatsapp.can_answer(said, AT + timedelta(hours=24, minutes=1)) == TOO_LATE
    assert whatsapp.can_answer(replace(said, native_id="wamid.1"), AT) == NO_DIALOGUE


async def test_instagram_learns_from_its_poll_which_comments_are_closed(tmp_path: Path) -> None:
    from cases import CASES
    from stage import Stage, recording
    async with Stage(recording("instagram"), tmp_path) as stage, WebHttp() as http:
        voice: Any = CASES["instagram"].make(stage)
        await voice.poll(http, {})
        assert voice.can_answer(replace(POST, in_reply_to="17850000000000302"), AT) == CLOSED
        assert voice.can_answer(replace(POST, in_reply_to="17850000000000301"), AT) is None


async def test_whether_our_comment_stands_is_read_below_the_post(net: tuple[Network, WebHttp]) -> None:
    network, http = net
    voice = Facebook("s", Facebook.Settings(page="42", username="akimat.pvl", token=META, base_url=network.url))

    def comment(name: str, text: str, who: str) -> dict[str, Any]:
        return {"id": name, "message": text, "from": {"id": who}}
    network.body = json.dumps({"data": [comment("17_1", "Жауап", "7"), comment("17_2", "Басқа", "42"), comment("17_3", "Жауап", "42"), 5]}).encode()
    assert await voice.stands(http, POST, "Жауап") == "17_3", "somebody else may write the same"
    assert await voice.stands(http, POST, "Жоқ") is None
    network.status = 500
    with pytest.raises(Transient):
        await voice.stands(http, POST, "Жауап")
