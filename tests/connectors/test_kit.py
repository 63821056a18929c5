"""Someone outside writes a connector in one file and proves it: the example package, installed as a package is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import connectors

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "example-connector"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as an installer leaves it: its module and the metadata with its entry point."""
    (tmp_path / "qulaq_ekran.py").write_text((EXAMPLE / "qulaq_ekran.py").read_text())
    about = tmp_path / "qulaq_ekran-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qulaq-ekran\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[qulaq.connectors]\nekran = qulaq_ekran:Ekran\nbroken = qulaq_nowhere:X\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    connectors._installed.cache_clear()
    yield tmp_path
    connectors._installed.cache_clear()
    sys.modules.pop("qulaq_ekran", None)


def test_an_installed_package_registers_its_network_and_a_broken_one_stops_nothing(installed: Path) -> None:
    from monitor.setting import models
    assert "ekran" in connectors.networks()
    assert connectors.find("ekran").name == "ekran"
    with pytest.raises(connectors.UnknownNetwork, match="cannot be loaded"):
        connectors.find("broken")
    assert {"ekran", "rss"} <= set(models())
    assert "broken" not in models()


def test_the_example_proves_itself_in_under_a_hundred_lines(installed: Path) -> None:
    test = EXAMPLE / "tests" / "test_ekran.py"
    assert len(test.read_text().splitlines()) < 100
    env = {**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(test)], cwd=installed,
                          env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
