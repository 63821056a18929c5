"""A surge in one reader's language and rights: what its templates ask. It reads and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations
from typing import Any
from urllib.parse import quote

from babel.numbers import format_decimal

from monitor.response import reading, words
from monitor.response.rights import may
from monitor.store.surges import Sample, Series, chief_of, ticks
from monitor.web import moments

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520, 210, 34, 6, 10, 24

_TONE = {"coordinated": "violet", "organised": "violet", "organic": "plain", "inconclusive": "grey"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the chart, bottom up, with what a pointer reads on it."""

    x: float
    width: float
    y: float
    height: float
    own_y: float
    own_height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Geometry in the units of the view box."""

    bars: tuple[Bar, ...]
    usual: str
    lines: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]
    deaf: tuple[tuple[float, float], ...]
    floor: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A family of evidence with its signals as written: (name, value, usual, p, whether it stands out)."""

    name: str
    signals: tuple[tuple[str, str, str, str, bool], ...]


class SurgeView:
    """Words, numbers and rights for one language, role and moment."""

    width, height, left, right = WIDTH, HEIGHT, LEFT, WIDTH - RIGHT

    def __init__(self, language: str, now: datetime, role: str, say: NullTranslations) -> None:
        self.language, self.now, self.role = language, now, role
        self._, self._n = say.gettext, say.ngettext

    def word(self, table: str, code: str | None) -> str:
        """The word for a code; the code itself where a newer detector says something we have no word for."""
        known: Mapping[str, str] = getattr(words, table)
        return self._(known[code]) if code is not None and code in known else (code or "").replace("_", " ")

    def title(self, row: Any) -> str:
        verdict = self.word("VERDICT", row.verdict)
        return verdict[:1].upper() + verdict[1:]

    def tone(self, row: Any) -> str:
        return _TONE.get(row.verdict, "plain")

    def explanation(self, row: Any) -> str:
        return str(row.detail.get("explanation", {}).get(self.language, ""))

    def state(self, row: Any) -> tuple[str, str]:
        """(word, tone): whether a person has to say something."""
        if row.waits:
            return self._("needs a decision"), "amber"
        return (self.word("DECISION", row.decision), "grey") if row.decision else ("", "grey")

    def url(self, id_: str, *more: str) -> str:
        return "/".join(["/surges", quote(id_, safe=""), *(quote(part, safe="") for part in more)])

    def may(self, action: str) -> bool:
        return may(self.role, action)

    def percent(self, score: float) -> str:
        return f"{round(score * 100)}\u00a0%"

    # --- evidence

    def evidence(self, row: Any) -> list[Evidence]:
        """Families, the one that stands out most first; each with its signals beside what chance or habit would give."""
        families: dict[str, list[tuple[str, str, str, str, bool]]] = {}
        for signal in sorted(row.detail.get("signals", ()), key=lambda s: s["p"]):
            if signal["kind"] == "volume":      # many people are no sign of one hand
                continue
            families.setdefault(signal.get("family") or signal["kind"], []).append((
                self.word("SIGNAL", signal["kind"]), self.number(signal["value"]), self.number(signal["expected"]),
                self.p(signal["p"]), signal["p"] <= 0.01))
        return [Evidence(self.word("FAMILY", name), tuple(signals)) for name, signals in families.items()]

    def volume_p(self, row: Any) -> str:
        """The chance of so many authors at a usual time; "" where volume was not what it is about."""
        return next((self.p(s["p"]) for s in row.detail.get("signals", ()) if s["kind"] == "volume"), "")

    def against(self, row: Any) -> list[tuple[str, str]]:
        """What speaks against coordination: (words, strength or "")."""
        made = []
        for counter in row.detail.get("counter", ()):
            kind, strength = (counter, None) if isinstance(counter, str) else (counter["kind"], counter.get("strength"))
            made.append((self.word("COUNTER", kind), "" if strength is None else self.percent(strength)))
        return made

    def number(self, value: float) -> str:
        if 0 < value < 0.05:
            return "<\u00a0" + str(format_decimal(0.1, locale=self.language))
        return str(format_decimal(round(value, 1), locale=self.language))

    def p(self, value: float) -> str:
        """The chance of so much under the null."""
        return ("<\u00a0" + str(format_decimal(0.001, "0.000", locale=self.language)) if value < 0.001
                else str(format_decimal(value, "0.000", locale=self.language)))

    # --- samples

    def words(self, sample: Sample) -> str:
        return reading.words(sample, self._)

    # --- the chart

    def chart(self, series: Series) -> Chart:
        """Bars of what was seen, a line of what is usual, shades where a source was silent."""
        values = ticks(series.most)
        floor, high = HEIGHT - BOTTOM, HEIGHT - TOP - BOTTOM
        slot = (WIDTH - LEFT - RIGHT) / len(series.buckets)

        def y(value: float) -> float:
            return round(floor - high * value / values[-1], 1)

        bars, deaf, usual = [], [], []
        for i, b in enumerate(series.buckets):
            x = round(LEFT + slot * i, 1)
            if b.deaf:
                deaf.append((x, round(slot, 1)))
            if b.usual is not None:
                usual.append(f"{x + slot / 2:.1f},{y(b.usual)}")
            if b.posts:
                at = moments.at(b.at, self.language, self.now)
                title = self._("%(at)s: posts %(posts)d, of this surge %(own)d") % {"at": at, "posts": b.posts, "own": b.own}
                bars.append(Bar(round(x + slot * 0.12, 1), round(slot * 0.76, 1), y(b.posts), round(floor - y(b.posts), 1),
                                y(b.own), round(floor - y(b.own), 1), title))
        labels, day = [], ""
        for i in range(0, len(series.buckets) - 3, 9):
            begin = series.buckets[i].at
            today, clock = moments.day(begin, self.language, self.now), "" if series.step.days else moments.clock(begin)
            labels.append((round(LEFT + slot * i, 1), f"{today} {clock}".strip() if today != day or not clock else clock))
            day = today
        return Chart(tuple(bars), " ".join(usual), tuple((y(v), str(v)) for v in values), tuple(labels), tuple(deaf), floor)

    # --- how it grew

    def grown(self, history: Sequence[Any]) -> list[tuple[datetime, str, int]]:
        """(when, verdict, authors) wherever the surge as a whole came to say something else, or had more authors than ever."""
        last: dict[str, Any] = {}
        kept: list[tuple[datetime, str, int]] = []
        for row in history:
            last[row.surge] = row
            chief = chief_of(last.values())
            if not kept or kept[-1][1] != chief.verdict or chief.authors > kept[-1][2]:
                kept.append((row.detected_at, chief.verdict, chief.authors))
        return kept[:2] + kept[-8:] if len(kept) > 10 else kept
