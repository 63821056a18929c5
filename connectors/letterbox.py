"""What a network pushes and nobody can ask for again: each body one file, on the disk before the network hears "thanks".

Push stays a doorbell: posts come through `poll`, which reads the folder. A file is removed by the poll after the one whose posts
were committed (its name stands in the cursor), so a kill at any point loses nothing, and no personal data stays behind.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{16}\.json")


def put(folder: Path, body: bytes) -> None:
    """Keep `body`. Returns when it would survive a power cut. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{blake2b(body, digest_size=8).hexdigest()}.json"
    hidden = folder / f".{name}"
    with open(os.open(hidden, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(folder / name)
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def take(folder: Path, committed: Iterable[str], amount: int) -> tuple[list[tuple[str, bytes]], bool]:
    """The oldest `amount` bodies with their names, and whether there are more; those `committed` are removed first."""
    for name in committed:
        if _NAME.fullmatch(name):
            (folder / name).unlink(missing_ok=True)
    try:
        names = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
    except FileNotFoundError:
        return [], False
    return [(name, (folder / name).read_bytes()) for name in names[:amount]], len(names) > amount
