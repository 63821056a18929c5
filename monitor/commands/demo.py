"""The main job on the embedded default: SQLite, bundled posts replayed as if live, staff of two demo offices, the feed.

Without --data the state lies in data/demo (--once: data/demo-once) and begins anew each time; with --data DIR it is kept
and goes on. --once processes all posts and exits with a summary.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import ColumnElement, Connection, Table, func, select
from sqlalchemy.exc import DBAPIError

from config.surges import load_rules
from config.timezone import ALMATY
from monitor.app import App, talk, watched
from monitor.commands import Unusable, print_json, warn
from monitor.commands.run import serve
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.core.row import as_post, parse_row
from monitor.pipeline import BATCH, Pipeline
from monitor.setting import Setting, now, read
from monitor.store.engine import Database, UnusableDatabase, reason_of
from monitor.store.posts import store_posts
from monitor.store.schema import upgrade
from monitor.store.surge_tables import surge
from monitor.store.tables import verdict
from monitor.surges import SurgeWatch
from ticketing import people
from ticketing.service import Actor, Refused, Service
from ticketing.store import count_tickets
from ticketing.tables import absence, office, ticket

BUNDLED = Path(__file__).resolve().parents[2] / "config" / "demo"
DEFAULT_DATA, ONCE_DATA = Path("data/demo"), Path("data/demo-once")
LOCK = "lock"
STATE = ("qulaq.db", "qulaq.db-wal", "qulaq.db-shm", "qulaq.yaml", "posts.jsonl", "history.jsonl")
"""Files of a demo; without --data they begin anew."""
HISTORY = 0.6
"""Share of the posts that are there when the page opens; the rest arrive while one looks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`demo [--port N] [--data DIR] [--once] [--json]`."""
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the demo's state here")
    parser.add_argument("--once", action="store_true", help="process all posts, print a summary, exit")
    parser.add_argument("--json", action="store_true", help="the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Seed, then serve or process once."""
    if not 0 <= args.port <= 65535:
        raise Unusable(f"--port {args.port}: a port lies between 0 and 65535")
    folder = args.data or (ONCE_DATA if args.once else DEFAULT_DATA)     # may be asked for while the other one runs
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as e:
        raise Unusable(f"{folder}: the demo cannot keep its state here: {e.strerror or e}") from e
    with lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)      # another demo's files must not be wiped away under it
        except OSError as e:
            raise Unusable(f"{folder}: another demo runs here; stop it, or give this one a folder: --data DIR") from e
        return _run(args, folder)


def _run(args: argparse.Namespace, folder: Path) -> int:
    try:
        if args.data is None:
            for name in STATE:
                (folder / name).unlink(missing_ok=True)
        db = Database(f"sqlite:///{folder / 'qulaq.db'}")
        upgrade(db)
    except (OSError, UnusableDatabase) as e:
        raise Unusable(f"{folder}: the demo cannot keep its state here: {getattr(e, 'strerror', None) or e}") from e
    warn(f"State: {folder / 'qulaq.db'}")
    try:
        return _once(db, args.json) if args.once else _live(db, folder, args.port)
    except DBAPIError as e:
        raise Unusable(f"{folder / 'qulaq.db'}: the database refused: {reason_of(e)}; make room or choose "
                       "another folder: --data DIR") from e
    except OSError as e:
        raise Unusable(f"{folder}: the demo cannot keep its state here: {e.strerror or e}") from e
    finally:
        db.close()


def _once(db: Database, as_json: bool) -> int:
    """All posts at once, in their own time."""
    setting = read(BUNDLED / "qulaq.yaml", surges=True)
    staff = _people()
    with db.begin() as c:
        _seed(c, staff, now())
    posts = _read(BUNDLED / "posts.jsonl")
    _take_in(db, setting, setting.service(), posts, received=lambda post: post.published_at)
    SurgeWatch(setting.rules or load_rules(), now).drain(db)
    with db.reading() as c:
        summary = {"posts": _count(c, verdict), "addressed": _count(c, verdict, verdict.c.addressed),
                   "tickets": count_tickets(c), "triage": _count(c, verdict, verdict.c.state == "triage"),
                   "surges": _count(c, surge, surge.c.part_of.is_(None))}
    if as_json:
        print_json(summary)
    else:
        print(", ".join(f"{value} {name}" for name, value in summary.items()))  # noqa: T201
    return 0


