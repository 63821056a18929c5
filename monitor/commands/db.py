"""The database: upgrade, backup, restore, erase, guard.

  db upgrade --db URL                        to the newest form; every command that writes does so by itself, too
  db backup --db URL --out FILE              a copy of one moment, and beside it FILE.manifest.json: when it expires
  db restore FILE --db URL                   verifies the chain and does again what was erased since the backup was made
  db erase NUMBER --reason TEXT --db URL     destroys all texts of a ticket; number, deadlines and entries stay
  db erase --author NETWORK:ID --reason TEXT all posts of an author
  db erase --expired [--dry-run]             what is past its time under the policy (the daemon does it every hour)
  db erase --demands                         what citizens ask to be erased, and until when; --refuse NUMBER --reason TEXT
  db guard [--off]                           a trigger that refuses to change or delete entries (the daemon puts it on)
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, inspect

from config.settings import Retention, Settings
from monitor import forgetting
from monitor.commands import Unusable, add_database, first_problem, open_database, print_json, warn
from monitor.setting import WRONG, read_settings
from monitor.store import backup
from monitor.store.engine import Database, UnusableDatabase
from monitor.store.schema import upgrade
from monitor.store.tombstones import bury, tombstone_key
from ticketing import erasure, erasure_list, guard, retention
from ticketing.register import verify
from ticketing.store import ticket_by_number
from ticketing.tables import entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`db upgrade|backup|restore|erase|guard`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="upgrade|backup|restore|erase|guard")
    made = {name: verbs.add_parser(name, help=text) for name, text in (
        ("upgrade", "bring the database to the newest form"), ("backup", "a copy of one moment, with the day it expires"),
        ("restore", "take a backup, prove it, erase again what was erased since"),
        ("erase", "destroy texts and salts; the register stays whole"), ("guard", "a trigger against a slip"))}
    for one in made.values():
        add_database(one)
    for name in ("backup", "restore", "erase"):
        made[name].add_argument("-c", "--config", metavar="FILE", help="where the section `retention` stands")
    made["backup"].add_argument("--out", required=True, metavar="FILE")
    restore = made["restore"]
    restore.add_argument("file", metavar="FILE")
    restore.add_argument("--erasures", metavar="FILE", help="the erasure list kept outside (retention.erasure_list)")
    restore.add_argument("--no-erasures", action="store_true", help="nothing was erased since the backup was made: your word for it")
    restore.add_argument("--replace", action="store_true", help="there is a database already: replace it")
    restore.add_argument("--force", action="store_true", help="restore although the backup has expired")
    wipe = made["erase"]
    wipe.add_argument("number", nargs="?", metavar="NUMBER")
    wipe.add_argument("--author", metavar="NETWORK:ID", help="all posts of this author")
    wipe.add_argument("--expired", action="store_true", help="what is past its time under the policy")
    wipe.add_argument("--demands", action="store_true", help="what waits; exit 1 where a term has passed")
    wipe.add_argument("--refuse", action="store_true", help="refuse the demand for NUMBER, with the reason")
    wipe.add_argument("--reason", default="", metavar="TEXT", help="why; it is kept and shown: write no personal data")
    wipe.add_argument("--dry-run", action="store_true", help="say what would go and touch nothing")
    wipe.add_argument("--json", action="store_true")
    made["guard"].add_argument("--off", action="store_true", help="take it off, for a repair by hand")


def run(args: argparse.Namespace) -> int:
    """Exit 1 where a restored register does not hold, a number is unknown, or a demand is overdue."""
    if args.verb == "upgrade":
        with open_database(args, make=True, migrate=False) as db:
            before, after = upgrade(db)
        print(f"{after} already" if before == after else f"{before or 'empty'} -> {after}")  # noqa: T201
        return 0
    if args.verb == "guard":
        with open_database(args) as db, db.begin() as c:
            guard.remove(c) if args.off else guard.install(c)
        print("off: put it on again after the repair" if args.off else "on")  # noqa: T201
        return 0
    settings = _settings(args.config)
    try:
        if args.verb == "erase":
            return _erase(args, settings.retention, settings.models)
        return {"backup": _backup, "restore": _restore}[args.verb](args, settings.retention)
    except backup.BackupFault as e:
        raise Unusable(str(e)) from e


def _settings(path: str | None) -> Settings:
    if path is None:
        return Settings()
    try:
        return read_settings(path)
    except WRONG as e:
        raise Unusable(first_problem(Path(path), e)) from e


# --- backups

def _backup(args: argparse.Namespace, policy: Retention) -> int:
    with open_database(args, migrate=False) as db:
        made = backup.make(db, Path(args.out), datetime.now(UTC), policy.backup_days)
    print(f"{args.out}: {made.bytes} bytes; destroy it by {made.expires_at[:10]} (retention.backup_days)")  # noqa: T201
    return 0


def _restore(args: argparse.Namespace, policy: Retention) -> int:
    now = datetime.now(UTC)
    file = Path(args.file)
    found = backup.manifest(file)
    if found.expired(now) and not args.force:
        raise Unusable(f"{file}: expired on {found.expires_at[:10]} and should have been destroyed: it holds what was erased "
                       "since; --force restores it all the same")
    try:
        db = Database(args.db)
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e
    kind = db.engine.url.get_backend_name()
    if kind != found.kind:
        db.close()
        raise Unusable(f"{file}: is a backup of {found.kind}, --db names {kind}; restore it into one of its kind")
    target = Path(str(db.engine.url.database))
    if kind == "sqlite" and not target.resolve().parent.is_dir():
        db.close()
        raise Unusable(f"{target}: its folder does not exist; make it first")
    there = target.exists() if kind == "sqlite" else _has_register(db)
    if there and not args.replace:
        db.close()
        raise Unusable(f"{db.name}: there is a database already; stop Qulaq and add --replace, or name another --db")
    forgotten = _forgotten(args, policy, db if there else None)
    if kind == "postgresql":
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        backup.unpack(file, found, url, Path())
        try:
            return _again(db, forgotten, now)
        finally:
            db.close()
    db.close()
    with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=".restore-") as folder:
        made = backup.unpack(file, found, args.db, Path(folder))
        assert made is not None
        fresh = Database(f"sqlite:///{made}")
        try:
            status = _again(fresh, forgotten, now)
        finally:
            fresh.close()
        if status == 0:
            for suffix in ("-wal", "-shm"):     # a log of the old database must not be read into the new one
                target.with_name(target.name + suffix).unlink(missing_ok=True)
            os.replace(made, target)
    return status


def _has_register(db: Database) -> bool:
    try:
        with db.reading() as c:
            return inspect(c).has_table(entry.name)
    except Exception as e:
        raise Unusable(f"{db.name}: {str(getattr(e, 'orig', e)).splitlines()[0]}; check --db") from e


def _forgotten(args: argparse.Namespace, policy: Retention, there: Database | None) -> list[tuple[str, list[str]]]:
    """The erasures to be done again: from the list outside, from the database that is to be replaced, or none by one's word."""
    path = Path(args.erasures) if args.erasures else policy.erasure_list
    known: list[tuple[str, list[str]]] = []
    if path is not None and (args.erasures or path.exists()):
        try:
            known += erasure_list.read(path)
        except OSError as e:
            raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
        except ValueError as e:
            raise Unusable(str(e)) from e
    if there is not None:
        try:
            with there.reading() as c:
                known += erasure_list.of_database(c)
        except Exception:
            if not known and not args.no_erasures:
                raise Unusable(f"{there.name}: cannot be read, so nobody knows what was erased since the backup; give "
                               "--erasures FILE, or --no-erasures if nothing was") from None
    elif path is None and not args.no_erasures:
        raise Unusable("what was erased since the backup must be erased again: give --erasures FILE (retention.erasure_list), "
                       "or --no-erasures if nothing was")
    return known


