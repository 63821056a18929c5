"""What takes long to read and is only read from then on: the bundled knowledge, half a second's work, and a desk with it.

Imported before any module takes `load_knowledge` by name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import config.knowledge
from config.settings import Office, Routing, Settings
from monitor.core.knowledge import Knowledge
from ticketing.desk import Desk, desk

_load = config.knowledge.load_knowledge
bundled = cache(_load)


def load_once(folder: Path | None = None) -> Knowledge:
    """The bundled knowledge as it was read first; any other folder anew."""
    return bundled() if folder is None else _load(folder)


config.knowledge.load_knowledge = load_once

@cache
def two_offices() -> Desk:
    """Pavlodar and Semey; roads in Pavlodar are Aigul's."""
    pavlodar, semey = "551000000", "101000000"
    return desk(Settings(
        offices=(Office(code=pavlodar), Office(code=semey)),
        routing=(Routing(akimat=(pavlodar,), topic=("roads",), department="Жолдар бөлімі", responsible="aigul"),)), bundled())
