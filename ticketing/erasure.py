"""Erasure: text, names and salts are destroyed, the register says when, why and by which request, the chain stays whole.

What can be erased is declared in one list, ERASABLE; a new table with personal text adds its line there. What was
erased leaves a keyed tombstone (monitor.store.tombstones), so that the next poll does not bring it back.
Law 94-V on personal data: on demand within 1 working day.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, null, select, tuple_, update

from config.settings import Retention
from monitor.store.authors import author_key
from monitor.store.tables import correction, damaged, event, inbound, post, unjudged, verdict
from monitor.store.tombstones import PREFIX, bury, tombstone_key
from ticketing import copies
from ticketing.deadlines import Calendar, Term, due
from ticketing.register import NewEntry, Secret, append
from ticketing.tables import (
    answer,
    delivery,
    dialogue,
    entry,
    erasure,
    obligation,
    photo,
    picture,
    question,
    sealed,
    ticket,
    ticket_post,
)

CHUNK = 400
"""Values in one IN list."""

Why = Literal["demand", "order", "retention"]
"""Asked for by the citizen, ordered by an operator with a reason, or past its time."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """Columns that hold personal text, what each becomes, and what the rows hang on."""

    table: Table
    by: Literal["post", "ticket", "number"]
    """What `key` holds: post.id, ticket.id or ticket.number."""
    key: str
    columns: Mapping[str, Any]


ERASABLE: list[Erasable] = [
    Erasable(post, "post", "id", {
        "text": "", "author_display": "", "author_key": "", "url": "", "extra": null(), "raw": null(), "in_reply_to": None,
        "in_reply_to_account": None, "digest": bytes(16)}),
    Erasable(verdict, "post", "post_id", {"location_text": None, "detail": null(), "said_place": None}),
    Erasable(correction, "post", "post_id", {"changes": null(), "before_values": null()}),
    Erasable(ticket_post, "post", "post_id", {"author_key": "", "text_key": bytes(16)}),
    Erasable(ticket, "number", "number", {"location_text": None}),
    Erasable(delivery, "number", "about", {"body": null()}),
    Erasable(answer, "number", "ticket", {"text": None, "remark": None}),
    Erasable(question, "number", "ticket", {"text": None, "reply": None}),
    Erasable(obligation, "number", "ticket", {"text": None}),
    Erasable(dialogue, "number", "ticket", {"data": null()}),
    Erasable(photo, "number", "ticket", {"content": None, "file": "", "state": "erased"}),
    Erasable(picture, "post", "post_id", {"content": None, "small": None, "state": "erased"}),
    Erasable(picture, "number", "ticket", {"content": None, "small": None, "state": "erased"}),
]
"""All of it but `sealed` (salts and texts behind commitments), `damaged` and `inbound`, which `erase` looks through itself."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to go: posts in all their revisions, and everything that hangs on these numbers."""

    posts: frozenset[int] = frozenset()
    numbers: frozenset[str] = frozenset()


@dataclass(slots=True)
class Erased:
    """What went: rows by table, and the tombstones (network, hash) to be remembered outside the database."""

    request: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    tombstones: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    texts: frozenset[str] = frozenset()
    """What was written in the posts: for copies outside the database, and kept nowhere."""


def would(c: Connection, scope: Scope) -> dict[str, int]:
    """What an erasure would touch, counted and left alone: rows by table, and copies outside."""
    found: Counter[str] = Counter(sealed=len(_sealed(c, scope)))
    for one in ERASABLE:
        column = one.table.c[one.key]
        for part in _chunks(scope.posts if one.by == "post" else scope.numbers):
            found[one.table.name] += c.execute(select(func.count()).select_from(one.table).where(column.in_(part))).scalar_one()
    return {**{name: n for name, n in sorted(found.items()) if n}, **copies.outside(c, scope.numbers)}


def of_number(c: Connection, row: Row[Any]) -> Scope:
    """All that a ticket stands on, and the numbers under which the same posts went before or after."""
    return _whole(c, set(c.execute(select(ticket_post.c.post_id).where(ticket_post.c.ticket_id == row.id)).scalars()),
                  {str(row.number)})


