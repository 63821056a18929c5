"""Who is reminded of what and when: marks, escalation, quiet hours, the absent, the morning message; said by Telegram."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_api import FakeTelegram
from rows import PAVLODAR, deliveries, put_office, put_person, put_ticket
from sqlalchemy import insert, select, update
from stand import Clock

from config.reminders import Quiet, Reminders
from config.timezone import ALMATY
from monitor.jobs import remind
from monitor.store.engine import Database
from ticketing.deadlines import Term, due, kazakhstan, paused
from ticketing.notify.quiet import Hours, QuietHours, quiet_hours
from ticketing.notify.telegram import TelegramChannel
from ticketing.outbox import Outbox, Policy
from ticketing.people import set_absence, set_reach
from ticketing.reminders import escalations, marks, told
from ticketing.reminding import Reminding
from ticketing.rota import plan_duty
from ticketing.tables import delivery, obligation, office, ticket

ANNA, DUTY, HEAD, CONTROLLER = 501, 502, 503, 504


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY)


RECEIVED = at("2026-11-24T10:00")       # a Tuesday; 9wh end on Wednesday 11:00, 7wd on Wednesday 2 December 18:30


@pytest.fixture
def people_(db: Database, api: FakeTelegram) -> dict[str, int]:
    for chat in (ANNA, DUTY, HEAD, CONTROLLER):
        api.chat(chat)
    with db.begin() as c:
        put_office(c)
        return {"duty": put_person(c, "duty", DUTY, duty=True), "anna": put_person(c, "anna", ANNA, language="ru"),
                "head": put_person(c, "head", HEAD, role="head", language="ru"),
                "controller": put_person(c, "controller", CONTROLLER, role="controller", code=None)}


def a_ticket(db: Database, anna: int, seq: int = 1, **more: Any) -> str:
    first, final = (due(RECEIVED, Term.parse(term), kazakhstan()) for term in ("9wh", "7wd"))
    with db.begin() as c:
        number = put_ticket(c, seq, f"user:{anna}", responsible=anna, now=RECEIVED)
        c.execute(update(ticket).where(ticket.c.number == number).values(
            due_first=first.at, due_final=final.at, due_final_derivation=list(final.derivation), **more))
        c.execute(update(delivery).values(state="sent"))
    return number


def reminding(rules: Reminders | None = None) -> Reminding:
    own = rules or Reminders()
    return Reminding(lambda _code: own, lambda _code: kazakhstan())


def kinds(db: Database, reminders: Reminding, now: datetime) -> list[tuple[str, str]]:
    """What is queued at `now`: kind without its date, and recipient."""
    with db.begin() as c:
        before = set(c.execute(select(delivery.c.id)).scalars())
        reminders.queue(c, now.astimezone(UTC))
        new = c.execute(select(delivery).where(delivery.c.id.not_in(before)).order_by(delivery.c.id)).all()
    return [(":".join(row.kind.split(":")[:3]), row.recipient) for row in new]


def test_the_marks_of_a_deadline() -> None:
    final = due(RECEIVED, Term.parse("7wd"), kazakhstan()).at
    said = [(m.name, m.at.astimezone(ALMATY).isoformat(timespec="minutes")[:16]) for m in marks(RECEIVED, final, Reminders(
        before=("50%", "1wd", "2wh"), after_days=2), kazakhstan())]
    assert said == [("50%", "2026-11-27T15:00"), ("-1wd", "2026-12-01T09:00"), ("-2wh", "2026-12-02T16:30"),
                    ("0", "2026-12-02T18:30"), ("+1wd", "2026-12-03T09:00"), ("+2wd", "2026-12-04T09:00")]
    late = [(m.name, m.at.astimezone(ALMATY).isoformat()[:16]) for m in escalations(final, Reminders(), kazakhstan())]
    assert late == [("head", "2026-12-02T18:30"), ("controller", "2026-12-04T09:00")]
    first = due(RECEIVED, Term.parse("4wh"), kazakhstan()).at
    assert [m.name for m in marks(RECEIVED, first, Reminders(after_days=0), kazakhstan())] == ["50%", "0"], \
        "the morning of the day before lies before the receipt"


def test_each_mark_once_and_the_last_only_after_a_stop(db: Database, people_: dict[str, int]) -> None:
    anna = people_["anna"]
    number = a_ticket(db, anna)
    reminders = reminding()
    assert kinds(db, reminders, at("2026-11-24T12:00")) == []
    assert kinds(db, reminders, at("2026-11-24T16:05")) == [("remind:first:50%", f"user:{anna}")]
    assert kinds(db, reminders, at("2026-11-24T16:06")) == []
    assert kinds(db, reminding(), at("2026-11-24T16:07")) == [], "a restart does not tell it again"
    assert kinds(db, reminders, at("2026-11-25T11:00")) == [
        ("remind:first:0", f"user:{anna}"), ("escalate:first:head", f"user:{people_['head']}")]
    with db.begin() as c:
        c.execute(update(ticket).values(status="accepted", first_reaction_at=RECEIVED))
    # a week of silence: half of the time, the day before and the deadline itself have passed
    assert kinds(db, reminders, at("2026-12-03T10:00")) == [
        ("remind:final:+1wd", f"user:{anna}"), ("escalate:final:head", f"user:{people_['head']}")]
    assert kinds(db, reminders, at("2026-12-04T09:30")) == [
        ("remind:final:+2wd", f"user:{anna}"), ("escalate:final:controller", f"user:{people_['controller']}")]
    with db.begin() as c:       # put off: its marks are new
        c.execute(update(ticket).where(ticket.c.number == number).values(due_final=at("2026-12-08T18:30")))
    assert kinds(db, reminders, at("2026-12-07T09:30")) == [("remind:final:-1wd", f"user:{anna}")]
    with db.begin() as c:
        c.execute(update(ticket).values(status="answered"))
    assert kinds(db, reminders, at("2026-12-20T09:30")) == []


def test_whose_clock_stands_is_not_reminded(db: Database, people_: dict[str, int]) -> None:
    a_ticket(db, people_["anna"], status="accepted", first_reaction_at=RECEIVED)
    with db.begin() as c:
        row = c.execute(select(ticket)).one()
        c.execute(update(ticket).values(due_final_derivation=list(
            paused(row.due_final_derivation, "asked", at("2026-11-25T10:00")).derivation)))
    assert kinds(db, reminding(), at("2026-12-01T10:00")) == []


async def test_a_reminder_is_said_at_its_head_and_offers_no_acceptance_where_it_was_accepted(
        db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    clock = Clock(at("2026-11-25T11:00"))
    outbox = Outbox(db, {"telegram": channel}, clock=clock)
    a_ticket(db, people_["anna"], 1)
    accepted = a_ticket(db, people_["anna"], 2, status="accepted", first_reaction_at=RECEIVED)
    assert await remind(db, reminding(), clock, lambda: b"0" * 16) == 2
    await outbox.drain()
    [message] = api.by_bot(ANNA)
    assert "Напоминание · первая реакция: срок наступил" in message["text"]
    [report] = api.by_bot(HEAD)
    assert "В вашем акимате просрочено · первая реакция" in report["text"]
    assert "Ответственный" in report["text"]
    assert api.buttons(HEAD, report["message_id"]) == []
    clock.ahead = at("2026-11-30T10:00") - clock.start
    with db.begin() as c:
        c.execute(update(ticket).where(ticket.c.number != accepted).values(status="answered"))
    await remind(db, reminding(), clock, lambda: b"0" * 16)
    await outbox.drain()
    last = api.by_bot(ANNA)[-1]
    assert accepted in last["text"]
    assert "Напоминание · окончательный ответ: прошла половина времени" in last["text"]
    assert api.buttons(ANNA, last["message_id"]) == ["Действия"]


async def test_many_reminders_are_one_digest_that_shows_accepted_cards_too(
        db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    clock = Clock(at("2026-12-02T18:30"))
    numbers = [a_ticket(db, people_["anna"], seq, status="accepted", first_reaction_at=RECEIVED) for seq in range(1, 8)]
    await remind(db, reminding(Reminders(head="", controller="")), clock, lambda: b"0" * 16)
    assert await Outbox(db, {"telegram": channel}, clock=clock).drain() == 1
    [message] = api.by_bot(ANNA)
    assert numbers[0] in message["text"]
    assert message["text"].splitlines()[0].endswith("7")


@pytest.mark.parametrize(("moment", "until"), [
    ("2026-11-24T21:59", None), ("2026-11-24T22:00", "2026-11-25T07:00"), ("2026-11-25T06:59", "2026-11-25T07:00"),
    ("2026-11-25T07:00", None), ("2026-11-27T23:00", "2026-11-30T07:00"), ("2026-12-15T23:00", "2026-12-17T07:00")])
def test_quiet_hours_end_in_the_morning_of_a_working_day(moment: str, until: str | None) -> None:
    quiet = quiet_hours({PAVLODAR: (Quiet(days_off=True), kazakhstan())})
    expected = None if until is None else at(until)
    assert quiet.until(PAVLODAR, (), False, at(moment)) == expected
    assert quiet.until(PAVLODAR, (), True, at(moment)) is None, "urgent"
    assert quiet.until("552200000", (), False, at(moment)) is None, "an office that settled nothing"


def test_a_person_s_own_quiet_hours_come_on_top_and_urgent_may_wait_too() -> None:
    quiet = QuietHours({PAVLODAR: Hours(((0, 420),))}, urgent_waits=frozenset({PAVLODAR}))
    assert quiet.until(PAVLODAR, ("06:00-09:00",), True, at("2026-11-25T03:00")) == at("2026-11-25T09:00")


async def test_what_falls_into_quiet_hours_goes_at_their_end_and_urgent_at_once(
        db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    clock = Clock(at("2026-11-24T23:00"))
    outbox = Outbox(db, {"telegram": channel}, clock=clock, policy=Policy(look_for_people=0.0),
                    quiet=quiet_hours({PAVLODAR: (Quiet(), kazakhstan())}))
    with db.begin() as c:
        calm = put_ticket(c, 1, f"user:{people_['anna']}", responsible=people_["anna"], now=clock())
        urgent = put_ticket(c, 2, f"user:{people_['anna']}", responsible=people_["anna"], now=clock(), urgency="urgent")
    await outbox.drain()
    assert [urgent in m["text"] for m in api.by_bot(ANNA)] == [True]
    row = deliveries(db)[calm, f"user:{people_['anna']}"]
    assert (row.state, row.next_try_at, row.reason) == (
        "queued", at("2026-11-25T07:00"), "quiet hours until 2026-11-25 07:00")
    clock.ahead = timedelta(hours=8)
    await outbox.drain()
    assert calm in api.by_bot(ANNA)[-1]["text"]
    assert deliveries(db)[calm, f"user:{people_['anna']}"].reason is None


async def test_an_absent_person_is_not_told_but_the_deputy_of_the_deputy(
        db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    clock = Clock(RECEIVED)
    away = (clock() - timedelta(days=1), clock() + timedelta(days=9))
    with db.begin() as c:
        bolat = put_person(c, "bolat", 777)
        api.chat(777)
        set_absence(c, "anna", *away, deputy="bolat")
        set_absence(c, "bolat", *away, deputy="head")
        number = put_ticket(c, 1, f"user:{people_['anna']}", responsible=people_["anna"], now=clock())
    await Outbox(db, {"telegram": channel}, clock=clock).drain()
    assert not api.by_bot(ANNA)
    assert len(api.by_bot(HEAD)) == 1
    assert deliveries(db)[number, f"user:{people_['anna']}"].reason == f"told to user:{people_['head']}: anna is absent"
    with db.begin() as c:       # deputies of each other: the duty officer is told, and nothing turns for ever
        set_absence(c, "head", *away, deputy="anna")
        put_ticket(c, 2, f"user:{bolat}", responsible=bolat, now=clock())
    await Outbox(db, {"telegram": channel}, clock=clock).drain()
    assert len(api.by_bot(DUTY)) == 1


async def test_who_has_no_telegram_is_replaced_and_gets_the_list_later(
        db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    clock = Clock(RECEIVED)
    with db.begin() as c:
        new = put_person(c, "newcomer", None)
        number = put_ticket(c, 1, f"user:{new}", responsible=new, now=clock())
    await Outbox(db, {"telegram": channel}, clock=clock).drain()
    assert number in api.by_bot(DUTY)[0]["text"]
    assert "newcomer cannot be reached: no telegram" in deliveries(db)[number, f"user:{new}"].reason


def test_promises_are_reminded_of_until_they_are_kept(db: Database, people_: dict[str, int]) -> None:
    number = a_ticket(db, people_["anna"], status="answered", first_reaction_at=RECEIVED)
    with db.begin() as c:
        made = c.execute(insert(obligation).values(ticket=number, kind="promise", source="answer:1", derivation=[], due=at("2026-12-25T18:30"), made_at=RECEIVED)
                         .returning(obligation.c.id)).scalar_one()
    assert kinds(db, reminding(), at("2026-12-24T09:00")) == [("remind:promise:-1wd", f"user:{people_['anna']}")]
    assert kinds(db, reminding(), at("2026-12-25T18:31")) == [
        ("remind:promise:0", f"user:{people_['anna']}"), ("escalate:promise:head", f"user:{people_['head']}")]
    with db.reading() as c:
        one = told(c.execute(select(delivery.c.kind).where(delivery.c.kind.startswith("remind:promise:0"))).scalar_one())
    assert one is not None
    assert (one.due, one.obligation) == ("20261225T1830", made)
    with db.begin() as c:
        c.execute(update(obligation).values(kept_at=at("2026-12-26T10:00")))
    assert kinds(db, reminding(), at("2026-12-28T10:00")) == []


async def test_the_morning_message(db: Database, api: FakeTelegram, channel: TelegramChannel, people_: dict[str, int]) -> None:
    a_ticket(db, people_["anna"], 1, status="accepted", first_reaction_at=RECEIVED)
    with db.begin() as c:
        set_reach(c, "duty", morning="")
        put_ticket(c, 9, f"duty:{PAVLODAR}", now=RECEIVED)
        c.execute(update(delivery).values(state="sent"))
    reminders = reminding(Reminders(before=(), at_deadline=False, after_days=0, head="", controller="", morning="09:00"))
    clock = Clock(at("2026-11-28T09:00"))       # a Saturday
    assert await remind(db, reminders, clock, lambda: b"0" * 16) == 0
    clock = Clock(at("2026-11-26T08:59"))
    assert await remind(db, reminders, clock, lambda: b"0" * 16) == 0
    clock.ahead = timedelta(minutes=1)
    assert await remind(db, reminders, clock, lambda: b"0" * 16) == 1
    assert await remind(db, reminders, clock, lambda: b"0" * 16) == 0
    await Outbox(db, {"telegram": channel}, clock=clock).drain()
    [message] = api.by_bot(ANNA)
    assert message["text"].splitlines()[0] == "Доброе утро! Карточек у вас в работе: 1"
    assert not api.by_bot(DUTY), "who wants none gets none"


async def test_duty_turns_by_the_rota_and_goes_back(db: Database, people_: dict[str, int]) -> None:
    def on_duty() -> int | None:
        with db.reading() as c:
            found: int | None = c.execute(select(office.c.duty)).scalar_one()
            return found
    with db.begin() as c:
        plan_duty(c, PAVLODAR, "anna", at("2026-11-28T00:00"), at("2026-11-29T00:00"))
        plan_duty(c, PAVLODAR, "head", at("2026-11-29T00:00"), at("2026-11-30T00:00"))
    expected = [("2026-11-27T23:59", "duty"), ("2026-11-28T00:00", "anna"), ("2026-11-29T00:01", "head"),
                ("2026-11-30T00:00", "duty")]
    for moment, login in expected:
        await remind(db, reminding(), lambda m=moment: at(m), lambda: b"0" * 16)  # type: ignore[misc]
        assert on_duty() == people_[login], moment
