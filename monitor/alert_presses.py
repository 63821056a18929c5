"""Deciding on a surge from the alert in Telegram: the same verb and journal as on its page, by whoever may do it there.

It stands before the other bots: a press of an alert is its own, everything else is theirs. Nothing here reads or changes a card,
and the bots of cards know of no surge (invariant 3).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection
from telegram import Bot as TelegramBot
from telegram.error import TelegramError

from config.languages import N_, language
from monitor.response import words
from monitor.response.alerts import PRESS
from monitor.response.rights import DECISIONS
from monitor.response.verbs import Actor, Refused, decide
from monitor.store import surges
from ticketing import people
from ticketing.bot.inbound import Bot

log = structlog.get_logger("bot")

_DATA = re.compile(re.escape(PRESS) + r"(\w{1,10}):([\w.-]{1,40})", re.ASCII)
SALT = 16


@dataclass(frozen=True, slots=True)
class Pressed:
    """What is shown to who pressed; `take`: the message (chat, id) whose buttons are done with."""

    query: str
    text: str
    take: tuple[int, int] | None = None


class AlertPresses:
    """What `ticketing.bot.inbound` drives, in front of another bot. `below`: the akimats of an office."""

    def __init__(self, others: Bot, telegram: TelegramBot, below: Callable[[str], frozenset[str]]) -> None:
        self._others, self._telegram, self._below = others, telegram, below

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Any]:
        """Decide, or pass on."""
        query = payload.get("callback_query")
        if not isinstance(query, Mapping) or not str(query.get("data", "")).startswith(PRESS):
            return self._others.handle(c, payload, now)
        person = people.by_telegram(c, query["from"]["id"])
        if person is None:
            said = N_("You are not connected to any office.")
            return (Pressed(str(query["id"]), f"{language('kk').gettext(said)} {language('ru').gettext(said)}"),)
        _ = language(person.language).gettext
        found = _DATA.fullmatch(str(query["data"]))
        if found is None or found[1] not in DECISIONS:
            return (Pressed(str(query["id"]), _("This button is out of use.")),)
        actor = Actor(person.id, person.role, None if person.office is None else self._below(person.office))
        try:
            before = surges.one(c, found[2], actor.scope)
            if before is not None and before.decision == found[1] and before.decided_by == actor.id and not before.waits:
                return (Pressed(str(query["id"]), _("Recorded: %s.") % _(words.DECISION[found[1]])),)     # a second tap
            whole = decide(c, found[2], found[1], "", actor, now, lambda: secrets.token_bytes(SALT))
        except LookupError:
            return (Pressed(str(query["id"]), _("There is no such surge, or it belongs to another office.")),)
        except Refused as e:
            return (Pressed(str(query["id"]), _(e.message_id)),)
        row = surges.one(c, whole, actor.scope)
        done = _("Recorded: %s.") % _(words.DECISION[found[1]])
        message = query.get("message") or {}
        settled = row is not None and not row.waits
        place = (message["chat"]["id"], message["message_id"]) if settled and "message_id" in message else None
        return (Pressed(str(query["id"]), done, place),)

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Any]:
        """What to say when it could not be done yet."""
        return self._others.failed(payload)

    async def say(self, effects: Sequence[Any]) -> None:
        """Own answers here, all else by the others."""
        for effect in effects:
            if isinstance(effect, Pressed):
                await self._say(effect)
        if rest := [effect for effect in effects if not isinstance(effect, Pressed)]:
            await self._others.say(rest)

    async def _say(self, effect: Pressed) -> None:
        try:
            await self._telegram.answer_callback_query(effect.query, text=effect.text[:200], show_alert=True)
            if effect.take is not None:
                chat, message = effect.take
                await self._telegram.edit_message_reply_markup(chat, message, reply_markup=None)
        except TelegramError as e:
            log.warning("the bot could not answer", what="a press of an alert", reason=str(e)[:200])
