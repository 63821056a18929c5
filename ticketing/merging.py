"""Several cards, one matter: propose, merge, part again. Every card keeps its number; one answers for all.

A merged card gets no later date than it had: the one that goes on takes the earliest of all. Parting restores the status
and the dates that each had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, or_, select, update

from config.languages import N_
from monitor.store.tables import post
from ticketing import redated
from ticketing import ticket as rules
from ticketing.acting import Acting, Actor, Move, Refused, parted, state_of
from ticketing.citizens import family
from ticketing.letters import tell
from ticketing.store import ticket_by_number
from ticketing.tables import answer, merge_proposal, ticket, ticket_post


class Merging(Acting):
    """Joining cards and parting them."""

    def propose(self, c: Connection, number: str, into: str, why: Mapping[str, Any], now: datetime) -> int | None:
        """Note that two cards may be one matter, for a person to decide. None where it is not possible or was decided before."""
        pair = [ticket_by_number(c, n) for n in (number, into)]
        if any(row is None or row.status not in rules.OPEN for row in pair):
            return None
        one, other = pair
        assert one is not None
        assert other is not None
        if one.id == other.id or one.office != other.office:
            return None
        same = or_((merge_proposal.c.ticket == one.number) & (merge_proposal.c.into == other.number),
                   (merge_proposal.c.ticket == other.number) & (merge_proposal.c.into == one.number))
        known = c.execute(select(merge_proposal.c.id, merge_proposal.c.state).where(same)).first()
        if known is not None:
            return int(known.id) if known.state == "open" else None
        return int(c.execute(insert(merge_proposal).values(
            ticket=one.number, into=other.number, why=dict(why), made_at=now, state="open",
        ).returning(merge_proposal.c.id)).scalar_one())

    def dismiss(self, c: Connection, number: str, proposal: int, actor: Actor, now: datetime) -> bool:
        """The two are different matters: not proposed again."""
        row = self._ticket(c, number, actor, "merge")
        known = c.execute(select(merge_proposal).where(merge_proposal.c.id == proposal, or_(
            merge_proposal.c.into == row.number, merge_proposal.c.ticket == row.number)).with_for_update()).one_or_none()
        if known is None:
            raise Refused(N_("There is no such proposal on this card."))
        if known.state != "open":
            return False
        self._decide(c, known.id, "dismissed", actor, now)
        return True

    def merge(self, c: Connection, number: str, others: Sequence[str], actor: Actor, now: datetime) -> list[str]:
        """Merge other cards into this one, which answers for all. Returns the numbers that are new in it.

        Cards that were merged into one of the others come along.
        """
        head, rows = self._together(c, number, others, actor)
        if not rows:
            return []
        self._allowed("absorb", head)
        for row in (head, *rows):
            if row.paused_until is not None:
                raise Refused(N_("The clock of %(number)s stands: let it go on first."), number=row.number)
        rows += [_row(c, n) for row in rows for n in family(c, row.number)[1:]]
        drafts = c.execute(select(answer.c.ticket).where(answer.c.ticket.in_([r.number for r in rows]),
                                                         answer.c.state.in_(("approved", "publishing"))).limit(1)).scalar()
        if drafts is not None:
            raise Refused(N_("An answer of %(number)s is on its way: wait until it is published."), number=drafts)
        moves: list[Move] = []
        state = state_of(c, head.number)
        members = dict(state.members)
        for row in rows:
            if row.merged_into is not None:     # it came along: its own card lets it go first
                moves += [Move(row, "unmerge"), Move(_row(c, row.merged_into), "release", {"member": row.number})]
            elif row.status not in rules.OPEN:
                self._allowed("merge", row)
        for row in rows:
            own = state_of(c, row.number).own
            # a first reaction that was given is owed no more
            dates = {name: at for name, at in own.items() if name != "due_first" or row.first_reaction_at is None}
            members[row.number] = dates
            moves += [Move(row, "merge", {"into": head.number}, columns={"proposal": None}),
                      Move(head, "absorb", {"member": row.number, **redated.iso(dates)})]
        moves[-1] = Move(head, "absorb", moves[-1].details, columns={
            f"{name}_derivation": redated.with_members(getattr(head, f"{name}_derivation"), state.own.get(name), members, name)
            for name in rules.DUES})
        self._enter(c, now, actor, *_own_derivations(moves))
        numbers = [row.number for row in rows]
        for known in c.execute(select(merge_proposal.c.id).where(merge_proposal.c.state == "open", or_(
                merge_proposal.c.ticket.in_(numbers) & (merge_proposal.c.into == head.number),
                merge_proposal.c.into.in_(numbers) & (merge_proposal.c.ticket == head.number)))).scalars().all():
            self._decide(c, known, "merged", actor, now)
        return numbers

    def unmerge(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Part a card from the one it was merged into: its status and its dates are what they were."""
        row = self._ticket(c, number, actor, "unmerge")
        if row.merged_into is None:
            if row.status in rules.OPEN:
                return False
            self._allowed("unmerge", row)
        head = _row(c, row.merged_into)
        self._enter(c, now, actor, Move(row, "unmerge"), parted(c, head, row.number))
        c.execute(update(merge_proposal).where(merge_proposal.c.state == "merged", or_(
            (merge_proposal.c.ticket == row.number) & (merge_proposal.c.into == head.number),
            (merge_proposal.c.into == row.number) & (merge_proposal.c.ticket == head.number)))
            .values(state="dismissed", decided_by=actor.id, decided_at=now))
        tell(c, row.number, "parted", row.office, row.responsible, now)
        return True

    def _together(self, c: Connection, number: str, others: Sequence[str], actor: Actor) -> tuple[Row[Any], list[Row[Any]]]:
        """The card that goes on and those to be merged into it, all locked in one order; those that are in it left out."""
        named = []
        for typed in [number, *others]:
            found = ticket_by_number(c, typed)
            if found is None:
                raise Refused(N_("There is no number %(number)s."), number=typed[:40])
            named.append(found.number)
        locked = {n: self._ticket(c, n, actor, "merge") for n in sorted(set(named))}
        head = locked[named[0]]
        if head.merged_into is not None:
            raise Refused(N_("%(number)s is answered with %(into)s: act there."), number=head.number, into=head.merged_into)
        rows = []
        for n in dict.fromkeys(named[1:]):
            row = locked[n]
            if n == head.number:
                raise Refused(N_("A card cannot be merged into itself."))
            if row.office != head.office:
                raise Refused(N_("%(number)s belongs to another office: redirect it first."), number=n)
            if row.merged_into == head.number:
                continue
            if row.merged_into is not None:
                raise Refused(N_("%(number)s is merged into %(into)s already."), number=n, into=row.merged_into)
            self._allowed("merge", row)
            rows.append(row)
        return head, rows

    def _decide(self, c: Connection, proposal: int, state: str, actor: Actor, now: datetime) -> None:
        c.execute(update(merge_proposal).where(merge_proposal.c.id == proposal).values(
            state=state, decided_by=actor.id, decided_at=now))