def of_author(c: Connection, network: str, native_author: str, now: datetime) -> Scope:
    """All posts of an author of a network that are known as such: those since the author key last changed."""
    key = author_key(c, now).hash(network, native_author)
    posts = set(c.execute(select(post.c.id).where(post.c.author_key == key)).scalars()) if key else set()
    numbers = set()
    for ids in _chunks(posts):
        numbers |= set(c.execute(select(ticket.c.number).join(ticket_post, ticket_post.c.ticket_id == ticket.c.id).where(
            ticket_post.c.post_id.in_(ids), ticket_post.c.role == "origin")).scalars())
    return _whole(c, posts, numbers)


def of_tombstones(c: Connection, keys: Collection[str]) -> Scope:
    """The posts behind these tombstones that are here (again): after a restore."""
    key, wanted = tombstone_key(c), set(keys)
    posts = {id_ for id_, network, native in c.execute(select(post.c.id, post.c.network, post.c.native_id).where(
        post.c.native_id.not_like(f"{PREFIX}%")).execution_options(yield_per=5000)) if key.hash(network, native) in wanted}
    numbers = set()
    for ids in _chunks(posts):
        numbers |= set(c.execute(select(ticket.c.number).join(ticket_post, ticket_post.c.ticket_id == ticket.c.id).where(
            ticket_post.c.post_id.in_(ids), ticket_post.c.role == "origin")).scalars())
    return _whole(c, posts, numbers)


def _whole(c: Connection, posts: set[int], numbers: set[str]) -> Scope:
    """With what a ticket's entries commit to (a redirect moves its posts away), all revisions of the posts, and the numbers
    that the same posts had elsewhere."""
    committed = select(sealed.c.post_id).join(entry, and_(sealed.c.office == entry.c.office, sealed.c.seq == entry.c.seq))
    for part in _chunks(numbers):
        posts |= set(c.execute(committed.where(entry.c.ticket.in_(part), sealed.c.post_id.is_not(None))).scalars())
    for ids in _chunks(set(posts)):
        natives = c.execute(select(post.c.network, post.c.native_id).where(post.c.id.in_(ids)).distinct()).all()
        for some in _chunks(natives):
            posts |= set(c.execute(select(post.c.id).where(
                tuple_(post.c.network, post.c.native_id).in_([tuple(n) for n in some]))).scalars())
    if numbers:
        moved = ticket.c.status.in_(("redirected", "void")) | ticket.c.parent.is_not(None)
        for ids in _chunks(posts):
            numbers |= set(c.execute(select(entry.c.ticket).join(sealed, and_(
                sealed.c.office == entry.c.office, sealed.c.seq == entry.c.seq)).join(ticket, ticket.c.number == entry.c.ticket)
                .where(sealed.c.post_id.in_(ids), moved)).scalars())
    return Scope(frozenset(posts), frozenset(numbers))


def erase(c: Connection, scope: Scope, now: datetime, salt: Callable[[], bytes], *, number: str | None, by: str, why: Why,
          note: str = "") -> Erased:
    """Destroy all of `scope` in this transaction, say so in the register, and leave tombstones.

    `number` is what was asked for, `by` who did it, `note` the reason for those who look it up: no citizen's words.
    """
    done = Erased(numbers=sorted(scope.numbers))
    if c.dialect.name == "sqlite":
        c.exec_driver_sql("PRAGMA secure_delete=ON")    # what is emptied is overwritten, not only forgotten
    _look_through(c, scope, done)
    done.texts = texts_of(c, scope)
    done.counts["messages to be called back"] = copies.call_back(c, scope.numbers, now)
    hidden = _sealed(c, scope)
    tombs = _tombstones(c, scope)
    for one in ERASABLE:
        done.counts[one.table.name] += _empty(c, one, scope)
    for id_, network, native in tombs:
        key = tombstone_key(c).hash(network, native)
        done.tombstones.append(key)
        c.execute(update(post).where(post.c.id == id_).values(native_id=PREFIX + key, expired_at=now))
        c.execute(update(ticket_post).where(ticket_post.c.post_id == id_).values(native_id=PREFIX + key))
    for ids in _chunks(scope.posts):
        c.execute(delete(unjudged).where(unjudged.c.post_id.in_(ids)))
    done.tombstones = sorted(set(done.tombstones))
    bury(c, done.tombstones, now)
    done.counts["sealed"] = len(hidden)
    for keys in _chunks([(office, seq, name) for office, seq, name, _t in hidden]):
        c.execute(update(sealed).where(tuple_(sealed.c.office, sealed.c.seq, sealed.c.field).in_(keys))
                  .values(salt=None, text=None))
    done.request = _recorded(c, number, now, by, why, note, done.counts)
    _entered(c, scope, hidden, done.request, now, salt, by=by, why=why, note=note)
    c.execute(insert(event), [{"at": now, "kind": "ticket", "ref": n} for n in done.numbers] + [
        {"at": now, "kind": "post", "ref": str(id_)} for id_ in sorted(scope.posts)]) if done.numbers or scope.posts else None
    return done


