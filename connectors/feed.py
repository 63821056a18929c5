"""feedparser, kept linear: a hostile document must not stop the program.

Each guard stands for a document that was tried: where feedparser compares everything with everything before it, a feed
of one megabyte kept it busy for minutes, some of them inside one regular expression, which nothing can interrupt.
Markup is left as it is (no sanitizing, no rewriting of links): `connectors.markup` reads it, in linear time.
"""

from __future__ import annotations

import re
from contextlib import suppress
from io import BytesIO
from types import FunctionType
from typing import Any
from xml.sax.xmlreader import AttributesNSImpl

import feedparser
from feedparser import api

_LONGEST_NAME = 2000
"""Characters of an author in which an e-mail address is looked for: that search takes the square of them."""
_LONGEST_BASE = 2000
"""Characters of an xml:base; nested relative ones add up."""
_MOST_NAMESPACES = 200
_MOST_TAGS = 200
_MOST_ATTRIBUTES = 500
_MOST_ELEMENTS = 300_000
"""A feed of 20 MB has 100,000; each costs the parser 50 microseconds, and a document of nothing else minutes."""
_BLANKS = re.compile(rb"[\s\x00]{4000,}")
"""Blanks, in UTF-16 and UTF-32 with their zero bytes: before the document element they are searched line by line."""


_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What feedparser trips over in one element that stands where it expects none: the element is passed over, not the feed."""


class TooMuch(Exception):
    """A document that is no feed for its size; the message says what there is too much of."""


class _Guard:
    """What both of feedparser's parsers do, without what costs the square of the document's length."""

    _elements = 0

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()  # type: ignore[attr-defined]
        if len(context.get(key) or "") <= _LONGEST_NAME:
            super()._sync_author_detail(key)  # type: ignore[misc]

    def _add_tag(self, *tag: Any) -> None:
        if len(self._get_context().get("tags") or ()) < _MOST_TAGS:  # type: ignore[attr-defined]
            super()._add_tag(*tag)  # type: ignore[misc]

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        if len(self.namespaces_in_use) < _MOST_NAMESPACES:  # type: ignore[attr-defined]
            super().track_namespace(prefix, uri)  # type: ignore[misc]

    def unknown_starttag(self, tag: str, attrs: list[Any]) -> Any:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise TooMuch(f"more than {_MOST_ELEMENTS} elements")
        if self.basestack and len(self.baseuri or "") > _LONGEST_BASE:  # type: ignore[attr-defined, has-type]
            self.baseuri = self.basestack[0]  # type: ignore[attr-defined]
        try:
            return super().unknown_starttag(tag, attrs)  # type: ignore[misc]
        except _ODD:
            return None

    def unknown_endtag(self, tag: str) -> None:
        with suppress(*_ODD):
            super().unknown_endtag(tag)  # type: ignore[misc]

    def handle_charref(self, ref: str) -> None:
        try:
            super().handle_charref(ref)  # type: ignore[misc]
        except (ValueError, OverflowError):  # half of an emoji as &#55357;, or no character at all
            self.handle_data("\ufffd")  # type: ignore[attr-defined]

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802 - the name is that of SAX
        if len(attrs) > _MOST_ATTRIBUTES:
            attrs = AttributesNSImpl({}, {})
        super().startElementNS(name, qname, attrs)  # type: ignore[misc]


# feedparser offers no way to pass a parser, so its function runs with these two in the place of its own.
_parse = FunctionType(api.parse.__code__, {
    **vars(api), "StrictFeedParser": type("StrictFeedParser", (_Guard, api.StrictFeedParser), {}),
    "LooseFeedParser": type("LooseFeedParser", (_Guard, api.LooseFeedParser), {})}, "parse", api.parse.__defaults__)


def read(body: bytes, base_url: str = "", content_type: str = "") -> feedparser.FeedParserDict:
    """The feed that a document holds, as feedparser reads it; what its damaged parts raise propagates."""
    headers = {"content-type": content_type, "content-location": base_url}
    # The bytes removed are a multiple of four, so that wide characters stay whole.
    body = _BLANKS.sub(lambda found: found[0][:400 + len(found[0]) % 4], body)
    # A stream, never the bytes themselves: feedparser would open a file whose name they spell.
    return _parse(BytesIO(body), response_headers={k: v for k, v in headers.items() if v},
                  resolve_relative_uris=False, sanitize_html=False)
