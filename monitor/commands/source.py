"""Sources of a config: `list` shows their state, `test NAME` asks one once and prints what it would take (nothing is
stored), `record NAME --out FILE` keeps the answers for a test, without secrets, `backfill NAME` reads its past."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from config.settings import Source
from config.timezone import ALMATY
from connectors.base import ConnectorSettings, secrets_of
from connectors.errors import SourceError
from connectors.markup import one_line
from monitor.backfill import DEFAULT, backfill, first_hole, under_way
from monitor.by_hand import LONGEST, counter, poll_once
from monitor.commands import Unusable, first_problem, print_json
from monitor.core.post import Post, as_utc
from monitor.core.row import UNKNOWN_TIME
from monitor.http import WebHttp, scrubbed
from monitor.limits import Limiter
from monitor.recording import Played, Tape, answers_of, facts
from monitor.setting import WRONG, now, options_of, read
from monitor.store.engine import Database, UnusableDatabase
from monitor.store.schema import upgrade
from monitor.store.tables import hole
from monitor.store.tables import source as source_table
from ticketing.feed import sources as sources_of
from ticketing.feed import with_rhythm

SHOWN = 10
NO_TIME = "no time given, so when it is read"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`source list|test|record|backfill -c FILE`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|test|record|backfill")
    for verb, text in (("list", "state, last fetch and holes of every source"),
                       ("test", "ask once and print what it would take; nothing is stored"),
                       ("record", "keep one poll's answers for a test, without secrets"),
                       ("backfill", "read its past into the database, with a budget of its own")):
        one = verbs.add_parser(verb, help=text)
        if verb != "list":
            one.add_argument("name", metavar="NAME")
        one.add_argument("-c", "--config", required=True, metavar="FILE")
        if verb == "backfill":
            one.add_argument("--since", metavar="ISO", help="how far back; default: its oldest hole, else 7 days")
        if verb == "record":
            one.add_argument("--out", required=True, metavar="FILE")
        else:
            one.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Exit 1 where a source is not heard or did not answer."""
    try:
        setting = read(Path(args.config), insist=args.verb != "list")
    except WRONG as e:
        raise Unusable(first_problem(Path(args.config), e)) from e
    assert setting.settings is not None
    if args.verb == "list":
        return _list(setting.settings.database, setting.settings.sources, args.json)
    found = next((s for s in setting.settings.sources if s.name == args.name), None)
    if found is None:
        known = ", ".join(s.name for s in setting.settings.sources) or "none"
        raise Unusable(f"{args.config}: no source is called {args.name!r}; there are: {known}")
    if args.verb == "backfill":
        return _backfill(setting.settings.database, found, args)
    if args.verb == "test":
        with _counter(setting.settings.database, found) as limiter:
            return asyncio.run(_test(found, args.json, limiter))
    with _counter(setting.settings.database, found) as limiter:
        recording = asyncio.run(_record(found, limiter))
    if recording is None:
        return 1
    try:
        Path(args.out).write_text(recording, encoding="utf-8")
    except OSError as e:
        raise Unusable(f"{args.out}: cannot be written: {e.strerror}") from e
    print(f"{args.out}: read it before you commit it")  # noqa: T201
    return 0


def _list(url: str, sources: tuple[Source, ...], as_json: bool) -> int:
    db = _database(url)
    with db.reading() as c:
        expected = {s.name: s.expected_by for s in with_rhythm(c, sources_of(c))}
        rows = {r.name: r for r in c.execute(select(source_table))}
        open_ = c.execute(select(hole).where(hole.c.until.is_(None)).order_by(hole.c.id)).all()
        holes = {r.source: r for r in open_ if r.part is None}
    db.close()
    bad = 0
    for source in sources:
        row = rows.get(source.name)
        state = ("off" if not source.enabled else "new") if row is None else row.state
        bad += state not in ("up", "new", "off")
        refused = {r.part: r.reason for r in open_ if r.source == source.name and r.part is not None}
        said = {"name": source.name, "network": source.network, "state": state, "posts": row.posts if row else 0,
                "last_ok_at": _when(row.last_ok_at) if row else None, "reason": row.reason if row else None,
                "silent_since": _when(holes[source.name].since) if source.name in holes else None,
                "every": row.every if row else None, "lag": row.lag if row else None,
                "refused": refused,
                "quiet_since": _when(row.quiet_since) if row else None, "expected_by": _when(expected.get(source.name))}
        if as_json:
            print_json(said)
        else:
            print(f"{said['name']:<24} {said['network']:<14} {state:<8} {said['posts']:>8} posts  "  # noqa: T201
                  f"last {said['last_ok_at'] or 'never'}"
                  + (f"  silent since {said['silent_since']}" if said["silent_since"] else "")
                  + (f"  unusually quiet since {said['quiet_since']}" if said["quiet_since"] else "")
                  + (f"  {said['reason']}" if said["reason"] else "")
                  + "".join(f"  refused: {part} ({why})" for part, why in refused.items()))
    return 1 if bad else 0


