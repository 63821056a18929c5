"""The application on a real database, with a clock that the test moves, and browsers that are signed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from chromium import chromium, chromium_server  # noqa: F401 - fixtures
from web_client import Browser, sign_in
from web_scene import NOW, make_service, put_morning, put_people, put_sources

from config.knowledge import load_knowledge
from monitor.core.knowledge import Knowledge
from monitor.live import Live
from monitor.store.engine import Database
from monitor.web import WebOptions, build
from ticketing.service import Service


class Clock:
    """Says what it was told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def go(self, **ahead: float) -> None:
        self.now += timedelta(**ahead)


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def staff(db: Database) -> dict[str, int]:
    return put_people(db)


@pytest.fixture
def morning(db: Database, service: Service, staff: dict[str, int]) -> list[int]:
    """The scene's posts by their place in MORNING."""
    put_sources(db)
    return put_morning(db, service, staff)


@pytest.fixture
def options() -> WebOptions:
    return WebOptions(metrics_token="watch-me")


@pytest.fixture
async def server(db: Database, service: Service, clock: Clock, options: WebOptions) -> AsyncIterator[TestServer]:
    live = Live(db, pulse=0.3, poll=0.4)
    server = TestServer(build(db, live, service, options, clock))
    await server.start_server(shutdown_timeout=1)
    server.live = live
    running = asyncio.create_task(live.run())
    yield server
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await server.close()


@pytest.fixture
async def anonymous(server: TestServer) -> AsyncIterator[TestClient]:
    async with TestClient(server) as client:
        yield client


@pytest.fixture
async def browse(server: TestServer, staff: dict[str, int]) -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """`await browse("press")`: a browser in which that person is signed in, in Russian or Kazakh."""
    opened = []

    async def start(login: str, language: str = "ru") -> Browser:
        client = TestClient(server)
        opened.append(client)
        await client.start_server()
        client.session.cookie_jar.update_cookies({"qulaq_language": language}, response_url=server.make_url("/"))
        status, text = await sign_in(client, login)
        assert status == 303, text
        session = await (await client.get("/api/v1/session")).json()
        return Browser(client, session["csrf"])

    yield start
    for client in opened:
        await client.close()
