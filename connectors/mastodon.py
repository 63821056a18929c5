"""Mastodon: mentions of our account, hashtags, chosen accounts, an instance's own timeline. https://docs.joinmastodon.org/methods/

Pages follow each other by the `Link` header (https://docs.joinmastodon.org/api/guidelines/#pagination). Ids are an instance's own, so
a native id names the instance. Recent posts are asked again (`GET /api/v1/statuses?id[]=`, 4.3) for edits and deletions.
Streaming is a doorbell only: https://docs.joinmastodon.org/methods/streaming/
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import aiohttp
from pydantic import Field, HttpUrl, SecretStr, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit, Response, fingerprint
from connectors.errors import GONE, NOT_ALLOWED, TOO_LONG, BadPayload, CannotAnswer, Transient
from connectors.fields import account_of_person, document, each, ident, iso, part, parts, words
from connectors.markup import hashtags_of, links_of_html, text_of_html, web_links
from connectors.recheck import due, remembered, removed, still_there
from connectors.timeline import Ask, Page, read_back, read_new
from monitor.core.post import Author, Post, clean_text

PAGES = 8
ASKED_AGAIN = 20
"""Statuses asked for at once. https://docs.joinmastodon.org/methods/statuses/#index"""
_TOO_LONG = re.compile(r"(?i)character limit|too long|maximum")


