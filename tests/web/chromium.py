"""A real browser, one for all tests of a worker; each test has windows of its own, and nothing of another's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.conftest import skip


@pytest.fixture(scope="session")
def chromium_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Debian's chromium, started by Playwright."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        skip("no chromium; apt-get install chromium")
    options = tmp_path_factory.mktemp("chromium") / "options.json"
    options.write_text(json.dumps({"executablePath": found, "args": ["--no-sandbox"], "host": "127.0.0.1"}))
    server = subprocess.Popen([sys.executable, "-m", "playwright", "launch-server", "--browser", "chromium", "--config", str(options)],
                              stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    os.killpg(server.pid, signal.SIGTERM)       # it runs the real server as its child, which closes the browser
    server.communicate(timeout=30)


@pytest.fixture
async def chromium(chromium_server: str) -> AsyncIterator[Browser]:
    """The browser; what a test opened in it is gone with the test."""
    async with async_playwright() as play:
        browser = await play.chromium.connect(chromium_server)
        yield browser
        await browser.close()
