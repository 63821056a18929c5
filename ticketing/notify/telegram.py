"""Telegram as a channel: one bot, its pace, and what each error of the Bot API means for a message.

All that a bot says passes its pace, messages of the outbox and answers of the staff bot alike; getUpdates does not.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter, ExtBot
from telegram.request import HTTPXRequest

from ticketing.notify.buttons import Rows
from ticketing.notify.channel import Barred, ChannelError, Failing, Moved, Rejected, Unreachable, Wait
from ticketing.notify.message import Letter, Wording
from ticketing.notify.pace import LIMITS, Limits, Pace
from ticketing.notify.reach import Address

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

StaffBot = ExtBot[None]

# Descriptions of the Bot API for a chat that will not become reachable by trying again.
_GONE = ("chat not found", "user is deactivated", "bot was blocked", "bot can't initiate conversation",
         "peer_id_invalid", "have no rights to send")

# What python-telegram-bot makes of an answer without Telegram's description: of a proxy, a filter, a page of somebody else.
_FOREIGN = re.compile(r"([\w '-]{1,40} \(\d{3}\))(?:$|\. Parsing the server response)")

_UNCHANGED = "message is not modified"
_NO_MESSAGE = ("message to edit not found", "message can't be edited", "message_id_invalid", "message to be edited not found")


class PaceLimiter(BaseRateLimiter[None]):
    """Lets each request of a bot wait until its pace allows it. Orders to wait are kept, and passed on as errors."""

    def __init__(self, pace: Pace, steady: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self.steady = steady
        self._turns: dict[int, asyncio.Lock] = {}

    async def initialize(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    async def process_request(
            self, callback: Callable[..., Coroutine[Any, Any, Any]], args: Any, kwargs: dict[str, Any], endpoint: str,
            data: dict[str, Any], rate_limit_args: None) -> Any:
        """Wait, ask, and remember."""
        chat = data.get("chat_id")
        speaks = isinstance(chat, int) and endpoint.startswith(("send", "edit", "delete"))
        if not speaks:
            await self._until(self.pace.closed_until)
            return await self._ask(callback, args, kwargs, None)
        async with self._turns.setdefault(chat, asyncio.Lock()):  # type: ignore[arg-type]
            await self._until(lambda now: self.pace.free_at(chat, now))  # type: ignore[arg-type]
            self.pace.spoke(chat, self.steady())  # type: ignore[arg-type]
            return await self._ask(callback, args, kwargs, chat)

    async def _until(self, free: Callable[[float], float]) -> None:
        wait = free(now := self.steady()) - now
        while wait > 0:  # another order may have come meanwhile
            await asyncio.sleep(wait)
            wait = free(now := self.steady()) - now

    async def _ask(self, callback: Callable[..., Coroutine[Any, Any, Any]], args: Any, kwargs: dict[str, Any],
                   chat: int | None) -> Any:
        try:
            return await callback(*args, **kwargs)
        except RetryAfter as e:
            self.pace.ordered(chat, seconds_of(e), self.steady())
            raise


def seconds_of(order: RetryAfter) -> float:
    """How long to be silent."""
    value = order.retry_after
    return float(value) if isinstance(value, int) else value.total_seconds()


@asynccontextmanager
async def open_bot(token: str, api_url: str = "https://api.telegram.org", limits: Limits = LIMITS, *,
                   read_timeout: float = 30.0) -> AsyncIterator[StaffBot]:
    """A bot that keeps its pace, for as long as it is needed. Nothing is asked of Telegram before there is something to say.

    The long time-out is on purpose: a message whose answer got lost must be sent again.
    """
    bot = make_bot(token, api_url, limits, read_timeout=read_timeout)
    try:
        yield bot
    finally:
        await close(bot)


async def close(bot: StaffBot) -> None:
    """Close a bot's connections."""
    for request in bot._request:
        await request.shutdown()


def make_bot(token: str, api_url: str = "https://api.telegram.org", limits: Limits = LIMITS, *,
             read_timeout: float = 30.0, limiter: PaceLimiter | None = None) -> StaffBot:
    """As `open_bot`, for who closes it; with the `limiter` of an earlier bot its pace goes on."""
    def request() -> HTTPXRequest:
        return HTTPXRequest(connection_pool_size=16, read_timeout=read_timeout, write_timeout=15.0, connect_timeout=10.0,
                            pool_timeout=30.0)

    base = api_url.rstrip("/")
    return ExtBot(token, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot", request=request(),
                  get_updates_request=request(), rate_limiter=limiter or PaceLimiter(Pace(time.monotonic(), limits)))


