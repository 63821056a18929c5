"""How many authors write to one akimat on one topic, against what its own past and its neighbours let
expect."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import comb

from monitor.surge.evidence import FLOOR
from monitor.surge.rules import Rules

HOUR = 3600
WEEK_HOURS = 168
PRIOR_HOURS = 72.0
"""Hours of its neighbours' pace that a short history is filled up with."""
LEAST_PACE = 1 / 24
"""Authors an hour expected of a subject hardly heard of: one a day."""
SPREAD = 3
"""Shape of the negative binomial: hourly counts of citizens' posts vary more than Poisson (variance mu +
mu^2/3)."""
LOCAL = 5 * HOUR
"""Asia/Almaty, UTC+5 since 01.03.2024: hours of the week are the citizens' own."""
KEPT_POSTS = 5000
KEPT_SAID = 120
GROWN = 1.5
"""A surge is told again when it has grown by this factor."""
SUNDAY = 3 * 24
WARM_UP = 24 * HOUR
"""Listening before posts without a topic of their own (the stream as a whole, `other`) can be said to rise."""
WARM_UP_TOPIC = 6 * HOUR
"""Listening before a topic can be said to rise."""
CHECK = 300
"""Seconds for which an expectation is used again."""


@dataclass(slots=True)
class Window:
    """The posts of the last so many seconds, and how many each author wrote."""

    width: int
    uses: deque[tuple[float, int, int | str, bool]] = field(default_factory=deque)
    authors: dict[int, int] = field(default_factory=dict)
    checked: int = -1
    limit: int = 0
    expected: float = 0.0

    def add(self, use: tuple[float, int, int | str, bool], now: float) -> int:
        """Take a post in and let old ones out; returns how many authors went."""
        self.uses.append(use)
        self.authors[use[1]] = self.authors.get(use[1], 0) + 1
        out = 0
        while self.uses[0][0] <= now - self.width or len(self.uses) > KEPT_POSTS:
            author = self.uses.popleft()[1]
            left = self.authors[author] - 1
            if left:
                self.authors[author] = left
            else:
                del self.authors[author]
                out += 1
            if not self.uses:
                break
        return out


@dataclass(slots=True)
class Series:
    """One akimat x topic: authors of the last hours, and the past outside of alerts. `said`: newest posts in words."""

    born: float
    windows: list[Window]
    past: float = 0.0
    frozen: float = 0.0
    alert_since: float | None = None
    alert_end: float = 0.0
    opened: int | str = 0
    told: int = 0
    said: deque[tuple[int, tuple[str, ...]]] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Excess:
    """A surge of volume: distinct authors inside `window` seconds, the expectation, p, and how many wrote
    copies. `opened` names it; `words`: what several of its authors speak of."""

    window: int
    authors: int
    expected: float
    p: float
    copying: int
    start: float
    posts: tuple[int | str, ...]
    opened: int | str
    words: tuple[str, ...]


def negative_binomial_tail(seen: int, mean: float) -> float:
    """P(X >= seen) for a count of the given mean and variance mean + mean^2/3.

    With a whole shape it is the chance of fewer than SPREAD successes in seen + SPREAD - 1 trials.
    """
    if seen <= 0:
        return 1.0
    success = SPREAD / (SPREAD + mean)
    trials = seen + SPREAD - 1
    below = sum(comb(trials, k) * success**k * (1.0 - success) ** (trials - k) for k in range(SPREAD))
    return min(1.0, max(FLOOR, below))


def least_surprising(mean: float, p: float) -> int:
    """The smallest count whose tail is below `p`."""
    low, high = 0, 2
    while negative_binomial_tail(high, mean) >= p:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if negative_binomial_tail(middle, mean) >= p:
            low = middle
        else:
            high = middle
    return high


def _name(*parts: str) -> str:
    return "\x1f".join(parts)


