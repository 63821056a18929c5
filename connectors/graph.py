"""Meta's Graph API, as Instagram, Facebook, Threads and WhatsApp share it: asking, errors, usage, pages.

Errors: https://developers.facebook.com/docs/graph-api/guides/error-handling ; limits and usage headers:
https://developers.facebook.com/docs/graph-api/overview/rate-limiting ; WhatsApp's own codes:
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
The token goes into a header: addresses get into logs, and `paging.next` carries it, so only `cursors.after` is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.base import Http, Response
from connectors.errors import (
    GONE,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
)
from connectors.fields import document, part
from connectors.markup import one_line
from connectors.posting import post_once

VERSION = "v25.0"
LIMITS = "https://developers.facebook.com/docs/graph-api/overview/rate-limiting"
_LIMITED = {4, 17, 32, 341, 368, 613, *range(80000, 80015), 130429, 131048, 131056, 133016}
_REFUSED = {0, 3, 10, 102, 190, *range(200, 300), 131005, 131031}
_PASSING = {1, 2, 131000, 131016, 133004}
_UNSAID = 600.0
"""Seconds to wait where Meta limits us without an estimate: its windows roll over an hour, and asking on counts against them."""


class Gone(BadPayload):
    """The object was deleted, or is not ours to see (code 100 with subcode 33, code 803)."""


async def read(http: Http, url: str, token: str, where: str, params: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """The JSON object under an address, and its bytes. Raises what an error in it stands for."""
    try:
        answer = await http.get(url, params=params, headers={"Authorization": f"Bearer {token}"})
    except SourceError as e:
        raise explained(e, where) from None
    return _checked(answer, where), answer.body


async def write(http: Http, url: str, token: str, where: str, *, form: Mapping[str, str] | None = None,
                json: Any = None) -> dict[str, Any]:
    """Post once. Raises CannotAnswer where what is answered is gone, Transient(sent=True) where the outcome is not known."""
    try:
        answer = await post_once(http, url, data=form, json=json, headers={"Authorization": f"Bearer {token}"})
    except SourceError as e:
        failed = explained(e, where)
    else:
        try:
            found = document(answer.body, where)
        except BadPayload as e:
            raise Transient(str(e), answer.body, sent=True) from None
        if "error" not in found:
            return found
        failed = _failed(part(found, "error"), answer.headers, answer.body, where)
    if isinstance(failed, Gone):
        raise CannotAnswer(GONE)
    if isinstance(failed, Transient):
        raise Transient(str(failed), failed.payload, sent=True)
    raise failed


async def allowed(http: Http, url: str, token: str, where: str, what: str, params: Mapping[str, str] | None = None) -> str:
    """One line of a probe: whether `what` can be read."""
    try:
        await read(http, url, token, where, {"limit": "1", **(params or {})})
    except (AuthError, BadPayload) as e:
        return f"may not read {what} ({e})"
    return f"reads {what}"


def made(answer: Mapping[str, Any], where: str) -> str:
    """The id of what was posted."""
    name = answer.get("id")
    if not isinstance(name, str) or not name or len(name) > 200:
        raise Transient(f"{where}: it took the answer, but does not say under which id", sent=True)
    return name


def _checked(answer: Response, where: str) -> dict[str, Any]:
    found = document(answer.body, where)
    if "error" in found:
        raise _failed(part(found, "error"), answer.headers, answer.body, where)
    return found


def explained(error: SourceError, where: str) -> SourceError:
    """`error` as Graph explains it in its body; itself where it does not."""
    try:
        found = json.loads(error.payload)
    except (ValueError, RecursionError):
        return error
    told = found.get("error") if isinstance(found, dict) else None
    return _failed(told, error.headers, error.payload, where) if isinstance(told, dict) else error


def _failed(told: Mapping[str, Any], headers: Mapping[str, str], body: bytes, where: str) -> SourceError:
    code, sub = told.get("code"), told.get("error_subcode")
    said = f"{where}: {code} {one_line(str(told.get('message') or 'no message'))[:200]}"
    if not isinstance(code, int):
        return BadPayload(said, body)
    if code in _LIMITED:
        return RateLimited(said, regained(headers) or _UNSAID, body)
    if code in _REFUSED:
        return AuthError(f"{said}; get a new token, or grant the app what it lacks" if code in (0, 102, 190) else said, body)
    if code in _PASSING or told.get("is_transient") is True:
        return Transient(said, body)
    if (code == 100 and sub == 33) or code == 803:
        return Gone(said, body)
    return BadPayload(said, body)


def regained(headers: Mapping[str, str]) -> float | None:
    """Seconds until access is regained, by the usage headers (they give minutes)."""
    try:
        usage = json.loads(headers.get("x-business-use-case-usage", ""))
        minutes = [one.get("estimated_time_to_regain_access") for uses in usage.values() for one in uses]
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None
    known = [float(m) for m in minutes if isinstance(m, int | float) and not isinstance(m, bool) and math.isfinite(m) and m > 0]
    return min(max(known), 1440.0) * 60 if known else None


def after(answer: Mapping[str, Any]) -> str | None:
    """The mark of the next page; None on the last one, which has no `next`."""
    paging = part(answer, "paging")
    mark = part(paging, "cursors").get("after")
    return mark if paging.get("next") and isinstance(mark, str) and 0 < len(mark) <= 2000 else None


def span(moments: list[datetime]) -> tuple[int, int] | None:
    """Unix time of the oldest and the newest."""
    return (int(min(moments).timestamp()), int(max(moments).timestamp())) if moments else None
