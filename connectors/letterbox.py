"""What a network pushes and nobody can ask for again: each body one file, on the disk before the network hears "thanks".

Push stays a doorbell: posts come through `poll`, which reads the folder. A file is removed by the poll after the one whose posts
were committed (its name stands in the cursor), so a kill at any point loses nothing, and no personal data stays behind.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{16}\.json")
_HALF_WRITTEN = 3600 * 10**9
"""Nanoseconds after which a file that is still being written is not any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the caller hears: an HTTP status, how many posts are on our disk, and a line for each fault."""

    status: int
    kept: int | None = None
    """None: the caller reads nothing but the status."""
    faults: tuple[str, ...] = ()


KEPT, UNSIGNED = Receipt(200), Receipt(403)


class Bell:
    """The doorbell of what is pushed. `receive` runs in a thread, so it is rung in the loop that waits."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def heard(self) -> None:
        """Returns when something was received since `silence`."""
        self._loop = asyncio.get_running_loop()
        await self._rung.wait()

    def ring(self) -> None:
        """Something was received; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rung.set)

    def silence(self) -> None:
        """What was received is about to be read."""
        self._rung.clear()


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
        listed = os.listdir(folder)
    except FileNotFoundError:
        return [], False
    for name in listed:     # left by a kill while it was written: its sender never heard "thanks"
        if name.startswith(".") and _NAME.fullmatch(name[1:]) and int(name[1:21]) < time.time_ns() - _HALF_WRITTEN:
            (folder / name).unlink(missing_ok=True)
    names = sorted(name for name in listed if _NAME.fullmatch(name))
    return [(name, (folder / name).read_bytes()) for name in names[:amount]], len(names) > amount