@dataclass(slots=True)
class Volume:
    """Series of every akimat x topic, the pace of each topic in the region and everywhere, and the shape of the week."""

    series: dict[str, Series] = field(default_factory=dict)
    pace: dict[str, float] = field(default_factory=dict)
    """Authors who came and went, per topic and per region x topic."""
    members: dict[str, int] = field(default_factory=dict)
    """Series per topic and per region x topic."""
    week: list[float] = field(default_factory=lambda: [0.0] * WEEK_HOURS)
    week_total: float = 0.0
    born: float | None = None
    now: float = float("-inf")

    def shape(self, start: float, end: float, days_off: frozenset[str]) -> float:
        """Share of the week's posts in the hours from `start` to `end` over what even hours would have; 1
        when unknown."""
        if self.week_total <= 0.0:
            return 1.0
        flat = max(self.week_total / WEEK_HOURS, 1e-9)
        weight = min(1.0, self.week_total / 2000.0)
        total, hours = 0.0, 0
        at = start
        while at <= end:
            hour = hour_of_week(at, days_off)
            same_hour = sum(self.week[hour % 24::24]) / 7
            total += 0.5 * same_hour + 0.5 * self.week[hour]
            hours += 1
            at += HOUR
        return (1.0 - weight) + weight * max(0.2, total / hours / flat)

    def add(self, akimat: str, topic: str, at: float, author: int, post: int | str, copy: bool, words: tuple[str, ...],
            rules: Rules) -> Excess | None:
        """Count a post; an Excess when a surge begins or has grown by half. While it lasts, its posts stay out of the
        expectation."""
        if self.born is None:
            self.born = at
        region, topic_name = _name(akimat[:2], topic), _name("", topic)
        series = self.series.get(_name(akimat, topic))
        if series is None:
            series = self.series[_name(akimat, topic)] = Series(self.born, [Window(w) for w in rules.volume_windows])
            for name in (region, topic_name):
                self.members[name] = self.members.get(name, 0) + 1
        use = (at, author, post, copy)
        self.now = max(self.now, at)
        out = 0
        for window in series.windows:
            out = window.add(use, self.now)
        series.said.append((author, words))
        if len(series.said) > KEPT_SAID:
            series.said.popleft()
        if out and series.alert_since is None:
            series.past += out
            for name in (region, topic_name):
                self.pace[name] = self.pace.get(name, 0.0) + out
        self.week[hour_of_week(at, rules.days_off)] += 1.0
        self.week_total += 1.0
        excess = self._excess(akimat, topic, series, rules)
        if excess is None:
            if series.alert_since is not None and self.now > series.alert_end:
                series.frozen += self.now - series.alert_since
                series.alert_since = None
                series.told = 0
            return None
        series.alert_end = self.now + series.windows[-1].width
        if series.alert_since is None:
            series.alert_since, series.opened = excess.start, excess.posts[0]
        if excess.authors < GROWN * series.told:
            return None
        series.told = excess.authors
        return replace(excess, opened=series.opened, start=min(excess.start, series.alert_since))

    def _excess(self, akimat: str, topic: str, series: Series, rules: Rules) -> Excess | None:
        if self.now - series.born < (WARM_UP if topic in ("", "other") else WARM_UP_TOPIC):
            return None
        best: tuple[float, Window] | None = None
        for window in series.windows:
            authors = len(window.authors)
            if authors < rules.volume_authors:
                continue
            if window.checked != int(self.now // CHECK):
                window.checked = int(self.now // CHECK)
                window.expected = self.expected(akimat, topic, series, self.now - window.width, self.now, rules)
                window.limit = least_surprising(window.expected, rules.volume_p)
            if authors < window.limit:
                continue
            # The same surge: what it is told by is counted only when it is told again.
            p = rules.volume_p if authors < GROWN * series.told else negative_binomial_tail(authors, window.expected)
            if best is None or p < best[0]:
                best = p, window
        if best is None:
            return None
        p, window = best
        authors = len(window.authors)
        if authors < GROWN * series.told:
            return Excess(window.width, authors, window.expected, p, 0, window.uses[0][0], (), "", ())
        copying = len({use[1] for use in window.uses if use[3]})
        return Excess(window.width, authors, round(window.expected, 2), p, copying, window.uses[0][0],
                      tuple(use[2] for use in window.uses), "", spoken_of(series.said, set(window.authors)))

    def expected(self, akimat: str, topic: str, series: Series, start: float, end: float, rules: Rules) -> float:
        """Authors expected between two times: own pace shrunk to that of the region, and that to the country's, in the
        shape of the week."""
        heard = max(1.0, (start - series.born - series.frozen) / HOUR)
        pace = LEAST_PACE
        for name in (_name("", topic), _name(akimat[:2], topic)):
            here = self.pace.get(name, 0.0) / max(1, self.members.get(name, 1))
            pace = max(LEAST_PACE, (pace * PRIOR_HOURS + here) / (PRIOR_HOURS + heard))
        pace = (pace * PRIOR_HOURS + series.past) / (PRIOR_HOURS + heard)
        return max(1e-3, pace * (end - start) / HOUR * self.shape(start, end, rules.days_off))


def hour_of_week(at: float, days_off: frozenset[str]) -> int:
    """The hour of the citizens' own week (0 is Thursday midnight, as 1 January 1970 was one); a day off is a Sunday."""
    local = int(at + LOCAL)
    if days_off and datetime.fromtimestamp(local, UTC).date().isoformat() in days_off:
        return SUNDAY + local // HOUR % 24
    return local // HOUR % WEEK_HOURS


def spoken_of(said: Iterable[tuple[int, tuple[str, ...]]], authors: set[int]) -> tuple[str, ...]:
    """Up to four words that most of the authors use, at least three of them: what the surge is about."""
    by_word: dict[str, set[int]] = {}
    for author, words in said:
        if author in authors:
            for word in words:
                by_word.setdefault(word, set()).add(author)
    common = sorted(((len(who), word) for word, who in by_word.items() if len(who) >= 3), key=lambda t: (-t[0], t[1]))
    return tuple(word for _, word in common[:4])
