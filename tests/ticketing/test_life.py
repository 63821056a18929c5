"""A card from its number to its end: who answers, until when, one answer to all, and that the register follows each step."""

from __future__ import annotations

import json
import random
import threading
from contextlib import suppress
from datetime import date, timedelta

import pytest
from scene import ALMATY, NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import select
from test_intake import proven, tickets

from monitor.store.engine import Database
from ticketing.acting import CITIZEN, state_of
from ticketing.answering import Promise, answers_of
from ticketing.citizens import told
from ticketing.merging import authors
from ticketing.register import verify
from ticketing.service import Actor, Refused, Service
from ticketing.store import entries_of, ticket_by_number
from ticketing.tables import answer, delivery, merge_proposal, obligation, sealed, ticket


@pytest.fixture
def who(staff: dict[str, int]) -> dict[str, Actor]:
    roles = {"aigul": "officer", "bolat": "officer", "head": "head", "press": "press", "viewer": "viewer"}
    return {login: Actor(staff[login], role, PAVLODAR) for login, role in roles.items()} | {
        "semey": Actor(staff["semey"], "head", SEMEY), "controller": Actor(staff["head"], "controller")}


@pytest.fixture
def numbers(db: Database, service: Service, staff: dict[str, int]) -> list[str]:
    feed(db, service, *((a_post(str(i), f"{TEXT} {i}-үй", url=f"https://vk.example.invalid/{i}"), said()) for i in range(3)))
    return [row.number for row in tickets(db)]


def do(db: Database, verb, *args, at=NOW, **more):
    with db.begin() as c:
        return verb(c, *args, at, **more)


def row_of(db: Database, number: str):
    with db.reading() as c:
        return ticket_by_number(c, number)


def actions(db: Database, number: str) -> list[str]:
    with db.reading() as c:
        return [e.action for e in entries_of(c, number)]


def messages(db: Database, number: str, kind: str = "") -> list[delivery]:
    with db.reading() as c:
        return [t.delivery for t in told(c, [number]) if t.delivery.kind.startswith(kind)]


# --- who answers

def test_a_card_is_given_to_a_person_and_then_to_a_department(db, service, staff, who, numbers) -> None:
    n = numbers[0]
    assert do(db, service.assign, n, staff["bolat"], None, who["head"], reason="бұл ТКШ мәселесі") is True
    assert (row_of(db, n).responsible, row_of(db, n).department) == (staff["bolat"], "ЖКХ")
    assert do(db, service.assign, n, None, "Жолдар бөлімі", who["head"]) is True
    assert row_of(db, n).responsible == staff["aigul"]
    assert do(db, service.assign, n, staff["aigul"], None, who["head"]) is False
    for stranger in (staff["semey"], staff["viewer"], 999):
        with pytest.raises(Refused):
            do(db, service.assign, n, stranger, None, who["head"])
    assert proven(db)
    with db.reading() as c:     # the reason is personal text: it can be erased
        assert "бұл ТКШ мәселесі" in c.execute(select(sealed.c.text)).scalars().all()
        assert not any("ТКШ" in e.details for e in entries_of(c, n))


def test_a_colleague_is_asked_and_answers_once(db, service, staff, who, numbers) -> None:
    n = numbers[0]
    asked = do(db, service.ask, n, "Бұл көше кімдікі?", staff["bolat"], who["aigul"])
    assert do(db, service.ask, n, "Бұл көше кімдікі?", staff["bolat"], who["aigul"]) == asked
    with pytest.raises(Refused, match="somebody else"):
        do(db, service.reply, n, asked, "Менікі емес", who["press"])
    assert do(db, service.reply, n, asked, "Қаланікі", who["bolat"]) is True
    assert do(db, service.reply, n, asked, "Қаланікі", who["bolat"]) is False
    assert actions(db, n)[-2:] == ["ask", "reply"]
    assert proven(db)


# --- until when

