"""Who has duty today: turns `rota` into the office's duty officer and back, so that everything else asks only the office."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ticketing.people import NotPossible, by_login, may_act
from ticketing.tables import account, office, rota


def plan_duty(c: Connection, code: str, login: str, since: datetime, until: datetime) -> None:
    """A person has duty from `since` to before `until`. Raises NotPossible."""
    person = by_login(c, login)
    if person is None or person.disabled_at is not None:
        raise NotPossible(f'there is nobody "{login}" who works here; `user list` shows those that there are')
    if not may_act(person, code):
        raise NotPossible(f'"{person.login}" works for office {person.office}, not for {code}')
    if since >= until:
        raise NotPossible("the duty ends before it begins; check --from and --until")
    if c.execute(select(office.c.code).where(office.c.code == code)).one_or_none() is None:
        raise NotPossible(f"there is no office {code} in the database; add somebody to it first")
    overlaps = c.execute(select(account.c.login).join(rota, rota.c.account == account.c.id).where(
        rota.c.office == code, rota.c.since < until, rota.c.until > since, rota.c.state != "over").limit(1)).scalar_one_or_none()
    if overlaps is not None:
        raise NotPossible(f'"{overlaps}" has duty in a part of that time already; choose other days')
    c.execute(insert(rota).values(office=code, since=since, until=until, account=person.id))


def turn(c: Connection, now: datetime) -> int:
    """Hand duty over where a stretch of the rota ended or began. Returns how many did; run again, it changes nothing.

    Whoever was named duty officer meanwhile, by a person, stays.
    """
    turned = 0
    for row in c.execute(select(rota).where(rota.c.state == "on", rota.c.until <= now).order_by(rota.c.until)).all():
        c.execute(update(office).where(office.c.code == row.office, office.c.duty == row.account).values(duty=row.usual))
        c.execute(update(rota).where(rota.c.id == row.id).values(state="over"))
        turned += 1
    c.execute(update(rota).where(rota.c.state == "planned", rota.c.until <= now).values(state="over"))
    begins = select(rota, office.c.duty).join(office, office.c.code == rota.c.office).join(
        account, account.c.id == rota.c.account).where(
        rota.c.state == "planned", rota.c.since <= now, account.c.disabled_at.is_(None)).order_by(rota.c.since)
    for row in c.execute(begins).all():
        c.execute(update(office).where(office.c.code == row.office).values(duty=row.account))
        c.execute(update(rota).where(rota.c.id == row.id).values(state="on", usual=row.duty))
        turned += 1
    return turned


def any_to_turn(c: Connection, now: datetime) -> bool:
    """Whether `turn` would find something: asked first, so that an idle minute writes nothing."""
    due = select(rota.c.id).where(((rota.c.state == "on") & (rota.c.until <= now))
                                  | ((rota.c.state == "planned") & (rota.c.since <= now))).limit(1)
    return c.execute(due).one_or_none() is not None