def authors(c: Connection, numbers: Sequence[str]) -> int:
    """How many different people wrote the messages of these cards; a message without a known author counts as one."""
    known = select(func.count(ticket_post.c.author_key.distinct())).join(ticket, ticket.c.id == ticket_post.c.ticket_id).where(
        ticket.c.number.in_(list(numbers)), ticket_post.c.author_key != "")
    nameless = select(func.count()).select_from(ticket_post).join(ticket, ticket.c.id == ticket_post.c.ticket_id).where(
        ticket.c.number.in_(list(numbers)), ticket_post.c.author_key == "", ticket_post.c.role != "revision")
    return int(c.execute(known).scalar_one()) + int(c.execute(nameless).scalar_one())


ALIKE_WITHIN = timedelta(days=14)


def first_text(letters: int = 200) -> Any:
    """A column: the beginning of the message that a ticket stands on."""
    return select(func.substr(post.c.text, 1, letters)).join(ticket_post, ticket_post.c.post_id == post.c.id).where(
        ticket_post.c.ticket_id == ticket.c.id, ticket_post.c.role != "revision").order_by(post.c.id).limit(1).scalar_subquery().label(
        "text")


def alike(c: Connection, row: Row[Any], but: Sequence[str], now: datetime, limit: int = 8) -> Sequence[Any]:
    """Open cards of the same akimat and topic of the last days, those of the same place first: for a person to look through."""
    same = case((ticket.c.location_text == row.location_text, 0), else_=1)
    return c.execute(select(ticket.c.number, ticket.c.status, ticket.c.location_text, ticket.c.received_at, first_text()).where(
        ticket.c.office == row.office, ticket.c.akimat == row.akimat, ticket.c.topic == row.topic,
        ticket.c.status.in_(sorted(rules.OPEN)), ticket.c.number.not_in(list(but)), ticket.c.received_at > now - ALIKE_WITHIN)
        .order_by(same, ticket.c.received_at.desc()).limit(limit)).all()


def _row(c: Connection, number: str) -> Row[Any]:
    row = ticket_by_number(c, number, lock=True)
    assert row is not None, "a merged card names one of ours"
    return row


def _own_derivations(moves: Sequence[Move]) -> list[Move]:
    """A card that lets all its members go has its own dates back, and their own derivations."""
    return [m if m.action != "release" else Move(m.row, m.action, m.details, columns={
        f"{name}_derivation": redated.own_steps(getattr(m.row, f"{name}_derivation")) for name in rules.DUES}) for m in moves]
