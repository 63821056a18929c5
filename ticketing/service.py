"""The verbs: intake by the pipeline, and what staff do. Each is one transaction opened by the caller.

Everything is read and decided first; `register.append` comes last but for the plain inserts, because it holds the
locks of the offices' heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from config.languages import N_
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.store.tables import correction, event, verdict
from monitor.store.verdicts import judged_post
from ticketing import correcting, groups, redated
from ticketing import intake as intake_rules
from ticketing import ticket as rules
from ticketing.acting import SYSTEM, Actor, Refused, state_of
from ticketing.answering import Answering
from ticketing.attaching import Attaching
from ticketing.citizens import threads
from ticketing.confirming import confirm
from ticketing.deadlines import due, registered_at
from ticketing.intake import Joining, Judged, Plan
from ticketing.letters import letter, tell
from ticketing.merging import Merging
from ticketing.pausing import Pausing
from ticketing.register import NewEntry, NewNumber, Secret, append
from ticketing.routing import Assignment, People
from ticketing.store import (
    DESKS,
    by_staff,
    known_natives,
    known_texts,
    last_place,
    private_chat,
    ticket_by_number,
    ticket_of_post,
)
from ticketing.tables import delivery, ticket, ticket_post

__all__ = ["SYSTEM", "Actor", "Opened", "Refused", "Service"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket to be opened: on which post, for whom, and how it was understood."""

    key: Any
    post_id: int
    post: Post
    verdict: Verdict
    office: str
    akimat: str
    text_key: bytes
    received_at: datetime
    parent: str | None = None
    secrets: tuple[Secret, ...] = ()
    """What else the registration commits to: who came to the desk, and how they can be reached."""


