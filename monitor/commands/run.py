"""The daemon: collects, judges, registers, tells staff and shows the feed, until it is stopped (SIGTERM or Ctrl-C)."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from monitor.app import App, CannotListen, talk, watched
from monitor.commands import Unusable, first_problem, warn
from monitor.setting import WRONG, read
from monitor.store.engine import Database, UnusableDatabase, reason_of
from monitor.store.schema import upgrade
from ticketing import guard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run -c FILE`."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    path = Path(args.config)
    try:
        watcher = watched(lambda: read(path, surges=True))
        setting = watcher.current
        assert setting.settings is not None
        db = Database(setting.settings.database)
        upgrade(db)
        with db.begin() as c:
            guard.install(c)
    except UnusableDatabase as e:
        raise Unusable(f"{path}: database: {e}") from e
    except WRONG as e:
        raise Unusable(first_problem(path, e)) from e
    except DBAPIError as e:
        raise Unusable(f"{path}: database: {reason_of(e)}; check who owns its tables") from e
    talk()
    try:
        serve(App(db, setting, watcher, ready=lambda address: warn(f"Qulaq listens: {address}")))
    finally:
        db.close()
    return 0


def serve(app: App) -> None:
    """Run an app until SIGTERM or SIGINT; what cannot go on raises Unusable with one line."""
    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, stop.set)
        running = asyncio.create_task(app.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not running.done():
            running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            return

    try:
        asyncio.run(until_stopped())
    except* CannotListen as group:
        raise Unusable(str(_leaves(group)[0])) from group
    except* OSError as group:
        raise Unusable(f"the machine refused: {_leaves(group)[0]}") from group
    except* DBAPIError as group:
        raise Unusable(f"the database refused: {str(_leaves(group)[0]).splitlines()[0]}") from group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for e in group.exceptions:
        found.extend(_leaves(e) if isinstance(e, BaseExceptionGroup) else [e])
    return found
