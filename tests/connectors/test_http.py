"""The one way out: what it refuses, what it hides, how long it waits. Against real local servers."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from connectors.base import Response
from connectors.errors import AuthError, BadPayload, RateLimited, SourceError, Transient
from monitor.http import WebHttp, keys_in, retry_after, scrubbed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def refusal(handler: Handler, **options: float) -> SourceError:
    async with server(handler) as url, WebHttp(**options) as http:  # type: ignore[arg-type]
        with pytest.raises(SourceError) as caught:
            await http.get(f"{url}/start?token=hunter2hunter2")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "http://", "gopher:x"])
async def test_a_redirect_out_of_the_web_is_refused(target: str) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    assert type(await refusal(handler)) is BadPayload


async def test_redirects_end() -> None:
    asked = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        raise web.HTTPFound(f"/{len(asked)}")

    assert type(await refusal(handler)) is BadPayload
    assert len(asked) <= 7


async def test_what_is_posted_follows_no_redirect() -> None:
    asked = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with server(handler) as url, WebHttp() as http:
        with pytest.raises(BadPayload):
            await http.post(f"{url}/bot1:x/getUpdates", json={"a": 1})
    assert asked == ["/bot1:x/getUpdates"]


@pytest.mark.parametrize("packed", [False, True])
async def test_an_endless_answer_is_cut_also_when_it_is_packed(packed: bool) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        body = b"a" * 5_000_000
        return web.Response(body=gzip.compress(body) if packed else body, headers={"Content-Encoding": "gzip"} if packed else {})

    error = await refusal(handler, max_body=1_000_000)
    assert type(error) is BadPayload
    assert len(error.payload) <= 65536


async def test_a_server_that_trickles_is_left() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    error = await refusal(handler, timeout=0.3)
    assert type(error) is Transient
    assert "0.3 s" in str(error)


async def test_nobody_there_is_passing_and_says_where() -> None:
    async with WebHttp() as http:
        for url in ("http://127.0.0.1:9/feed", "http://no-such-host.invalid/feed"):
            with pytest.raises(Transient, match=url):
                await http.get(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "not a url", "http://[::1", "", "ftp://x/y"])
async def test_an_address_that_is_none_says_so(url: str) -> None:
    async with WebHttp() as http:
        with pytest.raises(BadPayload, match="check the address"):
            await http.get(url)


async def test_a_refused_certificate_passes_and_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired certificate is renewed; and it is no fault of the address, although the error is a ValueError as well."""
    expired = ssl.SSLCertVerificationError(1, "certificate verify failed")
    expired.verify_message = "certificate has expired"

    async def refuse(*_: object, **__: object) -> Response:
        raise aiohttp.ClientConnectorCertificateError(
            ConnectionKey("h", 443, True, True, None, None, None), expired)

    async with WebHttp() as http:
        monkeypatch.setattr(http, "_read", refuse)
        with pytest.raises(Transient, match="certificate is refused: certificate has expired"):
            await http.get("https://h/feed?token=hunter2hunter2")


@pytest.mark.parametrize("answer", [
    b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", b"",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
])
async def test_what_is_no_http_is_passing_and_one_line(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening, WebHttp(timeout=5) as http:
        with pytest.raises(Transient) as caught:
            await http.get(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/f?token=hunter2hunter2")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


async def test_no_cookie_is_kept_and_no_proxy_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    cookies = []

    async def handler(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response(text="ok")
        response.set_cookie("who", "we")
        return response

    async with server(handler) as url, WebHttp() as http:
        await http.get(url)
        await http.get(url)
    assert cookies == [None, None]


async def test_the_networks_own_words_are_in_the_error() -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "description": "bot was kicked"}, status=403)

    error = await refusal(handler)
    assert type(error) is AuthError
    assert "HTTP 403: bot was kicked" in str(error)


@pytest.mark.parametrize(("headers", "seconds"), [
    ({"retry-after": "30"}, 30.0), ({"retry-after": "0"}, 0.0), ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "Sun, 01 Mar 2026 07:01:00 GMT"}, 60.0),
    ({"retry-after": "Sun, 01 Mar 2026 06:00:00 GMT"}, 0.0),
    ({"retry-after": "Sun, 01 Mar 2026 07:01:00 GMT", "date": "Sun, 01 Mar 2026 07:00:50 GMT"}, 10.0),
    ({}, None), ({"retry-after": "soon"}, None), ({"retry-after": "-5"}, None), ({"retry-after": "9" * 40}, None),
])
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, datetime(2026, 3, 1, 7, tzinfo=UTC)) == seconds


