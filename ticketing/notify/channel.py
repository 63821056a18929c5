"""What the outbox asks of a channel, and the ways sending can fail, named by what to do next.

    ChannelError
    ├── Wait          say nothing to this address (or to anybody) until the time is over
    ├── Unreachable   this address cannot be reached: dead, tell the duty officer instead
    │   └── Moved     it is another one now
    ├── Rejected      this message will never be taken: dead, tell the operator
    ├── Failing       the way there is broken: back off and try again
    └── Barred        the channel itself refuses us (token): stop, tell the operator, try again much later
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from ticketing.notify.reach import Address


class ChannelError(Exception):
    """A message was not sent; the text is one line for the operator and holds no secret."""


class Wait(ChannelError):
    """An order to wait, to be kept to the second."""


class Unreachable(ChannelError):
    """Blocked by its owner, gone, or never was."""


class Moved(Unreachable):
    """The address is another one now."""

    def __init__(self, words: str, address: Address) -> None:
        super().__init__(words)
        self.address = address


class Rejected(ChannelError):
    """The message itself is not taken."""


class Failing(ChannelError):
    """Time-outs, resets, 5xx."""


class Barred(ChannelError):
    """A wrong or revoked token."""


class Channel(Protocol):
    """A way to people or to another system. Moments are seconds of `steady`, which never goes back."""

    name: str

    def steady(self) -> float: ...

    def closed_until(self) -> float:
        """Until when nothing may be said to anybody."""
        ...

    def busy(self) -> Mapping[Any, float]:
        """Addresses that must not be spoken to yet, and until when."""
        ...

    def orders(self) -> Mapping[Any, float]:
        """Orders to wait that are in force: seconds left by address; None is everybody."""
        ...

    def recall(self, orders: Mapping[Address | None, float]) -> None:
        """Keep orders that an earlier process was given."""
        ...

    async def send(self, letter: Any, now: datetime) -> Mapping[str, Any]:
        """Send and return the channel's handle of what was sent, or raise a ChannelError."""
        ...
