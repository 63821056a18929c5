"""The text of a message to staff, in the reader's language, as HTML for Telegram. Pure.

Everything that came from outside passes through `mask`; every field has a bound, so that no post makes a message longer
than Telegram takes (4,096 characters, https://core.telegram.org/bots/api#sendmessage).
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from babel.dates import format_date

from config.languages import N_, language
from config.timezone import ALMATY
from monitor.core.text import Text
from monitor.core.verdict import Span
from ticketing import groups
from ticketing import ticket as rules
from ticketing.answered import Answered, ago
from ticketing.notify.buttons import Button, Press, Rows
from ticketing.notify.mask import Privacy, clean, masked, shortened, shown
from ticketing.notify.reminding import reminding
from ticketing.reminders import told

READ = 4000
"""Characters of a post that are looked at for its excerpt."""

EXCERPT, EXCERPT_LINES, PLACE, NAME, BEFORE = 700, 12, 200, 160, 160

WAITING = frozenset({"registered", "assigned"})
"""States in which somebody must still say: mine, or not ours."""

_KINDS = {"complaint": N_("complaint"), "application": N_("application"), "proposal": N_("proposal"),
          "message": N_("notice"), "response": N_("feedback"), "inquiry": N_("inquiry")}

_HEADINGS = {"new_ticket": N_("New card"), "readdressed": N_("The card has moved to another akimat"),
             "proposal": N_("The author changed the post: check the addressee")}

_NEWS = {"question": N_("A colleague asks about this card"), "replied": N_("Your question was answered"),
         "to_approve": N_("An answer waits for your approval"), "returned": N_("Your answer came back to be mended"),
         "approved": N_("Your answer was approved: it can be published"), "reopened": N_("The card was taken up again"), "parted": N_("The card was parted from another and waits again"),
         "answer_failed": N_("Your answer reached nobody: see why")}
"""Said whatever the state of the card."""

_STATES = {
    "answered": N_("Answered"), "closed": N_("Closed"), "merged": N_("Joined with another card"),
    "not_examined": N_("Left without examination"), "void": N_("Void: registered by mistake"),
}

class Names(Protocol):
    """What codes are called; a code nobody knows is called by itself."""

    def akimat(self, code: str, language: str) -> str: ...

    def topic(self, code: str, language: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who reads."""

    id: int
    name: str
    language: str
    role: str
    office: str | None

    @property
    def group(self) -> bool:
        """Whether it is a whole group, where everybody acts by their own rights."""
        return self.role == groups.ROLE


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message may say of one ticket: codes, moments, and the words of its post."""

    id: int
    number: str
    status: str
    office: str
    akimat: str
    topic: str
    kind: str
    urgency: str
    due_first: datetime
    due_final: datetime
    location: str | None = None
    responsible: int | None = None
    responsible_name: str = ""
    reacted_at: datetime | None = None
    moved_to: str | None = None
    """The akimat it was redirected to, or is proposed to go to."""
    text: str = ""
    pii: tuple[Span, ...] = ()
    before: tuple[Answered, ...] = ()
    """What was answered at the same place on the same topic."""

    @property
    def proposed(self) -> bool:
        """Whether an edit of the post named another akimat and nobody has decided yet."""
        return self.moved_to is not None and self.status in rules.OPEN


@dataclass(frozen=True, slots=True)
class Item:
    """A ticket in a message, and what the message is about it (`delivery.kind`)."""

    facts: Facts
    kind: str = "new_ticket"


@dataclass(frozen=True, slots=True)
class Notice:
    """Words that were written when they were put into the queue, in Telegram's HTML by language, and a picture (PNG)."""

    html: Mapping[str, str]
    picture: bytes | None = None
    buttons: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """By language: what stands on each and what a press carries. Whoever wrote the notice answers the presses."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes to one address at one time: a ticket or a few, or the digest of a backlog with its most pressing few, or a
    notice that is about no ticket."""

    person: Person
    address: int | str
    deliveries: tuple[int, ...]
    attempts: int
    items: tuple[Item, ...]
    waiting: int = 0
    """Of a digest: how many tickets wait for this reader."""
    urgent: int = 0
    """How many of these are urgent."""
    digest: bool = False
    instead: str = ""
    """Why it goes to this person and not to the one whom it was meant for."""
    alarm: bool = False
    """Nobody of the office could be reached."""
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A text in Telegram's HTML and the buttons under it."""

    html: str
    rows: Rows = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """What is the same for all messages: names, where the pages are, how much each office lets out."""

    names: Names
    public_url: str = ""
    privacy: Mapping[str, Privacy] | None = None
    default_privacy: Privacy = "masked"

    def message(self, letter: Letter, now: datetime) -> Message:
        """The message for a letter."""
        if letter.notice is not None:
            html = letter.notice.html
            return Message(html.get(letter.person.language) or html["ru"])
        said = self.digest(letter, now) if letter.digest else self.cards(letter.items, letter.person, now)
        if not letter.alarm:
            return said
        _ = language(letter.person.language).gettext
        alarm = _("Nobody of the office can be reached: responsible, deputy, duty officer and head are absent or not connected. See to it.")
        return Message(f"🚨 <b>{alarm}</b>\n\n{said.html}", said.rows)

    def cards(self, items: Sequence[Item], person: Person, now: datetime, instead: Mapping[int, Rows] | None = None) -> Message:
        """A few tickets, most pressing first; each with buttons while it waits for this reader, with its outcome after.

        `instead` has other buttons for some of the tickets, by id.
        """
        parts: list[str] = []
        rows: list[tuple[Button, ...]] = []
        for item in sorted(items, key=lambda i: (i.facts.urgency != "urgent", i.facts.due_first, i.facts.id)):
            parts.append(self._card(item, person, now, len(items)))
            waits = not self.outcome(item.facts, person, now)
            if waits or (item.facts.proposed and item.facts.responsible == person.id):
                rows += (instead or {}).get(item.facts.id) or offered(item.facts, person.language, len(items) > 1)
            elif len(items) == 1 and (news(item) or (item.facts.status == "accepted" and (
                    person.group or item.facts.responsible == person.id))):
                rows.append((Button(language(person.language).gettext("Actions"), Press("show", item.facts.id)),))
        return Message("\n\n".join(parts), tuple(rows))

    def _card(self, item: Item, person: Person, now: datetime, among: int) -> str:
        """The text of one ticket; its fields are the shorter, the more tickets share the message."""
        facts, tongue = item.facts, person.language
        _ = language(tongue).gettext
        privacy = (self.privacy or {}).get(facts.office, self.default_privacy)
        outcome = self.outcome(facts, person, now)
        kind = "proposal" if facts.proposed else item.kind.partition(":")[0]
        heading = _(_HEADINGS.get(kind) or _NEWS.get(kind, N_("News of a card")))
        reminder = told(item.kind)
        if reminder is not None:
            heading = reminding(reminder, tongue)
        plain = outcome and not facts.proposed and reminder is None and kind not in _NEWS
        lines = [] if plain else [f"🔴 <b>{_('URGENT')}</b> · {heading}" if facts.urgency == "urgent" else heading]
        lines += [f"<b>{self._link(facts.number)}</b>",
                  f"{_text(self.names.topic(facts.topic, tongue), among)} · {_(_KINDS.get(facts.kind, facts.kind))}"]
        if facts.location:
            place = masked(facts.location[:READ], _inside(facts), "masked" if privacy == "none" else privacy)
            lines.append(_("Place: %s") % shown(shortened(place, PLACE // among, 1), _))
        lines.append(_("Akimat: %s") % _text(self.names.akimat(facts.akimat, tongue), among))
        if facts.proposed and facts.moved_to:
            lines.append(_("The post now names: %s") % _text(self.names.akimat(facts.moved_to, tongue), among))
        if person.group and facts.status in WAITING and facts.responsible_name:
            lines.append("👤 " + _("Responsible: %s") % _text(facts.responsible_name, among))
        if facts.status in WAITING:
            lines.append(_("First reaction: %s") % by_when(facts.due_first, now, tongue))
        if facts.status in rules.OPEN:
            lines.append(_("Final answer: %s") % by_when(facts.due_final, now, tongue))
        if facts.text and privacy != "none":
            text = facts.text if len(facts.text) <= READ else facts.text[:READ].rsplit(None, 1)[0]
            words = shortened(masked(text, facts.pii, privacy), EXCERPT // among, EXCERPT_LINES // among)
            if words:
                lines.append(f"<blockquote>{shown(words, _)}</blockquote>")
        if facts.status in rules.OPEN:
            lines += [self._before(one, tongue, now, among, hushed=privacy == "none") for one in facts.before]
        if outcome:
            lines.append(f"<b>{outcome}</b>")
        return "\n".join(lines)

    def _before(self, one: Answered, tongue: str, now: datetime, among: int, *, hushed: bool) -> str:
        """A finished card of the same place and topic: when it was answered, what was said."""
        _ = language(tongue).gettext
        line = "♻️ " + _("The same place and topic: %(number)s, answered %(ago)s") % {
            "number": self._link(one.number), "ago": html.escape(ago(one.at, now, tongue))}
        if one.solved is False:
            line += " · " + _("not solved, says the citizen")
        if one.text and not hushed:
            line += f": «{shown(shortened(masked(one.text[:READ], (), 'masked'), BEFORE // among, 2), _)}»"
        return line

    def outcome(self, facts: Facts, person: Person, now: datetime) -> str:
        """Why there is nothing to press any more, as HTML; empty while the card waits for this reader."""
        _ = language(person.language).gettext
        name = _text(facts.responsible_name)
        if facts.status == "accepted":
            if not facts.reacted_at:
                return "✅ " + _("Accepted: %s") % name
            return "✅ " + _("Accepted: %(name)s, %(when)s") % {
                "name": name, "when": clock(facts.reacted_at, now, person.language)}
        if facts.status == "redirected":
            where = _text(self.names.akimat(facts.moved_to, person.language)) if facts.moved_to else "…"
            return "↪️ " + _("Redirected: %s") % where
        if facts.status in WAITING:
            if facts.responsible is None or facts.responsible == person.id or person.group:
                return ""
            return "👤 " + _("Responsible: %s") % name
        return _(_STATES.get(facts.status, facts.status))

    def digest(self, letter: Letter, now: datetime) -> Message:
        """A backlog as one message: how many, and the few that press most."""
        _ = language(letter.person.language).gettext
        group = letter.person.group
        lines = [f"<b>{_(N_('Cards that wait in the office: %d') if group else N_('Cards waiting for you: %d')) % letter.waiting}</b>"]
        if any(item.kind == "morning" for item in letter.items):
            lines = [f"<b>{_('Good morning. Open cards with you: %d') % letter.waiting}</b>"]
        if letter.urgent > sum(item.facts.urgency == "urgent" for item in letter.items):
            lines.append(f"🔴 <b>{_('URGENT')}: {letter.urgent}</b>")
        if letter.waiting > len(letter.items):
            lines.append(_("Most pressing first:"))
        lines += [self.line(item.facts, letter.person.language, now) for item in letter.items]
        if self.public_url:
            lines.append(f'<a href="{html.escape(self.public_url.rstrip("/"))}/tickets">{_("All cards")}</a>')
        step = Button(_("Show the list"), Press("page", 0, "n")) if group else Button(_("Show one by one"), Press("next"))
        rows = ((step,),) if letter.waiting else ()
        return Message("\n".join(lines), rows)

    def line(self, facts: Facts, tongue: str, now: datetime) -> str:
        """A ticket on one line of a list, with the deadline that comes next for it."""
        due = facts.due_first if facts.status in WAITING else facts.due_final
        urgent = "🔴 " if facts.urgency == "urgent" else "• "
        return (f"{urgent}{self._link(facts.number)} · {_text(self.names.topic(facts.topic, tongue))} · "
                f"{by_when(due, now, tongue)}")

    def _link(self, number: str) -> str:
        words = html.escape(number[:80], quote=False)
        if not self.public_url:
            return words
        address = f"{self.public_url.rstrip('/')}/tickets/{quote(number, safe='')}"
        return f'<a href="{html.escape(address)}">{words}</a>'


def news(item: Item) -> bool:
    """Whether the message is about something that happened to a card, whoever has it: it stays as it was said."""
    return item.kind.partition(":")[0] in _NEWS


def _text(name: str, among: int = 1) -> str:
    return html.escape(shortened(clean(name), NAME // among, 1), quote=False)


def offered(facts: Facts, tongue: str, among_others: bool) -> Rows:
    """The buttons of a card that waits, or that was accepted before its post named another akimat; among others they
    say which one they mean."""
    _ = language(tongue).gettext
    which = f" · {facts.number.rpartition('-')[2].lstrip('0')[:12] or facts.number[:20]}" if among_others else ""
    not_ours = Button(_("Not ours") + which, Press("not_ours", facts.id))
    if facts.status not in WAITING:
        return ((not_ours,),)
    first = (Button(_("Accept") + which, Press("accept", facts.id)), not_ours)
    return (first,) if among_others else (first, (Button(_("Actions"), Press("show", facts.id)),))


def by_when(due: datetime, now: datetime, tongue: str) -> str:
    """A deadline in words, in Kazakhstan's time: today, 17:30 · tomorrow, 11:00 · Thu, 26 November, 11:00."""
    _ = language(tongue).gettext
    words = clock(due, now, tongue)
    return f"<b>{words}</b>" if due > now else f"<b>{_('overdue since %s') % words}</b>"


def clock(moment: datetime, now: datetime, tongue: str) -> str:
    """A moment in words, in Kazakhstan's time."""
    _ = language(tongue).gettext
    local, today = moment.astimezone(ALMATY), now.astimezone(ALMATY).date()
    days = (local.date() - today) // timedelta(days=1)
    named = {-1: N_("yesterday"), 0: N_("today"), 1: N_("tomorrow")}.get(days)
    form = "EEE, d MMMM" if local.year == today.year else "d MMMM y"
    day = _(named) if named else format_date(local, form, locale=tongue)
    return f"{day}, {local:%H:%M}"


def _inside(facts: Facts) -> tuple[Span, ...]:
    """Personal data that lies in the place's words wherever the post has them, counted from their beginning.

    Detection takes a place from the text without hidden marks, and spans are counted with them.
    """
    place, words, found = facts.location or "", Text(facts.text), []
    at = words.clean.find(place) if place else -1
    while at >= 0:
        start, end = words.raw_span(at, at + len(place))
        found += [Span(s.kind, len(Text(facts.text[start:max(start, s.start)]).clean),
                       len(Text(facts.text[start:min(end, s.end)]).clean))
                  for s in facts.pii if s.start < end and s.end > start]
        at = words.clean.find(place, at + 1)
    return tuple(found)
