"""What people said of verdicts, as labelled rows: the last word on each post whose text is still stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, func, select

from monitor.store.tables import correction, post, verdict


def labelled(c: Connection) -> Iterator[dict[str, Any]]:
    """A row per corrected post: text, what is known beside it, and the labels. Undone corrections and authors are left out.

    Beside each label stands its origin: `staff`, or `detection` or `model` where nobody said otherwise.
    """
    standing = correction.c.undone_at.is_(None)
    last = select(func.max(correction.c.id)).where(standing).group_by(correction.c.post_id)
    whose = select(func.max(correction.c.id)).where(standing, correction.c.action != "correct").group_by(correction.c.post_id)
    placed = select(correction.c.post_id, correction.c.action, correction.c.akimat, correction.c.before_akimat).where(
        correction.c.id.in_(whose)).subquery()
    found = c.execute(
        select(post.c.network, post.c.native_id, post.c.revision, post.c.text, post.c.home, post.c.published_at,
               post.c.in_reply_to_account, correction.c.action, placed.c.action.label("placing"), placed.c.akimat,
               placed.c.before_akimat, verdict.c.akimat.label("found"), verdict.c.state, verdict.c.topic, verdict.c.kind,
               verdict.c.urgency, verdict.c.location_text, verdict.c.said_topic, verdict.c.said_kind, verdict.c.said_urgency,
               verdict.c.said_place, verdict.c.language, verdict.c.detail, verdict.c.ruleset)
        .select_from(correction.join(post, post.c.id == correction.c.post_id).join(verdict, verdict.c.post_id == post.c.id)
                     .outerjoin(placed, placed.c.post_id == correction.c.post_id))
        .where(correction.c.id.in_(last), post.c.expired_at.is_(None), post.c.text != "").order_by(correction.c.id))
    for row in found:
        addressed = row.placing != "not_addressed"
        # who only corrected a topic said nothing of the addressee of what still waits for a decision
        known = row.placing is not None or row.state in ("ticket", "attached", "revision")
        learnt = any(str(reason[0]).startswith("topic_learned:") for reason in (row.detail or {}).get("reasons", ()))
        line = {"id": f"{row.network}:{row.native_id}:{row.revision}", "text": row.text, "source": row.network,
                "created_at": row.published_at.astimezone(UTC).isoformat(), "home": row.home,
                "in_reply_to_account": row.in_reply_to_account, "language": row.language,
                "addressed": ("yes" if addressed else "no") if known else None,
                "akimat": (row.akimat or row.found) if addressed else None,
                "akimat_origin": "staff" if row.akimat else "detection"}
        labels = (("topic", row.said_topic, row.topic), ("kind", row.said_kind, row.kind),
                  ("urgency", row.said_urgency, row.urgency), ("place", row.said_place, row.location_text))
        for name, said, own in labels:
            label = own if said is None else said or None
            line[name] = label if addressed else None
            line[f"{name}_origin"] = "staff" if said is not None else "model" if name == "topic" and learnt else "detection"
        yield line | {"action": row.action, "akimat_before": row.before_akimat, "ruleset": row.ruleset}
