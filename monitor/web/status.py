"""The public page by number and code. No sign-in, no script, nothing kept in the browser.

A wrong number and a wrong code get the same answer after the same time, and few tries are allowed: numbers follow each
other, so nobody may learn from this page which of them exist.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import Connection

from config.languages import LANGUAGES, N_, language
from monitor.store import attempts
from monitor.store.attempts import Limit
from monitor.web.entrance import address_of
from monitor.web.pictures import marks
from monitor.web.site import SITE, Site, render, view_for
from ticketing import access, status
from ticketing.acting import Refused
from ticketing.pictures import Shown, of_author
from ticketing.status import Standing, family_of
from ticketing.store import ticket_by_number

log = structlog.get_logger(__name__)

REFUSED_AFTER = 0.4
"""Seconds that a refusal takes, whatever was wrong: longer than any look into the database."""
_QUARTER = timedelta(minutes=15)
_NAMES = {"kk": "Қазақша", "ru": "Русский", "en": "English"}


def _limits(address: str) -> tuple[Limit, Limit, Limit]:
    """How often may be tried: wrong ones from an address and in all, and right ones too, because looking costs work. With codes of
    40 bits, a thousand tries in a quarter of an hour find nothing in a lifetime."""
    return (Limit("status wrong", address, 10, _QUARTER), Limit("status wrong", "all", 1000, _QUARTER),
            Limit("status", address, 120, _QUARTER))


async def show_status(request: web.Request) -> web.Response:
    """The form. `n` fills the number in: links in messages carry it, never the code."""
    return _form(request, _language(request, {}), number=request.query.get("n", "")[:64])


async def do_status(request: web.Request) -> web.Response:
    """Look, judge, answer a question, ask for erasure: each with number and code."""
    began = asyncio.get_running_loop().time()
    site = request.app[SITE]
    given = {k: str(v) for k, v in (await request.post()).items()}
    code, now = _language(request, given), site.clock()
    number, secret = given.get("number", "").strip()[:64], given.get("code", "")
    address = _neighbourhood(address_of(request, site))
    limits, noted = _limits(address), list[int]()
    wait = await site.db.read(attempts.wait, limits, now)      # first without writing: a flood must not fill the log of the database
    if wait <= timedelta(0):    # counted before it is tried: parallel requests must not get past the limit together
        wait, noted = await site.db.write(attempts.note, limits, now)
    if wait > timedelta(0):
        log.warning("the status page refuses: too many tries", address=address)
        return _form(request, code, N_("Too many tries. Wait 15 minutes."), number, 429,
                     {"Retry-After": str(int(wait.total_seconds()) + 1)})
    problem = None
    try:
        found, done = (await site.db.write(_act, site, number, secret, given, now) if given.get("do") not in (None, "", "look")
                       else await site.db.read(_look, number, secret))
    except Refused as e:
        found, done = await site.db.read(_look, number, secret)
        problem = language(code).gettext(e.message_id) % e.params
    if found is None:
        await asyncio.sleep(max(0.0, began + REFUSED_AFTER - asyncio.get_running_loop().time()))
        return _form(request, code, N_("This number and this code do not fit together. Look at the message or the coupon with both."),
                     number, 403)
    await site.db.write(attempts.take_back, noted[:2])
    view = view_for(site, code, "", now)
    seen = await site.db.read(_pictures, found.number, now)
    return _page(request, code, 409 if problem else 200, pictures=seen, s=found, secret=secret, w=view, problem=problem, said=done,
                 went=_went(site, found, code), procedure=site.service.desk.procedure)


def _look(c: Connection, number: str, secret: str) -> tuple[Standing | None, str]:
    row = access.opened(c, number, secret)
    return (None if row is None else status.standing(c, row)), ""


def _pictures(c: Connection, number: str, now: datetime) -> list[tuple[Shown, str]]:
    """The author's own and those of the answer."""
    row = ticket_by_number(c, number)
    return [] if row is None else marks(c, of_author(c, row, family_of(row)), now)


def _act(c: Connection, site: Site, number: str, secret: str, given: dict[str, str], now: datetime) -> tuple[Standing | None, str]:
    """What the citizen asked for, and how the card stands then."""
    row = access.opened(c, number, secret, lock=True)
    if row is None:
        return None, ""
    service, do = site.service, given["do"]
    if do == "solved":
        status.solved(c, service, row.number, True, "", now)
        said = N_("Thank you: we have noted that it is solved.")
    elif do == "unsolved":
        status.solved(c, service, row.number, False, given.get("why", ""), now)
        said = N_("The card is taken up again, with a new term.")
    elif do == "mark":
        status.marked(c, service, row.number, _whole(given.get("mark", "")), now)
        said = N_("Thank you for your mark.")
    elif do == "reply":
        status.replied(c, service, row.number, _whole(given.get("question", "")), given.get("text", ""), now)
        said = N_("Your reply was passed on.")
    elif do == "erase":
        status.demanded(c, service, row, now, site.retention())
        said = N_("We have noted that you ask for erasure.")
    else:
        raise web.HTTPBadRequest
    fresh = access.opened(c, number, secret)
    return (None if fresh is None else status.standing(c, fresh)), said


def _whole(typed: str) -> int:
    return int(typed) if re.fullmatch(r"[0-9]{1,9}", typed, re.ASCII) else -1


def _went(site: Site, found: Standing, code: str) -> str:
    """To whom a message was passed, in words."""
    to = found.went_to or ""
    if to in site.knowledge.registry:
        return site.units.name(to, code)
    body = site.service.desk.procedure.bodies.get(to)
    return body.in_(code) if body is not None else to


def _neighbourhood(address: str) -> str:
    """An address, or the /64 of an IPv6 one: one household has all of it."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:64]
    return str(ip_network((known, 64), strict=False)) if known.version == 6 else str(known)


def _language(request: web.Request, given: dict[str, str]) -> str:
    chosen = given.get("lang") or request.query.get("lang") or request.cookies.get("qulaq_language", "")
    if chosen in LANGUAGES:
        return chosen
    spoken = re.findall(r"\b(kk|ru|en)\b", request.headers.get("Accept-Language", "")[:200].lower())
    return spoken[0] if spoken else "kk"


def _form(request: web.Request, code: str, problem: str | None = None, number: str = "", http: int = 200,
          headers: dict[str, str] | None = None) -> web.Response:
    return _page(request, code, http, headers, s=None, secret="", number=number, said="",
                 problem=language(code).gettext(problem) if problem else None)


def _page(request: web.Request, code: str, http: int, headers: dict[str, str] | None = None, **values: Any) -> web.Response:
    page = render(code, "status.html", languages=_NAMES, **{"w": None, "number": "", "pictures": (), **values})
    return web.Response(text=page, content_type="text/html", status=http, headers={
        "X-Robots-Tag": "noindex, nofollow, noarchive", "Cache-Control": "no-store", "Content-Language": code, **(headers or {})})
