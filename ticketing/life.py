"""The verbs from the number to the end: assign, ask, extend, pass on, leave unexamined, close, reopen, rate.

Each is one transaction opened by the caller. Pressing twice is harmless: the second press finds it done and says False.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from config.languages import N_
from config.timezone import ALMATY
from ticketing import groups, redated
from ticketing import ticket as rules
from ticketing.acting import Acting, Actor, Move, Refused, cleaned, noted, parted, said, state_of
from ticketing.appeal import owes_number
from ticketing.citizens import CHANNEL, Thread, day, family, notice, queue, threads
from ticketing.deadlines import UnknownYear
from ticketing.letters import tell
from ticketing.register import Secret
from ticketing.routing import ANSWERING
from ticketing.store import ticket_by_number
from ticketing.tables import delivery, obligation, question, ticket

MARKS = range(1, 6)

UNDO_WAITS = timedelta(minutes=5)
"""How long a notice of a redirect waits: what was undone within it is not said to anybody."""


class Life(Acting):
    """What happens to a card."""

    # --- who answers

    def assign(self, c: Connection, number: str, person: int | None, department: str | None, actor: Actor, now: datetime,
               reason: str = "") -> bool:
        """Give a card to a person, or to a department, whose least loaded present person gets it; else the duty officer."""
        row = self._ticket(c, number, actor, "assign")
        self._allowed("assign", row)
        why: dict[str, Any] = {"rule": "by_hand", "by": actor.id}
        where = cleaned(department or "")[:120]
        if person is not None:
            given = self._person(c, person, row.office)
            if given.role not in ANSWERING:
                raise Refused(N_("This person does not answer cards: choose an officer, a head or a controller."))
            where, why = where or given.department or row.department, {**why, "chosen": "named", "person": person}
        elif where:
            staff = self._people(c, now)
            found = staff.least_loaded(staff.in_department(row.office, where))
            person = found.id if found is not None else None
            why["chosen"] = "least_loaded" if found is not None else "duty"
        else:
            raise Refused(N_("Say to whom: a person or a department."))
        if (row.responsible, row.department) == (person, where):
            return False
        self._enter(c, now, actor, Move(row, "assign", {
            "department": where, "responsible": person, "reason": why}, noted("note", reason)))
        tell(c, row.number, "new_ticket", row.office, person, now)
        return True

    def ask(self, c: Connection, number: str, text: str, colleague: int | None, actor: Actor, now: datetime, *,
            beside: Callable[[str], str] | None = None) -> int:
        """Ask a colleague about a card, or (None) its author, in public. Returns the question; the same one again is that one.
        `beside` is said to the author below it, in the language of the message."""
        row = self._ticket(c, number, actor, "ask")
        self._allowed("ask", row)
        text = said(text, N_("Write the question."))
        if colleague is not None:
            self._person(c, colleague, row.office)
        waits = select(question.c.id).where(question.c.ticket == row.number, question.c.text == text, question.c.reply.is_(None),
                                            question.c.by == actor.id, question.c.asked.is_not_distinct_from(colleague))
        known = c.execute(waits).scalar()
        if known is not None:
            return int(known)
        id_ = int(c.execute(insert(question).values(
            ticket=row.number, by=actor.id, asked=colleague, text=text, at=now).returning(question.c.id)).scalar_one())
        self._enter(c, now, actor, Move(row, "ask", {"question": id_, "of": colleague or "citizen"}, (Secret("text", text),)))
        if colleague is not None:
            tell(c, row.number, "question", row.office, colleague, now)
        else:
            queue(c, threads(c, [row.number]), f"question:{id_}", lambda t: {
                "text": f"{row.number}. {text}" + (f"\n\n{beside(t.language)}" if beside is not None else "")}, now)
        return id_

    def reply(self, c: Connection, number: str, question_id: int, text: str, actor: Actor, now: datetime) -> bool:
        """Answer a question; a colleague's own, or what the citizen said, written down by whoever heard it."""
        row = self._ticket(c, number, actor, "reply")
        self._allowed("reply", row)
        asked = c.execute(select(question).where(question.c.id == question_id, question.c.ticket == row.number)
                          .with_for_update()).one_or_none()
        if asked is None:
            raise Refused(N_("There is no such question on this card."))
        text = said(text, N_("Write the reply."))
        if asked.asked is not None and asked.asked != actor.id and not rules.may(actor.role, "extend"):
            raise Refused(N_("This question was put to somebody else."))
        if asked.reply is not None:
            if asked.reply == text:
                return False
            raise Refused(N_("This question has been answered already."))
        c.execute(update(question).where(question.c.id == question_id).values(reply=text, replied_by=actor.id, replied_at=now))
        moves = [Move(row, "reply", {"question": question_id}, (Secret("text", text),))]
        if asked.asked is None and row.paused_until is not None and row.status in rules.OPEN:
            moves.append(self._goes_on(row, now))
        self._enter(c, now, actor, *moves)
        if asked.by != actor.id:
            tell(c, row.number, "replied", row.office, asked.by, now)
        return True

    # --- until when

    def extend(self, c: Connection, number: str, until: date, reason: str, actor: Actor, now: datetime) -> bool:
        """Extend the term of the answer by a reasoned decision, for a card and those merged into it.

        Never past the legal limit of any of them; each citizen is told, which is due within 3 working days (Art. 76).
        """
        row = self._ticket(c, number, actor, "extend")
        if row.status == "merged":
            raise Refused(N_("%(number)s is answered with %(into)s: act there."), number=row.number, into=row.merged_into)
        self._allowed("extend", row)
        reason = said(reason, N_("An extension needs its reason: the citizen reads it."))
        own = self._rules(row)
        numbers = family(c, row.number)
        rows = [row, *(_found(c, n) for n in numbers[1:])]
        states = {r.number: state_of(c, r.number) for r in rows}
        if row.paused_until is not None:
            raise Refused(N_("The clock of %(number)s stands: let it go on first."), number=row.number)
        try:
            at = redated.end_of(until, own.calendar)
        except UnknownYear as e:
            raise Refused(N_("The calendar of %(year)s is not published yet: no date can be promised there."),
                          year=str(e.year)) from e
        if at == row.due_final:
            return False
        if at < row.due_final:
            raise Refused(N_("The term already ends later, on %(date)s: it can only be extended."),
                          date=_local(row.due_final).strftime("%d.%m.%Y"))
        if at <= now:
            raise Refused(N_("That day is over already."))
        moves: list[Move] = []
        later = []
        for one in rows:
            state = states[one.number]
            current = state.own["due_final"]
            if current >= at or (one is not row and "due_final" not in states[row.number].members[one.number]):
                continue    # it is not late by then, or has no date of its own any more since the card was taken up again
            last, rule = redated.limit(redated.began(one.due_final_derivation, one.received_at), current, one.kind, own)
            if rule == "extension_inquiry" and state.extensions:
                raise Refused(N_("%(number)s is a request: its term can be extended once only, and it was."), number=one.number)
            if _local(at).date() > last:
                raise Refused(N_("%(number)s can be extended to %(date)s at most."), number=one.number,
                              date=last.strftime("%d.%m.%Y"))
            # a merged card keeps its own derivation; the one that answers for all keeps what was merged in apart
            steps = redated.extended(one.due_final_derivation, until, at, rule, last, own.calendar, now)
            details = {"due_final": at.isoformat(), "until": until.isoformat(), "rule": rule, "limit": last.isoformat()}
            moves.append(Move(one, "extend", details, (Secret("reason", reason),), {"due_final_derivation": steps}))
            if one is not row:
                moves.append(Move(row, "extend", {"member": one.number, "due_final": at.isoformat()}))
            later.append(one)
        state = _stepped(states[row.number], [m for m in moves if m.row is row])
        own_steps = next((m.columns["due_final_derivation"] for m in moves if m.row is row and m.columns), row.due_final_derivation)
        whole = redated.with_members(own_steps, state.own["due_final"], state.members, "due_final")
        moves[-1] = replace(moves[-1], columns={**moves[-1].columns, **(
            {"due_final_derivation": whole} if moves[-1].row is row else {})})
        places = self._enter(c, now, actor, *moves)
        told = list(zip(later, [p for p, m in zip(places, moves, strict=True) if "until" in m.details], strict=True))
        if told[0][0] is row:
            told += [(one, told[0][1]) for one in rows[1:] if "due_final" not in state.members[one.number]]
        for one, place in told:
            self._owe(c, one, "tell_extended", place, now)
            queue(c, threads(c, [one.number]), place.replace("entry", "extended"), lambda t: {"text": notice(
                "extended", t.language, lambda code: {"number": t.number, "date": day(at, code), "reason": reason})}, now)
        return True

    def tell_kept(self, c: Connection, number: str, obligation_id: int, actor: Actor, now: datetime, how: str = "") -> bool:
        """Somebody kept an obligation otherwise than through us: told the citizen by telephone, did what was promised."""
        row = self._ticket(c, number, actor, "tell")
        self._allowed("tell", row)
        owed = c.execute(select(obligation).where(obligation.c.id == obligation_id, obligation.c.ticket == row.number)
                         .with_for_update()).one_or_none()
        if owed is None:
            raise Refused(N_("There is no such obligation on this card."))
        if owed.kept_at is not None:
            return False
        c.execute(update(obligation).where(obligation.c.id == obligation_id).values(kept_at=now))
        self._enter(c, now, actor, Move(row, "tell", {"obligation": owed.kind, "due": owed.due.isoformat()}, noted("note", how)))
        return True

    # --- elsewhere

    def redirect_outside(self, c: Connection, number: str, body: str, actor: Actor, now: datetime) -> bool:
        """Pass a message to a body that does not register here: by its code, or by its name. The citizen is told (Art. 65)."""
        row = self._ticket(c, number, actor, "redirect_outside")
        body = said(body, N_("Say to which body."))[:200]
        if row.status == "redirected":
            return False
        self._allowed("redirect_outside", row)
        self._alone(c, row)
        known, own = self.desk.procedure.bodies.get(body), self._rules(row)
        by = redated.counted(row.received_at, own.redirect, own).at     # passed on later than the law allows is seen as such
        move = Move(row, "redirect_outside", {"by": by.isoformat(), **({"body": known.code} if known is not None else {})},
                    () if known is not None else (Secret("body", body),))
        (place,) = self._enter(c, now, actor, replace(move, columns={"proposal": None}))
        self._tell_redirected(c, row, threads(c, [row.number]), place, now,
                              lambda code: known.in_(code) if known is not None else body)
        return True

    def take_back(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Undo a redirect to where nobody registers here: the card goes on under its number and its dates."""
        row = self._ticket(c, number, actor, "redirect_outside")
        if row.status in rules.OPEN:
            return False
        self._allowed("restore", row)
        if row.status != "redirected" or c.execute(select(ticket.c.id).where(ticket.c.parent == row.number)).first() is not None:
            raise Refused(N_("%(number)s went on with another number: undo it there."), number=row.number)
        assigned = self._assign(self._people(c, now), row.office, row.akimat, row.topic)
        self._enter(c, now, actor, Move(row, "restore", {"akimat": row.akimat}), Move(row, "assign", {
            "department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason}))
        self._untell_redirected(c, row)
        tell(c, row.number, "new_ticket", row.office, assigned.responsible, now)
        groups.announce(c, [(row.number, row.office)], now)
        return True

    def external(self, c: Connection, number: str, external_number: str, actor: Actor, now: datetime, *,
                 without: str = "") -> bool:
        """Link the official number of a card, or say why it has none (`without`: a code of procedure.yaml)."""
        row = self._ticket(c, number, actor, "external")
        self._allowed("external", row)
        given = cleaned(external_number).upper()
        if given:
            if not self.desk.external_format.fullmatch(given):
                raise Refused(N_("“%(given)s” is no number of e-Otinish; write it as it stands on the coupon."), given=given[:40])
            details = {"external_number": given}
        elif without in self.desk.procedure.no_number:
            details = {"no_external": without}
        else:
            raise Refused(N_("Write the official number, or choose why there is none."))
        if (row.external_number, row.no_external) == (details.get("external_number"), details.get("no_external")):
            return False
        self._enter(c, now, actor, Move(row, "external", details))
        return True

    def guide(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Show the citizen the way to an official appeal."""
        row = self._ticket(c, number, actor, "guide")
        self._allowed("guide", row)
        places = threads(c, [row.number])
        if not queue(c, places, "guide", lambda t: {"text": notice("guide", t.language, lambda _c: {"number": t.number})}, now):
            return False
        self._enter(c, now, actor, Move(row, "guide"))
        return True

    # --- the end, and after it

    def not_examine(self, c: Connection, number: str, ground: str, actor: Actor, now: datetime, note: str = "") -> bool:
        """Leave a message without examination on a ground of the law: a head's decision. The number stays."""
        row = self._ticket(c, number, actor, "not_examine")
        found = self.desk.procedure.grounds.get(ground)
        if found is None:
            raise Refused(N_("Choose the ground: without one a message is examined."))
        if (row.status, row.ground) == ("not_examined", ground):
            return False
        self._allowed("not_examine", row)
        self._alone(c, row)
        (place,) = self._enter(c, now, actor, Move(row, "not_examine", {
            "ground": ground, "article": found.article.ru}, noted("note", note), {"closed_at": now, "proposal": None}))
        queue(c, threads(c, [row.number]), place.replace("entry", "not_examined"), lambda t: {"text": notice(
            "not_examined", t.language, lambda code: {
                "number": t.number, "ground": found.in_(code), "article": found.article.in_(code)})}, now)
        return True

    def close(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """The answer stands and nothing is left to do."""
        row = self._ticket(c, number, actor, "close")
        if row.status == "closed":
            return False
        if row.status in rules.OPEN:
            raise Refused(N_("%(number)s is not answered yet: a card is closed after its answer."), number=row.number)
        self._allowed("close", row)
        if owes_number(row.series, row.kind, row.external_number, row.no_external):
            raise Refused(N_("%(number)s is an appeal made in person: write its official number first, or why there is none."),
                          number=row.number)
        self._enter(c, now, actor, Move(row, "close", columns={"closed_at": now}))
        return True

    def reopen(self, c: Connection, number: str, reason: str, actor: Actor, now: datetime) -> bool:
        """Take a card up again: its terms are counted anew from now. A merged one parts from the card that answered for it."""
        row = self._ticket(c, number, actor, "reopen")
        if row.status in rules.OPEN and row.reopenings:
            return False
        moves = self._reopening(c, row, reason, now)
        self._enter(c, now, actor, *moves)
        self._tell_reopened(c, row.number, now)
        return True

    def rate(self, c: Connection, number: str, actor: Actor, now: datetime, *, solved: bool | None = None,
             mark: int | None = None, why: str = "") -> bool:
        """The citizen says whether it is solved and marks the answer (1 to 5). Not solved takes the card up again; `why`
        is what the citizen says of it."""
        row = self._ticket(c, number, actor, "rate")
        if mark is not None and mark not in MARKS:
            raise Refused(N_("A mark is a number from 1 to 5."))
        details: dict[str, Any] = {}
        if solved is not None and solved != row.solved:
            details["solved"] = solved
        if mark is not None and mark != row.mark:
            details["mark"] = mark
        if not details:
            return False
        self._done_for(c, row)
        moves = [Move(row, "rate", details)]
        if details.get("solved") is False:
            moves += self._reopening(c, row, cleaned(why)[:1000] or "not_solved", now)
        self._enter(c, now, actor, *moves)
        if len(moves) > 1:
            self._tell_reopened(c, row.number, now)
        return True

    # --- parts

    def _reopening(self, c: Connection, row: Row[Any], reason: str, now: datetime) -> list[Move]:
        head = self._done_for(c, row)
        reason = said(reason, N_("Say why it is taken up again."))
        own = self._rules(row)
        first = redated.counted(now, own.first_reaction_urgent if row.urgency == "urgent" else own.first_reaction, own)
        final = redated.counted(now, own.final, own)
        details: dict[str, Any] = {"due_first": first.at.isoformat(), "due_final": final.at.isoformat()}
        columns = {"due_first_derivation": list(first.derivation), "due_final_derivation": list(final.derivation),
                   "first_reaction_at": None, "closed_at": None}
        staff = self._people(c, now)
        if row.responsible is not None and row.responsible not in staff.by_id:
            assigned = self._assign(staff, row.office, row.akimat, row.topic)
            details |= {"department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason}
        moves = [Move(row, "reopen", details, (Secret("why", reason),), columns)]
        if head is not None:
            moves.insert(0, parted(c, head, row.number))
        return moves

    def _done_for(self, c: Connection, row: Row[Any]) -> Row[Any] | None:
        """The card that answered for a merged one; refuses what is not done yet."""
        head = ticket_by_number(c, row.merged_into, lock=True) if row.merged_into else None
        status = row.status if head is None else head.status
        if status in rules.OPEN:
            raise Refused(N_("%(number)s is not done yet: there is nothing to take up again."), number=row.number)
        if status not in rules.DONE | {"not_examined"}:
            self._allowed("reopen", row if head is None else head)
        return head

    def _tell_reopened(self, c: Connection, number: str, now: datetime) -> None:
        row = ticket_by_number(c, number)
        assert row is not None, "it was there a moment ago"
        tell(c, number, "reopened", row.office, row.responsible, now)

    def _goes_on(self, row: Row[Any], now: datetime) -> Move:
        """The citizen replied: a clock that stood goes on."""
        raise NotImplementedError

    def _owe(self, c: Connection, row: Row[Any], kind: str, source: str, now: datetime) -> None:
        """What is due to the citizen by a date: to be told."""
        by = redated.counted(now, self._rules(row).tell, self._rules(row))
        c.execute(insert(obligation).values(ticket=row.number, kind=kind, source=source, due=by.at,
                                            derivation=list(by.derivation), made_at=now))

    def _tell_redirected(self, c: Connection, row: Row[Any], places: Sequence[Thread], place: str, now: datetime, body: Any,
                         new: str = "") -> None:
        """Tell the citizen where the message has gone, and owe it until it is said."""
        self._owe(c, row, "tell_redirected", place, now)
        name = "renumbered" if new else "redirected"
        queue(c, places, place.replace("entry", "redirected"), lambda t: {"text": notice(
            name, t.language, lambda code: {"number": row.number, "body": body(code), "new": new})}, now, UNDO_WAITS)


    def _untell_redirected(self, c: Connection, row: Row[Any]) -> None:
        """The redirect was undone: what was not said yet is not said, and nothing is owed."""
        c.execute(update(delivery).where(
            delivery.c.about == row.number, delivery.c.kind.startswith("redirected:"), delivery.c.channel.startswith(CHANNEL),
            delivery.c.state.in_(("queued", "by_hand"))).values(state="dead", reason=N_("the redirect was undone")))
        c.execute(delete(obligation).where(obligation.c.ticket == row.number, obligation.c.kind == "tell_redirected",
                                           obligation.c.kept_at.is_(None)))


def _found(c: Connection, number: str) -> Row[Any]:
    row = ticket_by_number(c, number, lock=True)
    assert row is not None, "a member is a number of ours"
    return row


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ALMATY)


def _stepped(state: rules.State, moves: Sequence[Move]) -> rules.State:
    for m in moves:
        state = rules.step(state, m.action, m.details)
    return state


