"""The one way out to the networks: asks over HTTP, reads to the end, turns every failure into one of the four errors.

It keeps no cookies, uses no proxy, follows few redirects and only to http and https, and lets no secret into an error.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

import aiohttp
import yarl

from connectors.base import Response
from connectors.errors import BadPayload, Transient, error_for
from connectors.markup import one_line

MAX_BODY = 20 * 1024 * 1024
"""Bytes of one answer, after decompression; a feed of 10 MB must still fit."""
MAX_REDIRECTS = 5
TIMEOUT = 30.0
AGENT = "Qulaq/0.1 (monitor of public posts)"
_LONGEST_WAIT = 30 * 86400.0

# What in an address may let someone in: user:password@, the token of the Telegram Bot API, tokens in the query.
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_BOT_TOKEN = re.compile(r"\b(?:bot)?\d{5,}:[A-Za-z0-9_-]{20,}|/bot[^/\s]+")
_QUERY = re.compile(r"(?i)([?&;](?:[a-z_]*(?:token|key|secret|password|passwd|auth|sig|signature))=)[^&;\s'\")]+")


# A long run of letters and digits as a part of a path: a key that a feed's address carries (https://h/feed/8f3c…/rss.xml).
_IN_PATH = re.compile(r"(?<=/)(?=[A-Za-z0-9_~-]*\d)(?=[A-Za-z0-9_~-]*[A-Za-z])[A-Za-z0-9_~-]{20,}(?=[/?#\s'\")]|$|\.\w+)")
_ADDRESS = re.compile(r"https?://[^\s'\"<>]+")
_WORDS = re.compile(r"[A-Za-zА-я]+(?:[-_][A-Za-z0-9]+){2,}")


def _without_keys(found: re.Match[str]) -> str:
    """An address whose path parts that look like keys are hidden; a slug of words is none."""
    return _IN_PATH.sub(lambda part: part[0] if _WORDS.fullmatch(part[0]) else "***", found[0])


def keys_in(address: str) -> tuple[str, ...]:
    """Parts of an address' path that look like keys."""
    return tuple(part for found in _ADDRESS.findall(address) for part in _IN_PATH.findall(found) if not _WORDS.fullmatch(part))