def _again(db: Database, forgotten: Iterable[tuple[str, list[str]]], now: datetime) -> int:
    """Bring a restored database up to date, erase again, prove it."""
    upgrade(db)
    with db.begin() as c:
        name = tombstone_key(c).name
        strange = {key for key, posts in forgotten if key != name and posts}
        if strange:
            raise Unusable("the erasure list belongs to another database (its key is not that of the backup); name the right one")
        keys = {one for _key, posts in forgotten for one in posts}
        scope = erasure.of_tombstones(c, keys)
        done = erasure.Erased()
        if scope.posts:
            done = erasure.erase(c, scope, now, _salt, number=None, by="operator", why="order", note="erased before the restore")
        bury(c, keys, now)
    backup.scrub(db)
    with db.reading() as c:
        proof = verify(c)
    for fault in proof.broken[:1]:
        warn(f"BROKEN: office {fault.office}: {fault.what}; this backup must not be used")
    if not proof.broken:
        print(f"Restored: {proof.tickets} tickets, {proof.entries} entries, the register holds; "  # noqa: T201
              f"{done.counts['post']} posts erased again.")
    return 1 if proof.broken else 0


# --- erasure

def _erase(args: argparse.Namespace, policy: Retention, models: Path | None) -> int:
    asked = [bool(args.number), bool(args.author), args.expired, args.demands]
    if sum(asked) != 1:
        raise Unusable("name a NUMBER, or --author, or --expired, or --demands; see qulaq db erase --help")
    if (args.number or args.author) and not args.dry_run and not args.reason.strip():
        raise Unusable("--reason is missing: why it is erased is kept and shown")
    now = datetime.now(UTC)
    with open_database(args) as db:
        if args.demands:
            return _demands(db, args, now)
        if args.expired:
            return _expired(db, args, policy, now, models)
        if args.refuse:
            with db.begin() as c:
                found = ticket_by_number(c, args.number)
                number = found.number if found is not None else args.number
                if not erasure.refuse(c, number, now, "operator", args.reason.strip()):
                    warn(f"Nobody asked for an erasure of {number}.")
                    return 1
            print(f"{number}: refused.")  # noqa: T201
            return 0
        return _wipe(db, args, policy, now, models)


