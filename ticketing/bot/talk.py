"""Dialogues: the bot asks, a person writes, and what was said is shown, then done. Each step is one transaction."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from config.languages import N_, language
from config.timezone import ALMATY
from ticketing import people
from ticketing.attaching import photos_of
from ticketing.bot import dialogue
from ticketing.bot.cards import Cards, Where
from ticketing.bot.dialogue import Dialogue
from ticketing.bot.effects import Answer, Edit, Effect, Fetch, Say
from ticketing.bot.forms import FORMS, NotReadable, fields_of, filled, missing, read
from ticketing.citizens import day
from ticketing.notify.buttons import Button, Press, Rows
from ticketing.notify.mask import clean, shortened
from ticketing.people import Account
from ticketing.reply import SAID
from ticketing.service import Actor, Refused
from ticketing.store import ticket_by_number

CONFIRM = "confirm"
SHOWN = 2800
"""Characters of what was written that are shown before it is done; with the warnings it stays below 4,096."""

GONE = N_("This is done already, or its time is over.")


def whole_text(text: str) -> str:
    """What somebody wrote, as they wrote it, cut where Telegram would refuse it."""
    kept = text if len(text.encode("utf-16-le")) // 2 <= SHOWN else shortened(text, SHOWN // 2, 200)
    return html.escape(kept, quote=False)


class Talk:
    """Takes dialogues a step on."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self._service = cards.service

    # --- begin

    def begin(self, c: Connection, form: str, row: Row[Any], person: Account, card: Where, nonce: int, now: datetime,
              **data: Any) -> Sequence[Effect]:
        """Ask the first question, always in private: what staff write in a group would be a post of it."""
        assert person.telegram_id is not None, "who writes to the bot is bound"
        given = data.pop("given", {})
        one = Dialogue(person.telegram_id, person.id, row.number, form, "", {**data, "given": given, "card": list(card)}, nonce, None)
        return (self._on(c, one, person, now),)

    def again(self, c: Connection, person: Account, chat: int, now: datetime) -> Sequence[Effect]:
        """Say the question of a dialogue once more: nobody saw it."""
        one = dialogue.running(c, chat, person.id, now)
        return () if one is None else (self._question(c, one, person, now),)

    # --- steps

    def heard(self, c: Connection, one: Dialogue, text: str, person: Account, nonce: int, now: datetime) -> Sequence[Effect]:
        """Something was written while a dialogue is running."""
        _ = language(person.language).gettext
        if nonce <= one.nonce:
            return ()       # the same update once more
        if one.asked is None:
            return (self._question(c, one, person, now),)
        if one.step == "photo":
            return (self._question(c, replace(one, asked=None), person, now),)
        fields = [name for name, _ask in fields_of(FORMS[one.form], one.data, person.language, self._service.templates)]
        name = fields[-1] if one.step == CONFIRM else one.step      # written instead of pressing: another wording
        if one.step == CONFIRM and len(fields) > 1:
            return (self._question(c, one, person, now),)
        try:
            value = read(one.data, name, text, now, self._service.templates)
        except NotReadable as e:
            return (self._question(c, one, person, now, _(e.message) % e.params if e.params else _(e.message)),)
        data = {**one.data, "given": {**one.data["given"], name: value}}
        return self._further(c, replace(one, data=data, nonce=nonce, asked=None), person, now)

    def pictured(self, c: Connection, one: Dialogue, file: str, same: str, person: Account, now: datetime) -> Sequence[Effect]:
        """A photo came."""
        _ = language(person.language).gettext
        if one.step != "photo":
            return (self._question(c, one, person, now, _("Write it as a text.")),)
        try:
            named = self._service.photo_named(c, one.ticket, file, same, _actor(person), now)
        except Refused as e:
            dialogue.end(c, one.chat, one.account)
            return (Say(one.chat, html.escape(_(e.message_id) % e.params, quote=False)),)
        if named is None:
            return (Say(one.chat, _("This photo is attached already.")),)
        return (Fetch(named),)

    def pressed(self, c: Connection, press: Press, person: Account, where: Where, query: str, nonce: int, now: datetime,
                ) -> Sequence[Effect]:
        """Send, change or cancel: of the dialogue whose question it stands under, and of no other."""
        _ = language(person.language).gettext
        one = dialogue.running(c, where[0], person.id, now)
        if one is None or one.nonce != press.ticket:
            return (Answer(query, _(GONE), True),)
        if press.action == "cancel":
            dialogue.end(c, one.chat, one.account)
            done = _("Done.") if one.step == "photo" else _("Cancelled: nothing was changed.")
            return (Answer(query, done), Edit(*where, done, ()))
        if one.step != CONFIRM:
            return (Answer(query, _(GONE), True),)
        if press.action == "send":
            return (Answer(query), *self._do(c, one, person, now, where))
        given = dict(one.data["given"])
        last = fields_of(FORMS[one.form], one.data, person.language, self._service.templates)[-1][0]
        old = given.pop(last)
        said = replace(one, data={**one.data, "given": {} if one.form == "extend" else given, "old": old if last == "text" else ""},
                       nonce=nonce, asked=None)
        return (Answer(query), self._on(c, said, person, now))

    def cancelled(self, c: Connection, person: Account, chat: int, now: datetime) -> Effect:
        """/cancel."""
        _ = language(person.language).gettext
        running = dialogue.running(c, chat, person.id, now) is not None
        dialogue.end(c, chat, person.id)
        return Say(chat, _("Cancelled: nothing was changed.") if running else _("There is nothing to cancel."))

    def fetched(self, c: Connection, photo_id: int, content: bytes, now: datetime) -> Sequence[Effect]:
        """The content of a photo is here, or (empty) cannot be had."""
        kept = self._service.photo_kept(c, photo_id, content, now) if content else self._service.photo_failed(c, photo_id)
        person = people.by_id(c, kept.by) if kept is not None else None
        if kept is None or person is None or person.telegram_id is None:
            return ()
        _ = language(person.language).gettext
        if kept.state != "kept":
            return (Say(person.telegram_id, _("%s: the photo could not be taken; send it again, as a photo.") % _code(kept.ticket)),)
        known = len(photos_of(c, kept.ticket))
        where = _("with the answer") if kept.answer is not None else _("with the card")
        said = _("%(number)s: the photo is kept %(where)s. Photos: %(n)s") % {"number": _code(kept.ticket), "where": where, "n": known}
        return (Say(person.telegram_id, said),)

    # --- parts

    def _further(self, c: Connection, one: Dialogue, person: Account, now: datetime) -> Sequence[Effect]:
        form = FORMS[one.form]
        if missing(form, one.data, person.language, self._service.templates) is not None or form.confirm:
            return (self._on(c, one, person, now),)
        return self._do(c, one, person, now)

    def _on(self, c: Connection, one: Dialogue, person: Account, now: datetime) -> Effect:
        """Write down the next step and ask for it."""
        form = FORMS[one.form]
        following = missing(form, one.data, person.language, self._service.templates)
        if following is None and one.data.get("template"):
            row = ticket_by_number(c, one.ticket)
            assert row is not None, "a dialogue is about a card"
            one = replace(one, data=filled(one.data, row, now, self._service.templates))
        step = CONFIRM if following is None else following[0]
        return self._question(c, dialogue.put(c, replace(one, step=step), now), person, now)

    def _question(self, c: Connection, one: Dialogue, person: Account, now: datetime, wrong: str = "") -> Effect:
        _ = language(person.language).gettext
        form = FORMS[one.form]
        lines = [f"<b>{html.escape(one.ticket)}</b>"]
        if wrong:
            lines.append(f"⚠️ {html.escape(wrong, quote=False)}")
        rows: Rows = ((Button(_("Cancel"), Press("cancel", one.nonce)),),)
        if one.step == CONFIRM:
            lines += self._preview(c, one, person, now)
            go = _("Send") if form.public else _("Save")
            rows = ((Button(go, Press("send", one.nonce)), Button(_("Change"), Press("change", one.nonce))), *rows)
        elif one.step == "photo":
            lines.append(_(form.fields[0][1]))
            rows = ((Button(_("Done with photos"), Press("cancel", one.nonce)),),)
        else:
            asks = dict(fields_of(form, one.data, person.language, self._service.templates))
            template = bool(one.data.get("template"))
            ask = asks.get(one.step, form.fields[0][1])     # the knowledge may have lost the template meanwhile
            template = template and one.step in asks
            lines.append(html.escape(ask, quote=False) + ":" if template else _(ask))
            if one.data.get("old"):
                lines.append(f"<pre>{whole_text(one.data['old'])}</pre>")
        return Say(one.chat, "\n".join(lines), rows, dialogue=(one.chat, one.account, one.nonce), about=one.ticket)

    def _preview(self, c: Connection, one: Dialogue, person: Account, now: datetime) -> list[str]:
        """What would be said, and what the check warns of."""
        _ = language(person.language).gettext
        given, lines = one.data["given"], []
        if one.form in ("draft", "interim"):
            lines.append(f"<blockquote>{whole_text(given['text'])}</blockquote>")
            warnings = self._service.warnings_of(c, one.ticket, given["text"], now)
            lines += [f"⚠️ {html.escape(_(SAID[w]), quote=False)}" for w in warnings if w in SAID]
            for promise in self._service.promises(given["text"], now.astimezone(ALMATY).date())[:3]:
                lines.append(_("It promises something by %s.") % f"{promise.due:%d.%m.%Y}")
        elif one.form == "extend":
            until = datetime.fromisoformat(given["day"]).replace(hour=12, tzinfo=ALMATY)
            lines.append(_("Until %(date)s. Reason: %(reason)s") % {
                "date": day(until, person.language), "reason": whole_text(given["reason"])})
        elif one.form == "outside":
            known = self._service.desk.procedure.bodies.get(given["body"])
            name = known.in_(person.language) if known is not None else given["body"]
            lines.append(_("It goes to: %s. The citizen is told.") % whole_text(clean(name)))
        else:
            lines.append(f"<blockquote>{whole_text(given['text'])}</blockquote>")
        if FORMS[one.form].public:
            lines.append(_("Is it to go out so?"))
        return lines

    def _do(self, c: Connection, one: Dialogue, person: Account, now: datetime, at: Where | None = None) -> Sequence[Effect]:
        """Call the verb. What it refuses is said, and what was written is not lost: it can be changed or sent again."""
        _ = language(person.language).gettext
        form = FORMS[one.form]
        row = ticket_by_number(c, one.ticket)
        assert row is not None, "a dialogue is about a card"
        try:
            form.call(self._service, c, row, one.data, _actor(person), now)
        except Refused as e:
            if not form.confirm:        # asked once more, with what was written beside it
                last = form.fields[-1][0]
                given = {name: value for name, value in one.data["given"].items() if name != last}
                one = replace(one, step=last, data={**one.data, "given": given, "old": one.data["given"].get(last, "")})
            kept = dialogue.put(c, replace(one, asked=None), now)
            return (self._question(c, kept, person, now, _(e.message_id) % e.params),)
        dialogue.end(c, one.chat, one.account)
        after = ticket_by_number(c, one.ticket)
        assert after is not None, "a card does not vanish"
        effects: list[Effect] = [self._cards.say(c, after, person, one.chat, now, heading=f"✔️ {_(form.done)}")]
        if at is not None:
            effects.insert(0, Edit(*at, f"✔️ {_(form.done)}", ()))
        card = tuple(one.data.get("card") or ())
        if len(card) == 2 and card[0] < 0:
            effects += self._cards.edit(c, one.ticket, person, (card[0], card[1]), now)
        return effects


def _actor(person: Account) -> Actor:
    return Actor(person.id, person.role, person.office)


def _code(number: str) -> str:
    return f"<code>{html.escape(number)}</code>"
