"""Surges as they are kept and read: every verdict in its order, the fold of them, the posts beneath, the time series.

What was told is only added to (`surge_verdict`); the row of a surge is the fold of its verdicts and of those of its parts:
surges that rest on mostly the same posts (a text, its hashtag and its link) are one surge for people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.surge_tables import observed, surge, surge_post, surge_verdict
from monitor.store.tables import event, hole, post, verdict

SEVERITY = ("organic", "inconclusive", "organised", "coordinated")
"""From what needs nobody to what a person must look at first."""

SAME_POSTS = 0.5
"""Share of the posts, of the larger one of two surges, from which they are one for people."""

CHUNK = 400


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict with the observation that brought it about. `said` is JSON: times as ISO, nothing about authors but how many."""

    surge: str
    seq: int
    ruleset: str
    detected_at: datetime
    verdict: str
    authors: int
    said: Mapping[str, Any]
    posts: tuple[int, ...]


def keep(c: Connection, told: Sequence[Told], now: datetime) -> list[str]:
    """Add what was told, fold it into the surges, say it to the live feed. Returns the surges that changed."""
    changed: dict[str, None] = {}
    for one in told:
        added = c.execute(_ignoring(c)(surge_verdict).values(
            surge=one.surge, seq=one.seq, ruleset=one.ruleset, detected_at=one.detected_at, verdict=one.verdict,
            authors=one.authors, detail=dict(one.said)).on_conflict_do_nothing()).rowcount
        if not added:
            continue        # told before a restart
        root = _root(c, one)
        if one.posts:
            c.execute(_ignoring(c)(surge_post).on_conflict_do_nothing(),
                      [{"surge": one.surge, "post_id": id_} for id_ in one.posts])
        changed[root] = None
    for root in changed:
        fold(c, root)
    if changed:
        c.execute(insert(event), [{"at": now, "kind": "surge", "ref": root} for root in changed])
    return list(changed)


def _ignoring(c: Connection) -> Any:
    return (postgresql if c.dialect.name == "postgresql" else sqlite).insert


def _root(c: Connection, one: Told) -> str:
    """The surge that people see this verdict under; a new surge gets its row."""
    known = c.execute(select(surge.c.id, surge.c.part_of).where(surge.c.id == one.surge)).one_or_none()
    if known is not None:
        return str(known.part_of or known.id)
    whole = _resting_on(c, one.posts)
    serial = int(c.execute(select(func.coalesce(func.max(surge.c.serial), 0))).scalar_one()) + 1
    c.execute(insert(surge).values(
        id=one.surge, serial=serial, part_of=whole, kind=one.said.get("kind", ""), verdict=one.verdict, score=0.0,
        first_at=one.detected_at, detected_at=one.detected_at, window_start=one.detected_at, window_end=one.detected_at,
        authors=one.authors, detail={}))
    return whole or one.surge


def _resting_on(c: Connection, posts: Sequence[int]) -> str | None:
    """An earlier surge with mostly the same posts."""
    shared: Counter[str] = Counter()
    for start in range(0, len(posts), CHUNK):
        found = c.execute(select(surge_post.c.surge).where(surge_post.c.post_id.in_(posts[start:start + CHUNK])))
        shared.update(found.scalars())
    for name, both in shared.most_common():
        size = c.execute(select(func.count()).select_from(surge_post).where(surge_post.c.surge == name)).scalar_one()
        if both >= SAME_POSTS * max(len(posts), size):
            whole = c.execute(select(surge.c.part_of).where(surge.c.id == name)).scalar_one_or_none()
            return whole or name
    return None


# --- the fold

def fold(c: Connection, root: str) -> None:
    """Bring the row of a surge to what its verdicts and those of its parts add up to."""
    parts = family(c, root)
    last = _last_verdicts(c, parts)
    if last:
        c.execute(update(surge).where(surge.c.id == root).values(**folded(last), **_place(c, parts, last)))


