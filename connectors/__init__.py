"""One file is one network. A connector only asks and parses; `monitor.collect` paces, retries and stores.

A network is found by its file's name: a new one needs no entry anywhere.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.base import Connector

_NOT_NETWORKS = {"__init__", "base", "errors", "feed", "fields", "markup", "recheck", "timeline"}


class UnknownNetwork(LookupError):
    """No file of that name; the message names those that there are."""


def networks() -> list[str]:
    """The networks that can be asked."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _NOT_NETWORKS)


def find(network: str) -> type[Connector]:
    """The connector class of `network`. Raises UnknownNetwork."""
    if network not in networks():
        raise UnknownNetwork(f"no network {network!r}; there are {', '.join(networks())}")
    module = import_module(f"connectors.{network}")
    found: Any = next(thing for thing in vars(module).values()
                      if isinstance(thing, type) and thing.__module__ == module.__name__
                      and getattr(thing, "name", None) == network)
    connector: type[Connector] = found
    return connector
