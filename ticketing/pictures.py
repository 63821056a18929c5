"""Pictures of a card as pages show them: what is wanted, what is here, who may see which.

What a network or a telephone gave is never shown itself: a picture is made anew from it (`made`), so that neither the place nor
the camera that a file carries, nor anything that only looks like a picture, reaches a reader.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import Connection, Row, Text, and_, func, insert, or_, select, type_coerce, update

from monitor.store.tables import post
from ticketing.tables import answer, photo, picture, ticket, ticket_post

LARGEST = 10 * 2**20
"""Bytes of a picture that is read at all."""
MOST_PIXELS = 50_000_000
"""A file of a few kilobytes may unpack to gigabytes: https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.open"""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
WHOLE, SMALL = 1600, 320
"""Pixels of the longer side."""
MOST_OF_A_POST = 10
BACK = 20_000
"""How many posts back is looked for pictures that are not here yet; those of older cards come when somebody opens the card."""
TRIES = 5


class NoPicture(Exception):
    """These bytes are no picture that can be shown; the message is one line."""


@dataclass(frozen=True, slots=True)
class Made:
    """A picture and its small form, both JPEG."""

    content: bytes
    small: bytes


def made(content: bytes) -> Made:
    """A picture made anew from these bytes: upright, without what the file says beside it. Raises NoPicture."""
    if len(content) > LARGEST:
        raise NoPicture("larger than 10 MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as file:
                if file.width * file.height > MOST_PIXELS:
                    raise NoPicture("more than 50 million pixels")
                file.draft("RGB", (WHOLE, WHOLE))
                upright = ImageOps.exif_transpose(file)
                if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                    over = upright.convert("RGBA")
                    plain = Image.new("RGB", over.size, "white")
                    plain.paste(over, mask=over.getchannel("A"))
                else:
                    plain = upright.convert("RGB")
    except NoPicture:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise NoPicture("not a picture of a kind that is shown (JPEG, PNG, WebP, GIF)") from None
    except Exception as e:      # a damaged file may fail anywhere in a decoder
        raise NoPicture(f"damaged ({type(e).__name__})") from None
    return Made(_jpeg(plain, WHOLE), _jpeg(plain, SMALL))


def _jpeg(plain: Image.Image, side: int) -> bytes:
    small = plain.copy()
    small.thumbnail((side, side))
    bare = Image.new("RGB", small.size)     # what belongs to the file (comments, profiles) stays behind
    bare.paste(small)
    out = BytesIO()
    bare.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()


# --- what is wanted

@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that waits to be made: from an attachment of a post (network, source, and how to get it), or from a photo of
    staff, which lies here."""

    id: int
    tries: int
    source: str = ""
    network: str = ""
    media: str = ""
    file: str = ""
    photo: bytes | None = None


def attached(media: Sequence[str], files: Sequence[str]) -> list[tuple[int, str, str]]:
    """Which of a post's media can be had: place, name and how; an address of the web is asked itself."""
    found = []
    for n, name in enumerate(media[:MOST_OF_A_POST]):
        file = files[n] if n < len(files) else ""
        if file or name.startswith(("https://", "http://")):
            found.append((n, name, file))
    return found


def missing(c: Connection, posts: Collection[int] | None = None) -> bool:
    """Whether `want` would find something."""
    return bool(_posts_without(c, posts, 1)) or bool(_photos_without(c, 1))


def want(c: Connection, now: datetime, posts: Collection[int] | None = None, limit: int = 100) -> int:
    """Note what is attached to cards and has no picture yet; `posts` None: lately. Returns how many."""
    rows: list[dict[str, Any]] = []
    base = {"state": "waiting", "next_try_at": now, "post_id": None, "photo": None, "ticket": None, "n": 0, "reason": None}
    for id_, extra in _posts_without(c, posts, limit):
        can = attached(extra.get("media", ()), extra.get("files", ()))
        rows += [{**base, "post_id": id_, "n": n} for n, _m, _f in can] or [
            {**base, "post_id": id_, "state": "failed", "reason": "the network does not hand it out"}]
    rows += [{**base, "photo": id_, "ticket": number} for id_, number in _photos_without(c, limit)]
    if rows:
        c.execute(insert(picture), rows)
    return len(rows)


def _posts_without(c: Connection, posts: Collection[int] | None, limit: int) -> list[tuple[int, Mapping[str, Any]]]:
    query = select(post.c.id, post.c.extra).join(ticket_post, ticket_post.c.post_id == post.c.id).where(
        type_coerce(post.c.extra, Text).like('%"media"%'), ~select(picture.c.id).where(picture.c.post_id == post.c.id).exists())
    if posts is None:
        newest = c.execute(select(func.max(post.c.id))).scalar() or 0
        query = query.where(ticket_post.c.post_id > newest - BACK)
    else:
        query = query.where(post.c.id.in_(sorted(posts)[:200]))
    found: list[tuple[int, Mapping[str, Any]]] = []
    for id_, extra in c.execute(query.order_by(post.c.id.desc()).execution_options(yield_per=500)):
        if extra and extra.get("media"):
            found.append((id_, extra))
            if len(found) == limit:
                break
    return found


