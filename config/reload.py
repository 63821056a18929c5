"""Hot reload: when the config or knowledge changes and is valid, the new one; when not, one line and the old one stays.

What it must not do: know what is loaded. The caller gives the loading and the paths.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from stat import S_ISREG
from typing import Generic, TypeVar

from watchfiles import Change, awatch

from config.document import ConfigErrors, Unreadable

T = TypeVar("T")
_SCRAPS = ("~", ".swp", ".tmp", ".pyc")
DEBOUNCE_MS = 400
"""Editors write a file in several steps (truncate, write, rename)."""
LOOK_MS = 2000
"""Looked at anyway this often: network folders send no events, and one may come while nobody listens."""

Seen = tuple[tuple[str, int, int], ...]


class Watcher(Generic[T]):
    """Loads now and again whenever a watched path changes."""

    def __init__(self, load: Callable[[], T], paths: Callable[[T], Iterable[Path]], report: Callable[[str], None],
                 wrong: tuple[type[Exception], ...] = (ConfigErrors, Unreadable)) -> None:
        """`load` reads everything anew and raises one of `wrong` where it isn't valid (at the start: to the caller).
        `paths` names the files and folders of what was loaded. `report` gets one line for each failed reload."""
        self._load = load
        self._paths = paths
        self._report = report
        self._wrong = wrong
        began = time.time_ns()
        self.current: T = load()
        self._seen: Seen = _state_of(self._named())
        if any(changed >= began for _, changed, _ in self._seen):
            self._seen = ()     # written while it was read: read it again

    async def changes(self, stop: asyncio.Event | None = None) -> AsyncIterator[T]:
        """Each new valid state, until `stop`. `current` is always the last one."""
        while stop is None or not stop.is_set():
            paths = self._watched()
            async for _ in awatch(*_watchable(paths), watch_filter=_Concerned(paths), stop_event=stop,
                                  debounce=DEBOUNCE_MS, rust_timeout=LOOK_MS, yield_on_timeout=True):
                seen = await asyncio.to_thread(_state_of, self._named())
                if seen == self._seen:
                    continue
                filled = {name for name, _, size in self._seen if size}
                self._seen = seen
                if emptied := [name for name, _, size in seen if not size and name in filled]:
                    # a full disk, or an editor between two steps: an empty config would be valid and stop every source
                    self._report(f"{emptied[0]}: is empty; the old config stays")
                    continue
                try:
                    fresh = await asyncio.to_thread(self._load)
                except self._wrong as e:
                    self._report(_one_line(e))
                    continue
                self.current = fresh
                named = self._watched()
                if named != paths:
                    self._seen = _state_of(self._named())
                yield fresh
                if named != paths:
                    break       # the new config names other files: watch those
            else:
                return

    def _named(self) -> list[Path]:
        """As they are named: a link that is turned over to another file is a change, too."""
        return [path.absolute() for path in self._paths(self.current)]

    def _watched(self) -> list[Path]:
        return [path.resolve() for path in self._paths(self.current)]


def _watchable(paths: Iterable[Path]) -> list[Path]:
    """Folders, because a saved file is often a new file under the old name; those inside others left out."""
    folders = sorted({path if path.is_dir() else path.parent for path in paths})
    return [folder for folder in folders if not any(other in folder.parents for other in folders)]


def _state_of(paths: Iterable[Path]) -> Seen:
    """Size and time of every watched file, also inside folders."""
    found: list[tuple[str, int, int]] = []
    for path in paths:
        for file in [path] if not path.is_dir() else sorted(path.rglob("*")):
            if file.name.startswith((".", "#")) or file.name.endswith(_SCRAPS):
                continue
            try:
                state = file.stat()
            except OSError:
                continue
            if S_ISREG(state.st_mode):
                found.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(found)


class _Concerned:
    """Passes changes of the watched files and inside the watched folders; editors' scraps aside."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)

    def __call__(self, kind: Change, changed: str) -> bool:
        path = Path(changed)
        if path.name.startswith((".", "#")) or path.name.endswith(_SCRAPS):
            return False
        return any(path == own or own in path.parents for own in self._paths)


def _one_line(error: Exception) -> str:
    problems = getattr(error, "problems", None)
    if not problems:
        return f"{str(error).splitlines()[0]}; the old config stays"
    more = f" (and {len(problems) - 1} more; `qulaq check` shows all)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}; the old config stays"
