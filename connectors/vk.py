"""VK: a community's wall and its comments, mentions by newsfeed search, messages to a community. https://dev.vk.com/ru/method

The JSON schema of the API (github.com/VKCOM/vk-api-schema, 5.199) is the schema. Up to 25 calls go out as one `execute`
(https://dev.vk.com/ru/method/execute). Errors come with HTTP 200: `error_of` is the one table (https://dev.vk.com/ru/reference/errors).
Comments have no list of changes: where their number under a post changed, they are read from the newest to what is known, answers
in a thread beyond the ten that come along, too; the others are read anew in turn. The limits by the day are those of
https://vk.com/dev/data_limits, which names newsfeed.search, wall.search and wall.get.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit, fingerprint
from connectors.below import Answer, Thread, Wanted, read_together
from connectors.errors import (
    CLOSED,
    GONE,
    NO_DIALOGUE,
    NOT_ALLOWED,
    TOO_LATE,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
)
from connectors.fields import account_of_person, document, each, ident, part, parts, unix, words
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from connectors.recheck import remembered, removed, still_there
from connectors.timeline import OVERLAP as SECONDS
from connectors.timeline import Ask, News, Page, read_back, read_new
from monitor.core.post import Author, Post, clean_text

VERSION = "5.199"
CALLS = 25
"""Calls of one `execute`. https://dev.vk.com/ru/method/execute"""
FURTHER = 5
"""Further pages of lists in one poll."""
ROUNDS = 3
"""`execute`s for comments in one poll, and for messages."""
WATCHED = 50
"""Newest posts of a wall whose comments are read."""
CONVERSATIONS = 200
"""Conversations of which it is kept how far they were read."""
PAGE = 100
OVERLAP = 5
"""Comments of a page read again with the next: one deleted meanwhile moves the others up."""
DEEP = 3 * 86400
"""Seconds below the newest known comment at which reading a post anew ends; new answers to older comments are found in turn."""
_DAY = "https://vk.com/dev/data_limits"
_WAITS = {6: 1.0, 9: 60.0, 29: 3600.0, 601: 3600.0, 1105: 3600.0, 32: 60.0}
"""Error to seconds: too many per second, flood control, a method's daily limit."""
_REFUSED = {2, 3, 4, 5, 7, 11, 14, 15, 16, 17, 18, 20, 21, 23, 24, 25, 27, 28, 34, 37, 38, 41, 42, 1114, 1116, 1117, 3300, 3609, 3610}
_PASSING = {1, 10, 13, 36, 43}
_DEAD = {2, 4, 5, 14, 17, 24, 25, 27, 28, 1114, 1116, 1117, 3300, 3609, 3610}
"""Refusals of the token or the app; the others hit what was asked for."""
_CANNOT = {15: NOT_ALLOWED, 7: NOT_ALLOWED, 100: GONE, 104: GONE, 210: GONE, 211: GONE, 212: CLOSED, 213: CLOSED, 801: CLOSED,
           900: NOT_ALLOWED, 901: NO_DIALOGUE, 902: NO_DIALOGUE, 910: TOO_LONG, 914: TOO_LONG, 936: GONE, 950: TOO_LATE, 985: NOT_ALLOWED}
_MARKED = re.compile(r"\[((?:club|public|event|id)\d+)(?::bp-?\d+_\d+)?\|([^\]\n]{1,200})\]")
_DOMAIN = re.compile(r"^(-?\d{1,15}|[A-Za-z][\w.]{1,63})$")


@dataclass(frozen=True, slots=True)
class Call:
    """One method with its parameters."""

    method: str
    params: Mapping[str, Any]

    def code(self) -> str:
        """As VKScript."""
        return f"API.{self.method}({json.dumps(self.params, ensure_ascii=False)})"


