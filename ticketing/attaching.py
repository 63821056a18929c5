"""Photos that staff attach to an answer or a card: kept in our own database, erasable, behind a commitment of the register.

First the photo is named (`photo_named`), then its content is brought (`photo_kept`) or given up (`photo_failed`): bringing it
takes a network, and a restart in between loses nothing. The entry is made when the content is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from config.languages import N_
from ticketing import ticket as rules
from ticketing.acting import Acting, Actor, Move, Refused
from ticketing.answering import UNDERWAY
from ticketing.register import Secret
from ticketing.store import ticket_by_number
from ticketing.tables import answer, photo

MOST_PHOTOS = 10
"""Of one card."""

LARGEST = 10 * 2**20
"""Bytes of one photo."""

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""How a JPEG and a PNG begin."""


def picture(content: bytes) -> bool:
    """Whether these bytes are a picture of a kind that goes out again."""
    return len(content) <= LARGEST and content.startswith(_PICTURES)


class Attaching(Acting):
    """Photos beside what is said."""

    def photo_named(self, c: Connection, number: str, file: str, same: str, actor: Actor, now: datetime) -> int | None:
        """Name a photo to be brought: it belongs to the answer that is being written, else to the card. None where this card
        has it already."""
        row = self._ticket(c, number, actor, "photo")
        self._allowed("photo", row)
        if c.execute(select(photo.c.id).where(photo.c.ticket == row.number, photo.c.same == same,
                                              photo.c.state != "failed")).first() is not None:
            return None
        known = c.execute(select(func.count()).select_from(photo).where(
            photo.c.ticket == row.number, photo.c.state.in_(("waiting", "kept")))).scalar_one()
        if known >= MOST_PHOTOS:
            raise Refused(N_("%(number)s has %(most)s photos already: no more are taken."), number=row.number, most=str(MOST_PHOTOS))
        under = c.execute(select(answer.c.id).where(answer.c.ticket == row.number, answer.c.kind == "final",
                                                    answer.c.state.in_(UNDERWAY))).scalar()
        again = c.execute(update(photo).where(photo.c.ticket == row.number, photo.c.same == same).values(
            state="waiting", file=file, answer=under, by=actor.id, at=now).returning(photo.c.id)).scalar()
        if again is not None:
            return int(again)
        return int(c.execute(insert(photo).values(ticket=row.number, answer=under, by=actor.id, at=now, state="waiting", file=file,
                                                  same=same).returning(photo.c.id)).scalar_one())

    def photo_kept(self, c: Connection, photo_id: int, content: bytes, now: datetime) -> Row[Any] | None:
        """The content is here. Returns the photo's row; None where nobody waits for it any more."""
        one = c.execute(select(photo).where(photo.c.id == photo_id).with_for_update()).one_or_none()
        if one is None or one.state != "waiting":
            return None
        row = ticket_by_number(c, one.ticket, lock=True)
        assert row is not None, "a photo is named on a ticket"
        if not picture(content) or not rules.allowed("photo", row.status):
            return self.photo_failed(c, photo_id)
        c.execute(update(photo).where(photo.c.id == photo_id).values(state="kept", content=content))
        details = {"photo": photo_id, **({"answer": one.answer} if one.answer is not None else {})}
        self._enter(c, now, Actor(one.by, ""), Move(row, "photo", details, (Secret("photo", sha256(content).hexdigest()),)))
        return c.execute(select(photo).where(photo.c.id == photo_id)).one()

    def photo_failed(self, c: Connection, photo_id: int) -> Row[Any] | None:
        """It cannot be had, or is no picture: given up, and may be attached again."""
        c.execute(update(photo).where(photo.c.id == photo_id, photo.c.state == "waiting").values(state="failed", content=None))
        return c.execute(select(photo).where(photo.c.id == photo_id)).one_or_none()


def photos_of(c: Connection, number: str) -> Sequence[Any]:
    """The photos of a card that are here, without their content."""
    return c.execute(select(photo.c.id, photo.c.answer, photo.c.file, photo.c.by, photo.c.at).where(
        photo.c.ticket == number, photo.c.state == "kept").order_by(photo.c.id)).all()


def photos_with(c: Connection, answer_id: int) -> list[bytes]:
    """The contents that go out with an answer."""
    return [bytes(content) for content in c.execute(select(photo.c.content).where(
        photo.c.answer == answer_id, photo.c.state == "kept", photo.c.content.is_not(None)).order_by(photo.c.id)).scalars()]


def photos_waiting(c: Connection) -> list[int]:
    """Photos that were named and not yet brought, as after a restart."""
    return list(c.execute(select(photo.c.id).where(photo.c.state == "waiting").order_by(photo.c.id)).scalars())
