"""What the shared suite cannot see of VK: deletes, one closed wall among others, answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import Response
from connectors.errors import CLOSED, GONE, CannotAnswer, RateLimited, SourceError
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
    assert "error 15" in batch.damaged[0].reason
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
