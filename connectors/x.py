"""X: a recent search and mentions of an account. X API v2.

Search: https://docs.x.com/x-api/posts/search/introduction (the last seven days; newest first; `since_id`, `next_token`)
Mentions: https://docs.x.com/x-api/users/get-mentions . Answering: https://docs.x.com/x-api/posts/create-post
Limits: https://docs.x.com/x-api/fundamentals/rate-limits (429 with `x-rate-limit-reset`)
Edits: https://docs.x.com/x-api/fundamentals/edit-posts (every edit has an id of its own, `edit_history_tweet_ids` names all)

A post that is edited keeps the id of its first version here, so an edit is a revision. `since_id` is exclusive and ids rise with
time only roughly, so a poll asks by time, from an hour before the newest known on (posts can be edited for half an hour); X
bills a post once a day however often it is read. A deletion is told by an enterprise stream
only; with `recheck` recent posts are looked up by their ids, and one that is gone is named among the errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit, fingerprint
from connectors.errors import (
    CLOSED,
    GONE,
    NOT_ALLOWED,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
)
from connectors.fields import account_of_person, document, each, ident, iso, part, parts, words
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from connectors.posting import post_once
from connectors.recheck import due, remembered, removed
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post

WHERE = "X"
PAGES = 5
LOOKED_UP = 100
"""Posts of one lookup: https://docs.x.com/x-api/posts/lookup/introduction"""
_RATES = "https://docs.x.com/x-api/fundamentals/rate-limits"
_WINDOW = 15 * 60
_EDITABLE = 3600
"""Seconds: the half hour in which a post can be edited, and as much for the index."""
_REACH = 7 * 86400 - 3600
"""Seconds that the search reaches back, less some for a clock that goes wrong."""
_CLOSED = 10_000
"""Conversations kept in mind that not everybody may join."""
LONGEST = 280
"""Weighted characters of a post: https://docs.x.com/fundamentals/counting-characters"""
_LINK = 23
_ASKED = {
    "max_results": "100",
    "tweet.fields": "author_id,created_at,conversation_id,entities,in_reply_to_user_id,referenced_tweets,edit_history_tweet_ids,"
                    "note_tweet,attachments,reply_settings",
    "expansions": "author_id,in_reply_to_user_id", "user.fields": "username,name,protected",
}


