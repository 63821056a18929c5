"""The `ingest` command as an operator runs it: summary, repeats, bad lines, and kill -9 in the middle."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from program import run as command

from bench.kills import counts, killed_run
from bench.posts import write
from monitor.store.engine import Database
from ticketing.register import verify

REQUEST = "Акимат Павлодара! На улице {} у дома {} третий день нет воды, примите меры"


def lines(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def summary(done: subprocess.CompletedProcess[str]) -> dict:
    return json.loads(done.stdout.splitlines()[-1])


def test_posts_are_stored_numbered_and_swallowed_when_they_come_again(tmp_path: Path, database_url: str) -> None:
    rows = [{"id": i, "source": "vk", "author": f"a{i}", "created_at": "2026-11-20T10:00:00+05:00",
             "text": REQUEST.format("Естая", i)} for i in range(1, 6)]
    rows += [{"id": f"x{i}", "source": "vk", "text": f"продам диван {i}, торг"} for i in range(5)]
    file = lines(tmp_path / "in.jsonl", rows)
    first = command("ingest", file, "--db", database_url, "--json")
    assert first.returncode == 0, first.stderr
    assert {k: v for k, v in summary(first).items() if k != "seconds"} == {
        "posts": 10, "new": 10, "duplicates": 0, "tickets": 5, "triage": 0}
    again = summary(command("ingest", file, "--db", database_url, "--json"))
    assert (again["new"], again["duplicates"], again["tickets"]) == (0, 10, 5)
    shown = command("register", "show", "аж-551-2026-3", "--db", database_url)
    assert "register" in shown.stdout
    assert "assign" in shown.stdout
    held = command("register", "verify", "--db", database_url)
    assert (held.returncode, "holds: 5 tickets" in held.stdout) == (0, True)


def test_bad_lines_are_named_and_skipped(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'{"id": 1, "text": "\xd0\xb0"}\nnot json\n\n{"text": "no id"}\n\xff\xfe\n{"id": 2, "text": null}\n'
                     b'{"id": 3, "created_at": "yesterday", "text": "x"}\n')
    done = command("ingest", str(file), "--db", f"sqlite:///{tmp_path}/q.db", "--json")
    assert done.returncode == 1
    assert summary(done)["posts"] == 2
    for number in (2, 4, 5, 7):
        assert f"in.jsonl:{number}: " in done.stderr


def test_lines_as_other_programs_write_them_are_read(tmp_path: Path) -> None:
    """A byte order mark and CRLF (Windows), a text cut in the middle of an emoji, an author who is a number."""
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"id": 1, "text": "a"}\r\n{"id": 2, "text": "\\ud83d\\ude00 b \\ud83d"}\r\n'
                     b'{"id": 123456789012345678901, "author": 5, "text": "c"}\n')
    done = command("ingest", str(file), "--db", f"sqlite:///{tmp_path}/q.db", "--json")
    assert (done.returncode, done.stderr, summary(done)["new"]) == (0, "", 3)
    done = command("judge", str(file), "--out", str(tmp_path / "out.jsonl"))
    assert (done.returncode, done.stderr) == (0, "")
    written = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == [1, 2, 123456789012345678901]


@pytest.mark.parametrize(("words", "says"), [
    (("ingest", "/nowhere/in.jsonl", "--db", "sqlite:///{tmp}/q.db"), "cannot be read"),
    (("ingest", "{tmp}/in.jsonl", "--db", "mysql://x"), "SQLite or PostgreSQL"),
    (("ingest", "{tmp}/in.jsonl", "--db", "sqlite:////nowhere/q.db"), "folder does not exist"),
    (("ingest", "{tmp}/in.jsonl", "--db", "sqlite:///{tmp}/q.db", "-c", "{tmp}/none.yaml"), "none.yaml"),
    (("ingest", "{tmp}/in.jsonl", "--db", "sqlite://"), "names no file"),
    (("ingest", "{tmp}/in.jsonl", "--db", "sqlite:///{tmp}"), "unable to open"),
    (("ingest", "{tmp}/in.jsonl", "--db", "sqlite:///{tmp}/foreign.db"), "another program"),
    (("register", "verify", "--db", "sqlite:///{tmp}/none.db"), "no such database"),
    (("register", "verify", "--db", "sqlite:///{tmp}/empty.db"), "no register in it"),
    (("register", "export", "--out", "{tmp}/x", "--db", "sqlite:///{tmp}/empty.db"), "no register in it"),
    (("register", "verify", "--db", "sqlite:///{tmp}/foreign.db"), "no register in it"),
    (("ingest",), "required"), (("nonsense",), "invalid choice"),
])
def test_what_cannot_be_used_is_one_line_and_exit_2(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "a"}\n')
    (tmp_path / "empty.db").touch()
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE entry (id)")
    foreign.close()
    done = command(*(w.format(tmp=tmp_path) for w in words))
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_received_is_now_or_when_the_post_was_written(tmp_path: Path) -> None:
    file = lines(tmp_path / "in.jsonl", [{"id": 1, "source": "vk", "created_at": "2025-12-31T23:30:00+05:00",
                                          "text": REQUEST.format("Ломова", 7)}])
    command("ingest", file, "--db", f"sqlite:///{tmp_path}/a.db", "--as-of-post")
    shown = command("register", "show", "551-2026-000001", "--db", f"sqlite:///{tmp_path}/a.db")
    # received after hours on the last day of 2025, registered on the first working day of 2026: a number of 2026
    assert "ӘЖ-551-2026-000001" in shown.stdout
    assert '"received_at":"2025-12-31T18:30:00+00:00"' in shown.stdout


def test_killed_three_times_nothing_is_lost_or_doubled(tmp_path: Path, database_url: str) -> None:
    posts = 5000
    file = write(tmp_path / "posts.jsonl", posts)
    clean = f"sqlite:///{tmp_path}/clean.db"
    assert command("ingest", str(file), "--db", clean).returncode == 0
    assert killed_run(file, database_url, posts, kills=3, seed=7) >= 1
    assert counts(database_url) == counts(clean)
    db = Database(database_url)
    with db.reading() as c:
        proof = verify(c)
    db.close()
    assert proof.broken == ()
    assert proof.tickets == counts(clean)["ticket"] > 400
