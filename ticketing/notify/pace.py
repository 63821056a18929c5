"""How fast a bot may speak. Pure: moments (seconds of any steady clock) come in, moments go out.

Limits: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this (30 messages a second in all, one a
second to a chat, 20 a minute to a group). An order to wait (429, `retry_after`) stands above them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Kept a little below Telegram's own, because its clock and the way there are not ours."""

    per_second: int = 25
    between: float = 1.05
    """Seconds between two messages to one chat."""
    group_per_minute: int = 19
    minute: float = 61.0
    after_start: float = 1.05
    """Silence after a start: a process that was just killed may have spoken a moment ago."""


LIMITS = Limits()


class Pace:
    """When a message may go to a chat. Remembers what was said and what was ordered."""

    def __init__(self, now: float, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._last: dict[int, float] = {}
        self._all: deque[float] = deque(maxlen=limits.per_second)
        self._groups: dict[int, deque[float]] = {}
        self._held_all = now + limits.after_start
        self._held: dict[int, float] = {}

    def closed_until(self, now: float) -> float:
        """The moment from which anything may be said to anybody."""
        full = len(self._all) == self._limits.per_second
        return max(now, self._held_all, self._all[0] + 1.05 if full else now)

    def free_at(self, chat: int, now: float) -> float:
        """The moment from which a message may go to this chat."""
        at = max(self.closed_until(now), self._held.get(chat, now),
                 self._last[chat] + self._limits.between if chat in self._last else now)
        said = self._groups.get(chat)
        if said is not None and len(said) == self._limits.group_per_minute:
            at = max(at, said[0] + self._limits.minute)
        return at

    def busy(self, now: float) -> dict[int, float]:
        """The chats that must wait, and until when; forgets what no longer matters."""
        waiting = {chat: at for chat in self._last.keys() | self._held.keys() if (at := self.free_at(chat, now)) > now}
        self._last = {chat: at for chat, at in self._last.items() if chat in waiting}
        self._held = {chat: at for chat, at in self._held.items() if at > now}
        return waiting

    def spoke(self, chat: int, now: float) -> None:
        """A message went to this chat."""
        self._last[chat] = now
        self._all.append(now)
        if chat < 0:  # the ids of groups and channels are negative
            self._groups.setdefault(chat, deque(maxlen=self._limits.group_per_minute)).append(now)

    def ordered(self, chat: int | None, seconds: float, now: float) -> bool:
        """Telegram said to wait. Returns True where the whole bot falls silent.

        The answer does not say whose limit was reached: it is taken as the chat's, so that one chat holds up nobody, and
        as the whole bot's as soon as another chat is told the same.
        """
        until = now + seconds
        others = any(at > now for held, at in self._held.items() if held != chat)
        if chat is None or others:
            self._held_all = max(self._held_all, until)
            return True
        self._held[chat] = max(self._held.get(chat, until), until)
        return False

    def orders(self, now: float) -> dict[int | None, float]:
        """Orders in force: seconds left by chat; None is the whole bot."""
        left: dict[int | None, float] = {chat: at - now for chat, at in self._held.items() if at > now}
        if self._held_all > now:
            left[None] = self._held_all - now
        return left

    def recall(self, orders: dict[int | None, float], now: float) -> None:
        """Take up orders that an earlier process was given: seconds left by chat."""
        for chat, seconds in orders.items():
            if chat is None:
                self._held_all = max(self._held_all, now + seconds)
            else:
                self._held[chat] = now + seconds
