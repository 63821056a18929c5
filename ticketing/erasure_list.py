"""Erasures written down outside the database, so that a restored backup forgets again what was erased since it was made.

A line an erasure: when, the keyed hashes of the posts, and the name of the key (not the key: that lies in the database
and in its backups). Nobody learns from this file what was erased.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from monitor.store.tables import tombstone
from monitor.store.tombstones import tombstone_key


def write(path: Path, c: Connection, tombstones: Sequence[str], at: datetime) -> None:
    """Add a line and wait until it is on the disk. Raises OSError."""
    line = json.dumps({"at": at.isoformat(), "key": tombstone_key(c).name, "posts": sorted(tombstones)})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Key name and hashes of each line. Raises OSError, or ValueError with the line."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            yield str(said["key"]), [str(key) for key in said["posts"]]
        except (ValueError, KeyError, TypeError) as e:
            raise ValueError(f"{path}:{number}: is no line of an erasure list") from e


def of_database(c: Connection) -> Iterable[tuple[str, list[str]]]:
    """The tombstones of a database that is still there, in the same form."""
    return [(tombstone_key(c).name, list(c.execute(select(tombstone.c.key)).scalars()))]
