"""The bot for citizens: file a message, ask how it stands, reply, judge the answer, ask for erasure. Private chats only.

A plain function of an update inside the transaction that deletes the update's row. What a citizen writes was stored as a post
before it comes here (the connector's transaction), so nothing is lost whatever happens in this file; what is said goes out
as a delivery. All work is done by `ticketing.service`, `ticketing.status` and the intake that serves every network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row, delete, insert, select
from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType

from config.languages import N_, language
from config.settings import Retention
from monitor.core.lodged import lodged, says_something
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.store.tables import event
from monitor.store.tables import post as posts
from monitor.store.tables import verdict as verdicts
from monitor.store.verdicts import as_post, claim, insert_verdicts
from ticketing import access, status
from ticketing.acting import PROGRAM, Refused
from ticketing.bot import candidates
from ticketing.bot.citizen_talk import TAP, Talk, Taps, keep_talk, talk_of, tell_chat
from ticketing.bot.outgoing import judging, registered_words
from ticketing.bot.staff import Answer, Effect
from ticketing.citizens import BOT, CHANNEL, day, queue, threads
from ticketing.intake import Judged, text_key
from ticketing.register import NewEntry, Secret, append
from ticketing.service import SYSTEM, Service
from ticketing.store import ticket_by_number, ticket_of_post
from ticketing.tables import delivery, ticket, ticket_post
from ticketing.ticket import allowed, typed_number

AN_HOUR, A_DAY, A_MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
CARDS_AN_HOUR, CARDS_A_DAY, SAID_A_MINUTE, WRONG_AN_HOUR = 5, 20, 20, 5
BELONGS = timedelta(minutes=30)
"""So long after a card a photo or a place without words belongs to it."""
LISTED = 5
CHOICES = 6
_LARGEST = 2**63 - 1
_BY_STAFF = (verdicts.c.said_topic, verdicts.c.said_kind, verdicts.c.said_urgency, verdicts.c.said_place)
"""What people said of a post stays when its verdict is written anew."""

_HELP = N_("Write here what is wrong, where and since when: your message gets a number, an officer and a term. You may add a photo "
           "or a place. One message is one matter.\n\n/status - how your messages stand\n/status NUMBER - one of them\n/lang - "
           "language")
_FAMILIES = N_("It was registered already under %(number)s; you need not send it again.")


class CitizenBot:
    """What an update of somebody who is no member of staff makes happen."""

    def __init__(self, service: Service, judge: Callable[[Post], Verdict], public_url: str,
                 retention: Callable[[], Retention] = Retention) -> None:
        self._service, self.judge, self._url, self._retention = service, judge, public_url.rstrip("/"), retention

    def handle(self, c: Connection, payload: Mapping[str, Any], now: datetime) -> Sequence[Effect]:
        """Do what the update asks for. Raises for our own faults only."""
        arrived = Update.de_json(dict(payload), None)
        if arrived.callback_query is not None:
            return self._press(c, arrived.callback_query, now)
        message = arrived.message
        if message is None or message.chat.type != ChatType.PRIVATE or message.from_user is None or message.from_user.is_bot:
            return ()
        talk = talk_of(c, message.chat.id)
        if talk.often("said", now, A_MINUTE) >= SAID_A_MINUTE:
            return ()       # a flood: what was written is stored, but nobody talks back
        if talk.language is None and (message.from_user.language_code or "")[:2] in ("kk", "ru"):
            talk.language = str(message.from_user.language_code)[:2]
        text, taps = self._message(c, talk, message, now)
        if text:
            self._say(c, talk, f"u{payload.get('update_id')}", text, taps, now)
        keep_talk(c, talk, now)
        return ()

    def _say(self, c: Connection, talk: Talk, key: str, text: str, taps: Taps, now: datetime) -> None:
        talk.note("said", now)
        tell_chat(c, talk.chat, key, text, now, taps)

    # --- messages

    def _message(self, c: Connection, talk: Talk, message: Message, now: datetime) -> tuple[str, Taps]:
        text = (message.text or message.caption or "").strip()
        command, _, rest = text.partition(" ")
        if command.startswith("/") and message.text:
            return self._command(c, talk, command.partition("@")[0].lower(), rest.strip(), now)
        stored = self._stored(c, talk.chat, message.message_id)
        if stored is None:
            return talk.say(_HELP), ()
        id_, written = stored
        if (known := ticket_of_post(c, id_)) is not None:
            return talk.say(_FAMILIES, number=known.number), ()
        if not text:
            return self._addition(c, talk, id_, written, message, now)
        asked = self._asked_by(c, talk, message)
        if asked is not None:
            return self._replied(c, talk, asked, id_, text, now)
        if talk.state.get("step") == "why":
            return self._why(c, talk, id_, text, now)
        if talk.state.get("step") == "akimat":
            found = self._typed_akimat(c, talk, text, now)
            if found is not None:
                self._settled(c, id_)
                return found
        return self._new(c, talk, id_, written, now)

    def _command(self, c: Connection, talk: Talk, command: str, rest: str, now: datetime) -> tuple[str, Taps]:
        talk.state = {k: v for k, v in talk.state.items() if k in ("card", "until")}
        if command == "/lang" or (command == "/start" and talk.language is None):
            if rest.lower() in ("kk", "ru"):
                talk.language = rest.lower()
            hello = "" if command == "/lang" else f"{talk.say(_HELP)}\n\n"
            return f"{hello}Тіл · Язык", [[("Қазақша", f"{TAP}l::kk"), ("Русский", f"{TAP}l::ru")]]
        if command not in ("/status", "/my"):
            return talk.say(_HELP), ()
        if not rest:
            return self._list(c, talk)
        number, _, code = rest.partition(" ")
        row = ticket_by_number(c, number) if typed_number(number) is not None else None
        if row is not None and self._own(c, talk.chat, row.id):
            return self._card(c, talk, row)
        if talk.often("wrong", now, AN_HOUR) >= WRONG_AN_HOUR:
            return talk.say(N_("Too many tries. Try again in an hour.")), ()
        opened = access.opened(c, number, code)
        if opened is None:
            talk.note("wrong", now)
            return talk.say(N_("This is none of your messages. For a number from elsewhere write: /status NUMBER CODE")), ()
        return self._card(c, talk, opened, own=False)

    def _list(self, c: Connection, talk: Talk) -> tuple[str, Taps]:
        rows = self._cards(c, talk.chat)
        if not rows:
            return talk.say(N_("You have filed nothing here yet. Write what is wrong and where.")), ()
        lines = [f"{r.number}: {talk.say(status.STATES[r.status]) if len(talk.speak()) == 1 else language('kk').gettext(status.STATES[r.status])}"
                 for r in rows]
        return "\n".join(lines), [[(r.number, f"{TAP}v:{r.id}")] for r in rows]

    def _card(self, c: Connection, talk: Talk, row: Row[Any], *, own: bool = True) -> tuple[str, Taps]:
        """How a card stands, in each language of the talk, and what can be done."""
        s = status.standing(c, row)
        parts = []
        for code in talk.speak():
            _ = language(code).gettext
            lines = [f"{s.number}: {_(s.word)}", f"{_(N_('Akimat'))}: {self._name(s.akimat, code)}"]
            if s.open:
                lines.append(f"{_(N_('Answer until'))}: {day(s.due, code)}")
            if s.went_to:
                body = self._service.desk.procedure.bodies.get(s.went_to)
                lines.append(f"{_(N_('Passed to'))}: {body.in_(code) if body is not None else self._name(s.went_to, code)}")
            if s.erasure_due is not None:
                lines.append(_(N_("Your data will be erased by %(date)s.")) % {"date": day(s.erasure_due, code)})
            parts.append("\n".join(lines))
        last = next((a for a in reversed(s.said) if a.text), None)
        if last is not None:
            parts.append(f"{last.text}")
        if not own:
            return "\n\n".join(parts), ()
        taps: list[Sequence[tuple[str, str]]] = []
        if last is not None and last.waits and s.open:
            taps.append([(talk.label(N_("Reply")), f"{TAP}q:{row.id}:{last.id}")])
        if s.judged:
            taps += judging(talk.label, row.id)
        if not s.erased and s.erasure_due is None:
            taps.append([(talk.label(N_("Erase my data")), f"{TAP}e:{row.id}")])
        return "\n\n".join(parts), taps

    # --- a new message

    def _new(self, c: Connection, talk: Talk, id_: int, written: Post, now: datetime) -> tuple[str, Taps]:
        """A message that belongs to nothing else: file it, or ask what is not clear."""
        judged = self._judged(written)
        if talk.language is None and judged.language in ("kk", "ru", "kk_plain", "kk_latin"):
            talk.language = "ru" if judged.language == "ru" else "kk"
        talk.state = {}
        if not self.judge(written).addressed and not says_something(judged, written.text):
            return talk.say(N_("Thank you. This does not look like a message to an akimat, so it has no number yet; staff can read "
                               "it. If it is one, press the button, or write what is wrong and where.")), \
                [[(talk.label(N_("Register it")), f"{TAP}f:{id_}")]]
        return self._file(c, talk, id_, written, judged, now)

    def _file(self, c: Connection, talk: Talk, id_: int, written: Post, judged: Verdict, now: datetime) -> tuple[str, Taps]:
        """Register it where its akimat is clear; ask for the akimat where it is not."""
        akimat = judged.akimat or self._home(written) if not judged.candidates else judged.akimat
        if akimat is None:
            talk.state = {"step": "akimat", "post": id_}
            return talk.say(N_("Which akimat is it for? Choose, or write its name.")), self._akimats(id_, talk, judged.candidates)
        if talk.often("filed", now, AN_HOUR) >= CARDS_AN_HOUR or talk.often("filed", now, A_DAY) >= CARDS_A_DAY:
            return talk.say(N_("That is a lot at once. This message is kept and staff will read it; it gets a number when they have "
                               "looked at it. Others you can file in an hour.")), ()
        if self._service.desk.office_of(akimat) is None:
            self._write(c, id_, written, replace(judged, akimat=akimat), now)
            return talk.say(N_("No office here registers for this akimat. Your message is kept. The official way is eotinish.kz.")), ()
        state = self._write(c, id_, written, replace(judged, akimat=akimat, decision="register"), now)
        row = ticket_of_post(c, id_)
        talk.state, talk.akimat = {}, akimat
        if row is None:     # the staff's own, or what nobody registers
            return talk.say(_HELP), ()
        talk.note("filed", now)
        talk.state = {"card": row.id, "until": (now + BELONGS).isoformat()}
        if state == "attached":
            return talk.say(_FAMILIES, number=row.number), [[(talk.label(N_("How does it stand?")), f"{TAP}v:{row.id}")]]
        self._confirm(c, talk, row, now)
        return "", ()

    def _confirm(self, c: Connection, talk: Talk, row: Row[Any], now: datetime) -> None:
        """Number, code, term and the way to see how it stands."""
        link = f"{self._url}/status?n={quote(row.number)}"
        words = "\n\n".join(registered_words(code, row.number, self._name(row.akimat, code), day(row.due_final, code), link)
                            for code in talk.speak())
        talk.note("said", now)
        queue(c, [t for t in threads(c, [row.number]) if t.network == BOT], "registered", lambda _t: {"text": words}, now)

    def _write(self, c: Connection, id_: int, written: Post, judged: Verdict, now: datetime) -> str:
        """Through the same intake as every post; whether the pipeline was here before or not."""
        claim(c, [id_])
        corrected = c.execute(select(*_BY_STAFF).where(verdicts.c.post_id == id_)).one_or_none()
        c.execute(delete(verdicts).where(verdicts.c.post_id == id_))
        own = Judged(id_, written, judged)
        plan = self._service.intake(c, [own], now, by_bot=True)
        insert_verdicts(c, [(id_, judged)], plan.states, now)
        if corrected is not None:
            c.execute(verdicts.update().where(verdicts.c.post_id == id_).values(dict(corrected._mapping)))
        return plan.states[id_]

    def _judged(self, written: Post) -> Verdict:
        return lodged(self.judge, self._service.desk.knowledge, written, "bot")

    def _home(self, written: Post) -> str | None:
        """Whose bot it is: the source's own akimat, or the only office there is."""
        offices = list(self._service.desk.offices or ())
        return written.home or (offices[0] if len(offices) == 1 else None)

    def _akimats(self, id_: int, talk: Talk, named: Sequence[str]) -> Taps:
        registry = self._service.desk.knowledge.registry
        codes = [code for code in named if code in registry] or [
            code for code in dict.fromkeys([talk.akimat or "", *(self._service.desk.offices or ())]) if code in registry]
        return [[(self._path(code, talk)[:60], f"{TAP}a:{id_}:{code}")] for code in codes[:CHOICES]]

    def _typed_akimat(self, c: Connection, talk: Talk, text: str, now: datetime) -> tuple[str, Taps] | None:
        """A name typed where we asked for the akimat; None where it names none and is long enough to be a message."""
        id_ = int(talk.state["post"])
        near = next(iter(self._service.desk.offices or ()), talk.akimat or "")
        codes = candidates.search(self._service.desk.knowledge.registry, text[:100], near) if len(text) <= 60 else []
        if len(codes) == 1:
            return self._chosen(c, talk, id_, codes[0], now)
        if codes:
            return talk.say(N_("Which akimat is it for? Choose, or write its name.")), self._akimats(id_, talk, codes)
        return None if len(text) > 40 else (talk.say(N_("No akimat of that name. Write it once more.")), ())

    def _chosen(self, c: Connection, talk: Talk, id_: int, code: str, now: datetime) -> tuple[str, Taps]:
        written = self._post(c, id_)
        if written is None or code not in self._service.desk.knowledge.registry:
            return talk.say(N_("This button is out of use.")), ()
        known = ticket_of_post(c, id_)
        if known is not None:
            return talk.say(_FAMILIES, number=known.number), ()
        return self._file(c, talk, id_, written, replace(self._judged(written), akimat=code, candidates=()), now)

    # --- what belongs to a card that is there

    def _addition(self, c: Connection, talk: Talk, id_: int, written: Post, message: Message, now: datetime) -> tuple[str, Taps]:
        """A photo or a place without words: it belongs to the card that was filed just before."""
        card, until = talk.state.get("card"), talk.state.get("until", "")
        row = c.execute(select(ticket).where(ticket.c.id == card).with_for_update()).one_or_none() if card else None
        quiet = message.media_group_id is not None
        if row is None or until < now.isoformat() or not allowed("attach", row.status):
            return ("" if quiet else talk.say(N_("Got it. Now write in words what is wrong and where: only then it gets a number."))), ()
        self._attach(c, row, id_, written, now)
        if message.location is not None and not row.location_text:
            where = f"{message.location.latitude:.5f}, {message.location.longitude:.5f}"
            self._service._understood(c, row, {"place": where}, PROGRAM, now)
        return ("" if quiet else talk.say(N_("Added to %(number)s."), number=row.number)), ()

    def _attach(self, c: Connection, row: Row[Any], id_: int, written: Post, now: datetime) -> None:
        """Put a post on a card as it is."""
        c.execute(insert(ticket_post).values(
            post_id=id_, ticket_id=row.id, role="copy", network=written.network, native_id=written.native_id, akimat=row.akimat,
            text_key=text_key(written.text)[0], author_key=written.author.key, published_at=written.published_at))
        self._settled(c, id_, "attached")
        append(c, [NewEntry(row.office, row.number, now, SYSTEM, "attach", {
            "post": {"network": written.network, "id": written.native_id, "revision": written.revision}},
            (Secret("text", written.text, id_),))], self._service._salt)
        c.execute(insert(event).values(at=now, kind="ticket", ref=row.number))

    def _asked_by(self, c: Connection, talk: Talk, message: Message) -> tuple[int, int] | None:
        """The card and the question that a message replies to: by our button, or as a reply to the question itself."""
        if talk.state.get("step") == "reply":
            return int(talk.state["card"]), int(talk.state["question"])
        replied = message.reply_to_message
        if replied is None:
            return None
        native = f"{talk.chat}/{replied.message_id}"
        for r in c.execute(select(delivery.c.about, delivery.c.kind, delivery.c.handle).where(
                delivery.c.channel == CHANNEL + BOT, delivery.c.kind.startswith("question:"), delivery.c.state == "sent",
                delivery.c.about.in_([card.number for card in self._cards(c, talk.chat)]))):
            if (r.handle or {}).get("native_id") == native:
                row = ticket_by_number(c, r.about)
                return (row.id, int(r.kind.partition(":")[2])) if row is not None else None
        return None

    def _replied(self, c: Connection, talk: Talk, asked: tuple[int, int], id_: int, text: str, now: datetime) -> tuple[str, Taps]:
        talk.state = {}
        row = self._mine(c, talk.chat, asked[0])
        if row is None:
            return talk.say(_HELP), ()
        try:
            status.replied(c, self._service, row.number, asked[1], text, now)
        except Refused as e:
            return talk.say(e.message_id, **e.params), ()
        self._settled(c, id_)
        return talk.say(N_("Your reply was passed on.")), ()

    def _why(self, c: Connection, talk: Talk, id_: int, text: str, now: datetime) -> tuple[str, Taps]:
        row = self._mine(c, talk.chat, int(talk.state["card"]))
        talk.state = {}
        if row is None:
            return talk.say(_HELP), ()
        self._settled(c, id_)
        return self._unsolved(c, talk, row, text, now)

    def _unsolved(self, c: Connection, talk: Talk, row: Row[Any], why: str, now: datetime) -> tuple[str, Taps]:
        try:
            status.solved(c, self._service, row.number, False, why, now)
        except Refused as e:
            return talk.say(e.message_id, **e.params), ()
        fresh = ticket_by_number(c, row.number)
        assert fresh is not None, "a card does not vanish"
        return talk.say(N_("The card is taken up again, with a new term.")) + "\n" + "\n".join(day(fresh.due_final, code) for code in talk.speak()), ()

    # --- presses

    def _press(self, c: Connection, query: CallbackQuery, now: datetime) -> Sequence[Effect]:
        chat = query.message.chat if query.message is not None else None
        if chat is None or chat.type != ChatType.PRIVATE:
            return (Answer(query.id),)
        talk = talk_of(c, chat.id)
        action, _, rest = (query.data or "").removeprefix(TAP).partition(":")
        first, _, choice = rest.partition(":")
        id_ = int(first) if first.isascii() and first.isdigit() and len(first) < 20 and int(first) <= _LARGEST else 0
        if talk.often("said", now, A_MINUTE) >= SAID_A_MINUTE:
            return (Answer(query.id, talk.say(N_("Too fast: wait a minute."))[:200], True),)
        text, taps = self._pressed(c, talk, action, id_, choice, now)
        if text:
            self._say(c, talk, f"q{query.id}", text, taps, now)
        keep_talk(c, talk, now)
        return (Answer(query.id),)

    def _pressed(self, c: Connection, talk: Talk, action: str, id_: int, choice: str, now: datetime) -> tuple[str, Taps]:
        if action == "l" and choice in ("kk", "ru"):
            talk.language = choice
            return talk.say(_HELP), ()
        if action in ("a", "f"):
            written = self._post(c, id_)
            if written is None or written.native_id.partition("/")[0] != str(talk.chat):
                return talk.say(N_("This button is out of use.")), ()
            if action == "a":
                return self._chosen(c, talk, id_, choice, now)
            known = ticket_of_post(c, id_)
            return (talk.say(_FAMILIES, number=known.number), ()) if known is not None else \
                self._file(c, talk, id_, written, self._judged(written), now)
        row = self._mine(c, talk.chat, id_)
        if row is None:
            return talk.say(N_("This button is out of use.")), ()
        return self._on_card(c, talk, action, row, choice, now)

    def _on_card(self, c: Connection, talk: Talk, action: str, row: Row[Any], choice: str, now: datetime) -> tuple[str, Taps]:
        mark = int(choice) if choice in ("1", "2", "3", "4", "5") else 0
        try:
            if action == "y":
                status.solved(c, self._service, row.number, True, "", now)
                return talk.say(N_("Thank you: we have noted that it is solved.")), ()
            if action == "m" and mark:
                status.marked(c, self._service, row.number, mark, now)
                return talk.say(N_("Thank you for your mark.")), ()
        except Refused as e:
            return talk.say(e.message_id, **e.params), ()
        if action == "n":
            if not status.standing(c, row).judged:
                return self._card(c, talk, row)
            talk.state = {"step": "why", "card": row.id}
            return talk.say(N_("Write what is still wrong.")), [[(talk.label(N_("Without words")), f"{TAP}N:{row.id}")]]
        if action == "N":
            talk.state = {}
            return self._unsolved(c, talk, row, "", now)
        if action == "q" and choice.isascii() and choice.isdigit() and len(choice) < 10:
            talk.state = {"step": "reply", "card": row.id, "question": int(choice)}
            return talk.say(N_("Write your reply.")), ()
        if action == "e":
            return talk.say(N_("Your text, name and contacts will be destroyed. Number, dates and decisions stay. We may then be unable "
                               "to answer you.")), [[(talk.label(N_("Ask for erasure")), f"{TAP}E:{row.id}")]]
        if action == "E":
            until = status.demanded(c, self._service, row, now, self._retention())
            return "\n\n".join(language(code).gettext(N_("Your data will be erased by %(date)s.")) % {"date": day(until, code)}
                               for code in talk.speak()), ()
        return self._card(c, talk, row)

    # --- what is read

    def _stored(self, c: Connection, chat: int, message: int) -> tuple[int, Post] | None:
        """The post that a message is; the connector stored it in the transaction that stored the update."""
        row = c.execute(select(posts).where(posts.c.network == "telegram", posts.c.native_id == f"{chat}/{message}")
                        .order_by(posts.c.revision.desc()).limit(1)).one_or_none()
        return (int(row.id), as_post(row)) if row is not None else None

    def _post(self, c: Connection, id_: int) -> Post | None:
        row = c.execute(select(posts).where(posts.c.id == id_)).one_or_none()
        return as_post(row) if row is not None and row.text else None

    def _cards(self, c: Connection, chat: int) -> Sequence[Row[Any]]:
        """The newest cards of a chat."""
        return c.execute(select(ticket).where(ticket.c.id.in_(_of_chat(chat)), ticket.c.status != "void")
                         .order_by(ticket.c.id.desc()).limit(LISTED)).all()

    def _own(self, c: Connection, chat: int, id_: int) -> bool:
        return c.execute(_of_chat(chat).where(ticket_post.c.ticket_id == id_).limit(1)).first() is not None

    def _mine(self, c: Connection, chat: int, id_: int) -> Row[Any] | None:
        """A card of this chat; for anybody else it does not exist."""
        return c.execute(select(ticket).where(ticket.c.id == id_, ticket.c.status != "void")).one_or_none() \
            if self._own(c, chat, id_) else None

    def _settled(self, c: Connection, id_: int, state: str = "own") -> None:
        """A post that was an answer to the bot is nobody's message: it waits for no decision."""
        claim(c, [id_])
        known = c.execute(select(verdicts.c.post_id).where(verdicts.c.post_id == id_)).first()
        written = None if known is not None else self._post_or_empty(c, id_)
        if written is not None:
            insert_verdicts(c, [(id_, replace(self.judge(written), decision="ignore"))], {id_: state}, written.published_at)
        else:
            c.execute(verdicts.update().where(verdicts.c.post_id == id_).values(state=state))

    def _post_or_empty(self, c: Connection, id_: int) -> Post | None:
        row = c.execute(select(posts).where(posts.c.id == id_)).one_or_none()
        return as_post(row) if row is not None else None

    def _name(self, code: str, tongue: str) -> str:
        registry = self._service.desk.knowledge.registry
        if code not in registry:
            return code
        return str(registry[code].name_ru if tongue == "ru" else registry[code].name_kk)

    def _path(self, code: str, talk: Talk) -> str:
        """A unit with the one above it: several villages share a name."""
        tongue = talk.speak()[0]
        above = [self._name(one, tongue) for one in self._service.desk.knowledge.registry.ancestors(code) if one != code]
        return ", ".join([self._name(code, tongue), *above[:1]])


def _of_chat(chat: int) -> Any:
    return select(ticket_post.c.ticket_id).where(ticket_post.c.network == "telegram", ticket_post.c.native_id.startswith(f"{chat}/"))
