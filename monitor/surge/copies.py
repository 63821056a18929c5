"""Online groups of near-identical texts: an exact key first, then a vote of rare words in hourly shards
dropped whole.

The rare-word vote stands where MinHash would: posts are 5 to 20 words long, and with a third of the words
replaced
two copies share too few shingles for any banding of hashes to meet (Jaccard .3), but still four or five
rare words.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b

from monitor.surge.rules import Rules
from monitor.surge.vocabulary import Vocabulary

HOUR = 3600
INDEXED = 8
"""Rarest words under which a text is found again."""
POSTINGS = 12
"""Texts remembered per word and hour: a word that more texts share finds nothing new."""
REMEMBERED = 50_000
"""Texts over which it is learnt how usual copies are; halved beyond."""
KEPT_POSTS = 400
"""Posts remembered of one group; beyond that only counted."""


@dataclass(slots=True)
class Member:
    """A post inside a group, by its author's first contribution."""

    at: float
    post: int | str
    author: str | None
    network: str
    numbers: tuple[str, ...] = ()


@dataclass(slots=True)
class Group:
    """Posts with nearly the same text. `authors`: newest first post per author; `core`: posts per stem.

    After a silence (shorter once `alerted`) the observer empties it: a text that returns is a new surge.
    """

    key: bytes
    stems: tuple[str, ...]
    born: float
    newest: float
    posts: int = 0
    unknown: int = 0
    reposts: int = 0
    called: bool = False
    authors: dict[str, float] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    core: dict[str, int] = field(default_factory=dict)
    texts: set[bytes] = field(default_factory=set)
    known_before: int = 0
    fresh: int = 0
    repeaters: int = 0
    voices: int = 0
    companions: dict[int, int] = field(default_factory=dict)
    number: int = 0
    indexed_at: int = 0
    alerted: bool = False


def text_key(stems: tuple[str, ...]) -> bytes:
    """The same 10 bytes for the same words in any order, in every process."""
    return blake2b(" ".join(sorted(stems)).encode("utf-8", "replace"), digest_size=10).digest()


