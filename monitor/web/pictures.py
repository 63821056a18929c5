"""Pictures of a card: to staff who may see the card, and by a mark that ends to its author."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import Connection, select

from config.languages import N_
from monitor.web.guard import refusal
from monitor.web.site import SITE, reader_of
from ticketing import access, pictures
from ticketing.pictures import Shown
from ticketing.tables import ticket

LASTS = timedelta(minutes=15)
"""How long a page of the author's shows its pictures."""

_NONE = N_("There is no such picture, or it belongs to another office.")
_HEADERS = {
    "Content-Disposition": "inline", "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin", "X-Robots-Tag": "noindex, noimageindex"}


async def show_picture(request: web.Request) -> web.StreamResponse:
    """To staff: whoever may see one of its cards."""
    site, scope = request.app[SITE], reader_of(request).scope
    id_, small = int(request.match_info["id"]), request.match_info["size"] == "small"
    if not await site.db.read(_may, id_, scope):
        return refusal(request, 404, _NONE)
    return await _sent(request, id_, small)


async def show_picture_of_status(request: web.Request) -> web.StreamResponse:
    """To the author: by the mark that the status page put into the address."""
    site = request.app[SITE]
    id_, small = int(request.match_info["id"]), request.match_info["size"] == "small"
    if not await site.db.read(access.passes, f"picture {id_}", request.match_info["mark"], site.clock()):
        return refusal(request, 404, _NONE)
    return await _sent(request, id_, small)


def marks(c: Connection, shown: list[Shown], now: datetime) -> list[tuple[Shown, str]]:
    """Addresses for the author's page, without the size."""
    return [(one, f"/status/pictures/{one.id}/{access.pass_for(c, f'picture {one.id}', now + LASTS)}") for one in shown]


def _may(c: Connection, id_: int, scope: frozenset[str] | None) -> bool:
    cards = c.execute(select(ticket.c.akimat, ticket.c.office).where(ticket.c.id.in_(pictures.cards_of(c, id_)))).all()
    return any(scope is None or card.akimat in scope or card.office in scope for card in cards)


async def _sent(request: web.Request, id_: int, small: bool) -> web.StreamResponse:
    content = await request.app[SITE].db.read(pictures.content_of, id_, small)
    if content is None:
        return refusal(request, 404, _NONE)
    # Kept by the reader's own browser for a while, never by what stands between; a picture never changes under its number.
    headers = {**_HEADERS, "Cache-Control": f"private, max-age={int(LASTS.total_seconds())}", "ETag": f'"{id_}-{int(small)}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, content_type="image/jpeg", headers=headers)
