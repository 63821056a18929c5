"""Who answers: a table of topic and akimat to department and person. Pure, and it knows nothing of surges.

The most specific rule wins: first by akimat (the unit itself, then the nearest unit above it, then any), then by topic
(the topic, then its group, then any), then the first in the file. An absent person is replaced by the deputy, the
deputy's deputy and so on; else the least loaded present person of the department; else the office's duty officer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

ANY = "*"
ANSWERING = frozenset({"officer", "head", "controller"})
"""Roles to which a ticket may be given by load; `press`, `viewer` and `operator` answer nothing."""


class Topic(Protocol):
    """What routing needs of a topic of the knowledge files."""

    @property
    def group(self) -> str: ...
    @property
    def department(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. Empty `akimats` or `topics` match any; `topics` holds topics and groups of topics.

    `responsible` is a login; `role` instead of it gives the ticket to the least loaded person in that role, and the
    role `duty` to the duty officer. `name` says where the rule stands (FILE:LINE), for the reason.
    """

    name: str
    akimats: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    department: str = ""
    responsible: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be given a ticket. `office` None: all offices."""

    id: int
    login: str
    role: str
    office: str | None
    department: str


@dataclass(frozen=True, slots=True)
class Away:
    """An absence that holds now."""

    until: datetime
    deputy: int | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Department, person (None: the office's duty officer, whoever that is) and the reason: codes and ids, no names."""

    department: str
    responsible: int | None
    reason: dict[str, Any]


@dataclass(slots=True)
class People:
    """Everybody at one moment. `load` grows with what is given out, so that one batch is spread too."""

    by_id: Mapping[int, Person]
    by_login: Mapping[str, Person]
    away: Mapping[int, Away]
    load: dict[int, int] = field(default_factory=dict)
    _by_department: dict[tuple[str, str], list[Person]] = field(default_factory=dict)

    @classmethod
    def of(cls, accounts: Iterable[Any], absences: Iterable[Any], load: Mapping[int, int], now: datetime) -> People:
        """From rows of the tables; who has left isn't among them, an absence counts where it holds at `now`."""
        people = [Person(a.id, a.login, a.role, a.office, a.department or "") for a in accounts
                  if getattr(a, "disabled_at", None) is None]
        away: dict[int, Away] = {}
        for absence in absences:
            if absence.since <= now < absence.until:
                known = away.get(absence.account)
                if known is None or known.until < absence.until:
                    deputy = absence.deputy if absence.deputy is not None else known.deputy if known else None
                    away[absence.account] = Away(absence.until, deputy)
        return cls({p.id: p for p in people}, {p.login: p for p in people}, away, dict(load))

    def in_department(self, office: str, department: str) -> list[Person]:
        """Those of an office's department who answer tickets."""
        key = (office, department)
        if key not in self._by_department:
            self._by_department[key] = [
                p for p in self.by_id.values()
                if p.role in ANSWERING and p.office == office and p.department == department]
        return self._by_department[key]

    def in_role(self, office: str, role: str) -> list[Person]:
        """Those in a role who work for this office, or for all of them."""
        return [p for p in self.by_id.values() if p.role == role and p.office in (office, None)]

    def least_loaded(self, among: Iterable[Person]) -> Person | None:
        """The present person with the fewest open tickets; of equals the one with the lowest id."""
        present = [p for p in among if p.id not in self.away]
        return min(present, key=lambda p: (self.load.get(p.id, 0), p.id), default=None)

    def give(self, person: int) -> None:
        """Count one more ticket with `person`."""
        self.load[person] = self.load.get(person, 0) + 1


