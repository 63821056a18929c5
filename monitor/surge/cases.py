"""One campaign, one surge: a text, its tag, its link and its phone in the same posts are parts of one case.

A case keeps the identity that a person decides on while its parts grow.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Set
from dataclasses import dataclass, field
from hashlib import blake2b

from monitor.surge.evidence import Counter, Signal
from monitor.surge.judge import Name

SHARED = 0.5
"""Share of the smaller part's posts that two parts must have in common to be one case."""
ALIKE = 0.25
"""Share of the larger part's: a text by five inside a tag of sixty is another matter."""
GROWN = 1.5
"""A case is told again when it has grown by this factor."""
KEPT_CASES = 3
"""Cases remembered per post."""


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
        """Other parts of the case in the same posts: their evidence counts with this one's."""
        return [other for key, other in self.parts.items()
                if key != name and other.newest >= part.newest - window
                and 2 * len(other.posts.keys() & part.posts.keys()) >= len(other.posts.keys() | part.posts.keys())]

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
    """The cases of the last days, by the names of their parts and by their posts."""

    by_name: dict[str, Case] = field(default_factory=dict)
    of_part: dict[str, str] = field(default_factory=dict)
    of_post: dict[int | str, tuple[str, ...]] = field(default_factory=dict)

    def forget(self, before: float) -> None:
        """Drop the cases without news since a moment."""
        gone = {name for name, case in self.by_name.items() if case.newest < before}
        if not gone:
            return
        for name in gone:
            del self.by_name[name]
        self.of_part = {part: case for part, case in self.of_part.items() if case not in gone}
        left = {post: tuple(c for c in cases if c not in gone) for post, cases in self.of_post.items()}
        self.of_post = {post: cases for post, cases in left.items() if cases}

    def place(self, name: str, part: Part, now: float, window: float) -> Case:
        """The case that a part belongs to: its own of before, that of the same posts, or a new one."""
        own = self.of_part.get(name) or self._of_posts(part.posts.keys(), now - window) or name
        self.of_part[name] = own
        case = self.by_name.get(own)
        if case is None:
            case = self.by_name[own] = Case(surge_id(own), part.kind, now)
        case.newest = now
        for post in part.posts:
            known = self.of_post.get(post, ())
            if own not in known:
                self.of_post[post] = (*known, own)[-KEPT_CASES:]
        return case

    def _of_posts(self, posts: Set[int | str], since: float) -> str | None:
        tally = Tally(name for post in posts for name in self.of_post.get(post, ()))
        for name, common in sorted(tally.items(), key=lambda t: (-t[1], t[0])):
            case = self.by_name.get(name)
            if case is None or case.newest < since or common < 3:
                continue
            for part in case.parts.values():
                both = len(part.posts.keys() & posts)
                if both >= SHARED * min(len(part.posts), len(posts)) and both >= ALIKE * max(len(part.posts), len(posts)):
                    return name
        return None
