"""The connector contract: what a network's one file must offer, and nothing of how it is driven.

A connector asks and parses. It never sleeps, retries, logs or stores: `monitor.collect` does that for all.
Rules that the shared acceptance suite (qulaq_kit/acceptance.py) holds every connector to:

- A poll may repeat, it must never skip: compare the cursor with >=, the store drops known keys.
- Push is a doorbell: `doorbell()` only says that there is news; posts always come through `poll`.
- The cursor is opaque JSON. It is stored in the same transaction as the posts.
- Damage yields only the four errors of `connectors.errors`; one unreadable item among readable ones is handed over
  as `Damaged` beside them, so that it neither vanishes nor holds the others up.
- Settings keep secrets in `pydantic.SecretStr`; `secrets_of` finds them there for scrubbing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, ClassVar, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, SecretStr

from monitor.core.post import Post

Cursor = Mapping[str, Any]
"""JSON object, opaque to everybody but the connector; {} before the first poll."""


class ConnectorSettings(BaseModel):
    """Base of every connector's settings: unknown options are errors, every field carries a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def secrets_of(settings: BaseModel) -> tuple[str, ...]:
    """The values that must appear in no log, error or recording, also those inside lists, mappings and other models."""
    return tuple(secret for _, value in settings for secret in _secrets_in(value))


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_of(value)
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _secrets_in(part)