def route(rules: Sequence[Rule], people: People, akimat_chain: Sequence[str], topic: str, office: str,
          topics: Mapping[str, Topic]) -> Assignment:
    """Department and person for a message about `topic` to the first akimat of `akimat_chain` (itself, then upwards).

    `office` registers it; `topics` gives a topic's group and default department. `reason` holds the rule, what it
    matched, who was passed over and why, and by what the person was chosen: named, deputy, least_loaded, role or duty.
    """
    known = topics.get(topic)
    rule, matched = _rule(rules, akimat_chain, topic, known.group if known else "")
    reason: dict[str, Any] = {"rule": rule.name if rule else "default", **matched}
    department = (rule.department if rule else "") or (known.department if known else "")
    chain: list[dict[str, Any]] = []
    person: Person | None = None
    chosen = "duty"
    if rule is not None and rule.responsible:
        person, chosen = _named(people, rule.responsible, chain)
    elif rule is not None and rule.role == "duty":
        return Assignment(department, None, {**reason, "chosen": "duty"})
    elif rule is not None and rule.role:
        everybody = people.in_role(office, rule.role)
        own = [p for p in everybody if p.department == department]
        person, chosen = people.least_loaded(own or everybody), "role"
    if person is None and department:
        person, chosen = people.least_loaded(people.in_department(office, department)), "least_loaded"
    if chain:
        reason["passed_over"] = chain
    if person is None:
        return Assignment(department, None, {**reason, "chosen": "duty"})
    if chosen in ("least_loaded", "role"):
        reason["load"] = people.load.get(person.id, 0)
    people.give(person.id)
    return Assignment(department or person.department, person.id, {**reason, "chosen": chosen, "person": person.id})


def _rule(rules: Sequence[Rule], chain: Sequence[str], topic: str, group: str) -> tuple[Rule | None, dict[str, Any]]:
    """The most specific rule that matches, and what of it matched."""
    best: tuple[int, int] | None = None
    found: Rule | None = None
    matched: dict[str, Any] = {}
    for rule in rules:
        if rule.akimats:
            near = next((i for i, code in enumerate(chain) if code in rule.akimats), None)
            if near is None:
                continue
        else:
            near = len(chain)
        if not rule.topics:
            rank = 2
        elif topic in rule.topics:
            rank = 0
        elif group and group in rule.topics:
            rank = 1
        else:
            continue
        if best is None or (near, rank) < best:
            best, found = (near, rank), rule
            matched = {"akimat": chain[near] if near < len(chain) else ANY,
                       "topic": (topic, group, ANY)[rank]}
    return found, matched


def replacement(people: People, person: int, office: str, department: str) -> Assignment:
    """Who takes over from somebody who is absent or has left: the deputy, the deputy's deputy and so on, else the least
    loaded present person of the department, else the office's duty officer."""
    chain: list[dict[str, Any]] = []
    found: Person | None = None
    chosen = "deputy"
    if person in people.by_id and person in people.away:
        found, _ = _present(people, people.by_id[person], chain)
    if found is None and department:
        found, chosen = people.least_loaded(p for p in people.in_department(office, department) if p.id != person), "least_loaded"
    reason: dict[str, Any] = {"passed_over": chain} if chain else {}
    if found is None:
        return Assignment(department, None, {**reason, "chosen": "duty"})
    if chosen == "least_loaded":
        reason["load"] = people.load.get(found.id, 0)
    people.give(found.id)
    return Assignment(department, found.id, {**reason, "chosen": chosen})


def _named(people: People, login: str, chain: list[dict[str, Any]]) -> tuple[Person | None, str]:
    """The person of a login, or whoever stands in; those passed over are noted in `chain`."""
    person = people.by_login.get(login)
    if person is None:
        chain.append({"why": "left or unknown"})       # the rule says whom it names; the register keeps no names
        return None, "duty"
    return _present(people, person, chain)


def _present(people: People, person: Person, chain: list[dict[str, Any]]) -> tuple[Person | None, str]:
    """The person, or along the deputies the first who is there; those passed over are noted in `chain`."""
    seen: set[int] = set()
    chosen = "named"
    while person.id in people.away:
        away = people.away[person.id]
        chain.append({"person": person.id, "why": "absent", "until": away.until.isoformat()})
        seen.add(person.id)
        deputy = people.by_id.get(away.deputy) if away.deputy is not None else None
        if deputy is None or deputy.id in seen:
            return None, "duty"
        person, chosen = deputy, "deputy"
    return person, chosen