def _backfill(url: str, source: Source, args: argparse.Namespace) -> int:
    try:
        since = as_utc(datetime.fromisoformat(args.since), ALMATY) if args.since else None
    except ValueError as e:
        raise Unusable(f'--since: "{args.since}" is no time; write it like 2026-11-20 or 2026-11-20T09:00:00+05:00') from e
    db = _database(url)

    def say(line: str) -> None:
        if not args.json:
            print(f"{source.name}: {line}", file=sys.stderr)  # noqa: T201

    try:
        wanted = since or under_way(db, source.name) or first_hole(db, source.name) or now().replace(minute=0, second=0, microsecond=0) - DEFAULT
        read, new = asyncio.run(backfill(db, source, wanted, say))
    except LookupError as e:
        raise Unusable(f"{args.config}: source {source.name}: {e}") from e
    except SourceError as e:
        print(_refusal(source, options_of(source), e))  # noqa: T201
        return 1
    finally:
        db.close()
    if args.json:
        print_json({"name": source.name, "since": _when(wanted), "posts": read, "new": new})
    else:
        print(f"{source.name}: {read} posts since {_when(wanted)}, {new} of them new")  # noqa: T201
    return 0


def _database(url: str) -> Database:
    try:
        db = Database(url)
        upgrade(db)
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e
    return db


@contextmanager
def _counter(url: str, source: Source) -> Iterator[Limiter | None]:
    try:
        with counter(url, [source]) as limiter:
            yield limiter
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e


async def _test(source: Source, as_json: bool, limiter: Limiter | None) -> int:
    settings = options_of(source)
    try:
        async with WebHttp(secrets=secrets_of(settings)) as http:
            batch = await poll_once(source, http, limiter)
    except (SourceError, TimeoutError) as e:
        print(_refusal(source, settings, e))  # noqa: T201
        return 1
    for post in batch.posts[:None if as_json else SHOWN]:
        if as_json:
            print_json({"id": post.native_id, "text": post.text, "created_at": _when(post.published_at), "url": post.url,
                        "author": post.author.display, "in_reply_to_account": post.in_reply_to_account})
        else:
            print(f"{_when(post.published_at) or NO_TIME}  {post.native_id}  {one_line(post.text)[:100]}")  # noqa: T201
    for item in batch.damaged:
        print(f"{source.name}: unreadable: {scrubbed(item.reason, secrets_of(settings))}")  # noqa: T201
    for part in batch.refused:
        print(f"{source.name}: refused: {part.part}: {scrubbed(part.reason, secrets_of(settings))}")  # noqa: T201
    if not as_json:
        if batch.posts:
            print(f"{source.name}: the first one, as it was read:")  # noqa: T201
            for name, value in {**facts(batch.posts[0]), **_timeless(batch.posts[0]), "author_key": batch.posts[0].author.key}.items():
                print(f"  {name:<20} {one_line(', '.join(map(str, value)) if isinstance(value, list) else str(value))[:200]}")  # noqa: T201
        print(f"{source.name}: {len(batch.posts)} posts would be taken, {len(batch.inbound)} messages for the bots, "  # noqa: T201
              f"{len(batch.damaged)} unreadable; nothing was stored")
    return 0


async def _record(source: Source, limiter: Limiter | None) -> str | None:
    settings = options_of(source)
    secrets = secrets_of(settings)
    try:
        async with WebHttp(secrets=secrets) as http:
            tape = Tape(http)
            taken = await poll_once(source, tape, limiter)
        answers = answers_of(tape, taken.posts, secrets)
        batch = await poll_once(source, Played(answers), None)      # what the recording itself says, after the scrubbing
    except (SourceError, TimeoutError) as e:
        print(_refusal(source, settings, e))  # noqa: T201
        return None
    kept = {"about": f"Recorded from {source.network}; secrets, people's names and numbers are replaced. Read it before you "
                     "commit it: texts are as the network sent them. The moments `late` and `edited` are yours to add.",
            "late": "", "edited": {}, "answers": {"recorded": answers}, "expect": [facts(post) for post in batch.posts]}
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"


def _refusal(source: Source, settings: ConnectorSettings, error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"{source.name}: no answer within {LONGEST:.0f} s"
    return f"{source.name}: {type(error).__name__}: {scrubbed(str(error), secrets_of(settings))}"


def _timeless(post: Post) -> dict[str, str]:
    return {"published_at": NO_TIME} if post.published_at == UNKNOWN_TIME else {}


def _when(at: datetime | None) -> str | None:
    return None if at is None or at == UNKNOWN_TIME else at.astimezone(ALMATY).isoformat(timespec="seconds")