def family(c: Connection, root: str) -> list[str]:
    """The surge and its parts."""
    found = c.execute(select(surge.c.id).where(or_(surge.c.id == root, surge.c.part_of == root)).order_by(surge.c.serial))
    return list(found.scalars())


def _last_verdicts(c: Connection, parts: Sequence[str]) -> list[Row[Any]]:
    newest = select(func.max(surge_verdict.c.id)).where(surge_verdict.c.surge.in_(parts)).group_by(surge_verdict.c.surge)
    return list(c.execute(select(surge_verdict).where(surge_verdict.c.id.in_(newest)).order_by(surge_verdict.c.id)).all())


def folded(last: Sequence[Row[Any]]) -> dict[str, Any]:
    """What the last verdicts of a surge and of its parts say together: the most serious one speaks, the evidence is joined.

    Its own authors and posts count: who only wrote on the subject at that time isn't counted among those who copied.
    """
    chief = chief_of(last)
    signals: dict[str, Any] = {}
    counter: dict[str, Any] = {}
    for row in sorted(last, key=lambda r: r.id != chief.id):
        for signal in row.detail["signals"]:
            if signal["kind"] not in signals or signal["p"] < signals[signal["kind"]]["p"]:
                signals[signal["kind"]] = signal
        for against in row.detail["counter"]:
            counter.setdefault(against["kind"], against)
    volume = next((r for r in last if r.detail.get("expected") is not None), None)
    return {
        "kind": chief.detail["kind"], "verdict": chief.verdict, "score": chief.detail["score"],
        "detected_at": max(r.detected_at for r in last),
        "window_start": datetime.fromisoformat(chief.detail["window_start"]),
        "window_end": datetime.fromisoformat(chief.detail["window_end"]),
        "authors": chief.authors, "posts": chief.detail["posts"],
        "observed": volume.detail["observed"] if volume else None, "expected": volume.detail["expected"] if volume else None,
        "detail": {"signals": sorted(signals.values(), key=lambda s: (s["p"], s["kind"])), "counter": list(counter.values()),
                   "explanation": chief.detail["explanation"], "ruleset": chief.ruleset}}


def chief_of(last: Iterable[Row[Any]]) -> Row[Any]:
    """The verdict that speaks for all."""
    return max(last, key=lambda r: (SEVERITY.index(r.verdict), r.detail["score"], r.authors))


def _place(c: Connection, parts: Sequence[str], last: Sequence[Row[Any]]) -> dict[str, Any]:
    """Akimat and topic: those of most of its posts; where none names an akimat, the unit that most of their sources belong to."""
    rows = c.execute(select(observed.c.akimat, observed.c.topic, post.c.home).join(post, post.c.id == observed.c.post_id)
                     .where(observed.c.post_id.in_(select(surge_post.c.post_id).where(surge_post.c.surge.in_(parts))))).all()
    akimats = (Counter(r.akimat for r in rows if r.akimat) or Counter(_said(last, "akimat"))
               or Counter(r.home for r in rows if r.home))
    return {"akimat": _most(akimats), "topic": _most(Counter(r.topic for r in rows if r.topic) or Counter(_said(last, "topic")))}


def _said(last: Sequence[Row[Any]], name: str) -> list[str]:
    return [row.detail[name] for row in last if row.detail.get(name)]


def _most(counted: Counter[str]) -> str | None:
    return min(counted, key=lambda name: (-counted[name], name)) if counted else None


# --- reading

