"""HTML as text, and what a text names: shared by the networks that give markup or plain text.

The scanner is our own because its time must be linear in hostile input: 200,000 nested <div> keep a tree-building
parser busy for a minute and a half, and this for half a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from urllib.parse import urljoin

from monitor.core.post import MAX_TEXT

_DROPPED = frozenset(["script", "style", "template", "noscript", "title", "iframe", "textarea"])
_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "pre", "section", "table",
    "tr", "ul"])
_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9:-]*")
_DECLARATION = re.compile(r"<[!?/][A-Za-z\[]")
_UNQUOTED = re.compile(r"[^>\"']*")
_HREF = re.compile(r"""(?i)\shref\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""")
_SPACES = re.compile(r"[ \t\r\f\v\u00a0\x00]+")
_AROUND_LINES = re.compile(r" *\n *")
_LINES = re.compile(r"\n{3,}")
_BREAKS = re.compile(r"[ \n\x01\x02]*[\x01\x02][ \n\x01\x02]*")
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d_]\w*)")
_MENTION = re.compile(r"(?<![\w@./])@([A-Za-z0-9_][A-Za-z0-9_.]{1,62}[A-Za-z0-9_])")


def text_of_html(html: str) -> str:
    """The words of an HTML fragment: blocks and <br> as line breaks, nothing that is not shown. At most MAX_TEXT."""
    if "<" not in html and "&" not in html:
        return tidy(html)[:MAX_TEXT]
    parts: list[str] = []
    length = 0
    for tag, words in _pieces(html):
        if not tag:
            parts.append(_SPACES.sub(" ", unescape(words).replace("\n", " ").replace("\x01", "").replace("\x02", "")))
            length += len(parts[-1])
            if length > MAX_TEXT:
                break
        elif tag == "br":
            parts.append("\n")
        elif tag.lstrip("/") == "p":
            parts.append("\x02")
        elif tag.lstrip("/") in _BLOCKS:
            parts.append("\x01")
    return tidy(_BREAKS.sub(_break, "".join(parts)))[:MAX_TEXT]


def links_of_html(html: str, base_url: str = "") -> list[str]:
    """Web addresses that an HTML fragment points to."""
    found = (_HREF.search(words[:8192]) for tag, words in _pieces(html) if tag == "a")
    return web_links((unescape(m[1].strip("\"'")) for m in found if m), base_url)


def web_links(addresses: Iterable[str], base_url: str = "") -> list[str]:
    """Those of `addresses` that lead to the web, absolute, each once, in their order."""
    found: dict[str, None] = {}
    for address in addresses:
        try:
            whole = urljoin(base_url, address.strip()) if address.strip() else ""
        except ValueError:
            continue
        if whole.startswith(("http://", "https://")) and len(whole) <= 4096:
            found[whole] = None
    return list(found)


def tidy(text: str) -> str:
    """`text` without doubled spaces, spaces around line breaks and runs of empty lines."""
    return _LINES.sub("\n\n", _AROUND_LINES.sub("\n", _SPACES.sub(" ", text))).strip()


def one_line(text: str) -> str:
    """What a network says of an error, as part of a line for the operator: nothing that moves a terminal's cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def hashtags_of(text: str) -> tuple[str, ...]:
    """#words of a text, as written, each once."""
    return tuple(dict.fromkeys("#" + word for word in _HASHTAG.findall(text)))


def mentions_of(text: str) -> tuple[str, ...]:
    """@handles of a text, as written, each once."""
    return tuple(dict.fromkeys("@" + word for word in _MENTION.findall(text)))


def _break(found: re.Match[str]) -> str:
    return "\n\n" if "\x02" in found[0] or found[0].count("\n") > 1 else "\n"


def _pieces(html: str) -> Iterator[tuple[str, str]]:
    """("", words) for what is between tags, (name in lower case, with "/" where it closes; the tag's inside) for tags."""
    at, length = 0, len(html)
    unclosed: set[str] = set()
    while at < length:
        opening = html.find("<", at)
        if opening < 0:
            yield "", html[at:]
            return
        if opening > at:
            yield "", html[at:opening]
        if html.startswith("<!--", opening):
            end = html.find("-->", opening + 4)
            at = length if end < 0 else end + 3
            continue
        name = _NAME.match(html, opening + 1)
        if name is None:
            if _DECLARATION.match(html, opening):
                end = html.find(">", opening)
                at = length if end < 0 else end + 1
            else:
                yield "", "<"
                at = opening + 1
            continue
        end = _end_of_tag(html, name.end(), unclosed)
        tag = name[0].lower()
        yield tag, html[name.end():end]
        at = end + 1
        if tag in _DROPPED:
            closing = re.compile(f"(?i)</{tag}").search(html, at)
            at = length if closing is None else closing.start()


def _end_of_tag(html: str, at: int, unclosed: set[str]) -> int:
    """Where the tag's ">" stands, quoted ones passed over. `unclosed` remembers which quotes have no further partner."""
    while True:
        stop = _UNQUOTED.match(html, at)
        at = stop.end() if stop else len(html)
        if at >= len(html) or html[at] == ">":
            return min(at, len(html))
        quote = html[at]
        end = -1 if quote in unclosed else html.find(quote, at + 1)
        if end < 0:
            unclosed.add(quote)
            end = at
        at = end + 1
