"""A YAML file as plain data that still knows its lines, and every error of it at once.

What it must not do: know what the data means. `settings`, `workdays` and the knowledge files say that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Where = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_MAX_NODES = 200_000
"""Aliases can make a small file endless ("billion laughs"); no config of ours comes near this."""


class Unreadable(Exception):
    """The file cannot be opened or is no text; the message is one line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of a file: where it is and how to mend it."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.path, self.message) if part)


class ConfigErrors(Exception):
    """Every problem found, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.path)))
        super().__init__("\n".join(str(p) for p in self.problems))


class Document:
    """The data of one file, the line of every key and value, and the problems met so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: Any = None
        self.problems: list[Problem] = []
        self._lines: dict[Where, int] = {}
        self._count = 0

    def line(self, where: Where) -> int:
        """The line (1-based) of `where`, or of the nearest thing around it."""
        while where not in self._lines and where:
            where = where[:-1]
        return self._lines.get(where, 1)

    def at(self, where: Where) -> Any:
        """The value at `where`; None where there is none."""
        value = self.data
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def problem(self, where: Where, message: str) -> None:
        """Note an error at `where`."""
        self.problems.append(Problem(str(self.path), self.line(where), spelled(where), message))

    def raise_problems(self) -> None:
        """Raise ConfigErrors if anything was found."""
        if self.problems:
            raise ConfigErrors(self.problems)

    def validated(self, model: type[M], where: Where = (), data: Any = None, *, but: Iterable[Where] = (),
                  show: Where | None = None) -> M | None:
        """`model` made of the data at `where`; None, and problems noted, where it does not fit.

        `but` are places whose errors are known already. `data` replaces what the file says there.
        """
        try:
            return model.model_validate(self.at(where) if data is None else data)
        except ValidationError as e:
            known = set(but)
            for error in e.errors(include_url=False):
                place = where + tuple(step for step in error["loc"] if self._is_step(where, step))
                if any(place[:len(k)] == k for k in known):
                    continue
                self.problem(place, _said(error, model, error["loc"]))
            return None

    def _is_step(self, where: Where, step: str | int) -> bool:
        # pydantic puts the tags of unions into `loc` ("function-after[...]", "constrained-str"): not places in the file
        return isinstance(step, int) or (not any(c in step for c in "[(") and step not in _UNION_TAGS)


_UNION_TAGS = {"str", "int", "float", "bool", "constrained-str", "constrained-int", "literal", "none", "is-instance"}


