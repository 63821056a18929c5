"""What is known of each source: where it stands, how it fares, when it was not heard, what it sent that is unreadable.

A poll's posts, messages for the bots, damaged items, cursor and state are one transaction (`store_batch`), so that a
kill between any two of them loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from monitor.core.post import Post, clean_text
from monitor.core.rhythm import Rhythm
from monitor.store.engine import reason_of
from monitor.store.posts import Stored, encodable, store_posts
from monitor.store.tables import damaged, event, hole, inbound, source

REFUSALS = (DataError, IntegrityError, ValueError, OverflowError, RecursionError)
"""What storing raises for a post that no later try will store either."""
_LATE = timedelta(hours=1)
KEPT_OF_DAMAGED = 1024 * 1024
"""Bytes of an unreadable payload that are kept."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A row of `source`: the cursor, and how the source fares."""

    name: str
    network: str
    cursor: Mapping[str, Any]
    state: str
    reason: str | None
    last_ok_at: datetime | None
    last_try_at: datetime | None
    last_post_at: datetime | None
    next_poll_at: datetime | None
    failures: int
    posts: int
    every: float | None = None
    lag: float | None = None
    rhythm: Mapping[str, Any] | None = None
    quiet_since: datetime | None = None
    backfill: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a poll ended: the state to write down, when to ask again, and whether people should see a change."""

    state: str                       # up, down, waiting, refused, damaged, off
    at: datetime
    next_poll_at: datetime | None
    failures: int = 0
    reason: str | None = None
    every: float | None = None       # seconds between polls as they are now


def load_source(c: Connection, name: str, network: str) -> SourceState:
    """The source's row, made where there is none. A name given to another network starts from the beginning."""
    c.execute(_insert(c, source).values(name=name, network=network, cursor={}, state="new").on_conflict_do_nothing())
    row = c.execute(select(source).where(source.c.name == name)).one()
    if row.network != network:
        c.execute(update(source).where(source.c.name == name).values(
            network=network, cursor={}, state="new", reason=None, failures=0, next_poll_at=None, rhythm=None, lag=None,
            quiet_since=None, backfill=None))
        row = c.execute(select(source).where(source.c.name == name)).one()
    return SourceState(**row._mapping)


def store_batch(c: Connection, name: str, posts: Sequence[Post], cursor: Mapping[str, Any], outcome: Outcome, *,
                messages: Sequence[tuple[str, Mapping[str, Any]]] = (),
                unreadable: Sequence[tuple[str, bytes]] = (), closed: Sequence[tuple[str, str]] = (), apart: bool = False,
                missed: tuple[datetime, str] | None = None) -> Stored:
    """Store what a poll brought, and that it succeeded: posts, the cursor after them, messages for our bots (key,
    payload), items that could not be read (why, the item), parts of the source that are refused (which, why), a time
    until now in which it was not heard (since, why). Raises one of REFUSALS where the database refuses a post for
    what it holds; with `apart` that post is kept aside and the others are stored."""
    stored, refused = _apart(c, posts, outcome.at) if apart else (store_posts(c, posts, outcome.at), [])
    for reason, payload in [*unreadable, *refused]:
        _keep_aside(c, name, reason, payload, outcome.at)
    if messages:
        c.execute(_insert(c, inbound).on_conflict_do_nothing(), [
            {"source": name, "key": key, "payload": encodable(payload), "at": outcome.at} for key, payload in messages])
    heard = c.execute(select(source.c.last_ok_at).where(source.c.name == name)).scalar() if closed else None
    newest = _news(c, name, [posts[i] for i, n in zip(stored.indexes, stored.revisions, strict=True) if n == 0], outcome.at)
    if stored.ids:
        newest |= {"last_post_at": outcome.at, "posts": source.c.posts + len(stored.ids)}
    _write(c, name, outcome, cursor=encodable(cursor), last_ok_at=outcome.at, **newest)
    if missed is not None:
        open_hole(c, name, *missed)
    over = or_(hole.c.part.is_(None), hole.c.part.not_in([part for part, _ in closed]))
    c.execute(update(hole).where(hole.c.source == name, hole.c.until.is_(None), over).values(until=outcome.at))
    for part, reason in closed:
        open_hole(c, name, heard or outcome.at, clean_text(reason), part)
    return stored


