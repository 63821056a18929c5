"""What the models in force add to a verdict: a topic in place of detection's, and a proposal of who answers. Values in, values out.

A model never touches whether a post is addressed, to whom, its urgency or its decision; so numbers and deadlines are the same
with it and without it. What it said, with the words it rests on and the version of the model, stands among the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from monitor.core.post import Post
from monitor.core.registry import Registry
from monitor.core.text import READ_LIMIT
from monitor.core.verdict import Reason, Verdict
from monitor.learning.district import district
from monitor.learning.history import Example, Label
from monitor.learning.model import Answer, Model, answers
from monitor.learning.why import reasons

TOPIC = "topic"
PROPOSED = ("department", "executor")
"""Targets of which the label is shown to staff and decides nothing."""
TARGETS = (TOPIC, *PROPOSED)

SURE = 0.5
"""Probability from which a label takes the place of detection's topic: more likely right than all others together."""
WORTH = 0.2
"""Probability from which a proposal is worth a person's look."""
WORDS, SHOWN = 24, 3
"""Words of a post that are tried for the reasons, and how many are kept."""

BESIDE = ("source", "home", "akimat", "language", "in_reply_to_account", "topic", "kind", "district")
"""What may stand beside a text as context, by the names that `learn export` writes; and the district, which is told from the akimat."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A model and the name of its version."""

    name: str
    model: Model


@dataclass(frozen=True)
class Learned:
    """The models in force by target; and a line for each that could not be had."""

    models: Mapping[str, InForce] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    units: Registry = field(default_factory=lambda: Registry(()))
    """The country's units, by which a post's district is told."""

    def after(self, before: Learned) -> Learned:
        """These, with the earlier one where a model is damaged."""
        kept = {target: known for target, known in before.models.items() if target in self.faults}
        return replace(self, models={**kept, **self.models})

    def judged(self, post: Post, verdict: Verdict, topics: Container[str]) -> Verdict:
        """A verdict with what the models say; unchanged where the post is not addressed. `topics` are the known codes."""
        if not verdict.addressed or verdict.topic is None:
            return verdict
        for target in TARGETS:      # the topic first: who answers may be told by it
            known = self.models.get(target)
            if known is None:
                continue
            example = as_asked(post, verdict, known.model, self.units)
            answer = answers(known.model, [example])[0]
            if target == TOPIC:
                verdict = with_topic(verdict, example, known, answer, topics)
            elif answer.score >= WORTH:
                verdict = replace(verdict, reasons=(*verdict.reasons, *_because(f"proposed_{target}", example, known, answer)))
            verdict = replace(verdict, ruleset=f"{verdict.ruleset}+{target}:{known.name}")
        return verdict


def unfit(target: str, model: Model, topics: Container[str]) -> str | None:
    """Why a model cannot be used beside detection; None where it can."""
    if model.target != target:
        return f"says `{model.target}`, not `{target}`"
    strange = [name for name in model.context if name not in BESIDE or name == target]
    if strange:
        return f"needs `{strange[0]}` beside the text, which is not known of a post; there are {', '.join(BESIDE)}"
    if target == TOPIC and not any(label in topics for label in model.labels):
        return "none of its labels is the code of a topic"
    return None


def as_asked(post: Post, verdict: Verdict, model: Model, units: Registry) -> Example:
    """A judged post as a model is asked about it; `source` is the network, as in the rows that `learn export` writes."""
    context = model.context
    known = {"source": post.network, "home": post.home, "akimat": verdict.akimat, "language": verdict.language,
             "in_reply_to_account": post.in_reply_to_account, "topic": verdict.topic, "kind": verdict.kind}
    if "district" in context:
        at = context.index("district")
        known["district"] = district(post, verdict, [value for i, value in model.beside if i == at], units)
    return Example(post.native_id, post.text[:READ_LIMIT], tuple(known[name] or "" for name in context),
                   fields={"source": post.network})


def settled(label: Label, score: float, own: str | None, topics: Container[str]) -> str | None:
    """The topic that holds: the model's where it is sure of one that is known, else detection's `own`."""
    return str(label) if score >= SURE and label in topics else own


def with_topic(verdict: Verdict, example: Example, known: InForce, answer: Answer, topics: Container[str]) -> Verdict:
    """The verdict with the topic that holds, and why."""
    topic = settled(answer.label, answer.score, verdict.topic, topics)
    if topic != answer.label:
        return verdict
    listed = f"topic:{verdict.topic}"
    kept = tuple(replace(r, rule=f"topic_listed:{verdict.topic}") if r.rule == listed and topic != verdict.topic else r
                 for r in verdict.reasons)
    return replace(verdict, topic=topic, reasons=(*kept, *_because("topic_learned", example, known, answer)))


def _because(rule: str, example: Example, known: InForce, answer: Answer) -> list[Reason]:
    """A reason for the label, and one for each word that spoke for it, where it stands in the text."""
    rule = f"{rule}:{answer.label}"
    places: dict[str, tuple[int, int]] = {}
    for m in re.finditer(r"[^\W_]+", example.text):
        places.setdefault(m[0].lower(), m.span())
        if len(places) >= WORDS:
            break
    out = [Reason(rule, 0, 0, answer.score, f"{str(answer.label)[:200]} ({known.name})")]
    for word in reasons(known.model, example, answer, WORDS)[:SHOWN]:
        if word.text in places:
            start, end = places[word.text]
            out.append(Reason(rule, start, end, word.weight, example.text[start:end]))
    return out
