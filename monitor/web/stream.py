"""Server-sent events: rows as a page shows them, or JSON for programs. https://html.spec.whatwg.org/#server-sent-events"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from monitor.live import Event, MissedTooMuchError
from monitor.web import ask as asking
from monitor.web import plain, surge_api, surge_stream, words
from monitor.web.ask import Ask
from monitor.web.counts import counts as count_up
from monitor.web.guard import COOKIE
from monitor.web.pages import read_wall
from monitor.web.site import SITE, Reader, Site, reader_of, render, view_for
from monitor.web.surge_pages import read_ask
from ticketing import feed
from ticketing.feed import FeedRow, Filter
from ticketing.people import session_of

KEEP_ALIVE = 15.0
SESSION_CHECK = 60.0
SLOW_WRITE = 20.0
LONGEST = 3600.0
"""A stream ends after an hour; the browser comes back by itself and is let in anew."""
MANY = 120
"""Rows in one tick that are still sent; more are only counted."""

_NEVER = 10**18

VIEWS = ("feed", "triage", "tickets", "ticket", "sources", "wall", "surges", "surge", "json")

Encode = Callable[[Sequence[Event]], Awaitable[bytes]]


async def events(request: web.Request) -> web.StreamResponse:
    """Follow what happens from now, from `after`, or from Last-Event-ID."""
    site, reader = request.app[SITE], reader_of(request)
    kind = request.query.get("view", "json")
    kind = kind if kind in VIEWS else "json"
    wanted = asking.read(request.query, site.units, site.knowledge.topics)
    if kind == "triage":
        wanted = wanted.with_state("waiting")
    elif kind == "surges":
        wanted = read_ask(request.query, site.units, site.knowledge.topics)
    key, encode = encoder(site, reader, kind, wanted)
    response = web.StreamResponse(headers={
        "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    try:
        subscription, missed = await site.live.subscribe(key, encode, _after(request))
    except MissedTooMuchError:
        await response.prepare(request)
        await response.write(b"retry: 5000\n\n" + message("reload", {}))
        return response
    try:
        await response.prepare(request)
        await _write(request, response, b"retry: 1500\n\n" + missed)
        loop = asyncio.get_running_loop()
        started = checked = loop.time()
        while loop.time() - started < LONGEST:
            try:
                async with asyncio.timeout(KEEP_ALIVE):
                    chunk = await subscription.next()
            except TimeoutError:
                # A program reads a comment over; the page has to hear that the line is alive, and scripts see no comments.
                chunk = b": here\n\n" if kind == "json" else message("here", {})
            if chunk is None:
                break
            await _write(request, response, chunk)
            if loop.time() - checked > SESSION_CHECK:
                checked = loop.time()
                if await site.db.read(session_of, request.cookies.get(COOKIE, ""), site.clock()) is None:
                    await _write(request, response, message("reload", {}))
                    break
    except MissedTooMuchError:
        await _write(request, response, message("reload", {}))
    except (ConnectionError, TimeoutError):
        pass  # the reader went away or stopped reading
    finally:
        site.live.leave(subscription)
    return response


async def _write(request: web.Request, response: web.StreamResponse, chunk: bytes) -> None:
    try:
        async with asyncio.timeout(SLOW_WRITE):
            await response.write(chunk)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise


def _after(request: web.Request) -> int | None:
    typed = request.headers.get("Last-Event-ID") or request.query.get("after") or ""
    if not typed:
        return None
    # An id that is none of ours: to begin now would hide what was missed, so it is one too far ahead.
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else _NEVER


def message(name: str, data: Any, id_: int | None = None) -> bytes:
    """One event of the stream. JSON holds no line break, so nothing in a post can begin another field."""
    head = f"id: {id_}\n" if id_ is not None else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {name}\ndata: {body}\n\n".encode()


def encoder(site: Site, reader: Reader, kind: str, wanted: Ask) -> tuple[Hashable, Encode]:
    """How this reader's events are written, and the key under which others share it."""
    person = reader.person
    key = (kind, reader.language, person.role, person.office, wanted)
    return key, _Encoder(site, reader, kind, wanted)


