"""Telegram as a bot sees it: messages to it, groups it is in, channels it administers. https://core.telegram.org/bots/api

One poller serves the connector and our bots (Telegram gives each update to one consumer): what is meant for the bots
comes as Inbound beside the posts. The cursor is the offset, and `getUpdates` with an offset confirms all before it, so
an update is confirmed by the poll after the one whose posts were committed.

Comments of a channel are messages of its linked discussion group: Telegram copies each post of the channel there, and a
comment answers the copy. A comment brings its copy along, so the post it is about is known also where the bot came later.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr
from telegram import (
    Chat,
    Message,
    MessageEntity,
    MessageOriginChannel,
    MessageOriginChat,
    Update,
    User,
)

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Inbound, Limit
from connectors.errors import (
    CLOSED,
    GONE,
    NO_DIALOGUE,
    NOT_ALLOWED,
    TOO_LONG,
    AuthError,
    BadPayload,
    CannotAnswer,
    RateLimited,
    SourceError,
    Transient,
    error_for,
)
from connectors.markup import hashtags_of, mentions_of, one_line, tidy
from connectors.posting import post_once
from monitor.core.post import Author, Post, as_utc, clean_text

UPDATES = ("message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "my_chat_member")
LIMIT = 100
_MESSAGES = UPDATES[:4]
_FAQ = "https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this"
_WORDS = ("message_id", "date", "edit_date", "chat", "from", "sender_chat", "text", "entities", "caption",
          "caption_entities", "message_thread_id", "rich_message")
_RICH = "rich_message"
"""Bot API 10.1; the library does not know it yet and keeps it in `api_kwargs`."""
_IDLE = 6 * 86400.0
"""Seconds without updates after which update ids may start anew at a random number ("at least a week" by the API)."""
_HANDLE = re.compile(r"^@?[A-Za-z0-9_]+$")
_NATIVE = re.compile(r"^(-?[0-9]{1,19})/([0-9]{1,19})$")
_CONTEXT = 7 * 86400
"""Seconds: how old a channel's post may be to be kept for a comment's sake; an older one is history, and would take a number today."""
LONGEST = 4096
"""Characters of one message: https://core.telegram.org/bots/api#sendmessage"""
_SAID = (
    ("message is too long", TOO_LONG), ("message to be replied not found", GONE), ("replied message not found", GONE),
    ("upgraded to a supergroup", GONE), ("group chat was deleted", GONE), ("topic_closed", CLOSED), ("topic_deleted", GONE),
    ("can't initiate conversation", NO_DIALOGUE), ("blocked by the user", NO_DIALOGUE), ("user is deactivated", NO_DIALOGUE),
    ("can't send messages to bots", NO_DIALOGUE), ("not enough rights", NOT_ALLOWED), ("have no rights", NOT_ALLOWED),
    ("need administrator rights", NOT_ALLOWED), ("chat_write_forbidden", NOT_ALLOWED), ("chat_restricted", NOT_ALLOWED),
    ("bot was kicked", NOT_ALLOWED), ("bot is not a member", NOT_ALLOWED), ("forbidden", NOT_ALLOWED),
)
"""Words of sendMessage's `description` where a post cannot be answered: the API has no codes for these. Words that are not
known here are an error, and a person looks."""


