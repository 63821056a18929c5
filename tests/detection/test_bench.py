"""`python -m bench detection`: posts changed as people would write them, and a table that stands without what is not there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from bench import detection
from bench.changed import Places, in_harmony, latin, mistyped, plain
from bench.scores import scores
from config.knowledge import load_knowledge
from monitor.core.registry import Registry

POSTS = Path(__file__).parent / "posts" / "own.jsonl"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_knowledge().registry


@pytest.mark.parametrize(("text", "name"), [
    ("Акимат Павлодара, когда почините дорогу?", "город Павлодар"), ("Павлодар қаласының әкімдігі, жолды жөндеңіздер", "город Павлодар"),
    ("ТЕМІРТАУ ӘКІМІ: су жоқ", "город Темиртау")])
def test_another_place_of_the_level_stands_where_the_name_stood(registry: Registry, text: str, name: str) -> None:
    old = next(unit.code for unit in registry if unit.name_ru == name)
    new = Places(registry).swap(text, old, random.Random(2))
    assert new is not None
    changed, code = new
    assert code != old and registry[code].type == registry[old].type
    assert "авлодар" not in changed.lower() and "теміртау" not in changed.lower()
    assert changed.split()[-2:] == text.split()[-2:]
    assert "  " not in changed and len(changed.split()) >= len(text.split())


def test_no_name_nothing_to_swap(registry: Registry) -> None:
    assert Places(registry).swap("Почините дорогу!", "551000000", random.Random(1)) is None


@pytest.mark.parametrize(("stem", "ending", "right"), [
    ("Семей", "ның", "нің"), ("Орал", "дегі", "дағы"), ("Ақтөбе", "ға", "ге"), ("Павлодар", "мен", "мен")])
def test_kazakh_endings_follow_the_stem(stem: str, ending: str, right: str) -> None:
    assert in_harmony(stem, ending) == right


def test_mistyped_text() -> None:
    assert plain("Әкімдік қайда") == "Акимдик кайда"
    assert latin("Жол қашан Жөнделеді") == "Zhol kashan Zhondeledi"
    changed = mistyped("проспект Назарбаева совершенно завален мусором " * 20, random.Random(1))
    assert changed.count("Назарбаева") < 20 and len(changed.split()) == 100


def test_scores_of_a_perfect_and_of_a_silent_judge(registry: Registry) -> None:
    gold = [json.loads(line) for line in POSTS.read_text(encoding="utf-8").splitlines()]
    out = [{**row, "akimat": {"code": row["akimat_code"]} if row.get("akimat_code") else None, "decision": "register"} for row in gold]
    perfect = scores(gold, out, registry)
    assert all(perfect[name] == 1 for name in detection.GOALS)
    silent = scores(gold, [{**row, "addressed": False, "akimat": None, "decision": "ignore", "topic": None, "kind": None,
                            "urgency": None, "pii": [], "location_text": None} for row in gold], registry)
    assert silent["addressed_f1"] == silent["akimat_exact"] == silent["topic_acc"] == silent["pii_f1"] == 0
    assert silent["language_acc"] == 1


def test_table_without_the_shared_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    posts = tmp_path / "tests" / "detection" / "posts"
    posts.mkdir(parents=True)
    (posts / "few.jsonl").write_text("\n".join(POSTS.read_text(encoding="utf-8").splitlines()[:25]) + "\n", encoding="utf-8")
    monkeypatch.setattr(detection, "ROOT", tmp_path)
    assert detection.main(["--shared", str(tmp_path / "nowhere")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["kk_news_kaznerd.jsonl", "not", "here"] for line in said)
    figures = json.loads(said[-1])
    assert figures["labelled"]["few"]["posts"] == 25
    assert set(figures["mistyped"]) == {"as written", "special letters dropped", "transliterated", "typed errors"}
