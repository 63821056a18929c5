"""Two surges for the pages: a campaign in one town, a burst main in the other, on posts that the real parts stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from web_scene import PAVLODAR, SEMEY, one

from monitor.store.engine import Database
from tests.surges.scene import CAMPAIGN, MAIN, tell, verdict, watch_posts
from ticketing.service import Service

TEXT = "Акимат! Верните автобус №12, звоните +7 701 000 11 22, пишите @boss_of_it <script>alert(1)</script>"


def put_surges(db: Database, service: Service, now: datetime) -> list[int]:
    """The posts of the campaign; both surges are told."""
    def ago(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes)

    ids = [one(db, service, f"c{i}", TEXT + "!" * (i + 1), ago(20 - i), network="vk", topic="public_transport", language="ru")
           for i in range(5)]
    main = [one(db, service, f"w{i}", f"Су жоқ, {i} үй", ago(40 - i), topic="water", akimat=SEMEY) for i in range(6)]
    watch_posts(db, ids, ago(20), PAVLODAR, "public_transport")
    watch_posts(db, main, ago(40), SEMEY, "water", 100)
    bus = {"akimat": PAVLODAR, "topic": "public_transport"}
    tell(db, [verdict(MAIN, 105, ago(30), "organic", 6, main, akimat=SEMEY, topic="water", kind="volume", score=0.02, observed=6,
                      expected=0.2, signals=[]),
              verdict(CAMPAIGN, 3, ago(17), "inconclusive", 3, ids[:3], score=0.3, **bus),
              verdict(CAMPAIGN, 5, ago(15), "coordinated", 5, ids, **bus)], now)
    return ids
