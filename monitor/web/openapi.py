"""The API described: OpenAPI 3.1 from one table. tests/web holds it against the routes and against real answers."""

from __future__ import annotations

from typing import Any

from monitor.web.cards import VERBS
from ticketing.feed import LANGUAGES, PERIODS, STATES

_S: dict[str, Any] = {"type": "string"}
_N: dict[str, Any] = {"type": ["string", "null"]}
_I: dict[str, Any] = {"type": "integer"}
_F: dict[str, Any] = {"type": "number"}
_FN: dict[str, Any] = {"type": ["number", "null"]}
_IN: dict[str, Any] = {"type": ["integer", "null"]}
_T: dict[str, Any] = {"type": "string", "format": "date-time"}
_TN: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}


def _object(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **more}, "required": sorted(required)}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_REASON = _object({"rule": _S, "start": _I, "end": _I, "weight": {"type": "number"}, "text": _S})
_STEPS = {"type": ["array", "null"], "items": _object({"step": _S})}
_TICKET: dict[str, Any] = {
    "number": _S, "status": _S, "office": _S, "akimat": _S, "topic": _S, "kind": _S, "urgency": _S,
    "location_text": _N, "department": _S, "responsible": {"type": ["integer", "null"]},
    "assigned_by": {"type": ["object", "null"]}, "received_at": _T, "registered_at": _T, "due_first": _T,
    "due_first_derivation": _STEPS, "due_final": _T, "due_final_derivation": _STEPS, "first_reaction_at": _TN,
    "closed_at": _TN, "proposal": {"type": ["object", "null"]},
}

_SURGE: dict[str, Any] = {
    "id": _S, "serial": _I, "kind": _S, "akimat": _N, "topic": _N,
    "verdict": {"enum": ["organic", "organised", "inconclusive", "coordinated"]}, "score": _F, "first_at": _TN,
    "detected_at": _T, "window_start": _T, "window_end": _T, "authors": _I, "posts": _I, "observed": _FN, "expected": _FN,
    "signals": _list(_object({"kind": _S, "family": _S, "value": _F, "expected": _F, "p": _F})),
    "counter": _list(_object({"kind": _S, "value": _F, "strength": _F})), "explanation_kk": _S, "explanation_ru": _S,
    "needs_decision": {"type": "boolean"}, "decision": _N, "decided_at": _TN, "decided_by": {"type": ["integer", "null"]},
    "routed_to": _N, "outcome": _N, "published": {"type": "boolean"},
}

