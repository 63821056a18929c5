"""Backups: a copy of one moment beside a manifest that says when it must be destroyed, because erasure reaches backups too.

SQLite by its online backup (https://www.sqlite.org/backup.html), PostgreSQL by pg_dump and pg_restore.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitor.store.engine import Database

FORM = "qulaq-backup-1"


class BackupFault(Exception):
    """A backup that cannot be made or used; the message is one line: what, where, how to mend."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a backup without opening it; it lies beside it as FILE.manifest.json."""

    made_at: str
    expires_at: str
    kind: str                        # sqlite, postgresql
    sha256: str
    bytes: int
    format: str = FORM

    def expired(self, now: datetime) -> bool:
        """Whether it should have been destroyed by now."""
        return now >= datetime.fromisoformat(self.expires_at)


def manifest_of(file: Path) -> Path:
    """Where the manifest of a backup lies."""
    return file.with_name(file.name + ".manifest.json")


def make(db: Database, out: Path, now: datetime, keep_days: int) -> Manifest:
    """Copy the database of this moment to `out`; it appears there whole or not at all. Raises BackupFault."""
    partial = out.with_name(out.name + ".partial")
    kind = db.engine.url.get_backend_name()
    try:
        _dump(db, partial) if kind == "postgresql" else _copy(Path(str(db.engine.url.database)), partial)
        os.chmod(partial, 0o600)
        made = Manifest(now.isoformat(), (now + timedelta(days=keep_days)).isoformat(), kind, _sha256(partial),
                        partial.stat().st_size)
        manifest_of(out).write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        partial.replace(out)
    except OSError as e:
        raise BackupFault(f"{out}: cannot be written: {e.strerror or e}") from e
    except sqlite3.Error as e:
        raise BackupFault(f"{db.name}: cannot be copied: {e}") from e
    finally:
        partial.unlink(missing_ok=True)
    return made


def manifest(file: Path) -> Manifest:
    """The manifest of a backup, its bytes checked against it. Raises BackupFault."""
    beside = manifest_of(file)
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
        if said.pop("format", None) != FORM:
            raise ValueError("another format")
        found = Manifest(**said)
        datetime.fromisoformat(found.expires_at)
    except OSError as e:
        raise BackupFault(f"{beside}: cannot be read: {e.strerror}; a backup is restored with its manifest") from e
    except (ValueError, TypeError, AttributeError) as e:
        raise BackupFault(f"{beside}: is no manifest of a backup; take the one that lay beside it") from e
    try:
        whole = _sha256(file) == found.sha256
    except OSError as e:
        raise BackupFault(f"{file}: cannot be read: {e.strerror}") from e
    if not whole:
        raise BackupFault(f"{file}: is damaged or was changed (its SHA-256 is not that of the manifest); take another backup")
    return found


def unpack(file: Path, found: Manifest, url: str, folder: Path) -> Path | None:
    """Restore: SQLite into a file in `folder`, which is returned and is not yet in its place; PostgreSQL into its database."""
    if found.kind == "sqlite":
        target = folder / "restored.db"
        shutil.copyfile(file, target)
        return target
    _run("pg_restore", ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname", url, str(file)])
    return None


def _copy(source: Path, out: Path) -> None:
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as a, closing(sqlite3.connect(out)) as b:
        a.backup(b, pages=4096)
        b.execute("PRAGMA journal_mode=DELETE")     # one file, without a log beside it


def _dump(db: Database, out: Path) -> None:
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    _run("pg_dump", ["--format=custom", "--file", str(out), "--dbname", url])


def _run(program: str, words: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupFault(f"{program} is not installed; on Debian: apt-get install postgresql-client")
    done = subprocess.run([found, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[0]
        mend = f"; install the {program} of the server's version" if "version" in why else ""
        raise BackupFault(f"{program}: {why.removeprefix(f'{program}: ').removeprefix('error: ')[:300]}{mend}")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def scrub(db: Database) -> None:
    """After an erasure: what was overwritten must not linger in the log (SQLite) or in dead rows (PostgreSQL).

    Where a reader of the moment holds the log, the next checkpoint empties it.
    """
    if db.engine.url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(db.engine.url.database), timeout=5.0)) as c:
            c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.exec_driver_sql("VACUUM")
