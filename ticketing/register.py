"""The register: gapless numbers and one hash chain per office.

All entries of a transaction are written by one `append` at its end: it locks the `head` rows of the offices
concerned in sorted order (so that two transactions never wait for each other), takes numbers and hashes from them, and
writes. A rollback gives the numbers back, so the series has no gap; the row lock makes it have no double.
An entry holds codes, ids and salted commitments. Names, notes and texts lie in `sealed`, which can be emptied
without breaking the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ticketing import ticket as rules
from ticketing.tables import entry, head, sealed, ticket

GENESIS = "0" * 64

_canonical = msgspec.json.Encoder(order="deterministic").encode
_array = msgspec.json.Encoder().encode


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, as it is hashed and stored."""
    return _canonical(value).decode()


def moment(at: datetime) -> str:
    """A moment as the register writes it: UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def entry_hash(prev_hash: str, office: str, seq: int, ticket: str, at: str, actor: str, action: str, details: str) -> str:
    """SHA-256 over the columns exactly as they are stored, chained to the entry before."""
    return hashlib.sha256(_array([prev_hash, office, seq, ticket, at, actor, action, details])).hexdigest()


def commitment(salt: bytes, text: str) -> str:
    """What an entry says of a text it must not hold: SHA-256 over a 128-bit salt and the text."""
    return hashlib.sha256(salt + text.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Secret:
    """Personal text of an entry: only its commitment enters the chain. Where it is a post's text, the post holds it."""

    field: str
    text: str
    post_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewNumber:
    """Ask `append` for a number in this series; the entry's details and ticket get it."""

    series: str
    year: int
    form: str = rules.NUMBER_FORMAT


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be. `ticket` is the number, or the NewNumber to take (then `key` names it in the answer)."""

    office: str
    ticket: str | NewNumber
    at: datetime
    actor: str
    action: str
    details: Mapping[str, Any]
    secrets: tuple[Secret, ...] = ()
    key: Any = None


@dataclass(slots=True)
class Appended:
    """What `append` gave out: number and place in the series by the key of the entry."""

    numbers: dict[Any, tuple[str, int]] = field(default_factory=dict)


def append(c: Connection, entries: Sequence[NewEntry], salt: Callable[[], bytes]) -> Appended:
    """Write entries, in their order within each office. Call it last in the transaction: it holds the offices' locks.

    `salt` gives 16 fresh random bytes (an argument, so that a replay can be byte-identical).
    An entry with `key` of an earlier NewNumber entry in the same call may refer to it by `ticket=key`.
    """
    given = Appended()
    heads = _lock(c, sorted({e.office for e in entries}))
    rows: list[dict[str, Any]] = []
    hidden: list[dict[str, Any]] = []
    for e in entries:
        place = heads[e.office]
        details = dict(e.details)
        if isinstance(e.ticket, NewNumber):
            series = f"{e.ticket.series}-{e.ticket.year}"
            seq = place["numbers"].get(series, 0) + 1
            place["numbers"][series] = seq
            number = rules.number(e.ticket.series, e.office, e.ticket.year, seq, e.ticket.form)
            details.update(number=number, series=series, seq=seq)
            given.numbers[e.key] = (number, seq)
        else:
            number = given.numbers[e.ticket][0] if e.ticket in given.numbers else e.ticket
        place["seq"] += 1
        for secret in e.secrets:
            grain = salt()
            details[secret.field] = {"sha256": commitment(grain, secret.text)}
            hidden.append({"office": e.office, "seq": place["seq"], "field": secret.field, "salt": grain,
                           "text": None if secret.post_id is not None else secret.text, "post_id": secret.post_id})
        at, body = moment(e.at), canonical(details)
        hash_ = entry_hash(place["hash"], e.office, place["seq"], number, at, e.actor, e.action, body)
        rows.append({"office": e.office, "seq": place["seq"], "ticket": number, "at": at, "actor": e.actor,
                     "action": e.action, "details": body, "prev_hash": place["hash"], "hash": hash_})
        place["hash"] = hash_
    if rows:
        c.execute(insert(entry), rows)
        if hidden:
            c.execute(insert(sealed), hidden)
        c.execute(update(head).where(head.c.office == bindparam("of")),
                  [{"of": office, **place} for office, place in heads.items()])
    return given


def _lock(c: Connection, offices: Sequence[str]) -> dict[str, dict[str, Any]]:
    dialect = postgresql if c.dialect.name == "postgresql" else sqlite
    if offices:
        c.execute(dialect.insert(head).values([
            {"office": o, "seq": 0, "hash": GENESIS, "numbers": {}} for o in offices]).on_conflict_do_nothing())
    found = c.execute(select(head).where(head.c.office.in_(offices)).order_by(head.c.office).with_for_update())
    return {r.office: {"seq": r.seq, "hash": r.hash, "numbers": dict(r.numbers)} for r in found}


# --- proof

@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that does not hold in an office's chain."""

    office: str
    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of `verify`."""

    offices: int
    entries: int
    tickets: int
    broken: tuple[Broken, ...]


def verify(c: Connection) -> Proof:
    """Check every chain: intact, gapless, unique, in agreement with `head` and with the tickets."""
    heads = {r.office: r for r in c.execute(select(head).order_by(head.c.office))}
    tickets = {r.number: r for r in c.execute(select(
        ticket.c.number, ticket.c.office, ticket.c.series, ticket.c.year, ticket.c.seq, ticket.c.status, ticket.c.akimat))}
    broken: list[Broken] = []
    seen: dict[str, rules.State] = {}
    offices = entries = 0
    rows = c.execute(select(entry).order_by(entry.c.office, entry.c.seq).execution_options(yield_per=5000))
    for office, chain in _by_office(rows):
        offices += 1
        count, fault = _verify_chain(office, chain, heads.get(office), seen)
        entries += count
        if fault:
            broken.append(fault)
    known = {e.office for e in c.execute(select(entry.c.office).distinct())}
    broken.extend(Broken(o, None, "the head remembers entries, but the chain is gone")
                  for o, h in heads.items() if o not in known and h.seq)
    if not broken:
        broken.extend(_against_tickets(tickets, seen))
    return Proof(offices, entries, len(tickets), tuple(broken))


def _by_office(rows: Any) -> Iterator[tuple[str, Iterator[Row[Any]]]]:
    return groupby(rows, key=lambda r: r.office)


def _verify_chain(office: str, chain: Iterator[Row[Any]], last: Row[Any] | None,
                  seen: dict[str, rules.State]) -> tuple[int, Broken | None]:
    previous, expected, count = GENESIS, 1, 0
    numbers: dict[str, int] = {}
    for row in chain:
        count += 1
        if row.seq != expected:
            return count, Broken(office, expected, f"entry {expected} is missing (the next one is {row.seq})")
        if row.prev_hash != previous:
            return count, Broken(office, row.seq, "it does not follow the entry before (prev_hash differs)")
        try:
            honest = entry_hash(row.prev_hash, row.office, row.seq, row.ticket, row.at, row.actor, row.action, row.details)
        except UnicodeError:
            honest = ""
        if honest != row.hash:
            return count, Broken(office, row.seq, "its content was changed after it was written (hash differs)")
        try:
            details = json.loads(row.details)
            if row.action == "register":
                series = details["series"]
                seq = numbers[series] = numbers.get(series, 0) + 1
                if details["seq"] != seq:
                    return count, Broken(office, row.seq, f"number {row.ticket} is not number {seq} of its series")
                if row.ticket in seen:
                    return count, Broken(office, row.seq, f"number {row.ticket} is given twice")
            seen[row.ticket] = _step(seen.get(row.ticket), row.ticket, row.action, details)
        except (ValueError, KeyError, TypeError) as e:
            return count, Broken(office, row.seq, f"it makes no sense: {e}")
        previous, expected = row.hash, expected + 1
    if last is None:
        return count, Broken(office, None, "the chain has no head")
    if (last.seq, last.hash) != (expected - 1, previous):
        return count, Broken(office, expected, f"the head says {last.seq} entries, the chain has {expected - 1}")
    if {k: v for k, v in last.numbers.items() if v} != numbers:
        return count, Broken(office, None, f"the head says the last numbers are {last.numbers}, the chain says {numbers}")
    return count, None


def _step(state: rules.State | None, number: str, action: str, details: Mapping[str, Any]) -> rules.State:
    if state is None:
        begun = rules.fold([(action, details)])
        if begun is None or begun.number != number:
            raise ValueError(f"its details name {details.get('number')}")
        return begun
    if not rules.allowed(action, state.status):
        raise ValueError(f"{action!r} is not allowed on a ticket that is {state.status!r}")
    return rules.State(number, rules.MOVES[action][1] or state.status, details.get("akimat", state.akimat),
                       details.get("department", state.department), details.get("responsible", state.responsible))


def _against_tickets(tickets: Mapping[str, Any], seen: Mapping[str, rules.State]) -> Iterator[Broken]:
    for number, state in seen.items():
        row = tickets.get(number)
        if row is None:
            yield Broken(number, None, "it is in the register, but there is no such ticket")
        elif (row.status, row.akimat) != (state.status, state.akimat):
            yield Broken(row.office, None, f"ticket {number} says {row.status}/{row.akimat}, "
                                           f"its entries say {state.status}/{state.akimat}")
    for number, row in tickets.items():
        if number not in seen:
            yield Broken(row.office, None, f"ticket {number} has no entry")
