"""What speaks for and against coordination, in families kept apart; each signal with its value, its null
and its p.

The nulls: wording, independent authors; synchrony, the same posts placed at random among the stream's own;
companions,
authors drawn at random; newcomers, the stream's usual share of known voices; marker, the marker's own past.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log10

from monitor.surge.companions import Companions
from monitor.surge.copies import Copies, Group
from monitor.surge.markers import Marker
from monitor.surge.pace import Pace
from monitor.surge.rules import Rules
from monitor.surge.vocabulary import Vocabulary

FLOOR = 1e-12
"""Smallest p that is told: below it the null is wrong in ways that no table of figures shows."""


VARIANT_STAYS = 0.15
"""Share of natural variants of a text (a headline reworded) that keep its length and the places of its words; in both
development streams it is 0.05."""


@dataclass(frozen=True, slots=True)
class Signal:
    """`value` was seen, `expected` under the null, `p` the chance of so much under it. `family` says with
    what it may be
    added up: signals of one family are one piece of evidence."""

    kind: str
    family: str
    value: float
    expected: float
    p: float
    points: float = 0.0
    """What it adds to the logit, 0 where another signal of its family weighs more."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What speaks against coordination: `strength` from 0 to 1."""

    kind: str
    value: float
    strength: float
    points: float = 0.0
    """What it takes off the logit."""


def poisson_tail(seen: int, expected: float) -> float:
    """P(X >= seen) for a Poisson count."""
    if seen <= 0:
        return 1.0
    if expected <= 0.0:
        return FLOOR
    if seen > expected + 1:
        term = exp(seen * log(expected) - expected - lgamma(seen + 1))
        total, k = term, seen
        while term > total * 1e-9 and k < seen + 400:
            k += 1
            term *= expected / k
            total += term
        return min(1.0, max(FLOOR, total))
    below, term = 0.0, exp(-expected)
    for k in range(seen):
        below += term
        term *= expected / (k + 1)
    return min(1.0, max(FLOOR, 1.0 - below))


def binomial_tail(seen: int, of: int, share: float) -> float:
    """P(X >= seen) of `of` trials with chance `share`."""
    if seen <= 0:
        return 1.0
    if share <= 0.0:
        return FLOOR
    if share >= 1.0:
        return 1.0
    total = 0.0
    for k in range(seen, of + 1):
        ways = lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1)
        total += exp(ways + k * log(share) + (of - k) * log(1 - share))
    return min(1.0, max(FLOOR, total))


def synchrony(times: Sequence[float], windows: Iterable[int], pace: Pace) -> Signal | None:
    """The tightest crowding of first posts of distinct authors, against all of them placed at random in the stream.

    `times` sorted, of the last three days: a phrase that is always about is crowded nowhere. `p` is corrected for the windows
    tried.
    """
    total = len(times)
    if total < 3:
        return None
    best: Signal | None = None
    tried = 0
    for window in windows:
        first = bisect_left(times, times[-1] - window)
        inside = total - first
        tried += 1
        if inside < 3:
            continue
        share = pace.share(times[first], times[-1])
        p = min(1.0, max(FLOOR, inside * binomial_tail(inside - 1, total - 1, share)))
        if best is None or p < best.p:
            best = Signal("synchrony", "synchrony", float(inside), round(max(total * share, 0.001), 3), p)
    if best is None:
        return None
    return Signal(best.kind, best.family, best.value, best.expected, min(1.0, best.p * tried))


def burst(times: Sequence[float]) -> Signal | None:
    """The fullest minute of a shared marker against an even spread over its own busiest hour (scan
    statistic).

    A real event fills an hour; accounts fired from one place fill a minute. The null is the marker's own
    hour.
    """
    if len(times) < 5:
        return None
    end = times[-1]
    hour = times[bisect_left(times, end - 3600):]
    if len(hour) < 5:
        return None
    fullest, start = 0, 0
    for i, at in enumerate(hour):
        while at - hour[start] >= 60:
            start += 1
        fullest = max(fullest, i - start + 1)
    expected = (len(hour) - 1) / 60
    return Signal("burst", "synchrony", float(fullest), round(expected, 3),
                  min(1.0, 60 * poisson_tail(fullest, max(expected, 1 / 60))))


def together_before(joined: dict[int, int], authors: int, own: int, companions: Companions) -> Signal | None:
    """The largest overlap with the authors of one earlier group of copies, against a random draw of
    authors."""
    best: Signal | None = None
    everybody = max(len(companions), 1)
    for group, common in joined.items():
        if common < 2 or group == own:
            continue
        expected = authors * companions.size(group) / everybody
        p = poisson_tail(common, max(expected, 1e-3))
        if best is None or p < best.p:
            best = Signal("companions", "companions", float(common), round(expected, 3), p)
    if best is None:
        return None
    return Signal(best.kind, best.family, best.value, best.expected, min(1.0, best.p * max(1, len(joined))))


