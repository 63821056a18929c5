"""The one poller against the strict fake: redelivery, conflict, orders to wait, error bodies, files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fake_api import TOKEN, FakeTelegram

from connectors.errors import AuthError, RateLimited, SourceError, Transient
from connectors.telegram import Telegram
from monitor.http import WebHttp
from ticketing.notify.telegram import StaffBot

ANNA = 41


@pytest.fixture
async def http() -> AsyncIterator[WebHttp]:
    async with WebHttp() as one:
        yield one


def poller(api: FakeTelegram, token: str = TOKEN, long_poll: int = 0) -> Telegram:
    return Telegram("bot", Telegram.Settings(token=token, api_url=api.url, long_poll=long_poll))


async def test_what_was_not_committed_comes_again(api: FakeTelegram, http: WebHttp) -> None:
    api.chat(ANNA)
    api.write(ANNA, "/new")
    api.write(ANNA, "/mine")
    first = await poller(api).poll(http, {})
    assert [i.payload["message"]["text"] for i in first.inbound] == ["/new", "/mine"]
    again = await poller(api).poll(http, {})                 # killed before the commit
    assert [i.key for i in again.inbound] == [i.key for i in first.inbound]
    assert (await poller(api).poll(http, first.cursor)).inbound == ()
    assert api.updates == [], "confirmed by the poll after the commit"


async def test_a_second_consumer_is_a_conflict_for_the_first(api: FakeTelegram, http: WebHttp) -> None:
    waiting = asyncio.create_task(poller(api, long_poll=20).poll(http, {}))
    await asyncio.sleep(0.3)
    await poller(api).poll(http, {})
    with pytest.raises(SourceError, match="other getUpdates request"):
        await waiting


async def test_errors_are_named_by_what_to_do(api: FakeTelegram, http: WebHttp) -> None:
    with pytest.raises(AuthError) as refused:
        await poller(api, token="111:wrong").poll(http, {})
    assert "111:wrong" not in str(refused.value)
    api.order_polls(7)
    with pytest.raises(RateLimited) as told:
        await poller(api).poll(http, {})
    assert told.value.retry_after == 7
    api.url = "http://127.0.0.1:1"
    with pytest.raises(Transient):
        await poller(api).poll(http, {})


async def test_files_are_had_by_their_path(api: FakeTelegram, bot: StaffBot) -> None:
    api.files["f1"] = "жауап".encode()
    file = await bot.get_file("f1")
    assert bytes(await file.download_as_bytearray()) == api.files["f1"]
    with pytest.raises(Exception, match="(?i)wrong file_id"):
        await bot.get_file("f2")
