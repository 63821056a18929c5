"""The connector contract: what a network's one file must offer, and nothing of how it is driven.

A connector asks and parses. It never sleeps, retries, logs or stores: `monitor.collect` does that for all.
Rules that the shared acceptance suite (tests/connectors/acceptance.py) holds every connector to:

- A poll may repeat, it must never skip: compare the cursor with >=, the store drops known keys.
- Push is a doorbell: `doorbell()` only says that there is news; posts always come through `poll`.
- The cursor is opaque JSON. It is stored in the same transaction as the posts.
- Damage yields only the four errors of `connectors.errors`; one unreadable item among readable ones is handed over
  as `Damaged` beside them, so that it neither vanishes nor holds the others up.
- Settings keep secrets in `pydantic.SecretStr`; `secrets_of` finds them there for scrubbing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, SecretStr

from monitor.core.post import Post

Cursor = Mapping[str, Any]
"""JSON object, opaque to everybody but the connector; {} before the first poll."""


class ConnectorSettings(BaseModel):
    """Base of every connector's settings: unknown options are errors, every field carries a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def secrets_of(settings: ConnectorSettings) -> tuple[str, ...]:
    """The values that must appear in no log, error or recording."""
    return tuple(value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))


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
class Batch:
    """What one poll brought: posts in the order of the network, and the cursor that the next poll starts from."""

    posts: tuple[Post, ...]
    cursor: Cursor
    inbound: tuple[Inbound, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    more: bool = False
    """True where the network says that there is more right now: poll again without waiting."""


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

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Response: ...


class Connector(Protocol):
    """One network. The class is made once per source from its settings."""

    name: ClassVar[str]
    """The network's name: `network` of its posts and of the source in the config."""
    Settings: ClassVar[type[ConnectorSettings]]
    poll_every: ClassVar[float]
    """Seconds between polls unless the source's config says otherwise."""
    max_requests_per_poll: ClassVar[int]

    def __init__(self, source: str, settings: Any) -> None: ...

    async def poll(self, http: Http, cursor: Cursor) -> Batch: ...
