"""What somebody who owns the database could do to the register, found by `register verify` and by the offline verifier."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import delete, func, insert, select, update

from monitor.cli import main
from ticketing.register import GENESIS, canonical, entry_hash
from ticketing.tables import entry, head

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("prev_hash", "office", "seq", "ticket", "at", "actor", "action", "details")


def rows(c, office=PAVLODAR):
    return [dict(r._mapping) for r in c.execute(select(entry).where(entry.c.office == office).order_by(entry.c.seq))]


def rewritten(c, change: Callable[[list[dict]], list[dict]], office: str = PAVLODAR) -> None:
    """Change the entries, compute the whole chain anew, and mend the head."""
    made, previous = [], GENESIS
    for seq, row in enumerate(change(rows(c, office)), 1):
        row |= {"seq": seq, "prev_hash": previous}
        row["hash"] = previous = entry_hash(*(row[name] for name in COLUMNS))
        made.append(row)
    c.execute(delete(entry).where(entry.c.office == office))
    c.execute(insert(entry), made)
    c.execute(update(head).where(head.c.office == office).values(seq=len(made), hash=previous, at=made[-1]["at"]))


def edit(c):
    c.execute(update(entry).where(entry.c.office == PAVLODAR, entry.c.seq == 3).values(
        details=func.replace(entry.c.details, "complaint", "response")))


def reorder(c):
    for a, b in ((3, 90), (4, 3), (90, 4)):
        c.execute(update(entry).where(entry.c.office == PAVLODAR, entry.c.seq == a).values(seq=b))


def backdate(c):
    c.execute(update(entry).where(entry.c.office == PAVLODAR, entry.c.seq == 4).values(at="2026-11-20T05:00:00.000000+00:00"))


def backdate_and_rehash(c):
    def change(found):
        found[-1]["at"] = "2026-11-20T05:00:00.000000+00:00"
        return found
    rewritten(c, change)


def truncate(c):
    """The tail with its tickets, and the head wound back: whole, but shorter."""
    def change(found):
        return found[:-2]
    rewritten(c, change)
    numbers = json.loads(json.dumps(c.execute(select(head.c.numbers).where(head.c.office == PAVLODAR)).scalar_one()))
    c.execute(update(head).where(head.c.office == PAVLODAR).values(numbers={k: v - 1 for k, v in numbers.items()}))


def rewrite(c):
    def change(found):
        found[0]["details"] = canonical(json.loads(found[0]["details"]) | {"note": "forged"})
        return found
    rewritten(c, change)


HOW = {
    "edit": edit, "reorder": reorder, "backdate": backdate, "backdate and rehash": backdate_and_rehash,
    "truncate": truncate, "rewrite and rehash": rewrite,
    "delete": lambda c: c.execute(delete(entry).where(entry.c.office == PAVLODAR, entry.c.seq == 3)),
    "insert": lambda c: c.execute(insert(entry).values({**rows(c)[-1], "seq": 7})),
    "an office gone": lambda c: c.execute(delete(entry).where(entry.c.office == SEMEY)),
}
NEED_THE_HEAD = {"truncate", "rewrite and rehash", "an office gone"}


def offline(*words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-S", "-I", str(ROOT / "tools" / "verify_register.py"), *words],
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "key").write_text("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n")  # RFC 8032, 7.1, test 1
    path = tmp_path / "qulaq.yaml"
    path.write_text("register: {signing_key: {file: key}}\n")
    return str(path)


KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.fixture
def stand(db, service, staff, database_url, config, tmp_path, capsys):
    """A register of two offices and its signed head; what checks it with both verifiers."""
    for n, akimat in enumerate((PAVLODAR, SEMEY, PAVLODAR, PAVLODAR)):
        feed(db, service, (a_post(str(n), f"{TEXT} {n}-үй"), said(akimat=akimat)), now=NOW + timedelta(minutes=n))
    published = str(tmp_path / "head.json")
    assert main(["register", "head", "--db", database_url, "--out", published, "-c", config]) == 0
    assert capsys.readouterr().out == f"signed with {KEY}\n"

    def check(with_head: bool) -> tuple[int, int]:
        export = str(tmp_path / "export.jsonl")
        assert main(["register", "export", "--db", database_url, "--out", export]) == 0
        mine = main(["register", "verify", "--db", database_url, *(["--head", published, "--key", KEY] if with_head else [])])
        capsys.readouterr()
        theirs, out = offline(export, *([published, "--key", KEY] if with_head else []))
        assert ("BROKEN" in out) == (theirs == 1), out
        return mine, theirs
    check.published = published     # type: ignore[attr-defined]
    return check


def test_nothing_is_found_where_nothing_was_done(stand) -> None:
    assert (stand(False), stand(True)) == ((0, 0), (0, 0))


@pytest.mark.parametrize("how", HOW)
def test_tampering_is_found_by_both_verifiers(db, stand, how: str) -> None:
    with db.begin() as c:
        HOW[how](c)
    assert stand(True) == (1, 1)
    if how not in NEED_THE_HEAD:
        assert stand(False) == (1, 1)


def test_a_head_is_believed_only_with_its_signature(stand, database_url, config, tmp_path, capsys) -> None:
    made = json.loads(Path(stand.published).read_text())
    (touched := tmp_path / "touched.json").write_text(json.dumps(made | {"at": "2026-11-01T00:00:00+00:00"}))
    made.pop("signature")
    (bare := tmp_path / "bare.json").write_text(json.dumps(made))
    export = str(tmp_path / "export.jsonl")
    assert main(["register", "export", "--db", database_url, "--out", export]) == 0
    for path, mine, theirs in ((touched, 2, 2), (bare, 1, 1)):
        assert main(["register", "verify", "--db", database_url, "--head", str(path), "-c", config]) == mine
        assert offline(export, str(path), "--key", KEY)[0] == theirs
    said_ = capsys.readouterr()
    assert "signature does not fit" in said_.err
    assert "not signed, though a key is configured" in said_.out


def test_the_offline_verifier_says_in_one_line_what_it_cannot_use(tmp_path) -> None:
    (damaged := tmp_path / "x").write_text('{"office": "1"}\n')
    for words in ((str(tmp_path / "none"),), (str(damaged),), (str(damaged), str(damaged)), ()):
        status, out = offline(*words)
        assert (status, out.count("\n"), "Traceback" in out) == (2, 1, False)


def test_the_offline_verifier_needs_nothing_but_the_standard_library() -> None:
    text = (ROOT / "tools" / "verify_register.py").read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.M)) <= {"hashlib", "json", "sys", "datetime"}
