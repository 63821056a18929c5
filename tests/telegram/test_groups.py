"""New cards in the groups of an office: told once, edited once taken, quiet at night, moved and lost groups."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_api import FakeTelegram
from rows import deliveries, put_office, put_person, put_ticket
from sqlalchemy import insert, select, update
from stand import Clock
from test_staff_bot import AIGUL, BOLAT, DUTY, PAVLODAR, SEMEY, Office1
from test_staff_bot import at_work as at_work
from test_staff_bot import knowledge as knowledge

from monitor.store.engine import Database
from ticketing import groups
from ticketing.notify.quiet import Hours, QuietHours
from ticketing.outbox import Outbox
from ticketing.service import Actor
from ticketing.tables import delivery, staff_group

GROUP = -1001


@pytest.fixture
def group(at_work: Office1) -> Office1:
    at_work.api.chat(GROUP, name="Жолдар тобы")
    with at_work.db.begin() as c:
        groups.bind(c, GROUP, PAVLODAR, at_work.ids["aigul"], at_work.clock())
    return at_work


async def test_a_new_card_is_told_to_the_group_once_and_edited_once_taken(group: Office1) -> None:
    number = group.arrives()
    group.arrives(akimat=SEMEY)
    await group.goes_on()
    [card] = group.api.by_bot(GROUP)
    assert number in card["text"]
    assert "Ответственный: Aigul" in card["text"], "the group sees who has it, and who helps may still take it"
    assert "Принять" in group.api.buttons(GROUP, card["message_id"])
    await group.press(AIGUL, "Принять")
    edited = group.last(GROUP)
    assert "Принято: Aigul" in edited["text"]
    assert group.api.buttons(GROUP, edited["message_id"]) == ["Действия"]
    assert len(group.api.by_bot(GROUP)) == 1, "edited, not said anew"
    with group.db.begin() as c:     # given to another, it is no new card to the group
        group.service.assign(c, number, group.ids["bolat"], None, Actor(group.ids["duty"], "head", PAVLODAR), group.clock())
    await group.goes_on()
    assert len(group.api.by_bot(GROUP)) == 1


async def test_taken_in_the_group_it_is_edited_in_private(group: Office1) -> None:
    number = group.arrives()
    await group.goes_on()
    await group.press(GROUP, "Принять", who=BOLAT)
    assert group.ticket(number).responsible == group.ids["bolat"]
    assert "Принято: Bolat" in group.last(GROUP)["text"]
    assert "Bolat" in group.last(AIGUL)["text"]


async def test_a_flood_is_one_message_from_which_the_list_opens(group: Office1) -> None:
    for _ in range(7):
        group.arrives()
    await group.goes_on()
    [digest] = group.api.by_bot(GROUP)
    assert "Ждут в учреждении карточки: 7" in digest["text"]
    await group.press(GROUP, "Показать список", who=BOLAT)
    assert len(group.api.buttons(GROUP, digest["message_id"])) == 7


async def test_a_group_sleeps_in_the_offices_quiet_hours(group: Office1) -> None:
    group.outbox.leave_alone(QuietHours({PAVLODAR: Hours(((9 * 60, 10 * 60),))}))   # it is 09:00
    number = group.arrives()
    await group.goes_on()
    assert group.api.by_bot(GROUP) == []
    assert "quiet hours until" in deliveries(group.db)[number, f"chat:{GROUP}"].reason
    group.clock.ahead = timedelta(hours=2)
    await group.goes_on()
    assert number in group.last(GROUP)["text"]


async def test_a_supergroup_takes_over_what_its_group_had_to_hear(group: Office1) -> None:
    new = -100777
    group.api.chat(new, name="Жолдар тобы")
    number = group.arrives()
    with group.db.begin() as c:
        groups.moved(c, GROUP, new, group.clock())
    await group.goes_on()
    assert number in group.last(new)["text"]
    assert group.api.by_bot(GROUP) == []
    newer = -100888
    group.api.chat(newer, name="Жолдар тобы")
    group.api.chats[new].moved_to = newer       # this time Telegram's refusal says so
    second = group.arrives()
    await group.goes_on()
    [told] = group.api.by_bot(newer)
    assert second in told["text"]
    await group.press(newer, "Принять", who=BOLAT)
    assert "Принято: Bolat" in group.last(newer)["text"]


@pytest.mark.parametrize("by_update", [False, True], ids=["on sending", "told by Telegram"])
async def test_a_bot_thrown_out_stops_speaking_and_says_so_to_who_bound_it(group: Office1, by_update: bool) -> None:
    group.api.chats[GROUP].refuses = "Forbidden: bot was kicked from the supergroup chat"
    if by_update:
        bot, who = group.api._user(777), group.api._user(DUTY)
        left = {"old_chat_member": {"user": bot, "status": "member"}, "new_chat_member": {"user": bot, "status": "left"}}
        group.api._update({"my_chat_member": {"chat": group.api.chats[GROUP].as_json(), "from": who, "date": 1, **left}})
        await group.goes_on()
    number = group.arrives()
    group.arrives()
    await group.goes_on()
    said = [m["text"] for m in group.api.by_bot(AIGUL) if "бота в ней нет" in m["text"]]
    assert len(said) == 1
    with group.db.reading() as c:
        waiting = c.execute(select(delivery.c.id).where(delivery.c.recipient == f"chat:{GROUP}", delivery.c.state == "queued")).all()
        assert waiting == []
        assert c.execute(select(staff_group.c.lost_at)).scalar_one() is not None
    asked = len([c for c in group.api.calls if c.chat == GROUP])
    group.arrives()
    await group.goes_on()
    assert len([c for c in group.api.calls if c.chat == GROUP]) == asked, "Telegram is not asked again"
    assert number in group.api.by_bot(AIGUL)[0]["text"] + group.api.by_bot(AIGUL)[1]["text"], "the person is told as ever"
    group.api.chats[GROUP].refuses = ""
    group.api.write(GROUP, "/bind", who=DUTY)
    await group.goes_on()
    back = group.arrives()
    await group.goes_on()
    assert back in group.last(GROUP)["text"]


async def test_telegrams_limits_for_groups_are_kept(db: Database, api: FakeTelegram, outbox: Outbox, clock: Clock) -> None:
    """The strict fake refuses the second message within a second, and the 21st within a minute."""
    with db.begin() as c:
        put_office(c)
        anna = put_person(c, "anna", 41)
        c.execute(insert(staff_group).values(chat=GROUP, office=PAVLODAR, by=anna, at=clock()))
        for seq in range(1, 5):
            put_ticket(c, seq, f"chat:{GROUP}", responsible=anna)
    api.chat(GROUP)
    await outbox.drain()
    assert len(api.sent(GROUP)) == 2, "three cards, then one"


async def test_the_config_binds_and_unbinds(group: Office1) -> None:
    with group.db.begin() as c:
        groups.unbind(c, GROUP)
        groups.settle(c, {GROUP: PAVLODAR}, group.clock())
    group.arrives()
    await group.goes_on()
    assert "Жауапты: Aigul" in group.last(GROUP)["text"], "in the language of the duty officer"
    group.api.write(GROUP, "/bind off", who=DUTY)
    await group.goes_on()
    assert "telegram_group" in group.last(GROUP)["text"]
    group.arrives()
    with group.db.begin() as c:
        groups.settle(c, {}, group.clock())
        c.execute(update(delivery).where(delivery.c.recipient == f"chat:{GROUP}").values(next_try_at=group.clock()))
    before = len(group.api.by_bot(GROUP))
    await group.goes_on()
    assert len(group.api.by_bot(GROUP)) == before