class Service(Pausing, Merging, Answering, Attaching):
    """All verbs, for one desk. Here stand intake and what staff do to a post."""

    bot_source = ""
    """The source whose private messages the citizens' bot answers; "" where no bot of ours speaks to citizens."""

    # --- by the pipeline

    def intake(self, c: Connection, judged: Sequence[Judged], now: datetime,
               received: Callable[[Post], datetime] | None = None, *, by_bot: bool = False) -> Plan:
        """Give each judged post its outcome: numbers, attachments, revisions. `received` says when a post was received;
        by default that is `now`. What staff write to our bot, such as the akimat's name it asks for, is no post to us.

        What a citizen writes to our bot is the bot's to register (`by_bot`), because it asks what is not clear; until then,
        and where the bot fails, it waits in triage."""
        staff = by_staff(c, [(j.id, j.post) for j in judged])
        judged = [replace(j, own=True) if j.id in staff else j for j in judged]
        if not by_bot:
            judged = [self._left_to_bot(j) for j in judged]
        worth = [j for j in judged if j.verdict.decision != "ignore" or j.post.revision or j.post.deleted_at]
        natives = known_natives(c, [(j.post.network, j.post.native_id) for j in worth if j.post.revision])
        keys = [intake_rules.text_key(j.post.text)[0] for j in worth if j.verdict.decision == "register"]
        plan = intake_rules.plan(judged, natives, known_texts(c, keys), self.desk.office_of)
        received = received or (lambda _post: now)
        opened = [Opened(o.judged.id, o.judged.id, o.judged.post, o.judged.verdict, o.office, o.akimat, o.key,
                         received(o.judged.post)) for o in plan.open]
        self._write(c, opened, plan.join, now, Actor(None, SYSTEM))
        return plan

    # --- by staff

    def accept(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Take a ticket on oneself. False where it is this person's already: a double press is harmless."""
        row = self._ticket(c, number, actor, "accept")
        if row.status == "accepted":
            if row.responsible == actor.id:
                return False
            raise Refused(N_("%(number)s has already been accepted by somebody else."), number=row.number)
        self._allowed("accept", row)
        append(c, [NewEntry(row.office, row.number, now, str(actor), "accept", {"responsible": actor.id})], self._salt)
        self._change(c, row, now, status="accepted", responsible=actor.id, first_reaction_at=row.first_reaction_at or now)
        return True

    def redirect(self, c: Connection, number: str, akimat: str, actor: Actor, now: datetime) -> str:
        """Not ours: give the ticket to another akimat. Returns the number under which it goes on.

        Inside the same office the number stays. Another office that registers here gives its own number and this one
        keeps the trail (Art. 65); an akimat for which nobody registers here leaves the trail alone.
        """
        row = self._ticket(c, number, actor, "redirect")
        self._known(akimat)
        if akimat == row.akimat:
            raise Refused(N_("%(number)s is with this akimat already."), number=row.number)
        self._allowed("redirect", row)
        office = self.desk.office_of(akimat)
        if office != row.office:
            self._alone(c, row)
        if office is not None and office == row.office:
            assigned = self._assign(self._people(c, now), office, akimat, row.topic)
            append(c, [NewEntry(row.office, row.number, now, str(actor), "readdress", {
                "from": row.akimat, "akimat": akimat, "department": assigned.department,
                "responsible": assigned.responsible, "reason": assigned.reason})], self._salt)
            self._change(c, row, now, status="assigned", akimat=akimat, department=assigned.department,
                         responsible=assigned.responsible, assigned_by=assigned.reason, proposal=None)
            tell(c, row.number, "readdressed", office, assigned.responsible, now)
            return str(row.number)
        leaving = NewEntry(row.office, row.number, now, str(actor), "redirect", {"from": row.akimat, "to": akimat})
        places = threads(c, [row.number])
        if office is None:
            append(c, [leaving], self._salt)
            self._change(c, row, now, status="redirected", proposal=None)
            self._tell_redirected(c, row, places, last_place(c, row.number), now, partial(self._akimat_name, akimat))
            return str(row.number)
        # The clock of the new office starts now, when it receives the message.
        origin = c.execute(select(ticket_post).where(ticket_post.c.ticket_id == row.id, ticket_post.c.role == "origin")).one()
        stored = judged_post(c, origin.post_id)
        assert stored is not None, "a ticket stands on a judged post"
        meant = replace(stored.verdict, akimat=akimat, **{column: getattr(row, column) for column in correcting.COLUMNS.values()})
        opened = Opened("redirected", origin.post_id, stored.post, meant, office, akimat, bytes(origin.text_key), now,
                        parent=row.number)
        numbers = self._write(c, [opened], [], now, actor, before=[leaving], moved_from=row)
        self._change(c, row, now, status="redirected", proposal=None)
        self._tell_redirected(c, row, places, last_place(c, row.number), now, partial(self._akimat_name, akimat),
                              numbers["redirected"])
        return numbers["redirected"]

    def take(self, c: Connection, post_id: int, akimat: str | None, actor: Actor, now: datetime) -> str:
        """Enter a post in the register by hand; `akimat` None takes the one that detection found."""
        stored = self._judged(c, post_id, actor, "take")
        return self._take(c, stored, post_id, akimat or stored.verdict.akimat, actor, now, "take")

    def other_akimat(self, c: Connection, post_id: int, akimat: str, actor: Actor, now: datetime) -> str:
        """The post is for another akimat: enter it under that one, or redirect its ticket."""
        stored = self._judged(c, post_id, actor, "other_akimat")
        row = ticket_of_post(c, post_id)
        if row is None or row.status == "void":
            return self._take(c, stored, post_id, akimat, actor, now, "other_akimat")
        number = self.redirect(c, row.number, akimat, actor, now)
        self._correct(c, post_id, actor, now, "other_akimat", akimat, stored.state, row.akimat)
        return number

    def not_addressed(self, c: Connection, post_id: int, actor: Actor, now: datetime) -> int:
        """The post is addressed to no akimat. A number it already has is kept as void. Returns the id to undo it by."""
        stored = self._judged(c, post_id, actor, "not_addressed")
        row = ticket_of_post(c, post_id)
        if row is not None and row.status != "void":
            if not rules.may(actor.role, "void"):
                raise Refused(N_("%(number)s is in the register already: only a head or a controller may void it."),
                              number=row.number)
            self._allowed("void", row)
            self._void(c, row, "not_addressed", actor, now)
        self._state(c, post_id, "not_addressed", now)
        return self._correct(c, post_id, actor, now, "not_addressed", None, stored.state, stored.verdict.akimat)

    def correct(self, c: Connection, post_id: int, said: Mapping[str, str | None], actor: Actor, now: datetime) -> int:
        """Say what a post is about: `said` holds topic, kind, urgency, place; None leaves one as it is, "" is no place.

        A card follows; one that nobody has accepted is routed anew by its topic. Returns the id to undo it by.
        """
        stored = self._judged(c, post_id, actor, "correct")
        row = ticket_of_post(c, post_id)
        if row is None and stored.state not in ("triage", "elsewhere"):
            raise Refused(N_("Only a card, or a post that waits for a decision, can be corrected."))
        given = correcting.cleaned(said)
        if (strange := correcting.unknown(given, self.desk.knowledge.topics)) is not None:
            raise Refused(N_("“%(value)s” is no code that can be given here."), value=strange[:60])
        before = correcting.current(stored.verdict, row)
        changes = correcting.changed(before, given)
        if not changes:
            raise Refused(N_("Nothing in it is different from what stands there."))
        if row is not None:
            self._understood(c, row, changes, actor, now)
        made = self._correct(c, post_id, actor, now, "correct", None, stored.state, stored.verdict.akimat, changes,
                             {name: before[name] for name in changes})
        correcting.remember(c, post_id)
        self._state(c, post_id, stored.state, now)
        return made

    def undo(self, c: Connection, correction_id: int, actor: Actor, now: datetime) -> None:
        """Take a correction back. Numbers stay: a ticket opened by mistake becomes void, a void one is restored."""
        made = c.execute(select(correction).where(correction.c.id == correction_id)).one_or_none()
        if made is None:
            raise Refused(N_("There is nothing to undo."))
        if made.undone_at is not None:
            return
        if made.by != actor.id and not rules.may(actor.role, "void"):
            raise Refused(N_("Only the person who did it, a head or a controller may undo it."))
        last = c.execute(select(correction.c.id).where(correction.c.post_id == made.post_id, correction.c.undone_at.is_(None))
                         .order_by(correction.c.id.desc()).limit(1)).scalar_one()
        if last != correction_id:
            raise Refused(N_("Something newer was done to this post: undo that first."))
        row = ticket_of_post(c, made.post_id)
        if made.action == "correct":
            if row is not None and made.changes:
                now_says = correcting.current(None, row)
                if any(now_says[name] != value for name, value in made.changes.items()):
                    raise Refused(N_("Something newer was done to this post: undo that first."))
                self._understood(c, row, made.before_values, actor, now)
        elif made.action == "not_addressed":
            if row is not None and row.status == "void":
                self._restore(c, row, actor, now)
        elif row is not None and made.before_state in ("ticket", "attached"):
            self._back(c, row, made.before_akimat, actor, now)
        elif row is not None and row.status in rules.OPEN:
            self._void(c, row, "undone", actor, now)
        c.execute(update(correction).where(correction.c.id == correction_id).values(undone_at=now, undone_by=actor.id))
        if made.action == "correct":
            correcting.remember(c, made.post_id)
        self._state(c, made.post_id, made.before_state, now)

    # --- parts

    def _take(self, c: Connection, stored: Any, post_id: int, akimat: str | None, actor: Actor, now: datetime,
              action: str) -> str:
        if akimat is None:
            raise Refused(N_("Say which akimat it is addressed to."))
        self._known(akimat)
        office = self.desk.office_of(akimat)
        if office is None:
            raise Refused(N_("No office here registers for this akimat."))
        row = mine = ticket_of_post(c, post_id)
        if row is None:     # another revision of the post may have a number
            native = (stored.post.network, stored.post.native_id)
            known = known_natives(c, [native]).get(native)
            row = ticket_by_number(c, str(known.number), lock=True) if known else None
        if row is not None and row.status != "void":
            raise Refused(N_("The post is in the register already: %(number)s."), number=row.number)
        key, _ = intake_rules.text_key(stored.post.text)
        if row is not None and row.office == office:
            self._restore(c, row, actor, now, akimat)       # its number was void: the same one goes on
            number = str(row.number)
            if mine is None:
                c.execute(insert(ticket_post), [_ticket_post(post_id, row.id, "revision", stored.post, akimat, key)])
        elif row is not None:
            raise Refused(N_("The post has the void number %(number)s of another office: restore that one first."),
                          number=row.number)
        else:
            opened = Opened(post_id, post_id, stored.post, replace(stored.verdict, akimat=akimat), office, akimat, key, now)
            number = self._write(c, [opened], [], now, actor)[post_id]
        self._state(c, post_id, "ticket", now)
        self._correct(c, post_id, actor, now, action, akimat, stored.state, stored.verdict.akimat)
        return number

    def _write(self, c: Connection, opened: Sequence[Opened], joined: Sequence[Joining], now: datetime, actor: Actor,
               before: Sequence[NewEntry] = (), moved_from: Row[Any] | None = None) -> dict[Any, str]:
        """Numbers, entries, tickets, their posts and deliveries. Returns the numbers by key."""
        if not opened and not joined:
            return {}
        staff = self._people(c, now) if opened else None
        entries = list(before)
        ready: list[tuple[Opened, dict[str, Any], Assignment]] = []
        for o in opened:
            assert staff is not None
            fields, assigned = self._open(o, staff)
            ready.append((o, fields, assigned))
            entries.extend(_opening_entries(o, fields, assigned, actor, now, self.desk.rules_of(o.office).number_format))
        joins = [self._joining(c, j) for j in joined]
        for j, office, _ticket_id, number in joins:
            entries.append(_joining_entry(j, office, number, now))
        given = append(c, entries, self._salt)
        ids = self._insert(c, ready, given.numbers, moved_from)
        self._join(c, joins, ids, given.numbers, now)
        if ready:       # their numbers are new: nobody can have been told of them
            c.execute(insert(delivery), [letter(given.numbers[o.key][0], "new_ticket", o.office, assigned.responsible, now)
                                         for o, _fields, assigned in ready])
            if moved_from is None:
                for o, _fields, _assigned in ready:
                    confirm(c, self.desk.confirming, given.numbers[o.key][0], o.post_id, o.post, o.verdict.language,
                            {span.kind for span in o.verdict.pii}, now)
            groups.announce(c, [(given.numbers[o.key][0], o.office) for o, _fields, _assigned in ready], now, new=True)
        c.execute(insert(event), [{"at": now, "kind": "ticket", "ref": n} for n, _seq in given.numbers.values()]
                  + [{"at": now, "kind": "ticket", "ref": given.numbers[n][0] if n in given.numbers else n}
                     for _j, _o, _t, n in joins])
        return {key: number for key, (number, _seq) in given.numbers.items()}

    def _open(self, o: Opened, staff: People) -> tuple[dict[str, Any], Assignment]:
        own = self.desk.rules_of(o.office)
        v = o.verdict
        topic, kind, urgency = v.topic or "other", v.kind or "message", v.urgency or "normal"
        first_term = own.first_reaction_urgent if urgency == "urgent" else own.first_reaction
        # Acceptance is never refused (Art. 64): past the published calendar the dates are marked provisional.
        registered = registered_at(o.received_at, own.calendar, provisional=True)
        first = due(o.received_at, first_term, own.calendar, own.count_from, full=False, provisional=True)
        final = due(o.received_at, own.final, own.calendar, own.count_from, full=False, provisional=True)
        assigned = self._assign(staff, o.office, o.akimat, topic)
        return {
            "office": o.office, "series": _series(o.post), "year": rules.year_of(registered), "status": "assigned",
            "akimat": o.akimat, "also": list(v.also) or None, "department": assigned.department,
            "responsible": assigned.responsible, "assigned_by": assigned.reason, "topic": topic, "kind": kind,
            "urgency": urgency, "language": v.language, "location_text": v.location_text, "received_at": o.received_at,
            "registered_at": registered, "due_first": first.at, "due_first_derivation": list(first.derivation),
            "due_final": final.at, "due_final_derivation": list(final.derivation), "parent": o.parent,
        }, assigned

    def _insert(self, c: Connection, ready: Sequence[tuple[Opened, dict[str, Any], Assignment]],
                numbers: Mapping[Any, tuple[str, int]], moved_from: Row[Any] | None) -> dict[Any, int]:
        if not ready:
            return {}
        rows = [{**fields, "number": numbers[o.key][0], "seq": numbers[o.key][1]} for o, fields, _a in ready]
        made = c.execute(insert(ticket).returning(ticket.c.id, ticket.c.number), rows)
        by_number = {number: id_ for id_, number in made}
        ids = {o.key: by_number[numbers[o.key][0]] for o, _f, _a in ready}
        if moved_from is not None:
            c.execute(update(ticket_post).where(ticket_post.c.ticket_id == moved_from.id)
                      .values(ticket_id=ids[ready[0][0].key], akimat=ready[0][0].akimat))
            return ids
        c.execute(insert(ticket_post), [_ticket_post(o.post_id, ids[o.key], "origin", o.post, o.akimat, o.text_key)
                                        for o, _f, _a in ready])
        return ids

    def _joining(self, c: Connection, j: Joining) -> tuple[Joining, str, int | None, Any]:
        """The ticket a post joins: (joining, office, ticket id or None if opened in this plan, number or key)."""
        if j.known.number is None:
            office = self.desk.office_of(j.known.akimat)
            assert office is not None, "a ticket was opened for it"
            return j, office, None, j.known.opened_by
        row = c.execute(select(ticket.c.id, ticket.c.office).where(ticket.c.number == j.known.number)).one()
        return j, row.office, row.id, j.known.number

    def _join(self, c: Connection, joins: Sequence[tuple[Joining, str, int | None, Any]], ids: Mapping[Any, int],
              numbers: Mapping[Any, tuple[str, int]], now: datetime) -> None:
        rows = []
        for j, office, ticket_id, number in joins:
            id_ = ids[number] if ticket_id is None else ticket_id
            rows.append(_ticket_post(j.judged.id, id_, j.role, j.judged.post, j.akimat, j.key))
            if j.redirect_to is not None:
                c.execute(update(ticket).where(ticket.c.id == id_)
                          .values(proposal={"redirect": j.redirect_to, "post": j.judged.id}))
                responsible = c.execute(select(ticket.c.responsible).where(ticket.c.id == id_)).scalar_one()
                tell(c, numbers[number][0] if number in numbers else number, f"proposal:{j.judged.id}", office,
                           responsible, now)
        if rows:
            c.execute(insert(ticket_post), rows)

    def _judged(self, c: Connection, post_id: int, actor: Actor, action: str) -> Any:
        stored = judged_post(c, post_id)
        if stored is None:
            raise Refused(N_("There is no such post."))
        home = stored.verdict.akimat or stored.post.home
        self._entitled(actor, action, home and self.desk.office_of(home))
        return stored

    def _akimat_name(self, akimat: str, code: str) -> str:
        unit = self.desk.knowledge.registry[akimat]
        return str(unit.name_ru if code == "ru" else unit.name_kk)

    def _void(self, c: Connection, row: Row[Any], reason: str, actor: Actor, now: datetime) -> None:
        self._alone(c, row)
        append(c, [NewEntry(row.office, row.number, now, str(actor), "void", {"reason": reason})], self._salt)
        self._change(c, row, now, status="void", closed_at=now)

    def _restore(self, c: Connection, row: Row[Any], actor: Actor, now: datetime, akimat: str | None = None) -> None:
        akimat = akimat or row.akimat
        assigned = self._assign(self._people(c, now), row.office, akimat, row.topic)
        append(c, [
            NewEntry(row.office, row.number, now, str(actor), "restore", {"akimat": akimat}),
            NewEntry(row.office, row.number, now, SYSTEM, "assign", {
                "department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason}),
        ], self._salt)
        self._change(c, row, now, status="assigned", akimat=akimat, department=assigned.department,
                     responsible=assigned.responsible, assigned_by=assigned.reason, closed_at=None)
        groups.announce(c, [(row.number, row.office)], now)

    def _back(self, c: Connection, row: Row[Any], akimat: str, actor: Actor, now: datetime) -> None:
        """Undo a redirect: inside the office readdress; across offices void the new number and restore the old one."""
        if row.parent is None or row.akimat == akimat:
            if row.akimat != akimat:
                self.redirect(c, row.number, akimat, actor, now)
            return
        old = ticket_by_number(c, row.parent, lock=True)
        assert old is not None, "a parent is a number of ours"
        self._void(c, row, "undone", actor, now)
        self._untell_redirected(c, old)
        c.execute(update(ticket_post).where(ticket_post.c.ticket_id == row.id).values(ticket_id=old.id, akimat=old.akimat))
        self._restore(c, old, actor, now)

    def _left_to_bot(self, j: Judged) -> Judged:
        if self.bot_source != j.post.source or j.verdict.decision != "register" \
                or private_chat(j.post.network, j.post.native_id) is None:
            return j
        return replace(j, verdict=replace(j.verdict, decision="triage"))

    def _state(self, c: Connection, post_id: int, state: str, now: datetime) -> None:
        c.execute(update(verdict).where(verdict.c.post_id == post_id).values(state=state))
        c.execute(insert(event).values(at=now, kind="post", ref=str(post_id)))

    def _understood(self, c: Connection, row: Row[Any], changes: Mapping[str, str | None], actor: Actor, now: datetime) -> None:
        """Enter what staff say of a card. The first reaction's term follows urgency until it has passed or was met."""
        self._allowed("correct", row)
        own = self.desk.rules_of(row.office)
        values: dict[str, Any] = {correcting.COLUMNS[name]: value for name, value in changes.items()}
        details: dict[str, Any] = {name: value for name, value in changes.items() if name != "place" or value is None}
        named = changes.get("place")
        place = (Secret("place", named),) if named else ()
        if "urgency" in changes and row.status in rules.OPEN and row.first_reaction_at is None and now < row.due_first:
            term = own.first_reaction_urgent if changes["urgency"] == "urgent" else own.first_reaction
            first = due(row.received_at, term, own.calendar, own.count_from, full=False, provisional=True)
            details["due_first"] = first.at.isoformat()
            members = state_of(c, row.number).members
            values |= {"due_first": min([first.at, *(dates["due_first"] for dates in members.values() if "due_first" in dates)]),
                       "due_first_derivation": redated.with_members(first.derivation, first.at, members, "due_first")}
        entries = [NewEntry(row.office, row.number, now, str(actor), "correct", details, place)]
        assigned = None
        if changes.get("topic") and row.status in ("registered", "assigned"):
            assigned = self._assign(self._people(c, now), row.office, row.akimat, str(changes["topic"]))
            if (assigned.department, assigned.reason["rule"]) == (row.department, row.assigned_by.get("rule")):
                assigned = None     # the same rule and department: whoever has it keeps it
        if assigned is not None:
            values |= {"department": assigned.department, "responsible": assigned.responsible, "assigned_by": assigned.reason,
                       "status": "assigned"}
            entries.append(NewEntry(row.office, row.number, now, SYSTEM, "assign", {
                "department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason}))
        append(c, entries, self._salt)
        self._change(c, row, now, **values)
        if assigned is not None and assigned.responsible != row.responsible:
            tell(c, row.number, "new_ticket", row.office, assigned.responsible, now)

    def _correct(self, c: Connection, post_id: int, actor: Actor, now: datetime, action: str, akimat: str | None,
                 before_state: str, before_akimat: str | None, changes: Mapping[str, str | None] | None = None,
                 before_values: Mapping[str, str | None] | None = None) -> int:
        made = c.execute(insert(correction).values(
            post_id=post_id, at=now, by=actor.id, action=action, akimat=akimat, before_state=before_state,
            before_akimat=before_akimat, changes=changes, before_values=before_values).returning(correction.c.id))
        return int(made.scalar_one())


def _series(post: Post) -> str:
    """By where it came in: the reception desk, our bot, or a network."""
    if post.network in DESKS:
        return rules.DESK_SERIES
    return rules.BOT_SERIES if private_chat(post.network, post.native_id) is not None else rules.SERIES


def _opening_entries(o: Opened, fields: Mapping[str, Any], assigned: Assignment, actor: Actor, now: datetime,
                     form: str) -> list[NewEntry]:
    """Registration and assignment: two entries, because they are two decisions with two reasons."""
    number = NewNumber(fields["series"], fields["year"], rules.form_of(fields["series"], form))
    iso = {name: fields[name].isoformat() for name in ("received_at", "registered_at", "due_first", "due_final")}
    post = o.post
    details: dict[str, Any] = {
        **iso, "akimat": o.akimat, "topic": fields["topic"], "kind": fields["kind"], "urgency": fields["urgency"],
        "language": fields["language"], "ruleset": o.verdict.ruleset,
        "post": {"network": post.network, "id": post.native_id, "revision": post.revision}}
    if o.verdict.also:
        details["also"] = list(o.verdict.also)
    if o.parent:
        details["parent"] = o.parent
    return [
        NewEntry(o.office, number, now, str(actor), "register", details, (Secret("text", post.text, o.post_id), *o.secrets), o.key),
        NewEntry(o.office, o.key, now, SYSTEM, "assign", {
            "department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason}),
    ]


def _joining_entry(j: Joining, office: str, number: Any, now: datetime) -> NewEntry:
    post = j.judged.post
    details: dict[str, Any] = {"post": {"network": post.network, "id": post.native_id, "revision": post.revision}}
    if post.deleted_at:
        details["deleted"] = True
    action = "attach" if j.role == "copy" else "revise"
    if j.redirect_to is not None:
        action, details["to"] = "propose_redirect", j.redirect_to
    return NewEntry(office, number, now, SYSTEM, action, details, (Secret("text", post.text, j.judged.id),))


def _ticket_post(post_id: int, ticket_id: int, role: str, post: Post, akimat: str, key: bytes) -> dict[str, Any]:
    return {"post_id": post_id, "ticket_id": ticket_id, "role": role, "network": post.network, "native_id": post.native_id,
            "akimat": akimat, "text_key": key, "author_key": post.author.key, "published_at": post.published_at}
