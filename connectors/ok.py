"""OK (Odnoklassniki): topics of a group, comments under its topics, photos and videos, and messages to it.

Requests are signed: https://apiok.ru/en/dev/methods . Errors come with HTTP 200: https://apiok.ru/en/dev/errors
Topics with their number of comments: https://apiok.ru/dev/methods/rest/group/group.getStatTopics , their words:
https://apiok.ru/dev/methods/rest/mediatopic/mediatopic.getByIds , other discussions: discussions.getList, comments:
https://apiok.ru/dev/methods/rest/discussions/discussions.getComments . Answering: discussions.addDiscussionComment, described in
https://github.com/apiok/documentation (docs/method) though the site no longer shows its page.
Messages: https://apiok.ru/en/dev/graph_api/bot_api (graph.user.chats, graph.chat.messages), with a token of the group. OK signs no
webhook, so none is taken: anybody could ring.

Comments have no list of changes: those of recent discussions are read anew in turn. OK writes their time as Moscow's clock.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from hashlib import md5
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr, model_validator

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit, Refused, fingerprint
from connectors.below import Thread, read_below
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
from connectors.fields import account_of_person, each, ident, items, part, parts, words
from connectors.graph import Gone
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from connectors.posting import post_once
from connectors.recheck import due, remembered, removed, still_there
from connectors.timeline import News, Page
from monitor.core.post import Author, Post

WHERE = "OK"
BELOW = 20
"""Requests of one poll for comments."""
CHATS = 10
"""Requests of one poll for messages."""
CHECKED, WATCHED = 3, 30
"""Recent discussions read anew in one poll although nothing says that they changed, of so many newest."""
OLDER = 30
"""Days by which a topic may be older than the beginning of a backfill, for its comments to be read."""
_MOSCOW = timezone(timedelta(hours=3))
_WAITS = {7: 3600.0, 8: 600.0, 11: 3600.0, 26: 3600.0}
"""Error to seconds: an action blocked for a while, flood, a limit of calls. OK does not say for how long."""
_REFUSED = {9, 10, 22, 23, 24, 50, 101, 102, 103, 104, 105, 200, 210, 401, 402, 403, 451, 453, 455, 456, 457, 458, 511, 514}
_CLOSED = {24, 455, 456, 457, 458}
"""Those of them that can be said of one discussion among others."""
_PASSING = {1, 2, 30, 31, 5000, 9999}
_GONE = {106, 141, 300, 700, 702, 705, 706}
_CANNOT = {3: NOT_ALLOWED, 10: NOT_ALLOWED, 24: NOT_ALLOWED, 50: NOT_ALLOWED, 200: NOT_ALLOWED, 454: NOT_ALLOWED, 455: CLOSED, 456: CLOSED,
           458: CLOSED, 601: TOO_LONG, 704: TOO_LATE, **dict.fromkeys(_GONE, GONE)}
_TOPIC = ",".join(f"media_topic.{field}" for field in ("ID", "CREATED_MS", "AUTHOR_REF", "OWNER_REF", "DISCUSSION_SUMMARY", "MEDIA",
                                                       "MEDIA_TYPE", "MEDIA_TEXT", "MEDIA_TITLE", "MEDIA_URL", "MEDIA_PHOTO_REFS",
                                                       "MEDIA_MOVIE_REFS"))
_COMMENT = ",".join(f"comment.{field}" for field in ("ID", "TEXT", "DATE", "TYPE", "AUTHOR_ID", "AUTHOR_NAME", "AUTHOR_REF", "REPLY_TO_ID",
                                                     "REPLY_TO_NAME", "REPLY_TO_COMMENT_ID"))
"""Only fields that are known to exist: one that does not makes OK refuse the whole request."""
_OTHERS = ("GROUP_PHOTO", "GROUP_MOVIE")
_ANSWERED = re.compile(r'"error_code"\s*:')


class Closed(BadPayload):
    """One discussion is closed to us, while the token is good for the others."""



class Ok:
    """One group: what its administrator's token reads, and the messages that its own token opens."""

    name: ClassVar[str] = "ok"
    poll_every: ClassVar[float] = 120.0
    max_requests_per_poll: ClassVar[int] = 3 + BELOW + CHECKED + 1 + CHATS
    limits: ClassVar[tuple[Limit, ...]] = (Limit("courtesy", 120, 60, ""),)
    """OK publishes no number: it counts calls by method and says when it is enough (errors 8 and 11)."""

    class Settings(ConnectorSettings):
        """Options of an ok source."""

        group: str = Field(pattern=r"^[0-9]{5,20}$", description="Number of the group (its settings show it)")
        username: str = Field(pattern=r"^@?[A-Za-z0-9._-]{2,60}$", description="Short name of the group, as in ok.ru/NAME")
        application_key: str = Field(default="", max_length=100, description="Public key of the application")
        token: SecretStr | None = Field(default=None, description="Access token of an administrator of the group, with VALUABLE_ACCESS and "
                                                                  "GROUP_CONTENT")
        application_secret: SecretStr | None = Field(default=None, description="Secret key of the application; or session_secret")
        session_secret: SecretStr | None = Field(default=None, description="session_secret_key that came with a lasting access token")
        bot_token: SecretStr | None = Field(default=None, description="Token of the group (Settings, Messages) for reading and answering "
                                                                      "messages to it")
        watch: int = Field(default=50, ge=1, le=100, description="Newest topics whose comments are read")
        others: bool = Field(default=True, description="Whether comments under the group's photos and videos are read")
        base_url: HttpUrl = Field(default=HttpUrl("https://api.ok.ru"), description="Address of the API")

        @model_validator(mode="after")
        def _something(self) -> Ok.Settings:
            if self.token is None and self.bot_token is None:
                raise ValueError("nothing to read: give token (comments), bot_token (messages), or both")
            if self.token is not None and (not self.application_key or (self.application_secret is None) == (self.session_secret is None)):
                raise ValueError("a token is used with application_key and one of application_secret and session_secret")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        self._base = str(settings.base_url).rstrip("/")
        self._handle = "@" + settings.username.lstrip("@")

    @property
    def account(self) -> str:
        """The tokens' fingerprint."""
        return fingerprint(*(one.get_secret_value() for one in (self._settings.token, self._settings.bot_token) if one is not None))

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Topics, comments below what has news and below what is due, then messages."""
        known = cursor if cursor.get("group") == self._settings.group else {}
        topics: list[Post] = []
        below = messages = News((), {}, (), False)
        recent: dict[str, int] = dict(known.get("recent", {}))
        gone: set[str] = set()
        damaged: list[Damaged] = []
        refused: list[Refused] = []
        if self._settings.token is not None:
            topics, threads, _ = await self._topics(http, damaged, {"count": str(self._settings.watch)})
            threads += await self._others(http, damaged, refused) if self._settings.others else []
            below = await read_below(threads, known.get("below", {}), partial(self._below, http, recent, gone), BELOW, newest_first=True)
            before = known.get("below", {}).get("seen", {})
            again = [one.id for one in threads if before.get(one.id) and before[one.id] == below.state["seen"].get(one.id) and (
                one.sign == before[one.id][0] or any(at > 0 and name.startswith(f"{one.id}/") for name, at in recent.items()))][:WATCHED]
            below = replace(below, posts=(*below.posts, *await self._again(http, again, recent, gone)))
        if self._settings.bot_token is not None:
            messages = await self._talks(http, known.get("messages", {}), damaged, refused)
        posts = {post.native_id: post for post in (*topics, *below.posts, *messages.posts)}
        gone = {name for name in gone if recent.get(name, -1) > 0 and name not in posts}
        recent = remembered(recent, (post for post in posts.values() if not post.native_id.startswith("chat:")), gone)
        deleted = (removed(self.name, one, recent[one], self._clock()) for one in sorted(gone) if one in recent)
        return Batch(tuple(replace(post, source=self.source) for post in (*still_there(recent, posts.values()), *deleted)),
                     {"group": self._settings.group, "below": below.state, "messages": messages.state, "recent": recent},
                     damaged=(*damaged, *below.damaged, *messages.damaged), more=below.more or messages.more,
                     refused=(*refused, *below.refused, *messages.refused))

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """A page of older topics and the comments below them; those below topics older than the beginning by OLDER days are left."""
        if self._settings.token is None:
            return Batch((), cursor)
        since, until = datetime.fromisoformat(cursor["since"]), datetime.fromisoformat(cursor["until"])
        work: list[list[str | None]] = [list(pair) for pair in cursor.get("work", ())]
        anchor = cursor.get("anchor")
        posts: list[Post] = []
        damaged: list[Damaged] = []
        if not work:
            posts, threads, older = await self._topics(http, damaged, {
                "start_time": str(int((since - timedelta(days=OLDER)).timestamp() * 1000)), "end_time": str(int(until.timestamp() * 1000)),
                "count": "20", **({"anchor": anchor} if anchor else {})})
            work = [[one.id, None] for one in threads if one.sign]
            anchor = older if older != anchor else None
        for _ in range(BELOW):
            if not work:
                break
            name, mark = work.pop(0)
            try:
                page, _besides = await self._comments(http, {}, set(), str(name), mark)
            except BadPayload as e:
                damaged.append(Damaged(str(e), e.payload))
                continue
            posts += page.posts
            damaged += page.damaged
            if page.older not in (None, mark) and page.span is not None and page.span[0] > since.timestamp():
                work.insert(0, [name, page.older])
        kept = {post.native_id: replace(post, source=self.source) for post in posts if since <= post.published_at <= until}
        return Batch(tuple(kept.values()), {"since": cursor["since"], "until": cursor["until"], "work": work, "anchor": anchor},
                     damaged=tuple(damaged), more=bool(work or anchor))

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """A message needs the group's token, a comment the administrator's."""
        token = self._settings.bot_token if post.native_id.startswith("chat:") else self._settings.token
        return NOT_ALLOWED if token is None else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """The group's official comment under the topic or comment, or a message into the chat."""
        if self.can_answer(post, post.published_at) is not None:
            raise CannotAnswer(NOT_ALLOWED)
        try:
            if post.native_id.startswith("chat:"):
                return await self._send(http, post.native_id.partition("/")[0], text)
            kind, number, *comment = post.native_id.split("/")
            asked = {"entityType": kind, "entityId": number, "comment": text, "as_admin": "true", "fields": "comment.ID",
                     **({"reply_to_comment_id": comment[0]} if comment else {})}
            done = await post_once(http, f"{self._base}/fb.do", data=self._signed("discussions.addDiscussionComment", asked))
            made = _checked(done.body)
        except Transient as e:
            raise Transient(str(e), e.payload, sent=True) from None
        except SourceError as e:
            told = _told(e)
            if (reason := _CANNOT.get(_code(told.payload))) is not None:
                raise CannotAnswer(reason) from None
            if isinstance(told, BadPayload) and not _ANSWERED.search(told.payload.decode("utf-8", "replace")):
                raise Transient(str(told), told.payload, sent=True) from None
            raise told from None
        told_as = made if isinstance(made, str) else words(part(made, "comment"), "id") or words(made, "id")
        if not told_as or len(told_as) > 200:
            raise Transient("OK: it took the answer, but does not say under which number", done.body, sent=True)
        return "/".join([kind, number, told_as])

    async def probe(self, http: Http) -> list[str]:
        """Which group the tokens open."""
        lines: list[str] = []
        if self._settings.token is not None:
            found = await self._ask(http, "group.getInfo", {"uids": self._settings.group, "fields": "uid,name"})
            group = next(iter(found if isinstance(found, list) else parts(found, "groups")), None)
            if not isinstance(group, dict):
                raise AuthError(f"OK: there is no group {self._settings.group}, or the token does not see it")
            name = one_line(words(group, "name"))[:60]
            try:
                await self._ask(http, "group.getStatTopics", {"gid": self._settings.group, "fields": "ID,COMMENTS", "count": "1"})
                lines.append(f"reads topics and comments of {self._handle} ({name})")
            except (AuthError, BadPayload) as e:
                lines.append(f"may not read topics and comments of {self._handle} ({e}); the token must be an administrator's, with GROUP_CONTENT")
        if self._settings.bot_token is not None:
            await self._graph(http, "me/chats", {"count": "1"})
            lines.append(f"reads and answers messages to {self._handle}")
        else:
            lines.append("may not read messages (no bot_token)")
        return lines

    def _signed(self, method: str, asked: Mapping[str, str]) -> dict[str, str]:
        """The form of a call: `sig` over all of it but the token."""
        form = {"application_key": self._settings.application_key, "format": "json", "method": method, **asked}
        token = self._settings.token.get_secret_value() if self._settings.token else ""
        if self._settings.session_secret is not None:
            secret = self._settings.session_secret.get_secret_value()
        else:
            assert self._settings.application_secret is not None  # the settings see to it
            secret = _md5(token + self._settings.application_secret.get_secret_value())
        return {**form, "sig": signature(form, secret), "access_token": token}

    async def _ask(self, http: Http, method: str, asked: Mapping[str, str]) -> Any:
        try:
            answer = await http.post(f"{self._base}/fb.do", data=self._signed(method, asked))
        except SourceError as e:
            raise _told(e) from None
        return _checked(answer.body)

    async def _graph(self, http: Http, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """The token goes where the documentation puts it, into the address; what quotes addresses hides it."""
        token = self._settings.bot_token.get_secret_value() if self._settings.bot_token else ""
        try:
            answer = await http.get(f"{self._base}/graph/{path}", params={"access_token": token, **asked})
        except SourceError as e:
            raise _told(e) from None
        found = _checked(answer.body)
        if not isinstance(found, dict):
            raise BadPayload("OK: the answer is no JSON object", answer.body)
        return found

    async def _topics(self, http: Http, damaged: list[Damaged], asked: Mapping[str, str]) -> tuple[list[Post], list[Thread], str | None]:
        """A page of topics, newest first: their words, how many comments each has, and what asks for the next page."""
        listed = await self._ask(http, "group.getStatTopics", {"gid": self._settings.group, "fields": "ID,CREATED_MS,COMMENTS", **asked})
        shown = items(listed if isinstance(listed, dict) else {}, "topics", WHERE, json.dumps(listed).encode())
        names = [name for one in shown if isinstance(one, dict) and (name := words(one, "id")).isascii() and name.isdigit()]
        if shown and not names:
            raise BadPayload("OK: none of the topics has a number", json.dumps(listed).encode())
        if not names:
            return [], [], None
        told = await self._ask(http, "mediatopic.getByIds", {"topic_ids": ",".join(names), "media_limit": "3",
                                                             "fields": f"{_TOPIC},user.UID,user.NAME"})
        told = told if isinstance(told, dict) else {}
        people = {words(one, "uid"): words(one, "name") for one in parts(part(told, "entities"), "users")}
        posts, lost = each(items(told, "media_topics", WHERE, json.dumps(told).encode()),
                           lambda one: topic(one, self._settings.group, self._handle, people), WHERE)
        damaged += lost
        # Statistics may lag behind: what either of the two counts is news.
        counts = {words(one, "id"): _sign(one.get("comments")) for one in parts(listed, "topics")}
        for one in parts(told, "media_topics"):
            name, summed = words(one, "id"), _sign(part(one, "discussion_summary").get("comments_count"))
            counts[name] = "/".join(filter(None, (counts.get(name), summed)))
        return posts, [Thread(f"GROUP_TOPIC/{name}", counts[name]) for name in names], _anchor(listed)

    async def _others(self, http: Http, damaged: list[Damaged], refused: list[Refused]) -> list[Thread]:
        """The group's photos and videos under which something was said. The account may be in other groups: they are left alone."""
        try:
            found = await self._ask(http, "discussions.getList", {
                "category": "GROUP", "types": ",".join(_OTHERS), "count": "50",
                "fields": "discussion.OBJECT_TYPE,discussion.OBJECT_ID,discussion.LAST_ACTIVITY_DATE_MS,discussion.REF_OBJECTS,group.UID"})
        except AuthError as e:  # the topics could be read: they are not held up
            refused.append(Refused("feed", f"photos and videos of the group cannot be read: {e}"))
            return []
        except BadPayload as e:
            damaged.append(Damaged(f"photos and videos of the group cannot be read: {e}", e.payload))
            return []
        listed = items(found, "discussions", WHERE, json.dumps(found).encode()) if isinstance(found, dict) and "discussions" in found else []
        threads: list[Thread] = []
        for one in listed:
            ours = any(words(ref, "type") == "GROUP" and words(ref, "id") == self._settings.group for ref in parts(one, "ref_objects"))
            kind, number = words(one, "object_type"), words(one, "object_id")
            if ours and kind in _OTHERS and number.isascii() and number.isdigit():
                threads.append(Thread(f"{kind}/{number}", _sign(one.get("last_activity_date_ms"))))
        return threads

    async def _below(self, http: Http, recent: Mapping[str, int], gone: set[str], name: str, mark: str | None
                     ) -> tuple[Page, Sequence[str]]:
        """The same where what is refused is to be declared: `read_below` makes a hole of its own of it."""
        try:
            return await self._comments(http, recent, gone, name, mark)
        except Closed as e:
            raise AuthError(str(e), e.payload) from None

    async def _comments(self, http: Http, recent: Mapping[str, int], gone: set[str], name: str, mark: str | None
                        ) -> tuple[Page, Sequence[str]]:
        """A page of comments, newest first. Known ones of its time that it lacks are gone."""
        kind, number = name.split("/")
        try:
            found = await self._ask(http, "discussions.getComments", {
                "discussionId": number, "discussionType": kind, "anchor": mark or "LAST", "direction": "BACKWARD", "count": "100",
                "fields": _COMMENT})
        except AuthError as e:
            if _code(e.payload) in _CLOSED:  # this discussion, not the token
                raise Closed(f"{name}: {e}", e.payload) from None
            raise
        if not isinstance(found, dict) or not ({"comments", "discussionId", "anchor", "has_more"} & found.keys()):
            raise BadPayload("OK: the answer is no page of comments", json.dumps(found).encode())
        # A discussion without any has no list at all.
        posts, damaged = each(found.get("comments") or [], lambda one: comment(one, name, self._settings.group, self._handle), WHERE)
        moments = [int(post.published_at.timestamp()) for post in posts]
        span = (min(moments), max(moments)) if moments else None
        older = _anchor(found)
        if not damaged and (span or mark is None):
            there = {post.native_id for post in posts}
            gone |= {one for one, at in recent.items() if one.startswith(f"{name}/") and at > 0 and one not in there
                     and (mark is None or span is None or at <= span[1])
                     and ((older is None and mark is None) or (span is not None and span[0] < at))}
        return Page(tuple(posts), older, span, tuple(damaged)), ()

    async def _again(self, http: Http, names: Sequence[str], recent: Mapping[str, int], gone: set[str]) -> list[Post]:
        """Comments of some discussions, though their number is the same: what was edited."""
        posts: list[Post] = []
        for name in due(dict.fromkeys(names, 0), CHECKED, self._clock(), self.poll_every):
            try:
                page, _ = await self._comments(http, recent, gone, name, None)
            except BadPayload:
                continue  # it is asked again when its turn comes, and was readable when it last had news
            posts += page.posts
        return posts

    async def _talks(self, http: Http, known: Mapping[str, Any], damaged: list[Damaged], refused: list[Refused]) -> News:
        """What is new in the chats. A group's token that is refused holds up no comments."""
        try:
            chats, lost = await self._chats(http)
            damaged += lost
            return await read_below(chats, known, partial(self._messages, http), CHATS, newest_first=True)
        except (AuthError, BadPayload) as e:
            if self._settings.token is None:
                raise
            if isinstance(e, AuthError):
                refused.append(Refused("messages", f"messages to the group cannot be read: {e}"))
            else:
                damaged.append(Damaged(f"messages to the group cannot be read: {e}", e.payload))
            return News((), dict(known), (), False)

    async def _chats(self, http: Http) -> tuple[list[Thread], list[Damaged]]:
        """Chats in the order of their last event."""
        found = await self._graph(http, "me/chats", {"count": "100"})
        threads: list[Thread] = []
        damaged: list[Damaged] = []
        for one in items(found, "chats", WHERE, json.dumps(found).encode()):
            name = words(one, "chat_id")
            if re.fullmatch(r"chat:[\w-]{1,100}", name):
                threads.append(Thread(name, _sign(one.get("lastEventTime"))))
            else:
                damaged.append(Damaged("OK: a chat without a number", json.dumps(one, default=str).encode()))
        return threads, damaged

    async def _messages(self, http: Http, chat: str, mark: str | None) -> tuple[Page, Sequence[str]]:
        """A page of a chat's messages, newest first; `from` is the newest time asked for."""
        found = await self._graph(http, f"{chat}/messages", {"count": "100", **({"from": mark} if mark else {})})
        listed = items(found, "messages", WHERE, json.dumps(found).encode())
        posts, damaged = each(listed, lambda one: message(one, chat, self._handle), WHERE)
        stamps = [at for one in listed if isinstance(one, dict) and (at := _millis(one.get("timestamp")))]
        oldest = str(min(stamps)) if len(listed) >= 100 and stamps else None
        return Page(tuple(posts), oldest, (min(stamps) // 1000, max(stamps) // 1000) if stamps else None, tuple(damaged)), ()

    async def _send(self, http: Http, chat: str, text: str) -> str:
        token = self._settings.bot_token.get_secret_value() if self._settings.bot_token else ""
        done = await post_once(http, f"{self._base}/graph/{chat}/messages?access_token={token}",
                               json={"recipient": {"chat_id": chat}, "message": {"text": text}})
        made = _checked(done.body)
        success = made.get("success") if isinstance(made, dict) else None
        if success is False or success == [False]:
            raise CannotAnswer(NO_DIALOGUE)
        return f"{chat}/{words(made, 'message_id') or fingerprint(chat, text, str(self._clock()))}"


def signature(form: Mapping[str, str], secret: str) -> str:
    """MD5 of the sorted key=value and the secret, in lower case: https://apiok.ru/en/dev/methods"""
    return _md5("".join(f"{key}={form[key]}" for key in sorted(form)) + secret)


def parse(body: bytes, discussion: str = "GROUP_TOPIC/0") -> list[Post]:
    """The comments of an answer of discussions.getComments."""
    found = _checked(body)
    listed = items(found if isinstance(found, dict) else {}, "comments", WHERE, body)
    return each(listed, lambda one: comment(one, discussion, "", "@group"), WHERE)[0]


def topic(one: dict[str, Any], group: str, handle: str, people: Mapping[str, str]) -> Post | None:
    """A topic; a citizen's in the group is said to the group."""
    number, writer = ident(one, "id"), words(one, "author_ref")
    blocks = parts(one, "media")
    text = "\n\n".join(filter(None, (words(block, key) for block in blocks for key in ("title", "text"))))
    links = web_links(words(block, "url") for block in blocks)
    media = tuple(dict.fromkeys(ref for block in blocks for key in ("photo_refs", "movie_refs") if isinstance(block.get(key), list)
                                for ref in block[key] if isinstance(ref, str) and 0 < len(ref) < 200))
    if not text and not media:
        if not links:
            return None
        text = links[0]
    own = writer in ("", f"group:{group}")
    person = writer.removeprefix("user:")
    author = Author(group, handle) if own else Author(person, account_of_person(people.get(person, ""), ""))
    return Post(network="ok", source="", native_id=f"GROUP_TOPIC/{number}", text=text, published_at=_moment(one.get("created_ms"), "created_ms"),
                url=f"https://ok.ru/group/{group}/topic/{number}", author=author, in_reply_to_account=None if own else handle,
                mentions=mentions_of(text), hashtags=hashtags_of(text), links=tuple(links), media=media)


def comment(one: dict[str, Any], discussion: str, group: str, handle: str) -> Post:
    """A comment. One without words is a picture or a sticker."""
    number, text = ident(one, "id"), words(one, "text")
    if "/" in number:
        raise ValueError("id is no number of a comment")
    writer, above = words(one, "author_id"), words(one, "reply_to_comment_id")
    own = words(one, "author_ref") == f"group:{group}" or (writer != "" and writer == group)
    kind, _, subject = discussion.partition("/")
    return Post(network="ok", source="", native_id=f"{discussion}/{number}", text=text, published_at=_said_at(one),
                url=f"https://ok.ru/group/{group}/topic/{subject}" if kind == "GROUP_TOPIC" and group else "",
                author=Author(group, handle) if own else Author(writer, account_of_person(words(one, "author_name"), "")),
                in_reply_to=f"{discussion}/{above}" if above else discussion, in_reply_to_account=handle,
                mentions=mentions_of(text), hashtags=hashtags_of(text), media=() if text else (f"attachment:{number}",))


def message(one: dict[str, Any], chat: str, handle: str) -> Post | None:
    """A person's message to the group; what the group or OK itself says there is none."""
    sender, said = part(one, "sender"), part(one, "message")
    writer = words(sender, "user_id")
    if not writer.startswith("user:"):
        return None
    number, text = ident(said, "mid"), words(said, "text")
    attached = [*parts(said, "attachments"), *([part(said, "attachment")] if part(said, "attachment") else [])]
    links = web_links(words(part(found, "payload"), "url") for found in attached if words(found, "type") == "SHARE")
    media = tuple(f"{words(found, 'type').lower()}:{number}" for found in attached if words(found, "type") not in ("", "SHARE", "INLINE_KEYBOARD"))
    if not text and not media:
        if not links:
            return None
        text = links[0]
    return Post(network="ok", source="", native_id=f"{chat}/{number}", text=text, published_at=_moment(one.get("timestamp"), "timestamp"),
                author=Author(writer.removeprefix("user:"), account_of_person(words(sender, "name"), "")), in_reply_to_account=handle,
                mentions=mentions_of(text), hashtags=hashtags_of(text), links=tuple(links), media=media)


def _anchor(found: Mapping[str, Any]) -> str | None:
    """What asks for the next page; None on the last one."""
    anchor = found.get("anchor")
    return anchor if found.get("has_more") is True and isinstance(anchor, str) and 0 < len(anchor) <= 1000 else None


def _checked(body: bytes) -> Any:
    """What an answer holds. Raises what an error in it stands for."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise BadPayload("OK: the answer is not JSON", body) from e
    if isinstance(found, dict) and "error_code" in found:
        raise error_of(found, body)
    if not isinstance(found, dict | list | str):
        raise BadPayload("OK: the answer is neither an object nor a list", body)
    return found


def error_of(told: Mapping[str, Any], body: bytes) -> SourceError:
    """The one table of errors inside a body: https://apiok.ru/en/dev/errors"""
    code = told.get("error_code")
    said = f"OK: error {code}: {one_line(str(told.get('error_msg') or 'no message'))[:200]}"
    if not isinstance(code, int) or isinstance(code, bool):
        return BadPayload(said, body)
    if code in _WAITS:
        return RateLimited(said, _WAITS[code], body)
    if code in _REFUSED:
        return AuthError(f"{said}; get a new token" if code in (102, 103) else said, body)
    if code in _PASSING:
        return Transient(said, body)
    return Gone(said, body) if code in _GONE else BadPayload(said, body)


def _told(error: SourceError) -> SourceError:
    """`error` as its body explains it; itself where it does not."""
    try:
        found = json.loads(error.payload)
    except (ValueError, RecursionError):
        return error
    return error_of(found, error.payload) if isinstance(found, dict) and "error_code" in found else error


def _code(payload: bytes) -> int:
    try:
        return int(json.loads(payload)["error_code"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0


def _said_at(one: Mapping[str, Any]) -> datetime:
    """When a comment was written: milliseconds where there are some, else "2026-03-01 10:15:30" by Moscow's clock."""
    for key in ("date_ms", "created_ms"):
        if _millis(one.get(key)):
            return _moment(one[key], key)
    said = one.get("date")
    if not isinstance(said, str):
        raise ValueError("no date")
    return _moment(int(datetime.strptime(said, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_MOSCOW).timestamp() * 1000), "date")


def _moment(value: Any, key: str) -> datetime:
    at = _millis(value)
    if not at:
        raise ValueError(f"{key} is no time")
    return datetime.fromtimestamp(at / 1000, UTC)


def _millis(value: Any) -> int:
    """Milliseconds since 1970, from 2006 (OK's first year) on; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 1_130_000_000_000 < value < 7_200_000_000_000 else 0


def _sign(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else ""


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
