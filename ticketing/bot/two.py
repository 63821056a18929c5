"""One token, two bots: staff are known by their binding, everybody else is a citizen. Groups are the staff's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ticketing import people
from ticketing.bot.citizen import CitizenBot
from ticketing.bot.citizen_talk import TAP
from ticketing.bot.voice import SpeakingBot


class TwoBots:
    """What `ticketing.bot.inbound` drives."""

    def __init__(self, staff: SpeakingBot, citizens: CitizenBot) -> None:
        self._staff, self._citizens = staff, citizens

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Any]:
        """To whom an update belongs."""
        return self._citizens.handle(c, payload, now) if _is_citizens(c, payload) else self._staff.handle(c, payload, now)

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Any]:
        """What to say when it could not be done yet."""
        return self._staff.failed(payload)

    async def say(self, effects: Sequence[Any]) -> None:
        """Say it at once; what citizens are told waits in the database (ticketing.bot.outgoing)."""
        await self._staff.say(effects)


def _is_citizens(c: Connection, payload: Mapping[str, Any]) -> bool:
    query = payload.get("callback_query")
    if isinstance(query, Mapping):
        return str(query.get("data", "")).startswith(TAP)     # also of staff who filed something before they were staff
    message = payload.get("message")
    if not isinstance(message, Mapping) or message.get("chat", {}).get("type") != "private":
        return False
    sender, text = message.get("from", {}).get("id"), str(message.get("text", ""))
    if not isinstance(sender, int) or people.by_telegram(c, sender) is not None:
        return False
    return not (text.startswith("/start ") and text[7:].strip())      # the one-time link of a member of staff
