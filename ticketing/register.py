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
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Text, bindparam, func, insert, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import post
from ticketing import ticket as rules
from ticketing.replay import proves
from ticketing.tables import entry, head, sealed, ticket

GENESIS = "0" * 64

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How much earlier than the entry before it an entry may be dated: writers wait for each other's locks, and the clocks of
two machines differ. One that is dated earlier still says so itself (`clock_back`), or was backdated."""

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
        if place["at"] is not None and e.at < datetime.fromisoformat(place["at"]) - CLOCK_TOLERANCE:
            details["clock_back"] = place["at"]     # the machine's clock was set back: said at once, so it is no backdating
        at, body = moment(e.at), canonical(details)
        hash_ = entry_hash(place["hash"], e.office, place["seq"], number, at, e.actor, e.action, body)
        rows.append({"office": e.office, "seq": place["seq"], "ticket": number, "at": at, "actor": e.actor,
                     "action": e.action, "details": body, "prev_hash": place["hash"], "hash": hash_})
        place["hash"], place["at"] = hash_, at
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
    return {r.office: {"seq": r.seq, "hash": r.hash, "numbers": dict(r.numbers), "at": r.at} for r in found}


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
    """Check every chain: intact, gapless, unique, in agreement with `head` and with the tickets, office by office.

    `c` must see one moment throughout (`Database.reading` does).
    """
    heads = {r.office: r for r in c.execute(select(
        head.c.office, head.c.seq, head.c.hash, head.c.at, type_coerce(head.c.numbers, Text).label("numbers")).order_by(head.c.office))}
    broken: list[Broken] = []
    given: set[str] = set()
    offices = entries = 0
    rows = c.execute(select(entry).order_by(entry.c.office, entry.c.seq).execution_options(yield_per=5000))
    for office, chain in _by_office(rows):
        offices += 1
        states: dict[str, rules.State] = {}
        commitments: dict[tuple[int, str], str] = {}
        erased: set[tuple[int, str]] = set()
        count, fault = _verify_chain(office, chain, heads.pop(office, None), given, states, commitments, erased)
        entries += count
        broken.extend([*_against_texts(c, office, commitments, erased), *_against_tickets(c, office, states)]
                      if fault is None else [fault])
    broken.extend(Broken(o, None, "the head remembers entries, but the chain is gone") for o, h in heads.items() if h.seq)
    orphans = select(ticket.c.office, func.min(ticket.c.number)).where(
        ticket.c.office.not_in(select(entry.c.office))).group_by(ticket.c.office).order_by(ticket.c.office)
    broken.extend(Broken(o, None, f"ticket {number} has no entry") for o, number in c.execute(orphans))
    tickets = c.execute(select(func.count()).select_from(ticket)).scalar_one()
    return Proof(offices, entries, tickets, tuple(broken))


def _by_office(rows: Any) -> Iterator[tuple[str, Iterator[Row[Any]]]]:
    return groupby(rows, key=lambda r: r.office)


def _verify_chain(office: str, chain: Iterator[Row[Any]], last: Row[Any] | None, given: set[str],
                  states: dict[str, rules.State], commitments: dict[tuple[int, str], str],
                  erased: set[tuple[int, str]]) -> tuple[int, Broken | None]:
    previous, expected, count = GENESIS, 1, 0
    before: str | None = None
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
                if row.ticket in given:
                    return count, Broken(office, row.seq, f"number {row.ticket} is given twice")
                given.add(row.ticket)
            states[row.ticket] = rules.step(states.get(row.ticket), row.action, details)
            if states[row.ticket].number != row.ticket:
                raise ValueError(f"its details name {states[row.ticket].number}")
            commitments.update(((row.seq, name), value["sha256"]) for name, value in details.items()
                               if isinstance(value, dict) and "sha256" in value)
            if row.action == "erase":
                erased.update((int(seq), str(name)) for seq, name in details["fields"])
            if (before is not None and row.at < before and "clock_back" not in details
                    and datetime.fromisoformat(row.at) < datetime.fromisoformat(before) - CLOCK_TOLERANCE):
                return count, Broken(office, row.seq, f"it is dated {row.at}, before the entry before it ({before}): backdated")
        except (ValueError, KeyError, TypeError) as e:
            return count, Broken(office, row.seq, f"it makes no sense: {e}")
        previous, expected, before = row.hash, expected + 1, row.at
    if last is None:
        return count, Broken(office, None, "the chain has no head")
    if (last.seq, last.hash) != (expected - 1, previous):
        return count, Broken(office, expected, f"the head says {last.seq} entries, the chain has {expected - 1}")
    if last.at is not None and last.at != before:
        return count, Broken(office, None, f"the head says the last entry is of {last.at}, the chain says {before}")
    try:
        remembered = {k: v for k, v in json.loads(last.numbers).items() if v}
    except (ValueError, TypeError, AttributeError):
        remembered = {}
    if remembered != numbers:
        return count, Broken(office, None, f"the head says the last numbers are {last.numbers}, the chain says {numbers}")
    return count, None


_ENTERED = ("topic", "kind", "urgency", "language", "received_at", "registered_at")
_CURRENT = tuple(name for name in rules.FOLDED if not name.startswith("due_"))


def _against_texts(c: Connection, office: str, commitments: Mapping[tuple[int, str], str],
                   erased: set[tuple[int, str]]) -> Iterator[Broken]:
    """Every text that an entry commits to, unless an entry says that it was erased: then text and salt must be gone."""
    missing = dict(commitments)
    for row in c.execute(select(sealed.c.seq, sealed.c.field, sealed.c.salt,
                                func.coalesce(sealed.c.text, post.c.text).label("text"))
                         .outerjoin(post, post.c.id == sealed.c.post_id).where(sealed.c.office == office)
                         .order_by(sealed.c.seq, sealed.c.field)):
        entered = missing.pop((row.seq, row.field), None)
        if (row.seq, row.field) in erased:
            if row.salt is not None or row.text:
                yield Broken(office, row.seq, f"its {row.field} was erased, but it is still there")
        elif row.salt is None or row.text is None:
            yield Broken(office, row.seq, f"its {row.field} is gone, and no entry says that it was erased")
        elif commitment(bytes(row.salt), row.text) != entered:
            yield Broken(office, row.seq, f"its {row.field} is not the one that was entered")
    for seq, name in missing:
        yield Broken(office, seq, f"its {name} is gone, and not by an erasure")


def _against_tickets(c: Connection, office: str, states: Mapping[str, rules.State]) -> Iterator[Broken]:
    """Every ticket row of an office beside the fold of its entries, column by column."""
    missing = dict(states)
    for number, row in _tickets(c, office):
        state = missing.pop(number, None)
        if state is None:
            yield Broken(office, None, f"ticket {number} has no entry")
            continue
        if isinstance(row, str):
            yield Broken(office, None, f"ticket {number} holds what cannot be read: {row}")
            continue
        for name, says, entered in _differences(row, state):
            yield Broken(office, None, f"ticket {row.number} says {name} {says}, its entries say {entered}")
            break
    for number in missing:
        yield Broken(office, None, f"{number} is in the register, but there is no such ticket")


def _tickets(c: Connection, office: str) -> Iterator[tuple[str, Row[Any] | str]]:
    """Number and row of each ticket of an office; where a column holds no date or no JSON, what is wrong with it."""
    here = ticket.c.office == office
    try:
        rows = c.execute(select(ticket).where(here).order_by(ticket.c.id)).all()
    except ValueError:
        for number in c.execute(select(ticket.c.number).where(here).order_by(ticket.c.id)).scalars().all():
            try:
                yield number, c.execute(select(ticket).where(ticket.c.number == number)).one()
            except ValueError as e:
                yield number, str(e)
        return
    yield from ((row.number, row) for row in rows)


def _differences(row: Row[Any], state: rules.State) -> Iterator[tuple[str, Any, Any]]:
    """Column, what the ticket says, what its entries say: where they differ."""
    for name in _CURRENT:
        if getattr(row, name) != getattr(state, name):
            yield name, getattr(row, name), getattr(state, name)
    if state.reason is not None and row.assigned_by != state.reason:
        yield "assigned_by", row.assigned_by, state.reason
    entered = state.entered
    place = {"series": f"{row.series}-{row.year}", "seq": row.seq, "also": row.also, "parent": row.parent}
    for name, value in place.items():
        if value != entered.get(name):
            yield name, value, entered.get(name)
    for name in _ENTERED:
        value = getattr(row, name)
        if name in entered and (value.isoformat() if isinstance(value, datetime) else value) != entered[name]:
            yield name, value, entered[name]
    for name in ("due_first", "due_final"):
        value, derived, due = getattr(row, name), getattr(row, f"{name}_derivation"), getattr(state, name)
        if due is not None and value != due:
            yield name, value, due.isoformat()
        if due is not None and not _derives(derived, value):
            yield f"{name}_derivation", derived, due.isoformat()


def _derives(derivation: Any, at: datetime) -> bool:
    """Whether the steps of a derivation, counted again, lead to this moment."""
    return proves(derivation, at)
