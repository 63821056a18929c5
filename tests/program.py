"""The program as a process of its own, forked from one that has imported it: two seconds' work that no test is about.

It runs the same script with its own pid, streams, folder and environment, and dies by a signal as it would anywhere. Started as
the user starts it, by `python run_monitor.py`, it is in tests/demo, and for what is killed in tests/ingest.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Program:
    """A running `qulaq …`, with what a subprocess.Popen offers."""

    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs; a signal that ended it counts below zero."""
        if self.returncode is None:
            self.returncode = _ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 30.0) -> int:
        """Its exit status. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
            time.sleep(0.01)
        return status

    def send_signal(self, sign: signal.Signals) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        """As kill -9 does."""
        self.send_signal(signal.SIGKILL)


def start(*words: str, stderr: Path | None = None, stdout: Path = Path(os.devnull), cwd: Path = ROOT, env: Mapping[str, str] = {},
          script: Path = ROOT / "run_monitor.py") -> Program:
    """Run `qulaq WORDS`, or another script, in the folder `cwd`; what it says is added to the files, `env` to the environment."""
    files = [os.devnull, str(stdout), *([str(stderr)] if stderr else [])]
    return Program(_ask(words=[str(script), *words], files=files, cwd=str(cwd), env=dict(env)))


def run(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `qulaq WORDS` to its end; its status and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        status = start(*words, stdout=out, stderr=err, cwd=cwd).wait(120.0)
        return subprocess.CompletedProcess(words, status, out.read_text(), err.read_text())


@cache
def _mother() -> subprocess.Popen[bytes]:
    made = subprocess.Popen([sys.executable, __file__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", "PYTHONUNBUFFERED": "1"})
    atexit.register(made.communicate)
    return made


def _ask(**what: Any) -> Any:
    mother = _mother()
    assert mother.stdin is not None
    assert mother.stdout is not None
    mother.stdin.write(json.dumps(what).encode() + b"\n")
    mother.stdin.flush()
    return json.loads(mother.stdout.readline())


def serve() -> None:
    """The process that forks: a line of JSON in, a line out, until its caller is gone."""
    import once

    from config.surges import load_rules
    from monitor.setting import models

    for command in ("demo", "ingest", "register", "run"):
        import_module(f"monitor.commands.{command}")
    once.bundled()
    models()
    load_rules()        # a package with a file for every country on earth
    gc.collect()
    gc.freeze()         # or each child goes through all of it again when it ends
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        if (running := asked.get("poll")) is not None:
            done, status = os.waitpid(running, os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if done else None), flush=True)
        elif (pid := os.fork()) != 0:
            print(pid, flush=True)
        else:
            for number, file in enumerate(asked["files"]):
                os.dup2(os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
            os.chdir(asked["cwd"])
            os.environ.update(asked["env"])
            script, *_ = sys.argv = asked["words"]
            sys.path.insert(0, str(Path(script).parent))    # as python itself does
            runpy.run_path(script, run_name="__main__")
            raise SystemExit(0)


if __name__ == "__main__":
    serve()
