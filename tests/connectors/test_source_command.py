"""`source list|test|record` as an operator uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "posts.jsonl").write_text('{"id": 1, "author": "Aigul S.", "text": "Акимат Павлодара, где вода?"}\n{"id": 2, "text": "сәлем"}\nbroken\n')
    path = tmp_path / "qulaq.yaml"
    path.write_text(f"database: sqlite:///{tmp_path}/q.db\nsources:\n- {{name: file, network: replay, path: posts.jsonl}}\n"
                    "- {name: gone, network: rss, url: 'http://127.0.0.1:9/feed?token=s3cretT0ken'}\n")
    return path


def test_a_dry_run_prints_what_it_would_take_and_stores_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "file", "-c", str(config)]) == 0
    said = capsys.readouterr().out
    assert "Акимат Павлодара, где вода?" in said
    assert "2 posts would be taken" in said
    assert "1 unreadable" in said
    assert not (config.parent / "q.db").exists()


def test_an_unreachable_source_is_one_line_without_its_secret(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "gone", "-c", str(config)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("gone: Transient: ")
    assert len(said.strip().splitlines()) == 1
    assert "s3cretT0ken" not in said


def test_an_unknown_source_says_which_there_are(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "nope", "-c", str(config)]) == 2
    assert "file, gone" in capsys.readouterr().err


def test_the_list_says_what_was_never_asked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "list", "-c", str(config), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["name"], r["state"], r["last_ok_at"]) for r in rows] == [("file", "new", None), ("gone", "new", None)]
