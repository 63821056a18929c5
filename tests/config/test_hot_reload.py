"""Changed files are taken over when they are valid; when not, one line is said and the old state stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.document import ConfigErrors
from config.reload import Watcher
from config.settings import Settings, load


class Stage:
    """A config file being watched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.stop = asyncio.Event()
        self.watcher: Watcher[Settings] = Watcher(
            lambda: load(path), lambda s: [path, *(o.holidays for o in s.offices if o.holidays)], self.said.append)
        self.seen: AsyncIterator[Settings] = self.watcher.changes(self.stop)

    async def next(self) -> Settings:
        return await asyncio.wait_for(anext(self.seen), 10)

    async def until_said(self, count: int) -> None:
        for _ in range(200):
            if len(self.said) >= count:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"said only {self.said}")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    path = tmp_path / "q.yaml"
    path.write_text("web: {port: 1}")
    made = Stage(path)
    yield made
    made.stop.set()


async def test_a_valid_change_is_taken_over(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    stage.path.write_text("web: {port: 2}")
    assert (await waiting).web.port == 2
    assert stage.watcher.current.web.port == 2


async def test_a_change_before_anybody_listened_is_not_lost(stage: Stage) -> None:
    stage.path.write_text("web: {port: 22}")
    assert (await stage.next()).web.port == 22


async def test_a_file_replaced_by_its_editor_is_the_same_file(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    fresh = stage.path.with_name("q.yaml.new")
    fresh.write_text("web: {port: 3}")
    os.replace(fresh, stage.path)
    assert (await waiting).web.port == 3


async def test_a_broken_change_is_said_once_in_one_line_and_the_old_state_stays(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    stage.path.write_text("web: {prot: 2, port: x}")
    await stage.until_said(1)
    assert stage.watcher.current.web.port == 1
    assert "\n" not in stage.said[0]
    assert f"{stage.path}:1: web.port" in stage.said[0]
    assert "and 1 more" in stage.said[0]
    await asyncio.sleep(2.5)        # looked at again, said no second time
    assert len(stage.said) == 1
    stage.path.write_text("web: {port: 4}")
    assert (await waiting).web.port == 4


async def test_a_vanished_file_is_said_and_its_return_is_seen(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    stage.path.unlink()
    await stage.until_said(1)
    assert "No such file" in stage.said[0]
    stage.path.write_text("web: {port: 5}")
    assert (await waiting).web.port == 5


async def test_files_that_the_new_config_names_are_watched_from_then_on(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "days.yaml").write_text("version: a\n")
    stage.path.write_text("offices: [{code: 551000000, holidays: elsewhere/days.yaml}]")
    assert (await stage.next()).offices[0].holidays == other / "days.yaml"
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    (other / "days.yaml").write_text("version: b\nclosed: [{date: 2026-11-25, name_ru: День}]\n")
    assert (await waiting).offices[0].code == "551000000"


async def test_other_files_beside_it_wake_nobody(stage: Stage, tmp_path: Path) -> None:
    loads: list[int] = []
    watcher: Watcher[int] = Watcher(lambda: loads.append(1) or 1, lambda _: [stage.path], stage.said.append)
    waiting = asyncio.create_task(anext(watcher.changes(stage.stop)))
    await asyncio.sleep(0.2)
    (tmp_path / "qulaq.db").write_text("x")
    (tmp_path / ".q.yaml.swp").write_text("x")
    await asyncio.sleep(1)
    stage.stop.set()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)
    assert loads == [1]


def test_a_config_that_is_wrong_from_the_start_is_the_callers_matter(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("web: 1")
    with pytest.raises(ConfigErrors):
        Watcher(lambda: load(path), lambda _: [path], print)


async def test_a_relative_path_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read at the start is not read again as if it had changed."""
    monkeypatch.chdir(tmp_path)
    path = Path("q.yaml")
    path.write_text("web: {port: 1}")
    os.utime(path, (1, 1))
    loads: list[int] = []
    stop = asyncio.Event()
    watcher: Watcher[int] = Watcher(lambda: loads.append(1) or 1, lambda _: [path], print)
    waiting = asyncio.create_task(anext(watcher.changes(stop)))
    await asyncio.sleep(2.5)
    stop.set()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)
    assert loads == [1]


async def test_what_is_written_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("1")

    def load() -> str:
        said = path.read_text()
        if said == "1":
            path.write_text("2")
        return said

    stop = asyncio.Event()
    watcher: Watcher[str] = Watcher(load, lambda _: [path], print)
    assert watcher.current == "1"
    assert await asyncio.wait_for(anext(watcher.changes(stop)), 10) == "2"
    stop.set()


async def test_an_emptied_file_is_not_taken_over(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.next())
    await asyncio.sleep(0.2)
    stage.path.write_text("")
    await stage.until_said(1)
    assert stage.said == [f"{stage.path}: is empty; the old config stays"]
    assert stage.watcher.current.web.port == 1
    stage.path.write_text("web: {port: 6}")
    assert (await waiting).web.port == 6


async def test_a_secret_in_a_file_is_rotated_without_a_restart(tmp_path: Path) -> None:
    """Also where the file is a link that is turned over, as container platforms do it."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(f"42:{name}")
    (tmp_path / "now").symlink_to("one")
    path = tmp_path / "q.yaml"
    path.write_text("telegram: {token: {file: now/token}}\n")
    watcher = Watcher(lambda: load(path), lambda s: [path, *s.secret_files], lambda reason: None)
    seen = watcher.changes()
    waiting = asyncio.create_task(asyncio.wait_for(anext(seen), 10))
    await asyncio.sleep(0.2)
    (tmp_path / "next").symlink_to("two")
    os.replace(tmp_path / "next", tmp_path / "now")
    fresh = await waiting
    assert fresh.telegram is not None
    assert fresh.telegram.token.get_secret_value() == "42:two"
