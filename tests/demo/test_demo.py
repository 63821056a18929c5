"""The demo as somebody meets it: one command, a feed behind a sign-in, and nothing lost when it is killed."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import program

ROOT = Path(__file__).resolve().parents[2]


def test_once_registers_at_least_fifty_and_says_so_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "run_monitor.py"), "demo", "--once", "--json", "--data", str(tmp_path)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert set(summary) == {"posts", "addressed", "tickets", "triage", "surges"}
    assert summary["tickets"] >= 50
    assert summary["surges"] >= 2
    assert str(tmp_path / "qulaq.db") in done.stderr
    held = program.run("register", "verify", "--db", f"sqlite:///{tmp_path}/qulaq.db")
    assert held.returncode == 0, held.stdout
    again = program.run("demo", "--once", "--json", "--data", str(tmp_path))
    assert json.loads(again.stdout.splitlines()[-1]) == summary


@contextmanager
def running(folder: Path) -> Iterator[tuple[program.Program, str]]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    process = program.start("demo", "--port", str(port), "--data", str(folder), stderr=folder / "log")
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=1).read()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield process, address
    finally:
        process.kill()
        process.wait()


def test_the_feed_is_behind_a_sign_in_and_survives_kill_9(tmp_path: Path) -> None:
    with running(tmp_path) as (process, address):
        page = urllib.request.urlopen(f"{address}/", timeout=5)
        assert page.url.startswith(f"{address}/login")
        assert "pvl.press" in page.read().decode()
        time.sleep(2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(tmp_path) as (process, address):
        assert urllib.request.urlopen(f"{address}/login", timeout=5).status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not re.search("Traceback", (tmp_path / "log").read_text())
    held = program.run("register", "verify", "--db", f"sqlite:///{tmp_path}/qulaq.db")
    assert held.returncode == 0, held.stdout


def test_a_second_demo_does_not_wipe_away_the_first(tmp_path: Path) -> None:
    """Without --data the folder begins anew: it must not do so under a demo that is running."""
    with running(tmp_path / "data" / "demo") as (_, address):
        second = program.run("demo", "--port", "0", cwd=tmp_path)
        assert second.returncode == 2
        assert second.stderr.strip() == "qulaq: data/demo: another demo runs here; stop it, or give this one a folder: --data DIR"
        once = program.run("demo", "--once", "--json", cwd=tmp_path)
        assert once.returncode == 0, once.stderr
        assert urllib.request.urlopen(f"{address}/login", timeout=5).status == 200


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = program.run("demo", "--once", "--data", str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"qulaq: {tmp_path}/file: the demo cannot keep its state here: ")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        done = program.run("demo", "--port", str(s.getsockname()[1]), "--data", str(tmp_path))
    assert done.returncode == 2
    assert "is taken" in done.stderr.splitlines()[-1]
