"""The page of the reception desk: a form in two steps without script, and the coupon for the citizen.

First what was said; then what detection makes of it, to be put right; then number, code and dates on paper.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_, language
from monitor.core.lodged import lodged
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.live import last_event
from monitor.web.counts import counts
from monitor.web.guard import refusal
from monitor.web.pages import frame
from monitor.web.site import SITE, Reader, Site, reader_of, render, view_for
from ticketing import feed
from ticketing.appeal import APPEALS
from ticketing.reception import Coupon, Visit, new_code, receive
from ticketing.service import Actor, Refused
from ticketing.store import DESKS, ticket_by_number
from ticketing.ticket import may

_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")


async def show_reception(request: web.Request) -> web.Response:
    """The empty form."""
    reader = reader_of(request)
    if not may(reader.person.role, "receive"):
        return refusal(request, 403, N_("Your role does not allow this."))
    office = reader.person.office or next(iter(request.app[SITE].service.desk.offices or ()), "")
    return await _form(request, Visit(secrets.token_urlsafe(16), DESKS[0], "", "", "kk", "", "", office, "", ""), proposed=False)


async def do_reception(request: web.Request) -> web.Response:
    """Propose, then enter; answers with the coupon."""
    site, reader = request.app[SITE], reader_of(request)
    if not may(reader.person.role, "receive"):
        return refusal(request, 403, N_("Your role does not allow this."))
    given = {k: str(v) for k, v in (await request.post()).items()}
    visit = _visit(site, given)
    judged = _judged(site, visit)
    if given.get("step") != "enter":
        return await _form(request, replace(
            visit, topic=visit.topic or judged.topic or "other", kind=visit.kind or judged.kind or "message",
            urgency=judged.urgency or "normal", place=visit.place or judged.location_text or "",
            akimat=visit.akimat or judged.akimat or ""), proposed=True)
    person = reader.person
    try:
        coupon = await site.db.write(receive, site.service, visit, judged, Actor(person.id, person.role, person.office), site.clock())
    except Refused as e:
        return await _form(request, visit, proposed=True, problem=language(reader.language).gettext(e.message_id) % e.params)
    return _coupon(site, reader, coupon, visit.language)


async def do_code(request: web.Request) -> web.Response:
    """A new code for a card, on a coupon: for the author of a post who came to the desk."""
    site, reader = request.app[SITE], reader_of(request)
    person = reader.person
    try:
        coupon = await site.db.write(_new_code, site, reader, request.match_info["number"], Actor(person.id, person.role, person.office),
                                     site.clock())
    except Refused as e:
        said = language(reader.language).gettext(e.message_id) % e.params
        return refusal(request, 409 if may(person.role, "receive") else 403, said, translated=True)
    if coupon is None:
        return refusal(request, 404, N_("There is no card with this number, or it belongs to another office."))
    return _coupon(site, reader, coupon, "ru" if coupon.ticket.language == "ru" else "kk")


def _new_code(c: Connection, site: Site, reader: Reader, number: str, actor: Actor, now: datetime) -> Coupon | None:
    row = ticket_by_number(c, number)
    if row is None or (reader.scope is not None and row.akimat not in reader.scope and row.office not in reader.scope):
        return None
    return new_code(c, site.service, row.number, actor, now)


def _visit(site: Site, given: dict[str, str]) -> Visit:
    """The form's fields; the akimat by its code or by its name where that names one."""
    typed = given.get("akimat", "").strip()[:200]
    found = site.units.find(typed) if typed else []
    key = given.get("key", "")
    return Visit(
        key if _KEY.fullmatch(key) else secrets.token_urlsafe(16), given.get("channel", ""), given.get("name", ""),
        given.get("contact", ""), "ru" if given.get("language") == "ru" else "kk", given.get("text", ""), given.get("place", ""),
        found[0] if len(found) == 1 else "", given.get("topic", ""), given.get("kind", ""), given.get("urgency", "normal"),
        given.get("external_number", ""), given.get("without", ""))


def _judged(site: Site, visit: Visit) -> Verdict:
    now = site.clock()
    return lodged(site.judge, site.knowledge, Post(
        network=visit.channel or DESKS[0], source="reception", native_id=visit.key, text=visit.text[:4000], published_at=now,
        home=visit.akimat or None), "reception", visit.place.strip())


async def _form(request: web.Request, visit: Visit, *, proposed: bool, problem: str | None = None) -> web.Response:
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    around = await site.db.read(_around, reader, now)
    view = view_for(site, reader.language, reader.person.role, now)
    page = render(reader.language, "reception.html", **frame(site, reader, view, around[0], around[1], "reception", request), v=visit,
                  proposed=proposed, problem=problem, procedure=site.service.desk.procedure, appeals=APPEALS, channels=DESKS,
                  stream=f"/api/v1/events?view=sources&after={around[2]}")
    return web.Response(text=page, content_type="text/html", status=409 if problem else 200)


def _around(c: Connection, reader: Reader, now: datetime) -> tuple[Any, Any, int]:
    last = last_event(c)
    return counts(c, reader.scope, now), feed.sources(c), last


def _coupon(site: Site, reader: Reader, coupon: Coupon, tongue: str) -> web.Response:
    """In the citizen's language; the clerk's buttons are left out on paper."""
    view = view_for(site, tongue, "", site.clock())
    page = render(tongue, "coupon.html", t=coupon.ticket, secret=coupon.code, w=view, address=site.options.public_url.rstrip("/"),
                  csrf=reader.session.csrf)
    return web.Response(text=page, content_type="text/html")
