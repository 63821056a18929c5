"""The bot for staff: what an update makes happen. All work is done by `ticketing.service` and `ticketing.people`.

It is a plain function of an update inside the transaction that deletes the update's row; python-telegram-bot parses the
update and sends. (Its Application runs handlers outside any transaction and swallows their errors, so it has no part.)
Nothing is remembered between updates but in the database: what a press needs lies in its button, what a person is being asked
lies in `dialogue`.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from telegram import CallbackQuery, ChatMemberUpdated, MaybeInaccessibleMessage, Message, Update
from telegram.constants import ChatMemberStatus, ChatType

from config.languages import N_, language
from monitor.store.verdicts import judged_post
from ticketing import groups, people
from ticketing import ticket as rules
from ticketing.bot import candidates, commands, dialogue, lists
from ticketing.bot.acts import Acts, Pressed
from ticketing.bot.cards import Cards
from ticketing.bot.effects import Answer as Answer
from ticketing.bot.effects import Edit as Edit
from ticketing.bot.effects import Effect as Effect
from ticketing.bot.effects import Say as Say
from ticketing.bot.lists import LISTS, Which
from ticketing.bot.talk import Talk
from ticketing.notify import queries
from ticketing.notify.buttons import Button, Press, Rows, pressed
from ticketing.notify.message import WAITING, Item, Person, Wording
from ticketing.people import Account
from ticketing.service import Actor, Refused, Service
from ticketing.store import ticket_by_number
from ticketing.tables import account, staff_message, ticket_post

_SEARCHABLE = 100
"""Characters of a typed name that are read."""


_PROBLEMS: Mapping[str, str] = {
    "unknown": N_("This link is not valid. Ask your operator for a new one."),
    "used": N_("This link has been used already. Ask your operator for a new one."),
    "expired": N_("This link has expired: it holds for 24 hours. Ask your operator for a new one."),
    "left": N_("This account is closed. Ask your operator."),
    "taken": N_("This Telegram account belongs to another employee already. Ask your operator."),
}

_HEADINGS: Mapping[Which, str] = {
    "new": N_("Cards waiting for you: %d"), "mine": N_("Cards you have accepted: %d"), "overdue": N_("Overdue cards: %d")}
_IN_GROUP: Mapping[Which, str] = {**_HEADINGS, "new": N_("Cards that wait in the office: %d")}

_STRANGER = N_("This bot is for the staff of akimats. Ask the operator of your office for a personal link "
               "(user link) and open it: it connects your Telegram.")


def both(message: str) -> str:
    """A message for somebody whose language is not known: Kazakh, then Russian."""
    return f"{language('kk').gettext(message)}\n\n{language('ru').gettext(message)}"


class StaffBot:
    """What an update makes happen, and what is said to it."""

    def __init__(self, service: Service, wording: Wording, *, username: str = "") -> None:
        """`username` is the bot's: in a group /new@another_bot is none of ours."""
        self._service = service
        self._cards = Cards(service, wording)
        self._talk = Talk(self._cards)
        self._acts = Acts(self._cards, self._talk)
        self._registry = service.desk.knowledge.registry
        self._username = username.removeprefix("@").lower()

    @property
    def wording(self) -> Wording:
        """What is the same for all messages; it changes with the config."""
        return self._cards.wording

    @wording.setter
    def wording(self, value: Wording) -> None:
        self._cards.wording = value

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Effect]:
        """Do what the update asks for. Raises for what is no update, and for our own faults."""
        arrived = Update.de_json(dict(payload), None)
        if arrived.callback_query is not None:
            return self._press(c, arrived.callback_query, arrived.update_id, now)
        if arrived.my_chat_member is not None:
            return self._membership(c, arrived.my_chat_member, now)
        message = arrived.message
        if message is None or message.from_user is None:
            return ()
        if message.migrate_to_chat_id:
            groups.moved(c, message.chat.id, message.migrate_to_chat_id, now)
        if message.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP):
            return self._in_group(c, message, now) if message.text else ()
        if message.chat.type != ChatType.PRIVATE:
            return ()
        if not message.text:
            return self._wordless(c, message, now)
        return self._text(c, message, arrived.update_id, now)

    def fetched(self, c: Connection, photo: int, content: bytes, now: datetime) -> Sequence[Effect]:
        """The content of a photo was brought; empty: it cannot be had."""
        return self._talk.fetched(c, photo, content, now)

    def unsaid(self, c: Connection, now: datetime) -> Sequence[Effect]:
        """Questions that a crash kept from being said."""
        found: list[Effect] = []
        for chat, id_ in dialogue.unsaid(c, now):
            person = people.by_id(c, id_)
            if person is not None and person.telegram_id == chat:
                found += self._talk.again(c, person, chat, now)
        return found

    def failed(self, payload: Mapping[str, Any]) -> Sequence[Effect]:
        """A press must not be left spinning while its work is tried again."""
        query = payload.get("callback_query")
        if not isinstance(query, Mapping) or "id" not in query:
            return ()
        late = both(N_("Not done yet: a fault on our side. It will be tried again."))
        return (Answer(str(query["id"]), late[:200], True),)

    # --- presses

    def _press(self, c: Connection, query: CallbackQuery, nonce: int, now: datetime) -> Sequence[Effect]:
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
        if press.action in ("send", "change", "cancel"):
            return self._talk.pressed(c, press, person, where, query.id, nonce, now)
        group = groups.office_of(c, where[0]) if where[0] < 0 else None
        if where[0] < 0 and group is None:
            return (Answer(query.id, _("This group belongs to no office any more."), True),)
        if press.action == "page":
            return self._turn(c, person, press, where, group, query.id, now)
        if press.action == "next":
            return self._next(c, person, where[0], query.id, now)
        row = queries.ticket_by_id(c, press.ticket)
        if row is None:
            return (Answer(query.id, _("There is no such card."), True),)
        if not self._cards.of_office(person, row):
            return (Answer(query.id, _("This belongs to another office."), True),)
        if group is not None and row.office != group:
            return (Answer(query.id, _("This card is of another office than this group: ask me in private."), True),)
        self._follow(c, at, where, person)
        try:
            if self._acts.knows(press):
                return self._acts.on(Pressed(c, press, row, person, where, query.id, nonce, now))
            return self._on_ticket(c, person, press, row, where, query.id, now)
        except Refused as e:
            # The buttons said more than is true: put them right where the card no longer waits.
            whole = press.choice.endswith("w") or self._acts.knows(press)
            right = self._cards.edit(c, row.number, person, where, now) if whole else self._put_right(c, where, now)
            return (Answer(query.id, self._refusal(e, person)[:200], True), *right)

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
            return (Answer(query), self._cards.say(c, row, person, chat, now))
        if press.action == "back":
            return (Answer(query), *self._put_right(c, where, now))
        if not rules.may(person.role, "redirect"):
            return (Answer(query, _("Your role does not allow this."), True),)
        whole = press.choice.endswith("w")
        if row.status not in rules.OPEN:
            right = self._cards.edit(c, row.number, person, where, now) if whole else self._put_right(c, where, now)
            return (Answer(query, _("This card is not open any more."), True), *right)
        if press.action == "not_ours":
            choices = self._choices(c, row, person, "w" if whole else "")
            right = self._cards.edit(c, row.number, person, where, now, choices) if whole else self._put_right(
                c, where, now, {row.id: choices})
            return (Answer(query, _("Whose is it?")), *right)
        if press.action == "type":
            asked = _("%s: write the name of the akimat as a reply to this message.") % _code(row.number)
            return (Answer(query, _("I ask you in private.") if chat < 0 else ""), Say(person.telegram_id or chat, asked, asks=True))
        if press.action != "redirect":
            return (Answer(query, _("This button is out of use."), True),)
        code = press.choice.removesuffix("w")
        moved = self._service.redirect(c, row.number, code, actor, now)
        name = self.wording.names.akimat(code, person.language)
        said = _("Redirected: %s") % name + ("" if moved == row.number else f" · {moved}")
        right = self._cards.edit(c, row.number, person, where, now) if whole else self._put_right(c, where, now)
        return (Answer(query, said[:200]), *right)

    def _put_right(self, c: Connection, where: tuple[int, int], now: datetime,
                   instead: Mapping[int, Rows] | None = None) -> Sequence[Effect]:
        """The message that was pressed, as its cards stand now."""
        message = queries.shown_in(c, *where)
        if message is None:
            return ()
        said = self.wording.cards(message.items, message.person, now, instead)
        return (Edit(*where, said.html, said.rows),)

    def _choices(self, c: Connection, row: Row[Any], person: Account, whole: str) -> Rows:
        _ = language(person.language).gettext
        named: list[str | None] = [(row.proposal or {}).get("redirect"), *(row.also or ())]
        origin = c.execute(select(ticket_post.c.post_id).where(ticket_post.c.ticket_id == row.id)
                           .order_by(ticket_post.c.post_id).limit(1)).scalar_one_or_none()
        judged = judged_post(c, origin) if origin is not None else None
        if judged is not None:
            named += [judged.verdict.akimat, *judged.verdict.candidates, *judged.verdict.also, judged.post.home]
        codes = candidates.likely(self._registry, row.akimat, named)
        return (*self._named(codes, row.id, person.language, whole), (
            Button(_("Another: type its name"), Press("type", row.id, whole)), Button(_("Back"), Press("back", row.id, whole))))

    def _named(self, codes: Sequence[str], ticket: int, tongue: str, whole: str = "") -> Rows:
        return tuple((Button(self.wording.names.akimat(code, tongue)[:60], Press("redirect", ticket, code + whole)),)
                     for code in codes)

    def _follow(self, c: Connection, message: MaybeInaccessibleMessage, where: tuple[int, int], person: Account) -> None:
        """Remember the cards of a message that was sent just before a crash and so is not known; its buttons name them."""
        known = c.execute(select(staff_message.c.ticket).where(
            staff_message.c.chat == where[0], staff_message.c.message == where[1]).limit(1)).one_or_none()
        markup = message.reply_markup if isinstance(message, Message) else None
        if known is not None or markup is None:
            return
        presses = [pressed(str(button.callback_data)) for row in markup.inline_keyboard for button in row]
        ids = {press.ticket for press in presses if press is not None and press.action in ("accept", "not_ours")
               and press.choice != "w"}
        rows = [queries.ticket_by_id(c, id_) for id_ in sorted(ids)]
        numbers = [row.number for row in rows if row is not None]
        if numbers:
            queries.remember(c, *where, numbers, person.id)

    # --- texts

    def _text(self, c: Connection, message: Message, nonce: int, now: datetime) -> Sequence[Effect]:
        chat, text = message.chat.id, message.text or ""
        command, rest = _command(text)
        sender = message.from_user
        assert sender is not None, "handle() asked"
        if command == "/start" and rest:
            return self._start(c, rest, sender.id, chat, now)
        person = people.by_telegram(c, sender.id)
        if person is None:
            # What a citizen writes to the bot is a post and goes its own way; only commands are meant for us.
            return (Say(chat, html.escape(both(_STRANGER), quote=False)),) if command else ()
        if command:
            return self._command(c, command, rest, person, chat, None, now)
        asked, running = message.reply_to_message, dialogue.running(c, chat, person.id, now)
        if running is not None and (asked is None or asked.message_id == running.asked):
            return self._talk.heard(c, running, text, person, nonce, now)
        if asked is not None:
            found = self._typed(c, person, message, now)
            if found:
                return found
        if running is not None:
            return self._talk.heard(c, running, text, person, nonce, now)
        if any(character.isdigit() for character in text[:64]):
            return self._find(c, text, person, chat, None, now)
        return (Say(chat, commands.help_text(person, group=False)),)

    def _command(self, c: Connection, command: str, rest: str, person: Account, chat: int, group: str | None,
                 now: datetime) -> Sequence[Effect]:
        """A command of somebody who is bound, in private or in the group of an office."""
        _ = language(person.language).gettext
        which = command.removeprefix("/")
        if which in _HEADINGS:
            return (self._list(c, which, person, chat, group, 0, now),)  # type: ignore[arg-type]
        if command in ("/find", "/card"):
            return self._find(c, rest, person, chat, group, now)
        if command == "/help" or chat < 0:
            return (Say(chat, commands.help_text(person, chat < 0)), commands.menu(chat, person.language))
        if command == "/lang":
            return self._speak(c, person, rest.lower(), chat)
        if command == "/quiet":
            return (Say(chat, commands.quiet(c, person, rest)),)
        if command == "/absent":
            return (Say(chat, commands.absent(c, self._service, person, rest, now)),)
        if command == "/cancel":
            return (self._talk.cancelled(c, person, chat, now),)
        if command == "/bind":
            return (Say(chat, _("Write /bind in the group that is to work for your office.")),)
        return (Say(chat, commands.help_text(person, group=False)),)

    def _in_group(self, c: Connection, message: Message, now: datetime) -> Sequence[Effect]:
        """Only commands that are for us, only of staff: in a group that also has others the bot is silent to them."""
        text, chat = message.text or "", message.chat.id
        first = text.split(None, 1)[0]
        named = first.partition("@")[2].lower()
        command, rest = _command(text)
        person = people.by_telegram(c, message.from_user.id) if message.from_user is not None else None
        if not command or person is None or (named and self._username and named != self._username):
            return ()
        _ = language(person.language).gettext
        if command == "/bind":
            said, bound = commands.bind(c, self._service, person, chat, rest, now)
            return (Say(chat, said), *((commands.menu(chat, person.language),) if bound else ()))
        group = groups.office_of(c, chat)
        if group is None:
            known = command.removeprefix("/") in commands.COMMANDS
            return (Say(chat, _("This group belongs to no office yet: a head writes /bind here.")),) if known and named else ()
        if not people.may_act(person, group, self._registry.ancestors(group) if group in self._registry else ()):
            return (Say(chat, _("This belongs to another office.")),)
        return self._command(c, command, rest, person, chat, group, now)

    def _membership(self, c: Connection, change: ChatMemberUpdated, now: datetime) -> Sequence[Effect]:
        """The bot was taken out of a group, or was put into one that is bound already."""
        status = change.new_chat_member.status
        if change.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP):
            if status in (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED):
                groups.lost(c, change.chat.id, "the bot was taken out of the group", now)
            else:
                groups.back(c, change.chat.id)
        return ()

    def _wordless(self, c: Connection, message: Message, now: datetime) -> Sequence[Effect]:
        """A photo, or something else without words: an answer to a dialogue, or nothing to us."""
        sender, chat = message.from_user, message.chat.id
        person = people.by_telegram(c, sender.id) if sender is not None else None
        if person is None:
            return ()
        _ = language(person.language).gettext
        running = dialogue.running(c, chat, person.id, now)
        if running is None:
            attached = message.photo or message.document
            return (Say(chat, _("To attach a photo, open the card by its number and press the button there.")),) if attached else ()
        if not message.photo:
            return (*self._talk.again(c, person, chat, now),)
        best = message.photo[-1]
        return self._talk.pictured(c, running, best.file_id, best.file_unique_id, person, now)

    def _find(self, c: Connection, typed: str, person: Account, chat: int, group: str | None, now: datetime) -> Sequence[Effect]:
        """The card of a number in any form in which people type it."""
        _ = language(person.language).gettext
        row = ticket_by_number(c, typed[:64])
        if row is None:
            said = _("There is no number %(number)s.") % {"number": html.escape(typed[:40], quote=False)}
            return (Say(chat, said if typed.strip() else _("Write the number after the command: /find 551-2026-123")),)
        if not self._cards.of_office(person, row):
            return (Say(chat, _("This belongs to another office.")),)
        if group is not None and row.office != group:
            return (Say(chat, _("This card is of another office than this group: ask me in private.")),)
        return (self._cards.say(c, row, person, chat, now),)

    def _start(self, c: Connection, token: str, telegram_id: int, chat: int, now: datetime) -> Sequence[Effect]:
        bound = people.bind(c, token, telegram_id, now)
        if bound.account is None:
            return (Say(chat, html.escape(both(_PROBLEMS[bound.problem]), quote=False)),)
        released = queries.release(c, "telegram", now)
        _ = language(bound.account.language).gettext
        hello = _("Hello, %s! New cards will come here.") % html.escape(bound.account.name, quote=False)
        greeting = Say(chat, f"{hello}\n\n{commands.help_text(bound.account, group=False)}")
        menu = commands.menu(chat, bound.account.language)
        waiting = queries.waiting_for(c, _reader(bound.account), 1)
        if released or not waiting[0]:
            return (greeting, menu)
        # Others were told meanwhile: what waits comes as a list, not as messages that somebody has read.
        return (greeting, menu, self._list(c, "new", bound.account, chat, None, 0, now))

    def _speak(self, c: Connection, person: Account, tongue: str, chat: int) -> Sequence[Effect]:
        if tongue not in people.LANGUAGES:
            choice = (Button("Қазақша", Press("language", 0, "kk")), Button("Русский", Press("language", 0, "ru")))
            return (Say(chat, "Тіл · Язык", (choice,)),)
        c.execute(update(account).where(account.c.id == person.id).values(language=tongue))
        said = Say(chat, language(tongue).gettext(N_("Messages come in English from now on.")))
        return (said, commands.menu(chat, tongue)) if chat > 0 else (said,)

    def _list(self, c: Connection, which: Which, person: Account, chat: int, group: str | None, page: int, now: datetime) -> Say:
        _ = language(person.language).gettext
        count, numbers = lists.page(c, which, person, self._offices(person), group, page, now)
        said = queries.facts(c, numbers, words=False)
        heading = _((_HEADINGS if group is None else _IN_GROUP)[which]) % count
        lines = [f"<b>{heading}</b>", *(self.wording.line(said[n], person.language, now) for n in numbers)]
        shown = [Button(n[:60], Press("show", said[n].id)) for n in numbers]
        rows = [tuple(shown[i:i + 2]) for i in range(0, len(shown), 2)]
        letter = next(key for key, name in LISTS.items() if name == which)
        last = max(0, (count - 1) // lists.PAGE)
        if last:
            lines.append(_("Page %(page)d of %(pages)d") % {"page": page + 1, "pages": last + 1})
            turns = [Button("◀", Press("page", page - 1, letter))] if page > 0 else []
            rows.append(tuple(turns + ([Button("▶", Press("page", page + 1, letter))] if page < last else [])))
        return Say(chat, "\n".join(lines), tuple(row for row in rows if row))

    def _turn(self, c: Connection, person: Account, press: Press, where: tuple[int, int], group: str | None, query: str,
              now: datetime) -> Sequence[Effect]:
        """Another page of a list, in place of the one that was pressed."""
        which = LISTS.get(press.choice)
        if which is None or press.ticket > 10**6:
            return (Answer(query, language(person.language).gettext("This button is out of use."), True),)
        listed = self._list(c, which, person, where[0], group, press.ticket, now)
        return (Answer(query), Edit(*where, listed.html, listed.rows))

    def _offices(self, person: Account) -> list[str] | None:
        """The offices that a person works for; None: all."""
        if person.office is None:
            return None
        known = self._service.desk.offices or ()
        return [person.office, *(code for code in known if code != person.office and person.office in self._registry.ancestors(code))]

    def _typed(self, c: Connection, person: Account, message: Message, now: datetime) -> Sequence[Effect]:
        """A name typed in reply to our question; () where it is a reply to something else."""
        asked, chat = message.reply_to_message, message.chat.id
        if asked is None or asked.from_user is None or not asked.from_user.is_bot or not asked.text:
            return ()
        row = ticket_by_number(c, asked.text.partition(":")[0])
        if row is None:
            return ()
        _ = language(person.language).gettext
        if not self._cards.of_office(person, row) or not rules.may(person.role, "redirect"):
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
        count, numbers = queries.waiting_for(c, _reader(person), lists.PAGE + len(here))
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
        return (Say(chat, card.html, card.rows, number if waits else None, person.id, about=number),)

    # --- who may

    @staticmethod
    def _refusal(refused: Refused, person: Account) -> str:
        return language(person.language).gettext(refused.message_id) % refused.params


def _reader(person: Account) -> Person:
    return Person(person.id, person.name, person.language, person.role, person.office)


def _code(number: str) -> str:
    return f"<code>{html.escape(number)}</code>"


def _command(text: str) -> tuple[str, str]:
    """The command that a text begins with, without the bot's name, and what follows it; "" where it begins with none."""
    command, rest = [*text.split(None, 1), "", ""][:2]
    return (command.partition("@")[0].lower(), rest.strip()) if command.startswith("/") else ("", text)
