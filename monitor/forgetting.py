"""What an erasure takes along outside the tables that the register knows: quotes in drafts about surges, frozen samples."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, select, update

from monitor import adopted
from monitor.store.surge_tables import surge_paper

QUOTED = re.compile(r"«([^«»\n]*)»")
_CUT = re.compile(r"[…█*\[\]<>]+|\.{3}")
_LEAST = 20
"""Letters in a row by which a quote is known: fewer could be anybody's."""


def everywhere(c: Connection, texts: Collection[str], models: Path | None, *, dry_run: bool = False) -> dict[str, int]:
    """Take these texts out; what was or would be touched, by kind. Raises OSError."""
    found = {"quotes in drafts": _quotes(c, texts, dry_run)}
    if models is not None:
        found["rows of samples"] = adopted.forget(models, texts, dry_run=dry_run)
    return {name: n for name, n in found.items() if n}


def _quotes(c: Connection, texts: Collection[str], dry_run: bool) -> int:
    """Quotes of these texts in drafts that people kept: emptied, so that the draft still reads."""
    wanted = [adopted.plain(text) for text in texts]
    touched = 0

    def emptied(quote: re.Match[str]) -> str:
        nonlocal touched
        parts = [adopted.plain(part) for part in _CUT.split(quote[1])]
        if any(len(part) >= _LEAST and part in text for part in parts for text in wanted):
            touched += 1
            return "«…»"
        return quote[0]
    if not wanted:
        return 0
    for id_, text in c.execute(select(surge_paper.c.id, surge_paper.c.text)).all():
        fresh = QUOTED.sub(emptied, text)
        if fresh != text and not dry_run:
            c.execute(update(surge_paper).where(surge_paper.c.id == id_).values(text=fresh))
    return touched