def texts_of(c: Connection, scope: Scope) -> frozenset[str]:
    """What is written in the posts of a scope."""
    found: set[str] = set()
    for ids in _chunks(scope.posts):
        found |= {text for text in c.execute(select(post.c.text).where(post.c.id.in_(ids))).scalars() if text}
    return frozenset(found)


def _empty(c: Connection, one: Erasable, scope: Scope) -> int:
    column = one.table.c[one.key]
    keys: Collection[Any] = scope.posts if one.by == "post" else scope.numbers
    count = 0
    for part in _chunks(keys):
        here = column.in_(select(ticket.c.id).where(ticket.c.number.in_(part))) if one.by == "ticket" else column.in_(part)
        count += c.execute(update(one.table).where(here).values(**one.columns)).rowcount
    return count


def _sealed(c: Connection, scope: Scope) -> list[tuple[str, int, str, str]]:
    """The secrets of the scope: office, sequence, field, and the ticket whose entry commits to it."""
    found: set[tuple[str, int, str, str]] = set()
    base = select(sealed.c.office, sealed.c.seq, sealed.c.field, entry.c.ticket).join(
        entry, and_(entry.c.office == sealed.c.office, entry.c.seq == sealed.c.seq)).where(
        sealed.c.salt.is_not(None), entry.c.action != "erase")
    for ids in _chunks(scope.posts):
        found |= {tuple(r) for r in c.execute(base.where(sealed.c.post_id.in_(ids)))}
    for numbers in _chunks(scope.numbers):
        found |= {tuple(r) for r in c.execute(base.where(entry.c.ticket.in_(numbers)))}
    return sorted(found)


def _tombstones(c: Connection, scope: Scope) -> list[tuple[int, str, str]]:
    return [(r.id, r.network, r.native_id) for ids in _chunks(scope.posts) for r in c.execute(
        select(post.c.id, post.c.network, post.c.native_id).where(post.c.id.in_(ids)).order_by(post.c.id))]


def _look_through(c: Connection, scope: Scope, done: Erased) -> None:
    """What was kept aside of the same sources: a damaged payload may hold the text and nobody can tell, so all of them
    go (they stay a week at most); of the messages that wait for our bots, those that hold the text."""
    sources: set[str] = set()
    texts: set[str] = set()
    for ids in _chunks(scope.posts):
        for row in c.execute(select(post.c.source, post.c.network, post.c.text).where(post.c.id.in_(ids))):
            sources |= {row.source, row.network}
            if row.text:
                texts.add(json.dumps(row.text[:200], ensure_ascii=False)[1:-1])
    if not sources:
        return
    done.counts["damaged"] = c.execute(delete(damaged).where(damaged.c.source.in_(sources))).rowcount
    waiting = [row.id for row in c.execute(select(inbound.c.id, inbound.c.payload))
               if any(text in json.dumps(row.payload, ensure_ascii=False) for text in texts)]
    for ids in _chunks(waiting):
        done.counts["inbound"] += c.execute(delete(inbound).where(inbound.c.id.in_(ids))).rowcount


def _entered(c: Connection, scope: Scope, hidden: Sequence[tuple[str, int, str, str]], request: int, now: datetime,
             salt: Callable[[], bytes], *, by: str, why: Why, note: str) -> None:
    """One entry a number: which fields of which entries of its office are gone. Last, because it locks the chains."""
    fields: dict[tuple[str, str], list[list[Any]]] = {}
    for part in _chunks(scope.numbers):
        fields |= {(office, number): [] for office, number in c.execute(
            select(ticket.c.office, ticket.c.number).where(ticket.c.number.in_(part))).tuples()}
    for office, seq, name, number in hidden:
        fields.setdefault((office, number), []).append([seq, name])
    reason = (Secret("note", note),) if note else ()
    append(c, [NewEntry(office, number, now, by, "erase", {"why": why, "request": request, "fields": gone}, reason)
               for (office, number), gone in sorted(fields.items())], salt)


