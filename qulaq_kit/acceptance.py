"""What every connector must do, shown on its recording. A new connector adds a recording and a `Case`; no test.

Each check is a function `(case, stage, http)` that raises AssertionError. The same checks are run against connectors
with planted faults (tests/connectors/test_planted_faults.py of Qulaq), which keeps the checks themselves honest.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import random
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

from connectors.base import Batch, Connector, Cursor, Http, Response, account_of, limits_of, secrets_of
from connectors.errors import AuthError, BadPayload, RateLimited, SourceError, Transient
from monitor.core.post import Post
from monitor.recording import facts as recorded_facts
from qulaq_kit.stage import Answer, Case, Stage

Check = Callable[[Case, Stage, Http], Awaitable[None]]
CHECKS: list[Check] = []
START: Cursor = {}
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:amp|lt|gt|quot|nbsp|#\d+);")
_ENOUGH = 40
"""Polls in which a recording must be read to its end."""


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


class Counting:
    """Http that counts."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.requests = 0

    async def get(self, url: str, **asked: object) -> Response:
        self.requests += 1
        return await self._http.get(url, **asked)  # type: ignore[arg-type]

    async def post(self, url: str, **asked: object) -> Response:
        self.requests += 1
        return await self._http.post(url, **asked)  # type: ignore[arg-type]


async def read_on(connector: Connector, http: Http, cursor: Cursor) -> tuple[list[Post], Cursor]:
    """Everything that polls bring until the cursor stands still."""
    posts: list[Post] = []
    for _ in range(_ENOUGH):
        batch = await connector.poll(http, cursor)
        posts += batch.posts
        if not batch.more and batch.cursor == cursor:
            return posts, cursor
        cursor = batch.cursor
    raise AssertionError(f"the cursor does not come to rest: {cursor}")


def facts(post: Post, stage: Stage) -> dict[str, object]:
    """A post as the recording writes it down; the recorded server's address is HOST."""
    host = stage.url.removeprefix("http://")
    found = recorded_facts(post)
    found["native_id"] = post.native_id.replace(host, "HOST")
    if post.links:
        found["links"] = [link.replace(host, "HOST") for link in post.links]
    return found


@check
async def settings_are_described(case: Case, stage: Stage, http: Http) -> None:
    schema = case.connector.Settings.model_json_schema()
    assert schema["additionalProperties"] is False
    for name, field in schema["properties"].items():
        assert len(field.get("description", "")) > 10, f"{name} has no description"
    assert case.connector.poll_every > 0
    assert case.connector.Settings.model_config.get("frozen")


@check
async def limits_name_their_page(case: Case, stage: Stage, http: Http) -> None:
    """What is stated of limits can be looked up, and one poll fits into each of them."""
    limits = limits_of(case.connector)
    assert len({limit.name for limit in limits}) == len(limits)
    for limit in limits:
        assert limit.page == "" or limit.page.startswith("https://"), f"{limit.name}: the page that names it"
        assert limit.amount > 0
        assert limit.seconds > 0
        dearest = max(limit.cost, *limit.costs.values()) if limit.costs else limit.cost
        assert 0 <= dearest <= limit.amount, f"{limit.name}: one request costs more than there is"
        assert all(cost >= 0 for cost in limit.costs.values())


@check
async def yields_what_was_recorded(case: Case, stage: Stage, http: Http) -> None:
    posts, _ = await read_on(case.make(stage), http, {})
    got = {post.native_id: facts(post, stage) for post in posts}
    assert list(got.values()) == stage.recording.expect


@check
async def stays_within_its_request_budget(case: Case, stage: Stage, http: Http) -> None:
    connector, cursor = case.make(stage), START
    for _ in range(5):
        counting = Counting(http)
        cursor = (await connector.poll(counting, cursor)).cursor
        assert counting.requests <= connector.max_requests_per_poll


