"""An erasure takes rows out of the frozen samples; a model that was fitted without the sample is still compared on what is left."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.adopted import SAMPLE, forget, sample_name, sample_now

GONE = "Менің атым Қалдыбай,  Ломов 5"


def test_rows_go_and_the_old_name_leads_to_what_is_left(tmp_path: Path) -> None:
    rows = [{"id": 1, "text": "Шұңқыр"}, {"id": 2, "text": GONE}, {"id": 3, "text": "Қар"}]
    old = sample_name((r["id"], r["text"]) for r in rows)
    kept = tmp_path / f"{old}{SAMPLE}"
    kept.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    assert forget(tmp_path, ["менің атым қалдыбай, Ломов 5"], dry_run=True) == 1
    assert kept.exists(), "a dry run touches nothing"
    assert forget(tmp_path, ["менің атым қалдыбай, Ломов 5"]) == 1
    assert not kept.exists()
    now = sample_now(tmp_path, old)
    left = tmp_path / f"{now}{SAMPLE}"
    assert [json.loads(line)["id"] for line in left.read_text(encoding="utf-8").splitlines()] == [1, 3]
    assert left.stat().st_mode & 0o077 == 0
    assert now == sample_name((r["id"], r["text"]) for r in rows if r["id"] != 2)
    assert forget(tmp_path, [GONE]) == 0
    assert forget(tmp_path, ["Қар"]) == 1
    assert sample_now(tmp_path, old) == sample_name([(1, "Шұңқыр")])
