"""Cards about one problem: found on a labelled set, proposed or joined beside the line, parted again without loss."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scene import NOW, PAVLODAR, a_post, feed, said
from sqlalchemy import insert, select, update

from monitor.core.classify import subject
from monitor.core.text import Text
from ticketing import alike
from ticketing.merging import authors
from ticketing.notify import queries
from ticketing.notify.message import Item, Person, Wording
from ticketing.notify.names import KnownNames
from ticketing.register import verify
from ticketing.same_problem import Case, likeness
from ticketing.service import Actor
from ticketing.tables import answer, merge_proposal, ticket

PAIRS = Path(__file__).with_name("same_problem.tsv")
HEAT = "На Естая 83 третий день нет отопления, дети мёрзнут, в квартире плюс одиннадцать"


def test_the_labelled_pairs(knowledge) -> None:
    """Written by us, most of the same pairs across languages, houses, crossings, stops and roads: a wrong proposal costs a person a look, a wrong join more."""
    def case(text: str, hours: float) -> Case:
        topic = subject(Text(text), knowledge.subject, knowledge.subject_words).topic or "other"
        return Case(text, "", topic, datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=hours))

    right = wrong = missed = 0
    with PAIRS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) >= 140
    for row in rows:
        found = likeness(case(row["a"], 0), case(row["b"], float(row["hours"])))
        same = row["same"] == "1"
        right, wrong, missed = right + (found is not None and same), wrong + (found is not None and not same), missed + (
            found is None and same)
        assert found is None or not found.sure or same, "nothing is joined wrongly without a person"
        back = likeness(case(row["b"], float(row["hours"])), case(row["a"], 0))
        assert (found is None) == (back is None), "alike is alike from both sides"
    assert right / (right + wrong) >= 0.98
    assert right / (right + missed) >= 0.85


def look(db, service) -> None:
    while True:
        with db.begin() as c:
            if not alike.look(c, service, NOW):
                return


def test_near_identical_at_one_place_is_joined_and_the_rest_proposed(db, service, staff) -> None:
    feed(db, service, (a_post("1", HEAT), said(topic="heat", location_text="Естая 83")))
    feed(db, service, (a_post("2", HEAT + "!"), said(topic="heat", location_text="Естая, 83")))
    feed(db, service, (a_post("3", "Естай көшесі 83 үйде жылу жоқ, үш күн болды"), said(topic="heat", location_text="Естай көшесі 83")))
    feed(db, service, (a_post("4", "На Естая 134 батареи холодные вторую неделю"), said(topic="heat", location_text="Естая 134")))
    with db.reading() as c:
        before = {r.number: (r.due_final, r.due_first) for r in c.execute(select(ticket))}
        assert alike.waits(c)
    look(db, service)
    with db.reading() as c:
        one, two, three, four = c.execute(select(ticket).order_by(ticket.c.id)).all()
        assert (two.status, two.merged_into) == ("merged", one.number)
        assert {r.number: (r.due_final, r.due_first) for r in (one, two, three, four)} == before
        assert authors(c, [one.number, two.number]) == 2
        (proposal,) = c.execute(select(merge_proposal)).all()
        assert (proposal.ticket, proposal.into, proposal.state) == (three.number, one.number, "open")
        assert four.status == "assigned"
        assert not alike.waits(c)
    with db.begin() as c:
        service.unmerge(c, two.number, Actor(staff["aigul"], "officer", PAVLODAR), NOW)
    look(db, service)
    with db.reading() as c:
        assert c.execute(select(ticket.c.status).where(ticket.c.number == two.number)).scalar_one() == "assigned", "what a person parted stays so"
        assert verify(c).broken == ()


def test_a_new_card_is_told_to_staff_with_what_was_answered_there_before(db, service, staff) -> None:
    feed(db, service, (a_post("1", "Угол Естая и Кутузова, открытый люк"), said(topic="roads", location_text="Угол Естая и Кутузова")))
    feed(db, service, (a_post("2", "На Естая 83 яма"), said(topic="roads", location_text="Естая 83")))
    with db.begin() as c:
        first, other = c.execute(select(ticket.c.number).order_by(ticket.c.id)).scalars()
        c.execute(update(ticket).where(ticket.c.number.in_([first, other])).values(status="closed", closed_at=NOW))
        c.execute(insert(answer).values(ticket=first, kind="final", language="ru", text="Люк восстановлен <b>20 ноября</b>.", state="published",
                                        version=1, warnings=[], author=staff["aigul"], made_at=NOW, published_at=NOW))
    later = NOW + timedelta(days=12)
    feed(db, service, (a_post("3", "Естай мен Кутузов қиылысында люк тағы ашық"), said(topic="roads", location_text="Естай мен Кутузов қиылысында")))
    with db.reading() as c:
        new = c.execute(select(ticket.c.number).order_by(ticket.c.id.desc()).limit(1)).scalar_one()
        facts = queries.facts(c, [new], words=True)[new]
    assert [one.number for one in facts.before] == [first], "the hole at a house of the same street is another matter"
    for tongue, ago in (("ru", "12 дней назад"), ("kk", "12 күн бұрын")):
        text = Wording(KnownNames(service.desk.knowledge.registry, service.desk.knowledge.topics)).cards(
            [Item(facts)], Person(staff["aigul"], "Айгүл", tongue, "officer", PAVLODAR), later).html
        assert ago in text
        assert "&lt;b&gt;20 ноября" in text, "an answer is text"
