"""The pages: read, render, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_
from monitor import drifts
from monitor.live import last_event
from monitor.web import ask as asking
from monitor.web import words
from monitor.web.ask import Ask
from monitor.web.cards import VERBS
from monitor.web.counts import Counts
from monitor.web.counts import counts as count_up
from monitor.web.guard import refusal
from monitor.web.history import History, history
from monitor.web.site import PAGE_LANGUAGES, SITE, Reader, back_to, reader_of, render, view_for
from monitor.web.whole import Whole, whole
from ticketing import feed, pictures
from ticketing.appeal import PARTS
from ticketing.citizens import Thread, family, threads
from ticketing.feed import FeedRow, Filter, Hole, SourceState
from ticketing.service import Service
from ticketing.store import ticket_by_number
from ticketing.ticket import typed_number

WHOLE_TEXT = 200_000
"""Characters of a post on its own page."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a list page reads in one transaction, so that rows and counts agree."""

    rows: list[FeedRow]
    more: bool
    counts: Counts
    sources: list[SourceState]
    holes: list[Hole]
    last_event: int
    done: FeedRow | None = None


def read_page(c: Connection, scope: frozenset[str] | None, wanted: Filter, now: datetime, limit: int,
              before: int | None, tickets_only: bool, mine: int | None, done: int | None) -> Page:
    """Rows from position `before` down, and what stands around them."""
    last = last_event(c)  # first: what is committed later comes again by the stream, never not at all
    if tickets_only:
        rows = feed.tickets(c, scope, wanted, now, before=before, mine=mine, limit=limit + 1)
    else:
        rows = feed.rows(c, scope, wanted, now, before=before, limit=limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    since = rows[-1].collected_at if rows else now - timedelta(days=1)
    newest = now if before is None else rows[0].collected_at if rows else now
    # A wobble of a minute is no hole in anybody's day; the page of sources lists them all.
    holes = [h for h in feed.holes(c, since, newest) if (h.until or now) - h.since >= timedelta(minutes=1)]
    shown = None if done is None else next(iter(feed.rows(c, scope, None, now, posts=[done])), None)
    return Page(rows, more, count_up(c, scope, now), feed.sources(c), holes, last, shown)


async def show_feed(request: web.Request) -> web.Response:
    """The feed."""
    return await _list(request, "feed")


async def show_triage(request: web.Request) -> web.Response:
    """The feed of what detection left to people."""
    return await _list(request, "triage")


async def show_tickets(request: web.Request) -> web.Response:
    """The register as a list."""
    return await _list(request, "tickets")


async def _list(request: web.Request, where: str) -> web.Response:
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    wanted = asking.read(request.query, site.units, site.knowledge.topics)
    if typed_number(wanted.q) is not None:
        named = await site.db.read(ticket_by_number, wanted.q)
        if named is not None and _seen(named, reader.scope):     # else it is looked for like any words: not found
            raise web.HTTPSeeOther(view_for(site, reader.language, "", now).ticket_url(named.number))
    effective = wanted.with_state("waiting") if where == "triage" else wanted
    mine = reader.person.id if where == "tickets" and request.query.get("mine") == "1" else None
    before = _position(request.query.get("before"))
    page = await site.db.read(read_page, reader.scope, effective.filter(site.units), now, site.options.page_size,
                              before, where == "tickets", mine, _position(request.query.get("done")))
    view = view_for(site, reader.language, reader.person.role, now)
    return html("feed.html", **frame(site, reader, view, page.counts, page.sources, where, request),
                 ask=wanted, page=page, gaps=view.gaps(page.rows, page.holes if where != "tickets" else ()),
                 older=_older(wanted, page, where, mine), mine=mine is not None, before=before,
                 said=said_by_code(request),
                 stream=stream_url(where, wanted, page.last_event) if before is None else "")


def stream_url(where: str, wanted: Ask, after: int) -> str:
    """Where the script listens for what follows this page."""
    query = wanted.query(view=where, after=after)
    return f"/api/v1/events{query}"


def _older(wanted: Ask, page: Page, where: str, mine: int | None) -> str | None:
    if not page.more:
        return None
    last = page.rows[-1]
    # Tickets are in the order of their numbers, posts in the order of arrival.
    position = last.ticket_id if where == "tickets" else last.id
    path = {"feed": "/", "triage": "/triage", "tickets": "/tickets"}[where]
    return path + wanted.query(before=position, mine="1" if mine else None)


def frame(site: Any, reader: Reader, view: Any, counts: Counts, sources: Sequence[SourceState], where: str,
          request: web.Request) -> dict[str, Any]:
    """What every page of a signed-in reader has around it."""
    return {
        "reader": reader, "w": view, "counts": counts, "sources": sources, "where": where, "words": words,
        "topics": sorted(site.knowledge.topics.values(), key=lambda t: view.topic(t.code)), "units": site.units,
        "path": request.path_qs, "last_ok": max((s.last_ok_at for s in sources if s.last_ok_at), default=None),
        "other_language": next(code for code in PAGE_LANGUAGES if code != reader.language),
    }


def said_by_code(request: web.Request) -> str | None:
    """A message that a form without script came back with; one of ours, never text from the address."""
    code = request.query.get("said")
    return code if code in ("undone", "accepted", *VERBS) else None


async def show_ticket(request: web.Request) -> web.Response:
    """One card: post, facts, deadlines with their derivation, responsible with the reason, register entries."""
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    found = await site.db.read(_ticket, site.service, request.match_info["number"], reader.scope, now)
    if found is None:
        return refusal(request, 404, N_("There is no card with this number, or it belongs to another office."))
    row, posts, past, counts, sources, last, number, more, places = found
    if request.match_info["number"] != number:
        raise web.HTTPSeeOther(view_for(site, reader.language, "", now).ticket_url(number))
    if more.wanting:
        await site.db.write(pictures.want, now, [p.id for p in posts])
    view = view_for(site, reader.language, reader.person.role, now)
    return html("ticket.html", **frame(site, reader, view, counts, sources, "tickets", request), ticket=row,
                 posts=posts, past=past, said=said_by_code(request), more=more, places=places,
                 procedure=site.service.desk.procedure, appeal_parts=PARTS, voices=site.voices(),
                 may_approve=site.service.may_approve(row.office, reader.person.role),
                 stream=f"/api/v1/events?view=ticket&after={last}")


def _seen(row: Any, scope: frozenset[str] | None) -> bool:
    """Whether a reader of these akimats (None: all) may see a card."""
    return scope is None or row.akimat in scope or row.office in scope


def _ticket(c: Connection, service: Service, number: str, scope: frozenset[str] | None, now: datetime,
            ) -> tuple[Any, list[FeedRow], list[History], Counts, list[SourceState], int, str, Whole, list[Thread]] | None:
    last = last_event(c)
    row = ticket_by_number(c, number)
    if row is None or not _seen(row, scope):
        return None
    # Whoever may see the card may see its posts: after a redirect they stand under another akimat.
    posts = feed.rows(c, None, None, now, ticket_id=row.id, revisions=True, excerpt=WHOLE_TEXT, limit=200)
    return (row, posts, history(c, row.number), count_up(c, scope, now), feed.sources(c), last, row.number,
            whole(c, service, row, posts, now), threads(c, family(c, row.number)))


async def show_post(request: web.Request) -> web.Response:
    """One post with its whole text."""
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    found = await site.db.read(_post, int(request.match_info["id"]), reader.scope, now)
    if found is None:
        return refusal(request, 404, N_("There is no such post, or it belongs to another office."))
    row, counts, sources, last = found
    view = view_for(site, reader.language, reader.person.role, now)
    return html("post.html", **frame(site, reader, view, counts, sources, "feed", request), r=row,
                 said=said_by_code(request), stream=f"/api/v1/events?view=ticket&after={last}")


def _post(c: Connection, id_: int, scope: frozenset[str] | None, now: datetime,
          ) -> tuple[FeedRow, Counts, list[SourceState], int] | None:
    last = last_event(c)
    rows = feed.rows(c, scope, None, now, posts=[id_], revisions=True, excerpt=WHOLE_TEXT)
    return (rows[0], count_up(c, scope, now), feed.sources(c), last) if rows else None


async def show_sources(request: web.Request) -> web.Response:
    """Every source: state, last fetch, holes."""
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    sources, holes, counts, last = await site.db.read(_sources, reader.scope, now)
    look = await site.db.read(drifts.standing)
    view = view_for(site, reader.language, reader.person.role, now)
    return html("sources.html", **frame(site, reader, view, counts, sources, "sources", request), holes=holes, look=look,
                 stream=f"/api/v1/events?view=sources&after={last}")


def _sources(c: Connection, scope: frozenset[str] | None, now: datetime,
             ) -> tuple[list[SourceState], list[Hole], Counts, int]:
    last = last_event(c)
    return feed.with_rhythm(c, feed.sources(c)), feed.holes(c, now - timedelta(days=30), now, 100, parts=True), count_up(c, scope, now), last


@dataclass(frozen=True, slots=True)
class Wall:
    """Three columns: late or undecided, new, in hand; and how many each would hold."""

    late: list[FeedRow]
    new: list[FeedRow]
    hand: list[FeedRow]
    many: tuple[int, int, int]
    counts: Counts
    sources: list[SourceState]
    last_event: int


_ON_WALL = 6
"""Cards in a column: more are not readable at four metres."""


def read_wall(c: Connection, scope: frozenset[str] | None, wanted: Filter, now: datetime) -> Wall:
    """What the wall shows."""
    def cards(state: str, limit: int) -> list[FeedRow]:
        return feed.tickets(c, scope, replace(wanted, state=state), now, limit=limit)
    last = last_event(c)
    # What is late stands in the first column only. Cards, not posts: a card with copies stands there once.
    new, hand = ([r for r in cards(state, 40) if not r.late(now)] for state in ("new", "hand"))
    waiting = feed.rows(c, scope, replace(wanted, state="waiting"), now, limit=_ON_WALL, excerpt=240)
    return Wall((cards("late", _ON_WALL) + waiting)[:_ON_WALL], new[:_ON_WALL], hand[:_ON_WALL],
                feed.columns(c, scope, wanted, now), count_up(c, scope, now), feed.sources(c), last)


async def show_wall(request: web.Request) -> web.Response:
    """The feed readable at four metres, without controls."""
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    wanted = asking.read(request.query, site.units, site.knowledge.topics)
    wall = await site.db.read(read_wall, reader.scope, wanted.filter(site.units), now)
    view = view_for(site, reader.language, reader.person.role, now)
    return html("wall.html", **frame(site, reader, view, wall.counts, wall.sources, "wall", request),
                 wall=wall, ask=wanted, stream=stream_url("wall", wanted, wall.last_event))


async def choose_language(request: web.Request) -> web.Response:
    """Remember the language of the pages in a cookie."""
    response = web.HTTPSeeOther(back_to(request.query.get("back")))
    code = request.match_info["code"]
    if code in PAGE_LANGUAGES:
        response.set_cookie("qulaq_language", code, max_age=365 * 86400, samesite="Lax", path="/",
                            secure=request.app[SITE].options.secure, httponly=True)
    raise response


def _position(typed: str | None) -> int | None:
    return int(typed) if typed and typed.isascii() and typed.isdigit() and len(typed) < 19 else None


def html(template: str, **values: Any) -> web.Response:
    return web.Response(text=render(values["reader"].language, template, **values), content_type="text/html")

