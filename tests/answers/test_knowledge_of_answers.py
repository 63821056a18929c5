"""The knowledge of answers is taken over while Qulaq runs: other words and other templates, and a broken edit changes nothing."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from config.answers import load_answers
from config.knowledge import DEFAULT, KnowledgeError, load_knowledge
from monitor.setting import Setting
from ticketing.desk import desk


def _folder(tmp_path: Path) -> Path:
    shutil.copytree(DEFAULT / "answers", tmp_path / "answers")
    shutil.copy(DEFAULT / "topics.yaml", tmp_path)
    return tmp_path


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_other_words_and_templates_are_taken_over(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    knowledge = load_knowledge()
    service = Setting(None, knowledge, desk(None, knowledge)).service()
    own = len(service.templates)
    said = "Чиним люк до 25 декабря."
    assert [p.due for p in service.promises(said, date(2026, 11, 24))] == [date(2026, 12, 25)]
    _replace(folder / "answers/promises.yaml", "ежедневн*,", "чиним люк, ежедневн*,")
    _replace(folder / "answers/templates/templates.yaml", "  planned:\n", "  another:\n")
    service.answer_by(load_answers(folder))
    assert not service.promises(said, date(2026, 11, 24))
    assert len(service.templates) == own
    assert "another" in {t.id for t in service.templates}


def test_a_broken_edit_is_told_with_its_line(tmp_path: Path) -> None:
    _replace(_folder(tmp_path) / "answers/templates/templates.yaml", "{place}", "{somewhere}")
    with pytest.raises(KnowledgeError, match=r"templates\.yaml:\d+: "):
        load_answers(tmp_path)
