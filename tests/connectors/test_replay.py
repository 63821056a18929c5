"""A file played as a network: paced, growing, damaged, replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.base import Batch, Cursor
from connectors.errors import BadPayload, Transient
from connectors.replay import Replay
from monitor.http import WebHttp


def line(number: int, at: str = "2026-03-01T07:00:00Z", **more: object) -> str:
    return json.dumps({"id": number, "created_at": at, "text": f"жазба {number}", **more}, ensure_ascii=False) + "\n"


def replay(path: Path, clock: list[float] | None = None, **options: object) -> Replay:
    time = clock or [0.0]
    return Replay("demo", Replay.Settings(path=path, **options), clock=lambda: time[0])  # type: ignore[arg-type]


async def poll(one: Replay, cursor: Cursor) -> Batch:
    async with WebHttp() as http:
        return await one.poll(http, cursor)


async def test_a_bad_line_is_reported_with_its_number_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(line(1).encode() + b"{broken\n\n" + b'{"text": "no id"}\n' + b"\xff\xfe\n" + line(2).encode())
    batch = await poll(replay(path), {})
    assert [post.native_id for post in batch.posts] == ["1", "2"]
    assert [item.reason.partition(": ")[0] for item in batch.damaged] == [f"{path}:{n}" for n in (2, 4, 5)]
    assert (batch.cursor["offset"], batch.cursor["line"]) == (path.stat().st_size, 6)


async def test_a_growing_file_is_read_on_and_a_half_written_line_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(line(1) + line(2)[:20])
    one = replay(path)
    first = await poll(one, {})
    assert [post.native_id for post in first.posts] == ["1"]
    with path.open("a") as file:
        file.write(line(2)[20:] + line(3)[:-1])              # the last line needs no line break
    second = await poll(one, first.cursor)
    assert [post.native_id for post in second.posts] == ["2", "3"]
    assert (await poll(one, second.cursor)).cursor == second.cursor


async def test_a_last_line_that_stays_broken_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(line(1) + "{broken")
    one = replay(path)
    first = await poll(one, {})
    assert first.damaged == ()
    assert len((await poll(one, first.cursor)).damaged) == 1


async def test_a_replaced_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(line(1) + line(2))
    first = await poll(replay(path), {})
    path.write_text(line(9))
    assert [post.native_id for post in (await poll(replay(path), first.cursor)).posts] == ["9"]
    path.write_text(line(7) + line(8) + line(9))             # a longer one, too
    assert [post.native_id for post in (await poll(replay(path), first.cursor)).posts] == ["7", "8", "9"]
    old = {"offset": first.cursor["offset"], "line": 2}      # as an earlier version kept it
    assert [post.native_id for post in (await poll(replay(path), old)).posts] == ["9"]


async def test_a_steady_rate(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(line(n) for n in range(100)))
    time = [50.0]
    one = replay(path, time, speed=4)
    cursor: Cursor = {}
    given = []
    for _ in range(5):
        batch = await poll(one, cursor)
        cursor = batch.cursor
        given.append(len(batch.posts))
        time[0] += 1.0
    assert given == [1, 4, 4, 4, 4]


async def test_the_posts_own_gaps_sixty_times_faster(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(line(1) + line(2, "2026-03-01T07:01:00Z") + line(3, "2026-03-01T07:10:00Z") + line(4, "2026-03-01T07:00:00Z"))
    time = [0.0]
    one = replay(path, time, speed="real", faster=60)
    first = await poll(one, {})
    time[0] = 1.5
    second = await poll(one, first.cursor)
    time[0] = 11.0
    third = await poll(one, second.cursor)
    assert [[post.native_id for post in batch.posts] for batch in (first, second, third)] == [["1"], ["2"], ["3", "4"]]


async def test_as_fast_as_possible_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(line(n) for n in range(1200)))
    one, cursor, sizes = replay(path), {}, []  # type: ignore[var-annotated]
    while True:
        batch = await poll(one, cursor)
        sizes.append((len(batch.posts), batch.more))
        if not batch.more:
            break
        cursor = batch.cursor
    assert sizes == [(500, True), (500, True), (200, False)]


@pytest.mark.parametrize("make", ["nothing", "folder"])
async def test_a_file_that_is_not_there_says_so_and_is_looked_for_again(tmp_path: Path, make: str) -> None:
    path = tmp_path if make == "folder" else tmp_path / "missing.jsonl"
    with pytest.raises(Transient, match="readable JSONL file"):
        await poll(replay(path), {})


async def test_a_file_that_is_no_jsonl_is_one_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.replay.MAX_LINE", 1000)
    path = tmp_path / "film.jsonl"
    path.write_bytes(b"\x00" * 5000)
    with pytest.raises(BadPayload, match="is this JSONL"):
        await poll(replay(path), {})
