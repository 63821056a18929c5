"""What the citizens' bot says, and what waits in a chat between two messages. No rules here.

Everything it says is a delivery, written in the transaction that made it true: a stop between the two loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.languages import language
from ticketing.citizens import BOT, CHANNEL
from ticketing.tables import delivery
from ticketing.tables import talk as talks

TALK = "talk"
"""What a delivery is about that belongs to no card; its row goes when it is said."""

TAP = "c."
"""Begins the data of every button of ours; those of staff begin otherwise (ticketing.notify.buttons)."""

Taps = Sequence[Sequence[tuple[str, str]]]
"""Rows of buttons: text and data."""


@dataclass(slots=True)
class Talk:
    """Where the talk in one chat stands."""

    chat: int
    language: str | None = None
    akimat: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    recent: dict[str, list[str]] = field(default_factory=dict)

    def speak(self) -> tuple[str, ...]:
        """In which languages: both until one is known."""
        return (self.language,) if self.language in ("kk", "ru") else ("kk", "ru")

    def say(self, message: str, **values: Any) -> str:
        """A message id in the languages of the talk."""
        return "\n\n".join(language(code).gettext(message) % values if values else language(code).gettext(message)
                           for code in self.speak())

    def label(self, message: str) -> str:
        """The same for a button, on one line."""
        return " · ".join(dict.fromkeys(language(code).gettext(message) for code in self.speak()))[:60]

    def often(self, what: str, now: datetime, window: timedelta) -> int:
        """How often something happened in the last `window`."""
        since = (now - window).isoformat()
        return sum(at > since for at in self.recent.get(what, ()))

    def note(self, what: str, now: datetime) -> None:
        """It happened now. A day is remembered, and no more than fifty of each."""
        since = (now - timedelta(days=1)).isoformat()
        self.recent[what] = [*(at for at in self.recent.get(what, ()) if at > since), now.isoformat()][-50:]


def talk_of(c: Connection, chat: int) -> Talk:
    """The talk in a chat, new where there was none."""
    row = c.execute(select(talks).where(talks.c.chat == chat)).one_or_none()
    return Talk(chat) if row is None else Talk(chat, row.language, row.akimat, dict(row.state or {}), dict(row.recent or {}))


def keep_talk(c: Connection, talk: Talk, now: datetime) -> None:
    """Write down where it stands."""
    values: Mapping[str, Any] = {"language": talk.language, "akimat": talk.akimat, "state": talk.state or None,
                                 "recent": talk.recent or None, "at": now}
    if not c.execute(update(talks).where(talks.c.chat == talk.chat).values(**values)).rowcount:
        dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
        c.execute(dialect(talks).values(chat=talk.chat, **values).on_conflict_do_update(index_elements=["chat"], set_=values))


def tell_chat(c: Connection, chat: int, key: str, text: str, now: datetime, taps: Taps = ()) -> None:
    """Have something said in a chat, once for each `key` (what it answers)."""
    dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    c.execute(dialect(delivery).values(
        about=TALK, kind=key, channel=CHANNEL + BOT, recipient=f"chat:{chat}", state="queued", attempts=0, next_try_at=now, created_at=now,
        body={"text": text, "taps": [[list(one) for one in row] for row in taps]}).on_conflict_do_nothing())