SCHEMAS: dict[str, Any] = {
    "Verdict": _object({
        "decision": {"enum": ["register", "triage", "ignore"]}, "score": {"type": "number"}, "language": _S,
        "akimat": _N,
        "candidates": _list(_S), "also": _list(_S), "topic": _N, "kind": _N, "urgency": _N, "location_text": _N,
        "ruleset": _S, "reasons": _list(_REASON)}),
    "Post": _object({
        "id": _I, "network": _S, "source": _S, "native_id": _S, "revision": _I, "url": _S, "text": _S, "author": _S,
        "home": _N, "published_at": _T, "collected_at": _T, "edited_at": _TN, "deleted_at": _TN, "state": _S,
        "verdict": _ref("Verdict"), "corrected": _object({"topic": _N, "kind": _N, "urgency": _N, "place": _N}),
        "ticket": _N}),
    "Ticket": _object({**_TICKET, "responsible_name": _N, "post": {"type": ["integer", "null"]}, "posts": _I}),
    "Entry": _object({"office": _S, "seq": _I, "at": _S, "actor": _S, "action": _S, "details": _S, "prev_hash": _S,
                      "hash": _S}),
    "WholeTicket": _object({
        **_TICKET, "parent": _N, "posts": _list(_ref("Post")), "entries": _list(_ref("Entry")), "merged_into": _N,
        "external_number": _N, "no_external": _N, "ground": _N, "extensions": _I, "reopenings": _I,
        "solved": {"type": ["boolean", "null"]}, "mark": _IN, "answers": _list(_ref("Answer")), "told": _list(_ref("Told")),
        "questions": _list(_ref("Question")), "obligations": _list(_ref("Obligation")), "members": _list(_S),
        "proposals": _list(_object({"id": _I, "other": _S, "why": {"type": "object"}})), "authors": _I,
        "appeal": _object({"parts": {"type": "object"}, "owes_number": {"type": "boolean"}}),
        "seen": {**_I, "description": "give it back with a verb: refused where somebody else has acted since"}}),
    "Answer": _object({
        "id": _I, "kind": {"enum": ["final", "interim"]}, "language": {"enum": ["kk", "ru", "both"]}, "text": _N,
        "state": {"enum": ["draft", "approved", "publishing", "published", "failed"]}, "version": _I, "warnings": _list(_S),
        "author": _I, "approver": _IN, "remark": _N, "made_at": _T, "approved_at": _TN, "published_at": _TN}),
    "Told": _object({
        "id": _I, "about": _S, "kind": _S, "network": _S, "state": {"enum": ["queued", "sending", "sent", "dead", "by_hand"]},
        "reason": _N, "attempts": _I, "url": _S, "handle": {"type": ["object", "null"]}, "text": _N, "created_at": _T,
        "sent_at": _TN}),
    "Question": _object({"id": _I, "by": _I, "asked": _IN, "text": _N, "at": _T, "reply": _N, "replied_by": _IN,
                         "replied_at": _TN}),
    "Obligation": _object({"id": _I, "kind": _S, "text": _N, "source": _S, "due": _T, "derivation": _STEPS, "kept_at": _TN,
                           "broken_at": _TN}),
    "Source": _object({
        "name": _S, "network": _S, "state": _S, "reason": _N, "silent": {"type": "boolean"}, "silent_since": _TN,
        "last_ok_at": _TN, "last_try_at": _TN, "last_post_at": _TN, "next_poll_at": _TN, "failures": _I, "posts": _I,
        "every": {"type": ["number", "null"], "description": "seconds between polls as they are now"},
        "lag": {"type": ["number", "null"], "description": "seconds from published to stored, smoothed"},
        "quiet_since": {**_TN, "description": "it answers, but is silent beyond its rhythm since then"},
        "expected_by": {**_TN, "description": "if nothing comes until then, its silence is unusual"}}),
    "Akimat": _object({"code": _S, "name": _S, "path": _S}),
    "Session": _object({"login": _S, "name": _S, "role": _S, "office": _N, "language": _S, "csrf": _S}),
    "Order": {"type": "object", "properties": {
        "akimat": {**_S, "description": "KATO code or a name that only one unit has"},
        "correction": {"type": ["integer", "null"], "description": "what to undo; the last one by default"},
        "topic": {**_N, "description": "of `correct`: a code of a topic; absent: as it is"},
        "kind": {**_N, "description": "of `correct`: a code of a kind"},
        "urgency": {**_N, "description": "of `correct`: urgent or normal"},
        "place": {**_N, "description": "of `correct`: the place in words; empty: there is none"}}},
    "CardOrder": {"type": "object", "properties": {
        "topic": {**_N, "description": "of `correct`: a code of a topic; absent: as it is"},
        "kind": {**_N, "description": "of `correct`: a code of a kind"},
        "urgency": {**_N, "description": "of `correct`: urgent or normal"},
        "place": {**_N, "description": "of `correct`: the place in words; empty: there is none"},
        "akimat": {**_S, "description": "redirect: KATO code or a name that only one unit has"},
        "person": {**_IN, "description": "assign: account"}, "department": {**_S, "description": "assign: instead of a person"},
        "colleague": {**_IN, "description": "ask: account; null asks the citizen, in public"},
        "question": {**_IN, "description": "reply: which question"},
        "text": {**_S, "description": "ask, reply, interim, draft"},
        "language": {"enum": ["", "kk", "ru", "both"], "description": "interim, draft; empty: the citizen's"},
        "until": {**_S, "description": "extend: day, 2026-12-18"},
        "reason": {**_S, "description": "extend, reopen, return; assign, not_examine, keep: a note"},
        "answer": {**_IN, "description": "draft (to change one), return, approve, publish"},
        "version": {**_IN, "description": "draft, approve: the wording that was read; a newer one refuses"},
        "template": {**_S, "description": "draft: the id of a template, in place of the text"},
        "blanks": {"type": "object", "additionalProperties": _S, "description": "draft: the values of the template's blanks; days as 2026-12-18"},
        "delivery": {**_IN, "description": "posted: which message"}, "link": {**_S, "description": "posted: where it stands"},
        "obligation": {**_IN, "description": "keep: which"},
        "body": {**_S, "description": "redirect_outside: code of procedure.yaml or a name"},
        "external_number": {**_S, "description": "external: the number in e-Otinish"},
        "without": {**_S, "description": "external: instead of a number, why there is none"},
        "ground": {**_S, "description": "not_examine: code of procedure.yaml"},
        "others": {**_list(_S), "description": "merge: numbers"}, "proposal": {**_IN, "description": "dismiss: which"},
        "seen": {**_IN, "description": "as in the card; refused where somebody else has acted since"}}},
    "Done": _object({"verb": _S, "undo": {"type": ["integer", "null"]}}, number=_S, post=_I, html=_S, status=_S,
                    changed={"type": "boolean", "description": "false: it was so already"}, result={}),
    "Surge": _object(_SURGE),
    "WholeSurge": _object({
        **_SURGE, "history": _list(_object({"id": _I, "detected_at": _T, "verdict": _S, "score": _F, "authors": _I,
                                            "ruleset": _S})),
        "samples": _list(_object({"text": _S, "language": _S, "network": _S, "at": _T, "count": _I})),
        "series": _list(_object({"at": _T, "posts": _I, "own": _I, "usual": _FN, "deaf": {"type": "boolean"}, "filled_at": _TN})),
        "cards": _I, "places": _list(_S), "holes": _list(_object({"source": _S, "since": _T, "until": _TN, "filled_at": _TN})),
        "decisions": _list(_object({"id": _I, "at": _T, "by": _S, "what": _S, "note": _S, "details": {"type": "object"}})),
        "alerts": _list(_object({"kind": _S, "verdict": _S, "state": _S, "sent_at": _TN})),
        "channels": _list(_object({"code": _S, "name": _S, "basis": _S, "mark": _S, "votes": _S}))}),
    "SurgeOrder": {"type": "object", "properties": {
        "note": {**_S, "description": "needed for note and outcome"},
        "paper": {**_S, "description": "draft and send: the code of a channel, or explanation"},
        "kk": {**_S, "description": "wording of the paper; the draft where it is empty"}, "ru": _S,
        "published": {"type": "boolean", "description": "outcome: whether people were told"}}},
    "SurgeDone": _object({"verb": _S, "surge": _ref("Surge")}),
    "Promises": _object({
        "days": _I, "offices": _list(_object({"office": _S, "kept": _I, "late": _I, "broken": _I, "ahead": _I})),
        "open": _list(_object({"number": _S, "office": _S, "kind": _S, "text": _N, "due": _T, "derivation": _STEPS}))}),
    "Error": _object({"error": _S, "status": _I}, candidates=_list(_object({"code": _S, "name": _S}))),
}
SCHEMAS |= {f"{name}s": _object({"items": _list(_ref(name)), "next": _N}) for name in ("Post", "Ticket", "Surge")}
SCHEMAS |= {f"{name}s": _object({"items": _list(_ref(name))}) for name in ("Source", "Akimat")}