class Vk:
    """One token: what it may read of communities, of search, and of a community's messages."""

    name: ClassVar[str] = "vk"
    poll_every: ClassVar[float] = 60.0
    once_within: ClassVar[float] = 1800.0
    """`random_id` holds for an hour, `guid` for a time that VK does not say. https://dev.vk.com/ru/method/messages.send"""
    max_requests_per_poll: ClassVar[int] = 1 + FURTHER + 2 * ROUNDS
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("token", 3, 1, "https://dev.vk.com/ru/api/api-requests"),
        Limit("walls a day", 5000, 86400, _DAY, within="API.wall.get("),
        Limit("searches a day", 1000, 86400, _DAY, within="API.newsfeed.search("),
    )

    class Settings(ConnectorSettings):
        """Options of a vk source."""

        token: SecretStr = Field(description="Access token: of a user or the app (walls, comments, search), or of a community (messages)")
        communities: tuple[str, ...] = Field(default=(), max_length=10, description="Communities whose wall and comments are read: "
                                                                                    "short name or number")
        search: tuple[str, ...] = Field(default=(), max_length=10, description="Words searched in all public posts, as in @akimat_example")
        messages: bool = Field(default=False, description="Read the messages to the community whose token it is")
        answer_as: int | None = Field(default=None, gt=0, description="Number of the community in whose name answers go out; "
                                                                      "empty: no answers to comments")
        api_url: HttpUrl = Field(default=HttpUrl("https://api.vk.com"), description="Address of the API")

        @field_validator("communities")
        @classmethod
        def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            names = tuple(name.strip().rstrip("/").rpartition("/")[2].lstrip("@") for name in value)
            for name in names:
                if not _DOMAIN.match(name):
                    raise ValueError(f"{name!r} is no community; write its short name, as in vk.com/NAME")
            return names

        @model_validator(mode="after")
        def _something(self) -> Vk.Settings:
            if not self.communities and not self.search and not self.messages:
                raise ValueError("nothing to read: give communities, search, or messages: true")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        self._base = str(settings.api_url).rstrip("/")
        self.account = fingerprint(settings.token.get_secret_value())

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """The walls, searches and conversations as one `execute`, then comments and messages below them."""
        known = cursor if cursor.get("account") == self.account else {}
        recent: Mapping[str, int] = known.get("recent", {})
        calls = {name: self._call(name, None) for name in self._names()}
        ready: dict[str, Any] = dict(zip(calls, await self._execute(http, list(calls.values())), strict=True))
        lists: dict[str, Ask] = {name: partial(self._page, http, ready, name) for name in calls}
        news = await read_new(lists, known, len(calls) + FURTHER)
        damaged = list(news.damaged)
        below = await self._comments(http, ready, known, recent)
        talks = await self._messages(http, ready, known)
        damaged = [*news.damaged, *below.damaged, *talks.damaged]
        posts = still_there(recent, (*news.posts, *below.posts, *talks.posts))
        gone = below.gone | {post.native_id for post in posts if post.deleted_at is not None}
        gone = {one for one in gone if recent.get(one, -1) > 0}
        posts = tuple(post for post in posts if post.deleted_at is None)
        recent = remembered(recent, posts, gone)
        deleted = tuple(removed(self.name, one, recent[one], self._clock()) for one in sorted(gone) if one in recent)
        moved = {"account": self.account, **news.state, "recent": recent, "below": below.state, "talks": talks.state}
        unique = {post.native_id: replace(post, source=self.source) for post in (*posts, *deleted)}
        return Batch(tuple(unique.values()), moved, damaged=tuple(damaged), more=news.more or below.more or talks.more,
                     refused=(*news.refused, *below.refused, *talks.refused))

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page of walls and searches into the past."""
        lists: dict[str, Ask] = {name: partial(self._page, http, {}, name) for name in self._names() if name != "messages"}
        batch = await read_back(lists, cursor)
        return replace(batch, posts=tuple(replace(post, source=self.source) for post in batch.posts))

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """A comment under the post or comment, or a message. VK swallows the same `guid` or `random_id` again."""
        mark = int.from_bytes(blake2b(f"{post.native_id}\x00{text}".encode(), digest_size=4).digest()) >> 1
        where = post.native_id.split("_")
        try:
            if post.native_id.startswith("m"):
                said = await self._ask(http, "messages.send", {"peer_id": where[1], "message": text, "random_id": mark})
                return f"{where[0]}_{where[1]}_{said}"
            asked: dict[str, Any] = {"owner_id": where[0], "post_id": where[1], "message": text, "guid": mark,
                                     "from_group": self._settings.answer_as or 0}
            if len(where) > 2:
                asked["reply_to_comment"] = where[-1]
            made = await self._ask(http, "wall.createComment", asked)
            return "_".join([*where[:3], ident(made, "comment_id")])
        except Transient as e:
            raise Transient(str(e), e.payload, sent=True) from None
        except SourceError as e:
            if (reason := _CANNOT.get(_code(e.payload))) is not None:
                raise CannotAnswer(reason) from None
            raise

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Messages with the community's token only; comments in a community's name only."""
        allowed = self._settings.messages if post.native_id.startswith("m") else self._settings.answer_as is not None
        return None if allowed else NOT_ALLOWED

    async def probe(self, http: Http) -> list[str]:
        """What of the configured lists the token may read."""
        names = self._names()
        found = await self._execute(http, [self._call(name, None) for name in names])
        return [f"reads {name}" if not isinstance(answer, SourceError) else f"may not read {name}: {answer}"
                for name, answer in zip(names, found, strict=True)]

    def _names(self) -> list[str]:
        return [*(f"wall:{name}" for name in self._settings.communities), *(f"search:{word}" for word in self._settings.search),
                *(["messages"] if self._settings.messages else [])]

    def _call(self, name: str, before: str | None) -> Call:
        kind, _, what = name.partition(":")
        if kind == "wall":
            owner = {"owner_id": -abs(int(what))} if what.lstrip("-").isdigit() else {"domain": what}
            return Call("wall.get", {**owner, "count": 50, "extended": 1, "offset": int(before or 0)})
        if kind == "search":
            return Call("newsfeed.search", {"q": what, "count": 100, "extended": 1, **({"start_from": before} if before else {})})
        return Call("messages.getConversations", {"count": 50, "extended": 1, "offset": int(before or 0)})

    async def _page(self, http: Http, ready: dict[str, Any], name: str, before: str | None) -> Page:
        if before is None and name in ready:
            found = ready[name]
        else:
            found, = await self._execute(http, [self._call(name, before)])
        if isinstance(found, SourceError):
            raise found
        page = page_of(found)
        size = len(found["items"])
        if name.startswith("search:"):
            return replace(page, older=words(found, "next_from") or None)
        full = size >= 50
        if before is not None and name in ready and not isinstance(ready[name], SourceError):
            ready[name] = {**ready[name], "items": [*ready[name]["items"], *found["items"]]}  # what is below them is read, too
        return replace(page, older=str(int(before or 0) + size) if full else None)

    async def _comments(self, http: Http, ready: Mapping[str, Any], known: Cursor, recent: Mapping[str, int]) -> _Below:
        """Comments of the newest posts: all that is new where their number changed, a page of some others; and what is gone."""
        before: Mapping[str, Any] = known.get("below", {})
        listing = _Listing(recent, dict(before.get("threads", {})))
        shown: list[Mapping[str, Any]] = []
        for name, found in ready.items():
            if name.startswith("wall:") and not isinstance(found, SourceError):
                here = [one for one in parts(found, "items") if not one.get("is_deleted")]
                listing.gone |= _absent(recent, here)
                shown += sorted(here, key=_date, reverse=True)[:WATCHED]
        threads: dict[str, Thread] = {}
        for one in sorted(shown, key=_date, reverse=True):
            if isinstance(one.get("owner_id"), int) and isinstance(one.get("id"), int):
                name, many = f"{one['owner_id']}_{one['id']}", _count(one)
                threads[name] = Thread(name, str(many) if many or name in before.get("seen", {}) else "")

        async def ask(wanted: Sequence[Wanted]) -> list[Answer | SourceError]:
            listing.asked += 1
            found = await self._execute(http, [_comments_of(name, int(mark or 0)) for name, mark in wanted])
            return [listing.read(name, int(mark or 0), answer) for (name, mark), answer in zip(wanted, found, strict=True)]

        news = await read_together(list(threads.values()), before, ask, ROUNDS, CALLS, DEEP)
        state, posts, damaged = dict(news.state), list(news.posts), list(news.damaged)
        busy = {one["of"] for one in before.get("work", ())} | {one["of"] for one in state.get("work", ())} | set(state.get("refused", ()))
        calm = [one for one in threads.values() if one.sign and one.id not in busy and before.get("seen", {}).get(one.id) == state["seen"].get(one.id)]
        room = CALLS * (ROUNDS - listing.asked)
        for wanted in _in_turn(calm, room, int(self._clock() // self.poll_every)):
            for (name, _), answer in zip(wanted, await ask(wanted), strict=True):
                if isinstance(answer, AuthError):
                    continue        # said, and declared, when something is new there
                if isinstance(answer, SourceError):
                    damaged.append(Damaged(str(answer), answer.payload))
                    continue
                posts += answer[0].posts
                damaged += answer[0].damaged
                if answer[1]:
                    state["work"] = [*state.get("work", ()), {"of": name, "sign": threads[name].sign, "top": 0,
                                                              "lists": [[one, None] for one in answer[1]]}]
        kept = {name: many for name, many in listing.threads.items() if name.partition("/")[0] in state["seen"]}
        if kept:
            state["threads"] = kept
        return _Below(tuple(posts), state, tuple(damaged), bool(state.get("work")), news.refused, listing.gone)

    async def _messages(self, http: Http, ready: Mapping[str, Any], known: Cursor) -> News:
        """What is new in conversations; of one not seen before the newest hundred messages."""
        before: Mapping[str, Any] = known.get("talks", {})
        found = ready.get("messages")
        if not isinstance(found, dict):
            return News((), dict(before), (), False)
        newest = {str(one["peer_id"]): str(one.get("id")) for talk in parts(found, "items")
                  if isinstance((one := part(talk, "last_message")).get("peer_id"), int)}
        earlier = [Thread(name, seen[0]) for name, seen in before.get("seen", {}).items() if name not in newest]
        threads = [*(Thread(name, sign) for name, sign in newest.items()), *earlier[:CONVERSATIONS]]

        async def ask(wanted: Sequence[Wanted]) -> list[Answer | SourceError]:
            answers = await self._execute(http, [Call("messages.getHistory", {"peer_id": int(name), "count": PAGE, "extended": 1,
                                                                              "offset": int(mark or 0)}) for name, mark in wanted])
            read: list[Answer | SourceError] = []
            for (name, mark), answer in zip(wanted, answers, strict=True):
                page = _page_or_error(answer, "")
                if isinstance(page, Page):
                    more = len(answer["items"]) >= PAGE and name in before.get("seen", {})
                    read.append((replace(page, older=str(int(mark or 0) + PAGE - OVERLAP) if more else None), ()))
                else:
                    read.append(page)
            return read
        # All conversations are read at first: unlike what stands below old posts, what people wrote to us waits for an answer.
        return await read_together(threads, before or {"seen": {}}, ask, ROUNDS, CALLS, SECONDS)

    async def _execute(self, http: Http, calls: Sequence[Call]) -> list[Any]:
        """The answers of up to 25 calls; a call that failed gives its error. What hits the token is raised."""
        body = await self._asked(http, "execute", {"code": f"return [{','.join(call.code() for call in calls)}];"})
        found = body.get("response")
        if not isinstance(found, list) or len(found) != len(calls):
            raise BadPayload("VK: execute gave no answer to each call", json.dumps(body).encode())
        errors = [error_of(one) for one in parts(body, "execute_errors")]
        for error in errors:
            if isinstance(error, RateLimited) or _code(error.payload) in _DEAD or (
                    isinstance(error, Transient) and len(errors) >= len(calls)):
                raise error
        answers: list[Any] = []
        for one in found:
            if isinstance(one, dict) and isinstance(one.get("items"), list):
                answers.append(one)
            else:
                error = errors.pop(0) if one is False and errors else BadPayload("VK: an answer without items", json.dumps(one).encode())
                answers.append(error if isinstance(error, AuthError) else BadPayload(str(error), error.payload))
        return answers

    async def _ask(self, http: Http, method: str, params: Mapping[str, Any]) -> Any:
        return (await self._asked(http, method, params)).get("response")

    async def _asked(self, http: Http, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        sent = {**{key: str(value) for key, value in params.items()}, "v": VERSION, "access_token": self._settings.token.get_secret_value()}
        answer = await http.post(f"{self._base}/method/{method}", data=sent)
        body = document(answer.body, "VK")
        if "error" in body:
            raise error_of(part(body, "error"))
        if "response" not in body:
            raise BadPayload("VK: neither response nor error in the answer", answer.body)
        return body


@dataclass(frozen=True, slots=True)
class _Below(News):
    """What stands below posts, and which known posts and comments are no longer there."""

    gone: frozenset[str] | set[str] = frozenset()


@dataclass(slots=True)
class _Listing:
    """Reads lists of comments ("OWNER_POST", or "OWNER_POST/COMMENT" for the answers to one): `threads` are the answers known to
    each comment with more of them than come along."""

    recent: Mapping[str, int]
    threads: dict[str, int]
    gone: set[str] = field(default_factory=set)
    asked: int = 0
    wanted: dict[str, int] = field(default_factory=dict)

    def read(self, name: str, offset: int, answer: Any) -> Answer | SourceError:
        """One page, and the threads that must be read besides."""
        place, _, comment = name.partition("/")
        page = _page_or_error(answer, place)
        if isinstance(page, SourceError):
            return page
        size = len(answer["items"])
        here = answer.get("current_level_count")
        more = size > 0 and (offset + size < here if isinstance(here, int) else size >= PAGE)
        there = {post.native_id for post in page.posts}
        if not size and not offset:
            self.gone |= {known for known, at in self.recent.items() if at > 0 and known.startswith(f"{name.replace('/', '_')}_")}
        for known, at in self.recent.items():
            within = known.startswith(f"{place}_{comment}_") if comment else known.startswith(f"{place}_") and known.count("_") == 2
            if within and at > 0 and known not in there and page.span is not None and (
                    (at <= page.span[1] if not offset else at < page.span[1]) and (at > page.span[0] or not more)):
                self.gone.add(known)
        besides: list[str] = []
        for one in () if comment else parts(answer, "items"):
            thread = part(one, "thread")
            many, shown = thread.get("count"), parts(thread, "items")
            own = f"{place}/{one.get('id')}"
            if not isinstance(many, int):
                continue
            if many > len(shown) and self.threads.get(own) != many:
                besides.append(own)
                self.wanted[own] = many
            elif many == len(shown):
                below = f"{place}_{one.get('id')}_"
                self.gone |= {known for known, at in self.recent.items() if known.startswith(below) and at > 0 and known not in there}
        if comment and name in self.wanted:
            self.threads[name] = self.wanted[name]
        return replace(page, older=str(offset + max(size - OVERLAP, 1)) if more else None), besides


def _page_or_error(answer: Any, below: str) -> Page | SourceError:
    if isinstance(answer, SourceError):
        return answer
    try:
        return page_of(answer, below)
    except BadPayload as e:
        return e


def _comments_of(name: str, offset: int) -> Call:
    place, _, comment = name.partition("/")
    owner, _, number = place.partition("_")
    return Call("wall.getComments", {"owner_id": int(owner), "post_id": int(number), "sort": "desc", "count": PAGE, "offset": offset,
                                     "extended": 1, **({"comment_id": int(comment)} if comment else {"thread_items_count": 10})})


def _in_turn(threads: Sequence[Thread], room: int, turn: int) -> list[list[Wanted]]:
    """Which pages of unchanged lists are read anew now: other posts, and of a long list another page, each time."""
    if room <= 0 or not threads:
        return []
    turns = -(-len(threads) // room)
    now = threads[turn % turns * room:][:room]
    wanted: list[Wanted] = [(one.id, str(PAGE * (turn // turns % max(1, -(-int(one.sign) // PAGE))))) for one in now]
    return [wanted[at:at + CALLS] for at in range(0, len(wanted), CALLS)]


def _count(one: Mapping[str, Any]) -> int:
    many = part(one, "comments").get("count", 0)
    return many if isinstance(many, int) and not isinstance(many, bool) and many > 0 else 0


def error_of(said: Mapping[str, Any]) -> SourceError:
    """The one table of errors inside a body: https://dev.vk.com/ru/reference/errors"""
    code = said.get("error_code")
    payload = json.dumps({"error_code": code, "error_msg": said.get("error_msg")}, ensure_ascii=False, default=str).encode()
    message = f"VK: error {code}: {one_line(str(said.get('error_msg', '')))[:200]}"
    if code in _WAITS:
        return RateLimited(message, _WAITS[code], payload)
    if code in _REFUSED:
        return AuthError(message, payload)
    return Transient(message, payload) if code in _PASSING else BadPayload(message, payload)


def _code(payload: bytes) -> int:
    try:
        return int(json.loads(payload)["error_code"])
    except (ValueError, KeyError, TypeError):
        return 0


def parse(body: bytes, below: str = "") -> list[Post]:
    """The posts of an answer of wall.get, newsfeed.search, wall.getComments (`below` is OWNER_POST) or messages.getHistory."""
    return list(page_of(part(document(body, "VK"), "response"), below).posts)


def page_of(answer: Any, below: str = "") -> Page:
    """What `response` holds, profiles and groups beside the items. Raises BadPayload."""
    if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
        raise BadPayload("VK: an answer without items", json.dumps(answer, default=str).encode())
    people = {}
    for person in parts(answer, "profiles"):
        name = f"{words(person, 'first_name')} {words(person, 'last_name')}".strip()
        if isinstance(person.get("id"), int):
            people[person["id"]] = (name, words(person, "screen_name") or f"id{person['id']}")
    for group in parts(answer, "groups"):
        number = group.get("id")
        if isinstance(number, int):
            people[-number] = ("", words(group, "screen_name") or f"club{number}")
    found: list[Any] = []
    for one in answer["items"]:
        found.append(one)
        found += part(one, "thread").get("items") or [] if isinstance(one, dict) else []
    if any("conversation" in one for one in found if isinstance(one, dict)):
        found = [one["last_message"] for one in found if isinstance(one, dict) and isinstance(one.get("last_message"), dict)]
    posts, damaged = each(found, partial(_one, people, below), "VK")
    times = [at for one in answer["items"] if isinstance(one, dict) and not one.get("is_pinned")
             and (at := _date(part(one, "last_message") or one))]
    return Page(tuple(posts), None, (min(times), max(times)) if times else None, tuple(damaged))


def _date(one: Mapping[str, Any]) -> int:
    found = one.get("date")
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**33 else 0


def _absent(recent: Mapping[str, int], shown: Sequence[Mapping[str, Any]]) -> set[str]:
    """Known posts of a wall that should be on the page and are not."""
    times = [_date(one) for one in shown if not one.get("is_pinned") and _date(one)]
    if not times:
        return set()
    owner = f"{shown[0].get('owner_id')}_"
    there = {f"{one.get('owner_id')}_{one.get('id')}" for one in shown}
    return {name for name, at in recent.items() if name.startswith(owner) and name.count("_") == 1 and at > 0
            and name not in there and min(times) < at <= max(times)}


def _one(people: Mapping[Any, tuple[str, str]], below: str, one: dict[str, Any]) -> Post | None:
    """A post, a comment or a message."""
    number = ident(one, "id")
    if "peer_id" in one:
        if one.get("out"):
            return None
        native, url, account, replied = f"m_{ident(one, 'peer_id')}_{number}", "", None, None
    elif below or one.get("post_type") == "reply":
        place = below or f"{ident(one, 'owner_id')}_{ident(one, 'post_id')}"
        stack = one.get("parents_stack")
        above = [str(n) for n in stack if isinstance(n, int)][:1] if isinstance(stack, list) else []
        native = "_".join([place, *above, number])
        to = one.get("reply_to_comment")
        replied = place if not isinstance(to, int) or not to else "_".join([place, *(above if above != [str(to)] else []), str(to)])
        owner = place.partition("_")[0]
        account = _handle(people, int(owner)) if owner.lstrip("-").isdigit() else None
        url = f"https://vk.com/wall{place}?reply={number}" + (f"&thread={above[0]}" if above else "")
        if one.get("deleted"):
            return Post(network="vk", source="", native_id=native, text="", published_at=unix(one, "date"),
                        deleted_at=datetime.fromtimestamp(_date(one), UTC))
    else:
        native, replied, account = f"{ident(one, 'owner_id')}_{number}", None, None
        url = f"https://vk.com/wall{native}"
        if one.get("is_deleted") or (one.get("donut") and not one.get("text")):
            return None
        if one.get("owner_id") != one.get("from_id") and isinstance(one.get("owner_id"), int):
            account = _handle(people, one["owner_id"])  # a citizen's post on the community's wall
    origin = next(iter(parts(one, "copy_history")), {})
    said = "\n\n".join(filter(None, (words(one, "text"), words(origin, "text"))))
    marked = [_handle_of(found[1], found[2], people) for found in _MARKED.finditer(said)]
    text = clean_text(_MARKED.sub(r"\2", said)).strip()
    media, links = _attached([*parts(one, "attachments"), *parts(origin, "attachments")])
    if not text and not media:
        if not links:
            return None
        text = links[0]
    writer = one.get("from_id", one.get("owner_id"))
    name, handle = people.get(writer, ("", ""))
    return Post(
        network="vk", source="", native_id=native, text=text, published_at=unix(one, "date"), url=url,
        edited_at=unix(one, "edited") if one.get("edited") else unix(one, "update_time") if one.get("update_time") else None,
        author=Author(str(writer or ""), account_of_person(name, handle)), in_reply_to=replied, in_reply_to_account=account,
        mentions=tuple(dict.fromkeys([*marked, *mentions_of(text)])), hashtags=hashtags_of(text), links=tuple(links), media=media,
        repost_of=f"{origin.get('owner_id')}_{origin.get('id')}" if origin else None)


def _handle(people: Mapping[Any, tuple[str, str]], number: int) -> str:
    return "@" + (people.get(number, ("", ""))[1] or (f"club{-number}" if number < 0 else f"id{number}"))


def _handle_of(mark: str, label: str, people: Mapping[Any, tuple[str, str]]) -> str:
    """The account behind [club1|words]."""
    if re.fullmatch(r"@[\w.]+", label):
        return label
    number = int(re.sub(r"\D", "", mark))
    return _handle(people, number if mark.startswith("id") else -number)


def _attached(found: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[str]]:
    """Files by their lasting page, and links. The files' own addresses change from day to day."""
    media: dict[str, None] = {}
    links: list[str] = []
    for one in found:
        kind = words(one, "type")
        what = part(one, kind)
        if kind == "link":
            links.append(words(what, "url"))
        elif kind in ("photo", "video", "doc", "audio", "poll", "story", "clip") and isinstance(what.get("owner_id"), int):
            media[f"https://vk.com/{kind}{what['owner_id']}_{what.get('id')}"] = None
        elif kind in ("sticker", "graffiti", "audio_message", "album", "market"):
            media[f"{kind}:{what.get('id', what.get('sticker_id', ''))}"] = None
    return tuple(media), web_links(links)
