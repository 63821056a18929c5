"""The register: `verify` proves it gapless, unique and unchanged; `show NUMBER` prints a ticket's entries;
`head` writes the root over all offices' heads; `export` writes everything for an offline check (tools/verify_register.py)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, inspect, select

from config.settings import Settings
from monitor.commands import Unusable, add_database, first_problem, open_database, print_json
from monitor.core.post import clean_text
from monitor.response import journal
from monitor.setting import WRONG, read_settings
from monitor.store.schema import expect_register
from ticketing import heads
from ticketing.erasure import erasures_of
from ticketing.register import Broken, verify
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import entry, published_head

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
    check.add_argument("--key", metavar="HEX", action="append", default=[],
                       help="a public key: the head must be signed with it (or with one of the config's)")
    check.add_argument("-c", "--config", metavar="FILE", help="where register.signing_key and register.public_keys stand")
    check.add_argument("--json", action="store_true")
    show = verbs.add_parser("show", help="all entries of a ticket")
    show.add_argument("number")
    add_database(show)
    show.add_argument("--json", action="store_true", help="one object {number, entries, erasures}")
    make = verbs.add_parser("head", help="the Merkle root over all heads, signed where a key is configured")
    make.add_argument("-c", "--config", metavar="FILE", help="where register.signing_key stands")
    export = verbs.add_parser("export", help="all entries as JSONL")
    for one in (make, export):
        add_database(one)
        one.add_argument("--out", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Exit 1 where the register does not hold, or the number is unknown."""
    settings = _settings(getattr(args, "config", None))
    with open_database(args, migrate=False) as db:
        expect_register(db)
        with db.reading() as c:
            if args.verb == "verify":
                return _verify(c, args, settings)
            if args.verb == "show":
                return _show(c, args)
            if args.verb == "head":
                signer = signer_of(settings)
                _write(args.out, [heads.document(heads.current(c), datetime.now(UTC), signer).encode()])
                if signer is not None:
                    print(f"signed with {signer.public}")  # noqa: T201
            else:
                _write(args.out, (msgspec.json.encode(dict(r._mapping)) for r in c.execute(
                    select(entry).order_by(entry.c.office, entry.c.seq).execution_options(yield_per=5000))))
    return 0


def signer_of(settings: Settings | None) -> heads.Signer | None:
    """The key that a config names for signing heads."""
    key = settings.proof.signing_key if settings is not None else None
    return heads.Signer(key.get_secret_value()) if key is not None else None


def _settings(path: str | None) -> Settings | None:
    if path is None:
        return None
    try:
        return read_settings(path)
    except WRONG as e:
        raise Unusable(first_problem(Path(path), e)) from e


def _keys(args: argparse.Namespace, settings: Settings | None) -> list[str]:
    keys = [key.strip().lower() for key in args.key]
    if settings is not None:
        signer = signer_of(settings)
        keys += [*settings.proof.public_keys, *([signer.public] if signer else [])]
    return keys


def _verify(c: Connection, args: argparse.Namespace, settings: Settings | None) -> int:
    keys = _keys(args, settings)
    old = _published(args.head) if args.head else None     # an unusable file is said before the long part begins
    proof = verify(c)
    found: list[Broken] = list(proof.broken)
    if inspect(c).has_table(published_head.name):
        found += heads.kept(c, keys)
    if old is not None:
        found += heads.against(c, old)
        if (why := heads.trusted(old, keys)) is not None:
            found.append(Broken("", None, f"the head {args.head}: {why}"))
    decisions = journal.count(c) if has_journal(c) else 0
    found += [Broken(DECISIONS, b.id, b.what) for b in (journal.verify(c) if has_journal(c) else ())]
    broken = [{"office": b.office, "seq": b.seq, "what": b.what} for b in dict.fromkeys(found)]
    if args.json:
        print_json({"ok": not broken, "offices": proof.offices, "entries": proof.entries, "tickets": proof.tickets,
                    "decisions": decisions, "signed_by": old.signed_by if old is not None else None, "broken": broken})
    elif broken:
        first = broken[0]
        kind = {DECISIONS: "journal of decisions", "": "published heads"}.get(str(first["office"]), f"office {first['office']}")
        where = kind + (f", entry {first['seq']}" if first["seq"] is not None else "")
        print(f"BROKEN: {where}: {first['what']}" + (f" (and {len(broken) - 1} more)" if broken[1:] else ""))  # noqa: T201
    else:
        print(f"The register holds: {proof.tickets} tickets, {proof.entries} entries, {proof.offices} offices.")  # noqa: T201
        if decisions:
            print(f"The journal of decisions holds: {decisions} entries.")  # noqa: T201
        if old is not None and old.signed_by is not None and not keys:
            print(f"The head is signed with {old.signed_by}; name the key you trust with --key.")  # noqa: T201
    return 1 if broken else 0


def _show(c: Connection, args: argparse.Namespace) -> int:
    row = ticket_by_number(c, args.number)
    if row is None:
        print(f"There is no number {clean_text(args.number)}.")  # noqa: T201
        return 1
    entries = entries_of(c, row.number)
    if args.json:
        print_json({"number": row.number,
                    "entries": [dict(e._mapping) | {"details": json.loads(e.details)} for e in entries],
                    "erasures": erasures_of(c, row.number)})
        return 0
    for e in entries:
        print(f"{e.office} {e.seq:>6}  {e.at}  {e.actor:<10} {e.action:<16} {e.details}")  # noqa: T201
    for one in erasures_of(c, row.number):
        print(f"erased {one['done_at']}: {one['why']} {one['id']} of {one['asked_at']}, by {one['by']}"  # noqa: T201
              + (f", {one['note']}" if one["note"] else ""))
    return 0


def _published(path: str) -> heads.Head:
    try:
        return heads.read(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
    except heads.NoHead as e:
        raise Unusable(f"{path}: {e}") from e
    except ValueError as e:
        raise Unusable(f"{path}: is no published head; make one with `register head --out FILE`") from e


def _write(path: str, lines: Iterable[bytes]) -> None:
    try:
        with Path(path).open("wb") as file:
            file.writelines(line + b"\n" for line in lines)
    except OSError as e:
        raise Unusable(f"{path}: cannot be written: {e.strerror}") from e
