"""`qulaq surges`: the contract of its lines, bad input, and figures on real streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.surges import crisis_events, read, replay_rows, score_stream, without_labels
from config.surges import RulesError, load_rules
from monitor.cli import main
from tests.surges.chat import CASES, stream

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"surge_id", "verdict", "score", "detected_at", "window_start", "window_end", "authors", "post_ids", "signals",
          "counter", "explanation_kk", "explanation_ru"}


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def rows_of(case: int) -> list[dict[str, object]]:
    return [{"id": p.id, "source": p.network, "author_id": p.author, "author_created_at": None,
             "created_at": p.created_at.isoformat(), "text": p.text, "urls": []} for p in stream(CASES[case])]


def test_lines_have_the_fields_of_the_contract(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows_of(8)), tmp_path / "out.jsonl"
    assert main(["surges", str(source), "--out", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {"coordinated"} <= {a["verdict"] for a in lines}
    for a in lines:
        assert set(a) >= FIELDS
        assert 0 <= a["score"] <= 1
        assert a["score"] >= 0.5 or a["verdict"] != "coordinated"
        assert all(set(s) >= {"kind", "value", "expected", "p"} for s in a["signals"])


def test_the_same_file_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", rows_of(10))
    said = []
    for seed in ("1", "2"):
        out = tmp_path / f"out{seed}.jsonl"
        subprocess.run([sys.executable, "run_monitor.py", "surges", str(source), "--out", str(out)], cwd=ROOT, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed})
        said.append(out.read_bytes())
    assert said[0] == said[1] != b""


def test_a_bad_line_is_named_and_the_rest_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write(tmp_path / "in.jsonl", rows_of(8)), tmp_path / "out.jsonl"
    good = source.read_text(encoding="utf-8")
    source.write_text('{"id": 1, "text": "no time"}\nnot json\n' + good, encoding="utf-8")
    assert main(["surges", str(source), "--out", str(out)]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert f"{source}:1: skipped: created_at is missing" in errors[0]
    assert f"{source}:2: skipped: not JSON" in errors[1]
    assert "coordinated" in out.read_text(encoding="utf-8")


def test_nulls_are_allowed(tmp_path: Path) -> None:
    rows = [{"id": i, "created_at": "2026-03-01T10:00:00+05:00", "text": None, "author_id": None, "source": None, "urls": None}
            for i in range(20)]
    assert main(["surges", str(write(tmp_path / "in.jsonl", rows)), "--out", str(tmp_path / "o.jsonl")]) == 0


def test_a_missing_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["surges", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "o.jsonl")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(("change", "said"), [
    (("min_authors: 4", "min_authors: four"), "min_authors"), (("bias: -4.0", "bais: -4.0"), "bais"),
    (("weights: {", "weights: [{"), "not YAML")])
def test_broken_rules_name_their_key(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (ROOT / "config/knowledge/surges.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    broken = tmp_path / "surges.yaml"
    broken.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(RulesError, match=said):
        load_rules(broken)


@pytest.mark.parametrize(("name", "recall", "false_share", "per_10k"), [("ru", 0.95, 0.10, 5.0), ("en", 0.92, 0.15, 5.0)])
def test_real_campaigns_in_a_real_background(shared_data: Path, name: str, recall: float, false_share: float,
                                             per_10k: float) -> None:
    rows = read(shared_data / "surge" / f"stream_{name}.jsonl")
    score = score_stream(rows, replay_rows(without_labels(rows), load_rules()))
    assert score.recall >= recall
    assert score.false_share <= false_share
    assert score.false_per_10k <= per_10k
    assert score.lag_median <= 15
    assert score.lag_p90 <= 60


def test_real_emergencies_are_not_accused(shared_data: Path) -> None:
    for every_post_an_author in (False, True):
        accused = crisis_events(shared_data / "surge" / "organic_crisislex.jsonl", load_rules(), every_post_an_author)
        assert sum(1 for n in accused.values() if n) <= 1
