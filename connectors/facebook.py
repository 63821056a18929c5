"""A Facebook page: its posts, posts of visitors on it, comments under both, and posts that tag it. Graph API v25.0.

Feed: https://developers.facebook.com/docs/graph-api/reference/page/feed (own posts, visitors' and such that tag the page)
Tagged: https://developers.facebook.com/docs/graph-api/reference/page/tagged
Comments: https://developers.facebook.com/docs/graph-api/reference/object/comments (`filter=stream`: answers among them)

`updated_time` of a post moves with every comment and edit. The API names the author of a visitor's post only to that person;
edits of comments have no time (the newest pages are read again with every new or deleted one, and so a deletion among them is seen).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr

from connectors import graph
from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit
from connectors.below import Thread, read_below, told
from connectors.errors import CLOSED, TOO_LONG, CannotAnswer
from connectors.fields import account_of_person, document, each, ident, iso, items, part, parts, words
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post

WHERE = "Facebook"
LONGEST = 8000
"""Characters of a comment."""
COMMENTS = 12
"""Requests of one poll for comments, at most."""
_KNOWN = 300
"""Posts whose comments are known, at most."""
_ATTACHED = "attachments{media_type,unshimmed_url,target{id},subattachments{media_type,target{id}}}"
_POST = f"id,message,created_time,updated_time,from{{id,name}},parent_id,permalink_url,{_ATTACHED}"
_FEED = f"{_POST},comments.limit(1).filter(stream).order(reverse_chronological).summary(total_count){{id}}"
_COMMENT = "id,message,created_time,from{id,name},parent{id},permalink_url,attachment{type,url,target{id}},can_comment"


class Facebook:
    """One page."""

    name: ClassVar[str] = "facebook"
    poll_every: ClassVar[float] = 120.0
    max_requests_per_poll: ClassVar[int] = COMMENTS + 6
    limits: ClassVar[tuple[Limit, ...]] = (Limit("calls", 4800, 86400, graph.LIMITS),)
    """4800 for each person who dealt with the page in a day; stated for the page that nobody looked at."""

    class Settings(ConnectorSettings):
        """Options of a facebook source."""

        page: str = Field(pattern=r"^[0-9]{1,30}$", description="Number of the page")
        username: str = Field(pattern=r"^@?[A-Za-z0-9.]{1,50}$", description="The page's name, as in facebook.com/NAME")
        token: SecretStr = Field(description="Page token with pages_read_engagement, pages_read_user_content and pages_manage_engagement")
        watch: int = Field(default=50, ge=1, le=100, description="Newest posts of the page whose comments are read")
        tagged: bool = Field(default=True, description="Whether posts that tag the page are read")
        base_url: HttpUrl = Field(default=HttpUrl("https://graph.facebook.com"), description="Address of the Graph API")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.source = source
        self._settings = settings
        self._handle = "@" + settings.username.lstrip("@")
        self._base = f"{str(settings.base_url).rstrip('/')}/{graph.VERSION}"
        self._closed: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The page's number."""
        return self._settings.page

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """The newest posts on the page, older ones that came meanwhile, comments under those with news, and posts that tag it."""
        known = cursor if cursor.get("page") == self.account else {}
        threads: list[Thread] = []
        lists = await read_new(self._lists(http, threads), known.get("lists", {}), 6)
        listed = {one.id for one in threads}  # a poll that only finishes a way back does not see the newest: those stay known
        earlier = [Thread(name, sign) for name, (sign, _) in known.get("below", {}).get("seen", {}).items() if name not in listed]
        below = await read_below([*threads, *earlier][:_KNOWN], known.get("below", {}), lambda name, mark: self._comments(http, name, mark), COMMENTS,
                                 newest_first=True)
        recent, deleted = told(known.get("recent", {}), below, self.name, self._clock())
        posts = {post.native_id: post for post in (*lists.posts, *below.posts, *deleted)}
        moved = {"page": self.account, "lists": lists.state, "below": below.state, "recent": recent}
        return Batch(tuple(replace(post, source=self.source) for post in posts.values()), moved,
                     damaged=(*lists.damaged, *below.damaged), more=lists.more or below.more,
                     refused=(*lists.refused, *below.refused))

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of older posts; comments under them are read where something new is said there."""
        batch = await read_back(self._lists(http, []), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """What the last poll was told: `can_comment` of the comment."""
        return CLOSED if post.native_id in self._closed else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Comment on the post, or answer the comment, as the page."""
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        return graph.made(await graph.write(http, f"{self._base}/{post.native_id}/comments", self._token, WHERE,
                                            form={"message": text}), WHERE)

    async def stands(self, http: Http, post: Post, text: str) -> str | None:
        """Our comment among the newest below the post."""
        answer, body = await graph.read(http, f"{self._base}/{post.native_id}/comments", self._token, WHERE, {
            "fields": "id,message,from{id}", "filter": "stream", "order": "reverse_chronological", "limit": "100"})
        return next((one["id"] for one in items(answer, "data", WHERE, body) if isinstance(one, dict) and isinstance(one.get("id"), str)
                     and words(one, "message") == text and words(part(one, "from"), "id") == self.account), None)

    async def probe(self, http: Http) -> list[str]:
        """Which page it is, and what of it can be read."""
        me, _ = await graph.read(http, f"{self._base}/{self.account}", self._token, WHERE, {"fields": "name,username"})
        reading = [await graph.allowed(http, f"{self._base}/{self.account}/{edge}", self._token, WHERE, what)
                   for edge, what in (("feed", "posts on the page and their comments"), ("tagged", "posts that tag it"))
                   if edge == "feed" or self._settings.tagged]
        return [f"is the page {one_line(str(me.get('name')))[:100]}", *reading]

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

    def _lists(self, http: Http, threads: list[Thread]) -> dict[str, Ask]:
        lists: dict[str, Ask] = {"feed": lambda mark: self._feed(http, mark, threads)}
        if self._settings.tagged:
            lists["tagged"] = lambda mark: self._tagged(http, mark)
        return lists

    async def _feed(self, http: Http, mark: str | None, threads: list[Thread]) -> Page:
        """One page of the feed; what stands below its posts goes into `threads`."""
        page, found = await self._list(http, "feed", _FEED, str(self._settings.watch), mark)
        for one in found:
            if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"].startswith(f"{self.account}_"):
                comments = part(one, "comments")
                newest = next((c.get("id") for c in parts(comments, "data")), None)
                count = part(comments, "summary").get("total_count")
                threads.append(Thread(one["id"], f"{count}:{newest}:{words(one, 'updated_time')}" if count or newest else ""))
        return page

    async def _tagged(self, http: Http, mark: str | None) -> Page:
        page, _ = await self._list(http, "tagged", _POST, "50", mark)
        return replace(page, posts=tuple(replace(post, mentions=tuple(dict.fromkeys((*post.mentions, self._handle))))
                                         for post in page.posts))

    async def _list(self, http: Http, edge: str, fields: str, limit: str, mark: str | None) -> tuple[Page, list[Any]]:
        answer, body = await graph.read(http, f"{self._base}/{self.account}/{edge}", self._token, WHERE,
                                        {"fields": fields, "limit": limit, **({"after": mark} if mark else {})})
        found = items(answer, "data", WHERE, body)
        posts, damaged = each(found, lambda one: entry(one, self.account, self._handle), WHERE)
        return Page(tuple(posts), graph.after(answer), graph.span([p.published_at for p in posts]), tuple(damaged)), found

    async def _comments(self, http: Http, name: str, mark: str | None) -> tuple[Page, Sequence[str]]:
        answer, body = await graph.read(http, f"{self._base}/{name}/comments", self._token, WHERE, {
            "fields": _COMMENT, "filter": "stream", "order": "reverse_chronological", "limit": "100", **({"after": mark} if mark else {})})
        found = items(answer, "data", WHERE, body)
        posts, damaged = each(found, lambda one: comment(one, name, self.account, self._handle), WHERE)
        closed = {one["id"] for one in found if isinstance(one, dict) and one.get("can_comment") is False and isinstance(one.get("id"), str)}
        self._closed = self._closed - {post.native_id for post in posts} | closed
        return Page(tuple(posts), graph.after(answer), graph.span([p.published_at for p in posts]), tuple(damaged)), ()


