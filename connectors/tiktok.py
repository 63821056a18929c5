"""TikTok of a business account: comments and answers under its own videos. TikTok API for Business v1.3 (Accounts API).

Accounts API: https://business-api.tiktok.com/portal/docs?id=1737944384433218 (/business/video/list/ among it)
Comments: https://business-api.tiktok.com/portal/docs?id=1760232109619202 , answers to one: ?id=1762228430145538
Answering: https://business-api.tiktok.com/portal/docs?id=1762228448779266

The research API is for approved researchers only, and open search does not exist for offices. Beyond 500 comments of a video
TikTok returns the rest by likes and with repeats. Edits do not exist; a deletion is seen when the comments of its
video are read again, which every new or deleted comment below it causes. Errors come with HTTP 200.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit
from connectors.below import Thread, read_below, told
from connectors.errors import (
    GONE,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
)
from connectors.fields import account_of_person, document, each, ident, items, part, parts, words
from connectors.markup import hashtags_of, mentions_of, one_line
from connectors.posting import post_once
from connectors.timeline import Page
from monitor.core.post import Author, Post

WHERE = "TikTok"
LONGEST = 150
"""Characters of a comment."""
COMMENTS = 20
"""Requests of one poll for comments, at most; 40 a minute are allowed."""
SURE = 450
"""Comments of a video up to which a list is complete: one that is not there was deleted."""
_PAGE = 20
_QUOTA = "https://business-api.tiktok.com/portal/docs"
_WAIT = 300.0
"""Seconds after code 40100, by the page on limits."""
_REFUSED = {40001, 40101, 40102, 40103, 40104, 40105, 40113, 40115}


class TikTok:
    """One business account."""

    name: ClassVar[str] = "tiktok"
    poll_every: ClassVar[float] = 180.0
    max_requests_per_poll: ClassVar[int] = COMMENTS + 5
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("videos", 40, 60, _QUOTA, cost=0, costs={"/business/video/list/": 1}),
        Limit("comments", 40, 60, _QUOTA, cost=0, costs={"/business/comment/list/": 1}),
        Limit("replies", 40, 60, _QUOTA, cost=0, costs={"/business/comment/reply/list/": 1}),
        Limit("app", 600, 60, _QUOTA, whole_network=True),
    )

    class Settings(ConnectorSettings):
        """Options of a tiktok source."""

        account: str = Field(pattern=r"^[A-Za-z0-9_-]{5,100}$", description="The account's business_id (open_id of the authorisation)")
        username: str = Field(pattern=r"^@?[A-Za-z0-9._]{1,30}$", description="The account's name, as in tiktok.com/@NAME")
        token: SecretStr = Field(description="Access token with video.list, comment.list and, for answering, comment.list.manage")
        watch: int = Field(default=40, ge=1, le=100, description="Newest own videos whose comments are read")
        base_url: HttpUrl = Field(default=HttpUrl("https://business-api.tiktok.com"), description="Address of the API")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.source = source
        self._settings = settings
        self._handle = "@" + settings.username.lstrip("@")
        self._base = f"{str(settings.base_url).rstrip('/')}/open_api/v1.3/business"

    @property
    def account(self) -> str:
        """The account's number."""
        return self._settings.account

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Own newest videos, and the comments under those with news."""
        known = cursor if cursor.get("account") == self.account else {}
        own: list[Post] = []
        lost: list[Damaged] = []
        threads: list[Thread] = []
        mark: str | None = None
        for _ in range(-(-self._settings.watch // _PAGE)):
            data, body = await self._get(http, "video/list/", {
                "fields": json.dumps(["item_id", "create_time", "caption", "share_url", "comments"]), "max_count": str(_PAGE),
                **({"cursor": mark} if mark else {})})
            found = items(data, "videos", WHERE, body)
            posts, damaged = each(found, lambda one: video(one, self._handle), WHERE)
            own += posts
            lost += damaged
            threads += [Thread(post.native_id, str(one["comments"]) if one.get("comments") else "")
                        for one in found if isinstance(one, dict) for post in posts if post.native_id == str(one.get("item_id"))]
            mark = _mark(data)
            if mark is None:
                break
        below = await read_below(threads, known.get("below", {}), lambda name, after: self._comments(http, name, after), COMMENTS)
        whole = {one.id for one in threads if one.sign.isdecimal() and int(one.sign[:9]) <= SURE}
        below = replace(below, read={name: since for name, since in below.read.items() if name in whole})
        recent, deleted = told(known.get("recent", {}), below, self.name, self._clock())
        everything = {post.native_id: post for post in (*own, *below.posts, *deleted)}
        return Batch(tuple(replace(post, source=self.source) for post in everything.values()),
                     {"account": self.account, "below": below.state, "recent": recent}, damaged=(*lost, *below.damaged), more=below.more,
                     refused=below.refused)

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to the comment."""
        film, _, number = post.native_id.partition("/")
        if not number:
            raise CannotAnswer(GONE)  # our own video: there is nobody to answer
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        done = await post_once(http, f"{self._base}/comment/reply/create/", headers=self._headers,
                               json={"business_id": self.account, "video_id": film, "comment_id": number, "text": text})
        try:
            data, _ = _checked(done.body)
            return f"{film}/{ident(data, 'comment_id')}"
        except Transient as e:
            raise Transient(str(e), e.payload, sent=True) from None
        except ValueError:
            raise Transient("TikTok: it took the answer, but does not say under which number", done.body, sent=True) from None
        except BadPayload as e:
            if e.payload.find(b'"code"') < 0:
                raise Transient(str(e), e.payload, sent=True) from None
            if b"40007" in e.payload:
                raise CannotAnswer(GONE) from None
            raise

    async def probe(self, http: Http) -> list[str]:
        """Whether its videos can be read."""
        try:
            await self._get(http, "video/list/", {"fields": '["item_id"]', "max_count": "1"})
        except (AuthError, BadPayload) as e:
            if "access token" in str(e).lower():
                raise
            return [f"may not read its videos ({e})"]
        return [f"reads videos of {self._handle} and their comments"]

    @property
    def _headers(self) -> dict[str, str]:
        return {"Access-Token": self._settings.token.get_secret_value()}

    async def _get(self, http: Http, path: str, asked: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
        try:
            answer = await http.get(f"{self._base}/{path}", params={"business_id": self.account, **asked}, headers=self._headers)
        except SourceError as e:
            if b'"code"' in e.payload:
                _checked(e.payload)  # raises what the code stands for
            raise
        return _checked(answer.body)

    async def _comments(self, http: Http, name: str, mark: str | None) -> tuple[Page, Sequence[str]]:
        """Comments of a video, or ("VIDEO/COMMENT") all answers to one comment, of which three at most came with it."""
        film, _, above = name.partition("/")
        path, asked = ("comment/reply/list/", {"comment_id": above}) if above else ("comment/list/", {"include_replies": "true"})
        data, body = await self._get(http, path, {
            "video_id": film, **asked, "sort_field": "create_time", "sort_order": "desc", "max_count": "30",
            **({"cursor": mark} if mark else {})})
        found = items(data, "comments", WHERE, body)
        posts, damaged = each(found, lambda one: comment(one, film, above, self._handle), WHERE)
        besides: list[str] = []
        for one in () if above else found:
            number = str(one.get("comment_id")) if isinstance(one, dict) else ""
            if not number.isascii() or not number.isdigit():
                continue
            nested, lost = each(parts(one, "reply_list"), lambda r, of=number: comment(r, film, of, self._handle), WHERE)  # type: ignore[misc]
            posts += nested
            damaged += lost
            if isinstance(one.get("replies"), int) and one["replies"] > len(parts(one, "reply_list")):
                besides.append(f"{film}/{number}")
        kept = {post.native_id: post for post in posts}
        moments = [int(post.published_at.timestamp()) for post in posts]
        return Page(tuple(kept.values()), _mark(data), (min(moments), max(moments)) if moments else None, tuple(damaged)), besides


def parse(body: bytes, handle: str = "@account") -> list[Post]:
    """The comments of an answer of /business/comment/list/."""
    data, body = _checked(body)
    return each(items(data, "comments", WHERE, body), lambda one: comment(one, ident(one, "video_id"), "", handle), WHERE)[0]


def video(one: dict[str, Any], handle: str) -> Post:
    """A video of the account."""
    text, link, name = words(one, "caption"), words(one, "share_url"), ident(one, "item_id")
    return Post(network="tiktok", source="", native_id=name, text=text, published_at=_time(one), url=link if link.startswith("https://") else "",
                author=Author(handle.lstrip("@"), handle), mentions=mentions_of(text), hashtags=hashtags_of(text), media=(f"video:{name}",))


def comment(one: dict[str, Any], film: str, above: str, handle: str) -> Post | None:
    """A comment on a video, or an answer to one. Its id holds the video's: both are needed to answer."""
    text, number = words(one, "text"), ident(one, "comment_id")
    image = words(one, "image_url")
    if not text and not image:
        return None
    parent = words(one, "parent_comment_id") or above
    writer = words(one, "username")
    if one.get("owner") is True:
        author = Author(handle.lstrip("@"), handle)
    else:
        author = Author(words(one, "unique_identifier") or writer, account_of_person(words(one, "display_name"), writer))
    return Post(network="tiktok", source="", native_id=f"{film}/{number}", text=text, published_at=_time(one), author=author,
                in_reply_to=f"{film}/{parent}" if parent else film, in_reply_to_account=handle, mentions=mentions_of(text),
                hashtags=hashtags_of(text), media=(f"image:{number}",) if image else ())


def _checked(body: bytes) -> tuple[dict[str, Any], bytes]:
    """The data of an answer. Raises what its code stands for."""
    told = document(body, WHERE)
    code, said = told.get("code"), one_line(str(told.get("message") or "no message"))[:200]
    if not isinstance(code, int) or isinstance(code, bool):
        raise BadPayload("TikTok: the answer is none of the API for Business", body)
    if code == 0:
        return part(told, "data"), body
    if code in (40100, 40016, 40133):
        raise RateLimited(f"TikTok: {code} {said}", _WAIT, body)
    if code in _REFUSED:
        raise AuthError(f"TikTok: {code} {said}; authorise the app for the account anew", body)
    if 50000 <= code < 60000 or code == 40200:
        raise Transient(f"TikTok: {code} {said}", body)
    raise BadPayload(f"TikTok: {code} {said}", body)


def _mark(data: Mapping[str, Any]) -> str | None:
    """The mark of the next page; None on the last one."""
    mark = data.get("cursor")
    return str(mark) if data.get("has_more") is True and isinstance(mark, int) and not isinstance(mark, bool) and mark > 0 else None


def _time(one: Mapping[str, Any]) -> datetime:
    at = datetime.fromtimestamp(int(ident(one, "create_time")), UTC)
    if not 2014 <= at.year < 2200:
        raise ValueError("create_time is no time of a post")
    return at
