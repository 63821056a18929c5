"""Fields of a JSON answer: each is what the documentation says that it is, or absent. Damage never travels on.

`document` and `each` raise BadPayload and hand over Damaged; the others are for use inside `each`, which catches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from connectors.base import Damaged
from connectors.errors import BadPayload
from monitor.core.post import Post, as_utc, clean_text

_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_ID = 512


def document(body: bytes, where: str) -> dict[str, Any]:
    """The JSON object that an answer is. Raises BadPayload."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise BadPayload(f"{where}: the answer is not JSON", body) from e
    if not isinstance(found, dict):
        raise BadPayload(f"{where}: the answer is no JSON object", body)
    return found


def items(answer: dict[str, Any], key: str, where: str, body: bytes) -> list[Any]:
    """The list that a documented answer must have under `key`. Raises BadPayload."""
    found = answer.get(key)
    if not isinstance(found, list):
        raise BadPayload(f"{where}: the answer has no list {key!r}", body)
    return found


def each(found: Iterable[Any], make: Callable[[dict[str, Any]], Post | None], where: str) -> tuple[list[Post], list[Damaged]]:
    """The posts that `make` makes of the items; what it cannot read is Damaged. Raises BadPayload where nothing could be read."""
    posts: list[Post] = []
    damaged: list[Damaged] = []
    count = 0
    for item in found:
        count += 1
        try:
            if not isinstance(item, dict):
                raise TypeError("no JSON object")
            post = make(item)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as e:
            why = str(e) if isinstance(e, ValueError | TypeError) else type(e).__name__
            payload = json.dumps(item, ensure_ascii=False, default=str).encode("utf-8", "replace")
            damaged.append(Damaged(f"{where}: an item cannot be read ({why[:120]})", payload))
            continue
        if post is not None:
            posts.append(post)
    if damaged and len(damaged) == count:
        raise BadPayload(f"{where}: none of {count} items can be read; {damaged[0].reason}", damaged[0].payload)
    return posts, damaged


def part(value: Any, *keys: str) -> dict[str, Any]:
    """The object under `keys`, one below the other; {} where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def parts(value: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list under `key`; [] where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def words(value: Any, key: str) -> str:
    """The string under `key`, clean; "" where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return clean_text(found).strip() if isinstance(found, str) else ""


def ident(value: Any, key: str) -> str:
    """The id under `key`, a string or an integer. Raises ValueError where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise ValueError(f"no {key}")
    said = str(found)
    if not said or len(said) > _LONGEST_ID or not said.isprintable() or " " in said:
        raise ValueError(f"{key} is no id")
    return said


def iso(value: Any, key: str) -> datetime:
    """The ISO 8601 time under `key`, in UTC. Raises ValueError."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"no {key}")
    return _sane(as_utc(datetime.fromisoformat(found)), key)


def unix(value: Any, key: str) -> datetime:
    """The Unix time under `key`, in seconds. Raises ValueError."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError(f"no {key}")
    return _sane(datetime.fromtimestamp(found, UTC), key)


def _sane(moment: datetime, key: str) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError(f"{key} is no time of a post")
    return moment


def account_of_person(name: str, handle: str) -> str:
    """How an author is shown: "Name (@handle)". Names are anybody's choice and the office's own posts are told by the account,
    so a name carries no @."""
    shown = " ".join(clean_text(name).replace("@", "").split())[:200]
    if not handle:
        return shown
    return f"{shown} (@{handle})" if shown and shown.lower() != handle.lower() else f"@{handle}"
