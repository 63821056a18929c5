"""A post as every network gives it, and as it is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

MAX_TEXT = 1_000_000
"""Characters kept of one post; the longest network limit we know is 65,536 (VK wall)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
_PILE = re.compile(f"[{_MARKS}]{{30}}(?=[{_MARKS}])")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post. `key` is the network's id from the connector and a keyed hash once collected."""

    key: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One post in one revision. Connectors leave `collected_at`, `revision` and the hashing of the author to `collect`.

    `native_id` is unique within `network` and contains the chat where ids are counted per chat.
    Times are aware datetimes in UTC. `text` is NFC, without markup and without NUL.
    """

    network: str
    source: str
    native_id: str
    text: str
    published_at: datetime
    url: str = ""
    revision: int = 0
    collected_at: datetime | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    author: Author = field(default_factory=Author)
    in_reply_to: str | None = None
    in_reply_to_account: str | None = None
    mentions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """How the network hands out each of `media`, in the same order; "" where it does not. Empty: `media` are addresses. It may
    differ from poll to poll, so it is no part of the content."""
    repost_of: str | None = None
    home: str | None = None
    """KATO code of the unit that the source belongs to, where the operator named one."""
    raw: Mapping[str, Any] | None = None

    def digest(self) -> bytes:
        """16 bytes that differ when the content differs: what decides between a repeat and a revision."""
        h = blake2b(digest_size=16)
        for part in (self.text, "\x1f".join(self.media), "deleted" if self.deleted_at else ""):
            h.update(part.encode("utf-8", "replace"))
            h.update(b"\x00")
        return h.digest()


def clean_text(text: str) -> str:
    """`text` as it is stored: NFC, no NUL (PostgreSQL refuses it), no lone surrogate (UTF-8 refuses it).

    A pile of more than 30 marks on one letter is parted by U+034F as in the Stream-Safe Text Format (UAX #15, 13):
    sorting a pile costs the square of its height, three minutes for 400,000 marks.
    """
    text = _LONE_SURROGATE.sub("�", text[:MAX_TEXT]).replace("\x00", "")
    if any(map(unicodedata.combining, text[::31])):  # no pile of 31 escapes every 31st character
        text = _PILE.sub("\\g<0>\u034f", text)
    return unicodedata.normalize("NFC", text)


def as_utc(moment: datetime, assumed: Any = UTC) -> datetime:
    """`moment` in UTC; a naive one is read in the zone `assumed`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=assumed)).astimezone(UTC)
