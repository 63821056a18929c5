"""Online groups of texts that are one text: the same words, or the same words at the same places with others replaced.

A text that nobody repeats costs a row on the shelf; only when a second post resembles it does a group come to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.surge.rules import Rules
from monitor.surge.shelf import READ, Shelf, Text, text_key
from monitor.surge.skeleton import HALF, Skeletons
from monitor.surge.vocabulary import Vocabulary

KEPT_POSTS = 400
"""Posts remembered of one group; beyond that only counted."""
KEPT_SLOTS = 2000
REMEMBERED = 20_000
"""Texts over which it is learnt how usual copies and resemblance are; halved beyond."""
LOOKED_AT = 10
"""Earlier texts that a new one is compared with word by word."""
SAME_LENGTH = 4.0
"""Bits that the same number of words in the same places counts for."""
STEPS = 64
"""Resemblance is counted by whole bits up to this."""
LONG = 40.0
QUOTED = 0.03
"""A text of so many bits is not come upon twice: that it is copied is certain, however usual copying is here (that is
counter-evidence of its own), and the chance of it counts no higher than this."""
PRIOR_POSTS = 100.0
"""Posts that the first guess of chance resemblance counts for."""


@dataclass(slots=True)
class Member:
    """A post inside a group. `author` 0 where unknown, `details` 0 where it has no numbers."""

    at: float
    post: int | str
    author: int
    network: str
    details: int = 0


@dataclass(slots=True)
class Group:
    """Posts with nearly the same text. `authors`: first post per author of the present wave; `slots`: how many of its texts
    have a word at a place; `chance`: decades by which its authors resemble each other more than chance would have it.
    """

    number: int
    words: tuple[int, ...]
    born: float
    newest: float
    posts: int = 0
    unknown: int = 0
    reposts: int = 0
    called: bool = False
    tagged: bool = False
    """Its text is its tags: as evidence it is a shared marker and no wording."""
    alerted: bool = False
    authors: dict[int, float] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)
    texts: int = 0
    keys: list[int] = field(default_factory=list)
    chance: float = 0.0
    altered: int = 0
    stayed: int = 0
    known_before: int = 0
    fresh: int = 0
    repeaters: int = 0
    voices: int = 0
    young: int = 0
    aged: int = 0
    asking: int = 0
    quoting: int = 0
    spreading: int = 0
    local: int = 0
    helping: int = 0
    beyond_chance: bool = False
    """Whether its authors were seen to resemble each other more than chance would have it: from then on they copy."""
    fed: list[tuple[bool, float, bool]] = field(default_factory=list)
    """What it added to the resemblance that is usual: taken back when it is found to be coordinated."""
    companions: dict[int, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Words of its first text."""
        return len(self.words)

    def core(self) -> list[int]:
        """The words that its texts have in common; those of its only text."""
        if self.texts < 3:
            return list(self.words)
        least = max(2, self.texts // 4)
        return [slot & 0xFFFFFFFF for slot, n in self.slots.items() if n >= least]

    def fixed(self) -> float:
        """Share of its places at which its texts have one word: nearly 1 for a form that is filled in, little where words
        are exchanged here and there."""
        tops: dict[int, int] = {}
        for slot, n in self.slots.items():
            place = slot >> 32
            tops[place] = max(tops.get(place, 0), n)
        most = max(tops.values(), default=0)
        places = [n for n in tops.values() if n > 1]
        return sum(1 for n in places if n >= 0.9 * self.texts) / len(places) if places and most > 1 else 0.0

    @property
    def opened(self) -> int | str:
        """The first post of the present wave: what the surge is named after."""
        return self.members[0].post


@dataclass(frozen=True, slots=True)
class Found:
    """Where a post belongs: its group (None for a text of its own), the bits it shares, whether the words are the same, and,
    where they are not, whether the others stand where they stood in a text as long.
    """

    group: Group | None
    bits: float
    same: bool
    number: int
    stayed: bool = False


@dataclass(slots=True)
class Resemblance:
    """How often a post of this stream repeats an earlier text of so many bits, or shares so many with one whose other words
    differ: the null of a group of copies."""

    altered: list[float] = field(default_factory=lambda: [0.0] * (STEPS + 1))
    same: list[float] = field(default_factory=lambda: [0.0] * (STEPS + 1))
    total: float = 0.0

    def add(self, bits: float, same: bool) -> None:
        """Count one post by the most bits that it shares with an earlier text."""
        (self.same if same else self.altered)[min(STEPS, int(bits))] += 1.0
        self.total += 1.0
        if self.total > REMEMBERED:
            self.altered = [n * 0.5 for n in self.altered]
            self.same = [n * 0.5 for n in self.same]
            self.total *= 0.5

    def take_back(self, bits: float, same: bool) -> None:
        """What an alert fed is no part of what is usual."""
        counts, step = self.same if same else self.altered, min(STEPS, int(bits))
        taken = min(1.0, counts[step])
        counts[step] -= taken
        self.total -= taken

    def chance(self, bits: float, same: bool) -> float:
        """Share of posts that share so many bits with some earlier text.

        First guess: what ordinary comments showed (4 % share 20 bits, half as many for each 2.2 bits more; half as often
        the whole text is the same).
        """
        step = min(STEPS, int(bits))
        guess = min(0.5, 0.04 * 2.0 ** ((20 - step) / 2.2)) * (0.5 if same else 1.0)
        seen = sum(self.same[step:]) + (0.0 if same else sum(self.altered[step:]))
        chance = float(seen + guess * PRIOR_POSTS) / (self.total + PRIOR_POSTS)
        return min(chance, QUOTED) if bits >= LONG else chance


@dataclass(slots=True)
class Copies:
    """All texts and groups of the last days. Memory is bounded by the texts of `copy_window`."""

    shelf: Shelf = field(default_factory=Shelf)
    skeletons: Skeletons = field(default_factory=Skeletons)
    groups: dict[int, Group] = field(default_factory=dict)
    placed: dict[int, int] = field(default_factory=dict)
    """Number of a text -> number of its group and its shift in the group's frame."""
    resemblance: list[Resemblance] = field(default_factory=lambda: [Resemblance(), Resemblance()])
    """Of texts on other subjects, and of those on the subject that the stream is full of: headlines resemble each other."""
    created: float = 0.0
    shared: float = 0.0

    def forget(self, now: float, rules: Rules) -> None:
        """Drop the texts older than the window and groups without a newer post."""
        limit = now - rules.copy_window - rules.late
        if not self.shelf.forget(limit):
            return
        first = self.shelf.firsts[0] if self.shelf.firsts else self.shelf.next
        self.groups = {n: g for n, g in self.groups.items() if g.newest >= limit}
        self.placed = {n: at for n, at in self.placed.items() if n >= first and at >> 8 in self.groups}

    def add(self, words: tuple[int, ...], at: float, now: float, author: int, network: str,
            details: int, post: int | str, vocabulary: Vocabulary, rules: Rules) -> Found:
        """Where a post belongs. The caller counts it into the group."""
        key = text_key(words)
        number = self.shelf.find(key)
        bits = self.weights(words, vocabulary)
        if number is not None:
            group = self._group_of(number)
            if group is not None and now - group.newest <= rules.copy_window + rules.late:
                return Found(group, sum(bits) + SAME_LENGTH, True, number)
            text = self.shelf.text(number)
            if text is not None:
                return Found(self._open(text), sum(bits) + SAME_LENGTH, True, number)
        near, shared, frame, stayed = self._nearest(words, bits, at, rules)
        number = self.shelf.add(key, words, at, author, network, details, post, now)
        self.skeletons.add(number, words)
        vocabulary.add(set(words), at)
        self.created += 1.0
        if self.created > REMEMBERED:
            self.created *= 0.5
            self.shared *= 0.5
        if near is None:
            return Found(None, shared, False, number)
        self._take(near, number, words, frame)
        return Found(near, shared, False, number, stayed)

    def find(self, words: tuple[int, ...]) -> Group | None:
        """The group that has exactly these words, if any."""
        number = self.shelf.find(text_key(words))
        return None if number is None else self._group_of(number)

    def freeze(self, group: Group) -> None:
        """Take back what a coordinated group taught about the usual: a campaign must not hide the next one."""
        for usual, bits, same in group.fed:
            self.resemblance[usual].take_back(bits, same)
        group.fed.clear()

    def spread(self) -> None:
        """Learn that a text has reached several authors."""
        self.shared += 1.0

    @property
    def usual(self) -> float:
        """Share of this stream's texts that come to be written by several authors: how little a copy means here."""
        return self.shared / (self.created + 100.0)

    @staticmethod
    def weights(words: Sequence[int], vocabulary: Vocabulary) -> list[float]:
        """Bits of each word in its place; function words count for little."""
        bits = vocabulary.bits
        return [bits(w) for w in words[:READ]]

    def _group_of(self, number: int) -> Group | None:
        place = self.placed.get(number)
        return None if place is None else self.groups.get(place >> 8)

    def _open(self, text: Text) -> Group:
        """A group of one text, until now written once."""
        group = Group(text.number, text.words, text.at, text.at)
        self.groups[group.number] = group
        self._take(group, text.number, text.words, 0)
        group.posts = 1
        group.members.append(Member(text.at, text.post, text.author, text.network, text.details))
        if text.author:
            group.authors[text.author] = text.at
        else:
            group.unknown = 1
        return group

    def _take(self, group: Group, number: int, words: Sequence[int], frame: int) -> None:
        self.placed[number] = group.number << 8 | (frame + 128)
        group.texts += 1
        slots = group.slots
        for place, word in enumerate(words[:READ]):
            slot = (place + frame + 128) << 32 | word
            n = slots.get(slot)
            if n is not None:
                slots[slot] = n + 1
            elif len(slots) < KEPT_SLOTS:
                slots[slot] = 1

    def _nearest(self, words: tuple[int, ...], bits: list[float], at: float, rules: Rules,
                 ) -> tuple[Group | None, float, int, bool]:
        """The group that a new text continues, the bits shared with it (or with the likest text), its shift in the frame."""
        total = sum(bits)
        weak = sum(b for w, b in zip(words, bits, strict=False) if w & 1)
        # Fewer bits of rare words cannot come to a likeness that counts, whatever the function words add.
        least = max(rules.look_bits, max(rules.join_bits, rules.join_share * total) - SAME_LENGTH - weak)
        most = 0.0
        best: tuple[float, int, int, bool] | None = None
        seen: set[tuple[int, int]] = set()
        for _, number, shift in self.skeletons.alike(words, bits, self.shelf.next, least, LOOKED_AT):
            place = self.placed.get(number)
            if place is not None:
                group = self.groups.get(place >> 8)
                if group is None or at - group.newest > rules.match_window + rules.late:
                    continue
                frame = (place & 255) - 128 - shift
                if (group.number, frame) in seen or not -100 < frame < 100:
                    continue
                seen.add((group.number, frame))
                shared, count = self._of_core(group, words, bits, frame)
                stayed = frame == 0 and group.length == len(words)
            else:
                when = self.shelf.when(number)
                if when is None or at - when > rules.match_window + rules.late:
                    continue
                frame = -shift
                shared, count, stayed = self._of_text(number, words, bits, shift)
            if stayed and count:
                shared += SAME_LENGTH
            most = max(most, shared)
            if count and shared >= rules.join_bits and shared >= rules.join_share * total \
                    and (count >= rules.join_words or shared >= rules.join_bits + 4) and (best is None or shared > best[0]):
                best = (shared, number, frame, stayed)
        if best is None:
            return None, most, 0, False
        shared, number, frame, stayed = best
        group = self._group_of(number)
        if group is None:
            text = self.shelf.text(number)
            if text is None:
                return None, most, 0, False
            group = self._open(text)
        return group, shared, frame, stayed

    def _of_text(self, number: int, words: Sequence[int], bits: Sequence[float], shift: int,
                 ) -> tuple[float, int, bool]:
        other = self.shelf.words(number)
        if other is None:
            return 0.0, 0, False
        shared, count, end = 0.0, 0, len(other)
        for place, word in enumerate(words[:READ]):
            there = place - shift
            if 0 <= there < end and other[there] == word:
                shared += bits[place]
                count += not word & 1
        return shared, count, shift == 0 and end == min(READ, len(words))

    @staticmethod
    def _of_core(group: Group, words: Sequence[int], bits: Sequence[float], frame: int,
                 ) -> tuple[float, int]:
        """Bits shared with what the texts of a group have in common."""
        least = 1 if group.texts < 4 else max(2, group.texts // 8)
        slots = group.slots
        shared, count = 0.0, 0
        for place, word in enumerate(words[:READ]):
            if slots.get((place + frame + 128) << 32 | word, 0) >= least:
                shared += bits[place]
                count += not word & 1
        return shared, count


assert HALF >= READ  # a shift of places fits its seven bits
