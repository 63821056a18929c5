"""The signature of what Qulaq sends to other systems, and of what they push to it: one scheme for both ways.

    Qulaq-Signature: t=1795507200,v1=HEX         HMAC-SHA256 over "T.BODY" with the shared secret

While a secret is being replaced, several `v1` may stand there and several secrets may be valid.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

HEADER = "Qulaq-Signature"
TOLERANCE = 300
"""Seconds by which the clocks of both sides may differ; what is older was recorded and played again."""
_PARTS = 10


def signature(secret: str, at: int, body: bytes) -> str:
    """The header by which the receiver knows that it was us, and when."""
    return f"t={at},v1={_mac(secret, str(at), body)}"


def fault(said: str, secrets: Iterable[str], body: bytes, now: float) -> str | None:
    """Why `said` does not sign `body`, in one line of English; None where one of `secrets` made it less than five minutes ago.
    Compared in constant time, and with every secret, so that the time tells nothing."""
    if not said:
        return f"the header {HEADER} is missing; write t=UNIX_TIME,v1=HEX, the HMAC-SHA256 of UNIX_TIME, a dot and the body"
    fields = [part.strip().partition("=")[::2] for part in said.split(",", _PARTS)[:_PARTS]]
    at = next((value for name, value in fields if name == "t"), "")
    if not (at.isascii() and at.isdigit() and len(at) <= 12):
        return f"{HEADER} names no time; write t=UNIX_TIME,v1=HEX"
    given = [value.encode("utf-8", "replace") for name, value in fields if name == "v1"]
    expected = [_mac(secret, at, body).encode() for secret in secrets]
    if not sum(hmac.compare_digest(one, other) for one in given for other in expected):
        return f"{HEADER} does not fit the body; sign the raw body with the source's secret"
    if abs(now - int(at)) > TOLERANCE:
        return f"{HEADER} is {abs(now - int(at)):.0f} s away from our clock, more than {TOLERANCE}; sign anew, and set the clock"
    return None


def _mac(secret: str, at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