def test_an_extension_is_reasoned_bounded_told_and_owed(db, service, who, numbers) -> None:
    n, before = numbers[0], row_of(db, numbers[0])
    with pytest.raises(Refused, match="role"):
        do(db, service.extend, n, date(2026, 12, 21), "күтеміз", who["aigul"])
    with pytest.raises(Refused, match="reason"):
        do(db, service.extend, n, date(2026, 12, 21), "  ", who["head"])
    with pytest.raises(Refused, match=r"23\.01\.2027 at most"):       # two months in all from 23 November
        do(db, service.extend, n, date(2027, 1, 25), "күтеміз", who["head"])
    with pytest.raises(Refused, match="only be extended"):
        do(db, service.extend, n, date(2026, 11, 25), "күтеміз", who["head"])
    assert do(db, service.extend, n, date(2026, 12, 20), "Жобалау керек", who["head"]) is True      # a Sunday
    assert do(db, service.extend, n, date(2026, 12, 20), "Жобалау керек", who["head"]) is False
    row = row_of(db, n)
    assert row.due_final.isoformat() == "2026-12-18T13:30:00+00:00"                                  # the Friday before
    assert row.due_final_derivation[:len(before.due_final_derivation)] == before.due_final_derivation
    assert row.extensions == 1
    (notice,) = messages(db, n, "extended")
    assert "18 желтоқсан 2026" in notice.body["text"]
    assert "Жобалау керек" in notice.body["text"]
    with db.reading() as c:
        owed = c.execute(select(obligation)).one()
    assert (owed.kind, owed.due.isoformat(), owed.kept_at) == ("tell_extended", "2026-11-25T13:30:00+00:00", None)
    do(db, lambda c, now: service.delivered(c, notice.id, {"native_id": "77"}, now))
    with db.reading() as c:
        assert c.execute(select(obligation.c.kept_at)).scalar_one() == NOW
    assert proven(db)


def test_a_request_is_extended_once_by_fifteen_days(db, service, staff, who) -> None:
    asked = said()
    feed(db, service, (a_post("q", TEXT), asked.__class__(**{f: getattr(asked, f) for f in asked.__slots__} | {"kind": "inquiry"})))
    n = tickets(db)[0].number
    last = row_of(db, n).due_final.date() + timedelta(days=15)
    with pytest.raises(Refused, match="at most"):
        do(db, service.extend, n, last + timedelta(days=3), "мұрағат", who["head"])
    assert do(db, service.extend, n, last, "мұрағат", who["head"])
    with pytest.raises(Refused, match="once only"):
        do(db, service.extend, n, last + timedelta(days=4), "мұрағат", who["head"])


def test_no_date_is_promised_in_a_year_without_a_calendar(db, service, who, numbers) -> None:
    year = service.desk.fallback.calendar.known_through + 1
    with pytest.raises(Refused, match=f"calendar of {year}"):
        do(db, service.extend, numbers[0], date(year, 2, 1), "ұзақ", who["head"])


# --- several cards, one matter

def test_merged_cards_keep_number_date_and_status_and_one_answer_reaches_all(db, service, staff, who, numbers) -> None:
    head, one, two = numbers
    do(db, service.accept, head, who["aigul"])
    do(db, service.accept, one, who["bolat"])
    do(db, service.extend, head, date(2026, 12, 30), "жоба", who["head"])
    before = {n: row_of(db, n) for n in numbers}
    proposal = do(db, lambda c, now: service.propose(c, one, head, {"text": 0.9}, now))
    assert do(db, service.merge, head, [one, two], who["aigul"]) == [one, two]
    assert do(db, service.merge, head, [one, two], who["aigul"]) == []
    row = row_of(db, head)
    assert row.due_final == before[one].due_final < before[head].due_final       # nobody waits longer than before
    assert row.due_final_derivation[-2]["step"] == "merged"
    assert [row_of(db, n).status for n in numbers] == ["accepted", "merged", "merged"]
    with db.reading() as c:
        assert authors(c, numbers) == 3
        assert c.execute(select(merge_proposal.c.state).where(merge_proposal.c.id == proposal)).scalar_one() == "merged"
    with pytest.raises(Refused, match="part them first"):
        do(db, service.redirect, head, SEMEY, who["aigul"])
    with pytest.raises(Refused, match="act there"):
        do(db, service.draft, one, "Жауап", who["bolat"])
    assert proven(db)

    given = do(db, service.draft, head, "Шұңқыр 24 қарашада жөнделді.", who["aigul"])
    do(db, service.approve, head, given, who["head"])
    assert do(db, service.publish, head, given, who["press"]) == 3
    assert do(db, service.publish, head, given, who["press"]) == 0
    for n in numbers:
        (sent,) = messages(db, n, "answer")
        do(db, lambda c, now, id_=sent.id: service.delivered(c, id_, {"native_id": "1"}, now))
    assert row_of(db, head).status == "answered"
    with db.reading() as c:
        (done,) = answers_of(c, head)
    assert (done.state, done.published_at) == ("published", NOW)

    assert do(db, service.unmerge, two, who["head"]) is True
    assert do(db, service.unmerge, two, who["head"]) is False
    parted = row_of(db, two)
    assert (parted.status, parted.due_final, parted.due_final_derivation) == (
        before[two].status, before[two].due_final, before[two].due_final_derivation)
    assert proven(db)


