"""The public page of what came of demands: subject, place, channel, dates, outcome. No sign-in, no author, no verdict.

Only what a person recorded as an outcome to be published stands here, in the words that they wrote, with personal data, links and
names of accounts hidden once more. That a surge looked coordinated, or who wrote what, is nobody's business here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection, select

from monitor.response import reading
from monitor.store.surge_tables import decision, surge
from monitor.web.site import PAGE_LANGUAGES, SITE, language_of, render, view_for
from monitor.web.surge_pages import channel_names

MOST = 100
"""Outcomes shown, the newest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A demand that was passed on, and what came of it."""

    akimat: str | None
    topic: str | None
    channel: str
    sent_at: datetime | None
    at: datetime
    text: str


def published(c: Connection, most: int = MOST) -> list[Outcome]:
    """Outcomes recorded as published, the newest first; a later one that is not published takes its surge off the page."""
    rows = {r.id: r for r in c.execute(select(surge.c.id, surge.c.akimat, surge.c.topic, surge.c.routed_to, surge.c.outcome).where(
        surge.c.published.is_(True), surge.c.outcome.is_not(None), surge.c.outcome != "", surge.c.part_of.is_(None)))}
    found: dict[str, dict[str, datetime]] = {id_: {} for id_ in rows}
    for entry in c.execute(select(decision.c.surge, decision.c.what, decision.c.at, decision.c.details)
                           .where(decision.c.what.in_(("send", "outcome"))).order_by(decision.c.id)):
        if entry.surge in found and (entry.what == "outcome" or json.loads(entry.details).get("channel") == rows[entry.surge].routed_to):
            found[entry.surge][entry.what] = datetime.fromisoformat(entry.at)
    out = [Outcome(r.akimat, r.topic, r.routed_to, found[id_].get("send"), found[id_]["outcome"], r.outcome)
           for id_, r in rows.items() if "outcome" in found[id_]]
    return sorted(out, key=lambda o: o.at, reverse=True)[:most]


async def show_outcomes(request: web.Request) -> web.Response:
    """The page; `lang` chooses its language."""
    site, asked = request.app[SITE], request.query.get("lang", "")
    code = asked if asked in PAGE_LANGUAGES else language_of(request)
    rows = await site.db.read(published)
    page = render(code, "outcomes.html", rows=rows, w=view_for(site, code, "", site.clock()), named=channel_names(site, code),
                  shown=lambda text: reading.hidden(text, code), languages={"kk": "Қазақша", "ru": "Русский"})
    return web.Response(text=page, content_type="text/html", headers={"Content-Language": code})
