"""Storing posts: every revision once, whoever brings it and however often.

The one hot statement of collecting and ingesting, so it speaks to the driver in whole batches: one SELECT for what is
known, one INSERT for what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection

from monitor.core.post import Post, clean_text
from monitor.store.authors import author_key
from monitor.store.tombstones import buried

_COLUMNS = (
    ("id", "bigint"), ("network", "text"), ("native_id", "text"), ("revision", "integer"),
    ("digest", "bytea"), ("source", "text"), ("home", "text"), ("url", "text"), ("text", "text"), ("published_at", "timestamptz"),
    ("collected_at", "timestamptz"), ("edited_at", "timestamptz"), ("deleted_at", "timestamptz"),
    ("author_key", "text"), ("author_display", "text"), ("in_reply_to", "text"), ("in_reply_to_account", "text"),
    ("extra", "text"), ("raw", "text"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_SQLITE_KNOWN = ("SELECT native_id, revision, digest, edited_at FROM post WHERE network = ? "
                 "AND native_id IN (SELECT value FROM json_each(?)) ORDER BY revision")
_SQLITE_INSERT = f"INSERT INTO post ({_NAMES}) VALUES ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608
_POSTGRES_KNOWN = ("SELECT native_id, revision, digest, edited_at FROM post WHERE network = %s "
                   "AND native_id = ANY(%s) ORDER BY revision")
_POSTGRES_INSERT = (  # ON CONFLICT: another writer was quicker with the same revision
    f"WITH new AS (INSERT INTO post ({_NAMES}) SELECT * FROM unnest("  # noqa: S608
    + ", ".join(f"%s::{kind}[]" for _, kind in _COLUMNS)
    + ") ON CONFLICT (network, native_id, revision) DO NOTHING RETURNING id)")
_POSTGRES_QUEUE = ", queued AS (INSERT INTO unjudged SELECT id FROM new)"

LONGEST_ID = 600
"""Characters of a native id; at four bytes each they fit an index entry of both databases."""

_json = msgspec.json.Encoder(order="deterministic").encode
_EXTRA = ("mentions", "hashtags", "links", "media", "files", "repost_of")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: for each new row its id, the index of its post in the batch, and its revision."""

    ids: tuple[int, ...] = ()
    indexes: tuple[int, ...] = ()
    revisions: tuple[int, ...] = ()
    duplicates: int = 0


@dataclass(slots=True)
class _Known:
    """What is stored of one native id: the digests of all revisions, and the newest one with its time of edit."""

    digests: set[bytes]
    revision: int
    last: bytes
    edited_at: datetime | None

    def repeats(self, digest: bytes, edited_at: datetime | None) -> bool:
        """Whether this content is no news. An older revision seen again is none (a source may repeat itself after a
        crash, an edge cache may lag), unless the network says that it was edited back later than the newest one."""
        if digest == self.last:
            return True
        if digest not in self.digests:
            return False
        return edited_at is None or (self.edited_at is not None and edited_at <= self.edited_at)


def store_posts(c: Connection, posts: Sequence[Post], collected_at: datetime, *, queue: bool = True) -> Stored:
    """Store what is new of `posts` and, unless `queue` is False, queue it for judging (table `unjudged`).

    Content already stored is swallowed, other content under the same native id is its next revision. The author's id
    is replaced by its keyed hash. A post that was erased stays away. Concurrent writers on PostgreSQL: a revision is stored by exactly one of them.
    """
    if not posts:
        return Stored()
    write = _to_postgres if c.dialect.name == "postgresql" else _to_sqlite
    hashed = author_key(c, collected_at).hash
    gone = buried(c, posts, _key)
    pending = [(i, post) for i, post in enumerate(posts) if i not in gone]
    new: dict[int, tuple[int, int]] = {}
    while pending:  # once; again only for what another writer of PostgreSQL stored between our SELECT and INSERT
        rows, indexes = _new_rows(_known(c, (post for _, post in pending)), pending, collected_at, hashed)
        if not rows:
            break
        written = write(c, rows, queue)
        missed = set()
        for row, index in zip(rows, indexes, strict=True):
            if row[0] in written:
                new[index] = (row[0], row[3])
            else:
                missed.add((row[1], row[2]))
        pending = [(i, p) for i, p in pending if i not in new and (p.network, _key(p.native_id)) in missed]
    order = sorted(new)
    return Stored(tuple(new[i][0] for i in order), tuple(order), tuple(new[i][1] for i in order),
                  len(posts) - len(order))