class Mastodon:
    """One account on one instance, or what the instance shows to everybody."""

    name: ClassVar[str] = "mastodon"
    poll_every: ClassVar[float] = 60.0
    once_within: ClassVar[float] = 3000.0
    """An Idempotency-Key is kept for an hour. https://docs.joinmastodon.org/methods/statuses/#create"""
    max_requests_per_poll: ClassVar[int] = 2 * PAGES + 1
    """Pages, the ids of accounts looked up before the first of theirs, and posts asked again."""
    limits: ClassVar[tuple[Limit, ...]] = (Limit("account", 300, 300, "https://docs.joinmastodon.org/api/rate-limits/"),)

    class Settings(ConnectorSettings):
        """Options of a mastodon source."""

        instance: HttpUrl = Field(description="Address of the instance, as in https://mastodon.social")
        token: SecretStr | None = Field(default=None, description="Access token of our account's application (read:notifications, "
                                                                  "read:statuses, write:statuses)")
        hashtags: tuple[str, ...] = Field(default=(), max_length=20, description="Hashtags to read, without #")
        accounts: tuple[str, ...] = Field(default=(), max_length=50, description="Accounts whose posts are read, as in name or name@host")
        local: bool = Field(default=False, description="Read the instance's own public timeline")
        stream: bool = Field(default=True, description="Let the instance ring when somebody mentions us")

        @model_validator(mode="after")
        def _something(self) -> Mastodon.Settings:
            if self.token is None and not self.hashtags and not self.accounts and not self.local:
                raise ValueError("nothing to read: give a token, hashtags, accounts, or local: true")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        self._base = str(settings.instance).rstrip("/")
        self._host = urlsplit(self._base).hostname or ""
        self._ids: dict[str, str] = {}
        token = settings.token.get_secret_value() if settings.token else ""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.account = fingerprint(self._base, token) if token else self._host

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new in all lists, and of the recent posts those that were edited or deleted."""
        known = cursor if cursor.get("account") == self.account else {}
        news = await read_new(self._lists(http), known, PAGES)
        recent: Mapping[str, int] = known.get("recent", {})
        posts = still_there(recent, news.posts)
        edited, gone = await self._asked_again(http, recent, {post.native_id for post in posts})
        recent = remembered(recent, (*posts, *edited), gone)
        deleted = tuple(removed(self.name, one, recent[one], self._clock()) for one in gone if one in recent)
        moved = {"account": self.account, **news.state, "recent": recent}
        found = tuple(replace(post, source=self.source) for post in (*posts, *edited, *deleted))
        return Batch(found, moved, damaged=news.damaged, more=news.more, refused=news.refused)

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page into the past."""
        batch = await read_back(self._lists(http), cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply with the visibility of what is answered. https://docs.joinmastodon.org/methods/statuses/#create"""
        number = post.native_id.rpartition("/")[2]
        try:
            said = document((await http.get(f"{self._base}/api/v1/statuses/{number}", headers=self._headers)).body, "Mastodon")
        except BadPayload:
            raise CannotAnswer(GONE) from None
        acct = words(part(said, "account"), "acct")
        key = blake2b(f"{post.native_id}\x00{text}".encode(), digest_size=16).hexdigest()  # the same again is not posted twice
        whole = {"status": f"@{acct} {text}", "in_reply_to_id": number, "visibility": words(said, "visibility") or "public"}
        try:
            made = await http.post(f"{self._base}/api/v1/statuses", json=whole, headers={**self._headers, "Idempotency-Key": key})
        except Transient as e:
            raise Transient(str(e), e.payload, sent=True) from None
        except BadPayload as e:
            if _TOO_LONG.search(e.payload.decode("utf-8", "replace")):
                raise CannotAnswer(TOO_LONG) from None
            raise
        return f"{self._host}/{ident(document(made.body, 'Mastodon'), 'id')}"

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Only with an account, and on its own instance."""
        return None if self._headers and post.native_id.startswith(f"{self._host}/") else NOT_ALLOWED

    async def probe(self, http: Http) -> list[str]:
        """Whose token it is. https://docs.joinmastodon.org/methods/accounts/#verify_credentials"""
        if not self._headers:
            return [f"reads what {self._host} shows to everybody"]
        answer = await http.get(f"{self._base}/api/v1/accounts/verify_credentials", headers=self._headers)
        said = document(answer.body, "Mastodon")
        return [f"signed in as @{words(said, 'acct')}: reads mentions, may answer if the token has write:statuses"]

    async def doorbell(self) -> None:
        """Returns when the stream of our notifications carries one."""
        if not self._headers or not self._settings.stream:
            raise LookupError("no stream")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)  # a heartbeat comes every 15 s
        async with (aiohttp.ClientSession(timeout=timeout) as session,
                    session.get(f"{self._base}/api/v1/streaming/user/notification", headers=self._headers) as stream):
            stream.raise_for_status()
            async for line in stream.content:
                if line.startswith(b"event:"):
                    return
        raise ConnectionError("the stream ended")

    def _lists(self, http: Http) -> dict[str, Ask]:
        ask = partial(self._page, http)
        lists: dict[str, Ask] = {}
        if self._headers:
            lists["mentions"] = partial(ask, "/api/v1/notifications?types[]=mention", "80")
        for tag in self._settings.hashtags:
            lists[f"tag:{tag}"] = partial(ask, f"/api/v1/timelines/tag/{quote(tag.lstrip('#'))}", "40")
        for name in self._settings.accounts:
            lists[f"account:{name}"] = partial(self._of_account, http, name)
        if self._settings.local:
            lists["local"] = partial(ask, "/api/v1/timelines/public?local=true", "40")
        return lists

    async def _of_account(self, http: Http, name: str, before: str | None) -> Page:
        if name not in self._ids:
            answer = await http.get(f"{self._base}/api/v1/accounts/lookup", params={"acct": name.lstrip("@")}, headers=self._headers)
            try:
                self._ids[name] = ident(document(answer.body, "Mastodon"), "id")
            except ValueError as e:
                raise BadPayload(f"Mastodon: no account {name!r}: {e}", answer.body) from None
        return await self._page(http, f"/api/v1/accounts/{quote(self._ids[name], safe='')}/statuses", "40", before)

    async def _page(self, http: Http, path: str, limit: str, before: str | None) -> Page:
        asked = {"limit": limit, **({"max_id": before} if before else {})}
        answer = await http.get(self._base + path, params=asked, headers=self._headers)
        found = _list(answer)
        posts, damaged = each(found, partial(_one, self._host), "Mastodon")
        times = [int(at.timestamp()) for one in found if (at := _when(one)) is not None]
        return Page(tuple(posts), _older(answer), (min(times), max(times)) if times else None, tuple(damaged))

    async def _asked_again(self, http: Http, recent: Mapping[str, int], seen: set[str]) -> tuple[list[Post], list[str]]:
        """Of the recent posts: those that were edited, and those that are gone. An instance before 4.3 doesn't know the question."""
        asked = [one for one in due(recent, ASKED_AGAIN, self._clock(), self.poll_every) if one not in seen and recent[one] > 0]
        if not asked:
            return [], []
        numbers = urlencode([("id[]", one.rpartition("/")[2]) for one in asked])
        try:
            answer = await http.get(f"{self._base}/api/v1/statuses?{numbers}", headers=self._headers)
        except BadPayload:
            return [], []
        posts, _ = each(_list(answer), partial(_one, self._host), "Mastodon")
        there = {post.native_id for post in posts}
        return [post for post in posts if post.edited_at is not None], [one for one in asked if one not in there]