@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asked for. `akimats` holds the unit and all below it; `waiting`: only what needs a decision."""

    akimats: frozenset[str] | None = None
    topic: str | None = None
    verdict: str | None = None
    waiting: bool = False


NEEDS = ("coordinated", "organised")
"""Verdicts that are a flag: a person has to say something about them."""


def waits() -> Any:
    """A flag that nobody has decided on, or that has become another one since."""
    return and_(surge.c.verdict.in_(NEEDS), or_(surge.c.decision.is_(None), surge.c.decided_verdict != surge.c.verdict))


def _seen(scope: frozenset[str] | None) -> Any:
    shown = and_(surge.c.part_of.is_(None), surge.c.serial.is_not(None))
    return shown if scope is None else and_(shown, surge.c.akimat.in_(sorted(scope)))


def rows(c: Connection, scope: frozenset[str] | None, wanted: Wanted, *, before: int | None = None, limit: int = 40,
         ids: Sequence[str] | None = None) -> list[Row[Any]]:
    """Surges, the one first told last on top; `scope` holds the akimats that a reader may see, None is everything."""
    query: Select[Any] = select(surge, waits().label("waits")).where(_seen(scope))
    if wanted.akimats is not None:
        query = query.where(surge.c.akimat.in_(sorted(wanted.akimats)))
    if wanted.topic:
        query = query.where(surge.c.topic == wanted.topic)
    if wanted.verdict:
        query = query.where(surge.c.verdict == wanted.verdict)
    if wanted.waiting:
        query = query.where(waits())
    if before is not None:
        query = query.where(surge.c.serial < before)
    if ids is not None:
        query = query.where(surge.c.id.in_(list(ids)))
    return list(c.execute(query.order_by(surge.c.serial.desc()).limit(limit)).all())


def one(c: Connection, id_: str, scope: frozenset[str] | None) -> Row[Any] | None:
    """A surge that this reader may see; a part leads to its whole."""
    whole = c.execute(select(surge.c.part_of).where(surge.c.id == id_)).scalar_one_or_none() or id_
    return c.execute(select(surge, waits().label("waits")).where(_seen(scope), surge.c.id == whole)).one_or_none()


def waiting(c: Connection, scope: frozenset[str] | None) -> int:
    """How many flags wait for a person."""
    return int(c.execute(select(func.count()).select_from(surge).where(_seen(scope), waits())).scalar_one())


def history(c: Connection, root: str) -> list[Row[Any]]:
    """All verdicts of a surge and of its parts in their order."""
    return list(c.execute(select(surge_verdict).where(surge_verdict.c.surge.in_(family(c, root)))
                          .order_by(surge_verdict.c.id)).all())


def posts_beneath(c: Connection, root: str) -> Select[Any]:
    """The ids of its posts, for a query: never to be handed out."""
    return select(surge_post.c.post_id).where(surge_post.c.surge.in_(family(c, root)))


@dataclass(frozen=True, slots=True)
class Sample:
    """A wording with how many posts have it; personal data are marked, who wrote is not in it."""

    text: str
    pii: tuple[tuple[str, int, int], ...]
    language: str
    network: str
    at: datetime
    count: int


SAMPLES = 5
READ_POSTS = 400
_WORD = re.compile(r"\w+")


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether two wordings are told as one: four of five words are the same."""
    return a == b or len(a & b) >= 0.8 * len(a | b)


def samples(c: Connection, root: str, limit: int = SAMPLES) -> tuple[list[Sample], int]:
    """Wordings of the surge, those of most posts first, and how many of its posts have lost their text by retention."""
    found = c.execute(
        select(func.substr(post.c.text, 1, 3000).label("text"), post.c.network, post.c.published_at, post.c.expired_at,
               verdict.c.language, verdict.c.detail)
        .outerjoin(verdict, verdict.c.post_id == post.c.id)
        .where(post.c.id.in_(posts_beneath(c, root))).order_by(post.c.published_at, post.c.id).limit(READ_POSTS)).all()
    groups: list[tuple[frozenset[str], list[Any]]] = []
    gone = 0
    for row in found:
        if row.expired_at is not None:
            gone += 1
            continue
        words = frozenset(_WORD.findall(row.text.casefold()))
        like = next((group for those, group in groups if _alike(words, those)), None)
        if like is None:
            groups.append((words, [row]))
        else:
            like.append(row)
    chosen = sorted((group for _, group in groups), key=lambda g: (-len(g), g[0].published_at))[:limit]
    return [Sample(g[0].text, tuple((s[0], s[1], s[2]) for s in (g[0].detail or {}).get("pii", ())), g[0].language or "",
                   g[0].network, g[0].published_at, len(g)) for g in chosen], gone


