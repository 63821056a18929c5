"""The published head: one Merkle root over the heads of all chains, signed, each naming the head published before it.

Kept where the database's administrators cannot write, it shows what a chain alone cannot: a tail or a whole office cut
off, a history written anew. The form is described in docs/register.md; tools/verify_register.py checks it elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, insert, select

from ticketing.register import Broken, canonical, moment
from ticketing.tables import entry, head, published_head

FORM = "qulaq-head-1"

LATE = timedelta(hours=1)
"""How much earlier than a published head an entry that it does not hold may be dated: the clocks of two machines differ."""

Heads = Sequence[tuple[str, int, str]]


class NoHead(ValueError):
    """A document that is no published head, or was changed since; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Head:
    """A published head as it was read: `signed_by` is the key whose signature was found good, None where there is none."""

    at: datetime | None
    root: str
    heads: Heads
    previous: str | None
    signed_by: str | None


class Signer:
    """An Ed25519 key (RFC 8032); it has no repr that could show it."""

    def __init__(self, seed: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self.public = self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """The signature as 128 hex digits."""
        return self._key.sign(message).hex()


def root(heads: Heads) -> str:
    """The Merkle root over (office, seq, hash) in the order of the offices, hashed as in RFC 9162, 2.1.1: an odd node rises."""
    level = [hashlib.sha256(b"\x00" + msgspec.json.encode(h)).digest() for h in heads]
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + p[0] + p[1]).digest() if len(p) == 2 else p[0] for p in pairs]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()


def current(c: Connection) -> Heads:
    """The heads of all offices now."""
    return [(r.office, r.seq, r.hash) for r in c.execute(select(head.c.office, head.c.seq, head.c.hash).order_by(head.c.office))]


def document(heads: Heads, at: datetime, signer: Signer | None, previous: str | None = None) -> str:
    """A head as it is published: one line of canonical JSON. `previous` is `digest` of the head published before."""
    said: dict[str, Any] = {"format": FORM, "at": moment(at), "root": root(heads), "previous": previous,
                            "heads": [{"office": o, "seq": s, "hash": h} for o, s, h in heads]}
    if signer is not None:
        said["signature"] = {"algorithm": "ed25519", "key": signer.public, "value": signer.sign(canonical(said).encode())}
    return canonical(said)


def digest(line: str) -> str:
    """What the next head says of this one: SHA-256 over its line."""
    return hashlib.sha256(line.strip().encode()).hexdigest()


def read(text: str) -> Head:
    """A published head, checked against itself. Raises NoHead where its root or its signature does not fit."""
    try:
        said = json.loads(text)
        heads = [(str(h["office"]), int(h["seq"]), str(h["hash"])) for h in said["heads"]]
        claimed, at, previous = str(said["root"]), said.get("at"), said.get("previous")
        signature = said.pop("signature", None)
        when = datetime.fromisoformat(at) if at is not None else None
        if when is not None and when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise NoHead("is no published head; make one with `register head --out FILE`") from e
    if root(heads) != claimed:
        raise NoHead("was changed after it was published (its root does not fit its heads); take an untouched copy")
    key = None
    if signature is not None:
        try:
            key = str(signature["key"])
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
                bytes.fromhex(signature["value"]), canonical(said).encode())
        except (ValueError, KeyError, TypeError, InvalidSignature) as e:
            raise NoHead("was changed after it was signed (its signature does not fit); take an untouched copy") from e
    return Head(when, claimed, heads, None if previous is None else str(previous), key)


def trusted(found: Head, keys: Collection[str]) -> str | None:
    """Why a head's signature does not satisfy those who trust `keys`; None where it does, or where nobody named a key."""
    if not keys or found.signed_by in keys:
        return None
    if found.signed_by is None:
        return "it is not signed, though a key is configured"
    return f"it is signed with a key that is not ours ({found.signed_by})"


def publish(c: Connection, now: datetime, signer: Signer | None) -> str:
    """Write the present head into the table of published heads, naming the one before; returns the document."""
    before = newest(c)
    line = document(current(c), now, signer, None if before is None else digest(before))
    c.execute(insert(published_head).values(at=moment(now), document=line))
    return line


def newest(c: Connection) -> str | None:
    """The head published last."""
    return c.execute(select(published_head.c.document).order_by(published_head.c.id.desc()).limit(1)).scalar_one_or_none()


def against(c: Connection, old: Head) -> Iterator[Broken]:
    """What a published head remembers and the chains no longer show, and what was dated back behind it."""
    wanted = {office: (seq, hash_) for office, seq, hash_ in old.heads if seq}
    now = {(r.office, r.seq): r.hash for r in _entries(c, [(o, s) for o, (s, _h) in wanted.items()])}
    for office, (seq, hash_) in wanted.items():
        found = now.get((office, seq))
        if found != hash_:
            yield Broken(office, seq, "it vanished" if found is None else "it is not the entry that was published")
    if old.at is None:
        return
    line = moment(old.at - LATE)
    known = {office: seq for office, seq, _hash in old.heads}
    for office in c.execute(select(head.c.office).order_by(head.c.office)).scalars().all():
        for row in c.execute(select(entry.c.seq, entry.c.at, entry.c.details).where(
                entry.c.office == office, entry.c.seq > known.get(office, 0), entry.c.at < line).order_by(entry.c.seq)):
            if '"clock_back"' not in row.details:
                yield Broken(office, row.seq,
                             f"it is dated {row.at}, but the head published {moment(old.at)} does not hold it: backdated")


def kept(c: Connection, keys: Collection[str]) -> Iterator[Broken]:
    """What the database's own published heads show: each in itself, one after the other, and against the chains."""
    previous: str | None = None
    last: Head | None = None
    for id_, text in c.execute(select(published_head.c.id, published_head.c.document).order_by(published_head.c.id)):
        try:
            found = read(text)
        except NoHead as e:
            yield Broken("", None, f"published head {id_} {e}")
            return
        if found.previous != previous:
            yield Broken("", None, f"published head {id_} does not follow the one before: a head was taken out or put in")
            return
        if (why := trusted(found, keys)) is not None:
            yield Broken("", None, f"published head {id_}: {why}")
            return
        if last is not None and (lost := _shrunk(last.heads, found.heads)) is not None:
            yield Broken(lost[0], lost[1], f"it vanished before the published head {id_}")
            return
        previous, last = digest(text), found
    if last is not None:        # an older one holds nothing that the newest, whose chains were checked, does not
        yield from against(c, last)


def _shrunk(before: Heads, after: Heads) -> tuple[str, int] | None:
    there = {office: (seq, hash_) for office, seq, hash_ in after}
    for office, seq, hash_ in before:
        now = there.get(office, (0, ""))
        if seq and (now[0] < seq or (now[0] == seq and now[1] != hash_)):
            return office, seq
    return None


def _entries(c: Connection, keys: Sequence[tuple[str, int]]) -> Iterable[Any]:
    """Entries by office and sequence."""
    for office, seq in keys:
        row = c.execute(select(entry.c.office, entry.c.seq, entry.c.hash).where(
            entry.c.office == office, entry.c.seq == seq)).one_or_none()
        if row is not None:
            yield row
