"""Who is told of a surge, when and how often: planned in the database, sent by the outbox, against the strict fake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from fake_api import FakeTelegram
from PIL import Image
from rows import NOW, PAVLODAR, put_office, put_person, put_ticket
from sqlalchemy import insert, select, update
from stand import Clock, PlainNames

from config.settings import Alerts
from monitor.alert_presses import AlertPresses
from monitor.response import alerts
from monitor.response.alerts import Policy, quiet_until, tell
from monitor.response.verbs import Actor, decide
from monitor.store.engine import Database
from monitor.store.surge_tables import decision, observed, surge_alert, surge_verdict
from monitor.store.tables import inbound, post
from tests.surges.scene import CAMPAIGN, verdict, watch_posts
from tests.surges.scene import tell as told
from ticketing.bot.inbound import Inbox
from ticketing.outbox import Outbox
from ticketing.tables import account, delivery

PRESS, DUTY, HEAD = 601, 602, 603
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def policy(**settings: object) -> Policy:
    return Policy(Alerts(**{"quiet": "", **settings}), PlainNames(), "https://qulaq.example", lambda code: PAVLODAR)


@pytest.fixture
def town(db: Database, api: FakeTelegram) -> list[int]:
    """An office with press, duty and head on Telegram, and six posts."""
    for chat in (PRESS, DUTY, HEAD):
        api.chat(chat)
    with db.begin() as c:
        put_office(c)
        put_person(c, "press", PRESS, role="press", language="ru")
        put_person(c, "mute", None, role="press")
        put_person(c, "duty", DUTY, duty=True)
        put_person(c, "head", HEAD, role="head")
        put_person(c, "elsewhere", 699, role="press", code="101000000")
        for i in range(1, 7):
            c.execute(insert(post).values(id=i, network="vk", native_id=str(i), revision=0, digest=b"0" * 16, source="s",
                                          text="т", published_at=NOW - timedelta(minutes=i), collected_at=NOW))
    ids = list(range(1, 7))
    watch_posts(db, ids, NOW - timedelta(minutes=8), PAVLODAR, "roads")
    return ids


def flag(name: str = CAMPAIGN, seq: int = 6, word: str = "coordinated", *, posts: list[int], topic: str = "roads", at: datetime = NOW):
    return verdict(name, seq, at, word, len(posts), posts, akimat=PAVLODAR, topic=topic)


def planned(db: Database) -> list[tuple]:
    with db.reading() as c:
        return c.execute(select(surge_alert.c.surge, surge_alert.c.kind, surge_alert.c.state, surge_alert.c.reason)
                         .order_by(surge_alert.c.id)).tuples().all()


def go(db: Database, now: datetime, **settings: object) -> int:
    with db.begin() as c:
        return tell(c, policy(**settings), now)


async def test_press_and_duty_get_one_picture_with_words_and_the_way_back(db: Database, api: FakeTelegram, outbox: Outbox, town) -> None:
    told(db, [flag(posts=town)], NOW)
    assert go(db, NOW) == 2
    assert go(db, NOW) == 0
    await outbox.drain()
    assert await outbox.drain() == 0
    [message] = api.by_bot(PRESS)
    assert message["caption"].startswith("🟣 Признаки координации\nПавлодар қаласы · Жолдар")
    assert "6 авторов · 6 постов · 08:30–09:00\n• авторы почти одного текста: 9\n" in message["caption"]
    assert "Против: большинство авторов давно пишут здесь своими словами." in message["caption"]
    assert "Решает человек" in message["caption"]
    assert len(message["caption"]) < 800
    links = [e["url"] for e in message["caption_entities"] if e["type"] == "text_link"]
    assert links == [f"https://qulaq.example/surges/{CAMPAIGN}"]
    picture = Image.open(BytesIO(api.files[message["photo"][0]["file_id"]]))
    assert picture.size == (900, 420)
    assert picture.getpixel((880, 370)) != (0, 0, 0)
    colours = {colour for _, colour in picture.convert("RGB").getcolors(100_000)}
    assert (0x5F, 0x37, 0x96) in colours     # the surge's own bars
    [other] = api.by_bot(DUTY)
    assert other["caption"].startswith("🟣 Үйлестіру белгілері бар")
    assert not api.by_bot(HEAD)
    with db.reading() as c:     # from the message back to the verdict that it rests on
        alert = c.execute(select(surge_alert)).one()
        assert c.execute(select(surge_verdict.c.surge).where(surge_verdict.c.id == alert.rests_on)).scalar_one() == CAMPAIGN
        sent = c.execute(select(delivery).where(delivery.c.kind == f"alert:{alert.id}")).all()
        assert [(r.about, r.state) for r in sent] == [(CAMPAIGN, "sent")] * 2


async def test_press_decides_from_the_alert_others_do_not(db: Database, api: FakeTelegram, channel, outbox: Outbox, clock: Clock, town) -> None:
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    await outbox.drain()

    class Nobody:
        def handle(self, c, payload, now):
            raise AssertionError("a press of an alert is no other bot's")

        def failed(self, payload):
            return ()

        async def say(self, effects) -> None:
            assert not effects

    def inbox(below: frozenset[str]) -> Inbox:
        return Inbox(db, {"bot": AlertPresses(Nobody(), channel.bot, lambda office: below)}, clock=clock)

    async def press(chat: int, text: str, below: frozenset[str] = frozenset({PAVLODAR})) -> str:
        query = api.press(chat, api.by_bot(chat)[-1]["message_id"], text)
        with db.begin() as c:
            c.execute(insert(inbound).values(source="bot", key=query, at=NOW, payload=api.updates[-1]))
        await inbox(below).drain()
        return (api.queries[query] or {})["text"]

    assert "рөліңіз" in (await press(DUTY, "✔ Белгілер расталады")).lower()          # an officer does not decide
    assert "другому" in await press(PRESS, "✖ Не подтверждаются", frozenset({"101000000"}))
    assert await press(PRESS, "✖ Не подтверждаются") == "Записано: отклонено."
    with db.reading() as c:
        [entry] = c.execute(select(decision)).all()
        assert (entry.surge, entry.what) == (CAMPAIGN, "dismiss")
    assert api.buttons(PRESS, api.by_bot(PRESS)[-1]["message_id"]) == []


async def test_a_press_officer_on_duty_is_told_once(db: Database, api: FakeTelegram, outbox: Outbox, town) -> None:
    with db.begin() as c:
        c.execute(update(alerts.office).values(duty=c.execute(
            select(account.c.id).where(account.c.login == "press")).scalar_one()))
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    await outbox.drain()
    assert len(api.by_bot(PRESS)) == 1
    with db.reading() as c:
        assert set(c.execute(select(delivery.c.state)).scalars()) == {"sent"}


async def test_an_alert_neither_hides_nor_delays_an_urgent_card(db: Database, api: FakeTelegram, outbox: Outbox, town) -> None:
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    with db.begin() as c:
        number = put_ticket(c, 1, f"duty:{PAVLODAR}", urgency="urgent")
        for seq in range(2, 9):
            put_ticket(c, seq, f"duty:{PAVLODAR}")
    await outbox.drain()
    said = api.by_bot(DUTY)
    assert len(said) == 2
    assert number in said[0]["text"]
    assert "caption" in said[1]


def test_one_subject_is_told_once_an_hour_and_what_came_meanwhile_is_joined(db: Database, town) -> None:
    with db.begin() as c:
        c.execute(update(observed).where(observed.c.post_id == town[5]).values(topic="water"))
    told(db, [flag(posts=town[:3])], NOW)
    go(db, NOW)
    told(db, [flag("s-2", 7, posts=[4], at=NOW), flag("s-3", 8, posts=[5], at=NOW), flag("s-4", 9, posts=[6], topic="water")], NOW)
    assert go(db, NOW + timedelta(minutes=5)) == 2      # another topic
    assert go(db, NOW + timedelta(minutes=59)) == 0
    assert go(db, NOW + timedelta(minutes=61)) == 2
    assert [row for row in planned(db) if row[0] in ("s-2", "s-3")] == [
        ("s-2", "news", "joined", "joined"), ("s-3", "news", "sent", None)]
    with db.reading() as c:
        body = c.execute(select(delivery.c.body).where(delivery.c.about == "s-3").limit(1)).scalar_one()
        assert "ещё 1 по той же теме" in body["html"]["ru"]


def test_quiet_hours_hold_an_alert_until_they_are_over(db: Database, town) -> None:
    night = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)     # 23:30 in Kazakhstan
    told(db, [flag(posts=town, at=night)], night)
    assert go(db, night, quiet="22:00-07:00") == 0
    assert planned(db) == [(CAMPAIGN, "news", "waiting", "quiet")]
    morning = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    assert go(db, morning - timedelta(minutes=1), quiet="22:00-07:00") == 0
    assert go(db, morning, quiet="22:00-07:00") == 2


@pytest.mark.parametrize(("quiet", "at", "until"), [
    ("22:00-07:00", "2026-11-24T23:00+05:00", "2026-11-25T07:00+05:00"),
    ("22:00-07:00", "2026-11-25T06:59+05:00", "2026-11-25T07:00+05:00"),
    ("22:00-07:00", "2026-11-25T07:00+05:00", None), ("13:00-14:00", "2026-11-25T13:30+05:00", "2026-11-25T14:00+05:00"),
    ("13:00-14:00", "2026-11-25T12:59+05:00", None), ("", "2026-11-25T03:00+05:00", None)])
def test_when_quiet_hours_end(database_url: str, quiet: str, at: str, until: str | None) -> None:
    found = quiet_until(Alerts(quiet=quiet), datetime.fromisoformat(at))
    assert found == (until and datetime.fromisoformat(until))


async def test_the_head_is_told_when_nobody_decided(db: Database, api: FakeTelegram, outbox: Outbox, clock: Clock, town) -> None:
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    assert go(db, NOW + timedelta(minutes=119)) == 0
    assert go(db, NOW + timedelta(minutes=121)) == 1
    assert go(db, NOW + timedelta(minutes=300)) == 0
    clock.ahead = timedelta(hours=6)
    await outbox.drain()
    [message] = api.by_bot(HEAD)
    assert message["caption"].startswith("🟣 Әлі шешім жоқ: үйлестіру белгілері бар")


def test_who_decided_in_time_is_not_passed_over(db: Database, town) -> None:
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    with db.begin() as c:
        decide(c, CAMPAIGN, "watch", "", Actor(1, "press", None), NOW, lambda: b"0" * 16)
    assert go(db, NOW + timedelta(hours=5)) == 0


def test_old_surges_and_verdicts_nobody_asked_for_are_told_to_nobody(db: Database, town) -> None:
    told(db, [flag(posts=town[:3], at=NOW - timedelta(days=3)), flag("s-2", 7, "inconclusive", posts=[6])], NOW)
    assert go(db, NOW) == 0
    assert planned(db) == []


async def test_a_restart_sends_what_was_planned_and_nothing_twice(db: Database, api: FakeTelegram, channel, clock: Clock, town) -> None:
    told(db, [flag(posts=town)], NOW)
    go(db, NOW)
    first = Outbox(db, {"telegram": channel}, clock=clock)
    await first.drain()
    again = Outbox(db, {"telegram": channel}, clock=clock)
    assert go(db, NOW + timedelta(seconds=5)) == 0
    assert await again.drain() == 0
    assert len(api.by_bot(PRESS)) == len(api.by_bot(DUTY)) == 1
