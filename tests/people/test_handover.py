"""Who leaves: open tickets go back to the duty officer, with an entry and a message, and the chain stays whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from monitor.cli import main
from monitor.store.engine import Database
from ticketing.handover import hand_back
from ticketing.register import verify
from ticketing.tables import delivery, entry, ticket

CITY = "551000000"
TEXTS = ["Құрметті Павлодар қаласының әкімі! Естай көшесінде үш аптадан бері шұңқыр, қашан жөндейсіздер?",
         "Акимат города Павлодара, в нашем дворе на Камзина второй день нет воды. Примите меры!"]


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """Two open tickets of one officer."""
    config = tmp_path / "q.yaml"
    config.write_text(f"database: {database_url}\noffices: [{{code: {CITY}}}]\n"
                      "routing: [{department: Жолдар, responsible: aigul}]\n", encoding="utf-8")
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps({"id": str(i), "source": "vk", "author": f"a{i}", "text": text}) + "\n"
                             for i, text in enumerate(TEXTS)), encoding="utf-8")
    where = ("-c", str(config))
    assert main(["user", "add", "aigul", "--name", "A", "--role", "officer", "--office", CITY, *where]) == 0
    assert main(["ingest", str(posts), "--db", database_url, *where]) == 0
    made = Database(database_url)
    yield made
    made.close()


def test_open_tickets_go_back_to_the_duty_officer(office: Database, tmp_path: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    with office.reading() as c:
        mine = c.execute(select(ticket).where(ticket.c.responsible.is_not(None))).all()
        before = len(c.execute(select(entry)).all())
    assert len(mine) == 2
    capsys.readouterr()
    assert main(["user", "disable", "aigul", "-c", str(tmp_path / "q.yaml")]) == 0
    assert "2 open tickets went back" in capsys.readouterr().out
    with office.reading() as c:
        rows = c.execute(select(ticket)).all()
        assert [(row.responsible, row.status) for row in rows] == [(None, "assigned")] * 2
        assert {row.assigned_by["rule"] for row in rows} == {"left"}
        told = c.execute(select(delivery.c.about).where(delivery.c.recipient == f"duty:{CITY}")).scalars().all()
        assert sorted(told) == sorted(row.number for row in rows)
        assert len(c.execute(select(entry)).all()) == before + 2
        assert not verify(c).broken
    assert main(["user", "disable", "aigul", "-c", str(tmp_path / "q.yaml")]) == 0, "saying it twice hands on nothing"
    with office.reading() as c:
        assert len(c.execute(select(entry)).all()) == before + 2


def test_only_what_is_still_the_persons_is_handed_back(office: Database) -> None:
    with office.begin() as c:
        numbers = list(c.execute(select(ticket.c.number)).scalars())
        person = c.execute(select(ticket.c.responsible)).scalars().first()
        assert person is not None
        c.execute(ticket.update().where(ticket.c.number == numbers[0]).values(responsible=None))
        assert hand_back(c, numbers, person, datetime.now(UTC), lambda: os.urandom(16)) == 1
        assert hand_back(c, numbers, person, datetime.now(UTC), lambda: os.urandom(16)) == 0
        assert hand_back(c, [], person, datetime.now(UTC), lambda: os.urandom(16)) == 0
