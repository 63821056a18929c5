"""What a text does, by its words: calls others to write the same, asks an office, passes on a notice that helps.

Citizens who organise and neighbours in an emergency copy texts as campaigns do; what tells them apart is whom the text turns
to. Who writes to an office, says who they are and what should be done; who warns of a flood, says where the buses stand. Word
beginnings in kk and ru, from config/knowledge/surges.yaml (`forms`); nothing is concluded about a person.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, MatchKind

from monitor.surge.normal import Normal, folded
from monitor.surge.rules import Rules

KINDS = ("acts", "models", "everyone", "offices", "greetings", "selves", "wishes", "joins", "ousting", "helps", "notices", "things", "services")
"""The lists of `forms`: their meaning stands beside each in surges.yaml."""
OPENING = 30
"""Characters within which a letter greets."""


@dataclass(frozen=True, slots=True)
class Form:
    """`calling`: the text itself openly is, or asks for, a joint action. `spreading`: it asks to be passed on. `inviting`: it calls others to write together, in
    whatever words. `asking`: it turns to an office, or asks for something at a place. `quoting`: a notice of a service. `local`:
    it speaks of its author's own, or of what an office looks after; `helping`: of practical help. These two mean something only
    where the text does not accuse (see wording.py)."""

    calling: bool
    spreading: bool
    inviting: bool
    asking: bool
    local: bool
    quoting: bool
    helping: bool


class Forms:
    """Reads the form of a text."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        patterns: dict[str, set[str]] = {}
        for kind, said in {"open_calls": rules.open_calls, "spreads": rules.spreads, **rules.forms}.items():
            for words in said:
                for spelling in {words.lower(), folded(words.lower())}:
                    patterns.setdefault(spelling, set()).add(kind)
        self._kinds = [frozenset(kinds) for kinds in patterns.values()]
        self._greetings = tuple(sorted({spelling for g in rules.forms.get("greetings", ()) for spelling in (g.lower(), folded(g.lower()))}))
        self._find = AhoCorasick(list(patterns), matchkind=MatchKind.Standard)

    def read(self, text: str, normal: Normal) -> Form:
        """The form of a post."""
        rules, text = self._rules, text[:2000].lower()
        found: dict[str, set[int]] = {}
        for pattern, start, _ in self._find.find_matches_as_indexes(text, overlapping=True):
            kinds = self._kinds[pattern]
            if start and text[start - 1].isalnum() and not kinds & {"open_calls", "spreads", "services"}:
                continue        # only at the beginning of a word
            for kind in kinds:
                found.setdefault(kind, set()).add(pattern)
        said = frozenset(normal.words)
        request = not said.isdisjoint(rules.requests) or not (said.isdisjoint(rules.demands) or said.isdisjoint(rules.repairs))
        announced = not said.isdisjoint(rules.sources) or "services" in found
        placed = bool(normal.numbers) or not said.isdisjoint(rules.places)
        if not found:
            return Form(False, False, False, request and placed, False, False, False)
        placed = placed or "things" in found
        office, own = "offices" in found, "selves" in found
        letter = "greetings" in found and any(text.find(g) in range(OPENING) for g in self._greetings)
        # What is accused or feared in a text makes it no less a request where it asks an office in so many words.
        ousting = "ousting" in found
        asking = not ousting and ((request and (placed or office or own or "joins" in found)) or (letter and office))
        local = not ousting and (own or (placed and (letter or "?" in text or "wishes" in found or "joins" in found)))
        model, act = len(found.get("models", ())), "acts" in found
        calling = "open_calls" in found or ("joins" in found and (request or office or model > 0)) \
            or (act and model > 0 and (office or model > 1))
        inviting = calling or (act and (model > 0 or "everyone" in found))
        notices = len(found.get("notices", ()))
        quoting = announced and (not said.isdisjoint(rules.announces) or notices > 1)
        helping = (placed and "helps" in found) or len(found.get("helps", ())) > 1 or notices > 2 \
            or ("things" in found and len(normal.numbers) > 2)
        return Form(calling, "spreads" in found, inviting, asking, local, quoting, helping)
