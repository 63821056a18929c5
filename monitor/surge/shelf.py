"""The distinct texts of the last three days, a hundred bytes each, in shards of six hours dropped whole."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from monitor.surge.packed import Floats, Ints

SHARD = 6 * 3600
READ = 48
"""Words kept of a text: enough to tell a copy, few enough to bound a hostile one."""


def text_key(words: tuple[int, ...]) -> int:
    """The same 63 bits for the same words in any order, in every process."""
    return int.from_bytes(blake2b(array("I", sorted(words)).tobytes(), digest_size=8).digest(), "little") >> 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text by its first post; `author` 0 where unknown, `details` 0 where it has no numbers."""

    number: int
    at: float
    author: int
    network: str
    details: int
    words: tuple[int, ...]
    post: int | str


@dataclass(slots=True)
class Shard:
    """Texts of six hours, column by column. `keys`: number of the text by its key."""

    bucket: int
    first: int
    at: Floats = field(default_factory=lambda: array("d"))
    authors: Ints = field(default_factory=lambda: array("Q"))
    networks: Ints = field(default_factory=lambda: array("H"))
    details: Ints = field(default_factory=lambda: array("I"))
    words: Ints = field(default_factory=lambda: array("I"))
    word_ends: Ints = field(default_factory=lambda: array("I"))
    posts: bytearray = field(default_factory=bytearray)
    post_ends: Ints = field(default_factory=lambda: array("I"))
    keys: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Shelf:
    """All shards, oldest first; texts are numbered from 1 in the order of arrival."""

    shards: list[Shard] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    next: int = 1

    def __len__(self) -> int:
        return sum(len(shard.at) for shard in self.shards)

    def forget(self, before: float) -> list[int]:
        """Drop the shards that ended before a moment."""
        gone = []
        while self.shards and (self.shards[0].bucket + 1) * SHARD < before:
            gone.append(self.shards.pop(0).first)
            self.firsts.pop(0)
        return gone

    def add(self, key: int, words: tuple[int, ...], at: float, author: int, network: str, details: int,
            post: int | str, now: float) -> int:
        """Put a text down under its key; returns its number."""
        bucket = int(now // SHARD)
        if not self.shards or self.shards[-1].bucket < bucket:
            self.shards.append(Shard(bucket, self.next))
            self.firsts.append(self.next)
        shard = self.shards[-1]
        shard.at.append(at)
        shard.authors.append(author)
        shard.networks.append(self._network(network))
        shard.details.append(details)
        shard.words.extend(words[:READ])
        shard.word_ends.append(len(shard.words))
        shard.posts += msgspec.msgpack.encode(post)
        shard.post_ends.append(len(shard.posts))
        number = shard.keys[key] = self.next
        self.next += 1
        return number

    def _network(self, name: str) -> int:
        try:
            return self.networks.index(name)
        except ValueError:
            if len(self.networks) > 1000:
                return 0
            self.networks.append(name)
            return len(self.networks) - 1

    def find(self, key: int) -> int | None:
        """The number of the text with this key, newest first."""
        for shard in reversed(self.shards):
            number = shard.keys.get(key)
            if number is not None:
                return number
        return None

    def when(self, number: int) -> float | None:
        """When a text was first written; None where it is forgotten."""
        place = bisect_right(self.firsts, number) - 1
        if place < 0:
            return None
        shard = self.shards[place]
        return shard.at[number - shard.first]

    def words(self, number: int) -> Ints | None:
        """The words of a text; None where it is forgotten."""
        place = bisect_right(self.firsts, number) - 1
        if place < 0:
            return None
        shard = self.shards[place]
        i = number - shard.first
        return shard.words[shard.word_ends[i - 1] if i else 0:shard.word_ends[i]]

    def text(self, number: int) -> Text | None:
        """Everything known of a text; None where it is forgotten."""
        place = bisect_right(self.firsts, number) - 1
        if place < 0:
            return None
        shard = self.shards[place]
        i = number - shard.first
        post: int | str = msgspec.msgpack.decode(shard.posts[shard.post_ends[i - 1] if i else 0:shard.post_ends[i]])
        return Text(number, shard.at[i], shard.authors[i], self.networks[shard.networks[i]], shard.details[i],
                    tuple(shard.words[shard.word_ends[i - 1] if i else 0:shard.word_ends[i]]), post)
