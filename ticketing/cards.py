"""Cards of other systems (e-Otinish, 109) in the same register: they keep their number, and whoever brings a card twice
finds it there.

The series is the channel's own, gapless like every series, but the number that people see is the one the card came with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.store.tables import event
from ticketing import intake as intake_rules
from ticketing import ticket as rules
from ticketing.intake import Judged
from ticketing.register import NewEntry, NewNumber, Secret, append
from ticketing.service import SYSTEM, Opened, Service
from ticketing.store import CHUNK
from ticketing.tables import ticket, ticket_post


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was read: the post it makes, and what its own system says of it."""

    row: int
    post: Post
    verdict: Verdict
    status: str = ""
    closed: bool = False


def enter(c: Connection, service: Service, cards: Sequence[tuple[int, Card]], now: datetime) -> dict[int, str]:
    """Register cards that are new (post id, card). Returns the state of each by its post id: ticket, triage or elsewhere."""
    states: dict[int, str] = {}
    ready: list[tuple[int, Card, str]] = []
    for id_, card in cards:
        akimat = card.verdict.akimat
        office = service.desk.office_of(akimat) if akimat is not None else None
        states[id_] = "triage" if akimat is None else "elsewhere" if office is None else "ticket"
        if office is not None:
            ready.append((id_, card, office))
    if not ready:
        return states
    staff = service._people(c, now)
    taken = _taken(c, [card.post.native_id for _id, card, _o in ready])
    entries: list[NewEntry] = []
    rows: dict[int, dict[str, Any]] = {}
    for id_, card, office in ready:
        post, verdict = card.post, card.verdict
        external = post.native_id
        assert verdict.akimat is not None
        opened = Opened(id_, id_, post, verdict, office, verdict.akimat, intake_rules.text_key(post.text)[0], post.published_at)
        fields, assigned = service._open(opened, staff)
        shown = external if external not in taken else f"{post.network}:{external}"
        taken.add(shown)
        fields |= {"series": post.network, "external_number": external}
        if card.closed:
            fields |= {"status": "closed", "closed_at": now}
        iso = {name: fields[name].isoformat() for name in ("received_at", "registered_at", "due_first", "due_final")}
        details: dict[str, Any] = {
            **iso, "akimat": verdict.akimat, "topic": fields["topic"], "kind": fields["kind"], "urgency": fields["urgency"],
            "language": fields["language"], "ruleset": verdict.ruleset, "external_number": external,
            "post": {"network": post.network, "id": external, "revision": post.revision}}
        if verdict.also:
            details["also"] = list(verdict.also)
        number = NewNumber(post.network, fields["year"], shown.replace("{", "{{").replace("}", "}}"))
        key: Any = id_
        entries += [NewEntry(office, number, now, SYSTEM, "register", details, (Secret("text", post.text, id_),), key),
                    NewEntry(office, key, now, SYSTEM, "assign", {
                        "department": assigned.department, "responsible": assigned.responsible, "reason": assigned.reason})]
        if card.closed:
            entries.append(NewEntry(office, key, now, SYSTEM, "file", {"status": card.status[:200]}))
        rows[id_] = fields
    given = append(c, entries, service._salt)
    made = c.execute(insert(ticket).returning(ticket.c.id, ticket.c.number), [
        {**fields, "closed_at": fields.get("closed_at"), "number": given.numbers[id_][0], "seq": given.numbers[id_][1]}
        for id_, fields in rows.items()])
    ids = {number: ticket_id for ticket_id, number in made}
    c.execute(insert(ticket_post), [{
        "post_id": id_, "ticket_id": ids[given.numbers[id_][0]], "role": "origin", "network": card.post.network,
        "native_id": card.post.native_id, "akimat": rows[id_]["akimat"], "text_key": intake_rules.text_key(card.post.text)[0],
        "author_key": card.post.author.key, "published_at": card.post.published_at} for id_, card, _office in ready])
    told = [{"at": now, "kind": "ticket", "ref": given.numbers[id_][0]} for id_, card, _o in ready if not card.closed]
    if told:        # staff are not written to: a thousand cards would be a thousand messages, and they have them already
        c.execute(insert(event), told)
    return states


def revise(c: Connection, service: Service, cards: Sequence[tuple[int, Card]], now: datetime) -> dict[int, str]:
    """Cards whose text has changed since they were brought: a revision of the post that the ticket stands on."""
    plan = service.intake(c, [Judged(id_, card.post, replace(card.verdict, decision="triage")) for id_, card in cards], now)
    return plan.states


def close(c: Connection, service: Service, cards: Sequence[Card], now: datetime) -> int:
    """Close tickets that are open here and finished in their own system by now. Returns how many."""
    finished: dict[tuple[str, str], Card] = {(card.post.network, card.post.native_id): card for card in cards if card.closed}
    entries: list[NewEntry] = []
    ids: list[int] = []
    for network in {network for network, _native in finished}:
        natives = [native for there, native in finished if there == network]
        for start in range(0, len(natives), CHUNK):
            for row in c.execute(
                    select(ticket, ticket_post.c.native_id).join(ticket_post, ticket_post.c.ticket_id == ticket.c.id).where(
                        ticket_post.c.network == network, ticket_post.c.native_id.in_(natives[start:start + CHUNK]),
                        ticket_post.c.role == "origin", ticket.c.status.in_(sorted(rules.OPEN))).with_for_update(of=ticket)):
                entries.append(NewEntry(row.office, row.number, now, SYSTEM, "file",
                                        {"status": finished[network, row.native_id].status[:200]}))
                ids.append(row.id)
    if not ids:
        return 0
    append(c, entries, service._salt)
    for start in range(0, len(ids), CHUNK):
        c.execute(update(ticket).where(ticket.c.id.in_(ids[start:start + CHUNK])).values(status="closed", closed_at=now))
    c.execute(insert(event), [{"at": now, "kind": "ticket", "ref": e.ticket} for e in entries])
    return len(ids)


def _taken(c: Connection, numbers: Sequence[str]) -> set[str]:
    """Numbers that a ticket of another channel has already."""
    found: set[str] = set()
    for start in range(0, len(numbers), CHUNK):
        found |= set(c.execute(select(ticket.c.number).where(ticket.c.number.in_(numbers[start:start + CHUNK]))).scalars())
    return found

