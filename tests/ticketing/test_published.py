"""`register head`, `verify --head` and `export` as an auditor uses them, on both databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scene import PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import delete, update

from monitor.cli import main
from monitor.store.engine import Database
from ticketing.register import GENESIS, canonical, entry_hash
from ticketing.service import Service
from ticketing.tables import entry, head, sealed, ticket, ticket_post

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(database_url: str, capsys: pytest.CaptureFixture[str]) -> Command:
    """`register …` on the test's database: exit status, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["register", *words, "--db", database_url])
        said = capsys.readouterr()
        return status, said.out, said.err
    return run


@pytest.fixture
def published(db: Database, service: Service, staff: dict[str, int], command: Command, tmp_path: Path) -> str:
    """Three tickets of two offices, and the head published then."""
    for n, akimat in enumerate((PAVLODAR, SEMEY, PAVLODAR)):
        assert feed(db, service, (a_post(str(n), f"{TEXT} {n}-үй"), said(akimat=akimat))) == ["ticket"]
    path = str(tmp_path / "head.json")
    assert command("head", "--out", path) == (0, "", "")
    return path


def rewrite(c, office: str) -> None:
    """What somebody with the database in hand would do: change an entry and compute the whole chain anew."""
    previous = GENESIS
    for row in c.execute(entry.select().where(entry.c.office == office).order_by(entry.c.seq)).all():
        details = canonical(json.loads(row.details) | ({"note": "forged"} if row.seq == 1 else {}))
        hash_ = entry_hash(previous, office, row.seq, row.ticket, row.at, row.actor, row.action, details)
        c.execute(update(entry).where(entry.c.office == office, entry.c.seq == row.seq).values(
            details=details, prev_hash=previous, hash=hash_))
        previous = hash_
    c.execute(update(head).where(head.c.office == office).values(hash=previous))


def drop(c, office: str) -> None:
    """An office with everything it registered, without a trace."""
    mine = ticket.select().with_only_columns(ticket.c.id).where(ticket.c.office == office)
    c.execute(delete(ticket_post).where(ticket_post.c.ticket_id.in_(mine)))
    for table in (ticket, entry, head, sealed):
        c.execute(delete(table).where(table.c.office == office))


def test_what_grows_after_the_head_keeps_it_true(db, service, published, command) -> None:
    feed(db, service, (a_post("9", TEXT + " 9-үй"), said()), now=datetime.now(UTC))
    status, out, _ = command("verify", "--head", published)
    assert (status, "holds: 4 tickets" in out) == (0, True)


def test_what_is_entered_later_with_an_earlier_date_is_found(db, service, published, command) -> None:
    """A whole, well-chained entry of today that claims to be of yesterday: only the published head can know."""
    feed(db, service, (a_post("9", TEXT + " 9-үй"), said()))
    assert command("verify")[0] == 0
    status, out, _ = command("verify", "--head", published)
    assert (status, "backdated" in out) == (1, True)


@pytest.mark.parametrize(("how", "what"), [(rewrite, "not the entry that was published"), (drop, "vanished")])
def test_a_chain_that_is_whole_but_not_the_published_one_is_found(db, published, command, how, what) -> None:
    with db.begin() as c:
        how(c, SEMEY)
    assert command("verify")[0] == 0                # the chain alone cannot know
    status, out, _ = command("verify", "--head", published)
    assert status == 1
    assert f"office {SEMEY}, entry 2" in out
    assert what in out


def test_the_last_entry_is_missed_with_and_without_a_head(db, published, command) -> None:
    with db.begin() as c:
        c.execute(delete(entry).where(entry.c.office == PAVLODAR, entry.c.seq == 4))
    for more in ((), ("--head", published)):
        status, out, _ = command("verify", *more)
        assert (status, out.splitlines()[0].startswith(f"BROKEN: office {PAVLODAR}, entry 4: ")) == (1, True)


def test_a_head_that_was_touched_or_is_none_is_said(published, command, tmp_path) -> None:
    touched = tmp_path / "touched.json"
    made = json.loads(Path(published).read_text(encoding="utf-8"))
    made["heads"].pop()
    touched.write_text(json.dumps(made))
    other = tmp_path / "other.json"
    other.write_text("[]")
    for path, why in ((touched, "changed after it was published"), (other, "is no published head"), (tmp_path / "x", "cannot be read")):
        status, _, err = command("verify", "--head", str(path))
        assert (status, err.count("\n"), why in err) == (2, 1, True)


def test_the_export_is_enough_to_check_the_chain_elsewhere(published, command, tmp_path) -> None:
    """SHA-256 over a JSON array and a Merkle tree: nothing of ours is needed."""
    out = tmp_path / "export.jsonl"
    assert command("export", "--out", str(out))[0] == 0
    last: dict[str, tuple[int, str]] = {}
    for line in out.read_text(encoding="utf-8").splitlines():
        e = json.loads(line)
        seq, previous = last.get(e["office"], (0, "0" * 64))
        assert (e["seq"], e["prev_hash"]) == (seq + 1, previous)
        row = [e[name] for name in ("prev_hash", "office", "seq", "ticket", "at", "actor", "action", "details")]
        assert hashlib.sha256(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest() == e["hash"]
        assert TEXT[:20] not in line
        last[e["office"]] = e["seq"], e["hash"]
    made = json.loads(Path(published).read_text(encoding="utf-8"))
    assert [(h["office"], h["seq"], h["hash"]) for h in made["heads"]] == [(o, *last[o]) for o in sorted(last)]
    left, right = (hashlib.sha256(b"\0" + json.dumps([o, *last[o]], separators=(",", ":")).encode()).digest() for o in sorted(last))
    assert made["root"] == hashlib.sha256(b"\1" + left + right).hexdigest()


@pytest.mark.parametrize("typed", ["ӘЖ-551-2026-000001", "ӘЖ-551-2026-1", "аж-551-2026-000001", "AZH-551-2026-000001", "azh 551 2026 1",
                                   "551-2026-000001", "551 2026 1", " №ӘЖ-551-2026-000001 "])
def test_show_takes_a_number_as_people_type_it(published, command, typed) -> None:
    status, out, _ = command("show", typed)
    assert status == 0
    assert [line.split()[4] for line in out.splitlines()] == ["register", "assign"]
    as_json = json.loads(command("show", typed, "--json")[1])
    assert as_json["number"] == "ӘЖ-551-2026-000001"
    assert [(e["seq"], e["action"]) for e in as_json["entries"]] == [(1, "register"), (2, "assign")]


def test_show_says_when_there_is_no_such_number(published, command) -> None:
    for typed in ("551-2026-9", "ЖТ-551-2026-000001", "", "\udcff", "a\0b"):
        assert command("show", typed)[0] == 1
