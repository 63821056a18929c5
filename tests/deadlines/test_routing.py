"""Who gets a ticket: the most specific rule, deputies, load, the duty officer, and the reason that is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from ticketing.routing import People, Rule, route

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
CITY, OBLAST = "551000000", "550000000"
CHAIN = ("551045000", CITY, OBLAST)     # Атамекен, Павлодар, Павлодар облысы


@dataclass(frozen=True)
class Topic:
    group: str
    department: str


TOPICS = {"roads": Topic("city", "transport"), "water": Topic("utilities", "utilities"), "other": Topic("", "")}


def person(id_: int, login: str, department: str = "utilities", role: str = "officer",
           office: str | None = CITY) -> Any:
    return SimpleNamespace(id=id_, login=login, role=role, office=office, department=department, disabled_at=None)


def away(account: int, deputy: int | None = None, since: int = -1, until: int = 1) -> Any:
    return SimpleNamespace(account=account, deputy=deputy, since=NOW + timedelta(days=since),
                           until=NOW + timedelta(days=until))


def people(*accounts: Any, absences: Iterable[Any] = (), load: dict[int, int] | None = None) -> People:
    return People.of(accounts, absences, load or {}, NOW)


def assigned(rules: list[Rule], staff: People, topic: str = "water", chain: tuple[str, ...] = CHAIN) -> Any:
    return route(rules, staff, chain, topic, CITY, TOPICS)


def test_the_most_specific_rule_wins_by_akimat_then_by_topic() -> None:
    rules = [
        Rule("any", department="1"),
        Rule("oblast", frozenset({OBLAST}), department="2"),
        Rule("oblast water", frozenset({OBLAST}), frozenset({"water"}), department="3"),
        Rule("city", frozenset({CITY}), department="4"),
        Rule("city utilities", frozenset({CITY}), frozenset({"utilities"}), department="5"),
        Rule("city water", frozenset({CITY}), frozenset({"water"}), department="6"),
        Rule("town", frozenset({CHAIN[0]}), frozenset({"roads"}), department="7"),
    ]
    expected = ["city water", "city utilities", "city", "oblast water", "oblast", "any", "default"]
    while True:
        got = assigned(rules, people())
        assert got.reason["rule"] == expected.pop(0)
        if not rules:
            break
        rules = [rule for rule in rules if rule.name != got.reason["rule"]]
        rules = [rule for rule in rules if rule.name != "town"]
    assert not expected


def test_the_addressee_itself_beats_a_finer_topic_above_it() -> None:
    rules = [Rule("above", frozenset({OBLAST}), frozenset({"water"})), Rule("itself", frozenset({CHAIN[0]}))]
    got = assigned(rules, people())
    assert got.reason == {"rule": "itself", "akimat": CHAIN[0], "topic": "*", "chosen": "duty"}


def test_of_equal_rules_the_first_in_the_file_wins() -> None:
    rules = [Rule("config.yaml:7", department="a"), Rule("config.yaml:9", department="b")]
    assert assigned(rules, people()).department == "a"


def test_a_named_person_is_taken_whatever_the_load() -> None:
    staff = people(person(1, "a"), person(2, "b"), load={1: 50})
    got = assigned([Rule("r", department="utilities", responsible="a")], staff)
    assert (got.responsible, got.reason["chosen"]) == (1, "named")


def test_the_absent_are_replaced_along_the_chain_of_deputies_and_the_chain_is_kept() -> None:
    staff = people(person(1, "a"), person(2, "b"), person(3, "c"), absences=[away(1, deputy=2), away(2, deputy=3)])
    got = assigned([Rule("r", department="utilities", responsible="a")], staff)
    assert (got.responsible, got.reason["chosen"]) == (3, "deputy")
    assert [step["person"] for step in got.reason["passed_over"]] == [1, 2]
    assert all(step["why"] == "absent" and step["until"] for step in got.reason["passed_over"])


def test_deputies_of_each_other_do_not_turn_for_ever() -> None:
    staff = people(person(1, "a"), person(2, "b"), person(3, "c"), absences=[away(1, deputy=2), away(2, deputy=1)])
    got = assigned([Rule("r", department="utilities", responsible="a")], staff)
    assert (got.responsible, got.reason["chosen"]) == (3, "least_loaded")


def test_an_absence_counts_only_while_it_lasts() -> None:
    for absence in (away(1, since=-3, until=0), away(1, since=1, until=3)):
        staff = people(person(1, "a"), absences=[absence])
        assert assigned([Rule("r", responsible="a")], staff).responsible == 1


def test_whoever_left_is_passed_over_and_the_department_takes_it() -> None:
    got = assigned([Rule("r", department="utilities", responsible="gone")], people(person(2, "b")))
    assert got.responsible == 2
    assert got.reason["passed_over"] == [{"why": "left or unknown"}]


def test_the_least_loaded_of_the_department_and_a_batch_is_spread() -> None:
    staff = people(person(1, "a"), person(2, "b"), person(3, "other", department="transport"),
                   person(4, "reads", role="viewer"), person(5, "elsewhere", office="552200000"), load={1: 2})
    given = [assigned([], staff).responsible for _ in range(4)]
    assert given == [2, 2, 1, 2], "2 and 2 catch up with 1, then by id"
    assert staff.load == {1: 3, 2: 3}


def test_without_config_the_topics_own_department_and_the_duty_officer() -> None:
    got = assigned([], people())
    assert (got.department, got.responsible) == ("utilities", None)
    assert got.reason == {"rule": "default", "chosen": "duty"}
    assert assigned([], people(), topic="other").responsible is None


def test_a_role_in_place_of_a_person() -> None:
    staff = people(person(1, "a"), person(2, "h", role="head", department=""),
                   person(3, "h2", role="head", department=""), load={2: 1})
    assert assigned([Rule("r", role="head")], staff).responsible == 3
    assert assigned([Rule("r", role="duty", department="x")], staff).responsible is None


def test_everybody_away_leaves_it_to_the_duty_officer() -> None:
    staff = people(person(1, "a"), person(2, "b"), absences=[away(1), away(2)])
    got = assigned([Rule("r", department="utilities", responsible="a")], staff)
    assert (got.department, got.responsible, got.reason["chosen"]) == ("utilities", None, "duty")


def test_the_reason_holds_ids_and_codes_no_names() -> None:
    import json
    staff = people(person(1, "a.serikova"), absences=[away(1)])
    reason = assigned([Rule("r", department="utilities", responsible="a.serikova")], staff).reason
    assert "serikova" not in json.dumps(reason)


def test_a_role_is_also_held_by_those_who_work_for_all_offices() -> None:
    """A controller needs no office; a rule that names the role must still find the person."""
    staff = people(person(1, "other", role="controller", office=OBLAST), person(2, "all", role="controller", office=None))
    got = assigned([Rule("r", role="controller")], staff)
    assert (got.responsible, got.reason["chosen"]) == (2, "role")
