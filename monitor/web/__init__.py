"""The pages, the JSON API and the live stream. No rules here: it reads `ticketing.feed`, calls `ticketing.service`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from config.channels import Channels, bundled
from config.settings import Retention
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.live import Live
from monitor.store.engine import Database
from monitor.web import (
    api,
    duty,
    entrance,
    guard,
    health,
    hooks,
    outcomes,
    pages,
    pictures,
    promises,
    reception,
    status,
    stream,
    surge_api,
    surge_pages,
    verbs,
)
from monitor.web.options import WebOptions
from monitor.web.site import SITE, STATIC, Site

if TYPE_CHECKING:
    from ticketing.service import Service

__all__ = ["WebOptions", "build"]

MOST_BYTES = 128 * 1024
"""Of a request's body: the largest form of ours is a paper of a surge in two languages."""


def build(db: Database, live: Live, service: Service, options: WebOptions, clock: Callable[[], datetime],
          channels: Callable[[], Channels] = bundled, voices: Callable[[], frozenset[str]] = frozenset,
          retention: Callable[[], Retention] = Retention,
          judging: Callable[[], Callable[[Post], Verdict]] | None = None,
          receivers: Callable[[str], object] = lambda name: None) -> web.Application:
    """The web application. `live.run()` is the caller's to start; `clock` gives aware datetimes, `channels` the table of
    official channels in force, `voices` the networks in which a source of ours can answer, `retention` the policy in force,
    `judging` the judge in force, `receivers` the connector of a source that networks may call."""
    app = web.Application(middlewares=[guard.headers, guard.failures, guard.sign_in_first], client_max_size=MOST_BYTES)
    app[SITE] = Site(db, live, service, options, clock, channels, voices=voices, retention=retention, judging=judging)
    app.on_shutdown.append(_end_streams)
    app.add_routes([
        web.get("/", pages.show_feed),
        web.get("/triage", pages.show_triage),
        web.get("/tickets", pages.show_tickets),
        web.get("/tickets/{number}", pages.show_ticket),
        web.get(r"/posts/{id:\d{1,18}}", pages.show_post),
        web.get("/surges", surge_pages.show_surges),
        web.get("/surges/{id}", surge_pages.show_surge),
        web.get("/surges/{id}/papers/{paper}", surge_pages.show_paper),
        web.get("/outcomes", outcomes.show_outcomes),
        web.get("/promises", promises.show_promises),
        web.get("/duty", duty.show_duty),
        web.post("/duty", duty.do_duty),
        web.get("/sources", pages.show_sources),
        web.get("/wall", pages.show_wall),
        web.get("/language/{code}", pages.choose_language),
        web.get("/reception", reception.show_reception),
        web.post("/reception", reception.do_reception),
        web.post("/reception/{number}/code", reception.do_code),
        web.get(r"/pictures/{id:\d{1,18}}/{size:whole|small}", pictures.show_picture),
        web.get(r"/status/pictures/{id:\d{1,18}}/{mark:[0-9a-f-]{20,60}}/{size:whole|small}", pictures.show_picture_of_status),
        web.get("/status", status.show_status),
        web.post("/status", status.do_status),
        web.get("/login", entrance.show_login),
        web.post("/login", entrance.log_in),
        web.post("/logout", entrance.log_out),
        web.get("/healthz", health.healthz),
        web.get("/readyz", health.readyz),
        web.get("/metrics", health.metrics),
        web.get("/api/v1/posts", api.get_posts),
        web.get(r"/api/v1/posts/{id:\d{1,18}}", api.get_post),
        web.post(r"/api/v1/posts/{id:\d{1,18}}/{verb}", verbs.do_to_post),
        web.get("/api/v1/tickets", api.get_tickets),
        web.get("/api/v1/tickets/{number}", api.get_ticket),
        web.post("/api/v1/tickets/{number}/{verb}", verbs.do_to_ticket),
        web.get("/api/v1/surges", surge_api.get_surges),
        web.get("/api/v1/surges/{id}", surge_api.get_surge),
        web.post("/api/v1/surges/{id}/{verb}", surge_api.do_to_surge),
        web.get("/api/v1/promises", promises.get_promises),
        web.get("/api/v1/sources", api.get_sources),
        web.get("/api/v1/akimats", api.get_akimats),
        web.get("/api/v1/session", api.get_session),
        web.get("/api/v1/events", stream.events),
        web.get("/api/v1/openapi.json", api.get_openapi),
        *hooks.routes(receivers),
        web.static("/static", STATIC),
    ])
    return app


async def _end_streams(app: web.Application) -> None:
    """Streams would keep the server waiting for its time-out."""
    app[SITE].live.close()
