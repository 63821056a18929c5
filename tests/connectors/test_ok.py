"""OK against a local one: signatures, errors inside 200, what OK does not tell (edits, deletions), messages, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from klass import BOT, GROUP, KEY, SECRET, TOKEN, Klass

from connectors.base import Batch
from connectors.errors import CLOSED, GONE, NOT_ALLOWED, AuthError, CannotAnswer, RateLimited, Transient
from connectors.ok import Ok, signature
from monitor.core.post import Post
from monitor.http import WebHttp

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()
TOPIC, CHAT = "GROUP_TOPIC/154000000000001", "chat:C3ecb9d02a600"
READING = {"application_key": KEY, "token": TOKEN, "application_secret": SECRET}


class Net:
    """The network, the way to it, and the connector's clock."""

    def __init__(self, ok: Klass, http: WebHttp) -> None:
        self.ok, self.http, self.now = ok, http, NOW

    def source(self, **more: Any) -> Ok:
        settings = Ok.Settings.model_validate({"group": GROUP, "username": "akimat.pavlodar", **READING, "bot_token": BOT, "base_url": self.ok.url, **more})
        return Ok("s", settings, clock=lambda: self.now)

    async def everything(self, cursor: Any, **more: Any) -> tuple[dict[str, Post], Batch]:
        got: dict[str, Post] = {}
        for _ in range(40):
            batch = await self.source(**more).poll(self.http, cursor)
            got |= {post.native_id: post for post in batch.posts}
            cursor = batch.cursor
            if not batch.more:
                return got, batch
        raise AssertionError("no end")


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    ok = Klass(topics={TOPIC.partition("/")[2]: ("Жылу беру кестесі", int(NOW - 7200) * 1000, f"group:{GROUP}")})
    server = await ok.start()
    async with WebHttp(timeout=5) as http:
        yield Net(ok, http)
    await server.close()


def test_a_call_is_signed_as_the_documentation_s_example() -> None:
    form = {"method": "events.get", "format": "json", "application_key": "ABCDEFGHIGKLMNOPK"}
    assert signature(form, "b1a2b89707a94624c43afae67d59274c") == "232c8eb921951c4dba9b72606f9ddb4c"


async def test_comments_of_topics_and_of_the_group_s_own_photos_with_their_time_in_utc(net: Net) -> None:
    net.ok.say(TOPIC, "c1", "Толстого, 12: когда тепло?", NOW - 600)
    net.ok.photos = {"950000000000007": GROUP, "950000000000008": "70000009999999"}
    net.ok.say("GROUP_PHOTO/950000000000007", "p1", "Қар күрелмеген", NOW - 500)
    net.ok.say("GROUP_PHOTO/950000000000008", "p2", "чужая группа", NOW - 400)
    got, _ = await net.everything({})
    assert set(got) == {TOPIC, f"{TOPIC}/c1", "GROUP_PHOTO/950000000000007/p1"}
    assert got[f"{TOPIC}/c1"].published_at.timestamp() == NOW - 600
    assert got[TOPIC].author.display == "@akimat.pavlodar"


async def test_long_discussions_are_read_to_the_end_and_later_only_what_is_new(net: Net) -> None:
    for n in range(250):
        net.ok.say(TOPIC, f"c{n}", f"Пікір {n}", NOW - 5000 + n)
    got, batch = await net.everything({})
    assert sum(name.startswith(f"{TOPIC}/") for name in got) == 250
    net.ok.asked.clear()
    net.ok.say(TOPIC, "c250", "Тағы", NOW)
    got, batch = await net.everything(batch.cursor)
    assert f"{TOPIC}/c250" in got
    assert sum(form.get("method") == "discussions.getComments" for form in net.ok.asked) <= 1 + 3


