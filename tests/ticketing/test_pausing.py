"""The clock of a term: stands while the citizen is asked, goes on by the reply, by hand or by the office's limit, and proves itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from scene import NOW, PAVLODAR, TEXT, a_post, feed, said
from sqlalchemy import select
from test_intake import proven
from test_life import actions, do, messages, numbers, row_of, who  # noqa: F401 - fixtures

from config.workdays import load_workdays
from monitor.store.engine import Database
from ticketing.acting import CITIZEN
from ticketing.deadlines import Calendar, Term, worked
from ticketing.pausing import any_over
from ticketing.register import verify
from ticketing.replay import replay
from ticketing.service import Refused, Service
from ticketing.tables import question, ticket

ASKED = NOW + timedelta(days=1)


@pytest.fixture
def service(service: Service) -> Service:
    office = replace(service.desk.rules_of(PAVLODAR), pause=Term(5, "wd", "pause"))
    service.desk = replace(service.desk, offices={**(service.desk.offices or {}), PAVLODAR: office})
    return service


def proves(db: Database, number: str) -> None:
    row = row_of(db, number)
    assert replay(row.due_final_derivation) == row.due_final
    assert proven(db)
    with db.reading() as c:
        assert verify(c).broken == ()


def test_it_stands_until_the_citizen_replies_and_the_working_time_is_added(db, service, who, numbers) -> None:  # noqa: F811
    n, before = numbers[0], row_of(db, numbers[0])
    assert do(db, service.pause, n, "Үйдің нөмірін жазыңыз", who["aigul"], at=ASKED) is True
    assert do(db, service.pause, n, "Үйдің нөмірін жазыңыз", who["aigul"], at=ASKED) is False, "a double press is harmless"
    row = row_of(db, n)
    assert row.due_final == before.due_final, "nothing is added before it is known how much"
    assert row.due_first == before.due_first, "to ask stops no first reaction"
    [told] = messages(db, n, "question")
    assert "Үйдің нөмірін жазыңыз" in told.body["text"]
    assert "30 қараша 2026" in told.body["text"], "the citizen reads until when"
    proves(db, n)
    with pytest.raises(Refused, match="go on first"):
        do(db, service.extend, n, date(2026, 12, 20), "күтеміз", who["head"], at=ASKED)
    with pytest.raises(Refused, match="go on first"):
        do(db, service.merge, n, [numbers[1]], who["aigul"], at=ASKED)
    with db.reading() as c:
        asked = c.execute(select(question.c.id)).scalar_one()
    replied = ASKED + timedelta(days=2)
    assert do(db, service.reply, n, asked, "12-үй", CITIZEN, at=replied) is True
    row = row_of(db, n)
    calendar = service.desk.rules_of(PAVLODAR).calendar
    assert worked(before.due_final, row.due_final, calendar) == worked(ASKED, replied, calendar) > timedelta(0)
    assert row.paused_until is None
    assert actions(db, n)[-4:] == ["ask", "pause", "reply", "resume"]
    proves(db, n)
    with pytest.raises(Refused, match="once already"):
        do(db, service.pause, n, "тағы", who["aigul"], at=replied)
    assert do(db, service.extend, n, date(2026, 12, 20), "күтеміз", who["head"], at=replied) is True
    proves(db, n)


def test_nobody_replies_it_goes_on_by_itself_and_no_later_than_settled(db, service, who, numbers) -> None:  # noqa: F811
    n = numbers[0]
    do(db, service.pause, n, "Қай үй?", who["aigul"], at=ASKED)
    until = row_of(db, n).paused_until
    late = until + timedelta(days=3)        # the program did not run over these days
    with db.begin() as c:
        assert not any_over(c, until - timedelta(minutes=1))
        assert any_over(c, late)
        assert service.clocks(c, late) == 1
        assert not any_over(c, late)
    calendar = service.desk.rules_of(PAVLODAR).calendar
    row = row_of(db, n)
    stood = worked(ASKED, until, calendar)
    assert row.due_final_derivation[-1]["at"] == row.due_final.astimezone(datetime.fromisoformat(row.due_final_derivation[-1]["at"]).tzinfo).isoformat()
    assert stood <= timedelta(hours=40)
    proves(db, n)


def test_by_hand_and_only_where_it_is_settled_allowed_and_in_time(db, service, who, numbers) -> None:  # noqa: F811
    n = numbers[0]
    for stranger in ("press", "viewer", "semey"):
        with pytest.raises(Refused):
            do(db, service.pause, n, "Қай үй?", who[stranger])
    with pytest.raises(Refused, match="is over"):
        do(db, service.pause, n, "Қай үй?", who["aigul"], at=NOW + timedelta(days=30))
    do(db, service.merge, numbers[1], [numbers[2]], who["aigul"])
    with pytest.raises(Refused, match="part them first"):       # a member's date would get later, silently
        do(db, service.pause, numbers[1], "Қай үй?", who["aigul"])
    assert do(db, service.resume, n, who["aigul"]) is False
    do(db, service.pause, n, "Қай үй?", who["aigul"])
    assert do(db, service.resume, n, who["aigul"], at=ASKED) is True
    proves(db, n)
    office = replace(service.desk.rules_of(PAVLODAR), pause=None)
    service.desk = replace(service.desk, offices={PAVLODAR: office})
    with pytest.raises(Refused, match="has not settled"):
        do(db, service.pause, numbers[1], "Қай үй?", who["aigul"])


def test_dates_are_counted_again_by_a_published_calendar_only_to_earlier_ones(db, service, staff, who, tmp_path: Path) -> None:  # noqa: F811
    received = datetime(2026, 5, 25, 5, 0, tzinfo=UTC)      # 27 May 2026 is an estimate
    feed(db, service, (a_post("ait", TEXT), said()), now=received)
    with db.reading() as c:
        n = c.execute(select(ticket.c.number)).scalar_one()
    before = row_of(db, n)
    own = service.desk.rules_of(PAVLODAR)

    def calendar(days: str) -> None:
        file = tmp_path / "days.yaml"
        file.write_text(days, encoding="utf-8")
        service.desk = replace(service.desk, offices={PAVLODAR: replace(own, calendar=Calendar(load_workdays(file)))})
    calendar("version: later\nclosed: [{date: 2026-06-01, name_kk: Айт, name_ru: Айт}]\n")
    assert do(db, service.recount, n, who["head"], at=received) is False, "never to a later date"
    calendar("version: earlier\nworked: [{date: 2026-05-27}]\n")
    with pytest.raises(Refused, match="role"):
        do(db, service.recount, n, who["aigul"], at=received)
    assert do(db, service.recount, n, who["head"], at=received) is True
    row = row_of(db, n)
    assert row.due_final < before.due_final
    assert row.due_first <= before.due_first
    assert actions(db, n)[-1] == "recount"
    proves(db, n)
    assert do(db, service.recount, n, who["head"], at=received) is False
