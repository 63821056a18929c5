"""A post's text reduced to what copies have in common: word stems, tags, phones, links; never used to show
text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_WORDS = 80
"""Words read of one post: copied texts are recognised by their beginning as well as by the whole."""
STEM = 6
"""Letters kept of a word: Kazakh and Russian endings mostly lie behind the sixth (own check on the
development streams)."""

_VK_REPLY = re.compile(r"\[(?:id|club|public|event)\w*\|[^\]]{0,100}\],?")  # https://dev.vk.com/en/reference/objects/comment
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"(?:\brt\s+)?@\w[\w.]*:?")
_ENTITY = re.compile(r"&#?\w{1,8};")
_REPOST = re.compile(r"\W{0,3}(?:rt\s+@\w|@\w+:\s)", re.IGNORECASE)
"""`RT @name` and the older way of quoting, `@name: words`."""
_REPLY = re.compile(r"\s*(?:\[(?:id|club|public)\w*\||@\w)")
_TAG = re.compile(r"#(\w{2,60})")
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]{4,30}")
_WORD = re.compile(r"\w+")
_PHONE = re.compile(r"(?<!\d)(?:\+?7|8)[\s(-]{0,2}(\d{3})[\s)-]{0,2}(\d{3})[\s-]?(\d{2})[\s-]?(\d{2})(?!\d)")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f"
                        "\ufeff\ufffd]")
_LATIN = re.compile("[a-z]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_TRACKING = re.compile(r"[?&](?:utm_\w+|fbclid|gclid|yclid|igshid|ref)=[^&]*")

_FOLD = str.maketrans("ёәғқңөұүһі", "еагкноуухи")
"""Kazakh letters as people without a Kazakh keyboard type them, so that both spellings are one text."""
_TO_CYRILLIC = str.maketrans("aceopxykmhtb", "асеорхукмнтв")
"""Latin letters that look like Cyrillic ones (Unicode TR 39, confusables), used inside words that mix both
scripts."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What of a text is compared. `words` holds the stems of all words in their places, tags left out: a campaign
    changes its tags more easily than its text.

    `numbers` are the digit groups (house, flat, amount): they differ where people fill in a template. `reply`: the post
    begins by turning to somebody.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    phones: tuple[str, ...]
    numbers: tuple[str, ...]
    repost: bool
    reply: bool

    def spoken(self, text: str, stop: frozenset[str]) -> tuple[str, ...]:
        """The words of the text as written, without function words, names and numbers: fit to be shown when several share them.
        """
        if not text.isascii():
            text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
        found: dict[str, str] = {}
        for word in _LETTERS.findall(_LINK.sub(" ", _MENTION.sub(" ", _VK_REPLY.sub(" ", text[:2000].lower())))):
            stem = word.translate(_FOLD)[:STEM]
            if stem not in stop:
                found.setdefault(stem, word)
        return tuple(found.values())[:24]


def folded(text: str) -> str:
    """Lower-case text in the spelling that posts are compared in."""
    return text.translate(_FOLD)


def _one_script(word: str) -> str:
    if _LATIN.search(word) and _CYRILLIC.search(word):
        return word.translate(_TO_CYRILLIC)
    return word


def normalise(text: str) -> Normal:
    """`text` as stems, tags, phones and numbers; VK reply markup, mentions, links and invisible characters
    left out."""
    text = text[:8000]
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    repost = _REPOST.match(text) is not None
    reply = _REPLY.match(text) is not None
    text = text.lower()
    if "[" in text:
        text = _VK_REPLY.sub(" ", text)
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if "&" in text:
        text = _ENTITY.sub(" ", text)
    phones: tuple[str, ...] = ()
    if _DIGIT.search(text):
        phones = tuple(dict.fromkeys("".join(m.groups()) for m in _PHONE.finditer(text)))
    mixed = not text.isascii() and _LATIN.search(text) is not None
    if not text.isascii():
        text = text.translate(_FOLD)
    tags: tuple[str, ...] = ()
    if "#" in text:
        tags = tuple(dict.fromkeys(_TAG.findall(text)))
        text = _TAG.sub(" ", text)
    words = _WORD.findall(text)[:MAX_WORDS]
    if mixed:
        words = [_one_script(w) for w in words]
        tags = tuple(dict.fromkeys(_one_script(t) for t in tags))
    return Normal(
        words=tuple(w[:STEM] for w in words), tags=tags, phones=phones, repost=repost, reply=reply,
        numbers=tuple(dict.fromkeys(w for w in words if w.isdigit())),
    )


def canonical_link(url: str) -> str:
    """`url` without scheme, www, mobile prefix, tracking parameters, fragment and closing slash."""
    link = url.strip().partition("#")[0]
    link = re.sub(r"^[a-z]+://", "", link, flags=re.IGNORECASE)
    host, slash, path = link.partition("/")
    host = re.sub(r"^(?:www|m)\.", "", host.lower())
    path = _TRACKING.sub("", path)
    if "?" not in path and "&" in path:
        path = path.replace("&", "?", 1)
    return (host + slash + path).rstrip("/")
