"""Public Telegram channels by their preview pages, https://t.me/s/CHANNEL: no bot, no login.

A page shows the newest 20 messages or so; `?before=ID` shows those before. The page is made for people and may change:
what no longer reads as a page of messages raises BadPayload, so that it alarms instead of going silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, field_validator
from selectolax.lexbor import LexborHTMLParser, LexborNode

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Response
from connectors.errors import BadPayload, Transient
from connectors.markup import hashtags_of, links_of_html, mentions_of, text_of_html, tidy
from monitor.core.post import Author, Post, as_utc, clean_text

PAGES = 5
"""Pages of one poll at most; a longer way back is finished by the next polls."""
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{3,31}$")
_POST = re.compile(r"^([A-Za-z][A-Za-z0-9_]*)/([0-9]{1,15})$")
_NOT_WORDS = (
    ".tgme_widget_message_user", ".tgme_widget_message_author", ".tgme_widget_message_forwarded_from",
    ".tgme_widget_message_reply", ".tgme_widget_message_footer", ".tgme_widget_message_info", "a, i, svg, script, style",
    ".tgme_widget_message_video_player", ".tgme_widget_message_document_wrap", ".tgme_widget_message_voice_player",
    ".tgme_widget_message_roundvideo_player", ".message_media_not_supported_wrap", ".tgme_widget_message_reactions",
    ".tgme_widget_message_inline_keyboard", ".tgme_widget_message_poll", ".tgme_widget_message_sticker_wrap",
)


_REPLY = frozenset({"tgme_widget_message_reply"})
_HIDDEN = frozenset({"media_not_supported_cont", "tgme_widget_message_video_player", "tgme_widget_message_roundvideo_player"})
"""Where "open Telegram to see this" stands ready without being shown: beside any message, and inside every player."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a preview page shows: its messages by number, and where the older ones begin."""

    posts: tuple[tuple[int, Post], ...]
    older: int | None
    damaged: tuple[tuple[int, Damaged], ...] = ()
    """Messages whose words, or some of them, are not where they should be."""
    silent: bool = False
    """It says that there are no messages: true of an empty channel, and what it also says when asked too often."""


class TelegramWeb:
    """One channel."""

    name: ClassVar[str] = "telegram_web"
    poll_every: ClassVar[float] = 60.0
    max_requests_per_poll: ClassVar[int] = PAGES

    class Settings(ConnectorSettings):
        """Options of a telegram_web source."""

        channel: str = Field(description="The channel's public name, as in https://t.me/NAME")
        base_url: HttpUrl = Field(default=HttpUrl("https://t.me"), description="Address of the preview pages")
        reread: int = Field(default=1, ge=1, le=PAGES, description="Newest pages read at every poll, so that edits of "
                                                                  "their messages are noticed")

        @field_validator("channel")
        @classmethod
        def _channel(cls, value: str) -> str:
            name = value.strip().rstrip("/").rpartition("/")[2].lstrip("@")
            if not _NAME.match(name):
                raise ValueError("not the name of a public channel; write it as in https://t.me/NAME")
            return name

    def __init__(self, source: str, settings: Settings) -> None:
        self.source = source
        self.channel = settings.channel.lower()
        self._base = str(settings.base_url).rstrip("/")
        self._reread = settings.reread

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """The newest pages, and as many older ones as lie between them and the newest message known.

        The cursor: `last`, up to which everything was given; on a way back longer than one poll also `top`, where it
        began, and `before`, where it goes on.
        """
        known = cursor if cursor.get("channel") == self.channel else {}
        last = known.get("last", 0)
        top, before = known.get("top", 0), known.get("before")
        found: dict[int, Post] = {}
        damaged: dict[int, Damaged] = {}
        reached = False
        for page_number in range(PAGES):
            page = await self._page(http, before, last)
            found.update(page.posts)
            damaged.update(page.damaged)
            numbers = [number for number, _ in page.posts]
            top = max([top, *numbers])
            oldest = min(numbers, default=0)
            before = page.older
            # Without a cursor one round of pages is the beginning; history is not this poll's business.
            passed = oldest <= last or not last
            if before is None or (passed and (page_number + 1 >= self._reread or "before" in known)):
                reached = True
                break
        moved = {"channel": self.channel, "last": max(top, last)} if reached else {
            "channel": self.channel, "last": last, "top": top, "before": before}
        if not moved["last"] and reached:
            moved = {}
        posts = tuple(replace(found[number], source=self.source) for number in sorted(found))
        return Batch(posts, moved, damaged=tuple(damaged.values()), more=not reached)

    async def _page(self, http: Http, before: int | None, last: int) -> Page:
        address = f"{self._base}/s/{self.channel}"
        answer = await http.get(address, params=None if before is None else {"before": str(before)})
        _refuse_other_page(answer, self.channel)
        page = read(answer.body, self.channel)
        if page.silent and (last or before is not None):
            raise Transient(f"{address}: says that there are no messages, though there were; Telegram does so when it "
                            "is asked too often")
        return page


