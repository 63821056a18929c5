"""Rows as JSON values: what the API gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitor.web.whole import Whole
from ticketing.feed import FeedRow, SourceState


def moment(at: datetime | None) -> str | None:
    """ISO 8601 with offset."""
    return None if at is None else at.isoformat()


def post(row: FeedRow) -> dict[str, Any]:
    """A post with its verdict and the number of its card."""
    detail = row.detail
    return {
        "id": row.id, "network": row.network, "source": row.source, "native_id": row.native_id,
        "revision": row.revision, "url": row.url, "text": row.text, "author": row.author, "home": row.home,
        "published_at": moment(row.published_at), "collected_at": moment(row.collected_at),
        "edited_at": moment(row.edited_at), "deleted_at": moment(row.deleted_at), "state": row.state,
        "verdict": {
            "decision": row.decision, "score": row.score, "language": row.language, "akimat": row.judged_akimat,
            "candidates": list(detail.get("candidates", ())), "also": list(detail.get("also", ())),
            "topic": row.judged_topic, "kind": row.judged_kind, "urgency": row.judged_urgency,
            "location_text": row.judged_location, "ruleset": row.ruleset,
            "reasons": [dict(zip(("rule", "start", "end", "weight", "text"), r, strict=False))
                        for r in detail.get("reasons", ())],
        },
        "corrected": {"topic": row.said_topic, "kind": row.said_kind, "urgency": row.said_urgency, "place": row.said_place},
        "ticket": row.number,
    }


def ticket(row: FeedRow) -> dict[str, Any]:
    """A card with its posts left to /api/v1/posts."""
    return {
        "number": row.number, "status": row.status, "office": row.office, "akimat": row.ticket_akimat,
        "topic": row.ticket_topic, "kind": row.ticket_kind, "urgency": row.ticket_urgency,
        "location_text": row.ticket_location, "department": row.department, "responsible": row.responsible,
        "responsible_name": row.responsible_name, "assigned_by": row.assigned_by,
        "received_at": moment(row.received_at), "registered_at": moment(row.registered_at),
        "due_first": moment(row.due_first), "due_first_derivation": row.due_first_derivation,
        "due_final": moment(row.due_final), "due_final_derivation": row.due_final_derivation,
        "first_reaction_at": moment(row.first_reaction_at), "closed_at": moment(row.closed_at),
        "proposal": row.proposal, "post": row.id or None, "posts": row.posts,
    }


def source(state: SourceState) -> dict[str, Any]:
    """A source and how it fares."""
    return {
        "name": state.name, "network": state.network, "state": state.state, "reason": state.reason,
        "silent": state.silent, "silent_since": moment(state.since), "last_ok_at": moment(state.last_ok_at),
        "last_try_at": moment(state.last_try_at), "last_post_at": moment(state.last_post_at),
        "next_poll_at": moment(state.next_poll_at), "failures": state.failures, "posts": state.posts,
        "every": state.every, "lag": state.lag, "quiet_since": moment(state.quiet_since), "expected_by": moment(state.expected_by),
    }


def whole(more: Whole) -> dict[str, Any]:
    """What belongs to a card beside its posts and entries."""
    return {
        "answers": [{"id": a.id, "kind": a.kind, "language": a.language, "text": a.text, "state": a.state, "version": a.version,
                     "warnings": a.warnings, "author": a.author, "approver": a.approver, "remark": a.remark,
                     "made_at": moment(a.made_at), "approved_at": moment(a.approved_at), "published_at": moment(a.published_at)}
                    for a in more.answers],
        "told": [{"id": t.delivery.id, "about": t.delivery.about, "kind": t.delivery.kind, "network": t.delivery.channel.partition(":")[2],
                  "state": t.delivery.state, "reason": t.delivery.reason, "attempts": t.delivery.attempts, "url": t.url,
                  "handle": t.delivery.handle, "text": (t.delivery.body or {}).get("text"),
                  "created_at": moment(t.delivery.created_at), "sent_at": moment(t.delivery.sent_at)} for t in more.told],
        "questions": [{"id": q.id, "by": q.by, "asked": q.asked, "text": q.text, "at": moment(q.at), "reply": q.reply,
                       "replied_by": q.replied_by, "replied_at": moment(q.replied_at)} for q in more.questions],
        "obligations": [{"id": o.id, "kind": o.kind, "text": o.text, "source": o.source, "due": moment(o.due),
                         "derivation": o.derivation, "kept_at": moment(o.kept_at), "broken_at": moment(o.broken_at)}
                        for o in more.owed],
        "pictures": [{"id": p.id, "post": p.post, "of": "citizen" if p.citizen else "office", "answer": p.answer, "at": moment(p.at),
                      "url": f"/pictures/{p.id}/whole" if p.here else None, "reason": p.reason} for p in more.pictures],
        "called_back": dict(more.called_back),
        "members": [m.number for m in more.members],
        "proposals": [{"id": p["id"], "other": p["other"].number, "why": p["why"]} for p in more.proposals],
        "answered_before": [{"number": a.number, "at": moment(a.at), "text": a.text, "solved": a.solved} for a in more.answered],
        "authors": more.authors,
        "appeal": {"parts": {p.code: p.there for p in more.parts}, "owes_number": more.owes_number},
        "seen": more.seen,
    }