@check
async def posts_are_well_formed(case: Case, stage: Stage, http: Http) -> None:
    connector, cursor = case.make(stage), START
    batches: list[Batch] = []
    for _ in range(5):
        batches.append(await connector.poll(http, cursor))
        cursor = batches[-1].cursor
    for batch in batches:
        keys = [(post.network, post.native_id) for post in batch.posts]
        assert len(set(keys)) == len(keys)
        for post in batch.posts:
            assert case.other_networks or post.network == connector.name
            assert (post.source, post.revision, post.collected_at) == ("kala", 0, None)
            assert post.native_id
            assert post.native_id.strip() == post.native_id
            for text in (post.text, post.author.display):
                assert unicodedata.is_normalized("NFC", text)
                assert not _TAG.search(text), text
                assert "\x00" not in text
                assert text == text.strip()
            for moment in (post.published_at, post.edited_at):
                assert moment is None or moment.utcoffset() == timedelta(0)
            assert not post.url or post.url.startswith(("http://", "https://"))
            assert all(link.startswith(("http://", "https://")) for link in post.links)
            assert all(handle.startswith("@") for handle in post.mentions)
            assert all(tag.startswith("#") for tag in post.hashtags)
            assert post.in_reply_to_account is None or post.in_reply_to_account.startswith(("@", "-"))
            assert post.text or post.media


@check
async def a_late_post_of_the_same_second_is_not_skipped(case: Case, stage: Stage, http: Http) -> None:
    connector = case.make(stage)
    _, cursor = await read_on(connector, http, {})
    stage.show("late")
    posts, _ = await read_on(connector, http, cursor)
    assert stage.recording.late in {post.native_id for post in posts}


@check
async def an_edit_is_seen(case: Case, stage: Stage, http: Http) -> None:
    connector = case.make(stage)
    _, cursor = await read_on(connector, http, {})
    stage.show("edited")
    posts, _ = await read_on(connector, http, cursor)
    wanted = stage.recording.edited
    assert any(wanted["text"] in post.text for post in posts if post.native_id == wanted["native_id"])


@check
async def the_same_answer_leaves_the_cursor_alone(case: Case, stage: Stage, http: Http) -> None:
    connector = case.make(stage)
    _, cursor = await read_on(connector, http, {})
    for _ in range(3):
        assert (await connector.poll(http, cursor)).cursor == cursor


@check
async def the_cursor_survives_json_and_is_not_written_to(case: Case, stage: Stage, http: Http) -> None:
    connector, cursor = case.make(stage), START
    for _ in range(4):
        batch = await connector.poll(http, cursor)
        through = json.loads(json.dumps(batch.cursor))
        assert through == batch.cursor
        before = copy.deepcopy(through)
        fresh = await case.make(stage).poll(http, through)
        assert through == before
        assert fresh.cursor == (await connector.poll(http, batch.cursor)).cursor
        cursor = batch.cursor


@check
async def a_poll_whose_commit_was_lost_is_repeated(case: Case, stage: Stage, http: Http) -> None:
    """The program dies before it stores a batch: the stored cursor, asked again, must bring the same posts, from the same
    object and from a new one."""
    connector, cursor = case.make(stage), START
    for _ in range(4):
        first = await connector.poll(http, cursor)
        for again in (connector, case.make(stage)):
            batch = await again.poll(http, cursor)
            assert [p.native_id for p in batch.posts] == [p.native_id for p in first.posts]
            assert batch.inbound == first.inbound
        cursor = first.cursor


@check
async def every_status_raises_its_error(case: Case, stage: Stage, http: Http) -> None:
    if not case.over_http:
        return
    expected = {401: AuthError, 403: AuthError, 404: BadPayload, 410: BadPayload, 400: BadPayload, 408: Transient,
                429: RateLimited, 500: Transient, 502: Transient, 503: Transient, 504: Transient, **case.statuses}
    for status, error in expected.items():
        stage.force(Answer(status, b"<html>no</html>"))
        assert type(await failure(case, stage, http)) is error, status


@check
async def retry_after_is_kept(case: Case, stage: Stage, http: Http) -> None:
    if not case.over_http:
        return
    dated = {"Date": "Sun, 01 Mar 2026 07:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 07:02:03 GMT"}
    for status, headers, seconds in ((429, {"Retry-After": "17"}, 17.0), (503, {"Retry-After": "5"}, 5.0),
                                     (429, dated, 123.0)):
        stage.force(Answer(status, b"", headers))
        error = await failure(case, stage, http)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


@check
async def a_failure_inside_the_body_is_a_failure(case: Case, stage: Stage, http: Http) -> None:
    for body, expected in case.failures:
        stage.force(Answer(200, body, {"Content-Type": "application/json"}))
        assert type(await failure(case, stage, http)) is expected, body