def spelled(where: Where) -> str:
    """`sources[2].url` of ("sources", 2, "url")."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "url"?` where something is near, else what there is."""
    names = sorted(set(known))
    near = get_close_matches(word.lower(), names, 1, 0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 30 else ""


def _said(error: ErrorDetails, model: type[BaseModel], loc: Sequence[str | int]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    given = error.get("input")
    if kind == "extra_forbidden":
        return f"unknown option{did_you_mean(str(loc[-1]), _fields(model, loc[:-1]))}"
    if kind == "missing":
        return "is missing; add it"
    if kind == "literal_error":
        expected = [part.strip("' ") for part in str(context.get("expected", "")).replace(" or ", ", ").split(",")]
        return f"{_short(given)} is not one of {', '.join(expected)}{_near(given, expected)}"
    if kind == "string_pattern_mismatch":
        about = _description(model, loc)
        return f"{_short(given)} does not fit{f'; {about}' if about else ''} (form: {context.get('pattern')})"
    message = str(error["msg"])
    for prefix in ("Value error, ", "Assertion failed, ", "Input should be "):
        if message.startswith(prefix):
            message = ("must be " if prefix.startswith("Input") else "") + message[len(prefix):]
    return message if kind == "value_error" else f"{message} (here: {_short(given)})"


def _near(given: Any, expected: Iterable[str]) -> str:
    near = get_close_matches(str(given).lower(), list(expected), 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = str(value)
    return f'"{text if len(text) <= 40 else text[:37] + "…"}"'


def _at(model: Any, loc: Sequence[str | int]) -> Any:
    """The model at `loc` inside `model`, through lists and mappings of models; None where there is none."""
    for step in loc:
        if isinstance(step, int) or model is None:
            continue
        field = model.model_fields.get(step)
        model = _model_in(field.annotation) if field is not None else None
    return model


def _fields(model: Any, loc: Sequence[str | int]) -> list[str]:
    """Names of the options at `loc`."""
    found = _at(model, loc)
    return [field.alias or name for name, field in found.model_fields.items()] if found is not None else []


def _description(model: Any, loc: Sequence[str | int]) -> str:
    """What the option at `loc` is for, as its model says."""
    found = _at(model, loc[:-1])
    field = found.model_fields.get(loc[-1]) if found is not None else None
    return (field.description or "").rstrip(".") if field is not None else ""


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def read(path: Path) -> Document:
    """The file as data. A broken file, a key given twice and the like stand in `.problems`.

    Raises Unreadable where it cannot be opened or is not UTF-8.
    """
    document = Document(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as e:
        raise Unreadable(f"{path}: {e.strerror or e}; check the path and its permissions") from e
    except UnicodeDecodeError as e:
        raise Unreadable(f"{path}: not UTF-8 at byte {e.start}; save it as UTF-8") from e
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        what = " ".join(str(part) for part in (e.context, e.problem) if part)
        hint = "; YAML indents with spaces, not tabs" if "\\t" in what else ""
        document.problems.append(Problem(str(path), mark.line + 1 if mark else 1, "", f"not YAML: {what}{hint}"))
        return document
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1
        document.problems.append(Problem(str(path), line, "", f"not YAML: {e.reason}"))
        return document
    except RecursionError:
        document.problems.append(Problem(str(path), 1, "", "not usable: nested too deeply"))
        return document
    if node is not None:
        document.data = _Reading(document).plain(node, (), ())
    return document


class _Reading:
    """One walk over the nodes of a file."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._scalars = yaml.constructor.SafeConstructor()
        self._left = _MAX_NODES

    def plain(self, node: yaml.Node, where: Where, above: tuple[int, ...]) -> Any:
        document = self._document
        document._lines.setdefault(where, node.start_mark.line + 1)
        self._left -= 1
        if id(node) in above or len(above) > 60:
            document.problem(where, "an alias that contains itself, or nested too deeply")
            return None
        if self._left < 0:
            if self._left == -1:
                document.problem(where, f"more than {_MAX_NODES} values; aliases (*name) multiplied")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, (*where, i), (*above, id(node))) for i, child in enumerate(node.value)]
        return self._scalar(node, where)

    def _mapping(self, node: yaml.MappingNode, where: Where, above: tuple[int, ...]) -> dict[str, Any]:
        document = self._document
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    data = self.plain(part, (*where, "<<"), above)
                    merged = {**data, **merged} if isinstance(data, dict) else merged
                continue
            if not isinstance(key, yaml.ScalarNode):
                document.problem(where, f"line {key.start_mark.line + 1}: a key must be a word")
                continue
            name, line = key.value, key.start_mark.line + 1
            place = (*where, name)
            if name in first:
                document.problems.append(Problem(str(document.path), line, spelled(place),
                                                 f"given twice (first in line {first[name]}); keep one"))
                continue
            first[name] = line
            document._lines[place] = line
            made[name] = self.plain(value, place, above)
        return {**merged, **made}

    def _scalar(self, node: yaml.Node, where: Where) -> Any:
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and ":" in node.value:
            return node.value  # 09:00 is a time of day here, not the sexagesimal number of YAML 1.1
        if node.tag == "tag:yaml.org,2002:bool" and node.value.lower() not in ("true", "false"):
            return node.value  # a source may be called `off`; where a yes or no is asked for, these words still do
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as e:
            said = getattr(e, "problem", None) or str(e)
            self._document.problem(where, f"cannot be read: {said}")
            return None


def as_mapping(document: Document) -> Mapping[str, Any]:
    """The top of a file that must be a mapping; notes a problem and gives {} where it is not."""
    if document.data is None:
        return {}
    if isinstance(document.data, dict):
        return document.data
    document.problem((), "must be a mapping (name: value), not a list or a single value")
    return {}
