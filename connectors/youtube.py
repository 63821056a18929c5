"""YouTube: comments under an office's channels and videos, and videos that a search finds. YouTube Data API v3.

Pages below https://developers.google.com/youtube/v3/docs : commentThreads/list (newest first, up to five replies beside each),
comments/list (all replies to one), playlistItems/list (a channel's own videos, a hundred times cheaper than a search), videos/list,
channels/list, search/list, comments/insert and commentThreads/insert (answers), errors. The token for answers:
https://developers.google.com/identity/protocols/oauth2/web-server#offline
Quota: https://developers.google.com/youtube/v3/determine_quota_cost . Schema: the discovery document youtube:v3, revision 20261104.

The key goes into a header (https://cloud.google.com/docs/authentication/api-keys-use), for addresses get into logs. An edit keeps its
id and changes `updatedAt`; it does not bring a comment up, nor does a reply, and a deletion is told nowhere: recent threads are asked
again in turn, fifty for one unit.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit, fingerprint
from connectors.below import Thread, read_below
from connectors.errors import (
    CLOSED,
    GONE,
    NOT_ALLOWED,
    TOO_LONG,
    UNSAID,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
)
from connectors.fields import account_of_person, document, each, ident, iso, items, part, parts, words
from connectors.markup import hashtags_of, mentions_of, one_line
from connectors.posting import post_once
from connectors.recheck import due, remembered, removed, still_there
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post

WHERE = "YouTube"
LONGEST = 10_000
"""Characters of a comment."""
PAGES = 5
"""Further pages of lists in one poll."""
BELOW = 12
"""Requests of one poll for replies, and for comments under single videos."""
CHECKED, CHECKS = 50, 6
"""Recent threads asked again in one poll, and requests for it: more than one where some of them are gone."""
WATCH_DAYS, WATCHED = 14, 50
"""How much older than the newest a video that the search found may be whose comments are read, and how many are at most."""
KNOWN_DAYS = 30
"""For how long a thread is asked again."""
ANSWERS = 1000
"""Units of a day that reading leaves for answers: twenty."""
_QUOTA = "https://developers.google.com/youtube/v3/determine_quota_cost"
_PACIFIC = "America/Los_Angeles"
_POSTED = {"POST /youtube/v3/comments": 50.0, "POST /youtube/v3/commentThreads": 50.0, "POST /token": 0.0}
_SPENT = {"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"}
_HURRIED = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_REFUSED = {"keyInvalid", "keyExpired", "API_KEY_INVALID", "accessNotConfigured", "authError", "forbidden", "SERVICE_DISABLED"}
_CLOSED = {"commentsDisabled"}
_MISSING = {"videoNotFound", "channelNotFound", "playlistNotFound", "commentThreadNotFound", "commentNotFound", "parentCommentNotFound"}
_CANNOT = {"commentsDisabled": CLOSED, "commentTextTooLong": TOO_LONG, "operationNotSupported": CLOSED, "parentCommentIsPrivate": CLOSED,
           "ineligibleAccount": NOT_ALLOWED, "channelNotFound": GONE, "videoNotFound": GONE, "parentCommentNotFound": GONE,
           "commentNotFound": GONE}
_CHANNEL = re.compile(r"UC[\w-]{22}|@[\w.·-]{3,30}")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")


class Closed(BadPayload):
    """Comments are switched off there: nothing to read, and no fault of the key."""


class Missing(BadPayload):
    """What was asked for by its id is not, or no longer, there."""


@dataclass(slots=True)
class _Seen:
    """What one poll learned of threads."""

    signs: dict[str, str] = field(default_factory=dict)
    """Threads with more replies than came beside them, by their name in `read_below`: what changes when a reply does."""
    whole: dict[str, set[str]] = field(default_factory=dict)
    """Threads all of whose replies came, and which those are."""


class YouTube:
    """Channels, single videos and a search, with one key."""

    name: ClassVar[str] = "youtube"
    poll_every: ClassVar[float] = 180.0
    max_requests_per_poll: ClassVar[int] = 2 * 5 + PAGES + 5 + 3 + BELOW + CHECKS + 1
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("units", 10_000, 86_400, _QUOTA, costs={"/search": 100.0, **_POSTED}, whole_network=True, resets=_PACIFIC),
        Limit("searches", 100, 86_400, _QUOTA, cost=0, costs={"/search": 1.0}, whole_network=True, resets=_PACIFIC),
        Limit("reading", 10_000 - ANSWERS, 86_400, "", costs={"/search": 100.0, **dict.fromkeys(_POSTED, 0.0)}, whole_network=True,
              resets=_PACIFIC),
    )
    """Of the project, whichever of its keys asks. A search was 100 of the 10,000 units and is now one of 100 searches: both hold."""

    class Settings(ConnectorSettings):
        """Options of a youtube source."""

        key: SecretStr = Field(description="API key of a Google Cloud project with the YouTube Data API v3 switched on")
        channels: tuple[str, ...] = Field(default=(), max_length=5, description="Own channels whose videos' comments are read: @handle or the "
                                                                                "number that begins with UC")
        videos: tuple[str, ...] = Field(default=(), max_length=20, description="Single videos whose comments are read, whoever's they are")
        search: tuple[str, ...] = Field(default=(), max_length=5, description="Words that videos are searched for; any of them, in one search")
        search_minutes: int = Field(default=60, ge=30, le=1440, description="Minutes between two searches; each takes 100 of the day's "
                                                                            "10,000 units")
        client_id: str = Field(default="", max_length=200, description="OAuth client of the project, for answering")
        client_secret: SecretStr | None = Field(default=None, description="Secret of the OAuth client, for answering")
        refresh_token: SecretStr | None = Field(default=None, description="Refresh token of the channel with the scope youtube.force-ssl, for "
                                                                          "answering; without it nothing is posted")
        base_url: HttpUrl = Field(default=HttpUrl("https://youtube.googleapis.com"), description="Address of the API")
        token_url: HttpUrl = Field(default=HttpUrl("https://oauth2.googleapis.com/token"), description="Address that gives access tokens")

        @field_validator("channels")
        @classmethod
        def _channels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            names = tuple(name.strip().rstrip("/").rpartition("/")[2] for name in value)
            for name in names:
                if not _CHANNEL.fullmatch(name):
                    raise ValueError(f"{name!r} is no channel; write its @handle, as in youtube.com/@NAME, or the number that begins with UC")
            return names

        @field_validator("videos")
        @classmethod
        def _videos(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            names = tuple(re.sub(r".*[=/]", "", name.strip()) for name in value)
            for name in names:
                if not _VIDEO.fullmatch(name):
                    raise ValueError(f"{name!r} is no video; write the eleven letters after watch?v=")
            return names

        @model_validator(mode="after")
        def _something(self) -> YouTube.Settings:
            if not self.channels and not self.videos and not self.search:
                raise ValueError("nothing to read: give channels, videos or search")
            if len({bool(self.client_id), self.client_secret is not None, self.refresh_token is not None}) > 1:
                raise ValueError("for answering give all three: client_id, client_secret and refresh_token")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        self._base = f"{str(settings.base_url).rstrip('/')}/youtube/v3"
        self._closed: set[str] = set()
        self._channels: dict[str, list[str]] = {}
        self._access = ("", 0.0)

    @property
    def account(self) -> str:
        """The key's fingerprint."""
        return fingerprint(self._settings.key.get_secret_value())

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """New comments of the channels, replies and comments below what is watched, then what is due to be asked again."""
        damaged: list[Damaged] = []
        channels = await self._resolved(http, cursor.get("channels", {}), damaged)
        seen = _Seen()
        lists = self._lists(http, seen)
        news = await read_new(lists, cursor.get("lists", {}), len(lists) + PAGES)
        posts = {post.native_id: post for post in news.posts}
        recent: Mapping[str, int] = cursor.get("recent", {})
        threads = [name for name, at in recent.items() if at > 0 and "." not in name and name not in posts and not _VIDEO.fullmatch(name)]
        again, gone = await self._again(http, due(dict.fromkeys(threads, 0), CHECKED, self._clock(), self.poll_every), seen, damaged)
        posts |= {post.native_id: post for post in again}
        found, search = await self._search(http, cursor, damaged)
        try:
            videos, counts, lost = await self._videos(http, [*self._settings.videos, *found])
        except BadPayload as e:
            if not self._settings.channels:
                raise
            damaged.append(Damaged(f"single videos wait, the channels are read on: {e}", e.payload))
            videos, counts, lost = [], {}, set()
        gone |= lost
        below = await read_below([*(Thread(f"v/{name}", counts[name]) for name in counts), *self._threads_of(cursor, seen, recent)],
                                 cursor.get("below", {}), partial(self._below, http, seen), BELOW, newest_first=True)
        posts |= {post.native_id: post for post in (*videos, *below.posts)}
        gone |= {name for name in recent if "." in name and (
            (thread := name.partition(".")[0]) in gone or (thread in seen.whole and name not in seen.whole[thread]))}
        gone = {name for name in gone if recent.get(name, -1) > 0 and name not in posts}
        recent = remembered(recent, posts.values(), gone, days=KNOWN_DAYS)
        deleted = (removed(self.name, one, recent[one], self._clock()) for one in sorted(gone) if one in recent)
        return Batch(tuple(replace(post, source=self.source) for post in (*still_there(recent, posts.values()), *deleted)),
                     {"channels": channels, "lists": news.state, "recent": recent, "below": below.state, **search},
                     damaged=(*damaged, *news.damaged, *below.damaged), more=news.more or below.more,
                     refused=(*news.refused, *below.refused))

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of the channels' older comments or videos."""
        await self._resolved(http, {}, [])
        batch = await read_back(self._lists(http, _Seen()), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Whether there is a token, and whether the video's comments were switched off when it was last read."""
        if self._settings.refresh_token is None:
            return NOT_ALLOWED
        return CLOSED if {post.native_id, post.in_reply_to} & self._closed else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply in the comment's thread (YouTube knows one level), or comment under the video."""
        if self._settings.refresh_token is None:
            raise CannotAnswer(NOT_ALLOWED)
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        bearer = {"Authorization": f"Bearer {await self._token(http)}"}
        said: dict[str, Any] = {"parentId": post.native_id.partition(".")[0], "textOriginal": text}
        path = "comments"
        if _VIDEO.fullmatch(post.native_id) and not post.in_reply_to:
            film, _ = await self._get(http, "videos", {"part": "snippet", "id": post.native_id})
            owner = next((words(part(one, "snippet"), "channelId") for one in parts(film, "items")), "")
            if not owner:
                raise CannotAnswer(GONE)
            path = "commentThreads"
            said = {"channelId": owner, "videoId": post.native_id, "topLevelComment": {"snippet": {"textOriginal": text}}}
        try:
            done = await post_once(http, f"{self._base}/{path}?part=snippet", json={"snippet": said}, headers=bearer)
        except SourceError as e:
            if isinstance(e, Transient):
                raise
            if (reason := next((_CANNOT[one] for one in _reasons(e.payload) if one in _CANNOT), None)) is not None:
                raise CannotAnswer(reason) from None
            raise self._explained(e) from None
        try:
            return ident(document(done.body, WHERE), "id")
        except (BadPayload, ValueError):
            raise Transient("YouTube: it took the answer, but does not say under which number", done.body, sent=True) from None

    async def probe(self, http: Http) -> list[str]:
        """Which channels the key can read, and whose name answers carry. A search is not made for it: it takes 100 units."""
        lost: list[Damaged] = []
        lines = [*(f"reads comments of {found[1]}" for found in (await self._resolved(http, {}, lost)).values()),
                 *(f"may not read a channel ({one.reason})" for one in lost)]
        if self._settings.videos:
            _, counts, _lost = await self._videos(http, self._settings.videos)
            lines += [f"reads comments of video {one}" if counts.get(one) else f"may not read comments of video {one} (closed, or not there)"
                      for one in self._settings.videos]
        if not self._settings.channels and not self._settings.videos:
            await self._get(http, "i18nLanguages", {"part": "id"})
        if self._settings.search:
            lines.append(f"searches every {self._settings.search_minutes} minutes (each takes 100 of the day's 10,000 units)")
        if self._settings.refresh_token is None:
            return [*lines, "may not answer (no refresh_token)"]
        mine, _ = await self._get(http, "channels", {"part": "snippet", "mine": "true"}, await self._token(http))
        name = next((words(part(one, "snippet"), "customUrl") or words(one, "id") for one in parts(mine, "items")), "")
        return [*lines, f"answers as {one_line(name)[:60]}" if name else "may not answer (the token's account has no channel)"]

    async def _get(self, http: Http, path: str, asked: Mapping[str, str], token: str = "") -> tuple[dict[str, Any], bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {"X-Goog-Api-Key": self._settings.key.get_secret_value()}
        try:
            answer = await http.get(f"{self._base}/{path}", params=asked, headers=headers)
        except SourceError as e:
            raise self._explained(e) from None
        found = document(answer.body, WHERE)
        if "error" in found:
            raise self._explained(BadPayload("YouTube: an error in the answer", answer.body))
        return found, answer.body

    def _explained(self, error: SourceError) -> SourceError:
        """`error` as the reasons in its body say; itself where there are none."""
        reasons = _reasons(error.payload)
        if not reasons:
            return error
        said = f"YouTube: {', '.join(sorted(reasons))}: {_message(error.payload)}"
        if reasons & _SPENT:
            now = self._clock()
            day = self.limits[0].day(now)
            return RateLimited(f"{said} (the day's quota; anew at midnight Pacific time)", day[1] - now if day else 86400.0, error.payload)
        if reasons & _HURRIED or isinstance(error, RateLimited):
            return RateLimited(said, error.retry_after if isinstance(error, RateLimited) else UNSAID, error.payload)
        if reasons & _CLOSED:
            return Closed(said, error.payload)
        if reasons & _MISSING:
            return Missing(said, error.payload)
        if reasons & _REFUSED:
            return AuthError(f"{said}; check the key, its restrictions, and that the YouTube Data API v3 is switched on", error.payload)
        return type(error)(said, error.payload)

    async def _token(self, http: Http) -> str:
        """An access token; it lives for an hour."""
        token, until = self._access
        if token and self._clock() < until - 60:
            return token
        secret, refresh = self._settings.client_secret, self._settings.refresh_token
        try:
            answer = await http.post(str(self._settings.token_url), data={
                "grant_type": "refresh_token", "client_id": self._settings.client_id,
                "client_secret": secret.get_secret_value() if secret else "", "refresh_token": refresh.get_secret_value() if refresh else ""})
        except SourceError as e:
            if isinstance(e, RateLimited | Transient):
                raise
            raise AuthError("YouTube: the refresh token is refused (revoked, or of a client in testing, whose tokens live seven days); "
                            "authorise the channel anew", e.payload) from None
        told = document(answer.body, WHERE)
        token, lives = words(told, "access_token"), told.get("expires_in")
        if not token:
            raise BadPayload("YouTube: no access token in the answer")
        self._access = token, self._clock() + (lives if isinstance(lives, int) and not isinstance(lives, bool) else 3000)
        return token

    async def _resolved(self, http: Http, known: Mapping[str, list[str]], damaged: list[Damaged]) -> dict[str, list[str]]:
        """[number, @handle, list of uploads] of each channel in the settings; what cannot be found is handed over."""
        self._channels |= {name: list(found) for name, found in known.items() if name in self._settings.channels}
        for name in self._settings.channels:
            if name in self._channels:
                continue
            found, body = await self._get(http, "channels", {"part": "snippet,contentDetails", "forHandle" if name[0] == "@" else "id": name})
            one = next(iter(parts(found, "items")), {})
            number, uploads = words(one, "id"), words(part(one, "contentDetails", "relatedPlaylists"), "uploads")
            if not number or not uploads:
                damaged.append(Damaged(f"YouTube: there is no channel {name}", body))
                continue
            handle = words(part(one, "snippet"), "customUrl") or name
            self._channels[name] = [number, handle if handle.startswith("@") else f"@{handle}", uploads]
        if self._settings.channels and not self._channels:
            raise BadPayload(damaged[0].reason, damaged[0].payload)
        return dict(self._channels)

    @property
    def _handles(self) -> dict[str, str]:
        """The channels' @handles by their numbers."""
        return {number: handle for number, handle, _ in self._channels.values()}

    def _lists(self, http: Http, seen: _Seen) -> dict[str, Ask]:
        lists: dict[str, Ask] = {}
        for number, handle, uploads in self._channels.values():
            lists[f"comments:{number}"] = partial(self._threads, http, seen, {"allThreadsRelatedToChannelId": number})
            lists[f"videos:{number}"] = partial(self._uploads, http, uploads, handle)
        return lists

    async def _threads(self, http: Http, seen: _Seen, of: Mapping[str, str], mark: str | None) -> Page:
        """A page of threads, each with its first replies. What is closed or gone has none."""
        asked = {"part": "snippet,replies", "textFormat": "plainText", **of}
        if "id" not in of:
            asked |= {"maxResults": "100", "order": "time"}
        try:
            found, body = await self._get(http, "commentThreads", {**asked, **({"pageToken": mark} if mark else {})})
        except Closed:
            if "id" in of:
                raise
            self._closed |= {of["videoId"]} if "videoId" in of else set()
            return Page((), None, None)
        except Missing:
            if "id" in of:
                raise
            return Page((), None, None)
        except BadPayload as e:
            if not mark or "invalidPageToken" not in _reasons(e.payload):
                raise
            page = await self._threads(http, seen, of, None)  # a way back too old to go on: it begins anew
            if page.older == mark:
                raise
            return page
        self._closed -= {of.get("videoId", "")}
        page = read(found, body, self._handles, seen)
        return replace(page, older=_mark(found))

    async def _uploads(self, http: Http, playlist: str, handle: str, mark: str | None) -> Page:
        """A page of a channel's videos."""
        try:
            found, body = await self._get(http, "playlistItems", {"part": "snippet,contentDetails", "playlistId": playlist, "maxResults": "50",
                                                                  **({"pageToken": mark} if mark else {})})
        except Missing:
            return Page((), None, None)  # a channel that has never published
        posts, damaged = each(items(found, "items", WHERE, body), lambda one: upload(one, handle), WHERE)
        moments = [int(post.published_at.timestamp()) for post in posts]
        return Page(tuple(posts), _mark(found), (min(moments), max(moments)) if moments else None, tuple(damaged))

    async def _again(self, http: Http, names: Sequence[str], seen: _Seen, damaged: list[Damaged]) -> tuple[list[Post], set[str]]:
        """These threads as they are now, and which are gone. Where not one of several comes back they are asked apart before it is
        believed: one answer must not delete fifty."""
        posts: list[Post] = []
        gone: set[str] = set()
        waiting = [list(names)] if names else []
        for _ in range(CHECKS):
            if not waiting:
                break
            some = waiting.pop(0)
            try:
                page = await self._threads(http, seen, {"id": ",".join(some)}, None)
            except Missing:
                page = Page((), None, None)
            except BadPayload as e:  # they are asked again when their turn comes; what is new is not held up
                damaged.append(Damaged(str(e), e.payload))
                continue
            posts += page.posts
            damaged += page.damaged
            lost = set(some) - {post.native_id for post in page.posts}
            if len(some) == 1 or page.posts:
                gone |= lost
            elif lost:
                waiting += [some[:len(some) // 2], some[len(some) // 2:]]
        return posts, gone

    async def _search(self, http: Http, known: Cursor, damaged: list[Damaged]) -> tuple[dict[str, int], dict[str, Any]]:
        """Videos that the search found and that are still watched (number: Unix time), and what the cursor keeps of it."""
        found: dict[str, int] = dict(known.get("found", {}))
        if not self._settings.search:
            return {}, {}
        now = int(self._clock())
        wanted = "|".join(self._settings.search)
        state, at = (known.get("search", {}), known.get("searched", 0)) if known.get("words") == wanted else ({}, 0)
        if now - at >= self._settings.search_minutes * 60 or at > now + 86_400:
            try:
                state = (await read_new({"search": partial(self._found, http, found)}, state, 1)).state
                at = now
            except (RateLimited, BadPayload) as e:
                if not self._settings.channels and not self._settings.videos:
                    raise
                damaged.append(Damaged(f"the search waits, comments are read on: {e}", e.payload))
                at = now if isinstance(e, BadPayload) else now + int(min(e.retry_after, 86_400.0)) - self._settings.search_minutes * 60
        newest = sorted(found, key=lambda name: (-found[name], name))[:WATCHED]
        found = {name: found[name] for name in newest if found[name] > found[newest[0]] - WATCH_DAYS * 86_400}
        return found, {"words": wanted, "search": state, "searched": at, "found": found}

    async def _found(self, http: Http, found: dict[str, int], mark: str | None) -> Page:
        """A page of the search, newest first. Its words are cut short: the videos are read from their own list."""
        answer, body = await self._get(http, "search", {
            "part": "snippet", "type": "video", "order": "date", "maxResults": "50", "q": "|".join(self._settings.search),
            **({"pageToken": mark} if mark else {})})
        moments: list[int] = []
        for one in items(answer, "items", WHERE, body):
            try:
                at = int(iso(part(one, "snippet"), "publishedAt").timestamp())
                found[ident(part(one, "id"), "videoId")] = at
                moments.append(at)
            except ValueError:
                continue
        return Page((), _mark(answer), (min(moments), max(moments)) if moments else None)

    async def _videos(self, http: Http, names: Sequence[str]) -> tuple[list[Post], dict[str, str], set[str]]:
        """Single videos, how many comments each has ("" where there are none, or they are closed), and those that are gone."""
        posts: list[Post] = []
        counts: dict[str, str] = {}
        lost: set[str] = set()
        wanted = list(dict.fromkeys(names))
        for at in range(0, len(wanted), 50):
            some = wanted[at:at + 50]
            found, body = await self._get(http, "videos", {"part": "snippet,statistics", "id": ",".join(some)})
            listed = items(found, "items", WHERE, body)
            posts += each(listed, lambda one: video(one, self._handles), WHERE)[0]
            told = {words(one, "id"): words(part(one, "statistics"), "commentCount") for one in parts(found, "items")}
            self._closed |= {name for name, count in told.items() if not count}
            counts |= {name: count if count != "0" else "" for name, count in told.items() if name in some}
            if told and _mark(found) is None:
                lost |= set(some) - told.keys()
        return posts, counts, lost

    def _threads_of(self, known: Cursor, seen: _Seen, recent: Mapping[str, int]) -> list[Thread]:
        """Threads with more replies than come beside them: those shown now, and those known before."""
        before = {name: sign for name, (sign, _) in known.get("below", {}).get("seen", {}).items()
                  if name.startswith("t/") and recent.get(name.rpartition("/")[2], 0) > 0}
        return [Thread(name, sign) for name, sign in {**before, **seen.signs}.items()]

    async def _below(self, http: Http, seen: _Seen, name: str, mark: str | None) -> tuple[Page, Sequence[str]]:
        """Comments of a single video ("v/VIDEO"), or all replies of a thread ("t/VIDEO/THREAD")."""
        kind, film, *thread = name.split("/")
        if kind == "v":
            fresh = _Seen()
            page = await self._threads(http, fresh, {"videoId": film}, mark)
            seen.whole |= fresh.whole
            return page, list(fresh.signs)
        try:
            found, body = await self._get(http, "comments", {"part": "snippet", "parentId": thread[0], "textFormat": "plainText",
                                                             "maxResults": "100", **({"pageToken": mark} if mark else {})})
        except (Closed, Missing):
            return Page((), None, None), ()
        posts, damaged = each(items(found, "items", WHERE, body), lambda one: comment(one, film, self._handles), WHERE)
        older = _mark(found)
        if mark is None and older is None:
            seen.whole[thread[0]] = {post.native_id for post in posts}
        return Page(tuple(posts), older, None, tuple(damaged)), ()  # not said to be sorted: read to the end


def parse(body: bytes) -> list[Post]:
    """The comments of an answer of commentThreads.list."""
    return list(read(document(body, WHERE), body, {}, _Seen()).posts)


def read(found: dict[str, Any], body: bytes, handles: Mapping[str, str], seen: _Seen) -> Page:
    """A page of threads with the replies that came beside them. `handles`: own channels by number."""
    listed = items(found, "items", WHERE, body)
    posts, damaged = each(listed, lambda one: comment(part(one, "snippet", "topLevelComment"), words(part(one, "snippet"), "videoId"),
                                                      handles), WHERE)
    moments = [int(post.published_at.timestamp()) for post in posts]
    for one in parts(found, "items"):
        film, thread = words(part(one, "snippet"), "videoId"), words(one, "id")
        beside = parts(part(one, "replies"), "comments")
        if beside:
            replies, lost = each(beside, lambda r, film=film: comment(r, film, handles), WHERE)  # type: ignore[misc]
            posts += replies
            damaged += lost
        total = part(one, "snippet").get("totalReplyCount")
        if not isinstance(total, int) or isinstance(total, bool) or "/" in thread or not thread:
            continue
        if total > len(beside):
            newest = max((words(part(r, "snippet"), "updatedAt") for r in beside), default="")
            seen.signs[f"t/{film}/{thread}"] = f"{total}:{newest}"
        else:
            seen.whole[thread] = {words(r, "id") for r in beside}
    kept = {post.native_id: post for post in posts}
    return Page(tuple(kept.values()), None, (min(moments), max(moments)) if moments else None, tuple(damaged))


def comment(one: dict[str, Any], film: str, handles: Mapping[str, str]) -> Post | None:
    """A comment, or a reply to one, which does not always name its video."""
    said, number = part(one, "snippet"), ident(one, "id")
    text = words(said, "textOriginal") or words(said, "textDisplay")
    image = words(said, "imageUrl")  # signed for six hours: only that there is one is kept
    if not text and not image:
        return None
    film, channel = words(said, "videoId") or film, words(said, "channelId")
    at = iso(said, "publishedAt")
    changed = iso(said, "updatedAt") if said.get("updatedAt") else at
    return Post(network="youtube", source="", native_id=number, text=text, published_at=at, edited_at=changed if changed > at else None,
                url=f"https://www.youtube.com/watch?v={film}&lc={number}" if film else f"https://www.youtube.com/channel/{channel}/community",
                author=_author(words(part(said, "authorChannelId"), "value"), words(said, "authorDisplayName")),
                in_reply_to=words(said, "parentId") or film or None, in_reply_to_account=handles.get(channel),
                mentions=mentions_of(text), hashtags=hashtags_of(text), media=(f"image:{number}",) if image else ())


def upload(one: dict[str, Any], handle: str) -> Post | None:
    """A video of the channel's list; one that is private or deleted has no time of publication."""
    told = part(one, "contentDetails")
    if "videoPublishedAt" not in told:
        return None
    said = part(one, "snippet")
    return _film(ident(told, "videoId"), said, iso(told, "videoPublishedAt"),
                 Author(words(said, "videoOwnerChannelId") or words(said, "channelId"), handle))


def video(one: dict[str, Any], handles: Mapping[str, str]) -> Post:
    """A single video."""
    said = part(one, "snippet")
    channel = words(said, "channelId")
    return _film(ident(one, "id"), said, iso(said, "publishedAt"),
                 _author(channel, handles.get(channel) or words(said, "channelTitle")))


def _film(number: str, said: dict[str, Any], at: datetime, author: Author) -> Post:
    text = "\n\n".join(filter(None, (words(said, "title"), words(said, "description"))))
    return Post(network="youtube", source="", native_id=number, text=text, published_at=at, url=f"https://www.youtube.com/watch?v={number}",
                author=author, mentions=mentions_of(text), hashtags=hashtags_of(text), media=(f"video:{number}",))


def _author(number: str, shown: str) -> Author:
    """YouTube shows people by their @handle; older answers by any name."""
    return Author(number, account_of_person("", shown[1:]) if re.fullmatch(r"@\S+", shown) else account_of_person(shown, ""))


def _mark(found: Mapping[str, Any]) -> str | None:
    mark = found.get("nextPageToken")
    return mark if isinstance(mark, str) and 0 < len(mark) <= 4000 else None


def _error(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return part(found, "error")


def _reasons(payload: bytes) -> set[str]:
    """What an error body gives as reasons; its words are for people."""
    told = _error(payload)
    return {reason for one in (*parts(told, "errors"), *parts(told, "details")) if re.fullmatch(r"\w{1,60}", reason := words(one, "reason"))}


def _message(payload: bytes) -> str:
    """The words of an error, without the markup that some have."""
    return one_line(re.sub(r"<[^>]*>", "", words(_error(payload), "message")))[:200] or "no message"
