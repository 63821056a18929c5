"""A due date explained: until when, and each step that leads there.

Terms: 15wd working days, 9wh working hours, 15cd calendar days. --count-from same: the day of receipt is the first day
if it is a working day and the receipt lies before the end of its working time; next: the next working day is.
Without a config: 09:00-13:00 and 14:30-18:30 Monday to Friday in Asia/Almaty, holidays and moved days of Kazakhstan.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from config.document import ConfigErrors, Unreadable
from config.settings import Office, load
from config.timezone import ALMATY, NAME
from config.workdays import load_workdays
from monitor.commands import Unusable, print_json
from ticketing.deadlines import Calendar, CountFrom, Step, Term, UnknownYear, due, kazakhstan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`due --received ISO --term 15wd|9wh|15cd`."""
    parser.add_argument("--received", required=True, metavar="ISO", help=f"moment of receipt; {NAME} without an offset")
    parser.add_argument("--term", required=True, metavar="15wd|9wh|15cd")
    parser.add_argument("--count-from", choices=("same", "next"), help="default: same, or the office's own")
    parser.add_argument("-c", "--config", metavar="FILE", help="working time and days off of an office of this config")
    parser.add_argument("--office", metavar="CODE", help="which office, where the config has several")
    parser.add_argument("--json", action="store_true", help="one object {due, derivation}")


def run(args: argparse.Namespace) -> int:
    """Print the date and its derivation."""
    try:
        received, assumed = _moment(args.received)
        term = Term.parse(args.term)
        calendar, count_from = _calendar(args)
        result = due(received, term, calendar, args.count_from or count_from)
    except (ValueError, UnknownYear, Unreadable) as e:
        raise Unusable(str(e)) from e
    except ConfigErrors as e:
        raise Unusable(f"{e.problems[0]}" + (f" (and {len(e.problems) - 1} more: qulaq check -c {args.config})"
                                             if len(e.problems) > 1 else "")) from e
    steps = [{**step, "assumed": NAME} if assumed and step["step"] == "received" else step
             for step in result.derivation]
    at = result.at.astimezone(ALMATY).isoformat()
    if args.json:
        print_json({"due": at, "derivation": steps})
        return 0
    print(at)  # noqa: T201
    for step in steps:
        print(f"  {said(step)}")  # noqa: T201
    return 0


def _moment(text: str) -> tuple[datetime, bool]:
    """The moment and whether its zone was assumed."""
    try:
        moment = datetime.fromisoformat(text.strip())
        assumed = moment.tzinfo is None
        return (moment.replace(tzinfo=ALMATY) if assumed else moment).astimezone(ALMATY), assumed
    except (ValueError, OverflowError) as e:
        raise ValueError(f'--received "{text[:60]}": not a time; write it like 2026-11-24T10:00:00+05:00') from e


def _calendar(args: argparse.Namespace) -> tuple[Calendar, CountFrom]:
    if args.config is None:
        if args.office is not None:
            raise ValueError("--office needs the config that has it: -c FILE")
        return kazakhstan(), "same"
    offices = load(Path(args.config), None, insist=False).offices
    if args.office is not None:
        chosen = [office for office in offices if office.code == args.office]
        if not chosen:
            raise ValueError(f"{args.config}: no office {args.office}; there are {_codes(offices) or 'none'}")
    else:
        chosen = list({(str(o.working_time), o.holidays, o.count_from): o for o in offices}.values())
        if len(chosen) > 1:
            raise ValueError(f"{args.config}: its offices differ; say which one: --office {_codes(offices)}")
    if not chosen:
        return kazakhstan(), "same"
    return Calendar(load_workdays(chosen[0].holidays), chosen[0].working_time), chosen[0].count_from


def _codes(offices: tuple[Office, ...]) -> str:
    return " or ".join(office.code for office in offices)


def said(step: Step) -> str:
    """One step of a derivation as a line of text."""
    name = step["step"]
    values: dict[str, Any] = {key: value for key, value in step.items() if key != "step"}
    if name == "counted":
        return f"counted: {', '.join(values['days'])}"
    if name == "day_off":
        return f"day off: {values['day']} {values['en']}"       # the console is English; of an estimate the name says so
    if name == "worked_day":
        instead = f" instead of {values['instead_of']}" if "instead_of" in values else ""
        return f"worked day: {values['day']}{instead}"
    if name == "hours":
        return f"hours: {values['from']} to {values['until']} ({values['minutes']:g} min)"
    if name == "received" and "assumed" in values:
        return f"received: {values['at']} (no offset given: read as {values['assumed']})"
    if name == "calendar":
        week = "; ".join(f"{days} {', '.join(spans)}" for days, spans in values["week"].items())
        return f"calendar: {values['version']} ({week})"
    first, *rest = values.values()
    return f"{name.replace('_', ' ')}: {first}" + (f" ({', '.join(str(v) for v in rest)})" if rest else "")
