"""Lists of posts that a network gives newest first, page by page: reading what is new without a gap, and reading back.

Pure but for the asking that is handed in. What a page may not do is end before the newest known post is passed: the way back is
finished by the next polls where it is longer than one poll may ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Batch, Cursor, Damaged, Refused
from connectors.errors import AuthError, BadPayload, SourceError
from monitor.core.post import Post

OVERLAP = 600
"""Seconds read again below the newest known: posts of the same second, and those that a network's index shows late."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    posts: tuple[Post, ...]
    older: str | None
    """What asks for the next older page; None at the end."""
    span: tuple[int, int] | None
    """Unix time of the oldest and of the newest thing on the page, posts or not, by which the network sorts it."""
    damaged: tuple[Damaged, ...] = ()


Ask = Callable[[str | None], Awaitable[Page]]
"""Asks for the page that follows a mark (None: the newest). Each call may cost one request."""


@dataclass(frozen=True, slots=True)
class News:
    """What one poll of several lists brought."""

    posts: tuple[Post, ...]
    state: dict[str, Any]
    damaged: tuple[Damaged, ...]
    more: bool
    refused: tuple[Refused, ...] = ()


async def read_new(lists: Mapping[str, Ask], known: Mapping[str, Any], pages: int, *, beside: bool = False) -> News:
    """What is new in each list since `known`, the state of the poll before, within `pages` requests. A list that cannot be read
    is handed over as Damaged beside the others, one that the network refuses us as Refused; where none can be read, its error is
    raised, unless they are read `beside` something else that could be."""
    places: dict[str, Any] = {name: dict(place) for name, place in known.get("lists", {}).items() if name in lists}
    names = list(lists)
    first = names.index(known["next"]) if known.get("next") in names else 0
    posts: dict[str, Post] = {}
    damaged: list[Damaged] = []
    failed: SourceError | None = None
    closed: dict[str, str] = {name: why for name, why in known.get("refused", {}).items() if name in lists}
    read = 0
    for name in names[first:]:
        if not pages:
            return _news(posts, {"lists": places, "next": name}, damaged, True, closed)
        try:
            place, pages, over = await _way_back(lists[name], places.get(name), pages, posts, damaged)
        except BadPayload as e:
            failed = failed if isinstance(failed, AuthError) else e
            pages -= 1
            damaged.append(Damaged(str(e), e.payload))
            continue
        except AuthError as e:
            failed = e
            pages -= 1
            closed[name] = str(e)
            continue
        read += 1
        places[name] = place
        closed.pop(name, None)
        if not over:
            return _news(posts, {"lists": places, "next": name}, damaged, True, closed)
    if failed is not None and not read and not first and not beside:
        raise failed
    return _news(posts, {"lists": places}, damaged, False, closed)


def _news(posts: Mapping[str, Post], state: dict[str, Any], damaged: Sequence[Damaged], more: bool, closed: Mapping[str, str]) -> News:
    return News(tuple(posts.values()), {**state, "refused": closed} if closed else state, tuple(damaged), more,
                tuple(Refused(name, why) for name, why in closed.items()))


async def _way_back(ask: Ask, place: Mapping[str, Any] | None, pages: int, posts: dict[str, Post],
                    damaged: list[Damaged]) -> tuple[dict[str, Any], int, bool]:
    """One list from its newest page (or where the last poll stopped) to what is known. `place`: `last`, the newest time up to
    which everything was given; on the way back `top`, where it began, and `before`, where it goes on."""
    last = place.get("last") if place else None
    top = place.get("top", last or 0) if place else 0
    before = place.get("before") if place else None
    while pages:
        page = await ask(before)
        pages -= 1
        for post in page.posts:
            posts.pop(post.native_id, None)
            posts[post.native_id] = post
        damaged += page.damaged
        if page.span is not None:
            top = max(top, page.span[1])
        passed = last is None or (page.span is not None and page.span[0] < last - OVERLAP)
        if page.older is None or page.older == before or passed:  # without a cursor one page is the beginning
            return {"last": max(top, last or 0)}, pages, True
        before = page.older
    return {"last": last, "top": top, "before": before}, pages, False


async def read_back(lists: Mapping[str, Ask], cursor: Cursor) -> Batch:
    """One page into the past, from `until` to `since` (ISO times), list after list."""
    since, until = datetime.fromisoformat(cursor["since"]), datetime.fromisoformat(cursor["until"])
    names = list(lists)
    name = cursor["list"] if cursor.get("list") in names else names[0] if names else None
    if name is None:
        return Batch((), cursor)
    damaged: tuple[Damaged, ...] = ()
    try:
        page = await lists[name](cursor.get("before"))
    except (BadPayload, AuthError) as e:
        if isinstance(e, AuthError) and len(names) == 1:
            raise
        page, damaged = Page((), None, None), (Damaged(str(e), e.payload),)
    posts = {post.native_id: post for post in page.posts if since <= post.published_at <= until}
    moved = {"since": cursor["since"], "until": cursor["until"], "list": name}
    passed = page.span is not None and page.span[0] < since.timestamp()
    if page.older is not None and page.older != cursor.get("before") and not passed:
        return Batch(tuple(posts.values()), {**moved, "before": page.older}, damaged=page.damaged + damaged, more=True)
    following = names[names.index(name) + 1:]
    if following:
        moved["list"] = following[0]
    return Batch(tuple(posts.values()), moved, damaged=page.damaged + damaged, more=bool(following))
