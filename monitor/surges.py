"""Judged posts to the surge detector, and what it says to the tables of surges, for people to read.

A reader of committed verdicts and nothing more: the line from post to ticket neither waits for it nor reads it, so a
detector that errs or crashes changes nobody's number, deadline, priority or assignee (invariant 3).

Each post it looks at becomes a row of `observed` in the transaction that keeps what it said, so that no post is looked at
twice or left out, and a replay of `observed` says the same again. A restart takes up the last snapshot of the detector's
memory and the observations after it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from config.surges import explain
from monitor.store.engine import Database, reason_of
from monitor.store.surge_tables import observed, observer_state, surge_verdict
from monitor.store.surges import Told, keep
from monitor.store.tables import post, verdict
from monitor.surge.observe import Observation, Observer, SurgeVerdict
from monitor.surge.rules import Rules

log = structlog.get_logger(__name__)

MEMORY = timedelta(days=4)
"""How far back posts are read again where there is no snapshot: longer than the longest window (3 days)."""

SNAPSHOT_EVERY = timedelta(minutes=10)
BATCH = 500
LATE_POSTS = 5000
"""How many posts back one is still looked for that was judged later than its followers."""

LANGUAGES = ("kk", "ru")


@dataclass(frozen=True, slots=True)
class Look:
    """A batch: the posts looked at in their order, and what was said of them."""

    seen: tuple[tuple[int, Row[Any]], ...]
    told: tuple[Told, ...]


class SurgeWatch:
    """Feeds addressed posts to an Observer in the order in which they were judged."""

    def __init__(self, rules: Rules, clock: Callable[[], datetime], make: Callable[[Rules], Observer] = Observer) -> None:
        self._make, self._clock = make, clock
        self._observer = make(rules)
        self._seq: int | None = None
        """The last observation that the observer has taken in; None: it has not begun."""
        self._floor = 0
        """Posts up to this id were here before the watch was."""
        self._fresh: Rules | None = None
        self._saved_at: datetime | None = None
        self._saved_seq = 0

    def judge_by(self, rules: Rules) -> None:
        """From the next look on, judge by these rules: the last days are read again under them."""
        if rules != self._observer.rules:
            self._fresh = rules

    def _renew(self) -> None:
        if self._fresh is not None:
            self._observer, self._seq, self._fresh = self._make(self._fresh), None, None

    # --- one step

    def begin(self, c: Connection) -> list[Told]:
        """Take up where the last process stopped. Returns what rules that are new say of the days before."""
        ruleset = self._observer.rules.ruleset
        last = int(c.execute(select(func.coalesce(func.max(observed.c.seq), 0))).scalar_one())
        saved = c.execute(select(observer_state).where(observer_state.c.ruleset == ruleset)).one_or_none()
        after = _restore(self, saved) if saved is not None and saved.seq <= last else None
        told: list[Told] = []
        if after is None:
            after = _first_after(c, self._clock() - MEMORY) - 1
        for seq, observation in replayed(c, after=after):
            told += [_told(seq, v, ruleset) for v in self._observer.observe(observation)]
        if last == 0:
            start = c.execute(select(func.min(post.c.id)).where(post.c.collected_at > self._clock() - MEMORY)).scalar_one()
        else:
            # A post may have been judged late: look a little behind the newest one that was looked at.
            newest = c.execute(select(func.max(observed.c.post_id))).scalar_one()
            start = max(1, newest - LATE_POSTS)
        self._floor, self._seq = (start or 1) - 1, last
        # Under the same rules all of it was told before; what a shortened memory makes of it now is no news.
        known = c.execute(select(surge_verdict.c.id).where(surge_verdict.c.ruleset == ruleset).limit(1)).first() is not None
        return [] if known or saved is not None else told

    def step(self, c: Connection) -> Sequence[Row[Any]]:
        """The next judged posts."""
        found = c.execute(_posts().where(
            post.c.id > self._floor, post.c.revision == 0, post.c.expired_at.is_(None), verdict.c.decision != "ignore",
            post.c.id.not_in(select(observed.c.post_id).where(observed.c.post_id > self._floor)))
            .order_by(post.c.id).limit(BATCH)).all()
        if len(found) < BATCH:      # what lies further back has been judged and looked at, or passed over
            judged = c.execute(select(func.max(verdict.c.post_id))).scalar_one() or 0
            self._floor = max(self._floor, judged - LATE_POSTS)
        return found

    def observe(self, rows: Sequence[Row[Any]]) -> Look:
        """What the observer says of these rows."""
        assert self._seq is not None, "begin() comes first"
        seen, told = [], []
        for row in rows:
            self._seq += 1
            seen.append((self._seq, row))
            told += [_told(self._seq, v, self._observer.rules.ruleset) for v in self._observer.observe(_observation(row))]
        return Look(tuple(seen), tuple(told))

    def drain(self, db: Database) -> None:
        """Everything judged so far, in this thread."""
        while True:
            with db.reading() as c:
                before = self.begin(c) if self._seq is None else []
                rows = self.step(c)
            if not rows and not before:
                break
            look = self.observe(rows)
            with db.begin() as c:
                write(c, replace(look, told=(*before, *look.told)), self._clock())
        with db.begin() as c:
            self._save(c, self._snapshot())

    async def run(self, db: Database) -> None:
        """For ever; a failure is said once and tried again, and stops nothing else."""
        failing, unwritten = False, Look((), ())
        while True:
            self._renew()
            rows: Sequence[Row[Any]] = ()
            try:
                if self._seq is None:
                    unwritten = Look((), tuple(await db.read(self.begin)))
                if not unwritten.seen and not unwritten.told:
                    rows = await db.read(self.step)
                    unwritten = await asyncio.to_thread(self.observe, rows)
                if unwritten.seen or unwritten.told:       # kept until it is written: the observer says nothing twice
                    await asyncio.to_thread(_apart, db, write, unwritten, self._clock())
                failing, unwritten = False, Look((), ())
                if self._seq != self._saved_seq and self._due():    # taken outside of the transaction: it may be large
                    state = await asyncio.to_thread(self._snapshot)
                    await asyncio.to_thread(_apart, db, self._save, state)
            except SQLAlchemyError as e:
                if not failing:
                    log.error("the database cannot be used; surges wait, tickets are not touched by this",
                              reason=reason_of(e))
                failing, rows = True, ()
            except Exception:
                if not failing:
                    log.exception("surges cannot be watched; tickets are not touched by this")
                failing, rows = True, ()
                self._forget()
            if not rows:
                await asyncio.sleep(2.0)

    def _forget(self) -> None:
        """Begin anew from what is stored: what an observer that crashed remembers cannot be trusted."""
        self._observer, self._seq = self._make(self._observer.rules), None

    # --- the snapshot

    def _due(self) -> bool:
        return self._saved_at is None or self._clock() - self._saved_at >= SNAPSHOT_EVERY

    def _snapshot(self) -> bytes | None:
        take = getattr(self._observer, "snapshot", None)
        return None if take is None else bytes(take())

    def _save(self, c: Connection, state: bytes | None) -> None:
        self._saved_at, self._saved_seq = self._clock(), self._seq or 0
        if state is not None:
            c.execute(delete(observer_state))
            c.execute(insert(observer_state).values(
                ruleset=self._observer.rules.ruleset, seq=self._seq, taken_at=self._saved_at, state=state))


def _apart(db: Database, function: Callable[..., None], *args: object) -> None:
    """Write in this thread: in the one of all other writers, a number could have to wait for a surge."""
    with db.begin() as c:
        function(c, *args)


def _restore(watch: SurgeWatch, saved: Row[Any]) -> int | None:
    """The observation that the saved memory goes up to; None where it cannot be taken up."""
    restore = getattr(watch._observer, "restore", None)
    if restore is None:
        return None
    try:
        made = restore(bytes(saved.state))
    except Exception as e:
        log.warning("the detector's memory cannot be read; the last days are read again", reason=f"{type(e).__name__}: {e}")
        watch._observer = watch._make(watch._observer.rules)
        return None
    if isinstance(made, Observer):
        watch._observer = made
    return int(saved.seq)


def write(c: Connection, look: Look, now: datetime) -> None:
    """Keep what was looked at and what was said, together."""
    if look.seen:
        c.execute(insert(observed), [{"seq": seq, "post_id": row.id, "at": row.published_at, "akimat": row.akimat,
                                      "topic": row.topic} for seq, row in look.seen])
    keep(c, look.told, now)


def replayed(c: Connection, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[int, Observation]]:
    """What was observed, as it was known then, in its order."""
    query = _posts(observed.c.akimat, observed.c.topic).add_columns(observed.c.seq).join(
        observed, observed.c.post_id == post.c.id).where(observed.c.seq > after).order_by(observed.c.seq)
    if upto is not None:
        query = query.where(observed.c.seq <= upto)
    for row in c.execute(query.execution_options(yield_per=1000)):
        yield row.seq, _observation(row)


def retold(c: Connection, rules: Rules, seq: int) -> list[Told]:
    """What the detector says of observation `seq` when all that is stored is given to it again: the proof of an alert."""
    observer, told = Observer(rules), []
    for at, observation in replayed(c, upto=seq):
        told = [_told(at, v, rules.ruleset) for v in observer.observe(observation)]
    return told


def _posts(akimat: Any = verdict.c.akimat, topic: Any = verdict.c.topic) -> Select[Any]:
    return select(post.c.id, post.c.network, post.c.text, post.c.published_at, post.c.author_key, post.c.extra,
                  akimat.label("akimat"), topic.label("topic")).join(verdict, verdict.c.post_id == post.c.id)


def _first_after(c: Connection, moment: datetime) -> int:
    found = c.execute(select(func.min(observed.c.seq)).join(post, post.c.id == observed.c.post_id)
                      .where(post.c.collected_at > moment)).scalar_one()
    return int(found or 1)


def _observation(row: Row[Any]) -> Observation:
    extra = row.extra or {}
    return Observation(row.id, row.published_at, row.text, row.author_key or None, network=row.network,
                       urls=tuple(extra.get("links", ())), akimat=row.akimat, topic=row.topic,
                       repost=bool(extra.get("repost_of")), media=_pictures(row.network, extra.get("media", ())))


_PICTURES = re.compile(r"(?:photo|image|video|animation|album|carousel_album)\w*[:/_-]|https?://", re.IGNORECASE)
"""What connectors store of a picture or film: its kind and the network's id of the file, or its address. Stickers, places and
voices are left out: everybody has the same ones."""


def _pictures(network: str, media: Sequence[str]) -> tuple[str, ...]:
    """A stable mark per picture, of its network: no network gives a file's id of another one."""
    return tuple(f"{network}:{mark.partition('?')[0]}" for mark in media if _PICTURES.match(mark))


def _told(seq: int, v: SurgeVerdict, ruleset: str) -> Told:
    said = {
        "kind": v.kind, "score": v.score, "posts": v.posts, "observed": v.observed, "expected": v.expected,
        "akimat": v.akimat, "topic": v.topic, "window_start": v.window_start.isoformat(),
        "window_end": v.window_end.isoformat(),
        "signals": [{"kind": s.kind, "family": s.family, "value": s.value, "expected": s.expected, "p": s.p}
                    for s in v.signals],
        "counter": [{"kind": x.kind, "value": x.value, "strength": x.strength} for x in v.counter],
        "explanation": {code: explain(v, code) for code in LANGUAGES}}
    return Told(v.surge_id, seq, ruleset, v.detected_at, v.verdict, v.authors, said,
                tuple(id_ for id_ in v.post_ids if isinstance(id_, int)))
