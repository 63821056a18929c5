"""What a bot decides to do after its transaction: values, so that deciding is plain and saying can be tried again."""

from __future__ import annotations

from dataclasses import dataclass

from ticketing.notify.buttons import Rows


@dataclass(frozen=True, slots=True)
class Say:
    """Send a message; `ticket` makes it a card that is edited when it is taken, `asks` wants a reply to it.

    `dialogue` (chat, account, nonce) is the question of a dialogue: once it is said, the dialogue knows that it was asked.
    """

    chat: int
    html: str
    rows: Rows = ()
    ticket: str | None = None
    account: int = 0
    asks: bool = False
    dialogue: tuple[int, int, int] | None = None
    about: str | None = None
    """The card whose words are in it: an erasure calls it back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a press brings up at once; every press gets one."""

    query: str
    text: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Change a message."""

    chat: int
    message: int
    html: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Show:
    """Send a photo that Telegram has already, by its file id."""

    chat: int
    file: str
    html: str = ""
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring a photo from Telegram into the database."""

    photo: int


@dataclass(frozen=True, slots=True)
class Menu:
    """Set the list of commands of a chat, in its language. https://core.telegram.org/bots/api#setmycommands"""

    chat: int
    commands: tuple[tuple[str, str], ...]


Effect = Say | Answer | Edit | Show | Fetch | Menu
