"""Comments that a network gives post by post: which posts have news under them, and reading those to the end. Pure but for the
asking that is handed in.

Every poll sees the list of posts, and with each what changes when something is said below it (`sign`). What changed is read
whole, so late comments, answers to old ones and edits come too; what is not finished within a poll is finished by the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import Damaged
from connectors.errors import BadPayload
from connectors.graph import Gone
from connectors.timeline import OVERLAP, News, Page
from monitor.core.post import Post

AT_FIRST = 10
"""Posts whose comments are read before anything is known; what stands under older ones is history."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A post with comments. `sign` is "" where there are none."""

    id: str
    sign: str


Ask = Callable[[str, str | None], Awaitable[tuple[Page, Sequence[str]]]]
"""Asks for a page of a list (a post's id at first) from a mark on; also gives lists that must be read besides. One request."""


async def read_below(threads: Sequence[Thread], known: Mapping[str, Any], ask: Ask, requests: int, newest_first: bool = False) -> News:
    """What is new under `threads` (newest first) since `known`, within `requests`. `newest_first`: a list is sorted, so reading
    ends where the last reading began."""
    before = known.get("seen", {})
    seen: dict[str, Any] = {one.id: before[one.id] for one in threads if one.id in before}
    work: list[dict[str, Any]] = [{**one, "lists": [list(pair) for pair in one["lists"]]} for one in known.get("work", ())]
    waiting = {one["of"] for one in work}
    for place, one in enumerate(threads):
        if not known and place >= AT_FIRST:
            seen[one.id] = [one.sign, 0]
        elif one.sign and one.id not in waiting and (one.id not in seen or seen[one.id][0] != one.sign):
            work.append({"of": one.id, "sign": one.sign, "top": 0, "lists": [[one.id, None]]})
    posts: dict[str, Post] = {}
    damaged: list[Damaged] = []
    while work and requests > 0:
        entry = work[0]
        name, mark = entry["lists"][0]
        requests -= 1
        try:
            page, besides = await ask(name, mark)
        except Gone:
            page, besides = Page((), None, None), ()
        except BadPayload as e:  # this post is asked again next time; the others are not held up
            damaged.append(Damaged(str(e), e.payload))
            work.pop(0)
            continue
        for post in page.posts:
            posts[post.native_id] = post
        damaged += page.damaged
        last = seen[entry["of"]][1] if entry["of"] in seen else 0
        if page.span is not None:
            entry["top"] = max(entry["top"], page.span[1])
        passed = newest_first and page.span is not None and page.span[0] < last - OVERLAP
        further = [] if page.older is None or page.older == mark or passed else [[name, page.older]]
        entry["lists"] = further + entry["lists"][1:] + [[one, None] for one in besides]
        if not entry["lists"]:
            seen[entry["of"]] = [entry["sign"], max(entry["top"], last)]
            work.pop(0)
    state: dict[str, Any] = {"seen": seen, "work": work} if work else {"seen": seen}
    return News(tuple(posts.values()), state, tuple(damaged), bool(work))
