"""What a button carries. All a press needs lies in it, so that it works after any restart. Pure.

Telegram allows 64 bytes: https://core.telegram.org/bots/api#inlinekeyboardbutton; a ticket goes by its id, not its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "accept", "not_ours", "redirect", "type", "back", "next", "show", "language",
    # on a whole card
    "assign", "ask", "reply", "interim", "extend", "outside", "take_back", "draft", "approve", "return", "publish", "close",
    "photo", "not_examine", "reopen", "merge", "dismiss", "unmerge", "pause", "resume", "recount",
    # of lists and dialogues; `ticket` is the page, or the dialogue's nonce
    "page", "send", "change", "cancel"]

_LETTERS: dict[str, Action] = {"a": "accept", "x": "not_ours", "r": "redirect", "t": "type", "b": "back", "n": "next",
                               "s": "show", "l": "language",
                               "g": "assign", "q": "ask", "y": "reply", "i": "interim", "e": "extend", "o": "outside",
                               "k": "take_back", "d": "draft", "v": "approve", "u": "return", "p": "publish", "c": "close",
                               "h": "photo", "z": "not_examine", "w": "reopen", "m": "merge", "j": "dismiss", "f": "unmerge",
                               "0": "page", "1": "send", "2": "change", "3": "cancel",
                               "4": "pause", "5": "resume", "6": "recount"}
_OF = {action: letter for letter, action in _LETTERS.items()}
_LARGEST = 2**63 - 1
"""A database's largest id: who writes their own Telegram client can put any number into a press."""
_FORM = re.compile(r"([a-z0-6])(?::(\d{1,19}))?(?::([0-9a-z]{1,20}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Press:
    """A button's meaning: what to do, with which ticket (id), and what was chosen: akimat, language, person ...; "w" is a press
    on a whole card."""

    action: Action
    ticket: int = 0
    choice: str = ""

    def __str__(self) -> str:
        return f"{_OF[self.action]}:{self.ticket}:{self.choice}".rstrip(":")


def pressed(data: str) -> Press | None:
    """The meaning of a button's data; None for what is not ours."""
    found = _FORM.fullmatch(data)
    if found is None or found[1] not in _LETTERS or int(found[2] or 0) > _LARGEST:
        return None
    return Press(_LETTERS[found[1]], int(found[2] or 0), found[3] or "")


@dataclass(frozen=True, slots=True)
class Button:
    """A button as it is shown."""

    text: str
    press: Press


Rows = tuple[tuple[Button, ...], ...]
