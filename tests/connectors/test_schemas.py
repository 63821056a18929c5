"""Recordings that nobody captured fit the schema that their network publishes: none is invented silently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from stage import Recording, body_of

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the networks' schemas (../shared/specs) are not beside this checkout")


def problems(schema: Any, value: Any) -> list[str]:
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def answers(network: str) -> Iterator[tuple[str, Any]]:
    recording = Recording.load(network)
    for moment in ("recorded", "late", "edited"):
        for one in recording.answers[moment]:
            yield one["when"].get(":path", ""), json.loads(body_of(one))


def test_mastodon() -> None:
    spec = json.loads((SPECS / "mastodon-openapi.json").read_text(encoding="utf-8"))
    kinds = {"/notifications": "Notification", "/statuses": "Status", "/lookup": "Account"}
    found = 0
    for path, value in answers("mastodon"):
        kind = next((name for end, name in kinds.items() if path.endswith(end)), "Status")
        for one in value if isinstance(value, list) else [value]:
            assert problems({"$ref": f"#/components/schemas/{kind}", "components": spec["components"]}, one) == [], path
            found += 1
    assert found > 10
