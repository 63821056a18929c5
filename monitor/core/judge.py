"""The verdict on a post: whether it is addressed to an akimat, to which, about what; with reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from monitor.core import address, classify, location, privacy
from monitor.core.accounts import Accounts
from monitor.core.address import Head, Reading
from monitor.core.features import features, word_signs
from monitor.core.knowledge import Cue, HeadWord, Knowledge
from monitor.core.lexicon import Hit
from monitor.core.places import Choice
from monitor.core.post import Post
from monitor.core.registry import Name
from monitor.core.sound import Sounds
from monitor.core.text import READ_LIMIT, Text
from monitor.core.verdict import Decision, Language, Reason, Verdict

UNASKED = 0.02
"""Score of a post in which nothing points to an authority: one in fifty such posts of the labelled sets was addressed."""
_CALLED = re.compile(r"\s{0,9}@([A-Za-z0-9_.]{2,64})")
_HANDLE = re.compile(r"@([A-Za-z0-9_.]{2,64})")


class Judge:
    """Call it with a post. It holds nothing but its knowledge, so any number of threads may share it."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.sounds = Sounds(knowledge.registry)
        self.accounts = Accounts(knowledge.address, knowledge.registry, knowledge.accounts, self.sounds)
        self._unasked = {language: Verdict(False, UNASKED, "ignore", language, ruleset=knowledge.ruleset) for language in get_args(Language)}

    def __call__(self, post: Post) -> Verdict:
        """The verdict on one revision of a post."""
        knowledge = self.knowledge
        text = Text(post.text)
        language = knowledge.language.of(text)
        pii = tuple(privacy.find(text))
        spoken_to = self.spoken_to(post)
        asked = self.signs(post, text, spoken_to)
        if asked is None:
            return replace(self._unasked[language], pii=pii) if pii else self._unasked[language]
        reading, head, signs = asked
        model = knowledge.model
        odds = model.bias + sum(model.weights.get(k, 0.0) * v for k, v in signs.items())
        odds += float(model.words.scores(word_signs(reading, head), {})[0])
        score = 1 / (1 + math.exp(-odds))
        if score < 0.5:
            decision: Decision = "triage" if score >= model.triage else "ignore"
            return Verdict(False, score, decision, language, pii=pii, ruleset=knowledge.ruleset,
                           reasons=self.reasons(reading, head, signs))
        if self.accounts.own(post.author.display):
            return Verdict(False, score, "ignore", language, pii=pii, ruleset=knowledge.ruleset,
                           reasons=(Reason("own_account", 0, 0, 0.0, post.author.display[:64]),))
        context = self.context(post, spoken_to)
        choice = self.unit(reading, head, spoken_to, context)
        others = address.also(head, reading, choice.code, context, knowledge.registry) if choice.code else ()
        about = classify.subject(text, knowledge.subject, knowledge.subject_words)
        places = [text.span_of(first, last) for first, last in knowledge.places.find(
            text, reading.hits, location.told(reading, choice.code, knowledge.registry))]
        where = tuple(Reason("place", start, end, 1.0, text.raw[start:end]) for start, end in places)
        decision = "register" if score >= model.register and choice.code else "triage"
        return Verdict(True, score, decision, language, akimat=choice.code, candidates=choice.candidates, also=others, kind=about.kind,
                       topic=about.topic, urgency=about.urgency, location_text=", ".join(r.text for r in where) or None, pii=pii,
                       ruleset=knowledge.ruleset, reasons=self.reasons(reading, head, signs) + about.reasons + where)

    def spoken_to(self, post: Post) -> list[Choice]:
        """The official accounts that a post answers or mentions."""
        called = _CALLED.match(post.text)
        if called and self.accounts.unit(called[1]) is None:
            return []       # an answer to another reader, under the same post
        found = [self.accounts.unit(post.in_reply_to_account)] if post.in_reply_to_account else []
        found += [self.accounts.unit(m) for m in post.mentions[:20]]
        if "@" in post.text:
            found += [self.accounts.unit(m) for m in _HANDLE.findall(post.text, 0, READ_LIMIT)[:20]]
        return [choice for choice in found if choice is not None]

    def context(self, post: Post, spoken_to: Sequence[Choice]) -> list[Sequence[str]]:
        """The units that a post stands among: of the accounts spoken to, and of its source."""
        around: list[Sequence[str]] = [c.candidates or ((c.code,) if c.code else ()) for c in spoken_to]
        return [*around, (post.home,)] if post.home and post.home in self.knowledge.registry else around

    def unit(self, reading: Reading, head: Head | None, spoken_to: Sequence[Choice], context: Sequence[Sequence[str]]) -> Choice:
        """The unit that is addressed."""
        official = next((c for c in spoken_to if c.code), None)
        if official is not None and (head is None or not (head.named or head.types)):
            return official     # said to the account itself: words of the text that are also villages decide nothing
        return address.unit_of(head, reading, context, self.knowledge.registry)

    def place_signs(self, post: Post) -> tuple[Text, Sequence[Hit], dict[int, str]]:
        """What the model of places is given for a post."""
        text, spoken_to = Text(post.text), self.spoken_to(post)
        asked = self.signs(post, text, spoken_to)
        if asked is None:
            return text, self.knowledge.address.find(text), {}
        reading, head, _ = asked
        code = self.unit(reading, head, spoken_to, self.context(post, spoken_to)).code
        return text, reading.hits, location.told(reading, code, self.knowledge.registry)

    def asked(self, post: Post) -> tuple[Reading, Head | None, dict[str, float]] | None:
        """What the address model is given for a post; None where nothing in it points to an authority."""
        return self.signs(post, Text(post.text), self.spoken_to(post))

    def signs(self, post: Post, text: Text, spoken_to: list[Choice]) -> tuple[Reading, Head | None, dict[str, float]] | None:
        """The text as read, its best word for an akimat, and all signs."""
        knowledge = self.knowledge
        hits = knowledge.address.find(text)
        if not spoken_to and not (hits and any(self.calls(mark) for hit in hits for mark in hit.marks)):
            return None
        reading = address.read(text, hits, knowledge.registry, self.sounds)
        endings = knowledge.address.endings(text)
        address.signs(reading, endings)
        head = max(reading.heads, key=address.rank, default=None)
        if head is None and not spoken_to:
            return None
        topical = classify.topical(text, knowledge.subject)
        return reading, head, features(post, reading, endings, head, to_akimat=bool(spoken_to), topical=topical)

    def calls(self, mark: object) -> bool:
        """Whether a mark may be what a post calls upon: a word for an authority, or the name of a district or city."""
        if isinstance(mark, Name):
            registry = self.knowledge.registry
            return not mark.common and any(registry[unit].level <= 2 for unit in mark.units)
        return isinstance(mark, HeadWord)

    def reasons(self, reading: Reading, head: Head | None, signs: Mapping[str, float]) -> tuple[Reason, ...]:
        """Why, with the spans it rests on."""
        out: list[Reason] = []
        weights = self.knowledge.model.weights
        if head:
            start, end = reading.text.span_of(head.first, head.last)
            out.append(Reason("addressee", start, end, sum(weights.get(k, 0) for k in head.cues), reading.text.raw[start:end]))
        for hit in reading.hits:
            for mark in hit.marks:
                if isinstance(mark, Cue) and weights.get(mark.name):
                    start, end = reading.text.span_of(hit.first, hit.last)
                    out.append(Reason(mark.name, start, end, weights[mark.name], reading.text.raw[start:end]))
        for name in ("re", "abroad", "other_body_first", "to_person"):
            if name in signs:
                out.append(Reason(name, 0, 0, weights.get(name, 0.0)))
        return tuple(out)

