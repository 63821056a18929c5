"""How a card stands, as its author may see it by number and code: no person's name, nothing of the author's own text.

The same facts serve the status page and the citizens' bot.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from config.languages import N_
from config.settings import Retention
from ticketing import erasure
from ticketing import ticket as rules
from ticketing.acting import CITIZEN
from ticketing.service import Service
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import answer, question, sealed, ticket
from ticketing.tables import erasure as demands

STATES = {
    "registered": N_("Registered; an officer will take it up"), "assigned": N_("Registered; an officer will take it up"),
    "accepted": N_("Being worked on"), "answered": N_("Answered"), "closed": N_("Closed"),
    "redirected": N_("Passed to the body that is competent"), "merged": N_("Answered together with other messages about the same"),
    "not_examined": N_("Left without examination"), "void": N_("Void"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the office said, or asked: its id, kind (final, interim, question), words, moment; `reply` to a question."""

    id: int
    kind: str
    text: str | None
    at: datetime
    reply: str | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A card as its author sees it."""

    number: str
    status: str
    akimat: str
    received_at: datetime
    due: datetime
    derivation: Sequence[Any]
    paused_until: datetime | None
    """The clock stands until the citizen replies, at most until then."""
    said: Sequence[Said]
    extensions: int
    reopenings: int
    external_number: str | None
    ground: str | None
    went_to: str | None
    """Number, akimat's code, body's code or body's name to which it was passed."""
    solved: bool | None
    mark: int | None
    judged: bool
    """Whether there is something that the citizen can judge: an answer, or that it was left unexamined."""
    erasure_due: datetime | None
    erased: bool

    @property
    def open(self) -> bool:
        """Whether an answer is still to come."""
        return self.status in rules.OPEN

    @property
    def word(self) -> str:
        """Its state, as a gettext id."""
        return STATES[self.status]


def family_of(row: Row[Any]) -> list[str]:
    """The numbers whose answers are this card's: its own, and that of the card that answers for it."""
    return [row.number] if row.merged_into is None else [row.number, row.merged_into]


def standing(c: Connection, row: Row[Any]) -> Standing:
    """Read it."""
    head = ticket_by_number(c, row.merged_into) if row.merged_into else None
    numbers = family_of(row)
    said = [Said(a.id, a.kind, a.text, a.published_at) for a in c.execute(select(answer).where(
        answer.c.ticket.in_(numbers), answer.c.published_at.is_not(None)).order_by(answer.c.published_at))]
    said += [Said(q.id, "question", q.text, q.at, q.reply, q.reply is None and q.text is not None) for q in c.execute(
        select(question).where(question.c.ticket == row.number, question.c.asked.is_(None)).order_by(question.c.id))]
    status = row.status if head is None or head.status in rules.OPEN else head.status
    waits = c.execute(select(demands.c.due_at).where(demands.c.number == row.number, demands.c.done_at.is_(None),
                                                     demands.c.refused_at.is_(None)).limit(1)).scalar_one_or_none()
    return Standing(
        row.number, status, row.akimat, row.received_at, row.due_final, row.due_final_derivation, row.paused_until, sorted(said, key=lambda s: s.at),
        row.extensions, row.reopenings, row.external_number, row.ground, _went_to(c, row), row.solved, row.mark,
        status in rules.DONE | {"not_examined"}, waits, bool(erasure.erasures_of(c, row.number)))


def _went_to(c: Connection, row: Row[Any]) -> str | None:
    if row.status != "redirected":
        return None
    new: str | None = c.execute(select(ticket.c.number).where(ticket.c.parent == row.number)).scalar()
    if new is not None:
        return new
    for e in reversed(entries_of(c, row.number)):
        details = json.loads(e.details)
        if e.action == "redirect":
            return str(details["to"])
        if e.action == "redirect_outside":
            named = details.get("body")
            return named if isinstance(named, str) else c.execute(select(sealed.c.text).where(
                sealed.c.office == e.office, sealed.c.seq == e.seq, sealed.c.field == "body")).scalar()
    return None


# --- what the citizen does

def solved(c: Connection, service: Service, number: str, yes: bool, why: str, now: datetime) -> bool:
    """Say that it is solved, or that it is not: then the card is taken up again."""
    return service.rate(c, number, CITIZEN, now, solved=yes, why=why)


def marked(c: Connection, service: Service, number: str, mark: int, now: datetime) -> bool:
    """Mark the answer, never a person."""
    return service.rate(c, number, CITIZEN, now, mark=mark)


def replied(c: Connection, service: Service, number: str, question_id: int, text: str, now: datetime) -> bool:
    """Answer a question that the office put to the citizen."""
    asked = c.execute(select(question.c.asked).where(question.c.id == question_id, question.c.ticket == number)).one_or_none()
    if asked is None or asked.asked is not None:
        return False
    return service.reply(c, number, question_id, text, CITIZEN, now)


def demanded(c: Connection, service: Service, row: Row[Any], now: datetime, retention: Retention) -> datetime:
    """Ask for erasure; returns until when it is done."""
    return erasure.demand(c, row.number, str(CITIZEN), now, service.desk.rules_of(row.office).calendar, retention)


