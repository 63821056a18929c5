"""Says what the staff bot decided to say, and keeps trying for a while: its work is already committed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection
from telegram import ForceReply
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from monitor.store.engine import Database
from ticketing.bot.staff import Answer, Edit, Effect, StaffBot
from ticketing.notify import queries
from ticketing.notify.channel import ChannelError, Failing, Wait
from ticketing.notify.telegram import NO_PREVIEW, TelegramChannel, keyboard

TRIES = 5

log = structlog.get_logger("bot")


class SpeakingBot:
    """The staff bot with its voice: what `ticketing.bot.inbound` drives."""

    def __init__(self, db: Database, staff: StaffBot, channel: TelegramChannel, first_pause: float = 1.0) -> None:
        self._db, self._staff, self._channel, self._first_pause = db, staff, channel, first_pause

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

    async def _surely(self, effect: Effect) -> None:
        for attempt in range(TRIES):
            try:
                await self._once(effect)
                return
            except (RetryAfter, Wait):
                if isinstance(effect, Answer):
                    return
            except (NetworkError, Failing) as e:
                if isinstance(e, BadRequest) or isinstance(effect, Answer) or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(self._first_pause * 2.0 ** attempt)

    async def _once(self, effect: Effect) -> None:
        bot = self._channel.bot
        if isinstance(effect, Answer):
            await bot.answer_callback_query(effect.query, text=effect.text or None, show_alert=effect.alert)
        elif isinstance(effect, Edit):
            await self._channel.edit(effect.chat, effect.message, effect.html, effect.rows)
        else:
            markup = ForceReply(selective=True) if effect.asks else keyboard(effect.rows)
            sent = await bot.send_message(effect.chat, effect.html, parse_mode="HTML", link_preview_options=NO_PREVIEW,
                                          reply_markup=markup)
            if effect.ticket is not None:
                await self._db.write(queries.remember, effect.chat, sent.message_id, [effect.ticket], effect.account)
