"""What the bot is in the middle of asking somebody. It lies in the database, so that a restart between two steps loses nothing.

One dialogue a person and chat; a new one takes the place of the old. An answer counts only to a question that was said
(`asked`): what somebody writes before it stood in the chat is no answer to it, and the question is said again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from ticketing.tables import dialogue

LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue: which form is being filled in about which card, what is asked for, and what was said so far."""

    chat: int
    account: int
    ticket: str
    form: str
    step: str
    data: Mapping[str, Any]
    nonce: int
    asked: int | None


def running(c: Connection, chat: int, account: int, now: datetime) -> Dialogue | None:
    """The dialogue of a person in a chat, unless a day went by or an erasure emptied it."""
    row = c.execute(select(dialogue).where(dialogue.c.chat == chat, dialogue.c.account == account)).one_or_none()
    if row is None or row.data is None or row.at <= now - LIFE:
        return None
    return Dialogue(row.chat, row.account, row.ticket, row.form, row.step, row.data, row.nonce, row.asked)


def put(c: Connection, one: Dialogue, now: datetime) -> Dialogue:
    """Begin it, or take it a step on. What expired elsewhere goes."""
    c.execute(delete(dialogue).where((dialogue.c.at <= now - LIFE) | (
        (dialogue.c.chat == one.chat) & (dialogue.c.account == one.account))))
    c.execute(insert(dialogue).values(
        chat=one.chat, account=one.account, ticket=one.ticket, form=one.form, step=one.step, data=dict(one.data), nonce=one.nonce,
        asked=one.asked, at=now))
    return one


def end(c: Connection, chat: int, account: int) -> bool:
    """End it. False where there was none."""
    return c.execute(delete(dialogue).where(dialogue.c.chat == chat, dialogue.c.account == account)).rowcount > 0


def said(c: Connection, of: tuple[int, int, int], message: int) -> None:
    """The question stands in the chat."""
    chat, account, nonce = of
    c.execute(update(dialogue).where(dialogue.c.chat == chat, dialogue.c.account == account, dialogue.c.nonce == nonce)
              .values(asked=message))


def unsaid(c: Connection, now: datetime) -> Sequence[tuple[int, int]]:
    """Dialogues (chat, account) whose question a crash kept from being said."""
    return [(row.chat, row.account) for row in c.execute(select(dialogue.c.chat, dialogue.c.account).where(
        dialogue.c.asked.is_(None), dialogue.c.at > now - LIFE).order_by(dialogue.c.at))]