def test_parting_all_gives_the_first_card_its_own_date_back(db, service, who, numbers) -> None:
    head, one, two = numbers
    do(db, service.extend, head, date(2026, 12, 30), "жоба", who["head"])
    before = row_of(db, head)
    do(db, service.merge, one, [two], who["aigul"])
    assert set(do(db, service.merge, head, [one], who["aigul"])) == {one, two}      # what it had comes along
    do(db, service.extend, head, date(2026, 12, 15), "бәріне", who["head"])
    assert {row_of(db, n).due_final for n in numbers} == {row_of(db, one).due_final, before.due_final} \
        or row_of(db, head).due_final == row_of(db, one).due_final
    for n in (one, two):
        do(db, service.unmerge, n, who["aigul"])
    after = row_of(db, head)
    assert (after.due_final, after.due_final_derivation) == (before.due_final, before.due_final_derivation)
    assert row_of(db, one).extensions == 1
    assert proven(db)


def test_a_dismissed_pair_is_not_proposed_again(db, service, who, numbers) -> None:
    propose = lambda c, now, a=numbers[0], b=numbers[1]: service.propose(c, a, b, {}, now)  # noqa: E731
    made = do(db, propose)
    assert do(db, propose) == made
    assert do(db, service.dismiss, numbers[1], made, who["aigul"]) is True
    assert do(db, propose) is None


# --- the answer

def test_two_pairs_of_eyes_and_nobody_overwrites_a_newer_wording(db, service, staff, who, numbers) -> None:
    n = numbers[0]
    do(db, service.accept, n, who["aigul"])
    given = do(db, service.draft, n, "Мәселе қаралуда.", who["aigul"])
    assert do(db, service.draft, n, "Мәселе қаралуда.", who["aigul"]) == given
    with pytest.raises(Refused, match="draft already"):
        do(db, service.draft, n, "Басқасы", who["press"])
    with pytest.raises(Refused, match="not approved"):
        do(db, service.publish, n, given, who["aigul"])
    assert do(db, service.return_draft, n, given, "Күнін жазыңыз", who["head"])
    do(db, service.draft, n, "Шұңқыр 30 қарашаға дейін жөнделеді.", who["press"], answer_id=given, version=1)
    with pytest.raises(Refused, match="meanwhile"):
        do(db, service.draft, n, "Ескі нұсқа", who["aigul"], answer_id=given, version=1)
    with pytest.raises(Refused, match="meanwhile"):
        do(db, service.approve, n, given, who["head"], version=1)
    with pytest.raises(Refused, match="role"):
        do(db, service.approve, n, given, who["bolat"])
    assert do(db, service.approve, n, given, who["head"], version=2) is True
    assert do(db, service.approve, n, given, who["head"]) is False
    with pytest.raises(Refused, match="somebody else"):
        do(db, service.approve, n, given, Actor(staff["bolat"], "controller"))
    assert proven(db)


def test_nobody_approves_their_own_answer_and_a_pair_of_officers_only_where_the_office_says_so(db, service, who, numbers) -> None:
    n = numbers[0]
    mine = do(db, service.draft, n, "Жөндедік.", who["head"])
    with pytest.raises(Refused, match="their own"):
        do(db, service.approve, n, mine, who["head"])
    own = service.desk.offices[PAVLODAR]
    object.__setattr__(own, "approved_by", "officers")
    assert do(db, service.approve, n, mine, who["bolat"]) is True


