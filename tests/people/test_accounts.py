"""People: accounts, sign-in, sessions, Telegram links, absences, leaving; on both databases."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from monitor.store.engine import Database
from ticketing import people
from ticketing.people import NotPossible
from ticketing.tables import account, link, office, session

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
CITY = "551000000"
PASSWORD = "correct horse"


@pytest.fixture
def staffed(db: Database) -> Database:
    """An office with an officer who can sign in, a head who can't, and somebody for all offices."""
    with db.begin() as c:
        people.put_office(c, CITY, "Павлодар қаласы", "город Павлодар")
        people.add(c, "aigul", name="Айгүл Серікова", role="officer", now=NOW, password=PASSWORD, office_code=CITY)
        people.add(c, "head", name="Head", role="head", now=NOW, office_code=CITY)
        people.add(c, "operator", name="Op", role="operator", now=NOW)
    return db


# --- accounts

@pytest.mark.parametrize(("change", "expected"), [
    ({"login": "A B"}, "is no login"), ({"login": "х"}, "is no login"), ({"login": "AIGUL"}, "is taken"),
    ({"name": "  "}, "a name is needed"), ({"role": "akim"}, "there is no role"), ({"language": "en"}, "kk or ru"),
    ({"office_code": None}, "belongs to an office"), ({"password": "short"}, "10 to 256"),
    ({"password": "x" * 257}, "10 to 256"),
])
def test_a_wrong_account_is_refused_in_one_line(staffed: Database, change: dict[str, Any], expected: str) -> None:
    given = {"login": "new", "name": "N", "role": "officer", "office_code": CITY, "now": NOW, **change}
    with staffed.begin() as c, pytest.raises(NotPossible, match=expected) as e:
        people.add(c, given.pop("login"), **given)
    assert "\n" not in str(e.value)


def test_no_password_and_no_token_lies_in_the_database(staffed: Database) -> None:
    with staffed.begin() as c:
        person = people.by_login(c, "aigul")
        assert person is not None
        token, _ = people.open_session(c, person.id, NOW)
        start = people.make_link(c, "aigul", NOW)
        rows = [repr(tuple(row)) for table in (account, session, link) for row in c.execute(select(table))]
    assert not any(secret in row for row in rows for secret in (PASSWORD, token, start))
    assert any("$argon2id$" in row for row in rows)


# --- sign-in

@pytest.mark.parametrize(("login", "password", "who"), [
    ("aigul", PASSWORD, "aigul"), (" AIGUL ", PASSWORD, "aigul"), ("aigul", PASSWORD + "x", None),
    ("aigul", "", None), ("nobody", PASSWORD, None), ("head", "", None), ("head", PASSWORD, None),
    ("aigul' OR 1=1 --", PASSWORD, None), ("x" * 5000, "y" * 100_000, None), ("aigul\x01", PASSWORD, None),
])
def test_sign_in(staffed: Database, login: str, password: str, who: str | None) -> None:
    with staffed.reading() as c:
        found = people.sign_in(c, login, password)
    assert (found and found.login) == who


def test_an_unknown_login_takes_as_long_as_a_wrong_password(staffed: Database) -> None:
    def took(login: str) -> float:
        began = time.perf_counter()
        with staffed.reading() as c:
            people.sign_in(c, login, "wrong password")
        return time.perf_counter() - began
    took("nobody")
    known, unknown = (min(took(login) for _ in range(3)) for login in ("aigul", "nobody"))
    assert 0.4 < known / unknown < 2.5


def test_a_session_lasts_until_it_ends_is_closed_or_the_person_leaves(staffed: Database) -> None:
    with staffed.begin() as c:
        person = people.by_login(c, "aigul")
        assert person is not None
        tokens = [people.open_session(c, person.id, NOW)[0] for _ in range(3)]
        found = people.session_of(c, tokens[0], NOW + timedelta(hours=11))
        assert found is not None
        assert (found.account.login, len(found.csrf) > 20) == ("aigul", True)
        assert people.session_of(c, tokens[0], NOW + timedelta(hours=12)) is None
        assert people.session_of(c, tokens[0] + "x", NOW) is None
        assert people.session_of(c, "", NOW) is None
        people.close_session(c, tokens[0])
        assert people.session_of(c, tokens[0], NOW) is None
        assert people.session_of(c, tokens[1], NOW) is not None
        people.set_password(c, "aigul", "another horse")
        assert people.session_of(c, tokens[1], NOW) is None, "a new password signs out everywhere"
        assert people.sign_in(c, "aigul", "another horse") is not None
        again = people.open_session(c, person.id, NOW)[0]
        people.disable(c, "aigul", NOW)
        assert people.session_of(c, again, NOW) is None


def test_sessions_that_ended_do_not_pile_up(staffed: Database) -> None:
    with staffed.begin() as c:
        for day in range(4):
            people.open_session(c, 1, NOW + timedelta(days=day))
        assert len(c.execute(select(session)).all()) == 1


# --- Telegram

def test_a_link_binds_once_within_a_day(staffed: Database) -> None:
    with staffed.begin() as c:
        token = people.make_link(c, "aigul", NOW)
        assert people.start_link("@qulaq_bot", token) == f"https://t.me/qulaq_bot?start={token}"
        assert len(token) <= 64
        bound = people.bind(c, token, 77, NOW + timedelta(hours=23))
        assert bound.account is not None
        assert bound.account.telegram_id == 77
        assert people.by_telegram(c, 77) == bound.account
        assert people.bind(c, token, 77, NOW + timedelta(hours=23)).account is not None, "updates are delivered twice"
        assert people.bind(c, token, 78, NOW).problem == "used"


