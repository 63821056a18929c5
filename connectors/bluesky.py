"""Bluesky: answers to and mentions of our account, searches, the posts of chosen accounts. https://docs.bsky.app/docs/category/http-reference

The lexicons of app.bsky.* and com.atproto.* (github.com/bluesky-social/atproto/tree/main/lexicons) are the schema. A post can't be
edited there; people delete and write anew. Lists leave a deleted post out, so recent ones are asked again (`getPosts`).
The stream (Jetstream, or a server's subscribeRepos) is a doorbell only: https://docs.bsky.app/docs/advanced-guides/firehose
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp
from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit, Response
from connectors.errors import (
    CLOSED,
    GONE,
    NOT_ALLOWED,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    SourceError,
    Transient,
)
from connectors.fields import account_of_person, document, each, ident, iso, items, part, parts, words
from connectors.markup import hashtags_of, mentions_of, web_links
from connectors.recheck import due, remembered, removed, still_there
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post, clean_text

PAGES = 8
LIMITS = "https://docs.bsky.app/docs/advanced-guides/rate-limits"
LONGEST = 300
"""Graphemes of a post: lexicon app.bsky.feed.post, text.maxGraphemes."""
ASKED_AGAIN = 25
"""Posts of one getPosts, at most: its lexicon."""
_HANDLE = re.compile(r"^(did:[a-z]+:[\w.:%-]+|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+)$")
_URI = re.compile(r"^at://(did:[a-z]+:[A-Za-z0-9._:%-]+)/([a-zA-Z0-9.-]+)/([A-Za-z0-9._~:-]+)$")
_LINK = re.compile(rb"https?://[^\s<>\"')]+[^\s<>\"').,;:!?]")
_OFF = {"AccountTakedown", "AccountDeactivated", "AccountSuspended", "AuthFactorTokenRequired", "AuthenticationRequired",
        "AuthMissing", "InvalidToken"}
"""Errors that come as HTTP 400 and mean what 401 means: com.atproto.server.* lexicons."""


class Bluesky:
    """One account of ours, or the public view without one."""

    name: ClassVar[str] = "bluesky"
    poll_every: ClassVar[float] = 30.0
    max_requests_per_poll: ClassVar[int] = PAGES + 4
    """Pages, posts asked again, and a session that is opened or renewed."""
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("address", 3000, 300, LIMITS, whole_network=True),
        Limit("sessions", 30, 300, LIMITS, cost=0, costs={"/com.atproto.server.createSession": 1}),
        Limit("sessions a day", 300, 86400, LIMITS, cost=0, costs={"/com.atproto.server.createSession": 1}),
        Limit("writes", 5000, 3600, LIMITS, cost=0, costs={"/com.atproto.repo.createRecord": 3}),
        Limit("writes a day", 35000, 86400, LIMITS, cost=0, costs={"/com.atproto.repo.createRecord": 3}),
    )

    class Settings(ConnectorSettings):
        """Options of a bluesky source."""

        handle: str = Field(default="", description="Our account, as in akimat.bsky.social: answers to it and mentions of it are "
                                                    "read, and answers go out in its name")
        app_password: SecretStr | None = Field(default=None, description="App password of the account (Settings, App passwords)")
        search: tuple[str, ...] = Field(default=(), max_length=20, description="Words or tags to search in all public posts; "
                                                                               "needs the account")
        accounts: tuple[str, ...] = Field(default=(), max_length=50, description="Accounts whose posts and replies are read")
        service: HttpUrl = Field(default=HttpUrl("https://bsky.social"), description="Address of the account's server")
        public: HttpUrl = Field(default=HttpUrl("https://public.api.bsky.app"),
                                description="Address that is asked without an account")
        stream: str = Field(default="", pattern=r"^(wss?://\S+)?$", description=(
            "Stream that rings when somebody writes to us, such as wss://jetstream2.us-east.bsky.network/subscribe?"
            "wantedCollections=app.bsky.feed.post; empty: only asked in turn"))

        @field_validator("handle", "accounts", mode="before")
        @classmethod
        def _plain(cls, value: Any) -> Any:
            if isinstance(value, list | tuple):
                return [cls._plain(one) for one in value]
            return value.strip().lstrip("@").lower() if isinstance(value, str) else value

        @field_validator("handle", "accounts")
        @classmethod
        def _handle(cls, value: Any) -> Any:
            for one in [value] if isinstance(value, str) else value:
                if one and not _HANDLE.match(one):
                    raise ValueError(f"{one!r} is no account of Bluesky; write it as in akimat.bsky.social")
            return value

        @model_validator(mode="after")
        def _something(self) -> Bluesky.Settings:
            if bool(self.handle) != (self.app_password is not None):
                raise ValueError("handle and app_password belong together: give both, or neither")
            if not self.handle and not self.accounts:
                raise ValueError("nothing to read: give handle and app_password, or accounts")
            if self.search and not self.handle:
                raise ValueError("search needs handle and app_password: Bluesky answers no searches without an account")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self.account = settings.handle or f"source:{source}"
        self._settings = settings
        self._clock = clock
        self._base = str(settings.service if settings.handle else settings.public).rstrip("/")
        self._access = self._refresh = ""
        self._did = ""
        self._rings: set[bytes] = {word.encode() for word in (settings.handle, *settings.search) if word}

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new in all lists, and of the recent posts those that were deleted."""
        await self._sign_in(http)
        known = cursor if cursor.get("account") == self.account else {}
        people: dict[str, str] = dict(known.get("people", {}))
        news = await read_new(self._lists(http, people), known, PAGES)
        recent: Mapping[str, int] = known.get("recent", {})
        posts = still_there(recent, news.posts)
        gone, back = await self._asked_again(http, recent, {post.native_id for post in posts}, people)
        recent = remembered(recent, (*posts, *back), gone)
        deleted = tuple(removed(self.name, uri, recent[uri], self._clock()) for uri in gone if uri in recent)
        moved = {"account": self.account, **news.state, "people": people, "recent": recent}
        found = tuple(replace(post, source=self.source) for post in (*posts, *back, *deleted))
        return Batch(found, moved, damaged=news.damaged, more=news.more, refused=news.refused)

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page into the past."""
        await self._sign_in(http)
        batch = await read_back(self._lists(http, {}), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to `post`; its address. https://docs.bsky.app/docs/tutorials/creating-a-post"""
        if len(text) > LONGEST:  # code points: at least as many as graphemes, and counted alike everywhere
            raise CannotAnswer(TOO_LONG)
        await self._sign_in(http)
        found = parts(await self._get(http, "app.bsky.feed.getPosts", {"uris": post.native_id}), "posts")
        if not found:
            raise CannotAnswer(GONE)
        if part(found[0], "viewer").get("replyDisabled"):
            raise CannotAnswer(CLOSED)
        if part(found[0], "author", "viewer").get("blockedBy") or part(found[0], "author", "viewer").get("blocking"):
            raise CannotAnswer(NOT_ALLOWED)
        parent = {"uri": words(found[0], "uri"), "cid": words(found[0], "cid")}
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post", "text": text, "createdAt": _stamp(self._clock()),
            "reply": {"root": part(found[0], "record", "reply", "root") or parent, "parent": parent}}
        if links := _facets_of_links(text):
            record["facets"] = links
        made = {"repo": self._did, "collection": "app.bsky.feed.post", "record": record}
        try:
            said = await http.post(f"{self._base}/xrpc/com.atproto.repo.createRecord", json=made, headers=self._headers())
        except Transient as e:
            raise Transient(str(e), e.payload, sent=True) from None
        except SourceError as e:
            raise _documented(e) from None
        return ident(document(said.body, "Bluesky"), "uri")

    async def stands(self, http: Http, post: Post, text: str) -> str | None:
        """Our reply among our own newest records. https://docs.bsky.app/docs/api/com-atproto-repo-list-records"""
        await self._sign_in(http)
        own = await self._get(http, "com.atproto.repo.listRecords", {
            "repo": self._did, "collection": "app.bsky.feed.post", "limit": "100"})
        return next((words(one, "uri") for one in parts(own, "records") if words(part(one, "value"), "text") == text
                     and words(part(one, "value", "reply", "parent"), "uri") == post.native_id), None)

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Only with an account."""
        return None if self._settings.handle else NOT_ALLOWED

    async def probe(self, http: Http) -> list[str]:
        """Which account the password opens, and what is read with it."""
        await self._sign_in(http)
        if not self._settings.handle:
            return [f"reads the public posts of {name}" for name in self._settings.accounts]
        return [f"signed in as @{self._settings.handle}: reads answers and mentions, may answer",
                *(f"searches {word!r}" for word in self._settings.search),
                *(f"reads the posts of {name}" for name in self._settings.accounts)]

    async def doorbell(self) -> None:
        """Returns when the stream carries something that names us, our accounts or our words: the bytes of a frame, JSON or
        CBOR, hold them as UTF-8 in either."""
        if not self._settings.stream:
            raise LookupError("no stream")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with (aiohttp.ClientSession(timeout=timeout) as session,
                    session.ws_connect(self._settings.stream, heartbeat=30, max_msg_size=5 * 1024 * 1024) as stream):
            async for message in stream:
                frame = message.data.encode() if isinstance(message.data, str) else message.data
                if isinstance(frame, bytes) and any(mark in frame for mark in self._rings):
                    return
        raise ConnectionError("the stream ended")

    def _lists(self, http: Http, people: dict[str, str]) -> dict[str, Ask]:
        """The lists to read; `people` learns the handles of watched accounts, for replies name them by DID."""
        lists: dict[str, Ask] = {}
        if self._settings.handle:
            people[self._did] = self._settings.handle
            lists["notifications"] = partial(self._page, http, people, "app.bsky.notification.listNotifications", {})
        for word in self._settings.search:
            lists[f"search:{word}"] = partial(self._page, http, people, "app.bsky.feed.searchPosts", {"q": word, "sort": "latest"})
        for name in self._settings.accounts:
            lists[f"author:{name}"] = partial(self._page, http, people, "app.bsky.feed.getAuthorFeed",
                                              {"actor": name, "filter": "posts_with_replies"})
        return lists

    async def _page(self, http: Http, people: dict[str, str], method: str, asked: Mapping[str, str], before: str | None) -> Page:
        params = {"limit": "100", **asked, **({"cursor": before} if before else {})}
        answer = await self._get(http, method, params)
        if "actor" in asked:
            for one in parts(answer, "feed"):
                author = part(one, "post", "author")
                if asked["actor"] in (author.get("handle"), author.get("did")) and "reason" not in one:
                    people[words(author, "did")] = words(author, "handle")
                    self._rings.add(words(author, "did").encode())
                    break
        return page_of(answer, people)

    async def _asked_again(self, http: Http, recent: Mapping[str, int], seen: set[str],
                           people: Mapping[str, str]) -> tuple[list[str], list[Post]]:
        """Of the recent posts: those that are gone, and those that came back."""
        asked = [uri for uri in due(recent, ASKED_AGAIN, self._clock(), self.poll_every) if uri not in seen]
        asked = [uri for uri in asked if "/app.bsky.feed.post/" in uri]
        if not asked:
            return [], []
        body = await self._get(http, "app.bsky.feed.getPosts", {}, [("uris", uri) for uri in asked])
        there = {words(one, "uri"): one for one in parts(body, "posts")}
        gone = [uri for uri in asked if uri not in there and recent[uri] > 0]
        back, _ = each((one for uri, one in there.items() if recent.get(uri, 1) < 0), partial(_viewed, people), "Bluesky")
        return gone, back

    async def _get(self, http: Http, method: str, params: Mapping[str, str], repeated: list[tuple[str, str]] | None = None
                   ) -> dict[str, Any]:
        """Ask; where the session has run out, renew it and ask once more."""
        address = f"{self._base}/xrpc/{method}" + (f"?{urlencode(repeated)}" if repeated else "")
        try:
            try:
                answer = await http.get(address, params=params or None, headers=self._headers())
            except SourceError as e:
                if not self._access or _code(e) != "ExpiredToken":
                    raise
                await self._renew(http)
                answer = await http.get(address, params=params or None, headers=self._headers())
        except SourceError as e:
            raise _documented(e) from None
        return document(answer.body, f"Bluesky {method}")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access}"} if self._access else {}

    async def _sign_in(self, http: Http) -> None:
        """Open a session where there is none. It lives in memory: a few are allowed a day, and it is renewed for weeks."""
        password = self._settings.app_password
        if password is None or self._access:
            return
        try:
            answer = await http.post(f"{self._base}/xrpc/com.atproto.server.createSession", json={
                "identifier": self._settings.handle, "password": password.get_secret_value()})
        except SourceError as e:
            raise _documented(e) from None
        self._keep(answer)

    async def _renew(self, http: Http) -> None:
        refresh, self._access = self._refresh, ""
        try:
            answer = await http.post(f"{self._base}/xrpc/com.atproto.server.refreshSession",
                                     headers={"Authorization": f"Bearer {refresh}"})
        except SourceError as e:
            if _code(e) not in ("ExpiredToken", "InvalidToken"):
                raise
            await self._sign_in(http)
            return
        self._keep(answer)

    def _keep(self, answer: Response) -> None:
        said = document(answer.body, "Bluesky session")
        try:
            self._access, self._refresh = _token(said, "accessJwt"), _token(said, "refreshJwt")
            self._did = ident(said, "did")
        except ValueError as e:
            raise BadPayload(f"Bluesky: no session in the answer ({e}); is service the address of an account's server?") from None
        self._rings.add(self._did.encode())


def parse(body: bytes, people: Mapping[str, str] | None = None) -> list[Post]:
    """The posts of an answer of listNotifications, searchPosts or getAuthorFeed."""
    return list(page_of(document(body, "Bluesky"), people or {}).posts)


def page_of(answer: dict[str, Any], people: Mapping[str, str]) -> Page:
    """A page of any of the three lists. Raises BadPayload."""
    if "notifications" in answer:
        found = items(answer, "notifications", "Bluesky", b"")
        posts, damaged = each(found, partial(_notified, people), "Bluesky")
        times = [_when(one, "indexedAt") for one in found]
    elif "feed" in answer:
        found = items(answer, "feed", "Bluesky", b"")
        posts, damaged = each(found, partial(_in_feed, people), "Bluesky")
        times = [_when(part(one, "reason") if part(one, "reason").get("indexedAt") else part(one, "post"), "indexedAt") for one in found
                 if not words(part(one, "reason"), "$type").endswith("#reasonPin")]
    else:
        found = items(answer, "posts", "Bluesky", b"")
        posts, damaged = each(found, partial(_viewed, people), "Bluesky")
        times = [_when(one, "indexedAt") for one in found]
    known = [at for at in times if at is not None]
    return Page(tuple(posts), words(answer, "cursor") or None, (min(known), max(known)) if known else None, tuple(damaged))


def _when(one: Any, key: str) -> int | None:
    try:
        return int(iso(one, key).timestamp())
    except ValueError:
        return None


def _notified(people: Mapping[str, str], one: dict[str, Any]) -> Post | None:
    """A notification that is a post: an answer, a mention or a quotation."""
    if one.get("reason") not in ("reply", "mention", "quote"):
        return None
    return _viewed(people, one)


def _in_feed(people: Mapping[str, str], one: dict[str, Any]) -> Post | None:
    """A post of an author's feed, or one that the author reposted."""
    parent = part(one, "reply", "parent", "author")
    known = {**people, words(parent, "did"): words(parent, "handle")} if parent.get("handle") else people
    post = _viewed(known, part(one, "post"))
    reason = part(one, "reason")
    if post is None or not words(reason, "$type").endswith("#reasonRepost"):
        return post
    by, at = part(reason, "by"), iso(reason, "indexedAt")
    return replace(post, native_id=words(reason, "uri") or f"{ident(by, 'did')}/repost/{post.native_id}", published_at=at,
                   author=_author(by), in_reply_to=None, in_reply_to_account=None, repost_of=post.native_id)


