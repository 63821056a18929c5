"""Committed events to those who watch: one look at the database per tick, one encoding per kind of reader.

It knows nothing of pages: a reader brings the function that turns events into bytes, and a key; readers with the same
key share the bytes. The order of ids is the order of the stream; a reader may get an event twice, never miss one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy import Connection, func, select

from monitor.store.engine import Database
from monitor.store.tables import event

log = structlog.get_logger(__name__)

Encode = Callable[[Sequence["Event"]], Awaitable[bytes]]
"""What a reader gets of these events; b"" for nothing. No events: a pulse, every few seconds."""

_LATE_COMMIT = 64
"""Ids that a resuming reader is given again: on PostgreSQL a lower id may be committed after a higher one."""
_GAP_SECONDS = 30.0
"""How long an id that was passed over is looked for: longer than any transaction of ours."""


class MissedTooMuchError(Exception):
    """The reader missed more than can be made up for and must load the page again."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something changed: `kind` is post, ticket or source, `ref` its id, number or name."""

    id: int
    at: datetime
    kind: str
    ref: str


def events_after(c: Connection, last: int, limit: int = 2000) -> list[Event]:
    """Committed events above `last` in their order."""
    found = c.execute(select(event).where(event.c.id > last).order_by(event.c.id).limit(limit))
    return [Event(r.id, r.at, r.kind, r.ref) for r in found]


def _among(c: Connection, ids: Sequence[int]) -> list[Event]:
    found = c.execute(select(event).where(event.c.id.in_(list(ids))).order_by(event.c.id))
    return [Event(r.id, r.at, r.kind, r.ref) for r in found]


def last_event(c: Connection) -> int:
    """The highest event id; 0 before the first."""
    return int(c.execute(select(func.coalesce(func.max(event.c.id), 0))).scalar_one())


def first_event(c: Connection) -> int:
    """The lowest event id still kept; 0 where there is none."""
    return int(c.execute(select(func.coalesce(func.min(event.c.id), 0))).scalar_one())


class Subscription:
    """One reader: chunks of bytes in the order of the events."""

    def __init__(self, live: Live, key: Hashable, encode: Encode, backlog: int) -> None:
        self.key, self.encode = key, encode
        self.live = live
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(backlog + 1)
        self._backlog = backlog
        self.behind = False

    def put(self, chunk: bytes) -> None:
        """Hand over a chunk without waiting; a reader that is too slow loses all and is told so."""
        if self.behind:
            return
        if self._waiting.qsize() >= self._backlog:
            self.behind = True
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._waiting.put_nowait(None)
            return
        self._waiting.put_nowait(chunk)

    def end(self) -> None:
        """No more chunks."""
        if not self._waiting.full():
            self._waiting.put_nowait(None)

    async def next(self) -> bytes | None:
        """The next chunk; None at the end. Raises MissedTooMuchError where the reader fell behind."""
        chunk = await self._waiting.get()
        if self.behind:
            raise MissedTooMuchError
        return chunk


class Live:
    """Looks for new events every 250 ms while something is committed here, and every second for other processes."""

    def __init__(self, db: Database, *, tick: float = 0.25, poll: float = 1.0, pulse: float = 5.0,
                 backlog: int = 64, resume: int = 2000) -> None:
        self._db = db
        self._tick, self._poll, self._pulse, self._backlog, self._resume = tick, poll, pulse, backlog, resume
        self._wake = asyncio.Event()
        self._readers: set[Subscription] = set()
        self._last: int | None = None
        self._gaps: dict[int, float] = {}
        self._closed = False
        db.on_commit(self._wake.set)

    @property
    def readers(self) -> int:
        """How many watch."""
        return len(self._readers)

    async def subscribe(self, key: Hashable, encode: Encode, after: int | None) -> tuple[Subscription, bytes]:
        """A new reader and what it missed since event `after` (None: it starts now).

        Raises MissedTooMuchError where that is too much, or where `after` is none of this database's events.
        """
        reader = Subscription(self, key, encode, self._backlog)
        if self._closed:
            reader.end()
            return reader, b""
        self._readers.add(reader)  # before the look back, so that nothing falls between
        try:
            if self._last is None:
                await self._db.read(self._look)
            missed = [] if after is None else await self._db.read(self._missed, after)
            return reader, (await encode(missed) if missed else b"")
        except BaseException:
            self.leave(reader)
            raise

    def _missed(self, c: Connection, after: int) -> list[Event]:
        if after > last_event(c) or after < first_event(c) - 1:
            raise MissedTooMuchError
        found = events_after(c, max(0, after - _LATE_COMMIT), self._resume + _LATE_COMMIT + 1)
        if len(found) > self._resume + _LATE_COMMIT:
            raise MissedTooMuchError
        return found if any(e.id > after for e in found) or c.dialect.name == "postgresql" else []

    def leave(self, reader: Subscription) -> None:
        """The reader went away."""
        self._readers.discard(reader)

    def close(self) -> None:
        """End every stream: the program stops."""
        self._closed = True
        for reader in self._readers:
            reader.end()
        self._readers.clear()

    async def run(self) -> None:
        """Watch for ever. A database that does not answer is asked again; readers keep their place meanwhile."""
        down, pulsed = False, monotonic()
        while True:
            try:
                events = await self._db.read(self._look)
                if down:
                    log.info("live feed is back")
                    down = False
                if events:
                    await self._tell(events)
                if monotonic() - pulsed >= self._pulse:
                    pulsed = monotonic()
                    await self._tell([])
            except Exception as e:  # whatever the database said: the feed waits, it does not end
                if not down:
                    log.error("live feed cannot read the database; it tries again every second", reason=str(e))
                    down = True
                await asyncio.sleep(self._poll)
            self._wake.clear()
            await asyncio.sleep(self._tick)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._poll - self._tick)):
                    await self._wake.wait()

    def _look(self, c: Connection) -> list[Event]:
        if self._last is None:
            self._last = last_event(c)
            return []
        now = monotonic()
        found = events_after(c, self._last)
        if self._gaps:
            late = _among(c, sorted(self._gaps))
            found = sorted({e.id: e for e in (*late, *found)}.values(), key=lambda e: e.id)
        for e in found:
            self._gaps.pop(e.id, None)
            if e.id > self._last:
                if c.dialect.name == "postgresql":
                    self._gaps.update(dict.fromkeys(range(self._last + 1, min(e.id, self._last + 1000)), now))
                self._last = e.id
        self._gaps = {id_: since for id_, since in self._gaps.items() if now - since < _GAP_SECONDS}
        return found

    async def _tell(self, events: Sequence[Event]) -> None:
        """Encode once per key, then hand the same bytes to all who share it."""
        groups: dict[Hashable, list[Subscription]] = {}
        for reader in self._readers:
            groups.setdefault(reader.key, []).append(reader)
        for key, readers in groups.items():
            try:
                chunk = await readers[0].encode(events)
            except Exception:
                # Readers must not believe that they have seen what they have not.
                log.exception("events could not be shown; their readers are told to reload", key=repr(key))
                for reader in readers:
                    reader.behind = True
                    reader.end()
                continue
            if chunk:
                for reader in readers:
                    reader.put(chunk)

