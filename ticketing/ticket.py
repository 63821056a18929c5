"""A ticket's states, the moves between them, who may make them, and the number. Pure: no clock, no database.

Rule 1: everything that allows or forbids a move stands in this file, as a table.
Rule 2: a ticket is the fold of its entries; `fold` is that fold, `ticketing.tables.ticket` its copy for queries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from config.timezone import ALMATY

Role = Literal["viewer", "press", "officer", "head", "controller", "operator"]
ROLES: tuple[Role, ...] = ("viewer", "press", "officer", "head", "controller", "operator")

STATUSES = ("registered", "assigned", "accepted", "answered", "closed", "redirected", "merged", "not_examined", "void")
OPEN = frozenset({"registered", "assigned", "accepted"})
DONE = frozenset({"answered", "closed"})
MEANT = frozenset(STATUSES) - {"void"}
"""What was not registered by mistake."""

# action -> (statuses it may start from, status it leads to; None = unchanged, or what `_CHANGES` makes of it)
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
    # the work
    "ask": (OPEN, None),                     # a question to a colleague, or to the citizen
    "reply": (MEANT, None),                  # what was answered to it
    "interim": (OPEN, None),                 # tells the citizen how it stands; stops no term
    "pause": (OPEN, None),                   # the citizen was asked for what is missing: the clock of the final answer stands
    "resume": (OPEN, None),                  # it goes on; the working time for which it stood is added
    "recount": (OPEN, None),                 # by a calendar published since, only ever to an earlier date
    "extend": (OPEN | {"merged"}, None),     # by a reasoned decision, within the legal limit (Art. 76)
    "redirect_outside": (OPEN, "redirected"),  # to a body that does not register here (Art. 65)
    "external": (MEANT, None),               # its official number elsewhere, or why there is none
    "guide": (OPEN | DONE, None),            # the citizen is shown the way to an official appeal
    "tell": (MEANT, None),                   # the citizen was told otherwise than by us: an obligation is kept
    # one matter, several cards
    "merge": (OPEN, "merged"),
    "absorb": (OPEN, None),                  # the same, on the card that goes on for both
    "unmerge": (frozenset({"merged"}), None),  # back to the status it had
    "release": (frozenset(STATUSES), None),
    # the answer
    "draft": (OPEN | DONE, None),
    "return": (OPEN | DONE, None),           # a draft goes back to its author
    "approve": (OPEN | DONE, None),
    "publish": (frozenset({"accepted"}) | DONE, None),
    "photo": (OPEN | DONE, None),            # staff attach one to the answer, or to the card
    "answer": (OPEN | DONE, "answered"),     # it stands in the first thread; only an accepted one is published
    "posted": (MEANT, None),                 # in one more thread, by a person's hand or by the network
    "close": (frozenset({"answered"}), "closed"),
    "reopen": (DONE | {"not_examined", "merged"}, "assigned"),  # merged: the card that answered for it is done
    "rate": (DONE | {"not_examined", "merged"}, None),       # by the citizen: solved or not, and a mark for the answer
    "not_examine": (OPEN, "not_examined"),   # on a ground of the law, by a head; the number stays
    "file": (OPEN, "closed"),                # an imported card that its own system has closed already
    "erase": (frozenset(STATUSES), None),    # texts and salts of its entries were destroyed: why, by whom (Law 94-V)
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
    "receive": frozenset({"press", "officer", "head", "controller"}),   # at the reception desk, and codes given out there
    "accept": frozenset({"officer", "head", "controller"}),
    "redirect": frozenset({"officer", "head", "controller"}),
    # A number once given is taken back only by those who answer for the register.
    "void": frozenset({"head", "controller"}),
    "assign": frozenset({"officer", "head", "controller"}),
    "ask": frozenset({"press", "officer", "head", "controller"}),
    "reply": frozenset({"press", "officer", "head", "controller", "citizen"}),
    "interim": frozenset({"officer", "head", "controller"}),
    "extend": frozenset({"head", "controller"}),
    "pause": frozenset({"officer", "head", "controller"}),
    "resume": frozenset({"officer", "head", "controller"}),
    "recount": frozenset({"head", "controller"}),
    "redirect_outside": frozenset({"officer", "head", "controller"}),
    "external": frozenset({"press", "officer", "head", "controller"}),
    "guide": frozenset({"press", "officer", "head", "controller"}),
    "tell": frozenset({"press", "officer", "head", "controller"}),
    "merge": frozenset({"officer", "head", "controller"}),
    "unmerge": frozenset({"officer", "head", "controller"}),
    "draft": frozenset({"press", "officer", "head", "controller"}),
    "return": frozenset({"officer", "head", "controller"}),
    "approve": frozenset({"officer", "head", "controller"}),    # an officer only where the office says so
    "publish": frozenset({"press", "officer", "head", "controller"}),
    "photo": frozenset({"press", "officer", "head", "controller"}),
    "posted": frozenset({"press", "officer", "head", "controller"}),
    "close": frozenset({"officer", "head", "controller"}),
    "reopen": frozenset({"officer", "head", "controller", "citizen"}),
    "rate": frozenset({"citizen"}),
    # By a head only: to leave a message unexamined takes a right away.
    "not_examine": frozenset({"head"}),
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

BOT_SERIES = "ЧБ"
"""Чат-бот: written to our bot in private."""

DESK_SERIES = "ҚБ"
"""Қабылдау: a personal reception or a call, entered by a clerk."""

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


def form_of(series: str, form: str) -> str:
    """An office's form of numbers for another series, so that two series never share a number."""
    if series == SERIES or "{series}" in form:
        return form
    return form.replace(SERIES, "{series}") if SERIES in form else f"{{series}}-{form}"


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
    own: Mapping[str, datetime] = field(default_factory=dict)
    """Its own dates, `due_first` and `due_final`, without those of the cards merged into it."""
    members: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    """The cards merged into it, with the dates they brought."""
    held: str | None = None
    """The status that a merged card goes back to."""
    merged_into: str | None = None
    external_number: str | None = None
    no_external: str | None = None
    ground: str | None = None
    extensions: int = 0
    reopenings: int = 0
    solved: bool | None = None
    mark: int | None = None
    paused_until: datetime | None = None
    """The clock of the final answer stands, at most until then."""

    def due(self, name: str) -> datetime | None:
        """The date that holds: no card merged into this one may get a later one than it had."""
        dates = [dates[name] for dates in (self.own, *self.members.values()) if name in dates]
        return min(dates) if name in self.own else None

    @property
    def due_first(self) -> datetime | None:
        return self.due("due_first")

    @property
    def due_final(self) -> datetime | None:
        return self.due("due_final")


