"""The district of a judged post, as the rows that a model learnt from call it.

An office's history says "Алмалинский район", "Алмалы" or a KATO code; a verdict says which unit is addressed. The unit, or the
nearest above it, that is called like one of the model's values decides; after it a district named in the text ("в Алмалинском
районе"), for posts to the city; last the unit that the source belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from monitor.core.post import Post
from monitor.core.registry import Registry
from monitor.core.text import READ_LIMIT, Text
from monitor.core.verdict import Verdict

_LEVEL = ("район", "р", "н", "рн", "аудан", "город", "г", "кала", "облыс", "област", "селск", "округ", "ауыл", "о", "кент", "посел", "администрац")
"""Words of level, as they begin in the folded spelling; those of one letter and "рн" are whole words."""
STEM, ENDING = 4, 3
"""Letters that a word of a text must share with a name at least, and letters of the name that a case may change."""


def district(post: Post, verdict: Verdict, values: Sequence[str], units: Registry) -> str:
    """The value that names the post's district; empty where none does."""
    called = _called(tuple(values))
    return _of_unit(verdict.akimat, called, units) or _in_text(post.text, called) or _of_unit(post.home, called, units)


def _of_unit(code: str | None, called: Mapping[str, str], units: Registry) -> str:
    for above in units.ancestors(code) if code is not None and code in units else ():
        unit = units[above]
        for name in (above, _bare(unit.name_kk), _bare(unit.name_ru), *map(_bare, unit.aliases)):
            if name in called:
                return called[name]
    return ""


def _in_text(text: str, called: Mapping[str, str]) -> str:
    """The value whose name stands beside a word for a district."""
    words = Text(text[:READ_LIMIT]).folded
    for i, word in enumerate(words):
        if word.startswith(("район", "аудан")) or word == "рн":
            for beside in words[max(0, i - 1):i] + words[i + 1:i + 2]:
                for name, value in called.items():
                    if len(name) >= STEM and " " not in name and beside.startswith(name[:max(STEM, len(name) - ENDING)]):
                        return value
    return ""


@lru_cache(maxsize=64)
def _called(values: tuple[str, ...]) -> Mapping[str, str]:
    """The values by their bare names; one that two values share names neither."""
    named: dict[str, set[str]] = {}
    for value in values:
        named.setdefault(_bare(value), set()).add(value)
    return {name: next(iter(found)) for name, found in named.items() if name and len(found) == 1}


def _bare(name: str) -> str:
    """A name in the folded spelling without its words of level."""
    return " ".join(word for word in Text(name).folded if not _is_level(word))


def _is_level(word: str) -> bool:
    return any(word == level if len(level) < 4 else word.startswith(level) for level in _LEVEL)
