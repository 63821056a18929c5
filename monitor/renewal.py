"""New secrets and addresses for what speaks to the outside, taken while it runs: a token that was replaced must not cost a restart.

What waits in the outbox stays there and goes out with the new secret; the pace of a bot and its orders to wait stay, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config.settings import Settings
from ticketing.notify.email import EmailChannel
from ticketing.notify.telegram import TelegramChannel
from ticketing.notify.webhook import Hook

SPEAKING = ("telegram", "email", "webhook")
SECTIONS = ("database", "web", *SPEAKING)
"""Sections of the config that are read once, but for what `taken` hands over."""


@dataclass(slots=True)
class Speaking:
    """What holds a secret of the settings; None where it was not configured at the start."""

    telegram: TelegramChannel | None = None
    mail: EmailChannel | None = None
    hook: Hook | None = None
    metrics_token: Callable[[str | None], None] = lambda _token: None

    def taken(self, before: Settings, after: Settings) -> list[str]:
        """Hand each its part of the new settings. Returns the sections whose change needs a restart."""
        if self.telegram is not None and after.telegram is not None and (
                _secret(before.telegram) != _secret(after.telegram) or before.telegram is None
                or before.telegram.api_url != after.telegram.api_url):
            self.telegram.speak_as(after.telegram.token.get_secret_value(), after.telegram.api_url)
        if self.mail is not None and after.email is not None:
            self.mail.settings = after.email
        if self.hook is not None and after.webhook is not None:
            self.hook.take(after.webhook)
        self.metrics_token(after.web.metrics_token.get_secret_value() if after.web.metrics_token else None)
        return [name for name in SECTIONS if self._fixed(name, before) != self._fixed(name, after)]

    def _fixed(self, name: str, settings: Settings) -> Any:
        """What of a section cannot be taken while running."""
        section = getattr(settings, name)
        if section is None or name == "database":
            return section
        if name == "web":
            return section.model_copy(update={"metrics_token": None})
        if name == "telegram" and self.telegram is not None:
            return section.bot
        return {"email": self.mail, "webhook": self.hook}.get(name) or section


def _secret(section: Any) -> str | None:
    return None if section is None else section.token.get_secret_value()
