"""Calls back what our bot said to staff about a card whose texts were erased: deleted while Telegram allows that, else changed.

A bot deletes its messages within 48 hours (https://core.telegram.org/bots/api#deletemessage) and changes their words at any time;
an old photo can be neither. What cannot be called back is written down as such.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, select, update
from telegram.error import TelegramError

from config.languages import N_, language
from monitor.store.engine import Database
from ticketing import copies
from ticketing.notify import queries
from ticketing.notify.channel import ChannelError, Rejected, Unreachable
from ticketing.notify.queries import Shown
from ticketing.notify.telegram import TelegramChannel, meaning
from ticketing.tables import spoken, staff_message

DELETABLE = timedelta(hours=47)
"""A little less than Telegram's 48 hours: its clock is not ours."""
TRIES = 12
BATCH = 50

_GONE = N_("The texts of this card were erased.")

log = structlog.get_logger("callback")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message to be called back; `shown` where it is about other cards too, whose words stay."""

    row: Any
    shown: Shown | None


class Callback:
    """Works for as long as somebody calls `look`."""

    def __init__(self, db: Database, channel: TelegramChannel, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db, self._channel, self._clock = db, channel, clock

    async def look(self) -> None:
        """Call back what waits."""
        while found := await self._db.read(_waiting, self._clock(), set(self._channel.busy())):
            for one in found:
                await self._one(one)

    async def _one(self, one: Waiting) -> None:
        row, now = one.row, self._clock()
        try:
            state = await self._called_back(one, now)
        except (Unreachable, Rejected) as e:
            await self._db.write(_settled, row, "could_not", str(e)[:200])
        except ChannelError as e:
            if row.tries + 1 >= TRIES:
                await self._db.write(_settled, row, "could_not", str(e)[:200])
            else:
                await self._db.write(_later, row, str(e)[:200], now + timedelta(seconds=min(3600.0, 5.0 * 2.0 ** row.tries)))
        else:
            await self._db.write(_settled, row, state, None)

    async def _called_back(self, one: Waiting, now: datetime) -> str:
        row, wording = one.row, self._channel.wording
        if one.shown is not None:       # written anew from what is left: the words of the others alone
            said = wording.cards(one.shown.items, one.shown.person, now)
            await self._channel.edit(row.chat, row.message, said.html, said.rows)
            return "edited"
        if now - row.at < DELETABLE:
            try:
                await self._channel.bot.delete_message(row.chat, row.message)
            except TelegramError as e:
                if "not found" in str(e).lower():
                    return "deleted"
                if not isinstance(meaning(e), Rejected | Unreachable) or row.photo:
                    raise meaning(e) from e
            else:
                return "deleted"
        if row.photo:
            raise Rejected("an old photo can be neither deleted nor changed by a bot")
        words = " / ".join(language(code).gettext(_GONE) for code in ("kk", "ru"))
        await self._channel.edit(row.chat, row.message, f"<b>{html.escape(row.ticket)}</b>\n{words}", ())
        return "edited"


def _waiting(c: Connection, now: datetime, busy: set[int]) -> list[Waiting]:
    rows = c.execute(select(spoken).where(spoken.c.state == "waiting", spoken.c.next_try_at <= now, spoken.c.chat.not_in(sorted(busy)))
                     .order_by(spoken.c.at).limit(BATCH)).all()
    return [Waiting(row, queries.shown_in(c, row.chat, row.message) if copies.others_in(c, row.chat, row.message, row.ticket) else None)
            for row in rows]


def _settled(c: Connection, row: Any, state: str, reason: str | None) -> None:
    c.execute(update(spoken).where(spoken.c.chat == row.chat, spoken.c.message == row.message, spoken.c.ticket == row.ticket)
              .values(state=state, reason=reason, tries=spoken.c.tries + 1))
    if state == "deleted":
        c.execute(delete(staff_message).where(staff_message.c.chat == row.chat, staff_message.c.message == row.message))
    if state == "could_not":
        log.warning("a message with erased words cannot be called back", chat=row.chat, ticket=row.ticket, reason=reason)


def _later(c: Connection, row: Any, reason: str, at: datetime) -> None:
    c.execute(update(spoken).where(spoken.c.chat == row.chat, spoken.c.message == row.message, spoken.c.ticket == row.ticket)
              .values(tries=spoken.c.tries + 1, next_try_at=at, reason=reason))
