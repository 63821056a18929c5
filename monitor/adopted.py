"""The folder of adopted models: every version under the hash of its bytes, and which one is in force for each target.

It is written by `qulaq learn adopt` and read by the daemon, at the start and whenever it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from pathlib import Path

import msgspec

from monitor.core.registry import Registry
from monitor.learning.archive import BrokenModel, digest, unpack
from monitor.learning.history import BadExample, Label, as_example
from monitor.learning.inforce import TARGETS, InForce, Learned, unfit

IN_FORCE = "in-force.json"
"""For each target the names of the versions that were in force; the last one is."""

SAMPLE = ".sample.jsonl"
"""After the digest of its rows, by which `fit --apart` knows it: the frozen sample that models are compared on."""


class BrokenList(ValueError):
    """The list of what is in force cannot be read; the message says why, for people."""


def versions(folder: Path) -> dict[str, list[str]]:
    """The names of the versions by target, oldest first; empty where nothing was adopted yet. Raises BrokenList."""
    path = folder / IN_FORCE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[str]])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as e:
        raise BrokenList(f"{path}: cannot be read ({e}); restore it from a backup") from e


def put(folder: Path, target: str, name: str, data: bytes, sample: Path) -> None:
    """Keep a version and its sample and put it into force: first the files, then, in one rename, the list.

    Raises OSError, BrokenList.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = versions(folder)
    kept = folder / f"{unpack(data).facts.apart}{SAMPLE}"
    if not kept.exists():
        kept.touch(mode=0o600)      # it holds texts
        kept.write_bytes(sample.read_bytes())
    (folder / f"{name}.model").write_bytes(data)
    fresh = folder / f"{IN_FORCE}.tmp"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode({**known, target: [*known.get(target, []), name]}), indent=2))
    fresh.replace(folder / IN_FORCE)


FORGOTTEN = ".forgotten"
"""After the name that a sample had before rows of it were erased; within, the name that it has now."""


def sample_name(rows: Iterable[tuple[Label, str]]) -> str:
    """A name for the rows of a sample: their ids and texts."""
    return digest(msgspec.json.encode(list(rows)))


def sample_now(folder: Path, name: str) -> str:
    """What the sample that once had this name is called now: an erasure may have taken rows out of it."""
    for _ in range(10_000):
        moved = folder / f"{Path(name).name}{FORGOTTEN}"
        if not moved.is_file():
            break
        name = moved.read_text(encoding="ascii").strip()
    return name


def forget(folder: Path, texts: Collection[str], *, dry_run: bool = False) -> int:
    """Take the rows with these texts out of the frozen samples of a folder. Returns how many rows. Raises OSError.

    First the new file, then the pointer from the old name, then the old file goes: a kill leaves at worst both.
    """
    wanted = {plain(text) for text in texts if plain(text)}
    gone = 0
    for path in sorted(folder.glob(f"*{SAMPLE}")) if wanted else ():
        kept: list[bytes] = []
        rows: list[tuple[Label, str]] = []
        lines = path.read_bytes().splitlines(keepends=True)
        for line in lines:
            try:
                row = as_example(msgspec.json.decode(line), None, ())
            except (msgspec.DecodeError, UnicodeDecodeError, BadExample):
                if any(word in plain(line.decode("utf-8", "replace")) for word in wanted):
                    continue
                kept.append(line)
                continue
            if plain(row.text) not in wanted:
                kept.append(line)
                rows.append((row.id, row.text))
        if len(kept) == len(lines):
            continue
        gone += len(lines) - len(kept)
        if dry_run:
            continue
        old, new = path.name.removesuffix(SAMPLE), sample_name(rows)
        fresh = folder / f"{new}{SAMPLE}"
        fresh.touch(mode=0o600)     # it holds texts
        fresh.write_bytes(b"".join(kept))
        (folder / f"{old}{FORGOTTEN}").write_text(new, encoding="ascii")
        path.unlink()
    return gone


def plain(text: str) -> str:
    """A text as it is compared: without case and the width of blanks."""
    return " ".join(text.casefold().split())


def in_force(folder: Path, topics: Container[str], units: Registry) -> Learned:
    """The models in force in a folder; a line for each that is damaged or does not fit, so that the others work."""
    try:
        listed = versions(folder)
    except BrokenList as e:
        return Learned(faults=dict.fromkeys(TARGETS, str(e)), units=units)
    models: dict[str, InForce] = {}
    faults: dict[str, str] = {}
    for target in TARGETS:
        if not listed.get(target):
            continue
        name = listed[target][-1]
        path = folder / f"{Path(name).name}.model"
        try:
            data = path.read_bytes()
            if digest(data) != name:
                raise BrokenModel("was changed after it was adopted")
            model = unpack(data)
            if (why := unfit(target, model, topics)) is not None:
                raise BrokenModel(why)
            models[target] = InForce(name, model)
        except OSError as e:
            faults[target] = f"{path}: cannot be read ({e.strerror}); adopt the model again"
        except BrokenModel as e:
            faults[target] = f"{path}: {e}; restore it or adopt another"
    return Learned(models, faults, units)
