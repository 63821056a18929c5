"""A strict Bot API server for what the npm one lacks: limits, orders to wait, redelivery, conflicts, error bodies.

It notes every fault of its callers in `faults` (a test ends with none) and checks calls and replies against the
specification where that is at hand. Times are its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from aiohttp import web
from bot_spec import Spec

TOKEN = "123456:fake-token-of-a-test"
BOT = {"id": 123456, "is_bot": True, "first_name": "Qulaq", "username": "qulaq_test_bot", "can_join_groups": True,
       "can_read_all_group_messages": False, "supports_inline_queries": False}

_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
_ENTITY = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "s": "strikethrough",
           "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-spoiler": "spoiler"}


class ApiError(Exception):
    """A reply that says no."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


@dataclass
class Call:
    """A request as it came."""

    at: float
    method: str
    data: dict[str, Any]
    ok: bool = True
    message: int | None = None
    """The id of the message it made."""

    @property
    def chat(self) -> int | None:
        return int(self.data["chat_id"]) if "chat_id" in self.data else None


@dataclass
class Chat:
    """A chat and what the bot has said in it."""

    id: int
    name: str = "Сотрудник"
    refuses: str = ""
    """Description of the 403 or 400 that everything said here gets."""
    moved_to: int = 0
    """The supergroup that it has become."""
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        if self.id < 0:
            return {"id": self.id, "type": "supergroup", "title": self.name}
        return {"id": self.id, "type": "private", "first_name": self.name}


