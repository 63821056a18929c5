"""Migrations lead to exactly the tables that the program uses, on both databases; a newer database is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, text

from monitor.store.engine import Database, UnusableDatabase
from monitor.store.schema import newest, upgrade
from monitor.store.tables import metadata


def test_migrations_lead_to_the_tables(database_url: str) -> None:
    db = Database(database_url)
    try:
        assert upgrade(db) == (None, newest())
        assert upgrade(db) == (newest(), newest())
        with db.begin() as c:
            context = MigrationContext.configure(c, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
    finally:
        db.close()


def test_a_database_of_a_newer_program_is_left_alone(database_url: str) -> None:
    db = Database(database_url)
    try:
        upgrade(db)
        with db.begin() as c:
            c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(UnusableDatabase, match="newer Qulaq"):
            upgrade(db)
    finally:
        db.close()


def test_a_database_that_another_program_holds_is_one_line(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/q.db")
    event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=100"))
    with closing(sqlite3.connect(tmp_path / "q.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnusableDatabase, match=r"q\.db: database is locked; nothing was changed, try again$"):
            upgrade(db)
    upgrade(db)
    db.close()
