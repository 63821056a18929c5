"""The four ways asking a network can fail, named by what to do next. Anything else propagates: it is our bug.

    SourceError
    ├── AuthError      tell the operator, ask again after hours
    ├── RateLimited    wait `retry_after` seconds, to the second
    ├── Transient      back off and try again
    └── BadPayload     keep the cursor, keep the payload aside, tell the operator

Answering a post can fail in one more way, `CannotAnswer`: a person does it by hand.

`error_for` is the one table from a status (of HTTP, or of an error inside a body with HTTP 200) to one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.languages import N_


class SourceError(Exception):
    """Asking a source failed; the message is one line for the operator and holds no secret."""

    def __init__(self, message: str, payload: bytes = b"") -> None:
        super().__init__(message)
        self.payload = payload
        """What the network answered, where it did: connectors read documented error bodies from it."""
        self.status = 0
        """Its HTTP status; 0 where the failure is no answer."""
        self.headers: Mapping[str, str] = {}
        """The headers of that answer, in lower case: some networks say there how long to wait."""


class AuthError(SourceError):
    """The network refuses us (401, 403, a revoked token): asking again soon cannot help."""


class RateLimited(SourceError):
    """The network told us to wait."""

    def __init__(self, message: str, retry_after: float, payload: bytes = b"") -> None:
        super().__init__(message, payload)
        self.retry_after = retry_after
        """Seconds from now, as the network said."""


class Transient(SourceError):
    """Time-outs, resets, 5xx: the same request may work later."""

    def __init__(self, message: str, payload: bytes = b"", sent: bool = False) -> None:
        super().__init__(message, payload)
        self.sent = sent
        """Whether what was to be posted may stand there all the same: asking again could say it twice."""


class BadPayload(SourceError):
    """The answer is not what the network documents (damaged feed, changed page layout)."""


class CannotAnswer(Exception):
    """This post cannot be answered through the network. The message is why: one of the reasons below, or a line of English
    that has its Kazakh and Russian in a catalogue."""


CLOSED = N_("comments under this post are closed")
TOO_LATE = N_("the network lets us answer only for a limited time, and it is over")
NO_DIALOGUE = N_("the network does not let us write to a person who has not written to us")
GONE = N_("the post is no longer there")
TOO_LONG = N_("the answer is longer than the network takes")
NOT_ALLOWED = N_("our account may not write there")

UNSAID = 60.0
"""Seconds to wait where a network limits us without saying for how long."""

_REFUSED = {401, 402, 403, 407, 451}
_PASSING = {408, 409, 421, 423, 424, 425}


def error_for(status: int, message: str, retry_after: float | None = None, payload: bytes = b"") -> SourceError:
    """The error that a status stands for (RFC 9110). 404, 410 and other 4xx say that the address or our request is
    not what the network documents: the operator is told and it is tried again, for a site under repair comes back."""
    if status == 429 or (status >= 500 and retry_after is not None):  # 503 with Retry-After: RFC 9110, 10.2.3
        return RateLimited(message, UNSAID if retry_after is None else retry_after, payload)
    if status in _REFUSED:
        return AuthError(message, payload)
    if status in _PASSING or status >= 500:
        return Transient(message, payload)
    return BadPayload(message, payload)
