"""The clock of a term stands while the citizen is asked for what is missing, and goes on; dates that a published calendar brings nearer.

No norm on such pauses was found for messages from social networks [M]: whether and how long the clock may stand is each
office's own setting, off by default. Only the final answer's clock stands: to ask is a first reaction or none.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, select, type_coerce

from config.languages import N_
from config.timezone import ALMATY
from ticketing import redated
from ticketing import ticket as rules
from ticketing.acting import Actor, Move, Refused, state_of
from ticketing.citizens import day, notice
from ticketing.deadlines import NotNow, Term, paused, recounted, resumed
from ticketing.desk import OfficeRules
from ticketing.life import Life
from ticketing.tables import ticket


class Pausing(Life):
    """What stops a clock and lets it go on."""

    def pause(self, c: Connection, number: str, text: str, actor: Actor, now: datetime) -> bool:
        """Ask the citizen for what is missing; until the reply, and no longer than the office has settled, the clock stands."""
        row = self._ticket(c, number, actor, "pause")
        self._allowed("pause", row)
        own = self._rules(row)
        if own.pause is None:
            raise Refused(N_("This office has not settled that a term may stand (pause_while_asked): ask without it."))
        if row.paused_until is not None:
            return False
        self._alone(c, row)
        steps = row.due_final_derivation
        if any(step.get("step") == "resumed" for step in steps):
            raise Refused(N_("The term of %(number)s stood once already: it does not stand again."), number=row.number)
        until = redated.counted(now, own.pause, own).at
        try:
            stands = paused(redated.own_steps(steps), "asked", now)
            longest = resumed(stands.derivation, own.calendar, until, provisional=True).at
        except NotNow as e:
            raise Refused(N_("The term of %(number)s is over: it cannot stand any more."), number=row.number) from e
        last, _rule = redated.limit(redated.began(steps, row.received_at), row.due_final, row.kind, own)
        if _day(longest) > last:
            raise Refused(N_("The term could then end after %(date)s, the last day that the law allows."), date=last.strftime("%d.%m.%Y"))
        asked = self.ask(c, row.number, text, None, actor, now, beside=lambda tongue: notice(
            "paused", tongue, lambda code: {"date": day(until, code)}))
        self._enter(c, now, actor, Move(row, "pause", {"question": asked, "until": until.isoformat()},
                                        columns={"due_final_derivation": list(stands.derivation)}))
        return True

    def resume(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Let the clock go on: the working time for which it stood is added to the date."""
        row = self._ticket(c, number, actor, "resume")
        if row.paused_until is None:
            return False
        self._allowed("resume", row)
        self._enter(c, now, actor, resumption(row, self._rules(row), now, "by_hand"))
        return True

    def _goes_on(self, row: Row[Any], now: datetime) -> Move:
        return resumption(row, self._rules(row), now, "replied")

    def recount(self, c: Connection, number: str, actor: Actor, now: datetime) -> bool:
        """Count the dates again by the calendar in force, where that makes one earlier; never to a later one."""
        row = self._ticket(c, number, actor, "recount")
        self._allowed("recount", row)
        found = earlier(row, self._rules(row), now)
        if not found:
            return False
        state = state_of(c, row.number)
        columns: dict[str, Any] = {}
        for name, (at, steps) in found.items():
            columns[f"{name}_derivation"] = redated.with_members(steps, at, state.members, name)
        details = {name: at.isoformat() for name, (at, _steps) in found.items()}
        self._enter(c, now, actor, Move(row, "recount", {**details, "calendar": self._rules(row).calendar.version}, columns=columns))
        return True

    def clocks(self, c: Connection, now: datetime, limit: int = 100) -> int:
        """By the program: clocks that stood as long as they may go on, and dates that were provisional are counted again.
        Returns how many cards were touched."""
        program, touched = Actor(None, "system"), 0
        for number in c.execute(_over(now).limit(limit)).scalars().all():
            row = self._ticket(c, number, program, "resume")
            self._enter(c, now, program, resumption(row, self._rules(row), now, "longest"))
            touched += 1
        return touched

    def published(self, c: Connection, now: datetime) -> int:
        """By the program: open cards whose date was provisional, once the calendar of that year is there."""
        numbers = c.execute(select(ticket.c.number).where(ticket.c.status.in_(sorted(rules.OPEN)), type_coerce(
            ticket.c.due_final_derivation, Text).like('%"provisional"%')).order_by(ticket.c.id)).scalars().all()
        return sum(self.recount(c, number, Actor(None, "system"), now) for number in numbers)


def may_stand(c: Connection, row: Row[Any], own: OfficeRules) -> Term | None:
    """How long the clock of a card may stand; None where it may not (any more)."""
    if row.paused_until is not None or any(step.get("step") == "resumed" for step in row.due_final_derivation):
        return None
    merged = c.execute(select(ticket.c.id).where(ticket.c.merged_into == row.number).limit(1)).first()
    return own.pause if merged is None else None


def any_over(c: Connection, now: datetime) -> bool:
    """Whether a clock has stood as long as it may."""
    return c.execute(_over(now).limit(1)).first() is not None


def _over(now: datetime) -> Any:
    return select(ticket.c.number).where(ticket.c.paused_until <= now, ticket.c.status.in_(sorted(rules.OPEN))).order_by(ticket.c.id)


def resumption(row: Row[Any], own: OfficeRules, now: datetime, why: str) -> Move:
    """The entry by which a clock goes on; whoever is late does not make it stand longer than was settled."""
    at = min(now, row.paused_until)
    goes_on = resumed(row.due_final_derivation, own.calendar, at, provisional=True)
    return Move(row, "resume", {"at": at.isoformat(), "why": why, "due_final": goes_on.at.isoformat()},
                columns={"due_final_derivation": list(goes_on.derivation)})


def earlier(row: Row[Any], own: OfficeRules, now: datetime) -> dict[str, tuple[datetime, list[dict[str, Any]]]]:
    """The dates of a card that the calendar in force makes earlier, with their derivations."""
    found = {}
    for name in rules.DUES:
        if name == "due_first" and row.first_reaction_at is not None:
            continue
        try:
            anew = recounted(redated.own_steps(getattr(row, f"{name}_derivation")), own.calendar, own.count_from, now)
        except (ValueError, KeyError, StopIteration):
            continue    # a derivation that proves nothing: `register verify` tells it, the card is shown all the same
        if anew is not None and anew.at < getattr(row, name):
            found[name] = (anew.at, list(anew.derivation))
    return found


def _day(moment: datetime) -> date:
    return moment.astimezone(ALMATY).date()
