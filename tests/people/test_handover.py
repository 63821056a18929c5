"""Who leaves: open tickets go back to the duty officer, with an entry and a message, and the chain stays whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.reminders import Reminders
from monitor.cli import main
from monitor.jobs import remind
from monitor.store.engine import Database
from ticketing import people
from ticketing.deadlines import kazakhstan
from ticketing.handover import hand_back
from ticketing.register import verify
from ticketing.reminding import Reminding
from ticketing.tables import account, delivery, entry, ticket

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
    assert "2 open tickets went over" in capsys.readouterr().out
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


async def test_tickets_of_the_absent_go_to_the_deputy_of_the_deputy_else_to_the_least_loaded(
        office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("-c", str(tmp_path / "q.yaml"))
    for login in ("bolat", "dana", "erlan"):
        assert main(["user", "add", login, "--name", login, "--role", "officer", "--office", CITY, "--department", "Жолдар", *where]) == 0
    days = ("--from", "2020-01-01", "--until", "2099-12-31")
    assert main(["user", "absence", "add", "aigul", *days, "--deputy", "bolat", *where]) == 0
    assert main(["user", "absence", "add", "bolat", *days, "--deputy", "dana", *where]) == 0
    reminding = Reminding(lambda _code: Reminders(), lambda _code: kazakhstan())

    async def owners(expected: str) -> list[dict[str, Any]]:
        await remind(office, reminding, lambda: datetime.now(UTC), lambda: os.urandom(16))
        with office.reading() as c:
            logins = {a.id: a.login for a in c.execute(select(account))}
            rows = c.execute(select(ticket).order_by(ticket.c.id)).all()
            assert {logins[row.responsible] for row in rows} == set(expected.split())
            assert {row.status for row in rows} == {"assigned"}
            told = set(c.execute(select(delivery.c.recipient).where(delivery.c.kind.startswith("new_ticket"))).scalars())
            assert {f"user:{row.responsible}" for row in rows} <= told
            assert not verify(c).broken
            return [dict(row.assigned_by) for row in rows]

    [first, _] = await owners("dana")
    assert (first["rule"], first["chosen"]) == ("absent", "deputy")
    assert [step["why"] for step in first["passed_over"]] == ["absent", "absent"]
    # nobody of the chain is left: the least loaded of the department, one each
    assert main(["user", "absence", "add", "dana", *days, "--deputy", "aigul", *where]) == 0
    assert main(["user", "add", "farida", "--name", "F", "--role", "officer", "--office", CITY, "--department", "Жолдар", *where]) == 0
    [first, second] = await owners("erlan farida")
    assert {first["chosen"], second["chosen"]} == {"least_loaded"}
    before = len(capsys.readouterr().out)
    assert before
    assert main(["user", "absence", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert "aigul: " in listed
    assert "bolat stands in" in listed
    assert main(["user", "absence", "end", "aigul", *where]) == 0
    assert "1 absences ended" in capsys.readouterr().out
    await owners("erlan farida")


def test_a_deputy_of_another_office_is_refused(office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("-c", str(tmp_path / "q.yaml"))
    with office.begin() as c:
        people.put_office(c, "101000000", "Семей", "Семей")
        people.add(c, "semey", name="S", role="officer", now=datetime.now(UTC), office_code="101000000")
    capsys.readouterr()
    assert main(["user", "absence", "add", "aigul", "--from", "2026-12-01", "--until", "2026-12-02", "--deputy", "semey", *where]) == 2
    assert "works for office 101000000" in capsys.readouterr().err


def test_how_a_person_is_told_and_duty_by_days(office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("-c", str(tmp_path / "q.yaml"))
    capsys.readouterr()
    assert main(["user", "reach", "aigul", "--email", "a@example.kz", "--channels", "email,telegram", "--quiet", "20:00-09:00",
                 "--morning", "08:30", *where]) == 0
    assert capsys.readouterr().out == ("aigul: e-mail a@example.kz; ways email, telegram; quiet 20:00-09:00; morning message 08:30\n")
    assert main(["user", "reach", "aigul", "--email", "", "--morning", "office", *where]) == 0
    assert capsys.readouterr().out == ("aigul: e-mail none; ways email, telegram; quiet 20:00-09:00; morning message as the office\n")
    for wrong, said in ((("--channels", "pigeon"), "no way to a person"), (("--quiet", "25:00-03:00"), "does not exist"),
                        (("--morning", "9"), "no time of the day")):
        assert main(["user", "reach", "aigul", *wrong, *where]) == 2
        assert said in capsys.readouterr().err
    duty = ("user", "duty", "aigul", "--office", CITY)
    assert main([*duty, "--from", "2026-12-05", "--until", "2026-12-06", *where]) == 0
    assert main([*duty, "--from", "2026-12-06", "--until", "2026-12-07", *where]) == 2, "twice on the 6th"
    assert main([*duty, "--from", "2026-12-06", *where]) == 2
