"""Threads of one profile: all answers under its newest threads, and public posts that mention it. Threads API v1.0.

Own: https://developers.facebook.com/documentation/threads/threads-media ; answers (`/conversation`, flat, newest first):
https://developers.facebook.com/documentation/threads/retrieve-and-manage-replies/replies-and-conversations
Mentions: https://developers.facebook.com/documentation/threads/threads-mentions
Answering: https://developers.facebook.com/documentation/threads/retrieve-and-manage-replies/create-replies

The list of own threads counts no answers, so the newest threads are asked one by one. Private profiles' posts are not returned,
an edit (possible for minutes) has no time: the newest page is read again every time. Deletions are not told, so recent answers and
mentions are asked for by their number in turn: one that is gone is an error (code 100, subcode 33).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr

from connectors import graph
from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit
from connectors.errors import TOO_LONG, AuthError, BadPayload, CannotAnswer
from connectors.fields import account_of_person, document, each, ident, iso, items, part, words
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from connectors.recheck import due, remembered, removed
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post

WHERE = "Threads"
LONGEST = 500
"""Characters of a post; an emoji counts as many as it has bytes in UTF-8."""
PAGES = 40
CHECKED = 4
"""Recent answers and mentions of which each poll asks whether they are still there."""
_OVERVIEW = "https://developers.facebook.com/documentation/threads/overview"
_FIELDS = ("id,text,username,permalink,timestamp,media_type,is_quote_post,quoted_post,reposted_post,has_replies,root_post,replied_to,"
           "is_reply,link_attachment_url")


class Threads:
    """One profile."""

    name: ClassVar[str] = "threads"
    poll_every: ClassVar[float] = 180.0
    max_requests_per_poll: ClassVar[int] = PAGES + 1 + CHECKED
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("calls", 48_000, 86_400, _OVERVIEW),
        Limit("replies", 1000, 86_400, _OVERVIEW, cost=0, costs={"/threads": 1, "/me/threads": 0}),
    )
    """Calls: 4800 for each time something of the profile was shown in a day, and never less than for ten."""

    class Settings(ConnectorSettings):
        """Options of a threads source."""

        account: str = Field(pattern=r"^[0-9]{1,30}$", description="Number of the Threads profile")
        username: str = Field(pattern=r"^@?[A-Za-z0-9._]{1,30}$", description="The profile's name, as in threads.com/@NAME")
        token: SecretStr = Field(description="Long-lived token with threads_basic, threads_read_replies, threads_manage_replies and "
                                             "threads_manage_mentions")
        watch: int = Field(default=20, ge=1, le=30, description="Newest own threads whose answers are read")
        mentions: bool = Field(default=True, description="Whether posts that mention the profile are read")
        base_url: HttpUrl = Field(default=HttpUrl("https://graph.threads.net"), description="Address of the Threads API")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.source = source
        self._settings = settings
        self._handle = "@" + settings.username.lstrip("@")
        self._base = f"{str(settings.base_url).rstrip('/')}/v1.0"

    @property
    def account(self) -> str:
        """The profile's number."""
        return self._settings.account

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Own newest threads, what is new under each, and new mentions."""
        known = cursor if cursor.get("account") == self.account else {}
        own, damaged, below = await self._own(http)
        news = await read_new(self._lists(http, below), known.get("lists", {}), PAGES, beside=True)
        recent: dict[str, int] = known.get("recent", {})
        gone = await self._gone(http, [one for one in due(recent, CHECKED, self._clock(), self.poll_every) if recent[one] > 0],
                                {post.native_id for post in news.posts})
        recent = remembered(recent, news.posts, gone)
        deleted = [removed(self.name, one, recent[one], self._clock()) for one in gone if one in recent]
        posts = {post.native_id: post for post in (*own, *news.posts, *deleted)}
        return Batch(tuple(replace(post, source=self.source) for post in posts.values()),
                     {"account": self.account, "lists": news.state, "recent": recent}, damaged=(*damaged, *news.damaged), more=news.more,
                     refused=news.refused)

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of older mentions, or of older answers under the newest threads."""
        _, _, below = await self._own(http)
        batch = await read_back(self._lists(http, below), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to the post. `auto_publish_text` publishes words without files in one step, so there is one moment of doubt only."""
        if sum(len(c.encode()) if ord(c) > 0xFFFF else 1 for c in text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        form = {"media_type": "TEXT", "text": text, "reply_to_id": post.native_id, "auto_publish_text": "true"}
        return graph.made(await graph.write(http, f"{self._base}/{self.account}/threads", self._token, WHERE, form=form), WHERE)

    async def probe(self, http: Http) -> list[str]:
        """Whose profile it is, and what of it can be read."""
        me, _ = await graph.read(http, f"{self._base}/me", self._token, WHERE, {"fields": "id,username"})
        lines = [f"is the profile @{one_line(str(me.get('username')))[:60]}",
                 await graph.allowed(http, f"{self._base}/me/threads", self._token, WHERE, "its threads")]
        if self._settings.mentions:
            lines.append(await graph.allowed(http, f"{self._base}/{self.account}/mentions", self._token, WHERE, "posts that mention it"))
        return lines

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

    async def _gone(self, http: Http, asked: list[str], seen: set[str]) -> list[str]:
        """Which of the recent answers and mentions are no longer there: a few are asked for each time."""
        gone = []
        for name in asked:
            if name in seen or not name.isascii() or not name.isdigit():
                continue
            try:
                await graph.read(http, f"{self._base}/{name}", self._token, WHERE, {"fields": "id"})
            except graph.Gone:
                gone.append(name)
            except (AuthError, BadPayload):
                continue        # it is not known: the lists say whether the token lives
        return gone

    def _lists(self, http: Http, below: list[str]) -> dict[str, Ask]:
        lists: dict[str, Ask] = {}
        if self._settings.mentions:
            lists["mentions"] = lambda mark: self._list(http, f"{self.account}/mentions", mark, "")
        for name in below:
            lists[name] = lambda mark, of=name: self._list(http, f"{of}/conversation", mark, of)  # type: ignore[misc]
        return lists

    async def _own(self, http: Http) -> tuple[list[Post], list[Damaged], list[str]]:
        answer, body = await graph.read(http, f"{self._base}/me/threads", self._token, WHERE,
                                        {"fields": _FIELDS, "limit": str(self._settings.watch)})
        found = items(answer, "data", WHERE, body)
        posts, damaged = each(found, lambda one: entry(one, "", self._handle), WHERE)
        return posts, damaged, list(_answered(found))

    async def _list(self, http: Http, path: str, mark: str | None, below: str) -> Page:
        answer, body = await graph.read(http, f"{self._base}/{path}", self._token, WHERE, {
            "fields": _FIELDS, "limit": "50", **({"reverse": "true"} if below else {}), **({"after": mark} if mark else {})})
        posts, damaged = each(items(answer, "data", WHERE, body), lambda one: entry(one, below, self._handle), WHERE)
        return Page(tuple(posts), graph.after(answer), graph.span([post.published_at for post in posts]), tuple(damaged))


def _answered(found: list[Any]) -> Iterator[str]:
    """The own threads under which there is something. Their ids go into addresses: digits only."""
    for one in found:
        name = one.get("id") if isinstance(one, dict) else None
        if isinstance(name, str) and name.isascii() and name.isdigit() and one.get("has_replies") is True:
            yield name


def parse(body: bytes, handle: str = "@profile") -> list[Post]:
    """The posts of an answer of the Threads API."""
    return each(items(document(body, WHERE), "data", WHERE, body), lambda one: entry(one, "", handle), WHERE)[0]


def entry(one: dict[str, Any], below: str, handle: str) -> Post | None:
    """A thread, an answer below `below` (one of the profile's own), or a mention."""
    text, kind, name = words(one, "text"), words(one, "media_type"), ident(one, "id")
    repost = words(part(one, "reposted_post"), "id")  # a quote with words of its own is none
    media = () if kind in ("", "TEXT_POST", "REPOST_FACADE") else (f"{kind.lower()}:{name}",)
    if not text and not media:
        return None  # a bare repost
    writer, link = words(one, "username"), words(one, "permalink")
    above = words(part(one, "replied_to"), "id") or words(part(one, "root_post"), "id") or below
    return Post(network="threads", source="", native_id=name, text=text, published_at=iso(one, "timestamp"),
                url=link if link.startswith("https://") else "", author=Author(writer, account_of_person("", writer)),
                in_reply_to=above or None, in_reply_to_account=handle if below else None, mentions=mentions_of(text),
                hashtags=hashtags_of(text), links=tuple(web_links([words(one, "link_attachment_url")])), media=media,
                repost_of=repost or None)