def _wipe(db: Database, args: argparse.Namespace, policy: Retention, now: datetime, models: Path | None) -> int:
    with db.begin() as c:
        number, scope = _scope(c, args, now)
        if scope is None:
            warn(f"There is no number {args.number}." if args.number else f"No post of {args.author} is known. Posts older than "
                 f"{policy.author_key_days} days are not tied to an author any more: name their numbers.")
            return 1
        if args.dry_run:
            touched = erasure.would(c, scope)
            outside = forgetting.everywhere(c, erasure.texts_of(c, scope), models, dry_run=True)
            touched |= {name.replace(" ", "_"): n for name, n in outside.items()}
            return _say(args, {"would_erase": {"posts": len(scope.posts), "numbers": sorted(scope.numbers)}, "would_touch": touched})
        done = erasure.erase(c, scope, now, _salt, number=number, by="operator", why="order", note=args.reason.strip())
        if policy.erasure_list is not None:     # before the commit: better a line too many than one missing
            try:
                erasure_list.write(policy.erasure_list, c, done.tombstones, now)
            except OSError as e:
                raise Unusable(f"{policy.erasure_list}: cannot be written: {e.strerror}; nothing was erased") from e
        try:
            done.counts.update(forgetting.everywhere(c, done.texts, models))
        except OSError as e:
            raise Unusable(f"{models}: its samples cannot be written anew: {e.strerror}; nothing was erased") from e
    backup.scrub(db)
    expires = (now + timedelta(days=policy.backup_days)).date().isoformat()
    told = {"request": done.request, "numbers": done.numbers, "erased": {k: v for k, v in sorted(done.counts.items()) if v},
            "backups_hold_it_until": expires}
    return _say(args, told)


def _scope(c: Connection, args: argparse.Namespace, now: datetime) -> tuple[str | None, erasure.Scope | None]:
    if args.author:
        network, _, id_ = args.author.partition(":")
        if not network or not id_:
            raise Unusable(f"--author {args.author}: write NETWORK:ID, like vk:12345")
        scope = erasure.of_author(c, network, id_, now)
        return None, scope if scope.posts else None
    row = ticket_by_number(c, args.number, lock=True)
    return (None, None) if row is None else (row.number, erasure.of_number(c, row))


def _expired(db: Database, args: argparse.Namespace, policy: Retention, now: datetime, models: Path | None) -> int:
    with db.reading() as c:
        told = retention.due_now(c, policy, now)
    if not args.dry_run:
        for rule in retention.rules(policy, now, _salt, lambda c, texts: forgetting.everywhere(c, texts, models)):
            left = 1
            while left:
                try:
                    with db.begin() as c:
                        left = rule.step(c)
                except OSError as e:
                    raise Unusable(f"{e.filename or policy.erasure_list}: cannot be written: {e.strerror}; what is left was not erased") from e
        backup.scrub(db)
    if args.json:
        print_json({"dry_run": args.dry_run, "rules": told})
        return 0
    for name, counts in told.items():
        for table, n in counts.items():
            print(f"{n:>8}  {table:<12} {name}")  # noqa: T201
    print("nothing was touched" if args.dry_run else "done")  # noqa: T201
    return 0


def _demands(db: Database, args: argparse.Namespace, now: datetime) -> int:
    with db.reading() as c:
        rows = erasure.waiting(c)
    if args.json:
        print_json({"demands": [{"id": r.id, "number": r.number, "asked_at": r.asked_at, "due_at": r.due_at, "by": r.by,
                                 "overdue": r.due_at < now} for r in rows]})
    else:
        for r in rows:
            print(f"{r.number}  asked {r.asked_at:%Y-%m-%d %H:%M}Z by {r.by}, due {r.due_at:%Y-%m-%d %H:%M}Z"  # noqa: T201
                  + ("  OVERDUE" if r.due_at < now else ""))
        if not rows:
            print("Nobody waits for an erasure.")  # noqa: T201
    return 1 if any(r.due_at < now for r in rows) else 0


def _say(args: argparse.Namespace, told: Mapping[str, object]) -> int:
    if args.json:
        print_json(told)
    else:
        for name, value in told.items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else (
                ", ".join(value) if isinstance(value, list) else value)
            print(f"{name.replace('_', ' ')}: {shown}")  # noqa: T201
    return 0


def _salt() -> bytes:
    return os.urandom(16)
