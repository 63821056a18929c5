"""The JSON that another system pushes to a webhook source. docs/sources/webhook.md describes it to its author.

    {"posts": [{"id": "17", "text": "…", "published_at": "2026-11-25T09:00:00+05:00", "author": {"id": "a1", "name": "…"}}]}

Pure. Each fault is one line: where, what, how to mend. A faulty post does not hold up the others of its body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from config.document import Document
from connectors.fields import account_of_person
from connectors.markup import hashtags_of, mentions_of, one_line, web_links
from monitor.core.post import MAX_TEXT, Post, clean_text
from monitor.core.post import Author as PostAuthor

MOST = 1000
"""Posts of one body."""
_LINES = 50
"""Lines that are told of one body, about; naming the nearest right word of thousands of wrong ones takes seconds."""
_LONGEST_ID = 400
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_BASE = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _time(value: Any) -> Any:
    if value is None or isinstance(value, datetime):
        return value
    how = "write it like 2026-11-25T09:00:00+05:00"
    try:
        if not isinstance(value, str) or len(value) > 40:
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"is no time; {how}") from None
    if moment.tzinfo is None:
        raise ValueError(f"has no offset, so it may be off by hours; {how}")
    try:
        moment = moment.astimezone(UTC)
        sane = _EARLIEST <= moment < _LATEST
    except OverflowError:
        sane = False
    if not sane:
        raise ValueError(f"is no time of a post; {how}")
    return moment


def _clean(value: Any) -> Any:
    """Text cut in the middle of an emoji is text."""
    return clean_text(value).strip() if isinstance(value, str) else value


def _id(value: Any) -> Any:
    value = clean_text(value) if isinstance(value, str) else value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("must be text or a whole number: what your system knows the post by")
    if not value or value != value.strip() or not value.isprintable() or len(value) > _LONGEST_ID:
        raise ValueError(f"must be 1 to {_LONGEST_ID} printable characters without spaces around them")
    return value


def _link(value: Any) -> Any:
    value = _clean(value)
    if isinstance(value, str) and value and not web_links([value]):
        raise ValueError("must begin with http:// or https://")
    return value


def _handle(value: Any) -> Any:
    value = _clean(value)
    return "@" + value if isinstance(value, str) and value and not value.startswith(("@", "-")) else value


def _tag(value: Any) -> Any:
    value = _clean(value)
    return "#" + value if isinstance(value, str) and value and not value.startswith("#") else value


Text = Annotated[str, BeforeValidator(_clean)]
Moment = Annotated[datetime, BeforeValidator(_time)]
Id = Annotated[str, BeforeValidator(_id)]
Link = Annotated[str, BeforeValidator(_link)]
Handle = Annotated[str, BeforeValidator(_handle), Field(max_length=200)]
Tag = Annotated[str, BeforeValidator(_tag), Field(max_length=200)]


class Author(BaseModel):
    """Who wrote a post. The id is kept as a keyed hash only."""

    model_config = _BASE
    id: Id | None = None
    name: Text = Field(default="", max_length=1000)
    account: Text = Field(default="", max_length=200)


class Item(BaseModel):
    """One post, in the state in which the other system has it now."""

    model_config = _BASE
    id: Id
    text: Text = Field(default="", max_length=MAX_TEXT)
    published_at: Moment | None = None
    edited_at: Moment | None = None
    deleted_at: Moment | None = None
    url: Link = ""
    author: Author = Author()
    in_reply_to: Id | None = None
    in_reply_to_account: Handle = ""
    mentions: tuple[Handle, ...] = Field(default=(), max_length=1000)
    hashtags: tuple[Tag, ...] = Field(default=(), max_length=1000)
    links: tuple[Link, ...] = Field(default=(), max_length=1000)
    media: tuple[Annotated[Text, Field(max_length=4096)], ...] = Field(default=(), max_length=1000)

    @model_validator(mode="after")
    def _whole(self) -> Item:
        if self.deleted_at is None and self.published_at is None:
            raise ValueError("published_at is missing; add when it was written, or deleted_at where it was deleted")
        if self.deleted_at is None and not self.text and not any(self.media):
            raise ValueError("has neither text nor media; add its text, or deleted_at where it was deleted")
        return self


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one post of a body cannot be read, and the post itself."""

    line: str
    payload: bytes


class Unreadable(ValueError):
    """The body as a whole is none; the message is one line for its sender."""


def read(body: bytes, space: str) -> tuple[list[Post], list[Fault]]:
    """The posts of a body, in its order, and the faults of the others. `space` is what their ids are unique in. Raises Unreadable."""
    try:
        found = json.loads(body)
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None
    except ValueError as e:
        where = (f" at character {e.pos}" if isinstance(e, json.JSONDecodeError) else ": not UTF-8" if isinstance(e, UnicodeDecodeError)
                 else ": a number is too long")
        raise Unreadable(f'the body is not JSON{where}; send {{"posts": [...]}} in UTF-8') from None
    if not isinstance(found, dict) or not isinstance(found.get("posts"), list):
        raise Unreadable('the body has no list "posts"; send {"posts": [...]}')
    items = found["posts"]
    if not 1 <= len(items) <= MOST:
        raise Unreadable(f"posts: {len(items)} posts; send 1 to {MOST} in one body")
    posts: list[Post] = []
    faults: list[Fault] = []
    for i, item in enumerate(items):
        try:
            posts.append(_post(Item.model_validate(item), space))
        except ValidationError as e:
            payload = json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")
            lines = [f"posts[{i}]: has faults, too"] if len(faults) >= _LINES else _lines(i, item, e.error_count())
            faults += [Fault(one_line(line)[:500], payload) for line in lines]
    return posts, faults


def _lines(i: int, item: Any, count: int) -> list[str]:
    """What is wrong with one post, a line each."""
    if not isinstance(item, dict):
        return [f'posts[{i}]: must be an object {{"id": …, "text": …}}']
    if count > _LINES:
        return [f"posts[{i}]: has {count} faults; compare it with docs/sources/webhook.md"]
    document = Document(Path("body"))
    document.validated(Item, ("posts", i), item)
    return [f"{p.path}: {p.message}" for p in document.problems]


def _post(item: Item, space: str) -> Post:
    account = item.author.account.lstrip("@")
    moment = item.published_at or item.deleted_at
    assert moment is not None
    return Post(
        network="webhook", source="", native_id=f"{space}/{item.id}", text=item.text, published_at=moment,
        url=item.url, edited_at=item.edited_at, deleted_at=item.deleted_at,
        author=PostAuthor(item.author.id or account, account_of_person(item.author.name, account)),
        in_reply_to=f"{space}/{item.in_reply_to}" if item.in_reply_to else None,
        in_reply_to_account=item.in_reply_to_account or None,
        mentions=_words(item.mentions) or mentions_of(item.text), hashtags=_words(item.hashtags) or hashtags_of(item.text),
        links=tuple(web_links(item.links)), media=_words(item.media))


def _words(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, given)))
