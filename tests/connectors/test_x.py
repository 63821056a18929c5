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


async def test_a_deleted_post_is_told_only_where_looking_it_up_was_wanted() -> None:
    class Lookup(Search):
        gone: tuple[str, ...] = ()

        async def get(self, url: str, *, params: Any = None, **_: Any) -> Response:
            if not url.endswith("/2/tweets"):
                found = await super().get(url, params=params)
                left = [one for one in json.loads(found.body)["data"] if one["id"] not in self.gone]
                return Response(200, {}, json.dumps({**BODY, "data": left, "meta": {"result_count": len(left)}}).encode(), url)
            self.asked.append({"path": "tweets", **params})
            return Response(200, {}, json.dumps({"errors": [
                {"resource_id": one, "value": one, "parameter": "ids", "resource_type": "tweet", "title": "Not Found Error",
                 "type": "https://api.twitter.com/2/problems/resource-not-found"} for one in params["ids"].split(",") if one in self.gone]}).encode(), url)

    search = Lookup()
    careful = X("s", X.Settings(token=META, query="акимат", recheck=True), clock=lambda: NEWEST + 60.0)
    first = await careful.poll(search, {})
    victim = first.posts[0].native_id
    search.gone = (victim,)
    second = await careful.poll(search, json.loads(json.dumps(first.cursor)))
    assert [(post.native_id, post.text) for post in second.posts if post.deleted_at] == [(victim, "")]
    third = await careful.poll(search, json.loads(json.dumps(second.cursor)))
    assert not [post for post in third.posts if post.deleted_at]
    search.asked.clear()
    await x(NEWEST + 60).poll(search, first.cursor)
    assert [one["path"] for one in search.asked] == ["tweets/search/recent"]      # it costs: only who wants it
