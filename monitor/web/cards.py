"""What staff do on the page of a card: each verb is one call of the service. Without script first; the API is the same.

The table VERBS is all there is: the right that a verb needs, and how its words become the arguments of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from config.languages import N_, language
from monitor.web.guard import refusal, wants_json
from monitor.web.site import SITE, back_to, reader_of, render
from ticketing.reply.templates import Unfilled
from ticketing.service import Actor, Refused, Service
from ticketing.store import ticket_by_number
from ticketing.ticket import may

Whole = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""An id as the databases hold it."""


class Order(msgspec.Struct):
    """What a verb may be told; each takes some of it."""

    person: Whole | None = None
    department: str = ""
    colleague: Whole | None = None
    question: Whole | None = None
    until: str = ""
    reason: str = ""
    text: str = ""
    language: str = ""
    answer: Whole | None = None
    version: Whole | None = None
    delivery: Whole | None = None
    obligation: Whole | None = None
    link: str = ""
    body: str = ""
    external_number: str = ""
    without: str = ""
    ground: str = ""
    others: list[str] = []
    template: str = ""
    blanks: dict[str, str] = {}
    proposal: Whole | None = None
    seen: Whole | None = None


Call = Callable[[Service, Connection, str, Order, Actor, datetime], Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb is called, and the right it needs."""

    right: str
    call: Call


def _id(value: int | None) -> int:
    return -1 if value is None else value


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError as e:
        raise Refused(N_("Say until which day.")) from e


VERBS: Mapping[str, Verb] = {
    "assign": Verb("assign", lambda s, c, n, o, a, t: s.assign(c, n, o.person, o.department, a, t, o.reason)),
    "ask": Verb("ask", lambda s, c, n, o, a, t: s.ask(c, n, o.text, o.colleague, a, t)),
    "reply": Verb("reply", lambda s, c, n, o, a, t: s.reply(c, n, _id(o.question), o.text, a, t)),
    "interim": Verb("interim", lambda s, c, n, o, a, t: s.interim(c, n, o.text, a, t, language=o.language)),
    "extend": Verb("extend", lambda s, c, n, o, a, t: s.extend(c, n, _day(o.until), o.reason, a, t)),
    "pause": Verb("pause", lambda s, c, n, o, a, t: s.pause(c, n, o.text, a, t)),
    "resume": Verb("resume", lambda s, c, n, o, a, t: s.resume(c, n, a, t)),
    "recount": Verb("recount", lambda s, c, n, o, a, t: s.recount(c, n, a, t)),
    "keep": Verb("tell", lambda s, c, n, o, a, t: s.tell_kept(c, n, _id(o.obligation), a, t, o.reason)),
    "redirect_outside": Verb("redirect_outside", lambda s, c, n, o, a, t: s.redirect_outside(c, n, o.body, a, t)),
    "take_back": Verb("redirect_outside", lambda s, c, n, o, a, t: s.take_back(c, n, a, t)),
    "external": Verb("external", lambda s, c, n, o, a, t: s.external(c, n, o.external_number, a, t, without=o.without)),
    "guide": Verb("guide", lambda s, c, n, o, a, t: s.guide(c, n, a, t)),
    "not_examine": Verb("not_examine", lambda s, c, n, o, a, t: s.not_examine(c, n, o.ground, a, t, o.reason)),
    "close": Verb("close", lambda s, c, n, o, a, t: s.close(c, n, a, t)),
    "reopen": Verb("reopen", lambda s, c, n, o, a, t: s.reopen(c, n, o.reason, a, t)),
    "merge": Verb("merge", lambda s, c, n, o, a, t: s.merge(c, n, o.others, a, t)),
    "unmerge": Verb("unmerge", lambda s, c, n, o, a, t: s.unmerge(c, n, a, t)),
    "dismiss": Verb("merge", lambda s, c, n, o, a, t: s.dismiss(c, n, _id(o.proposal), a, t)),
    "draft": Verb("draft", lambda s, c, n, o, a, t: s.draft_from(c, n, o.template, o.blanks, a, t) if o.template else s.draft(
        c, n, o.text, a, t, language=o.language, answer_id=o.answer, version=o.version)),
    "return": Verb("return", lambda s, c, n, o, a, t: s.return_draft(c, n, _id(o.answer), o.reason, a, t)),
    "approve": Verb("approve", lambda s, c, n, o, a, t: s.approve(c, n, _id(o.answer), a, t, version=o.version)),
    "publish": Verb("publish", lambda s, c, n, o, a, t: s.publish(c, n, _id(o.answer), a, t)),
    "posted": Verb("posted", lambda s, c, n, o, a, t: s.posted(c, n, _id(o.delivery), a, t, o.link)),
}


class HiddenCardError(Exception):
    """The card does not exist for this reader."""


async def do(request: web.Request, verb: str, number: str) -> web.Response:
    """One verb on one card, answered as JSON or by going back to the card."""
    site, reader = request.app[SITE], reader_of(request)
    back = ""
    try:
        if request.content_type == "application/json":
            order = msgspec.json.decode(await request.read() or b"{}", type=Order)
        else:
            given = await request.post()
            back = str(given.get("back", ""))
            order = _form({k: [str(v) for v in given.getall(k)] for k in given})
    except (msgspec.ValidationError, msgspec.DecodeError) as e:
        return web.json_response({"error": f"the body is not understood: {e}", "status": 400}, status=400)
    person = reader.person
    actor = Actor(person.id, person.role, person.office)
    try:
        done = await site.db.write(_perform, site.service, reader.scope, verb, number, order, actor, site.clock())
    except HiddenCardError:
        return refusal(request, 404, N_("It does not exist, or it belongs to another office."))
    except (Refused, Unfilled) as e:
        said = _said(e, reader.language)
        status = 409 if may(person.role, VERBS[verb].right) else 403
        if wants_json(request):
            return web.json_response({"error": said, "status": status}, status=status)
        page = render(reader.language, "message.html", message=said, status=status, reader=reader, back=back_to(back or "/"),
                      kept=order.text or order.reason or "\n".join(filter(str.strip, order.blanks.values())))
        return web.Response(text=page, content_type="text/html", status=status)
    if wants_json(request):
        return web.json_response(done)
    path = back_to(back or f"/tickets/{quote(done['number'], safe='')}").split("#", 1)[0].partition("?")[0]
    raise web.HTTPSeeOther(f"{path}?said={verb}#{_PLACE.get(verb, 'life')}")


def _said(e: Refused | Unfilled, tongue: str) -> str:
    """Why nothing was done; of a template every blank that is not filled."""
    _ = language(tongue).gettext
    if isinstance(e, Refused):
        return _(e.message_id) % e.params
    return _(N_("The template is not filled: %s.")) % "; ".join(
        f"{w.variable.ru if tongue == 'ru' else w.variable.kk} — {_(w.message)}" for w in e.wrong)


_PLACE = {"draft": "answer", "return": "answer", "approve": "answer", "publish": "told", "posted": "told", "interim": "told",
          "guide": "appeal", "external": "appeal", "merge": "merged", "unmerge": "merged", "dismiss": "merged", "ask": "questions",
          "reply": "questions", "keep": "owed"}
"""Where on the page to go back to."""


def _form(given: Mapping[str, list[str]]) -> Order:
    """The fields of a form. Several numbers may be typed into one field, parted by anything but what numbers hold."""
    def whole(name: str) -> int | None:
        typed = given.get(name, [""])[0]
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None

    def words(name: str) -> str:
        return given.get(name, [""])[0]

    typed = [part for field in given.get("others", []) for part in field.replace(",", " ").replace(";", " ").split()]
    return Order(
        person=whole("person"), department=words("department"), colleague=whole("colleague"), question=whole("question"),
        until=words("until"), reason=words("reason"), text=words("text"), language=words("language"), answer=whole("answer"),
        version=whole("version"), delivery=whole("delivery"), obligation=whole("obligation"), link=words("link"),
        body=words("body_typed").strip() or words("body"), external_number=words("external_number"), without=words("without"),
        ground=words("ground"), others=list(dict.fromkeys(typed)), proposal=whole("proposal"), seen=whole("seen"),
        template=words("template"), blanks={k.removeprefix("blank_"): v[0] for k, v in given.items() if k.startswith("blank_")})


def _perform(c: Connection, service: Service, scope: frozenset[str] | None, verb: str, number: str, order: Order, actor: Actor,
             now: datetime) -> dict[str, Any]:
    """The verb in one transaction."""
    row = ticket_by_number(c, number)
    if row is None or (scope is not None and row.akimat not in scope and row.office not in scope):
        raise HiddenCardError
    if order.seen is not None:
        service.expect(c, row.number, order.seen, actor)
    result = VERBS[verb].call(service, c, row.number, order, actor, now)
    after = ticket_by_number(c, row.number)
    assert after is not None, "a card does not vanish"
    return {"verb": verb, "number": after.number, "status": after.status, "undo": None, "changed": result not in (False, 0, []),
            "result": result}
