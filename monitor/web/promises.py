"""What offices promised citizens, and whether it was kept: by office, never by person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from monitor.live import last_event
from monitor.web.counts import Counts
from monitor.web.counts import counts as count_up
from monitor.web.pages import frame, html
from monitor.web.plain import moment
from monitor.web.site import SITE, reader_of, view_for
from ticketing import feed, owed
from ticketing.feed import SourceState

DAYS = 90
SHOWN = 200


async def show_promises(request: web.Request) -> web.Response:
    """The tally of each office, and what is still owed."""
    site, reader = request.app[SITE], reader_of(request)
    now = site.clock()
    tallies, ahead, counts, sources, last = await site.db.read(_read, reader.scope, now)
    view = view_for(site, reader.language, reader.person.role, now)
    return html("promises.html", **frame(site, reader, view, counts, sources, "tickets", request), tallies=tallies, open=ahead,
                days=DAYS, stream=f"/api/v1/events?view=sources&after={last}")


async def get_promises(request: web.Request) -> web.Response:
    """The same for programs."""
    site, reader = request.app[SITE], reader_of(request)
    tallies, ahead, *_ = await site.db.read(_read, reader.scope, site.clock())
    return web.json_response({
        "days": DAYS,
        "offices": [{"office": t.office, "kept": t.kept, "late": t.late, "broken": t.broken, "ahead": t.ahead} for t in tallies],
        "open": [{"number": o.ticket, "office": o.office, "kind": o.kind, "text": o.text, "due": moment(o.due),
                  "derivation": o.derivation} for o in ahead]})


def _read(c: Connection, scope: frozenset[str] | None, now: datetime,
          ) -> tuple[list[owed.Tally], Sequence[Row[Any]], Counts, list[SourceState], int]:
    last = last_event(c)
    return (owed.tallies(c, scope, now - timedelta(days=DAYS), now), owed.open_ones(c, scope, SHOWN), count_up(c, scope, now),
            feed.sources(c), last)