def repeaters(seen: int, of: int, companions: Companions) -> Signal | None:
    """Authors who took part in any earlier group of copies, against their share among ordinary posts."""
    if seen < 2:
        return None
    usual = max(companions.usual_repeaters, 0.01)
    return Signal("repeaters", "companions", float(seen), round(of * usual, 2),
                  binomial_tail(min(seen, of), of, usual))


def newcomers(known: int, fresh: int, companions: Companions) -> Signal | None:
    """How few of the authors were heard in this stream before, against how usual known voices are in it."""
    of = known + fresh
    if of < 3:
        return None
    usual = companions.usual
    p = binomial_tail(fresh, of, max(1.0 - usual, 0.02))
    return Signal("newcomers", "newcomers", float(fresh), round(of * (1 - usual), 2), p)


def young_accounts(young: int, aged: int, companions: Companions) -> Signal | None:
    """Authors whose accounts are younger than a month, against how usual these are here. Corroborates, never decides."""
    if aged < 3 or young < 2:
        return None
    usual = companions.usual_young
    return Signal("young_accounts", "age", float(young), round(aged * usual, 2), binomial_tail(young, aged, usual))


def wording_p(group: Group, rules: Rules, pace: Pace) -> float:
    """Chance that some such group comes to be among the posts of the window: there are as many occasions as posts."""
    posts = pace.count(group.newest - rules.match_window, group.newest)
    return min(1.0, max(FLOOR, max(posts, len(group.authors)) * float(10.0**-group.chance)))


def of_group(group: Group, rules: Rules, pace: Pace, companions: Companions, vocabulary: Vocabulary,
             copies: Copies, plain: float = 0.0) -> tuple[tuple[Signal, ...], tuple[Counter, ...]]:
    """Evidence on a group of near-identical texts."""
    times = sorted(group.authors.values())
    k = len(times) - bisect_left(times, group.newest - rules.match_window)
    signals: list[Signal] = []
    p = wording_p(group, rules, pace)
    altered = group.altered * 2 > len(group.authors)
    # The first author, and of the others as many as ordinary posts resemble an earlier one as much.
    usual = 1.0 + (k - 1) * 10.0 ** -(group.chance / max(1, len(group.authors) - 1))
    signals.append(Signal("template" if altered else "copies", "marker" if group.tagged else "wording", float(k), round(usual, 2), p))
    if group.altered >= 3 and group.fixed() < 0.5:
        expected = VARIANT_STAYS * group.altered
        signals.append(Signal("padding", "padding", float(group.stayed), round(expected, 2),
                              binomial_tail(group.stayed, group.altered, VARIANT_STAYS)))
    if (s := synchrony(times, rules.windows, pace)) is not None:
        signals.append(s)
    if (s := together_before(group.companions, len(group.authors), group.number, companions)) is not None:
        signals.append(s)
    if (s := repeaters(group.repeaters, len(group.authors), companions)) is not None:
        signals.append(s)
    if (s := newcomers(group.known_before, group.fresh, companions)) is not None:
        signals.append(s)
    if (s := young_accounts(group.young, group.aged, companions)) is not None:
        signals.append(s)
    networks = {m.network for m in group.members if m.network}
    if len(networks) > 1:
        p = 10.0 ** -(len(networks) - 1)
        signals.append(Signal("networks", "networks", float(len(networks)), 1.0, p))
    return tuple(signals), counters_of_group(group, rules, vocabulary, copies.usual, plain)


def counters_of_group(group: Group, rules: Rules, vocabulary: Vocabulary, usual: float, plain: float) -> tuple[Counter, ...]:
    """What speaks against: the stream is full of the same subject in other words, details of one's own, an
    old notice."""
    counters: list[Counter] = []
    about = subject(group.core(), vocabulary)
    strength = (about - rules.subject_from) / (rules.subject_full - rules.subject_from)
    if strength > 0.0:
        counters.append(Counter("subject", round(about, 3), min(1.0, strength)))
    counters += known_voices(group.voices, len(group.authors))
    strength = (usual - rules.copies_from) / (rules.copies_full - rules.copies_from)
    if strength > 0.0:
        counters.append(Counter("usual_copies", round(usual, 3), min(1.0, strength)))
    own = [m.details for m in group.members if m.author and m.details]
    if len(own) >= 3:
        varied = len(set(own)) / len(group.members)
        if varied > 0.5:
            counters.append(Counter("own_details", round(varied, 2), min(1.0, varied)))
    asking = max(group.asking, group.local if plain > 0.0 else 0)
    if asking * 2 > group.posts:
        counters.append(Counter("place_request", float(asking), 1.0))
    quoting = max(group.quoting, group.helping if plain > 0.0 else 0)
    if quoting * 2 > group.posts:
        counters.append(Counter("quoted_notice", float(quoting), 1.0))
    if plain > 0.0:
        counters.append(Counter("plain_words", round(plain, 2), plain))
    if group.reposts > 2 * group.posts:
        strength = min(1.0, group.reposts / (10 * max(1, group.posts)))
        counters.append(Counter("reposts", float(group.reposts), strength))
    if group.newest - group.born > 86400:
        counters.append(Counter("old_text", round((group.newest - group.born) / 86400, 1), 1.0))
    return tuple(counters)


