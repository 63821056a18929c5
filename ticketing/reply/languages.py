"""Whether an answer is in the language of its question (Law on languages, art. 11: the answer is given in that of the appeal).

A bilingual answer that contains the question's language is fine; a greeting in it is not enough. A question in both, in
English or in another language may be answered in Kazakh or Russian.
"""

from __future__ import annotations

import re
from typing import Literal

from monitor.core.language import LanguageModel
from monitor.core.text import Text
from monitor.core.verdict import Language
from ticketing.reply.substance import core

_FAMILY: dict[str, str] = {"kk": "kk", "kk_plain": "kk", "kk_latin": "kk", "ru": "ru"}
_PART = re.compile(r"(?<=[.!?…])[\s»\"]+|\n+|\s/{1,3}\s|\s\|\s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_QUOTED = re.compile(r"«[^»\n]{1,120}»|\"[^\"\n]{1,120}\"")
SHARE, WORDS = 0.2, 25
"""What part of the words, or how many, must be in the question's language."""
READ = 12_000


def language_of(text: str, model: LanguageModel) -> Language:
    """The language of an answer, of what it says rather than of its greeting and signature."""
    said = core(text).strip()
    return model.of(Text(said if _WORD.search(said) else text))


def wrong_language(text: str, language: Language, question: str, asked: str | None, model: LanguageModel) -> bool:
    """Whether the answer lacks the question's language; `asked` is the code said of it, else it is told by its text."""
    wanted = _FAMILY.get(asked or (model.of(Text(question)) if question.strip() else ""))
    if wanted is None or _FAMILY.get(language) == wanted or not _WORD.search(text):
        return False
    if language in ("other",) and len(_WORD.findall(text)) < 3:
        return False
    return not contains(text, wanted, model)


def contains(text: str, wanted: str, model: LanguageModel) -> bool:
    """Whether enough of the answer is in a language, by its sentences."""
    said = _QUOTED.sub(" ", core(text)[:READ])
    total = held = 0
    waiting = ""
    for part in _PART.split(said):
        waiting = f"{waiting} {part}".strip() if waiting else part
        count = len(_WORD.findall(waiting))
        if count < 3:
            continue
        total += count
        found = model.of(Text(waiting))
        if _FAMILY.get(found) == wanted:
            held += count
        elif found == "mixed":
            held += count // 2
        waiting = ""
    return held >= WORDS or (total > 0 and held >= SHARE * total and held >= 4)


def answer_language(asked: str | None, question: str, model: LanguageModel) -> Literal["kk", "ru"]:
    """The language to answer in: that of the citizen; of a mixed question that of most of its words, where they are even or it
    is in neither, the state language."""
    asked = asked or (model.of(Text(question)) if question.strip() else "other")
    if asked in _FAMILY:
        return "ru" if _FAMILY[asked] == "ru" else "kk"
    counts = {"kk": 0, "ru": 0}
    for word in _WORD.findall(question[:READ].lower()):
        weight = model.weigh(word)
        if abs(weight) > 1:
            counts["kk" if weight > 0 else "ru"] += 1
    return "ru" if asked == "mixed" and counts["ru"] > counts["kk"] else "kk"
