"""What an office has settled before the first post comes: calendar, terms, number, routing, accounts of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.procedure import Procedure, bundled, load_procedure
from config.settings import ARTICLES, EXTERNAL_FORMAT, NUMBER_FORMAT, Office, Settings, Terms
from config.workdays import BUNDLED, load_workdays
from monitor.core.knowledge import Knowledge
from ticketing.confirming import Confirming, settled_by
from ticketing.deadlines import Calendar, CountFrom, Term, with_article
from ticketing.routing import Rule


@dataclass(frozen=True, slots=True)
class OfficeRules:
    """One office's own terms; the defaults are those of config.settings.Office, with their sources there."""

    code: str
    calendar: Calendar
    first_reaction: Term
    first_reaction_urgent: Term
    final: Term
    count_from: CountFrom = "same"
    number_format: str = NUMBER_FORMAT
    redirect: Term = field(default_factory=lambda: Term(3, "wd", "redirect", ARTICLES["redirect"]))
    tell: Term = field(default_factory=lambda: Term(3, "wd", "tell", ARTICLES["tell"]))
    extension_inquiry: Term = field(default_factory=lambda: Term(15, "cd", "extension_inquiry", ARTICLES["extension_inquiry"]))
    extension_months: int = 2
    approved_by: str = "head"
    pause: Term | None = None
    """How long at most a term stands while the citizen is asked for what is missing; None: it does not stand."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything intake and the staff's verbs need to know that is not in the database.

    `offices` None: nobody configured any, so every akimat registers for itself.
    """

    knowledge: Knowledge
    offices: Mapping[str, OfficeRules] | None
    fallback: OfficeRules
    routing: tuple[Rule, ...] = ()
    own_accounts: frozenset[str] = field(default_factory=frozenset)
    procedure: Procedure = field(default_factory=bundled)
    external_format: re.Pattern[str] = re.compile(EXTERNAL_FORMAT)
    confirming: Confirming = field(default_factory=lambda: Confirming({}, ""))

    def office_of(self, akimat: str) -> str | None:
        """The registering office: the nearest configured one at or above the addressee."""
        if self.offices is None:
            return akimat if akimat in self.knowledge.registry else None
        return next((code for code in self.knowledge.registry.ancestors(akimat) if code in self.offices), None)

    def rules_of(self, office: str) -> OfficeRules:
        """The terms of an office."""
        return (self.offices or {}).get(office, self.fallback)

    def is_own(self, author: str) -> bool:
        """Whether an account is an office's own: its posts never become tickets."""
        return bool(author) and handle(author) in self.own_accounts


_BESIDE_NAME = re.compile(r"\(@([\w.@-]+)\)$")


def handle(account: str) -> str:
    """An account's name as it is compared: without @, case and address; of "Name (@account)" the account."""
    named = _BESIDE_NAME.search(account)
    if named:
        account = named[1]
    return account.strip().rstrip("/").rsplit("/", 1)[-1].removeprefix("@").casefold()


def desk(settings: Settings | None, knowledge: Knowledge, days: Path = BUNDLED) -> Desk:
    """The desk that a config describes; without one, every akimat registers for itself and the duty officer answers.

    `days` is the calendar file of the knowledge folder. Raises ConfigErrors or Unreadable.
    """
    default = Calendar(load_workdays(bundled=days))
    beside = days.with_name("procedure.yaml")       # a folder of an operator's own need not have one
    procedure = load_procedure(beside) if beside.exists() else bundled()
    fallback = _office_rules("", Office.model_construct(terms=Terms(), count_from="same", answers_approved_by="head", pause_while_asked=""), NUMBER_FORMAT, default)
    accounts = {handle(name) for name in knowledge.accounts} | {
        handle(name) for akimat in knowledge.registry for name in akimat.accounts}
    if settings is None:
        return Desk(knowledge, None, fallback, (), frozenset(accounts), procedure)
    accounts |= {handle(name) for office in settings.offices for name in office.accounts}
    offices = {o.code: _office_rules(o.code, o, settings.number_format, _calendar(o, days)) for o in settings.offices}
    routing = tuple(Rule(r.place, frozenset(r.akimat), frozenset(r.topic), r.department, r.responsible, r.role)
                    for r in settings.routing)
    return Desk(knowledge, offices or None, replace(fallback, number_format=settings.number_format), routing,
                frozenset(accounts), procedure, re.compile(settings.external_number_format), settled_by(settings))


def _calendar(office: Office, days: Path) -> Calendar:
    return Calendar(load_workdays(office.holidays, bundled=days), office.working_time)


def _office_rules(code: str, office: Office, number_format: str, calendar: Calendar) -> OfficeRules:
    def term(name: str) -> Term:
        return with_article(Term.parse(getattr(office.terms, name)), name, ARTICLES[name])

    return OfficeRules(code, calendar, term("first_reaction"), term("first_reaction_urgent"), term("final"),
                       office.count_from, number_format, term("redirect"), term("tell"), term("extension_inquiry"),
                       office.terms.extension_months, office.answers_approved_by,
                       Term.parse(office.pause_while_asked, "pause") if office.pause_while_asked else None)
