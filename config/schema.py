"""The JSON Schema of the config, for editors (yaml-language-server) and for people who like to read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from config.secrets import FORM
from config.settings import Settings, Source

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SECRET = {
    "description": f"Where a secret lies: {FORM}; never the secret itself.", "type": "object",
    # two alternatives and no maxProperties: with that, yaml-language-server offers neither
    "oneOf": [{"type": "object", "properties": {name: {"type": "string", "description": what}}, "required": [name], "additionalProperties": False}
              for name, what in (("env", "Name of an environment variable."), ("file", "File with the secret, relative to the config."))],
}


def schema(connectors: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The schema, with the options of each network in `connectors` as one alternative of a source."""
    made = Settings.model_json_schema()
    definitions: dict[str, Any] = made["$defs"]
    source = definitions.pop("Source")
    choices = []
    for network, model in sorted(connectors.items()):
        definitions[f"source_{network}"] = _source(network, model, source, definitions)
        choices.append({"$ref": f"#/$defs/source_{network}"})
    definitions["Source"] = {"description": Source.__doc__, "oneOf": choices} if choices else source
    definitions["Secret"] = _SECRET
    made["properties"]["database"] = {
        **made["properties"]["database"], "anyOf": [{"type": "string"}, {"$ref": "#/$defs/Secret"}]}
    made["properties"]["database"].pop("type", None)
    for name in ("offices", "routing", "sources"):
        made["properties"][name]["type"] = ["array", "null"]     # `sources:` with nothing under it is an empty list
    return {"$schema": _DRAFT, "title": "Qulaq config", **_with_references(made)}


def dumped(connectors: Mapping[str, type[BaseModel]]) -> str:
    """The schema as it is printed."""
    return json.dumps(schema(connectors), ensure_ascii=False, indent=2)


def _source(network: str, model: type[BaseModel], base: Mapping[str, Any],
            definitions: dict[str, Any]) -> dict[str, Any]:
    own = model.model_json_schema(ref_template=f"#/$defs/{network}_{{model}}")
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{network}_{name}"] = definition
    required = [name for name in own.get("required", [])
                if not (network == "telegram" and name == "token")]     # the bot of the section `telegram` serves too
    return {
        "type": "object", "title": network, "description": own.get("description", ""),
        "properties": {**base["properties"], "network": {"const": network, "description": "Network of the source."},
                       **own.get("properties", {})},
        "required": ["name", "network", *required], "additionalProperties": False,
    }


def _with_references(part: Any) -> Any:
    """`part` with every secret string replaced by the reference that must stand there."""
    if isinstance(part, list):
        return [_with_references(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "password":
        return {"$ref": "#/$defs/Secret", "description": part.get("description", "")}
    # "title" beside a description only repeats the name of the option
    return {key: _with_references(value) for key, value in part.items() if key != "title" or isinstance(value, dict)}
