"""People: who they are, how they sign in, where they are told, who stands in for them.

  add LOGIN      a new account; its password is read from stdin or made up and shown once
  list           everybody
  link LOGIN     a link that binds the person's Telegram: one use, 24 hours
  disable LOGIN  a person leaves: no sign-in, no Telegram; open tickets go to a colleague or the duty officer
  absence …      add LOGIN: away from a day until a day, with a deputy · list · end LOGIN: back again
  duty LOGIN     the duty officer of an office, for good or from a day until a day
  reach LOGIN    how a person is told: e-mail, order of the ways, quiet hours, morning message
  password LOGIN a new password
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from config.document import ConfigErrors, Unreadable
from config.knowledge import load_knowledge
from config.settings import Settings, load
from config.timezone import ALMATY
from monitor.commands import Unusable, add_database, open_database, print_json, warn
from ticketing import people
from ticketing.handover import hand_back
from ticketing.rota import plan_duty
from ticketing.ticket import ROLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`user VERB … --db URL | -c FILE`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    add = _verb(verbs, "add", "a new account")
    add.add_argument("--name", required=True, help="as colleagues know the person")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--office", metavar="CODE", help="KATO code; without it all offices (not for officer and head)")
    add.add_argument("--department", default="", help="as the routing table names it")
    add.add_argument("--language", default="kk", choices=people.LANGUAGES, help="of messages and pages")
    add.add_argument("--duty", action="store_true", help="the office's duty officer from now on")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    listing = _verb(verbs, "list", "everybody", login=False)
    listing.add_argument("--json", action="store_true", help="one object {people} as the last line")
    link = _verb(verbs, "link", "bind a Telegram account")
    link.add_argument("--bot", metavar="NAME", help="user name of the bot, where the config does not have it")
    _verb(verbs, "disable", "a person leaves")
    absence = _verb(verbs, "absence", "away, and who stands in", login=False)
    absence.add_argument("what", nargs="+", metavar="add LOGIN | list | end LOGIN",
                         help="LOGIN alone with --from and --until does the same as add LOGIN")
    absence.add_argument("--from", dest="since", metavar="DATE", help="first day away, or a moment (ISO 8601)")
    absence.add_argument("--until", metavar="DATE", help="last day away, or the moment of return")
    absence.add_argument("--deputy", metavar="LOGIN")
    absence.add_argument("--reason", default="")
    absence.add_argument("--end", action="store_true", help="the same as end LOGIN: absences end now, future ones are dropped")
    absence.add_argument("--json", action="store_true", help="list: one object {absences} as the last line")
    duty = _verb(verbs, "duty", "the duty officer of an office")
    duty.add_argument("--office", required=True, metavar="CODE")
    duty.add_argument("--from", dest="since", metavar="DATE", help="first day of this duty; without it for good")
    duty.add_argument("--until", metavar="DATE", help="last day of this duty; then it goes back")
    reach = _verb(verbs, "reach", "how a person is told")
    reach.add_argument("--email", metavar="ADDRESS", help="empty: none")
    reach.add_argument("--channels", metavar="WAY,WAY", help="ways in their order, like email,telegram")
    reach.add_argument("--quiet", metavar="HH:MM-HH:MM", action="append", help="quiet hours beside the office's; empty: none")
    reach.add_argument("--morning", metavar="HH:MM", help="the morning message at that time; none: never; office: as the office")
    password = _verb(verbs, "password", "a new password")
    password.add_argument("--password-stdin", action="store_true", help="read it from standard input")


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str,
          login: bool = True) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text)
    if login:
        parser.add_argument("login", metavar="LOGIN")
    add_database(parser, required=False)
    parser.add_argument("-c", "--config", metavar="FILE", help="the config that names the database and the bot")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the verb says and print what came of it."""
    settings = _settings(args)
    try:
        prepared = _PREPARE.get(args.verb, _nothing)(args, settings)
        with open_database(args, make=args.verb == "add") as db, db.begin() as c:
            said = _VERBS[args.verb](c, args, datetime.now(UTC), prepared)
    except (people.NotPossible, ConfigErrors, Unreadable) as e:
        raise Unusable(str(e).splitlines()[0]) from e
    except IntegrityError as e:
        raise Unusable("somebody else changed the same person at the same time; run the command again") from e
    print(said, end="" if said.endswith("\n") or not said else "\n")  # noqa: T201
    return 0


