"""Numbers under fire, in small: worker processes killed with -9 and in deadlocks. `python -m bench allocation` is the trial."""

from __future__ import annotations

import psycopg
import pytest

from bench.allocation import trial


class Shared:
    """The suite's own server, which is not restarted under the other tests."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, database: str) -> str:
        return self._url.replace("/postgres?", f"/{database}?")

    def sql(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as c:
            c.execute(statement.encode())

    def restart(self) -> None:
        raise AssertionError

    kill = restart


@pytest.mark.parametrize(("how", "fault"), [("register", None), ("sequence", "gaps"), ("max", "doubles")])
def test_workers_killed_in_the_middle_leave_no_gap_and_no_double(postgres_url: str, how: str, fault: str | None) -> None:
    if "/postgres?" not in postgres_url:
        pytest.skip("QULAQ_TEST_POSTGRES names no server of ours")
    server = Shared(postgres_url)
    server.sql(f"DROP DATABASE IF EXISTS trial_{how} WITH (FORCE)")
    found = trial(server, how, count=400, workers=3, batch=3, restarts=0, kills=0.15 if fault is None else 0)
    server.sql(f"DROP DATABASE trial_{how} WITH (FORCE)")
    assert found["numbers"] >= 400
    assert found["holds"] is (fault is None), found
    if fault is not None:
        assert found[fault] > 0
