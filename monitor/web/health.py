"""/healthz, /readyz and /metrics: for machines. https://prometheus.io/docs/instrumenting/exposition_formats/"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from sqlalchemy import Connection, select

from monitor import drifts
from monitor.store.tables import verdict
from monitor.web.site import SITE
from ticketing import feed


async def healthz(request: web.Request) -> web.Response:
    """200 while the program runs and its database answers, else 503. Open, so it says no more than that."""
    try:
        await request.app[SITE].db.read(_answers)
    except Exception:
        return web.Response(status=503, text="database does not answer\n")
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """200 when the tables are there and can be read: requests may be sent here."""
    try:
        await request.app[SITE].db.read(_readable)
    except Exception:
        return web.Response(status=503, text="not ready: the tables cannot be read; run `qulaq db upgrade`\n")
    return web.Response(text="ready\n")


async def metrics(request: web.Request) -> web.Response:
    """Figures in Prometheus' text format."""
    site = request.app[SITE]
    seen = await site.db.read(feed.meters)
    lines: list[str] = []
    _add(lines, "qulaq_source_up", "gauge", "1 while a source is heard.",
         ((f'source="{_label(s.name)}",network="{_label(s.network)}"', 0 if s.silent else 1) for s in seen.sources))
    _add(lines, "qulaq_source_last_ok_timestamp_seconds", "gauge", "When a source last answered.",
         ((f'source="{_label(s.name)}"', s.last_ok_at.timestamp()) for s in seen.sources if s.last_ok_at))
    now = site.clock()
    _add(lines, "qulaq_source_unheard_seconds", "gauge", "How long a source has not been heard; 0 while it is.",
         ((f'source="{_label(s.name)}"', max(0.0, (now - s.since).total_seconds()) if s.since else 0.0) for s in seen.sources))
    _add(lines, "qulaq_source_quiet", "gauge", "1 where a source answers but is silent beyond its own rhythm.",
         ((f'source="{_label(s.name)}"', int(s.quiet_since is not None)) for s in seen.sources))
    _add(lines, "qulaq_source_lag_seconds", "gauge", "From published to stored, smoothed.",
         ((f'source="{_label(s.name)}"', s.lag) for s in seen.sources if s.lag is not None))
    _add(lines, "qulaq_source_interval_seconds", "gauge", "Time between polls as it is now.",
         ((f'source="{_label(s.name)}"', s.every) for s in seen.sources if s.every is not None))
    _add(lines, "qulaq_source_failures", "gauge", "Failures in a row.",
         ((f'source="{_label(s.name)}"', s.failures) for s in seen.sources))
    _add(lines, "qulaq_source_posts_total", "counter", "Posts of a source.",
         ((f'source="{_label(s.name)}"', s.posts) for s in seen.sources))
    _add(lines, "qulaq_posts_unjudged", "gauge", "Posts stored but not yet judged.", [("", seen.unjudged)])
    _add(lines, "qulaq_triage_waiting", "gauge", "Posts that wait for a person's decision.", [("", seen.triage)])
    _add(lines, "qulaq_tickets", "gauge", "Tickets by status.",
         ((f'status="{_label(k)}"', n) for k, n in sorted(seen.tickets.items())))
    _add(lines, "qulaq_deliveries", "gauge", "Messages to staff by state.",
         ((f'state="{_label(k)}"', n) for k, n in sorted(seen.deliveries.items())))
    channels = (await site.db.read(drifts.standing) or drifts.Look(site.clock(), ())).channels
    labels = [f'channel="{_label(d.name)}",by="{_label(d.by)}"' for d in channels]
    _add(lines, "qulaq_channel_drift", "gauge", "Population stability index of a channel; 0.25 and more is a major change.",
         ((told, d.psi) for told, d in zip(labels, channels, strict=True)))
    _add(lines, "qulaq_channel_drifted", "gauge", "1 where a channel no longer looks as it did.",
         ((told, int(d.drifted)) for told, d in zip(labels, channels, strict=True)))
    _add(lines, "qulaq_live_readers", "gauge", "Browsers and programs that follow the feed.", [("", site.live.readers)])
    kind = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(text="\n".join(lines) + "\n", headers=kind)


def _answers(c: Connection) -> None:
    c.execute(select(1))


def _readable(c: Connection) -> None:
    c.execute(select(verdict.c.post_id).limit(1))


def _add(lines: list[str], name: str, kind: str, help_: str, values: Iterable[tuple[str, float]]) -> None:
    lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in values]


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
