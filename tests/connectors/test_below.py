"""Comments post by post: a poll that may not ask enough goes on where it stopped, and one bad post holds nobody up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.below import AT_FIRST, Thread, read_below, told
from connectors.errors import AuthError, BadPayload
from connectors.graph import Gone
from connectors.timeline import Page, read_new
from monitor.core.post import Post


class Wall:
    """Comments of posts in pages of two, newest first."""

    def __init__(self, **comments: int) -> None:
        self.comments = comments
        self.asked: list[tuple[str, str | None]] = []
        self.broken: dict[str, Exception] = {}
        self.gone: set[str] = set()

    def threads(self) -> list[Thread]:
        return [Thread(name, str(count) if count else "") for name, count in self.comments.items()]

    async def ask(self, name: str, mark: str | None) -> tuple[Page, list[str]]:
        self.asked.append((name, mark))
        if name in self.broken:
            raise self.broken[name]
        top = int(mark) if mark else self.comments[name]
        numbers = range(top, max(top - 2, 0), -1)
        posts = tuple(Post(network="x", source="", native_id=f"{name}{n}", text="a", published_at=datetime.fromtimestamp(n * 1000, UTC))
                      for n in numbers if f"{name}{n}" not in self.gone)
        return Page(posts, str(top - 2) if top > 2 else None, (numbers[-1] * 1000, numbers[0] * 1000) if numbers else None), []


async def everything(wall: Wall, known: dict[str, Any], requests: int, **options: bool) -> tuple[list[str], dict[str, Any]]:
    got: list[str] = []
    for _ in range(30):
        news = await read_below(wall.threads(), known, wall.ask, requests, **options)
        got += [post.native_id for post in news.posts]
        known = json.loads(json.dumps(news.state))
        if not news.more:
            return got, known
    raise AssertionError("no end")


async def test_a_long_way_is_finished_by_the_next_polls() -> None:
    wall = Wall(a=7, b=0, c=3)
    got, known = await everything(wall, {}, 1)
    assert sorted(got) == [*(f"a{n}" for n in range(1, 8)), "c1", "c2", "c3"]
    wall.asked.clear()
    assert (await everything(wall, known, 1))[0] == []
    assert wall.asked == []                                      # nothing new under any: nobody is asked
    wall.comments["c"] = 4
    assert "c4" in (await everything(wall, known, 1))[0]


async def test_a_sorted_list_is_read_to_where_the_last_reading_began() -> None:
    wall = Wall(a=20)
    _, known = await everything(wall, {}, 50, newest_first=True)
    wall.asked.clear()
    wall.comments["a"] = 21
    got, _ = await everything(wall, known, 50, newest_first=True)
    assert "a21" in got
    assert len(wall.asked) == 2


async def test_one_that_cannot_be_read_is_asked_again_and_one_that_is_gone_is_not() -> None:
    wall = Wall(a=1, b=1, c=1)
    wall.broken = {"a": BadPayload("no", b"x"), "b": Gone("gone")}
    news = await read_below(wall.threads(), {}, wall.ask, 9)
    assert [post.native_id for post in news.posts] == ["c1"]
    assert [one.reason for one in news.damaged] == ["no"]
    wall.broken = {}
    assert (await everything(wall, news.state, 9))[0] == ["a1"]


async def test_history_is_not_the_first_polls_business() -> None:
    wall = Wall(**{f"p{n:03}-": 1 for n in range(40)})
    got, known = await everything(wall, {}, 3)
    assert len(got) == AT_FIRST
    wall.comments["p039-"] = 2
    assert "p039-2" in (await everything(wall, known, 3))[0]      # a new comment under an old post is


async def test_what_is_refused_below_one_post_holds_nobody_up_and_is_asked_again_until_it_is_read() -> None:
    wall = Wall(a=1, b=1, c=1, d=1)
    wall.broken = {"a": AuthError("403"), "d": AuthError("403")}
    news = await read_below(wall.threads(), {}, wall.ask, 9)
    assert [post.native_id for post in news.posts] == ["b1", "c1"]
    assert [(one.part, one.reason) for one in news.refused] == [("comments:a", "403"), ("comments:d", "403")]
    wall.asked.clear()
    for _ in range(4):
        news = await read_below(wall.threads(), json.loads(json.dumps(news.state)), wall.ask, 9)
    assert [name for name, _ in wall.asked] == ["a", "d", "a", "d"]         # in turn, one of them a poll
    wall.broken = {"a": AuthError("403")}
    wall.comments["d"] = 2
    news = await read_below(wall.threads(), news.state, wall.ask, 9)
    assert [post.native_id for post in news.posts] == ["d2", "d1"]
    assert [one.part for one in news.refused] == ["comments:a"]
    wall = Wall(**{f"p{n}-": 1 for n in range(9)})
    wall.broken = {f"p{n}-": AuthError("403") for n in range(9)}
    news = await read_below(wall.threads(), {}, wall.ask, 20)
    assert [one.part for one in news.refused] == ["comments"]              # a permission, not a post


async def test_a_refused_list_holds_the_others_up_only_where_all_are_refused() -> None:
    async def fine(mark: str | None) -> Page:
        return Page((Post(network="x", source="", native_id="1", text="a", published_at=datetime.fromtimestamp(1000, UTC)),), None, (1000, 1000))

    async def closed(mark: str | None) -> Page:
        raise AuthError("403")

    news = await read_new({"search": closed, "mentions": fine}, {}, 5)
    assert ([post.native_id for post in news.posts], [one.part for one in news.refused]) == (["1"], ["search"])
    again = await read_new({"search": fine, "mentions": fine}, json.loads(json.dumps(news.state)), 5)
    assert again.refused == ()
    with pytest.raises(AuthError):
        await read_new({"search": closed, "mentions": closed}, news.state, 5)


async def test_a_comment_that_vanished_is_told_where_everything_was_read_and_nowhere_else() -> None:
    wall = Wall(a=5, b=3)
    read = await read_below(wall.threads(), {}, wall.ask, 50)
    kept, _ = told({}, read, "x", 9e9)
    assert sorted(kept) == [*(f"a a{n}" for n in range(1, 6)), *(f"b b{n}" for n in range(1, 4))]
    wall.gone = {"a2", "b3"}
    wall.comments["a"] = 6                                         # the number of comments below b is as it was: nobody looks there
    news = await read_below(wall.threads(), json.loads(json.dumps(read.state)), wall.ask, 50)
    kept, deleted = told(kept, news, "x", 9e9)
    assert [(post.native_id, post.text, post.deleted_at is not None) for post in deleted] == [("a2", "", True)]
    assert told(kept, news, "x", 9e9)[1] == ()                     # once
    wall.gone, wall.comments["a"] = {"a1", "a4", "a6"}, 7
    newest = await read_below(wall.threads(), json.loads(json.dumps(news.state)), wall.ask, 50, newest_first=True)
    assert "a1" not in newest.of                                   # reading ended above it: nobody knows
    assert sorted(post.native_id for post in told(kept, newest, "x", 9e9)[1]) == ["a6"]
    wall.comments["a"] = 20
    half = await read_below(wall.threads(), json.loads(json.dumps(newest.state)), wall.ask, 2)
    rest = await read_below(wall.threads(), json.loads(json.dumps(half.state)), wall.ask, 50)
    assert told(kept, half, "x", 9e9)[1] == told(kept, rest, "x", 9e9)[1] == ()    # read in two goes: neither saw all of it
