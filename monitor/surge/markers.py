"""Tags, links and phone numbers that many authors share at once, against how usual each of them is in the
stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from monitor.surge.rules import Rules

KEPT_POSTS = 300
LIFE = 3 * 86400.0


@dataclass(slots=True)
class Use:
    """One post with the marker: `text` numbers its group of copies, `subject` is how usual its subject is
    here."""

    at: float
    post: int | str
    author: str | None
    network: str
    text: int
    subject: float


@dataclass(slots=True)
class Marker:
    """A tag, link or phone. `opened`: the post that began the present episode, after a window without any;
    `left`: authors who came and went before."""

    kind: str
    name: str
    opened: int | str
    born: float
    uses: deque[Use] = field(default_factory=deque)
    authors: dict[str, int] = field(default_factory=dict)
    texts: dict[int, set[str]] = field(default_factory=dict)
    companions: dict[int, int] = field(default_factory=dict)
    known_before: int = 0
    fresh: int = 0
    repeaters: int = 0
    voices: int = 0
    posts: int = 0
    left: float = 0.0
    newest: float = 0.0


class Markers:
    """Every marker of the last three days, each with its uses of the last six hours."""

    __slots__ = ("_by_name", "_queue", "_window")

    def __init__(self, rules: Rules) -> None:
        self._window = rules.match_window
        self._by_name: dict[str, Marker] = {}
        self._queue: deque[tuple[float, str]] = deque()

    def __len__(self) -> int:
        return len(self._by_name)

    def forget(self, now: float) -> None:
        """Drop markers unused for three days."""
        queue = self._queue
        while queue and queue[0][0] < now - LIFE:
            _, name = queue.popleft()
            marker = self._by_name.get(name)
            if marker is None:
                continue
            if marker.newest < now - LIFE:
                del self._by_name[name]
            else:
                queue.append((marker.newest, name))

    def add(self, kind: str, name: str, use: Use) -> Marker:
        """The marker with this use added and the uses older than the window dropped."""
        full = f"{kind}:{name}"
        marker = self._by_name.get(full)
        if marker is None:
            marker = self._by_name[full] = Marker(kind, name, use.post, use.at, newest=use.at)
            self._queue.append((use.at, full))
        marker.newest = max(marker.newest, use.at)
        start = marker.newest - self._window
        while marker.uses and (marker.uses[0].at < start or len(marker.uses) >= KEPT_POSTS):
            self._drop(marker, marker.uses.popleft())
        if not marker.uses:
            marker.opened = use.post
            marker.companions.clear()
            marker.known_before = marker.fresh = marker.repeaters = marker.voices = 0
        marker.uses.append(use)
        marker.posts += 1
        if use.author is not None:
            marker.authors[use.author] = marker.authors.get(use.author, 0) + 1
            marker.texts.setdefault(use.text, set()).add(use.author)
        return marker

    @staticmethod
    def _drop(marker: Marker, use: Use) -> None:
        marker.posts -= 1
        if use.author is None:
            return
        n = marker.authors[use.author] - 1
        if n:
            marker.authors[use.author] = n
        else:
            del marker.authors[use.author]
            marker.left += 1.0
        if not any(u.text == use.text and u.author == use.author for u in marker.uses):
            authors = marker.texts.get(use.text)
            if authors is not None:
                authors.discard(use.author)
                if not authors:
                    del marker.texts[use.text]
