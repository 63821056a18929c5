"""A row of the feed in one reader's language and rights: what the templates ask. It reads and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from gettext import NullTranslations
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit

from babel.dates import format_date
from babel.numbers import format_decimal

from config.answers import Template
from config.timezone import ALMATY
from monitor.parts import part_words
from monitor.web import moments, words
from monitor.web.units import Units
from ticketing import ticket as rules
from ticketing.answered import ago
from ticketing.feed import FeedRow, Hole, SourceState
from ticketing.reply.templates import outline

MANY_CHARACTERS = 300
MANY_LINES = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a post's text, and the facets whose reasons rest on it."""

    text: str
    facets: str


@dataclass(frozen=True, slots=True)
class Because:
    """One reason: what in the text (or ""), under which rule, with which weight."""

    words: str
    rule: str
    weight: str


class View:
    """Names, times and states for one language at one moment; `role` decides which buttons stand there."""

    def __init__(self, language: str, now: datetime, role: str, units: Units, topics: Mapping[str, Any],
                 say: NullTranslations) -> None:
        self.language, self.now, self.role = language, now, role
        self.units, self.topics, self._, self._n = units, topics, say.gettext, say.ngettext

    # --- words

    def akimat(self, code: str | None) -> str:
        return self.units.name(code, self.language)

    def path(self, code: str | None) -> str:
        return self.units.path(code, self.language) if code else ""

    def topic(self, code: str | None) -> str:
        if code is None or code not in self.topics:
            return code or ""
        topic = self.topics[code]
        return str(topic.name_ru if self.language == "ru" else topic.name_kk)

    def kind(self, code: str | None) -> str:
        return self.word("KIND", code)

    def word(self, table: str, code: str | None) -> str:
        """The word for a code of one of the tables in `words`."""
        known: Mapping[str, str] = getattr(words, table)
        return self._(known[code]) if code is not None and code in known else code or ""

    def outline(self, template: Template, tongue: str) -> str:
        """A template in the language of the answer (the reader's, where it is in both), its blanks in brackets, without its greeting."""
        return outline(template, "ru" if (self.language if tongue == "both" else tongue) == "ru" else "kk").split("! ", 1)[-1]

    def said(self, message: str) -> str:
        """A reason that was stored: in the reader's language where it is one of ours, else as it is."""
        return self._(message) if message else ""

    def part(self, part: str) -> str:
        """What of a source the network refuses."""
        return part_words(part, self.language)

    def network(self, code: str) -> str:
        return self._(words.network(code))

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self.language))

    # --- times

    def exact(self, moment: datetime) -> str:
        return moments.exact(moment, self.language)

    def when(self, moment: datetime) -> str:
        return moments.when(moment, self.language, self.now)

    def at(self, moment: datetime) -> str:
        return moments.at(moment, self.language, self.now)

    def until(self, moment: datetime) -> str:
        return moments.until(moment, self.language, self.now)

    def since(self, moment: datetime) -> str:
        return moments.since(moment, self.language, self.now)

    def ago(self, moment: datetime) -> str:
        return ago(moment, self.now, self.language)

    def span(self, since: datetime, until: datetime | None = None) -> str:
        return moments.span((until or self.now) - since, self.language)

    def day(self, moment: datetime) -> str:
        return moments.long_day(moment, self.language)

    def clock(self, moment: datetime) -> str:
        return moments.clock(moment)

    def iso(self, written: str) -> str:
        """A day or a moment as a derivation writes it, in words."""
        if "T" not in written:
            return moments.short_day(date.fromisoformat(written), self.language)
        moment = datetime.fromisoformat(written)
        return f"{moments.day(moment, self.language, self.now)}, {moments.clock(moment)}"

    def iso_clock(self, written: str) -> str:
        return moments.clock(datetime.fromisoformat(written))

    def minutes(self, count: float) -> str:
        return moments.span(timedelta(minutes=count), self.language)

    def term(self, written: str) -> str:
        """`9wh` in words."""
        count, unit = written[:-2], written[-2:]
        if not count.isdigit():
            return written
        n, ngettext = int(count), self._n
        if unit == "wd":
            said = ngettext("%(n)s working day", "%(n)s working days", n)
        elif unit == "wh":
            said = ngettext("%(n)s working hour", "%(n)s working hours", n)
        else:
            said = ngettext("%(n)s calendar day", "%(n)s calendar days", n)
        return said % {"n": n}

    def today(self) -> str:
        """Today in Kazakhstan, as a form's field takes it."""
        return self.now.astimezone(ALMATY).date().isoformat()

    def days(self, first: date, last: date) -> str:
        """A stretch of whole days: 1 – 10 желтоқсан 2026."""
        if first == last:
            return str(format_date(first, "d MMMM y", locale=self.language))
        form = "d MMMM" if first.year == last.year else "d MMMM y"
        return f"{format_date(first, form, locale=self.language)} – {format_date(last, 'd MMMM y', locale=self.language)}"

    def ago_words(self) -> dict[str, str]:
        """`%d мин. бұрын` for the script, whose browser may know no Kazakh."""
        return {unit: moments.span_ago(timedelta(**{f"{unit}s": 7}), self.language).replace("7", "%d")
                for unit in ("second", "minute")}

    # --- a row

    def lang(self, row: FeedRow) -> str | None:
        return words.LANG_TAG.get(row.language)

    def href(self, url: str) -> str | None:
        """The address of the original where it is a web address; anything else is never a link."""
        try:
            parts = urlsplit(url.strip())
        except ValueError:
            return None
        return url.strip() if parts.scheme.lower() in ("http", "https") and parts.netloc else None

    def ticket_url(self, number: str) -> str:
        return f"/tickets/{quote(number, safe='')}"

    def long(self, row: FeedRow) -> bool:
        """Whether four lines will not hold it."""
        return len(row.text) > MANY_CHARACTERS or row.text.count("\n") >= MANY_LINES

    def state(self, row: FeedRow) -> tuple[str, str]:
        """(word, tone): amber needs you, red late, blue in hand, grey done."""
        if row.status is None or (row.status == "void" and row.waits):
            tone = "amber" if row.waits else "grey"
            return self.word("STATE", row.state), tone
        if row.late(self.now):
            return self._(words.LATE), "red"
        tone = {"registered": "amber", "assigned": "amber", "accepted": "blue"}.get(row.status, "grey")
        return self.word("STATUS", row.status), tone

    def pieces(self, row: FeedRow) -> list[Piece]:
        """The text cut at the borders of the spans that reasons rest on."""
        spans = [(r[1], r[2], facet(r[0])) for r in _reasons(row.detail) if 0 <= r[1] < r[2]]
        size = len(row.text)
        borders = sorted({0, size, *(min(b, size) for s in spans for b in s[:2])})
        made = []
        for start, end in pairwise(borders):
            inside = sorted({f for a, b, f in spans if a <= start and end <= b})
            made.append(Piece(row.text[start:end], " ".join(f"on-{f}" for f in inside)))
        return made

    def because(self, row: FeedRow, *facets: str) -> list[Because]:
        """The reasons of these facets, the heaviest first."""
        found = [r for r in _reasons(row.detail) if facet(r[0]) in facets]
        found.sort(key=lambda r: -abs(r[3]))
        return [Because(r[4] or row.text[r[1]:r[2]], self.word("REASON", r[0].partition(":")[0]),
                        str(format_decimal(r[3], "+0.0;−0.0", locale=self.language))) for r in found[:12]]

    def candidates(self, row: FeedRow) -> list[str]:
        """Units that the name fits, where detection could not choose."""
        return [c for c in row.detail.get("candidates", ()) if isinstance(c, str)][:12]

    def percent(self, score: float) -> str:
        return f"{self.number(round(score * 100))}\u00a0%"

    # --- rights

    def may(self, action: str) -> bool:
        return rules.may(self.role, action)

    def can(self, action: str, ticket: Any) -> bool:
        """Whether this role may do it, and the card is in a state for it."""
        return self.may(action) and rules.allowed(action, ticket.status)

    def answer_tone(self, state: str) -> str:
        return {"draft": "amber", "approved": "amber", "publishing": "blue", "failed": "red"}.get(state, "grey")

    def delivery_tone(self, state: str) -> str:
        return {"by_hand": "amber", "queued": "blue", "sending": "blue", "dead": "red"}.get(state, "grey")

    def can_accept(self, row: FeedRow) -> bool:
        return row.status is not None and self.may("accept") and rules.allowed("accept", row.status)

    def can_move(self, row: FeedRow) -> bool:
        """Whether another akimat can still be named."""
        if row.status is not None and row.status != "void":
            return self.may("other_akimat") and rules.allowed("redirect", row.status)
        return self.may("other_akimat") and row.state in ("triage", "elsewhere", "ignored", "not_addressed")

    def can_take(self, row: FeedRow) -> bool:
        return self.may("take") and row.status in (None, "void") and row.state in ("triage", "ignored")

    def can_drop(self, row: FeedRow) -> bool:
        if row.status not in (None, "void"):
            return self.may("not_addressed") and self.may("void") and rules.allowed("void", row.status)
        return self.may("not_addressed") and row.state in ("triage", "elsewhere")

    def can_correct(self, row: FeedRow) -> bool:
        """Whether topic, kind, urgency and place can still be said."""
        if row.status is not None:
            return self.may("correct") and rules.allowed("correct", row.status)
        return self.may("correct") and row.state in ("triage", "elsewhere")

    # --- gaps

    def gaps(self, rows: Sequence[FeedRow], holes: Sequence[Hole]) -> dict[int, list[Hole]]:
        """Above which row (by id) each hole stands: where it ended, or where one that lasts began."""
        placed: dict[int, list[Hole]] = {}
        for gap in holes:
            ends = gap.until or gap.since
            below = next((r.id for r in rows if r.collected_at < ends), None)
            if below is not None:
                placed.setdefault(below, []).append(gap)
        return placed

    def tone_of(self, source: SourceState) -> str:
        if source.silent:
            return "red"
        return "grey" if source.state in ("off", "new") else "amber" if source.state == "waiting" else "plain"


def facet(rule: str) -> str:
    """Which word of the row a rule explains."""
    head = rule.replace(":", ".").replace("_", ".").split(".", 1)[0]
    if head in ("topic", "kind", "urgent", "urgency"):
        return "topic"
    if head in ("place", "location", "where"):
        return "place"
    if head == "proposed":
        return "person"
    return "addressee"


def _reasons(detail: Mapping[str, Any]) -> list[tuple[str, int, int, float, str]]:
    return [(str(r[0]), int(r[1]), int(r[2]), float(r[3]), str(r[4])) for r in detail.get("reasons", ())]