def test_a_link_that_does_not_bind_says_why(staffed: Database) -> None:
    with staffed.begin() as c:
        assert people.bind(c, "made-up", 1, NOW).problem == "unknown"
        assert people.bind(c, "", 1, NOW).problem == "unknown"
        assert people.bind(c, "x" * 100_000, 1, NOW).problem == "unknown"
        late = people.make_link(c, "aigul", NOW)
        assert people.bind(c, late, 1, NOW + timedelta(hours=24)).problem == "expired"
        fresh = people.make_link(c, "aigul", NOW)
        assert people.bind(c, late, 1, NOW).problem == "unknown", "a new link makes the old one void"
        people.bind(c, fresh, 1, NOW)
        other = people.make_link(c, "head", NOW)
        assert people.bind(c, other, 1, NOW).problem == "taken", "one Telegram account, one person"
        assert people.bind(c, other, 2, NOW).account is not None


def test_a_new_link_moves_a_person_to_a_new_phone(staffed: Database) -> None:
    with staffed.begin() as c:
        for telegram_id in (1, 2):
            people.bind(c, people.make_link(c, "aigul", NOW), telegram_id, NOW)
        assert people.by_telegram(c, 1) is None
        assert people.by_telegram(c, 2) is not None


# --- leaving, absences, duty

def test_leaving_cuts_everything_off_and_can_be_said_twice(staffed: Database) -> None:
    with staffed.begin() as c:
        people.set_duty(c, CITY, "aigul")
        people.bind(c, people.make_link(c, "aigul", NOW), 77, NOW)
        token = people.make_link(c, "aigul", NOW)
        left = people.disable(c, "aigul", NOW)
        assert left.account.disabled_at == NOW
        assert left.duty_of == (CITY,)
        assert people.by_telegram(c, 77) is None
        assert people.bind(c, token, 77, NOW).account is None
        assert people.sign_in(c, "aigul", PASSWORD) is None
        assert c.execute(select(office.c.duty)).scalar_one() is None
        again = people.disable(c, "aigul", NOW + timedelta(days=1))
        assert again.account.disabled_at == NOW, "the day of leaving stays"
        for verb in (lambda: people.make_link(c, "aigul", NOW), lambda: people.set_duty(c, CITY, "aigul"),
                     lambda: people.set_absence(c, "head", NOW, NOW + timedelta(days=1), "aigul")):
            with pytest.raises(NotPossible, match="has left"):
                verb()


def test_absences_hold_for_their_time_and_end_with_the_return(staffed: Database) -> None:
    with staffed.begin() as c:
        people.set_absence(c, "aigul", NOW, NOW + timedelta(days=5), "head")
        people.set_absence(c, "aigul", NOW + timedelta(days=30), NOW + timedelta(days=40))
        person = people.by_login(c, "aigul")
        assert person is not None
        assert people.away(c, NOW) == {person.id: NOW + timedelta(days=5)}
        assert people.away(c, NOW + timedelta(days=5)) == {}
        assert people.end_absences(c, "aigul", NOW + timedelta(days=1)) == 2
        assert people.away(c, NOW + timedelta(days=2)) == people.away(c, NOW + timedelta(days=31)) == {}
        with pytest.raises(NotPossible, match="ends before it begins"):
            people.set_absence(c, "aigul", NOW, NOW)
        with pytest.raises(NotPossible, match="own deputy"):
            people.set_absence(c, "aigul", NOW, NOW + timedelta(days=1), "aigul")


def test_duty_is_for_people_of_the_office(staffed: Database) -> None:
    with staffed.begin() as c:
        people.put_office(c, "552000000", "Екібастұз", "Экибастуз")
        with pytest.raises(NotPossible, match="works for office 551000000"):
            people.set_duty(c, "552000000", "aigul")
        people.set_duty(c, "552000000", "operator")
        with pytest.raises(NotPossible, match="no office"):
            people.set_duty(c, "999999999", "operator")


def test_who_may_act_where(staffed: Database) -> None:
    with staffed.begin() as c:
        aigul, operator = people.by_login(c, "aigul"), people.by_login(c, "operator")
        assert aigul is not None
        assert operator is not None
        assert people.may_act(aigul, CITY)
        assert not people.may_act(aigul, "552000000")
        assert people.may_act(aigul, "551045000", ("551045000", CITY))
        assert people.may_act(operator, "552000000")
        assert not people.may_act(people.disable(c, "operator", NOW).account, CITY)


# --- seed

def test_seeding_again_changes_nothing_that_people_changed(db: Database) -> None:
    offices = [{"code": CITY, "name_kk": "қ", "name_ru": "г", "duty": "a.a"}]
    staff = [{"login": "a.a", "name": "A", "role": "officer", "office": CITY, "password": PASSWORD},
             {"login": "b.b", "name": "B", "role": "viewer", "language": "ru"}]
    with db.begin() as c:
        people.seed(c, offices, staff, NOW)
        people.set_password(c, "a.a", "a new password")
        people.disable(c, "b.b", NOW)
        people.seed(c, offices, staff, NOW + timedelta(days=1))
        assert [p.login for p in people.everybody(c)] == ["a.a", "b.b"]
        assert people.sign_in(c, "a.a", "a new password") is not None
        seeded = people.by_login(c, "b.b")
        assert seeded is not None
        assert seeded.disabled_at == NOW
        first = people.by_login(c, "a.a")
        assert first is not None
        assert c.execute(select(office.c.duty)).scalar_one() == first.id


def test_two_people_never_share_a_login(staffed: Database) -> None:
    from sqlalchemy.exc import IntegrityError
    with pytest.raises(IntegrityError), staffed.begin() as c:
        c.execute(insert(account).values(login="aigul", name="x", role="viewer", language="kk", created_at=NOW))
