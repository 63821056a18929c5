"""A small form of `python -m bench deliveries`: kill -9 loses nothing and repeats at most one message each."""

from __future__ import annotations

from kills import killed

from monitor.store.engine import Database


async def test_a_kill_repeats_at_most_one_message(db: Database, database_url: str) -> None:
    outcome = await killed(db, database_url, tickets=40, kills=4, seed=7)
    assert outcome.faults == []
    assert outcome.lost == 0
    assert outcome.repeats <= outcome.kills
    assert outcome.repeats > 0, "kills between acceptance and answer must show, or the trial tries nothing"
    assert max(outcome.told.values()) <= 1 + outcome.kills
