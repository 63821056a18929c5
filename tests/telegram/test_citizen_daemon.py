"""The citizens' bot in the running program: killed between message and answer, it still gives number and code."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from pathlib import Path

import program
import pytest
from fake_api import TOKEN, FakeTelegram
from sqlalchemy import func, select

from monitor.store.engine import Database
from ticketing import access
from ticketing.register import verify
from ticketing.tables import delivery, ticket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DANA = 701


async def test_killed_between_message_and_answer(tmp_path: Path, database_url: str, api: FakeTelegram) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    url = f"sqlite:///{tmp_path}/q.db"
    config = tmp_path / "qulaq.yaml"
    config.write_text(f"database: {url}\nweb: {{port: {port}}}\noffices: [{{code: '551000000'}}]\n"
                      f"telegram: {{token: {{env: BOT_TOKEN}}, api_url: '{api.url}'}}\n"
                      f"sources: [{{name: bot, network: telegram, token: {{env: BOT_TOKEN}}, api_url: '{api.url}', long_poll: 1}}]\n")
    api.chat(DANA)
    api.limits = False

    def start() -> program.Program:
        return program.start("run", "-c", str(config), stderr=tmp_path / "log", env={"BOT_TOKEN": TOKEN})

    async def until(holds) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.05)

    api.order(1, DANA)      # the answer is put off by a second: in between the program dies
    api.write(DANA, "На Естая 83 третий день нет отопления, дети мёрзнут. Когда будет тепло?")
    first = start()
    await until(lambda: any(call.method == "sendMessage" for call in api.calls))
    first.kill()
    await asyncio.to_thread(first.wait)
    await asyncio.sleep(1.1)
    second = start()
    try:
        await until(lambda: bool(api.by_bot(DANA)))
    finally:
        second.send_signal(signal.SIGTERM)
        await asyncio.to_thread(second.wait)
    said = api.by_bot(DANA)[0]["text"]
    code = re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}", said)
    assert code, said
    db = Database(url)
    with db.reading() as c:
        row = c.execute(select(ticket)).one()
        assert row.number.startswith("ЧБ-551-")
        assert row.number in said
        assert access.opened(c, row.number, code[0]) is not None
        assert c.execute(select(func.count()).where(delivery.c.kind == "registered")).scalar_one() == 1
        assert verify(c).broken == ()
    db.close()
