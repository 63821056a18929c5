"""From signals to a verdict in words: an additive model in logits, two independent families for
`coordinated`.

The verdict is about posts and never about persons; a person decides what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from monitor.surge.evidence import Counter, Signal, weight_of
from monitor.surge.rules import Rules

Name = Literal["organic", "organised", "inconclusive", "coordinated"]


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate where it is shown"
    """Mark a message; config.surges translates it."""
    return message


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence of the explanation: a gettext id and what is put into it."""

    message: str
    values: Mapping[str, str | int | float]


VERDICTS: dict[str, str] = {
    "coordinated": N_("Signs of coordination: %(authors)d authors, %(posts)d posts within %(span)s."),
    "organised": N_("Openly organised action: %(authors)d authors, %(posts)d posts within %(span)s."),
    "inconclusive": N_("Not enough to judge: %(authors)d authors, %(posts)d posts within %(span)s."),
    "organic": N_("A natural surge: %(authors)d authors, %(posts)d posts within %(span)s."),
}
SIGNALS: dict[str, str] = {
    "copies": N_("%(value)d authors published nearly the same text as posts of their own."),
    "template": N_("%(value)d authors published one text with words exchanged; chance gives %(expected)s."),
    "padding": N_("%(value)d texts have words exchanged in place; of natural variants it would be %(expected)s."),
    "phrase": N_("%(value)d authors wrote the same few words or none; %(expected)s would be usual."),
    "copied_share": N_("%(value)d of the authors repeat each other's texts; %(expected)s would be usual."),
    "synchrony": N_("%(value)d authors wrote at nearly the same time; by chance it would be %(expected)s."),
    "burst": N_("%(value)d authors wrote within one minute; an even hour would give %(expected)s."),
    "companions": N_(
        "%(value)d of the authors took part in one earlier group of copies; chance gives %(expected)s."),
    "repeaters": N_("%(value)d of the authors took part in copying before; %(expected)s would be usual."),
    "newcomers": N_("%(value)d of the authors were not heard here before; %(expected)s would be usual."),
    "networks": N_("The same text appeared on %(value)d networks."),
    "tag": N_("%(value)d authors use one hashtag; %(expected)s would be usual."),
    "link": N_("%(value)d authors share one link; %(expected)s would be usual."),
    "phone": N_("%(value)d authors name one phone number; %(expected)s would be usual."),
    "image": N_("%(value)d authors share one picture; %(expected)s would be usual."),
    "young_accounts": N_("%(value)d of the accounts are younger than a month; %(expected)s would be usual."),
    "concentration": N_("%(value)s posts per author; %(expected)s would be usual."),
    "volume": N_("%(value)d authors wrote on this subject; %(expected)s would be usual for this time."),
}
COUNTERS: dict[str, str] = {
    "subject": N_("Against it: the stream is full of the same subject in other words."),
    "own_details": N_("Against it: the authors give details of their own."),
    "own_words": N_("Against it: most authors write in their own words."),
    "reposts": N_("Against it: open reposts outnumber copies."),
    "old_text": N_("Against it: the text has been going round for more than a day."),
    "open_call": N_("Against it: the text openly asks to be copied or signed."),
    "known_voices": N_("Against it: most authors have long been writing here in words of their own."),
    "usual_copies": N_("Against it: similar texts are usual in this stream."),
    "place_request": N_("Against it: the text asks an office or for something at a place."),
    "quoted_notice": N_("Against it: a notice or practical help is being passed on."),
    "plain_words": N_("Against it: the text accuses nobody, frightens nobody and praises nobody."),
    "talk": N_("Against it: the authors talk with each other."),
    "unknown_authors": N_("The network does not say who wrote: authors cannot be counted."),
    "nameless": N_("Nobody writes here twice: a name stands for a post, and authors cannot be counted."),
    "few_authors": N_("Fewer than %(value)d distinct authors: too few to judge."),
}


ABOUT = N_("Most often they speak of: %(words)s.")
CORROBORATES = frozenset({"age"})
"""Families that add points and never count as one of the independent ones."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Verdict, probability of `coordinated` and the sentences that explain it."""

    verdict: Name
    score: float
    signals: tuple[Signal, ...]
    counters: tuple[Counter, ...]
    phrases: tuple[Phrase, ...]


