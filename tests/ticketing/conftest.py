"""A service with two offices, in Pavlodar and Semey, and people in them."""

from __future__ import annotations

from itertools import count

import pytest
from once import two_offices
from scene import NOW, PAVLODAR, SEMEY
from sqlalchemy import insert

from config.knowledge import load_knowledge
from monitor.core.knowledge import Knowledge
from monitor.store.engine import Database
from ticketing.service import Service
from ticketing.tables import account, office


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture
def service() -> Service:
    salts = count()
    return Service(two_offices(), lambda: next(salts).to_bytes(16, "big"))


@pytest.fixture
def staff(db: Database) -> dict[str, int]:
    """Their ids by login."""
    people = [("aigul", "officer", PAVLODAR, "Жолдар бөлімі"), ("bolat", "officer", PAVLODAR, "ЖКХ"),
              ("head", "head", PAVLODAR, ""), ("press", "press", PAVLODAR, ""), ("viewer", "viewer", PAVLODAR, ""),
              ("semey", "officer", SEMEY, "ЖКХ")]
    with db.begin() as c:
        c.execute(insert(office), [{"code": code, "name_kk": code, "name_ru": code} for code in (PAVLODAR, SEMEY)])
        return {login: c.execute(insert(account).values(
            login=login, name=login.title(), role=role, office=where, department=department, language="kk",
            created_at=NOW).returning(account.c.id)).scalar_one() for login, role, where, department in people}
