"""Drains `delivery`: at least once, repeated only by a crash; a chat's backlog is one message.

A letter is marked as sent in a transaction of its own right after the channel's answer, and the next one normally goes
out only then: a kill repeats the one letter that was on its way. Where an answer takes longer than `patience`, letters
to other addresses no longer wait for it. No address ever has two letters on their way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import random

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from monitor.store.engine import Database
from ticketing import groups
from ticketing.notify import hooks, queries
from ticketing.notify.channel import Barred, Channel, ChannelError, Failing, Moved, Rejected, Unreachable, Wait
from ticketing.notify.message import Letter
from ticketing.notify.queries import Due, Parcel
from ticketing.notify.quiet import QuietHours
from ticketing.notify.reach import WAYS, Address
from ticketing.notify.webhook import Hook

DRAIN_WAITS = 5.0
"""Seconds that `drain` waits for the pace."""

_FAILING = "failing"
"""How the reason of a delivery begins that waits because the way there was broken."""
_BARRED = "barred"
"""And because the channel refused us."""

BACK = 2.0
"""Seconds by which the clock must have been set back before what waits is moved with it."""

log = structlog.get_logger("outbox")


@dataclass(frozen=True, slots=True)
class Policy:
    """How the outbox behaves; seconds, unless it says otherwise."""

    cards_at_once: int = 3
    """So many cards share a message where they wait for one address: it takes one message a second."""
    digest_over: int = 5
    """More deliveries than this waiting for one address become one digest."""
    digest_shows: int = 5
    letters_per_minute: int = 30
    """An address that had so many within a minute gets the rest as a digest when the minute is over, urgent ones at once."""
    attempts: int = 5000
    """Then a delivery is dead. With the pauses below: about five days, more than any outage we know of."""
    first_pause: float = 1.0
    longest_pause: float = 120.0
    outage: int = 3
    """So many failures in a row are the channel's, not a letter's: when one letter gets through, all may."""
    letters_at_a_look: int = 8
    patience: float = 0.05
    on_their_way: int = 8
    """Letters on their way at once while answers are slow."""
    look: float = 1.0
    """How often to look for what another process wrote."""
    look_for_people: float = 10.0
    """How often to look whether parked deliveries can be sent by now."""
    barred_pause: float = 60.0


POLICY = Policy()


def pause(attempts: int, policy: Policy, chance: float) -> float:
    """Seconds until the next try after so many: doubling, with up to half of it taken off by `chance` (0 to 1)."""
    full = min(policy.longest_pause, policy.first_pause * 2.0 ** min(attempts, 40))
    return full * (1 - chance / 2)


class Outbox:
    """Sends what is due on each channel for as long as `run` runs."""

    def __init__(self, db: Database, channels: Mapping[str, Channel], *, policy: Policy = POLICY,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC), chance: Callable[[], float] = random,
                 quiet: QuietHours | None = None) -> None:
        self._db, self._clock, self._look = db, clock, policy.look
        self._ways = tuple(way for way in WAYS if way in channels)
        """Ways to people that there are, in the order in which they are tried."""
        self._lanes = [_Lane(db, channel, policy, clock, chance, self._ways, quiet) for channel in channels.values()]
        self._hook = next((channel for channel in channels.values() if isinstance(channel, Hook)), None)
        db.on_commit(self._ring)

    def leave_alone(self, quiet: QuietHours) -> None:
        """Other quiet hours from now on."""
        for lane in self._lanes:
            lane.quiet = quiet

    def renewed(self, c: Connection, now: datetime) -> None:
        """The channels got new secrets: what waits because an old one was refused goes out now."""
        for lane in self._lanes:
            lane.renewed(c, now)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sort_for_ever())
            for lane in self._lanes:
                group.create_task(lane.run())

    async def drain(self) -> int:
        """Send all that can be sent now or after a short wait (the pace, not a failure); returns how many letters."""
        await self._sort()
        # As often as there are lanes: what one gives up, another takes.
        return sum([await lane.drain() for _ in self._lanes for lane in self._lanes])

    async def _sort_for_ever(self) -> None:
        while True:
            try:
                await self._sort()
            except SQLAlchemyError as e:
                log.error("the database cannot be used; nothing is lost, trying again", reason=_line(e))
            await asyncio.sleep(self._look)

    async def _sort(self) -> None:
        """Put into the lanes what lies in none: news for a way to people that is not there, new entries for the other system."""
        ways = self._ways
        if ways and len(ways) < len(WAYS) and await self._db.read(queries.any_to_adopt, ways):
            await self._db.write(queries.adopt, ways)
        if self._hook is not None:
            while await self._db.read(hooks.any_new):
                await self._db.write(hooks.enqueue, self._hook.actions, self._clock())

    def _ring(self) -> None:
        for lane in self._lanes:
            lane.bell.set()


class _Lane:
    """One channel."""

    def __init__(self, db: Database, channel: Channel, policy: Policy, clock: Callable[[], datetime],
                 chance: Callable[[], float], ways: tuple[str, ...], quiet: QuietHours | None) -> None:
        self.quiet = quiet
        self._ways = ways
        self._db, self._channel, self._policy, self._clock, self._chance = db, channel, policy, clock, chance
        self.bell = asyncio.Event()
        self.sent = 0
        self._flying: dict[Address, asyncio.Task[None]] = {}
        self._ready: deque[Parcel] = deque()
        """Letters that were found at the last look and have not gone yet; forgotten as soon as anything holds them up."""
        self._recent: dict[Address, deque[float]] = {}
        self._down = 0
        """Failures of the channel itself in a row."""
        self._down_until = 0.0
        self._looked_for_people = float("-inf")
        self._ahead: float | None = None
        """Seconds by which the clock was ahead of the steady one when it was last looked at."""
        self._held_back = False
        """Whether the last step found something due that the pace did not let go yet."""

    def renewed(self, c: Connection, now: datetime) -> None:
        queries.hurry(c, self._channel.name, _BARRED, now)
        self._down_until = 0.0

    async def run(self) -> None:
        await self._recall()
        try:
            while True:
                self.bell.clear()
                wait = await self._safely_step()
                if wait > 0:
                    try:
                        async with asyncio.timeout(wait):
                            await self.bell.wait()
                    except TimeoutError:
                        continue
        finally:
            await self._land()

    async def drain(self) -> int:
        await self._recall()
        before = self.sent
        while True:
            self.bell.clear()
            wait = await self._step()
            if wait <= 0:
                continue
            if self._flying:
                await asyncio.wait(self._flying.values(), return_when=asyncio.FIRST_COMPLETED)
            elif self._held_back and wait <= DRAIN_WAITS:
                await asyncio.sleep(wait)
            else:
                return self.sent - before

    async def _recall(self) -> None:
        orders = await self._db.read(queries.kept_orders, self._orders_name, self._clock())
        self._channel.recall(orders)

    async def _land(self) -> None:
        """A stop waits for what is on its way, so that it is not repeated."""
        if self._flying:
            await asyncio.wait(self._flying.values(), timeout=10)

    async def _safely_step(self) -> float:
        try:
            return await self._step()
        except SQLAlchemyError as e:
            log.error("the database cannot be used; nothing is lost, trying again", reason=_line(e))
            return 5.0

    async def _step(self) -> float:
        """Start one letter if one may go, or look for some. Returns how long there is nothing to do (0: look again at once)."""
        policy, now, steady = self._policy, self._clock(), self._channel.steady()
        await self._mind_the_clock(now, steady)
        if steady - self._looked_for_people >= policy.look_for_people:
            self._looked_for_people = steady
            if await self._db.read(queries.any_to_release, self._channel.name, now, self._ways):
                await self._db.write(queries.release, self._channel.name, now, self._ways)
        closed = max(self._channel.closed_until(), self._down_until)
        steady = self._channel.steady()
        self._held_back = closed > steady and self._down_until <= steady
        if closed > steady:
            self._ready.clear()
            return closed - steady
        if len(self._flying) >= policy.on_their_way:
            await asyncio.wait(self._flying.values(), return_when=asyncio.FIRST_COMPLETED)
            return 0.0
        busy = dict(self._channel.busy())
        while self._ready:
            letter = self._ready.popleft()
            if letter.address not in busy and letter.address not in self._flying:
                await self._start(letter)
                return 0.0
        calm = self._calm(steady)
        due = await self._due(now, busy.keys() | self._flying.keys(), calm.keys())
        if due.unreachable:
            await self._db.write(queries.park, self._channel.name, due.unreachable, now)
            for recipient, reason in due.unreachable:
                log.warning("nobody can be told; it waits until somebody can", recipient=recipient, reason=reason)
        if due.hushed:
            await self._db.write(queries.hush, due.hushed)
        if due.elsewhere:
            await self._db.write(queries.send_elsewhere, self._channel.name, due.elsewhere, now)
        if due.lost:
            await self._db.write(queries.mark_dead, due.lost, "there is no such number")
            return 0.0
        if not due.letters:
            self._held_back = due.blocked and any(at - steady <= DRAIN_WAITS for at in busy.values())
            waits = [policy.look]
            if due.blocked:
                waits += [at - steady for at in busy.values()]
            if due.calmed:
                waits += [at - steady for at in calm.values()]
            if due.next_at is not None:
                waits.append((due.next_at - now).total_seconds())
            return max(0.005, min(waits))
        self._ready.extend(due.letters)
        return 0.0

    async def _due(self, now: datetime, busy: Collection[Address], calm: Collection[Address]) -> Due:
        if isinstance(self._channel, Hook):
            return await self._db.read(hooks.next_due, now, busy)
        policy = self._policy
        return await self._db.read(
            queries.next_due, self._channel.name, now, busy, calm, letters=policy.letters_at_a_look,
            cards_at_once=policy.cards_at_once, digest_over=policy.digest_over, digest_shows=policy.digest_shows,
            ways=self._ways, quiet=self.quiet)

    async def _start(self, letter: Parcel) -> None:
        task = asyncio.create_task(self._send(letter))
        self._flying[letter.address] = task
        task.add_done_callback(partial(self._landed, letter.address))
        await asyncio.wait({task}, timeout=self._policy.patience)

    async def _mind_the_clock(self, now: datetime, steady: float) -> None:
        """A clock that is set back must not make messages wait: neither while we run nor while we did not."""
        ahead = now.timestamp() - steady
        if self._ahead is None:
            # Nothing of ours waits longer than this, but for an order, which is kept apart.
            await self._db.write(queries.no_later_than, self._channel.name, now, timedelta(seconds=self._policy.longest_pause))
        elif (back := self._ahead - ahead) > BACK:
            log.warning("the clock was set back; what waits moves with it", seconds=round(back))
            await self._db.write(queries.set_back, self._channel.name, timedelta(seconds=back), now)
        self._ahead = ahead

    def _landed(self, address: Address, _task: asyncio.Task[None]) -> None:
        del self._flying[address]
        self.bell.set()

    def _calm(self, steady: float) -> dict[Address, float]:
        """Addresses that had enough letters within the last minute, and until when."""
        for said in self._recent.values():
            while said and said[0] <= steady - 60:
                said.popleft()
        self._recent = {address: said for address, said in self._recent.items() if said}
        return {address: said[-self._policy.letters_per_minute] + 60 for address, said in self._recent.items()
                if len(said) >= self._policy.letters_per_minute}

    async def _send(self, letter: Parcel) -> None:
        try:
            handle = await self._channel.send(letter, self._clock())
        except asyncio.CancelledError:
            raise
        except ChannelError as e:
            await self._surely(self._failed, letter, e)
        except Exception as e:
            log.exception("a letter could not be written", deliveries=letter.deliveries[:5])
            await self._surely(self._failed, letter, Rejected(f"{type(e).__name__}: {e}"))
        else:
            self.sent += 1
            self._recent.setdefault(letter.address, deque()).append(self._channel.steady())
            await self._surely(self._delivered, letter, handle)

    async def _surely(self, write: Callable[..., object], *args: object) -> None:
        """Write the outcome whatever it takes: while it is not written, its address gets nothing more."""
        tries = 0
        while True:
            try:
                await write(*args)  # type: ignore[misc]
                return
            except SQLAlchemyError as e:
                log.error("what was sent cannot be written down; its chat waits", reason=_line(e))
                await asyncio.sleep(min(30.0, 0.2 * 2 ** min(tries, 10)))
                tries += 1

    async def _delivered(self, letter: Parcel, handle: Mapping[str, object]) -> None:
        await self._db.write(queries.mark_sent, letter, handle, self._clock())
        if self._down:
            log.info("messages go out again", channel=self._channel.name)
        over = self._down >= self._policy.outage
        self._down, self._down_until = 0, 0.0
        if over:
            await self._db.write(queries.hurry, self._channel.name, _FAILING, self._clock())

    async def _failed(self, letter: Parcel, error: ChannelError) -> None:
        now, policy = self._clock(), self._policy
        reason = f"{_FAILING if isinstance(error, Failing) else type(error).__name__.lower()}: {error}"
        if isinstance(error, Wait):
            orders = dict(self._channel.orders())
            seconds = max(orders.get(letter.address, 0.0), orders.get(None, 0.0)) or policy.first_pause
            await self._db.write(queries.keep_orders, self._orders_name, orders, now)
            await self._db.write(queries.postpone, letter, reason, now + timedelta(seconds=seconds))
        elif isinstance(letter, Letter) and letter.person.group and isinstance(letter.address, int) and isinstance(error, Unreachable):
            if isinstance(error, Moved) and isinstance(error.address, int):
                await self._db.write(groups.moved, letter.address, error.address, now)
            elif await self._db.write(groups.lost, letter.address, reason, now):
                log.warning("a group of staff is lost; who bound it is told", chat=letter.address, reason=reason)
        elif isinstance(error, Unreachable):
            await self._db.write(self._give_away, letter, reason, now)
        elif isinstance(error, Barred):
            self._goes_down(reason, policy.barred_pause)
            await self._db.write(queries.postpone, letter, reason, now + timedelta(seconds=policy.barred_pause))
        elif isinstance(error, Failing):
            self._goes_down(reason, pause(self._down, policy, self._chance()) if self._down else 0.0)
            wait = pause(letter.attempts, policy, self._chance())
            await self._db.write(queries.mark_failed, letter, reason, now + timedelta(seconds=wait), policy.attempts)
        else:
            log.error("a letter was not taken", channel=self._channel.name, reason=reason, deliveries=letter.deliveries[:5])
            await self._db.write(queries.mark_dead, letter.deliveries, reason)

    def _give_away(self, c: Connection, letter: Parcel, reason: str, now: datetime) -> None:
        """The same person by another way; where there is none, the duty officer."""
        if isinstance(letter, Letter) and queries.by_other_way(c, letter, self._channel.name, reason, self._ways, now):
            return
        queries.mark_dead(c, letter.deliveries, reason)
        if isinstance(letter, Letter):
            queries.to_duty(c, letter, now, self._ways)

    def _goes_down(self, reason: str, wait: float) -> None:
        if not self._down:
            log.warning("messages do not go out; they wait", channel=self._channel.name, reason=reason)
        self._down += 1
        self._down_until = self._channel.steady() + min(wait, 30.0)

    @property
    def _orders_name(self) -> str:
        return f"orders.{self._channel.name}"


def _line(error: SQLAlchemyError) -> str:
    return (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
