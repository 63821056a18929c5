"""Recordings of networks for the acceptance suite: what was asked and answered, without secrets and people.

Nobody's texts are rewritten, so a recording is read by a person before it is committed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from connectors.base import Http, Response
from connectors.fields import account_of_person
from monitor.core.post import Post
from monitor.core.privacy import numbers
from monitor.http import keys_in, scrubbed

_KEPT_HEADERS = ("content-type", "etag", "last-modified", "retry-after")
_WORD = re.compile(r"(?<![\w.-])[\w.-]{3,}(?![\w.-])")
_PERSON = ("first_name", "last_name", "username", "phone_number", "vcard", "email")
"""JSON members that name a person, in an object that has a `first_name` (Bot API: User, private Chat, Contact)."""


class Tape:
    """`Http` that keeps what it was asked and answered."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.exchanges: list[tuple[dict[str, str], Response]] = []

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None,
                  timeout: float | None = None) -> Response:
        answer = await self._http.get(url, headers=headers, params=params, timeout=timeout)
        self.exchanges.append(({":path": URL(url).path, **{str(k): str(v) for k, v in (params or {}).items()}}, answer))
        return answer

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None, public_only: bool = False) -> Response:
        answer = await self._http.post(url, json=json, data=data, headers=headers, timeout=timeout, public_only=public_only)
        sent = json if isinstance(json, dict) else data if isinstance(data, Mapping) else {}
        self.exchanges.append(({":path": URL(url).path, **{str(k): str(v) for k, v in sent.items() if isinstance(v, str | int)}}, answer))
        return answer


class Played:
    """`Http` that answers as a recording does."""

    def __init__(self, answers: Sequence[Mapping[str, Any]]) -> None:
        self._answers = answers

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None,
                  timeout: float | None = None) -> Response:
        return self._answer(url, {str(k): str(v) for k, v in (params or {}).items()})

    async def post(self, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                   headers: Mapping[str, str] | None = None, timeout: float | None = None, public_only: bool = False) -> Response:
        sent = json if isinstance(json, dict) else data if isinstance(data, Mapping) else {}
        return self._answer(url, {str(k): str(v) for k, v in sent.items()})

    def _answer(self, url: str, sent: Mapping[str, str]) -> Response:
        sent = {":path": URL(url).path, **sent}
        found = next(one for one in self._answers if all(sent.get(k) == v for k, v in one["when"].items()))
        body = base64.b64decode(found["base64"]) if "base64" in found else found["body"].encode("utf-8")
        return Response(found["status"], {k.lower(): v for k, v in found["headers"].items()}, body, url)


def answers_of(tape: Tape, posts: Sequence[Post], secrets: Sequence[str]) -> list[dict[str, Any]]:
    """What was answered, scrubbed; `when` has what tells the requests apart, the most particular request first: no secret, and no
    signature that is made with one."""
    asked = [sent for sent, _ in tape.exchanges]
    secrets = [*secrets, *(key for _, answer in tape.exchanges for key in keys_in(answer.url))]
    shared = set.intersection(*(set(sent.items()) for sent in asked)) if asked else set()
    people = _people(posts, [value for sent in asked for value in sent.values()])
    found: dict[str, dict[str, Any]] = {}
    for sent, answer in tape.exchanges:
        when = {k: v for k, v in sent.items() if (k, v) not in shared and k != "sig" and scrubbed(v, secrets, paths=False) == v}
        shown = {k.title(): scrubbed(v, secrets, paths=False) for k, v in answer.headers.items() if k in _KEPT_HEADERS}
        try:
            text = answer.body.decode("utf-8")
            body = {"body": scrubbed(_without_people(text, posts, people), secrets, paths=False)}
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(answer.body).decode()}
        found.setdefault(json.dumps(when, sort_keys=True), {"when": when, "status": answer.status, "headers": shown, **body})
    return sorted(found.values(), key=lambda one: -len(one["when"]))


def _people(posts: Sequence[Post], asked: Sequence[str]) -> dict[str, str]:
    """Authors' names, handles and ids, and what stands for each. What we ask for ourselves is an office's account, no person."""
    people: dict[str, str] = {}
    for post in posts:
        shown = re.fullmatch(r"(.*?) ?\(?@([^()]+)\)?", post.author.display)
        for name in (*(shown.groups() if shown else ()), post.author.display, post.author.key):
            number = name.isdigit()
            if len(name) > (5 if number else 2) and not name.startswith("-") and not any(name in value for value in asked):
                people.setdefault(name, str(5_000_000_000 + len(people) + 1) if number else f"person{len(people) + 1}")
    return people


def facts(post: Post) -> dict[str, Any]:
    """A post as a recording expects it: what is there, without what the store adds."""
    found = {
        "native_id": post.native_id, "network": post.network, "text": post.text, "url": post.url,
        "published_at": post.published_at.isoformat(), "author": post.author.display,
        "edited_at": post.edited_at.isoformat() if post.edited_at else None, "in_reply_to": post.in_reply_to,
        "in_reply_to_account": post.in_reply_to_account, "mentions": list(post.mentions), "home": post.home,
        "hashtags": list(post.hashtags), "links": list(post.links), "media": list(post.media),
        "repost_of": post.repost_of}
    return {name: value for name, value in found.items() if value}


def _without_people(text: str, posts: Sequence[Post], people: dict[str, str]) -> str:
    """`text` with people's names and ids replaced, each by the same one everywhere, and the digits of phones, IINs and
    cards zeroed in place (marks in a text count its characters)."""
    for post in posts:
        for span in numbers(post.text):
            said = post.text[span.start:span.end]
            text = text.replace(said, re.sub(r"\w", lambda m: "0" if m[0].isdigit() else "x", said))
    try:
        document = json.loads(text)
    except ValueError:
        for name in sorted({p for post in posts for p in (post.author.display, post.author.key)}, key=len, reverse=True):
            if len(name) > 2:
                text = text.replace(name, people.setdefault(name, f"Person {len(people) + 1}"))
        return text
    _collect(document, people)
    return json.dumps(_renamed(document, people), ensure_ascii=False)


def _collect(value: Any, people: dict[str, str]) -> None:
    """Learn every person's id, so that it is replaced also where it stands alone."""
    if isinstance(value, dict):
        if "first_name" in value and isinstance(value.get("id"), int) and not value.get("is_bot"):
            people.setdefault(str(value["id"]), str(5_000_000_000 + len(people) + 1))
        for part in value.values():
            _collect(part, people)
    elif isinstance(value, list):
        for part in value:
            _collect(part, people)


def _unnamed(value: str, people: Mapping[str, str]) -> str:
    """A text that is a person's name, or an address or handle in which one stands; the words of posts are left."""
    whole = people.get(account_of_person(value[:300], ""))
    if whole is not None:
        return whole
    if any(c.isspace() for c in value):
        return value
    return _WORD.sub(lambda found: people.get(found[0], found[0]), value)


def _renamed(value: Any, people: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(part, people) for part in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(people.get(str(value), value))
    if isinstance(value, str):
        return people[value] if value in people else _unnamed(value, people)
    if not isinstance(value, dict):
        return value
    person = people.get(str(value.get("id", value.get("user_id")))) if "first_name" in value else None
    short = person[-4:].lstrip("0") if person else "0"
    renamed = {}
    for key, part in value.items():
        if "first_name" in value and not value.get("is_bot") and key in _PERSON:
            renamed[key] = f"person{short}" if key == "username" else f"Person {short}"
        else:
            renamed[_renamed(key, people)] = _renamed(part, people)
    return renamed
