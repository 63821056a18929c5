"""What each kind of Telegram message becomes. Updates as https://core.telegram.org/bots/api describes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from connectors.base import Batch, Cursor, Response
from connectors.errors import RateLimited
from connectors.telegram import Telegram, updates_of
from monitor.core.post import Post
from ticketing.desk import Desk

GROUP = {"id": -1001, "type": "supergroup", "title": "Аула"}
OPEN_GROUP = {**GROUP, "username": "aula_kz"}
CHANNEL = {"id": -1002, "type": "channel", "title": "Әкімдік", "username": "akimat_pvl"}
CITIZEN = {"id": 7, "is_bot": False, "first_name": "Тұрғын", "last_name": "А."}
PRIVATE = {"id": 7, "type": "private", "first_name": "Тұрғын"}
AT = 1772349330


def message(number: int = 1, chat: dict[str, Any] = GROUP, **fields: Any) -> dict[str, Any]:
    sender = {} if "from" in fields or chat["type"] == "channel" else {"from": CITIZEN}
    return {"message_id": number, "date": AT, "chat": chat, **sender, **fields}


class Once:
    """The answer of one request."""

    def __init__(self, *updates: dict[str, Any]) -> None:
        self.body = json.dumps({"ok": True, "result": list(updates)}).encode()
        self.asked: dict[str, Any] = {}

    async def get(self, url: str, **_: Any) -> Response:
        raise AssertionError(url)

    async def post(self, url: str, *, json: Any = None, **_: Any) -> Response:
        self.asked = json
        return Response(200, {}, self.body, url)


def bot(now: float = float(AT)) -> Telegram:
    return Telegram("bot", Telegram.Settings(token=SecretStr("42:x"), api_url=HttpUrl("http://h")), clock=lambda: now)


async def take(*updates: dict[str, Any], cursor: Cursor | None = None) -> Batch:
    return await bot().poll(Once(*updates), cursor or {})


async def post_of(kind: str, **fields: Any) -> Post:
    batch = await take({"update_id": 1, kind: message(**fields)})
    assert batch.damaged == ()
    (post,) = batch.posts
    return post


async def test_a_group_message() -> None:
    post = await post_of("message", text="Жарық жоқ", chat=OPEN_GROUP, number=5)
    assert (post.native_id, post.url, post.author.key, post.author.display) == ("-1001/5", "https://t.me/aula_kz/5", "7", "Тұрғын А.")


async def test_a_channel_post_and_its_edit() -> None:
    post = await post_of("channel_post", text="Хабарлама", chat=CHANNEL, sender_chat=CHANNEL, author_signature="Баспасөз")
    edit = await post_of("edited_channel_post", text="Хабарлама 2", chat=CHANNEL, sender_chat=CHANNEL, edit_date=AT + 9)
    assert (post.native_id, post.author.key, post.author.display, post.edited_at) == ("-1002/1", "-1002", "@akimat_pvl", None)
    assert edit.native_id == post.native_id
    assert edit.edited_at is not None
    assert edit.digest() != post.digest()


@pytest.mark.parametrize("fields", [
    {"text": "/start abc", "entities": [{"type": "bot_command", "offset": 0, "length": 6}], "chat": PRIVATE},
    {"text": "Жарық жоқ", "from": {**CITIZEN, "is_bot": True}},
    {"text": "Жарық жоқ", "via_bot": {"id": 42, "is_bot": True, "first_name": "біз"}},
    {"new_chat_members": [CITIZEN]}, {"left_chat_member": CITIZEN}, {"pinned_message": message(2, text="a")},
    {"new_chat_title": "Жаңа"}, {"migrate_to_chat_id": -1009}, {"group_chat_created": True},
    {"text": "/help", "entities": [{"type": "bot_command", "offset": 0, "length": 5}]},
])
async def test_what_is_no_post(fields: dict[str, Any]) -> None:
    batch = await take({"update_id": 1, "message": message(**fields)})
    assert (batch.posts, batch.damaged) == ((), ())
    assert batch.cursor["offset"] == 2


@pytest.mark.parametrize(("update", "kept"), [
    ({"message": message(text="/start a", chat=PRIVATE, entities=[{"type": "bot_command", "offset": 0, "length": 6}])}, True),
    ({"message": message(text="Жарық жоқ", chat=PRIVATE)}, True),
    ({"message": message(text="/mine@bot", entities=[{"type": "bot_command", "offset": 0, "length": 9}])}, True),
    ({"message": message(migrate_to_chat_id=-1009)}, True),
    ({"callback_query": {"id": "1", "from": CITIZEN, "chat_instance": "1", "data": "x"}}, True),
    ({"my_chat_member": {"chat": PRIVATE, "from": CITIZEN, "date": AT, "old_chat_member": {"status": "member", "user": CITIZEN},
                         "new_chat_member": {"status": "kicked", "user": CITIZEN, "until_date": 0}}}, True),
    ({"message": message(text="Жарық жоқ")}, False),
    ({"channel_post": message(text="Жарық", chat=CHANNEL)}, False),
])
async def test_what_the_bots_are_given(update: dict[str, Any], kept: bool) -> None:
    batch = await take({"update_id": 31, **update})
    assert [(one.key, one.payload) for one in batch.inbound] == ([("31", {"update_id": 31, **update})] if kept else [])


async def test_a_private_message_is_for_the_bots_and_a_post() -> None:
    batch = await take({"update_id": 1, "message": message(text="Жарық жоқ", chat=PRIVATE)})
    assert len(batch.posts) == len(batch.inbound) == 1


async def test_words_after_a_command_in_a_group_are_not_lost() -> None:
    post = await post_of("message", text="/акимат Толстой 12 жарық жоқ", entities=[{"type": "bot_command", "offset": 0, "length": 7}])
    assert "жарық жоқ" in post.text


async def test_who_writes_in_a_groups_name_is_no_bot() -> None:
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    post = await post_of("message", text="Жарық жоқ", sender_chat=GROUP, **{"from": anonymous})
    assert post.author.key == "-1001"


COPY = message(10, text="Хабарлама", sender_chat=CHANNEL, is_automatic_forward=True, **{
    "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"},
    "forward_origin": {"type": "channel", "chat": CHANNEL, "message_id": 77, "date": AT}})


async def test_a_comment_stands_under_the_channels_post() -> None:
    batch = await take({"update_id": 1, "message": message(11, text="Қашан?", message_thread_id=10, reply_to_message=COPY)})
    about, post = batch.posts
    assert (post.in_reply_to, post.in_reply_to_account) == ("-1001/10", "@akimat_pvl")
    assert (about.native_id, about.text, about.author.display, about.repost_of) == ("-1001/10", "Хабарлама", "@akimat_pvl", "-1002/77")


async def test_the_post_that_a_comment_is_about_comes_once_and_only_while_it_is_fresh() -> None:
    comments = [{"update_id": n, "message": message(10 + n, text="Қашан?", message_thread_id=10, reply_to_message=COPY)} for n in (1, 2)]
    assert [post.native_id for post in (await take(*comments)).posts] == ["-1001/10", "-1001/11", "-1001/12"]
    assert [post.native_id for post in (await take({"update_id": 0, "message": COPY}, *comments)).posts] == [
        "-1001/10", "-1001/11", "-1001/12"]
    old = {**COPY, "date": AT - 8 * 86400}
    late = {"update_id": 1, "message": message(11, text="Қашан?", message_thread_id=10, reply_to_message=old)}
    assert [post.native_id for post in (await take(late)).posts] == ["-1001/11"]


async def test_an_answer_to_a_comment_stands_under_it_too_also_after_a_restart() -> None:
    first = await take({"update_id": 1, "message": COPY})
    assert first.posts[0].repost_of == "-1002/77"
    comment = message(11, text="Қашан?", message_thread_id=10)
    answer = {"update_id": 2, "message": message(12, text="Бізде де", message_thread_id=10, reply_to_message=comment)}
    (post,) = (await take(answer, cursor=json.loads(json.dumps(first.cursor)))).posts
    assert (post.in_reply_to, post.in_reply_to_account) == ("-1001/11", "@akimat_pvl")


async def test_the_channel_of_a_group_survives_its_migration() -> None:
    first = await take({"update_id": 1, "message": COPY}, {"update_id": 2, "message": message(13, migrate_to_chat_id=-1009)})
    moved = {**GROUP, "id": -1009}
    (post,) = (await take({"update_id": 3, "message": message(2, moved, text="Қашан?", message_thread_id=1)}, cursor=first.cursor)).posts
    assert post.in_reply_to_account == "@akimat_pvl"


async def test_an_answer_to_another_citizen_and_to_a_message_elsewhere() -> None:
    other = message(3, text="a", **{"from": {**CITIZEN, "id": 8, "username": "aigul"}})
    assert (await post_of("message", text="b", reply_to_message=other)).in_reply_to_account == "@aigul"
    quoted = {"origin": {"type": "channel", "chat": CHANNEL, "message_id": 5, "date": AT}, "chat": CHANNEL, "message_id": 5}
    post = await post_of("message", text="b", external_reply=quoted)
    assert (post.in_reply_to, post.in_reply_to_account) == ("-1002/5", "@akimat_pvl")


async def test_entities_count_in_utf_16() -> None:
    text = "🕳🕳 @akimat_pvl #шұңқыр сілтеме t.me/x"
    units = len("🕳🕳 ".encode("utf-16-le")) // 2
    post = await post_of("message", text=text, entities=[
        {"type": "mention", "offset": units, "length": 11}, {"type": "hashtag", "offset": units + 12, "length": 7},
        {"type": "text_link", "offset": units + 20, "length": 7, "url": "https://h/1"},
        {"type": "url", "offset": units + 28, "length": 6}])
    assert (post.mentions, post.hashtags, post.links) == (("@akimat_pvl",), ("#шұңқыр",), ("https://h/1", "http://t.me/x"))


@pytest.mark.parametrize(("fields", "text", "media"), [
    ({"photo": [{"file_id": "a", "file_unique_id": "u", "width": 1, "height": 1}], "caption": "Шұңқыр"}, "Шұңқыр", ("photo:u",)),
    ({"voice": {"file_id": "a", "file_unique_id": "v", "duration": 3}}, "", ("voice:v",)),
    ({"location": {"latitude": 52.3, "longitude": 76.95}}, "", ("location:52.300000,76.950000",)),
    ({"venue": {"location": {"latitude": 52.3, "longitude": 76.95}, "title": "Мектеп", "address": "Лермонтов 1"},
      "location": {"latitude": 52.3, "longitude": 76.95}}, "Мектеп\nЛермонтов 1", ("location:52.300000,76.950000",)),
    ({"poll": {"id": "1", "question": "Жарық бар ма?", "options": [{"text": "Жоқ", "voter_count": 0, "persistent_id": "1"}], "total_voter_count": 0,
               "is_closed": False, "is_anonymous": True, "type": "regular", "allows_multiple_answers": False,
               "allows_revoting": False, "members_only": False}},
     "Жарық бар ма?\n- Жоқ", ()),
])
async def test_what_is_attached(fields: dict[str, Any], text: str, media: tuple[str, ...]) -> None:
    post = await post_of("message", **fields)
    assert (post.text, post.media) == (text, media)


async def test_the_same_picture_under_another_file_id_is_no_edit() -> None:
    posts = [await post_of("message", photo=[{"file_id": name, "file_unique_id": "u", "width": 1, "height": 1}]) for name in "ab"]
    assert posts[0].digest() == posts[1].digest()


RICH = {"blocks": [
    {"type": "heading", "text": "Павлодар әкіміне", "size": 1},
    {"type": "paragraph", "text": ["Көшеде ", {"type": "bold", "text": "жарық"}, " жоқ ", {
        "type": "mention", "text": "@akimat_pvl", "username": "akimat_pvl"}]},
    {"type": "list", "items": [{"label": "1", "blocks": [{"type": "paragraph", "text": "Абай 5"}]}]},
    {"type": "table", "cells": [[{"text": "үй", "align": "left", "valign": "top"}, {"align": "left", "valign": "top"}]]}]}


@pytest.mark.parametrize(("fields", "text", "media"), [
    ({"rich_message": RICH}, "Павлодар әкіміне\nКөшеде жарық жоқ @akimat_pvl\nАбай 5\nүй", ()),
    ({"checklist": {"title": "Жөндеу", "tasks": [{"id": 1, "text": "Шұңқыр"}, {"id": 2, "text": "Жарық"}]}}, "Жөндеу\n- Шұңқыр\n- Жарық", ()),
    ({"paid_media": {"star_count": 1, "paid_media": [{"type": "preview"}, {"type": "preview"}]}}, "", ("paid:1", "paid:2")),
    ({"live_photo": {"file_id": "a", "file_unique_id": "u", "width": 1, "height": 1, "duration": 1}, "caption": "Шұңқыр"}, "Шұңқыр",
     ("live_photo:u",)),
])
async def test_newer_kinds_of_content_are_read(fields: dict[str, Any], text: str, media: tuple[str, ...]) -> None:
    post = await post_of("message", **fields)
    assert (post.text, post.media) == (text, media)
    assert "@akimat_pvl" in post.mentions or "@akimat_pvl" not in text


async def test_content_that_nobody_reads_yet_is_kept_aside_and_not_dropped() -> None:
    batch = await take({"update_id": 1, "message": message(hologram={"text": "Жарық жоқ"})})
    assert batch.posts == ()
    assert "hologram" in batch.damaged[0].reason
    assert "hologram" in batch.damaged[0].payload.decode()


async def test_a_message_in_a_topic_is_no_answer_to_who_opened_it() -> None:
    opened = message(3, message_thread_id=3, is_topic_message=True, forum_topic_created={"name": "ЖКХ", "icon_color": 1},
                     **{"from": {**CITIZEN, "id": 8, "username": "akimat_pvl"}})
    topic = {"message_thread_id": 3, "is_topic_message": True}
    post = await post_of("message", text="Жарық жоқ", reply_to_message=opened, **topic)
    assert (post.in_reply_to, post.in_reply_to_account) == (None, None)
    answered = message(4, text="a", **topic, **{"from": {**CITIZEN, "id": 8, "username": "akimat_pvl"}})
    assert (await post_of("message", text="b", reply_to_message=answered, **topic)).in_reply_to_account == "@akimat_pvl"


@pytest.mark.parametrize(("wait", "seconds"), [("3", 3.0), ("1e999", 5.0), ("NaN", 5.0), ("null", 5.0), ("-1", 0.0)])
def test_a_wait_that_is_no_time_is_not_believed(wait: str, seconds: float) -> None:
    with pytest.raises(RateLimited) as caught:
        updates_of(b'{"ok":false,"error_code":429,"description":"Too\\nMany\\u001b[2J","parameters":{"retry_after":%s}}' % wait.encode())
    assert caught.value.retry_after == seconds
    assert str(caught.value) == "Telegram: Too Many [2J"


async def test_a_forwarded_message_says_so() -> None:
    hidden = {"type": "hidden_user", "sender_user_name": "Біреу", "date": AT}
    assert (await post_of("message", text="a", forward_origin=hidden)).repost_of == "forwarded"


async def test_after_a_week_of_silence_the_offset_is_not_trusted() -> None:
    """The API may then number anew from a random id; asking with an old, higher offset would confirm and lose them."""
    cursor = {"bot": "42", "offset": 900, "at": AT}
    soon, late = Once(), Once({"update_id": 5, "message": message(text="a")})
    await bot(AT + 5 * 86400).poll(soon, cursor)
    assert soon.asked["offset"] == 900
    batch = await bot(AT + 8 * 86400).poll(late, cursor)
    assert "offset" not in late.asked
    assert batch.cursor["offset"] == 6


async def test_the_cursor_of_another_bot_is_not_used() -> None:
    asked = Once()
    await bot().poll(asked, {"bot": "41", "offset": 900, "at": AT})
    assert "offset" not in asked.asked


async def test_words_are_taken_although_something_beside_them_is_unreadable() -> None:
    """A server of another version sends a part in a form that the library refuses: kept aside, and the post not lost."""
    batch = await take({"update_id": 1, "message": message(text="Жарық жоқ", poll={"id": 1})})
    assert [post.text for post in batch.posts] == ["Жарық жоқ"]
    assert "update 1 cannot be read" in batch.damaged[0].reason


async def test_the_offices_own_posts_are_known_by_their_account() -> None:
    """In its channel, copied into the discussion group, and on the preview page; nobody can take its name."""
    own = Desk(None, None, None, (), frozenset({"akimat_pvl"}))  # type: ignore[arg-type]
    posts = [await post_of("channel_post", text="a", chat=CHANNEL, sender_chat=CHANNEL, author_signature="Баспасөз"),
             (await take({"update_id": 1, "message": COPY})).posts[0],
             await post_of("message", text="a", **{"from": {**CITIZEN, "username": "Akimat_PVL"}})]
    assert [own.is_own(post.author.display) for post in posts] == [True] * 3
    for sender in (CITIZEN, {**CITIZEN, "first_name": "@akimat_pvl", "last_name": ""}, {**CITIZEN, "last_name": "(@akimat_pvl)"}):
        assert not own.is_own((await post_of("message", text="a", **{"from": sender})).author.display)
