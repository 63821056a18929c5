"""What a press on a whole card does: opens a choice, begins a dialogue, or calls a verb. The rights are the service's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from config.languages import N_, language
from ticketing import people
from ticketing import ticket as rules
from ticketing.answering import answers_of
from ticketing.attaching import photos_of
from ticketing.bot.cards import Cards, Where
from ticketing.bot.effects import Answer, Effect, Say, Show
from ticketing.bot.talk import Talk, whole_text
from ticketing.bot.whole import chooser, tag
from ticketing.citizens import family, threads
from ticketing.notify.buttons import Button, Press, Rows
from ticketing.people import Account
from ticketing.reply.templates import KINDS, choose
from ticketing.routing import ANSWERING
from ticketing.service import Actor, Refused
from ticketing.store import ticket_by_number
from ticketing.tables import account, merge_proposal

OUT_OF_USE = N_("This button is out of use.")
_VERSION = re.compile(r"(\d{1,18})v(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press on a whole card, with all that handling it needs."""

    c: Connection
    press: Press
    row: Row[Any]
    person: Account
    where: Where
    query: str
    nonce: int
    now: datetime

    @property
    def actor(self) -> Actor:
        return Actor(self.person.id, self.person.role, self.person.office)

    @property
    def number(self) -> str:
        return str(self.row.number)

    def say(self, message: str) -> str:
        """In the reader's language."""
        return language(self.person.language).gettext(message)