def _count(c: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Rows in the database, so that a second run on the same folder says the same."""
    return int(c.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def _live(db: Database, folder: Path, port: int) -> int:
    """The first part of the posts as history, the rest as if they were written now."""
    begun = folder / "posts.jsonl"
    staff = _people()
    if not begun.is_file():
        _shifted(begun)
    config = _config(folder, port)
    watcher = watched(lambda: read(config, surges=True))
    setting = watcher.current
    with db.begin() as c:
        _seed(c, staff, now())
    with db.reading() as c:
        fresh = count_tickets(c) == 0
    if fresh:
        service = setting.service()
        _take_in(db, setting, service, _read(folder / "history.jsonl"), received=lambda post: post.published_at)
        with db.begin() as c:
            _worked_on(c, service)
        SurgeWatch(setting.rules or load_rules(), now).drain(db)
    talk()
    accounts = [p for p in staff["people"] if p.get("password")]
    app = App(db, setting, watcher, notice=_notice(accounts),
              ready=lambda address: _welcome(address, accounts))
    serve(app)
    return 0


def _take_in(db: Database, setting: Setting, service: Service, posts: Iterator[Post], received: Any) -> None:
    pipeline = Pipeline(Judge(setting.knowledge), service, now, received)
    pipeline.drain(db)          # what an earlier run stored but did not judge
    while batch := list(islice(posts, BATCH)):
        with db.begin() as c:
            store_posts(c, batch, now())
        pipeline.drain(db)


def _read(path: Path) -> Iterator[Post]:
    for line in path.read_bytes().splitlines():
        yield as_post(parse_row(line), network="demo", source="demo")


def _shifted(path: Path) -> None:
    """Copies of the bundled posts moved so that the last one was written just now: history, and what is played."""
    rows = [json.loads(line) for line in (BUNDLED / "posts.jsonl").read_bytes().splitlines()]
    cut = int(len(rows) * HISTORY)
    last = max(datetime.fromisoformat(row["created_at"]) for row in rows)
    shift = now() - last
    for row in rows:
        for name in ("created_at", "edited_at"):
            if row.get(name):
                moved = datetime.fromisoformat(row[name]) + shift
                row[name] = moved.astimezone(ALMATY).isoformat(timespec="seconds")
    for file, part in ((path.with_name("history.jsonl"), rows[:cut]), (path, rows[cut:])):
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part), encoding="utf-8")


def _config(folder: Path, port: int) -> Path:
    """The bundled config beside the shifted posts, with the port that was asked for."""
    found = yaml.safe_load((BUNDLED / "qulaq.yaml").read_text(encoding="utf-8"))
    found["web"] = {**found.get("web", {}), "port": port}
    path = folder / "qulaq.yaml"
    path.write_text(yaml.safe_dump(found, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _people() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BUNDLED / "people.yaml").read_text(encoding="utf-8"))
    return found


def _seed(c: Connection, staff: dict[str, Any], at: datetime) -> None:
    """Offices, people and absences of the demo; again, it changes nothing that somebody changed since."""
    known = c.execute(select(func.count()).select_from(office)).scalar_one()
    people.seed(c, staff["offices"], staff["people"], at)
    if known or c.execute(select(func.count()).select_from(absence)).scalar_one():
        return
    for away in staff.get("absences", ()):
        since, until = (at + timedelta(days=away[day]) for day in ("from_day", "until_day"))
        people.set_absence(c, away["login"], since, until, away.get("deputy"), away.get("reason", ""))


def _worked_on(c: Connection, service: Service) -> None:
    """The demo's staff have not slept: three of four cards of the history were accepted within two hours."""
    for row in c.execute(select(ticket).order_by(ticket.c.id)).all():
        person = row.responsible or c.execute(select(office.c.duty).where(office.c.code == row.office)).scalar_one()
        if row.seq % 4 == 0 or person is None:
            continue
        try:
            service.accept(c, row.number, Actor(person, "officer", row.office),
                           row.received_at + timedelta(minutes=20 + row.seq * 37 % 100))
        except Refused:
            continue


def _notice(accounts: list[dict[str, Any]]) -> str:
    shown = ", ".join(p["login"] for p in accounts)
    return f"Демо: {shown} · құпиясөз / пароль: {accounts[0]['password']}" if accounts else ""


def _welcome(address: str, accounts: list[dict[str, Any]]) -> None:
    warn(f"\n  Qulaq demo: {address}\n\n  Demo accounts (password: {accounts[0]['password']}):")
    for person in accounts:
        place = {"551000000": "Павлодар", "101000000": "Семей"}.get(person.get("office", ""), "all offices")
        warn(f"    {person['login']:<16} {person['role']:<11} {place:<11} {person['name']}")
    warn("\n  Posts arrive about once a second. Stop with Ctrl-C.\n")