class _Encoder:
    """Events in one language, under one set of rights, through one filter."""

    def __init__(self, site: Site, reader: Reader, kind: str, wanted: Ask) -> None:
        self.site, self.kind, self.wanted = site, kind, wanted
        self.language, self.role, self.scope = reader.language, reader.person.role, reader.scope
        # A card shows the post that opened it, the feed the newest revision of each.
        self.revisions = kind in ("tickets", "ticket")
        self._pulsed = site.clock()
        self._sent: dict[str, str] = {}

    async def __call__(self, happened: Sequence[Event]) -> bytes:
        now = self.site.clock()
        if not happened:
            since, self._pulsed = self._pulsed, now
            return await self._pulse(since, now)
        if self.kind == "json":
            return await self._json(happened, now)
        if self.kind == "wall":
            return await self._wall(now, happened[-1].id)
        if self.kind == "sources":
            return await self._sources(now) + _seen(happened[-1].id)
        if self.kind in ("surges", "surge"):
            return await self._surges(happened, now)
        rows = await self._rows(happened, now)
        if any(e.kind == "source" for e in happened):
            rows = await self._sources(now) + rows
        return rows

    async def _surges(self, happened: Sequence[Event], now: datetime) -> bytes:
        name, read = ("row", surge_stream.rows) if self.kind == "surges" else ("surge", surge_stream.evidence)
        made = await read(self.site, self.language, self.role, self.scope, self.wanted, happened, now)
        sources = await self._sources(now) if any(e.kind == "source" for e in happened) else b""
        counts = await self._counts(now)
        return sources + b"".join(message(name, data, id_) for data, id_ in made) + counts + _seen(happened[-1].id)

    # --- rows as the page shows them

    async def _rows(self, happened: Sequence[Event], now: datetime) -> bytes:
        touched = await self.site.db.read(_touched, happened)
        last = happened[-1].id
        if len(touched) > MANY:
            return message("many", {"count": len(touched)}, last)
        shown, others = await self.site.db.read(
            _read, list(touched), self.scope, self.wanted.filter(self.site.units), now, self.revisions)
        made = []
        for row in [*shown, *others]:
            gone = row in others if self.kind in ("feed", "triage", "tickets") else False
            if self.kind == "tickets" and (row.ticket_id is None or row.role != "origin"):
                continue
            made.append((touched[row.id], self._row(row, now, touched[row.id], gone)))
        made.sort(key=lambda pair: pair[0])
        counts = await self._counts(now)
        return b"".join([chunk for _, chunk in made]) + counts + _seen(last)

    def _row(self, row: FeedRow, now: datetime, id_: int | None, gone: bool) -> bytes:
        view = view_for(self.site, self.language, self.role, now)
        html = render(self.language, "row.html", r=row, w=view, units=self.site.units, words=words)
        data = {"post": row.id, "ticket": row.ticket_id, "html": html,
                "urgent": row.urgent and row.status != "accepted"}
        if gone:
            data["gone"] = True
        return message("row", data, id_)

    async def _counts(self, now: datetime) -> bytes:
        counts = await self.site.db.read(count_up, self.scope, now)
        said = {"triage": counts.triage, "late": counts.late, "surges": counts.surges}
        return message("counts", said) if self._changed("counts", json.dumps(said)) else b""

    async def _pulse(self, since: datetime, now: datetime) -> bytes:
        """What changes though nobody writes: dates that pass, the time of the last fetch."""
        if self.kind == "json":
            return b""
        if self.kind == "wall":
            return await self._wall(now, None)
        sources = await self._sources(now)
        if self.kind == "sources":
            return sources
        if self.kind in ("surges", "surge"):
            return sources + await self._counts(now)
        due = await self.site.db.read(_fell_due, since, now)
        if not due:
            return sources
        rows, others = await self.site.db.read(_read, due, self.scope, self.wanted.filter(self.site.units), now,
                                               self.revisions)
        made = [self._row(r, now, None, r in others) for r in (*rows, *others)
                if self.kind != "tickets" or r.role == "origin"]
        return sources + b"".join(made) + await self._counts(now)

    async def _sources(self, now: datetime) -> bytes:
        states = await self.site.db.read(feed.sources)
        if self.kind == "sources":
            states = await self.site.db.read(feed.with_rhythm, states)
        view = view_for(self.site, self.language, self.role, now)
        parts = {"strip": render(self.language, "live_strip.html", w=view, sources=states)}
        name = "table" if self.kind == "sources" else "side"
        parts[name] = render(self.language, f"live_{name}.html", w=view, sources=states)
        # The times are relative: what the sources said decides whether there is news, not the wording.
        same = hashlib.sha256(repr(states).encode()).hexdigest()
        data = {**parts, "silent": sum(s.silent for s in states)}
        return message("sources", data) if self._changed("sources", same) else b""

    async def _wall(self, now: datetime, last: int | None) -> bytes:
        wall = await self.site.db.read(read_wall, self.scope, self.wanted.filter(self.site.units), now)
        view = view_for(self.site, self.language, self.role, now)
        parts = {"board": render(self.language, "live_board.html", w=view, wall=wall),
                 "foot": render(self.language, "live_foot.html", w=view, sources=wall.sources), "today": view.day(now)}
        changed = self._changed("wall", json.dumps(parts))
        return message("wall", parts, last) if changed else _seen(last) if last is not None else b""

    def _changed(self, name: str, said: str) -> bool:
        if self._sent.get(name) == said:
            return False
        self._sent[name] = said
        return True

    # --- JSON

    async def _json(self, happened: Sequence[Event], now: datetime) -> bytes:
        touched = await self.site.db.read(_touched, happened)
        rows = {r.id: r for r in await self.site.db.read(_plainly, list(touched), self.scope,
                                                         self.wanted.filter(self.site.units), now)}
        states = ({s.name: s for s in await self.site.db.read(feed.sources)}
                  if any(e.kind == "source" for e in happened) else {})
        by_ticket: dict[str | None, FeedRow] = {}
        for row in rows.values():
            if row.role == "origin" or row.number not in by_ticket:
                by_ticket[row.number] = row
        told = surge_stream.touched(happened)
        surges = {r.id: r for r in await self.site.db.read(surge_stream.shown, self.scope, list(told))} if told else {}
        made = []
        newest = {(e.kind, e.ref): e for e in happened}
        for e in sorted(newest.values(), key=lambda e: e.id):
            if e.kind == "post" and e.ref.isdigit() and int(e.ref) in rows:
                made.append(message("post", plain.post(rows[int(e.ref)]), e.id))
            elif e.kind == "ticket" and e.ref in by_ticket:
                made.append(message("ticket", plain.ticket(by_ticket[e.ref]), e.id))
            elif e.kind == "source" and e.ref in states:
                made.append(message("source", plain.source(states[e.ref]), e.id))
            elif e.kind == "surge" and e.ref in surges:
                made.append(message("surge", surge_api.plain(surges[e.ref]), e.id))
        return b"".join(made) + _seen(happened[-1].id)