def _news(c: Connection, name: str, posts: Sequence[Post], at: datetime) -> dict[str, Any]:
    """What new posts say of a source: its rhythm, its lag, and that it is not silent."""
    if not posts:
        return {}
    row = c.execute(select(source.c.rhythm, source.c.lag, source.c.last_ok_at, source.c.quiet_since)
                    .where(source.c.name == name)).one()
    known = Rhythm.of(row.rhythm)
    fresh = known.heard(at, [] if known.last is None else deaf(c, name, known.last, at))
    found: dict[str, Any] = {} if fresh is known else {"rhythm": fresh.kept()}
    # Older than the last good poll by much: history, or what came while nobody listened.
    late = sorted((at - post.published_at).total_seconds() for post in posts
                  if row.last_ok_at is not None and post.published_at > row.last_ok_at - _LATE)
    if late:
        median = max(0.0, late[len(late) // 2])
        found["lag"] = median if row.lag is None else 0.8 * row.lag + 0.2 * median
    if row.quiet_since is not None:
        found["quiet_since"] = None
        c.execute(insert(event).values(at=at, kind="source", ref=name))
    return found


def deaf(c: Connection, name: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The holes of a source that touch a stretch of time; those of a part of it do not make it deaf."""
    found = c.execute(select(hole.c.since, hole.c.until).where(
        hole.c.source == name, hole.c.part.is_(None), hole.c.since < until, or_(hole.c.until.is_(None), hole.c.until > since)))
    return [(r.since, r.until or until) for r in found]


def record_failure(c: Connection, name: str, outcome: Outcome, payload: bytes = b"", heard: datetime | None = None) -> None:
    """Write down that a poll failed, and keep the payload that could not be read; the cursor stays. A hole opens at the
    moment the source was last heard: polls without news are not all written down, so `heard` may know of a later one."""
    if payload:
        _keep_aside(c, name, outcome.reason or outcome.state, payload, outcome.at)
    row = c.execute(select(source.c.last_ok_at).where(source.c.name == name)).one()
    _write(c, name, outcome)
    since = row.last_ok_at or outcome.at
    open_hole(c, name, since if heard is None else max(since, heard), outcome.reason or outcome.state)


def open_hole(c: Connection, name: str, since: datetime, reason: str, part: str | None = None) -> None:
    """Record that the source, or a part of it, is not heard since then, unless that is recorded already."""
    same = hole.c.part.is_(None) if part is None else hole.c.part == part
    if c.execute(select(hole.c.id).where(hole.c.source == name, hole.c.until.is_(None), same).limit(1)).first() is None:
        c.execute(insert(hole).values(source=name, since=since, until=None, reason=reason, part=part))


def switch_off(c: Connection, names: Sequence[str], at: datetime) -> None:
    """Mark every source that is not among `names` as off: the config no longer has it, or disables it."""
    for (name,) in c.execute(select(source.c.name).where(source.c.name.not_in(names), source.c.state != "off")).all():
        _write(c, name, Outcome("off", at, None))
        c.execute(update(hole).where(hole.c.source == name, hole.c.until.is_(None)).values(until=at))


def _write(c: Connection, name: str, outcome: Outcome, **more: Any) -> None:
    before = c.execute(select(source.c.state, source.c.reason).where(source.c.name == name)).one()
    tried: dict[str, Any] = {} if outcome.state == "off" else {"last_try_at": outcome.at}
    if outcome.every is not None:
        tried["every"] = outcome.every
    c.execute(update(source).where(source.c.name == name).values(
        state=outcome.state, reason=outcome.reason, failures=outcome.failures, next_poll_at=outcome.next_poll_at,
        **tried, **more))
    if (before.state, before.reason) != (outcome.state, outcome.reason):
        c.execute(insert(event).values(at=outcome.at, kind="source", ref=name))


def _apart(c: Connection, posts: Sequence[Post], at: datetime) -> tuple[Stored, list[tuple[str, bytes]]]:
    """Store the posts in halves until those that the database refuses stand alone. The savepoints would hide why a full
    disk ended the transaction, so this is the second try, not the first."""
    try:
        with c.begin_nested():
            return store_posts(c, posts, at), []
    except REFUSALS as e:
        if len(posts) == 1:
            return Stored(), [(f"{posts[0].native_id[:80]!r}: the database refuses it: {reason_of(e)[:200]}",
                               f"{posts[0].network} {posts[0].native_id}\n{posts[0].text}".encode("utf-8", "replace"))]
    half = len(posts) // 2
    first, aside = _apart(c, posts[:half], at)
    second, more = _apart(c, posts[half:], at)
    together = Stored(first.ids + second.ids, first.indexes + tuple(half + i for i in second.indexes),
                      first.revisions + second.revisions, first.duplicates + second.duplicates)
    return together, aside + more


def _keep_aside(c: Connection, name: str, reason: str, payload: bytes, at: datetime) -> None:
    digest = blake2b(payload, digest_size=16).digest()
    c.execute(_insert(c, damaged).values(source=name, digest=digest, at=at, reason=clean_text(reason),
                                         payload=payload[:KEPT_OF_DAMAGED]).on_conflict_do_nothing())


def _insert(c: Connection, table: Any) -> Any:
    return (postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert)(table)
