"""WhatsApp Business (Cloud API v25.0): messages to the office's number, answered in the same chat.

Webhook: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages (and .../edit,
.../revoke); its signature and the verification request: .../webhooks/create-webhook-endpoint
Sending: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages

Messages are pushed once and cannot be asked for: no list of them exists. So the page that Meta calls keeps each body in a letterbox
before it says 200 (Meta tries again for days otherwise), rings, and `poll` reads the letterbox. The native id holds the writer's
number, because an answer goes to a number and authors are kept as hashes only. Free text may be sent for 24 hours after the
person's last message; afterwards only templates, which no answer is.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, HttpUrl, SecretStr

from connectors import graph, letterbox
from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit
from connectors.errors import NO_DIALOGUE, TOO_LATE, TOO_LONG, BadPayload, CannotAnswer, Transient
from connectors.fields import account_of_person, document, ident, part, parts, words
from connectors.markup import hashtags_of, one_line
from monitor.core.post import Author, Post, clean_text

WHERE = "WhatsApp"
LONGEST = 4096
BODIES = 200
"""Bodies of one poll, at most."""
WINDOW = timedelta(hours=24)
_PERSONS = 20_000
_REASONS = {131047: TOO_LATE, 131026: NO_DIALOGUE, 131030: NO_DIALOGUE, 131021: NO_DIALOGUE, 130472: NO_DIALOGUE}
_FILES = ("image", "video", "audio", "document", "sticker", "voice")
_LIMITS = "https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput"


class WhatsApp:
    """One number of the office."""

    name: ClassVar[str] = "whatsapp"
    poll_every: ClassVar[float] = 5.0
    max_requests_per_poll: ClassVar[int] = 0
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("messages", 80, 1, _LIMITS, cost=0, costs={"/messages": 1}),
        Limit("pair", 1, 6, _LIMITS, cost=0, costs={"/messages": 1}),
    )
    """80 messages a second in all, and one in 6 seconds to one person, kept for all persons together."""

    class Settings(ConnectorSettings):
        """Options of a whatsapp source."""

        number: str = Field(pattern=r"^[0-9]{5,30}$", description="The phone number's id (not the number itself)")
        token: SecretStr = Field(description="System user's token with whatsapp_business_messaging")
        app_secret: SecretStr = Field(description="Secret of the app, by which Meta signs what it sends")
        verify_token: SecretStr = Field(description="Word of your own that stands in the app's webhook settings, too")
        inbox: Path = Field(description="Folder where messages wait until they are stored in the database")
        base_url: HttpUrl = Field(default=HttpUrl("https://graph.facebook.com"), description="Address of the Graph API")

    def __init__(self, source: str, settings: Settings) -> None:
        self.source = source
        self._settings = settings
        self._base = f"{str(settings.base_url).rstrip('/')}/{graph.VERSION}"
        self._bell = letterbox.Bell()
        self._last: dict[str, datetime] = {}

    @property
    def account(self) -> str:
        """The number's id."""
        return self._settings.number

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What Meta wants to hear when the address is set up; None where the word is not ours."""
        said, ours = query.get("hub.verify_token", ""), self._settings.verify_token.get_secret_value()
        fits = query.get("hub.mode") == "subscribe" and hmac.compare_digest(said.encode(), ours.encode())
        return query.get("hub.challenge", "")[:200] if fits else None

    def receive(self, headers: Mapping[str, str], body: bytes) -> letterbox.Receipt:
        """Keep what Meta sent and ring, where the signature is Meta's. Raises OSError where it cannot be kept."""
        key = self._settings.app_secret.get_secret_value().encode()
        signed = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed.encode(), headers.get("x-hub-signature-256", "").encode()):
            return letterbox.UNSIGNED
        letterbox.put(self._settings.inbox, body)
        self._bell.ring()
        return letterbox.KEPT

    async def doorbell(self) -> None:
        """Returns when something was received."""
        await self._bell.heard()

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What waits in the letterbox."""
        self._bell.silence()
        try:
            found, more = await asyncio.to_thread(letterbox.take, self._settings.inbox, cursor.get("taken", ()), BODIES)
        except OSError as e:
            raise Transient(f"{self._settings.inbox}: {e.strerror or e}") from e
        if not found:
            return Batch((), cursor)
        posts: dict[str, Post] = {}
        damaged: list[Damaged] = []
        taken: list[str] = []
        for name, body in found:
            told, lost = self._told(name, body)
            if taken and any(post.native_id in posts for post in told):
                more = True  # an edit of what waits too: the first version is stored first
                break
            taken.append(name)
            posts.update({post.native_id: post for post in told})
            damaged += lost
        for post in posts.values():
            person = post.native_id.partition("/")[0]
            self._last[person] = max(post.published_at, self._last.get(person, post.published_at))
        while len(self._last) > _PERSONS:
            del self._last[next(iter(self._last))]
        return Batch(tuple(posts.values()), {"taken": taken}, damaged=tuple(damaged), more=more)

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """24 hours from the last message of this person: of this one, or of a later one that was heard since the start."""
        person = post.native_id.partition("/")[0]
        if not person.isdigit():
            return NO_DIALOGUE
        last = max(post.edited_at or post.published_at, self._last.get(person, post.published_at))
        return TOO_LATE if now - last > WINDOW else None

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Send `text` to the person, quoting the message."""
        person, _, message = post.native_id.partition("/")
        if not person.isdigit():
            raise CannotAnswer(NO_DIALOGUE)
        if len(text) > LONGEST:
            raise CannotAnswer(TOO_LONG)
        sent = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": person, "context": {"message_id": message},
                "type": "text", "text": {"preview_url": False, "body": text}}
        try:
            done = await graph.write(http, f"{self._base}/{self.account}/messages", self._token, WHERE, json=sent)
        except BadPayload as e:
            reason = _REASONS.get(_code(e.payload))
            if reason is not None:
                raise CannotAnswer(reason) from None
            raise
        made = next((words(one, "id") for one in parts(done, "messages")), "")
        if not made:
            raise Transient("WhatsApp: it took the answer, but does not say under which id", sent=True)
        return f"{person}/{made}"

    async def probe(self, http: Http) -> list[str]:
        """Which number it is."""
        me, _ = await graph.read(http, f"{self._base}/{self.account}", self._token, WHERE, {"fields": "display_phone_number,verified_name"})
        return [f"answers from the number of {one_line(words(me, 'verified_name'))[:100]}",
                "hears what Meta sends to /hooks/" + self.source]

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

    def _told(self, name: str, body: bytes) -> tuple[list[Post], list[Damaged]]:
        posts: list[Post] = []
        damaged: list[Damaged] = []
        try:
            for item in events(body, self.account):
                try:
                    post = entry(*item)
                except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as e:
                    damaged.append(Damaged(f"WhatsApp: a message cannot be read ({str(e)[:100]})", json.dumps(item[0]).encode()))
                    continue
                if post is not None:
                    posts.append(replace(post, source=self.source))
        except BadPayload as e:
            damaged.append(Damaged(f"{e} ({name})", body))
        return posts, damaged


