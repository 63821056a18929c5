"""The register entries of a card in words for people: who did what, when, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ticketing.feed import names
from ticketing.store import entries_of


@dataclass(frozen=True, slots=True)
class History:
    """One entry. `who` is a name, or None for the program itself or a `citizen`; `hash` its mark in the chain."""

    office: str
    seq: int
    at: datetime
    who: str | None
    action: str
    details: Mapping[str, Any]
    person: str | None
    hash: str
    citizen: bool = False


def history(c: Connection, number: str) -> list[History]:
    """The entries of a card in their order."""
    found = []
    for row in entries_of(c, number):
        details = json.loads(row.details)
        actor = int(row.actor.removeprefix("user:")) if row.actor.startswith("user:") else None
        person = details.get("responsible")
        found.append((row, details, actor, person if isinstance(person, int) else None))
    known = names(c, [id_ for _, _, a, p in found for id_ in (a, p) if id_ is not None])
    return [History(row.office, row.seq, datetime.fromisoformat(row.at), _named(known, actor), row.action, details,
                    _named(known, person), row.hash, row.actor == "citizen") for row, details, actor, person in found]


def _named(known: Mapping[int, str], id_: int | None) -> str | None:
    return None if id_ is None else known.get(id_, f"#{id_}")