def _settings(args: argparse.Namespace) -> Settings | None:
    if args.config is None:
        if args.db is None:
            raise Unusable("which database? give --db URL or -c FILE")
        return None
    try:
        settings = load(Path(args.config), None, insist=False)
    except Unreadable as e:
        raise Unusable(str(e)) from e
    except ConfigErrors as e:
        raise Unusable(f"{e.problems[0]}; `qulaq check -c {args.config}` shows everything") from e
    if args.db is None:
        unset = [problem for problem in settings.unset if problem.path == "database"]
        if unset:
            raise Unusable(str(unset[0]))
        args.db = settings.database
    return settings


# --- what needs no database, so that bad input is said before one is opened

def _nothing(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    return ()


def _prepare_add(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    """Password, whether it was made up, and the names of the office."""
    if args.duty and args.office is None:
        raise people.NotPossible("--duty needs --office CODE: which office's duty officer?")
    names = ("", "")
    if args.office is not None:
        registry = load_knowledge(settings.knowledge if settings else None).registry
        if args.office not in registry:
            raise people.NotPossible(f"--office {args.office}: no akimat has this KATO code; it has nine digits, "
                                     "like 551000000")
        akimat, own = registry[args.office], settings.office(args.office) if settings else None
        if settings is not None and settings.offices and own is None:
            raise people.NotPossible(f"--office {args.office}: not an office of {args.config}; there are "
                                     f"{', '.join(office.code for office in settings.offices)}")
        names = ((own and own.name_kk) or akimat.name_kk, (own and own.name_ru) or akimat.name_ru)
    return (*_prepare_password(args, settings), *names)


def _prepare_password(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    if not args.password_stdin:
        return people.fresh_token()[:16], "made"
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise people.NotPossible("--password-stdin: standard input is empty; pipe the password in")
    return given, ""


def _prepare_link(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    bot = args.bot or (settings.telegram.bot if settings and settings.telegram else "")
    if not bot:
        raise people.NotPossible("which bot? give --bot NAME, or telegram.bot in the config")
    return (bot,)


def _prepare_absence(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    first, *rest = args.what
    verb = first if first in ("add", "list", "end") and (rest or first == "list") else "end" if args.end else "add"
    names = rest if first in ("add", "list", "end") and (rest or first == "list") else args.what
    if len(names) != (verb != "list"):
        raise people.NotPossible("write: user absence add LOGIN, user absence list, or user absence end LOGIN")
    args.absence, args.login = verb, names[0] if names else ""
    if verb == "add" and (args.since is None or args.until is None):
        raise people.NotPossible("since when and until when? give --from DATE and --until DATE, or --end")
    return ()


def _prepare_duty(args: argparse.Namespace, settings: Settings | None) -> tuple[str, ...]:
    if (args.since is None) != (args.until is None):
        raise people.NotPossible("since when and until when? give both --from DATE and --until DATE, or neither")
    return ()


# --- the verbs

def _add(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    password, made, name_kk, name_ru = prepared
    if args.office is not None:
        people.put_office(c, args.office, name_kk, name_ru)
    person = people.add(c, args.login, name=args.name, role=args.role, now=now, password=password,
                        office_code=args.office, department=args.department, language=args.language)
    if args.duty:
        people.set_duty(c, args.office, person.login)
    shown = f"\npassword: {password} (shown only now)" if made else ""
    return f"{person.login}: {person.role}, {person.office or 'all offices'}{shown}"


def _list(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    away = people.away(c, now)
    rows = [{
        "login": p.login, "name": p.name, "role": p.role, "office": p.office, "department": p.department,
        "language": p.language, "telegram": p.telegram_id is not None,
        "away_until": away[p.id].astimezone(ALMATY).isoformat() if p.id in away else None,
        "left": p.disabled_at.astimezone(ALMATY).isoformat() if p.disabled_at else None,
    } for p in people.everybody(c)]
    if args.json:
        print_json({"people": rows})
        return ""
    if not rows:
        return "nobody yet; begin with: qulaq user add LOGIN --name NAME --role ROLE"
    cells = [["login", "name", "role", "office", "department", "language", "telegram", "state"]]
    for row in rows:
        state = f"left {row['left']}" if row["left"] else f"away until {row['away_until']}" if row["away_until"] else ""
        cells.append([str(row["login"]), str(row["name"]), str(row["role"]), str(row["office"] or "all"),
                      str(row["department"]), str(row["language"]), "bound" if row["telegram"] else "-", state])
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in cells)


def _link(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    return people.start_link(prepared[0], people.make_link(c, args.login, now))


def _disable(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    left = people.disable(c, args.login, now)
    handed = hand_back(c, left.tickets, left.account.id, now, lambda: os.urandom(16))
    for code in left.duty_of:
        warn(f"note: office {code} has no duty officer now; name one: qulaq user duty LOGIN --office {code}")
    return f"{left.account.login} has left; {handed} open tickets went over to others"


def _absence(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    if args.absence == "list":
        return _absences(c, args, now)
    if args.absence == "end":
        return f"{args.login} is back ({people.end_absences(c, args.login, now)} absences ended)"
    since, until = _moment("--from", args.since, False), _moment("--until", args.until, True)
    people.set_absence(c, args.login, since, until, args.deputy, args.reason)
    return (f"{args.login} is away from {since.isoformat()} until {until.isoformat()}"
            + (f"; {args.deputy} stands in" if args.deputy else ""))


def _absences(c: Connection, args: argparse.Namespace, now: datetime) -> str:
    rows = [{"login": a.login, "since": a.since.astimezone(ALMATY).isoformat(), "until": a.until.astimezone(ALMATY).isoformat(),
             "deputy": a.deputy, "reason": a.reason} for a in people.absences_from(c, now)]
    if args.json:
        print_json({"absences": rows})
        return ""
    if not rows:
        return "nobody is absent, now or later"
    return "\n".join(f"{r['login']}: {r['since']} until {r['until']}, {r['deputy'] or 'nobody'} stands in"
                     + (f" ({r['reason']})" if r["reason"] else "") for r in rows)


def _duty(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    if args.since is not None:
        since, until = _moment("--from", args.since, False), _moment("--until", args.until, True)
        plan_duty(c, args.office, args.login, since, until)
        return f"{args.login} has duty in {args.office} from {since.isoformat()} until {until.isoformat()}"
    people.set_duty(c, args.office, args.login)
    return f"{args.login} is the duty officer of {args.office}"


def _reach(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    channels = None if args.channels is None else [way.strip() for way in args.channels.split(",") if way.strip()]
    quiet = None if args.quiet is None else [span for span in args.quiet if span.strip()]
    morning = {None: people.SAME, "office": None, "none": ""}.get(args.morning, args.morning)
    known = people.set_reach(c, args.login, email=args.email, channels=channels, quiet=quiet, morning=morning)
    return (f"{args.login}: e-mail {known.email or 'none'}; ways {', '.join(known.channels or ()) or 'as usual'}; quiet "
            f"{', '.join(known.quiet or ()) or 'as the office'}; morning message "
            f"{'as the office' if known.morning is None else known.morning or 'never'}")


def _password(c: Connection, args: argparse.Namespace, now: datetime, prepared: tuple[str, ...]) -> str:
    people.set_password(c, args.login, prepared[0])
    return f"password: {prepared[0]} (shown only now)" if prepared[1] else f"{args.login} has a new password"


_PREPARE = {"add": _prepare_add, "password": _prepare_password, "link": _prepare_link, "absence": _prepare_absence,
            "duty": _prepare_duty}
_VERBS = {"add": _add, "list": _list, "link": _link, "disable": _disable, "absence": _absence, "duty": _duty,
          "reach": _reach, "password": _password}


def _moment(option: str, text: str, whole_day: bool) -> datetime:
    """A moment, or the beginning of a day (its end with `whole_day`) in Kazakhstan."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=int(whole_day))
            return datetime.combine(day, time(), ALMATY)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=ALMATY) if moment.tzinfo is None else moment.astimezone(ALMATY)
    except (ValueError, OverflowError) as e:
        raise people.NotPossible(f"{option} {text[:40]}: not a date; write it like 2026-12-01") from e
