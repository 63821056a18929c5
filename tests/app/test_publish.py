"""Answers go out to a real server that behaves like a network: paced, orders kept, no reply twice, the rest for a hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import insert, select, update

from config.knowledge import load_knowledge
from config.settings import Office, Settings
from connectors.errors import CLOSED, Transient
from monitor.core.judge import Judge
from monitor.core.post import Author, Post
from monitor.http import WebHttp
from monitor.pipeline import Pipeline
from monitor.publish import UNSURE, Pace, Publisher
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from ticketing.answering import answers_of
from ticketing.citizens import told
from ticketing.desk import desk
from ticketing.service import Actor, Service
from ticketing.store import ticket_by_number
from ticketing.tables import account, delivery, office, photo, ticket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOW = datetime.fromisoformat("2026-11-24T10:00:00+05:00")
PAVLODAR = "551000000"


class Network:
    """A network's API: what it was told, and the statuses it answers with, in their order."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    async def reply(self, request: web.Request) -> web.Response:
        body = await request.json()
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        if status == 200:
            self.said.append((body["to"], body["text"]))
        return web.json_response({"id": len(self.said)}, status=status, headers=headers)


class Speaking:
    """A connector as small as the contract allows."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def answer(self, http: WebHttp, post: Post, text: str) -> str:
        done = await http.post(self.address, json={"to": post.native_id, "text": text})
        return done.body.decode()


@pytest.fixture
async def scene(db: Database):
    network, clock = Network(), [NOW]
    app = web.Application()
    app.add_routes([web.post("/reply", network.reply)])
    server = TestServer(app)
    await server.start_server()
    knowledge = load_knowledge()
    service = Service(desk(Settings(offices=(Office(code=PAVLODAR),)), knowledge))
    with db.begin() as c:
        c.execute(insert(office).values(code=PAVLODAR, name_kk="П", name_ru="П"))
        ids = {login: c.execute(insert(account).values(login=login, name=login, role=role, office=PAVLODAR, department="", language="ru",
                                                       created_at=NOW).returning(account.c.id)).scalar_one()
               for login, role in (("one", "officer"), ("two", "head"))}
        store_posts(c, [Post(network=net, source=f"{net}-city", native_id=f"{net}{i}", published_at=NOW, author=Author(f"{net}{i}"), text=(
            f"Акимат Павлодара! На улице Естая {i} нет воды третий день, примите меры")) for i, net in enumerate(("vk", "vk", "facebook"))], NOW)
    Pipeline(Judge(knowledge), service, lambda: NOW).drain(db)
    with db.reading() as c:
        numbers = list(c.execute(select(ticket.c.number).order_by(ticket.c.id)).scalars())
    officer, head = Actor(ids["one"], "officer", PAVLODAR), Actor(ids["two"], "head", PAVLODAR)
    with db.begin() as c:
        service.accept(c, numbers[0], officer, NOW)
        service.merge(c, numbers[0], numbers[1:], officer, NOW)
        given = service.draft(c, numbers[0], "Воду включили 24 ноября.", officer, NOW)
        service.approve(c, numbers[0], given, head, NOW)
        service.publish(c, numbers[0], given, officer, NOW)
    async with WebHttp() as http:
        voice = Speaking(str(server.make_url("/reply")))
        out = Publisher(db, service, http, lambda: {"vk-city": ("vk", voice)}, lambda: clock[0], Pace(between=5))
        yield out, network, clock, numbers, service
    await server.close()


def states(db: Database, numbers: list[str]) -> dict[str, str]:
    with db.reading() as c:
        return {t.delivery.about: t.delivery.state for t in told(c, numbers)}


async def test_one_answer_reaches_every_thread_paced_and_the_rest_waits_for_a_hand(db, scene):
    out, network, clock, numbers, _ = scene
    await out.step()
    assert network.said == [("vk0", "Воду включили 24 ноября.")]
    assert states(db, numbers) == {numbers[0]: "sent", numbers[1]: "queued", numbers[2]: "by_hand"}
    assert await out.step() == 0                        # not yet: the pace
    clock[0] += timedelta(seconds=6)
    await out.step()
    assert [to for to, _ in network.said] == ["vk0", "vk1"]
    with db.reading() as c:
        assert ticket_by_number(c, numbers[0]).status == "answered"
        (answer,) = answers_of(c, numbers[0])
        assert answer.state == "publishing"             # one is left for a hand
        assert {t.delivery.handle["native_id"] for t in told(c, numbers) if t.delivery.handle} == {'{"id": 1}', '{"id": 2}'}


class Showing(Speaking):
    """One that takes pictures too."""

    async def answer_with(self, http: WebHttp, post: Post, text: str, photos: list[bytes]) -> str:
        return await self.answer(http, post, f"{text} +{len(photos)}")


@pytest.mark.parametrize("takes", [True, False])
async def test_photos_go_with_the_answer_or_it_is_said_that_they_did_not(db, scene, takes):
    out, network, _clock, numbers, _service = scene
    with db.begin() as c:
        (given,) = answers_of(c, numbers[0])
        c.execute(insert(photo).values(ticket=numbers[0], answer=given.id, by=given.author, at=NOW, state="kept", file="f", same="s",
                                       content=b"\xff\xd8\xff"))
    address = out._voices()["vk-city"][1].address
    out._voices = lambda: {"vk-city": ("vk", (Showing if takes else Speaking)(address))}
    await out.step()
    assert network.said == [("vk0", "Воду включили 24 ноября. +1" if takes else "Воду включили 24 ноября.")]
    with db.reading() as c:
        [sent] = [t.delivery for t in told(c, numbers) if t.delivery.state == "sent"]
    assert sent.handle.get("photos_left", 0) == (0 if takes else 1)


async def test_an_order_to_wait_is_kept_and_a_refusal_goes_to_a_hand(db, scene):
    out, network, clock, numbers, _ = scene
    network.answers = [(429, {"Retry-After": "120"}), (503, {}), (403, {})]
    await out.step()
    for ahead, left in ((60, 2), (61, 1), (30, 0)):
        clock[0] += timedelta(seconds=ahead)
        await out.step()
        assert len(network.answers) == left
    assert states(db, numbers) == {numbers[0]: "by_hand", numbers[1]: "queued", numbers[2]: "by_hand"}
    clock[0] += timedelta(seconds=6)
    await out.step()
    assert network.said == [("vk1", "Воду включили 24 ноября.")]
    assert states(db, numbers)[numbers[1]] == "sent"


async def test_what_a_crash_left_unknown_is_not_said_twice(db, scene):
    out, network, _clock, numbers, _service = scene
    with db.begin() as c:
        c.execute(update(delivery).where(delivery.c.about == numbers[0], delivery.c.channel == "reply:vk").values(state="sending"))
        out._recall(c)
    await out.step()
    assert states(db, numbers)[numbers[0]] == "by_hand"
    assert [to for to, _ in network.said] == ["vk1"]


async def test_what_cannot_be_answered_or_may_stand_there_already_goes_to_a_hand_with_its_reason(db, scene):
    out, network, clock, numbers, _service = scene
    voice = out._voices()["vk-city"][1]

    class Choosy(Speaking):
        def can_answer(self, post: Post, now: datetime) -> str | None:
            assert now == clock[0]
            return CLOSED if post.native_id == "vk0" else None

        async def answer(self, http: WebHttp, post: Post, text: str) -> str:
            await super().answer(http, post, text)
            raise Transient("connection reset", sent=True)

    out._voices = lambda: {"vk-city": ("vk", Choosy(voice.address))}
    await out.step()
    assert network.said == []                           # known beforehand: nobody was asked
    clock[0] += timedelta(seconds=6)
    await out.step()
    clock[0] += timedelta(hours=1)
    await out.step()
    assert [to for to, _ in network.said] == ["vk1"]    # it may stand there: not said twice
    assert set(states(db, numbers).values()) == {"by_hand"}
    with db.reading() as c:
        reasons = {t.delivery.about: t.delivery.reason for t in told(c, numbers)}
    assert (reasons[numbers[0]], reasons[numbers[1]]) == (CLOSED, UNSURE)
