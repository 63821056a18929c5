"""The acceptance suite can fail: each connector below has one fault that was made in earnest somewhere, and is caught.

The checks named beside a fault are those that must notice it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cases import CASES
from stage import Case, Stage, recording

from connectors import letterbox, telegram
from connectors.base import Batch, Cursor, Http, Limit
from connectors.errors import AuthError, BadPayload, RateLimited, SourceError, Transient
from connectors.http_json import HttpJson
from connectors.ok import Ok
from connectors.replay import Replay
from connectors.rss import Rss
from connectors.rss import parse as parse_feed
from connectors.telegram import Telegram
from connectors.telegram_web import TelegramWeb
from connectors.webhook import Webhook
from connectors.youtube import YouTube
from monitor.core.post import Post
from monitor.http import WebHttp
from qulaq_kit import acceptance

FAULTS: dict[str, tuple[type, list[str]]] = {}


def fault(*checks: str) -> Callable[[type], type]:
    def plant(made: type) -> type:
        FAULTS[made.__name__] = (made, list(checks))
        return made
    return plant


@fault("a_late_post_of_the_same_second_is_not_skipped")
class NewerThanTheNewest(Rss):
    """`>` for `>=`: a post of the newest second that appears later is lost."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        known = datetime.fromisoformat(cursor.get("newest", "1970-01-01T00:00:00+00:00"))
        posts = tuple(post for post in batch.posts if post.published_at > known)
        newest = max([known, *(post.published_at for post in posts)])
        return Batch(posts, {**batch.cursor, "newest": newest.isoformat()})


@fault("every_status_raises_its_error", "retry_after_is_kept")
class Swallowed429(TelegramWeb):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except RateLimited:
            return Batch((), cursor)


@fault("after_a_failure_nothing_is_missing")
class CursorMovedOnError(Telegram):
    """Counts the batch as read although the poll failed."""

    failed = False

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        if self.failed and not cursor:
            cursor = {"bot": "4242424242", "offset": 910, "at": self._clock()}
        try:
            return await super().poll(http, cursor)
        except SourceError:
            self.failed = True
            raise


@fault("a_poll_whose_commit_was_lost_is_repeated")
class OffsetInMemory(Telegram):
    """Confirms what nobody has stored yet."""

    offset: Cursor = {}

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, self.offset or cursor)
        self.offset = batch.cursor
        return batch


@fault("an_edit_is_seen")
class EditsLeftOut(Telegram):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(post for post in batch.posts if post.edited_at is None))


@fault("an_edit_is_seen")
class KnownNumbersLeftOut(TelegramWeb):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(
            post for post in batch.posts if int(post.native_id.rpartition("/")[2]) > cursor.get("last", 0)))


@fault("secrets_appear_nowhere")
class TokenInRepr(Telegram):
    def __repr__(self) -> str:
        return f"Telegram({self._token.get_secret_value()!r})"


@fault("secrets_appear_nowhere", "it_says_nothing_by_itself")
class TokenInLog(Telegram):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        logging.getLogger("telegram").info("asking bot%s", self._token.get_secret_value())
        return await super().poll(http, cursor)


@fault("secrets_appear_nowhere")
class AddressInError(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except Transient as e:
            raise Transient(f"{self.url} failed: {e}") from e


@fault("secrets_appear_nowhere")
class AddressInCursor(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, {k: v for k, v in cursor.items() if k != "url"})
        return replace(batch, cursor={**batch.cursor, "url": self.url})


@fault("a_failure_inside_the_body_is_a_failure")
class OkFalseIsNoNews(Telegram):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except (AuthError, Transient, BadPayload):
            return Batch((), cursor)


@fault("retry_after_is_kept")
class OwnIdeaOfWaiting(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except RateLimited as e:
            raise RateLimited(str(e), 60.0) from None


@fault("posts_are_well_formed")
class MarkupKept(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(replace(p, text=f"<p>{p.text}</p>") for p in batch.posts))


@fault("posts_are_well_formed")
class LocalTimes(TelegramWeb):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(
            replace(p, published_at=p.published_at.astimezone(UTC).replace(tzinfo=None)) for p in batch.posts))


@fault("posts_are_well_formed")
class SameKeyTwice(Replay):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=batch.posts * 2)


@fault("the_cursor_survives_json_and_is_not_written_to")
class CursorNoJson(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, cursor={**batch.cursor, "at": (1, 2)})


@fault("the_same_answer_leaves_the_cursor_alone")
class CursorOfThePoll(Rss):
    """A cursor that counts polls is written to the database for ever."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, cursor={**batch.cursor, "polls": cursor.get("polls", 0) + 1})


@fault("yields_what_was_recorded")
class NewestPageOnly(TelegramWeb):
    """Never pages back: what came between two polls beyond one page is lost."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=batch.posts[1:])