def _known(c: Connection, posts: Iterable[Post]) -> dict[tuple[str, str], _Known]:
    """Everything stored under the native ids of `posts`."""
    wanted: dict[str, set[str]] = {}
    for post in posts:
        wanted.setdefault(post.network, set()).add(_key(post.native_id))
    known: dict[tuple[str, str], _Known] = {}
    for network, ids in wanted.items():
        if c.dialect.name == "postgresql":
            found = c.exec_driver_sql(_POSTGRES_KNOWN, (network, sorted(ids)))
        else:
            found = c.exec_driver_sql(_SQLITE_KNOWN, (network, _json(sorted(ids)).decode()))
        for native_id, revision, digest, edited_at in found:
            if isinstance(edited_at, str):
                edited_at = datetime.fromisoformat(edited_at).replace(tzinfo=UTC)
            _learn(known, (network, native_id), revision, bytes(digest), edited_at)
    return known


def _learn(known: dict[tuple[str, str], _Known], key: tuple[str, str], revision: int, digest: bytes,
           edited_at: datetime | None) -> None:
    one = known.get(key)
    if one is None:
        known[key] = _Known({digest}, revision, digest, edited_at)
        return
    one.digests.add(digest)
    one.revision, one.last, one.edited_at = revision, digest, edited_at or one.edited_at


def _new_rows(known: dict[tuple[str, str], _Known], posts: Iterable[tuple[int, Post]], collected_at: datetime,
              hashed: Any) -> tuple[list[list[Any]], list[int]]:
    """The rows to insert, in the order of the posts, their ids left open, and the index of each one's post."""
    rows: list[list[Any]] = []
    indexes = []
    for index, post in posts:
        key = (post.network, _key(post.native_id))
        digest = post.digest()
        one = known.get(key)
        if one is not None and one.repeats(digest, post.edited_at):
            continue
        revision = 0 if one is None else one.revision + 1
        _learn(known, key, revision, digest, post.edited_at)
        extra = {name: value for name in _EXTRA if (value := getattr(post, name))}
        rows.append([
            None, *key, revision, digest, _plain(post.source), _maybe(post.home), _plain(post.url), clean_text(post.text),
            post.published_at, collected_at, post.edited_at, post.deleted_at, hashed(post.network, post.author.key),
            _plain(post.author.display), _maybe(post.in_reply_to), _maybe(post.in_reply_to_account),
            _plain(_json(encodable(extra)).decode()) if extra else None,
            None if post.raw is None else _json(encodable(post.raw)).decode(),
        ])
        indexes.append(index)
    return rows, indexes


def _to_sqlite(c: Connection, rows: list[list[Any]], queue: bool) -> set[int]:
    """Insert under the write lock that BEGIN IMMEDIATE took: nobody else gives ids meanwhile."""
    first = c.exec_driver_sql("SELECT coalesce(max(id), 0) FROM post").scalar_one() + 1
    for row_id, row in enumerate(rows, first):
        row[0] = row_id
        for at in (9, 10, 11, 12):
            if row[at] is not None:
                row[at] = row[at].astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    c.exec_driver_sql(_SQLITE_INSERT, [tuple(row) for row in rows])
    if queue:
        c.exec_driver_sql("INSERT INTO unjudged SELECT id FROM post WHERE id >= ?", (first,))
    return {row[0] for row in rows}


def _to_postgres(c: Connection, rows: list[list[Any]], queue: bool) -> set[int]:
    """Insert ordered by key, so that two writers of the same posts wait for each other instead of deadlocking."""
    ids = c.exec_driver_sql("SELECT nextval(pg_get_serial_sequence('post', 'id')) FROM generate_series(1, %s)",
                            (len(rows),)).scalars().all()
    for row_id, row in zip(sorted(ids), rows, strict=True):
        row[0] = row_id
    columns = [list(column) for column in zip(*sorted(rows, key=lambda row: row[1:4]), strict=True)]
    sql = _POSTGRES_INSERT + (_POSTGRES_QUEUE if queue else "") + " SELECT id FROM new"  # noqa: S608 - constants only
    return set(c.exec_driver_sql(sql, tuple(columns)).scalars())


def _plain(text: str) -> str:
    """`text` without what a database refuses (NUL, lone surrogates); the common case costs one look."""
    return text if text.isascii() and "\x00" not in text else clean_text(text)


def _key(native_id: str) -> str:
    """A native id as it is stored: one too long for an index entry (2,704 bytes on PostgreSQL) ends in its hash."""
    native_id = _plain(native_id)
    if len(native_id) <= LONGEST_ID:
        return native_id
    return native_id[:LONGEST_ID - 33] + "~" + blake2b(native_id.encode(), digest_size=16).hexdigest()


def _maybe(text: str | None) -> str | None:
    return None if text is None else _plain(text)


def encodable(value: Any) -> Any:
    """`value` with every string in the stored form, so that it can be written as UTF-8 JSON."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, Mapping):
        return {_plain(str(k)): encodable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(v) for v in value]
    return value
