"""People who work with the register: accounts, offices, absences, sign-in, one-time links. Queries and verbs.

Passwords are kept as argon2id, tokens as SHA-256 (they are 192 random bits: nothing to guess). Randomness comes in.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, insert, select, update

from config.reminders import email_address, quiet_spans
from ticketing import ticket as rules
from ticketing.tables import absence, account, link, office, reach, session, ticket

LANGUAGES = ("kk", "ru")
WAYS = ("telegram", "email")
"""Ways to people, in the order in which they are tried where a person has chosen none."""
LINK_LIFE = timedelta(hours=24)
SESSION_LIFE = timedelta(hours=12)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256
"""Characters; a longer one only costs the hash time."""

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_OFFICE_NEEDED = frozenset({"officer", "head"})
_hasher = PasswordHasher()


class NotPossible(Exception):
    """What was asked of people cannot be done; the message is one line and says how to mend."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person. `office` None: all offices. `disabled_at`: has left."""

    id: int
    login: str
    name: str
    role: str
    office: str | None
    department: str
    language: str
    telegram_id: int | None
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in; `csrf` must come back with every form."""

    account: Account
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Binding:
    """What became of a /start link: the account, or why not."""

    account: Account | None
    problem: Literal["", "unknown", "used", "expired", "left", "taken"] = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What a person who left leaves behind: open tickets, and offices that are now without a duty officer."""

    account: Account
    tickets: tuple[str, ...]
    duty_of: tuple[str, ...]


def fresh_token() -> str:
    """192 random bits that fit a Telegram /start link (64 of A-Z a-z 0-9 _ -)."""
    return secrets.token_urlsafe(24)


# --- accounts

def by_login(c: Connection, login: str) -> Account | None:
    """The account of a login in any case."""
    return _one(c, account.c.login == login.strip().lower())


def by_id(c: Connection, id_: int) -> Account | None:
    """The account of an id."""
    return _one(c, account.c.id == id_)


def by_telegram(c: Connection, telegram_id: int) -> Account | None:
    """Who is behind a Telegram account, unless the person has left."""
    return _one(c, account.c.telegram_id == telegram_id, account.c.disabled_at.is_(None))


def everybody(c: Connection) -> list[Account]:
    """All accounts, those who left too, by login."""
    return [_account(row) for row in c.execute(select(account).order_by(account.c.login))]


def add(c: Connection, login: str, *, name: str, role: str, now: datetime, password: str | None = None,
        office_code: str | None = None, department: str = "", language: str = "kk") -> Account:
    """A new account; without a password nobody can sign in with it. Raises NotPossible."""
    login = login.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise NotPossible(f'"{login}" is no login; use 2 to 32 of a-z, 0-9, dot, dash, underscore')
    if not name.strip():
        raise NotPossible("a name is needed; staff and the register's readers see it")
    if role not in rules.ROLES:
        raise NotPossible(f'there is no role "{role}"; use one of {", ".join(rules.ROLES)}')
    if language not in LANGUAGES:
        raise NotPossible(f'"{language}" is no language of the messages; use {" or ".join(LANGUAGES)}')
    if role in _OFFICE_NEEDED and office_code is None:
        raise NotPossible(f"role {role} belongs to an office; give --office CODE")
    if by_login(c, login) is not None:
        raise NotPossible(f'the login "{login}" is taken; choose another one')
    made = c.execute(insert(account).values(
        login=login, name=name.strip(), role=role, office=office_code, department=department.strip(),
        language=language, password_hash=None if password is None else hashed(password), created_at=now,
    ).returning(account)).one()
    return _account(made)


def set_password(c: Connection, login: str, password: str) -> None:
    """A new password; whoever is signed in with the old one no longer is."""
    person = _existing(c, login)
    c.execute(update(account).where(account.c.id == person.id).values(password_hash=hashed(password)))
    close_sessions(c, person.id)