def limiter_of(bot: StaffBot) -> PaceLimiter:
    """The pace that a bot of `make_bot` keeps."""
    limiter = bot.rate_limiter
    assert isinstance(limiter, PaceLimiter), "make_bot gives every bot its pace"
    return limiter


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """Buttons as Telegram takes them."""
    if not rows:
        return None
    return InlineKeyboardMarkup([[InlineKeyboardButton(b.text, callback_data=str(b.press)) for b in row] for row in rows])


def _buttons(letter: Letter) -> InlineKeyboardMarkup | None:
    """The buttons of a notice, in the reader's language, each in a row of its own."""
    found = letter.notice.buttons.get(letter.person.language, ()) if letter.notice is not None else ()
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data)] for text, data in found]) if found else None


def meaning(error: TelegramError) -> ChannelError:
    """What an error of the Bot API means for the message that met it."""
    words = str(error)[:300]
    if isinstance(error, RetryAfter):
        return Wait(words)
    if (foreign := _FOREIGN.match(words)) is not None:
        return Failing(f"{foreign[1]}: no answer of Telegram's; something on the way there gives its own")
    if isinstance(error, ChatMigrated):
        return Moved(words, error.new_chat_id)
    if isinstance(error, Forbidden):
        return Unreachable(words)
    if isinstance(error, InvalidToken):
        return Barred("Telegram refuses the bot's token")
    if isinstance(error, BadRequest):  # a NetworkError by inheritance only
        gone = any(sign in words.lower() for sign in _GONE)
        return Unreachable(words) if gone else Rejected(words)
    if isinstance(error, NetworkError):
        return Failing(words)
    return Failing(words)


class TelegramChannel:
    """Sends letters as messages of one bot, and edits them."""

    name = "telegram"

    def __init__(self, bot: StaffBot, wording: Wording) -> None:
        self.bot = bot
        self.wording = wording
        self._limiter = limiter_of(bot)
        self._replaced: list[StaffBot] = []

    def speak_as(self, token: str, api_url: str) -> None:
        """Go on with another token: @BotFather gave a new one. Pace and orders to wait stay; what is being said is said to its end."""
        self._replaced.append(self.bot)
        self.bot = make_bot(token, api_url, limiter=self._limiter)

    async def close(self) -> None:
        """Close the connections of the bots that this one replaced, and of the last one."""
        for bot in (*self._replaced, self.bot):
            await close(bot)

    def steady(self) -> float:
        """Seconds of the clock that the pace is kept by."""
        return self._limiter.steady()

    def closed_until(self) -> float:
        """Until when nothing may be said to anybody."""
        return self._limiter.pace.closed_until(self.steady())

    def busy(self) -> Mapping[int, float]:
        """Chats that must not be spoken to yet, and until when."""
        return self._limiter.pace.busy(self.steady())

    def orders(self) -> Mapping[int | None, float]:
        """Orders of Telegram in force: seconds left by chat; None is the whole bot."""
        return self._limiter.pace.orders(self.steady())

    def recall(self, orders: Mapping[Address | None, float]) -> None:
        """Keep orders that an earlier process was given."""
        known = {chat: seconds for chat, seconds in orders.items() if not isinstance(chat, str)}
        self._limiter.pace.recall(known, self.steady())

    async def send(self, letter: Letter, now: datetime) -> Mapping[str, Any]:
        """Send a letter; its handle is the chat and the message's id there."""
        message = self.wording.message(letter, now)
        assert isinstance(letter.address, int), "the address of Telegram is a chat"
        picture = letter.notice.picture if letter.notice is not None else None
        try:
            if picture is not None:
                sent = await self.bot.send_photo(letter.address, picture, caption=message.html, parse_mode="HTML",
                                                 reply_markup=_buttons(letter))
            else:
                sent = await self.bot.send_message(letter.address, message.html, parse_mode="HTML",
                                                   link_preview_options=NO_PREVIEW, reply_markup=keyboard(message.rows))
        except TelegramError as e:
            raise meaning(e) from e
        return {"chat": letter.address, "message": sent.message_id}

    async def edit(self, chat: int, message: int, html: str, rows: Rows) -> None:
        """Change a message; one that already says so, or that is gone, is as good as changed."""
        try:
            await self.bot.edit_message_text(html, chat_id=chat, message_id=message, parse_mode="HTML",
                                             link_preview_options=NO_PREVIEW, reply_markup=keyboard(rows))
        except TelegramError as e:
            words = str(e).lower()
            if isinstance(e, BadRequest) and (_UNCHANGED in words or any(sign in words for sign in _NO_MESSAGE)):
                return
            raise meaning(e) from e
