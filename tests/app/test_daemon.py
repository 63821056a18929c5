"""`run -c FILE` as an operator leaves it running: a config edited under it, a broken edit, kill -9, an unreachable source."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import program
import pytest
from sqlalchemy import func, select

from monitor.store.engine import Database
from monitor.store.tables import post, source, verdict
from ticketing.register import verify
from ticketing.store import count_tickets

ROOT = Path(__file__).resolve().parents[2]
REQUEST = "Акимат Павлодара! На улице {} у дома {} третий день нет воды, примите меры"


class Daemon:
    """The program in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "qulaq.yaml"
        self.log = folder / "log"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process: program.Program | None = None
        self.db = Database(f"sqlite:///{folder}/q.db")

    def write(self, *sources: str) -> None:
        self.config.write_text(f"database: sqlite:///{self.folder}/q.db\nweb: {{port: {self.port}}}\nsources:\n"
                               + "".join(f"- {s}\n" for s in sources))

    def posts(self, name: str, *rows: dict) -> str:
        (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        return f"{{name: {name}, network: replay, path: {name}.jsonl}}"

    def start(self) -> None:
        self.process = program.start("run", "-c", str(self.config), stderr=self.log)
        self.until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1).status == 200)

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except Exception:
                assert self.process is not None
                assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(f"did not come true; the log says:\n{self.log.read_text()[-3000:]}")

    def tickets(self) -> int:
        with self.db.reading() as c:
            return count_tickets(c)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(20)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    made.db.close()


def request(n: int) -> dict:
    return {"id": n, "source": "vk", "author": f"a{n}", "created_at": "2026-11-20T10:00:00+05:00", "text": REQUEST.format("Естая", n)}


def test_a_config_is_edited_under_it(daemon: Daemon) -> None:
    first = daemon.posts("first", request(1), request(2))
    daemon.write(first)
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 2)
    second = daemon.posts("second", request(3))
    daemon.config.write_text(daemon.config.read_text() + "- {name: broken, network: rsss}\n")
    daemon.until(lambda: "config not taken over" in daemon.log.read_text())
    assert 'no network \\"rsss\\"' in daemon.log.read_text()
    assert daemon.tickets() == 2
    daemon.write(first, second)
    daemon.until(lambda: daemon.tickets() == 3)
    daemon.write(second)
    def off() -> bool:
        with daemon.db.reading() as c:
            return c.execute(select(source.c.state).where(source.c.name == "first")).scalar_one() == "off"
    daemon.until(off)
    assert daemon.stop() == 0


def test_an_emptied_config_is_no_config(daemon: Daemon) -> None:
    """A full disk or an editor between two steps; an empty file would be valid and stop every source."""
    first = daemon.posts("first", request(1))
    daemon.write(first)
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 1)
    daemon.config.write_text("")
    daemon.until(lambda: "is empty; the old config stays" in daemon.log.read_text())
    with daemon.db.reading() as c:
        assert c.execute(select(source.c.state).where(source.c.name == "first")).scalar_one() == "up"
    daemon.write(first, daemon.posts("second", request(2)))
    daemon.until(lambda: daemon.tickets() == 2)
    assert daemon.stop() == 0


def test_knowledge_is_edited_under_it(daemon: Daemon) -> None:
    """Every file of the folder: names, surge rules and the calendar. A broken one is said and the old one stays."""
    knowledge = daemon.folder / "knowledge"
    shutil.copytree(ROOT / "config" / "knowledge", knowledge)
    daemon.write(daemon.posts("first", request(1)))
    whole = daemon.config.read_text()
    daemon.config.write_text(f"knowledge: knowledge\n{whole}")
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 1)

    def said(words: str) -> Callable[[], bool]:
        return lambda: words in daemon.log.read_text()

    for name in ("topics.yaml", "surges.yaml", "holidays.yaml"):
        file = knowledge / name
        good = file.read_text()
        file.write_text(good + "\nbroken: [\n")
        daemon.until(said(f"{name}:"))
        file.write_text(good)
    taken = daemon.log.read_text().count("config taken over")
    aliases = knowledge / "aliases.yaml"
    aliases.write_text(aliases.read_text().replace('"551000000": [', '"551000000": [Каланиково, ', 1))
    daemon.until(lambda: daemon.log.read_text().count("config taken over") > taken)
    daemon.posts("first", request(1), {**request(2), "text": "Акимат Каланиково! Третий день нет воды, примите меры"})
    daemon.until(lambda: daemon.tickets() == 2)
    with daemon.db.reading() as c:
        assert set(c.execute(select(verdict.c.akimat)).scalars()) == {"551000000"}
    assert daemon.stop() == 0


