"""The main job on the embedded default: SQLite, bundled posts replayed as if live, staff of two demo offices, the feed.

Without --data the state lies in data/demo and begins anew each time; with --data DIR it is kept and goes on.
--once processes all posts and exits with a summary.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, func, select

from config.surges import load_rules
from config.timezone import ALMATY
from monitor.app import App, talk
from monitor.commands import Unusable, print_json, warn
from monitor.commands.run import serve
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.core.row import as_post, parse_row
from monitor.pipeline import BATCH, Pipeline, Step, add
from monitor.setting import Setting, now, read
from monitor.store.engine import Database, UnusableDatabase
from monitor.store.posts import store_posts
from monitor.store.schema import upgrade
from monitor.store.tables import surge
from monitor.surges import SurgeWatch
from ticketing import people
from ticketing.service import Actor, Refused, Service
from ticketing.store import count_tickets
from ticketing.tables import absence, office, ticket

BUNDLED = Path(__file__).resolve().parents[2] / "config" / "demo"
DEFAULT_DATA = Path("data/demo")
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
    folder = args.data or DEFAULT_DATA
    try:
        if args.data is None:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        db = Database(f"sqlite:///{folder / 'qulaq.db'}")
        upgrade(db)
    except (OSError, UnusableDatabase) as e:
        raise Unusable(f"{folder}: the demo cannot keep its state here: {getattr(e, 'strerror', None) or e}") from e
    warn(f"State: {folder / 'qulaq.db'}")
    try:
        return _once(db, args.json) if args.once else _live(db, folder, args.port)
    finally:
        db.close()


def _once(db: Database, as_json: bool) -> int:
    """All posts at once, in their own time."""
    setting = read(BUNDLED / "qulaq.yaml")
    staff = _people()
    with db.begin() as c:
        _seed(c, staff, now())
    posts = _read(BUNDLED / "posts.jsonl")
    done = _take_in(db, setting, setting.service(), posts, received=lambda post: post.published_at)
    SurgeWatch(load_rules(), now).drain(db)
    with db.reading() as c:
        summary = {"posts": done.posts, "addressed": done.addressed, "tickets": count_tickets(c), "triage": done.triage,
                   "surges": c.execute(select(func.count()).select_from(surge)).scalar_one()}
    if as_json:
        print_json(summary)
    else:
        print(", ".join(f"{value} {name}" for name, value in summary.items()))  # noqa: T201
    return 0


def _live(db: Database, folder: Path, port: int) -> int:
    """The first part of the posts as history, the rest as if they were written now."""
    begun = folder / "posts.jsonl"
    staff = _people()
    if not begun.is_file():
        _shifted(begun)
    config = _config(folder, port)
    setting = read(config)
    with db.begin() as c:
        _seed(c, staff, now())
    with db.reading() as c:
        fresh = count_tickets(c) == 0
    if fresh:
        service = setting.service()
        _take_in(db, setting, service, _read(folder / "history.jsonl"), received=lambda post: post.published_at)
        with db.begin() as c:
            _worked_on(c, service)
        SurgeWatch(load_rules(), now).drain(db)
    talk()
    accounts = [p for p in staff["people"] if p.get("password")]
    app = App(db, setting, load=lambda: read(config), notice=_notice(accounts),
              ready=lambda address: _welcome(address, accounts))
    serve(app)
    return 0


def _take_in(db: Database, setting: Setting, service: Service, posts: Iterator[Post], received: Any) -> Step:
    pipeline = Pipeline(Judge(setting.knowledge), service, now, received)
    done = pipeline.drain(db)
    batch: list[Post] = []
    for post in posts:
        batch.append(post)
        if len(batch) == BATCH:
            done = add(done, _stored(db, pipeline, batch))
            batch = []
    return add(done, _stored(db, pipeline, batch))


def _stored(db: Database, pipeline: Pipeline, batch: list[Post]) -> Step:
    if batch:
        with db.begin() as c:
            store_posts(c, batch, now())
    return pipeline.drain(db)


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
