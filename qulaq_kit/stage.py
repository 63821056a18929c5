"""A network as it was recorded, played back by a real local HTTP server (or, for replay, as a file)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from connectors import letterbox
from connectors.base import Connector, ConnectorSettings

PUSHED = ("webhook", "whatsapp")
"""Networks that push: what was recorded lies in the letterbox."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `cut` bytes are announced but not sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    hang: bool = False


@dataclass(frozen=True)
class Recording:
    """Requests and answers of a network in three moments: recorded, one late post more, one post edited."""

    name: str
    answers: Mapping[str, list[dict[str, Any]]]
    expect: list[dict[str, Any]]
    late: str
    edited: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> Recording:
        """The recording in a file, called as its network is."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(path.stem, found["answers"], found["expect"], found["late"], found["edited"])

    def bodies(self) -> list[bytes]:
        """Every recorded body that says something. A letter is not asked for by HTTP: it is damaged elsewhere."""
        return [] if self.name == "email" else [body for one in self.answers["recorded"] if (body := body_of(one))]


def body_of(answer: Mapping[str, Any]) -> bytes:
    if "base64" in answer:
        return base64.b64decode(answer["base64"])
    return str(answer["body"]).encode("utf-8")


class Stage:
    """Plays a recording; counts what it is asked."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self.recording = recording
        self.moment = "recorded"
        self.forced: Answer | None = None
        self.replaced: bytes | None = None
        self.damaged: bytes | None = None
        self.asked: list[dict[str, str]] = []
        self.file = folder / "posts.jsonl"
        self.inbox = folder / "inbox"
        self.url = ""
        self.port = 0
        """Of a server beside HTTP, where a stage of your own starts one."""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.show("recorded")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def show(self, moment: str) -> None:
        """Play this moment of the recording from now on."""
        self.moment, self.forced, self.replaced, self.damaged = moment, None, None, None
        if self.recording.name == "replay":
            self.file.write_bytes(body_of(self.recording.answers[moment][0]))
        if self.recording.name in PUSHED:
            self._deliver(*(body_of(one) for one in self.recording.answers[moment]))

    def damage(self, body: bytes, of: bytes | None = None) -> None:
        """Answer with this body, with the recorded headers, where `of` was recorded; None: whatever is asked."""
        self.replaced, self.damaged = body, of
        if self.recording.name == "replay":
            self.file.write_bytes(body)
        if self.recording.name in PUSHED:
            self._deliver(body)

    def _deliver(self, *bodies: bytes) -> None:
        """Put what a network pushes into the letterbox, and nothing else."""
        for old in self.inbox.glob("*.json"):
            old.unlink()
        for body in bodies:
            letterbox.put(self.inbox, body)

    def force(self, answer: Answer | None) -> None:
        """Answer so whatever is asked; None: as recorded again."""
        self.forced = answer

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        sent = dict(request.query)
        sent.update({name.lower(): value for name, value in request.headers.items()})
        if request.can_read_body:
            body = await request.read()
            with contextlib.suppress(ValueError):
                sent.update(parse_qsl(body.decode()))
            with contextlib.suppress(ValueError):
                sent.update({k: str(v) for k, v in json.loads(body).items()})
        sent[":path"] = request.path
        self.asked.append(sent)
        if self.forced is not None:
            return await self._forced(request, self.forced)
        found = next(one for one in self.recording.answers[self.moment]
                     if all(v[1:] in sent.get(k, "") if v.startswith("~") else sent.get(k) == v for k, v in one["when"].items()))
        if self.replaced is not None and found["status"] == 200 and self.damaged in (None, body_of(found)):
            return web.Response(body=self.replaced, headers=found["headers"])
        return web.Response(status=found["status"], body=body_of(found), headers=found["headers"])

    async def _forced(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.hang:
            await asyncio.sleep(30)
        if not answer.cut:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response = web.StreamResponse(status=answer.status, headers={
            **answer.headers, "Content-Length": str(len(answer.body) + answer.cut)})
        await response.prepare(request)
        await response.write(answer.body)
        assert request.transport is not None
        request.transport.abort()
        return response


@dataclass(frozen=True)
class Case:
    """A connector with its recording, and what is its own in the acceptance suite."""

    connector: type[Connector]
    options: Mapping[str, Any]
    secret: str = ""
    failures: tuple[tuple[bytes, type[Exception]], ...] = ()
    """Bodies with HTTP 200 that say that something failed, and what they must raise."""
    statuses: Mapping[int, type[Exception]] = field(default_factory=dict)
    """Statuses that mean something else on this network than in general."""
    over_http: bool = True
    other_networks: bool = False
    """Posts may carry other networks' names (replay)."""

    @property
    def name(self) -> str:
        return self.connector.name

    def settings(self, stage: Stage) -> ConnectorSettings:
        known = {"URL": stage.url, "FILE": str(stage.file), "INBOX": str(stage.inbox), "PORT": str(stage.port)}
        filled = {key: reduce(lambda said, one: said.replace(*one), known.items(), value) if isinstance(value, str) else value
                  for key, value in self.options.items()}
        return self.connector.Settings(**filled)

    def make(self, stage: Stage) -> Connector:
        return self.connector("kala", self.settings(stage))
