"""Says to citizens in their private chats with our bot what is queued for them, with the buttons that belong to it.

At least once: in private a repeat is better than a number that never came. The code of a card is made here, just before it
is said, so that it lies nowhere as text; said again, it is a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import RetryAfter, TelegramError

from config.languages import N_, language
from monitor.store.engine import Database, reason_of
from monitor.store.tables import post
from ticketing import access
from ticketing.bot.citizen_talk import TALK, TAP, Taps, talk_of
from ticketing.citizens import BOT, CHANNEL
from ticketing.notify.channel import Barred, Rejected, Unreachable
from ticketing.notify.telegram import NO_PREVIEW, TelegramChannel, meaning, seconds_of
from ticketing.service import Service
from ticketing.store import private_chat, ticket_by_number
from ticketing.tables import answer, delivery

CODE = "\ue000code\ue000"
"""Stands in a text where the code will be: private-use characters, which nobody types."""

LONGEST = 3800
"""UTF-16 units of one message; Telegram takes 4096."""

ATTEMPTS = 100
_AT_ONCE = 20

log = structlog.get_logger("bot")


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery, ready to be said."""

    delivery: int
    about: str
    attempts: int
    chat: int | None
    text: str
    taps: Taps


class ToCitizens:
    """Speaks for as long as `run` runs."""

    def __init__(self, db: Database, service: Service, channel: TelegramChannel, *,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC), first_pause: float = 2.0, look: float = 1.0,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._db, self._service, self._channel, self._clock = db, service, channel, clock
        self._first_pause, self._look, self._sleep = first_pause, look, sleep
        self._bell = asyncio.Event()
        db.on_commit(self._bell.set)

    async def run(self) -> None:
        """For ever."""
        while True:
            self._bell.clear()
            try:
                busy = await self.step()
            except SQLAlchemyError as e:
                log.error("the database cannot be used; what citizens are told waits",
                          reason=reason_of(e))
                await self._sleep(5.0)
                continue
            if not busy:
                try:
                    async with asyncio.timeout(self._look):
                        await self._bell.wait()
                except TimeoutError:
                    continue

    async def drain(self) -> int:
        """Say what is due now; returns how much was tried."""
        total = 0
        while tried := await self.step():
            total += tried
        return total

    async def step(self) -> int:
        """Say what is due, each chat in its order. Returns how many were tried."""
        due = await self._db.read(_due, self._clock())
        await asyncio.gather(*(self._one(id_) for id_ in due))
        return len(due)

    async def _one(self, id_: int) -> None:
        letter = await self._db.write(_ready, id_, self._clock())
        if letter is None:
            return
        if letter.chat is None or not letter.text:
            await self._lost(letter, "the text was erased")
            return
        parts = _parts(letter.text)
        try:
            for i, part in enumerate(parts):
                markup = InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data) for text, data in row]
                                               for row in letter.taps]) if letter.taps and i == len(parts) - 1 else None
                sent = await self._channel.bot.send_message(letter.chat, part, link_preview_options=NO_PREVIEW, reply_markup=markup)
        except TelegramError as e:
            await self._not_said(letter, e)
            return
        if letter.about == TALK:
            await self._db.write(_forget, letter.delivery)
        else:
            await self._db.write(self._service.delivered, letter.delivery, {"native_id": f"{letter.chat}/{sent.message_id}"}, self._clock())

    async def _not_said(self, letter: Letter, error: TelegramError) -> None:
        meant = meaning(error)
        if isinstance(meant, Unreachable | Rejected) or letter.attempts + 1 >= ATTEMPTS:
            await self._lost(letter, str(meant)[:300])
            return
        wait = seconds_of(error) if isinstance(error, RetryAfter) else self._first_pause * 2.0 ** min(letter.attempts, 9)
        if isinstance(meant, Barred):
            wait = max(wait, 60.0)
        await self._db.write(_later, letter.delivery, str(meant)[:300], self._clock() + timedelta(seconds=wait))

    async def _lost(self, letter: Letter, reason: str) -> None:
        log.warning("a citizen could not be told", about=letter.about, reason=reason)
        if letter.about == TALK:
            await self._db.write(_forget, letter.delivery)
        else:
            await self._db.write(self._service.failed, letter.delivery, reason, self._clock())


