"""A line of JSONL as a post: the form that `judge`, `ingest`, `surges` and the replay source read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import msgspec

from monitor.core.post import Author, Post, as_utc, clean_text

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class BadLine(ValueError):
    """A line that is no post; the message says what is wrong with it, for people."""


class Row(msgspec.Struct, omit_defaults=True):
    """The fields a line may have; unknown ones are passed over, so that labelled sets can be read as they are."""

    id: int | str
    text: str | None = None
    source: str | None = None
    author: str | int | None = None
    author_id: str | int | None = None
    author_created_at: str | None = None
    created_at: str | None = None
    edited_at: str | None = None
    in_reply_to: str | int | None = None
    in_reply_to_account: str | None = None
    mentions: list[str] | None = None
    urls: list[str] | None = None
    url: str | None = None
    home: str | None = None


_decoder = msgspec.json.Decoder(Row)
_MARK = b"\xef\xbb\xbf"
"""The byte order mark with which Windows programs begin a UTF-8 file."""
_LONE = re.compile("[\ud800-\udfff]")


def parse_row(line: bytes) -> Row:
    """Read one line, or raise BadLine with the reason."""
    line = line.removeprefix(_MARK)
    try:
        try:
            return _decoder.decode(line)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if b"\\u" not in line:
                raise
            return _decoder.decode(_without_lone_surrogates(line))
    except msgspec.ValidationError as e:
        raise BadLine(f"{e}; a post needs an `id` and a `text`") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadLine(f"not JSON ({e}); one JSON object a line") from e


def _without_lone_surrogates(line: bytes) -> bytes:
    """The line with half a surrogate pair replaced: networks cut a text in the middle of an emoji, msgspec refuses it."""
    try:
        return _LONE.sub("�", json.dumps(json.loads(line.decode()), ensure_ascii=False)).encode()
    except json.JSONDecodeError as e:
        raise msgspec.DecodeError(str(e)) from e


def parse_time(value: str | None, field: str = "created_at") -> datetime | None:
    """ISO 8601 with or without offset (then UTC); None for None. Raises BadLine for anything else."""
    if not value:
        return None
    try:
        return as_utc(datetime.fromisoformat(value))
    except (ValueError, OverflowError) as e:
        raise BadLine(f"{field}: {value[:40]!r} is not a time; write it as 2026-01-14T09:05:17+05:00") from e


def as_post(row: Row, *, network: str = "", source: str = "", home: str | None = None) -> Post:
    """The post that a row describes; `network` and `source` stand in where the row names none."""
    author = str(row.author_id if row.author_id is not None else row.author or "")
    return Post(
        network=row.source or network, source=source or row.source or network, native_id=str(row.id),
        text=clean_text(row.text or ""), published_at=parse_time(row.created_at) or UNKNOWN_TIME,
        url=row.url or "", edited_at=parse_time(row.edited_at, "edited_at"), author=Author(author, str(row.author or "")),
        in_reply_to=None if row.in_reply_to is None else str(row.in_reply_to),
        in_reply_to_account=row.in_reply_to_account, mentions=tuple(row.mentions or ()), links=tuple(row.urls or ()),
        home=row.home or home,
    )
