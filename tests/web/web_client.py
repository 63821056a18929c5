"""A signed-in person who reads pages and presses buttons without script."""

from __future__ import annotations

import re

from aiohttp.test_utils import TestClient
from web_scene import PASSWORD


class Browser:
    """A signed-in person without script."""

    def __init__(self, client: TestClient, csrf: str) -> None:
        self.client, self.csrf = client, csrf

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        text = await answer.text()
        assert answer.status == status, text
        return text

    async def json(self, path: str, status: int = 200) -> dict:
        answer = await self.client.get(path)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def post(self, path: str, status: int = 200, **body: object) -> dict:
        answer = await self.client.post(path, json=body, headers={"X-CSRF-Token": self.csrf})
        assert answer.status == status, await answer.text()
        return await answer.json()


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]


async def sign_in(client: TestClient, login: str, password: str = PASSWORD, **more: str) -> tuple[int, str]:
    """Fill in the form; status and text of what comes back."""
    form = await (await client.get("/login")).text()
    answer = await client.post("/login", data={"csrf": csrf_in(form), "login": login, "password": password, **more},
                               allow_redirects=False)
    return answer.status, await answer.text()
