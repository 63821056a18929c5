"""One file is one network. A connector only asks and parses; `monitor.collect` paces, retries and stores.

A network is found by its file's name: a new one needs no entry anywhere. Installed packages add theirs by the entry point group
`qulaq.connectors`: the name is the network's, the value its class ("ekran = qulaq_ekran:Ekran").
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from connectors.base import Connector

_NOT_NETWORKS = {"__init__", "base", "below", "described", "errors", "feed", "fields", "graph", "letterbox", "mapping", "markup", "posting", "pushed", "recheck",
                 "template", "timeline"}


class UnknownNetwork(LookupError):
    """No file of that name; the message names those that there are."""


GROUP = "qulaq.connectors"


def networks() -> list[str]:
    """The networks that can be asked."""
    return sorted({*_files(), *_installed()})


def find(network: str) -> type[Connector]:
    """The connector class of `network`. Raises UnknownNetwork, also where the package that brings it cannot be loaded."""
    if network in _files():
        module = import_module(f"connectors.{network}")
        found: Any = next(thing for thing in vars(module).values()
                          if isinstance(thing, type) and thing.__module__ == module.__name__
                          and getattr(thing, "name", None) == network)
        own: type[Connector] = found
        return own
    entry = _installed().get(network)
    if entry is None:
        raise UnknownNetwork(f"no network {network!r}; there are {', '.join(networks())}")
    try:
        brought: type[Connector] = entry.load()
    except Exception as e:
        raise UnknownNetwork(f"network {network!r}: its package cannot be loaded ({type(e).__name__}: {e})") from e
    if getattr(brought, "name", None) != network:
        raise UnknownNetwork(f"network {network!r}: {entry.value} calls itself {getattr(brought, 'name', None)!r}")
    return brought


def _files() -> list[str]:
    return [p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _NOT_NETWORKS]


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
