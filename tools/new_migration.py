"""Write the migration from the newest one to the tables as they stand: `make migration m="why"`."""

import sys
import tempfile

from alembic import command

import monitor.store.surge_tables  # noqa: F401 - registers its tables
import ticketing.tables  # noqa: F401
from monitor.store.engine import Database
from monitor.store.schema import config
from monitor.store.tables import metadata

database = Database(f"sqlite:///{tempfile.mkdtemp()}/empty.db")
with database.engine.begin() as connection:
    settings = config(connection)
    settings.attributes["metadata"] = metadata
    command.upgrade(settings, "head")
    command.revision(settings, message=sys.argv[1], autogenerate=True, rev_id=sys.argv[2])
