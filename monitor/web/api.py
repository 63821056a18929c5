"""The JSON API: the same queries and rights as the pages. `monitor.web.openapi` describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_
from monitor.web import ask as asking
from monitor.web import plain
from monitor.web.guard import refusal
from monitor.web.openapi import document
from monitor.web.site import SITE, reader_of
from monitor.web.whole import whole
from ticketing import feed
from ticketing.feed import FeedRow, Filter
from ticketing.service import Service
from ticketing.store import entries_of, ticket_by_number

MOST = 200
WHOLE = 1_000_000


async def get_posts(request: web.Request) -> web.Response:
    """Posts newest first, page by page."""
    return await _page(request, tickets=False)


async def get_tickets(request: web.Request) -> web.Response:
    """Cards newest first, page by page."""
    return await _page(request, tickets=True)


async def _page(request: web.Request, tickets: bool) -> web.Response:
    site, reader = request.app[SITE], reader_of(request)
    wanted = asking.read(request.query, site.units, site.knowledge.topics)
    for name in ("topic", "language", "state", "period"):
        if request.query.get(name) and not getattr(wanted, name):
            return _bad(f"{name}: {request.query[name][:40]!r} is not known; see /api/v1/openapi.json")
    if wanted.unknown or wanted.unclear:
        return _bad(f"akimat: {request.query['akimat'][:40]!r} names {len(wanted.unclear) or 'no'} units; "
                    "give a KATO code")
    before, limit = _number(request.query.get("before")), _number(request.query.get("limit", "50"))
    for name, number in (("before", before), ("limit", limit)):
        if request.query.get(name) and not number:
            return _bad(f"{name}: {request.query[name][:40]!r} is not a whole number above 0")
    limit = limit or 50
    limit = min(limit, MOST)
    rows = await site.db.read(_rows, tickets, reader.scope, wanted.filter(site.units), site.clock(), before, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    last = (rows[-1].ticket_id if tickets else rows[-1].id) if rows else None
    items = [plain.ticket(r) if tickets else plain.post(r) for r in rows]
    following = request.path + wanted.query(before=last, limit=limit) if more else None
    return web.json_response({"items": items, "next": following})


def _rows(c: Connection, tickets: bool, scope: frozenset[str] | None, wanted: Filter, now: datetime,
          before: int | None, limit: int) -> list[FeedRow]:
    if tickets:
        return feed.tickets(c, scope, wanted, now, before=before, limit=limit)
    return feed.rows(c, scope, wanted, now, before=before, limit=limit, excerpt=WHOLE)


async def get_post(request: web.Request) -> web.Response:
    """One post."""
    site, reader = request.app[SITE], reader_of(request)
    rows = await site.db.read(lambda c: feed.rows(c, reader.scope, None, site.clock(), revisions=True, excerpt=WHOLE,
                                                  posts=[int(request.match_info["id"])]))
    if not rows:
        return refusal(request, 404, N_("There is no such post, or it belongs to another office."))
    return web.json_response(plain.post(rows[0]))


async def get_ticket(request: web.Request) -> web.Response:
    """One card with its posts and its register entries."""
    site, reader = request.app[SITE], reader_of(request)
    found = await site.db.read(_ticket, site.service, request.match_info["number"], reader.scope, site.clock())
    if found is None:
        return refusal(request, 404, N_("There is no card with this number, or it belongs to another office."))
    return web.json_response(found)


def _ticket(c: Connection, service: Service, number: str, scope: frozenset[str] | None, now: datetime) -> dict[str, Any] | None:
    row = ticket_by_number(c, number)
    if row is None or (scope is not None and row.akimat not in scope and row.office not in scope):
        return None
    posts = feed.rows(c, None, None, now, ticket_id=row.id, revisions=True, excerpt=WHOLE, limit=MOST)
    entries = [{"office": e.office, "seq": e.seq, "at": e.at, "actor": e.actor, "action": e.action,
                "details": e.details, "prev_hash": e.prev_hash, "hash": e.hash} for e in entries_of(c, row.number)]
    values = {name: getattr(row, name) for name in (
        "number", "status", "office", "akimat", "topic", "kind", "urgency", "location_text", "department",
        "responsible", "assigned_by", "due_first_derivation", "due_final_derivation", "proposal", "parent", "merged_into",
        "external_number", "no_external", "ground", "extensions", "reopenings", "solved", "mark")}
    times = {name: plain.moment(getattr(row, name)) for name in (
        "received_at", "registered_at", "due_first", "due_final", "first_reaction_at", "closed_at", "paused_until")}
    more = plain.whole(whole(c, service, row, posts, now))
    return {**values, **times, "posts": [plain.post(p) for p in posts], "entries": entries, **more}


async def get_sources(request: web.Request) -> web.Response:
    """Every source."""
    states = await request.app[SITE].db.read(lambda c: feed.with_rhythm(c, feed.sources(c)))
    return web.json_response({"items": [plain.source(s) for s in states]})


async def get_akimats(request: web.Request) -> web.Response:
    """Units whose name begins like `q`, for a list to choose from."""
    site, reader = request.app[SITE], reader_of(request)
    found = site.units.suggest(request.query.get("q", "")[:100], limit=20)
    return web.json_response({"items": [
        {"code": code, "name": site.units.name(code, reader.language), "path": site.units.path(code, reader.language)}
        for code in found]})


async def get_session(request: web.Request) -> web.Response:
    """Who is signed in, and the token that a POST must carry in X-CSRF-Token."""
    reader = reader_of(request)
    person = reader.person
    return web.json_response({"login": person.login, "name": person.name, "role": person.role, "office": person.office,
                              "language": reader.language, "csrf": reader.session.csrf})


async def get_openapi(request: web.Request) -> web.Response:
    """This API, described."""
    return web.json_response(document(request.app[SITE].options.public_url))


def _bad(said: str) -> web.Response:
    return web.json_response({"error": said, "status": 400}, status=400)


def _number(typed: str | None) -> int | None:
    return int(typed) if typed and typed.isascii() and typed.isdigit() and len(typed) < 19 else None