def parse(body: bytes, number: str = "") -> list[Post]:
    """The posts in what Meta sent for `number` ("": for any)."""
    return [post for item in events(body, number) if (post := entry(*item)) is not None]


def events(body: bytes, number: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The messages of a webhook's body with the names of who wrote them. Raises BadPayload for what is none."""
    told = document(body, WHERE)
    if told.get("object") != "whatsapp_business_account" or not isinstance(told.get("entry"), list):
        raise BadPayload("WhatsApp: not a webhook of a WhatsApp Business account", body)
    for change in (one for entry_ in parts(told, "entry") for one in parts(entry_, "changes")):
        value = part(change, "value")
        if number and words(part(value, "metadata"), "phone_number_id") not in ("", number):
            continue
        names = {words(one, "wa_id"): words(part(one, "profile"), "name") for one in parts(value, "contacts")}
        for message in parts(value, "messages"):
            yield message, names.get(words(message, "from"), "")


def entry(one: dict[str, Any], name: str) -> Post | None:
    """A message as a post; an edit and a deletion as the message once more. None for reactions and the like."""
    person = ident(one, "from")
    if not person.isdigit():
        raise ValueError("from is no number")
    at = datetime.fromtimestamp(int(ident(one, "timestamp")), UTC)
    if not 2009 <= at.year < 2200:
        raise ValueError("timestamp is no time of a message")
    kind = words(one, "type")
    author = Author(person, account_of_person(name, ""))
    if kind == "revoke":
        return Post(network="whatsapp", source="", native_id=f"{person}/{ident(part(one, 'revoke'), 'original_message_id')}", text="",
                    published_at=at, deleted_at=at, author=author)
    inner, edited = (part(one, "edit", "message"), at) if kind == "edit" else (one, None)
    text, media = _words(inner), _media(inner)
    if not text and not media:
        return None
    native = ident(part(one, "edit"), "original_message_id") if edited else ident(one, "id")
    answered = words(part(inner, "context"), "id")
    return Post(network="whatsapp", source="", native_id=f"{person}/{native}", text=text, published_at=at, edited_at=edited, author=author,
                in_reply_to=f"{person}/{answered}" if answered else None, hashtags=hashtags_of(text), media=media)


def _words(one: Mapping[str, Any]) -> str:
    """What was written: words, the caption of a file, the words on a button, the name of a place."""
    found = [words(part(one, "text"), "body"), *(words(part(one, kind), "caption") for kind in _FILES), words(part(one, "button"), "text"),
             words(part(one, "interactive", "button_reply"), "title"), words(part(one, "interactive", "list_reply"), "title"),
             words(part(one, "location"), "name"), words(part(one, "location"), "address")]
    return clean_text("\n".join(dict.fromkeys(filter(None, found)))).strip()


def _media(one: Mapping[str, Any]) -> tuple[str, ...]:
    found = [f"{kind}:{number}" for kind in _FILES if (number := words(part(one, kind), "id"))]
    place = part(one, "location")
    at = place.get("latitude"), place.get("longitude")
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in at):
        found.append(f"location:{at[0]:.6f},{at[1]:.6f}")
    return tuple(found)


def _code(body: bytes) -> int:
    try:
        code = part(json.loads(body), "error").get("code")
    except (ValueError, RecursionError):
        return 0
    return code if isinstance(code, int) else 0
