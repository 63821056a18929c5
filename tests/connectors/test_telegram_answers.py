"""What the office's answer becomes in Telegram, and what is known when it cannot. https://core.telegram.org/bots/api#sendmessage"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import HttpUrl, SecretStr

from connectors.base import Answers, KnowsBeforehand, Probes
from connectors.errors import (
    CLOSED,
    GONE,
    NO_DIALOGUE,
    NOT_ALLOWED,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    Transient,
)
from connectors.telegram import Telegram
from monitor.core.post import Post
from monitor.http import WebHttp

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
COMMENT = Post(network="telegram", source="bot", native_id="-1001/11", text="Қашан?", published_at=AT)


class BotApi:
    """A Bot API server of one method: what it was told, and what it answers with."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, Any] | None] = (200, {"ok": True, "result": {"message_id": 12, "date": 1, "chat": {}}})

    async def serve(self, request: web.Request) -> web.Response:
        self.told.append({"method": request.path.rpartition("/")[2], **await request.json()})
        status, body = self.answer
        if body is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status, body=json.dumps(body))


@pytest.fixture
async def scene() -> AsyncIterator[tuple[BotApi, Telegram, WebHttp]]:
    api, app = BotApi(), web.Application()
    app.router.add_post("/{tail:.*}", api.serve)
    server = TestServer(app)
    await server.start_server()
    token = SecretStr("4242424242:AAH-thisIsTheSecretPartOfAToken01234")
    async with WebHttp(timeout=2) as http:
        yield api, Telegram("bot", Telegram.Settings(token=token, api_url=HttpUrl(str(server.make_url("/"))))), http
    await server.close()


async def test_an_answer_is_a_reply_below_the_post(scene: tuple[BotApi, Telegram, WebHttp]) -> None:
    api, bot, http = scene
    assert isinstance(bot, Answers)
    assert isinstance(bot, KnowsBeforehand)
    assert await bot.answer(http, COMMENT, "Су <b>қосылды</b>") == "-1001/12"
    assert api.told == [{"method": "sendMessage", "chat_id": -1001, "text": "Су <b>қосылды</b>", "reply_parameters": {"message_id": 11}}]


@pytest.mark.parametrize(("code", "said", "post", "reason"), [
    (403, "Forbidden: bot can't initiate conversation with a user", "7/1", NO_DIALOGUE),
    (403, "Forbidden: bot was blocked by the user", "7/1", NO_DIALOGUE),
    (403, "Forbidden: user is deactivated", "7/1", NO_DIALOGUE),
    (400, "Bad Request: chat not found", "7/1", NO_DIALOGUE),
    (400, "Bad Request: chat not found", "-1001/1", NOT_ALLOWED),
    (403, "Forbidden: bot was kicked from the supergroup chat", "-1001/1", NOT_ALLOWED),
    (400, "Bad Request: not enough rights to send text messages to the chat", "-1001/1", NOT_ALLOWED),
    (400, "Bad Request: message to be replied not found", "-1001/1", GONE),
    (400, "Bad Request: group chat was upgraded to a supergroup chat", "-5/1", GONE),
    (400, "Bad Request: TOPIC_CLOSED", "-1001/1", CLOSED),
    (400, "Bad Request: message is too long", "-1001/1", TOO_LONG),
])
async def test_a_refusal_says_why(scene: tuple[BotApi, Telegram, WebHttp], code: int, said: str, post: str, reason: str) -> None:
    api, bot, http = scene
    api.answer = (code, {"ok": False, "error_code": code, "description": said})
    with pytest.raises(CannotAnswer) as refused:
        await bot.answer(http, replace(COMMENT, native_id=post), "Жауап")
    assert str(refused.value) == reason
    assert len(api.told) == 1


@pytest.mark.parametrize(("status", "body", "error", "sent"), [
    (429, {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 31}}, RateLimited, None),
    (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, AuthError, None),
    (400, {"ok": False, "error_code": 400, "description": "Bad Request: something new"}, BadPayload, None),
    (500, {"ok": False, "error_code": 500, "description": "Internal Server Error"}, Transient, True),
    (200, {"ok": True, "result": True}, Transient, True),
    (200, None, Transient, True),
])
async def test_what_is_uncertain_says_so(scene: tuple[BotApi, Telegram, WebHttp], status: int, body: dict[str, Any] | None,
                                         error: type[Exception], sent: bool | None) -> None:
    api, bot, http = scene
    api.answer = (status, body)
    with pytest.raises(error) as failed:
        await bot.answer(http, COMMENT, "Жауап")
    assert getattr(failed.value, "sent", None) == sent
    assert getattr(failed.value, "retry_after", 31) == 31
    assert "AAH" not in str(failed.value)
    assert len(api.told) == 1


async def test_what_is_known_beforehand_asks_nobody(scene: tuple[BotApi, Telegram, WebHttp]) -> None:
    api, bot, http = scene
    elsewhere = replace(COMMENT, native_id="akimat_pvl/77")       # seen in the preview: no bot of ours is there
    assert (bot.can_answer(COMMENT, AT), bot.can_answer(elsewhere, AT)) == (None, NO_DIALOGUE)
    for post, text in ((elsewhere, "Жауап"), (COMMENT, "ұ" * 4097)):
        with pytest.raises(CannotAnswer):
            await bot.answer(http, post, text)
    assert api.told == []


async def test_a_probe_tells_whether_groups_are_read(scene: tuple[BotApi, Telegram, WebHttp]) -> None:
    api, bot, http = scene
    assert isinstance(bot, Probes)
    api.answer = (200, {"ok": True, "result": {"id": 4242424242, "is_bot": True, "username": "qulaq_bot", "can_read_all_group_messages": False}})
    lines = await bot.probe(http)
    assert lines[0] == "is the bot @qulaq_bot"
    assert lines[1].startswith("may not read groups")
