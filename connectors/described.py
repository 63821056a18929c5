"""What the config says of a service that gives JSON over HTTP: how it is asked, how it pages, where things stand. No asking here.

docs/sources/http_json.md is written for whoever describes one.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from config.document import did_you_mean
from config.secrets import Fetched
from connectors import template
from connectors.base import ConnectorSettings
from connectors.mapping import Expression, Fields, Form, Times, Zone

_BASE = ConfigDict(extra="forbid", frozen=True)
_OWN = ("since", "cursor", "page", "offset", "size")
_TELLS = re.compile(r"(?i)auth|token|secret|passw|cookie|(^|[-_])(api)?[-_]?key$")
"""Names of headers and parameters that carry what must not stand in a config."""
_TELLS_IN = re.compile(r"(?i)[?&][^=&]*(?:token|secret|passw|key|auth)[^=&]*=[^{&]|://[^/@]+@")


def _hidden(value: Any) -> Any:
    return SecretStr(value) if isinstance(value, Fetched) else str(value).lower() if isinstance(value, bool) else \
        str(value) if isinstance(value, int | float) else value


Text = Annotated[str | SecretStr, BeforeValidator(_hidden), WithJsonSchema(
    {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "string", "format": "password"}]})]
"""Text with gaps, or a reference to a secret."""


class Paging(BaseModel):
    """How to get from one page to the next."""

    model_config = _BASE
    by: Literal["none", "next_link", "cursor", "page", "offset"] = Field(
        description="none: one page; next_link: the answer names the next address; cursor, page, offset: what stands in {cursor}, {page}, {offset}")
    path: Expression | None = Field(
        default=None, description="JMESPath in the whole answer: the cursor, or the next address (absent: the Link header, rel=next)",
        examples=["links.next", "meta.next_cursor", "data[-1].id"])
    more: Expression | None = Field(default=None, description="JMESPath in the whole answer that is true where there is another page",
                                    examples=["meta.has_more", "meta.page < meta.pages"])
    first: int = Field(default=1, ge=0, le=1_000_000, description="Number of the first page (by: page), usually 1 or 0")
    size: int | None = Field(default=None, ge=1, le=10_000, description="Posts of a full page, {size} in the request: a shorter one is the last")
    pages: int = Field(default=10, ge=1, le=100, description="Pages of one poll, at most; the rest comes with the next poll")

    @model_validator(mode="after")
    def _whole(self) -> Paging:
        if self.by == "cursor" and self.path is None:
            raise ValueError("path is missing; say where the answer has the next cursor, like meta.next_cursor")
        return self


class Since(BaseModel):
    """What stands in {since}: from when on the service shall answer."""

    model_config = _BASE
    form: Form = Field(default="iso", description='iso, unix, unix_ms, rfc2822, or a form like "%Y-%m-%d %H:%M:%S"')
    zone: Zone = Field(default="UTC", description="Zone in which it is written")
    overlap: int = Field(default=600, ge=0, le=30 * 86_400, description="Seconds that are read again, for what appears late")
    first: int = Field(default=7, ge=0, le=3650, description="Days that the first poll reaches back")

    def written(self, moment: datetime) -> str | int:
        """`moment` as the service reads it."""
        local = moment.astimezone(ZoneInfo(self.zone))
        match self.form:
            case "unix":
                return int(moment.timestamp())
            case "unix_ms":
                return int(moment.timestamp() * 1000)
            case "iso":
                said = local.isoformat(timespec="seconds")
                return said.replace("+00:00", "Z")
            case "rfc2822":
                return format_datetime(local)
            case _:
                return local.strftime(self.form)


Code = str | int


class Failure(BaseModel):
    """How the service says inside HTTP 200 that something failed."""

    model_config = _BASE
    path: Expression = Field(description="JMESPath in the whole answer; anything but null, false, 0 and empty means that it failed", examples=["error.code"])
    message: Expression | None = Field(default=None, description="JMESPath of the service's own words", examples=["error.message"])
    refused: tuple[Code, ...] = Field(default=(), description="Values of path that mean: our credential is refused")
    limited: tuple[Code, ...] = Field(default=(), description="Values of path that mean: ask less often")
    passing: tuple[Code, ...] = Field(default=(), description="Values of path that mean: the same request may work later")


class Allowed(BaseModel):
    """What the service allows; kept for all sources with the same credential, also across restarts."""

    model_config = _BASE
    requests: int = Field(ge=1, le=1_000_000, description="Requests")
    seconds: int = Field(default=60, ge=1, le=31 * 86_400, description="in so many seconds")


class Description(ConnectorSettings):
    """Options of an http_json source."""

    url: str = Field(pattern=r"^https?://[^\s/?#{]+(/\S*)?$", max_length=4000, repr=False,
                     description="Address of the list; {since}, {cursor}, {page}, {offset}, {size} and the names under secrets are filled in")
    method: Literal["GET", "POST"] = Field(default="GET", description="How it is asked")
    headers: dict[str, Text] = Field(default_factory=dict, description="Headers of the request", examples=[{"Authorization": "Bearer {token}"}])
    params: dict[str, Text] = Field(default_factory=dict, description="Parameters of the address; those whose gap is empty are left out",
                                    examples=[{"after": "{cursor}", "limit": "100"}])
    body: dict[str, Any] | None = Field(default=None, description="JSON that is sent (method POST), with gaps in its texts")
    secrets: dict[str, SecretStr] = Field(default_factory=dict, description="Secrets by a name of yours; {NAME} puts one into the request")
    posts: Expression = Field(default="@", description="JMESPath of the list of posts in the answer; @ where the answer is the list",
                              examples=["data.items"])
    fields: Fields = Field(description="Where in each post its parts stand")
    times: Times = Field(default_factory=Times, description="How the service writes times")
    markup: Literal["plain", "html"] = Field(default="plain", description="Whether the words are plain text or HTML")
    order: Literal["newest", "oldest"] = Field(default="newest", description="What comes first in the list")
    paging: Paging = Field(default=Paging(by="none"), description="How to get from one page to the next")
    since: Since = Field(default_factory=Since, description="What {since} becomes")
    failure: Failure | None = Field(default=None, description="How the service says inside HTTP 200 that something failed")
    limit: Allowed | None = Field(default=None, description="What the service allows")
    space: str = Field(default="", max_length=100, pattern=r"^[\w.-]*$",
                       description="What the ids are unique in; default: the source's name. Keep it when you rename the source")

    @field_validator("url")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if _TELLS_IN.search(value):
            raise ValueError("a secret must not stand in the address; put it under secrets and write {NAME} here")
        return value

    @field_validator("headers", "params")
    @classmethod
    def _no_secrets(cls, value: dict[str, str | SecretStr]) -> dict[str, str | SecretStr]:
        for name, said in value.items():
            if isinstance(said, str) and _TELLS.search(name) and not list(template.gaps(said)):
                raise ValueError(f"{name}: a secret must not stand in this file; put it under secrets and write {{NAME}} here")
            if not name.isascii() or not name.isprintable() or (isinstance(said, str) and not said.isprintable()):
                raise ValueError(f"{name!r}: must be one line")
        return value

    @field_validator("secrets")
    @classmethod
    def _names(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or name in _OWN:
                raise ValueError(f'"{name}" cannot be a name; use small letters, digits and _, not one of {", ".join(_OWN)}')
        return value

    @model_validator(mode="after")
    def _fits(self) -> Description:
        asked = set(template.gaps([self.url, self.headers, self.params]))
        if strange := sorted(asked - {*_OWN, *self.secrets}):
            raise ValueError(f"nothing is called {{{strange[0]}}}{did_you_mean(strange[0], [*_OWN, *self.secrets])}")
        asked |= set(template.gaps(self.body))
        if self.paging.by in ("cursor", "page", "offset") and self.paging.by not in asked:
            raise ValueError(f"paging is by {self.paging.by}, but nothing asks for it; write {{{self.paging.by}}} in url, params or body")
        if self.body is not None and self.method == "GET":
            raise ValueError("body is sent with method: POST only")
        if self.fields.published_at is None and ((self.paging.by != "none" and self.order == "newest") or "since" in asked):
            raise ValueError("fields.published_at is missing; without times nobody knows where the known part of the list begins")
        return self
