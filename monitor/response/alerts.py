"""Who is told of a surge, when, and in which words: press service and duty officer, later the head.

A plan in the database (`surge_alert`) holds what waits for the end of the quiet hours or of the pause for an akimat and topic;
what is due becomes deliveries of the outbox with the words and the picture as they were then. Both survive a restart, and
each message can be followed from the alert to the verdict that it rests on.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import structlog
from sqlalchemy import Connection, Row, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.languages import N_, language
from config.settings import Alerts
from config.timezone import ALMATY
from monitor.forever import for_ever
from monitor.response import words
from monitor.response.picture import png
from monitor.store import surges
from monitor.store.engine import Database
from monitor.store.surge_tables import surge, surge_alert, surge_verdict
from ticketing.tables import account, delivery, office

log = structlog.get_logger(__name__)

FRESH = timedelta(hours=24)
"""A surge that was last heard of longer ago is told to nobody: after a start on old posts the telephones stay silent."""

LONGEST = 1000
"""Characters of a caption; Telegram takes 1,024 (https://core.telegram.org/bots/api#sendphoto)."""

LANGUAGES = ("kk", "ru")


class Names(Protocol):
    """What codes are called."""

    def akimat(self, code: str, language: str) -> str: ...

    def topic(self, code: str, language: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What is the same for all alerts. `office_of`: the registering office of an akimat."""

    settings: Alerts
    names: Names
    public_url: str
    office_of: Callable[[str], str | None]


class Telling:
    """Looks for what is to be told, for ever. `policy` is asked anew each time: the config may change."""

    def __init__(self, db: Database, policy: Callable[[], Policy], clock: Callable[[], datetime], *, look: float = 5.0) -> None:
        self._db, self._policy, self._clock, self._look = db, policy, clock, look

    async def run(self) -> None:
        """For ever."""
        await for_ever(self._step, self._look, log, down="the database cannot be used; alerts wait",
                       fault="alerts cannot be planned; tickets are not touched by this")

    async def _step(self) -> None:
        policy, now = self._policy(), self._clock()
        if await self._db.read(anything_to_do, policy, now):
            await self._db.write(tell, policy, now)


def anything_to_do(c: Connection, policy: Policy, now: datetime) -> bool:
    """Whether `tell` would change anything: asked in a read transaction, so that an idle daemon writes nothing."""
    return bool(_news(c, policy.settings, now) or _overdue(c, policy.settings, now) or _due(c, policy.settings, now))


def tell(c: Connection, policy: Policy, now: datetime) -> int:
    """Plan what is new, put what is due into the outbox. Returns how many messages were put there."""
    for row in _news(c, policy.settings, now):
        _plan(c, row, "news", now)
    for row in _overdue(c, policy.settings, now):
        _plan(c, row, "escalation", now)
    sent = 0
    for alert in _due(c, policy.settings, now):
        sent += _go(c, alert, policy, now)
    return sent


# --- what is to be told

def _news(c: Connection, settings: Alerts, now: datetime) -> list[Row[Any]]:
    """Surges whose verdict nobody has been told of, and that rest on a verdict which is kept."""
    kept = select(surge_verdict.c.id).where(surge_verdict.c.surge == surge.c.id).exists()
    told = select(surge_alert.c.id).where(surge_alert.c.surge == surge.c.id, surge_alert.c.verdict == surge.c.verdict,
                                          surge_alert.c.kind == "news").exists()
    return list(c.execute(select(surge).where(
        surge.c.part_of.is_(None), surge.c.verdict.in_(settings.verdicts), surge.c.detected_at > now - FRESH, kept, ~told,
        or_(surge.c.decided_verdict.is_(None), surge.c.decided_verdict != surge.c.verdict))
        .order_by(surge.c.serial)).all())


def _overdue(c: Connection, settings: Alerts, now: datetime) -> list[Row[Any]]:
    """Flags that nobody has decided on though it was told long enough ago."""
    before = now - timedelta(seconds=settings.escalate_after)
    first = select(surge_alert.c.id).where(
        surge_alert.c.surge == surge.c.id, surge_alert.c.verdict == surge.c.verdict, surge_alert.c.kind == "news",
        surge_alert.c.sent_at.is_not(None), surge_alert.c.sent_at <= before).exists()
    done = select(surge_alert.c.id).where(surge_alert.c.surge == surge.c.id, surge_alert.c.verdict == surge.c.verdict,
                                          surge_alert.c.kind == "escalation").exists()
    return list(c.execute(select(surge).where(surge.c.part_of.is_(None), surges.waits(), first, ~done)
                          .order_by(surge.c.serial)).all())


def _plan(c: Connection, row: Row[Any], kind: str, now: datetime) -> None:
    insert_ = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    c.execute(insert_(surge_alert).values(surge=row.id, verdict=row.verdict, kind=kind, akimat=row.akimat, topic=row.topic,
                                          due_at=now, state="waiting").on_conflict_do_nothing())


def _due(c: Connection, settings: Alerts, now: datetime) -> list[Row[Any]]:
    """What waits and may go out now; of several for one akimat and topic the newest comes first and the others join it."""
    found = c.execute(select(surge_alert).where(surge_alert.c.state == "waiting", surge_alert.c.due_at <= now)
                      .order_by(surge_alert.c.id.desc())).all()
    return list(found)


def quiet_until(settings: Alerts, now: datetime) -> datetime | None:
    """When the quiet hours end that hold now; None where none do."""
    if not settings.quiet:
        return None
    begin, end = (time.fromisoformat(part) for part in settings.quiet.split("-"))
    local = now.astimezone(ALMATY)
    for day in (local.date() - timedelta(days=1), local.date()):
        since = datetime.combine(day, begin, ALMATY)
        until = datetime.combine(day if begin < end else day + timedelta(days=1), end, ALMATY)
        if since <= local < until:
            return until.astimezone(now.tzinfo)
    return None


# --- telling

def _go(c: Connection, alert: Row[Any], policy: Policy, now: datetime) -> int:
    fresh = c.execute(select(surge_alert.c.state).where(surge_alert.c.id == alert.id)).scalar_one()
    if fresh != "waiting":
        return 0
    row = c.execute(select(surge).where(surge.c.id == alert.surge)).one()
    if row.decided_verdict == alert.verdict:
        return _end(c, alert, "dropped", "decided")
    if row.verdict != alert.verdict:
        return _end(c, alert, "joined", "joined")
    if row.detected_at < now - 2 * FRESH:
        return _end(c, alert, "dropped", "old")
    if (until := quiet_until(policy.settings, now)) is not None:
        return _wait(c, alert, until, "quiet")
    if alert.kind == "news" and (until := _paused_until(c, alert, policy.settings)) is not None and until > now:
        return _wait(c, alert, until, "throttled")
    recipients = _heads(c, row, policy) if alert.kind == "escalation" else _watchers(c, row, policy)
    if not recipients:
        return _end(c, alert, "dropped", "nobody")
    others = c.execute(select(surge_alert.c.id).where(
        surge_alert.c.state == "waiting", surge_alert.c.kind == alert.kind, surge_alert.c.id != alert.id,
        surge_alert.c.akimat.is_not_distinct_from(alert.akimat), surge_alert.c.topic.is_not_distinct_from(alert.topic))).scalars()
    joined = list(others) if alert.kind == "news" else []
    series = surges.series(c, row)
    body = {"html": {code: caption(row, alert.kind, len(joined), policy, code, deaf=series.deaf) for code in LANGUAGES},
            "buttons": {code: buttons(row, code) for code in LANGUAGES}, "png": b64encode(png(series)).decode()}
    insert_ = (postgresql if c.dialect.name == "postgresql" else sqlite).insert
    for recipient in recipients:
        c.execute(insert_(delivery).values(about=row.id, kind=f"alert:{alert.id}", channel="telegram", recipient=recipient,
                                           state="queued", next_try_at=now, created_at=now, body=body).on_conflict_do_nothing())
    rests_on = select(func.max(surge_verdict.c.id)).where(surge_verdict.c.surge.in_(surges.family(c, row.id)))
    c.execute(update(surge_alert).where(surge_alert.c.id == alert.id).values(
        state="sent", reason=None, sent_at=now, rests_on=rests_on.scalar_subquery()))
    if joined:
        c.execute(update(surge_alert).where(surge_alert.c.id.in_(joined)).values(state="joined", reason="joined", sent_at=now))
    return len(recipients)


def _end(c: Connection, alert: Row[Any], state: str, reason: str) -> int:
    c.execute(update(surge_alert).where(surge_alert.c.id == alert.id).values(state=state, reason=reason))
    return 0


def _wait(c: Connection, alert: Row[Any], until: datetime, reason: str) -> int:
    c.execute(update(surge_alert).where(surge_alert.c.id == alert.id).values(due_at=until, reason=reason))
    return 0


def _paused_until(c: Connection, alert: Row[Any], settings: Alerts) -> datetime | None:
    """Until when an akimat and topic has had its alert."""
    last = c.execute(select(func.max(surge_alert.c.sent_at)).where(
        surge_alert.c.state == "sent", surge_alert.c.kind == "news", surge_alert.c.akimat.is_not_distinct_from(alert.akimat),
        surge_alert.c.topic.is_not_distinct_from(alert.topic))).scalar_one()
    return None if last is None else last + timedelta(seconds=settings.every)


def _watchers(c: Connection, row: Row[Any], policy: Policy) -> list[str]:
    """The press service of the office and its duty officer; where no office can be named, those of all offices."""
    code = policy.office_of(row.akimat) if row.akimat else None
    press = _people(c, "press", code)
    duty = [f"duty:{code}"] if code and c.execute(select(office.c.duty).where(office.c.code == code)).scalar_one_or_none() else []
    return press + duty


def _heads(c: Connection, row: Row[Any], policy: Policy) -> list[str]:
    """The heads of the office; where it has none, its controllers."""
    code = policy.office_of(row.akimat) if row.akimat else None
    return _people(c, "head", code) or _people(c, "controller", code)


def _people(c: Connection, role: str, code: str | None) -> list[str]:
    """Those of a role who work for the office and can be reached by Telegram."""
    of = account.c.office.is_(None) if code is None else or_(account.c.office == code, account.c.office.is_(None))
    found = c.execute(select(account.c.id).where(account.c.role == role, account.c.disabled_at.is_(None),
                                                 account.c.telegram_id.is_not(None), of).order_by(account.c.id))
    return [f"user:{id_}" for id_ in found.scalars()]


def caption(row: Row[Any], kind: str, joined: int, policy: Policy, code: str, *, deaf: bool = False) -> str:
    """The words of an alert as Telegram's HTML: what was seen and what speaks against it, and that a person decides."""
    _ = language(code).gettext
    verdict = _(words.VERDICT[row.verdict])
    head = _("Nobody has decided yet: %s") % verdict if kind == "escalation" else verdict[:1].upper() + verdict[1:]
    place = " · ".join(name for name in (
        policy.names.akimat(row.akimat, code) if row.akimat else "", policy.names.topic(row.topic, code) if row.topic else "")
        if name)
    lines = [f"🟣 <b>{_escaped(head)}</b>", _escaped(place), *map(_escaped, _figures(row, code))]
    if joined:
        lines.append(_escaped(_("Together with this: %d more on the same subject.") % joined))
    lines.append(_escaped(_("Picture: violet is this surge, grey all posts on the subject, the line what is usual.")))
    if deaf:
        lines.append(_escaped(_("Shaded: a source was silent then, so there may have been more.")))
    lines.append(_escaped(_(DECIDES)))
    text = "\n".join(line for line in lines if line)[:LONGEST]
    if policy.public_url:
        address = f"{policy.public_url.rstrip('/')}/surges/{quote(row.id, safe='')}"
        see = _escaped(_("See the evidence and decide"))
        text += f'\n<a href="{html.escape(address)}">{see}</a>'
    return text


PRESS = "surge:"
"""What the data of an alert's buttons begins with; answered by monitor.alert_presses."""

BUTTONS = {"confirm": N_("✔ The signs hold"), "dismiss": N_("✖ They do not"), "watch": N_("👁 Watch on")}


def buttons(row: Row[Any], code: str) -> list[tuple[str, str]]:
    """The decisions that may be taken from the alert: words, and what a press carries (64 bytes at most)."""
    said = language(code)
    found = [(said.gettext(text), f"{PRESS}{what}:{row.id}") for what, text in BUTTONS.items()]
    return found if all(len(data.encode()) <= 64 for _, data in found) else []


def _figures(row: Row[Any], code: str) -> list[str]:
    """How many, when, what stands out and what speaks against it: no word of any post leaves the country by this way."""
    said = language(code)
    begin, end = (at.astimezone(ALMATY) for at in (row.window_start, row.window_end))
    begun = f"{begin:%H:%M}" if begin.date() == end.date() else f"{begin:%d.%m %H:%M}"
    many = " · ".join((said.ngettext("%(n)s author", "%(n)s authors", row.authors) % {"n": row.authors},
                       said.ngettext("%(n)s post", "%(n)s posts", row.posts) % {"n": row.posts},
                       f"{begun}–{end:%H:%M}"))
    lines = [many]
    for signal in row.detail["signals"][:3]:
        name = words.SIGNAL.get(signal["kind"])
        if name is not None and signal["p"] <= STANDS_OUT:
            lines.append(f"• {said.gettext(name)}: {signal['value']:g}")
    counters = [words.COUNTER[c["kind"]] for c in row.detail["counter"] if c["kind"] in words.COUNTER]
    against = [said.gettext(name) for name in counters]
    if against:
        lines.append(said.gettext(N_("Against it: %s.")) % "; ".join(against[:2]))
    return lines


STANDS_OUT = 0.01
"""p of a signal from which it is worth a line."""

DECIDES = N_("A person decides. No number, deadline or turn of any card depends on it.")


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
