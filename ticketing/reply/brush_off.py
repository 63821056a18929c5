"""How much an answer sounds like a brush-off: its words and pairs of words beside the substance that it has.

The lists of substance.yaml tell what an answer has, but no list holds all that offices write to say nothing, or all the
verbs of what they do. A logistic regression over labelled answers weighs both; tools/fit_brush_off.py fits it.
"""

from __future__ import annotations

import re
from math import exp

from monitor.core.text import Text
from monitor.core.words import WordModel, signs
from ticketing.reply.substance import Substance

CALLED = 0.5
"""Probability from which an answer is called a brush-off."""

_TOLD = r"(?:сообщаем|сообщает|информируем|уведомляем|доводим до (?:вашего )?сведения)(?:[ \t]вам|[ \t]вас)?(?:,?[ \t](?:о том,?[ \t])?что|[ \t](?:следующее|нижеследующее)[.:]?)?"
_TOLD_KK = r"(?:мынаны[ \t]|екенін[ \t])?(?:хабарлаймыз|хабарлайды|жеткіземіз|мәлімдейміз)[.:]?"
_PREAMBLE = re.compile(
    rf"(?i)(?:настоящим|на ваш|в ответ на|рассмотрев|по вашему|по вопросу|по результатам рассмотрения|касательно|по поводу)[^.\n]{{0,250}}?{_TOLD}|{_TOLD}"
    r"|[^.\n]{0,160}(?:өтініш|хабарлама|жолданым|сұрау|арыз)\w{0,12}[^.\n]{0,40}(?:қарап|орай|байланысты|жауап ретінде|қатысты|бойынша)[, ]"
    rf"(?:{_TOLD_KK})?|{_TOLD_KK}")
"""What an answer begins with: what the question was about, and that it is answered now."""

Signs = tuple[list[tuple[str, int]], dict[str, float]]


def brush_off_signs(said: str, has: Substance) -> Signs:
    """The signs of an answer without greeting and signature, and what it has."""
    named = {"action": has.action, "fact": has.fact, "when": has.when, "where": has.where, "who": has.who, "ask": has.ask,
             "digit": any(c.isdigit() for c in said)}
    return signs(Text(_PREAMBLE.sub(" ", said)).folded), {name: 1.0 for name, there in named.items() if there}


def brush_off(model: WordModel, said: str, has: Substance) -> bool:
    """Whether an answer is one. Where it has no word at all, it is if it has nothing else."""
    found, named = brush_off_signs(said, has)
    if not found:
        return has.nothing
    no, yes = model.scores(found, named)
    return 1 / (1 + exp(float(no - yes))) >= CALLED
