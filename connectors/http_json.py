"""Any service that gives its posts as JSON over HTTP, described in the config: how to ask, how it pages, where things stand.
docs/sources/http_json.md

Lists come newest first (`order: newest`: read to what is known, connectors/timeline.py) or oldest first (`order: oldest`: read on
from the last page that had posts, or from the newest time known, where the request says {since}). A next page is asked for at the
service's own address only, and secrets in it are put back as gaps before it is kept.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from pydantic import SecretStr

from connectors import template, timeline
from connectors.base import Batch, Cursor, Damaged, Http, Limit, Response, fingerprint
from connectors.described import Description
from connectors.errors import UNSAID, AuthError, BadPayload, RateLimited, SourceError, Transient
from connectors.mapping import Map, has_of, search
from connectors.markup import one_line
from monitor.core.post import Post

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)')
_REL = re.compile(r'(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))')
_LONGEST_MARK = 4000
_OVER = 5.0
"""Seconds after which a failure is no news: the service is asked."""
_NO_SUCH = (400, 404, 410)
"""Statuses by which services say that there is no such page, or that a cursor is too old."""
_AHEAD = 86_400
"""Seconds: a post dated further into the future says nothing of the newest time known, or nothing would ever be new again."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One page as the service gave it."""

    posts: tuple[Post, ...]
    damaged: tuple[Damaged, ...]
    count: int
    following: str | None
    newest: datetime | None
    last: datetime | None
    """Time of the last post on it."""
    first: str


