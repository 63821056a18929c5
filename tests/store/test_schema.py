"""Migrations lead to exactly the tables that the program uses, on both databases; a newer database is refused."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, inspect, text

from monitor.store.engine import Database, UnusableDatabase
from monitor.store.schema import expect_register, newest, upgrade
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
        for opened in (upgrade, expect_register):   # a command that only reads must not send its user to an upgrade that is refused
            with pytest.raises(UnusableDatabase, match="newer Qulaq"):
                opened(db)
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


def test_a_database_of_another_program_is_left_alone(database_url: str) -> None:
    db = Database(database_url)
    try:
        with db.begin() as c:
            c.execute(text("CREATE TABLE post (title text)"))
        with pytest.raises(UnusableDatabase, match="another program .post.*a database of its own"):
            upgrade(db)
        with db.reading() as c:
            assert inspect(c).get_table_names() == ["post"]
    finally:
        db.close()


def test_two_programs_that_start_together_migrate_once(database_url: str) -> None:
    came: list[object] = []
    both = threading.Barrier(2)

    def start() -> None:
        db = Database(database_url)
        try:
            both.wait()
            came.append(upgrade(db))
        except BaseException as e:
            came.append(e)
        finally:
            db.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came, key=str) == [(newest(), newest()), (None, newest())]


@pytest.mark.parametrize(("url", "shown"), [
    ("postgresql://qulaq:geheim@127.0.0.1:1/q", "qulaq:***@"), ("postgresql://qulaq:ge/h@eim@127.0.0.1:port/q", "qulaq:***@")])
def test_no_message_shows_a_password(url: str, shown: str) -> None:
    with pytest.raises(UnusableDatabase, match="postgresql://") as refused:
        Database(url).ping()
    assert shown in str(refused.value)
    assert "eim" not in str(refused.value)
