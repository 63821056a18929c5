"""The daily head: kept, written outside, each naming the one before; what vanishes after that is found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select, update

from config.document import ConfigErrors
from config.settings import Register, load
from monitor import daily_head
from monitor.store.engine import Database
from ticketing import heads
from ticketing.register import NewEntry, NewNumber, append
from ticketing.tables import entry, head, published_head

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


def grow(db: Database, at: datetime, office: str = "551000000") -> None:
    with db.begin() as c:
        append(c, [NewEntry(office, NewNumber("ӘЖ", 2026), at, "system", "register", {"akimat": office}, key=1)], lambda: bytes(16))


@pytest.fixture
async def published(db: Database, tmp_path: Path) -> Register:
    """Three days, each with an entry and its head; the folder was missing on the first."""
    register = Register(signing_key=SecretStr(SEED), folder=tmp_path / "heads")
    for day in range(3):
        at = NOW + timedelta(days=day)
        grow(db, at)
        assert await daily_head.once(db, register, at)
        assert not await daily_head.once(db, register, at + timedelta(hours=3))       # once a day
        (tmp_path / "heads").mkdir(exist_ok=True)
    return register


async def test_a_head_a_day_lies_in_the_folder_and_names_the_one_before(db, published) -> None:
    files = sorted(published.folder.glob("head-*"))
    assert [f.name for f in files] == ["head-2026-11-23.json", "head-2026-11-24.json", "head-2026-11-25.json"]
    made = [f.read_text(encoding="utf-8") for f in files]
    assert [json.loads(m)["previous"] for m in made] == [None, heads.digest(made[0]), heads.digest(made[1])]
    key = heads.read(made[0]).signed_by
    assert key == heads.Signer(SEED).public
    with db.reading() as c:
        assert list(heads.kept(c, [key])) == []
        assert "not ours" in next(heads.kept(c, ["00" * 32])).what


@pytest.mark.parametrize("how", ["cut the tail", "an office gone", "a head taken out", "the last head rewritten"])
async def test_what_vanished_since_a_head_is_found_by_the_heads_that_are_kept(db, published, how) -> None:
    with db.begin() as c:
        if how == "cut the tail":
            first = c.execute(select(entry).order_by(entry.c.seq).limit(1)).one()
            c.execute(delete(entry).where(entry.c.seq > 1))
            c.execute(update(head).values(seq=1, hash=first.hash, at=first.at))
        elif how == "an office gone":
            c.execute(delete(entry))
            c.execute(delete(head))
        elif how == "a head taken out":
            c.execute(delete(published_head).where(published_head.c.id == 2))
        else:
            document = json.loads(heads.newest(c) or "")
            c.execute(update(published_head).where(published_head.c.id == 3).values(
                document=heads.document([(h["office"], h["seq"], "0" * 64) for h in document["heads"]], NOW, None)))
        assert list(heads.kept(c, [])) != []


async def test_a_file_that_was_published_is_never_written_again(db, published) -> None:
    first = published.folder / "head-2026-11-23.json"
    first.write_text("kept as it is")
    await daily_head.once(db, published, NOW + timedelta(days=3))
    assert first.read_text() == "kept as it is"


def test_a_signing_key_must_be_one_and_must_not_stand_in_the_file(tmp_path) -> None:
    path = tmp_path / "q.yaml"
    for value, why in ((SEED, "must not stand in this file"), ("{env: SHORT}", "openssl rand -hex 32")):
        path.write_text(f"register:\n  signing_key: {value}\n")
        with pytest.raises(ConfigErrors, match=why) as e:
            load(path, environment={"SHORT": "abc"})
        assert str(e.value).count("\n") == 0
        assert SEED not in str(e.value)
    path.write_text("register: {signing_key: {env: KEY}, folder: heads}\n")
    settings = load(path, environment={"KEY": SEED})
    assert settings.proof.folder == tmp_path / "heads"
    assert SEED not in repr(settings)