class HttpJson:
    """One list of one service."""

    name: ClassVar[str] = "http_json"
    poll_every: ClassVar[float] = 120.0
    max_requests_per_poll: ClassVar[int] = 10

    Settings = Description

    def __init__(self, source: str, settings: Description, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        own = {f"param_{i}": one for i, one in enumerate(settings.params.values()) if isinstance(one, SecretStr)}
        self._secrets = {name: secret.get_secret_value() for name, secret in (*settings.secrets.items(), *own.items())}
        parts = urlsplit(settings.url)
        self._origin, self._host = f"{parts.scheme}://{parts.netloc}", parts.netloc
        self._map = Map(self.name, settings.space or source, settings.fields, settings.times, settings.markup, self._origin)
        self._list = search(settings.posts, "posts")
        paging, failure = settings.paging, settings.failure
        self._path = search(paging.path, "paging.path") if paging.path else None
        self._more = search(paging.more, "paging.more") if paging.more else None
        self._failed = search(failure.path, "failure.path") if failure else None
        self._said = search(failure.message, "failure.message") if failure and failure.message else None
        asked = [settings.url, settings.params, settings.body]
        self._since = "since" in set(template.gaps([*asked, settings.headers]))
        self._of = fingerprint(json.dumps([settings.url, *map(_plain, (settings.params, settings.body)), settings.posts, settings.order, paging.by]))
        hidden = [one.get_secret_value() for one in settings.headers.values() if isinstance(one, SecretStr)]
        self.account = f"{self._host} {fingerprint(*self._secrets.values(), *hidden)}"
        allowed = settings.limit
        self._owed: tuple[SourceError, float] | None = None
        self.limits = (Limit("config", allowed.requests, allowed.seconds, ""),) if allowed else ()
        self.max_requests_per_poll = paging.pages if paging.by != "none" else 1  # type: ignore[misc]

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new in the list, page by page. Where a page fails after others were read, those are handed over and the next poll,
        which comes at once, raises the failure: a service that often fails, or allows little, is read all the same."""
        self._pay()
        step = self._onward if self._settings.order == "oldest" else self._back
        state: dict[str, Any] = {name: value for name, value in cursor.items() if name != "of"} if cursor.get("of") == self._of else {}
        posts: dict[str, Post] = {}
        damaged: list[Damaged] = []
        more, read = True, 0
        for _ in range(self.max_requests_per_poll):
            try:
                found = await step(http, state)
            except SourceError as e:
                fresh = _afresh(state)
                if isinstance(e, BadPayload) and e.status in _NO_SUCH and not read and fresh != state:
                    state = fresh       # the place where we were is no longer known: from the beginning
                    continue
                if not read:
                    raise
                self._owed = e, self._clock()
                break
            for post in found.posts:
                posts.pop(post.native_id, None)
                posts[post.native_id] = post
            damaged += found.damaged
            state, more, read = found.state, found.more, read + 1
            if not more:
                break
        return Batch(self._mine(posts.values()), {"of": self._of, **state}, damaged=tuple(damaged), more=more)

    def _pay(self) -> None:
        """Raises the failure that the poll before this one met, unless it is long over."""
        owed, self._owed = self._owed, None
        if owed is None:
            return
        error, passed = owed[0], max(self._clock() - owed[1], 0.0)
        if isinstance(error, RateLimited):
            error.retry_after -= passed
        if error.retry_after > 0 if isinstance(error, RateLimited) else passed < _OVER:
            raise error

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of the past: to `since` where the newest come first, from `since` on where the oldest do."""
        since, until = datetime.fromisoformat(cursor["since"]), datetime.fromisoformat(cursor["until"])
        if self._settings.order == "newest":
            batch = await timeline.read_back({"posts": lambda mark: self._newer(http, mark, since)}, cursor)
            return replace(batch, posts=self._mine(batch.posts))
        page = await self._ask(http, cursor.get("before"), since)
        posts = tuple(post for post in page.posts if since <= post.published_at <= until)
        return Batch(self._mine(posts), {**cursor, "before": page.following}, damaged=page.damaged, more=page.following is not None)

    async def probe(self, http: Http) -> list[str]:
        """Whether the list can be read."""
        page = await self._ask(http, None, self._from(None))
        return [f"reads {page.count} posts on the first page of the list at {self._host}"]

    async def _onward(self, http: Http, known: Mapping[str, Any]) -> timeline.News:
        """One page of a list that begins with the oldest, on from where it was read to. `at` is the page to ask for, `kept` the last one
        that had posts: it is asked again for ever, since what is new appears on it, or behind it. With {since}, `since` is the newest
        time of all that was read to the end, and `from` what this reading began with. `first` is the first post of the page kept, by
        which it is known again."""
        since = datetime.fromtimestamp(known["from"], UTC) if "from" in known else self._from(known.get("since"))
        at = known.get("at")
        page = await self._ask(http, at, since)
        if at is not None and at == known.get("kept") and (not page.count or page.first != known.get("first")):
            return timeline.News(page.posts, _afresh(known), page.damaged, True)    # the service has thrown posts away: its pages have moved
        newest = max(known.get("newest", 0), int(page.newest.timestamp()) if page.newest else 0) or None
        kept, first = (at, page.first) if page.count else (known.get("kept"), known.get("first"))
        if page.following is not None:
            state = {"at": page.following, "kept": kept, "first": first, "newest": newest, "since": known.get("since"),
                     "from": int(since.timestamp()) if since else None}
        else:
            state = {"since": newest, "newest": newest} if self._since else \
                {"at": kept, "kept": kept, "first": first if kept else None}
        return timeline.News(page.posts, {name: value for name, value in state.items() if value is not None}, page.damaged,
                             page.following is not None)

    async def _back(self, http: Http, known: Mapping[str, Any]) -> timeline.News:
        """One page of a list that begins with the newest, on the way back to what is known."""
        since = self._from(known.get("lists", {}).get("posts", {}).get("last"))
        return await timeline.read_new({"posts": lambda mark: self._newer(http, mark, since)}, known, 1)

    async def _newer(self, http: Http, mark: str | None, since: datetime | None) -> timeline.Page:
        """A page of a list that begins with the newest. Its last post tells how far back it reaches: one pinned to the top is older."""
        page = await self._ask(http, mark, since)
        span = (int(page.last.timestamp()), int(page.newest.timestamp())) if page.last and page.newest else None
        return timeline.Page(page.posts, page.following, span, page.damaged)

    def _from(self, newest: int | None) -> datetime | None:
        """What {since} says: the newest time known, less the overlap."""
        if not self._since:
            return None
        since = self._settings.since
        return datetime.fromtimestamp(int(self._clock()) - since.first * 86_400 if newest is None else newest - since.overlap, UTC)

    async def _ask(self, http: Http, mark: str | None, since: datetime | None) -> _Page:
        try:
            answer = await self._asked(http, mark, since)
        except BadPayload as e:
            if e.status in _NO_SUCH and mark is not None and self._settings.paging.by in ("page", "offset"):
                return _Page((), (), 0, None, None, None, "")       # a page behind the last one
            raise
        return await asyncio.to_thread(self._page, answer, mark)

    def _page(self, answer: Response, mark: str | None) -> _Page:
        try:
            found = json.loads(answer.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise BadPayload(f"{self._host}: the answer is not JSON", answer.body) from None
        self._check(found, answer)
        items = self._list(found)
        if not isinstance(items, list):
            raise BadPayload(f"{self._host}: posts: `{self._settings.posts}` gives {'an object' if isinstance(items, dict) else 'nothing' if items is None else 'no list'}, "
                             f"not a list; the answer has: {has_of(found) if not isinstance(found, list) else 'a list itself, write @'}", answer.body)
        made, damaged = self._map.posts(items, self._host)
        posts = {post.native_id: post for post, _ in made}
        times = [at for _, at in made if at is not None and at.timestamp() < self._clock() + _AHEAD]
        return _Page(tuple(posts.values()), tuple(damaged), len(items), self._following(found, answer, len(items), mark),
                     max(times, default=None), times[-1] if times else None, fingerprint(next(iter(posts), "")))

    async def _asked(self, http: Http, mark: str | None, since: datetime | None) -> Response:
        settings, paging = self._settings, self._settings.paging
        values: dict[str, str | int | None] = {
            **self._secrets, "since": None if since is None else settings.since.written(since), "size": paging.size,
            "cursor": mark if paging.by == "cursor" else None,
            "page": int(mark or paging.first) if paging.by == "page" else None, "offset": int(mark or 0) if paging.by == "offset" else None}
        headers = {"Accept": "application/json", **self._filled(settings.headers, values)}
        if mark is not None and paging.by == "next_link":
            url, params = self._origin + template.address(mark, self._secrets), {}
            query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
            if len(dict(query)) == len(query):      # apart, so that a recording tells one page from another
                url, params = url.partition("?")[0], dict(query)
        else:
            url, params = template.address(settings.url, values), self._filled(settings.params, values)
        if settings.method == "GET":
            return await http.get(url, headers=headers, params=params or None)
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        return await http.post(url, json=template.filled(settings.body or {}, values), headers=headers)

    @staticmethod
    def _filled(given: Mapping[str, str | SecretStr], values: template.Values) -> dict[str, str]:
        plain = {name: said.get_secret_value() if isinstance(said, SecretStr) else template.filled(said, values) for name, said in given.items()}
        return {name: str(said) for name, said in plain.items() if said is not None}

    def _check(self, found: Any, answer: Response) -> None:
        """Raises what the service says inside HTTP 200."""
        failure = self._settings.failure
        if failure is None or self._failed is None:
            return
        code = self._failed(found)
        if not code:
            return
        words = self._said(found) if self._said else None
        said = one_line(f"{self._host}: {failure.path} is {str(code)[:100]}" + (f": {str(words)[:200]}" if words else ""))
        if str(code) in map(str, failure.limited):
            raise RateLimited(said, UNSAID, answer.body)
        raise (AuthError if str(code) in map(str, failure.refused) else Transient if str(code) in map(str, failure.passing)
               else BadPayload)(said, answer.body)

    def _following(self, found: Any, answer: Response, count: int, mark: str | None) -> str | None:
        """What asks for the next page; None at the end."""
        paging = self._settings.paging
        if paging.by == "none" or (self._more is not None and not self._more(found)) or (paging.size is not None and count < paging.size):
            return None
        if paging.by in ("page", "offset"):
            at = int(mark) if mark is not None else paging.first if paging.by == "page" else 0
            return str(at + (1 if paging.by == "page" else count)) if count else None
        value = self._path(found) if self._path else _linked(answer.headers.get("link", ""))
        if value is None or value is False or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > _LONGEST_MARK:
            raise BadPayload(f"{self._host}: paging.path: `{paging.path}` gives no {paging.by.replace('_', ' ')}", answer.body)
        following = str(value) if paging.by == "cursor" else self._own(str(value), mark, answer)
        return None if following == mark else following

    def _own(self, link: str, mark: str | None, answer: Response) -> str:
        """The next address without its server, secrets turned back into gaps. Raises BadPayload where it leads elsewhere: our
        credential is for one server."""
        try:
            parts = urlsplit(urljoin(self._origin + (template.address(mark, {}) if mark else urlsplit(self._settings.url).path), link))
            here = urlsplit(self._origin)
            same = parts.hostname == here.hostname and (parts.port in (None, here.port) or (here.port is None and parts.port in (80, 443)))
        except ValueError:
            same = False
        if not same:
            raise BadPayload(f"{self._host}: paging.path: the next page is at another server; it is not asked", answer.body)
        return template.without(parts.path + (f"?{parts.query}" if parts.query else ""), self._secrets)

    def _mine(self, posts: Any) -> tuple[Post, ...]:
        return tuple(replace(post, source=self.source) for post in posts)


def _afresh(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of reading without the place in the list."""
    fresh = {name: value for name, value in state.items() if name not in ("at", "kept", "first", "from")}
    last = state.get("lists", {}).get("posts", {}).get("last")
    return {**fresh, "lists": {"posts": {"last": last}} if last else {}} if "lists" in state else fresh


def _plain(value: Any) -> Any:
    """`value` without secrets, for a fingerprint."""
    if isinstance(value, Mapping):
        return {name: "" if isinstance(part, SecretStr) else part for name, part in value.items()}
    return value


def _linked(header: str) -> str | None:
    """The address that a Link header names as the next one (RFC 8288)."""
    for address, said in _LINK.findall(header[:8192]):
        relation = _REL.search(said)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return str(address)
    return None
