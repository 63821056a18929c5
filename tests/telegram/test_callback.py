"""An erasure reaches what the bot said to staff: deleted while Telegram allows it, else changed, else written down."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from test_groups import GROUP
from test_groups import group as group
from test_staff_bot import AIGUL, BOLAT, PAVLODAR, Office1
from test_staff_bot import at_work as at_work
from test_staff_bot import knowledge as knowledge

from ticketing import copies, erasure
from ticketing.notify.callback import Callback
from ticketing.service import Actor
from ticketing.store import ticket_by_number
from ticketing.tables import spoken

SECRET = "Менің атым Қалдыбай, Ломов көшесі"


async def erased(at: Office1, number: str) -> dict[str, int]:
    with at.db.begin() as c:
        row = ticket_by_number(c, number, lock=True)
        would = erasure.would(c, erasure.of_number(c, row))
        done = erasure.erase(c, erasure.of_number(c, row), at.clock(), at.service._salt, number=number, by="operator", why="order", note="x")
    assert would["telegram_messages"] == done.counts["messages to be called back"], "the dry run said so"
    await Callback(at.db, at.channel, at.clock).look()
    with at.db.reading() as c:
        return copies.called_back(c, number)


def words(at: Office1) -> str:
    return "\n".join(m.get("text", "") for chat in (AIGUL, BOLAT, GROUP) if chat in at.api.chats for m in at.api.by_bot(chat))


async def test_cards_in_private_and_in_the_group_are_deleted_within_two_days(group: Office1) -> None:
    number = group.arrives(text=SECRET)
    await group.goes_on()
    await group.write(AIGUL, number.split("-", 1)[1])       # the whole card, asked for
    other = group.arrives(text="Басқа іс")
    await group.goes_on()
    assert words(group).count("Қалдыбай") + words(group).count("Ломов") >= 3
    told = await erased(group, number)
    assert told == {"deleted": 3}
    assert "Ломов" not in words(group)
    assert other in words(group), "the cards of others stay"


async def test_after_two_days_they_are_changed_and_what_cannot_be_is_written_down(group: Office1) -> None:
    number = group.arrives(text=SECRET)
    await group.goes_on()
    await group.write(BOLAT, number.split("-", 1)[1])
    group.api.chats[GROUP].refuses = "Forbidden: bot was kicked from the supergroup chat"
    group.clock.ahead += timedelta(days=3)
    told = await erased(group, number)
    assert told == {"edited": 2, "could_not": 1}
    assert "Тексты этой карточки удалены" in group.last(AIGUL)["text"]
    assert "Ломов" not in "".join(m["text"] for chat in (AIGUL, BOLAT) for m in group.api.by_bot(chat))
    with group.db.reading() as c:
        [kept] = c.execute(select(spoken.c.reason).where(spoken.c.state == "could_not")).scalars()
    assert "kicked" in kept
    await Callback(group.db, group.channel, group.clock).look()     # it is not tried for ever
    assert group.api.by_bot(GROUP)


async def test_telegrams_no_to_deleting_is_answered_by_changing(group: Office1) -> None:
    number = group.arrives(text=SECRET)
    await group.goes_on()
    group.api.too_old.update(m["message_id"] for chat in (AIGUL, GROUP) for m in group.api.by_bot(chat))
    assert await erased(group, number) == {"edited": 2}
    assert "Ломов" not in words(group)


async def test_of_several_cards_in_one_message_only_the_erased_one_loses_its_words(at_work: Office1) -> None:
    first, second = at_work.arrives(text=SECRET), at_work.arrives(text="Басқа іс туралы")
    await at_work.goes_on()
    assert len(at_work.api.by_bot(AIGUL)) == 1
    assert await erased(at_work, first) == {"edited": 1}
    left = at_work.last(AIGUL)["text"]
    assert first in left
    assert "Ломов" not in left
    assert "Басқа іс туралы" in left
    with at_work.db.begin() as c:
        at_work.service.accept(c, second, Actor(at_work.ids["aigul"], "officer", PAVLODAR), at_work.clock())
    await at_work.goes_on()
    assert "Принято" in at_work.last(AIGUL)["text"], "the other card goes on as ever"
