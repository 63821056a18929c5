"""Settings of how the operators hear that a source is not heard."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Hearing(BaseModel):
    """When a source that is not heard alarms, and how often operators are told."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    shortest_hole: float = Field(
        default=30.0, ge=1, le=3600, description="Seconds: a shorter hole alarms nobody, however often its source is polled; "
                                                 "others alarm when they are longer than two intervals.")
    tell_every: float = Field(
        default=300.0, ge=1, le=86_400, description="Seconds between two messages to the operators, at least; the page, the log "
                                                    "and /metrics say it at once.")
