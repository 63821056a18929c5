"""Says what the staff bot decided to say, and keeps trying for a while: its work is already committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from telegram import BotCommand, BotCommandScopeChat, ForceReply
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from monitor.store.engine import Database
from ticketing import copies
from ticketing.attaching import LARGEST, photos_waiting
from ticketing.bot import dialogue
from ticketing.bot.effects import Answer, Edit, Effect, Fetch, Menu, Show
from ticketing.bot.staff import StaffBot
from ticketing.notify import queries
from ticketing.notify.channel import ChannelError, Failing, Wait
from ticketing.notify.telegram import NO_PREVIEW, TelegramChannel, keyboard
from ticketing.tables import photo

TRIES = 5
TRIES_OF_PHOTOS = 9
"""About four minutes; what is not brought by then is brought after the next start."""

log = structlog.get_logger("bot")


class SpeakingBot:
    """The staff bot with its voice: what `ticketing.bot.inbound` drives."""

    def __init__(self, db: Database, staff: StaffBot, channel: TelegramChannel, first_pause: float = 1.0,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db, self._staff, self._channel, self._first_pause, self._clock = db, staff, channel, first_pause, clock

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Effect]:
        """Do the work of an update."""
        return self._staff.handle(c, payload, now)

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Effect]:
        """What to say when it could not be done yet."""
        return self._staff.failed(payload)

    async def say(self, effects: Sequence[Any]) -> None:
        """Answers first: Telegram waits for them."""
        for effect in sorted(effects, key=lambda e: not isinstance(e, Answer)):
            try:
                await self._surely(effect)
            except (TelegramError, ChannelError) as e:
                log.warning("the bot could not answer", what=type(effect).__name__, reason=str(e)[:200])

    async def resume(self) -> None:
        """After a restart: questions that were not said, photos that were not brought."""
        try:
            unsaid = list(await self._db.read(self._staff.unsaid, self._clock()))
            await self.say([*unsaid, *(Fetch(id_) for id_ in await self._db.read(photos_waiting))])
        except SQLAlchemyError as e:
            log.error("the database cannot be used; what the bot had not said waits for the next message", reason=str(e).splitlines()[0])

    async def _surely(self, effect: Effect) -> None:
        tries = TRIES_OF_PHOTOS if isinstance(effect, Fetch) else TRIES
        for attempt in range(tries):
            try:
                await self._once(effect)
                return
            except (RetryAfter, Wait):
                if isinstance(effect, Answer):
                    return
            except (NetworkError, Failing) as e:
                if isinstance(e, BadRequest) or isinstance(effect, Answer) or attempt == tries - 1:
                    raise
                await asyncio.sleep(self._first_pause * 2.0 ** attempt)

    async def _once(self, effect: Effect) -> None:
        bot = self._channel.bot
        if isinstance(effect, Answer):
            await bot.answer_callback_query(effect.query, text=effect.text or None, show_alert=effect.alert)
        elif isinstance(effect, Edit):
            await self._channel.edit(effect.chat, effect.message, effect.html, effect.rows)
        elif isinstance(effect, Menu):
            await bot.set_my_commands([BotCommand(name, what) for name, what in effect.commands],
                                      scope=BotCommandScopeChat(effect.chat))
        elif isinstance(effect, Show):
            sent = await bot.send_photo(effect.chat, effect.file, caption=effect.html or None, parse_mode="HTML")
            if effect.about is not None:
                await self._db.write(copies.note, effect.chat, sent.message_id, effect.about, self._clock(), photo=True)
        elif isinstance(effect, Fetch):
            await self._fetch(effect.photo)
        else:
            markup = ForceReply(selective=True) if effect.asks else keyboard(effect.rows)
            sent = await bot.send_message(effect.chat, effect.html, parse_mode="HTML", link_preview_options=NO_PREVIEW,
                                          reply_markup=markup)
            if effect.ticket is not None:
                await self._db.write(queries.remember, effect.chat, sent.message_id, [effect.ticket], effect.account)
            if effect.about is not None:
                await self._db.write(copies.note, effect.chat, sent.message_id, effect.about, self._clock())
            if effect.dialogue is not None:
                await self._db.write(dialogue.said, effect.dialogue, sent.message_id)

    async def _fetch(self, id_: int) -> None:
        """Bring a photo. What Telegram no longer has, or is too large, is given up; a failing network is tried again."""
        file_id = await self._db.read(_file_of, id_)
        if file_id is None:
            return
        content = b""
        try:
            file = await self._channel.bot.get_file(file_id)
            if (file.file_size or 0) <= LARGEST:
                content = bytes(await file.download_as_bytearray())
        except BadRequest as e:
            log.warning("a photo cannot be had", photo=id_, reason=str(e)[:200])
        await self.say(await self._db.write(self._staff.fetched, id_, content, self._clock()))


def _file_of(c: Connection, id_: int) -> str | None:
    return c.execute(select(photo.c.file).where(photo.c.id == id_, photo.c.state == "waiting")).scalar()