def test_what_cannot_be_posted_waits_for_a_hand_and_a_failure_can_be_tried_again(db, service, who, numbers) -> None:
    n = numbers[0]
    given = do(db, service.draft, n, "Жөндедік.", who["aigul"])
    do(db, service.approve, n, given, who["head"])
    with pytest.raises(Refused, match="accept"):
        do(db, service.publish, n, given, who["head"])
    do(db, service.accept, n, who["aigul"])
    do(db, service.publish, n, given, who["head"])
    (out,) = messages(db, n, "answer")
    do(db, lambda c, now: service.failed(c, out.id, "blocked", now))
    with db.reading() as c:
        assert c.execute(select(answer.c.state)).scalar_one() == "failed"
    assert row_of(db, n).status == "accepted"
    assert do(db, service.publish, n, given, who["head"]) == 1
    do(db, lambda c, now: service.by_hand(c, [out.id], "this network takes no answers from programs", now))
    with pytest.raises(Refused, match="https"):
        do(db, service.posted, n, out.id, who["press"], link="javascript:alert(1)")
    assert do(db, service.posted, n, out.id, who["press"], link="https://vk.example.invalid/0?reply=1") is True
    assert do(db, service.posted, n, out.id, who["press"]) is False
    assert row_of(db, n).status == "answered"
    assert do(db, service.close, n, who["aigul"]) is True
    assert do(db, service.close, n, who["aigul"]) is False
    assert proven(db)


def test_promises_of_a_published_answer_become_obligations_and_warnings_reach_the_author(db, service, who, numbers) -> None:
    seen = {}

    def check(text, *, question, question_language, published_at, earlier):
        seen.update(question=question, language=question_language)
        return ["no_specifics"]

    service.check, service.promises = check, lambda text, day: [Promise("29 қарашаға дейін", date(2026, 11, 29))]
    n = numbers[0]
    do(db, service.accept, n, who["aigul"])
    given = do(db, service.draft, n, "29 қарашаға дейін жөндейміз.", who["aigul"])
    do(db, service.approve, n, given, who["head"])
    do(db, service.publish, n, given, who["head"])
    (out,) = messages(db, n, "answer")
    do(db, lambda c, now: service.delivered(c, out.id, {"native_id": "5"}, now))
    with db.reading() as c:
        owed = c.execute(select(obligation)).one()
        assert c.execute(select(answer.c.warnings)).scalar_one() == ["no_specifics"]
    assert (owed.kind, owed.source, owed.due.isoformat()) == ("promise", f"answer:{given}", "2026-11-27T13:30:00+00:00")
    assert seen["question"].startswith("Құрметті әкім")
    assert seen["language"] == "kk"
    assert do(db, service.tell_kept, n, owed.id, who["aigul"], how="жөнделді") is True
    assert do(db, service.tell_kept, n, owed.id, who["aigul"]) is False
    assert proven(db)


def test_an_interim_answer_is_the_first_reaction_and_stops_no_term(db, service, who, numbers) -> None:
    n, before = numbers[0], row_of(db, numbers[0])
    made = do(db, service.interim, n, "Маман жіберілді.", who["aigul"])
    assert do(db, service.interim, n, "Маман жіберілді.", who["aigul"]) == made
    row = row_of(db, n)
    assert (row.status, row.first_reaction_at, row.due_final) == ("assigned", NOW, before.due_final)
    assert len(messages(db, n, "answer")) == 1
    do(db, service.accept, n, who["aigul"], at=NOW + timedelta(hours=3))
    assert row_of(db, n).first_reaction_at == NOW


def test_what_was_not_approved_is_not_published(db, service, who, numbers) -> None:
    n = numbers[0]
    do(db, service.accept, n, who["aigul"])
    given = do(db, service.draft, n, "Жөндедік.", who["aigul"])
    do(db, service.approve, n, given, who["head"])
    with db.begin() as c:
        c.execute(answer.update().values(text="Ештеңе істемейміз."))
    with pytest.raises(Refused, match="not the text that was approved"):
        do(db, service.publish, n, given, who["head"])


