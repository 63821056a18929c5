"""What a message lacks to be an official appeal (АППК Art. 63) [V]. Pure: what was found in it comes in.

A post is a message, not an appeal: it is registered here all the same, and the citizen is shown the way to e-Otinish.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from config.languages import N_
from ticketing.ticket import DESK_SERIES

RECEPTION = DESK_SERIES
"""Series of personal receptions and calls."""

PARTS = {
    "full_name": N_("full name"), "iin": N_("IIN"), "address": N_("postal address"), "addressee": N_("addressee"),
    "substance": N_("what it is about"), "date": N_("date"), "signature": N_("signature"),
}
_FOUND_BY = {"full_name": "name", "iin": "iin", "address": "address"}

APPEALS = frozenset({"application", "complaint"})
"""What the law calls an appeal: жолданым is only a заявление or a жалоба [S]."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element of an appeal and whether the message has it."""

    code: str
    there: bool


def parts(personal: Collection[str], addressee: bool, substance: bool) -> list[Part]:
    """The elements of Art. 63. `personal` holds the kinds of personal data found; a post never has a signature."""
    there = {"addressee": addressee, "substance": substance, "date": True, "signature": False}
    return [Part(code, there[code] if code in there else _FOUND_BY[code] in personal) for code in PARTS]


def owes_number(series: str, kind: str, external: str | None, no_external: str | None) -> bool:
    """Whether a personal reception or a call is a real appeal without its official number, or the reason why there is none."""
    return series == RECEPTION and kind in APPEALS and not external and not no_external
