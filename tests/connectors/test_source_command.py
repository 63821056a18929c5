"""`source list|test|record` as an operator uses them."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete, func, insert, select

import connectors
from connectors.base import Limit
from connectors.rss import Rss
from monitor.cli import main
from monitor.http import WebHttp
from monitor.limits import Account, Limiter, Paced
from monitor.store.engine import Database
from monitor.store.schema import upgrade
from monitor.store.tables import allowance, hole, post


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "posts.jsonl").write_text('{"id": 1, "author": "Aigul S.", "text": "Акимат Павлодара, где вода?"}\n{"id": 2, "text": "сәлем"}\nbroken\n')
    path = tmp_path / "qulaq.yaml"
    path.write_text(f"database: sqlite:///{tmp_path}/q.db\nsources:\n- {{name: file, network: replay, path: posts.jsonl}}\n"
                    "- {name: gone, network: rss, url: 'http://127.0.0.1:9/feed?token=s3cretT0ken'}\n")
    return path


def test_a_dry_run_prints_what_it_would_take_and_stores_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "file", "-c", str(config)]) == 0
    said = capsys.readouterr().out
    assert "Акимат Павлодара, где вода?" in said
    assert "2 posts would be taken" in said
    assert "1 unreadable" in said
    assert "1970" not in said, "a post without a time is said to have none"
    assert not (config.parent / "q.db").exists()


def test_an_unreachable_source_is_one_line_without_its_secret(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "gone", "-c", str(config)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("gone: Transient: ")
    assert len(said.strip().splitlines()) == 1
    assert "s3cretT0ken" not in said


def test_an_unknown_source_says_which_there_are(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "test", "nope", "-c", str(config)]) == 2
    assert "file, gone" in capsys.readouterr().err


def test_the_list_says_what_was_never_asked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["source", "list", "-c", str(config), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["name"], r["state"], r["last_ok_at"]) for r in rows] == [("file", "new", None), ("gone", "new", None)]


def test_a_backfill_fills_the_hole_goes_on_after_a_break_and_says_where_there_is_no_past(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "qulaq_ekran.py").write_text((Path(__file__).parents[2] / "docs/example-connector/qulaq_ekran.py").read_text())
    about = tmp_path / "qulaq_ekran-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qulaq-ekran\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[qulaq.connectors]\nekran = qulaq_ekran:Ekran\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    connectors._installed.cache_clear()
    asked: list[str] = []

    class Past(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            before = int(parse_qs(urlsplit(self.path).query).get("before", ["8"])[0])
            asked.append(str(before))
            status = 401 if asked == ["8", "6"] else 200          # the key is revoked after the first page
            page = [{"id": n, "html": f"Естая {n}: су жоқ", "at": 1772349330 + n, "by": "t"} for n in (before - 1, before - 2)]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"posts": page, "more": before > 4}).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Past)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("s3cret-t0ken")
    config = tmp_path / "qulaq.yaml"
    config.write_text(f"database: sqlite:///{tmp_path}/q.db\nsources:\n"
                      f"- {{name: kala, network: ekran, url: 'http://127.0.0.1:{server.server_port}', token: {{file: token}}}}\n"
                      f"- {{name: feed, network: rss, url: 'http://127.0.0.1:9/'}}\n")
    try:
        db = Database(f"sqlite:///{tmp_path}/q.db")
        upgrade(db)
        since = datetime(2026, 3, 1, tzinfo=UTC)
        with db.begin() as c:
            c.execute(insert(hole).values(source="kala", since=since, until=since + timedelta(hours=1), reason="HTTP 500"))
        assert main(["source", "backfill", "kala", "-c", str(config)]) == 1
        said = capsys.readouterr()
        assert "AuthError" in said.out
        assert "s3cret" not in said.out + said.err
        assert main(["source", "backfill", "kala", "-c", str(config), "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["new"] == 4
        assert asked == ["8", "6", "6", "4"]                    # it went on where it stood
        with db.reading() as c:
            assert c.execute(select(func.count()).select_from(post)).scalar_one() == 6
            assert c.execute(select(hole.c.filled_at)).scalar_one() is not None
        db.close()
        assert main(["source", "backfill", "feed", "-c", str(config)]) == 2
        assert "no history that can be asked for" in capsys.readouterr().err
        assert main(["check", "-c", str(config), "--online"]) == 1
        assert "kala: answers (2 posts)\n  reads 2 posts of the community" in capsys.readouterr().out
    finally:
        server.shutdown()
        server.server_close()
        connectors._installed.cache_clear()
        sys.modules.pop("qulaq_ekran", None)


def test_what_is_asked_by_hand_counts_for_the_daemon_and_an_order_to_wait_holds_for_both(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked, status = [], [200]

    class Feed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status[0])
            self.send_header("Retry-After", "700")
            self.end_headers()
            self.wfile.write(b"<rss version='2.0'><channel><title>t</title></channel></rss>")

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(Rss, "limits", (Limit("app", 5, 3600, ""),), raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = tmp_path / "qulaq.yaml"
    url = f"http://127.0.0.1:{server.server_port}/"
    config.write_text(f"database: sqlite:///{tmp_path}/q.db\nsources:\n- {{name: feed, network: rss, url: '{url}'}}\n")
    try:
        assert main(["source", "test", "feed", "-c", str(config)]) == 0
        db = Database(f"sqlite:///{tmp_path}/q.db")
        daemon, account = Limiter(db, lambda: datetime.now(UTC)), Account("rss", "source:feed", Rss.limits)  # type: ignore[attr-defined]

        async def polls() -> None:
            async with WebHttp() as http:
                for _ in range(4):
                    await Paced(http, daemon, account).get(url)
        asyncio.run(polls())
        assert main(["check", "--online", "-c", str(config)]) == 1
        assert "feed: OwnLimit: the network's limit 'app' (5 in 3600 s) is used up; ask again in " in capsys.readouterr().out
        assert len(asked) == 5
        with db.begin() as c:
            c.execute(delete(allowance))
        status[0] = 429
        assert main(["source", "record", "feed", "--out", str(tmp_path / "r.json"), "-c", str(config)]) == 1
        held, why = asyncio.run(Limiter(db, lambda: datetime.now(UTC)).wait(account, 1))
        assert (690 < held <= 700, "HTTP 429" in why) == (True, True)
        db.close()
    finally:
        server.shutdown()
        server.server_close()
