"""Secrets replaced while it runs: the bot's token, the webhook's key, the mail's password, the token of /metrics."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp
import program
import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from fake_api import TOKEN, FakeTelegram
from pydantic import SecretStr
from rows import NOW, put_office, put_person, put_ticket
from stand import Clock, PlainNames
from test_mail import Mailbox, free_port

from config.reminders import Email
from config.settings import Settings
from monitor.renewal import Speaking
from monitor.store.engine import Database
from ticketing.notify.email import EmailChannel
from ticketing.notify.message import Wording
from ticketing.notify.webhook import signature
from ticketing.outbox import Outbox, Policy
from ticketing.people import set_reach

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DANA, RENEWED = 701, TOKEN[:-4] + "anew"
SAID = "На Естая {} третий день нет отопления, дети мёрзнут. Когда будет тепло?"


async def test_new_tokens_in_their_files_are_taken_without_a_restart_and_nothing_is_lost(
        tmp_path: Path, database_url: str, api: FakeTelegram) -> None:
    key, told = ["the first key of the hook"], list[bool]()

    async def hook(request: web.Request) -> web.Response:
        said = request.headers["Qulaq-Signature"]
        told.append(said == signature(key[0], int(said.partition(",")[0][2:]), await request.read()))
        return web.Response(status=200 if told[-1] else 401)

    app = web.Application()
    app.router.add_post("/", hook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    for name, text in (("bot", TOKEN), ("key", key[0]), ("figures", "figures-for-prometheus-1")):
        (tmp_path / name).write_text(text)
    config = tmp_path / "qulaq.yaml"
    config.write_text(
        f"database: sqlite:///{tmp_path}/q.db\nweb: {{port: {port}, metrics_token: {{file: figures}}}}\noffices: [{{code: '551000000'}}]\n"
        f"telegram: {{token: {{file: bot}}, api_url: '{api.url}'}}\n"
        f"webhook: {{url: 'http://127.0.0.1:{runner.addresses[0][1]}/', secret: {{file: key}}}}\n")
    api.chat(DANA)
    api.limits = False

    async def until(holds: Any) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.05)

    async def figures(token: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(
                f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status

    running = program.start("run", "-c", str(config), stderr=tmp_path / "log")
    try:
        api.write(DANA, SAID.format(83))
        await until(lambda: len(api.by_bot(DANA)) == 1 and told.count(True) >= 1)
        assert await figures("figures-for-prometheus-1") == 200
        api.token = RENEWED                                 # @BotFather revoked the old one
        key[0] = "the second key of the hook"
        await until(lambda: any(not call.ok for call in api.calls))
        api.write(DANA, SAID.format(85))
        before = told.count(True)
        for name, text in (("bot", RENEWED), ("key", key[0]), ("figures", "figures-for-prometheus-2")):
            (tmp_path / name).write_text(text)
        await until(lambda: len(api.by_bot(DANA)) == 2 and told.count(True) > before)
        assert (await figures("figures-for-prometheus-1"), await figures("figures-for-prometheus-2")) == (401, 200)
    finally:
        running.send_signal(signal.SIGTERM)
        await asyncio.to_thread(running.wait)
        await runner.cleanup()
    said = (tmp_path / "log").read_text()
    assert "config taken over" in said
    assert "needs_restart" not in said
    assert not any(secret in said for secret in (TOKEN, RENEWED, *key, "figures-"))


async def test_a_new_password_of_the_mail_server_sends_what_waited(db: Database) -> None:
    box, password = Mailbox(), [b"first"]
    server = Controller(box, hostname="127.0.0.1", port=free_port(), auth_require_tls=False, authenticator=lambda
                        _server, _session, _envelope, _how, given: AuthResult(
                            success=isinstance(given, LoginPassword) and given.password == password[0], handled=False))
    server.start()
    try:
        def settings(secret: str) -> Settings:
            return Settings(email=Email(host="127.0.0.1", port=server.port, security="none", user="qulaq", sender="q@example.kz",
                                        password=SecretStr(secret)))
        before = settings("first")
        assert before.email is not None
        channel = EmailChannel(before.email, Wording(PlainNames(), "https://qulaq.example"))
        clock = Clock(NOW)
        outbox = Outbox(db, {"email": channel}, clock=clock, policy=Policy(look_for_people=0.0, barred_pause=3000.0))
        with db.begin() as c:
            put_office(c)
            person = put_person(c, "aliya", None)
            set_reach(c, "aliya", email="aliya@example.kz")
            put_ticket(c, 1, f"user:{person}", responsible=person)
        password[0] = b"second"
        assert await outbox.drain() == 0
        assert Speaking(mail=channel).taken(before, settings("second")) == []
        with db.begin() as c:
            outbox.renewed(c, clock())                      # at once, not when the pause is over
        assert await outbox.drain() == 1
        assert len(box.mails) == 1
    finally:
        server.stop()
