"""The network of the probe trial, as a package of its own would bring it: a log of changes, read from a sequence number on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field, HttpUrl

from connectors.base import Batch, ConnectorSettings, Cursor, Http, Limit
from connectors.errors import BadPayload
from monitor.core.post import Author, Post


class Probe:
    """One source of the trial."""

    name: ClassVar[str] = "probe"
    poll_every: ClassVar[float] = 60.0
    max_requests_per_poll: ClassVar[int] = 1
    limits: ClassVar[tuple[Limit, ...]] = (Limit("app", 600, 60, ""),)
    account = "probe"

    class Settings(ConnectorSettings):
        """Options of a probe source."""

        url: HttpUrl = Field(description="Address of the source's log")

    def __init__(self, source: str, settings: Settings) -> None:
        self.source, self.url = source, str(settings.url)

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What changed from the last sequence number on, itself included."""
        answer = await http.get(self.url, params={"since": str(cursor.get("seq", 0))})
        try:
            found = json.loads(answer.body)
            posts = tuple(Post(
                "probe", self.source, one["id"], one["text"], datetime.fromtimestamp(one["at"], UTC), author=Author("a", "a"),
                edited_at=datetime.fromtimestamp(one["changed"], UTC) if one["edits"] else None,
                deleted_at=datetime.fromtimestamp(one["changed"], UTC) if one["deleted"] else None) for one in found["items"])
        except (ValueError, KeyError, TypeError) as e:
            raise BadPayload("Probe: the answer is none of its log", answer.body) from e
        seq = max([cursor.get("seq", 0), *(one["seq"] for one in found["items"])])
        moved = {"seq": seq} if seq else {}
        return Batch(posts, moved, more=bool(found["more"]) and moved != dict(cursor))
