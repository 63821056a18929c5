"""RSS and Atom feeds: news sites with comments, forums, bridges. feedparser reads them, damaged ones too.

A feed shows its newest entries only and has no cursor of its own: every poll yields all of them (the store drops what
it knows), and the cursor holds what makes the server answer 304 (RFC 9110, 13.1).
"""

from __future__ import annotations

import asyncio
import re
from calendar import timegm
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl

from connectors.base import Batch, ConnectorSettings, Cursor, Http
from connectors.errors import BadPayload
from connectors.feed import TooMuch, read
from connectors.markup import hashtags_of, links_of_html, mentions_of, text_of_html, tidy, web_links
from monitor.core.post import Author, Post, clean_text
from monitor.core.row import UNKNOWN_TIME

T = TypeVar("T")

_WORLDWIDE = re.compile(r"(?i)(https?|urn|tag|at|uuid):.")
_TEASER = 60
"""Characters by which a summary is known as the beginning of the content: its end is often cut ("[…]")."""
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Rss:
    """One feed."""

    name: ClassVar[str] = "rss"
    poll_every: ClassVar[float] = 300.0
    max_requests_per_poll: ClassVar[int] = 1

    class Settings(ConnectorSettings):
        """Options of an rss source."""

        url: HttpUrl = Field(description="Address of the RSS or Atom document",
                             repr=False)  # some feeds carry a personal key in their address

    def __init__(self, source: str, settings: Settings) -> None:
        self.source = source
        self.url = str(settings.url)

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Every entry of the feed; nothing where the server says that it is unchanged."""
        known = cursor if cursor.get("feed") == _feed(self.url) else {}
        asked = {"Accept": "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, "
                           "text/xml;q=0.9, */*;q=0.1"}
        if known.get("etag"):
            asked["If-None-Match"] = known["etag"]
        if known.get("modified"):
            asked["If-Modified-Since"] = known["modified"]
        answer = await http.get(self.url, headers=asked)
        if answer.status == 304:
            if not known:
                raise BadPayload(f"{self.url.partition('?')[0]}: says that nothing changed since a reading that never was")
            return Batch((), cursor)
        found = await asyncio.to_thread(parse, answer.body, self.url, answer.headers.get("content-type", ""))
        seen = {"feed": _feed(self.url), "etag": answer.headers.get("etag"), "modified": answer.headers.get("last-modified")}
        return Batch(tuple(replace(post, source=self.source) for post in found),
                     {name: value for name, value in seen.items() if value})


def parse(body: bytes, base_url: str = "", content_type: str = "") -> list[Post]:
    """The posts of a feed, one for each entry, oldest first where dated. Raises BadPayload where it is no feed."""
    try:
        feed_name = _feed(base_url)
        base_url = base_url.partition("?")[0].partition("#")[0]  # a key in the feed's address must not get into links
        feed = read(body, base_url, content_type)
        entries = [_post(entry, base_url, feed_name) for entry in feed.entries]
        version = feed.get("version")
    except Exception as e:
        why = str(e) if isinstance(e, TooMuch) else type(e).__name__
        raise BadPayload(f"{base_url or 'feed'}: cannot be read ({why})", body) from e
    if not entries and not version:
        raise BadPayload(f"{base_url or 'feed'}: is not an RSS or Atom feed; check the address", body)
    return sorted(_unique(entries), key=lambda post: post.published_at)


def _post(entry: Any, base_url: str, feed: str) -> Post:
    """One entry as a post. Odd elements leave odd types in feedparser's fields: what isn't of the right one is passed over."""
    title = _words(_field(entry, "title_detail", dict))
    parts = [*_dicts(entry, "content"), _field(entry, "summary_detail", dict) or {}]
    body = _together(_words(part) for part in parts)
    text = clean_text(body if body.startswith(title) else f"{title}\n\n{body}".strip())
    link = next(iter(web_links([_field(entry, "link", str) or ""], base_url)), "")
    published, edited = _moment(entry, "published_parsed", "created_parsed"), _moment(entry, "updated_parsed")
    files = [*(one.get("href") for one in _dicts(entry, "links") if one.get("rel") == "enclosure"),
             *(one.get("url") for one in _dicts(entry, "media_content"))]
    author = tidy(_field(entry, "author", str) or "")
    contact = _field(entry, "author_detail", dict) or {}
    replied = (_field(entry, "thr_in-reply-to", dict) or {}).get("ref")
    return Post(
        network="rss", source="", native_id=_id(entry, feed, link, text, published or edited), text=text, url=link,
        published_at=published or edited or UNKNOWN_TIME,
        edited_at=edited if published is not None and edited != published else None,
        author=Author(contact.get("email") or contact.get("href") or author, author),
        in_reply_to=replied,
        mentions=mentions_of(text), hashtags=hashtags_of(text),
        links=tuple(web_links([address for part in parts for address in
                               links_of_html(part.get("value") or "", part.get("base") or base_url)])),
        media=tuple(web_links([address for address in files if isinstance(address, str)], base_url)),
    )


def _field(entry: Any, name: str, kind: type[T]) -> T | None:
    """A field of an entry; `dict.get` because feedparser's own look-ups put other fields in for absent ones."""
    value = dict.get(entry, name)
    return value if isinstance(value, kind) else None


