"""Topic, kind, urgency, place and language: the examples of the knowledge files, labelled posts, hostile text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from config.knowledge import DEFAULT, load_knowledge
from monitor.core import classify, privacy
from monitor.core.knowledge import Knowledge
from monitor.core.text import Text


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def _examples(file: str, part: str) -> Iterator[tuple[str, bool, str]]:
    tree = yaml.safe_load((DEFAULT / file).read_text(encoding="utf-8"))[part]
    for code, body in (tree.items() if file != "urgency.yaml" else (("urgent", tree),)):
        for answer in (True, False):  # YAML reads yes and no as these
            for sentence in body[answer]:
                yield code, answer, sentence


@pytest.mark.parametrize(("code", "yes", "sentence"), _examples("topics.yaml", "topics"))
def test_topic_examples(knowledge: Knowledge, code: str, yes: bool, sentence: str) -> None:
    assert (classify.subject(Text(sentence), knowledge.subject, knowledge.subject_words).topic == code) is yes


@pytest.mark.parametrize(("code", "yes", "sentence"), _examples("kinds.yaml", "examples"))
def test_kind_examples(knowledge: Knowledge, code: str, yes: bool, sentence: str) -> None:
    assert (classify.subject(Text(sentence), knowledge.subject, knowledge.subject_words).kind == code) is yes


@pytest.mark.parametrize(("code", "yes", "sentence"), _examples("urgency.yaml", "examples"))
def test_urgency_examples(knowledge: Knowledge, code: str, yes: bool, sentence: str) -> None:
    assert (classify.subject(Text(sentence), knowledge.subject, knowledge.subject_words).urgency == code) is yes


def _floors(path: Path, knowledge: Knowledge, topic: float, language: float) -> None:
    posts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    asked = [p for p in posts if p["addressed"]]
    right = sum(classify.subject(Text(p["text"]), knowledge.subject, knowledge.subject_words).topic == p["topic"] for p in asked)
    assert right / len(asked) >= topic
    assert sum(knowledge.language.of(Text(p["text"])) == p["language"] for p in posts) / len(posts) >= language


def test_own_posts(knowledge: Knowledge) -> None:
    _floors(Path(__file__).parent / "posts" / "own.jsonl", knowledge, 0.66, 0.94)


def test_dev_posts(knowledge: Knowledge, shared_data: Path) -> None:
    _floors(shared_data / "gold" / "dev.jsonl", knowledge, 0.66, 0.92)


@pytest.mark.parametrize("piece", ["A", "Абай ", "А ", "1", "ул. ", "Абай көшесі ", "су жоқ ", "a@", "8 7", "Иванов Иван ", "№ 1 "])
def test_hostile_text(knowledge: Knowledge, piece: str) -> None:
    text = Text((piece * 1_000_000)[:1_000_000])
    before = time.perf_counter()
    classify.subject(text, knowledge.subject, knowledge.subject_words)
    knowledge.places.find(text, knowledge.address.find(text), {})
    privacy.find(text)
    knowledge.language.of(text)
    assert time.perf_counter() - before < 2
