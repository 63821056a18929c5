"""How long two posts can be told to have one author: `retention.author_key_days`, not a day longer (Law 94-V)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from monitor.store.authors import author_key, rotate_after
from monitor.store.engine import Database
from monitor.store.tables import keep

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize("days", [1, 30, 90])
def test_the_key_lives_as_long_as_is_settled(db: Database, days: int) -> None:
    with db.begin() as c:
        rotate_after(c, days, NOW)
        first = author_key(c, NOW).hash("vk", "1")
        assert author_key(c, NOW + timedelta(days=days)).hash("vk", "1") == first
        assert author_key(c, NOW + timedelta(days=days, seconds=1)).hash("vk", "1") != first
        again = author_key(c, NOW + timedelta(days=days, seconds=1)).hash("vk", "1")
        assert author_key(c, NOW + timedelta(days=2 * days)).hash("vk", "1") == again, "the next key lives as long"


def test_a_shorter_life_ends_an_older_key_at_once_even_if_nobody_posts(db: Database) -> None:
    def kept() -> str:
        with db.reading() as c:
            found: str = c.execute(select(keep.c.value).where(keep.c.name == "author_key")).scalar_one()["key"]
            return found
    with db.begin() as c:
        author_key(c, NOW)
    old = kept()
    with db.begin() as c:
        rotate_after(c, 30, NOW + timedelta(days=10))
    assert kept() == old
    with db.begin() as c:
        rotate_after(c, 7, NOW + timedelta(days=10))
    assert kept() != old