def disable(c: Connection, login: str, now: datetime) -> Left:
    """A person leaves: no sign-in, no session, no Telegram, no link, no duty. The account stays for the register.

    Returns what the caller must hand on (ticketing.handover.hand_back). Doing it again changes nothing.
    """
    person = _existing(c, login)
    open_ = c.execute(select(ticket.c.number).where(
        ticket.c.responsible == person.id, ticket.c.status.in_(sorted(rules.OPEN))).order_by(ticket.c.id)).scalars()
    numbers = tuple(open_)
    duty = tuple(c.execute(select(office.c.code).where(office.c.duty == person.id).order_by(office.c.code)).scalars())
    c.execute(update(office).where(office.c.duty == person.id).values(duty=None))
    c.execute(update(account).where(account.c.id == person.id).values(
        disabled_at=person.disabled_at or now, telegram_id=None, password_hash=None))
    c.execute(delete(link).where(link.c.account == person.id))
    c.execute(delete(reach).where(reach.c.account == person.id))
    close_sessions(c, person.id)
    left = by_id(c, person.id)
    assert left is not None
    return Left(left, numbers, duty)


def may_act(person: Account, office_code: str, units_above: Iterable[str] = ()) -> bool:
    """Whether a person works for this office: for all, for it, or for one above it; nobody who has left does."""
    if person.disabled_at is not None:
        return False
    return person.office is None or person.office == office_code or person.office in set(units_above)


# --- offices and absences

def put_office(c: Connection, code: str, name_kk: str, name_ru: str) -> None:
    """The office, new or with a new name; its duty officer stays."""
    known = c.execute(update(office).where(office.c.code == code).values(name_kk=name_kk, name_ru=name_ru))
    if known.rowcount == 0:
        c.execute(insert(office).values(code=code, name_kk=name_kk, name_ru=name_ru))


def set_duty(c: Connection, code: str, login: str) -> None:
    """Makes a person the duty officer of an office: gets what nobody else is responsible for."""
    person = _working(c, login)
    if not may_act(person, code):
        raise NotPossible(f'"{person.login}" works for office {person.office}, not for {code}')
    if c.execute(update(office).where(office.c.code == code).values(duty=person.id)).rowcount == 0:
        raise NotPossible(f"there is no office {code} in the database; add somebody to it first")


def set_absence(c: Connection, login: str, since: datetime, until: datetime, deputy: str | None = None,
                reason: str = "") -> None:
    """A person is away from `since` to before `until`; `deputy` gets what would be theirs."""
    person = _working(c, login)
    if since >= until:
        raise NotPossible("the absence ends before it begins; check --from and --until")
    stand_in = None if deputy is None else _working(c, deputy)
    if stand_in is not None and stand_in.id == person.id:
        raise NotPossible("nobody is their own deputy; name another person")
    if stand_in is not None and person.office is not None and stand_in.office not in (None, person.office):
        raise NotPossible(f'"{stand_in.login}" works for office {stand_in.office}, not for {person.office}; name a colleague')
    c.execute(insert(absence).values(account=person.id, since=since, until=until,
                                     deputy=stand_in.id if stand_in else None, reason=reason))


def end_absences(c: Connection, login: str, now: datetime) -> int:
    """A person is back: absences that hold end now, future ones are dropped. Returns how many."""
    person = _existing(c, login)
    ended = c.execute(update(absence).where(absence.c.account == person.id, absence.c.since <= now,
                                            absence.c.until > now).values(until=now)).rowcount
    return ended + c.execute(delete(absence).where(absence.c.account == person.id, absence.c.since > now)).rowcount


def absences_from(c: Connection, now: datetime) -> Sequence[Any]:
    """Absences that hold or come, with the logins of both people."""
    stand_in = account.alias()
    return c.execute(select(absence.c.since, absence.c.until, absence.c.reason, account.c.login, stand_in.c.login.label("deputy"))
                     .join(account, account.c.id == absence.c.account)
                     .outerjoin(stand_in, stand_in.c.id == absence.c.deputy)
                     .where(absence.c.until > now).order_by(absence.c.since, absence.c.id)).all()


