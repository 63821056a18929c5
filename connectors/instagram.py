"""Instagram of a professional account: comments and answers under its own posts, and posts it is tagged in. Graph API v25.0.

Own posts: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
Comments: .../reference/ig-media/comments and .../reference/ig-comment (a page holds 50; answers are nested)
Tagged: .../reference/ig-user/tags . Answering: .../reference/ig-comment/replies and .../reference/ig-user/mentions

An @mention elsewhere is told by webhook only (`mentions`); no list of them can be asked for. The app shows them to the account,
and the generic webhook takes them. Comments have no time of an edit and no sign of a deletion: both are seen when the comments of
that post are read again, which every new or deleted comment below it causes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr

from connectors import graph
from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit
from connectors.below import Thread, read_below, told
from connectors.errors import CLOSED, NOT_ALLOWED, TOO_LONG, CannotAnswer
from connectors.fields import account_of_person, document, each, ident, iso, items, part, parts, words
from connectors.markup import hashtags_of, mentions_of, one_line
from connectors.timeline import Page, read_new
from monitor.core.post import Author, Post

WHERE = "Instagram"
LONGEST = 2200
"""Characters of a comment."""
COMMENTS = 12
"""Requests of one poll for comments, at most."""
_MEDIA = "id,caption,media_type,permalink,timestamp,username,comments_count,is_comment_enabled,comments.limit(1){id}"
_TAGGED = "id,caption,media_type,permalink,timestamp,username"
_ANSWERS = "id,text,timestamp,username,from,parent_id"
_COMMENTS = f"id,text,timestamp,username,from,replies.limit(50){{{_ANSWERS}}}"


class Instagram:
    """One professional account."""

    name: ClassVar[str] = "instagram"
    poll_every: ClassVar[float] = 120.0
    max_requests_per_poll: ClassVar[int] = COMMENTS + 4
    limits: ClassVar[tuple[Limit, ...]] = (Limit("calls", 4800, 86400, graph.LIMITS),)
    """4800 for each impression of a day; stated for the account that nobody looked at."""

    class Settings(ConnectorSettings):
        """Options of an instagram source."""

        account: str = Field(pattern=r"^[0-9]{1,30}$", description="Number of the professional account (IG User id)")
        username: str = Field(pattern=r"^@?[A-Za-z0-9._]{1,30}$", description="The account's name, as in instagram.com/NAME")
        token: SecretStr = Field(description="Access token with instagram_basic, instagram_manage_comments and pages_read_engagement")
        watch: int = Field(default=50, ge=1, le=100, description="Newest own posts whose comments are read")
        tagged: bool = Field(default=True, description="Whether posts that the account is tagged in are read")
        base_url: HttpUrl = Field(default=HttpUrl("https://graph.facebook.com"),
                                  description="Address of the Graph API; https://graph.instagram.com with Instagram login")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.source = source
        self._settings = settings
        self._handle = "@" + settings.username.lstrip("@")
        self._base = f"{str(settings.base_url).rstrip('/')}/{graph.VERSION}"
        self._closed: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The account's number."""
        return self._settings.account

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Own newest posts, the comments under those with news, and new posts that tag the account."""
        known = cursor if cursor.get("account") == self.account else {}
        own, lost, threads = await self._own(http)
        below = await read_below(threads, known.get("below", {}), lambda name, mark: self._comments(http, name, mark), COMMENTS)
        tagged = await read_new({"tags": lambda mark: self._tagged(http, mark)} if self._settings.tagged else {},
                                known.get("tagged", {}), 3, beside=True)
        recent, deleted = told(known.get("recent", {}), below, self.name, self._clock())
        posts = {post.native_id: post for post in (*own, *tagged.posts, *below.posts, *deleted)}
        moved = {"account": self.account, "below": below.state, "tagged": tagged.state, "recent": recent}
        return Batch(tuple(replace(post, source=self.source) for post in posts.values()), moved,
                     damaged=(*lost, *tagged.damaged, *below.damaged), more=below.more or tagged.more,
                     refused=(*below.refused, *tagged.refused))

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Comments are answered; of others' posts only those whose caption mentions the account."""
        if post.in_reply_to in self._closed:
            return CLOSED
        return None if post.in_reply_to or self._handle.lower() in (m.lower() for m in mentions_of(post.text)) else NOT_ALLOWED

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to the comment, or comment on the post that mentions the account."""
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        path, form = (f"{post.native_id}/replies", {"message": text}) if post.in_reply_to else (
            f"{self.account}/mentions", {"media_id": post.native_id, "message": text})
        return graph.made(await graph.write(http, f"{self._base}/{path}", self._token, WHERE, form=form), WHERE)

    async def probe(self, http: Http) -> list[str]:
        """Whose account it is, and what of it can be read."""
        me, _ = await graph.read(http, f"{self._base}/{self.account}", self._token, WHERE, {"fields": "username,media_count"})
        lines = [f"is the account @{one_line(str(me.get('username')))[:60]}"]
        for edge, what in (("media", "its posts and their comments"), *([("tags", "posts that tag it")] if self._settings.tagged else [])):
            lines.append(await graph.allowed(http, f"{self._base}/{self.account}/{edge}", self._token, WHERE, what))
        return lines

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

    async def _own(self, http: Http) -> tuple[list[Post], list[Damaged], list[Thread]]:
        answer, body = await graph.read(http, f"{self._base}/{self.account}/media", self._token, WHERE,
                                        {"fields": _MEDIA, "limit": str(self._settings.watch)})
        found = items(answer, "data", WHERE, body)
        posts, damaged = each(found, media, WHERE)
        threads, closed = [], set()
        for one in found:
            if not isinstance(one, dict) or not isinstance(one.get("id"), str):
                continue
            newest = next((c.get("id") for c in parts(part(one, "comments"), "data")), None)
            count = one.get("comments_count")
            threads.append(Thread(one["id"], f"{count}:{newest}" if count or newest else ""))
            if one.get("is_comment_enabled") is False:
                closed.add(one["id"])
        self._closed = frozenset(closed)
        return posts, damaged, threads

    async def _tagged(self, http: Http, mark: str | None) -> Page:
        answer, body = await graph.read(http, f"{self._base}/{self.account}/tags", self._token, WHERE,
                                        {"fields": _TAGGED, "limit": "50", **({"after": mark} if mark else {})})
        posts, damaged = each(items(answer, "data", WHERE, body), media, WHERE)
        said = tuple(replace(post, mentions=tuple(dict.fromkeys((*post.mentions, self._handle)))) for post in posts)
        return Page(said, graph.after(answer), graph.span([post.published_at for post in posts]), tuple(damaged))

    async def _comments(self, http: Http, name: str, mark: str | None) -> tuple[Page, Sequence[str]]:
        """Comments of a post, or ("ID/replies") more answers to a comment than came with it."""
        parent, _, answers = name.partition("/")
        path = name if answers else f"{name}/comments"
        answer, body = await graph.read(http, f"{self._base}/{path}", self._token, WHERE, {
            "fields": _ANSWERS if answers else _COMMENTS, "limit": "50", **({"after": mark} if mark else {})})
        found = items(answer, "data", WHERE, body)
        posts, damaged = each(found, lambda one: comment(one, parent, self._handle), WHERE)
        besides: list[str] = []
        for one in () if answers else found:
            if not isinstance(one, dict) or not isinstance(one.get("id"), str):
                continue
            nested, lost = each(parts(part(one, "replies"), "data"), lambda r, of=one["id"]: comment(r, of, self._handle), WHERE)  # type: ignore[misc]
            posts += nested
            damaged += lost
            if graph.after(part(one, "replies")):
                besides.append(f"{one['id']}/replies")
        return Page(tuple(posts), graph.after(answer), graph.span([post.published_at for post in posts]), tuple(damaged)), besides


def parse(body: bytes) -> list[Post]:
    """The posts of an answer of /media or /tags."""
    answer = document(body, WHERE)
    return each(items(answer, "data", WHERE, body), media, WHERE)[0]


def media(one: dict[str, Any]) -> Post:
    """A post. Addresses of pictures change from day to day, so a picture is named by the post's number."""
    text, name, writer = words(one, "caption"), ident(one, "id"), words(one, "username")
    kind = words(one, "media_type").lower() or "media"
    link = words(one, "permalink")
    return Post(network="instagram", source="", native_id=name, text=text, published_at=iso(one, "timestamp"),
                url=link if link.startswith("https://") else "", author=Author(writer, account_of_person("", writer)),
                mentions=mentions_of(text), hashtags=hashtags_of(text), media=(f"{kind}:{name}",))


def comment(one: dict[str, Any], parent: str, handle: str) -> Post | None:
    """A comment or an answer to one: all of them stand under the account's own post."""
    text = words(one, "text")
    if not text:
        return None  # a picture or sticker alone
    writer = words(one, "username") or words(part(one, "from"), "username")
    above = one.get("parent_id")
    return Post(network="instagram", source="", native_id=ident(one, "id"), text=text, published_at=iso(one, "timestamp"),
                author=Author(words(part(one, "from"), "id") or writer, account_of_person("", writer)),
                in_reply_to=above if isinstance(above, str) and above else parent, in_reply_to_account=handle,
                mentions=mentions_of(text), hashtags=hashtags_of(text))
