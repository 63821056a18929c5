"""What staff do from a row: each verb is one call of `ticketing.service`, answered as JSON or by going back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_, language
from monitor.web import cards, words
from monitor.web.guard import refusal, wants_json
from monitor.web.site import SITE, Reader, Site, back_to, reader_of, render, view_for
from ticketing import feed
from ticketing.service import Actor, Refused
from ticketing.store import origin_of, ticket_by_number
from ticketing.ticket import may

BACK = web.RequestKey("back", str)

POST_VERBS = ("take", "not_addressed", "other_akimat", "correct", "undo")
TICKET_VERBS = ("accept", "redirect", "correct")


class HiddenError(Exception):
    """The post or card does not exist for this reader."""


class Said(msgspec.Struct):
    """What a verb may be told. `akimat` is a code or a name; `correction` what to undo (the last one by default).

    The others are what `correct` says of a post; None leaves it as it is, an empty place says that there is none.
    """

    akimat: str = ""
    correction: int | None = None
    topic: str | None = None
    kind: str | None = None
    urgency: str | None = None
    place: str | None = None

    def about(self) -> dict[str, str | None]:
        """What `correct` says."""
        return {"topic": self.topic, "kind": self.kind, "urgency": self.urgency, "place": self.place}


async def do_to_post(request: web.Request) -> web.Response:
    """take, not_addressed, other_akimat or undo on a post."""
    id_, verb = int(request.match_info["id"]), request.match_info["verb"]
    if verb not in POST_VERBS:
        raise web.HTTPNotFound
    return await _do(request, verb, post_id=id_)


async def do_to_ticket(request: web.Request) -> web.Response:
    """accept, redirect or one of the verbs of `monitor.web.cards` on a card."""
    verb = request.match_info["verb"]
    if verb in cards.VERBS:
        return await cards.do(request, verb, request.match_info["number"])
    if verb not in TICKET_VERBS:
        raise web.HTTPNotFound
    return await _do(request, verb, number=request.match_info["number"])


async def _do(request: web.Request, verb: str, *, post_id: int | None = None, number: str | None = None,
              ) -> web.Response:
    site, reader = request.app[SITE], reader_of(request)
    try:
        said = await _said(request, verb, post_id)
    except (msgspec.ValidationError, msgspec.DecodeError) as e:
        return web.json_response({"error": f"the body is not understood: {e}", "status": 400}, status=400)
    akimat = None
    if said.akimat:
        found = site.units.find(said.akimat)
        if len(found) != 1:
            return _which(request, reader, site, found, said.akimat)
        akimat = found[0]
    person = reader.person
    actor = Actor(person.id, person.role, person.office)
    try:
        done = await site.db.write(_perform, site, reader.scope, verb, post_id, number, akimat, said, actor,
                                   site.clock())
    except HiddenError:
        return refusal(request, 404, N_("It does not exist, or it belongs to another office."))
    except Refused as e:
        say = language(reader.language).gettext
        allowed = may(person.role, {"undo": "not_addressed"}.get(verb, verb))
        return refusal(request, 409 if allowed else 403, say(e.message_id) % e.params, translated=True)
    return _answer(request, site, reader, done)


async def _said(request: web.Request, verb: str, post_id: int | None) -> Said:
    if request.content_type == "application/json" and request.can_read_body:
        return msgspec.json.decode(await request.read(), type=Said)
    given = await request.post()
    request[BACK] = str(given.get("back", ""))
    own = f"other_{post_id}" if verb == "other_akimat" else f"akimat_{post_id}"
    typed = str(given.get("akimat") or given.get(own) or "").strip()[:200]
    correction = str(given.get("correction", ""))
    about = {name: str(given[key]) for name in ("topic", "kind", "urgency", "place")
             if verb == "correct" and (key := f"{name}_{post_id}") in given}
    return Said(typed if verb in ("take", "other_akimat", "redirect") else "",
                int(correction) if correction.isascii() and correction.isdigit() else None, **about)


def _perform(c: Connection, site: Site, scope: frozenset[str] | None, verb: str, post_id: int | None,
             number: str | None, akimat: str | None, said: Said, actor: Actor, now: datetime,
             ) -> dict[str, Any]:
    """The verb in one transaction, and what there is to tell of it."""
    service = site.service
    done: dict[str, Any] = {"verb": verb, "undo": None}
    if number is not None:
        row = ticket_by_number(c, number)
        if row is None or (scope is not None and row.akimat not in scope):
            raise HiddenError
        if verb == "accept":
            service.accept(c, row.number, actor, now)
            done["number"] = row.number
        elif verb == "correct":
            done["number"] = row.number
            service.correct(c, origin_of(c, row.id), said.about(), actor, now)
        else:
            done["number"] = service.redirect(c, row.number, akimat or "", actor, now)
        posts = feed.posts_of_tickets(c, [row.number])
        post_id = posts[0] if posts else None
    else:
        assert post_id is not None
        if not feed.rows(c, scope, None, now, posts=[post_id], revisions=True):
            raise HiddenError
        if verb == "take":
            done["number"] = service.take(c, post_id, akimat, actor, now)
        elif verb == "other_akimat":
            if akimat is None:
                raise Refused(N_("Say which akimat it is addressed to."))
            done["number"] = service.other_akimat(c, post_id, akimat, actor, now)
        elif verb == "not_addressed":
            service.not_addressed(c, post_id, actor, now)
        elif verb == "correct":
            service.correct(c, post_id, said.about(), actor, now)
        else:
            last = feed.last_correction(c, post_id)
            wanted = said.correction if said.correction is not None else last.id if last is not None else None
            if wanted is None:
                raise Refused(N_("There is nothing to undo."))
            service.undo(c, wanted, actor, now)
    if post_id is not None:
        standing = feed.last_correction(c, post_id)
        done["undo"] = standing.id if standing is not None and verb != "undo" and (number is None or verb == "correct") else None
        done["row"] = next(iter(feed.rows(c, scope, None, now, posts=[post_id], revisions=True)), None)
        done["post"] = post_id
    return done


def _answer(request: web.Request, site: Site, reader: Reader, done: dict[str, Any]) -> web.Response:
    row = done.pop("row", None)
    if wants_json(request):
        if row is not None:
            view = view_for(site, reader.language, reader.person.role, site.clock())
            done["html"] = render(reader.language, "row.html", r=row, w=view, units=site.units, words=words)
        return web.json_response(done)
    back = back_to(request.get(BACK, "") or "/")
    undone = "undone" if done["verb"] == "undo" else "accepted"
    mark = f"done={done['post']}" if done.get("undo") else f"said={undone}"
    path = back.split("#", 1)[0]
    kept = [part for part in path.partition("?")[2].split("&") if part and not part.startswith(("done=", "said="))]
    raise web.HTTPSeeOther(f"{path.partition('?')[0]}?{'&'.join([*kept, mark])}")


def _which(request: web.Request, reader: Reader, site: Site, found: list[str], typed: str) -> web.Response:
    """Several akimats, or none, have that name: let the person choose."""
    say = language(reader.language).gettext
    said = (say(N_("Several akimats have this name. Which one?")) if found else
            say(N_("No akimat is called “%(name)s”. Check the spelling or choose from the list.")) % {"name": typed})
    choices = [(code, site.units.path(code, reader.language)) for code in found]
    if wants_json(request):
        return web.json_response({"error": said, "status": 409, "candidates": [
            {"code": code, "name": name} for code, name in choices]}, status=409)
    page = render(reader.language, "message.html", message=said, status=409, choices=choices, csrf=reader.session.csrf,
                  action=quote(request.path), back=back_to(request.get(BACK, "")))
    return web.Response(text=page, content_type="text/html", status=409)
