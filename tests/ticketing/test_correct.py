"""Staff say what a post is about: the card, the register, the deadline and the export follow; and it can be undone."""

from __future__ import annotations

import json

import pytest
from scene import NOW, TEXT, a_post, feed, said
from sqlalchemy import select
from test_intake import actions, proven, tickets
from test_service import actor, do, last_correction

from monitor.store.corrections import labelled
from monitor.store.engine import Database
from monitor.store.tables import verdict
from ticketing.register import verify
from ticketing.service import Refused
from ticketing.tables import entry, sealed, ticket


def exported(db: Database) -> dict:
    with db.reading() as c:
        return next(iter(labelled(c)), {})


def test_a_card_is_corrected_and_the_register_holds_it(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said(topic="water")))
    was = tickets(db)[0]
    made = do(db, service.correct, 1, {"topic": "roads", "kind": "proposal", "place": " Естай  көшесі, 5 "}, actor(staff, "press"))
    now = tickets(db)[0]
    assert (now.topic, now.kind, now.urgency, now.location_text) == ("roads", "proposal", "normal", "Естай көшесі, 5")
    assert (now.number, now.due_first, now.due_final, now.akimat) == (was.number, was.due_first, was.due_final, was.akimat)
    assert (now.department, now.responsible) == ("Жолдар бөлімі", staff["aigul"]), "nobody had accepted it: routed by its topic"
    assert actions(db) == ["register", "assign", "correct", "assign"]
    assert proven(db)
    with db.reading() as c:
        details = c.execute(select(entry.c.details).where(entry.c.action == "correct")).scalar_one()
        assert "Естай" not in details, "a place may be somebody's home: only its commitment is in the chain"
        assert c.execute(select(sealed.c.text).where(sealed.c.field == "place")).scalar_one() == "Естай көшесі, 5"
    row = exported(db)
    assert (row["topic"], row["topic_origin"], row["kind"], row["urgency_origin"]) == ("roads", "staff", "proposal", "detection")
    do(db, service.undo, made, actor(staff, "press"))
    back = tickets(db)[0]
    assert (back.topic, back.kind, back.location_text, back.department) == (was.topic, was.kind, was.location_text, was.department)
    assert proven(db)
    assert exported(db) == {}


def test_urgency_moves_the_first_reaction_and_only_it(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    was = tickets(db)[0]
    made = do(db, service.correct, 1, {"urgency": "urgent"}, actor(staff, "bolat"))
    now = tickets(db)[0]
    assert now.due_first < was.due_first
    assert now.due_final == was.due_final
    assert json.dumps(now.due_first_derivation).count("first_reaction_urgent") == 1
    assert now.responsible == was.responsible
    assert proven(db)
    do(db, service.undo, made, actor(staff, "bolat"))
    assert tickets(db)[0].due_first == was.due_first
    do(db, service.accept, was.number, actor(staff, "bolat"))
    do(db, service.correct, 1, {"urgency": "urgent", "topic": "heat"}, actor(staff, "bolat"))
    met = tickets(db)[0]
    assert (met.due_first, met.responsible, met.urgency) == (was.due_first, staff["bolat"], "urgent"), "met already, and in hand"
    assert proven(db)


def test_a_forged_correction_is_found(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    do(db, service.correct, 1, {"topic": "water"}, actor(staff, "bolat"))
    with db.begin() as c:
        c.execute(ticket.update().values(topic="heat"))
    with db.reading() as c:
        assert "says topic heat, its entries say water" in verify(c).broken[0].what


def test_what_waits_is_corrected_before_it_is_taken(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said("triage", topic="water", location_text="Естай")))
    do(db, service.correct, 1, {"topic": "roads", "place": ""}, actor(staff, "press"))
    row = exported(db)
    assert (row["topic"], row["addressed"], row["place"], row["place_origin"]) == ("roads", None, None, "staff")
    do(db, service.take, 1, None, actor(staff, "press"))
    made = tickets(db)[0]
    assert (made.topic, made.location_text, made.department) == ("roads", None, "Жолдар бөлімі")
    assert exported(db)["addressed"] == "yes"
    with db.reading() as c:
        assert c.execute(select(verdict.c.topic)).scalar_one() == "water", "what detection said stays"


@pytest.mark.parametrize(("given", "login", "words"), [
    ({"topic": "nosuch"}, "press", "no code"), ({"kind": "rant"}, "press", "no code"), ({"urgency": "very"}, "press", "no code"),
    ({"topic": "roads"}, "press", "Nothing in it is different"), ({}, "press", "Nothing"), ({"topic": "water"}, "viewer", "role"),
    ({"topic": "water"}, "semey", "another office"),
])
def test_what_cannot_be_said(db, service, staff, given, login, words) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    with pytest.raises(Refused, match=words):
        do(db, service.correct, 1, given, actor(staff, login))
    assert actions(db) == ["register", "assign"]


def test_undo_is_in_order(db, service, staff) -> None:
    feed(db, service, (a_post("1", TEXT), said()), (a_post("1", TEXT, "ok", author="c"), said()))
    first = do(db, service.correct, 1, {"topic": "water"}, actor(staff, "press"))
    do(db, service.correct, 2, {"topic": "heat"}, actor(staff, "press"))        # the copy of the same card
    with pytest.raises(Refused, match="newer"):
        do(db, service.undo, first, actor(staff, "press"))
    do(db, service.undo, last_correction(db), actor(staff, "press"))
    do(db, service.undo, first, actor(staff, "press"))
    assert tickets(db)[0].topic == "roads"
    assert proven(db)
    assert tickets(db)[0].received_at == NOW
