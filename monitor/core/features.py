"""What the address model weighs: signs of the text, of the best word for an akimat, and of the account spoken to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from monitor.core import address
from monitor.core.address import Head, Reading
from monitor.core.knowledge import Cue
from monitor.core.lexicon import Hit
from monitor.core.post import Post
from monitor.core.words import STEM

_LAUGHTER = ("😂", "🤣", "🤡", "😎", "😄", "💀", "😆", "😅", ")))")
_THOU = frozenset(("ты", "тебя", "тебе", "твой", "твоя", "твои", "сен", "саган", "сени", "сенин", "озин"))


def features(post: Post, reading: Reading, endings: Sequence[Hit], head: Head | None, *, to_akimat: bool, topical: bool) -> dict[str, float]:
    """Names of all signs that are there, each with 1.

    `to_akimat`: the post answers or mentions an official account. `topical`: it has a word of a topic.
    """
    text = reading.text
    out: dict[str, float] = {}
    for hit in (*reading.hits, *endings):
        for mark in hit.marks:
            if isinstance(mark, Cue) and address.counts(mark, hit, text):
                out[mark.name] = 1.0
    if any(mark in text.clean for mark in _LAUGHTER):
        out["joke"] = 1.0
    if topical:
        out["topical"] = 1.0
    if "?" in text.clean:
        out["question_mark"] = 1.0
    if "!" in text.clean:
        out["exclaimed"] = 1.0
    if "!!" in text.clean or "??" in text.clean or "?!" in text.clean:
        out["doubled_marks"] = 1.0
    if text.words and text.clean[text.spans[0][0]].islower():
        out["small_start"] = 1.0
    if any(word in _THOU for word in text.folded):
        out["thou"] = 1.0
    others = address.bodies(reading, "other")
    if others and others[0].first <= 2 and (head is None or head.first > others[0].first):
        out["other_body_first"] = 1.0
    elif others:
        out["other_body"] = 1.0
    if others and head is not None and head.kind == "unnamed":
        out["unnamed_beside_other"] = 1.0
    if address.bodies(reading, "abroad"):
        out["abroad"] = 1.0
    to_person = text.clean.lstrip().startswith("@") and not to_akimat
    if to_person or (post.mentions and not to_akimat):
        out["to_person"] = 1.0
    if head is not None:
        out.update(head.cues)
    if to_akimat:
        spoken = {f"re_{name}": 1.0 for name in out}
        if _called(reading):
            spoken["re_called"] = 1.0
        spoken["re"] = 1.0
        if len(text.words) <= 2:
            spoken["re_short"] = 1.0
        if head is None:
            return spoken
        out.update(spoken)
    elif head is None:
        out["no_head"] = 1.0
    return out


def word_signs(reading: Reading, head: Head | None) -> list[tuple[str, int]]:
    """What the words themselves say: each stem and ending, and pairs of stems, in which the words for an akimat and for places
    stand as such, so that what holds for one akimat holds for all."""
    words = reading.text.folded
    out: list[tuple[str, int]] = []
    place = {i for m in reading.places for i in range(m.first, m.last + 1)}
    said: list[tuple[str, int]] = [("<", -1)]
    for i, word in enumerate(words):
        if head is not None and head.first <= i <= head.last:
            token = HEAD
        elif i in place:
            token = PLACE
        else:
            token = "0" if word[0].isdigit() else word[:STEM]
        if token not in (HEAD, PLACE):
            out.append(("^" + token, i))
            if len(word) >= STEM:
                out.append(("~" + word[-3:], i))
        if token != said[-1][0] or token not in (HEAD, PLACE):
            said.append((token, i))
    said.append((">", -1))
    for (a, _), (b, j) in pairwise(said):
        out.append((f"{a} {b}", j))
    for (a, _), (b, j), (c, _) in zip(said, said[1:], said[2:], strict=False):
        if HEAD in (a, b, c):
            out.append((f"{a} {b} {c}", j))
    return out


HEAD, PLACE = "@", "*"


def _called(reading: Reading) -> bool:
    """Whether the text begins by calling a person: a capitalised word and a comma, no word for an akimat."""
    text = reading.text
    return bool(len(text.words) > 1 and not reading.heads and text.gaps[1].startswith(",") and not text.gaps[0].strip()
                and text.clean[0].isupper() and len(text.words[0]) > 2 and not any(h.first == 0 for h in reading.hits))
