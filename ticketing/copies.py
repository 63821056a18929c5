"""Copies of a card's words outside its rows: messages that our bot sent to staff, letters and calls that nobody can take back.

An erasure marks them in its own transaction; `ticketing.notify.callback` deletes or changes what Telegram still allows. What a citizen
was told stays with the citizen, and what stands in a public thread stays there: both are said in the dry run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ticketing.citizens import CHANNEL
from ticketing.tables import delivery, spoken, staff_message

CHUNK = 400


def note(c: Connection, chat: int, message: int, ticket: str, now: datetime, *, photo: bool = False) -> None:
    """Our bot said words of a card in a chat."""
    c.execute(_insert(c).values(chat=chat, message=message, ticket=ticket, at=now, photo=photo, state="stands", next_try_at=now)
              .on_conflict_do_nothing())


def outside(c: Connection, numbers: Collection[str]) -> dict[str, int]:
    """Where words of these cards are beside our own rows: messages of the bot, letters, calls, threads, citizens' chats."""
    found: Counter[str] = Counter()
    found["telegram_messages"] = len(_messages(c, numbers))
    for part in _parts(numbers):
        for channel, n in c.execute(select(delivery.c.channel, func.count()).where(
                delivery.c.about.in_(part), delivery.c.state == "sent", delivery.c.channel != "telegram").group_by(delivery.c.channel)):
            name = "letters_and_calls" if not channel.startswith(CHANNEL) else "told_to_citizens"
            found[f"{name}_that_stay"] += n
    return {name: n for name, n in sorted(found.items()) if n}


def call_back(c: Connection, numbers: Collection[str], now: datetime) -> int:
    """Have the bot's messages about these cards called back. Returns how many."""
    messages = _messages(c, numbers)
    for (chat, message, ticket), at in sorted(messages.items()):
        note(c, chat, message, ticket, at)
        c.execute(update(spoken).where(spoken.c.chat == chat, spoken.c.message == message, spoken.c.ticket == ticket,
                                       spoken.c.state == "stands").values(state="waiting", next_try_at=now))
    return len(messages)


def called_back(c: Connection, number: str) -> dict[str, int]:
    """What became of the messages about a card that was erased, by state."""
    return dict(c.execute(select(spoken.c.state, func.count()).where(spoken.c.ticket == number, spoken.c.state != "stands")
                          .group_by(spoken.c.state)).tuples().all())


def _messages(c: Connection, numbers: Collection[str]) -> dict[tuple[int, int, str], datetime]:
    """Messages that hold words of these cards, each with the moment it was sent."""
    found: dict[tuple[int, int, str], datetime] = {}
    for part in _parts(numbers):
        for r in c.execute(select(spoken).where(spoken.c.ticket.in_(part))):
            found[r.chat, r.message, r.ticket] = r.at
        for d in c.execute(select(delivery.c.about, delivery.c.handle, delivery.c.sent_at, delivery.c.kind).where(
                delivery.c.about.in_(part), delivery.c.channel == "telegram", delivery.c.state == "sent")):
            where = d.handle or {}
            if "message" in where and "digest" not in where and d.sent_at is not None:
                found.setdefault((int(where["chat"]), int(where["message"]), d.about), d.sent_at)
    return found


def others_in(c: Connection, chat: int, message: int, ticket: str) -> bool:
    """Whether a message is about other cards too, whose words stay."""
    beside = select(staff_message.c.ticket).where(staff_message.c.chat == chat, staff_message.c.message == message,
                                                  staff_message.c.ticket != ticket)
    also = select(spoken.c.ticket).where(spoken.c.chat == chat, spoken.c.message == message, spoken.c.ticket != ticket,
                                         spoken.c.state == "stands")
    return c.execute(beside.limit(1)).first() is not None or c.execute(also.limit(1)).first() is not None


def _parts(numbers: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start:start + CHUNK]


def _insert(c: Connection) -> Any:
    return (postgresql if c.dialect.name == "postgresql" else sqlite).insert(spoken)
