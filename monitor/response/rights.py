"""Who may do what about a surge, as one table, like `ticketing.ticket.MAY`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DECIDERS = frozenset({"press", "head", "controller"})

MAY: Mapping[str, frozenset[str]] = MappingProxyType({
    "confirm": _DECIDERS,      # the signs hold: a person has looked at them
    "dismiss": _DECIDERS,      # they do not
    "watch": _DECIDERS,        # too early to say
    "note": _DECIDERS,
    "draft": _DECIDERS,        # write over the machine's draft of a dossier or an explanation
    "explain": _DECIDERS,      # the explanation was given out
    "send": _DECIDERS,         # a dossier went to an official channel
    "outcome": _DECIDERS,      # what came of it
})

DECISIONS = ("confirm", "dismiss", "watch")
"""What settles a flag; anything else only stands beside it."""

NEEDS_A_NOTE = ("note", "outcome")


def may(role: str, action: str) -> bool:
    """Whether a role may do it at all (the akimat is checked apart)."""
    return role in MAY.get(action, frozenset())
