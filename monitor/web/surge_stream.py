"""Surges in the live stream: rows as the list shows them, the evidence of the one that is read, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from monitor.live import Event
from monitor.response import reading, words
from monitor.store import surges
from monitor.store.surges import Wanted
from monitor.web.ask import Ask
from monitor.web.site import Site, render, view_for
from monitor.web.surge_pages import evidence_html, surge_view, wanted_of


def touched(happened: Sequence[Event]) -> dict[str, int]:
    """Surges that changed, each with the id of the last event about it."""
    return {e.ref: e.id for e in happened if e.kind == "surge"}


def shown(c: Connection, scope: frozenset[str] | None, ids: list[str]) -> list[Row[Any]]:
    """Those of these surges that a reader may see."""
    return surges.rows(c, scope, Wanted(), ids=ids, limit=len(ids))


async def rows(site: Site, language: str, role: str, scope: frozenset[str] | None, ask: Ask, happened: Sequence[Event],
               now: datetime) -> list[tuple[dict[str, Any], int]]:
    """(data of a `row`, event id) for a list: one that fits the filter no more is marked as gone."""
    ids = touched(happened)
    if not ids:
        return []
    shown, others = await site.db.read(_rows, scope, wanted_of(ask, site.units), list(ids))
    made = []
    for row in sorted([*shown, *others], key=lambda r: ids[r.id]):
        html = render(language, "surge_row.html", r=row, s=surge_view(site, language, role, now),
                      w=view_for(site, language, role, now), surge_words=words)
        data: dict[str, Any] = {"post": row.serial, "ticket": None, "html": html, "urgent": False}
        if row in others:
            data["gone"] = True
        made.append((data, ids[row.id]))
    return made


def _rows(c: Connection, scope: frozenset[str] | None, wanted: Wanted, ids: list[str]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    shown = surges.rows(c, scope, wanted, ids=ids, limit=len(ids))
    known = {r.id for r in shown}
    rest = [id_ for id_ in ids if id_ not in known]
    return shown, surges.rows(c, scope, Wanted(), ids=rest, limit=len(rest)) if rest else []


async def evidence(site: Site, language: str, role: str, scope: frozenset[str] | None, ask: Ask, happened: Sequence[Event],
                   now: datetime) -> list[tuple[dict[str, Any], int]]:
    """The evidence of the surge that is read, where it changed."""
    at = touched(happened).get(ask.q)
    whole = await site.db.read(reading.whole, ask.q, scope) if at is not None else None
    if whole is None or at is None:
        return []
    return [({"id": whole.row.id, "html": evidence_html(site, language, role, whole, now)}, at)]
