"""What the procedure lets staff choose from, read from config/knowledge/procedure.yaml: grounds, bodies outside, reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from config.document import ConfigErrors, Problem, Unreadable, read

BUNDLED = Path(__file__).parent / "knowledge" / "procedure.yaml"

_COORDINATION = re.compile(r"coordinat|organi[sz]ed|surge|campaign|\bbots?\b|координ|организованн|всплеск|накрут|вброс|флешмоб|"
                           r"\bбот(ы|ов|ами)?\b|үйлестір|ұйымдас|өсім|жаппай|массов", re.IGNORECASE)
"""What no ground may be about: that people agreed to write is their right (АППК; invariant 3)."""


class ProcedureError(ConfigErrors):
    """procedure.yaml cannot be used."""


class _Spoken(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    kk: str = Field(min_length=1, max_length=300)
    ru: str = Field(min_length=1, max_length=300)

    def in_(self, language: str) -> str:
        """Its words in a reader's language."""
        return self.ru if language == "ru" else self.kk


class Choice(_Spoken):
    """One thing to choose, with its words."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")


class Ground(Choice):
    """On what a message may be left without examination, with the article and how sure we are of it."""

    article: _Spoken
    sure: Literal["V", "S", "M"]


C = TypeVar("C", bound=Choice)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    grounds: tuple[Ground, ...]
    bodies: tuple[Choice, ...]
    no_number: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """The choices by code."""

    grounds: Mapping[str, Ground]
    bodies: Mapping[str, Choice]
    no_number: Mapping[str, Choice]


@cache
def bundled() -> Procedure:
    """The procedure that comes with the program."""
    return load_procedure()


def load_procedure(path: Path = BUNDLED) -> Procedure:
    """Read the file; raises ProcedureError with every fault at its line."""
    try:
        document = read(path)
    except Unreadable as e:
        raise ProcedureError([Problem(str(path), 1, "", str(e).removeprefix(f"{path}: "))]) from e
    made = document.validated(_File) if document.data is not None else None
    if made is not None:
        for name, choices in (("grounds", made.grounds), ("bodies", made.bodies), ("no_number", made.no_number)):
            seen: set[str] = set()
            for i, choice in enumerate(choices):
                if choice.code in seen:
                    document.problem((name, i, "code"), f'"{choice.code}" stands here twice; remove one')
                seen.add(choice.code)
        for i, ground in enumerate(made.grounds):
            if any(_COORDINATION.search(text) for text in (ground.code, ground.kk, ground.ru)):
                document.problem(("grounds", i), "speaks of coordination: that people agreed to write is no ground to leave a "
                                                 "message unexamined; remove it")
    if document.problems or made is None:
        raise ProcedureError(document.problems)
    return Procedure(_by_code(made.grounds), _by_code(made.bodies), _by_code(made.no_number))


def _by_code(choices: Iterable[C]) -> Mapping[str, C]:
    return MappingProxyType({choice.code: choice for choice in choices})
