"""The bot for staff: bind, list, accept, not ours. All work is done by `ticketing.service` and `ticketing.people`.

It is a plain function of an update inside the transaction that deletes the update's row; python-telegram-bot parses the
update and sends. (Its Application runs handlers outside any transaction and swallows their errors, so it has no part.)
Nothing is remembered between updates: what a press or a reply needs lies in the button or in the message replied to.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, Update
from telegram.constants import ChatType

from config.languages import N_, language
from monitor.store.verdicts import judged_post
from ticketing import people
from ticketing import ticket as rules
from ticketing.bot import candidates
from ticketing.notify import queries
from ticketing.notify.buttons import Button, Press, Rows, pressed
from ticketing.notify.message import WAITING, Item, Person, Wording
from ticketing.people import Account
from ticketing.service import Actor, Refused, Service
from ticketing.store import ticket_by_number
from ticketing.tables import account, staff_message, ticket_post

LISTED = 10
BUTTONS_OF_LIST = 5

_SEARCHABLE = 100
"""Characters of a typed name that are read."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send a message; `ticket` makes it a card that is edited when it is taken, `asks` wants a reply to it."""

    chat: int
    html: str
    rows: Rows = ()
    ticket: str | None = None
    account: int = 0
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a press brings up at once; every press gets one."""

    query: str
    text: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Change a message."""

    chat: int
    message: int
    html: str
    rows: Rows


Effect = Say | Answer | Edit

_PROBLEMS: Mapping[str, str] = {
    "unknown": N_("This link is not valid. Ask your operator for a new one."),
    "used": N_("This link has been used already. Ask your operator for a new one."),
    "expired": N_("This link has expired: it holds for 24 hours. Ask your operator for a new one."),
    "left": N_("This account is closed. Ask your operator."),
    "taken": N_("This Telegram account belongs to another employee already. Ask your operator."),
}

_STRANGER = N_("This bot is for the staff of akimats. Ask the operator of your office for a personal link "
               "(user link) and open it: it connects your Telegram.")


def both(message: str) -> str:
    """A message for somebody whose language is not known: Kazakh, then Russian."""
    return f"{language('kk').gettext(message)}\n\n{language('ru').gettext(message)}"


