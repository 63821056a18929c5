"""What becomes of judged posts: numbers, attachments, revisions; and that nothing opens a second ticket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from scene import ALMATY, NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import func, select, update

from monitor.store.engine import Database
from monitor.store.tables import post as post_table
from ticketing.register import verify
from ticketing.service import Service
from ticketing.tables import delivery, entry, ticket, ticket_post


def tickets(db: Database) -> list:
    with db.reading() as c:
        return c.execute(select(ticket).order_by(ticket.c.id)).all()


def actions(db: Database) -> list[str]:
    with db.reading() as c:
        return list(c.execute(select(entry.c.action).order_by(entry.c.office, entry.c.seq)).scalars())


def count(db: Database, table) -> int:
    with db.reading() as c:
        return c.execute(select(func.count()).select_from(table)).scalar_one()


def proven(db: Database) -> bool:
    with db.reading() as c:
        return verify(c).broken == ()


def test_an_addressed_post_gets_number_person_deadline_and_delivery(db, service, staff) -> None:
    assert feed(db, service, (a_post("1", TEXT), said())) == ["ticket"]
    (row,) = tickets(db)
    assert row.number == "ӘЖ-551-2026-000001"
    assert (row.responsible, row.department) == (staff["aigul"], "Жолдар бөлімі")
    assert row.assigned_by["chosen"] == "named"
    assert row.due_first.isoformat() == "2026-11-24T06:00:00+00:00"     # 9 working hours from 10:00: 3 + 4 today, 2 tomorrow
    assert row.due_final.isoformat() == "2026-12-01T13:30:00+00:00"     # the 7th working day, 18:30
    assert row.due_first_derivation[0]["term"] == "9wh"
    with db.reading() as c:
        sent = c.execute(select(delivery)).one()
    assert (sent.about, sent.recipient, sent.state) == (row.number, f"user:{staff['aigul']}", "queued")
    assert actions(db) == ["register", "assign"]
    assert proven(db)


def test_the_register_holds_no_text_of_the_citizen(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    with db.reading() as c:
        details = list(c.execute(select(entry.c.details)).scalars())
    assert all("шұңқыр" not in d for d in details)
    assert "sha256" in json.loads(details[0])["text"]


def test_nobody_for_the_topic_means_the_duty_officer(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said(akimat=SEMEY, topic="heat")))
    with db.reading() as c:
        assert c.execute(select(delivery.c.recipient)).scalar_one() == f"duty:{SEMEY}"


def test_a_repeat_is_swallowed(db, service, staff) -> None:
    post = a_post("1", TEXT)
    assert feed(db, service, (post, said())) == ["ticket"]
    assert feed(db, service, (post, said())) == []
    assert len(tickets(db)) == 1


def test_the_same_text_on_another_network_is_attached(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    assert feed(db, service, (a_post("9", TEXT.upper() + " 🙏", network="instagram"), said())) == ["attached"]
    assert len(tickets(db)) == 1
    with db.reading() as c:
        assert c.execute(select(ticket_post.c.role).order_by(ticket_post.c.post_id)).scalars().all() == ["origin", "copy"]
    assert actions(db) == ["register", "assign", "attach"]
    assert proven(db)


def test_in_one_batch_the_second_network_is_attached_to_what_the_first_opened(db, service, staff) -> None:
    assert feed(db, service, (a_post("1", TEXT), said()), (a_post("2", TEXT, network="x"), said())) == ["ticket", "attached"]
    assert len(tickets(db)) == 1
    assert proven(db)


def test_two_citizens_with_the_same_words_get_two_numbers(db, service, staff) -> None:
    """A copied campaign silences nobody: on one network each author has a number."""
    assert feed(db, service, (a_post("1", TEXT), said()), (a_post("2", TEXT), said())) == ["ticket", "ticket"]


def test_a_short_text_is_no_copy(db, service, staff) -> None:
    feed(db, service, (a_post("1", "Жарық қашан?"), said()))
    assert feed(db, service, (a_post("2", "Жарық қашан?", network="x"), said())) == ["ticket"]


def test_the_same_text_to_another_akimat_is_no_copy(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    assert feed(db, service, (a_post("2", TEXT, network="x"), said(akimat=SEMEY))) == ["ticket"]


def test_an_old_text_is_no_copy(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    late = replace(a_post("2", TEXT, network="x"), published_at=NOW + timedelta(days=30))
    assert feed(db, service, (late, said())) == ["ticket"]


def test_an_edit_of_a_ticketed_post_is_an_entry_and_never_a_second_ticket(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    assert feed(db, service, (a_post("1", TEXT + " Жауап күтемін!"), said())) == ["revision"]
    assert len(tickets(db)) == 1
    assert actions(db) == ["register", "assign", "revise"]
    assert proven(db)


def test_an_edit_that_names_another_akimat_proposes_a_redirect_and_decides_nothing(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    feed(db, service, (a_post("1", "Семей әкімі! " + TEXT), said(akimat=SEMEY)))
    (row,) = tickets(db)
    assert (row.akimat, row.status) == (PAVLODAR, "assigned")
    assert row.proposal["redirect"] == SEMEY
    assert actions(db)[-1] == "propose_redirect"
    assert count(db, delivery) == 2     # the responsible is told
    assert proven(db)


def test_an_edit_may_open_a_ticket(db, service, staff) -> None:
    assert feed(db, service, (a_post("1", "Естай көшесінде шұңқыр бар екен көршілер"), said("ignore", None))) == ["ignored"]
    assert feed(db, service, (a_post("1", TEXT), said())) == ["ticket"]
    assert feed(db, service, (a_post("1", TEXT + "!!"), said())) == ["revision"]
    assert len(tickets(db)) == 1


def test_a_deleted_post_keeps_its_ticket(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    assert feed(db, service, (a_post("1", "", deleted_at=NOW), said("ignore", None))) == ["revision"]
    (row,) = tickets(db)
    assert row.status == "assigned"
    with db.reading() as c:
        last = c.execute(select(entry.c.details).order_by(entry.c.seq.desc()).limit(1)).scalar_one()
    assert json.loads(last)["deleted"] is True


def test_an_akimat_for_which_nobody_registers_here_gets_no_number(db, service, staff) -> None:
    assert feed(db, service, (a_post("1", TEXT), said(akimat=ALMATY))) == ["elsewhere"]
    assert tickets(db) == []


def test_the_nearest_office_above_registers(db, service, staff) -> None:
    below = next(u.code for u in service.desk.knowledge.registry if u.parent == PAVLODAR)
    feed(db, service, (a_post("1", TEXT), said(akimat=below)))
    (row,) = tickets(db)
    assert (row.office, row.akimat, row.number) == (PAVLODAR, below, "ӘЖ-551-2026-000001")


def test_the_office_s_own_posts_never_become_tickets(db, service, staff) -> None:
    from dataclasses import replace as changed
    own = Service(changed(service.desk, own_accounts=frozenset({"akimat_pavlodar", "akimat.bsky.social"})))
    from monitor.core.post import Author
    posts = [replace(a_post(str(i), TEXT), author=Author("77", shown)) for i, shown in enumerate(("@Akimat_Pavlodar", "Әкімдік (@akimat.bsky.social)"))]
    assert feed(db, own, *((post, said()) for post in posts)) == ["own", "own"]
    assert tickets(db) == []


def test_what_is_uncertain_waits_for_people(db, service, staff) -> None:
    assert feed(db, service, (a_post("1", TEXT), said("triage", None, candidates=(PAVLODAR, SEMEY)))) == ["triage"]
    assert tickets(db) == []


FORGERIES = {
    "topic": "heat", "kind": "proposal", "urgency": "urgent", "language": "ru", "akimat": SEMEY, "department": "басқа",
    "responsible": None, "assigned_by": {"rule": "forged"}, "received_at": NOW - timedelta(days=9), "also": [SEMEY],
    "registered_at": NOW - timedelta(days=9), "due_first": NOW + timedelta(days=90), "due_final": NOW + timedelta(days=90),
    "due_first_derivation": [], "due_final_derivation": [{"step": "due", "at": "2027-01-01T00:00:00+05:00"}],
    "parent": "ӘЖ-551-2026-000007", "series": "ҚБ", "year": 2025, "seq": 9,
}


@pytest.mark.parametrize("column", FORGERIES)
def test_a_ticket_that_says_other_than_its_entries_is_found(db, service, staff, column) -> None:
    """The row is what people see: a due date moved by hand must not pass because the chain is whole."""
    feed(db, service, (a_post("1", TEXT), said()), (a_post("2", TEXT + " Тағы бір рет."), said()))
    assert proven(db)
    with db.begin() as c:
        c.execute(update(ticket).where(ticket.c.seq == 2).values({column: FORGERIES[column]}))
    with db.reading() as c:
        (broken,) = verify(c).broken
    assert "ӘЖ-551-2026-000002" in broken.what


def test_a_post_whose_text_was_changed_after_registration_is_found(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    with db.begin() as c:
        c.execute(update(post_table).values(text="Бәрі жақсы, рақмет!"))
    with db.reading() as c:
        (broken,) = verify(c).broken
    assert (broken.seq, broken.what) == (1, "its text is not the one that was entered")


def test_an_entry_says_which_knowledge_decided_and_by_which_rule_it_was_assigned(db, service, staff) -> None:
    """Invariant 5: years later the register still says why."""
    feed(db, service, (a_post("1", TEXT), said()))
    with db.reading() as c:
        registered, assigned = (json.loads(d) for d in c.execute(select(entry.c.details).order_by(entry.c.seq)).scalars())
    assert registered["ruleset"] == "test"
    assert assigned["reason"]["chosen"] == "named"
    assert assigned["reason"]["person"] == staff["aigul"]
