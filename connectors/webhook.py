"""Another system pushes posts to /hooks/SOURCE: a city portal, a call centre, a monitoring service. docs/sources/webhook.md

What is sent and how it is signed is our own: connectors/pushed.py, monitor/core/signature.py. Each body is in a letterbox before its
sender hears 200; posts come through `poll`. A request played again within the five minutes that its signature lasts brings nothing:
the store knows every revision of a post, and an old one is no news.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, model_validator

from config.languages import N_
from connectors import letterbox, pushed
from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http
from connectors.errors import CannotAnswer, Transient
from connectors.fields import ident
from connectors.letterbox import Receipt
from connectors.posting import post_once
from monitor.core.post import Post
from monitor.core.signature import HEADER, fault, signature

BODIES = 50
"""Bodies of one poll, at most."""
POSTS = 2000
"""Posts after which a poll takes no further body."""
NO_CALLBACK = N_("the system that this post came from has named no address for answers")


class Webhook:
    """One system that pushes."""

    name: ClassVar[str] = "webhook"
    poll_every: ClassVar[float] = 5.0
    max_requests_per_poll: ClassVar[int] = 0

    class Settings(ConnectorSettings):
        """Options of a webhook source."""

        secret: SecretStr = Field(min_length=16, description="Shared secret by which the other system signs what it sends, and we our answers")
        old_secret: SecretStr | None = Field(
            default=None, min_length=16, description="The secret before it, valid as well until the other system has the new one")
        inbox: Path = Field(description="Folder of this source alone, where bodies wait until their posts are in the database")
        max_bytes: int = Field(default=1024 * 1024, ge=1024, le=3 * 1024 * 1024, description="Largest body that is taken")
        space: str = Field(default="", max_length=100, pattern=r"^[\w.-]*$",
                           description="What the other system's ids are unique in; default: the source's name. Keep it when you rename the source")
        callback: HttpUrl | None = Field(default=None, description="Where answers are posted, signed like what comes in; absent: no answers")
        callback_private: bool = Field(
            default=False, description="Whether the callback may stand at a private address (this machine, the office's own network)")

        @model_validator(mode="after")
        def _two(self) -> Webhook.Settings:
            if self.old_secret is not None and self.old_secret == self.secret:
                raise ValueError("old_secret is the same as secret; take it away")
            return self

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._settings = settings
        self._clock = clock
        self._space = settings.space or source
        self._bell = letterbox.Bell()

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Nothing is asked when the address is set up."""
        return None

    def receive(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Keep what was sent, where it is signed and holds at least one post, and ring. Raises OSError where it cannot be kept."""
        if len(body) > self._settings.max_bytes:
            return Receipt(413, 0, (f"the body has {len(body)} bytes; send at most {self._settings.max_bytes}",))
        wrong = fault(headers.get(HEADER.lower(), ""), self._secrets(), body, self._clock())
        if wrong is not None:
            return Receipt(403, 0, (wrong,))
        try:
            posts, faults = pushed.read(body, self._space)
        except pushed.Unreadable as e:
            return Receipt(400, 0, (str(e),))
        lines = tuple(one.line for one in faults)
        if not posts:
            return Receipt(422, 0, lines)
        letterbox.put(self._settings.inbox, body)
        self._bell.ring()
        return Receipt(200, len(posts), lines)

    async def doorbell(self) -> None:
        """Returns when something was received."""
        await self._bell.heard()

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What waits in the letterbox, in the order it came. Two states of one post never stand in one batch, so that each becomes a
        revision: where the second one comes, the batch ends, and `part` and `from` say where the next one goes on."""
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
            if len(posts) >= POSTS:
                more = True
                break
            told, lost = await asyncio.to_thread(self._told, name, body)
            begin = cursor.get("from", 0) if name == cursor.get("part") else 0
            for i, post in enumerate(told[begin:], begin):
                if post.native_id in posts and post.digest() != posts[post.native_id].digest():
                    return Batch(tuple(posts.values()), {"taken": taken, "part": name, "from": i}, damaged=tuple(damaged), more=True)
                posts[post.native_id] = post
            taken.append(name)
            damaged += lost
        return Batch(tuple(posts.values()), {"taken": taken}, damaged=tuple(damaged), more=more)

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """What this system pushed (not another one, whose source is gone), where an address for answers is named."""
        return None if self._settings.callback and post.native_id.startswith(f"{self._space}/") else NO_CALLBACK

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Post the answer to the callback, signed. The other system may say under which id it keeps it: {"id": …}."""
        refusal = self.can_answer(post, post.published_at)
        if refusal is not None:
            raise CannotAnswer(refusal)
        key = blake2b(f"{post.native_id}\x00{text}".encode(), digest_size=16).hexdigest()
        told = {"answer": {"id": key, "to": post.native_id.removeprefix(f"{self._space}/"), "url": post.url, "text": text,
                           "at": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")}}
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"answer:{key}",
                   HEADER: signature(self._settings.secret.get_secret_value(), int(self._clock()), body)}
        done = await post_once(http, str(self._settings.callback), data=body, headers=headers,
                               public_only=not self._settings.callback_private)
        try:
            made = ident(json.loads(done.body), "id")
        except (ValueError, RecursionError):
            made = key
        return f"{self._space}/{made}"

    async def probe(self, http: Http) -> list[str]:
        """Nothing is asked: what it hears and where answers would go."""
        host = urlsplit(str(self._settings.callback)).hostname if self._settings.callback else ""
        keys = "secret or old_secret" if self._settings.old_secret else "secret"
        return [f"hears what is sent to /hooks/{self.source}, signed with {keys}",
                f"answers go to {host}" if host else "takes no answers back: no callback"]

    def _secrets(self) -> tuple[str, ...]:
        known = (self._settings.secret, self._settings.old_secret)
        return tuple(one.get_secret_value() for one in known if one is not None)

    def _told(self, name: str, body: bytes) -> tuple[list[Post], list[Damaged]]:
        try:
            posts, faults = pushed.read(body, self._space)
        except pushed.Unreadable as e:
            return [], [Damaged(f"{e} ({name})", body)]
        return [replace(post, source=self.source) for post in posts], [Damaged(one.line, one.payload) for one in faults]


def parse(body: bytes, space: str = "webhook") -> list[Post]:
    """The posts of a pushed body. Raises pushed.Unreadable where it is none."""
    return pushed.read(body, space)[0]
