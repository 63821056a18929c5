"""Recordings that nobody captured fit the schema that their network publishes: none is invented silently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from stage import body_of, recording

OWN = Path(__file__).with_name("schemas")
SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
beside = pytest.mark.skipif(not SPECS.is_dir(), reason="the networks' schemas (../shared/specs) are not beside this checkout")


def problems(schema: Any, value: Any) -> list[str]:
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def answers(network: str) -> Iterator[tuple[str, Any]]:
    recorded = recording(network)
    for moment in ("recorded", "late", "edited"):
        for one in recorded.answers[moment]:
            yield one["when"].get(":path", ""), json.loads(body_of(one))


@beside
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


@beside
def test_vk() -> None:
    folder = SPECS / "vk"
    registry: Registry[Any] = Registry(  # type: ignore[call-arg]  # attrs names the argument without its underscore
        retrieve=lambda address: Resource.from_contents(
        _plain(json.loads((folder / address.removeprefix("vk://")).read_text(encoding="utf-8"))), DRAFT202012))
    kinds = {"wall.getComments(": "wall/responses.json#/definitions/wall_getComments_extended_response",
             "wall.get(": "wall/responses.json#/definitions/wall_get_extended_response",
             "search": "newsfeed/responses.json#/definitions/newsfeed_search_extended_response"}
    for moment in ("recorded", "late", "edited"):
        for one in recording("vk").answers[moment]:
            method = one["when"]["code"].removeprefix("~")
            for number, answer in enumerate(json.loads(body_of(one))["response"]):
                schema = {"$ref": f"vk://{kinds['search' if number else method]}"}
                found = jsonschema.Draft202012Validator(schema, registry=registry).iter_errors({"response": answer})
                assert [f"{list(e.absolute_path)}: {e.message[:200]}" for e in found] == [], method


def test_youtube() -> None:
    schemas = json.loads((OWN / "youtube.json").read_text(encoding="utf-8"))["schemas"]
    kinds = {name: f"{name[0].upper()}{name[1:].removesuffix('s')}ListResponse"
             for name in ("commentThreads", "comments", "playlistItems", "search", "videos", "channels")}
    for path, value in answers("youtube"):
        assert problems({"$ref": f"#/schemas/{kinds[path.rpartition('/')[2]]}", "schemas": schemas}, value) == [], path
    broken = json.loads(json.dumps(value)) | {"items": [{"id": 7}]}
    assert problems({"$ref": f"#/schemas/{kinds['videos']}", "schemas": schemas}, broken)


def test_ok() -> None:
    schemas = json.loads((OWN / "ok.json").read_text(encoding="utf-8"))["schemas"]
    found = 0
    for moment in ("recorded", "late", "edited"):
        for one in recording("ok").answers[moment]:
            name = one["when"].get("method") or one["when"][":path"].rpartition("/")[2]
            assert problems({**schemas[name], "schemas": schemas}, json.loads(body_of(one))) == [], name
            found += 1
    assert found == 18


def _plain(schema: Any) -> Any:
    """VK writes `required: true` beside a property, as JSON Schema did before draft 4, and paths from a file's folder."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _plain(value) for key, value in schema.items() if not (key == "required" and isinstance(value, bool))}
    if isinstance(made.get("$ref"), str):
        made["$ref"] = made["$ref"].replace("../", "vk://")
    wanted = [name for name, one in schema.get("properties", {}).items() if isinstance(one, dict) and one.get("required") is True] \
        if isinstance(schema.get("properties"), dict) else []
    return {**made, "required": wanted} if wanted else made
