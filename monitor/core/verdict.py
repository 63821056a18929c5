"""What detection says of one post, with the reasons for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Decision = Literal["register", "triage", "ignore"]
Kind = Literal["complaint", "application", "proposal", "message", "response", "inquiry"]
Language = Literal["kk", "ru", "mixed", "kk_plain", "kk_latin", "en", "other"]
Urgency = Literal["urgent", "normal"]
PersonalData = Literal["phone", "iin", "name", "address", "card", "email"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule, the span of the raw text it rests on (code points, end exclusive; 0,0 = not in the text), its weight."""

    rule: str
    start: int
    end: int
    weight: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data of a private person in the raw text."""

    kind: PersonalData
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one revision of a post. Where it is not addressed, akimat, kind, topic and urgency are None.

    `score` is the estimated probability (0-1) that the post is addressed to an akimat.
    `candidates` holds KATO codes where a name fits several units and `akimat` is therefore None.
    """

    addressed: bool
    score: float
    decision: Decision
    language: Language
    akimat: str | None = None
    candidates: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    kind: Kind | None = None
    topic: str | None = None
    urgency: Urgency | None = None
    location_text: str | None = None
    pii: tuple[Span, ...] = ()
    reasons: tuple[Reason, ...] = ()
    ruleset: str = ""
