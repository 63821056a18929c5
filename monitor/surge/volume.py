"""How many authors write to one akimat on one topic, against what its own past and its neighbours let
expect."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import exp, lgamma, log, log1p

from monitor.surge.evidence import FLOOR
from monitor.surge.rules import Rules

HOUR = 3600
WEEK_HOURS = 168
PRIOR_HOURS = 72.0
"""Hours of its neighbours' pace that a short history is filled up with."""
LEAST_PACE = 1 / 24
"""Authors an hour expected of a subject hardly heard of: one a day."""
SPREAD = 3.0
"""Shape of the negative binomial: hourly counts of citizens' posts vary more than Poisson (variance mu +
mu^2/3)."""
LOCAL = 5 * HOUR
"""Asia/Almaty, UTC+5 since 01.03.2024: hours of the week are the citizens' own."""
KEPT_POSTS = 5000
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
    uses: deque[tuple[float, str, int | str, bool]] = field(default_factory=deque)
    authors: dict[str, int] = field(default_factory=dict)
    checked: int = -1
    limit: int = 0
    expected: float = 0.0

    def add(self, use: tuple[float, str, int | str, bool], now: float) -> int:
        """Take a post in and let old ones out; returns how many went."""
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
    """One akimat x topic: authors of the last hours, and the past outside of alerts."""

    born: float
    windows: tuple[Window, ...]
    past: float = 0.0
    frozen: float = 0.0
    alert_since: float | None = None
    alert_end: float = 0.0


@dataclass(frozen=True, slots=True)
class Excess:
    """A surge of volume: distinct authors inside `window` seconds, the expectation, p, and how many wrote
    copies."""

    window: int
    authors: int
    expected: float
    p: float
    copying: int
    start: float
    posts: tuple[int | str, ...]


def negative_binomial_tail(seen: int, mean: float, shape: float = SPREAD) -> float:
    """P(X >= seen) for a count of the given mean and variance mean + mean^2/shape."""
    if seen <= 0:
        return 1.0
    chance = shape / (shape + mean)
    below = 0.0
    for k in range(seen):
        ways = lgamma(k + shape) - lgamma(shape) - lgamma(k + 1)
        below += exp(ways + shape * log(chance) + k * log1p(-chance))
    return min(1.0, max(FLOOR, 1.0 - below))


def least_surprising(mean: float, p: float) -> int:
    """The smallest count whose tail is below `p`."""
    chance = SPREAD / (SPREAD + mean)
    term = chance**SPREAD
    below, k = term, 1
    while 1.0 - below >= p and k < 1_000_000:
        term *= (k - 1 + SPREAD) / k * (1.0 - chance)
        below += term
        k += 1
    return k


class Volume:
    """Series of every akimat x topic, the pace of each topic over all akimats, and the shape of the week."""

    __slots__ = ("_born", "_now", "_of_topic", "_rules", "_series", "_topics", "_week", "_week_total")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._series: dict[tuple[str, str], Series] = {}
        self._topics: dict[str, float] = {}
        self._of_topic: dict[str, int] = {}
        self._week = [0.0] * WEEK_HOURS
        self._week_total = 0.0
        self._born: float | None = None
        self._now = float("-inf")

    def shape(self, start: float, end: float) -> float:
        """Share of the week's posts in the hours from `start` to `end` over what even hours would have; 1
        when unknown."""
        if self._week_total <= 0.0:
            return 1.0
        flat = max(self._week_total / WEEK_HOURS, 1e-9)
        weight = min(1.0, self._week_total / 2000.0)
        total, hours = 0.0, 0
        at = start
        while at <= end:
            day_hour = int((at + LOCAL) // HOUR) % 24
            same_hour = sum(self._week[day_hour::24]) / 7
            own = self._week[int((at + LOCAL) // HOUR) % WEEK_HOURS]
            total += 0.5 * same_hour + 0.5 * own
            hours += 1
            at += HOUR
        return (1.0 - weight) + weight * max(0.2, total / hours / flat)

    def add(self, key: tuple[str, str], at: float, author: str, post: int | str, copy: bool) -> Excess | None:
        """Count a post; an Excess when a surge begins. While it lasts, its posts stay out of the
        expectation."""
        rules = self._rules
        if self._born is None:
            self._born = at
        topic = key[1]
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(self._born, tuple(Window(w) for w in rules.volume_windows))
            self._of_topic[topic] = self._of_topic.get(topic, 0) + 1
        use = (at, author, post, copy)
        self._now = max(self._now, at)
        out = 0
        for window in series.windows:
            out = window.add(use, self._now)
        if out and series.alert_since is None:
            series.past += out
            self._topics[topic] = self._topics.get(topic, 0.0) + out
        self._week[int((at + LOCAL) // HOUR) % WEEK_HOURS] += 1.0
        self._week_total += 1.0
        excess = self._excess(key, series)
        if excess is None:
            if series.alert_since is not None and self._now > series.alert_end:
                series.frozen += self._now - series.alert_since
                series.alert_since = None
            return None
        series.alert_end = self._now + series.windows[-1].width
        if series.alert_since is not None:
            return None
        series.alert_since = excess.start
        return excess

    def _excess(self, key: tuple[str, str], series: Series) -> Excess | None:
        rules = self._rules
        if self._now - series.born < (WARM_UP if key[1] in ("", "other") else WARM_UP_TOPIC):
            return None
        best: Excess | None = None
        for window in series.windows:
            authors = len(window.authors)
            if authors < rules.volume_authors:
                continue
            if window.checked != int(self._now // CHECK):
                window.checked = int(self._now // CHECK)
                window.expected = self.expected(key, series, self._now - window.width, self._now)
                window.limit = least_surprising(window.expected, rules.volume_p)
            if authors < window.limit:
                continue
            if series.alert_since is not None:
                return Excess(window.width, authors, window.expected, rules.volume_p, 0,
                              series.alert_since, ())
            p = negative_binomial_tail(authors, window.expected)
            if best is None or p < best.p:
                copying = len({use[1] for use in window.uses if use[3]})
                best = Excess(window.width, authors, round(window.expected, 2), p, copying, window.uses[0][0],
                              tuple(use[2] for use in window.uses))
        return best

    def expected(self, key: tuple[str, str], series: Series, start: float, end: float) -> float:
        """Authors expected between two times: own pace shrunk to that of the topic elsewhere, in the shape
        of the week."""
        heard = max(1.0, (start - series.born - series.frozen) / HOUR)
        others = self._topics.get(key[1], 0.0) / max(1, self._of_topic.get(key[1], 1))
        neighbours = max(LEAST_PACE, others / heard)
        pace = (neighbours * PRIOR_HOURS + series.past) / (PRIOR_HOURS + heard)
        return max(1e-3, pace * (end - start) / HOUR * self.shape(start, end))
