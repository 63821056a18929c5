"""Where in a service's JSON a post stands: a JMESPath expression for each field, and what to mend where one gives nothing. Pure.

https://jmespath.org/specification.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import jmespath
from jmespath.exceptions import (
    ArityError,
    IncompleteExpressionError,
    JMESPathError,
    LexerError,
    ParseError,
    UnknownFunctionError,
)
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.base import Damaged
from connectors.errors import BadPayload
from connectors.fields import account_of_person
from connectors.markup import hashtags_of, links_of_html, mentions_of, one_line, text_of_html, web_links
from monitor.core.post import Author, Post, clean_text
from monitor.core.row import UNKNOWN_TIME

_BASE = ConfigDict(extra="forbid", frozen=True)
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FORMS = ("iso", "unix", "unix_ms", "rfc2822")
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)
"""What reading damaged JSON may raise (JMESPathError is a ValueError)."""


def compiled(expression: str) -> str:
    """`expression`, where it is JMESPath. Raises ValueError with what is wrong and where."""
    why = ""
    try:
        made = jmespath.compile(expression)
        made.search({})
    except (UnknownFunctionError, ArityError) as e:
        why = str(e).splitlines()[0]
    except IncompleteExpressionError:
        why = "it ends too early"
    except LexerError as e:
        why = f"{e.message} at character {e.lexer_position + 1}"
    except ParseError as e:
        why = f'"{e.token_value}" does not fit at character {e.lex_position + 1}'
    except JMESPathError:
        pass        # only says that {} has not what it looks for
    if why:
        raise ValueError(f"`{expression[:200]}` is no JMESPath expression: {why[:200]}; https://jmespath.org/specification.html")
    return expression


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f'"{name}" is no time zone; write it like Asia/Almaty or UTC') from None
    return name


def _form(value: Any) -> Any:
    if isinstance(value, str) and value not in _FORMS and "%" not in value:
        raise ValueError(f'"{value}" is no form of a time; write {", ".join(_FORMS)}, or one like "%d.%m.%Y %H:%M"')
    return value


Expression = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(compiled)]
Zone = Annotated[str, AfterValidator(_zone)]
Form = Annotated[str, BeforeValidator(_form), Field(json_schema_extra={
    "anyOf": [{"enum": list(_FORMS)}, {"pattern": "%"}]})]


class Fields(BaseModel):
    """JMESPath expressions inside one post of the list: what stands where."""

    model_config = _BASE
    id: Expression = Field(description="The service's own id of the post, unique and lasting", examples=["id"])
    text: Expression = Field(description="Its words", examples=["text", r'join(`"\n"`, [title, body][?@])'])
    published_at: Expression | None = Field(default=None, description="When it was written; absent: when we first saw it", examples=["created_at"])
    edited_at: Expression | None = Field(default=None, description="When it was last changed", examples=["updated_at"])
    deleted: Expression | None = Field(default=None, description="True, or the time, where the post was deleted", examples=["deleted_at"])
    url: Expression | None = Field(default=None, description="Where people see it", examples=["links.html"])
    author: Expression | None = Field(default=None, description="The author's id; kept as a keyed hash", examples=["user.id"])
    author_name: Expression | None = Field(default=None, description="The author's name", examples=["user.name"])
    author_account: Expression | None = Field(default=None, description="The author's account (handle)", examples=["user.login"])
    in_reply_to: Expression | None = Field(default=None, description="Id of the post that it answers", examples=["parent_id"])
    in_reply_to_account: Expression | None = Field(default=None, description="Account that it is written to: then it is addressed to it")
    mentions: Expression | None = Field(default=None, description="List of accounts named; absent: read from the text")
    hashtags: Expression | None = Field(default=None, description="List of hashtags; absent: read from the text")
    links: Expression | None = Field(default=None, description="List of web addresses")
    media: Expression | None = Field(default=None, description="List of pictures and files", examples=["attachments[].url"])


class Times(BaseModel):
    """How the service writes times."""

    model_config = _BASE
    form: Form = Field(default="iso", description="iso (2026-11-25T09:00:00+05:00), unix (seconds), unix_ms, rfc2822, or a form like "
                                                  '"%d.%m.%Y %H:%M" (letters of strftime)')
    zone: Zone | None = Field(default=None, description="Time zone of times that name none", examples=["Asia/Almaty", "UTC"])

    @model_validator(mode="after")
    def _whole(self) -> Times:
        if "%" in self.form and "%z" not in self.form and self.zone is None:
            raise ValueError(f'the form "{self.form}" names no offset; add zone, like Asia/Almaty')
        return self

    def read(self, value: Any) -> datetime:
        """The moment, in UTC. Raises ValueError with what to mend."""
        said = _shown(value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.form in ("unix", "unix_ms"):
            if not number and not (isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d+)?", value)):
                raise ValueError(f"gives {said}, not Unix time; mend times.form")
            moment = datetime.fromtimestamp(float(value) / (1000 if self.form == "unix_ms" else 1), UTC)
        elif number:
            form = "unix_ms" if abs(value) > 1e11 else "unix"
            raise ValueError(f"gives {said}, a number; write times: {{form: {form}}}")
        elif not isinstance(value, str):
            raise ValueError(f"gives {said}, not a time")
        else:
            moment = self._parsed(value.strip(), said)
        if not _EARLIEST <= moment < _LATEST:
            raise ValueError(f"gives {said}, no time of a post; mend times.form")
        return moment

    def _parsed(self, value: str, said: str) -> datetime:
        try:
            moment = (datetime.fromisoformat(value) if self.form == "iso" else parsedate_to_datetime(value) if self.form == "rfc2822"
                      else datetime.strptime(value, self.form))  # noqa: DTZ007 - the zone is a setting
        except ValueError:
            raise ValueError(f"gives {said}, which does not fit times.form {self.form}; mend it") from None
        if moment.tzinfo is None:
            if self.zone is None:
                raise ValueError(f"gives {said} without an offset; say its zone: times: {{zone: Asia/Almaty}}")
            moment = moment.replace(tzinfo=ZoneInfo(self.zone))
        return moment.astimezone(UTC)


class Map:
    """Makes posts of the items of an answer."""

    def __init__(self, network: str, space: str, fields: Fields, times: Times, markup: Literal["plain", "html"] = "plain",
                 base_url: str = "") -> None:
        """`space` is what ids are unique in, `base_url` what addresses without a server belong to."""
        self._network, self._space, self._times, self._html, self._base = network, space, times, markup == "html", base_url
        self._found = {name: (said, jmespath.compile(said)) for name, said in fields if said is not None}

    def posts(self, items: list[Any], where: str) -> tuple[list[tuple[Post, datetime | None]], list[Damaged]]:
        """The posts of a list, each with the time that tells its place in the list. Raises BadPayload where none of it can be read."""
        made: list[tuple[Post, datetime | None]] = []
        damaged: list[Damaged] = []
        for i, item in enumerate(items):
            try:
                if (one := self.post(item)) is not None:
                    made.append(one)
            except UNREADABLE as e:
                payload = json.dumps(item, ensure_ascii=False, default=str).encode("utf-8", "replace")
                why = one_line(str(e))[:600] if isinstance(e, ValueError | TypeError) else type(e).__name__
                damaged.append(Damaged(f"{where}: post {i + 1} of {len(items)}: {why}", payload))
        if damaged and len(damaged) == len(items):
            raise BadPayload(damaged[0].reason, damaged[0].payload)
        return made, damaged

    def post(self, item: Any) -> tuple[Post, datetime | None] | None:
        """One item; None where it has neither words nor media. Raises ValueError with field, expression and what to mend."""
        if not isinstance(item, dict):
            raise ValueError(f"the list gives {_shown(item)}, not an object; mend posts")
        name = self._ident(item, "id")
        published, edited = self._time(item, "published_at"), self._time(item, "edited_at")
        deleted = self._deleted(item, edited or published)
        raw = self._words(item, "text", needed=deleted is None)
        text = text_of_html(clean_text(raw)) if self._html else clean_text(raw).strip()
        media, links = self._list(item, "media"), self._list(item, "links")
        if not text and not media and deleted is None:
            return None
        account = self._words(item, "author_account").strip().lstrip("@")
        author = self._ident(item, "author", needed=False) or account
        above, to = self._ident(item, "in_reply_to", needed=False), self._words(item, "in_reply_to_account").strip()
        post = Post(
            network=self._network, source="", native_id=f"{self._space}/{name}", text=text,
            published_at=published or deleted or UNKNOWN_TIME, edited_at=edited, deleted_at=deleted,
            url=next(iter(web_links([self._words(item, "url")], self._base)), ""),
            author=Author(author, account_of_person(self._words(item, "author_name"), account)),
            in_reply_to=f"{self._space}/{above}" if above else None,
            in_reply_to_account=(to if to.startswith(("@", "-")) else f"@{to}") if to else None,
            mentions=tuple(f"@{one.lstrip('@')}" for one in self._list(item, "mentions")) or mentions_of(text),
            hashtags=tuple(f"#{one.lstrip('#')}" for one in self._list(item, "hashtags")) or hashtags_of(text),
            links=tuple(web_links(links, self._base)) or (tuple(links_of_html(raw, self._base)) if self._html else ()), media=media)
        return post, max(filter(None, (published, edited)), default=None)

    def _find(self, item: Any, name: str) -> Any:
        """What the field's expression gives; None where it has none."""
        said, expression = self._found.get(name, ("", None))
        if expression is None:
            return None
        try:
            return expression.search(item)
        except JMESPathError as e:
            raise ValueError(f"fields.{name}: `{said}`: {str(e).splitlines()[0][:200]}") from None

    def _wrong(self, item: Any, name: str, why: str) -> ValueError:
        has = f"; the post has: {has_of(item)}" if "nothing" in why else ""
        return ValueError(f"fields.{name}: `{self._found[name][0]}` {why}{has}")

    def _words(self, item: Any, name: str, needed: bool = False) -> str:
        value = self._find(item, name)
        if value is None:
            if needed and not self._list(item, "media"):
                raise self._wrong(item, name, "gives nothing (where a post may have none, write `… || ''`)")
            return ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self._wrong(item, name, f"gives {_shown(value)}, not text" + ("; join it: join(' ', …)" if isinstance(value, list) else ""))
        return clean_text(value)

    def _ident(self, item: Any, name: str, needed: bool = True) -> str:
        value = self._find(item, name)
        if value is None and not needed:
            return ""
        if value is None:
            raise self._wrong(item, name, "gives nothing")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._wrong(item, name, f"gives {_shown(value)}, no id")
        said = clean_text(str(value)).strip()
        if not 0 < len(said) <= 400 or not said.isprintable():
            raise self._wrong(item, name, f"gives {_shown(value)}, no id")
        return said

    def _time(self, item: Any, name: str) -> datetime | None:
        if name not in self._found:
            return None
        value = self._find(item, name)
        if value is None or value == "":
            if name == "published_at":
                raise self._wrong(item, name, "gives nothing")
            return None
        try:
            return self._times.read(value)
        except (OverflowError, OSError):
            raise self._wrong(item, name, f"gives {_shown(value)}, no time of a post") from None
        except ValueError as e:
            raise self._wrong(item, name, str(e)) from None

    def _deleted(self, item: Any, otherwise: datetime | None) -> datetime | None:
        value = self._find(item, "deleted")
        if value in (None, "", 0, "0") or (isinstance(value, str) and value.lower() in ("false", "no")):
            return None
        if value in (1, "1") or (isinstance(value, str) and value.lower() in ("true", "yes")):
            return otherwise or UNKNOWN_TIME
        try:
            return self._times.read(value)
        except (ValueError, OverflowError, OSError):    # a word for a state must not pass for a deletion
            raise self._wrong(item, "deleted", f"gives {_shown(value)}, neither true nor false nor a time; compare it: status == 'deleted'") from None

    def _list(self, item: Any, name: str) -> tuple[str, ...]:
        value = self._find(item, name)
        found = value if isinstance(value, list) else [] if value is None else [value]
        for one in found:
            if isinstance(one, Mapping | list):
                raise self._wrong(item, name, f"gives {_shown(one)}, not text; name the part: {name}[].url")
        said = (clean_text(str(one)).strip() for one in found if isinstance(one, str | int) and not isinstance(one, bool))
        return tuple(dict.fromkeys(one for one in said if one))


def has_of(value: Any) -> str:
    """What an object has, for a line that says that something was not found in it."""
    if not isinstance(value, Mapping):
        return _shown(value)
    names = [one_line(str(name)[:40]) for name in value]
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "") if names else "nothing"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f'"{one_line(value[:40])}"' if isinstance(value, str) else json.dumps(value)[:40]


Search = Callable[[Any], Any]


def search(expression: str, option: str) -> Search:
    """A function that looks for `expression` in a whole answer. It raises BadPayload, naming the config's `option`."""
    made = jmespath.compile(expression)

    def found(answer: Any) -> Any:
        try:
            return made.search(answer)
        except UNREADABLE as e:
            raise BadPayload(f"{option}: `{expression}`: {(str(e).splitlines() or [''])[0][:200]}") from None
    return found