# --- what was seen and what is usual, by time

@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of time: addressed posts of the same akimat and topic, those of the surge among them, what is usual for it."""

    at: datetime
    posts: int
    own: int
    usual: float | None
    deaf: bool
    """Whether a source was silent then, and what it said has not been read since."""
    filled_at: datetime | None = None
    """When a silence of that time was read later by a backfill."""


@dataclass(frozen=True, slots=True)
class Series:
    """The time around a surge in equal stretches; `days`: how many earlier days `usual` is the average of."""

    step: timedelta
    buckets: tuple[Bucket, ...]
    days: int

    @property
    def deaf(self) -> bool:
        """Whether anything of it was seen while a source was silent."""
        return any(b.deaf for b in self.buckets)

    @property
    def filled_at(self) -> datetime | None:
        """When the last silence in it was read later."""
        return max((b.filled_at for b in self.buckets if b.filled_at is not None), default=None)

    @property
    def most(self) -> float:
        return max([1.0, *(float(max(b.posts, b.own)) for b in self.buckets), *(b.usual or 0.0 for b in self.buckets)])


USUAL_DAYS = 14
BARS = 36


def series(c: Connection, row: Row[Any]) -> Series:
    """Posts of the akimat and topic of a surge from well before it to a little after, with the same hours of the days before."""
    span = max(row.window_end - row.window_start, timedelta(minutes=30))
    step = next((s for s in (timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 180, 360, 720))
                 if span * 3 <= s * BARS), timedelta(days=1))
    first = _floor(row.window_end, step) - step * (BARS - 2)
    end = first + step * BARS
    same = and_(observed.c.akimat.is_(None) if row.akimat is None else observed.c.akimat == row.akimat,
                observed.c.topic.is_(None) if row.topic is None else observed.c.topic == row.topic)
    back = first - timedelta(days=USUAL_DAYS)
    times = list(c.execute(select(observed.c.at).where(same, observed.c.at >= back, observed.c.at < end)).scalars())
    own = list(c.execute(select(post.c.published_at).where(
        post.c.id.in_(posts_beneath(c, row.id)), post.c.published_at >= first, post.c.published_at < end)).scalars())
    begun = c.execute(select(func.min(observed.c.at)).where(observed.c.at >= back)).scalar_one_or_none()
    days = 0 if begun is None else max(0, min(USUAL_DAYS, int((first - begun) / timedelta(days=1))))
    holes = _holes(c, first, end)
    seen, mine = _counted(times, back, step), _counted(own, back, step)
    buckets = []
    for i in range(BARS):
        at = first + step * i
        earlier = [seen.get(_index(at - timedelta(days=d), back, step), 0) for d in range(1, days + 1)]
        usual = sum(earlier) / days if days else None
        here = _index(at, back, step)
        here_deaf = [filled for since, until, filled in holes if since < at + step and (until is None or until > at)]
        buckets.append(Bucket(at, max(seen.get(here, 0), mine.get(here, 0)), mine.get(here, 0), usual, None in here_deaf,
                              max((filled for filled in here_deaf if filled is not None), default=None)))
    return Series(step, tuple(buckets), days)


def _floor(at: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, at.tzinfo)


def _index(at: datetime, start: datetime, step: timedelta) -> int:
    return int((at - start) // step)


def _counted(times: Iterable[datetime], start: datetime, step: timedelta) -> Counter[int]:
    return Counter(_index(at, start, step) for at in times)


def _holes(c: Connection, since: datetime, until: datetime) -> list[tuple[datetime, datetime | None, datetime | None]]:
    found = c.execute(select(hole.c.since, hole.c.until, hole.c.filled_at).where(
        hole.c.part.is_(None), hole.c.since <= until, or_(hole.c.until.is_(None), hole.c.until >= since)))
    return [(r.since, r.until, r.filled_at) for r in found]


def ticks(most: float) -> list[int]:
    """Values for the lines of a chart: 0, half and the whole of a round number above `most`."""
    top = max(2, ceil(most))
    top += top % 2
    return [0, top // 2, top]