class StaffBot:
    """What an update makes happen, and what is said to it."""

    def __init__(self, service: Service, wording: Wording) -> None:
        self._service = service
        self.wording = wording
        self._registry = service.desk.knowledge.registry

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Effect]:
        """Do what the update asks for. Raises for what is no update, and for our own faults."""
        arrived = Update.de_json(dict(payload), None)
        if arrived.callback_query is not None:
            return self._press(c, arrived.callback_query, now)
        message = arrived.message
        if message is None or message.chat.type != ChatType.PRIVATE or message.from_user is None or not message.text:
            return ()
        return self._text(c, message, now)

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Effect]:
        """A press must not be left spinning while its work is tried again."""
        query = payload.get("callback_query")
        if not isinstance(query, Mapping) or "id" not in query:
            return ()
        late = both(N_("Not done yet: a fault on our side. It will be tried again."))
        return (Answer(str(query["id"]), late[:200], True),)

    # --- presses

    def _press(self, c: Connection, query: CallbackQuery, now: datetime) -> Sequence[Effect]:
        person = people.by_telegram(c, query.from_user.id)
        if person is None:
            return (Answer(query.id, both(N_("You are not connected to any office."))[:200], True),)
        _ = language(person.language).gettext
        press = pressed(query.data or "")
        at = query.message
        if press is None or at is None:
            return (Answer(query.id, _("This button is out of use."), True),)
        where = (at.chat.id, at.message_id)
        if press.action == "language":
            return (*self._speak(c, person, press.choice, where[0]), Answer(query.id))
        if press.action == "next":
            return self._next(c, person, where[0], query.id, now)
        row = queries.ticket_by_id(c, press.ticket)
        if row is None:
            return (Answer(query.id, _("There is no such card."), True),)
        if not self._of_office(person, row):
            return (Answer(query.id, _("This belongs to another office."), True),)
        self._follow(c, at, where, person)
        try:
            return self._on_ticket(c, person, press, row, where, query.id, now)
        except Refused as e:
            # The buttons said more than is true: put them right where the card no longer waits.
            return (Answer(query.id, self._refusal(e, person)[:200], True), *self._put_right(c, where, now))

    def _on_ticket(self, c: Connection, person: Account, press: Press, row: Row[Any], where: tuple[int, int],
                   query: str, now: datetime) -> Sequence[Effect]:
        _ = language(person.language).gettext
        actor = Actor(person.id, person.role, person.office)
        chat = where[0]
        if press.action == "accept":
            fresh = self._service.accept(c, row.number, actor, now)
            said = _("Accepted: %s") % row.number if fresh else _("You have accepted it already.")
            return (Answer(query, said), *self._put_right(c, where, now))
        if press.action == "show":
            return (Answer(query), *self._card(c, person, row.number, chat, now))
        if press.action == "back":
            return (Answer(query), *self._put_right(c, where, now))
        if not rules.may(person.role, "redirect"):
            return (Answer(query, _("Your role does not allow this."), True),)
        if row.status not in rules.OPEN:
            return (Answer(query, _("This card is not open any more."), True), *self._put_right(c, where, now))
        if press.action == "not_ours":
            choices = {row.id: self._choices(c, row, person)}
            return (Answer(query, _("Whose is it?")), *self._put_right(c, where, now, choices))
        if press.action == "type":
            asked = _("%s: write the name of the akimat as a reply to this message.") % _code(row.number)
            return (Answer(query), Say(chat, asked, asks=True))
        moved = self._service.redirect(c, row.number, press.choice, actor, now)
        name = self.wording.names.akimat(press.choice, person.language)
        said = _("Redirected: %s") % name + ("" if moved == row.number else f" · {moved}")
        return (Answer(query, said[:200]), *self._put_right(c, where, now))

    def _put_right(self, c: Connection, where: tuple[int, int], now: datetime,
                   instead: Mapping[int, Rows] | None = None) -> Sequence[Effect]:
        """The message that was pressed, as its cards stand now."""
        message = queries.shown_in(c, *where)
        if message is None:
            return ()
        said = self.wording.cards(message.items, message.person, now, instead)
        return (Edit(*where, said.html, said.rows),)

    def _choices(self, c: Connection, row: Row[Any], person: Account) -> Rows:
        _ = language(person.language).gettext
        named: list[str | None] = [(row.proposal or {}).get("redirect"), *(row.also or ())]
        origin = c.execute(select(ticket_post.c.post_id).where(ticket_post.c.ticket_id == row.id)
                           .order_by(ticket_post.c.post_id).limit(1)).scalar_one_or_none()
        judged = judged_post(c, origin) if origin is not None else None
        if judged is not None:
            named += [judged.verdict.akimat, *judged.verdict.candidates, *judged.verdict.also, judged.post.home]
        codes = candidates.likely(self._registry, row.akimat, named)
        return (*self._named(codes, row.id, person.language),
                (Button(_("Another: type its name"), Press("type", row.id)), Button(_("Back"), Press("back", row.id))))

    def _named(self, codes: Sequence[str], ticket: int, tongue: str) -> Rows:
        return tuple((Button(self.wording.names.akimat(code, tongue)[:60], Press("redirect", ticket, code)),)
                     for code in codes)

    def _follow(self, c: Connection, message: MaybeInaccessibleMessage, where: tuple[int, int], person: Account) -> None:
        """Remember the cards of a message that was sent just before a crash and so is not known; its buttons name them."""
        known = c.execute(select(staff_message.c.ticket).where(
            staff_message.c.chat == where[0], staff_message.c.message == where[1]).limit(1)).one_or_none()
        markup = message.reply_markup if isinstance(message, Message) else None
        if known is not None or markup is None:
            return
        presses = [pressed(str(button.callback_data)) for row in markup.inline_keyboard for button in row]
        ids = {press.ticket for press in presses if press is not None and press.action in ("accept", "not_ours")}
        rows = [queries.ticket_by_id(c, id_) for id_ in sorted(ids)]
        numbers = [row.number for row in rows if row is not None]
        if numbers:
            queries.remember(c, *where, numbers, person.id)

    # --- texts

    def _text(self, c: Connection, message: Message, now: datetime) -> Sequence[Effect]:
        chat, text = message.chat.id, message.text or ""
        command, rest = [*text.split(None, 1), "", ""][:2]
        command = command.partition("@")[0].lower()
        sender = message.from_user
        assert sender is not None, "handle() asked"
        if command == "/start" and rest.strip():
            return self._start(c, rest.strip(), sender.id, chat, now)
        person = people.by_telegram(c, sender.id)
        if person is None:
            # What a citizen writes to the bot is a post and goes its own way; only commands are meant for us.
            return (Say(chat, html.escape(both(_STRANGER), quote=False)),) if command.startswith("/") else ()
        _ = language(person.language).gettext
        if command == "/new":
            waiting = queries.waiting_for(c, _reader(person), LISTED)
            return (self._list(c, _("Cards waiting for you: %d"), waiting, person, chat, now),)
        if command == "/mine":
            accepted = queries.accepted_by(c, _reader(person), LISTED)
            return (self._list(c, _("Cards you have accepted: %d"), accepted, person, chat, now),)
        if command == "/lang":
            return self._speak(c, person, rest.strip().lower(), chat)
        if not command.startswith("/") and message.reply_to_message is not None:
            found = self._typed(c, person, message, now)
            if found:
                return found
        return (Say(chat, _help(person)),)

    def _start(self, c: Connection, token: str, telegram_id: int, chat: int, now: datetime) -> Sequence[Effect]:
        bound = people.bind(c, token, telegram_id, now)
        if bound.account is None:
            return (Say(chat, html.escape(both(_PROBLEMS[bound.problem]), quote=False)),)
        released = queries.release(c, "telegram", now)
        _ = language(bound.account.language).gettext
        hello = _("Hello, %s! New cards will come here.") % html.escape(bound.account.name, quote=False)
        greeting = Say(chat, f"{hello}\n\n{_help(bound.account)}")
        waiting = queries.waiting_for(c, _reader(bound.account), LISTED)
        if released or not waiting[0]:
            return (greeting,)
        # Others were told meanwhile: what waits comes as a list, not as messages that somebody has read.
        return (greeting, self._list(c, _("Cards waiting for you: %d"), waiting, bound.account, chat, now))

    def _speak(self, c: Connection, person: Account, tongue: str, chat: int) -> Sequence[Effect]:
        if tongue not in people.LANGUAGES:
            choice = (Button("Қазақша", Press("language", 0, "kk")), Button("Русский", Press("language", 0, "ru")))
            return (Say(chat, "Тіл · Язык", (choice,)),)
        c.execute(update(account).where(account.c.id == person.id).values(language=tongue))
        return (Say(chat, language(tongue).gettext(N_("Messages come in English from now on."))),)

    def _list(self, c: Connection, heading: str, found: tuple[int, list[str]], person: Account, chat: int,
              now: datetime) -> Say:
        count, numbers = found
        said = queries.facts(c, numbers, words=False)
        lines = [f"<b>{heading % count}</b>", *(self.wording.line(said[n], person.language, now) for n in numbers)]
        if count > len(numbers):
            lines.append("…")
        shown = [said[n] for n in numbers[:BUTTONS_OF_LIST]]
        return Say(chat, "\n".join(lines), tuple((Button(f.number[:60], Press("show", f.id)),) for f in shown))

    def _typed(self, c: Connection, person: Account, message: Message, now: datetime) -> Sequence[Effect]:
        """A name typed in reply to our question; () where it is a reply to something else."""
        asked, chat = message.reply_to_message, message.chat.id
        if asked is None or asked.from_user is None or not asked.from_user.is_bot or not asked.text:
            return ()
        row = ticket_by_number(c, asked.text.partition(":")[0])
        if row is None:
            return ()
        _ = language(person.language).gettext
        if not self._of_office(person, row) or not rules.may(person.role, "redirect"):
            return (Say(chat, _("Your role does not allow this.")),)
        codes = [code for code in candidates.search(self._registry, (message.text or "")[:_SEARCHABLE], row.akimat)
                 if code != row.akimat]
        number = _code(row.number)
        if not codes:
            again = _("%s: no akimat of that name. Write it once more as a reply to this message.") % number
            return (Say(chat, again, asks=True),)
        return (Say(chat, _("%s: whose is it?") % number, self._named(codes, row.id, person.language)),)

    # --- cards

    def _next(self, c: Connection, person: Account, chat: int, query: str, now: datetime) -> Sequence[Effect]:
        """The most pressing card that is not yet in this chat with its buttons."""
        _ = language(person.language).gettext
        here = set(c.execute(select(staff_message.c.ticket).where(
            staff_message.c.chat == chat, staff_message.c.open.is_(True))).scalars())
        count, numbers = queries.waiting_for(c, _reader(person), LISTED + len(here))
        for number in numbers:
            if number not in here:
                card = self._card(c, person, number, chat, now)
                more = (Button(_("Next"), Press("next")),)
                return (Answer(query), *(replace(say, rows=(*say.rows, more)) for say in card))
        said = _("No more cards are waiting.") if not count else _("All waiting cards are in this chat.")
        return (Answer(query, said, True),)

    def _card(self, c: Connection, person: Account, number: str, chat: int, now: datetime) -> Sequence[Say]:
        facts = queries.facts(c, [number], words=True)[number]
        card = self.wording.cards([Item(facts)], _reader(person), now)
        waits = facts.status in WAITING and bool(card.rows)
        return (Say(chat, card.html, card.rows, number if waits else None, person.id),)

    # --- who may

    def _of_office(self, person: Account, row: Row[Any]) -> bool:
        above = self._registry.ancestors(row.office) if row.office in self._registry else ()
        return people.may_act(person, row.office, above)

    @staticmethod
    def _refusal(refused: Refused, person: Account) -> str:
        return language(person.language).gettext(refused.message_id) % refused.params


def _reader(person: Account) -> Person:
    return Person(person.id, person.name, person.language, person.role, person.office)


def _code(number: str) -> str:
    return f"<code>{html.escape(number)}</code>"


def _help(person: Account) -> str:
    _ = language(person.language).gettext
    return _("/new - cards that wait for you\n/mine - cards you have accepted\n/lang - language of messages")