def test_a_locked_database_stops_neither_a_reload_nor_the_daemon(daemon: Daemon) -> None:
    first = daemon.posts("first", request(1))
    daemon.write(first)
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 1)
    with closing(sqlite3.connect(daemon.folder / "q.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        daemon.write(first, daemon.posts("second", request(2)))
        daemon.until(lambda: "the config waits to be taken over" in daemon.log.read_text(), 60)
        other.execute("ROLLBACK")
    daemon.until(lambda: daemon.tickets() == 2, 40)
    assert daemon.stop() == 0


def test_killed_and_started_again_it_goes_on_and_repeats_nothing(daemon: Daemon) -> None:
    daemon.write(daemon.posts("many", *(request(n) for n in range(400))))
    daemon.start()
    daemon.until(lambda: daemon.tickets() > 20)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 400)
    with daemon.db.reading() as c:
        assert c.execute(select(func.count()).select_from(post)).scalar_one() == 400
        assert verify(c).broken == ()
    assert daemon.stop() == 0


def test_an_unreachable_source_is_one_line_and_the_rest_goes_on(daemon: Daemon) -> None:
    daemon.write("{name: gone, network: rss, url: 'http://127.0.0.1:9/feed', every: 1s}", daemon.posts("here", request(1)))
    daemon.start()
    daemon.until(lambda: daemon.tickets() == 1)
    time.sleep(3)
    said = [line for line in daemon.log.read_text().splitlines() if '"gone"' in line]
    assert len(said) == 1, said
    assert "source is down" in said[0]
    assert daemon.stop() == 0


def test_a_config_broken_while_it_starts_does_not_stop_it(daemon: Daemon) -> None:
    first = daemon.posts("first", request(1))
    daemon.write(first)
    daemon.start()
    daemon.config.write_text("offices: [\n")
    daemon.until(lambda: "config not taken over" in daemon.log.read_text())
    daemon.write(first, daemon.posts("second", request(2)))
    daemon.until(lambda: daemon.tickets() == 2)
    assert daemon.stop() == 0


def test_it_stops_when_it_is_told_to_however_early(daemon: Daemon) -> None:
    """asyncio.wait_for of Python 3.11 may swallow a cancellation; asyncio.timeout does not."""
    daemon.write(daemon.posts("many", *(request(n) for n in range(50))))
    for wait in (0.0, 0.03, 0.06, 0.09, 0.12, 0.15):
        daemon.start()
        time.sleep(wait)
        assert daemon.stop() == 0


@pytest.mark.parametrize(("change", "said"), [
    (("{port", "{host: no.such.host.invalid, port"), "no.such.host.invalid:"),
    (("/q.db", "/no/q.db"), "/no/q.db: unable to open database file; its folder must exist and let us write"),
    (("/q.db", "/junk.db"), "/junk.db: file is not a database"),
])
def test_what_it_cannot_start_with_is_one_line(daemon: Daemon, change: tuple[str, str], said: str) -> None:
    (daemon.folder / "junk.db").write_bytes(b"no database at all " * 500)
    daemon.write(daemon.posts("first", request(1)))
    daemon.config.write_text(daemon.config.read_text().replace(*change))
    assert program.start("run", "-c", str(daemon.config), stderr=daemon.log).wait() == 2
    told = daemon.log.read_text()
    assert said in told
    assert told.count("\n") == 1