def _due(c: Connection, now: datetime) -> list[int]:
    """The oldest delivery of each chat."""
    found: dict[str, int] = {}
    rows = c.execute(select(delivery.c.id, delivery.c.recipient).where(
        delivery.c.channel == CHANNEL + BOT, delivery.c.state == "queued", delivery.c.next_try_at <= now)
        .order_by(delivery.c.id).limit(200)).all()
    posts = [int(r.recipient.removeprefix(_POST)) for r in rows if r.recipient.startswith(_POST)]
    natives = dict(c.execute(select(post.c.id, post.c.native_id).where(post.c.id.in_(posts))).tuples().all()) if posts else {}
    for row in rows:
        where = row.recipient.removeprefix("chat:")
        if row.recipient.startswith(_POST):
            chat = private_chat("telegram", natives.get(int(row.recipient.removeprefix(_POST)), ""))
            where = str(chat) if chat is not None else row.recipient
        found.setdefault(where, row.id)
    return list(found.values())[:_AT_ONCE]


_POST = "post:"


def _ready(c: Connection, id_: int, now: datetime) -> Letter | None:
    """What is to be said, with a fresh code where one belongs; None where it was said or withdrawn meanwhile."""
    row = c.execute(select(delivery).where(delivery.c.id == id_, delivery.c.state == "queued")).one_or_none()
    if row is None:
        return None
    body: dict[str, Any] = row.body or {}
    if row.about == TALK:
        return Letter(id_, TALK, row.attempts, int(row.recipient.removeprefix("chat:")), str(body.get("text", "")),
                      [[(one[0], one[1]) for one in line] for line in body.get("taps", ())])
    native = c.execute(select(post.c.native_id).where(post.c.id == int(row.recipient.removeprefix(_POST)))).scalar_one_or_none()
    chat = private_chat("telegram", native or "")
    text, taps = _words(c, row, chat)
    if CODE in text:
        text = text.replace(CODE, access.issue(c, row.about, now))
    return Letter(id_, row.about, row.attempts, chat, text, taps)


def _words(c: Connection, row: Row[Any], chat: int | None) -> tuple[str, Taps]:
    body: dict[str, Any] = row.body or {}
    card = ticket_by_number(c, row.about)
    if card is None or chat is None:
        return "", ()
    talk = talk_of(c, chat)
    if "answer" in body:
        given = c.execute(select(answer).where(answer.c.id == body["answer"])).one_or_none()
        if given is None or not given.text:
            return "", ()
        final = given.kind == "final"
        heading = talk.say(N_("Answer to %(number)s:") if final else N_("About %(number)s:"), number=row.about)
        return f"{heading}\n\n{given.text}", judging(talk.label, card.id) if final else ()
    kind = row.kind.partition(":")
    if kind[0] == "question":
        return str(body.get("text", "")), [[(talk.label(N_("Reply")), f"{TAP}q:{card.id}:{kind[2]}")]]
    if kind[0] == "not_examined":
        return str(body.get("text", "")), [[(talk.label(N_("I do not agree")), f"{TAP}n:{card.id}")]]
    if kind[0] == "registered":
        return str(body.get("text", "")), [[(talk.label(N_("How does it stand?")), f"{TAP}v:{card.id}")]]
    return str(body.get("text", "")), ()


def judging(label: Callable[[str], str], card: int) -> Taps:
    """The buttons under an answer."""
    return [[(label(N_("Solved")), f"{TAP}y:{card}"), (label(N_("Not solved")), f"{TAP}n:{card}")],
            [(str(mark), f"{TAP}m:{card}:{mark}") for mark in range(1, 6)]]


def _parts(text: str) -> list[str]:
    """A long text in pieces that Telegram takes, parted at line ends where it can be."""
    parts, rest = [], text
    while len(rest.encode("utf-16-le")) // 2 > LONGEST:
        cut = rest[:LONGEST // 2 if any(ord(ch) > 0xFFFF for ch in rest[:LONGEST]) else LONGEST]
        at = max(cut.rfind("\n"), cut.rfind(" "), len(cut) // 2)
        parts.append(rest[:at])
        rest = rest[at:].lstrip()
    return [*parts, rest]


def _later(c: Connection, id_: int, reason: str, at: datetime) -> None:
    c.execute(update(delivery).where(delivery.c.id == id_).values(reason=reason, next_try_at=at, attempts=delivery.c.attempts + 1))


def _forget(c: Connection, id_: int) -> None:
    c.execute(delete(delivery).where(delivery.c.id == id_))


def registered_words(talk_language: str, number: str, akimat: str, due: str, link: str) -> str:
    """The confirmation in one language, with the place for the code."""
    return language(talk_language).gettext(N_(
        "Registered: %(number)s\nCode: %(code)s\nAkimat: %(akimat)s\nAnswer until: %(due)s\n\nWith number and code you can see how it "
        "stands: %(link)s\nKeep the code to yourself.")) % {"number": number, "code": CODE, "akimat": akimat, "due": due, "link": link}