def _viewed(people: Mapping[str, str], one: dict[str, Any]) -> Post | None:
    """A post as the AppView shows it (postView, or a notification, which has the same fields)."""
    uri = _URI.match(ident(one, "uri"))
    record = part(one, "record")
    if uri is None or not isinstance(record.get("text"), str):
        raise ValueError("no post in it")
    text = clean_text(record["text"]).strip()
    media, links = _embedded(part(record, "embed"), uri[1])
    mentions, tags, linked = _marked(record)
    if not text and not media:
        if not links:
            return None
        text = links[0]
    indexed = iso(one, "indexedAt")
    try:
        published = min(iso(record, "createdAt"), indexed)  # the writer's clock may say anything
    except ValueError:
        published = indexed
    reply = part(record, "reply")
    parent, root = words(part(reply, "parent"), "uri"), words(part(reply, "root"), "uri")
    handles = [people.get(found[1], "") for found in (_URI.match(root), _URI.match(parent)) if found]
    account = next((name for name in handles if name), "")
    handle = words(part(one, "author"), "handle")
    return Post(
        network="bluesky", source="", native_id=uri[0], text=text, published_at=published,
        url=f"https://bsky.app/profile/{handle or uri[1]}/post/{uri[3]}", author=_author(part(one, "author")),
        in_reply_to=parent or None, in_reply_to_account=f"@{account}" if account else None,
        mentions=tuple(dict.fromkeys((*mentions, *mentions_of(text)))), hashtags=tuple(dict.fromkeys((*hashtags_of(text), *tags))),
        links=tuple(web_links([*linked, *links])), media=media)


