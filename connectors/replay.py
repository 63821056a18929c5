"""A JSONL file played as if it were a network: the demo, load tests, an archive of another system.

The cursor is a byte offset, so a file that grows is read on, and a kill repeats nothing that was committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal

from pydantic import Field, PositiveFloat

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http
from connectors.errors import BadPayload, Transient
from monitor.core.post import Post
from monitor.core.row import UNKNOWN_TIME, BadLine, as_post, parse_row

BATCH = 500
"""Lines of one poll at most."""
MAX_LINE = 32 * 1024 * 1024


class Replay:
    """One file."""

    name: ClassVar[str] = "replay"
    poll_every: ClassVar[float] = 0.5
    max_requests_per_poll: ClassVar[int] = 0

    class Settings(ConnectorSettings):
        """Options of a replay source."""

        path: Path = Field(description="The JSONL file: a line is a post with `id`, `text` and, where known, `source`, "
                                       "`author`, `created_at`, `in_reply_to_account`, `mentions`, `home`")
        speed: PositiveFloat | Literal["max", "real"] = Field(
            default="max", description="Posts per second; `max`: as fast as they are stored; `real`: with the gaps "
                                       "between their own times")
        faster: PositiveFloat = Field(default=1.0, description="With `real`: how many times faster than life")

    def __init__(self, source: str, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self.settings = settings
        self._pace = _Pace(settings.speed, settings.faster, clock)
        self._tail: tuple[int, int] | None = None

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """The lines that are due, after the cursor's offset."""
        return await asyncio.to_thread(self._read, cursor)

    def _read(self, cursor: Cursor) -> Batch:
        path = self.settings.path
        offset, number = cursor.get("offset", 0), cursor.get("line", 0)
        posts: list[Post] = []
        damaged: list[Damaged] = []
        more = False
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                if size < offset or cursor.get("begins", _beginning(file, offset)) != _beginning(file, offset):
                    offset, number = 0, 0  # the file was replaced by another one: read that from its beginning
                file.seek(offset)
                while line := file.readline(MAX_LINE):
                    if len(posts) + len(damaged) >= BATCH:
                        more = True
                        break
                    whole = line.endswith(b"\n")
                    if len(line) >= MAX_LINE and not whole:
                        raise BadPayload(f"{path}:{number + 1}: a line of more than {MAX_LINE // 1024 // 1024} MiB; "
                                         "is this JSONL?", line[:65536])
                    if line.strip():
                        try:
                            post = as_post(parse_row(line), network=self.name, source=self.source)
                        except BadLine as e:
                            if not whole and self._tail != (offset, size):
                                self._tail = (offset, size)  # perhaps it is still being written; look once more
                                break
                            damaged.append(Damaged(f"{path}:{number + 1}: {e}", line))
                        else:
                            if not self._pace.due(post.published_at):
                                break
                            posts.append(post)
                    offset += len(line)
                    number += 1
                begins = _beginning(file, offset)
        except OSError as e:
            raise Transient(f"{path}: {e.strerror or e}; a replay source needs a readable JSONL file") from e
        moved = {"offset": offset, "line": number, "begins": begins} if offset or number else {}
        return Batch(tuple(posts), moved, damaged=tuple(damaged), more=more)


def _beginning(file: BinaryIO, offset: int) -> str:
    """What tells a file that grew from another one in its place: a hash of its first bytes, none after `offset`."""
    file.seek(0)
    return blake2b(file.read(min(offset, 4096)), digest_size=8).hexdigest()


@dataclass(slots=True)
class _Pace:
    """Which post is due: a steady rate, or the gaps of the posts' own times, counted from the first one asked for."""

    speed: float | Literal["max", "real"]
    faster: float
    clock: Callable[[], float]
    began: float | None = None
    first: datetime | None = None
    given: int = 0

    def due(self, at: datetime) -> bool:
        """Whether a post of this time may be given now; counts it if so."""
        if self.speed == "max":
            return True
        now = self.clock()
        if self.began is None:
            self.began = now
        elapsed = now - self.began
        if self.speed == "real":
            if at == UNKNOWN_TIME:
                return True
            self.first = self.first or at
            return (at - self.first).total_seconds() <= elapsed * self.faster
        if self.given > elapsed * self.speed:
            return False
        self.given += 1
        return True
