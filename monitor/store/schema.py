"""Brings a database to the newest form, with Alembic. Run by every command that writes, so that nobody forgets it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from monitor.store.engine import Database, UnusableDatabase

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

    Raises UnusableDatabase where the database cannot be opened or was written by a newer program.
    """
    db.ping()
    try:
        return _upgraded(db)
    except DBAPIError as e:
        raise UnusableDatabase(f"{db.name}: {str(e.orig).strip().splitlines()[0]}; nothing was changed, try again") from e


def _upgraded(db: Database) -> tuple[str | None, str]:
    with db.engine.begin() as c:
        if c.dialect.name == "postgresql":
            c.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = MigrationContext.configure(c).get_current_revision()
        if before == newest():
            return before, before
        known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
        if before is not None and before not in known:
            raise UnusableDatabase(f"{db.name}: written by a newer Qulaq "
                                   f"(revision {before}); install that version")
        command.upgrade(config(c), "head")
        return before, newest()