def weighed(signals: Sequence[Signal], counters: Sequence[Counter], rules: Rules,
            ) -> tuple[tuple[Signal, ...], tuple[Counter, ...]]:
    """Signals and counter-evidence with their points: each family counts once, by its strongest signal."""
    best: dict[str, tuple[float, int]] = {}
    for i, s in enumerate(signals):
        points = rules.weights.get(s.kind, 0.0) * weight_of(s.p, rules.caps.get(s.kind, 4.0))
        if points > best.get(s.family, (0.0, -1))[0]:
            best[s.family] = (points, i)
    counted = {i: points for points, i in best.values()}
    return (tuple(replace(s, points=round(counted.get(i, 0.0), 3)) for i, s in enumerate(signals)),
            tuple(replace(c, points=round(rules.against.get(c.kind, 0.0) * c.strength, 3)) for c in counters))


def logit(signals: Sequence[Signal], counters: Sequence[Counter], rules: Rules) -> float:
    """The additive model: points for, less points against."""
    return rules.bias + sum(s.points for s in signals) - sum(c.points for c in counters)


def probability(points: float, rules: Rules) -> float:
    """Points as the share of such surges that are coordinated: straight lines between the fitted points."""
    knots = list(zip(rules.calibrated_points, rules.calibrated_scores, strict=True))
    if points <= knots[0][0]:
        return knots[0][1]
    for (low, below), (high, above) in pairwise(knots):
        if points <= high:
            return below + (above - below) * (points - low) / (high - low)
    return knots[-1][1]


def families(signals: Sequence[Signal], rules: Rules) -> set[str]:
    """The families that speak for coordination each by itself."""
    return {s.family for s in signals
            if s.p <= rules.family_p and rules.weights.get(s.kind, 0.0) > 0.0 and s.family not in CORROBORATES}


def judge(signals: Sequence[Signal], counters: Sequence[Counter], rules: Rules, *, authors: int,
          posts: int, span: float, openly: bool, unknown: int = 0, nameless: bool = False) -> Opinion:
    """The opinion on one surge of copies or of a shared marker."""
    signals, counters = weighed(signals, counters, rules)
    points = logit(signals, counters, rules)
    score = probability(points, rules)
    extra: list[Phrase] = []
    verdict: Name
    if openly or nameless:
        score = min(score, rules.told_openly)
    if authors < rules.min_authors:
        verdict = "inconclusive"
        kind = "unknown_authors" if unknown >= rules.min_authors else "few_authors"
        extra.append(Phrase(COUNTERS[kind], {"value": rules.min_authors}))
    elif openly:
        verdict = "organised"
    elif nameless:
        verdict = "inconclusive"
        extra.append(Phrase(COUNTERS["nameless"], {}))
    elif points >= rules.coordinated_at and len(families(signals, rules)) >= rules.min_families:
        verdict = "coordinated"
    else:
        verdict = "inconclusive"
    said = phrases(verdict, signals, counters, authors, posts, span, tuple(extra))
    return Opinion(verdict, round(score, 4), signals, counters, said)


def about(words: Sequence[str]) -> tuple[Phrase, ...]:
    """The words that a surge of volume turns on, as a sentence."""
    return (Phrase(ABOUT, {"words": ", ".join(words)}),) if words else ()


def phrases(verdict: Name, signals: Sequence[Signal], counters: Sequence[Counter], authors: int,
            posts: int, span: float, extra: tuple[Phrase, ...] = ()) -> tuple[Phrase, ...]:
    """Verdict first, then what it rests on, strongest first, then what speaks against it."""
    out = [Phrase(VERDICTS[verdict], {"authors": authors, "posts": posts, "span": span})]
    out += [Phrase(SIGNALS[s.kind], {"value": s.value, "expected": s.expected})
            for s in sorted(signals, key=lambda s: (s.p, s.kind)) if s.p <= 0.05]
    out += [Phrase(COUNTERS[c.kind], {"value": c.value}) for c in counters]
    return (*out, *extra)
