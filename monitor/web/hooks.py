"""Where networks call us: /hooks/SOURCE. Who calls is known by a signature that the source's connector checks, not by a session.

A body is answered with 200 only when the connector has it on the disk, and with 503 otherwise: networks then try again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import structlog
from aiohttp import web

log = structlog.get_logger("hooks")


@runtime_checkable
class Receiver(Protocol):
    """A connector that a network may call."""

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What the network wants to hear when the address is set up; None: nothing."""
        ...

    def receive(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Keep what was sent; returns when it is on the disk. False where it is not signed as it should be. Raises OSError.
        Headers are in lower case. Called in a thread of its own."""
        ...


def routes(receivers: Callable[[str], object]) -> list[web.RouteDef]:
    """`receivers` gives the connector of a source, by its name."""

    def receiver(request: web.Request) -> Receiver:
        found = receivers(request.match_info["source"])
        if not isinstance(found, Receiver):
            raise web.HTTPNotFound
        return found

    async def set_up(request: web.Request) -> web.Response:
        said = receiver(request).challenge(request.query)
        if said is None:
            raise web.HTTPForbidden
        return web.Response(text=said, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    async def called(request: web.Request) -> web.Response:
        to = receiver(request)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            kept = await asyncio.to_thread(to.receive, headers, body)
        except OSError as e:
            log.error("what a network sent cannot be kept; it is asked to send it again", source=request.match_info["source"],
                      reason=e.strerror or type(e).__name__)
            raise web.HTTPServiceUnavailable from None
        if not kept:
            raise web.HTTPForbidden
        return web.Response(text="ok")

    return [web.get("/hooks/{source}", set_up), web.post("/hooks/{source}", called)]
