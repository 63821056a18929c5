"""What citizens are told: one delivery to each thread of a card, in the transaction that made it true.

A thread is where a message stands in a network. `monitor.publish` takes the deliveries out; what no program can post waits
for a person, with the link. Texts here go out in public: they name the card and the decision, never a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_date
from sqlalchemy import Connection, Row, insert, select

from config.languages import N_, language
from config.timezone import ALMATY
from monitor.store.tables import post
from ticketing.store import private_chat
from ticketing.tables import delivery, ticket, ticket_post

CHANNEL = "reply:"
"""Before the network's name: `telegram` alone is the channel to staff."""

BY_HAND = "hand"
"""Instead of a network: told face to face, by telephone or on paper."""

BOT = "bot"
"""Instead of a network: a private chat with our bot, where nobody else reads. ticketing.bot.outgoing says it."""

GONE = "the author has deleted the post"

_NOTICES = {
    "extended": N_("Your message is registered under the number %(number)s. The term of the answer has been extended until "
                   "%(date)s. Reason: %(reason)s"),
    "redirected": N_("Your message %(number)s has been passed to the body that is competent: %(body)s."),
    "renumbered": N_("Your message %(number)s has been passed to the body that is competent: %(body)s. Its number there: "
                     "%(new)s."),
    "not_examined": N_("Your message %(number)s was left without examination. Ground: %(ground)s (%(article)s)."),
    "paused": N_("The term of the answer stands until your reply, at most until %(date)s."),
    "guide": N_("Your message is registered as a message from a social network, number %(number)s. For it to be an official "
                "appeal with the terms of the law, file it with your digital signature at eotinish.kz."),
}


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a message of a card stands. `post_id` None: nowhere that a program or a link could reach."""

    number: str
    network: str
    post_id: int | None = None
    native_id: str = ""
    url: str = ""
    language: str = ""
    gone: bool = False
    """Its author has deleted the post."""

    @property
    def recipient(self) -> str:
        """How a delivery names it."""
        return f"post:{self.post_id}" if self.post_id is not None else f"citizen:{self.number}"


def family(c: Connection, number: str) -> list[str]:
    """A card and those merged into it."""
    members = c.execute(select(ticket.c.number).where(ticket.c.merged_into == number).order_by(ticket.c.id)).scalars()
    return [number, *members]


def threads(c: Connection, numbers: Sequence[str]) -> list[Thread]:
    """Where the messages of these cards stand, each place once; a card without any is told by hand."""
    rows = c.execute(
        select(ticket.c.number, ticket.c.language, ticket_post.c.post_id, ticket_post.c.network, ticket_post.c.native_id,
               post.c.url)
        .join(ticket_post, ticket_post.c.ticket_id == ticket.c.id).join(post, post.c.id == ticket_post.c.post_id)
        .where(ticket.c.number.in_(list(numbers)), ticket_post.c.role != "revision").order_by(ticket.c.id, post.c.id)).all()
    found: dict[tuple[str, str], Thread] = {}
    for r in rows:
        gone = c.execute(select(post.c.id).where(post.c.network == r.network, post.c.native_id == r.native_id,
                                                 post.c.deleted_at.is_not(None)).limit(1)).first() is not None
        chat = private_chat(r.network, r.native_id)
        place = (r.network, r.native_id) if chat is None else (BOT, str(chat))     # one talk, however often it was written
        found.setdefault(place, Thread(
            r.number, r.network if chat is None else BOT, r.post_id, r.native_id, r.url, r.language, gone))
    named = {t.number for t in found.values()}
    bare = c.execute(select(ticket.c.number, ticket.c.language).where(
        ticket.c.number.in_([n for n in numbers if n not in named]))).all()
    return [*found.values(), *(Thread(r.number, BY_HAND, language=r.language) for r in bare)]


def queue(c: Connection, places: Sequence[Thread], kind: str, body: Callable[[Thread], dict[str, Any]], now: datetime,
          wait: timedelta = timedelta()) -> int:
    """Have each place told, after `wait`. `kind` is told once there: whoever asks twice changes nothing. Returns how many are new."""
    new = 0
    for place in places:
        known = c.execute(select(delivery.c.id).where(
            delivery.c.about == place.number, delivery.c.kind == kind, delivery.c.channel == CHANNEL + place.network,
            delivery.c.recipient == place.recipient)).first()
        if known is not None:
            continue
        state, reason = "queued", None
        if place.gone:
            state, reason = "dead", GONE
        elif place.network == BY_HAND:
            state, reason = "by_hand", "there is no thread in a network"
        c.execute(insert(delivery).values(
            about=place.number, kind=kind, channel=CHANNEL + place.network, recipient=place.recipient, state=state, reason=reason,
            next_try_at=now + wait, created_at=now, body=body(place)))
        new += 1
    return new


def notice(name: str, tongue: str, values: Callable[[str], dict[str, str]]) -> str:
    """A notice in the language of the message: Kazakh or Russian, and both where it is neither."""
    codes = spoken(tongue)
    return "\n\n".join(language(code).gettext(_NOTICES[name]) % values(code) for code in codes)


def spoken(tongue: str) -> tuple[str, ...]:
    """In which languages an answer to a message goes out: the citizen's own (Law on languages, Art. 11) [M]."""
    if tongue.startswith("kk"):
        return ("kk",)
    return ("ru",) if tongue == "ru" else ("kk", "ru")


def day(moment: datetime, code: str) -> str:
    """A date in words, in Kazakhstan."""
    return str(format_date(moment.astimezone(ALMATY), "d MMMM y", locale=code))


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery to a citizen, and where it goes."""

    delivery: Row[Any]
    url: str = ""


def told(c: Connection, numbers: Sequence[str]) -> list[Told]:
    """Everything that citizens were or are to be told of these cards, newest first."""
    rows = c.execute(select(delivery).where(delivery.c.about.in_(list(numbers)), delivery.c.channel.startswith(CHANNEL))
                     .order_by(delivery.c.id.desc())).all()
    ids = {int(r.recipient[5:]) for r in rows if r.recipient.startswith("post:")}
    urls = dict(c.execute(select(post.c.id, post.c.url).where(post.c.id.in_(ids))).tuples().all())
    return [Told(r, urls.get(int(r.recipient[5:]), "") if r.recipient.startswith("post:") else "") for r in rows]