class Telegram:
    """One bot."""

    name: ClassVar[str] = "telegram"
    poll_every: ClassVar[float] = 0.5
    max_requests_per_poll: ClassVar[int] = 1
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("messages", 30, 1, _FAQ, cost=0, costs={"/sendMessage": 1}),
        Limit("group", 20, 60, _FAQ, cost=0, costs={"/sendMessage": 1}),
    )
    """Of sending only; those for one chat and one group are kept for all of them together."""

    class Settings(ConnectorSettings):
        """Options of a telegram source."""

        token: SecretStr = Field(description="The bot's token, as BotFather gave it")
        api_url: HttpUrl = Field(default=HttpUrl("https://api.telegram.org"),
                                 description="Address of the Bot API server; a local one keeps files in the country")
        long_poll: int = Field(default=25, ge=0, le=50, description="Seconds that the server holds a request open "
                                                                    "while nothing is new; 0: it answers at once")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._token = settings.token
        self._api = str(settings.api_url).rstrip("/")
        self._long_poll = settings.long_poll
        self._clock = clock

    @property
    def account(self) -> str:
        """The bot's own id, the public part of its token."""
        return self._token.get_secret_value().partition(":")[0]

    @property
    def waits(self) -> float:
        """Seconds that a request stays open while nothing is new."""
        return float(self._long_poll)

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new since the committed cursor; asking with it confirms what came before."""
        token, bot = self._token.get_secret_value(), self.account
        known = cursor if cursor.get("bot") == bot else {}
        asked: dict[str, Any] = {"timeout": self._long_poll, "limit": LIMIT, "allowed_updates": list(UPDATES)}
        if "offset" in known and self._clock() - known.get("at", 0) < _IDLE:
            asked["offset"] = known["offset"]
        try:
            answer = await http.post(f"{self._api}/bot{token}/getUpdates", json=asked, timeout=self._long_poll + 15.0)
        except SourceError as e:
            raise _documented(e) from None
        updates = updates_of(answer.body)
        posts, inbound, damaged, linked = _sorted_out(updates, self.source, bot, known.get("linked") or {})
        offset = updates[-1]["update_id"] + 1 if updates else known.get("offset")
        if offset == known.get("offset") and linked == (known.get("linked") or {}):
            return Batch(posts, cursor, inbound, damaged)
        moved = {"bot": bot, "offset": offset, "at": int(self._clock()), "linked": linked}
        return Batch(posts, {name: value for name, value in moved.items() if value}, inbound, damaged,
                     more=len(updates) >= LIMIT)

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """A bot writes where it was written to: chats whose messages it received. Others have no number of a chat."""
        return None if _NATIVE.match(post.native_id) else NO_DIALOGUE

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Reply to the message in its own chat; under a channel's post that is its discussion group."""
        named = _NATIVE.match(post.native_id)
        if named is None:
            raise CannotAnswer(NO_DIALOGUE)
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        sent = {"chat_id": int(named[1]), "text": text, "reply_parameters": {"message_id": int(named[2])}}
        try:
            answer = await post_once(http, f"{self._api}/bot{self._token.get_secret_value()}/sendMessage", json=sent)
            made = _result(answer.body)
        except SourceError as e:
            raise _refused(e, int(named[1]) > 0) from None
        number = made.get("message_id") if isinstance(made, dict) else None
        if type(number) is not int:
            raise Transient("Telegram: it took the answer, but does not say under which number", answer.body, sent=True)
        return f"{named[1]}/{number}"

    async def file(self, http: Http, file: str) -> bytes:
        """A photo by its file_id, which this bot alone may use. https://core.telegram.org/bots/api#getfile"""
        token = self._token.get_secret_value()
        try:
            found = _result((await http.post(f"{self._api}/bot{token}/getFile", json={"file_id": file})).body)
        except SourceError as e:
            raise _documented(e) from None
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str) or ".." in path or not path.isprintable():
            raise BadPayload("Telegram: getFile names no file")
        return (await http.get(f"{self._api}/file/bot{token}/{path}")).body

    async def probe(self, http: Http) -> list[str]:
        """Which bot the token is, and whether it sees groups."""
        try:
            answer = await http.post(f"{self._api}/bot{self._token.get_secret_value()}/getMe", json={})
            me = _result(answer.body)
        except SourceError as e:
            raise _documented(e) from None
        if not isinstance(me, dict):
            raise BadPayload("Telegram: the answer of getMe is no user", answer.body)
        reads = me.get("can_read_all_group_messages")
        return [f"is the bot @{one_line(str(me.get('username')))[:64]}",
                "reads all messages of its groups" if reads else
                "may not read groups unless it is an administrator there (privacy mode is on: @BotFather, /setprivacy)"]


