"""From signals to a verdict in words: an additive model in logits, two independent families for
`coordinated`.

The verdict is about posts and never about persons; a person decides what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log2
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
    "unknown_authors": N_("The network does not say who wrote: authors cannot be counted."),
    "few_authors": N_("Fewer than %(value)d distinct authors: too few to judge."),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """Verdict, probability of `coordinated` and the sentences that explain it."""

    verdict: Name
    score: float
    phrases: tuple[Phrase, ...]



def probability(signals: tuple[Signal, ...], counters: tuple[Counter, ...], rules: Rules) -> float:
    """Additive model: each family counts once, by its strongest signal; counter-evidence is taken off."""
    strongest: dict[str, float] = {}
    for s in signals:
        if s.kind == "copies":
            points = rules.weights["copies"] * min(rules.caps["copies"], log2(max(1.0, s.value)))
        else:
            points = rules.weights.get(s.kind, 0.0) * weight_of(s.p, rules.caps.get(s.kind, 4.0))
        strongest[s.family] = max(strongest.get(s.family, 0.0), points)
    logit = rules.bias + sum(strongest.values())
    logit -= sum(rules.against.get(c.kind, 0.0) * c.strength for c in counters)
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, logit))))


def families(signals: tuple[Signal, ...], rules: Rules) -> set[str]:
    """The families that speak for coordination each by itself."""
    return {s.family for s in signals if s.p <= rules.family_p and rules.weights.get(s.kind, 0.0) > 0.0}


def judge(signals: tuple[Signal, ...], counters: tuple[Counter, ...], rules: Rules, *, authors: int,
          posts: int, span: float, openly: bool, unknown: int = 0) -> Opinion:
    """The opinion on one surge of copies or of a shared marker."""
    score = probability(signals, counters, rules)
    extra: list[Phrase] = []
    verdict: Name
    if openly:
        score = min(score, 0.3)
    if authors < rules.min_authors:
        verdict = "inconclusive"
        score = min(score, 0.49)
        kind = "unknown_authors" if unknown >= rules.min_authors else "few_authors"
        extra.append(Phrase(COUNTERS[kind], {"value": rules.min_authors}))
    elif openly:
        verdict = "organised"
    elif score >= rules.coordinated_at and len(families(signals, rules)) >= rules.min_families:
        verdict = "coordinated"
    else:
        verdict = "inconclusive"
        score = min(score, 0.49)
    said = phrases(verdict, signals, counters, authors, posts, span, tuple(extra))
    return Opinion(verdict, round(score, 4), said)


def phrases(verdict: Name, signals: tuple[Signal, ...], counters: tuple[Counter, ...], authors: int,
            posts: int, span: float, extra: tuple[Phrase, ...] = ()) -> tuple[Phrase, ...]:
    """Verdict first, then what it rests on, strongest first, then what speaks against it."""
    out = [Phrase(VERDICTS[verdict], {"authors": authors, "posts": posts, "span": span})]
    out += [Phrase(SIGNALS[s.kind], {"value": s.value, "expected": s.expected})
            for s in sorted(signals, key=lambda s: (s.p, s.kind)) if s.p <= 0.05]
    out += [Phrase(COUNTERS[c.kind], {"value": c.value}) for c in counters]
    return (*out, *extra)
