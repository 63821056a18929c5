"""What was answered before at the same place on the same topic: a new message is shown with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_timedelta
from sqlalchemy import Connection, Row, func, select

from config.languages import language
from config.timezone import ALMATY
from ticketing import ticket as rules
from ticketing.merging import first_text
from ticketing.same_problem import Case, compared
from ticketing.tables import answer, ticket

BESIDE = 60
"""Cards that each is held against, the newest first."""
LETTERS = 1000
"""Characters of a message that are compared."""
_REMEMBERED = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Answered:
    """A finished card of the same place and topic, with what was answered."""

    number: str
    at: datetime
    text: str | None
    solved: bool | None


def answered_before(c: Connection, row: Row[Any], text: str, now: datetime, limit: int = 3) -> Sequence[Answered]:
    """What was answered at the same place on the same topic, the last first."""
    said = select(answer.c.text).where(answer.c.ticket == ticket.c.number, answer.c.kind == "final", answer.c.published_at.is_not(
        None)).order_by(answer.c.id.desc()).limit(1).scalar_subquery().label("answered")
    when = select(func.max(answer.c.published_at)).where(answer.c.ticket == ticket.c.number, answer.c.kind == "final") \
        .scalar_subquery().label("answered_at")
    rows = c.execute(select(ticket, first_text(LETTERS), said, when).where(
        ticket.c.office == row.office, ticket.c.akimat == row.akimat, ticket.c.topic == row.topic,
        ticket.c.status.in_(sorted(rules.DONE)), ticket.c.number != row.number, ticket.c.received_at > now - _REMEMBERED)
        .order_by(ticket.c.id.desc()).limit(BESIDE)).all()
    case = Case(text[:LETTERS], row.location_text or "", row.topic, row.received_at)
    found = [Answered(r.number, r.answered_at or r.closed_at or r.received_at, r.answered, r.solved)
             for r in rows if compared(case, case_of(r))[0]]
    return sorted(found, key=lambda a: a.at, reverse=True)[:limit]


def case_of(row: Row[Any]) -> Case:
    """A card, read with `first_text`, as it is compared."""
    return Case(row.text or "", row.location_text or "", row.topic, row.received_at)


def ago(at: datetime, now: datetime, tongue: str) -> str:
    """How many days ago, in words: today, 1 день назад, 12 күн бұрын."""
    days = (now.astimezone(ALMATY).date() - at.astimezone(ALMATY).date()).days
    if days <= 0:
        return language(tongue).gettext("today")
    return format_timedelta(timedelta(days=-days), granularity="day", threshold=1000, add_direction=True, locale=tongue)