@pytest.mark.parametrize("pair", ["approve and return", "accept", "approve"])
def test_of_two_who_press_at_once_one_wins_and_the_other_reads_why(db, service, staff, who, numbers, pair) -> None:
    n = numbers[0]
    given = do(db, service.draft, n, "Жөндедік.", who["press"])
    other = Actor(staff["bolat"], "controller")
    verbs = {"approve and return": (lambda c: service.approve(c, n, given, who["head"], NOW, version=1),
                                    lambda c: service.draft(c, n, "Басқаша", other, NOW, answer_id=given, version=1)),
             "accept": (lambda c: service.accept(c, n, who["aigul"], NOW), lambda c: service.accept(c, n, who["bolat"], NOW)),
             "approve": (lambda c: service.approve(c, n, given, who["head"], NOW), lambda c: service.approve(c, n, given, other, NOW)),
             }[pair]
    both, outcomes = threading.Barrier(2), []

    def press(verb) -> None:
        both.wait()
        try:
            with db.begin() as c:
                verb(c)
            outcomes.append("done")
        except Refused as e:
            outcomes.append(str(e))

    presses = [threading.Thread(target=press, args=(verb,)) for verb in verbs]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    # an approval that came first is undone by a newer wording, which must be approved again: both may be done then
    lost = [o for o in outcomes if o != "done"]
    assert len(lost) == 1 or pair == "approve and return"
    if pair == "approve and return":
        with db.reading() as c:
            (a,) = answers_of(c, n)
        assert (a.state, a.text) == ("draft", "Басқаша")
        assert a.approver is None
    assert all("somebody else" in o or "meanwhile" in o for o in lost)
    assert proven(db)


# --- the end, and after it

def answered(db, service, who, n) -> None:
    do(db, service.accept, n, who["aigul"])
    given = do(db, service.draft, n, "Жөндедік.", who["aigul"])
    do(db, service.approve, n, given, who["head"])
    do(db, service.publish, n, given, who["head"])
    for out in messages(db, n, f"answer:{given}"):
        do(db, lambda c, now, id_=out.id: service.delivered(c, id_, {"native_id": "1"}, now))


def test_not_solved_takes_it_up_again_with_new_dates_and_a_merged_card_parts(db, service, who, numbers) -> None:
    head, one, _ = numbers
    with pytest.raises(Refused, match="not done yet"):
        do(db, service.rate, head, CITIZEN, solved=False)
    do(db, service.merge, head, [one], who["aigul"])
    answered(db, service, who, head)
    later = NOW + timedelta(days=10)
    assert do(db, service.rate, one, CITIZEN, at=later, solved=False, mark=2) is True
    row = row_of(db, one)
    assert (row.status, row.solved, row.mark, row.merged_into, row.reopenings) == ("assigned", False, 2, None, 1)
    assert row.due_final > later
    assert row.first_reaction_at is None
    assert row_of(db, head).status == "answered"
    assert do(db, service.rate, head, CITIZEN, at=later, solved=True, mark=5) is True
    assert do(db, service.rate, head, CITIZEN, at=later, solved=True, mark=5) is False
    with pytest.raises(Refused, match="1 to 5"):
        do(db, service.rate, head, CITIZEN, at=later, mark=9)
    with pytest.raises(Refused, match="role"):
        do(db, service.close, head, CITIZEN)
    answered(db, service, who, one)
    assert row_of(db, one).solved is None       # what was said was about the answer before
    assert proven(db)


def test_a_card_that_answers_for_others_is_taken_up_again_with_a_term_of_its_own(db, service, who, numbers) -> None:
    head, one, _ = numbers
    do(db, service.extend, head, date(2026, 12, 30), "жоба", who["head"])
    do(db, service.merge, head, [one], who["aigul"])
    answered(db, service, who, head)
    later = NOW + timedelta(days=30)
    assert do(db, service.reopen, head, "қайта бұзылды", who["aigul"], at=later) is True
    assert row_of(db, head).due_final > later
    assert proven(db)
    assert do(db, service.extend, head, date(2027, 2, 19), "тағы да жоба", who["head"], at=later) is True    # two months from then
    assert len(messages(db, one, "extended")) == 1      # whose author waits for the same answer
    do(db, service.unmerge, one, who["aigul"], at=later)
    assert row_of(db, head).due_final > later
    assert proven(db)