def away(c: Connection, now: datetime) -> dict[int, datetime]:
    """Who is away now, by account id, and until when."""
    rows = c.execute(select(absence.c.account, absence.c.until).where(absence.c.since <= now, absence.c.until > now))
    until: dict[int, datetime] = {}
    for person, end in rows:
        until[person] = max(end, until.get(person, end))
    return until


# --- how a person is told

SAME: Any = object()
"""Leave as it is, where None already means something."""


def set_reach(c: Connection, login: str, *, email: str | None = None, channels: Sequence[str] | None = None,
              quiet: Sequence[str] | None = None, morning: Any = SAME) -> Row[Any]:
    """Change how a person is told; None leaves a part as it is, an empty value takes it away. Raises NotPossible.

    `morning`: HH:MM, "" for never, None for the office's own time.
    """
    person = _working(c, login)
    changed: dict[str, Any] = {}
    try:
        if email is not None:
            changed["email"] = email_address(email.strip()) if email.strip() else None
        if quiet is not None:
            quiet_spans(tuple(quiet))
            changed["quiet"] = list(quiet) or None
    except ValueError as e:
        raise NotPossible(str(e)) from e
    if channels is not None:
        strange = [way for way in channels if way not in WAYS]
        if strange:
            raise NotPossible(f'"{strange[0]}" is no way to a person; use {", ".join(WAYS)}')
        changed["channels"] = list(channels) or None
    if morning is not SAME:
        if morning and not _CLOCK.fullmatch(morning):
            raise NotPossible(f'"{morning[:20]}" is no time of the day; write it like 09:00, or none, or office')
        changed["morning"] = morning
    if c.execute(select(reach.c.account).where(reach.c.account == person.id)).one_or_none() is None:
        c.execute(insert(reach).values(account=person.id))
    if changed:
        c.execute(update(reach).where(reach.c.account == person.id).values(**changed))
    return c.execute(select(reach).where(reach.c.account == person.id)).one()


# --- Telegram

def make_link(c: Connection, login: str, now: datetime, token: str | None = None) -> str:
    """The token of a link that binds a Telegram account once, within 24 hours; earlier links of the person are void."""
    person = _working(c, login)
    token = token or fresh_token()
    c.execute(delete(link).where(link.c.account == person.id, link.c.used_at.is_(None)))
    c.execute(insert(link).values(token_hash=_digest(token), account=person.id, expires_at=now + LINK_LIFE))
    return token


def start_link(bot: str, token: str) -> str:
    """The link a person opens in Telegram. https://core.telegram.org/bots/features#deep-linking"""
    return f"https://t.me/{bot.removeprefix('@')}?start={token}"


def bind(c: Connection, token: str, telegram_id: int, now: datetime) -> Binding:
    """Bind the Telegram account that presents `token`. The same presentation again is no error: updates repeat."""
    digest = _digest(token[:128])
    row = c.execute(select(link).where(link.c.token_hash == digest)).one_or_none()
    if row is None:
        return Binding(None, "unknown")
    person = by_id(c, row.account)
    assert person is not None, "links refer to accounts"
    if person.disabled_at is not None:
        return Binding(None, "left")
    if row.used_at is not None:
        return Binding(person) if person.telegram_id == telegram_id else Binding(None, "used")
    if row.expires_at <= now:
        return Binding(None, "expired")
    holder = _one(c, account.c.telegram_id == telegram_id)
    if holder is not None and holder.id != person.id:
        return Binding(None, "taken")
    won = c.execute(update(link).where(link.c.token_hash == digest, link.c.used_at.is_(None)).values(used_at=now))
    if won.rowcount != 1:
        return Binding(None, "used")
    c.execute(update(account).where(account.c.id == person.id).values(telegram_id=telegram_id))
    return Binding(by_id(c, person.id))


# --- sign-in

