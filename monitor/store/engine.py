"""The engine, and the one place where transactions begin.

Queries are synchronous functions run in a thread: one writer thread (SQLite has one writer anyway, and one writer
keeps the order of events), a few readers. docs/decisions/0001-synchronous-core.md has the reason.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url

P = ParamSpec("P")
T = TypeVar("T")


class UnusableDatabase(Exception):
    """The database cannot be opened or used; the message is one line for the operator."""


def engine(url: str | URL, *, readers: int = 4) -> Engine:
    """An engine for `sqlite:///x.db` or `postgresql://…`; the driver is chosen here.

    SQLite: WAL, synchronous=FULL (a power cut must never reissue a number), BEGIN IMMEDIATE for writers.
    """
    try:
        parsed = make_url(url)
    except Exception as e:
        raise UnusableDatabase(f"{shown(url)}: not a database address; use sqlite:///FILE.db or postgresql://…") from e
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=readers + 2, max_overflow=8,
                             pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise UnusableDatabase(f"{parsed.get_backend_name()}: Qulaq keeps its data in SQLite or PostgreSQL; "
                               "use sqlite:///FILE.db or postgresql://…")
    if parsed.database in (None, "", ":memory:"):
        raise UnusableDatabase(f"{url}: names no file, so nothing would be kept; write sqlite:///qulaq.db")
    made = create_engine(parsed.set(drivername="sqlite+pysqlite"), pool_size=readers + 2, max_overflow=8,
                         connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(made, "connect")
    def _settings(raw: sqlite3.Connection, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, see below
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000",
                       "cache_size=-65536", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails at once with "database is locked" when another
        # process wrote meanwhile; an immediate one waits its turn. https://www.sqlite.org/isolation.html
        deferred = connection.get_execution_options().get("qulaq_read")
        connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")

    return made


class Database:
    """Runs functions of a connection inside a transaction: `write` one after another, `read` side by side."""

    def __init__(self, url: str | URL, *, readers: int = 4) -> None:
        self.engine = engine(url, readers=readers)
        # A page, a proof and a published head are of one moment: SQLite gives that by itself, PostgreSQL on demand.
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}
        self._reading = self.engine.execution_options(qulaq_read=True, **snapshot)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._listeners: list[Callable[[], None]] = []

    def hurry(self, seconds: float) -> None:
        """Wait no longer than this for the lock of another process: what runs for ever tries again by itself, and one write
        that waits holds up all behind it."""
        if self.engine.dialect.name == "sqlite":
            @event.listens_for(self.engine, "connect")
            def _shorter(raw: sqlite3.Connection, _record: Any) -> None:
                raw.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
            self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction in this thread, for commands and tests."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction in this thread."""
        with self._reading.begin() as connection:
            yield connection

    async def write(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(connection, ...)` in a write transaction; commits when it returns, then tells the listeners."""

        def run() -> T:
            with self.engine.begin() as connection:
                return function(connection, *args, **kwargs)

        result = await asyncio.get_running_loop().run_in_executor(self._writer, run)
        for listener in self._listeners:
            listener()
        return result

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(connection, ...)` in a read transaction."""

        def run() -> T:
            with self._reading.begin() as connection:
                return function(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the event loop's thread after each committed `write`."""
        self._listeners.append(listener)

    @property
    def name(self) -> str:
        """What an operator calls it: the file, or the address without its password."""
        url = self.engine.url
        if url.get_backend_name() == "sqlite":
            return url.database or str(url)
        return shown(url.set(drivername=url.get_backend_name()))

    def ping(self) -> None:
        """Raise UnusableDatabase unless the database answers."""
        try:
            with self.reading() as connection:
                connection.execute(text("SELECT 1"))
        except Exception as e:
            why = reason_of(e)
            mend = "its folder must exist and let us write" if "unable to open" in why else "check the address and who may read and write there"
            raise UnusableDatabase(f"{self.name}: {why}; {mend}") from e

    def close(self) -> None:
        """Wait for running work and give the connections back."""
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


def shown(url: str | URL) -> str:
    """An address for a message or a log: without the password, whether or not it can be read as an address."""
    return re.sub(r"(://[^:@]*):.*@", r"\1:***@", url) if isinstance(url, str) else url.render_as_string(hide_password=True)


def reason_of(error: BaseException) -> str:
    """What the database's driver says is wrong, as one line."""
    return (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