def scrubbed(text: str, secrets: Sequence[str] = (), *, paths: bool = True) -> str:
    """`text` without `secrets` and without what looks like one in an address; with `paths=False` the parts of paths stay, for
    texts full of addresses whose long parts are the ids of posts."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***").replace(str(yarl.URL.build(path=f"/{secret}"))[1:], "***")
    if paths:
        text = _ADDRESS.sub(_without_keys, text)
    return _QUERY.sub(r"\1***", _BOT_TOKEN.sub("/bot***", _USERINFO.sub("***@", text)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait as `Retry-After` says (RFC 9110, 10.2.3); a date counts from the server's own clock if sent."""
    value = headers.get("retry-after", "").strip()
    try:
        if not value:
            return _until_reset(headers, now)
        if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
            seconds = float(value)
        else:
            sent = headers.get("date")
            seconds = (_date(value) - (_date(sent) if sent else now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """The same where a network says it in another header: RateLimit-Reset in seconds from now (the IETF draft) or as Unix time
    (Bluesky), X-RateLimit-Reset as an ISO time (Mastodon) or Unix time."""
    value = headers.get("ratelimit-reset") or headers.get("x-ratelimit-reset") or ""
    if re.fullmatch(r"\d{1,12}", value):
        seconds = float(value) - (now.timestamp() if float(value) > 1e9 else 0.0)
    elif value:
        seconds = (datetime.fromisoformat(value) - now).total_seconds()
    else:
        return None
    return min(max(seconds, 1.0), _LONGEST_WAIT)


def _date(value: str) -> datetime:
    parsed = parsedate_to_datetime(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class WebHttp:
    """`connectors.base.Http` over aiohttp; one for the whole program, closed with it."""

    def __init__(self, *, timeout: float = TIMEOUT, max_body: int = MAX_BODY, secrets: Sequence[str] = ()) -> None:
        self._timeout = timeout
        self._max_body = max_body
        self._secrets = tuple(secrets)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None,
                  params: Mapping[str, str] | None = None, timeout: float | None = None) -> Response:
        """Read an address. Where it redirects to another server, that one hears no header in which a key may be."""
        own: dict[str, Any] = {"middlewares": (_own_headers(url, headers),)} if headers else {}
        return await self._ask("GET", url, timeout, headers=headers, params=params, max_redirects=MAX_REDIRECTS, **own)

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None, public_only: bool = False) -> Response:
        """Send JSON or a form. No redirects: what was sent is meant for this address alone."""
        return await self._ask("POST", url, timeout, public_only, headers=headers, json=json, data=data, allow_redirects=False)

    async def _ask(self, method: str, url: str, timeout: float | None, public_only: bool = False, **asked: Any) -> Response:
        where = scrubbed(url, self._secrets)
        try:
            answer = await self._read(method, url, timeout, public_only, **asked)
        except aiohttp.ClientConnectorCertificateError as e:  # a ValueError too, see below
            raise Transient(f"{where}: {_why(e)}") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.TooManyRedirects, ValueError) as e:
            # `from None` here and below: the original error may quote the address with its secrets.
            raise BadPayload(f"{where}: {_why(e)}; check the address") from None
        except TimeoutError:
            raise Transient(f"{where}: no answer within {timeout or self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as e:
            if _PRIVATE in str(e):
                raise BadPayload(f"{where}: {_PRIVATE}, which is not allowed; check the address, or allow it in the config") from None
            raise Transient(f"{where}: {scrubbed(_why(e), self._secrets)}") from None
        if answer.status == 304 or 200 <= answer.status < 300:
            return answer
        wait = retry_after(answer.headers, datetime.now(UTC))
        failed = error_for(answer.status, f"{where}: HTTP {answer.status}{_said(answer)}", wait, answer.body)
        failed.status, failed.headers = answer.status, answer.headers
        raise failed

    async def _read(self, method: str, url: str, timeout: float | None, public_only: bool, **asked: Any) -> Response:
        session = self._sessions.get(public_only)
        if session is None:     # one for public addresses apart: a connection kept open to a private one must not serve it
            connector = aiohttp.TCPConnector(socket_factory=_public_socket) if public_only else None
            session = self._sessions[public_only] = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, headers={"User-Agent": AGENT})
        limit = aiohttp.ClientTimeout(total=timeout or self._timeout, sock_connect=10)
        async with session.request(method, url, timeout=limit, **asked) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(65536):
                body += chunk
                if len(body) > self._max_body:
                    raise BadPayload(f"{scrubbed(url, self._secrets)}: an answer of more than "
                                     f"{self._max_body // 1024 // 1024} MiB", bytes(body[:65536]))
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, bytes(body), str(answer.url))


_HARMLESS = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since"})
_PRIVATE = "leads to this machine or a private network"


def _public_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for one address of a host, where it is a public one. Asked with the very address that will be connected to, so a name
    that resolves otherwise the second time gains nothing. Raises OSError."""
    family, kind, protocol, _, where = address
    found = ip_address(str(where[0]).partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    if not found.is_global or found.is_multicast:
        raise OSError(errno.EACCES, _PRIVATE)
    return socket.socket(family, kind, protocol)


def _own_headers(url: str, headers: Mapping[str, str]) -> aiohttp.ClientMiddlewareType:
    """Takes `headers` away from requests to another server than that of `url`, but for those by which a feed answers 304. aiohttp
    itself only takes Authorization and cookies."""
    async def asked(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.origin() != yarl.URL(url).origin():
            for name in headers:
                if name.lower() not in _HARMLESS:
                    request.headers.popall(name, None)
        return await handler(request)
    return asked


def _why(error: BaseException) -> str:
    """One line that names a failure of the connection."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        said = getattr(error.certificate_error, "verify_message", "") or "not valid for this address"
        return f"the server's certificate is refused: {one_line(said)}"
    if isinstance(error, aiohttp.NonHttpUrlRedirectClientError):
        return "leads out of the web"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | ValueError):
        return "not a web address that can be asked"
    if isinstance(error, aiohttp.TooManyRedirects):
        return "redirected in circles"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer was cut off"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is no HTTP that can be read: {one_line(error.message)[:200]}"
    words = str(error).strip().splitlines()
    return words[0] if words else type(error).__name__


def _said(answer: Response) -> str:
    """The network's own words of an error, where they are short JSON (`description`: Bot API; `error`: Mastodon)."""
    found = re.search(rb'"(?:description|error|message)"\s*:\s*"([^"\\]{1,200})"', answer.body[:4096])
    return f": {one_line(found[1].decode('utf-8', 'replace'))}" if found else ""