class Acts:
    """The actions of whole cards."""

    def __init__(self, cards: Cards, talk: Talk) -> None:
        self._cards, self._talk, self._service = cards, talk, cards.service
        self._ways: Mapping[str, Callable[[Pressed], Sequence[Effect]]] = {
            "accept": self._accept, "back": self._back, "assign": self._assign, "ask": self._ask, "reply": self._reply,
            "interim": self._interim, "extend": self._extend, "outside": self._outside, "take_back": self._take_back,
            "draft": self._draft, "approve": self._approve, "return": self._return, "publish": self._publish, "close": self._close,
            "photo": self._photo, "not_examine": self._not_examine, "reopen": self._reopen, "merge": self._merge,
            "dismiss": self._dismiss, "unmerge": self._unmerge, "pause": self._pause, "resume": self._resume,
            "recount": self._recount}

    def knows(self, press: Press) -> bool:
        """Whether this is a press on a whole card."""
        return press.action in self._ways and (press.action not in ("accept", "back") or press.choice == "w")

    def on(self, p: Pressed) -> Sequence[Effect]:
        """Do it. Raises Refused as the service does."""
        return self._ways[p.press.action](p)

    # --- at once

    def _accept(self, p: Pressed) -> Sequence[Effect]:
        fresh = self._service.accept(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("Accepted: %s")) % p.number if fresh else p.say(N_("You have accepted it already.")))

    def _back(self, p: Pressed) -> Sequence[Effect]:
        return (Answer(p.query), *self._again(p))

    def _approve(self, p: Pressed) -> Sequence[Effect]:
        found = _VERSION.fullmatch(p.press.choice)
        if found is None:
            return self._strange(p)
        done = self._service.approve(p.c, p.number, int(found[1]), p.actor, p.now, version=int(found[2]))
        return self._done(p, p.say(N_("Approved.")) if done else p.say(N_("You have approved it already.")))

    def _take_back(self, p: Pressed) -> Sequence[Effect]:
        self._service.take_back(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("Taken back.")))

    def _close(self, p: Pressed) -> Sequence[Effect]:
        self._service.close(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("The card is closed.")))

    def _unmerge(self, p: Pressed) -> Sequence[Effect]:
        self._service.unmerge(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("Parted: it goes on by itself.")))

    def _merge(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "merge")
        found = self._proposal(p)
        if found is None or found.state != "open":
            raise Refused(N_("Somebody has decided this already."))
        self._service.merge(p.c, found.into, [found.ticket], p.actor, p.now)
        return self._done(p, p.say(N_("Merged: %s answers for both.")) % found.into)

    def _dismiss(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "merge")
        found = self._proposal(p)
        if found is None or not self._service.dismiss(p.c, p.number, found.id, p.actor, p.now):
            raise Refused(N_("Somebody has decided this already."))
        return self._done(p, p.say(N_("Different matters: not proposed again.")))

    def _proposal(self, p: Pressed) -> Row[Any] | None:
        if not p.press.choice.isdigit():
            return None
        return p.c.execute(select(merge_proposal).where(merge_proposal.c.id == int(p.press.choice[:18]), or_(
            merge_proposal.c.ticket == p.number, merge_proposal.c.into == p.number))).one_or_none()

    # --- a choice first

    def _assign(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "assign")
        choice = p.press.choice
        departments = sorted(set(p.c.execute(select(account.c.department).where(
            account.c.office == p.row.office, account.c.disabled_at.is_(None), account.c.department != "")).scalars()))
        if choice.startswith("p") and choice[1:].isdigit():
            done = self._service.assign(p.c, p.number, int(choice[1:10]), None, p.actor, p.now)
        elif choice.startswith("d"):
            named = next((d for d in departments if tag(d) == choice[1:]), None)
            if named is None:
                return self._strange(p)
            done = self._service.assign(p.c, p.number, None, named, p.actor, p.now)
        else:
            people_ = self._colleagues(p, ANSWERING)
            choices = [*((f"🏢 {d}", Press("assign", p.row.id, f"d{tag(d)}")) for d in departments),
                       *((name, Press("assign", p.row.id, f"p{id_}")) for id_, name in people_ if id_ != p.row.responsible)]
            return self._choose(p, choices, "assign", N_("To whom?"))
        if not done:
            return self._done(p, p.say(N_("It is there already.")))
        after = ticket_by_number(p.c, p.number)
        assert after is not None, "a card does not vanish"
        name = people.by_id(p.c, after.responsible).name if after.responsible is not None else after.department  # type: ignore[union-attr]
        return self._done(p, (p.say(N_("Given to: %s")) % name)[:200])

    def _ask(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "ask")
        choice = p.press.choice
        if choice == "c":
            return self._begin(p, "ask_citizen")
        if choice.startswith("p") and choice[1:].isdigit():
            known = {id_ for id_, _n in self._colleagues(p, ANSWERING | {"press"})}
            if int(choice[1:10]) not in known:
                raise Refused(N_("There is no such person in this office."))
            return self._begin(p, "ask", colleague=int(choice[1:10]))
        choices = [(p.say(N_("The citizen, in public")), Press("ask", p.row.id, "c")),
                   *((name, Press("ask", p.row.id, f"p{id_}")) for id_, name in self._colleagues(p, ANSWERING | {"press"})
                     if id_ != p.person.id)]
        return self._choose(p, choices, "ask", N_("Whom?"))

    def _outside(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "redirect_outside")
        choice, bodies = p.press.choice, self._service.desk.procedure.bodies
        if choice == "t":
            return self._begin(p, "outside")
        if choice.startswith("b"):
            code = next((code for code in bodies if tag(code) == choice[1:]), None)
            return self._strange(p) if code is None else self._begin(p, "outside", given={"body": code})
        choices = [(b.in_(p.person.language), Press("outside", p.row.id, f"b{tag(code)}")) for code, b in bodies.items()]
        choices.insert(0, (p.say(N_("Another: type its name")), Press("outside", p.row.id, "t")))
        return self._choose(p, choices, "outside", N_("To which body?"))

    def _draft(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "draft")
        choice = p.press.choice
        standing = next((a for a in answers_of(p.c, p.number) if a.kind == "final" and a.state in ("draft", "approved")), None)
        known = {} if standing is None else {"answer": standing.id, "version": standing.version}
        fitting = choose(self._service.templates, p.row.topic)
        if choice == "f":
            return self._begin(p, "draft", **known, old=standing.text if standing is not None else "")
        if choice == "s" and standing is not None and standing.text and p.where[0] > 0:
            return (Answer(p.query), *(Say(p.where[0], whole_text(part), about=p.number) for part in _parts(standing.text)))
        if choice.startswith("t"):
            id_ = next((t.id for t in fitting if tag(t.id) == choice[1:]), None)
            return self._strange(p) if id_ is None else self._begin(
                p, "draft", **known, template=id_, given={"number": p.number} if self._numbered(id_) else {})
        choices = [(p.say(N_("In my own words")), Press("draft", p.row.id, "f"))]
        if standing is not None and p.where[0] > 0:
            choices.append((p.say(N_("Show the whole answer")), Press("draft", p.row.id, "s")))
        choices += [(f"{p.say(KINDS.get(t.kind, t.kind))}: {(t.ru if p.person.language == 'ru' else t.kk).split('! ', 1)[-1]}",
                     Press("draft", p.row.id, f"t{tag(t.id)}")) for t in fitting]
        return self._choose(p, choices, "draft", N_("From a template, or in your own words?"))

    def _numbered(self, id_: str) -> bool:
        return any(v.name == "number" for t in self._service.templates if t.id == id_ for v in t.variables)

    def _publish(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "publish")
        id_, sure = p.press.choice.removesuffix("y"), p.press.choice.endswith("y")
        if not id_.isdigit() or len(id_) > 18:
            return self._strange(p)
        if not sure:
            places = [t for t in threads(p.c, family(p.c, p.number)) if not t.gone]
            networks = ", ".join(sorted({t.network for t in places}))[:30]
            said = p.say(N_("The answer goes to %(n)s threads: %(networks)s. Publish?")) % {"n": len(places), "networks": networks}
            yes = (Button(p.say(N_("Yes, publish")), Press("publish", p.row.id, f"{id_}y")),
                   Button(p.say(N_("Back")), Press("back", p.row.id, "w")))
            return (Answer(p.query, said[:200], True), *self._again(p, (yes,)))
        self._service.publish(p.c, p.number, int(id_), p.actor, p.now)
        return self._done(p, p.say(N_("The answer is on its way.")))

    def _not_examine(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "not_examine")
        choice, grounds = p.press.choice, self._service.desk.procedure.grounds
        if choice[:1] in ("g", "y"):
            found = next((g for g in grounds.values() if tag(g.code) == choice[1:]), None)
            if found is None:
                return self._strange(p)
            if choice[0] == "y":
                self._service.not_examine(p.c, p.number, found.code, p.actor, p.now)
                return self._done(p, p.say(N_("Left without examination; the citizen is told the ground.")))
            said = f"{found.in_(p.person.language)} ({found.article.in_(p.person.language)})"
            yes = (Button(p.say(N_("Yes, on this ground")), Press("not_examine", p.row.id, f"y{choice[1:]}")),
                   Button(p.say(N_("Back")), Press("back", p.row.id, "w")))
            return (Answer(p.query, said[:200], True), *self._again(p, (yes,)))
        choices = [(g.in_(p.person.language), Press("not_examine", p.row.id, f"g{tag(g.code)}")) for g in grounds.values()]
        return self._choose(p, choices, "not_examine", N_("On which ground?"))

    # --- a dialogue

    def _reply(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "reply")
        return self._begin(p, "reply", question=int(p.press.choice)) if _id(p.press.choice) else self._strange(p)

    def _return(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "return")
        return self._begin(p, "return", answer=int(p.press.choice)) if _id(p.press.choice) else self._strange(p)

    def _interim(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "interim")
        return self._begin(p, "interim")

    def _extend(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "extend")
        return self._begin(p, "extend")

    def _pause(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "pause")
        return self._begin(p, "pause")

    def _resume(self, p: Pressed) -> Sequence[Effect]:
        done = self._service.resume(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("The clock goes on.")) if done else p.say(N_("The clock does not stand.")))

    def _recount(self, p: Pressed) -> Sequence[Effect]:
        done = self._service.recount(p.c, p.number, p.actor, p.now)
        return self._done(p, p.say(N_("Counted again: a date is earlier.")) if done else p.say(N_("The dates stay as they are.")))

    def _reopen(self, p: Pressed) -> Sequence[Effect]:
        self._may(p, "reopen")
        return self._begin(p, "reopen")

    def _photo(self, p: Pressed) -> Sequence[Effect]:
        if p.press.choice != "s":
            self._may(p, "photo")
            return self._begin(p, "photo")
        privacy = (self._cards.wording.privacy or {}).get(p.row.office, self._cards.wording.default_privacy)
        if p.where[0] < 0 and privacy == "none":
            raise Refused(N_("This office shows no photos in groups: look at it in private."))
        return (Answer(p.query), *(Show(p.where[0], one.file, about=p.number) for one in photos_of(p.c, p.number)))

    # --- parts

    def _may(self, p: Pressed, right: str) -> None:
        """Refuse before anything is typed what the service would refuse after it."""
        if not rules.may(p.person.role, right):
            raise Refused(N_("Your role does not allow this."))
        self._service.expect_allowed(right, p.row)

    def _begin(self, p: Pressed, form: str, **data: Any) -> Sequence[Effect]:
        said = p.say(N_("I ask you in private.")) if p.where[0] < 0 else ""
        back = self._again(p) if p.press.choice != "w" and p.press.action in ("ask", "outside", "draft") else ()
        return (Answer(p.query, said), *back, *self._talk.begin(p.c, form, p.row, p.person, p.where, p.nonce, p.now, **data))

    def _choose(self, p: Pressed, choices: Sequence[tuple[str, Press]], action: Any, question: str) -> Sequence[Effect]:
        """The choices in place of the buttons; `n2` in the press is the third page of them."""
        paged = re.fullmatch(r"n(\d{1,3})", p.press.choice, re.ASCII)
        at = int(paged[1]) if paged else 0
        rows = chooser(choices, Press("back", p.row.id, "w"), p.person.language, at, Press(action, p.row.id, f"n{at + 1}"))
        return (Answer(p.query, p.say(question)), *self._again(p, rows))

    def _again(self, p: Pressed, instead: Rows | None = None) -> Sequence[Effect]:
        return self._cards.edit(p.c, p.number, p.person, p.where, p.now, instead)

    def _done(self, p: Pressed, said: str) -> Sequence[Effect]:
        return (Answer(p.query, said[:200]), *self._again(p))

    @staticmethod
    def _strange(p: Pressed) -> Sequence[Effect]:
        return (Answer(p.query, p.say(OUT_OF_USE), True),)

    def _colleagues(self, p: Pressed, roles: frozenset[str]) -> list[tuple[int, str]]:
        """Who works for the office of the card in one of these roles, those of the office itself first."""
        above = self._cards.registry.ancestors(p.row.office) if p.row.office in self._cards.registry else ()
        away = people.away(p.c, p.now)
        found = [a for a in people.everybody(p.c) if a.role in roles and people.may_act(a, p.row.office, above)]
        found.sort(key=lambda a: (a.office != p.row.office, a.id in away, a.name))
        return [(a.id, a.name + (f" · {p.say(N_('away'))}" if a.id in away else "")) for a in found]


def _id(choice: str) -> bool:
    return choice.isascii() and choice.isdigit() and len(choice) <= 18


def _parts(text: str) -> list[str]:
    """A long text as several messages."""
    return [text[i:i + 1400] for i in range(0, len(text), 1400)]
