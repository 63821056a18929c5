"""A trigger that refuses to change or delete what the register holds: defence in depth, against a slip, not a proof.

Who owns the database can take it off; the chain and the published heads show what was done then. The daemon puts it on
at every start (a migration that makes the table anew takes it off on SQLite); `db guard --off` takes it off for repairs.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

TABLES = ("entry", "published_head")
SAYS = "the register only grows: its entries are never changed or deleted"


def install(c: Connection) -> None:
    """Put the triggers on, where they are not."""
    if c.dialect.name == "sqlite":
        for table in TABLES:
            for what in ("UPDATE", "DELETE"):
                c.execute(text(f"CREATE TRIGGER IF NOT EXISTS {table}_no_{what.lower()} BEFORE {what} ON {table} "
                               f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"))
        return
    c.execute(text("CREATE OR REPLACE FUNCTION qulaq_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ "
                   f"BEGIN RAISE EXCEPTION '{SAYS}'; END $$"))
    for table in TABLES:
        if not _there(c, table):
            c.execute(text(f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                           "FOR EACH STATEMENT EXECUTE FUNCTION qulaq_only_grows()"))


def remove(c: Connection) -> None:
    """Take the triggers off."""
    for table in TABLES:
        if c.dialect.name == "sqlite":
            for what in ("update", "delete"):
                c.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{what}"))
        else:
            c.execute(text(f"DROP TRIGGER IF EXISTS {table}_only_grows ON {table}"))


def _there(c: Connection, table: str) -> bool:
    """Whether the trigger stands: making it again would need a lock on the whole table."""
    return c.execute(text("SELECT 1 FROM pg_trigger WHERE tgname = :name AND tgrelid = to_regclass(:table)"),
                     {"name": f"{table}_only_grows", "table": table}).first() is not None