def test_only_a_head_leaves_a_message_unexamined_on_a_ground_of_the_law(db, service, staff, who, numbers) -> None:
    n = numbers[0]
    for actor, ground in ((who["aigul"], "anonymous"), (who["controller"], "anonymous"), (who["head"], "coordinated"), (who["head"], "")):
        with pytest.raises(Refused):
            do(db, service.not_examine, n, ground, actor)
    assert do(db, service.not_examine, n, "no_substance", who["head"]) is True
    assert do(db, service.not_examine, n, "no_substance", who["head"]) is False
    row = row_of(db, n)
    assert (row.number, row.status, row.ground) == (n, "not_examined", "no_substance")
    (notice,) = messages(db, n, "not_examined")
    assert "63-бабы" in notice.body["text"]
    assert do(db, service.reopen, n, "Автор нақтылады", who["head"]) is True
    assert do(db, service.reopen, n, "Автор нақтылады", who["head"]) is False
    assert row_of(db, n).ground is None
    assert proven(db)


def test_a_redirect_is_told_and_owed_and_an_undone_one_is_neither(db, service, staff, who, numbers) -> None:
    outside, away, undone = numbers
    assert do(db, service.redirect_outside, outside, "police", who["aigul"]) is True
    assert do(db, service.redirect_outside, outside, "police", who["aigul"]) is False
    assert "Полиция департаменті" in messages(db, outside, "redirected")[0].body["text"]
    before = row_of(db, outside)
    assert do(db, service.take_back, outside, who["aigul"]) is True
    assert do(db, service.take_back, outside, who["aigul"]) is False
    assert (row_of(db, outside).status, row_of(db, outside).due_final) == ("assigned", before.due_final)
    assert messages(db, outside, "redirected")[0].state == "dead"
    assert do(db, service.redirect_outside, outside, "Су арнасы", who["aigul"]) is True
    new = do(db, service.redirect, away, SEMEY, who["aigul"])
    (notice,) = messages(db, away, "redirected")
    assert new in notice.body["text"]
    do(db, service.other_akimat, 3, ALMATY, who["aigul"])
    with db.reading() as c:
        from monitor.store.tables import correction
        last = c.execute(select(correction.c.id).order_by(correction.c.id.desc())).scalars().first()
    assert row_of(db, undone).status == "redirected"
    do(db, service.undo, last, who["aigul"])
    assert proven(db)
    with db.reading() as c:
        owed = {o.ticket: o.kind for o in c.execute(select(obligation))}
    assert owed.get(outside) == owed.get(away) == "tell_redirected"


def test_the_official_number_or_the_reason_why_there_is_none(db, service, who, numbers) -> None:
    n = numbers[0]
    for wrong in ("", "12", "<script>"):
        with pytest.raises(Refused):
            do(db, service.external, n, wrong, who["aigul"])
    assert do(db, service.external, n, " жт-2026-00123456 ", who["aigul"]) is True
    assert row_of(db, n).external_number == "ЖТ-2026-00123456"
    assert do(db, service.external, n, "", who["aigul"], without="declined") is True
    assert (row_of(db, n).external_number, row_of(db, n).no_external) == (None, "declined")
    assert do(db, service.guide, n, who["press"]) is True
    assert do(db, service.guide, n, who["press"]) is False
    assert "eotinish.kz" in messages(db, n, "guide")[0].body["text"]


def test_an_appeal_made_in_person_is_not_closed_without_its_official_number(db, service, who, numbers) -> None:
    n = numbers[0]
    answered(db, service, who, n)
    with db.begin() as c:
        c.execute(ticket.update().where(ticket.c.number == n).values(series="ҚБ"))
    with pytest.raises(Refused, match="official number first"):
        do(db, service.close, n, who["aigul"])
    do(db, service.external, n, "", who["aigul"], without="declined")
    assert do(db, service.close, n, who["aigul"]) is True
    with db.begin() as c:
        c.execute(ticket.update().where(ticket.c.number == n).values(series="ӘЖ"))
    assert proven(db)


# --- whatever happens

@pytest.mark.parametrize(("field", "value"), [("due_final", NOW), ("merged_into", "ӘЖ-551-2026-000009"), ("solved", True), ("mark", 5),
                                          ("extensions", 3), ("external_number", "ЖТ-1"), ("ground", "court"), ("reopenings", 1)])
