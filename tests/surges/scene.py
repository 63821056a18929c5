"""A campaign and a burst main in one town, told as the detector tells them, on real posts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from monitor.store.engine import Database
from monitor.store.surge_tables import observed
from monitor.store.surges import Told, keep

CAMPAIGN = "s-aa0000000001"
MAIN = "s-bb0000000002"


def signal(kind: str, family: str, value: float, expected: float, p: float) -> dict[str, Any]:
    return {"kind": kind, "family": family, "value": value, "expected": expected, "p": p}


SIGNALS = [signal("copies", "wording", 9, 1, 1e-9), signal("synchrony", "synchrony", 9, 0.2, 2e-6),
           signal("newcomers", "newcomers", 3, 3.4, 0.7)]


def verdict(name: str, seq: int, at: datetime, word: str, authors: int, posts: list[int], *, akimat: str, topic: str,
            kind: str = "copies", score: float = 0.93, observed: float | None = None, expected: float | None = None,
            signals: list[dict[str, Any]] | None = None) -> Told:
    counter = [{"kind": "own_words", "value": 0.9, "strength": 0.8}] if kind == "volume" else [
        {"kind": "known_voices", "value": 0.6, "strength": 0.33}]
    return Told(name, seq, "rules", at, word, authors, {
        "kind": kind, "score": score, "posts": len(posts), "observed": observed, "expected": expected, "akimat": akimat,
        "topic": topic, "window_start": (at - timedelta(minutes=30)).isoformat(), "window_end": at.isoformat(),
        "signals": SIGNALS if signals is None else signals, "counter": counter,
        "explanation": {"kk": f"{authors} автор бірдей дерлік мәтін жариялады.",
                        "ru": f"Авторов, опубликовавших почти одинаковый текст: {authors}."}}, tuple(posts))


def tell(db: Database, told: list[Told], now: datetime) -> None:
    with db.begin() as c:
        keep(c, told, now)


def watch_posts(db: Database, ids: list[int], at: datetime, akimat: str, topic: str, first: int = 1) -> None:
    """The posts as the watch saw them."""
    with db.begin() as c:
        c.execute(insert(observed), [{"seq": first + i, "post_id": id_, "at": at + timedelta(minutes=i), "akimat": akimat,
                                      "topic": topic} for i, id_ in enumerate(ids)])