def _dicts(entry: Any, name: str) -> list[dict[str, Any]]:
    return [one for one in _field(entry, name, list) or () if isinstance(one, dict)]


def _words(detail: Any) -> str:
    """The text of a title, summary or content, whose type says whether it is markup."""
    if not detail:
        return ""
    value = detail.get("value") or ""
    return tidy(value) if detail.get("type") == "text/plain" else text_of_html(value)


def _together(bodies: Iterable[str]) -> str:
    """Contents and summary as one text: the longest first, then each whose beginning is not in it yet (a teaser is)."""
    text = ""
    for body in sorted(bodies, key=len, reverse=True):
        if body[:_TEASER] not in text:
            text = f"{text}\n\n{body}" if text else body
    return text


def _moment(entry: Any, *fields: str) -> datetime | None:
    for field in fields:
        parsed = _field(entry, field, tuple)
        if parsed:
            try:
                moment = datetime.fromtimestamp(timegm(parsed), UTC)
            except (ValueError, OverflowError, OSError):
                continue
            if UNKNOWN_TIME <= moment < _LATEST:
                return moment
    return None


def _feed(url: str) -> str:
    """What names a feed where its entries' own ids would not be unique: its address without anything secret."""
    if not url:
        return ""
    parts = urlsplit(url)
    query = "?" + blake2b(parts.query.encode(), digest_size=6).hexdigest() if parts.query else ""
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}{query}"


def _id(entry: Any, feed: str, link: str, text: str, at: datetime | None) -> str:
    """The entry's own id; where that is not unique in the world, with the feed before it; where there is none, its
    address; where there is none either, a hash of what it says."""
    own = clean_text(tidy(_field(entry, "id", str) or ""))
    if own:
        return own if not feed or _WORLDWIDE.match(own) else f"{feed}#{own}"
    return link or f"{feed}#{_hash(text, at)}"


def _hash(text: str, at: datetime | None) -> str:
    return blake2b(f"{text}\x00{at}".encode("utf-8", "replace"), digest_size=8).hexdigest()


def _unique(posts: list[Post]) -> list[Post]:
    """`posts` with ids that differ: among entries of one id the oldest keeps it, so that it stays the same post."""
    taken: set[str] = set()
    turns: Counter[str] = Counter()
    unique: dict[int, Post] = {}
    for index, post in sorted(enumerate(posts), key=lambda pair: (pair[1].published_at, -pair[0])):
        native_id = post.native_id
        if native_id in taken:
            told_apart = f"{native_id}#{_hash(post.text + post.url, post.published_at)}"
            while native_id in taken:
                turns[told_apart] += 1
                native_id = told_apart + f".{turns[told_apart]}" * (turns[told_apart] > 1)
        taken.add(native_id)
        unique[index] = replace(post, native_id=native_id)
    return [unique[index] for index in sorted(unique)]
