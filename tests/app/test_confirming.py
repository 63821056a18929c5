"""The number said by the program under a post, and an answer whose try ended unknown: neither ever stands there twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import insert, select
from test_publish import NOW, PAVLODAR, Network, Speaking, scene, states  # noqa: F401 - a fixture

from config.document import ConfigErrors
from config.knowledge import load_knowledge
from config.languages import language
from config.settings import Office, Settings, Source, Web, load
from monitor.core.judge import Judge
from monitor.core.post import Author, Post
from monitor.http import WebHttp
from monitor.pipeline import Pipeline
from monitor.publish import UNSURE, Pace, Publisher
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from ticketing.citizens import told
from ticketing.confirming import KIND
from ticketing.desk import desk
from ticketing.service import Actor, Service
from ticketing.tables import delivery, office, ticket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def a_post(name: str, text: str, source: str = "vk-city", hours: float = 0.0) -> Post:
    return Post(network=source.partition("-")[0], source=source, native_id=name, text=text, author=Author(name),
                published_at=NOW - timedelta(hours=hours))


RU = "Акимат Павлодара! На улице Естая {} нет воды третий день, примите меры"
KK = "Павлодар әкімдігіне! Ломов көшесі {} үйде үш күннен бері су жоқ, шара қолданыңыздар"


@pytest.fixture
async def town(db: Database):
    network, clock = Network(), [NOW]
    app = web.Application()
    app.add_routes([web.post("/reply", network.reply)])
    knowledge = load_knowledge()
    settings = Settings(
        offices=(Office(code=PAVLODAR),), web=Web(public_url="https://qulaq.example"),
        sources=(Source(name="vk-city", network="vk", confirms=True, confirms_an_hour=3), Source(name="facebook-city", network="facebook"),
                 Source(name="rss-city", network="rss", confirms=True)))
    service = Service(desk(settings, knowledge))
    with db.begin() as c:
        c.execute(insert(office).values(code=PAVLODAR, name_kk="П", name_ru="П"))
    line = Pipeline(Judge(knowledge), service, lambda: clock[0])

    def come(*posts: Post) -> None:
        with db.begin() as c:
            store_posts(c, posts, clock[0])
        line.drain(db)
    async with TestServer(app) as server, WebHttp() as http:
        voice = Speaking(str(server.make_url("/reply")))
        out = Publisher(db, service, http, lambda: {"vk-city": ("vk", voice)}, lambda: clock[0], Pace(between=1))

        async def later(minutes: float) -> None:
            clock[0] += timedelta(minutes=minutes)
            for _ in range(8):
                await out.step()
                clock[0] += timedelta(seconds=2)
        yield network, come, later, service


def queued(db: Database) -> dict[str, str]:
    with db.reading() as c:
        return {r.recipient + r.channel: f"{r.state} {r.reason or ''}".strip() for r in c.execute(select(delivery).where(delivery.c.kind == KIND))}


async def test_the_number_is_said_once_in_the_citizens_language_and_not_to_a_flood(db, town) -> None:
    network, come, later, _service = town
    come(a_post("old", RU.format(1), hours=30), a_post("fb", RU.format(2), "facebook-city"), a_post("ru", RU.format(3)), a_post("kk", KK.format(4)))
    await later(1)
    assert network.said == [], "a mistake can be taken out first"
    await later(5)
    said = dict(network.said)
    assert set(said) == {"ru", "kk"}, "neither the old post nor a source that did not ask for it"
    with db.reading() as c:
        numbers = {c.execute(select(ticket.c.number).where(ticket.c.number == n)).scalar_one() for n in
                   (said["ru"].split("номер ")[1].split(".")[0], said["kk"].split("нөмірі ")[1].split(".")[0])}
    assert len(numbers) == 2
    assert "https://qulaq.example/status?n=%D3%98%D0%96" in said["ru"]
    assert "eotinish.kz" in said["ru"]
    assert "ст. 63" in said["ru"]
    assert "63-бабы" in said["kk"]
    come(*(a_post(f"more{i}", RU.format(10 + i)) for i in range(4)))
    await later(6)
    await later(30)
    assert len(network.said) == 3, "three an hour"
    await later(61)
    assert len(network.said) == 3, "the rest of a flood gets none, also later"


async def test_it_is_left_to_nobody_and_ends_with_a_void_card(db, town) -> None:
    network, come, later, service = town
    come(a_post("mistake", RU.format(1)), a_post("feed", RU.format(2), "rss-city"))
    with db.begin() as c:
        number = c.execute(select(ticket.c.number).where(ticket.c.id == 1)).scalar_one()
        post_id = c.execute(select(delivery.c.recipient).where(delivery.c.kind == KIND, delivery.c.about == number)).scalar_one()
        service.not_addressed(c, int(post_id[5:]), Actor(1, "head", PAVLODAR), NOW)
    await later(6)
    assert network.said == []
    states = queued(db)
    assert all(state.startswith("dead") for state in states.values()), states
    why = next(state.removeprefix("dead ") for state in states.values() if "void" in state)
    assert all(language(code).gettext(why) != why for code in ("kk", "ru")), "the card shows why in the reader's language"


def test_without_the_address_of_the_pages_the_config_says_so(tmp_path, database_url) -> None:
    file = tmp_path / "q.yaml"
    file.write_text("sources:\n  - {name: city, network: vk, confirms: true}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as refused:
        load(file)
    [problem] = refused.value.problems
    assert (problem.line, problem.message) == (2, "names the address of the pages to citizens: write web.public_url")


# --- an answer whose try ended unknown

class Unsure(Speaking):
    """It arrives, and the answer to that is lost."""

    lost = 1

    async def answer(self, http: WebHttp, post: Post, text: str) -> str:
        native = await super().answer(http, post, text)
        if self.lost:
            self.lost -= 1
            raise TimeoutError
        return native


class Showing(Unsure):
    shown: str | None = "seen/1"

    async def stands(self, http: WebHttp, post: Post, text: str) -> str | None:
        return self.shown


class Merciful(Unsure):
    once_within = 3600.0


@pytest.mark.parametrize(("kind", "said", "state"), [
    (Unsure, 1, "by_hand"), (Showing, 1, "sent"), (Merciful, 2, "sent")], ids=["nobody knows", "it is seen", "taken as one"])
async def test_a_lost_answer_is_looked_for_or_left_to_a_person(db, scene, kind, said, state) -> None:  # noqa: F811
    out, network, clock, numbers, _service = scene
    voice = kind(out._voices()["vk-city"][1].address)
    out._voices = lambda: {"vk-city": ("vk", voice)}
    await out.step()
    assert states(db, numbers)[numbers[0]] == ("by_hand" if state == "by_hand" else "queued")
    clock[0] += timedelta(seconds=90)
    await out.step()
    first = [text for to, text in network.said if to == "vk0"]
    assert len(first) == said
    with db.reading() as c:
        [one] = [t.delivery for t in told(c, numbers) if t.delivery.about == numbers[0]]
    assert one.state == state
    if state == "by_hand":
        assert one.reason == UNSURE
    if kind is Showing:
        assert one.handle["native_id"] == "seen/1"


async def test_after_a_crash_it_is_looked_for_and_said_where_it_does_not_stand(db, scene) -> None:  # noqa: F811
    out, network, _clock, numbers, _service = scene
    voice = Showing(out._voices()["vk-city"][1].address)
    voice.lost, voice.shown = 0, None
    out._voices = lambda: {"vk-city": ("vk", voice)}
    with db.begin() as c:
        first = c.execute(select(delivery.c.id).where(delivery.c.about == numbers[0], delivery.c.channel == "reply:vk")).scalar_one()
        assert out._mark(c, first, NOW)
        out._recall(c)
    await out.step()
    assert [to for to, _ in network.said] == ["vk0"]
    assert states(db, numbers)[numbers[0]] == "sent"
