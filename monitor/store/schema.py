"""Brings a database to the newest form, with Alembic. Run by every command that writes, so that nobody forgets it."""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from monitor.store.engine import Database, UnusableDatabase, reason_of
from monitor.store.surge_tables import surge as _surge  # noqa: F401 - registers the tables of surges
from monitor.store.tables import metadata

_LOCK = 5513377
"""Any number of our own: two processes that start together on PostgreSQL migrate one after the other."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if connection is not None:
        made.attributes["connection"] = connection
    return made


def newest() -> str:
    """The revision that this program is made for."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None, "the migrations are part of the program"
    return head


def upgrade(db: Database) -> tuple[str | None, str]:
    """Bring `db` to the newest revision; returns (before, after).

    Raises UnusableDatabase where the database cannot be opened, is another program's or was written by a newer Qulaq.
    """
    try:
        db.ping()
    except UnusableDatabase:
        time.sleep(0.3)     # another program that makes the same file now: the switch to WAL waits for nobody
        db.ping()
    try:
        return _upgraded(db)
    except DBAPIError as e:
        raise UnusableDatabase(f"{db.name}: {reason_of(e)}; nothing was changed, try again") from e


def _upgraded(db: Database) -> tuple[str | None, str]:
    with db.engine.begin() as c:
        if c.dialect.name == "postgresql":
            c.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = MigrationContext.configure(c).get_current_revision()
        if before == newest():
            return before, before
        _not_newer(db, before)
        if before is None and (there := _foreign_tables(c)):
            raise UnusableDatabase(f"{db.name}: holds the tables of another program ({', '.join(there[:3])}…); "
                                   "give Qulaq a database of its own")
        command.upgrade(config(c), "head")
        return before, newest()


def expect_register(db: Database) -> None:
    """Raise UnusableDatabase unless `db` holds a register: to read one, no table is made where there is none."""
    db.ping()
    with db.reading() as c:
        if not {"entry", "head", "ticket"} <= set(inspect(c).get_table_names()):
            raise UnusableDatabase(f"{db.name}: there is no register in it; check --db")
        revision = MigrationContext.configure(c).get_current_revision()
        _not_newer(db, revision)
        if revision not in (None, newest()):    # None: made by the tables themselves
            raise UnusableDatabase(f"{db.name}: written by an older Qulaq (revision {revision}); "
                                   "bring it to this one first: qulaq db upgrade --db URL")


def _not_newer(db: Database, revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise UnusableDatabase(f"{db.name}: written by a newer Qulaq (revision {revision}); install that version")


def _foreign_tables(c: Connection) -> list[str]:
    """Tables that were here before us. A PostgreSQL database may be shared as long as no name is taken twice."""
    there = sorted(inspect(c).get_table_names())
    return there if c.dialect.name == "sqlite" else [name for name in there if name in metadata.tables]