def known_voices(voices: int, authors: int) -> list[Counter]:
    """Most authors are known here by words of their own: neighbours who repeat each other, not accounts that appear."""
    share = voices / max(1, authors)
    return [Counter("known_voices", round(share, 2), min(1.0, (share - 0.5) / 0.3))] if share > 0.5 else []


def subject(words: Sequence[int], vocabulary: Vocabulary) -> float:
    """Share of the stream's distinct texts that have the second most common word of a text: two words make
    a subject."""
    shares = sorted(map(vocabulary.share, set(words)))
    return shares[-2] if len(shares) > 1 else 0.0


def of_marker(marker: Marker, rules: Rules, companions: Companions, copied_usually: float,
              posts_per_author: float, now: float, plain: float = 0.0) -> tuple[tuple[Signal, ...], tuple[Counter, ...]]:
    """Evidence on a shared tag, link, phone or image: rarity by its own past, then what its posts have in common."""
    k = len(marker.authors)
    posts = len(marker.uses)
    signals: list[Signal] = []
    span = max(now - marker.born, float(rules.marker_window))
    expected = (marker.left + 0.3) * rules.marker_window / span
    signals.append(Signal(marker.kind, "marker", float(k), round(expected, 3), poisson_tail(k, expected)))
    phrase = marker.kind == "phrase"        # its texts are alike by definition, and a short cry spreads in a minute
    copied = set() if phrase else marker.copied()
    if len(copied) >= 2:
        usual = max(copied_usually, 0.03)
        signals.append(Signal("copied_share", "wording", float(len(copied)), round(usual * k, 2),
                              binomial_tail(len(copied), k, usual)))
    first: dict[int, float] = {}
    for use in marker.uses:
        if use.author:
            first.setdefault(use.author, use.at)
    if not phrase and (s := burst(sorted(first.values()))) is not None:
        signals.append(s)
    extra = posts - k
    usual_extra = max(posts_per_author - 1.0, 0.05) * k
    if not phrase and extra > usual_extra and extra >= 3:
        signals.append(Signal("concentration", "concentration", round(posts / k, 2),
                              round(1 + usual_extra / k, 2), poisson_tail(extra, usual_extra)))
    if (s := together_before(marker.companions, k, -1, companions)) is not None:
        signals.append(s)
    if (s := repeaters(min(marker.repeaters, k), k, companions)) is not None:
        signals.append(s)
    if not phrase and (s := newcomers(marker.known_before, marker.fresh, companions)) is not None:
        signals.append(s)
    counters: list[Counter] = []
    about = sum(use.subject for use in marker.uses) / max(1, posts)
    strength = (about - rules.subject_from) / (rules.subject_full - rules.subject_from)
    if strength > 0.0:
        counters.append(Counter("subject", round(about, 3), min(1.0, strength)))
    counters += known_voices(min(marker.voices, k), k)
    varied = 0.0 if phrase else 1.0 - len(copied) / k
    if varied > 0.5:
        counters.append(Counter("own_words", round(varied, 2), (varied - 0.5) / 0.5))
    asking = sum(use.asking for use in marker.uses)
    if asking * 2 > posts:
        counters.append(Counter("place_request", float(asking), 1.0))
    if plain > 0.0:
        counters.append(Counter("plain_words", round(plain, 2), plain))
    talking = sum(use.reply for use in marker.uses) / max(1, posts)
    if talking > 0.3 and varied > 0.5:
        counters.append(Counter("talk", round(talking, 2), min(1.0, talking)))
    return tuple(signals), tuple(counters)


def weight_of(p: float, cap: float) -> float:
    """Evidence of a p: its negative decimal logarithm, at most `cap`."""
    return min(cap, max(0.0, -log10(max(p, FLOOR))))