def _recorded(c: Connection, number: str | None, now: datetime, by: str, why: Why, note: str, counts: Mapping[str, int]) -> int:
    """The request it answers: the demand that waits for this number, else a new row."""
    told = {name: n for name, n in sorted(counts.items()) if n}
    if number is not None:
        waits = and_(erasure.c.number == number, erasure.c.done_at.is_(None), erasure.c.refused_at.is_(None))
        met = c.execute(select(erasure.c.id).where(waits).order_by(erasure.c.id)).scalars().all()
        if met:
            c.execute(update(erasure).where(waits).values(done_at=now, counts=told, **({"note": note} if note else {})))
            return int(met[0])
    return int(c.execute(insert(erasure).values(number=number, asked_at=now, due_at=now, by=by, why=why, note=note,
                                                done_at=now, counts=told).returning(erasure.c.id)).scalar_one())


# --- demands

def demand(c: Connection, number: str, by: str, now: datetime, calendar: Calendar, retention: Retention) -> datetime:
    """A citizen asks for erasure of a ticket's texts. Returns until when it is done; asking again changes nothing."""
    waits: datetime | None = c.execute(select(erasure.c.due_at).where(erasure.c.number == number, erasure.c.done_at.is_(None),
                                                     erasure.c.refused_at.is_(None)).limit(1)).scalar_one_or_none()
    if waits is not None:
        return waits
    until = due(now, Term.parse(retention.demand), calendar, full=False, provisional=True).at
    c.execute(insert(erasure).values(number=number, asked_at=now, due_at=until, by=by, why="demand"))
    return until


def waiting(c: Connection, due_before: datetime | None = None) -> Sequence[Row[Any]]:
    """Demands that nobody has met or refused, the most urgent first."""
    query = select(erasure).where(erasure.c.done_at.is_(None), erasure.c.refused_at.is_(None)).order_by(erasure.c.due_at)
    return c.execute(query if due_before is None else query.where(erasure.c.due_at < due_before)).all()


def refuse(c: Connection, number: str, now: datetime, by: str, note: str) -> bool:
    """Refuse the demand for a number, with the reason. False where none waits."""
    return bool(c.execute(update(erasure).where(
        erasure.c.number == number, erasure.c.done_at.is_(None), erasure.c.refused_at.is_(None)).values(
        refused_at=now, note=f"{by}: {note}")).rowcount)


def erasures_of(c: Connection, number: str) -> list[dict[str, Any]]:
    """The erasures that entries of a ticket speak of: when, why, by whom, on which request."""
    told = {}
    for e in c.execute(select(entry.c.details, entry.c.actor, entry.c.at).where(
            entry.c.ticket == number, entry.c.action == "erase").order_by(entry.c.office, entry.c.seq)):
        details = json.loads(e.details)
        told[details["request"]] = {"id": details["request"], "why": details["why"], "by": e.actor, "done_at": e.at}
    for request, one in told.items():
        row = c.execute(select(erasure).where(erasure.c.id == request)).one_or_none()
        one |= {"asked_at": row.asked_at.isoformat() if row is not None else None, "note": row.note if row is not None else ""}
    return list(told.values())


def forget_expired(c: Connection, now: datetime, salt: Callable[[], bytes], posts: Collection[int] | None = None) -> int:
    """Destroy the salts of posts whose text expired with a void number: an empty text and a salt prove nothing any more,
    and a salt that stays lets a guess of the text be tried. `posts` None: of all. Returns how many tickets were touched."""
    query = select(entry.c.ticket, sealed.c.post_id).join(sealed, and_(
        sealed.c.office == entry.c.office, sealed.c.seq == entry.c.seq)).join(post, post.c.id == sealed.c.post_id).where(
        post.c.expired_at.is_not(None), sealed.c.salt.is_not(None)).order_by(entry.c.office, entry.c.seq)
    by_number: dict[str, set[int]] = {}
    for part in [None] if posts is None else _chunks(posts):
        for number, id_ in c.execute(query.limit(CHUNK) if part is None else query.where(sealed.c.post_id.in_(part))):
            by_number.setdefault(number, set()).add(id_)
    for number, ids in by_number.items():
        erase(c, Scope(frozenset(ids)), now, salt, number=number, by="system", why="retention")
    return len(by_number)


def _chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start:start + CHUNK]
