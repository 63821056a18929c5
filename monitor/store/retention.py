"""What does not stay for ever: the text of posts that are nobody's matter. All rules stand in `ticketing.retention`.

A row of `post` stays with its digest, so that the next poll does not bring the text back (invariant 1: recorded expiry).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from monitor.store.tables import correction, post, verdict

NOBODYS = ("ignored", "own", "not_addressed")
"""States in which a post's text serves no purpose after its time (Law 94-V: no longer than the purpose needs)."""

EVENTS_KEPT = timedelta(days=7)
"""A reader who was away longer loads the page anew."""

CHUNK = 2000
"""Rows in one transaction: the writer must not wait long for the clean-up."""


def expire_texts(c: Connection, before: datetime, now: datetime) -> list[int]:
    """Empty the text of up to CHUNK posts collected before `before` that are nobody's matter. Returns their ids."""
    ids = list(c.execute(select(post.c.id).join(verdict, verdict.c.post_id == post.c.id).where(
        post.c.collected_at < before, post.c.expired_at.is_(None), verdict.c.state.in_(NOBODYS)).limit(CHUNK)).scalars())
    if ids:
        c.execute(update(post).where(post.c.id.in_(ids)).values(
            text="", author_display="", url="", extra=None, raw=None, in_reply_to_account=None, expired_at=now))
        c.execute(update(verdict).where(verdict.c.post_id.in_(ids)).values(location_text=None, said_place=None, detail=None))
        c.execute(update(correction).where(correction.c.post_id.in_(ids)).values(changes=None, before_values=None))
    return ids
