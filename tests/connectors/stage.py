"""The recordings of our own connectors, for the suite of the kit."""

from __future__ import annotations

from pathlib import Path

from qulaq_kit.stage import Answer, Case, Recording, Stage, body_of

__all__ = ["RECORDINGS", "Answer", "Case", "Recording", "Stage", "body_of", "recording"]

RECORDINGS = Path(__file__).parent / "recordings"


def recording(name: str) -> Recording:
    """The recording of one of our networks."""
    return Recording.load(RECORDINGS / f"{name}.json")
