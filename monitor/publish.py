"""Takes what citizens are told out to their threads: one at a time for each network, paced, each result written down.

A reply stands in public, so a repeat is worse than a wait: it is marked before it goes out. Where the end of a try is not known (a
time-out, a crash), it is looked for where the network shows it (`SaysWhatStands`), sent again where the network takes the same
twice as one (`once_within`), and left to a person everywhere else. Where no source of ours can answer, a person posts it.
What the program says by itself (`ticketing.confirming`) is left to nobody: it is said once, or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

import structlog
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from config.languages import N_
from connectors.base import Answers, Http, KnowsBeforehand, SaysWhatStands, once_within
from connectors.errors import AuthError, BadPayload, CannotAnswer, RateLimited, SourceError, Transient
from monitor.core.post import Post
from monitor.store.engine import Database, reason_of
from monitor.store.verdicts import judged_post
from ticketing import confirming
from ticketing.attaching import photos_with
from ticketing.citizens import BY_HAND, CHANNEL
from ticketing.service import Service
from ticketing.tables import answer, delivery

log = structlog.get_logger("publish")

NO_VOICE = N_("no source of ours can answer in this network")
REFUSED = N_("the network refuses our answers")
UNKNOWN = N_("the program stopped while it was sending: look whether it stands there already")
UNSURE = N_("the connection broke while it was sending: look whether it stands there already")
ERASED = N_("the text was erased")


@runtime_checkable
class PhotoVoice(Protocol):
    """A connector that can answer with pictures (JPEG, PNG) beside the text, where its network allows."""

    async def answer_with(self, http: Http, post: Post, text: str, photos: Sequence[bytes]) -> str: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, in seconds. Networks take a burst of equal replies for spam."""

    between: float = 5.0
    first_pause: float = 5.0
    longest_pause: float = 900.0
    attempts: int = 100
    """About a day of failures, then it is given up, and a person may try again."""
    look: float = 2.0
    look_again: float = 60.0
    """Before it is looked whether an answer stands whose try ended unknown: a network shows it a moment later."""
    looks: int = 10


@dataclass(frozen=True, slots=True)
class Reply:
    """One delivery that is due."""

    delivery: int
    network: str
    attempts: int
    post: Post | None
    text: str | None
    photos: tuple[bytes, ...] = ()
    since: datetime | None = None
    """When it was first sent, where the end of that try is not known."""
    automatic: bool = False
    about: str = ""


