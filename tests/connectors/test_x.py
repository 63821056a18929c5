"""X asks by time, so that an edit of the last half hour comes again and no post is paid for twice a day."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cases import META
from stage import recording

from connectors.base import Response
from connectors.errors import CLOSED
from connectors.x import X, parse
from monitor.core.post import Post

NEWEST = 1772349330
BODY = json.loads(recording("x").bodies()[1])


class Search:
    """A search that finds the same posts every time; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def get(self, url: str, *, params: Any = None, **_: Any) -> Response:
        self.asked.append({"path": url.rpartition("/2/")[2], **params})
        return Response(200, {}, json.dumps({**BODY, "meta": {"result_count": len(BODY["data"])}}).encode(), url)

    async def post(self, url: str, **_: Any) -> Response:
        raise AssertionError(url)


def x(now: float, **options: str) -> X:
    return X("s", X.Settings(token=META, query="акимат", **options), clock=lambda: now)  # type: ignore[arg-type]


async def test_a_later_poll_asks_from_an_hour_before_the_newest_on() -> None:
    search = Search()
    first = await x(NEWEST + 60).poll(search, {})
    await x(NEWEST + 120).poll(search, json.loads(json.dumps(first.cursor)))
    assert [asked.get("start_time") for asked in search.asked] == [None, "2026-03-01T06:15:30Z"]
    await x(NEWEST + 7 * 86400).poll(search, first.cursor)         # the search would refuse a time of eight days ago
    assert "start_time" not in search.asked[-1]


async def test_another_query_begins_anew() -> None:
    search = Search()
    first = await x(NEWEST + 60).poll(search, {})
    await X("s", X.Settings(token=META, query="әкімдік"), clock=lambda: NEWEST + 60.0).poll(search, first.cursor)  # type: ignore[arg-type]
    assert "start_time" not in search.asked[-1]


def test_two_versions_on_one_page_are_the_newer() -> None:
    old = {**BODY["data"][0], "id": "1", "edit_history_tweet_ids": ["1"], "text": "12"}
    new = {**old, "id": "2", "edit_history_tweet_ids": ["1", "2"], "text": "14"}
    (post,) = parse(json.dumps({"data": [new, old], "meta": {"result_count": 2}}).encode())
    assert (post.native_id, post.text, post.edited_at is not None) == ("1", "14", True)


async def test_who_may_reply_is_learnt_from_the_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = x(NEWEST + 60, user_token=META)
    closed = {**BODY["data"][0], "reply_settings": "mentionedUsers"}
    search = Search()
    monkeypatch.setitem(BODY, "data", [closed])
    (post,) = (await mine.poll(search, {})).posts
    assert isinstance(post, Post)
    assert mine.can_answer(post, post.published_at) == CLOSED
