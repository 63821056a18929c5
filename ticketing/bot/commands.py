"""What staff settle about themselves and their groups by a command: /quiet, /absent, /bind; and the lists of commands."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from sqlalchemy import Connection, select

from config.languages import N_, language
from config.reminders import quiet_spans
from config.timezone import ALMATY
from ticketing import attendance, groups, people
from ticketing.acting import Refused
from ticketing.bot.effects import Menu
from ticketing.bot.forms import a_day
from ticketing.people import Account
from ticketing.routing import ANSWERING
from ticketing.service import Service
from ticketing.tables import absence, account, reach

COMMANDS: Mapping[str, str] = {
    "new": N_("cards that wait for you"), "mine": N_("cards you have accepted"), "overdue": N_("overdue cards"),
    "find": N_("a card by its number"), "quiet": N_("your quiet hours"), "absent": N_("your absence and deputy"),
    "lang": N_("language of messages"), "cancel": N_("end what was begun"), "help": N_("what the bot can do"),
}
IN_GROUPS = ("new", "mine", "overdue", "find", "help")

BINDERS = frozenset({"head", "controller"})
"""Who may bind a group to an office."""

OFF = frozenset({"off", "none", "0", "жоқ", "жок", "нет", "өшіру", "выкл"})


def menu(chat: int, tongue: str) -> Menu:
    """The commands of a chat in a language."""
    _ = language(tongue).gettext
    names = IN_GROUPS if chat < 0 else tuple(COMMANDS)
    return Menu(chat, tuple((name, _(COMMANDS[name])) for name in names))


def help_text(person: Account, group: bool) -> str:
    """What the bot can do, in a few lines."""
    _ = language(person.language).gettext
    lines = [f"/{name} - {_(COMMANDS[name])}" for name in (IN_GROUPS if group else COMMANDS)]
    if not group:
        lines.append(_("Write a number (also 551-2026-123) to see its card and all that can be done with it."))
    return html.escape("\n".join(lines), quote=False)


# --- quiet hours

def quiet(c: Connection, person: Account, typed: str) -> str:
    """See or set one's own quiet hours; those of the office hold beside them."""
    _ = language(person.language).gettext
    words = typed[:200].replace(",", " ").replace(";", " ").split()
    if words and words[0].lower() in OFF:
        people.set_reach(c, person.login, quiet=[])
    elif words:
        spans = " ".join(words).replace(" - ", "-").replace(" – ", "-").split()
        try:
            quiet_spans(tuple(spans))
        except ValueError:
            return _("These are no quiet hours. Write them like this: /quiet 22:00-07:00, or /quiet off")
        people.set_reach(c, person.login, quiet=spans)
    own = c.execute(select(reach.c.quiet).where(reach.c.account == person.id)).scalar() or []
    said = _("Your quiet hours: %s.") % html.escape(", ".join(own)) if own else _("You have no quiet hours of your own.")
    return said + "\n" + _("Urgent cards come at any time unless the office decided otherwise. "
                           "To change: /quiet 22:00-07:00, to end: /quiet off")


# --- absence

def absent(c: Connection, service: Service, person: Account, typed: str, now: datetime) -> str:
    """See, set or end one's absence. The last day counts as a whole."""
    _ = language(person.language).gettext
    words = typed[:200].split()
    if words and words[0].lower() in OFF:
        ended = people.end_absences(c, person.login, now)
        return _("Your absence has ended: cards come to you again.") if ended else _("You have no absence entered.")
    colleagues = [a for a in people.everybody(c) if a.role in ANSWERING and a.disabled_at is None and a.id != person.id
                  and (person.office is None or a.office in (None, person.office))]
    names = ", ".join(f"{html.escape(a.login)} ({html.escape(a.name[:60], quote=False)})" for a in colleagues[:15])
    usage = _("Write it like this: /absent 01.12 10.12 login of the deputy. To end: /absent off")
    if not words:
        held = c.execute(select(absence.c.since, absence.c.until, absence.c.deputy).where(
            absence.c.account == person.id, absence.c.until > now).order_by(absence.c.since)).all()
        lines = [_period(c, person, row.since, row.until, row.deputy) for row in held] or [_("You have no absence entered.")]
        return "\n".join([*lines, usage, _("Deputies: %s") % (names or "-")])
    today = now.astimezone(ALMATY).date()
    days = [a_day(word, today) for word in words[:2]]
    if len(words) < 2 or days[0] is None or days[1] is None:
        return usage
    since, last = days[0], days[1]
    deputy = words[2].lstrip("@").lower() if len(words) > 2 else None
    if deputy is not None and deputy not in {a.login for a in colleagues}:
        return _("There is no such colleague. Deputies: %s") % (names or "-")
    try:
        attendance.go_away(c, person, person.login, since, last, deputy, now, None)
    except Refused as e:
        return _(e.message_id) % e.params + "\n" + usage
    begin = max(now, datetime.combine(since, time(), ALMATY))
    until = datetime.combine(last + timedelta(days=1), time(), ALMATY)
    stand_in = people.by_login(c, deputy) if deputy else None
    return _("Entered.") + " " + _period(c, person, begin, until, stand_in.id if stand_in else None)


def _period(c: Connection, person: Account, since: datetime, until: datetime, deputy: int | None) -> str:
    _ = language(person.language).gettext
    name = c.execute(select(account.c.name).where(account.c.id == deputy)).scalar() if deputy else None
    last = until.astimezone(ALMATY) - timedelta(minutes=1)
    said = _("You are away from %(since)s to %(until)s.") % {"since": f"{since.astimezone(ALMATY):%d.%m.%Y}", "until": f"{last:%d.%m.%Y}"}
    return said + " " + (_("Deputy: %s.") % html.escape(name, quote=False) if name else _("No deputy: the office’s duty officer is told."))


# --- groups

def bind(c: Connection, service: Service, person: Account, chat: int, typed: str, now: datetime) -> tuple[str, bool]:
    """Bind a group to the office of a head, or to one that a controller names. What is said, and whether it is bound."""
    _ = language(person.language).gettext
    if person.role not in BINDERS:
        return _("Only a head or a controller binds a group to an office."), False
    if groups.by_config(c, chat):
        return _("This group is bound by the configuration (telegram_group of an office): change it there."), False
    if typed.strip().lower() in OFF:
        groups.unbind(c, chat)
        return _("This group belongs to no office any more."), False
    wanted = typed.strip() or person.office or ""
    registry = service.desk.knowledge.registry
    known = wanted in registry and service.desk.office_of(wanted) == wanted
    if not known:
        return _("Say which office: /bind and its KATO code of nine digits."), False
    if not people.may_act(person, wanted, registry.ancestors(wanted)):
        return _("This belongs to another office."), False
    groups.bind(c, chat, wanted, person.id, now)
    unit = registry[wanted]
    name = unit.name_ru if person.language == "ru" else unit.name_kk
    return _("This group works for: %s. Everybody acts here by their own rights.") % html.escape(name, quote=False), True

