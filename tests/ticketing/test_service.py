"""What staff do: take, accept, redirect, set aside, undo; who may; and that the register follows."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from scene import ALMATY, NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import select
from test_intake import actions, proven, tickets

from config.settings import Retention
from monitor.store.engine import Database
from monitor.store.tables import correction, post, verdict
from ticketing.retention import rules
from ticketing.service import Actor, Refused, Service
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import delivery, sealed


def actor(staff: dict[str, int], login: str) -> Actor:
    role, office = {"aigul": ("officer", PAVLODAR), "bolat": ("officer", PAVLODAR), "head": ("head", PAVLODAR),
                    "press": ("press", PAVLODAR), "viewer": ("viewer", PAVLODAR), "semey": ("officer", SEMEY)}[login]
    return Actor(staff[login], role, office)


@pytest.fixture
def number(db: Database, service: Service, staff: dict[str, int]) -> str:
    feed(db, service, (a_post("1", TEXT), said()))
    return str(tickets(db)[0].number)


def do(db: Database, verb, *args):
    with db.begin() as c:
        return verb(c, *args, NOW)


def state(db: Database, post_id: int) -> str:
    with db.reading() as c:
        return c.execute(select(verdict.c.state).where(verdict.c.post_id == post_id)).scalar_one()


def last_correction(db: Database) -> int:
    with db.reading() as c:
        return c.execute(select(correction.c.id).order_by(correction.c.id.desc()).limit(1)).scalar_one()


def test_accepting_makes_it_mine_and_pressing_twice_changes_nothing(db, service, staff, number) -> None:
    assert do(db, service.accept, number, actor(staff, "bolat")) is True
    assert do(db, service.accept, number, actor(staff, "bolat")) is False
    (row,) = tickets(db)
    assert (row.status, row.responsible, row.first_reaction_at) == ("accepted", staff["bolat"], NOW)
    assert actions(db) == ["register", "assign", "accept"]
    with pytest.raises(Refused, match="somebody else"):
        do(db, service.accept, number, actor(staff, "aigul"))
    assert proven(db)


@pytest.mark.parametrize("login", ["viewer", "press", "semey"])
def test_who_may_not_accept(db, service, staff, number, login) -> None:
    with pytest.raises(Refused):
        do(db, service.accept, number, actor(staff, login))
    assert actions(db) == ["register", "assign"]


def test_not_ours_to_another_office_gives_that_office_s_number_and_keeps_the_trail(db, service, staff, number) -> None:
    new = do(db, service.redirect, number, SEMEY, actor(staff, "aigul"))
    assert new == "ӘЖ-101-2026-000001"
    with db.reading() as c:
        old, row = ticket_by_number(c, number), ticket_by_number(c, new)
        assert old is not None
        assert row is not None
        assert (old.status, row.status, row.parent, row.akimat) == ("redirected", "assigned", number, SEMEY)
        assert [e.action for e in entries_of(c, number)] == ["register", "assign", "redirect"]
        assert c.execute(select(delivery.c.recipient).where(delivery.c.about == new)).scalar_one() == f"duty:{SEMEY}"
    assert proven(db)


def test_not_ours_inside_the_office_keeps_the_number(db, service, staff, number) -> None:
    below = next(u.code for u in service.desk.knowledge.registry if u.parent == PAVLODAR)
    assert do(db, service.redirect, number, below, actor(staff, "aigul")) == number
    (row,) = tickets(db)
    assert (row.akimat, row.status) == (below, "assigned")
    assert actions(db)[-1] == "readdress"
    assert proven(db)


def test_not_ours_to_an_akimat_nobody_here_registers_for(db, service, staff, number) -> None:
    assert do(db, service.redirect, number, ALMATY, actor(staff, "aigul")) == number
    (row,) = tickets(db)
    assert row.status == "redirected"
    with pytest.raises(Refused):
        do(db, service.accept, number, actor(staff, "aigul"))
    assert proven(db)


def test_nonsense_is_refused_with_a_reason(db, service, staff, number) -> None:
    for verb, args in ((service.redirect, (number, "999999999")), (service.redirect, (number, PAVLODAR)),
                       (service.accept, ("ӘЖ-551-2026-999999",)), (service.accept, ("'; drop table ticket; --",))):
        with pytest.raises(Refused):
            do(db, verb, *args, actor(staff, "head"))
    assert proven(db)


def test_a_triaged_post_taken_by_hand_gets_a_number_and_undo_voids_it(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", None)))
    with pytest.raises(Refused, match="which akimat"):
        do(db, service.take, 1, None, actor(staff, "press"))
    number = do(db, service.take, 1, PAVLODAR, actor(staff, "press"))
    assert number == "ӘЖ-551-2026-000001"
    assert state(db, 1) == "ticket"
    with pytest.raises(Refused, match="already"):
        do(db, service.take, 1, PAVLODAR, actor(staff, "press"))
    do(db, service.undo, last_correction(db), actor(staff, "press"))
    assert (state(db, 1), tickets(db)[0].status) == ("triage", "void")
    # taken again: the number that was given goes on, the series has no hole and no second number
    assert do(db, service.take, 1, PAVLODAR, actor(staff, "press")) == number
    assert len(tickets(db)) == 1
    assert proven(db)


def test_a_post_whose_edit_has_a_number_is_not_taken_again(db, service, staff) -> None:
    """The first wording waited in triage, the edit was clear and has a number: one post, one number."""
    feed(db, service, (a_post("1", "Естай көшесінде шұңқыр бар"), said("triage", PAVLODAR)))
    assert feed(db, service, (a_post("1", TEXT), said())) == ["ticket"]
    with pytest.raises(Refused, match="ӘЖ-551-2026-000001"):
        do(db, service.take, 1, PAVLODAR, actor(staff, "press"))
    assert len(tickets(db)) == 1


def test_a_void_number_whose_post_expired_still_proves(db, service, staff, number) -> None:
    do(db, service.not_addressed, 1, actor(staff, "head"))
    with db.begin() as c:
        for rule in rules(Retention(unaddressed_days=30), NOW + timedelta(days=40), lambda: bytes(16)):
            rule.step(c)
        assert c.execute(select(post.c.text, sealed.c.salt).join(sealed, sealed.c.post_id == post.c.id)).all() == [("", None)]
    assert proven(db)


def test_not_addressed_and_undo(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", PAVLODAR)))
    made = do(db, service.not_addressed, 1, actor(staff, "press"))
    assert state(db, 1) == "not_addressed"
    do(db, service.undo, made, actor(staff, "press"))
    do(db, service.undo, made, actor(staff, "press"))       # twice is harmless
    assert state(db, 1) == "triage"
    assert tickets(db) == []


def test_a_number_once_given_is_taken_back_only_by_a_head_and_is_kept(db, service, staff, number) -> None:
    with pytest.raises(Refused, match="head or a controller"):
        do(db, service.not_addressed, 1, actor(staff, "press"))
    made = do(db, service.not_addressed, 1, actor(staff, "head"))
    assert tickets(db)[0].status == "void"
    do(db, service.undo, made, actor(staff, "head"))
    (row,) = tickets(db)
    assert (row.status, row.number, state(db, 1)) == ("assigned", number, "ticket")
    assert actions(db) == ["register", "assign", "void", "restore", "assign"]
    assert proven(db)


def test_other_akimat_on_a_triaged_post(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", PAVLODAR)))
    assert do(db, service.other_akimat, 1, SEMEY, actor(staff, "press")) == "ӘЖ-101-2026-000001"
    do(db, service.undo, last_correction(db), actor(staff, "press"))
    assert state(db, 1) == "triage"
    assert proven(db)


def test_other_akimat_on_a_ticket_and_back(db, service, staff, number) -> None:
    head = Actor(staff["head"], "head", None)
    assert do(db, service.other_akimat, 1, SEMEY, head) == "ӘЖ-101-2026-000001"
    do(db, service.undo, last_correction(db), head)
    with db.reading() as c:
        old, new = ticket_by_number(c, number), ticket_by_number(c, "ӘЖ-101-2026-000001")
        assert old is not None
        assert new is not None
        assert (old.status, new.status) == ("assigned", "void")
    assert proven(db)


def test_only_the_newest_correction_is_undone(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", PAVLODAR)))
    first = do(db, service.not_addressed, 1, actor(staff, "press"))
    do(db, service.take, 1, None, actor(staff, "press"))
    with pytest.raises(Refused, match="newer"):
        do(db, service.undo, first, actor(staff, "press"))


def test_a_viewer_changes_nothing(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", PAVLODAR)))
    for verb, args in ((service.take, (1, None)), (service.not_addressed, (1,)), (service.other_akimat, (1, SEMEY))):
        with pytest.raises(Refused):
            do(db, verb, *args, actor(staff, "viewer"))
    with pytest.raises(Refused):
        do(db, service.take, 1, None, actor(staff, "semey"))
    assert state(db, 1) == "triage"


def test_two_processes_do_not_decide_on_the_same_ticket_at_once(db, service, staff, number) -> None:
    """`user disable` in one process, Accept pressed in another: the second sees what the first did, and is refused."""
    came: list[object] = []

    def accept() -> None:
        try:
            came.append(do(db, service.accept, number, actor(staff, "bolat")))
        except Refused as e:
            came.append(e)

    other = threading.Thread(target=accept)
    with db.begin() as c:
        service.redirect(c, number, SEMEY, actor(staff, "aigul"), NOW)
        other.start()
        time.sleep(0.3)         # the other has read the ticket by now, if nothing made it wait
        assert came == []
    other.join()
    assert [str(e) for e in came] == [f"{number} was redirected: this is not possible any more."]
    assert proven(db)
