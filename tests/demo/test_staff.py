"""The demo's people and config fit each other and the program: who is named exists, and may sign in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cli import main
from monitor.store.engine import Database
from ticketing import people

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"
STAFF: dict[str, Any] = yaml.safe_load((DEMO / "people.yaml").read_text("utf-8"))
CONFIG: dict[str, Any] = yaml.safe_load((DEMO / "qulaq.yaml").read_text("utf-8"))
PERSON = {p["login"]: p for p in STAFF["people"]}
NOW = datetime(2026, 11, 18, 5, 0, tzinfo=UTC)


def test_check_finds_nothing_wrong_with_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(DEMO / "qulaq.yaml")]) == 0, capsys.readouterr()
    assert "2 offices" in capsys.readouterr().out


def test_offices_of_the_config_have_staff() -> None:
    offices = {o["code"] for o in CONFIG["offices"]}
    assert offices == {o["code"] for o in STAFF["offices"]}
    for code in offices:
        roles = {p["role"] for p in PERSON.values() if p.get("office") == code}
        assert {"head", "controller", "press", "officer"} <= roles
        languages = {p["language"] for p in PERSON.values() if p.get("office") == code}
        assert languages == {"kk", "ru"}
    assert {p["role"] for p in PERSON.values() if "office" not in p} == {"operator", "viewer"}


def test_routing_names_people_of_the_right_office() -> None:
    for rule in CONFIG["routing"]:
        responsible = rule.get("responsible")
        if responsible:
            person = PERSON[responsible]
            assert rule["akimat"].startswith(person["office"].rstrip("0")), rule
            assert person["department"] == rule["department"], rule


def test_seeding_twice_gives_each_person_once_and_sign_in_works(db: Database) -> None:
    with db.begin() as c:
        people.seed(c, STAFF["offices"], STAFF["people"], NOW)
        people.seed(c, STAFF["offices"], STAFF["people"], NOW)
    with db.reading() as c:
        assert len(people.everybody(c)) == len(PERSON)
        assert people.sign_in(c, "pvl.press", PERSON["pvl.press"]["password"]) is not None
        assert people.sign_in(c, "pvl.press", "something-else") is None
        assert people.sign_in(c, "pvl.land", "qulaq-demo") is None  # no password in the file, no sign-in


def test_somebody_is_away_and_has_a_deputy(db: Database) -> None:
    assert STAFF["absences"]
    with db.begin() as c:
        people.seed(c, STAFF["offices"], STAFF["people"], NOW)
        for away in STAFF["absences"]:
            people.set_absence(c, away["login"], NOW + timedelta(days=away["from_day"]),
                               NOW + timedelta(days=away["until_day"]), away["deputy"], away["reason"])
    with db.reading() as c:
        gone = people.away(c, NOW)
        assert len(gone) == len(STAFF["absences"])
    for away in STAFF["absences"]:
        assert PERSON[away["deputy"]]["department"] == PERSON[away["login"]]["department"]


def test_passwords_are_marked_as_demo_only() -> None:
    assert "DEMO ONLY" in (DEMO / "people.yaml").read_text("utf-8")
    assert {p["password"] for p in PERSON.values() if "password" in p} == {"qulaq-demo"}
