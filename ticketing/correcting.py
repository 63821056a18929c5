"""What staff say a post is about: topic, kind, urgency, place. Pure but for the two queries at the end.

What detection said stays in its verdict; what people say stands beside it (`verdict.said_*`) and in the card, and each
change is a row of `correction` that can be undone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from sqlalchemy import Connection, select, update

from monitor.core.post import clean_text
from monitor.core.verdict import Kind, Urgency, Verdict
from monitor.store.tables import correction, verdict

COLUMNS: Mapping[str, str] = {"topic": "topic", "kind": "kind", "urgency": "urgency", "place": "location_text"}
"""What may be corrected, and the column of a card that holds it."""

PLACE = 200
"""Characters of a place."""

KINDS: tuple[str, ...] = get_args(Kind)
URGENCIES: tuple[str, ...] = get_args(Urgency)


def current(found: Verdict | None, row: Any) -> dict[str, str | None]:
    """What holds now: in the card where there is one, else in the verdict."""
    return {name: getattr(found if row is None else row, column) or None for name, column in COLUMNS.items()}


def cleaned(said: Mapping[str, str | None]) -> dict[str, str | None]:
    """What a person gave, without what is left as it is; an empty place is none."""
    given = {name: " ".join(clean_text(value).split())[:PLACE] for name, value in said.items() if value is not None}
    return {name: value or None for name, value in given.items() if value or name == "place"}


def unknown(said: Mapping[str, str | None], topics: Collection[str]) -> str | None:
    """The first value that is no code of ours."""
    known = {"topic": topics, "kind": KINDS, "urgency": URGENCIES}
    return next((str(value) for name, value in said.items() if name in known and value not in known[name]), None)


def changed(before: Mapping[str, str | None], said: Mapping[str, str | None]) -> dict[str, str | None]:
    """What is really different."""
    return {name: value for name, value in said.items() if value != before[name]}


def remember(c: Connection, post_id: int) -> None:
    """Bring `verdict.said_*` in line with the corrections of a post that stand; an empty place says that there is none."""
    said: dict[str, str | None] = dict.fromkeys(COLUMNS)
    for changes in c.execute(select(correction.c.changes).where(
            correction.c.post_id == post_id, correction.c.undone_at.is_(None)).order_by(correction.c.id)).scalars():
        said.update({name: value or "" for name, value in (changes or {}).items() if name in said})
    c.execute(update(verdict).where(verdict.c.post_id == post_id).values(
        {f"said_{name}": value for name, value in said.items()}))