def parse(body: bytes, host: str = "mastodon.example") -> list[Post]:
    """The posts of a timeline or of notifications."""
    return each(_list(Response(200, {}, body, "")), partial(_one, host), "Mastodon")[0]


def _list(answer: Response) -> list[Any]:
    found = document(b'{"list":' + answer.body + b"}", "Mastodon").get("list")
    if not isinstance(found, list):
        said = part({"said": found}, "said").get("error")
        raise BadPayload(f"Mastodon: the answer is no list{f': {clean_text(str(said))[:120]}' if said else ''}", answer.body)
    return found


def _older(answer: Response) -> str | None:
    """`max_id` of the next page: Link: <https://…?max_id=7>; rel="next"."""
    for address, relation in re.findall(r'<([^<>]*)>\s*;\s*rel="?(\w+)"?', answer.headers.get("link", "")):
        if relation == "next":
            return next(iter(parse_qs(urlsplit(address).query).get("max_id", ())), None)
    return None


def _when(one: Any) -> datetime | None:
    try:
        return iso(one, "created_at")
    except ValueError:
        return None


def _one(host: str, one: dict[str, Any]) -> Post | None:
    """A status, or the status that a notification carries."""
    status = part(one, "status") if "type" in one and "content" not in one else one
    if not status:
        return None
    number, account = ident(status, "id"), part(status, "account")
    author = Author(words(account, "url") or f"{host}/{ident(account, 'id')}",
                    account_of_person(words(account, "display_name"), words(account, "acct")))
    origin = part(status, "reblog")
    shown = origin or status
    html = shown.get("content")
    if not isinstance(html, str):
        raise ValueError("no content")
    choices = "\n".join(f"- {words(option, 'title')}" for option in parts(part(shown, "poll"), "options"))
    text = clean_text("\n\n".join(filter(None, (words(shown, "spoiler_text"), text_of_html(html), choices)))).strip()
    media = tuple(web_links(words(file, "url") or words(file, "remote_url") for file in parts(shown, "media_attachments")))
    if not text and not media:
        return None
    people = {words(person, "id"): words(person, "acct") for person in parts(shown, "mentions")}
    people[words(account, "id")] = words(account, "acct")
    replied = None if origin else words(status, "in_reply_to_id") or None
    to = people.get(words(status, "in_reply_to_account_id"), "") if replied else ""
    own = {words(person, "url") for person in parts(shown, "mentions")} | {words(tag, "url") for tag in parts(shown, "tags")}
    edited = iso(shown, "edited_at") if shown.get("edited_at") else None
    tags = dict.fromkeys(("#" + words(tag, "name")).lower() for tag in parts(shown, "tags") if words(tag, "name"))
    written = hashtags_of(text)
    return Post(
        network="mastodon", source="", native_id=f"{host}/{number}", text=text, published_at=iso(status, "created_at"),
        url=next(iter(web_links([words(status, "url"), words(status, "uri")])), ""), edited_at=edited, author=author,
        in_reply_to=f"{host}/{replied}" if replied else None, in_reply_to_account=f"@{to}" if to else None,
        mentions=tuple(dict.fromkeys(f"@{name}" for key, name in people.items() if name and key != words(account, "id"))),
        hashtags=(*written, *(tag for tag in tags if tag not in {one.lower() for one in written})),
        links=tuple(link for link in links_of_html(html) if link not in own and "/tags/" not in link), media=media,
        repost_of=f"{host}/{ident(origin, 'id')}" if origin else None)
