"""What an operator writes under `web:` reaches the pages."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from test_daemon import Daemon


def test_a_machine_reads_the_figures_with_the_token_of_the_config(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    (tmp_path / "token").write_text("figures-for-prometheus\n")
    daemon.config.write_text(f"database: sqlite:///{tmp_path}/q.db\nsources: []\n"
                             f"web: {{port: {daemon.port}, metrics_token: {{file: token}}, behind_proxy: true}}\n")
    daemon.start()
    try:
        assert daemon_says(daemon, "figures-for-prometheus") == 200
        assert daemon_says(daemon, "something else") == 401
    finally:
        daemon.process.kill()
        daemon.process.wait()
        daemon.db.close()


def daemon_says(daemon: Daemon, token: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}/metrics", headers={"Authorization": f"Bearer {token}"})
    try:
        return urllib.request.urlopen(request, timeout=3).status
    except urllib.error.HTTPError as e:
        return e.code
