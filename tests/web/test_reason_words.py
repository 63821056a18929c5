"""Every reason that detection may give has words in both languages: nobody is shown a code."""

from __future__ import annotations

import pytest
import yaml

from config.knowledge import DEFAULT
from config.languages import language
from monitor.web import words

RULES = ("addressee", "re", "abroad", "other_body_first", "to_person", "own_account", "place", "topic", "kind", "urgent",
         "topic_learned", "topic_listed", "proposed_executor", "proposed_department")


@pytest.mark.parametrize("code", ["kk", "ru"])
def test_every_reason_has_its_words(code: str) -> None:
    cues = yaml.safe_load((DEFAULT / "cues.yaml").read_text(encoding="utf-8"))
    for rule in (*RULES, *cues):
        assert rule in words.REASON, rule
        said = language(code).gettext(words.REASON[rule])
        assert said != words.REASON[rule], f"{rule}: no {code} words"
