"""Hostile posts through the whole judge: no crash, linear time, and a request in front of the flood is still heard."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from config.knowledge import load_knowledge
from monitor.core.judge import Judge
from monitor.core.post import Author, Post

ASK = "Акимат Павлодара, на улице Естая третий день нет воды, примите меры! "
FLOODS = {
    "letters": "ж", "emoji": "👍🏽", "nested HTML": "<div><b><a href='x'>", "closing HTML": "</div>", "entities": "&lt;&#1040;", "right to left": "\u202e\u2067а",
    "zero width": "\u200b\u200d\ufeff", "letters joined by zero width": "а\u200b", "combining marks": "а\u0301\u0489\u0336", "spread letters": "а к и м ",
    "heads": "акимат ", "called heads": "Аким, ", "names": "Павлодар Абай ", "levels": "ауданы қаласы ", "handles": "@akimat_pavlodar ", "formula": "=cmd|'/C'!A0;",
    "digits": "8701000", "spread digits": "8 7 ", "danger": "өрт люк дети ", "quotes": "«„\"", "newlines": "\n\r\u2028", "homoglyphs": "aкимaт ", "Arabic": "ئاقىم ",
    "lone surrogates": "\ud83d", "dotted capital I": "İ", "Latin": "akimdigi shygh ", "lone signs": "ъ, ь! "}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(load_knowledge())


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_megabyte_of_anything_is_judged_in_linear_time(judge: Judge, flood: str) -> None:
    for text in (flood * (1_000_000 // len(flood)), ASK + flood * (1_000_000 // len(flood))):
        began = time.process_time()
        verdict = judge(Post("vk", "test", "1", text, datetime(2026, 11, 23, tzinfo=UTC), author=Author("1", "citizen")))
        assert time.process_time() - began < 2
        assert all(0 <= reason.start <= reason.end <= len(text) for reason in verdict.reasons)


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\u2067", "\ufeff", "👍 ", "<b>"])
def test_a_request_is_heard_through_marks(judge: Judge, mark: str) -> None:
    text = ASK.replace(" ", f" {mark}")
    verdict = judge(Post("vk", "test", "1", text, datetime(2026, 11, 23, tzinfo=UTC), author=Author("1", "citizen")))
    assert (verdict.addressed, verdict.akimat, verdict.topic) == (True, "551000000", "water")
