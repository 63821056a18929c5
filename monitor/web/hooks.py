"""Where networks call us: /hooks/SOURCE. Who calls is known by a signature that the source's connector checks, not by a session.

A body is answered with 200 only when the connector has it on the disk, and with 503 otherwise: networks then try again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import structlog
from aiohttp import web

from connectors.letterbox import Receipt

log = structlog.get_logger("hooks")

LARGEST = 3 * 1024 * 1024
"""Bytes of a body: Meta sends up to 3 MB, https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""
LONGEST = 30.0
"""Seconds in which a body must be there."""
SAID_EVERY = 60.0
"""Seconds between two lines in the log about what one source is sent and cannot be taken: anybody may call."""


@runtime_checkable
class Receiver(Protocol):
    """A connector that a network may call."""

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What the network wants to hear when the address is set up; None: nothing."""
        ...

    def receive(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Keep what was sent; returns when it is on the disk, or with the refusal of what is not signed as it should be. Raises
        OSError where it cannot be kept. Headers are in lower case. Called in a thread of its own."""
        ...


def routes(receivers: Callable[[str], object]) -> list[web.RouteDef]:
    """`receivers` gives the connector of a source, by its name."""
    said: dict[str, float] = {}

    def receiver(request: web.Request) -> Receiver:
        found = receivers(request.match_info["source"])
        if not isinstance(found, Receiver):
            raise web.HTTPNotFound
        return found

    async def set_up(request: web.Request) -> web.Response:
        word = receiver(request).challenge(request.query)
        if word is None:
            raise web.HTTPForbidden
        return web.Response(text=word, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    async def called(request: web.Request) -> web.Response:
        source, to = request.match_info["source"], receiver(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            body = await _whole(request)
            receipt = Receipt(413, 0, (f"the body has more than {LARGEST} bytes; send less at once",)) if body is None else \
                await asyncio.to_thread(to.receive, headers, body)
        except OSError as e:
            log.error("what a network sent cannot be kept; it is asked to send it again", source=source,
                      reason=e.strerror or type(e).__name__)
            raise web.HTTPServiceUnavailable from None
        if receipt.faults and time.monotonic() - said.get(source, float("-inf")) > SAID_EVERY:
            said[source] = time.monotonic()
            log.warning("what a source was sent is not taken as it is; its sender is told why", source=source, status=receipt.status,
                        reason=receipt.faults[0], faults=len(receipt.faults))
        if receipt.kept is not None:
            return web.json_response({"kept": receipt.kept, "faults": list(receipt.faults)}, status=receipt.status)
        if receipt.status == web.HTTPForbidden.status_code:
            raise web.HTTPForbidden
        return web.Response(text="ok", status=receipt.status)

    return [web.get("/hooks/{source}", set_up), web.post("/hooks/{source}", called)]


async def _whole(request: web.Request) -> bytes | None:
    """The body, however the pages are limited; None where it is too large."""
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    return None
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)
