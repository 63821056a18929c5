"""One source for ever: when to ask, what a failure means, where the cursor stands, one line down and one line back.

Connectors raise the four errors; everything that follows from them is decided here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config.languages import N_
from connectors.base import Batch, Connector, Damaged, Http, waits_of
from connectors.errors import AuthError, BadPayload, RateLimited, SourceError, Transient
from monitor.core import spread
from monitor.core.post import Post
from monitor.core.rhythm import Rhythm, interval
from monitor.core.row import UNKNOWN_TIME
from monitor.http import scrubbed
from monitor.limits import Account, Limiter, OwnLimit, Paced
from monitor.store.engine import Database, reason_of
from monitor.store.posts import Stored
from monitor.store.sources import REFUSALS, Outcome, SourceState, load_source, open_hole, record_failure, store_batch

T = TypeVar("T")

log = structlog.get_logger()

FIRST_REFUSAL, LONGEST_REFUSAL = 3600.0, 86400.0
"""Seconds until a source that refuses us is asked again: doubled each time. One passing 403 must not end a source for ever."""
SLOWEST = 5.0
"""How many times its network's own interval a source with little news waits at most, where the config sets none."""
LONGEST_INTERVAL = 900.0
ADAPTED = 3600.0
"""Seconds between two looks at how much news a source has."""
SHORTEST_HOLE = 30.0
"""Seconds for which a source was not asked that are no hole, whatever its interval."""
LONGEST_BACKOFF = 900.0
"""Seconds between polls of a source that is down, at most; eight of its intervals, or a minute, where that is less."""
SHORTEST_WAIT = 0.25
"""Seconds between two polls that brought nothing, at least."""
SHORTEST_LIMIT, LONGEST_LIMIT = 1.0, 30 * 86400.0
"""Seconds waited where a network limits us, at least (some say 0 and go on refusing) and at most."""
BELL_GAP = 2.0
"""Seconds between polls that a doorbell causes, at least (STYLE.md)."""
NOT_RUNNING = N_("Qulaq was not running")
TOO_LONG = N_("it was not asked in time, or its answer took too long")
QUIET_WRITE = 10.0
"""Seconds in which a poll that brought nothing new is not written down again."""


class Source(Protocol):
    """What the config says of a source (`config.settings.Source`)."""

    @property
    def name(self) -> str: ...
    @property
    def network(self) -> str: ...
    @property
    def home(self) -> str | None: ...
    @property
    def every(self) -> float | None: ...
    @property
    def keep_raw(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """Time for the collector: the wall for what is written down, the monotonic one for waiting (it never jumps)."""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[float, float], float] = random.uniform


