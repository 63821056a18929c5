"""`check` as an operator meets it: all that is wrong in one go, exit 1; what is no config at all in one line, exit 2."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from monitor.cli import main

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "config" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_passes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(path)]) == 0, capsys.readouterr()
    assert ": fine (" in capsys.readouterr().out


def test_every_error_is_a_line_of_its_own_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("webb: 1\nsources:\n- {name: a, network: rsss, home: 551000001}\n")
    assert main(["check", "-c", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f'{path}:1: webb: unknown option; did you mean "web"?',
        f'{path}:3: sources[0].home: no akimat has the KATO code 551000001; did you mean "551000000"?',
        f'{path}:3: sources[0].network: no network "rsss"; did you mean "rss"?']
    assert said.err.splitlines() == [f"{path}: 3 errors"]


def test_what_cannot_be_read_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    for path in (tmp_path, tmp_path / "absent", tmp_path / "binary"):
        assert main(["check", "-c", str(path)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"qulaq: {path}: ")
        assert said.err.count("\n") == 1


def test_a_config_may_come_through_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be read only once: read twice, the second reading would be empty and every error "fine"."""
    out, into = os.pipe()
    os.write(into, b"webb: 1\n")
    os.close(into)
    try:
        assert main(["check", "-c", f"/dev/fd/{out}"]) == 1
    finally:
        os.close(out)
    assert "webb: unknown option" in capsys.readouterr().out


def test_online_a_wrong_token_of_the_staff_bot_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """No source polls this bot; the program itself will."""
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b'{"ok": false, "error_code": 401, "description": "Unauthorized"}'
            self.send_response(401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - named by http.server

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("QULAQ_T", "12345:not-the-token-of-any-bot-anywhere")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "q.yaml"
        path.write_text(f"telegram: {{token: {{env: QULAQ_T}}, api_url: 'http://127.0.0.1:{server.server_port}'}}\n")
        assert main(["check", "--online", "-c", str(path)]) == 1
        server.shutdown()
    said = capsys.readouterr()
    assert "telegram-bot: AuthError: Telegram: the token is not valid" in said.out
    assert "not-the-token" not in said.out + said.err