class X:
    """One search, one account's mentions, or both."""

    name: ClassVar[str] = "x"
    poll_every: ClassVar[float] = 120.0
    max_requests_per_poll: ClassVar[int] = PAGES + 1
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("search", 300, _WINDOW, _RATES, cost=0, costs={"/search/recent": 1}),
        Limit("mentions", 300, _WINDOW, _RATES, cost=0, costs={"/mentions": 1}),
        Limit("posting", 100, _WINDOW, _RATES, cost=0, costs={"/2/tweets": 1}),
    )

    class Settings(ConnectorSettings):
        """Options of an x source."""

        token: SecretStr = Field(description="Bearer token of the app, for reading")
        query: str = Field(default="", max_length=512, description="What is searched for, in X's own language: (әкімдік OR акимат) Павлодар "
                                                                   "-is:retweet")
        user: str = Field(default="", pattern=r"^[0-9]{0,19}$", description="Number of the account whose mentions are read")
        user_token: SecretStr | None = Field(default=None, description="OAuth 2.0 token of the account with tweet.read, tweet.write and "
                                                                       "users.read, for answering; without it nothing is posted")
        recheck: bool = Field(default=False, description="Ask for recent posts again, so that deletions are seen; X bills each post "
                                                         "once more for every day on which it is asked for")
        base_url: HttpUrl = Field(default=HttpUrl("https://api.x.com"), description="Address of the X API")

        @model_validator(mode="after")
        def _something(self) -> X.Settings:
            if not self.query and not self.user:
                raise ValueError("give a query, a user, or both")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._clock = clock
        self._settings = settings
        self._base = str(settings.base_url).rstrip("/")
        self._closed: dict[str, None] = {}

    @property
    def account(self) -> str:
        """The token's fingerprint: limits are the app's."""
        return fingerprint(self._settings.token.get_secret_value())

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new in the search and among the mentions."""
        asked = fingerprint(self._settings.query, self._settings.user)
        known = cursor if cursor.get("of") == asked else {}
        places = known.get("lists", {}).get("lists", {})
        news = await read_new(self._lists(http, {name: place.get("last") for name, place in places.items()}), known.get("lists", {}), PAGES)
        recent: dict[str, int] = known.get("recent", {})
        gone = await self._gone(http, [one for one in due(recent, LOOKED_UP, self._clock(), self.poll_every) if recent[one] > 0],
                                {post.native_id for post in news.posts}) if self._settings.recheck else []
        recent = remembered(recent, news.posts, gone) if self._settings.recheck else {}
        deleted = [removed(self.name, one, recent[one], self._clock()) for one in gone if one in recent]
        return Batch(tuple(replace(post, source=self.source) for post in (*news.posts, *deleted)),
                     {"of": asked, "lists": news.state, **({"recent": recent} if recent else {})}, damaged=news.damaged, more=news.more, refused=news.refused)

    async def _gone(self, http: Http, asked: list[str], seen: set[str]) -> list[str]:
        """Which of the recent posts are no longer there: an error in the answer names each (type .../resource-not-found)."""
        names = [one for one in asked if one not in seen]
        if not names:
            return []
        try:
            answer = await http.get(f"{self._base}/2/tweets", headers=_bearer(self._settings.token), params={"ids": ",".join(names)})
        except SourceError as e:
            raise _timed(e) from None
        said = [one for one in parts(document(answer.body, WHERE), "errors") if words(one, "type").endswith("/resource-not-found")]
        return [one for one in names if any(one in (words(e, "resource_id"), words(e, "value")) for e in said)]

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of older posts; the search reaches back seven days."""
        batch = await read_back(self._lists(http), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Who may reply is a setting of each post: the last poll told it."""
        if self._settings.user_token is None:
            return NOT_ALLOWED
        return CLOSED if post.native_id in self._closed else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to the post as the account."""
        if self._settings.user_token is None:
            raise CannotAnswer(NOT_ALLOWED)
        if weight(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        try:
            done = await post_once(http, f"{self._base}/2/tweets", headers=_bearer(self._settings.user_token),
                                   json={"text": text, "reply": {"in_reply_to_tweet_id": post.native_id}})
        except AuthError as e:
            said = e.payload.lower()
            if b"reply to this conversation is not allowed" in said or b"not been mentioned" in said:
                raise CannotAnswer(CLOSED) from None
            if b"deleted or not visible" in said:
                raise CannotAnswer(GONE) from None
            raise
        except SourceError as e:
            raise _timed(e) from None
        try:
            return ident(part(document(done.body, WHERE), "data"), "id")
        except (BadPayload, ValueError):
            raise Transient("X: it took the answer, but does not say under which number", done.body, sent=True) from None

    async def probe(self, http: Http) -> list[str]:
        """Whether the search and the mentions can be read, and whose name answers carry."""
        lines = []
        for name, ask in self._lists(http).items():
            try:
                await ask(None)
                lines.append(f"reads {name}")
            except (AuthError, BadPayload) as e:
                lines.append(f"may not read {name} ({e})")
        if self._settings.user_token is None:
            return [*lines, "may not answer (no user_token)"]
        me = await http.get(f"{self._base}/2/users/me", headers=_bearer(self._settings.user_token))
        return [*lines, f"answers as @{one_line(words(part(document(me.body, WHERE), 'data'), 'username'))[:60]}"]

    def _lists(self, http: Http, since: Mapping[str, int | None] | None = None) -> dict[str, Ask]:
        lists: dict[str, Ask] = {}
        known = since or {}
        if self._settings.query:
            lists["search"] = lambda mark: self._page(http, "tweets/search/recent", "next_token", mark,
                                                      {"query": self._settings.query, **_since(known.get("search"), self._clock())})
        if self._settings.user:
            lists["mentions"] = lambda mark: self._page(http, f"users/{self._settings.user}/mentions", "pagination_token", mark,
                                                        _since(known.get("mentions"), self._clock()))
        return lists

    async def _page(self, http: Http, path: str, token: str, mark: str | None, asked: Mapping[str, str]) -> Page:
        try:
            answer = await http.get(f"{self._base}/2/{path}", headers=_bearer(self._settings.token),
                                    params={**_ASKED, **asked, **({token: mark} if mark else {})})
        except SourceError as e:
            raise _timed(e) from None
        page = read(answer.body)
        for one in parts(document(answer.body, WHERE), "data"):
            if one.get("reply_settings") not in (None, "everyone") and isinstance(one.get("id"), str):
                self._closed[_first(one)] = None
        while len(self._closed) > _CLOSED:
            del self._closed[next(iter(self._closed))]
        return page


def parse(body: bytes) -> list[Post]:
    """The posts of an answer, newest first."""
    return list(read(body).posts)


def read(body: bytes) -> Page:
    """A page of a search or of mentions. Raises BadPayload, and what an error with HTTP 200 stands for."""
    answer = document(body, WHERE)
    meta = part(answer, "meta")
    found = answer.get("data", [])
    if not isinstance(found, list) or not isinstance(meta.get("result_count"), int):
        if parts(answer, "errors"):
            raise BadPayload(f"X: {one_line(words(parts(answer, 'errors')[0], 'detail'))[:200]}", body)
        raise BadPayload("X: the answer is no page of posts", body)
    if meta["result_count"] and not found:
        raise BadPayload("X: the answer counts posts that it does not hold", body)
    people = {one["id"]: one for one in parts(part(answer, "includes"), "users") if isinstance(one.get("id"), str)}
    posts, damaged = each(found, lambda one: entry(one, people), WHERE)
    kept: dict[str, Post] = {}
    for post in posts:
        kept.setdefault(post.native_id, post)  # of two versions the newer stands first
    mark = meta.get("next_token")
    moments = [int(post.published_at.timestamp()) for post in posts]
    return Page(tuple(kept.values()), mark if isinstance(mark, str) and 0 < len(mark) < 1000 else None,
                (min(moments), max(moments)) if moments else None, tuple(damaged))


def entry(one: dict[str, Any], people: Mapping[str, dict[str, Any]]) -> Post:
    """A post. The long form (`note_tweet`) has the words that `text` cuts off."""
    long = part(one, "note_tweet")
    text = words(long, "text") or words(one, "text")
    entities = part(long, "entities") or part(one, "entities")
    writer = people.get(words(one, "author_id"), {})
    handle = words(writer, "username")
    refers = {words(ref, "type"): words(ref, "id") for ref in parts(one, "referenced_tweets")}
    spoken = words(people.get(words(one, "in_reply_to_user_id"), {}), "username")
    mentioned = tuple(dict.fromkeys(f"@{name}" for m in parts(entities, "mentions") if (name := words(m, "username"))))
    keys = part(one, "attachments").get("media_keys")
    name, first = ident(one, "id"), _first(one)
    at = iso(one, "created_at")
    return Post(network="x", source="", native_id=first, text=_unescaped(text), published_at=at,
                edited_at=at if name != first else None, url=f"https://x.com/{handle or 'i'}/status/{name}",
                author=Author(words(one, "author_id"), account_of_person(words(writer, "name"), handle)),
                in_reply_to=refers.get("replied_to") or None, in_reply_to_account=f"@{spoken}" if spoken else None,
                mentions=mentioned or mentions_of(text), hashtags=hashtags_of(text),
                links=tuple(web_links(words(u, "unwound_url") or words(u, "expanded_url") for u in parts(entities, "urls"))),
                media=tuple(f"media:{k}" for k in keys if isinstance(k, str)) if isinstance(keys, list) else (),
                repost_of=refers.get("retweeted") or None)


def weight(text: str) -> int:
    """Weighted characters: Latin and some punctuation 1, Cyrillic too (up to U+10FF), other scripts and emoji 2; a link 23."""
    words_ = [("x" * _LINK if word.startswith(("http://", "https://")) else word) for word in text.split(" ")]
    return sum(1 if ord(c) <= 0x10FF or 0x2000 <= ord(c) <= 0x200D or 0x2010 <= ord(c) <= 0x201F or 0x2032 <= ord(c) <= 0x2037 else 2
               for c in " ".join(words_))


def _since(last: int | None, now: float) -> dict[str, str]:
    """From when on posts are asked for; the search refuses what is older than seven days."""
    if last is None or last - _EDITABLE < now - _REACH:
        return {}
    return {"start_time": datetime.fromtimestamp(last - _EDITABLE, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _first(one: Mapping[str, Any]) -> str:
    """The id of the first version."""
    history = one.get("edit_history_tweet_ids")
    first = history[0] if isinstance(history, list) and history else None
    return first if isinstance(first, str) and first.isascii() and first.isdigit() else ident(one, "id")


def _unescaped(text: str) -> str:
    """X writes <, > and & as entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _bearer(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def _timed(error: SourceError, now: datetime | None = None) -> SourceError:
    """`error`; where X limits us, with the seconds until its window starts anew (`x-rate-limit-reset`, Unix time)."""
    reset = error.headers.get("x-rate-limit-reset", "")
    if not isinstance(error, RateLimited) or "retry-after" in error.headers or not reset.isascii() or not reset.isdigit() or len(reset) > 12:
        return error
    left = int(reset) - (now or datetime.now(UTC)).timestamp()
    return RateLimited(str(error), min(max(left, 1.0), 86400.0), error.payload)