def parse(body: bytes, channel: str = "") -> list[Post]:
    """The posts of a preview page, oldest first. Raises BadPayload where it is none."""
    return [post for _, post in sorted(read(body, channel).posts, key=lambda pair: pair[0])]


def read(body: bytes, channel: str = "") -> Page:
    """A preview page. Raises BadPayload for what is none, or no longer looks like one."""
    tree = LexborHTMLParser(body)
    if tree.css_first(".tgme_channel_info") is None and tree.css_first(".tgme_channel_history") is None:
        raise BadPayload("t.me: not a preview page (no channel information on it): the layout changed, or the channel "
                         "is private, renamed or without a preview", body)
    posts: list[tuple[int, Post]] = []
    damaged: list[tuple[int, Damaged]] = []
    services = 0
    for node in tree.css(".tgme_widget_message[data-post]"):
        if "service_message" in (node.attributes.get("class") or "").split():
            services += 1
            continue
        one, lost = _message(node)
        if one is not None:
            posts.append(one)
        if lost is not None:
            damaged.append((one[0] if one else -len(damaged), Damaged(f"t.me: {lost[0]}", lost[1].encode("utf-8", "replace"))))
    if not posts and not services and not damaged:
        said = tree.css_first(".tme_no_messages_found") is not None
        history = tree.css_first(".tgme_channel_history")
        left = [child for child in _children(history) if child.css_first(".tme_no_messages_found") is None]
        if not said and (history is None or left):
            raise BadPayload("t.me: a channel's page without a message on it that can be read: the layout changed", body)
        return Page((), None, silent=True)
    shown = len({*dict(posts), *dict(damaged)})
    if len(damaged) * 2 > shown:
        raise BadPayload(f"t.me: {len(damaged)} of {shown} messages cannot be read: the layout changed", body)
    more = tree.css_first(".tme_messages_more[data-before]")
    older = (more.attributes.get("data-before") or "") if more is not None else ""
    return Page(tuple(posts), int(older) if older.isascii() and older.isdigit() and len(older) < 16 else None,
                tuple(damaged))


def _children(node: LexborNode | None) -> Iterator[LexborNode]:
    child = node.child if node is not None else None
    while child is not None:
        if child.tag and not child.tag.startswith(("-", "!")) and child.tag not in ("script", "style"):
            yield child
        child = child.next


def _refuse_other_page(answer: Response, channel: str) -> None:
    """Where a channel has no preview, Telegram leads from /s/NAME to /NAME, with status 200."""
    if not urlsplit(answer.url).path.startswith("/s/"):
        raise BadPayload(f"t.me/{channel}: no preview page: private, renamed, or its preview is switched off", answer.body)


