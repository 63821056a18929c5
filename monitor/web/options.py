"""What the pages need to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebOptions:
    """`public_url` is the address people type; with https the session cookie is sent over https only.

    `metrics_token` opens /metrics and /readyz to a machine (Authorization: Bearer); None: only to people signed in.
    `behind_proxy`: take a caller's address from the last X-Forwarded-For entry, which our own proxy wrote.
    `notice` is one line above the sign-in form: the demo says its accounts there.
    """

    public_url: str = "http://127.0.0.1:8080"
    metrics_token: str | None = None
    behind_proxy: bool = False
    session_hours: int = 12
    page_size: int = 40
    notice: str = ""

    @property
    def secure(self) -> bool:
        """Whether cookies may only travel over https."""
        return self.public_url.startswith("https://")
