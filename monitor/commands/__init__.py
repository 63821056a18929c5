"""One file is one command: `add_arguments(parser)` and `run(args) -> exit status`. What several need stands here.

Databases and progress bars are imported where they are used: `judge`, `due` and `check` open none, and need not wait for them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

if TYPE_CHECKING:
    from monitor.store.engine import Database


class Unusable(Exception):
    """Input or config that cannot be used: printed as one line on stderr (what, where, how to mend), exit 2."""


def add_database(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """`--db URL`."""
    parser.add_argument("--db", required=required, metavar="URL", help="sqlite:///FILE.db or postgresql://…")


@contextmanager
def open_database(args: argparse.Namespace, *, make: bool = False, migrate: bool = True) -> Iterator[Database]:
    """The database that `--db` names, in its newest form. Unless `make`, a missing SQLite file is an error."""
    from sqlalchemy.exc import DBAPIError

    from monitor.store.engine import Database, UnusableDatabase, reason_of
    from monitor.store.schema import upgrade
    try:
        db = Database(args.db)
        file = db.engine.url.database
        if file and db.engine.url.get_backend_name() == "sqlite":
            if not make and not Path(file).is_file():
                raise UnusableDatabase(f"{file}: there is no such database; check --db")
            if not Path(file).resolve().parent.is_dir():
                raise UnusableDatabase(f"{file}: its folder does not exist; make it first")
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e
    try:
        db.ping()
        if migrate:
            upgrade(db)
        yield db
    except UnusableDatabase as e:
        raise Unusable(str(e)) from e
    except DBAPIError as e:
        raise Unusable(f"{db.name}: the database refused: {reason_of(e)}; "
                       "what was committed before is kept, run the same command again") from e
    finally:
        db.close()


def lines_of(path: str) -> Iterator[tuple[int, bytes]]:
    """The non-empty lines of a JSONL file with their numbers; `-` is standard input."""
    try:
        file = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 - closed by `with` below
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
    with file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
        except OSError as e:
            raise Unusable(f"{path}: cannot be read: {e.strerror}") from e


def rewrite(source: Path, target: Path, lines: Callable[[BinaryIO], Iterable[bytes | None]], unit: str) -> int:
    """Write what `lines` makes of a JSONL file, with a progress bar on a terminal. Returns how many lines were none (None)."""
    from tqdm import tqdm

    try:
        read = source.open("rb")
    except OSError as e:
        raise Unusable(f"{source}: {e.strerror}; give a JSONL file that can be read") from e
    bad = 0
    with read:
        try:
            out = target.open("wb")
        except OSError as e:
            raise Unusable(f"{target}: {e.strerror}; give a file that can be written") from e
        with out:
            for line in tqdm(lines(read), unit=unit, disable=not sys.stderr.isatty()):
                if line is None:
                    bad += 1
                else:
                    out.write(line + b"\n")
    return bad


def warn(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr)  # noqa: T201


def print_json(value: Any) -> None:
    """One JSON object as the last line of stdout."""
    print(msgspec.json.encode(value).decode(), flush=True)  # noqa: T201


def first_problem(path: Path, error: Exception) -> str:
    """The first thing wrong with a config as one line, and how to see the rest."""
    problems = getattr(error, "problems", None)
    if not problems:
        return str(error).splitlines()[0]
    more = f" (and {len(problems) - 1} more: qulaq check -c {path})" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"