_FILTER = [("akimat", _S, "KATO code; everything below it too"), ("topic", _S, "code of a topic"),
           ("language", {"enum": sorted(LANGUAGES)}, "language of the post"),
           ("state", {"enum": list(STATES)}, "what became of it"),
           ("period", {"enum": list(PERIODS)}, "how old at most"),
           ("q", _S, "words in the text")]
_PAGE = [("before", _I, "continue below this position: take it from `next`"),
         ("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "how many")]
_ID = ("id", _I)
_NUMBER = ("number", _S)
_SURGE_ID = ("id", _S)

# method, path, summary, path parameters, query parameters, schema of the answer
ROUTES: tuple[tuple[str, str, str, list[Any], list[Any], str], ...] = (
    ("get", "/api/v1/posts", "Posts, newest first", [], _FILTER + _PAGE, "Posts"),
    ("get", "/api/v1/posts/{id}", "One post", [_ID], [], "Post"),
    ("post", "/api/v1/posts/{id}/{verb}", "Decide about a post",
     [_ID, ("verb", {"enum": ["take", "not_addressed", "other_akimat", "correct", "undo"]})], [], "Done"),
    ("get", "/api/v1/tickets", "Cards, newest first", [], _FILTER + _PAGE, "Tickets"),
    ("get", "/api/v1/tickets/{number}", "One card with its posts and register entries", [_NUMBER], [], "WholeTicket"),
    ("post", "/api/v1/tickets/{number}/{verb}", "Act on a card",
     [_NUMBER, ("verb", {"enum": ["accept", "redirect", "correct", *VERBS]})], [], "Done"),
    ("get", "/api/v1/surges", "Surges, the one first told last on top", [],
     [_FILTER[0], _FILTER[1], ("state", {"enum": ["waiting", "organic", "organised", "inconclusive", "coordinated"]},
                               "a verdict, or those that need a decision"), *_PAGE], "Surges"),
    ("get", "/api/v1/surges/{id}", "One surge: evidence, samples of wording, decisions, alerts, fitting channels", [_SURGE_ID], [],
     "WholeSurge"),
    ("post", "/api/v1/surges/{id}/{verb}", "Decide about a surge, or pass its demand to a channel",
     [_SURGE_ID, ("verb", {"enum": ["confirm", "dismiss", "watch", "note", "draft", "send", "outcome", "explain"]})], [],
     "SurgeDone"),
    ("get", "/api/v1/promises", "What offices promised by a date: kept, late, not kept, ahead; and what is still owed", [], [],
     "Promises"),
    ("get", "/api/v1/sources", "Every source and how it fares", [], [], "Sources"),
    ("get", "/api/v1/akimats", "Akimats by the begin of a name", [], [("q", _S, "begin of a name")], "Akimats"),
    ("get", "/api/v1/session", "Who is signed in, and the CSRF token", [], [], "Session"),
    ("get", "/api/v1/events", "What happens, as server-sent events (post, ticket, source, surge) with Last-Event-ID", [],
     [*_FILTER, ("after", _I, "start behind this event"), ("view", _S, "json, or the rows of a page as HTML")], ""),
    ("get", "/api/v1/openapi.json", "This description", [], [], ""),
)


def document(public_url: str) -> dict[str, Any]:
    """The description of this installation's API."""
    paths: dict[str, Any] = {}
    for method, path, summary, in_path, in_query, answer in ROUTES:
        paths.setdefault(path, {})[method] = _operation(method, path, summary, in_path, in_query, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Qulaq", "version": "1", "description":
                 "Rights are those of the person signed in. A POST carries the token of /api/v1/session "
                 "in X-CSRF-Token."},
        "servers": [{"url": public_url}],
        "security": [{"session": []}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {
            "session": {"type": "apiKey", "in": "cookie", "name": "qulaq_session"}}},
    }


def _operation(method: str, path: str, summary: str, in_path: list[Any], in_query: list[Any], answer: str,
               ) -> dict[str, Any]:
    kind = "text/event-stream" if path.endswith("/events") else "application/json"
    content: dict[str, Any] = {kind: {"schema": _ref(answer)} if answer else {}}
    parameters = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in in_path]
    parameters += [{"name": name, "in": "query", "schema": schema, "description": said}
                   for name, schema, said in in_query]
    failed = {"application/json": {"schema": _ref("Error")}}
    operation: dict[str, Any] = {
        "summary": summary, "operationId": f"{method} {path}", "parameters": parameters,
        "responses": {"200": {"description": "done", "content": content},
                      "401": {"description": "not signed in", "content": failed}}}
    if in_query and answer:
        operation["responses"]["400"] = {"description": "a parameter is not understood", "content": failed}
    if in_path:
        operation["responses"]["404"] = {"description": "none, or of another office", "content": failed}
    if method == "post":
        operation["parameters"].append({"name": "X-CSRF-Token", "in": "header", "required": True, "schema": _S})
        order = "SurgeOrder" if answer == "SurgeDone" else "CardOrder" if path.startswith("/api/v1/tickets/") else "Order"
        operation["requestBody"] = {"content": {"application/json": {"schema": _ref(order)}}}
        operation["responses"] |= {"403": {"description": "not for this role", "content": failed},
                                   "409": {"description": "not possible now", "content": failed}}
    return operation
