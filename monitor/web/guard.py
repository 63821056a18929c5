"""What stands before every handler: who may pass, which headers leave, and how failures look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import quote

import structlog
from aiohttp import web

from config.languages import N_, language
from monitor.web.signin import same
from monitor.web.site import READER, SITE, Reader, language_of, render
from ticketing.people import prolong_session, session_of

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "qulaq_session"
OPEN_PATHS = frozenset({"/login", "/healthz", "/outcomes", "/status"})
TOKEN_PATHS = frozenset({"/metrics", "/readyz"})

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                               "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@web.middleware
async def headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The security headers on everything, errors too; nothing of a signed-in reader is cached."""
    try:
        response = await handler(request)
    except web.HTTPException as e:
        e.headers.update(HEADERS)
        e.headers.setdefault("Cache-Control", "no-store")
        raise
    if not response.prepared:
        response.headers.update(HEADERS)
        if request.app[SITE].options.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.path.startswith("/static/"):
            lasting = "public, max-age=31536000, immutable"
            response.headers["Cache-Control"] = lasting if "v" in request.query else "no-cache"
        else:
            response.headers.setdefault("Cache-Control", "no-store")
    return response


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page for a person and JSON for a program: what happened, what was not lost, what to do."""
    try:
        return await handler(request)
    except web.HTTPException as e:
        if e.status < 400 or e.content_type == "application/json":
            raise
        said = {404: N_("There is no such page."), 405: N_("This address does not do that."),
                413: N_("That is too much at once.")}.get(e.status, e.reason)
        return refusal(request, e.status, said, headers=dict(e.headers))
    except (asyncio.CancelledError, ConnectionResetError):
        raise
    except Exception:
        log.exception("a request failed", path=request.path, method=request.method)
        return refusal(request, 500, N_("Something went wrong on our side. Nothing was lost; try again."))


def refusal(request: web.Request, status: int, message: str, *, translated: bool = False,
            headers: dict[str, str] | None = None, **more: object) -> web.Response:
    """`message` (a gettext id unless `translated`) as a page or as JSON, whichever was asked for."""
    reader = request.get(READER)
    code = reader.language if reader else language_of(request)
    said = message if translated else language(code).gettext(message)
    kept = {k: v for k, v in (headers or {}).items() if k.lower() in ("allow", "retry-after")}
    if wants_json(request):
        return web.json_response({"error": said, "status": status, **more}, status=status, headers=kept)
    page = render(code, "message.html", message=said, status=status, reader=reader, back="/")
    return web.Response(text=page, content_type="text/html", status=status, headers=kept)


def wants_json(request: web.Request) -> bool:
    """A program asks: an API path, unless a browser says that it wants a page."""
    accept = request.headers.get("Accept", "")
    return "application/json" in accept or (request.path.startswith("/api/") and "text/html" not in accept)


@web.middleware
async def sign_in_first(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything but the sign-in page, its language, /status and its pictures (by a mark), /healthz, the static files and what
    networks call (/hooks/, signed) needs a session; a POST needs its CSRF token."""
    site = request.app[SITE]
    now = site.clock()
    token = request.cookies.get(COOKIE, "")
    if token and not request.path.startswith("/static/"):
        held = await site.db.read(session_of, token, now)
        if held is not None:
            life = timedelta(hours=site.options.session_hours)
            if held.expires_at - now < life / 2:
                await site.db.write(prolong_session, token, now + life)
            office = held.account.office
            request[READER] = Reader(held, language_of(request, held.account.language),
                                     None if office is None else site.units.below(office))
    if request.path in OPEN_PATHS or request.path.startswith(("/static/", "/language/", "/hooks/", "/status/pictures/")):
        return await handler(request)
    if request.path in TOKEN_PATHS and _token_fits(request):
        return await handler(request)
    reader = request.get(READER)
    if reader is None:
        if wants_json(request) or request.method != "GET" or request.path in TOKEN_PATHS:
            return refusal(request, 401, N_("Sign in first."))
        raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs)}" if request.path != "/" or request.query_string
                               else "/login")
    if request.method not in ("GET", "HEAD") and not await _csrf_fits(request, reader.session.csrf):
        return refusal(request, 403, N_("This page is too old to act from. Nothing was done; reload it and try again."))
    return await handler(request)


async def _csrf_fits(request: web.Request, csrf: str) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    given = request.headers.get("X-CSRF-Token", "")
    if not given and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given = str((await request.post()).get("csrf", ""))
    return same(given, csrf)


def _token_fits(request: web.Request) -> bool:
    token = request.app[SITE].options.metrics_token
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return bool(token) and kind.lower() == "bearer" and same(given.strip(), token or "")