def _seen(id_: int) -> bytes:
    """Moves Last-Event-ID on and says nothing: a block without data is not dispatched."""
    return f"id: {id_}\n\n".encode()


def _touched(c: Connection, happened: Sequence[Event]) -> dict[int, int]:
    """The posts whose rows changed, each with the id of the last event that touched it."""
    touched: dict[int, int] = {}
    numbers: dict[str, int] = {}
    for e in happened:
        if e.kind == "post" and e.ref.isdigit():
            touched[int(e.ref)] = e.id
        elif e.kind == "ticket":
            numbers[e.ref] = e.id
    for number, post in feed.ticket_posts(c, list(numbers)):
        touched[post] = max(touched.get(post, 0), numbers[number])
    return touched


def _fell_due(c: Connection, since: datetime, now: datetime) -> list[int]:
    return feed.posts_of_tickets(c, feed.fell_due(c, since, now))


def _read(c: Connection, ids: list[int], scope: frozenset[str] | None, wanted: Filter, now: datetime, revisions: bool,
          ) -> tuple[list[FeedRow], list[FeedRow]]:
    """Rows that the reader's filter shows, and those that it shows no more."""
    shown = feed.rows(c, scope, wanted, now, posts=ids, limit=max(1, len(ids)), revisions=revisions)
    known = {r.id for r in shown}
    rest = [id_ for id_ in ids if id_ not in known]
    return shown, feed.rows(c, scope, None, now, posts=rest, limit=len(rest), revisions=revisions) if rest else []


def _plainly(c: Connection, ids: list[int], scope: frozenset[str] | None, wanted: Filter, now: datetime,
             ) -> list[FeedRow]:
    return feed.rows(c, scope, wanted, now, posts=ids, limit=max(1, len(ids)), excerpt=100_000)