FOLDED = ("status", "akimat", "department", "responsible", "due_first", "due_final", "merged_into", "external_number",
          "no_external", "ground", "extensions", "reopenings", "solved", "mark", "paused_until")
"""Columns of `ticketing.tables.ticket` that hold the fold."""


DUES = ("due_first", "due_final")


def _dates(details: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(details[name]) for name in DUES if name in details}


def _reopened(state: State, details: Mapping[str, Any]) -> State:
    # a new term for all that it answers for: the dates that its members brought were kept or missed with the last answer
    return replace(state, own=_dates(details), members={n: {} for n in state.members}, reopenings=state.reopenings + 1, ground=None,
                   merged_into=None, held=None, paused_until=None)


def _absorbed(state: State, details: Mapping[str, Any]) -> State:
    if details["member"] in state.members:
        raise ValueError(f"{details['member']} is merged into it already")
    return replace(state, members={**state.members, details["member"]: _dates(details)})


def _member(state: State, details: Mapping[str, Any]) -> Mapping[str, datetime]:
    if details["member"] not in state.members:
        raise ValueError(f"{details['member']} is not merged into it")
    return state.members[details["member"]]


def _released(state: State, details: Mapping[str, Any]) -> State:
    _member(state, details)
    return replace(state, members={n: dates for n, dates in state.members.items() if n != details["member"]})


def _extended(state: State, details: Mapping[str, Any]) -> State:
    if "member" in details:     # the card that answers for all is told that one of its members has longer
        longer = {**_member(state, details), **_dates(details)}
        return replace(state, members={**state.members, details["member"]: longer})
    return replace(state, own={**state.own, **_dates(details)}, extensions=state.extensions + 1)


def _corrected(state: State, details: Mapping[str, Any]) -> State:
    return replace(state, entered={**state.entered, **{k: details[k] for k in CORRECTED if k in details}},
                   own={**state.own, **_dates(details)})


def _dated(state: State, details: Mapping[str, Any]) -> State:
    return replace(state, own={**state.own, **_dates(details)})


def _rated(state: State, details: Mapping[str, Any]) -> State:
    return replace(state, solved=details.get("solved", state.solved), mark=details.get("mark", state.mark))


_CHANGES: Mapping[str, Callable[[State, Mapping[str, Any]], State]] = MappingProxyType({
    "merge": lambda s, d: replace(s, merged_into=d["into"], held=s.status),
    "unmerge": lambda s, d: replace(s, merged_into=None, held=None, status=s.held or "registered"),
    "absorb": _absorbed,
    "release": _released,
    "extend": _extended,
    "pause": lambda s, d: replace(s, paused_until=datetime.fromisoformat(d["until"])),
    "resume": lambda s, d: replace(_dated(s, d), paused_until=None),
    "recount": _dated,
    "reopen": _reopened,
    "correct": _corrected,
    "rate": _rated,
    "external": lambda s, d: replace(s, external_number=d.get("external_number"), no_external=d.get("no_external")),
    "not_examine": lambda s, d: replace(s, ground=d["ground"]),
    "answer": lambda s, _d: replace(s, solved=None, mark=None),    # what the citizen said was about the answer before
})
"""What an action changes beside the status and who answers."""


def step(state: State | None, action: str, details: Mapping[str, Any]) -> State:
    """The state after one more entry; None before the first. Raises ValueError for a forbidden move, KeyError for an
    unknown action or a registration without a number."""
    if state is None:
        if action != "register":
            raise ValueError(f"the first entry is {action!r}, not 'register'")
        return State(details["number"], "registered", details.get("akimat"), details.get("department", ""),
                     details.get("responsible"), entered=details, own=_dates(details),
                     external_number=details.get("external_number"))
    if not allowed(action, state.status):
        raise ValueError(f"{action!r} is not allowed on a ticket that is {state.status!r}")
    change = _CHANGES.get(action)
    changed = change(state, details) if change is not None else state
    known = {"akimat": state.akimat, "department": state.department, "responsible": state.responsible}
    given = {key: details[key] for key in known if key in details}
    reason = details.get("reason", state.reason) if "department" in details else state.reason
    return replace(changed, status=MOVES[action][1] or changed.status, reason=reason, **(known | given))


def fold(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> State | None:
    """The state after `(action, details)` in their order; None without entries. Raises as `step` does."""
    state: State | None = None
    for action, details in entries:
        state = step(state, action, details)
    return state
