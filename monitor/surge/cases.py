"""One campaign, one surge: a text, its tag, its link and its phone by the same authors are parts of one case.

A case keeps the identity that a person decides on while its parts grow.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from monitor.surge.evidence import Counter, Signal
from monitor.surge.judge import Name

SHARED = 0.5
"""Share of the smaller part's authors that two parts must have in common to be one case."""
ALIKE = 0.25
"""Share of the larger part's: a text by five inside a tag of sixty is another matter."""
GROWN = 1.5
"""A case is told again when it has grown by this factor."""
KEPT_CASES = 3
"""Cases remembered per author."""


@dataclass(slots=True)
class Part:
    """What one text or marker last said: its authors, its posts by time, its evidence."""

    kind: str
    newest: float
    authors: frozenset[int]
    posts: dict[int | str, float]
    signals: tuple[Signal, ...]
    counters: tuple[Counter, ...]
    verdict: Name = "inconclusive"
    score: float = 0.0


@dataclass(slots=True)
class Case:
    """A surge as it was told: `surge` its id, `kind` that of its first part."""

    surge: str
    kind: str
    newest: float
    parts: dict[str, Part] = field(default_factory=dict)
    verdict: str = ""
    authors: int = 0
    families: frozenset[str] = frozenset()

    def beside(self, name: str, part: Part, window: float) -> list[Part]:
        """Other parts of the case by the same authors at the same time: their evidence counts with this one's."""
        return [other for key, other in self.parts.items()
                if key != name and other.newest >= part.newest - window
                and 2 * len(other.authors & part.authors) >= len(other.authors | part.authors)]

    def tells(self, verdict: str, authors: int, families: frozenset[str]) -> bool:
        """Whether this is news; remembers it as told."""
        news = (verdict != self.verdict or authors >= max(self.authors + 2, GROWN * self.authors)
                or (verdict == "coordinated" and not families <= self.families))
        if news:
            self.verdict, self.authors, self.families = verdict, authors, self.families | families
        return news


def surge_id(name: str) -> str:
    """The id of the surge that began with this text or marker in this post."""
    return "s-" + blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()


@dataclass(slots=True)
class Cases:
    """The cases of the last days, by the names of their parts and by their authors."""

    by_name: dict[str, Case] = field(default_factory=dict)
    of_part: dict[str, str] = field(default_factory=dict)
    of_author: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def forget(self, before: float) -> None:
        """Drop the cases without news since a moment."""
        gone = {name for name, case in self.by_name.items() if case.newest < before}
        if not gone:
            return
        for name in gone:
            del self.by_name[name]
        self.of_part = {part: case for part, case in self.of_part.items() if case not in gone}
        left = {author: tuple(c for c in cases if c not in gone) for author, cases in self.of_author.items()}
        self.of_author = {author: cases for author, cases in left.items() if cases}

    def place(self, name: str, kind: str, authors: Iterable[int], now: float, window: float) -> Case:
        """The case that a part belongs to: its own of before, that of the same authors, or a new one."""
        authors = set(authors)
        case = self.by_name.get(self.of_part.get(name, ""))
        if case is None:
            case = self._of_authors(authors, now - window)
        if case is None:
            case = self.by_name[name] = Case(surge_id(name), kind, now)
        first = next(iter(case.parts), name)
        self.of_part[name] = self.of_part.get(first, first)
        case.newest = now
        for author in authors:
            known = self.of_author.get(author, ())
            if self.of_part[name] not in known:
                self.of_author[author] = (*known, self.of_part[name])[-KEPT_CASES:]
        return case

    def _of_authors(self, authors: set[int], since: float) -> Case | None:
        tally = Tally(name for author in sorted(authors) for name in self.of_author.get(author, ()))
        for name, common in sorted(tally.items(), key=lambda t: (-t[1], t[0])):
            case = self.by_name.get(name)
            if case is None or case.newest < since or common < 3:
                continue
            for part in case.parts.values():
                both = len(part.authors & authors)
                if both >= SHARED * min(len(part.authors), len(authors)) \
                        and both >= ALIKE * max(len(part.authors), len(authors)):
                    return case
        return None