def _photos_without(c: Connection, limit: int) -> list[tuple[int, str]]:
    return list(c.execute(select(photo.c.id, photo.c.ticket).where(
        photo.c.state == "kept", ~select(picture.c.id).where(picture.c.photo == photo.c.id).exists()).limit(limit)).tuples())


def next_wanted(c: Connection, now: datetime) -> Wanted | None:
    """The picture that has waited longest."""
    row = c.execute(select(picture.c.id, picture.c.n, picture.c.tries, picture.c.post_id, picture.c.photo).where(
        picture.c.state == "waiting", picture.c.next_try_at <= now).order_by(picture.c.next_try_at, picture.c.id).limit(1)).one_or_none()
    if row is None:
        return None
    if row.photo is not None:
        content = c.execute(select(photo.c.content).where(photo.c.id == row.photo)).scalar()
        return Wanted(row.id, row.tries, photo=bytes(content or b""))
    of = c.execute(select(post.c.source, post.c.network, post.c.extra).where(post.c.id == row.post_id)).one()
    extra = of.extra or {}
    name, file = next(((m, f) for n, m, f in attached(extra.get("media", ()), extra.get("files", ())) if n == row.n), ("", ""))
    return Wanted(row.id, row.tries, of.source, of.network, name, file)


def kept(c: Connection, id_: int, made: Made) -> None:
    """It is here; one that was erased meanwhile stays so."""
    c.execute(update(picture).where(picture.c.id == id_, picture.c.state == "waiting").values(
        state="kept", content=made.content, small=made.small, reason=None))


def not_had(c: Connection, wanted: Wanted, reason: str, now: datetime, again: bool) -> None:
    """It cannot be had: tried again after a growing pause where that may help, five times at most."""
    state = "waiting" if again and wanted.tries + 1 < TRIES else "failed"
    c.execute(update(picture).where(picture.c.id == wanted.id, picture.c.state == "waiting").values(
        state=state, reason=reason[:200], tries=wanted.tries + 1, next_try_at=now + timedelta(minutes=2.0 ** (2 * wanted.tries))))


# --- what is shown

@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on a page: `citizen` or the office; `answer` where it goes with one; not `here`: still to be brought, or (`reason`)
    not to be had."""

    id: int
    post: int | None
    citizen: bool
    at: datetime
    here: bool
    reason: str | None
    answer: int | None = None


def of_card(c: Connection, posts: Collection[int], number: str) -> list[Shown]:
    """All that a card's staff see."""
    found = [Shown(r.id, r.post_id, True, r.published_at, r.state == "kept", r.reason) for r in c.execute(
        select(picture.c.id, picture.c.post_id, picture.c.state, picture.c.reason, post.c.published_at).join(
            post, post.c.id == picture.c.post_id).where(picture.c.post_id.in_(sorted(posts)), picture.c.state != "erased")
        .order_by(picture.c.post_id, picture.c.n))]
    return found + _of_staff(c, photo.c.ticket == number)


def of_author(c: Connection, row: Row[Any], answered: Collection[str]) -> list[Shown]:
    """What the author of a card sees of it: their own pictures, and those of published answers of these cards. Never those of
    others who wrote the same."""
    origin = c.execute(select(ticket_post.c.author_key).where(ticket_post.c.ticket_id == row.id, ticket_post.c.role == "origin")
                       .limit(1)).scalar() or ""
    own = and_(ticket_post.c.ticket_id == row.id, or_(ticket_post.c.role == "origin", and_(
        ticket_post.c.author_key == origin, ticket_post.c.author_key != "")))
    found = [Shown(r.id, r.post_id, True, r.published_at, True, None) for r in c.execute(
        select(picture.c.id, picture.c.post_id, ticket_post.c.published_at).join(
            ticket_post, ticket_post.c.post_id == picture.c.post_id).where(own, picture.c.state == "kept")
        .order_by(picture.c.post_id, picture.c.n))]
    said = select(answer.c.id).where(answer.c.ticket.in_(sorted(answered)), answer.c.published_at.is_not(None))
    return found + [one for one in _of_staff(c, photo.c.answer.in_(said)) if one.here]


def _of_staff(c: Connection, which: Any) -> list[Shown]:
    return [Shown(r.id, None, False, r.at, r.state == "kept", r.reason, r.answer) for r in c.execute(
        select(picture.c.id, picture.c.state, picture.c.reason, photo.c.at, photo.c.answer).join(photo, photo.c.id == picture.c.photo)
        .where(which, picture.c.state != "erased").order_by(picture.c.id))]


def content_of(c: Connection, id_: int, small: bool) -> bytes | None:
    """The bytes of a picture that is here."""
    found = c.execute(select(picture.c.small if small else picture.c.content).where(
        picture.c.id == id_, picture.c.state == "kept")).scalar()
    return None if found is None else bytes(found)


def cards_of(c: Connection, id_: int) -> list[int]:
    """The cards (ids) on which a picture stands."""
    row = c.execute(select(picture.c.post_id, picture.c.ticket).where(picture.c.id == id_)).one_or_none()
    if row is None:
        return []
    if row.ticket is not None:
        return list(c.execute(select(ticket.c.id).where(ticket.c.number == row.ticket)).scalars())
    return list(c.execute(select(ticket_post.c.ticket_id).where(ticket_post.c.post_id == row.post_id)).scalars())