class Publisher:
    """Publishes for as long as `run` runs. `voices` gives the connectors that can answer, by the name of their source."""

    def __init__(self, db: Database, service: Service, http: Http, voices: Callable[[], Mapping[str, tuple[str, Answers]]],
                 clock: Callable[[], datetime], pace: Pace | None = None,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, others: Sequence[str] = ()) -> None:
        """`others` are networks that somebody else speaks to: the bot to its private chats."""
        self._others = others
        self._db, self._service, self._http, self._voices, self._clock = db, service, http, voices, clock
        self._pace, self._sleep = pace or Pace(), sleep
        self._not_before: dict[str, datetime] = {}
        self._bell = asyncio.Event()
        self._down: set[str] = set()
        db.on_commit(self._bell.set)

    async def run(self) -> None:
        """For ever."""
        recalled = False
        while True:
            self._bell.clear()
            try:
                if not recalled:
                    await self._db.write(self._recall)
                    recalled = True
                busy = await self.step()
            except SQLAlchemyError as e:
                log.error("the database cannot be used; answers wait", reason=reason_of(e))
                busy = 0
            if not busy:
                try:
                    async with asyncio.timeout(self._pace.look):
                        await self._bell.wait()
                except TimeoutError:
                    continue
                await self._sleep(0.2)      # many commits, one look

    async def step(self) -> int:
        """Send at most one reply in each network. Returns how many were tried."""
        voices = self._voices()
        now = self._clock()
        due = await self._db.read(self._due, now, [n for n, at in self._not_before.items() if at > now])
        if not due:
            return 0
        tried = await asyncio.gather(*(self._one(reply, voices) for reply in due))
        return sum(tried)

    async def _one(self, reply: Reply, voices: Mapping[str, tuple[str, Answers]]) -> bool:
        service, now = self._service, self._clock()
        voice = _voice(reply, voices)
        if reply.text is None or reply.post is None:
            await self._surely(service.failed, reply.delivery, ERASED, now)
            return True
        if reply.automatic and (why := await self._db.read(confirming.stale, reply.about, reply.post, now)):
            await self._surely(service.failed, reply.delivery, why, now)
            return True
        if voice is None:
            await self._left(reply, NO_VOICE, now)
            return True
        refusal = voice.can_answer(reply.post, now) if isinstance(voice, KnowsBeforehand) else None
        if refusal is not None:
            await self._left(reply, refusal, now)
            return True
        if reply.since is not None and (done := await self._looked(reply, voice, reply.since, now)) is not None:
            return done
        if not await self._db.write(self._mark, reply.delivery, reply.since or now):
            return True     # somebody posted it meanwhile
        try:
            if reply.photos and isinstance(voice, PhotoVoice):
                native, left = await voice.answer_with(self._http, reply.post, reply.text, reply.photos), 0
            else:
                native, left = await voice.answer(self._http, reply.post, reply.text), len(reply.photos)
        except RateLimited as e:
            await self._wait(reply, str(e), e.retry_after, counted=False)
        except CannotAnswer as e:
            await self._left(reply, str(e), now)
        except AuthError as e:
            self._said_down(reply.network, str(e))
            await self._left(reply, REFUSED, now)
        except BadPayload as e:
            await self._surely(service.failed, reply.delivery, _line(e), self._clock())
        except (Transient, TimeoutError) as e:
            self._said_down(reply.network, str(e))
            if not isinstance(e, Transient) or e.sent:
                await self._uncertain(reply, voice, now)
                return True
            await self._wait(reply, _line(e), min(self._pace.longest_pause, self._pace.first_pause * 2.0 ** min(reply.attempts, 30)))
        except Exception as e:
            # Our own bug, or the network's: whether it stands there is not known, so it is not sent again.
            log.exception("an answer failed in a way that is a bug of ours", network=reply.network)
            await self._left(reply, f"{type(e).__name__}", now)
        else:
            if reply.network in self._down:
                self._down.discard(reply.network)
                log.info("answers go out again", network=reply.network)
            handle = {"native_id": str(native)[:200], **({"photos_left": left} if left else {})}
            await self._surely(service.delivered, reply.delivery, handle, self._clock())
        at = self._clock() + timedelta(seconds=self._pace.between)
        self._not_before[reply.network] = max(at, self._not_before.get(reply.network, at))
        return True

    async def _left(self, reply: Reply, reason: str, now: datetime) -> None:
        """No program can post it: a person has to; of what the program says by itself nobody is asked to."""
        if reply.automatic:
            await self._surely(self._service.failed, reply.delivery, reason, now)
        else:
            await self._surely(self._service.by_hand, [reply.delivery], reason, now)

    async def _uncertain(self, reply: Reply, voice: Answers, now: datetime) -> None:
        """Whether it stands there is not known: look in a while where that can be seen or does no harm, else a person looks."""
        if _can_look(voice):
            await self._surely(self._postpone, reply.delivery, UNSURE, now + timedelta(seconds=self._pace.look_again), 1, reply.since or now)
        else:
            await self._left(reply, UNSURE, now)

    async def _looked(self, reply: Reply, voice: Answers, since: datetime, now: datetime) -> bool | None:
        """Look for a reply whose try ended unknown. None: it does not stand there, or the network takes it as the same one."""
        behind = _behind(voice)
        assert reply.post is not None, "asked before"
        assert reply.text is not None, "asked before"
        if isinstance(behind, SaysWhatStands):
            try:
                found = await behind.stands(self._http, reply.post, reply.text)
            except (SourceError, TimeoutError) as e:
                if reply.attempts + 1 >= self._pace.looks:
                    await self._left(reply, UNSURE, now)
                    return True
                log.info("whether an answer stands cannot be seen yet", network=reply.network, reason=str(e)[:200])
                await self._surely(self._postpone, reply.delivery, UNSURE, now + timedelta(
                    seconds=self._pace.look_again * 2.0 ** min(reply.attempts, 8)), 1, since)
                return True
            if found is None:
                return None
            await self._surely(self._service.delivered, reply.delivery, {"native_id": found[:200]}, now)
            return True
        if now - since < timedelta(seconds=once_within(behind)):
            return None
        await self._left(reply, UNSURE, now)
        return True

    async def _surely(self, write: Callable[..., None], *args: object) -> None:
        """Write the outcome whatever it takes: an outcome that is not written is not known after a restart."""
        tries = 0
        while True:
            try:
                await self._db.write(write, *args)
                return
            except SQLAlchemyError as e:
                log.error("what became of an answer cannot be written down yet", reason=reason_of(e))
                await self._sleep(min(30.0, 0.2 * 2.0 ** min(tries, 10)))
                tries += 1

    async def _wait(self, reply: Reply, reason: str, seconds: float, counted: bool = True) -> None:
        now = self._clock()
        if counted and reply.attempts + 1 >= self._pace.attempts:
            await self._surely(self._service.failed, reply.delivery, reason, now)
            return
        again = now + timedelta(seconds=max(1.0, seconds))
        if not counted:     # an order is for the network, not for one reply
            self._not_before[reply.network] = again
        await self._surely(self._postpone, reply.delivery, reason, again, int(counted), reply.since)

    def _said_down(self, network: str, reason: str) -> None:
        if network not in self._down:
            self._down.add(network)
            log.warning("answers do not go out", network=network, reason=reason[:200])

    def _due(self, c: Connection, now: datetime, closed: list[str]) -> list[Reply]:
        """The reply that has waited longest in each network that may be spoken to."""
        rows = c.execute(select(delivery).where(
            delivery.c.channel.startswith(CHANNEL), delivery.c.channel.not_in([CHANNEL + n for n in [*closed, BY_HAND, *self._others]]),
            delivery.c.state == "queued", delivery.c.next_try_at <= now).order_by(delivery.c.id).limit(500)).all()
        found: dict[str, Reply] = {}
        for row in rows:
            network = row.channel.removeprefix(CHANNEL)
            if network in found:
                continue
            judged = judged_post(c, int(row.recipient.removeprefix("post:"))) if row.recipient.startswith("post:") else None
            body: Mapping[str, Any] = row.body or {}
            text = body.get("text")
            if "answer" in body:
                text = c.execute(select(answer.c.text).where(answer.c.id == body["answer"])).scalar()
            photos = tuple(photos_with(c, int(body["answer"]))) if "answer" in body else ()
            since = (row.handle or {}).get("since") or (row.created_at.isoformat() if row.reason in (UNKNOWN, UNSURE) else None)
            found[network] = Reply(row.id, network, row.attempts, judged.post if judged else None, text, photos,
                                   datetime.fromisoformat(since) if since else None, row.kind == confirming.KIND, row.about)
        return list(found.values())

    @staticmethod
    def _mark(c: Connection, id_: int, since: datetime) -> bool:
        """Note that it is on its way, before it is."""
        return c.execute(update(delivery).where(delivery.c.id == id_, delivery.c.state == "queued").values(
            state="sending", handle={"since": since.isoformat()})).rowcount == 1

    @staticmethod
    def _postpone(c: Connection, id_: int, reason: str, at: datetime, counted: int, since: datetime | None) -> None:
        """Later; `since` is the moment of a try whose end is not known yet, if there was one."""
        c.execute(update(delivery).where(delivery.c.id == id_, delivery.c.state.in_(("sending", "queued"))).values(
            state="queued", reason=reason[:500], next_try_at=at, attempts=delivery.c.attempts + counted,
            handle={"since": since.isoformat()} if since is not None else None))

    def _recall(self, c: Connection) -> None:
        """What was on its way when the program stopped: it is looked for where that can be, else a person looks."""
        rows = c.execute(update(delivery).where(delivery.c.channel.startswith(CHANNEL), delivery.c.state == "sending",
                                                delivery.c.channel.not_in([CHANNEL + n for n in self._others])).values(
            state="queued", reason=UNKNOWN).returning(delivery.c.id, delivery.c.channel, delivery.c.kind)).all()
        sure = {network for network, voice in self._voices().values() if _can_look(voice)}
        left = [row for row in rows if row.channel.removeprefix(CHANNEL) not in sure]
        self._service.by_hand(c, [row.id for row in left if row.kind != confirming.KIND], UNKNOWN, self._clock())
        for row in left:
            if row.kind == confirming.KIND:
                self._service.failed(c, row.id, UNKNOWN, self._clock())


def _voice(reply: Reply, voices: Mapping[str, tuple[str, Answers]]) -> Answers | None:
    """The connector of the source that the post came from, else any of its network."""
    own = voices.get(reply.post.source) if reply.post is not None else None
    if own is not None and own[0] == reply.network:
        return own[1]
    return next((voice for network, voice in voices.values() if network == reply.network), None)


def _behind(voice: Answers) -> Answers:
    """The connector itself, where something paces it."""
    return getattr(voice, "behind", voice)


def _can_look(voice: Answers) -> bool:
    """Whether a try that ended unknown can be made sure of."""
    return isinstance(_behind(voice), SaysWhatStands) or once_within(_behind(voice)) > 0


def _line(error: SourceError | TimeoutError) -> str:
    return (str(error).splitlines() or [""])[0][:500] or type(error).__name__
