"""Ekran, an invented network: GET /posts?since=ID gives {"posts": [...], "more": bool}, oldest first, `since` included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http, Limit, fingerprint
from connectors.errors import BadPayload
from connectors.markup import hashtags_of, mentions_of, text_of_html
from monitor.core.post import Author, Post, clean_text
from pydantic import Field, HttpUrl, SecretStr


class Ekran:
    """One community of Ekran."""

    name: ClassVar[str] = "ekran"
    poll_every: ClassVar[float] = 60.0
    max_requests_per_poll: ClassVar[int] = 1
    limits: ClassVar[tuple[Limit, ...]] = (Limit("app", 200, 3600, "https://ekran.example/docs/limits"),)

    class Settings(ConnectorSettings):
        """Options of an ekran source."""

        url: HttpUrl = Field(description="Address of the community's API")
        token: SecretStr = Field(description="Key of the API, as the network gave it")

    def __init__(self, source: str, settings: Settings) -> None:
        self.source, self._url, self._token = source, str(settings.url).rstrip("/"), settings.token

    @property
    def account(self) -> str:
        """Sources with the same key share limits."""
        return fingerprint(self._token.get_secret_value())

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """What is new: from the last id on, itself included, so that an edit of it is seen, too."""
        body, more = await self._ask(http, {"since": str(cursor.get("since", 0))})
        posts, damaged, newest = parse(body, self.source)
        moved = {"since": max(newest, cursor.get("since", 0))}
        return Batch(posts, moved, damaged=damaged, more=more and moved != dict(cursor))

    async def backfill(self, http: Http, cursor: Cursor) -> Batch:
        """One page into the past, until `since`."""
        body, more = await self._ask(http, {"before": str(cursor.get("before", "")), "until": cursor["since"]})
        posts, damaged, _ = parse(body, self.source)
        oldest = min((int(post.native_id) for post in posts), default=0)
        return Batch(posts, {**cursor, "before": oldest}, damaged=damaged, more=more and bool(posts))

    async def probe(self, http: Http) -> list[str]:
        """What the key opens."""
        body, _ = await self._ask(http, {"since": "0"})
        return [f"reads {len(body)} posts of the community"]

    async def _ask(self, http: Http, asked: Mapping[str, str]) -> tuple[list[Any], bool]:
        answer = await http.get(f"{self._url}/posts", params={k: v for k, v in asked.items() if v},
                                headers={"Authorization": f"Bearer {self._token.get_secret_value()}"})
        try:
            found = json.loads(answer.body)
            if isinstance(found["posts"], list):
                return found["posts"], found.get("more") is True
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise BadPayload("Ekran: the answer is none of its API; check url", answer.body)


def parse(found: list[Any], source: str = "") -> tuple[tuple[Post, ...], tuple[Damaged, ...], int]:
    """The posts of an answer, what of it cannot be read, and the highest id."""
    posts: dict[str, Post] = {}
    damaged: list[Damaged] = []
    for one in found:
        try:
            id_, text = int(one["id"]), clean_text(text_of_html(str(one["html"])))
            if not 0 < id_ < 2**63 or not text:
                raise ValueError("no id or no text")
            posts[str(id_)] = Post("ekran", source, str(id_), text, datetime.fromtimestamp(int(one["at"]), UTC),
                                   author=Author(str(one["by"]), clean_text(str(one["by"]))),
                                   mentions=mentions_of(text), hashtags=hashtags_of(text))
        except (ValueError, KeyError, TypeError, OverflowError, OSError) as e:
            damaged.append(Damaged(f"Ekran: a post cannot be read ({type(e).__name__})", json.dumps(one).encode()))
    return tuple(posts.values()), tuple(damaged), max(map(int, posts), default=0)