def hashed(password: str) -> str:
    """argon2id of a password. Raises NotPossible where it is too short or endless."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise NotPossible(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return _hasher.hash(password)


@cache
def _nobody() -> str:
    """A hash that nothing fits, so that an unknown login takes as long as a known one."""
    return _hasher.hash(secrets.token_urlsafe(32))


def sign_in(c: Connection, login: str, password: str) -> Account | None:
    """The account if login and password fit. Only reads (call it under `db.read`: the hash takes its time); an unknown
    login costs the same time as a wrong password. How often one may try is the caller's matter."""
    row = c.execute(select(account).where(account.c.login == login.strip().lower()[:64])).one_or_none()
    usable = row is not None and row.disabled_at is None and row.password_hash
    try:
        _hasher.verify(row.password_hash if row is not None and usable else _nobody(), password[:LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return None
    return _account(row) if row is not None and usable else None


def open_session(c: Connection, account_id: int, now: datetime, life: timedelta = SESSION_LIFE) -> tuple[str, str]:
    """A new session: the token for the cookie, and the CSRF token for forms."""
    token, csrf = fresh_token(), fresh_token()
    c.execute(delete(session).where(session.c.expires_at <= now))
    c.execute(insert(session).values(token_hash=_digest(token), account=account_id, csrf=csrf, created_at=now,
                                     expires_at=now + life))
    return token, csrf


def session_of(c: Connection, token: str, now: datetime) -> Session | None:
    """Who is signed in with this token, unless it expired or the person left."""
    row = c.execute(select(account, session.c.csrf, session.c.expires_at).join(
        session, session.c.account == account.c.id).where(
            session.c.token_hash == _digest(token[:128]), session.c.expires_at > now,
            account.c.disabled_at.is_(None))).one_or_none()
    return None if row is None else Session(_account(row), row.csrf, row.expires_at)


def prolong_session(c: Connection, token: str, until: datetime) -> None:
    """Let a session that is in use go on: a wall screen signs in once."""
    c.execute(update(session).where(session.c.token_hash == _digest(token[:128])).values(expires_at=until))


def close_session(c: Connection, token: str) -> None:
    """Sign out."""
    c.execute(delete(session).where(session.c.token_hash == _digest(token[:128])))


def close_sessions(c: Connection, account_id: int) -> None:
    """Sign a person out everywhere."""
    c.execute(delete(session).where(session.c.account == account_id))


# --- the demo's people, and anybody else's list

def seed(c: Connection, offices: Iterable[Mapping[str, Any]], people: Iterable[Mapping[str, Any]],
         now: datetime) -> None:
    """Offices and people as given; run again, it changes nothing that a person has changed since.

    Office: code, name_kk, name_ru, duty (login). Person: login, name, role, office, department, language, password.
    """
    rows = list(offices)
    for row in rows:
        put_office(c, row["code"], row["name_kk"], row["name_ru"])
    for person in people:
        if by_login(c, person["login"]) is None:
            add(c, person["login"], name=person["name"], role=person["role"], now=now, password=person.get("password"),
                office_code=person.get("office"), department=person.get("department", ""),
                language=person.get("language", "kk"))
    for row in rows:
        vacant = c.execute(select(office.c.duty).where(office.c.code == row["code"])).scalar_one() is None
        duty = by_login(c, row["duty"]) if row.get("duty") else None
        if vacant and duty is not None and duty.disabled_at is None:
            set_duty(c, row["code"], duty.login)


# --- parts

_FIELDS = tuple(field.name for field in fields(Account))


def _account(row: Row[Any]) -> Account:
    return Account(**{name: getattr(row, name) for name in _FIELDS})


def _one(c: Connection, *conditions: Any) -> Account | None:
    row = c.execute(select(account).where(*conditions)).one_or_none()
    return None if row is None else _account(row)


def _existing(c: Connection, login: str) -> Account:
    found = by_login(c, login)
    if found is None:
        raise NotPossible(f'there is no login "{login}"; `user list` shows those that there are')
    return found


def _working(c: Connection, login: str) -> Account:
    person = _existing(c, login)
    if person.disabled_at is not None:
        raise NotPossible(f'"{person.login}" has left ({person.disabled_at.date()}); name somebody who works here')
    return person


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