def _result(body: bytes) -> Any:
    """What a method gave back. Raises what an error in the body stands for, BadPayload for damage."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise BadPayload("Telegram: the answer is not JSON; is api_url a Bot API server?", body) from e
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise BadPayload("Telegram: the answer is none of the Bot API; is api_url a Bot API server?", body)
    if not answer["ok"]:
        raise _failed(answer, body)
    return answer.get("result")


def updates_of(body: bytes) -> list[dict[str, Any]]:
    """The updates of an answer of getUpdates, in their order."""
    updates = _result(body)
    if not isinstance(updates, list) or not all(
            isinstance(u, dict) and type(u.get("update_id")) is int and 0 <= u["update_id"] < 2**63 for u in updates):
        raise BadPayload("Telegram: the answer holds no list of updates", body)
    return sorted(updates, key=lambda u: int(u["update_id"]))


def parse(body: bytes, source: str = "", bot: str = "") -> list[Post]:
    """The posts in an answer of getUpdates."""
    return list(_sorted_out(updates_of(body), source, bot, {})[0])


def _documented(error: SourceError) -> SourceError:
    """`error` as the Bot API explains it in its body: `error_code`, `description`, `parameters.retry_after`."""
    try:
        answer = json.loads(error.payload)
    except (ValueError, RecursionError):
        return error
    return _failed(answer, error.payload) if isinstance(answer, dict) and answer.get("ok") is False else error


def _refused(error: SourceError, private: bool) -> Exception:
    """Why an answer did not go out. 403 is about one chat and not about the token (that is 401)."""
    try:
        answer = json.loads(error.payload)
        code, said = answer["error_code"], str(answer["description"]).lower()
    except (ValueError, RecursionError, LookupError, TypeError):
        return error
    if code in (400, 403):
        reason = next((reason for words, reason in _SAID if words in said), None)
        if "chat not found" in said:
            reason = NO_DIALOGUE if private else NOT_ALLOWED
        if reason is not None:
            return CannotAnswer(reason)
    failed = _failed(answer, error.payload)
    return Transient(str(failed), error.payload, sent=True) if isinstance(failed, Transient) and code >= 500 else failed


def _failed(answer: Mapping[str, Any], body: bytes) -> SourceError:
    code, said = answer.get("error_code"), one_line(str(answer.get("description") or "no description"))[:200]
    parameters = answer.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if not isinstance(code, int):
        return BadPayload(f"Telegram: an error without a code: {said}", body)
    if code in (401, 404):  # 404 is its answer to a token of the wrong form
        return AuthError("Telegram: the token is not valid; ask @BotFather for the current one", body)
    if code == 409:
        return Transient(f"Telegram: {said}; another program (or a webhook) takes this bot's updates: stop it", body)
    if code == 429:
        known = isinstance(wait, int | float) and math.isfinite(wait)
        return RateLimited(f"Telegram: {said}", max(float(wait or 0), 0.0) if known else 5.0, body)
    return error_for(code, f"Telegram: {code} {said}", None, body)


def _sorted_out(updates: Iterable[dict[str, Any]], source: str, bot: str, linked: Mapping[str, str]) -> tuple[
        tuple[Post, ...], tuple[Inbound, ...], tuple[Damaged, ...], dict[str, str]]:
    """Posts, messages for the bots, unreadable updates, and which channel each discussion group belongs to."""
    posts: list[Post] = []
    inbound, damaged = [], []
    channels = dict(linked)
    for raw in updates:
        try:
            post, for_bots = _sorted(raw, source, bot, channels)
        except Exception as e:  # whatever the library trips over in one update must not hold up the others
            damaged.append(Damaged(f"Telegram: update {raw['update_id']} cannot be read ({type(e).__name__}: "
                                   f"{str(e)[:100]})", json.dumps(raw).encode()))
            try:
                post, for_bots = _sorted(_plainest(raw), source, bot, channels)
            except Exception:  # noqa: S112 - the words are unreadable too; the update is kept aside, see above
                continue
        if for_bots:
            inbound.append(Inbound(str(raw["update_id"]), raw))
        if post is not None:
            about = _context(raw, source, bot, channels)
            if about is not None and not any(about.native_id == known.native_id for known in posts):
                posts.append(about)
            posts.append(replace(post, raw=raw))
    return tuple(posts), tuple(inbound), tuple(damaged), channels


def _context(raw: Mapping[str, Any], source: str, bot: str, channels: Mapping[str, str]) -> Post | None:
    """The channel's post that a comment answers, from the copy that it carries; the store knows it where it came by itself."""
    comment = raw.get("message")
    comment = comment if isinstance(comment, dict) else {}
    copied = comment.get("reply_to_message")
    if not isinstance(copied, dict) or copied.get("is_automatic_forward") is not True:
        return None
    try:
        fresh = comment["date"] - copied["date"] <= _CONTEXT
        return _post(Message.de_json(copied, None), source, bot, channels) if fresh else None
    except Exception:  # the comment itself was read; a copy that cannot be is the library's business, not a lost post
        return None