def test_a_row_that_was_changed_behind_the_register_is_found(db, service, who, numbers, field, value) -> None:
    with db.begin() as c:
        c.execute(ticket.update().where(ticket.c.number == numbers[1]).values({field: value}))
    with db.reading() as c:
        (broken,) = verify(c).broken
    assert field in broken.what


def moves(service, rng, staff, who, n, m, actor, a, d, now):
    """Everything that can be done to card `n`, answer `a` and message `d`."""
    minute = rng.randint(1, 999)
    return {
        "assign": lambda c: service.assign(c, n, rng.choice([staff["aigul"], staff["bolat"]]), None, actor, now),
        "accept": lambda c: service.accept(c, n, actor, now),
        "ask": lambda c: service.ask(c, n, "Қай үй?", rng.choice([None, staff["bolat"]]), actor, now),
        "interim": lambda c: service.interim(c, n, f"Қаралуда {minute}", actor, now),
        "extend": lambda c: service.extend(c, n, now.date() + timedelta(days=rng.randint(1, 50)), "керек", who["head"], now),
        "merge": lambda c: service.merge(c, n, [m], actor, now),
        "unmerge": lambda c: service.unmerge(c, n, actor, now),
        "draft": lambda c: service.draft(c, n, f"Жауап {rng.randint(1, 3)}", actor, now, answer_id=rng.choice([None, a])),
        "return": lambda c: service.return_draft(c, n, a, "Қысқарт", actor, now),
        "approve": lambda c: service.approve(c, n, a, who["head"], now),
        "publish": lambda c: service.publish(c, n, a, actor, now),
        "delivered": lambda c: service.delivered(c, d, {"native_id": "1"}, now),
        "failed": lambda c: service.failed(c, d, "closed", now),
        "posted": lambda c: service.posted(c, n, d, actor, now),
        "close": lambda c: service.close(c, n, actor, now),
        "reopen": lambda c: service.reopen(c, n, "қайта", actor, now),
        "rate": lambda c: service.rate(c, n, CITIZEN, now, solved=rng.random() < 0.5, mark=rng.randint(1, 5)),
        "not_examine": lambda c: service.not_examine(c, n, "court", actor, now),
        "outside": lambda c: rng.random() < 0.1 and service.redirect_outside(c, n, "Су арнасы", actor, now),
        "external": lambda c: service.external(c, n, f"ЖТ-2026-{minute:05}", actor, now),
        "redirect": lambda c: rng.random() < 0.1 and service.redirect(c, n, rng.choice([SEMEY, ALMATY]), actor, now),
    }


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_verbs_keeps_the_row_equal_to_its_entries(db, service, staff, who, numbers, seed) -> None:
    rng = random.Random(seed)
    people = [who["aigul"], who["bolat"], who["head"], who["press"], who["semey"], CITIZEN]
    done: dict[str, int] = {}
    for minute in range(80):
        now = NOW + timedelta(hours=5 * minute)
        n, m, actor = rng.choice(numbers), rng.choice(numbers), rng.choice(people)
        with db.reading() as c:
            made = [a.id for a in answers_of(c, n)] or [1]
            out = [t.delivery.id for t in told(c, numbers)] or [1]
        verbs = moves(service, rng, staff, who, n, m, actor, made[0], rng.choice(out), now)
        name = rng.choice([*verbs, "accept", "draft", "approve", "publish", "delivered"])
        with suppress(Refused), db.begin() as c:
            try:
                verbs[name](c)
            except Exception as e:
                if type(e).__name__ == "NoResultFound":     # a delivery that is not there yet
                    raise Refused("no") from e
                raise
            done[name] = done.get(name, 0) + 1
        with db.reading() as c:
            if minute % 4 == 3:
                assert verify(c).broken == (), name
            for number in numbers:
                row, state = ticket_by_number(c, number), state_of(c, number)
                assert (row.status, row.due_final, row.merged_into) == (state.status, state.due_final, state.merged_into)
                if row.merged_into:
                    head = ticket_by_number(c, row.merged_into)
                    assert head.status not in ("void", "redirected", "not_examined", "merged")
                    assert head.reopenings or head.due_final <= row.due_final, "a merged card got a later date"
    assert len(done) > 9, done
    with db.reading() as c:
        assert all(json.loads(e.details) is not None for e in entries_of(c, numbers[0]))
