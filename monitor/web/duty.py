"""Who is away and who has duty: the page on which staff see and enter it. The rules are `ticketing.attendance`'s."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_, language
from monitor.live import last_event
from monitor.web.counts import counts
from monitor.web.pages import frame
from monitor.web.site import SITE, Reader, reader_of, render, view_for
from ticketing import attendance, feed
from ticketing.acting import Refused


async def show_duty(request: web.Request) -> web.Response:
    """The page."""
    return await _page(request)


async def do_duty(request: web.Request) -> web.Response:
    """Enter or end an absence, enter or take out a stretch of duty; then the page again."""
    site, reader = request.app[SITE], reader_of(request)
    given = {k: str(v)[:200] for k, v in (await request.post()).items()}
    try:
        await site.db.write(_act, reader, given, site.clock())
    except Refused as e:
        return await _page(request, language(reader.language).gettext(e.message_id) % e.params, given)
    raise web.HTTPSeeOther("/duty?said=done")


def _act(c: Connection, reader: Reader, given: Mapping[str, str], now: Any) -> None:
    person, below, do = reader.person, reader.scope, given.get("do", "")
    if do == "away":
        attendance.go_away(c, person, given.get("login", ""), _day(given, "first"), _day(given, "last"), given.get("deputy", ""), now, below)
    elif do == "back":
        attendance.come_back(c, person, _id(given), now, below)
    elif do == "duty":
        attendance.have_duty(c, person, given.get("office", ""), given.get("login", ""), _day(given, "first"), _day(given, "last"), now, below)
    elif do == "no_duty":
        attendance.no_duty(c, person, _id(given), now, below)
    else:
        raise Refused(N_("This address does not do that."))


def _day(given: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(given.get(name, "").strip())
    except ValueError as e:
        raise Refused(N_("Write the first and the last day.")) from e


def _id(given: Mapping[str, str]) -> int:
    typed = given.get("id", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else -1


async def _page(request: web.Request, problem: str | None = None, given: Mapping[str, str] | None = None) -> web.Response:
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    seen, around = await site.db.read(_read, reader, now)
    view = view_for(site, reader.language, reader.person.role, now)
    page = render(reader.language, "duty.html", **frame(site, reader, view, *around[:2], "duty", request), seen=seen, problem=problem,
                  given={**dict.fromkeys(("do", "login", "first", "last", "deputy", "office"), ""), **(given or {})}, mine=reader.person.role in attendance.ABSENT, arranges=reader.person.role in attendance.ARRANGING,
                  said=request.query.get("said") == "done", stream=f"/api/v1/events?view=sources&after={around[2]}")
    return web.Response(text=page, content_type="text/html", status=409 if problem else 200)


def _read(c: Connection, reader: Reader, now: Any) -> tuple[attendance.Attendance, tuple[Any, Any, int]]:
    last = last_event(c)
    return (attendance.seen_by(c, reader.person, reader.scope, now), (counts(c, reader.scope, now), feed.sources(c), last))
