"""The journal of decisions on both databases; the official channels and their examples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from config.channels import Channels, ChannelsError, bundled, load_channels
from config.knowledge import load_knowledge
from monitor.response import journal
from monitor.response.verbs import Actor, Refused, decide
from monitor.store.engine import Database
from monitor.store.schema import upgrade
from monitor.store.surge_tables import decision
from monitor.store.tables import post
from tests.surges.scene import CAMPAIGN, MAIN, tell, verdict
from tests.surges.test_watch import NOW

HEAD = Actor(7, "head", None)


def put(db: Database) -> None:
    with db.begin() as c:
        for i in range(1, 8):
            c.execute(insert(post).values(id=i, network="x", native_id=str(i), revision=0, digest=b"0" * 16, source="s", text="т",
                                          published_at=NOW, collected_at=NOW))
    tell(db, [verdict(CAMPAIGN, 4, NOW, "coordinated", 4, [1, 2, 3, 4], akimat="551000000", topic="roads"),
              verdict(MAIN, 7, NOW, "organic", 3, [5, 6, 7], akimat="551000000", topic="water", kind="volume", signals=[])], NOW)


def test_decisions_are_one_chain_that_two_offices_share(db: Database) -> None:
    put(db)
    with db.begin() as c:
        decide(c, CAMPAIGN, "confirm", "спросили", HEAD, NOW, lambda: b"1" * 16)
    with db.begin() as c:
        decide(c, MAIN, "watch", "", HEAD, NOW, lambda: b"2" * 16)
        decide(c, CAMPAIGN, "dismiss", "", HEAD, NOW, lambda: b"3" * 16)
    with db.reading() as c:
        rows = c.execute(select(decision).order_by(decision.c.id)).all()
        assert [r.id for r in rows] == [1, 2, 3]
        assert [r.prev_hash for r in rows[1:]] == [r.hash for r in rows[:-1]]
        assert journal.verify(c) == []
    with pytest.raises(ZeroDivisionError), db.begin() as c:      # a decision that was rolled back leaves no gap
        decide(c, CAMPAIGN, "watch", "", HEAD, NOW, lambda: b"4" * 16)
        _ = 1 / 0
    with db.begin() as c:
        decide(c, CAMPAIGN, "watch", "", HEAD, NOW, lambda: b"5" * 16)
        assert c.execute(select(decision.c.id).order_by(decision.c.id.desc()).limit(1)).scalar_one() == 4
        assert journal.verify(c) == []
    with pytest.raises(Refused), db.begin() as c:
        decide(c, CAMPAIGN, "confirm", "", Actor(8, "officer", None), NOW, lambda: b"6" * 16)


def test_register_verify_finds_a_changed_decision(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/q.db"
    db = Database(url)
    upgrade(db)
    put(db)
    with db.begin() as c:
        decide(c, CAMPAIGN, "confirm", "", HEAD, NOW, lambda: b"1" * 16)

    def verify() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "run_monitor.py", "register", "verify", "--db", url], capture_output=True, text=True)
    found = verify()
    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, "The journal of decisions holds: 1 entries."), found
    with db.begin() as c:
        c.execute(update(decision).values(by=1))
    found = verify()
    assert found.returncode == 1
    assert "journal of decisions, entry 1: its content was changed" in found.stdout
    db.close()


def test_channels_know_their_examples_and_every_basis_has_its_mark() -> None:
    knowledge = load_knowledge()
    channels = bundled()
    for channel in channels.by_code.values():
        assert set(channel.topics) <= {*knowledge.topics, *(t.group for t in knowledge.topics.values())}, channel.code
        for wanted, examples in ((True, channel.yes), (False, channel.no)):
            for e in examples:
                assert channel.fits(e.type, e.topic, knowledge.topics[e.topic].group, e.verdict) is wanted, (channel.code, e)
    assert set(channels.population) == {a.code for a in knowledge.registry if a.type in "OR"}


@pytest.mark.parametrize(("unit", "kind", "channel", "votes"), [
    ("551000000", "C", "epetition_akimat", 2500), ("551000000", "C", "epetition_maslikhat", 5000),
    ("550000000", "O", "epetition_akimat", 7500), ("710000000", "R", "epetition_maslikhat", 30600)])
def test_thresholds_of_petitions(unit: str, kind: str, channel: str, votes: int) -> None:
    channels: Channels = bundled()
    assert channels.votes(channels.by_code[channel], unit, kind)[0] == votes


def test_a_broken_table_of_channels_is_said_with_its_lines(tmp_path: Path) -> None:
    text = Path("config/knowledge/channels.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "channels.yaml"
    broken.write_text(text.replace("votes: {C: 2500", "votes: {C: many").replace("mark: M", "mark: X", 1), encoding="utf-8")
    with pytest.raises(ChannelsError) as said:
        load_channels(broken)
    lines = str(said.value).splitlines()
    assert len(lines) == 2
    assert all("channels.yaml:" in line for line in lines)
