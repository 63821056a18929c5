"""Channels that no longer look as they did: looked at once a day, kept for the pages, raised in the log when it changes.

Two looks. Each source's topics as detection says them, the last week beside the four weeks before. And, for every model in
force, each network's posts of the last week beside what the model was measured on when it learnt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from sqlalchemy import Connection, delete, func, insert, select

from monitor.learning.stability import LEAST, chance, moved, psi
from monitor.store.tables import keep, post, verdict
from monitor.store.verdicts import judged_posts
from ticketing.feed import first_after

if TYPE_CHECKING:
    from monitor.learning.inforce import Learned

log = structlog.get_logger(__name__)

WEEK, BEFORE = timedelta(days=7), timedelta(days=28)
MOST = 1000
"""Posts of a network that a model is asked about: enough for a share of one in a hundred."""
DETECTION = "detection"
_NAME = "drift"


class Channel(msgspec.Struct, frozen=True):
    """A channel beside its earlier self. `by` is detection or the target of a model, `model` that model's version."""

    name: str
    by: str
    model: str
    posts: int
    psi: float
    unknown: float
    """By how much the share of words that the model never saw has risen; 0 for detection."""
    drifted: bool

    @property
    def key(self) -> tuple[str, str]:
        """What is the same channel on another day."""
        return self.name, self.by


class Look(msgspec.Struct, frozen=True):
    """What the last look found, and when."""

    at: datetime
    channels: tuple[Channel, ...]

    @property
    def drifted(self) -> list[Channel]:
        """Those that somebody should look at."""
        return [channel for channel in self.channels if channel.drifted]


def standing(c: Connection) -> Look | None:
    """The last look; None where there was none yet."""
    value = c.execute(select(keep.c.value).where(keep.c.name == _NAME)).scalar_one_or_none()
    return None if value is None else msgspec.convert(value, Look)


def look(c: Connection, learned: Learned | None, now: datetime) -> Look:
    """Look at every channel with posts enough."""
    return Look(now, (*_by_detection(c, now), *_by_models(c, learned, now)))


def keep_look(c: Connection, seen: Look) -> None:
    """Remember a look in place of the last one."""
    c.execute(delete(keep).where(keep.c.name == _NAME))
    c.execute(insert(keep).values(name=_NAME, value=msgspec.to_builtins(seen)))


def tell(before: Look | None, seen: Look) -> None:
    """One line for a channel that drifted, one when it is over."""
    earlier = {channel.key for channel in before.drifted} if before else set()
    known = {channel.key: channel for channel in seen.channels}
    for channel in seen.drifted:
        if channel.key not in earlier:
            log.warning("a channel no longer looks as it did: look at its newest posts, and teach the model anew where one is in force",
                        channel=channel.name, by=channel.by, psi=channel.psi, unknown_words=channel.unknown, posts=channel.posts)
    for name, by in sorted(earlier):
        if (name, by) in known and not known[name, by].drifted:
            log.info("a channel looks as it did", channel=name, by=by)


def _by_detection(c: Connection, now: datetime) -> list[Channel]:
    first, week = first_after(c, now - WEEK - BEFORE), first_after(c, now - WEEK)
    counted: dict[bool, dict[str, Counter[str]]] = {False: defaultdict(Counter), True: defaultdict(Counter)}
    recent = verdict.c.post_id >= week
    for is_recent, source, topic, count in c.execute(
            select(recent, post.c.source, verdict.c.topic, func.count()).join(post, post.c.id == verdict.c.post_id)
            .where(verdict.c.post_id >= first, verdict.c.addressed, verdict.c.topic.is_not(None))
            .group_by(recent, post.c.source, verdict.c.topic)):
        counted[bool(is_recent)][source][topic] += count
    found = []
    for name, topics in sorted(counted[True].items()):
        before = counted[False][name]
        if min(topics.total(), before.total()) >= LEAST:
            index = psi(before, topics)
            found.append(Channel(name, DETECTION, "", topics.total(), round(index, 3), 0.0, moved(index, chance(before, topics))))
    return found


def _by_models(c: Connection, learned: Learned | None, now: datetime) -> list[Channel]:
    if learned is None or not learned.models:
        return []
    in_force, drift = import_module("monitor.learning.inforce"), import_module("monitor.learning.drift")
    posts = _last_week(c, now)
    found = []
    for target, one in sorted(learned.models.items()):
        if "" not in one.model.facts.seen:      # it learnt from too few rows to hold some out
            continue
        examples = [in_force.as_asked(p, v, one.model, learned.units) for p, v in posts]
        found += [Channel(d.channel, target, one.name, d.posts, round(d.psi, 3), round(d.unknown - d.unknown_before, 3), d.drifted)
                  for d in drift.drifts(one.model, examples, "source") if d.judged]
    return found


def _last_week(c: Connection, now: datetime) -> Sequence[tuple[Any, Any]]:
    """The newest addressed posts of the last week with their verdicts, up to MOST of each network."""
    place = func.row_number().over(partition_by=post.c.network, order_by=verdict.c.post_id.desc()).label("place")
    ranked = select(verdict.c.post_id, place).join(post, post.c.id == verdict.c.post_id).where(
        verdict.c.post_id >= first_after(c, now - WEEK), verdict.c.addressed, post.c.expired_at.is_(None)).subquery()
    ids = list(c.execute(select(ranked.c.post_id).where(ranked.c.place <= MOST)).scalars())
    return judged_posts(c, ids)
