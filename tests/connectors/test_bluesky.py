"""What the shared suite cannot see of Bluesky: deletes, sessions that run out, and answers that the network would refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import Response, SaysWhatStands
from connectors.bluesky import Bluesky, parse
from connectors.errors import CLOSED, GONE, TOO_LONG, AuthError, CannotAnswer, Transient, error_for

URI = "at://did:plc:a/app.bsky.feed.post/3k1"
VIEW: dict[str, Any] = {
    "uri": URI, "cid": "c1", "author": {"did": "did:plc:a", "handle": "a.test"}, "indexedAt": "2026-03-01T07:00:00Z",
    "record": {"text": "Су жоқ", "createdAt": "2026-03-01T07:00:00Z"}}


class Network:
    """Answers by method; a value that is an exception is raised. Remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"createSession": {"accessJwt": "a1", "refreshJwt": "r1", "did": "did:plc:o"}, **answers}
        self.asked: list[tuple[str, Any, Any]] = []

    async def get(self, url: str, *, headers: Any = None, params: Any = None, timeout: Any = None) -> Response:
        return self._answer(url, headers, params)

    async def post(self, url: str, *, json: Any = None, data: Any = None, headers: Any = None, timeout: Any = None) -> Response:
        return self._answer(url, headers, json)

    def _answer(self, url: str, headers: Any, sent: Any) -> Response:
        method = url.partition("?")[0].rpartition(".")[2]
        self.asked.append((method, sent, (headers or {}).get("Authorization")))
        found = self.answers[method]
        found = found.pop(0) if isinstance(found, list) else found
        if isinstance(found, Exception):
            raise found
        return Response(200, {}, json.dumps(found).encode(), url)


def office(now: float = 1772350000.0) -> Bluesky:
    return Bluesky("kala", Bluesky.Settings.model_validate({"handle": "o.test", "app_password": "p-p-p-p"}), clock=lambda: now)


def refusal(status: int, code: str) -> Exception:
    return error_for(status, code, payload=json.dumps({"error": code}).encode())


async def test_what_is_deleted_becomes_a_revision_and_does_not_come_back_from_a_late_index() -> None:
    shown = {"notifications": [{**VIEW, "reason": "mention"}]}
    network = Network(listNotifications=[shown, {"notifications": []}, shown], getPosts={"posts": []})
    connector = office()
    first = await connector.poll(network, {})
    second = await connector.poll(network, first.cursor)
    assert [(post.native_id, post.text, post.deleted_at is not None) for post in second.posts] == [(URI, "", True)]
    third = await connector.poll(network, second.cursor)
    assert third.posts == ()


async def test_a_session_that_ran_out_is_renewed_once_and_not_opened_anew() -> None:
    network = Network(listNotifications=[refusal(400, "ExpiredToken"), {"notifications": []}],
                      refreshSession={"accessJwt": "a2", "refreshJwt": "r2", "did": "did:plc:o"})
    await office().poll(network, {})
    assert [(method, by) for method, _, by in network.asked] == [
        ("createSession", None), ("listNotifications", "Bearer a1"), ("refreshSession", "Bearer r1"), ("listNotifications", "Bearer a2")]


async def test_a_blocked_account_stops_the_source() -> None:
    with pytest.raises(AuthError):
        await office().poll(Network(listNotifications=refusal(400, "AccountTakedown")), {})


@pytest.mark.parametrize(("posts", "text", "reason"), [
    ([], "Жауап", GONE), ([VIEW], "а" * 301, TOO_LONG), ([{**VIEW, "viewer": {"replyDisabled": True}}], "Жауап", CLOSED)])
async def test_an_answer_that_cannot_be_given_is_known_before_it_is_sent(posts: list[Any], text: str, reason: str) -> None:
    network = Network(getPosts={"posts": posts})
    with pytest.raises(CannotAnswer, match=reason):
        await office().answer(network, parse(json.dumps({"posts": [VIEW]}).encode())[0], text)
    assert "createRecord" not in [method for method, _, _ in network.asked]


async def test_a_cut_while_answering_is_said_to_be_uncertain() -> None:
    network = Network(getPosts={"posts": [VIEW]}, createRecord=Transient("cut"))
    with pytest.raises(Transient) as told:
        await office().answer(network, parse(json.dumps({"posts": [VIEW]}).encode())[0], "Жауап")
    assert told.value.sent


async def test_whether_our_answer_stands_is_read_from_our_own_records() -> None:
    def record(text: str, parent: str, name: str) -> dict[str, Any]:
        return {"uri": f"at://did:plc:o/app.bsky.feed.post/{name}", "value": {"text": text, "reply": {"parent": {"uri": parent}}}}
    network = Network(listRecords={"records": [record("Жауап", "at://other", "1"), record("Басқа", URI, "2"), record("Жауап", URI, "3"),
                                               {"uri": 1, "value": "damaged"}]})
    post = parse(json.dumps({"posts": [VIEW]}).encode())[0]
    assert isinstance(office(), SaysWhatStands)
    assert await office().stands(network, post, "Жауап") == "at://did:plc:o/app.bsky.feed.post/3"
    assert await office().stands(network, post, "Жоқ") is None
    assert network.asked[-1][1]["repo"] == "did:plc:o"