def _sorted(raw: Mapping[str, Any], source: str, bot: str, channels: dict[str, str]) -> tuple[Post | None, bool]:
    """The post in an update, and whether the update is for our bots."""
    update = Update.de_json(dict(raw), None)
    message = update.message or update.edited_message or update.channel_post or update.edited_channel_post
    if message is None:
        return None, True
    _learn(message, channels)
    return _post(message, source, bot, channels), _for_bots(message)


def _plainest(raw: Mapping[str, Any]) -> dict[str, Any]:
    """An update whose message has only its words left: what a newer or older server adds must not cost a post."""
    return {kind: {name: value for name, value in part.items() if name in _WORDS} if isinstance(part, dict) else part
            for kind, part in raw.items() if kind in ("update_id", *_MESSAGES)}


def _for_bots(message: Message) -> bool:
    """Private messages, commands, and a group that became a supergroup (its id in our tables is another then)."""
    return bool(message.chat.type == Chat.PRIVATE or _command(message) or message.migrate_to_chat_id)


def _command(message: Message) -> str:
    """The command that a message begins with, or ""."""
    first = next((e for e in message.entities if e.type == MessageEntity.BOT_COMMAND and e.offset == 0), None)
    return message.parse_entity(first) if first is not None else ""


def _learn(message: Message, channels: dict[str, str]) -> None:
    """Remember the channel of a discussion group, from the channel's own posts that Telegram copies into it."""
    for copy in (message, message.reply_to_message):
        if copy is not None and copy.is_automatic_forward and copy.sender_chat is not None:
            channels[str(message.chat.id)] = _account(copy.sender_chat)
    if message.migrate_to_chat_id and str(message.chat.id) in channels:
        channels[str(message.migrate_to_chat_id)] = channels.pop(str(message.chat.id))


def _post(message: Message, source: str, bot: str, channels: Mapping[str, str]) -> Post | None:
    """The post that a message is; None for what bots say, for commands, and for notices ("joined the group")."""
    sender, chat = message.from_user, message.sender_chat
    if chat is None and sender is not None and sender.is_bot:
        return None
    if message.via_bot is not None and str(message.via_bot.id) == bot:
        return None
    text, media, command = _words(message), _media(message), _command(message)
    if command and (message.chat.type == Chat.PRIVATE or text == command):
        return None
    if not text and not media:
        if message.api_kwargs:
            raise LookupError(f"it holds only {', '.join(sorted(message.api_kwargs))[:60]}, which is not read yet")
        return None
    text = clean_text(text)
    writer = chat or sender
    author = Author(str(writer.id), _display(writer)) if writer is not None else Author()
    replied, account = _reply(message, channels)
    mentions, hashtags, links = _named(message)
    if _RICH in message.api_kwargs:
        mentions, hashtags = mentions_of(text), hashtags_of(text)
    return Post(
        network="telegram", source=source, native_id=f"{message.chat.id}/{message.message_id}", text=text,
        published_at=as_utc(message.date), url=message.link or "",
        edited_at=as_utc(message.edit_date) if message.edit_date else None, author=author,
        in_reply_to=replied, in_reply_to_account=account, mentions=mentions, hashtags=hashtags, links=links, media=media,
        files=(message.photo[-1].file_id, *("" for _ in media[1:])) if message.photo else (), repost_of=_origin(message),
    )


def _words(message: Message) -> str:
    """Text or caption; the question and choices of a poll; a checklist; the name of a place."""
    if message.text or message.caption:
        return message.text or message.caption or ""
    if _RICH in message.api_kwargs:
        return tidy(_rich(message.api_kwargs[_RICH]))
    if message.checklist is not None:
        return "\n".join([message.checklist.title, *(f"- {task.text}" for task in message.checklist.tasks)])
    if message.poll is not None:
        return "\n".join([message.poll.question, *(f"- {option.text}" for option in message.poll.options)])
    if message.venue is not None:
        return f"{message.venue.title}\n{message.venue.address}"
    return ""


