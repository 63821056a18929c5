"""The journal of decisions: one hash chain of its own, apart from the register. Only added to.

An entry says which verdict, score and evidence lay before the person, so that a decision can be judged later. The words of a
note lie outside the chain behind a salted commitment, as in the register: erasing them breaks nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.response.rights import DECISIONS, MAY
from monitor.store.surge_tables import decision, decision_head, surge

GENESIS = "0" * 64

_canonical = msgspec.json.Encoder(order="deterministic").encode
_array = msgspec.json.Encoder().encode


def entry_hash(prev_hash: str, id_: int, surge_id: str, at: str, by: int, what: str, details: str) -> str:
    """SHA-256 over the columns as they are stored, chained to the entry before."""
    return hashlib.sha256(_array([prev_hash, id_, surge_id, at, by, what, details])).hexdigest()


def commitment(salt: bytes, text: str) -> str:
    """What the chain holds of a note."""
    return hashlib.sha256(salt + text.encode("utf-8", "replace")).hexdigest()


def append(c: Connection, surge_id: str, what: str, by: int, at: datetime, details: Mapping[str, Any], note: str,
           salt: Callable[[], bytes]) -> int:
    """Add an entry and bring the surge's copy of it up to date; returns its number in the journal."""
    dialect = postgresql if c.dialect.name == "postgresql" else sqlite
    c.execute(dialect.insert(decision_head).values(id=1, seq=0, hash=GENESIS).on_conflict_do_nothing())
    head = c.execute(select(decision_head).with_for_update()).one()
    grain = salt() if note else None
    said = dict(details)
    if grain is not None:
        said["note"] = {"sha256": commitment(grain, note)}
    id_, moment, body = head.seq + 1, at.astimezone(UTC).isoformat(timespec="microseconds"), _canonical(said).decode()
    hash_ = entry_hash(head.hash, id_, surge_id, moment, by, what, body)
    c.execute(insert(decision).values(id=id_, surge=surge_id, at=moment, by=by, what=what, note=note, salt=grain, details=body,
                                      prev_hash=head.hash, hash=hash_))
    c.execute(update(decision_head).values(seq=id_, hash=hash_))
    c.execute(update(surge).where(surge.c.id == surge_id).values(**standing(of_surge(c, surge_id))))
    return int(id_)


def of_surge(c: Connection, surge_id: str) -> list[Row[Any]]:
    """The entries about a surge in their order."""
    return list(c.execute(select(decision).where(decision.c.surge == surge_id).order_by(decision.c.id)).all())


def standing(entries: list[Row[Any]]) -> dict[str, Any]:
    """What the entries about one surge add up to: the copy that stands in its row."""
    said: dict[str, Any] = {"decision": None, "decided_verdict": None, "decided_by": None, "decided_at": None,
                            "routed_to": None, "outcome": None, "published": False}
    for entry in entries:
        details = json.loads(entry.details)
        if entry.what in DECISIONS:
            said |= {"decision": entry.what, "decided_verdict": details.get("verdict"), "decided_by": entry.by,
                     "decided_at": datetime.fromisoformat(entry.at)}
        elif entry.what == "send":
            said |= {"routed_to": details.get("channel"), "outcome": None, "published": False}
        elif entry.what == "outcome":
            said |= {"outcome": entry.note, "published": bool(details.get("published"))}
    return said


# --- proof

@dataclass(frozen=True, slots=True)
class Broken:
    """An entry that does not hold; None where it is the journal as a whole."""

    id: int | None
    what: str


def count(c: Connection) -> int:
    """How many entries the journal says it has."""
    return int(c.execute(select(decision_head.c.seq)).scalar_one_or_none() or 0)


def verify(c: Connection) -> list[Broken]:
    """The first fault of the chain, else every surge whose copy says something else than its entries."""
    head = c.execute(select(decision_head)).one_or_none()
    previous, expected = GENESIS, 1
    for row in c.execute(select(decision).order_by(decision.c.id).execution_options(yield_per=1000)):
        fault = _fault(row, previous, expected)
        if fault:
            return [Broken(row.id, fault)]
        previous, expected = row.hash, expected + 1
    if (head.seq, head.hash) != (expected - 1, previous) if head is not None else expected != 1:
        return [Broken(None, f"the head says {head.seq if head else 0} decisions, the journal has {expected - 1}")]
    return list(_copies(c))


def _fault(row: Row[Any], previous: str, expected: int) -> str | None:
    if row.id != expected:
        return f"decision {expected} is missing"
    if row.prev_hash != previous:
        return "it does not follow the decision before (prev_hash differs)"
    if entry_hash(row.prev_hash, row.id, row.surge, row.at, row.by, row.what, row.details) != row.hash:
        return "its content was changed after it was written (hash differs)"
    if row.what not in MAY:
        return f"{row.what!r} is no decision"
    note = json.loads(row.details).get("note")
    if note is not None and row.salt is not None and commitment(bytes(row.salt), row.note) != note["sha256"]:
        return "its note is not the one that was entered"
    if note is None and row.note:
        return "it has a note that was not entered"
    return None


def _copies(c: Connection) -> Iterator[Broken]:
    entries: dict[str, list[Row[Any]]] = {}
    for row in c.execute(select(decision).order_by(decision.c.id)):
        entries.setdefault(row.surge, []).append(row)
    for row in c.execute(select(surge)):
        for name, value in standing(entries.get(row.id, [])).items():
            if getattr(row, name) != value:
                yield Broken(None, f"surge {row.id} says {name} {getattr(row, name)}, the journal says {value}")
                break
