"""Telegram groups in which the staff of an office work: bound by a head or by the config, told of new cards, moved, lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.languages import N_, language
from ticketing.tables import account, delivery, office, staff_group, staff_message

ROLE = "group"
"""The role of a reader who is a whole group: everybody in it acts by their own rights."""

_LOST = N_("The group of the office hears nothing any more: Telegram says that the bot is no member of it. To change that, "
           "add the bot to the group again and write /bind there.")


def recipient(chat: int) -> str:
    """How a delivery names a group."""
    return f"chat:{chat}"


def office_of(c: Connection, chat: int) -> str | None:
    """The office whose staff work in a group."""
    return c.execute(select(staff_group.c.office).where(staff_group.c.chat == chat)).scalar()


def by_config(c: Connection, chat: int) -> bool:
    """Whether the config binds a group."""
    return c.execute(select(staff_group.c.chat).where(staff_group.c.chat == chat, staff_group.c.by.is_(None))).first() is not None


def readers(c: Connection) -> dict[int, tuple[str, str]]:
    """Office and language of each group: the language of who bound it, else of the office's duty officer, else Kazakh."""
    binder, duty = account.alias(), account.alias()
    rows = c.execute(
        select(staff_group.c.chat, staff_group.c.office, func.coalesce(binder.c.language, duty.c.language, "kk").label("tongue"))
        .outerjoin(binder, binder.c.id == staff_group.c.by).outerjoin(office, office.c.code == staff_group.c.office)
        .outerjoin(duty, duty.c.id == office.c.duty))
    return {row.chat: (row.office, row.tongue) for row in rows}


def bind(c: Connection, chat: int, code: str, by: int | None, now: datetime) -> None:
    """A group works for an office from now on; `by` None: by the config. What waited for it in another office is not said."""
    if office_of(c, chat) not in (None, code):
        _forget_queued(c, chat, "the group works for another office now")
    done = c.execute(update(staff_group).where(staff_group.c.chat == chat).values(office=code, by=by, at=now, lost_at=None))
    if done.rowcount == 0:
        c.execute(insert(staff_group).values(chat=chat, office=code, by=by, at=now))


def unbind(c: Connection, chat: int) -> None:
    """A group works for no office any more."""
    _forget_queued(c, chat, "the group belongs to no office any more")
    c.execute(delete(staff_group).where(staff_group.c.chat == chat))


def settle(c: Connection, configured: Mapping[int, str], now: datetime) -> None:
    """The groups of the config, and no others that were there by the config."""
    for row in c.execute(select(staff_group).where(staff_group.c.by.is_(None))).all():
        if row.chat not in configured:
            unbind(c, row.chat)
    for chat, code in configured.items():
        known = c.execute(select(staff_group).where(staff_group.c.chat == chat)).one_or_none()
        if known is None or (known.office, known.by) != (code, None):
            bind(c, chat, code, None, now)


def moved(c: Connection, old: int, new: int, now: datetime) -> None:
    """A group became a supergroup and has another id; its old messages can be neither pressed nor edited there.

    https://core.telegram.org/bots/api#message (migrate_to_chat_id)
    """
    row = c.execute(select(staff_group).where(staff_group.c.chat == old)).one_or_none()
    if row is None:
        return
    if c.execute(select(staff_group.c.chat).where(staff_group.c.chat == new)).first() is None:
        c.execute(insert(staff_group).values(chat=new, office=row.office, by=row.by, at=now))
    c.execute(delete(staff_group).where(staff_group.c.chat == old))
    told = select(delivery.c.about).where(delivery.c.recipient == recipient(new))
    queued = (delivery.c.recipient == recipient(old)) & (delivery.c.state == "queued")
    c.execute(update(delivery).where(queued, delivery.c.about.not_in(told)).values(recipient=recipient(new), next_try_at=now))
    c.execute(update(delivery).where(queued).values(state="dead", reason=N_("the group has it under its new id")))
    c.execute(update(staff_message).where(staff_message.c.chat == old).values(open=False))


def lost(c: Connection, chat: int, reason: str, now: datetime) -> bool:
    """Telegram says that the bot is not in a group any more: nothing is sent there until it is bound anew, and who bound it
    (else the office's duty officer) is told. False where that was known."""
    row = c.execute(update(staff_group).where(staff_group.c.chat == chat, staff_group.c.lost_at.is_(None))
                    .values(lost_at=now).returning(staff_group.c.office, staff_group.c.by)).one_or_none()
    _forget_queued(c, chat, reason)
    if row is None:
        return False
    c.execute(update(staff_message).where(staff_message.c.chat == chat).values(open=False))
    html = {code: "⚠️ " + language(code).gettext(_LOST) for code in ("kk", "ru")}
    c.execute(_once(c).values(
        about=recipient(chat), kind=f"group_lost:{now:%Y%m%d%H%M}", channel="telegram", state="queued", next_try_at=now,
        recipient=f"duty:{row.office}" if row.by is None else f"user:{row.by}", created_at=now, body={"html": html},
    ).on_conflict_do_nothing())
    return True


def back(c: Connection, chat: int) -> None:
    """The bot is in a group again, or still."""
    c.execute(update(staff_group).where(staff_group.c.chat == chat).values(lost_at=None))


def announce(c: Connection, cards: Iterable[tuple[str, str]], now: datetime, *, new: bool = False) -> None:
    """Have the groups of each card's office told of it: `cards` are numbers with offices.

    Once while the message stands that says so: a card that came back from elsewhere is told again. `new`: the numbers were given a
    moment ago, so nobody can have been told of them.
    """
    wanted = list(cards)
    groups: dict[str, list[int]] = {}
    for row in c.execute(select(staff_group.c.chat, staff_group.c.office).where(
            staff_group.c.office.in_({code for _number, code in wanted}), staff_group.c.lost_at.is_(None))):
        groups.setdefault(row.office, []).append(row.chat)
    rows: list[dict[str, Any]] = []
    for number, code in wanted:
        for chat in groups.get(code, ()):
            known = () if new else c.execute(select(delivery.c.state).where(and_(
                delivery.c.about == number, delivery.c.recipient == recipient(chat), delivery.c.channel == "telegram"))).scalars().all()
            if not new and ("queued" in known or _stands(c, number, chat)):
                continue
            rows.append({"about": number, "kind": f"new_ticket:{len(known) + 1}" if known else "new_ticket", "channel": "telegram",
                         "recipient": recipient(chat), "state": "queued", "next_try_at": now, "created_at": now})
    if rows:
        c.execute(insert(delivery), rows)


def _stands(c: Connection, number: str, chat: int) -> bool:
    """Whether a message in the group says that the card waits."""
    return c.execute(select(staff_message.c.ticket).where(
        staff_message.c.ticket == number, staff_message.c.chat == chat, staff_message.c.open).limit(1)).first() is not None


def _forget_queued(c: Connection, chat: int, reason: str) -> None:
    c.execute(update(delivery).where(delivery.c.recipient == recipient(chat), delivery.c.state == "queued")
              .values(state="dead", reason=reason[:500]))


def _once(c: Connection) -> Any:
    return (postgresql if c.dialect.name == "postgresql" else sqlite).insert(delivery)
