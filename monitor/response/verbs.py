"""What staff may do about a surge, one transaction each; pages and API call these and hold no rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from config.languages import N_
from monitor.response import journal
from monitor.response.rights import NEEDS_A_NOTE, may
from monitor.store import surges
from monitor.store.surge_tables import surge_paper, surge_verdict
from monitor.store.tables import event

LONGEST_NOTE = 2000
LONGEST_PAPER = 20_000
LANGUAGES = ("kk", "ru")
EXPLANATION = "explanation"


class Refused(Exception):
    """It cannot be done; `message_id` is a gettext id for the person."""

    def __init__(self, message_id: str, *, right: bool = True) -> None:
        super().__init__(message_id)
        self.message_id = message_id
        self.right = right
        """Whether the role may do it at all."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; `scope`: the akimats they may see, None is everything."""

    id: int
    role: str
    scope: frozenset[str] | None


def decide(c: Connection, surge_id: str, what: str, note: str, actor: Actor, now: datetime, salt: Callable[[], bytes]) -> str:
    """confirm, dismiss, watch or note. Returns the id of the surge as a whole."""
    row = _for(c, surge_id, what, note, actor)
    journal.append(c, row.id, what, actor.id, now, _before_them(c, row), note.strip(), salt)
    _say(c, row.id, now)
    return str(row.id)


def draft(c: Connection, surge_id: str, paper: str, texts: Mapping[str, str], actor: Actor, now: datetime) -> str:
    """Keep a person's wording of a paper; the one before stays in the history."""
    row = _for(c, surge_id, "draft", "", actor)
    written = latest(c, row.id, paper)
    for code in LANGUAGES:
        text = texts.get(code, "").replace("\r\n", "\n").strip()
        if len(text) > LONGEST_PAPER:
            raise Refused(N_("The text is too long: at most 20,000 characters. Nothing was changed."))
        if text and (code not in written or written[code].text != text):
            c.execute(insert(surge_paper).values(surge=row.id, paper=paper, language=code, text=text, by=actor.id, at=now))
    return str(row.id)


def send(c: Connection, surge_id: str, channel: str, note: str, texts: Mapping[str, str], actor: Actor, now: datetime,
         salt: Callable[[], bytes]) -> str:
    """A person says that the dossier went to a channel: its wording is kept as it was then."""
    row = _for(c, surge_id, "send", note, actor)
    draft(c, row.id, channel, texts, actor, now)
    details = _before_them(c, row) | {"channel": channel, "texts": _marks(c, row.id, channel)}
    journal.append(c, row.id, "send", actor.id, now, details, note.strip(), salt)
    _say(c, row.id, now)
    return str(row.id)


def outcome(c: Connection, surge_id: str, note: str, published: bool, actor: Actor, now: datetime, salt: Callable[[], bytes],
            ) -> str:
    """What came of a dossier, and whether people were told."""
    row = _for(c, surge_id, "outcome", note, actor)
    if row.routed_to is None:
        raise Refused(N_("Nothing was sent yet, so there is no outcome to record."))
    journal.append(c, row.id, "outcome", actor.id, now, {"channel": row.routed_to, "published": published}, note.strip(), salt)
    _say(c, row.id, now)
    return str(row.id)


def explain(c: Connection, surge_id: str, note: str, texts: Mapping[str, str], actor: Actor, now: datetime,
            salt: Callable[[], bytes]) -> str:
    """The press service has given the explanation out: its wording is kept as it was then."""
    row = _for(c, surge_id, "explain", note, actor)
    draft(c, row.id, EXPLANATION, texts, actor, now)
    journal.append(c, row.id, "explain", actor.id, now, {"texts": _marks(c, row.id, EXPLANATION)}, note.strip(), salt)
    _say(c, row.id, now)
    return str(row.id)


def latest(c: Connection, surge_id: str, paper: str) -> dict[str, Row[Any]]:
    """A person's last wording of a paper by language."""
    newest = select(func.max(surge_paper.c.id)).where(surge_paper.c.surge == surge_id, surge_paper.c.paper == paper).group_by(
        surge_paper.c.language)
    return {r.language: r for r in c.execute(select(surge_paper).where(surge_paper.c.id.in_(newest)))}


def _for(c: Connection, surge_id: str, what: str, note: str, actor: Actor) -> Row[Any]:
    row = surges.one(c, surge_id, actor.scope)
    if row is None:
        raise LookupError(surge_id)
    if not may(actor.role, what):
        raise Refused(N_("Your role does not allow this. Press service, head and controller decide on surges."), right=False)
    if what in NEEDS_A_NOTE and not note.strip():
        raise Refused(N_("Write what is to be noted."))
    if len(note) > LONGEST_NOTE:
        raise Refused(N_("The note is too long: at most 2,000 characters. Nothing was recorded."))
    return row


def _before_them(c: Connection, row: Row[Any]) -> dict[str, Any]:
    """What lay before the person who decided: codes and figures, no words of anybody."""
    newest = c.execute(select(func.max(surge_verdict.c.id)).where(
        surge_verdict.c.surge.in_(surges.family(c, row.id)))).scalar_one()
    return {"verdict": row.verdict, "score": row.score, "authors": row.authors, "posts": row.posts, "rests_on": newest}


def _marks(c: Connection, surge_id: str, paper: str) -> dict[str, Any]:
    return {code: {"paper": r.id, "sha256": hashlib.sha256(r.text.encode("utf-8", "replace")).hexdigest()}
            for code, r in sorted(latest(c, surge_id, paper).items())}


def _say(c: Connection, surge_id: str, now: datetime) -> None:
    c.execute(insert(event).values(at=now, kind="surge", ref=surge_id))
