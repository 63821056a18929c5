"""New, attached, revised or left: what becomes of judged posts. Pure: what is known comes in, a plan goes out.

It knows nothing of surges: a flagged surge changes nobody's number, deadline, priority or assignee (invariant 3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from monitor.core.post import Post
from monitor.core.verdict import Verdict
from ticketing import ticket as rules

COPY_WINDOW = timedelta(days=7)
"""How far apart in time the same text may lie and still be the same message."""

COPY_LETTERS = 20
"""A text with fewer letters ("когда дадут свет?") says too little to be the same message."""

_NOISE = re.compile(r"https?://\S+|[@#]\w+|[\W_]+")


def text_key(text: str) -> tuple[bytes, int]:
    """A key that two texts share when they differ only in case, marks, links, mentions or tags; and its letters."""
    bare = _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return blake2b(bare.encode("utf-8", "replace"), digest_size=16).digest(), len(bare)


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored post with its verdict. `author` is the keyed hash, `own` says that an office itself wrote it."""

    id: int
    post: Post
    verdict: Verdict
    own: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A post that a ticket already stands on. `number` None: the ticket is opened by the same plan, for post `opened_by`."""

    number: str | None
    status: str
    akimat: str
    network: str
    native_id: str
    author_key: str
    published_at: datetime
    opened_by: int | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Open a ticket on this post, registered by `office`."""

    judged: Judged
    office: str
    akimat: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Joining:
    """Put this post on a ticket: as a copy from another network, or as a revision of a post it stands on."""

    judged: Judged
    role: str
    known: Known
    akimat: str
    key: bytes
    redirect_to: str | None = None


@dataclass(slots=True)
class Plan:
    """What is to be written. `states` has the outcome of every post by its id."""

    open: list[Opening] = field(default_factory=list)
    join: list[Joining] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)


def plan(judged: Sequence[Judged], by_native: Mapping[tuple[str, str], Known], by_text: Mapping[bytes, Sequence[Known]],
         office_of: Callable[[str], str | None]) -> Plan:
    """Decide for each post in order; a later post sees what an earlier one opened.

    States: ticket, attached, revision, triage, ignored, elsewhere (addressed to an akimat no office here registers for), own.
    """
    result = Plan()
    natives = dict(by_native)
    texts = {key: list(known) for key, known in by_text.items()}
    for item in judged:
        post, verdict = item.post, item.verdict
        native = (post.network, post.native_id)
        earlier = natives.get(native)
        if item.own:
            state = "own"
        elif earlier is not None:
            # A repeated or edited post never opens a second ticket: it stays with the one it has.
            moved = (verdict.akimat if verdict.decision == "register" and verdict.akimat != earlier.akimat
                     and earlier.status in rules.OPEN and not post.deleted_at else None)
            result.join.append(Joining(item, "revision", earlier, earlier.akimat, text_key(post.text)[0], moved))
            state = "revision"
        elif post.deleted_at or verdict.decision == "ignore":
            state = "ignored"
        elif verdict.decision == "triage" or verdict.akimat is None:
            state = "triage"
        elif (office := office_of(verdict.akimat)) is None:
            state = "elsewhere"
        else:
            key, letters = text_key(post.text)
            twin = _same(post, verdict.akimat, texts.get(key, ())) if letters >= COPY_LETTERS else None
            here = _known(item, verdict.akimat, twin)
            if twin is not None:
                result.join.append(Joining(item, "copy", twin, verdict.akimat, key))
                state = "attached"
            else:
                result.open.append(Opening(item, office, verdict.akimat, key))
                state = "ticket"
            natives[native] = twin or here
            texts.setdefault(key, []).append(here)
        result.states[item.id] = state
    return result


def _same(post: Post, akimat: str, known: Sequence[Known]) -> Known | None:
    """The ticket that already holds this text: on another network, or of the same author elsewhere in this one.

    Two people who post the same words on one network are two citizens: each gets a number.
    """
    for k in known:
        elsewhere = k.network != post.network
        same_author = bool(post.author.key) and k.author_key == post.author.key
        if (k.akimat == akimat and k.status in rules.OPEN and abs(post.published_at - k.published_at) <= COPY_WINDOW
                and (elsewhere or same_author)):
            return k
    return None


def _known(item: Judged, akimat: str, twin: Known | None) -> Known:
    post = item.post
    return Known(twin.number if twin else None, twin.status if twin else "registered", akimat, post.network, post.native_id,
                 post.author.key, post.published_at, twin.opened_by if twin else item.id)
