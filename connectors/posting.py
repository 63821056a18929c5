"""Posting once: a request that changes something may have arrived although no answer came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Http, Response
from connectors.errors import Transient


async def post_once(http: Http, url: str, *, json: Any = None, data: Mapping[str, str] | bytes | None = None,
                    headers: Mapping[str, str] | None = None, public_only: bool = False) -> Response:
    """POST what must not stand there twice. Time-outs, resets and 5xx are raised as `Transient(sent=True)`: whether it was
    posted is not known: it is looked for, else a person looks. Refusals (4xx) and orders to wait come as everywhere: nothing was posted."""
    where = {"public_only": True} if public_only else {}
    try:
        return await http.post(url, json=json, data=data, headers=headers, **where)
    except Transient as e:
        raise Transient(str(e), e.payload, sent=True) from None