async def test_what_ok_does_not_tell_is_seen_by_reading_anew(net: Net) -> None:
    for n in range(5):
        net.ok.say(TOPIC, f"c{n}", f"Пікір {n}", NOW - 500 + n)
    _, batch = await net.everything({})
    net.ok.comments[TOPIC][2]["text"] = "Пікір 2, түзетілген"
    got, batch = await net.everything(batch.cursor)
    assert got[f"{TOPIC}/c2"].text == "Пікір 2, түзетілген"
    net.ok.comments[TOPIC] = [one for one in net.ok.comments[TOPIC] if one["id"] not in ("c1", "c4")]
    got, batch = await net.everything(batch.cursor)
    assert {name for name, post in got.items() if post.deleted_at} == {f"{TOPIC}/c1", f"{TOPIC}/c4"}
    net.ok.comments[TOPIC] = []
    got, batch = await net.everything(batch.cursor)
    assert {name for name, post in got.items() if post.deleted_at} == {f"{TOPIC}/c{n}" for n in (0, 2, 3)}
    got, _ = await net.everything(batch.cursor)
    assert not any(post.deleted_at for post in got.values())


@pytest.mark.parametrize(("method", "code", "error"), [
    ("group.getStatTopics", 50, AuthError), ("group.getStatTopics", 11, RateLimited), ("mediatopic.getByIds", 2, Transient),
    ("discussions.getComments", 8, RateLimited), ("discussions.getList", 2, Transient)])
async def test_errors_inside_200_wherever_they_come(net: Net, method: str, code: int, error: type[Exception]) -> None:
    net.ok.say(TOPIC, "c1", "а", NOW)
    net.ok.fails[method] = code
    with pytest.raises(error, match=str(code)):
        await net.source().poll(net.http, {})


async def test_comments_are_seen_before_the_statistics_know_them(net: Net) -> None:
    _, batch = await net.everything({})
    net.ok.counting = False
    net.ok.say(TOPIC, "c1", "Қашан?", NOW)
    got, _ = await net.everything(batch.cursor)
    assert f"{TOPIC}/c1" in got


async def test_a_group_s_token_that_is_refused_holds_up_no_comments_and_is_told(net: Net) -> None:
    net.ok.say(TOPIC, "c1", "Қашан?", NOW)
    net.ok.fails["discussions.getList"] = 10
    got, batch = await net.everything({}, bot_token="tkn1-an-old-one-000")
    assert f"{TOPIC}/c1" in got
    assert [one.reason.partition(":")[0] for one in batch.refused] == ["photos and videos of the group cannot be read",
                                                                     "messages to the group cannot be read"]
    with pytest.raises(AuthError):
        await net.source(token=None, application_key="", application_secret=None, bot_token="tkn1-an-old-one-000").poll(net.http, {})


async def test_one_closed_discussion_holds_up_neither_the_others_nor_the_token(net: Net) -> None:
    net.ok.topics["154000000000002"] = ("Жабық тақырып", int(NOW - 60) * 1000, f"group:{GROUP}")
    net.ok.say("GROUP_TOPIC/154000000000002", "x1", "көрінбейді", NOW)
    net.ok.say(TOPIC, "c1", "Қашан?", NOW)
    net.ok.refused.add("GROUP_TOPIC/154000000000002")
    got, batch = await net.everything({})
    assert f"{TOPIC}/c1" in got
    assert [(one.part, "457" in one.reason) for one in batch.refused] == [("comments:GROUP_TOPIC/154000000000002", True)]


async def test_a_wrong_secret_and_an_expired_token_are_refusals_that_say_which(net: Net) -> None:
    with pytest.raises(AuthError, match="Invalid signature"):
        await net.source(application_secret="another-secret-key").poll(net.http, {})
    with pytest.raises(AuthError, match="get a new token"):
        await net.source(token="tkn1-an-old-one-000").poll(net.http, {})


async def test_messages_come_newest_first_and_ours_are_none(net: Net) -> None:
    for n in range(230):
        net.ok.write(CHAT, n, f"Хабар {n}", NOW - 5000 + n)
    net.ok.write(CHAT, 500, "Қабылданды", NOW - 10, f"group:{GROUP}")
    nothing = {"token": None, "application_key": "", "application_secret": None}
    got, batch = await net.everything({}, **nothing)
    assert len(got) == 230
    assert all(post.in_reply_to_account == "@akimat.pavlodar" for post in got.values())
    net.ok.write(CHAT, 501, "Рахмет!", NOW)
    got, _ = await net.everything(batch.cursor, **nothing)
    assert f"{CHAT}/mid:{CHAT[5:]}.{501:x}" in got