@check
async def broken_connections_are_passing(case: Case, stage: Stage, http: Http) -> None:
    if not case.over_http:
        return
    body = stage.recording.bodies()[0]
    stage.force(Answer(200, body[: len(body) // 2], cut=len(body)))
    assert type(await failure(case, stage, http)) is Transient


@check
async def after_a_failure_nothing_is_missing(case: Case, stage: Stage, http: Http) -> None:
    if not case.over_http:
        return
    connector = case.make(stage)
    for answer in (Answer(500), Answer(429, b"", {"Retry-After": "1"}), Answer(200, b"{")):
        stage.force(answer)
        with contextlib.suppress(SourceError):
            await connector.poll(http, {})
    stage.force(None)
    posts, _ = await read_on(connector, http, {})
    expected = {one["native_id"] for one in stage.recording.expect}
    assert {facts(post, stage)["native_id"] for post in posts} == expected


@check
async def damage_yields_only_our_errors(case: Case, stage: Stage, http: Http) -> None:
    """Bodies cut, spliced, sprinkled with bytes and nonsense: posts or one of the four errors, never anything else."""
    chance = random.Random(7)
    connector = case.make(stage)
    for body in stage.recording.bodies():
        damaged = [body[: len(body) * n // 25] for n in range(25)]
        for _ in range(40):
            a, b = sorted(chance.sample(range(len(body)), 2))
            damaged += [body[:a] + body[b:], body[a:] + body[:a], body[:b] + body[a:],
                        body[:a] + chance.randbytes(chance.randint(1, 8)) + body[a:],
                        body.replace(chance.choice(_NUMBERS.findall(body) or [b"1"]), chance.choice(_NONSENSE))]
        damaged += [b"", b"\x00", b"null", b"[]", b"{}", b'"x"', b"<", b"\xff\xfe", chance.randbytes(2000)]
        for one in damaged:
            stage.damage(one, of=body)
            try:
                batch = await connector.poll(http, {})
            except SourceError:
                continue
            for post in batch.posts:
                assert isinstance(post.text, str)
                assert post.published_at.utcoffset() == timedelta(0)


_NUMBERS = re.compile(rb'(?<=[ :"/])\d{1,13}(?=[,"} <])')
_NONSENSE = [b"99999999999999999999", b"-1", b"null", b'"x"', b"1e999", b"0", b"{}"]


@check
async def secrets_appear_nowhere(case: Case, stage: Stage, http: Http) -> None:
    settings = case.settings(stage)
    hidden = [*secrets_of(settings), *([case.secret] if case.secret else [])]
    if not hidden:
        return
    connector = case.make(stage)
    said: list[str] = [repr(settings), str(settings), repr(connector), str(connector), account_of(connector, "kala")]
    with everything_logged() as log:
        batch = await connector.poll(http, {})
        said += [repr(batch.posts), repr(batch.damaged), json.dumps(batch.cursor)]
        for answer in (Answer(401), Answer(403, b"no"), Answer(404), Answer(409), Answer(429), Answer(500),
                       Answer(200, b"<html>"), Answer(302, b"", {"Location": "/elsewhere"}),
                       Answer(200, b"{", cut=9)) if case.over_http else ():
            stage.force(answer)
            error = await failure(case, stage, http)
            said += [str(error), repr(error), repr(error.__cause__)]
    said += [log.getvalue(), json.dumps(stage.recording.answers)]
    for secret in hidden:
        assert not any(secret in text for text in said), "a secret shows"


@check
async def it_says_nothing_by_itself(case: Case, stage: Stage, http: Http) -> None:
    """Logging an outage is the runner's business: forty sources down must not fill a disk."""
    with everything_logged() as log:
        connector = case.make(stage)
        await connector.poll(http, {})
        if case.over_http:
            stage.force(Answer(500))
            await failure(case, stage, http)
    lines = [line for line in log.getvalue().splitlines() if not line.startswith(("asyncio", "aiohttp", "imapclient"))]
    assert not lines


async def failure(case: Case, stage: Stage, http: Http) -> SourceError:
    try:
        batch = await case.make(stage).poll(http, {})
    except SourceError as e:
        return e
    raise AssertionError(f"no error but {len(batch.posts)} posts for {stage.forced}")


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What any logger, or print, says meanwhile."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
