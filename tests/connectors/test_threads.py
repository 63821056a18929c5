"""Answers that are gone: Threads tells of none, so recent ones are asked for in turn."""

from __future__ import annotations

import json
from typing import Any

from stage import recording

from connectors.base import Response
from connectors.errors import BadPayload
from connectors.threads import CHECKED, Threads

LISTS = recording("threads").answers["recorded"]
META = "EAAB-not-a-real-token"


class Api:
    """The recording's lists without what is gone; single posts as they stand, gone (code 100, subcode 33), or not ours to see."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.hidden: set[str] = set()
        self.singles: list[str] = []

    async def get(self, url: str, *, params: Any = None, **_: Any) -> Response:
        name = url.rpartition("/")[2]
        if name.isdigit():
            self.singles.append(name)
            if name in self.gone | self.hidden:
                code = {"code": 100, "error_subcode": 33} if name in self.gone else {"code": 10}
                raise BadPayload("HTTP 400", json.dumps({"error": {**code, "message": "no"}}).encode())
            return Response(200, {}, json.dumps({"id": name}).encode(), url)
        asked = {**(params or {}), ":path": url.partition("example")[2]}
        found = json.loads(next(one["body"] for one in LISTS if all(asked.get(k) == v for k, v in one["when"].items())))
        found["data"] = [one for one in found["data"] if one["id"] not in self.gone | self.hidden]
        return Response(200, {}, json.dumps(found).encode(), url)

    async def post(self, url: str, **_: Any) -> Response:
        raise AssertionError(url)


async def test_an_answer_that_is_gone_is_a_deletion_and_one_we_may_not_see_is_none() -> None:
    api, now = Api(), [1772400000.0]
    source = Threads("th", Threads.Settings.model_validate({
        "account": "25000000000000001", "username": "akimat.pavlodar", "token": META, "base_url": "https://graph.example"}), clock=lambda: now[0])
    batch = await source.poll(api, {})
    kept = json.loads(json.dumps(dict(batch.cursor)))
    answers = sorted(kept["recent"])
    assert len(answers) == 3
    assert api.singles == []                                     # just seen: nobody asks
    api.gone, api.hidden = {answers[0]}, {answers[1]}
    deleted = []
    for _ in range(3):
        now[0] += source.poll_every
        batch = await source.poll(api, kept)
        kept = json.loads(json.dumps(dict(batch.cursor)))
        deleted += [post.native_id for post in batch.posts if post.deleted_at]
    assert deleted == [answers[0]]
    assert len(api.singles) <= 3 * CHECKED
