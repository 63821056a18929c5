"""The code that a citizen gets with a number: who has both sees how the card stands and may speak to it. No sign-in.

Eight letters and digits without look-alikes (about 40 bits); only a salted, keyed hash is kept. A new code ends the old one.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import keep
from ticketing.store import ticket_by_number
from ticketing.tables import access, ticket

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I, L: they look alike on paper and by telephone."""
LENGTH = 8
_NAME = "access_key"
_NOBODY = (bytes(16), bytes(32))
_MOST_MOVES = 20
_ALIKE = str.maketrans("АВСЕНКМРТХУ", "ABCEHKMPTXY")
"""Cyrillic letters that look like ours: who types from paper cannot know which they are."""


def issue(c: Connection, number: str, now: datetime) -> str:
    """A new code for a number, as it is told to its author: "7KQM-P3XW". The old one opens nothing any more."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    salt = secrets.token_bytes(16)
    made = {"salt": salt, "hash": _hash(_key(c), salt, code), "made_at": now}
    known = c.execute(update(access).where(access.c.number == number).values(**made)).rowcount
    if not known:
        dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
        c.execute(dialect(access).values(number=number, **made).on_conflict_do_update(index_elements=["number"], set_=made))
    return f"{code[:4]}-{code[4:]}"


def opened(c: Connection, number: str, code: str, *, lock: bool = False) -> Row[Any] | None:
    """The card that number and code open; None where they don't fit, and never a word on which of the two.

    A redirected message is known by the code it was given first. The work is the same whether the number exists or not.
    """
    row = ticket_by_number(c, number[:64], lock=lock)
    salt, expected = _codes(c, row)
    fits = compare_digest(_hash(_key(c, make=False), salt, normal(code)), expected)
    return row if fits and row is not None and row.status != "void" else None


def pass_for(c: Connection, what: str, until: datetime) -> str:
    """A mark that lets who holds it see `what` without number and code until a moment: an image in a page sends neither."""
    moment = int(until.timestamp())
    return f"{moment}-{_mark(c, what, moment)}"


def passes(c: Connection, what: str, given: str, now: datetime) -> bool:
    """Whether a mark of `pass_for` holds."""
    moment, _, mark = given[:80].partition("-")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 12 and mark.isascii()):
        return False
    return compare_digest(mark, _mark(c, what, int(moment))) and now.timestamp() < int(moment)


def _mark(c: Connection, what: str, moment: int) -> str:
    return blake2b(f"{what} {moment}".encode(), key=_key(c, make=False), person=b"pass", digest_size=16).hexdigest()


def normal(code: str) -> str:
    """A code as it was meant: without dashes and blanks, in capitals, Cyrillic look-alikes as Latin."""
    return "".join(ch for ch in code[:40].upper().translate(_ALIKE) if ch.isalnum())[:LENGTH + 1]


def _codes(c: Connection, row: Row[Any] | None) -> tuple[bytes, bytes]:
    """Salt and hash of a card's code; where it has none, of the number that it had before it was redirected here."""
    number = row.number if row is not None else ""
    for _ in range(_MOST_MOVES):
        found = c.execute(select(access.c.salt, access.c.hash).where(access.c.number == number)).one_or_none()
        if found is not None:
            return bytes(found.salt), bytes(found.hash)
        number = c.execute(select(ticket.c.parent).where(ticket.c.number == number)).scalar_one_or_none() or ""
        if not number:
            break
    return _NOBODY


def _hash(key: bytes, salt: bytes, code: str) -> bytes:
    return blake2b(code.encode(), key=key, salt=salt, digest_size=32).digest()


def _key(c: Connection, *, make: bool = True) -> bytes:
    """The secret of the hashes; made when there is none, unless one only looks: then no code was ever given out."""
    known = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    if known is None and not make:
        return bytes(32)
    if known is None:
        dialect = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
        c.execute(dialect(keep).values(name=_NAME, value=secrets.token_hex(32)).on_conflict_do_nothing())
        known = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one()
    return bytes.fromhex(known)