class Collector:
    """Drives one connector until it is cancelled. With a limiter, under the limits of its account."""

    def __init__(self, db: Database, source: Source, connector: Connector, http: Http, *, clock: Clock | None = None,
                 on_stored: Callable[[Stored], None] | None = None, secrets: Sequence[str] = (),
                 limiter: Limiter | None = None, shortest_hole: float = SHORTEST_HOLE) -> None:
        self.source = source
        self.every = source.every if source.every is not None else connector.poll_every
        self._db = db
        self._connector = connector
        self._clock = clock or Clock()
        self._limiter = limiter
        self._account = Account.of(connector, source.name)
        self._http = http if limiter is None else Paced(http, limiter, self._account, sleep=self._clock.sleep)
        self._debts: dict[str, float] = {}
        self._debts_at = 0.0
        self._slowed = 0.0
        self._shortest_hole = shortest_hole
        self._adapted = float("-inf")
        self._on_stored = on_stored
        self._secrets = tuple(secrets)
        self._known: SourceState | None = None
        self._down_since: float | None = None
        self._state = "new"
        self._failures = 0
        self._written = float("-inf")
        self._heard: datetime | None = None
        self._aside: tuple[Damaged, ...] = ()
        self._refused: frozenset[str] = frozenset()
        self._log = log.bind(source=source.name, network=source.network)

    @property
    def refused(self) -> bool:
        """Whether the network refuses us: a config taken over anew is a reason to ask at once."""
        return self._state == "refused"

    async def run(self) -> None:
        """Poll until cancelled."""
        known = await self._start()
        if self._limiter is not None:
            self._limiter.join(self._account, self.source.name)
        try:
            await self._clock.sleep(self._left(known))
            while True:
                await self._pause(await self.once())
        finally:
            if self._limiter is not None:
                self._limiter.leave(self._account, self.source.name)

    async def once(self) -> float:
        """One poll with everything that follows from it. Seconds until the next one."""
        known = self._known or await self._start()
        began = self._clock.monotonic()
        try:
            if self._limiter is not None:
                held, why = await self._limiter.wait(self._account, self._connector.max_requests_per_poll)
                if 0 < held <= self.every:
                    return held     # its turn comes a little later: no outage
                if held > 0:
                    raise OwnLimit(why, held)
            batch = await self._connector.poll(self._http, known.cursor)
            wait: float = await self._succeeded(known, batch, began)
        except AuthError as e:
            wait = min(LONGEST_REFUSAL, FIRST_REFUSAL * 2.0 ** min(self._failures if self.refused else 0, 10))
            await self._failed("refused", e, wait)
        except RateLimited as e:
            wait = min(max(SHORTEST_LIMIT, e.retry_after), LONGEST_LIMIT)
            if self._limiter is not None and not isinstance(e, OwnLimit):
                with contextlib.suppress(Transient):    # what cannot be written now holds for this source at least
                    await self._limiter.ordered(self._account, wait, scrubbed(str(e), self._secrets))
            await self._failed("waiting", e, wait)
        except BadPayload as e:
            wait = max(self.every, self._backoff())
            await self._failed("damaged", e, wait)
        except Transient as e:
            wait = self._backoff()
            await self._failed("down", e, wait)
        except Exception as e:
            # Our own bug in one connector: the others go on, and the traceback says where it is.
            wait = max(self.every, self._backoff())
            trace = scrubbed("".join(traceback.format_exception(e)), self._secrets)
            self._log.error("a connector failed in a way that is a bug of ours", traceback=trace)
            await self._failed("down", Transient(f"bug: {type(e).__name__}"), wait)
        return wait

    async def _start(self) -> SourceState:
        """The source as the last run left it. Where we were not running for long, that is a hole."""
        known = await self._kept(partial(load_source, name=self.source.name, network=self.source.network))
        now = self._clock.now()
        self._adapt(known)
        if known.state == "up" and known.last_ok_at is not None and now - known.last_ok_at > self._patience(known):
            await self._kept(partial(open_hole, name=self.source.name, since=known.last_ok_at,
                                     reason=NOT_RUNNING))
        self._known, self._state, self._failures = known, known.state, known.failures
        if known.state in ("refused", "off"):  # we were started again: the operator changed something
            self._state, self._failures = "new", 0
        return known

    def _adapt(self, known: SourceState) -> None:
        """Poll as often as the source has news, where the config doesn't say how often."""
        self._adapted = self._clock.monotonic()
        rhythm, own = Rhythm.of(known.rhythm), self._connector.poll_every
        if self.source.every is None and rhythm.known:
            self.every = interval(rhythm.weekly, own, max(own, min(SLOWEST * own, LONGEST_INTERVAL)))

    @property
    def _interval(self) -> float:
        """Seconds between two polls as they are now: also where a limit by the day stretches them."""
        return max(self.every, self._slowed)

    def _patience(self, known: SourceState) -> timedelta:
        """How long the source may go unheard before that is a hole: the last poll said when the next one is due."""
        return timedelta(seconds=max(2 * max(self._interval, known.every or 0.0) + waits_of(self._connector), self._shortest_hole))

    def _spread(self) -> float:
        """Seconds that the next poll waits so that the account's limits by the hour and the day last."""
        if self._limiter is None or not isinstance(self._http, Paced):
            return 0.0
        now, limits = self._clock.monotonic(), self._limiter.long(self._account)
        self._debts, self._debts_at = spread.owed(self._debts, limits, now - self._debts_at, self._http.spent), now
        self._http.spent.clear()
        return spread.wait(self._debts, limits)

    def _left(self, known: SourceState) -> float:
        """Seconds of an earlier run's wait that are left. A wait longer than any that we set means that the clock was
        wrong then."""
        if known.next_poll_at is None or known.state == "refused":
            return 0.0
        left = (known.next_poll_at - self._clock.now()).total_seconds()
        longest = 86400.0 if known.state == "waiting" else max(self.every, known.every or 0.0, LONGEST_BACKOFF)
        return left if 0.0 < left <= longest else 0.0

    async def _succeeded(self, known: SourceState, batch: Batch, began: float) -> float:
        posts = self._stamped(batch)
        moved = dict(batch.cursor) != dict(known.cursor)
        fresh = [one for one in batch.damaged if one not in self._aside]  # a page read again shows the same ones again
        refused = {one.part: scrubbed(one.reason, self._secrets) for one in batch.refused}
        news = bool(posts or batch.inbound or fresh) or moved or self._refused != frozenset(refused)
        elapsed = self._clock.monotonic() - began
        again = batch.more and moved
        wait = 0.0 if again else max(self.every - elapsed, 0.0 if news else min(SHORTEST_WAIT, self.every))
        self._slowed = self._spread()
        wait = max(wait, self._slowed)
        back = self._state != "up"
        now = self._clock.now()
        if news or back or self._clock.monotonic() - self._written > QUIET_WRITE:
            outcome = Outcome("up", now, now + timedelta(seconds=wait), every=self._interval)
            heard = self._heard or known.last_ok_at
            late = heard is not None and now - heard > self._patience(known)
            store = partial(
                store_batch, name=self.source.name, posts=posts, cursor=batch.cursor, outcome=outcome,
                messages=[(one.key, one.payload) for one in batch.inbound],
                unreadable=[(scrubbed(one.reason, self._secrets), one.payload) for one in fresh], closed=list(refused.items()),
                missed=(heard, TOO_LONG) if heard is not None and late and self._state in ("up", "new") else None)
            try:
                stored = await self._kept(store)
            except REFUSALS as e:
                self._log.error("the database refuses a post; it is kept aside, the others are stored", reason=reason_of(e))
                stored = await self._kept(partial(store, apart=True))
            self._written = self._clock.monotonic()
            self._known = replace(known, cursor=batch.cursor)
            for item in fresh:
                self._log.warning("unreadable, kept aside", reason=scrubbed(item.reason, self._secrets))
            if stored.ids and self._on_stored is not None:
                self._on_stored(stored)
        self._aside = batch.damaged
        self._say_refused(refused)
        if back and self._state != "new":
            lasted = self._clock.monotonic() - self._down_since if self._down_since is not None else None
            self._log.info("source is back", after_seconds=None if lasted is None else round(lasted))
        self._state, self._failures, self._down_since, self._heard = "up", 0, None, self._clock.now()
        if self._clock.monotonic() - self._adapted > ADAPTED:
            self._adapt(await self._kept(partial(load_source, name=self.source.name, network=self.source.network)))
        return wait

    def _say_refused(self, refused: Mapping[str, str]) -> None:
        """Say once that a part of the source is refused, and once that it is read again."""
        for part in sorted(set(refused) - self._refused):
            self._log.warning("a part of the source is refused; the rest is read", part=part, reason=refused[part])
        for part in sorted(self._refused - set(refused)):
            self._log.info("a part of the source is read again", part=part)
        self._refused = frozenset(refused)

    async def _failed(self, state: str, error: SourceError, wait: float) -> None:
        """Write a failure down; say it once per outage, and again only when its kind changes."""
        now = self._clock.now()
        self._failures += 1
        reason = scrubbed(str(error), self._secrets)
        if self._state != state:
            what = {"refused": "source refuses us; asked again later, at once when the config changes", "waiting": "source limits us",
                    "damaged": "source sends what cannot be read", "down": "source is down"}[state]
            self._log.warning(what, reason=reason, retry_in=round(wait, 1))
        if self._down_since is None:
            self._down_since = self._clock.monotonic()
        self._state = state
        await self._kept(partial(record_failure, name=self.source.name,
                                 outcome=Outcome(state, now, now + timedelta(seconds=wait), self._failures, reason, self._interval),
                                 payload=error.payload if isinstance(error, BadPayload) else b"",
                                 heard=None if self._heard is None or self._heard > now else self._heard))

    def _stamped(self, batch: Batch) -> list[Post]:
        """The posts with what only the collector knows: the source's unit, and a time for those without one."""
        now = self._clock.now()
        return [replace(post, source=self.source.name, home=post.home or self.source.home,
                        published_at=now if post.published_at == UNKNOWN_TIME else post.published_at,
                        raw=post.raw if self.source.keep_raw else None) for post in batch.posts]

    def _backoff(self) -> float:
        """Full jitter: anything up to a bound that doubles, so that sources that failed together don't return together. The first
        bound is a quarter of the interval: one cut connection must not cost a whole one. The last is a quarter of the time it has been
        down, or an interval: what was down for a minute is not left alone for another.
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
        down = 0.0 if self._down_since is None else self._clock.monotonic() - self._down_since
        longest = min(LONGEST_BACKOFF, max(self.every, down / 4, 4.0))
        bound = min(longest, max(1.0, min(self.every, 60.0) / 4) * 2.0 ** min(self._failures, 12))
        return max(0.5, self._clock.jitter(0.0, bound))

    async def _kept(self, function: Callable[[Connection], T]) -> T:
        """Write to the database, however long it refuses (locked, disk full, gone): what was polled waits in memory, and
        the cursor has not moved, so nothing is lost. One line when it begins and one when it is over."""
        tries = 0
        while True:
            try:
                result = await self._db.write(function)
            except (OperationalError, InterfaceError, PoolTimeout, DBAPIError) as e:
                if not _passing(e):
                    raise
                if tries == 0:
                    self._log.error("the database refuses to write; what came waits and is not lost", reason=reason_of(e))
                await self._clock.sleep(max(0.5, self._clock.jitter(0.0, min(30.0, 2.0 ** min(tries, 5)))))
                tries += 1
            else:
                if tries:
                    self._log.info("the database writes again", tries=tries)
                return result

    async def _pause(self, wait: float) -> None:
        """Wait, or until the network rings: a ring only ends the wait, the posts come through `poll`."""
        doorbell = getattr(self._connector, "doorbell", None)
        if doorbell is None or wait <= BELL_GAP or self._state != "up":
            await self._clock.sleep(wait)
            return
        await self._clock.sleep(BELL_GAP)
        bell = asyncio.ensure_future(doorbell())
        timer = asyncio.ensure_future(self._clock.sleep(wait - BELL_GAP))
        try:
            done, _ = await asyncio.wait({bell, timer}, return_when=asyncio.FIRST_COMPLETED)
            if bell in done and bell.exception() is not None:
                await timer  # a broken bell is no outage: the next poll will tell
        finally:
            for task in (bell, timer):
                task.cancel()
            await asyncio.gather(bell, timer, return_exceptions=True)


def _passing(error: Exception) -> bool:
    """Whether the database may take the same write later: it is locked, full, restarting; not: it is wrong."""
    return isinstance(error, OperationalError | InterfaceError | PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated)

