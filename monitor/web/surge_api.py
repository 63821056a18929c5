"""Surges for programs, and what staff do about them. Post ids and authors are in no answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from sqlalchemy import Connection, Row

from config.languages import language
from monitor.response import reading, verbs
from monitor.response.verbs import Actor, Refused
from monitor.store import surges
from monitor.web.guard import refusal, wants_json
from monitor.web.plain import moment
from monitor.web.site import SITE, Site, reader_of
from monitor.web.surge_pages import NO_SURGE, drafts, offers, read_ask, wanted_of

MOST = 200
PAPER_VERBS = ("draft", "send", "explain")


class Said(msgspec.Struct):
    """What a verb may be told."""

    note: str = ""
    paper: str = ""
    kk: str = ""
    ru: str = ""
    published: bool = False


def plain(row: Row[Any]) -> dict[str, Any]:
    """A surge as JSON."""
    detail = row.detail
    return {
        "id": row.id, "serial": row.serial, "kind": row.kind, "akimat": row.akimat, "topic": row.topic, "verdict": row.verdict,
        "score": row.score, "first_at": moment(row.first_at), "detected_at": moment(row.detected_at),
        "window_start": moment(row.window_start), "window_end": moment(row.window_end), "authors": row.authors,
        "posts": row.posts, "observed": row.observed, "expected": row.expected, "signals": detail.get("signals", []),
        "counter": detail.get("counter", []), "explanation_kk": detail.get("explanation", {}).get("kk", ""),
        "explanation_ru": detail.get("explanation", {}).get("ru", ""), "needs_decision": bool(row.waits),
        "decision": row.decision, "decided_at": moment(row.decided_at), "decided_by": row.decided_by,
        "routed_to": row.routed_to, "outcome": row.outcome, "published": row.published}


async def get_surges(request: web.Request) -> web.Response:
    """Surges, the one first told last on top."""
    site, reader = request.app[SITE], reader_of(request)
    ask = read_ask(request.query, site.units, site.knowledge.topics)
    limit, before = request.query.get("limit", "50"), request.query.get("before", "")
    for name, typed, needed in (("limit", limit, True), ("before", before, False)):
        if (typed or needed) and not (typed.isascii() and typed.isdigit() and 0 < int(typed) < 10**9):
            return _bad(f"{name}: {typed[:40]!r} is not a whole number above 0")
    if (request.query.get("state") and not ask.state) or (request.query.get("topic") and not ask.topic) or ask.typed:
        return _bad("state, topic or akimat is not known; see /api/v1/openapi.json")
    size = min(int(limit), MOST)
    found = await site.db.read(partial(surges.rows, scope=reader.scope, wanted=wanted_of(ask, site.units), limit=size + 1,
                                       before=int(before) if before else None))
    rows = found[:size]
    following = f"{request.path}{ask.query(before=rows[-1].serial, limit=size)}" if len(found) > size else None
    return web.json_response({"items": [plain(r) for r in rows], "next": following})


async def get_surge(request: web.Request) -> web.Response:
    """One surge with its history, samples of wording, gaps, decisions, alerts and fitting channels."""
    site, reader = request.app[SITE], reader_of(request)
    whole = await site.db.read(reading.whole, request.match_info["id"], reader.scope)
    if whole is None:
        return refusal(request, 404, NO_SURGE)
    say = language(reader.language).gettext
    return web.json_response({
        **plain(whole.row),
        "history": [{"id": h.id, "detected_at": moment(h.detected_at), "verdict": h.verdict, "score": h.detail["score"],
                     "authors": h.authors, "ruleset": h.ruleset} for h in whole.history],
        "samples": [{"text": reading.words(s, say), "language": s.language, "network": s.network, "at": moment(s.at),
                     "count": s.count} for s in whole.samples],
        "series": [{"at": moment(b.at), "posts": b.posts, "own": b.own, "usual": b.usual, "deaf": b.deaf,
                    "filled_at": moment(b.filled_at)}
                   for b in whole.series.buckets],
        "cards": whole.cards, "places": list(whole.places),
        "holes": [{"source": h.source, "since": moment(h.since), "until": moment(h.until), "filled_at": moment(h.filled_at)} for h in whole.holes],
        "decisions": [{"id": e.id, "at": moment(e.at), "by": e.name, "what": e.what, "note": e.note, "details": dict(e.details)}
                      for e in whole.entries],
        "alerts": [{"kind": a.kind, "verdict": a.verdict, "state": a.state, "sent_at": moment(a.sent_at)} for a in whole.alerts],
        "channels": [{"code": o.code, "name": o.name, "basis": o.basis, "mark": o.mark, "votes": o.votes}
                     for o in offers(site, whole.row, reader.language)]})


async def do_to_surge(request: web.Request) -> web.Response:
    """confirm, dismiss, watch, note, draft, send, outcome or explain."""
    site, reader = request.app[SITE], reader_of(request)
    verb = request.match_info["verb"]
    if verb not in verbs_known():
        raise web.HTTPNotFound
    try:
        said = await _said(request)
    except (msgspec.ValidationError, msgspec.DecodeError) as e:
        return _bad(f"the body is not understood: {e}")
    paper = verbs.EXPLANATION if verb == "explain" else said.paper
    if verb in PAPER_VERBS and paper not in site.channels.by_code and paper != verbs.EXPLANATION:
        return _bad(f"paper: {said.paper[:40]!r} is no channel; see /api/v1/surges/{{id}}")
    actor = Actor(reader.person.id, reader.person.role, reader.scope)
    try:
        id_ = await site.db.write(_do, site, request.match_info["id"], verb, said, paper, actor, site.clock())
    except LookupError:
        return refusal(request, 404, NO_SURGE)
    except Refused as e:
        return refusal(request, 409 if e.right else 403, language(reader.language).gettext(e.message_id), translated=True)
    if wants_json(request):
        row = await site.db.read(surges.one, id_, reader.scope)
        return web.json_response({"verb": verb, "surge": plain(row) if row is not None else None})
    back = f"/surges/{quote(id_, safe='')}" + (f"/papers/{paper}" if verb == "draft" else "")
    raise web.HTTPSeeOther(f"{back}?said={verb}")


def verbs_known() -> tuple[str, ...]:
    """The verbs of a surge."""
    return ("confirm", "dismiss", "watch", "note", "draft", "send", "outcome", "explain")


def _do(c: Connection, site: Site, id_: str, verb: str, said: Said, paper: str, actor: Actor, now: datetime) -> str:
    salt: Callable[[], bytes] = partial(secrets.token_bytes, 16)
    texts = {"kk": said.kk, "ru": said.ru}
    if verb in ("send", "explain"):
        whole = reading.whole(c, id_, actor.scope, (paper,))
        if whole is None:
            raise LookupError(id_)
        texts = {code: texts[code].strip() or text for code, text in drafts(site, whole, paper).items()}
    if verb == "draft":
        return verbs.draft(c, id_, paper, texts, actor, now)
    if verb == "send":
        return verbs.send(c, id_, paper, said.note, texts, actor, now, salt)
    if verb == "explain":
        return verbs.explain(c, id_, said.note, texts, actor, now, salt)
    if verb == "outcome":
        return verbs.outcome(c, id_, said.note, said.published, actor, now, salt)
    return verbs.decide(c, id_, verb, said.note, actor, now, salt)


async def _said(request: web.Request) -> Said:
    if request.content_type == "application/json" and request.can_read_body:
        return msgspec.json.decode(await request.read(), type=Said)
    given = await request.post()
    note, paper, kk, ru = (str(given.get(name, "")) for name in ("note", "paper", "kk", "ru"))
    return Said(note, paper, kk, ru, bool(given.get("published")))


def _bad(said: str) -> web.Response:
    return web.json_response({"error": said, "status": 400}, status=400)
