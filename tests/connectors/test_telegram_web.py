"""Preview pages: paging back only as far as needed, and an alarm where the page no longer reads as one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from stage import RECORDINGS

from connectors.base import Batch, Cursor
from connectors.errors import BadPayload, Transient
from connectors.telegram_web import PAGES, TelegramWeb, parse, read
from monitor.http import WebHttp

PAGE = json.loads((RECORDINGS / "telegram_web.json").read_text(encoding="utf-8"))["answers"]["recorded"][1]["body"]
HEAD = "<html><body><div class='tgme_channel_info'>қала</div><section class='tgme_channel_history js-message_history'>"
FOOT = "</section></body></html>"
NOTHING = "<div class='tgme_widget_message_wrap'><div class='tgme_widget_message_centered'><div class='tme_no_messages_found'>No posts found</div></div></div>"


def message(number: int, text: str) -> str:
    return (f"<div class='tgme_widget_message_wrap'><div class='tgme_widget_message js-widget_message' data-post='Qala_kz/{number}'>"
            f"<div class='tgme_widget_message_bubble'><div class='tgme_widget_message_text js-message_text'>{text}</div>"
            f"<a class='tgme_widget_message_date' href='#'><time datetime='2026-03-01T07:15:30+00:00'>07:15</time></a></div></div></div>")


@dataclass
class Channel:
    """A channel as t.me shows it: 20 messages a page."""

    numbers: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    limited: bool = False
    preview: bool = True
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.query.get("before", ""))
        if not self.preview:
            if request.path.startswith("/s/"):
                raise web.HTTPFound("/qala_kz")
            return web.Response(text="<html><div class='tgme_page'>Qala</div></html>", content_type="text/html")
        before = int(request.query.get("before", "0")) or 10**9
        shown = [] if self.limited else [n for n in self.numbers if n < before][-20:]
        older = shown and any(n < shown[0] for n in self.numbers)
        more = f"<a class='tme_messages_more js-messages_more' data-before='{shown[0]}'></a>" if older else ""
        body = HEAD + more + ("".join(message(n, self.texts.get(n, f"жазба {n}")) for n in shown) or NOTHING) + FOOT
        return web.Response(text=body, content_type="text/html")


@asynccontextmanager
async def showing(channel: Channel) -> AsyncIterator[tuple[TelegramWeb, WebHttp]]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", channel.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with WebHttp(timeout=5) as http:
        yield TelegramWeb("q", TelegramWeb.Settings(channel="Qala_kz", base_url=url)), http
    await runner.cleanup()


def numbers(batch: Batch) -> list[int]:
    return [int(post.native_id.partition("/")[2]) for post in batch.posts]


async def test_the_first_poll_takes_one_page_and_the_next_only_what_is_new() -> None:
    channel = Channel(list(range(1, 101)))
    async with showing(channel) as (web_, http):
        first = await web_.poll(http, {})
        assert numbers(first) == list(range(81, 101))
        channel.numbers += range(101, 131)
        second = await web_.poll(http, first.cursor)
        assert set(range(101, 131)) <= set(numbers(second))
        assert channel.asked == ["", "", "111"]


async def test_a_long_gap_is_walked_back_over_several_polls_and_nothing_is_skipped() -> None:
    """500 messages while we were away, more arriving meanwhile, and the program killed before one of the commits."""
    channel = Channel(list(range(1, 21)))
    async with showing(channel) as (web_, http):
        cursor: Cursor = (await web_.poll(http, {})).cursor
        channel.numbers += range(21, 521)
        got: set[int] = set()
        for turn in range(12):
            asked = len(channel.asked)
            batch = await web_.poll(http, cursor)
            assert len(channel.asked) - asked <= PAGES
            if turn == 2:
                continue                                     # killed before the commit: neither posts nor cursor were stored
            got |= set(numbers(batch))
            cursor = batch.cursor
            if not batch.more:
                channel.numbers.append(channel.numbers[-1] + 1)
        assert set(range(21, 521)) <= got
        assert max(channel.numbers) - 1 in got
        assert cursor.keys() == {"channel", "last"}


async def test_an_edit_on_the_newest_page_is_read_again() -> None:
    channel = Channel([1, 2, 3])
    async with showing(channel) as (web_, http):
        first = await web_.poll(http, {})
        channel.texts[2] = "Түзетілді"
        second = await web_.poll(http, first.cursor)
        assert [post.text for post in second.posts if post.native_id == "qala_kz/2"] == ["Түзетілді"]
        assert second.cursor == first.cursor


async def test_an_empty_channel_is_no_alarm_and_its_first_message_is_seen() -> None:
    channel = Channel()
    async with showing(channel) as (web_, http):
        empty = await web_.poll(http, {})
        assert (empty.posts, empty.cursor) == ((), {})
        channel.numbers.append(1)
        assert numbers(await web_.poll(http, empty.cursor)) == [1]


async def test_no_messages_where_there_were_some_is_waited_out() -> None:
    """t.me answers so when it is asked too often."""
    channel = Channel([1, 2])
    async with showing(channel) as (web_, http):
        cursor = (await web_.poll(http, {})).cursor
        channel.limited = True
        with pytest.raises(Transient, match="too often"):
            await web_.poll(http, cursor)


async def test_a_channel_without_a_preview_alarms() -> None:
    async with showing(Channel(preview=False)) as (web_, http):
        with pytest.raises(BadPayload, match="preview is switched off"):
            await web_.poll(http, {})


@pytest.mark.parametrize(("old", "new"), [
    ("tgme_widget_message_text js-message_text", "msg-text"),        # where the words stand
    ("js-widget_message\" data-post=", "js-widget_message\" data-id="),
    ("data-post=\"", "data-post=\"https://t.me/"),
    ("tgme_widget_message ", "msg "),
    ("<time datetime=", "<time title="),
    ("+00:00\" class=\"time\"", " o'clock\" class=\"time\""),
    ("tgme_channel_", "tg-channel-"),
])
def test_a_changed_layout_alarms(old: str, new: str) -> None:
    assert old in PAGE
    with pytest.raises(BadPayload):
        read(PAGE.replace(old, new).encode())


def test_a_page_whose_messages_vanished_is_not_an_empty_channel() -> None:
    with pytest.raises(BadPayload, match="layout changed"):
        read((HEAD + "<article>жазба</article>" + FOOT).encode())
    assert read((HEAD + NOTHING + FOOT).encode()).silent
    assert read((HEAD + FOOT).encode()).silent


def test_a_post_that_quotes_the_marks_of_the_page_is_only_a_post() -> None:
    quoting = message(7, "&lt;div class='tme_no_messages_found'&gt; tgme_channel_info")
    (post,) = parse((HEAD + quoting + FOOT).encode())
    assert post.text == "<div class='tme_no_messages_found'> tgme_channel_info"


def test_a_message_of_an_unknown_kind_does_not_silence_the_others() -> None:
    strange = message(9, "").replace("tgme_widget_message_text js-message_text'></div>", "tgme_widget_message_new_thing'>сый</div>")
    page = HEAD + "".join(message(n, "жазба") for n in range(1, 6)) + strange + FOOT
    assert len(parse(page.encode())) == 5


@pytest.mark.parametrize("written", ["Qala_kz", "@Qala_kz", "https://t.me/Qala_kz", "https://t.me/s/Qala_kz/"])
def test_the_channel_may_be_written_as_people_write_it(written: str) -> None:
    assert TelegramWeb.Settings(channel=written).channel == "Qala_kz"


@pytest.mark.parametrize("written", ["", "1abc", "қала", "a/b?c", "../../x y"])
def test_what_is_no_channel_says_so(written: str) -> None:
    with pytest.raises(ValueError, match="not the name of a public channel"):
        TelegramWeb.Settings(channel=written)


def shown(inner: str, number: int = 1) -> str:
    return message(number, "x").replace("<div class='tgme_widget_message_text js-message_text'>x</div>", inner)


HIDDEN = ("<div class='media_not_supported_cont'><div class='message_media_not_supported_wrap'>"
          "<div class='message_media_not_supported_label'>Please open Telegram to view this post</div></div></div>")
PHOTO = "<a class='tgme_widget_message_photo_wrap' href='#'></a>"
MOVED = "<div class='msg-text'>Жарық жоқ</div>"


def test_a_poll_is_its_question_and_choices() -> None:
    options = "".join(f"<div class='tgme_widget_message_poll_option'><div class='tgme_widget_message_poll_option_percent'>5%</div>"
                      f"<div class='tgme_widget_message_poll_option_text'>{text}</div></div>" for text in ("Жоқ", "Бар"))
    (post,) = parse((HEAD + shown("<div class='tgme_widget_message_poll'><div class='tgme_widget_message_poll_question'>Жарық бар ма?</div>"
                                  f"<div class='tgme_widget_message_poll_type'>Anonymous poll</div>{options}</div>") + FOOT).encode())
    assert post.text == "Жарық бар ма?\n- Жоқ\n- Бар"


def test_the_notice_that_stands_ready_beside_a_message_is_no_attachment() -> None:
    words = "<div class='tgme_widget_message_text js-message_text'>Жарық</div>"
    player = f"<a class='tgme_widget_message_video_player'>{HIDDEN}</a>"
    assert [p.media for p in parse((HEAD + shown(words + HIDDEN) + shown(player, 2) + FOOT).encode())] == [(), ("video:1",)]


@pytest.mark.parametrize("beside", ["", HIDDEN, PHOTO, PHOTO + HIDDEN])
def test_moved_words_alarm_also_below_a_picture(beside: str) -> None:
    with pytest.raises(BadPayload, match="2 of 2 messages cannot be read"):
        read((HEAD + shown(beside + MOVED) + shown(beside + MOVED, 2) + FOOT).encode())


@pytest.mark.parametrize("odd", [shown(MOVED, 3), shown(PHOTO + MOVED, 3), message(3, "Жарық жоқ").replace("<time ", "<b ")])
async def test_one_message_whose_words_are_elsewhere_is_kept_aside(odd: str) -> None:
    """And is the same at every poll, however often the message was seen meanwhile."""
    page = read((HEAD + message(1, "бір") + message(2, "екі") + odd + FOOT).encode())
    assert [post.text for _, post in page.posts][:2] == ["бір", "екі"]
    ((_, kept),) = page.damaged
    assert "Qala_kz/3" in kept.reason
    seen = odd.replace("<a class='tgme_widget_message_date'", "<span class='tgme_widget_message_views'>2.1K</span><a class='tgme_widget_message_date'")
    assert kept.payload == read((HEAD + message(1, "бір") + message(2, "екі") + seen.replace(
        "<span", "<div class='tgme_widget_message_info'><span").replace("</span>", "</span></div>") + FOOT).encode()).damaged[0][1].payload
