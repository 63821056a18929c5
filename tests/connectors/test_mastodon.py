"""What the shared suite cannot see of Mastodon: pages, deletes, answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import Response
from connectors.errors import GONE, NOT_ALLOWED, TOO_LONG, BadPayload, CannotAnswer
from connectors.mastodon import Mastodon, parse


def status(number: int, text: str = "Су жоқ", at: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "created_at": f"2026-03-01T07:{at or number % 60:02}:00Z", "content": f"<p>{text}</p>", "visibility": "unlisted",
            "account": {"id": "7", "acct": "turgyn@other.example", "url": "https://other.example/@turgyn"}, **more}


class Instance:
    """An instance with a hashtag's statuses, newest first, in pages of two."""

    def __init__(self, statuses: list[dict[str, Any]]) -> None:
        self.statuses = statuses
        self.sent: list[tuple[Any, Any]] = []
        self.refusal: Exception | None = None

    async def get(self, url: str, *, headers: Any = None, params: Any = None, timeout: Any = None) -> Response:
        if "/timelines/" in url:
            before = int((params or {}).get("max_id", 10**9))
            page = [one for one in self.statuses if int(one["id"]) < before][:2]
            link = {"link": f'<{url}?max_id={page[-1]["id"]}>; rel="next"'} if page else {}
            return Response(200, link, json.dumps(page).encode(), url)
        if "id%5B%5D" in url:
            return Response(200, {}, json.dumps([one for one in self.statuses if f"id%5B%5D={one['id']}" in url]).encode(), url)
        found = [one for one in self.statuses if url.endswith("/" + one["id"])]
        if not found:
            raise BadPayload("404")
        return Response(200, {}, json.dumps(found[0]).encode(), url)

    async def post(self, url: str, *, json: Any = None, data: Any = None, headers: Any = None, timeout: Any = None) -> Response:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((json, headers["Idempotency-Key"]))
        return Response(200, {}, b'{"id": "900"}', url)


def source(**options: Any) -> Mastodon:
    return Mastodon("kala", Mastodon.Settings.model_validate({"instance": "https://m.example", **options}))


async def test_what_came_between_two_polls_is_read_to_the_last_page_and_deletes_are_seen() -> None:
    instance, mastodon = Instance([status(1)]), source(hashtags=["su"])
    first = await mastodon.poll(instance, {})
    instance.statuses = [status(n) for n in range(41, 1, -1)]
    cursor, found, more = first.cursor, {}, True
    while more:
        batch = await mastodon.poll(instance, cursor)
        found.update({post.native_id: post for post in batch.posts})
        cursor, more = batch.cursor, batch.more
    assert set(found) == {f"m.example/{n}" for n in range(1, 42)}
    assert [name for name, post in found.items() if post.deleted_at] == ["m.example/1"]


async def test_an_answer_goes_to_the_person_once_and_as_visible_as_the_question() -> None:
    instance, mastodon = Instance([status(5)]), source(token="t-t-t-t")
    post = parse(json.dumps([status(5)]).encode(), "m.example")[0]
    assert await mastodon.answer(instance, post, "Ертең 18:00-ге дейін") == "m.example/900"
    await mastodon.answer(instance, post, "Ертең 18:00-ге дейін")
    (sent, key), (_, again) = instance.sent
    assert (sent["in_reply_to_id"], sent["visibility"], key == again) == ("5", "unlisted", True)
    assert sent["status"] == "@turgyn@other.example Ертең 18:00-ге дейін"


async def test_what_cannot_be_answered_is_told_apart() -> None:
    instance, mastodon = Instance([]), source(token="t-t-t-t")
    post = parse(json.dumps([status(5)]).encode(), "m.example")[0]
    with pytest.raises(CannotAnswer, match=GONE):
        await mastodon.answer(instance, post, "Жауап")
    instance.statuses = [status(5)]
    instance.refusal = BadPayload("422", b'{"error": "Validation failed: Text character limit of 500 exceeded"}')
    with pytest.raises(CannotAnswer, match=TOO_LONG):
        await mastodon.answer(instance, post, "Жауап")
    assert source(hashtags=["su"]).can_answer(post, post.published_at) == NOT_ALLOWED
