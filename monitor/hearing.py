"""Declared blindness: says which sources are not heard, and which answer but are silent beyond their own rhythm.

A hole alarms as soon as it is longer than two intervals of its source; the page, /metrics and the log say so at once. Operators get
one message about all sources together, and no second one before a pause is over: forty sources that fail at once are one message.
What is alarmed and told stands in the database, so a restart neither forgets nor repeats it.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.hearing import Hearing
from config.languages import N_, language
from config.timezone import ALMATY
from monitor.core.rhythm import Rhythm
from monitor.forever import for_ever
from monitor.parts import part_words
from monitor.store.engine import Database
from monitor.store.sources import deaf, open_hole
from monitor.store.tables import event, hole, keep, source
from ticketing.tables import account, delivery

log = structlog.get_logger(__name__)

INTERVALS = 2.0
"""Intervals after which a hole alarms."""
STUCK = timedelta(seconds=90)
"""A poll that has not ended for two intervals and so long is a hole, too: longer than any request lasts, long polls included. A
source asked every half minute or more seldom polls shortly: one interval and a half."""
SHORT = timedelta(seconds=30)
OLD = timedelta(days=1)
"""A hole that ended longer ago alarms nobody any more."""
LANGUAGES = ("kk", "ru")
MANY = 15
"""Sources named in one message."""
TOLD = "hearing"
"""Name in `keep` of what the operators were last told."""


class Listening:
    """Looks at the sources, for ever. `rules` is asked anew each time; `tell` says whether messages can be sent."""

    def __init__(self, db: Database, rules: Callable[[], Hearing], clock: Callable[[], datetime], public_url: str, *,
                 tell: bool = True, look: float = 1.0, rhythm_look: float = 60.0) -> None:
        self._db, self._rules, self._clock, self._url, self._tell = db, rules, clock, public_url, tell
        self._look, self._rhythm_look = look, rhythm_look
        self._next_rhythm: datetime | None = None

    async def run(self) -> None:
        """For ever; a database that does not answer is asked again."""
        await for_ever(self.look, self._look, log, down="the database cannot be used; nobody watches the sources",
                       fault="the sources cannot be watched; collecting goes on")

    async def look(self) -> None:
        """Alarm what is new, tell what is due."""
        now, rules = self._clock(), self._rules()
        stuck, long = await self._db.read(_unheard, now, rules.shortest_hole)
        if stuck or long:
            for name, network, part, since, until, reason in await self._db.write(_alarm, stuck, long, now):
                what = "source" if part is None else "a part of a source"
                log.warning(f"{what} is not heard" if until is None else f"{what} was not heard", source=name, network=network,
                            **({} if part is None else {"part": part}), since=since.isoformat(timespec="seconds"), reason=reason,
                            **({} if until is None else {"until": until.isoformat(timespec="seconds")}))
        if self._next_rhythm is None or not self._next_rhythm - timedelta(seconds=2 * self._rhythm_look) < now < self._next_rhythm:
            self._next_rhythm = now + timedelta(seconds=self._rhythm_look)
            quiet = await self._db.read(_quiet, now)
            if quiet:
                await self._db.write(_note_quiet, [r.name for r in quiet], now)
                for r in quiet:
                    log.warning("source answers but is silent beyond its rhythm", source=r.name, network=r.network,
                                last_post=r.last_post_at.isoformat(timespec="seconds"))
        if self._tell and await self._db.read(_news, now, rules):
            await self._db.write(_say, now, rules, self._url)


# --- what is not heard

def _unheard(c: Connection, now: datetime, shortest: float) -> tuple[list[str], list[int]]:
    """Sources whose poll does not end, and holes that are long enough to alarm and have not."""
    rows = c.execute(select(hole.c.id, hole.c.since, hole.c.until, source.c.every).join(source, source.c.name == hole.c.source).where(
        hole.c.alarmed_at.is_(None), source.c.state != "off", or_(hole.c.until.is_(None), hole.c.until > now - OLD))).all()
    long = [r.id for r in rows if (r.until or now) - r.since > patience(r.every, shortest)]
    open_ = select(hole.c.id).where(hole.c.source == source.c.name, hole.c.until.is_(None), hole.c.part.is_(None)).exists()
    up = c.execute(select(source.c.name, source.c.last_ok_at, source.c.every).where(
        source.c.state == "up", source.c.last_ok_at < now - min(STUCK, 1.5 * SHORT), ~open_)).all()
    return [r.name for r in up if now - r.last_ok_at > patience(r.every, shortest) + _stuck(r.every)], long


def _stuck(every: float | None) -> timedelta:
    one = timedelta(seconds=every or 0.0)
    return STUCK if one < SHORT else min(STUCK, 1.5 * one)


def patience(every: float | None, shortest: float) -> timedelta:
    """How long a source may be unheard before it alarms."""
    return timedelta(seconds=max(INTERVALS * (every or 0.0), shortest))


def _alarm(c: Connection, stuck: Sequence[str], long: Sequence[int], now: datetime,
           ) -> list[tuple[str, str, str | None, datetime, datetime | None, str]]:
    ids = list(long)
    for name in stuck:
        since = c.execute(select(source.c.last_ok_at).where(source.c.name == name)).scalar_one()
        open_hole(c, name, since, STANDS_STILL)
        ids += c.execute(select(hole.c.id).where(hole.c.source == name, hole.c.until.is_(None), hole.c.part.is_(None))).scalars()
    done = c.execute(update(hole).where(hole.c.id.in_(ids), hole.c.alarmed_at.is_(None)).values(alarmed_at=now).returning(
        hole.c.source, hole.c.part, hole.c.since, hole.c.until, hole.c.reason)).all()
    networks = {r.name: r.network for r in c.execute(select(source.c.name, source.c.network))}
    for r in done:
        c.execute(insert(event).values(at=now, kind="source", ref=r.source))
    return [(r.source, networks.get(r.source, ""), r.part, r.since, r.until, r.reason) for r in done]


STANDS_STILL = "its poll does not end"


def _quiet(c: Connection, now: datetime) -> list[Row[Any]]:
    """Sources that answer, and in whose silence more arrivals were due than in one gap a year."""
    found: list[Any] = []
    for r in c.execute(select(source.c.name, source.c.network, source.c.rhythm, source.c.last_post_at).where(
            source.c.state == "up", source.c.quiet_since.is_(None), source.c.rhythm.is_not(None),
            source.c.last_post_at < now - timedelta(minutes=5))):
        rhythm = Rhythm.of(r.rhythm)
        if (rhythm.known and rhythm.due(r.last_post_at, now) > rhythm.bound()
                and rhythm.due(r.last_post_at, now, deaf(c, r.name, r.last_post_at, now)) > rhythm.bound()):
            found.append(r)
    return found


def _note_quiet(c: Connection, names: Sequence[str], now: datetime) -> None:
    c.execute(update(source).where(source.c.name.in_(names)).values(quiet_since=source.c.last_post_at))
    for name in names:
        c.execute(insert(event).values(at=now, kind="source", ref=name))


# --- telling the operators

@dataclass(frozen=True, slots=True)
class State:
    """What is to be said: holes that last and were alarmed, sources that are too quiet, what is heard again."""

    blind: tuple[Row[Any], ...]
    quiet: tuple[Row[Any], ...]
    back: tuple[Row[Any], ...]

    @property
    def news(self) -> list[str]:
        """What operators are told of, as words that differ when it does."""
        return [*(f"blind {r.id}" for r in self.blind), *(f"quiet {r.name} {r.quiet_since.isoformat()}" for r in self.quiet)]


def _told(c: Connection) -> dict[str, Any]:
    found: dict[str, Any] | None = c.execute(select(keep.c.value).where(keep.c.name == TOLD)).scalar()
    return found or {"at": "1970-01-01T00:00:00+00:00", "said": []}


def _state(c: Connection, told: dict[str, Any]) -> State:
    columns = (hole.c.id, hole.c.source.label("name"), hole.c.part, source.c.network, hole.c.since, hole.c.until, hole.c.reason)
    holes = select(*columns).join(source, source.c.name == hole.c.source).where(source.c.state != "off")
    blind = list[Any](c.execute(holes.where(hole.c.until.is_(None), hole.c.alarmed_at.is_not(None)).order_by(hole.c.since)))
    quiet = list[Any](c.execute(select(source.c.name, source.c.network, source.c.quiet_since).where(
        source.c.quiet_since.is_not(None), source.c.state == "up").order_by(source.c.quiet_since)))
    ids = [int(word.split()[1]) for word in told["said"] if word.startswith("blind ")]
    back = list[Any](c.execute(holes.where(hole.c.id.in_(ids), hole.c.until.is_not(None)).order_by(hole.c.since)) if ids else ())
    return State(tuple(blind), tuple(quiet), tuple(back))


def _news(c: Connection, now: datetime, rules: Hearing) -> bool:
    """Whether there is something that operators have not been told, and the pause is over."""
    told = _told(c)
    if not timedelta(0) <= now - datetime.fromisoformat(told["at"]) < timedelta(seconds=rules.tell_every):
        state = _state(c, told)
        return bool(set(state.news) - set(told["said"]) or state.back)
    return False


def _say(c: Connection, now: datetime, rules: Hearing, public_url: str) -> int:
    """Put one message about all of it into the outbox. Returns how many people get it."""
    if not _news(c, now, rules):
        return 0
    told = _told(c)
    state = _state(c, told)
    insert_ = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    value = {"at": now.isoformat(), "said": state.news}
    c.execute(insert_(keep).values(name=TOLD, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    people = _watchers(c)
    body = {"html": {code: words(state, code, public_url) for code in LANGUAGES}}
    serial = c.execute(select(func.coalesce(func.max(delivery.c.id), 0))).scalar_one() + 1
    for id_ in people:
        c.execute(insert_(delivery).values(about="sources", kind=f"hearing:{serial}", channel="telegram", recipient=f"user:{id_}",
                                           state="queued", next_try_at=now, created_at=now, body=body).on_conflict_do_nothing())
    return len(people)


def _watchers(c: Connection) -> Sequence[int]:
    """The operators; where there is none, the heads: somebody has to know that nobody is heard."""
    for role in ("operator", "head"):
        found = c.execute(select(account.c.id).where(account.c.role == role, account.c.disabled_at.is_(None))
                          .order_by(account.c.id)).scalars().all()
        if found:
            return found
    return ()


def words(state: State, code: str, public_url: str) -> str:
    """The message, in Telegram's HTML: reasons come from the networks and are escaped like everything else."""
    _ = language(code).gettext
    lines: list[str] = []
    whole, parts = ([r for r in state.blind if (r.part is not None) == part] for part in (False, True))
    for rows, head in ((whole, N_("Sources that are not heard: %d")), (parts, N_("Refused in part, the rest is heard: %d"))):
        if rows:
            lines.append(f"🔇 <b>{_escaped(_(head) % len(rows))}</b>")
        for r in rows[:MANY]:
            lines.append(_escaped("• " + _(N_("%(name)s: since %(since)s, %(reason)s")) % {
                "name": _named(r, code), "since": _at(r.since), "reason": _(str(r.reason))[:120]}))
    if state.quiet:
        lines.append(f"🤫 <b>{_escaped(_(N_('Sources that answer but are unusually silent: %d')) % len(state.quiet))}</b>")
        for r in state.quiet[:MANY]:
            lines.append(_escaped("• " + _(N_("%(name)s: nothing new since %(since)s")) % {
                "name": r.name, "since": _at(r.quiet_since)}))
    if state.back:
        lines.append(f"🔊 <b>{_escaped(_(N_('Heard again: %d')) % len(state.back))}</b>")
        for r in state.back[:MANY]:
            lines.append(_escaped("• " + _(N_("%(name)s: was not heard from %(since)s to %(until)s")) % {
                "name": _named(r, code), "since": _at(r.since), "until": _at(r.until)}))
    if not lines:
        lines.append(_escaped(_(N_("All sources are heard."))))
    if any(len(rows) > MANY for rows in (whole, parts, state.quiet, state.back)):
        lines.append(_escaped(_(N_("The page shows the others, too."))))
    if public_url:
        lines.append(f'<a href="{html.escape(public_url.rstrip("/"))}/sources">{_escaped(_("Sources"))}</a>')
    return "\n".join(lines)


def _named(r: Row[Any], code: str) -> str:
    return str(r.name) if r.part is None else f"{r.name} ({part_words(r.part, code)})"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(ALMATY):%d.%m %H:%M}"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
