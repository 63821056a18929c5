# ruff: noqa: N999 - a command is a file of its name
"""Cards of other channels into the same classifier and register: exports of e-Otinish and 109 as XLSX or CSV.

The mapping says how the columns are called; bundled ones fit e-Otinish and 109 in Kazakh and Russian, --mapping names an own
one. A card keeps its number; the same card again is swallowed, one whose text changed is a revision, one that its system has
finished with is closed. A row that is no card is reported with its number, and the rest goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from tqdm import tqdm

from config.document import ConfigErrors, Unreadable
from config.imports import CardMapping, bundled, load_mapping
from config.timezone import ALMATY
from monitor import sheet
from monitor.commands import Unusable, add_database, first_problem, open_database, print_json, warn
from monitor.core.classify import subject
from monitor.core.judge import Judge
from monitor.core.post import Author, Post, clean_text
from monitor.core.text import Text
from monitor.core.verdict import Reason, Verdict
from monitor.pipeline import BATCH, Pipeline
from monitor.setting import WRONG, line
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.tables import post
from monitor.store.verdicts import insert_verdicts
from ticketing import cards
from ticketing.cards import Card
from ticketing.store import CHUNK, count_tickets

HEADER = 30
"""Rows among which the header is looked for: exports begin with a title and dates."""
EARLIEST, LATEST = datetime(2002, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[\w№][\w .,/№#()-]{0,63}")
"""No number begins like a formula: it is printed on letters and goes into spreadsheets."""
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`import FILE --channel NAME --db URL`."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--channel", required=True, metavar="NAME", help="e-otinish, 109, ...: the network of these cards")
    add_database(parser)
    parser.add_argument("-c", "--config", metavar="FILE")
    parser.add_argument("--mapping", metavar="FILE", help="YAML: how the columns are called (see config/knowledge/imports)")
    parser.add_argument("--home", metavar="CODE", help="KATO code of the akimat whose cards these are, where a card does not say")
    parser.add_argument("--dry-run", action="store_true", help="read and judge everything, store nothing")
    parser.add_argument("--json", action="store_true", help="a summary as the last line of stdout")


@dataclass(slots=True)
class _Told:
    """What is said at the end."""

    rows: int = 0
    new: int = 0
    duplicates: int = 0
    revisions: int = 0
    tickets: int = 0
    closed: int = 0
    triage: int = 0
    bad: int = 0
    topics: Counter[str] = field(default_factory=Counter)


def run(args: argparse.Namespace) -> int:
    """Exit 1 where a row was no card."""
    started = time.perf_counter()
    if not _CHANNEL.fullmatch(args.channel):
        raise Unusable(f"--channel {clean_text(args.channel)[:40]}: write a short name in small Latin letters, like e-otinish or 109")
    try:
        mappings = [load_mapping(Path(args.mapping))] if args.mapping else bundled(args.channel)
    except (ConfigErrors, Unreadable) as e:
        raise Unusable(first_problem(Path(args.mapping or ""), e)) from e
    try:
        pipeline = line(args.config)
    except WRONG as e:
        raise Unusable(first_problem(Path(args.config or ""), e)) from e
    told = _Told()
    reader = _Reader(Path(args.file), args.channel, mappings, pipeline, args.home, told)
    try:
        found = reader.cards()
        first = list(islice(found, BATCH))      # an unusable file is said before a database is made
        if args.dry_run:
            while first:
                _dry(pipeline, first, told)
                first = list(islice(found, BATCH))
        else:
            with open_database(args, make=True) as db, tqdm(unit=" cards", disable=not sys.stderr.isatty()) as bar:
                while first:
                    _batch(db, pipeline, first, told)
                    bar.update(len(first))
                    first = list(islice(found, BATCH))
                with db.reading() as c:
                    told.tickets = count_tickets(c)
    except sheet.UnusableSheet as e:
        raise Unusable(f"{e}{'; the rows before are kept, import the mended file again' if told.rows else ''}") from e
    summary = {"rows": told.rows, "new": told.new, "duplicates": told.duplicates, "revisions": told.revisions,
               "tickets": told.tickets, "closed": told.closed, "triage": told.triage, "bad": told.bad,
               "topics": dict(told.topics.most_common()), "dry_run": args.dry_run,
               "seconds": round(time.perf_counter() - started, 3)}
    if args.json:
        print_json(summary)
    else:
        print(", ".join(f"{value} {name}" for name, value in summary.items() if not isinstance(value, dict | bool)))  # noqa: T201
    return 1 if told.bad else 0


def _dry(pipeline: Pipeline, batch: list[Card], told: _Told) -> None:
    told.new += len(batch)
    for card in batch:
        akimat = card.verdict.akimat
        office = akimat and pipeline.service.desk.office_of(akimat)
        told.triage += akimat is None
        told.closed += bool(office and card.closed)
        told.tickets += bool(office)
        told.topics[card.verdict.topic or "other"] += 1


def _batch(db: Database, pipeline: Pipeline, batch: list[Card], told: _Told) -> None:
    """Stored, registered and judged in one transaction: a kill leaves no card half entered."""
    service, now = pipeline.service, datetime.now(UTC)
    with db.begin() as c:
        stored = store_posts(c, [card.post for card in batch], now, queue=False)
        authors = {id_: key for start in range(0, len(stored.ids), CHUNK) for id_, key in c.execute(
            select(post.c.id, post.c.author_key).where(post.c.id.in_(stored.ids[start:start + CHUNK]))).tuples()}
        keys = dict(zip(stored.ids, zip(stored.indexes, stored.revisions, strict=True), strict=True))
        fresh: list[tuple[int, Card]] = []
        changed: list[tuple[int, Card]] = []
        for id_, (index, revision) in keys.items():
            card = batch[index]
            made = replace(card, post=replace(card.post, revision=revision, collected_at=now, author=Author(authors[id_])))
            (changed if revision else fresh).append((id_, made))
        done = cards.close(c, service, batch, now)      # those that are here already
        states = cards.enter(c, service, fresh, now)
        if changed:
            states |= cards.revise(c, service, changed, now)
        insert_verdicts(c, [(id_, card.verdict) for id_, card in (*fresh, *changed)], states, now)
    told.new += len(fresh)
    told.revisions += len(changed)
    told.duplicates += len(batch) - len(stored.ids)
    told.triage += sum(state == "triage" for state in states.values())
    told.closed += done + sum(card.closed and states[id_] == "ticket" for id_, card in fresh)
    for _id, card in fresh:
        told.topics[card.verdict.topic or "other"] += 1


class _Reader:
    """The cards of a file, judged; a row that is none is reported with its number and passed over."""

    def __init__(self, path: Path, channel: str, mappings: list[CardMapping], pipeline: Pipeline, home: str | None,
                 told: _Told) -> None:
        judge = pipeline.judge
        assert isinstance(judge, Judge)
        self._judge, self._desk = judge, pipeline.service.desk
        self._path, self._channel, self._mappings, self._told = path, channel, mappings, told
        self._where: dict[str, str | None] = {}
        registry = judge.knowledge.registry
        offices = list(self._desk.offices or ())
        self._given_home = home or (offices[0] if len(offices) == 1 else None)
        if home is not None and home not in registry:
            raise Unusable(f"--home {home}: no akimat has this KATO code")

    def cards(self) -> Iterator[Card]:
        """Every card in its order. Raises UnusableSheet or Unusable where there is no table of cards."""
        rows = sheet.rows(self._path)
        mapping, places = self._header(rows)
        home = self._given_home or mapping.home
        for number, cells in rows:
            if isinstance(cells, sheet.BadRow):
                self._bad(number, str(cells))
                continue
            text = {name: sheet.as_text(cells[at]) if at < len(cells) else "" for name, at in places.items()}
            if not any(text.values()):
                continue
            self._told.rows += 1
            try:
                when = cells[places["received"]] if "received" in places and places["received"] < len(cells) else None
                yield self._card(number, text, when, mapping, home)
            except sheet.BadRow as e:
                self._bad(number, str(e))

    def _bad(self, number: int, why: str) -> None:
        self._told.bad += 1
        warn(f"{self._path}:{number}: {why}; this row is skipped")

    def _header(self, rows: Iterator[tuple[int, sheet.Row | sheet.BadRow]]) -> tuple[CardMapping, dict[str, int]]:
        seen: list[str] = []
        for number, cells in rows:
            if number > HEADER:
                break
            if isinstance(cells, sheet.BadRow):
                continue
            header = [sheet.as_text(cell) for cell in cells]
            for mapping in self._mappings:
                places = mapping.places(header)
                if places is not None:
                    return mapping, places
            if sum(map(bool, header)) > sum(map(bool, seen)):
                seen = header
        shown = ", ".join(name[:30] for name in seen if name)[:200]
        raise Unusable(f"{self._path}: no row names a number and a text (the fullest has: {shown or 'nothing'}); "
                       "say how the columns are called with --mapping FILE")

    def _card(self, row: int, text: dict[str, str], when: object, mapping: CardMapping, home: str | None) -> Card:
        number = text["number"]
        if not number:
            raise sheet.BadRow("has no number")
        if not _NUMBER.fullmatch(number):
            raise sheet.BadRow(f"{number[:40]!r} is no number of a card")
        said = text["text"]
        if not said and not text.get("subject"):
            raise sheet.BadRow(f"card {number[:64]} has no text")
        at = self._moment(when, mapping.dates) or datetime.now(UTC)
        if not EARLIEST <= at < LATEST:
            raise sheet.BadRow(f"card {number[:64]}: {text['received'][:40]!r} is no date of a card")
        whole = said if said else text["subject"]
        author = text.get("author", "")
        made = Post(network=self._channel, source=self._channel, native_id=number, text=whole, published_at=at, home=home,
                    author=Author(author.casefold()))
        status = text.get("status", "")
        verdict = self._verdict(made, text.get("subject", ""), text.get("place", ""), home)
        return Card(row, made, verdict, status, mapping.is_closed(status))

    def _moment(self, value: object, forms: tuple[str, ...]) -> datetime | None:
        """A moment of Kazakhstan as UTC; None where the cell is empty. Raises BadRow."""
        if value is None or value == "":
            return None
        if isinstance(value, datetime):
            found = value
        else:
            said = sheet.as_text(value)
            if not said:
                return None
            found = next((moment for form in ("iso", *forms) if (moment := _parsed(said, form)) is not None), None) or _no_date(said)
        return (found if found.tzinfo else found.replace(tzinfo=ALMATY)).astimezone(UTC)

    def _verdict(self, card: Post, subject_said: str, place: str, home: str | None) -> Verdict:
        """What detection says of the text; that it is addressed to an akimat is known, for it lies in its system."""
        judge, knowledge = self._judge, self._judge.knowledge
        verdict = judge(card)
        akimat = verdict.akimat or self._akimat(place, home) or home
        topic, kind, urgency, reasons = verdict.topic, verdict.kind, verdict.urgency, verdict.reasons
        if topic is None:
            about = subject(Text(card.text), knowledge.subject, knowledge.subject_words)
            topic, kind, urgency, reasons = about.topic, about.kind, about.urgency, (*reasons, *about.reasons)
        if topic in (None, "other") and subject_said:
            topic = subject(Text(subject_said), knowledge.subject, knowledge.subject_words).topic
        return replace(verdict, addressed=True, score=1.0, decision="register" if akimat else "triage", akimat=akimat, topic=topic,
                       kind=kind, urgency=urgency, location_text=verdict.location_text or place[:200] or None,
                       reasons=(Reason("imported", 0, 0, 1.0, self._channel), *reasons))

    def _akimat(self, place: str, home: str | None) -> str | None:
        """The akimat of the place that a card names; a thousand cards name a dozen of them."""
        if not place:
            return None
        key = place[:200]
        if key not in self._where:
            if len(self._where) > 50_000:
                self._where.clear()
            asked = Post(network=self._channel, source=self._channel, native_id="", published_at=EARLIEST, home=home,
                         text=f"Акимат {key}! Примите меры")
            self._where[key] = self._judge(asked).akimat
        return self._where[key]


def _parsed(said: str, form: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if form == "iso" else datetime.strptime(said, form)  # noqa: DTZ007 - Kazakhstan's, see _moment
    except ValueError:
        return None


def _no_date(said: str) -> datetime:
    raise sheet.BadRow(f"{said[:40]!r} is no date; the mapping's `dates` says how they are written")
