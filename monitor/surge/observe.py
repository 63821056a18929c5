"""Posts in, surges out: one pass in the posts' own time, a bounded state, the same lines for the same posts.

State is rebuilt by replay: the same posts in the same order give the same Observer and the same verdicts
with the same
ids, so that a restart feeds the stored posts again and passes over what it has already told. Pure: no
clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import log10
from zlib import compress, crc32, decompress
from zlib import error as Damaged  # noqa: N812 - zlib.error says too little where it is caught

from msgspec import MsgspecError

from monitor.surge import evidence, judge
from monitor.surge.cases import Cases, Part, surge_id
from monitor.surge.companions import Companions, mark
from monitor.surge.copies import KEPT_POSTS, Copies, Found, Group, Member
from monitor.surge.evidence import Counter, Signal
from monitor.surge.forms import Forms
from monitor.surge.judge import Name, Phrase
from monitor.surge.markers import Marker, Markers, Use
from monitor.surge.normal import Normal, canonical_link, normalise
from monitor.surge.pace import Pace
from monitor.surge.packed import decode, encode
from monitor.surge.rules import Rules
from monitor.surge.vocabulary import Vocabulary, number
from monitor.surge.volume import Excess, Volume
from monitor.surge.wording import accuses

HOUR = 3600.0
TOLD_POSTS = 300
"""Post ids named in one verdict, the newest ones."""
KEPT_CODES = 200_000
"""Words whose numbers are kept at hand."""
KEPT_CALLS = 50
CALLED_WORDS = 3
"""Words that a group must share with an open call elsewhere."""
LEAST_WORDS = 3
FEW_WORDS = 6
"""A text of so few words and little information is counted as a marker: only the company of its authors can say more."""
LEARNT = 3
LEARNT_EVERY = 7200
"""Authors of one text from which resemblance is learnt, at first and again every two hours."""
VERSION = 3
"""Of the snapshot: another one is not read."""


class StaleSnapshot(ValueError):
    """A snapshot that cannot be used: read the stored posts again instead."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A post as the surge detector sees it; only `id` and `created_at` (aware) are needed.

    `author` is the keyed hash, None where unknown (such a post is counted, but never as a distinct author).
    `akimat` and `topic` are of an addressed post and make its volume series; `repost` marks an open repost. `media`: a
    stable mark per picture (a perceptual hash, or the network's own id of the file).
    """

    id: int | str
    created_at: datetime
    text: str = ""
    author: str | None = None
    author_created_at: datetime | None = None
    network: str = ""
    urls: tuple[str, ...] = ()
    akimat: str | None = None
    topic: str | None = None
    repost: bool = False
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SurgeVerdict:
    """What is said of a surge at one moment; a later one of the same `surge_id` replaces it.

    `kind`: copies, tag, link, phone or volume. `score`: probability of coordination. `phrases`: the
    explanation, put
    into words by config.surges.explain. Times in UTC. `post_ids` are for the offline command, never for a
    page. `parts`: kinds of what the surge is made of. Signals and counter-evidence carry the points they count with.
    """

    surge_id: str
    kind: str
    verdict: Name
    score: float
    detected_at: datetime
    window_start: datetime
    window_end: datetime
    authors: int
    posts: int
    post_ids: tuple[int | str, ...]
    signals: tuple[Signal, ...]
    counter: tuple[Counter, ...]
    phrases: tuple[Phrase, ...]
    akimat: str | None = None
    topic: str | None = None
    observed: float | None = None
    expected: float | None = None
    parts: tuple[str, ...] = ()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(slots=True)
class Memory:
    """All that the detector remembers: plain values, written to bytes and read again as a whole."""

    now: float = float("-inf")
    posts: int = 0
    too_late: int = 0
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    pace: Pace = field(default_factory=Pace)
    copies: Copies = field(default_factory=Copies)
    markers: Markers = field(default_factory=Markers)
    companions: Companions = field(default_factory=Companions)
    volume: Volume = field(default_factory=Volume)
    cases: Cases = field(default_factory=Cases)
    calls: list[tuple[float, tuple[int, ...], int | str]] = field(default_factory=list)
    """Open calls to write together, copy or sign, of the last hours: when, the words of the post, the post."""
    copied_usually: float = 0.0
    posts_per_author: float = 1.0


@dataclass(frozen=True, slots=True)
class _Snapshot:
    version: int
    ruleset: str
    memory: Memory


@dataclass(slots=True)
class _Seen:
    """A post as it is being counted."""

    post: Observation
    at: float
    author: int
    normal: Normal
    words: tuple[int, ...]
    known: bool
    young: bool | None
    calling: bool
    spreading: bool
    asking: bool
    quoting: bool
    local: bool
    helping: bool
    neighbours: bool
    subject: float
    usual: bool


class Observer:
    """Feed it posts in the order in which they arrive; up to `Rules.late` seconds late is taken, later is
    counted only."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._memory = Memory()
        self._codes: dict[str, int] = {}
        self._forms = Forms(rules)

    @property
    def now(self) -> float:
        """The stream's own time: that of the newest post."""
        return self._memory.now

    @property
    def posts(self) -> int:
        """Posts taken in."""
        return self._memory.posts

    @property
    def too_late(self) -> int:
        """Posts that came more than an hour late and were left out."""
        return self._memory.too_late

    def snapshot(self) -> bytes:
        """All memory as bytes: an Observer that restores them goes on as this one would."""
        return compress(encode(_Snapshot(VERSION, self.rules.ruleset, self._memory)), 1)

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot; raises StaleSnapshot where it is damaged, of another version or other rules."""
        try:
            found = decode(decompress(data), _Snapshot)
        except (Damaged, MsgspecError, ValueError, TypeError) as e:
            raise StaleSnapshot(f"not a snapshot of this version: {e}") from e
        if found.version != VERSION or found.ruleset != self.rules.ruleset:
            raise StaleSnapshot("made by another version or under other rules")
        self._memory = found.memory

    def observe(self, post: Observation) -> list[SurgeVerdict]:
        """Take one post; return the verdicts that it brings about or changes, mostly none."""
        memory = self._memory
        at = post.created_at.timestamp()
        if at > memory.now:
            if at - memory.now >= HOUR or int(at // 600) != int(memory.now // 600):
                self._forget(at)
            memory.now = at
        elif memory.now - at > self.rules.late:
            memory.too_late += 1
            return []
        memory.posts += 1
        memory.pace.add(at)
        seen = self._read(post, at)
        out: list[SurgeVerdict] = []
        group: Group | None = None
        text = -1
        if seen.normal.repost or post.repost:
            found = memory.copies.find(seen.words) if seen.words else None
            if found is not None:
                found.reposts += 1
            return out
        if seen.words:
            place = memory.copies.add(seen.words, at, memory.now, seen.author, post.network,
                                      _details(seen.normal), post.id, memory.vocabulary, self.rules)
            group, text = place.group, place.number
            if group is None:
                memory.copies.resemblance[seen.usual].add(place.bits, place.same)
                if seen.author:
                    memory.companions.ordinary(seen.author)
                memory.copied_usually *= 0.998
            else:
                text = group.number
                if self._count(group, seen, place) and (verdict := self._judge_group(group, seen)) is not None:
                    out.append(verdict)
        elif seen.normal.tags:
            text = -2 - crc32(" ".join(sorted(seen.normal.tags)).encode())
        self._mark(seen, text, group, out)
        excess = self._count_volume(seen, group)
        if excess is not None:
            out.append(self._tell_volume(post, excess))
        return out

    def _read(self, post: Observation, at: float) -> _Seen:
        """The post's words and author as numbers; what is known of the author is learnt on the way."""
        rules, companions = self.rules, self._memory.companions
        normal = normalise(post.text)
        codes = self._codes
        words = []
        # Few words or none: the tags are the text.
        for word in normal.words if len(normal.words) >= LEAST_WORDS else (*normal.words, *normal.tags):
            code = codes.get(word)
            if code is None:
                if len(codes) >= KEPT_CODES:
                    codes.clear()
                code = codes[word] = number(word, rules.stop_words)
            words.append(code)
        author, known, young = 0, False, None
        if post.author is not None:
            author = mark(f"{post.network}\x1f{post.author}")
            known = companions.saw(author, at)
            if post.author_created_at is not None:
                young = companions.aged_at(at - post.author_created_at.timestamp())
        form = self._forms.read(post.text, normal)
        neighbours = post.akimat is not None or companions.neighbours(rules.neighbours, rules.neighbours_return)
        about = evidence.subject(words, self._memory.vocabulary)
        seen = _Seen(post, at, author, normal, tuple(words), known, young, form.calling, form.spreading, form.asking, form.quoting, neighbours and form.local,
                     neighbours and form.helping, neighbours, about,
                     about > rules.subject_from)
        if form.inviting or form.spreading:
            calls = self._memory.calls
            calls[:] = [c for c in calls if c[0] >= at - rules.match_window][-KEPT_CALLS:]
            calls.append((at, seen.words, post.id))
        return seen

    def _forget(self, now: float) -> None:
        memory = self._memory
        memory.copies.forget(now, self.rules)
        memory.markers.forget(now)
        memory.companions.forget(now, self.rules.companion_window)
        memory.cases.forget(now - 2 * self.rules.copy_window)

    def _count(self, group: Group, seen: _Seen, place: Found) -> bool:
        """Count a post into its group; True when it brought a new author and the group should be judged."""
        memory, at, author = self._memory, seen.at, seen.author
        silence = self.rules.match_window if not group.alerted else self.rules.silence
        if at - group.newest > silence:
            group.alerted = False
            group.authors.clear()
            group.members.clear()
            group.companions.clear()
            group.chance = 0.0
            group.known_before = group.fresh = group.repeaters = group.voices = group.unknown = group.reposts = 0
            group.fed.clear()
            group.beyond_chance = False
            group.young = group.aged = group.altered = group.stayed = group.posts = group.asking = group.spreading = group.quoting = group.local = group.helping = 0
        group.posts += 1
        group.asking += seen.asking
        group.quoting += seen.quoting
        group.spreading += seen.spreading
        group.local += seen.local
        group.helping += seen.helping
        group.newest = max(group.newest, at)
        group.born = min(group.born, at)
        group.called = group.called or seen.calling
        group.tagged = group.tagged or len(seen.normal.words) < LEAST_WORDS
        if len(group.members) < KEPT_POSTS:
            group.members.append(Member(at, seen.post.id, author, seen.post.network, _details(seen.normal)))
        if not author:
            group.unknown += 1
            return group.unknown >= self.rules.min_shown and group.unknown & (group.unknown - 1) == 0
        if author in group.authors:
            memory.posts_per_author += 0.002 * (2.0 - memory.posts_per_author)
            group.authors[author] = min(group.authors[author], at)
            return False
        group.authors[author] = at
        k = len(group.authors)
        if k > 1:
            group.chance -= log10(memory.copies.resemblance[seen.usual].chance(place.bits, place.same))
            group.altered += not place.same
            group.stayed += place.stayed
        # One campaign is not what is usual; a phrase that is about all day is.
        if len(group.fed) < LEARNT * (1 + (at - group.born) / LEARNT_EVERY) and not group.alerted:
            memory.copies.resemblance[seen.usual].add(place.bits, place.same)
            group.fed.append((seen.usual, place.bits, place.same))
        if seen.young is not None:
            group.aged += 1
            group.young += seen.young
        self._meet(group, author, at, seen.known, memory.companions.earlier(author))
        if k == self.rules.min_shown:
            memory.copies.spread()
        if k >= self.rules.min_shown and not group.beyond_chance \
                and evidence.wording_p(group, self.rules, memory.pace) <= self.rules.family_p:
            group.beyond_chance = True
            for a in group.authors:
                memory.companions.join(a, group.number)
        elif group.beyond_chance:
            memory.companions.join(author, group.number)
        else:
            memory.companions.ordinary(author)
        memory.copied_usually += 0.002 * (1.0 - memory.copied_usually)
        return k >= self.rules.min_shown and (k < 60 or k % 10 == 0)

    def _meet(self, shared: Group | Marker, author: int, at: float, known: bool, before: Sequence[int]) -> None:
        """Count a new author of a text or mark by the company kept: `before` are the groups shared with others earlier."""
        if self._memory.companions.voice(author, at):
            shared.voices += 1
        elif before:
            shared.repeaters += 1
        for earlier in before:
            shared.companions[earlier] = shared.companions.get(earlier, 0) + 1
        if not before:
            if known:
                shared.known_before += 1
            else:
                shared.fresh += 1

    def _judge_group(self, group: Group, seen: _Seen) -> SurgeVerdict | None:
        rules, memory = self.rules, self._memory
        if sum(memory.copies.weights(group.words, memory.vocabulary)) < rules.min_bits:
            return None
        plain = self._plain(seen, group.fresh, len(group.authors))
        signals, counters = evidence.of_group(group, rules, memory.pace, memory.companions, memory.vocabulary, memory.copies, plain)
        start = group.newest - rules.match_window
        authors = frozenset(a for a, at in group.authors.items() if at >= start)
        members = [m for m in group.members if m.at >= start] or group.members[-1:]
        strength = {c.kind: c.strength for c in counters}
        if not group.called and self._called_for(group):
            group.called = True
        filled = strength.get("own_details", 0.0) >= 0.6 and (
            "place_request" in strength or group.known_before + group.voices >= 0.5 * len(group.authors))
        # A text that asks to be copied, by the very accounts that copied together before, is not neighbours' doing.
        again = any(s.kind == "companions" and s.p <= 1e-4 and 2 * s.value >= len(authors) for s in signals)
        # One request to an office in many names is open by itself: it says to whom it speaks and what for.
        asked = "place_request" in strength and group.beyond_chance
        passed_on = group.spreading > 0 and (plain > 0.0 or not seen.neighbours)
        openly = not again and (group.called or passed_on or filled or asked)
        if group.called or passed_on:
            counters = (*counters, Counter("open_call", 1.0, 1.0))
        part = Part("copies", group.newest, authors, {m.post: m.at for m in members}, signals, counters)
        return self._tell(f"copies\x1f{group.opened}", part, seen.post, openly=openly, unknown=group.unknown,
                          on_told=lambda verdict: self._alerted(group, verdict))

    def _plain(self, seen: _Seen, fresh: int, authors: int) -> float:
        """How much it counts among neighbours (0 to 1) that the text accuses, frightens and praises nobody; 0 where the words
        cannot be read (other letters) or the stream is no neighbourhood's."""
        if not seen.neighbours or seen.post.text.isascii():
            return 0.0
        rules = self.rules
        needed = rules.accuses_from if fresh > 0.5 * authors else rules.accuses_known
        return min(1.0, max(0.0, (needed - accuses(seen.post.text, rules.accusing)) / 0.05))

    def _alerted(self, group: Group, verdict: Name) -> None:
        if verdict == "coordinated":
            group.alerted = True
            self._memory.copies.freeze(group)

    def _called_for(self, group: Group) -> bool:
        """Whether an open call of the last hours shares words with the group ("send this to the akimat: ..."), or came before a
        group that turns to an office ("let us all write, the text is pinned")."""
        words = {w for w in group.words if not w & 1}
        asking = group.asking * 2 > group.posts
        own = {m.post for m in group.members}
        return any(at >= group.newest - self.rules.match_window and post not in own and (asking or len(words.intersection(said)) >= CALLED_WORDS)
                   for at, said, post in self._memory.calls)

    def _mark(self, seen: _Seen, text: int, group: Group | None, out: list[SurgeVerdict]) -> None:
        post, normal, memory = seen.post, seen.normal, self._memory
        names = [("tag", tag) for tag in normal.tags[:12]] + [("phone", phone) for phone in normal.phones[:3]]
        names += [("link", canonical_link(url)) for url in post.urls[:4]] + [("image", image) for image in post.media[:4]]
        if 0 < len(normal.words) <= FEW_WORDS and not normal.tags and not normal.reply \
                and sum(memory.copies.weights(seen.words, memory.vocabulary)) < self.rules.min_bits:
            names.append(("phrase", " ".join(sorted(normal.words))))
        if not names:
            return
        use = Use(seen.at, post.id, seen.author, text, seen.subject, normal.reply, seen.asking or seen.quoting)
        for kind, name in names:
            marker = memory.markers.add(kind, name, use, self.rules)
            if marker is None or not seen.author or marker.authors[seen.author] != 1:
                continue
            before = [g for g in memory.companions.earlier(seen.author) if group is None or g != group.number]
            self._meet(marker, seen.author, seen.at, seen.known, before)
            k = len(marker.authors)
            if k >= self.rules.min_authors and (k < 60 or k % 10 == 0) \
                    and (verdict := self._judge_marker(marker, seen)) is not None:
                out.append(verdict)

    def _judge_marker(self, marker: Marker, seen: _Seen) -> SurgeVerdict | None:
        rules, memory = self.rules, self._memory
        signals, counters = evidence.of_marker(marker, rules, memory.companions, memory.copied_usually,
                                               memory.posts_per_author, memory.now,
                                               self._plain(seen, min(marker.fresh, len(marker.authors)), len(marker.authors)))
        if signals[0].p > rules.family_p or not any(s.p <= rules.family_p for s in signals[1:]):
            return None
        part = Part(marker.kind, marker.newest, frozenset(marker.authors), {u.post: u.at for u in marker.uses},
                    signals, counters)
        # Tags that began in one post are one surge: a text with ten tags is not ten alerts.
        return self._tell(f"{marker.kind}\x1f{marker.opened}", part, seen.post)

    def _count_volume(self, seen: _Seen, group: Group | None) -> Excess | None:
        post = seen.post
        copy = group is not None and len(group.authors) >= self.rules.min_shown
        who = seen.author or mark(f"\x1f{post.id}")
        # What people speak of is shown for addressed posts only: the rest are not the office's business.
        words = seen.normal.spoken(post.text, self.rules.stop_words) if post.topic else ()
        return self._memory.volume.add(post.akimat or "", post.topic or "", seen.at, who, post.id, copy, words, self.rules)

    def _tell_volume(self, post: Observation, excess: Excess) -> SurgeVerdict:
        now = self._memory.now
        signal = Signal("volume", "volume", float(excess.authors), excess.expected, excess.p)
        copied = excess.copying / max(1, excess.authors)
        verdict: Name = "organic" if copied < 0.5 else "inconclusive"
        counters = (Counter("own_words", round(1 - copied, 2), 1 - copied),) if copied < 0.5 else ()
        said = judge.phrases(verdict, (signal,), counters, excess.authors, len(excess.posts), now - excess.start,
                             judge.about(excess.words))
        return SurgeVerdict(
            surge_id=surge_id(f"volume\x1f{post.akimat}\x1f{post.topic}\x1f{excess.opened}"), kind="volume",
            verdict=verdict, score=round(min(0.49, 0.02 + 0.5 * copied), 4), detected_at=_moment(now),
            window_start=_moment(excess.start), window_end=_moment(now), authors=excess.authors, posts=len(excess.posts),
            post_ids=excess.posts[-TOLD_POSTS:], signals=(signal,), counter=counters, phrases=said, akimat=post.akimat,
            topic=post.topic, observed=float(excess.authors), expected=excess.expected, parts=("volume",))

    def _tell(self, name: str, part: Part, post: Observation, *, openly: bool = False, unknown: int = 0,
              on_told: Callable[[Name], None] = lambda verdict: None) -> SurgeVerdict | None:
        """Judge a part with what the rest of its case shows, and say what is new; None where it is not."""
        rules, memory = self.rules, self._memory
        case = memory.cases.place(name, part, memory.now, rules.match_window)
        beside = case.beside(name, part, rules.match_window)
        parts = [part, *beside]
        signals = _strongest(s for p in parts for s in p.signals)
        counters = {c.kind: c for p in reversed(parts) for c in p.counters}
        authors = frozenset().union(*(p.authors for p in parts))
        posts = {post: at for p in parts for post, at in p.posts.items()}
        start = min(posts.values())
        opinion = judge.judge(signals, tuple(counters.values()), rules, authors=len(authors), posts=len(posts),
                              span=memory.now - start, openly=openly or any(p.verdict == "organised" for p in beside),
                              unknown=unknown, nameless=memory.companions.nameless)
        part.verdict, part.score = opinion.verdict, opinion.score
        case.parts[name] = part
        on_told(opinion.verdict)
        # What was told of another part of the case and still holds is not taken back by this one.
        held = [p for p in case.parts.values() if p is not part and p.newest >= part.newest - rules.match_window]
        if opinion.verdict == "inconclusive" and any(p.verdict in ("coordinated", "organised") for p in held):
            return None
        # What is neither sure nor likely is not told, unless the network hides who wrote, or many copy what harms nobody.
        if opinion.verdict == "inconclusive" and opinion.score < rules.told_from and authors \
                and not ("plain_words" in counters and not memory.companions.nameless
                         and len(judge.families(opinion.signals, rules)) >= rules.min_families):
            return None
        if not case.tells(opinion.verdict, len(authors), frozenset(judge.families(opinion.signals, rules))):
            return None
        ids = sorted(posts, key=lambda i: (posts[i], str(i)))
        return SurgeVerdict(
            surge_id=case.surge, kind=case.kind, verdict=opinion.verdict, score=opinion.score,
            detected_at=_moment(memory.now), window_start=_moment(start), window_end=_moment(memory.now),
            authors=len(authors), posts=len(posts), post_ids=tuple(ids[-TOLD_POSTS:]), signals=opinion.signals,
            counter=opinion.counters, phrases=opinion.phrases, akimat=post.akimat, topic=post.topic,
            parts=tuple(dict.fromkeys(p.kind for p in parts)))


def _strongest(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """Of each kind the signal with the smallest p."""
    best: dict[str, Signal] = {}
    for s in signals:
        if s.kind not in best or s.p < best[s.kind].p:
            best[s.kind] = s
    return tuple(best.values())


def _details(normal: Normal) -> int:
    """The numbers of a text as one number, 0 where it has none."""
    return crc32(" ".join(normal.numbers).encode()) or 1 if normal.numbers else 0
