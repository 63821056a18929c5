"""Check a config: every error at once, a line each (FILE:LINE: path: message). Exit 0 fine, 1 errors, 2 unreadable.

With --online each source is asked once; nothing is stored.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config.answers import load_answers
from config.document import ConfigErrors, Unreadable, read
from config.knowledge import DEFAULT as KNOWLEDGE
from config.knowledge import KnowledgeError, load_knowledge
from config.settings import Settings, Source
from config.surges import load_rules
from config.timezone import ALMATY
from config.workdays import load_workdays
from connectors.base import secrets_of
from connectors.errors import SourceError
from connectors.markup import one_line
from monitor.commands import Unusable, warn
from monitor.setting import checked, knowledge_folder, learned, options_of
from monitor.store.engine import UnusableDatabase

if TYPE_CHECKING:
    from monitor.limits import Limiter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check -c FILE [--online]`."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE")
    parser.add_argument("--online", action="store_true", help="also ask each source once")


def run(args: argparse.Namespace) -> int:
    """Print what is wrong, or a summary."""
    settings, errors = examined(Path(args.config), insist=args.online)
    if settings is None or errors:
        print("\n".join(errors))  # noqa: T201
        warn(f"{args.config}: {len(errors)} error{'s' * (len(errors) > 1)}")
        return 1
    for unset in settings.unset:
        warn(f"note: {unset} (`run` needs it)")
    for note in _calendars(settings, datetime.now(UTC)):
        warn(f"note: {note}")
    failed = _asked(settings) if args.online else 0
    if failed:
        print(f"{args.config}: the config is fine, {failed} of its sources cannot be read")  # noqa: T201
        return 1
    print(_summary(args.config, settings))  # noqa: T201
    return 0


def examined(path: Path, *, insist: bool = True) -> tuple[Settings | None, list[str]]:
    """The settings of a file, checked against the networks and the knowledge it names; and every error as a line."""
    errors: list[str] = []
    knowledge = None
    try:
        document = read(path)
    except Unreadable as e:
        raise Unusable(str(e)) from e
    folder = knowledge_folder(document)
    try:
        knowledge = load_knowledge(folder)
        load_answers(folder)
    except KnowledgeError as e:
        errors.append(str(e))
    for name, readable in (("surges.yaml", load_rules), ("holidays.yaml", _bundled_days)):
        try:
            readable((folder or KNOWLEDGE) / name)
        except (Unreadable, ConfigErrors) as e:
            errors += str(e).splitlines()
    try:
        settings = checked(document, knowledge, insist=insist)
        models = learned(settings, knowledge) if knowledge is not None else None
        return settings, [*errors, *dict.fromkeys(models.faults.values() if models else ())]
    except ConfigErrors as e:
        return None, [*errors, *map(str, e.problems)]


def _bundled_days(path: Path) -> None:
    load_workdays(bundled=path)


def _calendars(settings: Settings, now: datetime) -> list[str]:
    """What the operator should know of the calendars before they run out."""
    year = now.astimezone(ALMATY).year
    notes = []
    for file in dict.fromkeys([office.holidays for office in settings.offices] or [None]):
        days = load_workdays(file)
        if year >= days.known_through:
            notes.append(f"{file or 'the bundled calendar'}: nothing after {days.known_through} is known; add the "
                         f"days off of {days.known_through + 1} and raise known_through, or due dates stay provisional")
    return notes


def _summary(path: str, settings: Settings) -> str:
    counts: Mapping[str, int] = {
        "offices": len(settings.offices), "routing rules": len(settings.routing), "sources": len(settings.sources)}
    said = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items())
    return f"{path}: fine ({said})"


def _asked(settings: Settings) -> int:
    from monitor.app import polled  # the whole daemon: half a second that a check without --online need not wait
    from monitor.by_hand import counter

    wanted = [source for source in polled(settings) if source.enabled]   # the staff bot's own poller, too
    try:
        with counter(settings.database, wanted) as limiter:
            return asyncio.run(_ask(settings, wanted, limiter))
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e


async def _ask(settings: Settings, wanted: Sequence[Source], limiter: Limiter | None) -> int:
    """Ask every enabled source once, all at the same time; returns how many failed."""
    results = await asyncio.gather(*(_ask_one(source, limiter) for source in wanted))
    for source, (fine, said) in zip(wanted, results, strict=True):
        print(f"{source.name}: {said}")  # noqa: T201
        if not fine:
            warn(f"{settings.path}: source {source.name}: {said}")
    return sum(not fine for fine, _ in results)


async def _ask_one(source: Source, limiter: Limiter | None) -> tuple[bool, str]:
    from monitor.by_hand import LONGEST, poll_once, probed
    from monitor.http import WebHttp, scrubbed

    secrets = secrets_of(options_of(source))
    try:
        async with WebHttp(secrets=secrets) as http:
            opens = await probed(source, http, limiter)
            batch = await poll_once(source, http, limiter)
    except SourceError as e:
        return False, f"{type(e).__name__}: {scrubbed(str(e), secrets)}"
    except TimeoutError:
        return False, f"no answer within {LONGEST:.0f} s"
    opens += [f"may not read {part.part} ({part.reason})" for part in batch.refused]
    said = "".join(f"\n  {scrubbed(one_line(line), secrets)}" for line in opens)
    return not any(line.startswith("may not") for line in opens), f"answers ({len(batch.posts)} posts){said}"