class Copies:
    """All groups of the last days. Memory is bounded by the posts of `copy_window`."""

    __slots__ = ("_by_key", "_created", "_groups", "_next", "_queue", "_rules", "_shards", "_shared", "_vocabulary")

    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self._rules = rules
        self._vocabulary = vocabulary
        self._by_key: dict[bytes, int] = {}
        self._groups: dict[int, Group] = {}
        self._queue: deque[tuple[float, int]] = deque()
        self._shards: dict[int, dict[str, list[int]]] = {}
        self._next = 0
        self._created = 0.0
        self._shared = 0.0

    def __len__(self) -> int:
        return len(self._groups)

    def forget(self, now: float) -> None:
        """Drop groups whose newest post left the window, and whole shards of the word index."""
        limit = now - self._rules.copy_window - self._rules.late
        queue, groups = self._queue, self._groups
        while queue and queue[0][0] < limit:
            _, number = queue.popleft()
            group = groups.get(number)
            if group is None:
                continue
            if group.newest >= limit:
                queue.append((group.newest, number))
                if queue[0][0] >= limit or len(queue) == 1:
                    break
                continue
            del groups[number]
            self._by_key.pop(group.key, None)
            for key in group.texts:
                self._by_key.pop(key, None)
        oldest = int((now - self._rules.match_window - self._rules.late) // HOUR)
        for shard in [s for s in self._shards if s < oldest]:
            del self._shards[shard]

    def add(self, stems: tuple[str, ...], at: float) -> tuple[Group, bool]:
        """The group that a text belongs to, and whether it is new. The caller counts the post into it."""
        key = text_key(stems)
        number = self._by_key.get(key)
        if number is not None:
            group = self._groups[number]
            if group.indexed_at != int(at // HOUR):
                self._index(group, self._weighed(stems), at)
            return group, False
        weighed = self._weighed(stems)
        near = self._nearest(weighed, at)
        if near is not None:
            if len(near.texts) < KEPT_POSTS:
                near.texts.add(key)
                self._by_key[key] = near.number
            self._index(near, weighed, at)
            return near, False
        group = Group(key=key, stems=stems, born=at, newest=at, number=self._next)
        self._next += 1
        self._groups[group.number] = group
        self._created += 1.0
        if self._created > REMEMBERED:
            self._created *= 0.5
            self._shared *= 0.5
        self._by_key[key] = group.number
        self._queue.append((at, group.number))
        self._index(group, weighed, at)
        return group, True

    def shared(self) -> None:
        """Learn that a group has reached several authors."""
        self._shared += 1.0

    @property
    def usual(self) -> float:
        """Share of this stream's texts that come to be written by several authors: how little a copy means here."""
        return self._shared / (self._created + 100.0)

    def find(self, stems: tuple[str, ...]) -> Group | None:
        """The group that has exactly these words, if any."""
        number = self._by_key.get(text_key(stems))
        return None if number is None else self._groups[number]

    def _weighed(self, stems: tuple[str, ...]) -> list[tuple[float, str]]:
        bits = self._vocabulary.bits
        weighed = [(b, stem) for stem in stems if (b := bits(stem)) > 0.0]
        weighed.sort(reverse=True)
        return weighed

    def _index(self, group: Group, weighed: list[tuple[float, str]], at: float) -> None:
        hour = int(at // HOUR)
        group.indexed_at = hour
        shard = self._shards.get(hour)
        if shard is None:
            shard = self._shards[hour] = {}
        number = group.number
        for _, stem in weighed[:INDEXED]:
            postings = shard.get(stem)
            if postings is None:
                shard[stem] = [number]
            elif number not in postings:
                if len(postings) >= POSTINGS:
                    del postings[0]
                postings.append(number)

    def _nearest(self, weighed: list[tuple[float, str]], at: float) -> Group | None:
        rules = self._rules
        votes: dict[int, float] = {}
        for weight, stem in weighed[: 2 * INDEXED]:
            seen: set[int] = set()
            for shard in self._shards.values():
                postings = shard.get(stem)
                if postings is not None:
                    for number in postings:
                        if number not in seen:
                            seen.add(number)
                            votes[number] = votes.get(number, 0.0) + weight
        if not votes:
            return None
        total = sum(weight for weight, _ in weighed)
        least = rules.join * total / 3
        best: Group | None = None
        best_likeness = rules.join
        for number in sorted(votes, key=lambda n: (-votes[n], n))[:4]:
            if votes[number] < least:
                break
            group = self._groups.get(number)
            if group is None or abs(at - group.newest) > rules.match_window + rules.late:
                continue
            likeness, shared, bits = self._likeness(weighed, total, group)
            enough = shared >= rules.join_stems or likeness >= rules.same
            if likeness >= best_likeness and enough and bits >= rules.min_bits * 0.75:
                best, best_likeness = group, likeness
        return best

    def _likeness(self, weighed: list[tuple[float, str]], total: float, group: Group,
                  ) -> tuple[float, int, float]:
        """Dice by information between a text and the group's core (words that a third of its texts have)."""
        core = group.core
        least = max(1.0, len(group.texts) / 3) if core else 1.0
        bits = self._vocabulary.bits
        shared, count, own = 0.0, 0, 0.0
        if core:
            for weight, stem in weighed:
                if core.get(stem, 0) >= least:
                    shared += weight
                    count += 1
            own = sum(bits(stem) for stem, n in core.items() if n >= least)
        else:
            stems = set(group.stems)
            for weight, stem in weighed:
                if stem in stems:
                    shared += weight
                    count += 1
            own = sum(bits(stem) for stem in group.stems)
        return (2 * shared / (total + own) if total + own else 0.0), count, shared
