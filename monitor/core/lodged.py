"""The verdict on a message that is addressed by where it was lodged: in our bot, at the reception desk. Pure.

Detection says to whom, about what and how urgent; that it is meant for an akimat is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitor.core.classify import subject
from monitor.core.knowledge import Knowledge
from monitor.core.post import Post
from monitor.core.text import Text
from monitor.core.verdict import Reason, Verdict

LETTERS = 20
"""Fewer say too little to be a message: a greeting, "thanks", a test."""


_VAGUE = frozenset({None, "other", "culture_sport", "employment", "elections_politics", "internet_digital", "prices_trade"})
"""Topics that people also talk about without wanting anything from an akimat."""


def lodged(judge: Callable[[Post], Verdict], knowledge: Knowledge, post: Post, where: str, place: str = "") -> Verdict:
    """What is said of a message lodged at `where`: decision register with its akimat, or triage where that is not clear."""
    found = judge(post)
    akimat, candidates = found.akimat, found.candidates
    if akimat is None and not candidates:
        # Nobody writes "dear akim" to an akimat's own bot: the place that is named says whose it is.
        named = judge(replace(post, text=f"Акимат {place or post.text[:300]}! Примите меры"))
        akimat, candidates = named.akimat, named.candidates
    topic, kind, urgency, reasons = found.topic, found.kind, found.urgency, found.reasons
    if topic is None:
        about = subject(Text(post.text), knowledge.subject, knowledge.subject_words)
        topic, kind, urgency, reasons = about.topic, about.kind, about.urgency, (*reasons, *about.reasons)
    return replace(found, addressed=True, score=1.0, decision="register" if akimat else "triage", akimat=akimat,
                   candidates=candidates, topic=topic, kind=kind, urgency=urgency,
                   location_text=found.location_text or place[:200] or None,
                   reasons=(Reason("lodged", 0, 0, 1.0, where), *reasons))


def says_something(judged: Verdict, text: str) -> bool:
    """Whether a message surely is one: in more than a few words it names a matter of a town. Else its author is asked."""
    return sum(ch.isalpha() for ch in text) >= LETTERS and judged.topic not in _VAGUE and judged.kind != "response"
