"""npm's telegram-test-api, a Bot API server that none of us wrote, behind a proxy that mends its replies.

Mended, because python-telegram-bot refuses it or the Bot API says otherwise: `is_bot` in getMe, dates in milliseconds,
`null` for true, `chat_instance` of a press, and parameters of the request that come back as fields of the message.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

HERE = Path(__file__).parent
PACKAGE = HERE / "node_modules" / "telegram-test-api"

_MESSAGE = {"message_id", "date", "edit_date", "chat", "from", "text", "entities", "reply_markup", "reply_to_message"}


def why_absent() -> str:
    """Why the server cannot be started; empty where it can."""
    if shutil.which("node") is None:
        return "node is absent"
    return "" if PACKAGE.is_dir() else "telegram-test-api is absent; run npm ci --prefix tests/telegram"


class Foreign:
    """The server and its proxy. `url` is for bots; the rest speaks as people do."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.url = ""
        self._node: asyncio.subprocess.Process | None = None
        self._own = ""

    async def __aenter__(self) -> Foreign:
        self._node = await asyncio.create_subprocess_exec(
            "node", str(HERE / "server.js"), cwd=HERE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        assert self._node.stdout is not None
        self._own = f"http://127.0.0.1:{int(await asyncio.wait_for(self._node.stdout.readline(), 30))}"
        self._session = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._forward)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()
        await self._session.close()
        assert self._node is not None
        assert self._node.stdin is not None
        self._node.stdin.close()
        await self._node.wait()

    async def _forward(self, request: web.Request) -> web.Response:
        async with self._session.post(f"{self._own}{request.path_qs}", data=await request.read(),
                                      headers={"content-type": request.content_type}) as answer:
            body = await answer.json()
            if isinstance(body, dict) and "result" in body:
                body["result"] = mended(request.match_info["method"], body["result"])
            return web.json_response(body, status=answer.status)

    # --- people

    async def writes(self, person: int, text: str) -> None:
        """A person writes to the bot."""
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}] if text.startswith("/") else []
        await self._say("sendCommand" if entities else "sendMessage", {
            **self._from(person), "text": text, "entities": entities})

    async def presses(self, person: int, message: dict[str, Any], text: str) -> None:
        """A person presses the button with this text under a message of `seen`."""
        rows = message["message"]["reply_markup"]["inline_keyboard"]
        [data] = [b["callback_data"] for row in rows for b in row if b["text"] == text]
        await self._say("sendCallback", {
            **self._from(person), "data": data,
            "message": {"message_id": message["messageId"], "date": 1, "chat": self._from(person)["chat"], "text": "…"}})

    async def seen(self, person: int) -> list[dict[str, Any]]:
        """All that the bot has said to a person, as it stands now."""
        async with self._session.post(f"{self._own}/getUpdatesHistory", json={"token": self.token}) as answer:
            history = (await answer.json())["result"]
        return [m for m in history if str(m.get("message", {}).get("chat_id")) == str(person)]

    def _from(self, person: int) -> dict[str, Any]:
        return {"botToken": self.token, "date": 1, "from": {"id": person, "is_bot": False, "first_name": "Сотрудник"},
                "chat": {"id": person, "type": "private", "first_name": "Сотрудник"}}

    async def _say(self, route: str, content: dict[str, Any]) -> None:
        async with self._session.post(f"{self._own}/{route}", json=content) as answer:
            assert (await answer.json())["ok"]


def mended(method: str, result: Any) -> Any:
    """A reply as the Bot API would give it."""
    if result is None:
        return True
    if method == "getMe":
        return {**result, "is_bot": True}
    if method == "sendMessage":
        return _message(result)
    if method == "getUpdates":
        for update in result:
            if "callback_query" in update:
                update["callback_query"].setdefault("chat_instance", "1")
            if "message" in update:
                update["message"] = _message(update["message"])
    return result


def _message(said: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in said.items() if k in _MESSAGE and v is not None}
    kept["date"] = int(kept["date"] / 1000) if kept["date"] > 10**11 else int(kept["date"])
    if isinstance(kept.get("entities"), str):
        kept["entities"] = json.loads(kept["entities"])
    return kept
