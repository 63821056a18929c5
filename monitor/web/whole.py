"""Everything the page of a card shows beside its posts and entries, read in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from config.answers import Template
from ticketing import appeal
from ticketing import ticket as rules
from ticketing.answered import Answered, answered_before
from ticketing.answering import answers_of, obligations_of, proposals_of, questions_of
from ticketing.citizens import Told, family, told
from ticketing.copies import called_back
from ticketing.feed import names
from ticketing.merging import alike, authors, first_text
from ticketing.pausing import earlier, may_stand
from ticketing.pictures import Shown, missing, of_card
from ticketing.redated import began, counted, limit
from ticketing.reply.templates import choose
from ticketing.service import Service
from ticketing.tables import account, answer, delivery, entry, merge_proposal, sealed, ticket


@dataclass(frozen=True, slots=True)
class Whole:
    """A card with all that belongs to it."""

    answers: Sequence[Row[Any]]
    told: Sequence[Told]
    wordings: Mapping[int, str | None]
    """The texts of the answers that were told, also of another card's that answered for this one."""
    staff: Sequence[Row[Any]]
    """Messages to staff about it that did not arrive."""
    questions: Sequence[Row[Any]]
    owed: Sequence[Row[Any]]
    proposals: Sequence[Any]
    alike: Sequence[Any]
    answered: Sequence[Answered]
    """What was answered before at the same place on the same topic."""
    members: Sequence[Row[Any]]
    authors: int
    colleagues: Sequence[Row[Any]]
    departments: Sequence[str]
    names: Mapping[int, str]
    words: Mapping[int, Mapping[str, str]]
    """What was written with an entry, by its place in the chain."""
    parts: Sequence[appeal.Part]
    owes_number: bool
    redirect_by: datetime
    longest: datetime
    """The day to which its term can be extended."""
    seen: int
    may_pause: str
    """How long its clock may stand, as a term; "" where it may not."""
    earlier: bool
    """The calendar in force makes a date of it earlier."""
    called_back: Mapping[str, int]
    """Of an erased card: what became of the messages that the bot had sent to staff, by state."""
    pictures: Sequence[Shown]
    wanting: bool
    """Something is attached that nobody has looked for yet."""
    templates: Sequence[Template]
    """What an answer can be made of, those of its topic first."""
    went_on: bool
    """It was redirected to another office, which gave it a number of its own."""

    @property
    def current(self) -> Row[Any] | None:
        """The answer that is being written or sent."""
        return next((a for a in self.answers if a.kind == "final" and a.state != "published"), None)

    def text_of(self, sent: Row[Any]) -> str:
        """What a delivery says: a person who posts it by hand copies it from here."""
        body = sent.body or {}
        return str(body.get("text") or self.wordings.get(body.get("answer", 0)) or "")


def whole(c: Connection, service: Service, row: Row[Any], posts: Sequence[Any], now: datetime) -> Whole:
    """Read it."""
    numbers = family(c, row.number)
    members = c.execute(select(ticket).where(ticket.c.merged_into == row.number).order_by(ticket.c.id)).all()
    above = service.desk.knowledge.registry.ancestors(row.office) if row.office in service.desk.knowledge.registry else ()
    colleagues = c.execute(select(account).where(account.c.disabled_at.is_(None), account.c.role.in_(
        ("officer", "head", "controller", "press")), account.c.office.is_(None) | account.c.office.in_([row.office, *above]))
        .order_by(account.c.name)).all()
    answers, questions = answers_of(c, row.number), questions_of(c, row.number)
    people = {a.author for a in answers} | {a.approver for a in answers} | {q.by for q in questions} \
        | {q.asked for q in questions} | {q.replied_by for q in questions}
    own = service.desk.rules_of(row.office)
    personal: set[str] = set()
    for p in posts:
        personal |= {str(span[0]) for span in p.detail.get("pii", ())}
    last, _rule = limit(began(row.due_final_derivation, row.received_at), row.due_final, row.kind, own)
    sent = told(c, numbers)
    ids = {t.delivery.body["answer"] for t in sent if t.delivery.body and "answer" in t.delivery.body}
    wordings = dict(c.execute(select(answer.c.id, answer.c.text).where(answer.c.id.in_(ids))).tuples().all())
    return Whole(
        answers=answers, told=sent, wordings=wordings, staff=c.execute(select(delivery).where(
            delivery.c.about == row.number, delivery.c.state == "dead", delivery.c.channel == "telegram")).all(),
        questions=questions, owed=obligations_of(c, row.number), proposals=_with_text(c, row.number, proposals_of(
            c, row.number, merge_proposal)),
        answered=answered_before(c, row, posts[0].text if posts else "", now) if row.status in rules.OPEN else (),
        alike=alike(c, row, numbers, now) if row.status in rules.OPEN else (), members=members, authors=authors(c, numbers),
        colleagues=colleagues, departments=sorted({p.department for p in colleagues if p.department} | {row.department} - {""}),
        names=names(c, [id_ for id_ in people if id_ is not None]), words=_words(c, row.number),
        parts=appeal.parts(personal, True, bool(posts)),
        owes_number=appeal.owes_number(row.series, row.kind, row.external_number, row.no_external),
        redirect_by=counted(row.received_at, own.redirect, own).at,
        longest=datetime(last.year, last.month, last.day, tzinfo=row.due_final.tzinfo),
        seen=c.execute(select(entry.c.seq).where(entry.c.ticket == row.number, entry.c.office == row.office)
                       .order_by(entry.c.seq.desc()).limit(1)).scalar_one(),
        may_pause=str(may_stand(c, row, own) or ""),
        earlier=row.status in rules.OPEN and bool(earlier(row, own, now)),
        called_back=called_back(c, row.number), templates=choose(service.templates, row.topic),
        pictures=of_card(c, [p.id for p in posts], row.number), wanting=missing(c, [p.id for p in posts]) if posts else False,
        went_on=c.execute(select(ticket.c.id).where(ticket.c.parent == row.number).limit(1)).first() is not None)


def _with_text(c: Connection, number: str, proposals: Sequence[Row[Any]]) -> Sequence[Any]:
    """Proposals with the other card and the beginning of its message."""
    found = []
    for p in proposals:
        other = p.ticket if p.into == number else p.into
        row = c.execute(select(ticket.c.number, ticket.c.status, ticket.c.location_text, ticket.c.received_at, first_text())
                        .where(ticket.c.number == other)).one_or_none()
        if row is not None and row.status in rules.OPEN:
            found.append({"id": p.id, "why": p.why, "other": row})
    return found


def _words(c: Connection, number: str) -> dict[int, dict[str, str]]:
    rows = c.execute(select(sealed.c.seq, sealed.c.field, sealed.c.text).join(
        entry, (entry.c.office == sealed.c.office) & (entry.c.seq == sealed.c.seq)).where(
        entry.c.ticket == number, sealed.c.text.is_not(None)))
    found: dict[int, dict[str, str]] = {}
    for seq, name, text in rows:
        found.setdefault(seq, {})[name] = text
    return found