async def test_the_networks_words_stay_on_one_line() -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, body=b'{"error": "a\n\x1b[2Jb\r"}')

    assert str(await refusal(handler)).endswith("HTTP 500: a [2Jb")


async def test_an_unsaid_wait_is_a_minute() -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=429)

    error = await refusal(handler)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 60.0


@pytest.mark.parametrize("text", [
    "https://api.telegram.org/bot4242424242:AAH-secretsecretsecretsecret01234/getUpdates",
    "https://user:AAH-secretsecretsecretsecret01234@host/feed", "https://h/?access_token=AAH-secretsecretsecretsecret01234&x=1",
    "token 4242424242:AAH-secretsecretsecretsecret01234 is wrong", "https://h/?API_KEY=AAH-secretsecretsecretsecret01234",
])
def test_secrets_are_scrubbed(text: str) -> None:
    assert "secretsecret" not in scrubbed(text)
    assert scrubbed("https://h/feed?page=2") == "https://h/feed?page=2"


def test_a_known_secret_is_scrubbed_anywhere() -> None:
    assert scrubbed("a пароль b п%D0 c", ["пароль"]) == "a *** b п%D0 c"
    assert "p%20w0rd!" not in scrubbed("http://h/p%20w0rd!", ["p w0rd!"])


def test_a_key_in_the_path_of_a_feed_is_scrubbed_and_a_headline_is_not() -> None:
    assert scrubbed("https://h.kz/feed/8f3c91ab22dd45ff8f3c91ab/rss.xml: HTTP 403") == "https://h.kz/feed/***/rss.xml: HTTP 403"
    assert keys_in("https://h.kz/private/AbC123dEf456GhI789jK") == ("AbC123dEf456GhI789jK",)
    for plain in ("https://h.kz/news/v-pavlodare-otklyuchat-vodu-24-noyabrya", "https://t.me/s/akimat_pavlodar_city"):
        assert scrubbed(plain) == plain


async def test_a_key_in_a_header_goes_to_no_other_server() -> None:
    heard: list[tuple[str | None, str | None]] = []

    def keep(request: web.Request) -> None:
        heard.append((request.headers.get("X-Api-Key"), request.headers.get("If-None-Match")))

    async def other(request: web.Request) -> web.StreamResponse:
        keep(request)
        return web.Response(text="ok")

    async with server(other) as elsewhere:
        async def handler(request: web.Request) -> web.StreamResponse:
            keep(request)
            raise web.HTTPFound("/inside" if request.path == "/start" else f"{elsewhere}/x")

        async with server(handler) as url, WebHttp() as http:
            assert (await http.get(f"{url}/start", headers={"X-Api-Key": "hunter2hunter2", "If-None-Match": '"1"'})).status == 200
    assert heard == [("hunter2hunter2", '"1"'), ("hunter2hunter2", '"1"'), (None, '"1"')]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_what_is_for_public_addresses_goes_to_no_private_one(host: str) -> None:
    async with server(lambda _: None) as url, WebHttp() as http:  # type: ignore[arg-type, return-value]
        with pytest.raises(BadPayload, match="private network"):
            await http.post(url.replace("127.0.0.1", host), json={}, public_only=True)
