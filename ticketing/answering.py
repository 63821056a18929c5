"""From a draft to the citizen's eyes: draft, return, approve, publish; each by the rules of two pairs of eyes.

The text lies in `answer` and, behind its commitment, in `sealed`; the register holds what was approved by whom. An answer goes
to every thread of a card and of those merged into it; what no program can post waits for a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, partial
from typing import Any, Protocol

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from config.answers import AnswerKnowledge, Template, own_answers
from config.languages import N_
from config.timezone import ALMATY
from monitor.store.tables import event, post
from ticketing import redated, reply
from ticketing import ticket as rules
from ticketing.acting import PROGRAM, Acting, Actor, Move, Refused, cleaned, said
from ticketing.citizens import CHANNEL, GONE, family, queue, spoken, threads
from ticketing.deadlines import UnknownYear
from ticketing.letters import tell
from ticketing.register import Secret, commitment
from ticketing.reply.templates import in_languages
from ticketing.store import ticket_by_number
from ticketing.tables import account, answer, delivery, entry, obligation, question, sealed, ticket, ticket_post

AGAIN = timedelta(minutes=10)
"""Within it the same interim answer is a double press; later it is said once more."""

UNDERWAY = ("draft", "approved")
PENDING = ("queued", "sending", "by_hand")
LANGUAGES = ("kk", "ru", "both")


class Checker(Protocol):
    """Reads an answer before it goes out; returns codes of warnings (brush_off, wrong_language, personal_data ...)."""

    def __call__(self, text: str, *, question: str, question_language: str, published_at: datetime,
                 earlier: Sequence[str]) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Promise:
    """What an answer undertakes by a day: its words and the day."""

    text: str
    due: date


def warned(text: str, *, question: str, question_language: str, published_at: datetime, earlier: Sequence[str],
           by: reply.Checker | None = None) -> Sequence[str]:
    """What `ticketing.reply` warns of, by its own knowledge or another."""
    return (by.check if by else reply.check)(text, published_at, question, question_language, reply.Earlier(earlier)).warnings


def undertaken(text: str, day: date, by: reply.Checker | None = None) -> Sequence[Promise]:
    """What `ticketing.reply` finds promised in an answer published on this day."""
    found = (by.promises if by else reply.promises)(text, datetime.combine(day, time(12), ALMATY))
    return [Promise(text[p.start:p.end], p.due) for p in found]


class Answering(Acting):
    """What the office says. `check` warns before publishing, `promises` finds what an answer undertakes; both may be replaced."""

    check: Checker = staticmethod(warned)
    promises: Callable[[str, date], Sequence[Promise]] = staticmethod(undertaken)

    @cached_property
    def templates(self) -> Sequence[Template]:
        """What answers can be made of."""
        return own_answers().templates

    def answer_by(self, known: AnswerKnowledge) -> None:
        """Check answers and offer templates by this from now on."""
        by = reply.Checker(known.words, self.desk.knowledge.language, self.desk.fallback.calendar)
        self.check, self.promises = partial(warned, by=by), partial(undertaken, by=by)
        self.templates = known.templates

    # --- the wording

    def draft(self, c: Connection, number: str, text: str, actor: Actor, now: datetime, *, language: str = "",
              answer_id: int | None = None, version: int | None = None) -> int:
        """Write an answer, or another wording of one. `version` is the one that was read: a newer one is not overwritten."""
        row = self._answerable(c, number, actor, "draft")
        text = said(text, N_("Write the answer."))
        language = language or _default_language(row.language)
        if language not in LANGUAGES:
            raise Refused(N_("Choose the language of the answer: Kazakh, Russian or both."))
        standing = c.execute(select(answer).where(answer.c.ticket == row.number, answer.c.state.in_(UNDERWAY),
                                                  answer.c.kind == "final").with_for_update()).first()
        if answer_id is None and standing is not None:
            if (standing.text, standing.language, standing.author) == (text, language, actor.id):
                return int(standing.id)
            raise Refused(N_("This card has a draft already: change that one."))
        if answer_id is not None and (standing is None or standing.id != answer_id):
            raise Refused(N_("This draft is no draft any more: it was published or belongs to another card."))
        if standing is not None:
            if (standing.text, standing.language) == (text, language):
                return int(standing.id)
            if version is not None and version != standing.version:
                raise Refused(N_("Somebody has changed this draft meanwhile: read it, then change it."))
        warnings = self._warnings(c, row, text, now)
        values = {"language": language, "text": text, "state": "draft", "warnings": warnings, "author": actor.id, "approver": None,
                  "approved_at": None, "remark": None, "made_at": now}
        if standing is None:
            version, id_ = 1, int(c.execute(insert(answer).values(
                ticket=row.number, kind="final", version=1, **values).returning(answer.c.id)).scalar_one())
        else:
            version, id_ = standing.version + 1, int(standing.id)
            c.execute(update(answer).where(answer.c.id == id_).values(version=version, **values))
        self._enter(c, now, actor, Move(row, "draft", {"answer": id_, "version": version, "language": language},
                                        (Secret("text", text),)))
        for approver in self._approvers(c, row, actor):
            tell(c, row.number, "to_approve", row.office, approver, now)
        return id_

    def draft_from(self, c: Connection, number: str, template: str, values: Mapping[str, str], actor: Actor, now: datetime) -> int:
        """Write an answer from a template, in the citizen's language, in both where that is not known.

        Raises `reply.templates.Unfilled` with every blank that is empty or says nothing.
        """
        row = self._answerable(c, number, actor, "draft")
        found = next((t for t in self.templates if t.id == template), None)
        if found is None:
            raise Refused(N_("This template is out of use: choose another, or write the answer yourself."))
        text, tongue = in_languages(found, spoken(row.language), {k: v for k, v in values.items() if v.strip()}, now.astimezone(ALMATY).date())
        return self.draft(c, number, text, actor, now, language=tongue)

    def return_draft(self, c: Connection, number: str, answer_id: int, remark: str, actor: Actor, now: datetime) -> bool:
        """Give an answer back to its author with what is to be mended."""
        row = self._answerable(c, number, actor, "return")
        draft = self._answer(c, row, answer_id)
        remark = said(remark, N_("Write what is to be mended."))
        if draft.state not in UNDERWAY:
            raise Refused(N_("This answer is on its way already."))
        if draft.remark == remark:
            return False
        c.execute(update(answer).where(answer.c.id == answer_id).values(
            state="draft", remark=remark, approver=None, approved_at=None))
        self._enter(c, now, actor, Move(row, "return", {"answer": answer_id, "version": draft.version}, (Secret("remark", remark),)))
        if draft.author != actor.id:
            tell(c, row.number, "returned", row.office, draft.author, now)
        return True

    def approve(self, c: Connection, number: str, answer_id: int, actor: Actor, now: datetime, *,
                version: int | None = None) -> bool:
        """A second person stands by this wording: a head or a controller, or another officer where the office says so."""
        row = self._answerable(c, number, actor, "approve")
        draft = self._answer(c, row, answer_id)
        if draft.state == "approved":
            if draft.approver == actor.id:
                return False
            raise Refused(N_("This answer has been approved by somebody else."))
        if draft.state != "draft":
            raise Refused(N_("This answer is on its way already."))
        if version is not None and version != draft.version:
            raise Refused(N_("Somebody has changed this draft meanwhile: read it, then change it."))
        if draft.author == actor.id:
            raise Refused(N_("Nobody approves an answer of their own: somebody else has to."))
        if not self.may_approve(row.office, actor.role):
            raise Refused(N_("Your role does not allow this."))
        if draft.text is None:
            raise Refused(N_("The text of this answer was erased."))
        c.execute(update(answer).where(answer.c.id == answer_id).values(
            state="approved", approver=actor.id, approved_at=now, remark=None))
        self._enter(c, now, actor, Move(row, "approve", {
            "answer": answer_id, "version": draft.version, "author": draft.author, "warnings": list(draft.warnings)},
            (Secret("text", draft.text),)))
        if draft.author != actor.id:
            tell(c, row.number, "approved", row.office, draft.author, now)
        return True

    def may_approve(self, office: str, role: str) -> bool:
        """Whether somebody in this role may approve answers of this office at all."""
        return role in ("head", "controller") or (role == "officer" and self.desk.rules_of(office).approved_by == "officers")

    def warnings_of(self, c: Connection, number: str, text: str, now: datetime) -> list[str]:
        """What the check would warn of in this wording, before it is saved."""
        row = ticket_by_number(c, number)
        return [] if row is None else self._warnings(c, row, text, now)

    # --- the way out

    def publish(self, c: Connection, number: str, answer_id: int, actor: Actor, now: datetime) -> int:
        """Send an approved answer to each thread of the card and of those merged into it. Returns how many threads.

        After a failure it is tried again where it failed.
        """
        row = self._answerable(c, number, actor, "publish")
        ready = self._answer(c, row, answer_id)
        if ready.state in ("publishing", "published"):
            return 0
        if ready.state == "draft":
            raise Refused(N_("This answer is not approved yet."))
        if not _as_approved(c, row, ready):
            raise Refused(N_("This is not the text that was approved: change and approve it again."))
        kind = f"answer:{answer_id}"
        again = c.execute(update(delivery).where(
            delivery.c.kind == kind, delivery.c.state == "dead", delivery.c.reason.is_distinct_from(GONE),
            delivery.c.channel.startswith(CHANNEL)).values(
            state="queued", next_try_at=now, attempts=0, reason=None)).rowcount if ready.state == "failed" else 0
        places = threads(c, family(c, row.number))
        new = queue(c, places, kind, lambda _t: {"answer": answer_id}, now)
        if not again and not any(not place.gone for place in places):
            raise Refused(N_("Its author has deleted the post: there is nowhere to answer."))
        c.execute(update(answer).where(answer.c.id == answer_id).values(state="publishing"))
        self._enter(c, now, actor, Move(row, "publish", {"answer": answer_id, "version": ready.version, "threads": again + new}))
        return again + new

    def interim(self, c: Connection, number: str, text: str, actor: Actor, now: datetime, *, language: str = "") -> int:
        """Tell the citizen how it stands. It stops no term; where nobody had reacted, it is the first reaction."""
        row = self._answerable(c, number, actor, "interim")
        text = said(text, N_("Write what the citizen is to know."))
        language = language or _default_language(row.language)
        known = c.execute(select(answer.c.id).where(answer.c.ticket == row.number, answer.c.kind == "interim",
                                                    answer.c.text == text, answer.c.made_at > now - AGAIN)).scalar()
        if known is not None:
            return int(known)
        id_ = int(c.execute(insert(answer).values(
            ticket=row.number, kind="interim", language=language, text=text, state="publishing", version=1,
            warnings=self._warnings(c, row, text, now), author=actor.id, made_at=now).returning(answer.c.id)).scalar_one())
        self._enter(c, now, actor, Move(row, "interim", {"answer": id_, "language": language}, (Secret("text", text),),
                                        {"first_reaction_at": row.first_reaction_at or now}))
        queue(c, threads(c, family(c, row.number)), f"answer:{id_}", lambda _t: {"answer": id_}, now)
        return id_

    # --- what became of it

    def posted(self, c: Connection, number: str, delivery_id: int, actor: Actor, now: datetime, link: str = "") -> bool:
        """A person posted it by hand, with the address where it stands now."""
        row = ticket_by_number(c, number)
        if row is None:
            raise Refused(N_("There is no number %(number)s."), number=number[:40])
        self._entitled(actor, "posted", row.office)
        one = c.execute(select(delivery).where(delivery.c.id == delivery_id, delivery.c.channel.startswith(CHANNEL))).one_or_none()
        if one is None or one.about not in family(c, row.number):
            raise Refused(N_("There is no such message on this card."))
        if one.state == "sent":
            return False
        link = cleaned(link)[:500]
        if link and not link.startswith(("https://", "http://")):
            raise Refused(N_("The address of the post begins with https://."))
        self.delivered(c, delivery_id, {"by": actor.id, **({"url": link} if link else {})}, now, actor)
        return True

    def delivered(self, c: Connection, delivery_id: int, handle: dict[str, Any], now: datetime,
                  actor: Actor = PROGRAM) -> None:
        """A message to a citizen stands in its thread: `handle` has the native id there, or who posted it."""
        one, rows = self._locked(c, delivery_id)
        if one.state == "sent":
            return
        c.execute(update(delivery).where(delivery.c.id == delivery_id).values(
            state="sent", sent_at=now, handle=handle, reason=None, attempts=delivery.c.attempts + 1))
        about, _, which = one.kind.partition(":")
        row = rows[one.about]
        network = one.channel.removeprefix(CHANNEL)
        details: dict[str, Any] = {"what": about, "network": network}
        if about != "answer":
            c.execute(update(obligation).where(obligation.c.ticket == one.about, obligation.c.source == f"entry:{which}",
                                               obligation.c.kept_at.is_(None)).values(kept_at=now))
            if rules.allowed("posted", row.status):
                self._enter(c, now, actor, Move(row, "posted", details))
            return
        given = c.execute(select(answer).where(answer.c.id == int(which)).with_for_update()).one()
        details["answer"] = given.id
        first = given.published_at is None
        moves = [Move(row, "posted", details)] if rules.allowed("posted", row.status) else []
        head = rows[given.ticket]
        if given.kind == "final" and first and rules.allowed("answer", head.status):
            moves.append(Move(head, "answer", {"answer": given.id, "version": given.version}, columns={
                "closed_at": None, "first_reaction_at": head.first_reaction_at or now}))
        self._settle(c, given, now, published_at=given.published_at or now)
        if first and given.kind == "final" and given.text:
            self._promise(c, head, given, now)
        if moves:
            self._enter(c, now, actor, *moves)

    def failed(self, c: Connection, delivery_id: int, reason: str, now: datetime) -> None:
        """A message to a citizen will never be taken there."""
        one, _rows = self._locked(c, delivery_id)
        if one.state in ("sent", "dead"):
            return
        c.execute(update(delivery).where(delivery.c.id == delivery_id).values(
            state="dead", reason=reason[:500], attempts=delivery.c.attempts + 1))
        about, _, which = one.kind.partition(":")
        c.execute(insert(event).values(at=now, kind="ticket", ref=one.about))
        if about == "answer":
            given = c.execute(select(answer).where(answer.c.id == int(which)).with_for_update()).one()
            self._settle(c, given, now, published_at=given.published_at)

    def by_hand(self, c: Connection, delivery_ids: Sequence[int], reason: str, now: datetime) -> None:
        """No program can post there: a person has to."""
        for id_ in delivery_ids:
            made = c.execute(update(delivery).where(delivery.c.id == id_, delivery.c.state.in_(("queued", "sending"))).values(
                state="by_hand", reason=reason[:500]).returning(delivery.c.about)).scalar()
            if made is not None:
                c.execute(insert(event).values(at=now, kind="ticket", ref=made))

    # --- parts

    def _locked(self, c: Connection, delivery_id: int) -> tuple[Row[Any], dict[str, Row[Any]]]:
        """A delivery and the tickets it concerns: tickets first, in one order, so that no two processes wait for each other."""
        one = c.execute(select(delivery).where(delivery.c.id == delivery_id)).one()
        numbers = {one.about}
        if one.kind.startswith("answer:"):
            numbers.add(c.execute(select(answer.c.ticket).where(answer.c.id == int(one.kind[7:]))).scalar_one())
        rows = {}
        for number in sorted(numbers):
            row = ticket_by_number(c, number, lock=True)
            assert row is not None, "a delivery is about a ticket"
            rows[number] = row
        return c.execute(select(delivery).where(delivery.c.id == delivery_id).with_for_update()).one(), rows

    def _answerable(self, c: Connection, number: str, actor: Actor, action: str) -> Row[Any]:
        row = self._ticket(c, number, actor, action)
        if row.status == "merged":
            raise Refused(N_("%(number)s is answered with %(into)s: act there."), number=row.number, into=row.merged_into)
        if action == "publish" and row.status in rules.OPEN - {"accepted"}:
            raise Refused(N_("Nobody has accepted %(number)s yet: accept it, then publish."), number=row.number)
        self._allowed(action, row)
        return row

    def _answer(self, c: Connection, row: Row[Any], id_: int) -> Row[Any]:
        found = c.execute(select(answer).where(answer.c.id == id_, answer.c.ticket == row.number, answer.c.kind == "final")
                          .with_for_update()).one_or_none()
        if found is None:
            raise Refused(N_("There is no such answer on this card."))
        return found

    def _approvers(self, c: Connection, row: Row[Any], author: Actor) -> list[int]:
        """Who may approve: the heads and controllers of the office, and where there is none those above it."""
        found = c.execute(select(account.c.id, account.c.office).where(
            account.c.role.in_(("head", "controller")), account.c.disabled_at.is_(None), account.c.id != author.id)
            .order_by(account.c.id)).all()
        own = [r.id for r in found if r.office == row.office]
        above = self.desk.knowledge.registry.ancestors(row.office) if row.office in self.desk.knowledge.registry else ()
        return own or [r.id for r in found if r.office is None or r.office in above]

    def _warnings(self, c: Connection, row: Row[Any], text: str, now: datetime) -> list[str]:
        asked = c.execute(select(post.c.text).join(ticket_post, ticket_post.c.post_id == post.c.id).where(
            ticket_post.c.ticket_id == row.id, ticket_post.c.role == "origin").order_by(post.c.id).limit(1)).scalar() or ""
        earlier = c.execute(select(answer.c.text).join(ticket, ticket.c.number == answer.c.ticket).where(
            ticket.c.office == row.office, answer.c.ticket != row.number, answer.c.published_at.is_not(None),
            answer.c.text.is_not(None)).order_by(answer.c.id.desc()).limit(50)).scalars()
        return list(self.check(text, question=asked, question_language=row.language, published_at=now, earlier=list(earlier)))

    def _settle(self, c: Connection, given: Row[Any], now: datetime, published_at: datetime | None) -> None:
        """The state of an answer follows from what became of it in each thread."""
        states: dict[str, int] = dict(c.execute(select(delivery.c.state, func.count()).where(
            delivery.c.kind == f"answer:{given.id}", delivery.c.channel.startswith(CHANNEL)).group_by(delivery.c.state))
            .tuples().all())
        state = "publishing" if any(s in states for s in PENDING) else "published" if states.get("sent") else "failed"
        c.execute(update(answer).where(answer.c.id == given.id).values(state=state, published_at=published_at))
        if state == "failed" and given.state != "failed":
            row = ticket_by_number(c, given.ticket)
            assert row is not None, "an answer is on a ticket"
            tell(c, row.number, "answer_failed", row.office, given.author, now)

    def _promise(self, c: Connection, row: Row[Any], given: Row[Any], now: datetime) -> None:
        """What the answer undertakes by a day becomes an obligation of the office."""
        calendar = self._rules(row).calendar
        seen = set()
        for promise in self.promises(given.text, now.astimezone(ALMATY).date()):
            try:
                by = redated.end_of(promise.due, calendar)
            except UnknownYear:
                by = datetime.combine(promise.due, time(18, 30), ALMATY)
            if by in seen:
                continue
            seen.add(by)
            c.execute(insert(obligation).values(
                ticket=row.number, kind="promise", text=promise.text[:500], source=f"answer:{given.id}", due=by,
                derivation=[{"step": "promised", "day": promise.due.isoformat()},
                            {"step": "due", "at": by.astimezone(ALMATY).isoformat()}], made_at=now))


def _as_approved(c: Connection, row: Row[Any], ready: Row[Any]) -> bool:
    """Whether the text is the one behind the commitment of its approval: nobody changed it past the register."""
    approvals = c.execute(select(entry.c.details, sealed.c.salt).join(sealed, (sealed.c.office == entry.c.office) & (
        sealed.c.seq == entry.c.seq)).where(entry.c.ticket == row.number, entry.c.action == "approve", sealed.c.field == "text")
        .order_by(entry.c.seq.desc()))
    for details, salt in approvals:
        said_then = json.loads(details)
        if said_then["answer"] == ready.id:
            return salt is not None and ready.text is not None and commitment(
                bytes(salt), ready.text) == said_then["text"]["sha256"]
    return False


def _default_language(tongue: str) -> str:
    codes = spoken(tongue)
    return codes[0] if len(codes) == 1 else "both"


def answers_of(c: Connection, number: str) -> Sequence[Row[Any]]:
    """The answers of a card, newest first."""
    return c.execute(select(answer).where(answer.c.ticket == number).order_by(answer.c.id.desc())).all()


def questions_of(c: Connection, number: str) -> Sequence[Row[Any]]:
    """The questions about a card in their order."""
    return c.execute(select(question).where(question.c.ticket == number).order_by(question.c.id)).all()


def obligations_of(c: Connection, number: str) -> Sequence[Row[Any]]:
    """What the office owes on a card, the next first."""
    return c.execute(select(obligation).where(obligation.c.ticket == number).order_by(obligation.c.due)).all()


def proposals_of(c: Connection, number: str, table: Any) -> Sequence[Row[Any]]:
    """Open proposals to merge this card with another."""
    return c.execute(select(table).where(table.c.state == "open", or_(table.c.into == number, table.c.ticket == number))
                     .order_by(table.c.id)).all()