def _rich(part: Any, between: str = "") -> str:
    """The words of a RichMessage: blocks on lines of their own, pieces of text as they follow each other."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return between.join(words for one in part if (words := _rich(one, between)))
    if not isinstance(part, dict):
        return ""
    found = [_rich(part.get(name)) for name in ("summary", "text", "alternative_text", "expression")]
    found += [_rich(part.get(name), "\n") for name in ("blocks", "items", "cells", "caption", "credit")]
    return "\n".join(filter(None, found))


def _media(message: Message) -> tuple[str, ...]:
    """What is attached, by ids that stay the same for every reader (file_unique_id), so that a repeat is a repeat."""
    found = []
    if message.photo:
        found.append(f"photo:{message.photo[-1].file_unique_id}")
    for kind in ("video", "animation", "document", "audio", "voice", "video_note", "sticker", "live_photo"):
        file = getattr(message, kind)
        if file is not None and not (kind == "document" and message.animation is not None):
            found.append(f"{kind}:{file.file_unique_id}")
    if message.paid_media is not None:
        found += [f"paid:{number}" for number, _ in enumerate(message.paid_media.paid_media, 1)]
    if message.location is not None:
        found.append(f"location:{message.location.latitude:.6f},{message.location.longitude:.6f}")
    return tuple(found)


def _named(message: Message) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Mentions, hashtags and links, as Telegram's own entities mark them."""
    marked = {**message.parse_entities(), **message.parse_caption_entities()}
    mentions: dict[str, None] = {}
    hashtags: dict[str, None] = {}
    links: dict[str, None] = {}
    for entity, words in sorted(marked.items(), key=lambda pair: pair[0].offset):
        words = clean_text(words)
        if entity.type == MessageEntity.MENTION and _HANDLE.match(words):
            mentions[words] = None
        elif entity.type == MessageEntity.TEXT_MENTION and entity.user is not None and entity.user.username:
            mentions[f"@{entity.user.username}"] = None
        elif entity.type == MessageEntity.HASHTAG:
            hashtags[words] = None
        elif entity.type == MessageEntity.URL:
            links[words if "://" in words else f"http://{words}"] = None
        elif entity.type == MessageEntity.TEXT_LINK and entity.url:
            links[entity.url] = None
    return tuple(mentions), tuple(hashtags), tuple(links)


def _reply(message: Message, channels: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The post that a message answers, and the account under whose post it stands: in a discussion group that is the
    channel, also where one citizen answers another below its post."""
    channel = channels.get(str(message.chat.id))
    answered, elsewhere = message.reply_to_message, message.external_reply
    if answered is not None and message.is_topic_message and answered.message_id == message.message_thread_id:
        answered = None  # every message of a topic names the notice that opened it: no answer to who did
    if answered is not None:
        account: str | None = channel
        if answered.sender_chat is not None and (not channel or answered.sender_chat.id != message.chat.id):
            account = _account(answered.sender_chat)
        elif not channel and answered.from_user is not None and answered.from_user.username:
            account = f"@{answered.from_user.username}"
        return f"{answered.chat.id}/{answered.message_id}", account
    if elsewhere is not None:
        origin = (elsewhere.chat or getattr(elsewhere.origin, "chat", None)
                  or getattr(elsewhere.origin, "sender_chat", None))
        replied = f"{origin.id}/{elsewhere.message_id}" if origin is not None and elsewhere.message_id else None
        return replied, _account(origin) if origin is not None else None
    if message.message_thread_id and not message.is_topic_message and channel:
        return f"{message.chat.id}/{message.message_thread_id}", channel  # the thread is named by the copy it stands under
    return None, None


def _origin(message: Message) -> str | None:
    """The post that a forwarded message repeats; "forwarded" where its author hides."""
    origin = message.forward_origin
    if isinstance(origin, MessageOriginChannel):
        return f"{origin.chat.id}/{origin.message_id}"
    if isinstance(origin, MessageOriginChat):
        return str(origin.sender_chat.id)
    return "forwarded" if origin is not None else None


def _display(who: Chat | User) -> str:
    """A channel or group by its account, a person by name and account. Names are anybody's choice, and the office's own
    posts are told by the account: so a name carries no @, and one that reads as an account stands in quotes."""
    if isinstance(who, Chat) and who.username:
        return f"@{who.username}"
    name = clean_text((who.title if isinstance(who, Chat) else who.full_name) or "").replace("@", "").strip()
    if who.username:
        return f"{name} (@{who.username})"
    return f"«{name}»" if _HANDLE.match(name) else name


def _account(chat: Chat) -> str:
    return f"@{chat.username}" if chat.username else str(chat.id)