@fault("stays_within_its_request_budget")
class AsksTwice(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        await http.get(self.url)
        return await super().poll(http, cursor)


@fault("damage_yields_only_our_errors")
class TrustsTheNetwork(Telegram):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        answer = await http.post(f"{self._api}/bot{self._token.get_secret_value()}/getUpdates", json={"timeout": 0})
        telegram.json.loads(answer.body)["result"]
        return await super().poll(http, cursor)


@fault("yields_what_was_recorded")
class WithoutIdsLeftOut(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(p for p in batch.posts if not re.search(r"#[0-9a-f]{16}$", p.native_id)))


@fault("a_failure_inside_the_body_is_a_failure")
class SilentOnOtherPages(TelegramWeb):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except BadPayload:
            return Batch((), cursor)


@fault("limits_name_their_page")
class LimitFromHearsay(Rss):
    limits = (Limit("app", 200, 3600, "somebody said so"),)


@fault("limits_name_their_page")
class DearerThanThereIs(Rss):
    limits = (Limit("units", 10, 86_400, "https://ekran.example/limits", costs={"/search": 100}),)


@fault("secrets_appear_nowhere")
class TokenAsAccount(Telegram):
    @property
    def account(self) -> str:
        return self._token.get_secret_value()


@fault("every_status_raises_its_error")
class RefusalIsPassing(Rss):
    """A revoked key asked again every minute."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except AuthError as e:
            raise Transient(str(e)) from None


@fault("every_status_raises_its_error")
class BlipIsRefusal(Rss):
    """One 500 stops the source."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except Transient as e:
            raise AuthError(str(e)) from None


@fault("broken_connections_are_passing")
class HalfIsEnough(Rss):
    """What arrived before the cut is taken for the whole."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except Transient:
            return Batch((), cursor)


@fault("posts_are_well_formed")
class NotComposed(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(replace(p, text=f"и\u0306 {p.text}") for p in batch.posts))


@fault("posts_are_well_formed")
class AnotherNetwork(TelegramWeb):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(replace(p, network="telegram") for p in batch.posts))


@fault("an_edit_is_seen")
class FirstTextForEver(Rss):
    """Keeps what it read first under an id."""

    def __init__(self, source: str, settings: Any) -> None:
        super().__init__(source, settings)
        self.first: dict[str, Any] = {}

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        return replace(batch, posts=tuple(self.first.setdefault(p.native_id, p) for p in batch.posts))


@fault("the_cursor_survives_json_and_is_not_written_to")
class CursorWrittenInPlace(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        if isinstance(cursor, dict):
            cursor["seen"] = True
        return batch


@fault("it_says_nothing_by_itself")
class PrintsItsOutage(Rss):
    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        try:
            return await super().poll(http, cursor)
        except SourceError:
            print("feed is down")
            raise


@fault("a_poll_whose_commit_was_lost_is_repeated")
class ThrownAwayUnread(Webhook):
    """Takes what was pushed off the disk before it is stored."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        letterbox.take(self._settings.inbox, batch.cursor.get("taken", ()), 1)
        return batch


@fault("an_edit_is_seen")
class FirstStateOnly(Webhook):
    """Of two states of a post in one body only the first is taken."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        part = batch.cursor.get("part")
        return replace(batch, cursor={"taken": [*batch.cursor["taken"], part]}) if part else batch


@fault("yields_what_was_recorded")
class NextPageForgotten(HttpJson):
    def _following(self, *_: Any) -> None:
        return None


@fault("a_late_post_of_the_same_second_is_not_skipped")
class ReadOnBehindTheLastPost(HttpJson):
    """`>` for `>=`, behind the overlap."""

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        batch = await super().poll(http, cursor)
        known = cursor.get("since", 0)
        return replace(batch, posts=tuple(post for post in batch.posts if post.published_at.timestamp() > known))


@fault("a_failure_inside_the_body_is_a_failure")
class FailureIsAnEmptyList(HttpJson):
    def _check(self, *_: Any) -> None:
        return


@fault("secrets_appear_nowhere")
class KeyInTheAccount(HttpJson):
    def __init__(self, source: str, settings: Any) -> None:
        super().__init__(source, settings)
        self.account = f"{self._host} {self._secrets['key']}"


@fault("an_edit_is_seen")
class NeverAskedAgain(YouTube):
    """Reads the newest page alone: what was edited below it keeps its first words."""

    async def _again(self, *_: Any) -> tuple[list[Post], set[str]]:
        return [], set()


@fault("a_failure_inside_the_body_is_a_failure")
class QuotaIsRefusal(YouTube):
    """A spent quota comes with 403: taken for a revoked key, the source stops for hours and the operator is sent for nothing."""

    def _explained(self, error: SourceError) -> SourceError:
        told = super()._explained(error)
        return AuthError(str(told), told.payload) if isinstance(told, RateLimited) else told


@fault("a_failure_inside_the_body_is_a_failure")
class ErrorsInside200Unread(Ok):
    async def _ask(self, *asked: Any) -> Any:
        try:
            return await super()._ask(*asked)
        except SourceError:
            return {}


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_the_fault_is_caught(name: str, tmp_path: Path) -> None:
    made, noticed_by = FAULTS[name]
    case = replace(CASES[made.name], connector=made)
    assert await failed_checks(case, tmp_path, noticed_by) == noticed_by


async def failed_checks(case: Case, folder: Path, names: list[str]) -> list[str]:
    failed = []
    async with Stage(recording(case.name), folder) as stage, WebHttp(timeout=5) as http:
        for name in names:
            stage.show("recorded")
            try:
                await getattr(acceptance, name)(case, stage, http)
            except Exception:
                failed.append(name)
    return failed


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 30


def test_the_parser_takes_bytes_and_needs_no_address() -> None:
    """The contract's signature: `rss.parse(body, base_url="")`."""
    found: Any = parse_feed(b"<rss version='2.0'><channel><item><title>a</title></item></channel></rss>")
    assert [post.text for post in found] == ["a"]
