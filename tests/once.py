"""The bundled knowledge is half a second's work, never changes and is only read: once in each process of the suite.

Imported before any module takes `load_knowledge` by name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import config.knowledge
from monitor.core.knowledge import Knowledge

_load = config.knowledge.load_knowledge
bundled = cache(_load)


def load_once(folder: Path | None = None) -> Knowledge:
    """The bundled knowledge as it was read first; any other folder anew."""
    return bundled() if folder is None else _load(folder)


config.knowledge.load_knowledge = load_once
