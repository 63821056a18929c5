"""Signing in and out."""

from __future__ import annotations

import secrets
from datetime import timedelta

import structlog
from aiohttp import web

from config.languages import N_, language
from monitor.web.guard import COOKIE
from monitor.web.signin import same
from monitor.web.site import PAGE_LANGUAGES, READER, SITE, Site, back_to, language_of, reader_of, render
from ticketing import people

log = structlog.get_logger(__name__)

_FORM_COOKIE = "qulaq_form"


async def show_login(request: web.Request) -> web.Response:
    """The sign-in form."""
    if READER in request:
        raise web.HTTPSeeOther(back_to(request.query.get("next")))
    return _form(request, next_=back_to(request.query.get("next")))


async def log_in(request: web.Request) -> web.Response:
    """Check a password and start a session."""
    site = request.app[SITE]
    now = site.clock()
    given = await request.post()
    login, password = str(given.get("login", "")).strip()[:200], str(given.get("password", ""))
    next_ = back_to(str(given.get("next", "")))
    # A form of another site must not sign somebody in: the cookie has to be there, and the hidden field to agree with it.
    mark = request.cookies.get(_FORM_COOKIE, "")
    if not mark or not same(str(given.get("csrf", "")), mark):
        return _form(request, N_("This form is too old. Try again."), login, next_, 403)
    by_login, by_address = f"account {login.casefold()}", f"address {address_of(request, site)}"
    by_account = f"{by_login} from {by_address}"
    limits = ((site.by_account, by_account), (site.by_login, by_login), (site.by_address, by_address))
    wait = max(limit.wait(key, now) for limit, key in limits)
    if wait > timedelta(0):
        log.warning("sign-in refused: too many attempts", login=login, address=by_address)
        return _form(request, N_("Too many attempts. Wait 15 minutes, or ask an operator for a new password."), login,
                     next_, 429, {"Retry-After": str(int(wait.total_seconds()) + 1)})
    # Counted before the password is tried: parallel requests must not get past the limit together.
    for limit, key in limits:
        limit.note(key, now)
    person = await site.db.read(people.sign_in, login, password)
    if person is None:
        return _form(request, N_("Login or password is wrong."), login, next_, 403)
    site.by_account.forget(by_account)
    site.by_login.take_back(by_login)
    site.by_address.take_back(by_address)  # a whole office signs in from one address at nine
    token, _csrf = await site.db.write(people.open_session, person.id, now, timedelta(hours=site.options.session_hours))
    response = web.HTTPSeeOther(next_)
    response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=site.options.secure, path="/",
                        max_age=30 * 86400)
    response.del_cookie(_FORM_COOKIE, path="/login")
    raise response


async def log_out(request: web.Request) -> web.Response:
    """End the session here and in the database."""
    reader_of(request)
    await request.app[SITE].db.write(people.close_session, request.cookies[COOKIE])
    response = web.HTTPSeeOther("/login")
    response.del_cookie(COOKIE, path="/")
    raise response


def _form(request: web.Request, problem: str | None = None, login: str = "", next_: str = "/", status: int = 200,
          headers: dict[str, str] | None = None) -> web.Response:
    site, code = request.app[SITE], language_of(request)
    token = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(24)
    page = render(code, "login.html", csrf=token, login=login, next=next_, notice=site.options.notice,
                  problem=language(code).gettext(problem) if problem else None,
                  other_language=next(c for c in PAGE_LANGUAGES if c != code))
    response = web.Response(text=page, content_type="text/html", status=status, headers=headers)
    response.set_cookie(_FORM_COOKIE, token, httponly=True, samesite="Strict", path="/login",
                        secure=site.options.secure)
    return response


def address_of(request: web.Request, site: Site) -> str:
    """Where a request comes from; behind our own proxy, what it says."""
    if site.options.behind_proxy:
        forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        if forwarded:
            return forwarded
    return request.remote or "unknown"
