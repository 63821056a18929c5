"""`run -c FILE` with a folder of adopted models: one that comes into force while it runs, and one that is damaged under it."""

from __future__ import annotations

import json

from sqlalchemy import select
from test_daemon import Daemon, daemon, request

from monitor.learning.archive import digest, pack
from monitor.learning.history import as_example
from monitor.learning.model import fit
from ticketing.tables import ticket

__all__ = ["daemon"]


def test_a_model_is_adopted_and_damaged_under_it(daemon: Daemon) -> None:
    def topics() -> list[str]:
        with daemon.db.reading() as c:
            return list(c.execute(select(ticket.c.topic).order_by(ticket.c.id)).scalars())

    def arrive(*numbers: int) -> None:
        sources = [daemon.posts(f"s{n}", request(n)) for n in numbers]
        daemon.write(*sources)
        daemon.config.write_text(f"models: models\n{daemon.config.read_text()}")

    rows = [{"id": n, "text": f"{what}, примите меры {n}", "topic": topic}
            for n, (what, topic) in enumerate([("нет воды в доме третий день", "power"), ("яма на дороге", "roads")] * 40)]
    data = pack(fit([as_example(row, "topic", ()) for row in rows], "topic"))
    folder = daemon.folder / "models"
    folder.mkdir()
    arrive(1)
    daemon.start()
    daemon.until(lambda: topics() == ["water"])
    (folder / f"{digest(data)}.model").write_bytes(data)
    (folder / "in-force.json").write_text(json.dumps({"topic": [digest(data)]}))
    daemon.until(lambda: "a learned model is in force" in daemon.log.read_text())
    arrive(1, 2)
    daemon.until(lambda: topics() == ["water", "power"])
    (folder / f"{digest(data)}.model").write_bytes(data[:-50])
    daemon.until(lambda: "the old one stays" in daemon.log.read_text())
    arrive(1, 2, 3)
    daemon.until(lambda: topics() == ["water", "power", "power"])
    assert daemon.stop() == 0
