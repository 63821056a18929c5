"""Queries of what waits to be judged, and of verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from monitor.core.post import Author, Post
from monitor.core.verdict import Reason, Span, Verdict
from monitor.store.tables import event, post, unjudged, verdict

_POST = (post.c.id, post.c.network, post.c.native_id, post.c.revision, post.c.source, post.c.home, post.c.url, post.c.text,
         post.c.published_at, post.c.collected_at, post.c.edited_at, post.c.deleted_at, post.c.author_key,
         post.c.author_display, post.c.in_reply_to, post.c.in_reply_to_account, post.c.extra)

SHOWN = frozenset({"ticket", "attached", "revision", "triage", "elsewhere"})
"""States that the live feed is told of."""


def waiting(c: Connection, limit: int, after: int = 0) -> list[tuple[int, Post]]:
    """The next posts that were stored but not judged, oldest first."""
    rows = c.execute(select(*_POST).join(unjudged, unjudged.c.post_id == post.c.id).where(post.c.id > after)
                     .order_by(post.c.id).limit(limit))
    return [(row.id, as_post(row)) for row in rows]


def claim(c: Connection, ids: Sequence[int]) -> set[int]:
    """Take posts off the queue; returns those that nobody else has taken."""
    if not ids:
        return set()
    # In the order of ids, so that two processes that took overlapping batches wait for each other instead of deadlocking.
    c.execute(select(unjudged.c.post_id).where(unjudged.c.post_id.in_(ids)).order_by(unjudged.c.post_id).with_for_update())
    return set(c.execute(delete(unjudged).where(unjudged.c.post_id.in_(ids)).returning(unjudged.c.post_id)).scalars())


def insert_verdicts(c: Connection, judged: Sequence[tuple[int, Verdict]], states: Mapping[int, str], now: datetime) -> None:
    """Write verdicts with the state that came of each, and tell the live feed of those that it shows."""
    if not judged:
        return
    c.execute(insert(verdict), [{
        "post_id": id_, "judged_at": now, "ruleset": v.ruleset, "decision": v.decision, "state": states[id_],
        "addressed": v.addressed, "score": v.score, "akimat": v.akimat, "kind": v.kind, "topic": v.topic,
        "language": v.language, "urgency": v.urgency, "location_text": v.location_text, "detail": _detail(v)}
        for id_, v in judged])
    shown = [{"at": now, "kind": "post", "ref": str(id_)} for id_, _v in judged if states[id_] in SHOWN]
    if shown:
        c.execute(insert(event), shown)


@dataclass(frozen=True, slots=True)
class JudgedPost:
    """A stored post with its verdict and the state that came of it."""

    post: Post
    verdict: Verdict
    state: str


def judged_post(c: Connection, post_id: int) -> JudgedPost | None:
    """The stored post with its verdict, as staff corrected it; None where there is none."""
    row = c.execute(select(*_POST).where(post.c.id == post_id)).one_or_none()
    said = c.execute(select(verdict).where(verdict.c.post_id == post_id)).one_or_none()
    if row is None or said is None:
        return None
    return JudgedPost(as_post(row), as_said(said), said.state)


def judged_posts(c: Connection, ids: Sequence[int], chunk: int = 500) -> list[tuple[Post, Verdict]]:
    """Stored posts with what detection said of them."""
    found = []
    for start in range(0, len(ids), chunk):
        some = ids[start:start + chunk]
        said = {row.post_id: as_verdict(row) for row in c.execute(select(verdict).where(verdict.c.post_id.in_(some)))}
        found += [(as_post(row), said[row.id]) for row in c.execute(select(*_POST).where(post.c.id.in_(some))) if row.id in said]
    return found


def as_post(row: Any) -> Post:
    """A row of table `post` as the value that a connector made, with the author's keyed hash for a key."""
    extra = row.extra or {}
    return Post(
        network=row.network, source=row.source, native_id=row.native_id, text=row.text, published_at=row.published_at,
        url=row.url, revision=row.revision, collected_at=row.collected_at, edited_at=row.edited_at,
        deleted_at=row.deleted_at, author=Author(row.author_key, row.author_display), in_reply_to=row.in_reply_to,
        in_reply_to_account=row.in_reply_to_account, mentions=tuple(extra.get("mentions", ())),
        hashtags=tuple(extra.get("hashtags", ())), links=tuple(extra.get("links", ())),
        media=tuple(extra.get("media", ())), files=tuple(extra.get("files", ())), repost_of=extra.get("repost_of"), home=row.home)


def as_said(row: Any) -> Verdict:
    """A row of table `verdict` with what staff say in place of what the judge said."""
    said = {"topic": row.said_topic, "kind": row.said_kind, "urgency": row.said_urgency}
    made = replace(as_verdict(row), **{name: value for name, value in said.items() if value})
    return made if row.said_place is None else replace(made, location_text=row.said_place or None)


def as_verdict(row: Any) -> Verdict:
    """A row of table `verdict` as the value that the judge made."""
    d = row.detail or {}
    return Verdict(
        addressed=row.addressed, score=row.score, decision=row.decision, language=row.language, akimat=row.akimat,
        candidates=tuple(d.get("candidates", ())), also=tuple(d.get("also", ())), kind=row.kind, topic=row.topic,
        urgency=row.urgency, location_text=row.location_text, pii=tuple(Span(*s) for s in d.get("pii", ())),
        reasons=tuple(Reason(*r) for r in d.get("reasons", ())), ruleset=row.ruleset)


def _detail(v: Verdict) -> dict[str, Any] | None:
    d: dict[str, Any] = {}
    if v.candidates:
        d["candidates"] = list(v.candidates)
    if v.also:
        d["also"] = list(v.also)
    if v.pii:
        d["pii"] = [[s.kind, s.start, s.end] for s in v.pii]
    # Of a post that nobody addressed to anybody, the reasons would say only what is not there.
    if v.reasons and v.decision != "ignore":
        d["reasons"] = [[r.rule, r.start, r.end, r.weight, r.text] for r in v.reasons]
    return d or None
