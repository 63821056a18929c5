"""Comments that a network gives post by post: which posts have news under them, and reading those to the end. Pure but for the
asking that is handed in.

Every poll sees the list of posts, and with each what changes when something is said below it (`sign`). What changed is read
whole, so late comments, answers to old ones and edits come too; what is not finished within a poll is finished by the next. Where
the network refuses us what stands below one post, the others are read all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import Damaged, Refused
from connectors.errors import AuthError, BadPayload, SourceError
from connectors.graph import Gone
from connectors.recheck import remembered, removed
from connectors.timeline import OVERLAP, News, Page
from monitor.core.post import Post

AT_FIRST = 10
"""Posts whose comments are read before anything is known; what stands under older ones is history."""
NAMED = 3
"""Refused posts that are named one by one; of more it is said how it is: comments are refused."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A post with comments. `sign` is "" where there are none."""

    id: str
    sign: str


@dataclass(frozen=True, slots=True)
class Below(News):
    """What is new below posts; `of`: the post that each stands under; `read`: posts whose list was read in this poll, with the Unix
    time from which on everything that stands there was seen (0: all of it)."""

    of: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, float] = field(default_factory=dict)


Wanted = tuple[str, str | None]
"""A list (a post's id at first) and the mark to go on from."""
Answer = tuple[Page, Sequence[str]]
"""A page of a list, and lists that must be read besides."""
Ask = Callable[[str, str | None], Awaitable[Answer]]
"""Asks for one page. One request."""
AskTogether = Callable[[Sequence[Wanted]], Awaitable[Sequence[Answer | SourceError]]]
"""Asks for several pages with one request; an error in the place of the page that it hit."""


async def read_below(threads: Sequence[Thread], known: Mapping[str, Any], ask: Ask, requests: int, newest_first: bool = False) -> Below:
    """What is new under `threads` (newest first) since `known`, within `requests`. `newest_first`: a list is sorted, so reading
    ends where the last reading began."""
    async def one(wanted: Sequence[Wanted]) -> Sequence[Answer | SourceError]:
        try:
            return [await ask(*wanted[0])]
        except (BadPayload, AuthError) as e:
            return [e]
    return await read_together(threads, known, one, requests, 1, OVERLAP if newest_first else None)


async def read_together(threads: Sequence[Thread], known: Mapping[str, Any], ask: AskTogether, requests: int, width: int,
                        sorted_within: int | None = None) -> Below:
    """The same with `width` pages for one request. `sorted_within`: lists are sorted, newest first, and reading ends so many seconds
    below where the last reading began; None: they are always read whole."""
    before = known.get("seen", {})
    seen: dict[str, Any] = {one.id: before[one.id] for one in threads if one.id in before}
    refused: dict[str, Any] = {one.id: known["refused"][one.id] for one in threads if one.id in known.get("refused", {})}
    work: list[dict[str, Any]] = [{**one, "lists": [list(pair) for pair in one["lists"]]} for one in known.get("work", ())]
    waiting = {one["of"] for one in work}
    turn = min((refused[one][2] for one in refused), default=0)
    tried: list[dict[str, Any]] = []
    for place, one in enumerate(threads):
        fresh = {"of": one.id, "sign": one.sign, "top": 0, "lists": [[one.id, None]]}
        if not known and place >= AT_FIRST:
            seen[one.id] = [one.sign, 0]
        elif one.id in waiting:
            continue
        elif one.id in refused and refused[one.id][0] == one.sign:
            if refused[one.id][2] == turn and not tried:    # permission may come back without news: they are asked again in turn
                tried = [fresh]
        elif one.sign and (one.id not in seen or seen[one.id][0] != one.sign):
            work.append(fresh)
    posts: dict[str, Post] = {}
    of: dict[str, str] = {}
    begun = {id(entry) for entry in (*work, *tried) if entry["of"] not in waiting}
    reached: dict[str, float] = {}
    read: dict[str, float] = {}
    damaged: list[Damaged] = []
    while requests > 0 and (work or tried):
        work, tried = work + tried, []
        requests -= 1
        picked = [(entry, pair) for entry in work for pair in entry["lists"]][:width]
        answers = await ask([(name, mark) for _, (name, mark) in picked])
        for (entry, pair), answer in zip(picked, answers, strict=True):
            entry["lists"].remove(pair)
            if isinstance(answer, AuthError):
                last = max((when for one, (_, _, when) in refused.items() if one != entry["of"]), default=-1)
                refused[entry["of"]] = [entry["sign"], str(answer), last + 1]
                work = [one for one in work if one is not entry]
                continue
            if isinstance(answer, SourceError) and not isinstance(answer, Gone):
                # This post is asked again next time; the others are not held up.
                damaged.append(Damaged(str(answer), answer.payload))
                work = [one for one in work if one is not entry]
                continue
            page, besides = (Page((), None, None), ()) if isinstance(answer, SourceError) else answer
            for post in page.posts:
                posts[post.native_id] = post
                of[post.native_id] = entry["of"]
            damaged += page.damaged
            last = seen[entry["of"]][1] if entry["of"] in seen else 0
            if page.span is not None:
                entry["top"] = max(entry["top"], page.span[1])
            passed = sorted_within is not None and page.span is not None and page.span[0] < last - sorted_within
            if pair[0] == entry["of"] and page.span is not None:
                reached[pair[0]] = page.span[0]
            if pair[0] == entry["of"] and page.older is None and not isinstance(answer, SourceError):
                reached[pair[0]] = 0.0                  # to its end
            further = [] if page.older is None or page.older == pair[1] or passed else [[pair[0], page.older]]
            entry["lists"] = further + entry["lists"] + [[one, None] for one in besides]
            if not entry["lists"] and entry in work:
                if id(entry) in begun and entry["of"] in reached:
                    read[entry["of"]] = reached[entry["of"]]
                seen[entry["of"]] = [entry["sign"], max(entry["top"], last)]
                refused.pop(entry["of"], None)
                work = [one for one in work if one is not entry]
    state: dict[str, Any] = {"seen": seen, **({"work": work} if work else {}), **({"refused": refused} if refused else {})}
    return Below(tuple(posts.values()), state, tuple(damaged), bool(work), named(refused), of, read)


def vanished(known: Mapping[str, int], below: Below) -> list[str]:
    """Which comments of `known` ("POST COMMENT" to its time; a deleted one negative) no longer stand where everything was read."""
    gone = []
    for name, at in known.items():
        post, _, comment = name.partition(" ")
        if post in below.read and at > 0 and at > below.read[post] and below.of.get(comment) != post:
            gone.append(name)
    return gone


def told(known: Mapping[str, int], below: Below, network: str, now: float) -> tuple[dict[str, int], tuple[Post, ...]]:
    """What is kept of the recent comments, and those of them that were deleted, as posts once more. Pure."""
    gone = vanished(known, below)
    stand = [replace(post, native_id=f"{below.of[post.native_id]} {post.native_id}") for post in below.posts]
    kept = remembered(known, stand, gone)
    return kept, tuple(removed(network, name.partition(" ")[2], kept[name], now) for name in gone if name in kept)


def named(refused: Mapping[str, Sequence[Any]]) -> tuple[Refused, ...]:
    """The refused posts, each by name; where there are many, comments as such: then it is a permission, not a post."""
    if len(refused) > NAMED:
        return (Refused("comments", next(iter(refused.values()))[1]),)
    return tuple(Refused(f"comments:{name}", why) for name, (_, why, _) in refused.items())