def _message(node: LexborNode) -> tuple[tuple[int, Post] | None, tuple[str, str] | None]:
    """A message's number and post, and what of it could not be read: why, and the words that stand elsewhere. The words
    alone, for the rest of a message (how often it was seen) is another at every poll."""
    said = node.attributes.get("data-post") or ""
    named = _POST.match(node.attributes.get("data-post") or "")
    moment = node.css_first(".tgme_widget_message_date time[datetime]") or node.css_first("time[datetime]")
    if named is None or moment is None:
        return None, (f"message {said[:60]!r} without a number or a time: the layout changed", f"{said}\n{_left_over(node)}")
    try:
        published = as_utc(datetime.fromisoformat(moment.attributes.get("datetime") or ""))
    except (ValueError, OverflowError):
        return None, (f"message {said[:60]!r} with a time that is none: the layout changed", f"{said}\n{_left_over(node)}")
    html = _words(node)
    media = tuple(_media(node))
    elsewhere = "" if html else _left_over(node)
    lost = (f"the words of message {said!r} are not where they should be: the layout changed", f"{said}\n{elsewhere}")
    if elsewhere and not media:
        return None, lost
    text = clean_text(text_of_html(html))
    name, number = named[1].lower(), int(named[2])
    replied = node.css_first("a.tgme_widget_message_reply[href]")
    answered = _linked_post(replied)
    origin = node.css_first("a.tgme_widget_message_forwarded_from_name[href]")
    forwarded = node.css_first(".tgme_widget_message_forwarded_from")
    post = Post(
        network="telegram_web", source="", native_id=f"{name}/{number}", text=text, published_at=published,
        url=f"https://t.me/{name}/{number}",
        author=Author(name, f"@{name}"),  # its account, not its title: the office's own posts are told by it
        in_reply_to=answered, in_reply_to_account="@" + answered.partition("/")[0] if answered else None,
        mentions=mentions_of(text), hashtags=hashtags_of(text),
        links=tuple(link for link in links_of_html(html) if not link.startswith("https://t.me/s/")), media=media,
        repost_of=_linked_post(origin) or ("forwarded" if forwarded is not None else None),
    )
    return (number, post), lost if elsewhere else None


def _words(node: LexborNode) -> str:
    """The HTML of the message's own text (the quoted one of a reply has the same class) or of its poll."""
    for part in node.css(".js-message_text, .tgme_widget_message_text"):
        if "js-message_reply_text" not in (part.attributes.get("class") or "").split() and not _inside(part, _REPLY):
            return part.html or ""
    question = node.css_first(".tgme_widget_message_poll_question")
    if question is None:
        return ""
    options = node.css(".tgme_widget_message_poll_option_text")
    return "".join([question.html or "", *(f"<div>- {option.inner_html}</div>" for option in options)])


def _inside(node: LexborNode, marks: frozenset[str]) -> bool:
    """Whether one of these classes encloses a part of a message."""
    parent = node.parent
    while parent is not None:
        classes = (parent.attributes.get("class") or "").split() if parent.attributes else []
        if marks.intersection(classes):
            return True
        if "tgme_widget_message" in classes:
            return False
        parent = parent.parent
    return False


def _media(node: LexborNode) -> Iterator[str]:
    """What is attached. The addresses of pictures change from day to day; their number and kind don't."""
    for kind, marks in (("photo", "a.tgme_widget_message_photo_wrap"), ("video", ".tgme_widget_message_video_player"),
                        ("document", ".tgme_widget_message_document_wrap"), ("voice", ".tgme_widget_message_voice_player"),
                        ("video_note", ".tgme_widget_message_roundvideo_player"),
                        ("sticker", ".tgme_widget_message_sticker_wrap"), ("location", ".tgme_widget_message_location_wrap"),
                        ("unsupported", ".message_media_not_supported_wrap")):
        for number, _ in enumerate((one for one in node.css(marks) if not _inside(one, _HIDDEN)), 1):
            yield f"{kind}:{number}"


def _left_over(node: LexborNode) -> str:
    """The words that stand in the message outside every place that we know."""
    copy = LexborHTMLParser(node.html or "")
    for known in copy.css(", ".join(_NOT_WORDS)):
        known.decompose()
    return tidy(copy.body.text(separator=" ", strip=True)) if copy.body is not None else ""


def _linked_post(link: LexborNode | None) -> str | None:
    """CHANNEL/NUMBER of a link to a public message."""
    if link is None:
        return None
    named = _POST.match(urlsplit(link.attributes.get("href") or "").path.strip("/"))
    return f"{named[1].lower()}/{named[2]}" if named else None
