"""Offices, people, posts and tickets put straight into the tables: what intake would have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from monitor.core.verdict import Span
from monitor.store.engine import Database
from monitor.store.tables import post, verdict
from ticketing.tables import account, delivery, office, ticket, ticket_post

PAVLODAR, OBLAST = "551000000", "550000000"
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)   # 09:00 in Almaty, a Tuesday


def put_office(c: Connection, code: str = PAVLODAR) -> None:
    c.execute(insert(office).values(code=code, name_kk="Павлодар қаласы", name_ru="город Павлодар"))


def put_person(c: Connection, login: str, telegram_id: int | None, *, code: str | None = PAVLODAR, role: str = "officer",
               language: str = "kk", duty: bool = False) -> int:
    made: int = c.execute(insert(account).values(
        login=login, name=f"{login.title()} Тестова", role=role, office=code, language=language, telegram_id=telegram_id,
        created_at=NOW).returning(account.c.id)).scalar_one()
    if duty:
        c.execute(office.update().where(office.c.code == code).values(duty=made))
    return made


def put_ticket(c: Connection, seq: int, recipient: str, *, text: str = "Құрметті әкім! Естай көшесінде шұңқыр бар.",
               pii: tuple[Span, ...] = (), responsible: int | None = None, urgency: str = "normal", kind: str = "new_ticket",
               due: timedelta = timedelta(hours=4), now: datetime = NOW, location: str | None = "Естай көшесі",
               code: str = PAVLODAR) -> str:
    """A ticket on a post, and the delivery about it."""
    number = f"ӘЖ-{code.rstrip('0')}-2026-{seq:06}"
    post_id = c.execute(insert(post).values(
        network="replay", native_id=f"{code}/{seq}", revision=0, digest=b"0" * 16, source="test", text=text, published_at=now,
        collected_at=now).returning(post.c.id)).scalar_one()
    c.execute(insert(verdict).values(
        post_id=post_id, judged_at=now, ruleset="t", decision="register", state="ticket", addressed=True, score=0.9, akimat=code,
        kind="complaint", topic="roads", language="kk", urgency=urgency, location_text=location,
        detail={"pii": [[s.kind, s.start, s.end] for s in pii]}))
    ticket_id = c.execute(insert(ticket).values(
        number=number, office=code, series="ӘЖ", year=2026, seq=seq, status="assigned", akimat=code, department="roads",
        responsible=responsible, assigned_by={}, topic="roads", kind="complaint", urgency=urgency, language="kk",
        location_text=location, received_at=now, registered_at=now, due_first=now + due, due_first_derivation=[],
        due_final=now + timedelta(days=9), due_final_derivation=[]).returning(ticket.c.id)).scalar_one()
    c.execute(insert(ticket_post).values(
        post_id=post_id, ticket_id=ticket_id, role="origin", network="replay", native_id=f"{code}/{seq}", akimat=code,
        text_key=b"1" * 16, author_key="a", published_at=now))
    put_delivery(c, number, recipient, kind=kind, now=now)
    return number


def put_delivery(c: Connection, number: str, recipient: str, *, kind: str = "new_ticket", now: datetime = NOW) -> None:
    c.execute(insert(delivery).values(about=number, kind=kind, channel="telegram", recipient=recipient, state="queued",
                                      next_try_at=now, created_at=now))


def deliveries(db: Database) -> dict[tuple[str, str], Any]:
    """Rows of `delivery` by number and recipient."""
    with db.reading() as c:
        return {(r.about, r.recipient): r for r in c.execute(select(delivery).order_by(delivery.c.id))}
