"""A whole card in a chat: what is known of it, and a button for each thing that this person may do to it now."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, Row, select

from config.languages import N_, language
from ticketing import ticket as rules
from ticketing.answering import UNDERWAY, answers_of, proposals_of, questions_of
from ticketing.attaching import photos_of
from ticketing.merging import authors
from ticketing.notify import queries
from ticketing.notify.buttons import Button, Press, Rows
from ticketing.notify.mask import clean, masked, shortened, shown
from ticketing.notify.message import WAITING, Item, Message, Person, Wording
from ticketing.pausing import earlier, may_stand
from ticketing.people import Account
from ticketing.reply import SAID
from ticketing.service import Service
from ticketing.tables import delivery, merge_proposal

BUDGET = 3900
"""Characters of a card's HTML: what is seen of it is never longer, and Telegram takes 4,096."""

DRAFT, SHORT = 700, 160
"""Characters of a draft, and of a question, a remark, a reply."""

SAID_OF_PHOTOS = N_("Photos: %d")

_ANSWERS = {
    "draft": N_("The answer waits for approval (%s)"), "approved": N_("The answer is approved (%s): it can be published"),
    "publishing": N_("The answer is on its way to the citizens (%s)"), "published": N_("The answer was published (%s)"),
    "failed": N_("The answer reached nobody (%s): see the page of the card"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A card as one person sees it."""

    row: Row[Any]
    person: Account
    answer: Row[Any] | None
    """The last final answer."""
    questions: tuple[Row[Any], ...]
    proposals: tuple[Row[Any], ...]
    photos: int
    photos_left: int
    """How many threads got the answer without its photos."""
    may_approve: bool
    may_pause: bool
    earlier: bool
    names: dict[int, str]

    @property
    def draft(self) -> Row[Any] | None:
        """The answer that is being written."""
        return self.answer if self.answer is not None and self.answer.state in UNDERWAY else None


def tag(name: str) -> str:
    """A short name of a choice that fits a button: choices are few, and one that is gone or strange is answered so."""
    return f"{crc32(name.encode()):x}"


def view(c: Connection, service: Service, row: Row[Any], person: Account, names: dict[int, str], now: datetime) -> View:
    """What the whole card shows."""
    final = next((a for a in answers_of(c, row.number) if a.kind == "final"), None)
    own = service.desk.rules_of(row.office)
    return View(row, person, final, tuple(q for q in questions_of(c, row.number)), tuple(proposals_of(c, row.number, merge_proposal)),
                len(photos_of(c, row.number)), _left(c, final), service.may_approve(row.office, person.role),
                may_stand(c, row, own) is not None, row.status in rules.OPEN and bool(earlier(row, own, now)), names)


def _left(c: Connection, final: Row[Any] | None) -> int:
    if final is None:
        return 0
    handles = c.execute(select(delivery.c.handle).where(delivery.c.kind == f"answer:{final.id}", delivery.c.state == "sent")).scalars()
    return sum(bool((handle or {}).get("photos_left")) for handle in handles)


def offered(v: View, group: bool) -> Rows:
    """A button for all that this role may do in this state, two a line; nothing else. In a group, where everybody acts by
    their own rights, for all that anybody may."""
    _ = language(v.person.language).gettext
    row, role, id_ = v.row, v.person.role, v.row.id
    buttons: list[Button] = []

    def may(right: str) -> bool:
        return rules.may(role, right) or group

    def can(right: str, action: str | None = None) -> bool:
        return may(right) and rules.allowed(action or right, row.status)

    def add(label: str, action: Any, choice: str = "w") -> None:
        buttons.append(Button(label, Press(action, id_, choice)))

    if row.status in WAITING and can("accept"):
        add(_("Accept"), "accept")
    if can("redirect"):
        add(_("Not ours"), "not_ours")
    if can("assign"):
        add(_("Give to another"), "assign")
    if can("ask"):
        add(_("Ask"), "ask")
    for q in v.questions:
        if q.reply is None and can("reply") and (q.asked in (None, v.person.id) or may("extend")):
            add(_("Reply to the question"), "reply", str(q.id))
    draft = v.draft
    if can("draft"):
        add(_("Write an answer") if draft is None else _("Change the answer"), "draft")
    if draft is not None:
        if draft.state == "draft" and can("approve") and (group or (v.may_approve and draft.author != v.person.id)):
            add(_("Approve"), "approve", f"{draft.id}v{draft.version}")
        if can("return") and (group or draft.author != v.person.id):
            add(_("Give back"), "return", str(draft.id))
        if draft.state == "approved" and can("publish"):
            add(_("Publish"), "publish", str(draft.id))
    if can("interim"):
        add(_("Interim answer"), "interim")
    if row.status in rules.OPEN and can("extend"):
        add(_("Extend the term"), "extend")
    if row.paused_until is not None and can("resume"):
        add(_("Let the clock go on"), "resume")
    elif v.may_pause and can("pause"):
        add(_("Ask, and stop the clock"), "pause")
    if v.earlier and can("recount"):
        add(_("Count the dates again"), "recount")
    if can("redirect_outside"):
        add(_("To another body"), "outside")
    if row.status == "redirected" and can("redirect_outside", "restore"):
        add(_("Take back"), "take_back")
    if can("photo"):
        add(_("Attach a photo"), "photo")
    if v.photos:
        add(_("Show the photos"), "photo", "s")
    if can("close"):
        add(_("Close"), "close")
    if row.status != "merged" and can("reopen"):
        add(_("Take up again"), "reopen")
    if can("not_examine"):
        add(_("Leave without examination"), "not_examine")
    if row.merged_into and can("unmerge"):
        add(_("Part from the other card"), "unmerge")
    rows = [tuple(buttons[i:i + 2]) for i in range(0, len(buttons), 2)]
    if row.status in rules.OPEN and may("merge"):
        for p in v.proposals[:3]:
            other = p.into if p.ticket == row.number else p.ticket
            rows.append((Button((_("Merge with %s") % other)[:60], Press("merge", id_, str(p.id))),
                         Button(_("A different matter"), Press("dismiss", id_, str(p.id)))))
    return tuple(rows)


def message(c: Connection, v: View, wording: Wording, now: datetime, *, group: bool, heading: str = "",
            instead: Rows | None = None) -> Message:
    """The whole card; `heading` says what was just done, `instead` has other buttons. In a group an office that lets nothing
    of a post out lets nothing of its staff's words out either."""
    _ = language(v.person.language).gettext
    facts = queries.facts(c, [v.row.number], words=True)[v.row.number]
    reader = Person(v.person.id, v.person.name, v.person.language, v.person.role, v.person.office)
    privacy = (wording.privacy or {}).get(v.row.office, wording.default_privacy)
    hushed = group and privacy == "none"

    def words(text: str | None, length: int, own: bool = False) -> str:
        if not text:
            return "…"
        if own and not group:       # what we mean to publish, before the one who has to stand by it
            return html.escape(shortened(clean(text), length, 20), quote=False)
        return shown(shortened(masked(text[:4000], (), "full" if privacy == "full" else "masked"), length, 20), _)

    lines: list[str] = []
    if v.row.merged_into:
        lines.append(_("Answered with the card %s") % html.escape(v.row.merged_into))
    if v.answer is not None:
        a = v.answer
        name = html.escape(shortened(clean(v.names.get(a.author, "?")), 60, 1), quote=False)
        lines.append(f"📝 {_(_ANSWERS[a.state]) % name}")
        if not hushed and a.state in UNDERWAY:
            lines.append(f"<blockquote>{words(a.text, DRAFT, own=True)}</blockquote>")
            lines += [f"⚠️ {html.escape(_(SAID[w]), quote=False)}" for w in a.warnings if w in SAID]
        if a.remark and not hushed:
            lines.append(_("To be mended: %s") % words(a.remark, SHORT))
    for q in v.questions[-2:]:
        who = _("to the citizen") if q.asked is None else html.escape(shortened(clean(v.names.get(q.asked, "?")), 60, 1), quote=False)
        lines.append(f"❓ {who}" + ("" if hushed else f": {words(q.text, SHORT)}"))
        if q.reply and not hushed:
            lines.append(f"↳ {words(q.reply, SHORT)}")
    if v.photos:
        lines.append("📎 " + _(SAID_OF_PHOTOS) % v.photos)
    if v.photos_left:
        lines.append("⚠️ " + _("The answer stands without its photos in %d threads: the network takes none from a program. "
                               "Attach them there by hand.") % v.photos_left)
    for p in v.proposals[:3]:
        other = p.into if p.ticket == v.row.number else p.ticket
        lines.append(_("Perhaps the same matter: %(number)s (people: %(n)s)") % {
            "number": html.escape(other), "n": authors(c, [v.row.number, other])})
    top = ([heading, ""] if heading else [])
    base = wording.cards([Item(facts)], reader, now)
    text = "\n".join([*top, base.html])
    for line in lines:
        if len(text) + len(line) + 3 > BUDGET:
            text += "\n…"
            break
        text += "\n" + line
    return Message(text, offered(v, group) if instead is None else instead)


def chooser(choices: Sequence[tuple[str, Press]], back: Press, tongue: str, page: int = 0, more: Press | None = None,
            size: int = 8) -> Rows:
    """Choices one a line, a page at a time; `more` leads to the next page."""
    _ = language(tongue).gettext
    rows: list[tuple[Button, ...]] = [(Button(clean(text)[:60] or "…", press),) for text, press in choices[page * size:(page + 1) * size]]
    last: list[Button] = []
    if more is not None and len(choices) > (page + 1) * size:
        last.append(Button(_("More …"), more))
    return (*rows, (*last, Button(_("Back"), back)))


