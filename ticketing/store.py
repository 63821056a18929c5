"""Queries of tickets, their posts and the register, for those who read and for the verbs in `ticketing.service`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from monitor.core.post import Post, clean_text
from ticketing import ticket as rules
from ticketing.intake import Known
from ticketing.tables import absence, account, entry, ticket, ticket_post

_PRIVATE = re.compile(r"(\d{1,18})/\d+", re.ASCII)
"""Chat and message of a private chat with a bot: numbers of groups and channels are negative. connectors.telegram."""

CHUNK = 500
"""Values in one IN list."""


DESKS = ("reception", "call")
"""Networks of what a clerk enters: who came, who called."""


def private_chat(network: str, native_id: str) -> int | None:
    """The private chat with our bot that a post was written in; None for every other post."""
    found = _PRIVATE.fullmatch(native_id) if network == "telegram" else None
    return int(found[1]) if found is not None else None


def ticket_by_number(c: Connection, number: str, *, lock: bool = False) -> Row[Any] | None:
    """The ticket a person named: its number as printed, or as typed (АЖ, AZH, lower case, digits alone).

    `lock` keeps other processes from changing it until the transaction ends: for verbs, before they decide.
    """
    number = clean_text(number).strip()
    tickets = select(ticket).with_for_update() if lock else select(ticket)
    exact = c.execute(tickets.where(ticket.c.number == number)).one_or_none()
    if exact is not None:
        return exact
    typed = rules.typed_number(number)
    if typed is None:
        return None
    series, digits, year, seq = typed
    # The digits of the office lost its trailing zeros; 55 may be 550000000 only, 551 only 551000000.
    code = digits.ljust(9, "0")
    query = tickets.where(ticket.c.office == code, ticket.c.year == year, ticket.c.seq == seq)
    query = query.where(ticket.c.series == (series or rules.SERIES))
    return c.execute(query).one_or_none()


def entries_of(c: Connection, number: str) -> Sequence[Row[Any]]:
    """All entries of a ticket in order; those of a ticket that moved to another office stand under its other number."""
    return c.execute(select(entry).where(entry.c.ticket == number).order_by(entry.c.office, entry.c.seq)).all()


def last_place(c: Connection, number: str) -> str:
    """Where the last entry of a ticket stands, as `entry:OFFICE:SEQ`."""
    row = c.execute(select(entry.c.office, entry.c.seq).where(entry.c.ticket == number)
                    .order_by(entry.c.seq.desc()).limit(1)).one()
    return f"entry:{row.office}:{row.seq}"


def ticket_of_post(c: Connection, post_id: int) -> Row[Any] | None:
    """The ticket that stands on this post; nobody else changes it until the transaction ends."""
    return c.execute(select(ticket).join(ticket_post, ticket_post.c.ticket_id == ticket.c.id)
                     .where(ticket_post.c.post_id == post_id).with_for_update(of=ticket)).one_or_none()


def origin_of(c: Connection, ticket_id: int) -> int:
    """The post that opened a ticket; 0 where its posts went on with another office's number."""
    return c.execute(select(ticket_post.c.post_id).where(
        ticket_post.c.ticket_id == ticket_id, ticket_post.c.role == "origin")).scalar_one_or_none() or 0


def by_staff(c: Connection, posts: Iterable[tuple[int, Post]]) -> set[int]:
    """Ids of posts that are what staff wrote to our bot in private: the number of that chat is the one they are bound by."""
    chats: dict[int, list[int]] = {}
    for id_, post in posts:
        chat = private_chat(post.network, post.native_id)
        if chat is not None:
            chats.setdefault(chat, []).append(id_)
    wanted = list(chats)
    found: set[int] = set()
    for start in range(0, len(wanted), CHUNK):
        rows = c.execute(select(account.c.telegram_id).where(account.c.telegram_id.in_(wanted[start:start + CHUNK]),
                                                             account.c.disabled_at.is_(None)))
        found.update(id_ for chat in rows.scalars() for id_ in chats[chat])
    return found


def known_natives(c: Connection, natives: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    """For each (network, native id) that a ticket stands on, that ticket, locked: what joins it must find it so."""
    wanted: dict[str, list[str]] = {}
    for network, native in natives:
        wanted.setdefault(network, []).append(native)
    found: dict[tuple[str, str], Known] = {}
    for network, ids in wanted.items():
        for start in range(0, len(ids), CHUNK):
            rows = c.execute(_known().where(ticket_post.c.network == network,
                                            ticket_post.c.native_id.in_(ids[start:start + CHUNK])))
            for row in rows:
                found[network, row.native_id] = _as_known(row)
    return found


def known_texts(c: Connection, keys: Sequence[bytes]) -> dict[bytes, list[Known]]:
    """For each text key, the posts with that text that tickets stand on; the tickets are locked."""
    found: dict[bytes, list[Known]] = {}
    for start in range(0, len(keys), CHUNK):
        for row in c.execute(_known().where(ticket_post.c.text_key.in_(keys[start:start + CHUNK]),
                                            ticket_post.c.role != "revision")):
            found.setdefault(bytes(row.text_key), []).append(_as_known(row))
    return found


def _known() -> Any:
    return select(ticket.c.number, ticket.c.status, ticket.c.akimat.label("now_at"), ticket_post).join(
        ticket, ticket.c.id == ticket_post.c.ticket_id).order_by(ticket_post.c.post_id).with_for_update(of=ticket)


def _as_known(row: Row[Any]) -> Known:
    return Known(row.number, row.status, row.now_at, row.network, row.native_id, row.author_key, row.published_at)


def open_load(c: Connection) -> dict[int, int]:
    """How many open tickets each person has."""
    rows = c.execute(select(ticket.c.responsible, func.count()).where(
        ticket.c.status.in_(sorted(rules.OPEN)), ticket.c.responsible.is_not(None)).group_by(ticket.c.responsible))
    return dict(rows.tuples().all())


def people(c: Connection) -> Sequence[Row[Any]]:
    """Everybody who has not left."""
    return c.execute(select(account).where(account.c.disabled_at.is_(None)).order_by(account.c.id)).all()


def absences(c: Connection) -> Sequence[Row[Any]]:
    """All absences, past ones too: who replaces whom is decided for a moment."""
    return c.execute(select(absence).order_by(absence.c.id)).all()


def count_tickets(c: Connection) -> int:
    """All tickets in the database."""
    return int(c.execute(select(func.count()).select_from(ticket)).scalar_one())