class FakeTelegram:
    """The server. `async with FakeTelegram() as api:` and `api.url`."""

    def __init__(self, *, limits: bool = True, token: str = TOKEN, latency: float = 0.0) -> None:
        self.token, self.limits, self.latency = token, limits, latency
        self.spec = Spec.load()
        self.chats: dict[int, Chat] = {}
        self.calls: list[Call] = []
        self.faults: list[str] = []
        self.updates: list[dict[str, Any]] = []
        self.queries: dict[str, dict[str, Any] | None] = {}
        self.answers: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.too_old: set[int] = set()
        """Messages that Telegram does not let a bot delete any more."""
        self.commands: dict[int, dict[str, str]] = {}
        """The list of commands of each chat."""
        self.breaks: deque[str] = deque()
        """What happens to the next messages: drop (taken, connection lost), refuse (connection lost before), a status
    with a page that is not Telegram's, garbage."""
        self.on_message: Callable[[], None] | None = None
        """Called when a message was taken, before that is answered."""
        self._poll_order = 0
        self._orders: dict[int | None, float] = {}
        self._told: set[int | None] = set()
        self._to_order: deque[tuple[int | None, int]] = deque()
        self._said: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=20))
        self._said_all: deque[float] = deque(maxlen=30)
        self._ids = 0
        self._update_id = 1000
        self._polling: asyncio.Event | None = None
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> FakeTelegram:
        app = web.Application()
        app.router.add_route("*", "/file/bot{token}/{path:.*}", self._file)
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._runner is not None
        self._news.set()
        await self._runner.cleanup()

    # --- what a test does

    def chat(self, id_: int, **settings: Any) -> Chat:
        """A person (or a group) who has started the bot."""
        self.chats[id_] = Chat(id_, **settings)
        return self.chats[id_]

    def order(self, seconds: int, chat: int | None = None) -> None:
        """The next message (to this chat, or to anybody) is answered 429; speaking before `seconds` are over is a fault."""
        self._to_order.append((chat, seconds))

    def order_polls(self, seconds: int) -> None:
        """The next getUpdates is answered 429."""
        self._poll_order = seconds

    def sent(self, chat: int | None = None) -> list[Call]:
        """Messages that were taken."""
        return [c for c in self.calls if c.method == "sendMessage" and c.ok and chat in (None, c.chat)]

    def press(self, chat: int, message: int, text: str, *, who: int | None = None) -> str:
        """Somebody presses the button with this text under a message; returns the id of the query."""
        shown = self.chats[chat].messages[message]
        for row in shown.get("reply_markup", {}).get("inline_keyboard", ()):
            for button in row:
                if button["text"] == text:
                    return self.press_data(chat, message, button["callback_data"], who=who)
        raise AssertionError(f"no button {text!r} under {shown}")

    def press_data(self, chat: int, message: int, data: str, *, who: int | None = None) -> str:
        """A press that carries this data."""
        self._ids += 1
        query = f"q{self._ids}"
        self.queries[query] = None
        self._update({"callback_query": {"id": query, "from": self._user(who or chat), "chat_instance": "1",
                                         "message": self.chats[chat].messages[message], "data": data}})
        return query

    def write(self, chat: int, text: str, *, reply_to: int | None = None, who: int | None = None, **more: Any) -> None:
        """A person writes to the bot; `who` where the chat is a group, `more` is what a message holds beside words: a photo, a place."""
        self._ids += 1
        message = {"message_id": self._ids, "date": int(time.time()), "chat": self.chats[chat].as_json(),
                   "from": self._user(who or chat), **({"text": text} if text else {}), **more}
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        if reply_to is not None:
            message["reply_to_message"] = self.chats[chat].messages[reply_to]
        self.chats[chat].messages[self._ids] = message
        self._update({"message": message})

    def photograph(self, chat: int, content: bytes, *, name: str = "photo") -> None:
        """A person sends the bot a photo; the same `name` is the same photo."""
        self._ids += 1
        self.files[name] = content
        message = {"message_id": self._ids, "date": int(time.time()), "chat": self.chats[chat].as_json(), "from": self._user(chat),
                   "photo": [{"file_id": name, "file_unique_id": f"u{name}", "width": 90, "height": 60, "file_size": len(content)}]}
        self.chats[chat].messages[self._ids] = message
        self._update({"message": message})

    def buttons(self, chat: int, message: int) -> list[str]:
        """Texts of the buttons under a message."""
        rows = self.chats[chat].messages[message].get("reply_markup", {}).get("inline_keyboard", ())
        return [button["text"] for row in rows for button in row]

    def by_bot(self, chat: int) -> list[dict[str, Any]]:
        """What the bot has said in a chat, as it stands now."""
        return [m for m in self.chats[chat].messages.values() if m["from"]["id"] == BOT["id"]]

    def _user(self, id_: int) -> dict[str, Any]:
        return {"id": id_, "is_bot": False, "first_name": self.chats[id_].name if id_ in self.chats else "?"}

    def _update(self, content: dict[str, Any]) -> None:
        self._update_id += 1
        update = {"update_id": self._update_id, **content}
        if self.spec is not None:
            assert not self.spec.value("Update", update), self.spec.value("Update", update)
        self.updates.append(update)
        self._news.set()

    # --- the server

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        data: dict[str, Any] = dict(request.query)
        if request.can_read_body:
            data.update(await request.json() if request.content_type == "application/json" else dict(await request.post()))
        for name, value in data.items():
            if isinstance(value, web.FileField):    # an upload: kept aside, named by its field
                self.files[f"upload/{len(self.files)}"] = value.file.read()
                data[name] = f"upload/{len(self.files) - 1}"
        call = Call(time.monotonic(), method, data)
        self.calls.append(call)
        try:
            if request.match_info["token"] != self.token:
                raise ApiError(401, "Unauthorized")
            if self.latency:
                await asyncio.sleep(self.latency)
            if self.spec is not None:
                self.faults += self.spec.call(method, data)
            handler = getattr(self, f"_{method}", None)
            if handler is None:
                raise ApiError(404, "Not Found")
            if method != "getUpdates":
                self._keep_order(call)
            broken = self.breaks.popleft() if method == "sendMessage" and self.breaks else ""
            if broken.isdigit():
                return web.Response(status=int(broken), text=f"<html><title>{broken}</title></html>", content_type="text/html")
            if broken == "garbage":
                return web.Response(text="{\"ok\": tru", content_type="application/json")
            if broken == "refuse":
                call.ok = False
                return self._hang_up(request)
            result = await handler(data)
            if method == "sendMessage":
                call.message = result["message_id"]
            if self.spec is not None:
                self.faults += self.spec.reply(method, result)
            if method == "sendMessage" and self.on_message is not None:
                self.on_message()
            if broken == "drop":
                return self._hang_up(request)
            return web.json_response({"ok": True, "result": result})
        except ApiError as e:
            call.ok = False
            body: dict[str, Any] = {"ok": False, "error_code": e.code, "description": e.description}
            if e.parameters:
                body["parameters"] = e.parameters
            return web.json_response(body, status=e.code)

    @staticmethod
    def _hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _keep_order(self, call: Call) -> None:
        speaks = call.method.startswith(("send", "edit"))
        for chat, until in list(self._orders.items()):
            if chat in (None, call.chat):
                if call.at < until:
                    if chat is None and call.chat not in self._told and len(self._told) == 1:
                        # One answer does not say that it is meant for all: the second chat to be told makes it known.
                        self._told.add(call.chat)
                        raise ApiError(429, f"Too Many Requests: retry after {int(until - call.at) + 1}",
                                       retry_after=int(until - call.at) + 1)
                    self.faults.append(f"{call.method} to {call.chat} came {until - call.at:.3f} s before its order was over")
                    raise ApiError(429, f"Too Many Requests: retry after {int(until - call.at) + 1}",
                                   retry_after=int(until - call.at) + 1)
                del self._orders[chat]
        if not speaks:
            return
        for i, (chat, seconds) in enumerate(self._to_order):
            if chat in (None, call.chat):
                del self._to_order[i]
                self._orders[chat] = call.at + seconds
                self._told = {call.chat}
                raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if self.limits and call.chat is not None:
            self._keep_limits(call, call.chat)

    def _keep_limits(self, call: Call, chat: int) -> None:
        said = self._said[chat]
        too_fast = ""
        if said and call.at - said[-1] < 1.0:
            too_fast = f"{call.at - said[-1]:.3f} s after the last one to this chat"
        elif chat < 0 and len(said) == 20 and call.at - said[0] < 60:
            too_fast = "the 21st within a minute to a group"
        elif len(self._said_all) == 30 and call.at - self._said_all[0] < 1.0:
            too_fast = "the 31st within a second"
        if too_fast:
            self.faults.append(f"{call.method} to {chat}: {too_fast}")
            raise ApiError(429, "Too Many Requests: retry after 1", retry_after=1)
        said.append(call.at)
        self._said_all.append(call.at)

    # --- methods

    async def _getMe(self, _data: dict[str, Any]) -> Any:  # noqa: N802
        return BOT

    async def _getUpdates(self, data: dict[str, Any]) -> Any:  # noqa: N802
        offset, limit, timeout = int(data.get("offset", 0)), int(data.get("limit", 100)), float(data.get("timeout", 0))
        if self._poll_order:
            seconds, self._poll_order = self._poll_order, 0
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if self._polling is not None:
            self._polling.set()
        ended = self._polling = asyncio.Event()
        if offset > 0:  # everything before is confirmed, all the rest comes again
            self.updates = [u for u in self.updates if u["update_id"] >= offset]
        elif offset < 0:
            self.updates = self.updates[offset:]
        until = time.monotonic() + timeout
        while not self.updates and not ended.is_set() and (left := until - time.monotonic()) > 0:
            self._news.clear()
            waits = [asyncio.create_task(self._news.wait()), asyncio.create_task(ended.wait())]
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for w in waits:
                w.cancel()
        if ended.is_set():
            raise ApiError(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance "
                                "is running")
        self._polling = None
        return self.updates[:limit]

    async def _sendMessage(self, data: dict[str, Any]) -> Any:  # noqa: N802
        chat = self._chat(data)
        text, entities = self._read_text(data)
        self._ids += 1
        message: dict[str, Any] = {"message_id": self._ids, "date": int(time.time()), "chat": chat.as_json(), "from": BOT,
                                   "text": text}
        if entities:
            message["entities"] = entities
        markup = self._markup(data)
        if markup is not None and "inline_keyboard" in markup:
            message["reply_markup"] = markup
        chat.messages[self._ids] = message
        return message

    async def _sendPhoto(self, data: dict[str, Any]) -> Any:  # noqa: N802
        chat = self._chat(data)
        if not self.files.get(data["photo"], b"").startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
            raise ApiError(400, "Bad Request: IMAGE_PROCESS_FAILED")
        caption, entities = read_html(data.get("caption", ""))
        if units(caption) > 1024:
            raise ApiError(400, "Bad Request: message caption is too long")
        self._ids += 1
        message: dict[str, Any] = {
            "message_id": self._ids, "date": int(time.time()), "chat": chat.as_json(), "from": BOT, "caption": caption,
            "photo": [{"file_id": data["photo"], "file_unique_id": data["photo"], "width": 900, "height": 420}]}
        if entities:
            message["caption_entities"] = entities
        markup = self._markup(data)
        if markup is not None and "inline_keyboard" in markup:
            message["reply_markup"] = markup
        chat.messages[self._ids] = message
        return message

    async def _editMessageText(self, data: dict[str, Any]) -> Any:  # noqa: N802
        message = self._message(data)
        text, entities = self._read_text(data)
        markup = self._markup(data)
        changed = {**message, "text": text, "edit_date": int(time.time())}
        changed.pop("entities", None)
        changed.pop("reply_markup", None)
        if entities:
            changed["entities"] = entities
        if markup is not None:
            changed["reply_markup"] = markup
        return self._changed(message, changed)

    async def _deleteMessage(self, data: dict[str, Any]) -> Any:  # noqa: N802
        message = self.chats[int(data["chat_id"])].messages.get(int(data["message_id"]))
        if message is None:
            raise ApiError(400, "Bad Request: message to delete not found")
        if message["from"]["id"] != BOT["id"] or message["message_id"] in self.too_old:
            raise ApiError(400, "Bad Request: message can't be deleted")
        del self._chat(data).messages[message["message_id"]]
        return True

    async def _editMessageReplyMarkup(self, data: dict[str, Any]) -> Any:  # noqa: N802
        message = self._message(data)
        markup = self._markup(data)
        changed = {**message, "edit_date": int(time.time())}
        changed.pop("reply_markup", None)
        if markup is not None:
            changed["reply_markup"] = markup
        return self._changed(message, changed)

    async def _setMyCommands(self, data: dict[str, Any]) -> Any:  # noqa: N802
        commands = json.loads(data["commands"])
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]) or not 1 <= len(command["description"]) <= 256:
                raise ApiError(400, "Bad Request: BOT_COMMAND_INVALID")
        self.commands[json.loads(data["scope"])["chat_id"]] = {c["command"]: c["description"] for c in commands}
        return True

    async def _answerCallbackQuery(self, data: dict[str, Any]) -> Any:  # noqa: N802
        query = data["callback_query_id"]
        if query not in self.queries or self.queries[query] is not None:
            raise ApiError(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if len(data.get("text", "")) > 200:
            raise ApiError(400, "Bad Request: MESSAGE_TOO_LONG")
        self.queries[query] = data
        self.answers.append(data)
        return True

    async def _getFile(self, data: dict[str, Any]) -> Any:  # noqa: N802
        if data["file_id"] not in self.files:
            raise ApiError(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        content = self.files[data["file_id"]]
        return {"file_id": data["file_id"], "file_unique_id": f"u{data['file_id']}", "file_size": len(content),
                "file_path": f"documents/{data['file_id']}"}

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"].removeprefix("documents/")
        if request.match_info["token"] != self.token or name not in self.files:
            return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)
        return web.Response(body=self.files[name])

    # --- parts

    def _chat(self, data: dict[str, Any]) -> Chat:
        chat = self.chats.get(int(data["chat_id"]))
        if chat is None:
            raise ApiError(400, "Bad Request: chat not found")
        if chat.moved_to:
            raise ApiError(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.moved_to)
        if chat.refuses:
            raise ApiError(403 if chat.refuses.startswith("Forbidden") else 400, chat.refuses)
        return chat

    def _message(self, data: dict[str, Any]) -> dict[str, Any]:
        message = self._chat(data).messages.get(int(data["message_id"]))
        if message is None:
            raise ApiError(400, "Bad Request: message to edit not found")
        if message["from"]["id"] != BOT["id"]:
            raise ApiError(400, "Bad Request: message can't be edited")
        return message

    def _changed(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        same = ("text", "entities", "reply_markup")
        if all(old.get(k) == new.get(k) for k in same):
            raise ApiError(400, "Bad Request: message is not modified: specified new message content and reply markup are "
                                "exactly the same as a current content and reply markup of the message")
        self.chats[new["chat"]["id"]].messages[new["message_id"]] = new
        return new

    def _read_text(self, data: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        text, entities = (read_html(data["text"]) if data.get("parse_mode") == "HTML" else (data["text"], []))
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if units(text) > 4096:
            raise ApiError(400, "Bad Request: message is too long")
        if len(entities) > 100:
            self.faults.append(f"a message with {len(entities)} entities, of which Telegram keeps 100: {text[:60]!r}")
        if json.loads(data.get("link_preview_options", "{}")).get("is_disabled") is not True:
            self.faults.append(f"a message without its link preview turned off: {text[:60]!r}")
        return text, entities

    @staticmethod
    def _markup(data: dict[str, Any]) -> dict[str, Any] | None:
        if "reply_markup" not in data:
            return None
        markup: dict[str, Any] = json.loads(data["reply_markup"])
        for row in markup.get("inline_keyboard", ()):
            for button in row:
                if not 1 <= len(button.get("callback_data", "x").encode()) <= 64:
                    raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
                if not button["text"]:
                    raise ApiError(400, "Bad Request: text buttons are unallowed in the inline keyboard")
        return markup


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def read_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities of Telegram's HTML, or its refusal. https://core.telegram.org/bots/api#html-style"""
    reader = _Html()
    reader.feed(source)
    reader.close()
    if reader.open:
        raise ApiError(400, f"Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"{reader.open[-1][0]}\"")
    return "".join(reader.text), sorted(reader.entities, key=lambda e: (e["offset"], -e["length"]))


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.text: list[str] = []
        self.open: list[tuple[str, int, str | None]] = []
        self.entities: list[dict[str, Any]] = []

    def _at(self) -> int:
        return units("".join(self.text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise ApiError(400, f"Bad Request: can't parse entities: Unsupported start tag \"{tag}\" at byte offset 0")
        if tag == "blockquote" and any(t == "blockquote" for t, _a, _h in self.open):
            raise ApiError(400, "Bad Request: can't parse entities: nested blockquote")
        self.open.append((tag, self._at(), dict(attrs).get("href")))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            raise ApiError(400, f"Bad Request: can't parse entities: Unmatched end tag at byte offset 0, expected \"</{tag}>\"")
        _tag, start, href = self.open.pop()
        if self._at() > start:
            entity = {"type": _ENTITY[tag], "offset": start, "length": self._at() - start}
            if tag == "a":
                entity["url"] = href or ""
            self.entities.append(entity)

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise ApiError(400, "Bad Request: can't parse entities: Unclosed start tag at byte offset 0")
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        known = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
        self.text.append(known.get(name, f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.text.append(chr(int(name[1:], 16) if name[0] in "xX" else int(name)))

    def handle_comment(self, data: str) -> None:
        raise ApiError(400, "Bad Request: can't parse entities: Unsupported start tag \"!--\" at byte offset 0")

    def handle_decl(self, decl: str) -> None:
        raise ApiError(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 0")

    def handle_pi(self, data: str) -> None:
        raise ApiError(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 0")

    def unknown_decl(self, data: str) -> None:
        raise ApiError(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 0")


def clickable(text: str, entities: list[dict[str, Any]]) -> list[str]:
    """What Telegram would make clickable by itself in a text: outside code, pre and links."""
    raw = text.encode("utf-16-le")
    for e in entities:
        if e["type"] in ("code", "pre", "text_link"):
            raw = raw[:e["offset"] * 2] + (" " * e["length"]).encode("utf-16-le") + raw[(e["offset"] + e["length"]) * 2:]
    bare = raw.decode("utf-16-le")
    return re.findall(r"(?:https?://|tg://|www\.)\S+|(?<!\w)[@#$]\w{2,}|(?<![\w/])/[A-Za-z]\w+|\b[\w-]+\.(?:com|ru|kz|org|net|io)\b", bare)
