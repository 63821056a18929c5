"""The register's entries to another system: signed, in order, each until it is taken, without anybody's words."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from rows import NOW, PAVLODAR, put_office, put_ticket
from sqlalchemy import select
from stand import Clock

from config.reminders import Webhook
from monitor.store.engine import Database
from ticketing.notify.webhook import open_hook
from ticketing.outbox import Outbox, Policy
from ticketing.register import NewEntry, NewNumber, append
from ticketing.tables import delivery

SECRET = "sixteen or more characters"


@dataclass
class Other:
    """The other system: checks each signature, answers as it is told to."""

    answers: list[web.Response] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""

    async def post(self, request: web.Request) -> web.Response:
        body = await request.read()
        parts = dict(part.split("=", 1) for part in request.headers["Qulaq-Signature"].split(","))
        honest = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(parts["v1"], honest)
        assert abs(int(parts["t"]) - NOW.timestamp()) < 86400
        self.keys.append(request.headers["Idempotency-Key"])
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(json.loads(body))
        return web.Response()


@pytest.fixture
async def other() -> AsyncIterator[Other]:
    made = Other()
    app = web.Application()
    app.router.add_post("/hook", made.post)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


def enter(db: Database, *actions: str) -> None:
    """Entries of one ticket's register."""
    with db.begin() as c:
        append(c, [NewEntry(PAVLODAR, "ӘЖ-551-2026-000001", NOW, "user:7", action, {"note": "x"}) for action in actions],
               lambda: b"0" * 16)


@pytest.fixture
def card(db: Database) -> str:
    with db.begin() as c:
        put_office(c)
        number = put_ticket(c, 1, f"duty:{PAVLODAR}", text="Менің атым Айгүл, телефоным +7 701 000 00 00")
        append(c, [NewEntry(PAVLODAR, NewNumber("ӘЖ", 2026), NOW, "system", "register", {}, key=1)], lambda: b"0" * 16)
    return number


async def test_new_entries_arrive_in_order_once_and_say_no_words_of_a_person(db: Database, other: Other, card: str) -> None:
    async with open_hook(Webhook(url=other.url, secret=SecretStr(SECRET))) as hook:
        outbox = Outbox(db, {"webhook": hook}, clock=Clock(NOW), policy=Policy(look_for_people=0.0))
        assert await outbox.drain() == 0, "what was before counts as told"
        enter(db, "assign", "accept")
        assert await outbox.drain() == 2
        enter(db, "answer")
        assert await outbox.drain() == 1
        assert await outbox.drain() == 0
    assert [t["action"] for t in other.taken] == ["assign", "accept", "answer"]
    assert other.keys == [f"entry:{PAVLODAR}:{seq}" for seq in (2, 3, 4)]
    first = other.taken[0]
    assert first["ticket"]["number"] == card
    assert first["ticket"]["topic"] == "roads"
    assert first["actor"] == "user"
    assert "Айгүл" not in json.dumps(other.taken, ensure_ascii=False)
    with db.reading() as c:
        assert {row.state for row in c.execute(select(delivery).where(delivery.c.channel == "webhook"))} == {"sent"}


async def test_one_that_is_not_taken_is_repeated_under_the_same_key_and_holds_up_the_later_ones(
        db: Database, other: Other, card: str) -> None:
    clock = Clock(NOW)
    async with open_hook(Webhook(url=other.url, secret=SecretStr(SECRET))) as hook:
        outbox = Outbox(db, {"webhook": hook}, clock=clock, chance=lambda: 0.0, policy=Policy(first_pause=5.0))
        await outbox.drain()
        enter(db, "assign", "accept")
        other.answers.append(web.Response(status=500))
        assert await outbox.drain() == 0
        clock.ahead = timedelta(minutes=3)
        assert await outbox.drain() == 2
    assert other.keys == [f"entry:{PAVLODAR}:{seq}" for seq in (2, 2, 3)]


@pytest.mark.parametrize(("status", "state", "said"), [
    (400, "dead", "does not take"), (410, "dead", "gone for good"), (401, "queued", "webhook.secret"), (302, "queued", "webhook.url")])
async def test_what_a_refusal_means(db: Database, other: Other, card: str, status: int, state: str, said: str) -> None:
    async with open_hook(Webhook(url=other.url, secret=SecretStr(SECRET), actions=("accept",))) as hook:
        outbox = Outbox(db, {"webhook": hook}, clock=Clock(NOW))
        await outbox.drain()
        enter(db, "assign", "accept")
        other.answers.append(web.Response(status=status, headers={"Location": "http://127.0.0.1:9/"}))
        await outbox.drain()
    with db.reading() as c:
        [row] = c.execute(select(delivery).where(delivery.c.channel == "webhook")).all()
    assert (row.state, row.kind.partition(":")[0]) == (state, "accept")
    assert said in row.reason
    assert SECRET not in row.reason


async def test_an_order_to_wait_outlives_a_restart(db: Database, other: Other, card: str) -> None:
    settings = Webhook(url=other.url, secret=SecretStr(SECRET))
    async with open_hook(settings) as hook:
        outbox = Outbox(db, {"webhook": hook}, clock=Clock(NOW))
        await outbox.drain()
        enter(db, "assign")
        other.answers.append(web.Response(status=429, headers={"Retry-After": "600"}))
        await outbox.drain()
        assert 590 < hook.orders()[None] <= 600
    async with open_hook(settings) as fresh:
        await Outbox(db, {"webhook": fresh}, clock=Clock(NOW)).drain()
        assert fresh.orders()[None] > 590
    assert other.taken == []
