"""A ticket's states, the moves between them, who may make them, and the number. Pure: no clock, no database.

Rule 1: everything that allows or forbids a move stands in this file, as a table.
Rule 2: a ticket is the fold of its entries; `fold` is that fold, `ticketing.tables.ticket` its copy for queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from config.timezone import ALMATY

Role = Literal["viewer", "press", "officer", "head", "controller", "operator"]
ROLES: tuple[Role, ...] = ("viewer", "press", "officer", "head", "controller", "operator")

STATUSES = ("registered", "assigned", "accepted", "answered", "closed", "redirected", "merged", "not_examined", "void")
OPEN = frozenset({"registered", "assigned", "accepted"})

# action -> (statuses it may start from, status it leads to; None = unchanged)
MOVES: Mapping[str, tuple[frozenset[str], str | None]] = MappingProxyType({
    "register": (frozenset(), "registered"),
    "assign": (OPEN, "assigned"),
    "accept": (frozenset({"registered", "assigned"}), "accepted"),
    "readdress": (OPEN, "assigned"),         # another akimat of the same office: the number stays
    "redirect": (OPEN, "redirected"),        # another office: its own number there, the trail here (Art. 65)
    "attach": (OPEN | {"answered", "closed"}, None),   # the same text on another network
    "revise": (frozenset(STATUSES), None),   # the post was edited or deleted
    "propose_redirect": (OPEN, None),        # an edit names another addressee: a person decides
    "void": (OPEN, "void"),                  # taken by mistake: the number stays, with the reason
    "restore": (frozenset({"void", "redirected"}), "registered"),
    "correct": (frozenset(STATUSES) - {"redirected", "merged", "not_examined"}, None),   # staff say topic, kind, urgency, place
})

CORRECTED = ("topic", "kind", "urgency", "due_first")
"""What a correction may change of what the registration entered."""

# action -> roles; "system" may do what the pipeline does by itself
MAY: Mapping[str, frozenset[str]] = MappingProxyType({
    "take": frozenset({"press", "officer", "head", "controller"}),
    "not_addressed": frozenset({"press", "officer", "head", "controller"}),
    "other_akimat": frozenset({"press", "officer", "head", "controller"}),
    "correct": frozenset({"press", "officer", "head", "controller"}),
    "accept": frozenset({"officer", "head", "controller"}),
    "redirect": frozenset({"officer", "head", "controller"}),
    # A number once given is taken back only by those who answer for the register.
    "void": frozenset({"head", "controller"}),
})


def may(role: str, action: str) -> bool:
    """Whether a role may do an action at all (its office is checked apart)."""
    return role in MAY.get(action, frozenset())


def allowed(action: str, status: str) -> bool:
    """Whether the table allows `action` on a ticket in `status`."""
    start, _ = MOVES[action]
    return status in start


# --- numbers

SERIES = "ӘЖ"
"""Әлеуметтік желі, social network. Never ЖТ or ЗТ: those belong to e-Otinish."""

NUMBER_FORMAT = "{series}-{office}-{year}-{seq:06}"

_TYPED_SERIES = {"ӘЖ": "ӘЖ", "АЖ": "ӘЖ", "AZH": "ӘЖ", "AJ": "ӘЖ", "ҚБ": "ҚБ", "КБ": "ҚБ", "QB": "ҚБ", "KB": "ҚБ",
                 "ЧБ": "ЧБ", "CHB": "ЧБ"}
_TYPED = re.compile(r"^\s*(?:№\s*)?(?:([^\W\d_]{2,3})[\s–—-]*)?(\d{2,9})[\s–—-]+(\d{4})[\s–—-]+(\d{1,9})\s*$")


def office_digits(code: str) -> str:
    """The KATO digits of an office as they stand in a number: without trailing zeros, at least two."""
    return code.rstrip("0").ljust(2, "0")


def number(series: str, office: str, year: int, seq: int, form: str = NUMBER_FORMAT) -> str:
    """The number of a ticket, e.g. ӘЖ-551-2026-000123."""
    return form.format(series=series, office=office_digits(office), year=year, seq=seq)


def typed_number(text: str) -> tuple[str | None, str, int, int] | None:
    """What a person typed as a number: (series or None, office digits, year, seq); None where it is none.

    `АЖ`, `AZH`, lower case, other dashes, missing zeros, or the digits alone all do.
    """
    found = _TYPED.match(text[:64])
    if not found:
        return None
    series, office, year, seq = found.groups()
    known = None
    if series is not None:
        known = _TYPED_SERIES.get(series.upper())
        if known is None:
            return None
    return known, office, int(year), int(seq)


def year_of(registered_at: datetime) -> int:
    """The year of the series: that of `registered_at` in Kazakhstan."""
    return registered_at.astimezone(ALMATY).year


# --- the fold

@dataclass(frozen=True, slots=True)
class State:
    """What the entries of one ticket add up to. `entered` is what its first entry, the registration, says, as corrected."""

    number: str
    status: str
    akimat: str | None
    department: str
    responsible: int | None
    reason: Mapping[str, Any] | None = None
    entered: Mapping[str, Any] = field(default_factory=dict)


def step(state: State | None, action: str, details: Mapping[str, Any]) -> State:
    """The state after one more entry; None before the first. Raises ValueError for a forbidden move, KeyError for an
    unknown action or a registration without a number."""
    if state is None:
        if action != "register":
            raise ValueError(f"the first entry is {action!r}, not 'register'")
        return State(details["number"], "registered", details.get("akimat"), details.get("department", ""),
                     details.get("responsible"), entered=details)
    if not allowed(action, state.status):
        raise ValueError(f"{action!r} is not allowed on a ticket that is {state.status!r}")
    known = {"akimat": state.akimat, "department": state.department, "responsible": state.responsible}
    given = {key: details[key] for key in known if key in details}
    reason = details.get("reason", state.reason) if "department" in details else state.reason
    entered = {**state.entered, **{k: details[k] for k in CORRECTED if k in details}} if action == "correct" else state.entered
    return replace(state, status=MOVES[action][1] or state.status, reason=reason, entered=entered, **(known | given))


def fold(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> State | None:
    """The state after `(action, details)` in their order; None without entries. Raises as `step` does."""
    state: State | None = None
    for action, details in entries:
        state = step(state, action, details)
    return state
