"""What the shared suite cannot see of VK: deletes, one closed wall among others, answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from connectors.base import Response
from connectors.errors import CLOSED, GONE, AuthError, CannotAnswer, RateLimited, SourceError
from connectors.vk import Vk, parse

POST = {"id": 10, "owner_id": -1, "from_id": -1, "date": 1772349330, "text": "Жылу", "comments": {"count": 2}}
COMMENT = {"id": 21, "from_id": 5, "date": 1772349400, "text": "Су жоқ"}


class Api:
    """Answers in turn; keeps what it was sent."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Any] = []

    async def get(self, url: str, *, headers: Any = None, params: Any = None, timeout: Any = None) -> Response:
        raise AssertionError("VK is asked by POST: the token must not stand in an address")

    async def post(self, url: str, *, json: Any = None, data: Any = None, headers: Any = None, timeout: Any = None) -> Response:
        self.sent.append(data)
        return Response(200, {}, body(self.answers.pop(0)), url)


def body(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def listed(*items: Any) -> dict[str, Any]:
    return {"count": len(items), "items": items}


def source(**more: Any) -> Vk:
    return Vk("kala", Vk.Settings.model_validate({"token": "t-t-t-t", "communities": ["1", "2"], "answer_as": 1, **more}),
              clock=lambda: 1772350000.0)


async def test_a_deleted_comment_and_one_that_vanished_become_revisions() -> None:
    other = {**COMMENT, "id": 22}
    api = Api({"response": [listed(POST), listed()]}, {"response": [listed(COMMENT, other)]},
              {"response": [listed(POST), listed()]}, {"response": [listed({**COMMENT, "deleted": True, "text": ""})]})
    first = await source().poll(api, {})
    second = await source().poll(api, first.cursor)
    assert {post.native_id for post in first.posts} == {"-1_10", "-1_10_21", "-1_10_22"}
    assert {post.native_id for post in second.posts if post.deleted_at} == {"-1_10_21", "-1_10_22"}


async def test_a_closed_wall_is_reported_beside_the_others_and_a_daily_limit_waits() -> None:
    error = {"method": "wall.get", "error_code": 15, "error_msg": "Access denied"}
    api = Api({"response": [listed({**POST, "comments": {"count": 0}}), False], "execute_errors": [error]})
    batch = await source().poll(api, {})
    assert [post.native_id for post in batch.posts] == ["-1_10"]
    assert [(one.part, "error 15" in one.reason) for one in batch.refused] == [("wall:2", True)]
    with pytest.raises(RateLimited) as told:
        await source().poll(Api({"response": [False, False], "execute_errors": [{**error, "error_code": 29}] * 2}), {})
    assert told.value.retry_after == 3600


async def test_an_answer_goes_under_the_comment_and_a_refusal_says_why() -> None:
    post = parse(body({"response": listed(COMMENT)}), "-1_10")[0]
    api = Api({"response": {"comment_id": 30}})
    assert await source().answer(api, post, "Ертең") == "-1_10_21_30"
    assert [api.sent[0][key] for key in ("owner_id", "post_id", "reply_to_comment", "from_group")] == ["-1", "10", "21", "1"]
    for code, reason in ((213, CLOSED), (100, GONE)):
        with pytest.raises(CannotAnswer, match=reason):
            await source().answer(Api({"error": {"error_code": code, "error_msg": "no"}}), post, "Ертең")
    with pytest.raises(SourceError):
        await source().answer(Api({"error": {"error_code": 5, "error_msg": "no"}}), post, "Ертең")


class Wall:
    """One community with one post, answering `execute` as VK does: comments newest first, ten answers of a thread at most."""

    def __init__(self) -> None:
        self.comments: dict[int, dict[str, Any]] = {}
        self.answers: dict[int, dict[int, dict[str, Any]]] = {}
        self.refused: dict[str, int] = {}
        self.asked: list[str] = []

    def say(self, number: int, below: int | None = None) -> None:
        one = {"id": number, "from_id": 5, "date": 1772349400 + 60 * number, "text": f"Су жоқ {number}",
               "parents_stack": [below] if below else []}
        (self.comments if below is None else self.answers.setdefault(below, {}))[number] = one

    @property
    def everything(self) -> set[str]:
        return {*(f"-1_10_{n}" for n in self.comments), *(f"-1_10_{above}_{n}" for above, said in self.answers.items() for n in said)}

    async def get(self, url: str, **_: Any) -> Response:
        raise AssertionError

    async def post(self, url: str, *, data: Any = None, **_: Any) -> Response:
        calls = [(method, json.loads(said)) for method, said in CALL.findall(data["code"])]
        assert len(calls) <= 25
        found, errors = [], []
        for method, asked in calls:
            self.asked.append(method)
            code = self.refused.get(method if "post_id" not in asked else f"{method}:{asked['post_id']}")
            if code is None:
                found.append(self.listed(method, asked))
            else:
                found.append(False)
                errors.append({"method": method, "error_code": code, "error_msg": "Access denied"})
        return Response(200, {}, body({"response": found, **({"execute_errors": errors} if errors else {})}), url)

    def listed(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        if method == "wall.get":
            return listed({**POST, "comments": {"count": len(self.everything)}}, {**POST, "id": 9, "comments": {"count": 1}})
        if asked["post_id"] == 9:
            return listed({**COMMENT, "id": 3})
        there = self.answers.get(asked["comment_id"], {}) if "comment_id" in asked else self.comments
        newest = sorted(there.values(), key=lambda one: -one["date"])
        page = []
        for one in newest[asked["offset"]:asked["offset"] + min(asked["count"], 100)]:
            below = list(self.answers.get(one["id"], {}).values())
            page.append({**one, "thread": {"count": len(below), "items": below[:asked.get("thread_items_count", 0)]}})
        return {"count": len(self.everything), "current_level_count": len(there), "items": page}


CALL = re.compile(r"API\.([a-zA-Z.]+)\((\{.*?\})\)")


async def read(wall: Wall, known: Any) -> tuple[dict[str, Any], Any]:
    """What polls bring until VK has no more, and where they stand."""
    one, got = source(communities=["1"]), {}
    for _ in range(30):
        batch = await one.poll(wall, known)
        got |= {post.native_id: post for post in batch.posts}
        known = json.loads(json.dumps(dict(batch.cursor)))
        if not batch.more:
            return got, batch
    raise AssertionError("no end")


async def test_hundreds_of_comments_between_two_reads_all_come_also_deep_in_a_thread() -> None:
    wall = Wall()
    for number in range(20, 60):
        wall.say(number)
    _, known = await read(wall, {})
    for number in range(100, 2400):
        wall.say(number)
    for number in range(5000, 5150):
        wall.say(number, below=21)                  # under a comment that no longer stands on the newest page
    got, known = await read(wall, known.cursor)
    assert wall.everything <= {*got, *(f"-1_10_{n}" for n in range(20, 60))}
    wall.asked.clear()
    assert {name for name in (await read(wall, known.cursor))[0] if got.get(name) is None} <= {"-1_10", "-1_9", "-1_9_3", *wall.everything}
    assert wall.asked.count("wall.getComments") <= 2        # nothing new: each post's comments are looked at once


async def test_closed_comments_of_one_post_hold_nobody_else_up_and_a_dead_token_stops_the_source() -> None:
    wall = Wall()
    wall.say(20)
    wall.refused = {"wall.getComments:10": 15}
    got, batch = await read(wall, {})
    assert {"-1_9_3", "-1_9", "-1_10"} <= set(got)
    assert [one.part for one in batch.refused] == ["comments:-1_10"]
    wall.refused = {}
    wall.say(21)
    got, batch = await read(wall, batch.cursor)
    assert {"-1_10_20", "-1_10_21"} <= set(got)
    assert batch.refused == ()
    wall.refused = {"wall.get": 5}
    with pytest.raises(AuthError):
        await read(wall, batch.cursor)


async def test_calls_of_methods_with_a_limit_by_the_day_are_counted_inside_an_execute() -> None:
    walls, searches = (one for one in Vk.limits if one.within)
    form = {"code": 'return [API.wall.get({}),API.wall.get({}),API.newsfeed.search({"q": "a"}),API.wall.getComments({})];'}
    assert (walls.cost_of("/method/execute", form), searches.cost_of("/method/execute", form)) == (2, 1)
    assert (walls.amount, searches.amount, walls.cost_of("/method/messages.send", {"message": "x"})) == (5000, 1000, 0)
