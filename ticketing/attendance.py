"""Who is away, who has duty, and who is told when nobody is there: what staff enter and see. The rules of who may."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from config.languages import N_
from config.timezone import ALMATY
from ticketing import people
from ticketing.acting import Refused
from ticketing.notify.reach import Reach, Reader
from ticketing.people import WAYS, Account, NotPossible
from ticketing.rota import plan_duty
from ticketing.routing import ANSWERING
from ticketing.tables import absence, account, office, rota

LONGEST_ABSENCE = timedelta(days=400)

ABSENT = frozenset({*ANSWERING, "press"})
"""Roles whose absence matters to cards."""
ARRANGING = frozenset({"head", "controller", "operator"})
"""Who enters absences of others and the rota."""


@dataclass(frozen=True, slots=True)
class Away:
    """An absence that holds or comes; the last day is whole."""

    id: int
    person: Row[Any]
    first: date
    last: date
    deputy: str | None
    now: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the rota of an office."""

    id: int
    office: str
    name: str
    first: date
    last: date
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An office at this moment: its duty officer, and who is told of what is nobody's. `reader` None: nobody can be."""

    office: str
    duty: str | None
    reader: Reader | None


@dataclass(frozen=True, slots=True)
class Attendance:
    """What one reader sees."""

    away: Sequence[Away]
    rota: Sequence[Stretch]
    standing: Sequence[Standing]
    colleagues: Sequence[Row[Any]]
    offices: Sequence[str]
    """Offices whose rota and absences this reader may arrange."""


def seen_by(c: Connection, reader: Account, below: Collection[str] | None, now: datetime) -> Attendance:
    """What a reader sees: of the own office and those below it (`below` None: of all)."""
    mine = account.c.office.is_not(None) | account.c.office.is_(None) if below is None else (
        account.c.office.in_(sorted(below)) | (account.c.id == reader.id))
    stand_in = account.alias()
    rows = c.execute(select(absence, account.c.login, account.c.name, account.c.office, account.c.id.label("who"),
                            stand_in.c.name.label("deputy_name"))
                     .join(account, account.c.id == absence.c.account).outerjoin(stand_in, stand_in.c.id == absence.c.deputy)
                     .where(absence.c.until > now, account.c.disabled_at.is_(None), mine).order_by(absence.c.since, absence.c.id)).all()
    codes = [code for code in c.execute(select(office.c.code).order_by(office.c.code)).scalars() if below is None or code in below]
    parts = c.execute(select(rota, account.c.name).join(account, account.c.id == rota.c.account).where(
        rota.c.until > now, rota.c.state != "over", rota.c.office.in_(codes)).order_by(rota.c.since, rota.c.id)).all()
    reach = Reach(c, now, WAYS)
    names = dict(c.execute(select(office.c.code, account.c.name).outerjoin(account, account.c.id == office.c.duty)).tuples().all())
    standing = []
    for code in codes:
        found = reach.reader(f"duty:{code}", code)
        standing.append(Standing(code, names.get(code), found if isinstance(found, Reader) else None))
    colleagues = c.execute(select(account).where(account.c.disabled_at.is_(None), account.c.role.in_(sorted(ABSENT)), mine)
                           .order_by(account.c.name)).all()
    return Attendance(
        [Away(r.id, r, _day(r.since), _day(r.until - timedelta(minutes=1)), r.deputy_name, r.since <= now) for r in rows],
        [Stretch(p.id, p.office, p.name, _day(p.since), _day(p.until - timedelta(minutes=1)), p.state) for p in parts],
        standing, colleagues, codes if reader.role in ARRANGING else [])


def go_away(c: Connection, actor: Account, login: str, first: date, last: date, deputy: str | None, now: datetime,
            below: Collection[str] | None) -> None:
    """Enter an absence by whole days; the same last day again replaces what stood there."""
    person = _person(c, actor, login, below)
    if last < first or last < _day(now) or last - first > LONGEST_ABSENCE:
        raise Refused(N_("The absence must end after it begins and not lie in the past."))
    begin, until = max(now, _midnight(first)), _midnight(last + timedelta(days=1))
    c.execute(delete(absence).where(absence.c.account == person.id, absence.c.until == until))
    try:
        people.set_absence(c, person.login, begin, until, deputy or None)
    except NotPossible as e:
        raise Refused(N_("Choose a colleague of the same office as deputy, not the person.")) from e


def come_back(c: Connection, actor: Account, absence_id: int, now: datetime, below: Collection[str] | None) -> bool:
    """An absence ends now, or does not begin."""
    row = c.execute(select(absence, account.c.login).join(account, account.c.id == absence.c.account)
                    .where(absence.c.id == absence_id)).one_or_none()
    if row is None or row.until <= now:
        return False
    _person(c, actor, row.login, below)
    if row.since <= now:
        c.execute(update(absence).where(absence.c.id == absence_id).values(until=now))
    else:
        c.execute(delete(absence).where(absence.c.id == absence_id))
    return True


def have_duty(c: Connection, actor: Account, code: str, login: str, first: date, last: date, now: datetime,
              below: Collection[str] | None) -> None:
    """Enter a stretch of the rota by whole days."""
    _arranges(actor, code, below)
    if last < first or last < _day(now):
        raise Refused(N_("The duty must end after it begins and not lie in the past."))
    try:
        plan_duty(c, code, login, max(now, _midnight(first)), _midnight(last + timedelta(days=1)))
    except NotPossible as e:
        raise Refused(N_("On some of these days somebody has duty already, or this person does not work for this office.")) from e


def no_duty(c: Connection, actor: Account, rota_id: int, now: datetime, below: Collection[str] | None) -> bool:
    """Take a stretch out of the rota; one that runs ends now."""
    row = c.execute(select(rota).where(rota.c.id == rota_id)).one_or_none()
    if row is None or row.state == "over":
        return False
    _arranges(actor, row.office, below)
    if row.state == "on":
        c.execute(update(rota).where(rota.c.id == rota_id).values(until=now))      # ticketing.rota turns it within a minute
    else:
        c.execute(delete(rota).where(rota.c.id == rota_id))
    return True


def _person(c: Connection, actor: Account, login: str, below: Collection[str] | None) -> Account:
    person = people.by_login(c, login)
    if person is None or person.disabled_at is not None or person.role not in ABSENT:
        raise Refused(N_("There is no such person in this office."))
    if person.id == actor.id:
        return person
    if actor.role not in ARRANGING:
        raise Refused(N_("You may enter your own absence only."))
    if below is not None and person.office not in below:
        raise Refused(N_("This belongs to another office."))
    return person


def _arranges(actor: Account, code: str, below: Collection[str] | None) -> None:
    if actor.role not in ARRANGING:
        raise Refused(N_("Your role does not allow this."))
    if below is not None and code not in below:
        raise Refused(N_("This belongs to another office."))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ALMATY)


def _day(moment: datetime) -> date:
    return moment.astimezone(ALMATY).date()
