"""Roundup: issues with a message made through its own database layer, the way its mail gateway makes them, a commit each.

usage: python -m bench.peers.tracker prepare|work HOME HOST DATABASE USER [SECONDS]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from roundup import configuration, init, instance
from roundup.backends import get_backend
from roundup.date import Date


def prepare(home: str, host: str, database: str, user: str) -> None:
    """A tracker from the classic template."""
    templates = Path(sys.prefix) / "share" / "roundup" / "templates" / "classic"
    init.install(home, str(templates), {"rdbms_backend": "postgresql"})
    config = configuration.CoreConfig(home)
    for name, value in (("RDBMS_BACKEND", "postgresql"), ("RDBMS_NAME", database), ("RDBMS_HOST", host), ("RDBMS_USER", user),
                        ("RDBMS_PASSWORD", ""), ("TRACKER_WEB", "http://127.0.0.1/"), ("MAIL_DOMAIN", "example.invalid"),
                        ("MAILHOST", "127.0.0.1"), ("INDEXER", "native"), ("RDBMS_ALLOW_CREATE", True),
                        ("RDBMS_TEMPLATE", ""), ("MAIL_DEBUG", str(Path(home) / "mail.log"))):
        if name in {option.name for option in config.items()}:
            config[name] = value
    config.save(str(Path(home) / "config.ini"))
    get_backend("postgresql")
    from roundup.password import Password
    tracker = instance.open(home)
    if not tracker.exists():
        tracker.init(Password("admin", config=tracker.config))


def work(home: str, seconds: float) -> int:
    """Issues made in that time."""
    db = instance.open(home).open("admin")
    made, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        message = db.msg.create(author=db.getuid(), date=Date("."), content="No water for three days", summary="No water")
        db.issue.create(title="No water", messages=[message])
        db.commit()
        made += 1
    db.close()
    return made


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(*sys.argv[2:6])
    else:
        print(work(sys.argv[2], float(sys.argv[6])))
