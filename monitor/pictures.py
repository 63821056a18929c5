"""Brings what is attached to cards, beside the line: by the connector where its network hands it out to us alone, else from the
address that the post names, which must be one of the open web."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

import aiohttp
import structlog
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from connectors.base import HandsOut, Http
from connectors.errors import RateLimited, SourceError, Transient
from monitor.forever import for_ever
from monitor.http import AGENT
from monitor.limits import Account, Limiter, Paced
from monitor.store.engine import Database
from ticketing import pictures
from ticketing.pictures import LARGEST, NoPicture, Wanted

log = structlog.get_logger("pictures")

LOOK = 5.0
"""Seconds between two looks."""
TIMEOUT = 20.0
MOST_REDIRECTS = 3


class Elsewhere(Exception):
    """An address that is not asked, or that has no picture; the message is one line without the address."""


class _Open(AbstractResolver):
    """Names of the open web alone: an address that a stranger wrote must not lead into our own network."""

    def __init__(self) -> None:
        self._inner = DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """Only addresses that anybody in the world can reach."""
        found = [one for one in await self._inner.resolve(host, port, family) if ip_address(one["host"].partition("%")[0]).is_global]
        if not found:
            raise OSError(None, "not an address of the open web")
        return found

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._inner.close()


class OpenWeb:
    """Asks addresses that strangers wrote. `anywhere` lifts the rule that they must be of the open web: for tests."""

    def __init__(self, anywhere: bool = False) -> None:
        self._anywhere = anywhere
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def picture(self, address: str) -> bytes:
        """What the address gives, if it says that it is a picture. Raises Elsewhere, Transient."""
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=None if self._anywhere else _Open(), limit=4)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
                                                  headers={"User-Agent": AGENT, "Accept": "image/*"})
        try:
            url = yarl.URL(address)
            for _ in range(MOST_REDIRECTS + 1):
                self._may(url)
                async with self._session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(TIMEOUT)) as said:
                    if said.status in (301, 302, 303, 307, 308):
                        url = url.join(yarl.URL(said.headers.get("Location", "")))
                        continue
                    return await self._read(said)
            raise Elsewhere("the address leads on and on")
        except (TimeoutError, aiohttp.ClientError, OSError) as e:
            raise Transient(f"no answer ({type(e).__name__})") from None
        except ValueError:
            raise Elsewhere("not a web address") from None

    def _may(self, url: yarl.URL) -> None:
        if url.scheme not in ("http", "https") or not url.host or url.user is not None:
            raise Elsewhere("not a web address")
        if self._anywhere:
            return
        try:
            literal = ip_address(url.host)
        except ValueError:
            return      # a name: the resolver looks where it leads
        if not literal.is_global:
            raise Elsewhere("not an address of the open web")

    @staticmethod
    async def _read(said: aiohttp.ClientResponse) -> bytes:
        if said.status >= 500 or said.status == 429:
            raise Transient(f"HTTP {said.status}")
        if said.status != 200:
            raise Elsewhere(f"HTTP {said.status}")
        if not said.content_type.startswith("image/"):
            raise Elsewhere("no picture")
        if (said.content_length or 0) > LARGEST:
            raise Elsewhere("larger than 10 MB")
        body = bytearray()
        async for chunk in said.content.iter_chunked(65536):
            body += chunk
            if len(body) > LARGEST:
                raise Elsewhere("larger than 10 MB")
        return bytes(body)


class Pictures:
    """Brings pictures for as long as `run` runs. `connectors` gives those that run, by the name of their source; with a limiter
    what they ask is counted with the rest of their account."""

    def __init__(self, db: Database, http: Http, web: OpenWeb, connectors: Callable[[str], object | None],
                 clock: Callable[[], datetime], limiter: Limiter | None = None) -> None:
        self._limiter = limiter
        self._db, self._http, self._web, self._connectors, self._clock = db, http, web, connectors, clock
        self._news = True
        db.on_commit(self._ring)

    def _ring(self) -> None:
        self._news = True

    async def run(self) -> None:
        """For ever."""
        await for_ever(self.look, LOOK, log, down="the database cannot be used; pictures wait", fault="pictures cannot be brought")

    async def look(self) -> None:
        """Bring what waits."""
        if self._news:
            self._news = False
            try:
                while await self._db.read(pictures.missing):
                    await self._db.write(pictures.want, self._clock())
            except Exception:
                self._news = True   # not looked at yet
                raise
        while (wanted := await self._db.read(pictures.next_wanted, self._clock())) is not None:
            await self._bring(wanted)

    async def _bring(self, wanted: Wanted) -> None:
        try:
            content = wanted.photo if wanted.photo is not None else await self._fetched(wanted)
            made = await asyncio.to_thread(pictures.made, content)
        except (NoPicture, Elsewhere) as e:
            await self._db.write(pictures.not_had, wanted, str(e), self._clock(), False)
        except SourceError as e:
            again = isinstance(e, Transient | RateLimited)
            await self._db.write(pictures.not_had, wanted, f"the network does not give it: {_short(e)}", self._clock(), again)
        else:
            await self._db.write(pictures.kept, wanted.id, made)

    async def _fetched(self, wanted: Wanted) -> bytes:
        if not wanted.file:
            return await self._web.picture(wanted.media)
        connector: Any = self._connectors(wanted.source)
        if not isinstance(connector, HandsOut):
            raise Elsewhere("no source of ours can bring it")
        http = self._http
        if self._limiter is not None:
            http = Paced(http, self._limiter, Account.of(connector, wanted.source), sleep=asyncio.sleep)
        return await connector.file(http, wanted.file)


def _short(error: SourceError) -> str:
    return (str(error).splitlines() or [""])[0][:120]
