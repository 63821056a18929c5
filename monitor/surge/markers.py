"""Tags, links, phone numbers and images that many authors share at once, against how usual each of them is in the
stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from monitor.surge.rules import Rules

KEPT_POSTS = 300
LIFE = 3 * 86400.0
SHARD = 6 * 3600


@dataclass(slots=True)
class Use:
    """One post with the marker: `text` numbers its text or group of copies, `subject` is how usual its subject is
    here, `reply` whether it turns to somebody, `asking` whether it asks an office or passes on a notice. `author` 0 where unknown."""

    at: float
    post: int | str
    author: int
    text: int
    subject: float
    reply: bool
    asking: bool = False


@dataclass(slots=True)
class Marker:
    """A tag, link, phone or image. `opened`: the post that began the present episode, after a window without any;
    `left`: authors who came and went before."""

    kind: str
    opened: int | str
    born: float
    newest: float = 0.0
    uses: deque[Use] = field(default_factory=deque)
    authors: dict[int, int] = field(default_factory=dict)
    companions: dict[int, int] = field(default_factory=dict)
    known_before: int = 0
    fresh: int = 0
    repeaters: int = 0
    voices: int = 0
    left: float = 0.0

    def take(self, use: Use, window: int) -> None:
        """Add a use and drop those older than the window."""
        self.newest = max(self.newest, use.at)
        start = self.newest - window
        while self.uses and (self.uses[0].at < start or len(self.uses) >= KEPT_POSTS):
            old = self.uses.popleft()
            if not old.author:
                continue
            n = self.authors[old.author] - 1
            if n:
                self.authors[old.author] = n
            else:
                del self.authors[old.author]
                self.left += 1.0
        if not self.uses:
            self.opened = use.post
            self.companions.clear()
            self.known_before = self.fresh = self.repeaters = self.voices = 0
        self.uses.append(use)
        if use.author:
            self.authors[use.author] = self.authors.get(use.author, 0) + 1

    def copied(self) -> set[int]:
        """Authors whose text another author has too."""
        by_text: dict[int, set[int]] = {}
        for use in self.uses:
            if use.author:
                by_text.setdefault(use.text, set()).add(use.author)
        return set().union(*(authors for authors in by_text.values() if len(authors) > 1))


@dataclass(slots=True)
class Once:
    """Markers first used in six hours and not again since, each by its first use as bytes."""

    bucket: int
    uses: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Markers:
    """Every marker of the last three days, each with its uses of the last hours; one used once costs a row."""

    by_name: dict[int, Marker] = field(default_factory=dict)
    once: list[Once] = field(default_factory=list)
    swept: float = 0.0

    def __len__(self) -> int:
        return len(self.by_name) + sum(len(shard.uses) for shard in self.once)

    def forget(self, now: float) -> None:
        """Drop markers unused for three days."""
        while self.once and (self.once[0].bucket + 1) * SHARD < now - LIFE:
            self.once.pop(0)
        if now - self.swept >= SHARD:
            self.swept = now
            self.by_name = {name: m for name, m in self.by_name.items() if m.newest >= now - LIFE}

    def add(self, kind: str, name: str, use: Use, rules: Rules) -> Marker | None:
        """The marker with this use added; None where nobody used it before."""
        key = int.from_bytes(blake2b(f"{kind}:{name}".encode("utf-8", "replace"), digest_size=8).digest(), "little") >> 1
        marker = self.by_name.get(key)
        if marker is None:
            first = None
            for shard in self.once:
                first = shard.uses.pop(key, None) or first
            if first is None:
                bucket = int(use.at // SHARD)
                if not self.once or self.once[-1].bucket < bucket:
                    self.once.append(Once(bucket))
                self.once[-1].uses[key] = msgspec.msgpack.encode(use)
                return None
            before = msgspec.msgpack.decode(first, type=Use)
            marker = self.by_name[key] = Marker(kind, before.post, before.at)
            marker.take(before, rules.marker_window)
        marker.take(use, rules.marker_window)
        return marker
