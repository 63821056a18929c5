"""Posts in, surges out: one pass in the posts' own time, a bounded state, the same lines for the same posts.

State is rebuilt by replay: the same posts in the same order give the same Observer and the same verdicts
with the same
ids, so that a restart feeds the stored posts again and passes over what it has already told. Pure: no
clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from monitor.surge import evidence, judge
from monitor.surge.companions import Companions
from monitor.surge.copies import KEPT_POSTS, Copies, Group, Member
from monitor.surge.evidence import Counter, Signal
from monitor.surge.judge import Name, Phrase
from monitor.surge.markers import Marker, Markers, Use
from monitor.surge.normal import Normal, canonical_link, normalise
from monitor.surge.pace import Pace
from monitor.surge.rules import Rules
from monitor.surge.vocabulary import Vocabulary
from monitor.surge.volume import Excess, Volume

HOUR = 3600.0
TOLD_POSTS = 300
"""Post ids named in one verdict, the newest ones."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A post as the surge detector sees it; only `id` and `created_at` (aware) are needed.

    `author` is the keyed hash, None where unknown (such a post is counted, but never as a distinct author).
    `akimat` and `topic` are of an addressed post and make its volume series; `repost` marks an open repost.
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


@dataclass(frozen=True, slots=True)
class SurgeVerdict:
    """What is said of a surge at one moment; a later one of the same `surge_id` replaces it.

    `kind`: copies, tag, link, phone or volume. `score`: probability of coordination. `phrases`: the
    explanation, put
    into words by config.surges.explain. Times in UTC. `post_ids` are for the offline command, never for a
    page.
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


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Observer:
    """Feed it posts in the order in which they arrive; up to `Rules.late` seconds late is taken, later is
    counted only."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = float("-inf")
        self.posts = 0
        self.too_late = 0
        self._vocabulary = Vocabulary(rules.stop_words)
        self._pace = Pace()
        self._copies = Copies(rules, self._vocabulary)
        self._markers = Markers(rules)
        self._companions = Companions(rules.companion_window)
        self._volume = Volume(rules)
        self._told: dict[str, tuple[float, Name]] = {}
        self._copied_usually = 0.0
        self._posts_per_author = 1.0

    def observe(self, post: Observation) -> list[SurgeVerdict]:
        """Take one post; return the verdicts that it brings about or changes, mostly none."""
        at = post.created_at.timestamp()
        if at > self.now:
            if at - self.now >= HOUR or int(at // 600) != int(self.now // 600):
                self._forget(at)
            self.now = at
        elif self.now - at > self.rules.late:
            self.too_late += 1
            return []
        self.posts += 1
        self._pace.add(at)
        normal = normalise(post.text)
        author = None if post.author is None else f"{post.network}\x1f{post.author}"
        out: list[SurgeVerdict] = []
        group: Group | None = None
        joined = False
        repost = post.repost or normal.repost
        known = self._companions.known(author, at) if author is not None else False
        if author is not None:
            self._companions.saw(author, at)
        if normal.stems:
            if repost:
                found = self._copies.find(normal.stems)
                if found is not None:
                    found.reposts += 1
            else:
                group, new = self._copies.add(normal.stems, at)
                if new:
                    self._vocabulary.add(normal.stems, at)
                joined = self._count(group, post, author, at, normal, known)
                if joined and (verdict := self._judge_group(group, post)) is not None:
                    out.append(verdict)
        if not repost:
            self._mark(post, author, at, normal, group, known, out)
            excess = self._count_volume(post, author, at, group)
            if excess is not None and (verdict := self._tell_volume(post, excess)) is not None:
                out.append(verdict)
        return out

    def _forget(self, now: float) -> None:
        self._copies.forget(now)
        self._markers.forget(now)
        self._companions.forget(now)
        limit = now - 2 * self.rules.copy_window
        if self._told and next(iter(self._told.values()))[0] < limit:
            self._told = {surge: told for surge, told in self._told.items() if told[0] >= limit}

    def _count(self, group: Group, post: Observation, author: str | None, at: float, normal: Normal,
               known: bool) -> bool:
        """Count a post into its group; True when it brought a new author and the group should be judged."""
        silence = self.rules.match_window if not group.alerted else self.rules.silence
        if group.posts and at - group.newest > silence:
            group.alerted = False
            group.authors.clear()
            group.members.clear()
            group.companions.clear()
            group.known_before = group.fresh = group.repeaters = group.voices = group.unknown = group.reposts = 0
        group.posts += 1
        group.newest = max(group.newest, at)
        group.born = min(group.born, at)
        if group.posts == 2 and not group.core:
            group.core = dict.fromkeys(group.stems, 1)
        if group.posts > 1:
            core = group.core
            for stem in normal.stems:
                n = core.get(stem)
                if n is not None:
                    core[stem] = n + 1
                elif len(core) < 160:
                    core[stem] = 1
        text = post.text.lower() if self.rules.open_calls else ""
        if not group.called and text and any(call in text for call in self.rules.open_calls):
            group.called = True
        if len(group.members) < KEPT_POSTS:
            group.members.append(Member(at, post.id, author, post.network, normal.numbers))
        if author is None:
            group.unknown += 1
            return group.unknown >= self.rules.min_shown and group.unknown & (group.unknown - 1) == 0
        if author in group.authors:
            self._posts_per_author += 0.002 * (2.0 - self._posts_per_author)
            group.authors[author] = min(group.authors[author], at)
            return False
        group.authors[author] = at
        k = len(group.authors)
        self._meet(group, author, at, known, self._companions.earlier(author))
        if k == 1:
            self._companions.ordinary(author)
        if k == self.rules.min_shown:
            self._copies.shared()
            for a in group.authors:
                self._companions.join(a, group.number)
        elif k > self.rules.min_shown:
            self._companions.join(author, group.number)
        self._copied_usually += 0.002 * ((1.0 if k > 1 else 0.0) - self._copied_usually)
        return k >= self.rules.min_shown and (k < 60 or k % 10 == 0)

    def _meet(self, shared: Group | Marker, author: str, at: float, known: bool, before: Sequence[int]) -> None:
        """Count a new author of a text or mark by the company kept: `before` are the groups shared with others earlier."""
        if self._companions.voice(author, at):
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

    def _judge_group(self, group: Group, post: Observation) -> SurgeVerdict | None:
        rules = self.rules
        bits = sum(self._vocabulary.bits(stem) for stem in group.stems)
        if bits < rules.min_bits:
            return None
        signals, counters = evidence.of_group(group, rules, self._pace, self._companions, self._vocabulary,
                                              self._copies.usual)
        start = group.newest - rules.match_window
        authors = sum(1 for at in group.authors.values() if at >= start)
        members = [m for m in group.members if m.at >= start] or group.members[-1:]
        strength = {c.kind: c.strength for c in counters}
        hidden = any(s.kind in ("companions", "newcomers") and s.p <= 1e-3 for s in signals)
        voices = group.known_before >= 0.5 * len(group.authors)
        openly = not hidden and (group.called or (strength.get("own_details", 0.0) >= 0.6 and voices))
        if group.called:
            counters = (*counters, Counter("open_call", 1.0, 1.0))
        opinion = judge.judge(signals, counters, rules, authors=authors, posts=len(members),
                              span=self.now - members[0].at, openly=openly, unknown=group.unknown)
        group.alerted = group.alerted or opinion.verdict == "coordinated"
        name = f"copies\x1f{group.members[0].post}"
        return self._tell("copies", name, opinion, members[0].at, authors, len(members),
                          tuple(m.post for m in members), signals, counters, post)

    def _mark(self, post: Observation, author: str | None, at: float, normal: Normal, group: Group | None,
              known: bool, out: list[SurgeVerdict]) -> None:
        names = [("tag", tag) for tag in normal.tags[:12]] + [("phone", phone) for phone in normal.phones[:3]]
        names += [("link", canonical_link(url)) for url in post.urls[:4]]
        if not names:
            return
        about = evidence.subject(normal.stems, self._vocabulary)
        for kind, name in names:
            marker = self._markers.add(kind, name, Use(at, post.id, author, post.network,
                                                       -1 if group is None else group.number, about))
            if author is None or marker.authors[author] != 1:
                continue
            before = [g for g in self._companions.earlier(author) if group is None or g != group.number]
            self._meet(marker, author, at, known, before)
            k = len(marker.authors)
            if k >= self.rules.min_authors and (k < 60 or k % 10 == 0) \
                    and (verdict := self._judge_marker(marker, post)) is not None:
                out.append(verdict)

    def _judge_marker(self, marker: Marker, post: Observation) -> SurgeVerdict | None:
        rules = self.rules
        signals, counters = evidence.of_marker(marker, rules, self._companions, self._copied_usually,
                                               self._posts_per_author, self.now)
        if signals[0].p > rules.family_p:
            return None
        authors = len(marker.authors)
        uses = list(marker.uses)
        opinion = judge.judge(signals, counters, rules, authors=authors, posts=len(uses),
                              span=self.now - uses[0].at, openly=False)
        if opinion.verdict == "inconclusive" and not any(s.p <= rules.family_p for s in signals[1:]):
            return None
        # Tags that began in one post are one surge: a text with ten tags is not ten alerts.
        name = f"{marker.kind}\x1f{marker.opened}"
        return self._tell(marker.kind, name, opinion, uses[0].at, authors, len(uses),
                          tuple(u.post for u in uses), signals, counters, post)

    def _count_volume(self, post: Observation, author: str | None, at: float,
                      group: Group | None) -> Excess | None:
        copy = group is not None and len(group.authors) >= self.rules.min_shown
        who = author if author is not None else f"\x1f{post.id}"
        return self._volume.add((post.akimat or "", post.topic or ""), at, who, post.id, copy)

    def _tell_volume(self, post: Observation, excess: Excess) -> SurgeVerdict | None:
        signal = Signal("volume", "volume", float(excess.authors), excess.expected, excess.p)
        copied = excess.copying / max(1, excess.authors)
        verdict: Name = "organic" if copied < 0.5 else "inconclusive"
        name = f"volume\x1f{post.akimat}\x1f{post.topic}\x1f{excess.posts[0]}"
        counters = (Counter("own_words", round(1 - copied, 2), 1 - copied),) if copied < 0.5 else ()
        opinion = judge.Opinion(verdict, round(min(0.49, 0.02 + 0.5 * copied), 4), judge.phrases(
            verdict, (signal,), counters, excess.authors, len(excess.posts), self.now - excess.start))
        return self._tell("volume", name, opinion, excess.start, excess.authors, len(excess.posts),
                          excess.posts, (signal,), counters, post, float(excess.authors), excess.expected)

    def _tell(self, kind: str, name: str, opinion: judge.Opinion, start: float, authors: int, posts: int,
              post_ids: tuple[int | str, ...], signals: tuple[Signal, ...], counters: tuple[Counter, ...],
              post: Observation, observed: float | None = None, expected: float | None = None,
              ) -> SurgeVerdict | None:
        """The verdict, or None where the same was told before: a person is not told twice."""
        surge = "s-" + blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()
        before = self._told.get(surge)
        if before is not None and before[1] == opinion.verdict:
            return None
        self._told[surge] = (self.now, opinion.verdict)
        return SurgeVerdict(
            surge_id=surge, kind=kind, verdict=opinion.verdict, score=opinion.score,
            detected_at=_moment(self.now), window_start=_moment(start), window_end=_moment(self.now),
            authors=authors, posts=posts, post_ids=post_ids[-TOLD_POSTS:],
            signals=signals, counter=counters, phrases=opinion.phrases,
            akimat=post.akimat, topic=post.topic, observed=observed, expected=expected)
