"""A YAML file as plain data that still knows its lines, and every error of it at once.

What it must not do: know what the data means. `settings`, `workdays` and the knowledge files say that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Where = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_MAX_NODES = 200_000
"""Aliases can make a small file endless ("billion laughs"); no config of ours comes near this."""
_MAX_BYTES = 8 * 1024 * 1024
"""A device or somebody's database given by mistake must not fill the memory."""
_LOOKS_SECRET = re.compile(r"(?<=://)[^/@\s]+@|\b\d{5,}:[A-Za-z0-9_-]{16,}")
"""The user and password of an address, and the token of a bot: what people put into the wrong option."""


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
        self.problems.append(Problem(str(self.path), self.line(where), spelled(where), without_secrets(message)))

    def raise_problems(self) -> None:
        """Raise ConfigErrors if anything was found."""
        if self.problems:
            raise ConfigErrors(self.problems)

    def validated(self, model: type[M], where: Where = (), data: Any = None, *, but: Iterable[Where] = (),
                  show: Where | None = None) -> M | None:
        """`model` made of the data at `where`; None, and problems noted, where it does not fit.

        `but` are places whose errors are known already. `data` replaces what the file says there.
        """
        given = self.at(where) if data is None else data
        try:
            return model.model_validate(given)
        except ValidationError as e:
            known = set(but)
            unread = {problem.path for problem in self.problems}    # what could not be read needs no second line
            said: dict[Where, list[str]] = {}
            for error in e.errors(include_url=False):
                place = where + _place(error, given)
                if any(place[:len(k)] == k for k in known) or spelled(place) in unread:
                    continue
                message = _said(error, model, error["loc"])
                if self._is_reference(place):
                    message = _unquoted(message, error.get("input"))
                said.setdefault(place, []).append(message)
            for place, messages in said.items():
                self.problem(place, " or ".join(dict.fromkeys(messages)))   # the alternatives of a union
            return None

    def _is_reference(self, where: Where) -> bool:
        """Whether the value there was fetched from elsewhere: then it may be a secret."""
        return any(isinstance(part := self.at(where[:n]), dict) and len(part) == 1 and next(iter(part)) in ("env", "file")
                   for n in range(1, len(where) + 1))


def _place(error: ErrorDetails, given: Any) -> Where:
    """Where an error is. pydantic puts the alternatives of a union into `loc`, too: they are no places of the file."""
    place: list[str | int] = []
    steps = error["loc"]
    for i, step in enumerate(steps):
        named = i == len(steps) - 1 and error["type"] == "missing"
        if isinstance(step, int) or named or (isinstance(given, Mapping) and step in given):
            place.append(step)
            try:
                given = given[step]
            except (KeyError, IndexError, TypeError):
                given = None
    return tuple(place)


def spelled(where: Where) -> str:
    """`sources[2].url` of ("sources", 2, "url")."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "url"?` where something is near, else what there is."""
    names = sorted(set(known))
    near = get_close_matches(word.lower(), names, 5, 0.6)
    if near:
        # of codes that are as near, the one in the same region: its digits begin alike
        best = max(near, key=lambda name: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, name, strict=False))))
        return f'; did you mean "{best}"?'
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 30 else ""


def _said(error: ErrorDetails, model: type[BaseModel], loc: Sequence[str | int]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    given = error.get("input")
    if kind == "extra_forbidden":
        return f"unknown option{did_you_mean(str(loc[-1]), _fields(model, loc[:-1]))}"
    if kind == "missing":
        return "is missing; add it"
    if kind == "literal_error":
        expected = [word for part in str(context.get("expected", "")).replace(" or ", ", ").split(",")
                    if (word := part.strip("' "))]
        return f"{_short(given)} is not one of {', '.join(expected)}{_near(given, expected)}"
    if kind == "string_pattern_mismatch":
        about = _description(model, loc)
        return f"{_short(given)} does not fit{f'; {about}' if about else ''} (form: {context.get('pattern')})"
    if kind in _PLAIN:
        quotes = "; put it in quotes" if kind in ("string_type", "path_type") and not isinstance(given, dict | list) else ""
        return f"{_PLAIN[kind]}{quotes} (here: {_short(given)})"
    message = str(error["msg"])
    for prefix in ("Value error, ", "Assertion failed, ", "Input should be "):
        if message.startswith(prefix):
            message = ("must be " if prefix.startswith("Input") else "") + message[len(prefix):]
    return message if kind == "value_error" else f"{message} (here: {_short(given)})"


_PLAIN = {
    **dict.fromkeys(("model_type", "dict_type", "mapping_type", "model_attributes_type"), "must be a mapping (name: value)"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    "string_type": "must be text",
    "path_type": "must be a path",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size", "finite_number"),
                    "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
}
"""Where pydantic speaks of Python, in words of the file."""


def without_secrets(text: str) -> str:
    """`text` without what looks like a password or a token: it stood in the wrong place of the file."""
    return _LOOKS_SECRET.sub("***", text)


def _unquoted(message: str, value: Any) -> str:
    """A message without the value that it speaks of."""
    return message.replace(_short(value), '"***"').replace(str(value), "***")


def _near(given: Any, expected: Iterable[str]) -> str:
    near = get_close_matches(str(given).lower(), list(expected), 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = without_secrets(str(value))
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
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise Unreadable(f"{path}: more than {_MAX_BYTES // 1024 // 1024} MB; this is no config, check the path")
        text = data.decode("utf-8-sig")
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
                document.problems.append(Problem(str(document.path), key.start_mark.line + 1, spelled(where),
                                                 "a key must be a word"))
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
        if node.tag == "tag:yaml.org,2002:int" and re.match(r"0\d", node.value):
            return node.value  # 055000000 is meant as it stands, not as the octal number of YAML 1.1
        if any("\ud800" <= c <= "\udfff" for c in node.value):
            self._document.problem(where, "cannot be read: half a character (\\ud800 to \\udfff)")
            return None
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