def _author(author: dict[str, Any]) -> Author:
    return Author(ident(author, "did"), account_of_person(words(author, "displayName"), words(author, "handle")))


def _marked(record: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Mentions, tags and links as the facets mark them, by bytes of the text: app.bsky.richtext.facet."""
    mentions: list[str] = []
    tags = ["#" + clean_text(tag) for tag in record.get("tags") or () if isinstance(tag, str) and tag.strip()]
    links: list[str] = []
    said = str(record["text"]).encode("utf-8", "replace")
    for facet in parts(record, "facets"):
        start, end = part(facet, "index").get("byteStart"), part(facet, "index").get("byteEnd")
        shown = said[start:end].decode("utf-8", "ignore") if isinstance(start, int) and isinstance(end, int) else ""
        for feature in parts(facet, "features"):
            kind = words(feature, "$type").rpartition("#")[2]
            if kind == "mention" and shown.startswith("@"):
                mentions.append(clean_text(shown))
            elif kind == "tag" and words(feature, "tag"):
                tags.append("#" + words(feature, "tag"))
            elif kind == "link":
                links.append(words(feature, "uri"))
    return mentions, tags, links


def _embedded(embed: dict[str, Any], did: str) -> tuple[tuple[str, ...], list[str]]:
    """Pictures and films by their lasting address, and links: app.bsky.embed.*"""
    inner = part(embed, "media")
    media, links = _embedded(inner, did) if inner and inner is not embed and "media" not in inner else ((), [])
    pictures = [words(part(image, "image", "ref"), "$link") for image in parts(embed, "images")]
    media += tuple(f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}" for cid in pictures if cid.isalnum())
    if (film := words(part(embed, "video", "ref"), "$link")).isalnum():
        media += (f"https://video.bsky.app/watch/{did}/{film}/playlist.m3u8",)
    if uri := words(part(embed, "external"), "uri"):
        links.append(uri)
    quoted = part(embed, "record", "record") or part(embed, "record")
    if found := _URI.match(words(quoted, "uri")):
        links.append(f"https://bsky.app/profile/{found[1]}/post/{found[3]}")
    return media, links


def _facets_of_links(text: str) -> list[dict[str, Any]]:
    """So that addresses in an answer can be followed: https://docs.bsky.app/docs/advanced-guides/post-richtext"""
    return [{"index": {"byteStart": m.start(), "byteEnd": m.end()},
             "features": [{"$type": "app.bsky.richtext.facet#link", "uri": m[0].decode()}]} for m in _LINK.finditer(text.encode())]


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _token(said: dict[str, Any], key: str) -> str:
    found = said.get(key)
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or not found:
        raise ValueError(f"no {key}")
    return found


def _code(error: SourceError) -> str:
    """The name of an error in its body: https://atproto.com/specs/xrpc#error-responses"""
    try:
        return words(document(error.payload, ""), "error")
    except BadPayload:
        return ""


def _documented(error: SourceError) -> SourceError:
    return AuthError(str(error), error.payload) if isinstance(error, BadPayload) and _code(error) in _OFF else error
