"""What people said of verdicts, as labelled rows: the last word on each post whose text is still stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, func, select

from monitor.store.tables import correction, post, verdict


def labelled(c: Connection) -> Iterator[dict[str, Any]]:
    """A row per corrected post: text, what is known beside it, and the labels. Undone corrections and authors are left out."""
    last = (select(func.max(correction.c.id)).where(correction.c.undone_at.is_(None)).group_by(correction.c.post_id))
    found = c.execute(
        select(post.c.network, post.c.native_id, post.c.revision, post.c.text, post.c.home, post.c.published_at,
               post.c.in_reply_to_account, correction.c.action, correction.c.akimat, correction.c.before_akimat,
               verdict.c.akimat.label("found"), verdict.c.topic, verdict.c.kind, verdict.c.language, verdict.c.ruleset)
        .join(post, post.c.id == correction.c.post_id).join(verdict, verdict.c.post_id == post.c.id)
        .where(correction.c.id.in_(last), post.c.expired_at.is_(None), post.c.text != "").order_by(correction.c.id))
    for row in found:
        addressed = row.action != "not_addressed"
        yield {"id": f"{row.network}:{row.native_id}:{row.revision}", "text": row.text, "source": row.network,
               "created_at": row.published_at.astimezone(UTC).isoformat(), "home": row.home,
               "in_reply_to_account": row.in_reply_to_account, "language": row.language,
               "addressed": "yes" if addressed else "no", "akimat": (row.akimat or row.found) if addressed else None,
               "topic": row.topic if addressed else None, "kind": row.kind if addressed else None,
               "action": row.action, "akimat_before": row.before_akimat, "ruleset": row.ruleset}