def fingerprint(*parts: str) -> str:
    """What tells one credential from another without showing it: 16 hex digits, for `account`."""
    return blake2b("\x00".join(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that the network publishes: in no `seconds` more than `amount`. The runner keeps it for every request, also
    across restarts and for all sources of one account together; a connector only states it."""

    name: str
    """Unique in the connector: "app", "search"."""
    amount: float
    seconds: float
    page: str
    """Address of the page that names it. "" where the network names none and it is our own courtesy."""
    cost: float = 1.0
    """What a request costs; 0: it is not counted."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What requests cost whose path (without the query) ends so: {"/search": 100.0}. Others cost `cost`. Before the whole path of
    what is posted stands its method: {"POST /v3/comments": 50.0}."""
    whole_network: bool = False
    """True where all accounts of this installation share it: a limit of an app or of an address."""
    resets: str = ""
    """IANA time zone (whole hours from UTC) at whose midnight a daily limit starts anew; "" where any stretch of `seconds` counts."""
    within: str = ""
    """Where one request carries many calls (VK's `execute`): each occurrence of this in the form that is sent costs `cost`, and a
    request without it nothing."""

    def cost_of(self, path: str, sent: Mapping[str, str] | None = None) -> float:
        """What a request to `path` that sends this form costs; of several endings that fit the longest counts."""
        if self.within:
            return self.cost * sum(value.count(self.within) for value in (sent or {}).values())
        fitting = [end for end in self.costs if path.endswith(end)]
        return self.costs[max(fitting, key=len)] if fitting else self.cost

    def day(self, now: float) -> tuple[float, float] | None:
        """Begin and end (Unix time) of the network's day that `now` is in; None where the limit knows no days."""
        if not self.resets:
            return None
        begin = datetime.fromtimestamp(now, ZoneInfo(self.resets)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return begin.timestamp(), (begin + timedelta(days=1)).timestamp()


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message for our bots that came through the same poller (command, button press): stored, then handled."""

    key: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Damaged:
    """One item of an otherwise readable answer that could not be read: one line why, and the item itself."""

    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of a source that the network refuses while it lets us read the rest: the comments of one post, one list. It is a hole
    of its own, told once, and lasts until a poll no longer names it."""

    part: str
    """What is refused, the same from poll to poll: "comments:123", or the name of a list."""
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll brought: posts in the order of the network, and the cursor that the next poll starts from."""

    posts: tuple[Post, ...]
    cursor: Cursor
    inbound: tuple[Inbound, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    more: bool = False
    """True where the network says that there is more right now: poll again without waiting."""
    refused: tuple[Refused, ...] = ()
    """All parts that are refused as things stand, whether this poll asked them or an earlier one."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer read to its end. Headers are looked up in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Http(Protocol):
    """How a connector asks. 2xx and 304 come back; every other status is raised as one of the four errors."""

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None,
                  params: Mapping[str, str] | None = None, timeout: float | None = None) -> Response: ...

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None, public_only: bool = False) -> Response:
        """`public_only`: BadPayload where the address leads to this machine or a private network."""
        ...


class Connector(Protocol):
    """One network. The class is made once per source from its settings.

    What only some networks can do is optional: the protocols below, and the class data `limits` and the properties
    `account` and `waits`, read by `limits_of`, `account_of` and `waits_of`.
    """

    name: ClassVar[str]
    """The network's name: `network` of its posts and of the source in the config."""
    Settings: ClassVar[type[ConnectorSettings]]
    poll_every: ClassVar[float]
    """Seconds between polls unless the source's config says otherwise."""
    max_requests_per_poll: ClassVar[int]
    """Requests of one poll, at most. A poll begins only when the account has as many left."""

    def __init__(self, source: str, settings: Any) -> None: ...

    async def poll(self, http: Http, cursor: Cursor) -> Batch: ...


def limits_of(connector: object) -> tuple[Limit, ...]:
    """The published limits of a connector, `limits: ClassVar[tuple[Limit, ...]]`; none where it states none."""
    return tuple(getattr(connector, "limits", ()))


def account_of(connector: object, source: str) -> str:
    """What the limits are counted for: the connector's `account`, a string without any secret (an id the network shows
    publicly, or a `fingerprint` of the token). Sources of equal network and account share limits and flood waits. A
    connector without one counts each source for itself."""
    account = getattr(connector, "account", None)
    return account if isinstance(account, str) and account else f"source:{source}"


def waits_of(connector: object) -> float:
    """Seconds that one poll may take on purpose, the connector's `waits`: a long poll that the network holds open until there is
    news. So long a source counts as heard. 0 where it says nothing."""
    waits = getattr(connector, "waits", 0.0)
    return float(waits) if isinstance(waits, int | float) else 0.0


@runtime_checkable
class Answers(Protocol):
    """A connector that can post the office's answer under a citizen's post."""

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """Post `text` as a reply; returns its native id, so that the next poll knows it as ours. Raises one of the four
        errors, or `CannotAnswer` where the network says that this post cannot be answered. `Transient` and `RateLimited`
        only where it is certain that nothing was posted: they are tried again; what is uncertain is `Transient` with
        `sent=True`: it is looked for (`SaysWhatStands`, `once_within`), else a person looks. Never asks twice by itself."""
        ...


@runtime_checkable
class SaysWhatStands(Protocol):
    """A connector that can see whether its own answer stands under a post: asked after a try whose end is not known."""

    async def stands(self, http: Http, post: Post, text: str) -> str | None:
        """The native id of our reply with these words under this post; None where the network shows none. Raises one of the
        four errors where it cannot be seen."""
        ...


def once_within(connector: object) -> float:
    """For how many seconds the network takes the same answer to the same post as one, by a mark that the connector derives from
    both: `once_within: ClassVar[float]`. 0: it does not, and what is uncertain is never sent again."""
    return float(getattr(connector, "once_within", 0.0))


@runtime_checkable
class HandsOut(Protocol):
    """A connector whose network hands out what is attached to a post only to us, by what `Post.files` says."""

    async def file(self, http: Http, file: str) -> bytes:
        """The content behind one of `Post.files`. Raises one of the four errors."""
        ...


@runtime_checkable
class KnowsBeforehand(Protocol):
    """A connector that knows, without asking, that a post cannot be answered."""

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """None where it can be tried, else why not: one of the reasons in `connectors.errors`. Pure."""
        ...


@runtime_checkable
class Backfills(Protocol):
    """A connector that can read what is older than the first poll brought."""

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One step into the past, within `max_requests_per_poll`. `cursor` is a JSON object of backfill alone, apart from
        that of `poll`: the first step gets {"since": ISO time, "until": ISO time} and goes from the newest to the oldest;
        what it returns is handed to the next step (keep `since` in it). `Batch.more` is False at the end: `since` is
        passed, or the network has no more. Repeats are swallowed by the store."""
        ...


@runtime_checkable
class Rings(Protocol):
    """A connector that hears when there is news: a stream, a long poll, a webhook."""

    async def doorbell(self) -> None:
        """Returns when there may be news; posts still come through `poll`. It is called anew for every wait and cancelled
        when the wait is over, so it opens what it needs in an `async with`. Whatever it raises only means that nobody
        rings: the next poll comes at its time."""
        ...


@runtime_checkable
class Probes(Protocol):
    """A connector that can say what its credential opens (`qulaq check --online`)."""

    async def probe(self, http: Http) -> list[str]:
        """One line of English for each thing that the credential may read or do ("reads comments of page 123"), changing
        nothing. Raises AuthError where it does not work at all. A permission that is missing is a line, too, that begins
        with "may not"."""
        ...