async def test_the_past_is_read_back_topic_by_topic(net: Net) -> None:
    for n in range(45):
        name, at = f"1540000000010{n:02}", NOW - 86_400 * n
        net.ok.topics[name] = (f"Тақырып {n}", int(at) * 1000, f"group:{GROUP}")
        net.ok.say(f"GROUP_TOPIC/{name}", f"c{n}", f"Пікір {n}", at + 60)
    for n in range(250):
        net.ok.say("GROUP_TOPIC/154000000001005", f"d{n:03}", f"Ұзын {n}", NOW - 86_400 * 5 + 100 + n)
    cursor: Any = {"since": datetime.fromtimestamp(NOW - 86_400 * 10, UTC).isoformat(), "until": datetime.fromtimestamp(NOW - 86_400 * 2, UTC).isoformat()}
    names: list[str] = []
    for _ in range(9):
        batch = await net.source().backfill(net.http, cursor)
        names += [post.native_id for post in batch.posts]
        cursor = batch.cursor
        if not batch.more:
            break
    assert not batch.more
    assert len(names) == len(set(names)) == 9 + 8 + 250     # topics 2 to 10, comments of 3 to 10, one long discussion


async def test_answers_stand_under_the_comment_or_in_the_chat(net: Net) -> None:
    net.ok.say(TOPIC, "c1", "Қашан?", NOW)
    net.ok.write(CHAT, 1, "Су жоқ", NOW)
    got, _ = await net.everything({})
    post = got[f"{TOPIC}/c1"]
    assert await net.source().answer(net.http, post, "Ертең & кешке") == f"{TOPIC}/answer1"
    assert {"entityId": "154000000000001", "entityType": "GROUP_TOPIC", "comment": "Ертең & кешке", "as_admin": "true",
            "reply_to_comment_id": "c1"}.items() <= net.ok.posted[-1].items()
    message = got[f"{CHAT}/mid:{CHAT[5:]}.1"]
    assert (await net.source().answer(net.http, message, "Жөндейміз")).startswith(CHAT)
    assert net.ok.posted[-1] == {"recipient": {"chat_id": CHAT}, "message": {"text": "Жөндейміз"}}
    for code, reason in ((3, NOT_ALLOWED), (50, NOT_ALLOWED), (456, CLOSED), (700, GONE), (300, GONE)):
        net.ok.fails["discussions.addDiscussionComment"] = code
        with pytest.raises(CannotAnswer, match=reason):
            await net.source().answer(net.http, post, "а")
    net.ok.fails["discussions.addDiscussionComment"] = 8
    with pytest.raises(RateLimited):
        await net.source().answer(net.http, post, "а")
    net.ok.fails["discussions.addDiscussionComment"] = 2       # "service temporarily unavailable": it may stand there
    with pytest.raises(Transient) as told:
        await net.source().answer(net.http, post, "а")
    assert told.value.sent
    net.ok.chats.clear()
    with pytest.raises(CannotAnswer, match=GONE):
        await net.source().answer(net.http, message, "а")
    assert net.source(bot_token=None).can_answer(message, datetime.now(UTC)) == NOT_ALLOWED
    assert net.source().can_answer(message, datetime.now(UTC)) is None


async def test_the_probe_says_what_each_token_opens(net: Net) -> None:
    assert await net.source().probe(net.http) == [
        "reads topics and comments of @akimat.pavlodar (Павлодар қаласының әкімдігі)", "reads and answers messages to @akimat.pavlodar"]
    net.ok.fails["group.getStatTopics"] = 50
    first, second = await net.source(bot_token=None).probe(net.http)
    assert first.startswith("may not read topics")
    assert "GROUP_CONTENT" in first
    assert second == "may not read messages (no bot_token)"


@pytest.mark.parametrize(("more", "said"), [
    ({"token": None, "application_secret": None, "bot_token": None}, "nothing to read"), ({"session_secret": "x" * 32}, "one of application_secret"),
    ({"application_key": ""}, "application_key"), ({"group": "akimat"}, "group")])
def test_settings_say_how_to_mend(net: Net, more: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        net.source(**more)