def parse(body: bytes, page: str = "", handle: str = "@page") -> list[Post]:
    """The posts of an answer of /feed or /tagged."""
    return each(items(document(body, WHERE), "data", WHERE, body), lambda one: entry(one, page, handle), WHERE)[0]


def entry(one: dict[str, Any], page: str, handle: str) -> Post | None:
    """A post on the page, or one that tags it. What a visitor writes there is said to the page."""
    text, media, links = words(one, "message"), [], []
    for file in parts(part(one, "attachments"), "data"):
        links.append(words(file, "unshimmed_url"))
        for inner in parts(part(file, "subattachments"), "data") or [file]:
            number = words(part(inner, "target"), "id")
            if number:
                media.append(f"{words(inner, 'media_type') or 'file'}:{number}")
    if not text and not media:
        return None  # "changed the cover photo" and other stories of the page itself
    shared = words(one, "parent_id")
    name = ident(one, "id")
    own = words(part(one, "from"), "id") == page if one.get("from") else False
    return Post(network="facebook", source="", native_id=name, text=text, published_at=iso(one, "created_time"), url=_address(one),
                author=_author(one, page, handle), in_reply_to_account=None if own or not name.startswith(f"{page}_") else handle,
                mentions=mentions_of(text), hashtags=hashtags_of(text), links=tuple(web_links(links)), media=tuple(dict.fromkeys(media)),
                repost_of=shared if shared and shared != name else None)


def comment(one: dict[str, Any], below: str, page: str, handle: str) -> Post | None:
    """A comment on a post of the page, or an answer to one."""
    text, file = words(one, "message"), part(one, "attachment")
    number = words(part(file, "target"), "id")
    media = (f"{words(file, 'type') or 'file'}:{number}",) if number else ()
    if not text and not media:
        return None
    link = () if number else tuple(web_links([words(file, "url")]))
    return Post(network="facebook", source="", native_id=ident(one, "id"), text=text, published_at=iso(one, "created_time"),
                url=_address(one), author=_author(one, page, handle), in_reply_to=words(part(one, "parent"), "id") or below,
                in_reply_to_account=handle, mentions=mentions_of(text), hashtags=hashtags_of(text), links=link, media=media)


def _author(one: dict[str, Any], page: str, handle: str) -> Author:
    writer = part(one, "from")
    if writer and words(writer, "id") == page:
        return Author(page, handle)
    return Author(words(writer, "id"), account_of_person(words(writer, "name"), ""))


def _address(one: dict[str, Any]) -> str:
    link = words(one, "permalink_url")
    return link if link.startswith("https://") else ""
