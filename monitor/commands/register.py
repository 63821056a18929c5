"""The register: `verify` proves it gapless, unique and unchanged; `show NUMBER` prints a ticket's entries;
`head` writes the root over all offices' heads; `export` writes everything for an offline check."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, inspect, select

from monitor.commands import Unusable, add_database, open_database, print_json
from monitor.core.post import clean_text
from monitor.response import journal
from monitor.store.schema import expect_register
from ticketing.register import verify
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import entry, head

DECISIONS = "decisions"
"""What stands for an office where the journal of decisions on surges is broken: it is a chain of its own."""


def has_journal(c: Connection) -> bool:
    """Whether the database is of a form that has the journal: `verify` makes no tables."""
    return inspect(c).has_table("decision_head")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`register verify|show|head|export`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verify|show|head|export")
    check = verbs.add_parser("verify", help="gapless, unique, chain intact")
    add_database(check)
    check.add_argument("--head", metavar="FILE", help="a published head: nothing after it may have vanished")
    check.add_argument("--json", action="store_true")
    show = verbs.add_parser("show", help="all entries of a ticket")
    show.add_argument("number")
    add_database(show)
    show.add_argument("--json", action="store_true", help="one object {number, entries}")
    for verb, text in (("head", "the Merkle root over all heads"), ("export", "all entries as JSONL")):
        one = verbs.add_parser(verb, help=text)
        add_database(one)
        one.add_argument("--out", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Exit 1 where the register does not hold, or the number is unknown."""
    with open_database(args, migrate=False) as db:
        expect_register(db)
        with db.reading() as c:
            if args.verb == "verify":
                return _verify(c, args)
            if args.verb == "show":
                return _show(c, args)
            if args.verb == "head":
                _write(args.out, [published(c)])
            else:
                _write(args.out, (dict(r._mapping) for r in c.execute(select(entry).order_by(entry.c.office, entry.c.seq))))
    return 0


def _verify(c: Connection, args: argparse.Namespace) -> int:
    proof = verify(c)
    broken = [{"office": b.office, "seq": b.seq, "what": b.what} for b in proof.broken]
    decisions = journal.count(c) if has_journal(c) else 0
    broken += [{"office": DECISIONS, "seq": b.id, "what": b.what} for b in (journal.verify(c) if has_journal(c) else ())]
    if args.head:
        broken += _against(c, args.head)
    if args.json:
        print_json({"ok": not broken, "offices": proof.offices, "entries": proof.entries, "tickets": proof.tickets,
                    "decisions": decisions, "broken": broken})
    elif broken:
        first = broken[0]
        kind = "journal of decisions" if first["office"] == DECISIONS else f"office {first['office']}"
        where = kind + (f", entry {first['seq']}" if first["seq"] is not None else "")
        print(f"BROKEN: {where}: {first['what']}" + (f" (and {len(broken) - 1} more)" if broken[1:] else ""))  # noqa: T201
    else:
        print(f"The register holds: {proof.tickets} tickets, {proof.entries} entries, {proof.offices} offices.")  # noqa: T201
        if decisions:
            print(f"The journal of decisions holds: {decisions} entries.")  # noqa: T201
    return 1 if broken else 0


def _show(c: Connection, args: argparse.Namespace) -> int:
    row = ticket_by_number(c, args.number)
    if row is None:
        print(f"There is no number {clean_text(args.number)}.")  # noqa: T201
        return 1
    entries = entries_of(c, row.number)
    if args.json:
        print_json({"number": row.number,
                    "entries": [dict(e._mapping) | {"details": json.loads(e.details)} for e in entries]})
        return 0
    for e in entries:
        print(f"{e.office} {e.seq:>6}  {e.at}  {e.actor:<10} {e.action:<16} {e.details}")  # noqa: T201
    return 0


def published(c: Connection) -> dict[str, Any]:
    """The heads of all offices and the Merkle root over them (RFC 9162's hashing of leaves and nodes)."""
    heads = [(r.office, r.seq, r.hash) for r in c.execute(select(head).order_by(head.c.office))]
    return {"root": root(heads), "heads": [{"office": o, "seq": s, "hash": h} for o, s, h in heads]}


def root(heads: Sequence[tuple[str, int, str]]) -> str:
    """The Merkle root over (office, seq, hash) in the order of the offices."""
    level = [hashlib.sha256(b"\x00" + msgspec.json.encode(h)).digest() for h in heads]
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + p[0] + p[1]).digest() if len(p) == 2 else p[0] for p in pairs]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()


def _against(c: Connection, path: str) -> list[dict[str, Any]]:
    """What a published head remembers and the chains no longer show."""
    try:
        old = json.loads(Path(path).read_text(encoding="utf-8"))
        heads = [(str(h["office"]), int(h["seq"]), str(h["hash"])) for h in old["heads"]]
        said = str(old["root"])
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
    except (ValueError, KeyError, TypeError) as e:
        raise Unusable(f"{path}: is no published head; make one with `register head --out FILE`") from e
    if root(heads) != said:
        raise Unusable(f"{path}: was changed after it was published (its root does not fit its heads); take an untouched copy")
    broken = []
    for office, seq, hash_ in heads:
        now = c.execute(select(entry.c.hash).where(entry.c.office == office, entry.c.seq == seq)).scalar_one_or_none()
        if seq and now != hash_:
            broken.append({"office": office, "seq": seq,
                           "what": "it vanished" if now is None else "it is not the entry that was published"})
    return broken


def _write(path: str, rows: Any) -> None:
    try:
        with Path(path).open("wb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
    except OSError as e:
        raise Unusable(f"{path}: cannot be written: {e.strerror}") from e
