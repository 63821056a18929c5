"""What a batch of posts becomes in the database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from monitor.core.post import Author, Post
from monitor.store.engine import Database
from monitor.store.posts import Stored, store_posts
from monitor.store.tables import post as post_table
from monitor.store.tables import unjudged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POST = Post("rss", "kala", "1", "Жарық жоқ", NOW, author=Author("42", "Айгүл"), mentions=("akimat_pvl",))


def put(db: Database, *posts: Post, at: datetime = NOW, queue: bool = True) -> Stored:
    with db.begin() as c:
        return store_posts(c, posts, at, queue=queue)


def rows(db: Database) -> list[Any]:
    with db.reading() as c:
        return list(c.execute(select(post_table).order_by(post_table.c.id)))


def test_a_post_is_stored_queued_and_its_author_hidden(db: Database) -> None:
    stored = put(db, POST)
    (row,) = rows(db)
    assert stored.ids == (row.id,)
    assert (stored.indexes, stored.revisions, stored.duplicates) == ((0,), (0,), 0)
    assert (row.text, row.published_at, row.collected_at) == (POST.text, NOW, NOW)
    assert row.extra == {"mentions": ["akimat_pvl"]}
    assert row.author_display == "Айгүл"
    assert len(row.author_key) == 32
    with db.reading() as c:
        assert c.execute(select(unjudged.c.post_id)).scalars().all() == [row.id]


def test_a_repeat_is_swallowed_also_inside_one_batch(db: Database) -> None:
    assert put(db, POST, POST).duplicates == 1
    assert put(db, POST) == Stored(duplicates=1)
    assert len(rows(db)) == 1


def test_other_content_is_the_next_revision_also_inside_one_batch(db: Database) -> None:
    edited, again = replace(POST, text="Жарық келді"), replace(POST, text="Жарық тағы жоқ")
    assert put(db, POST, edited).revisions == (0, 1)
    assert put(db, again).revisions == (2,)
    assert [r.text for r in rows(db)] == [POST.text, edited.text, again.text]


def test_an_old_revision_seen_again_is_a_repeat_but_an_edit_back_is_not(db: Database) -> None:
    """A source killed between two commits shows the old text again; that is no third revision."""
    edited = replace(POST, text="Жарық келді", edited_at=NOW + timedelta(minutes=1))
    put(db, POST, edited)
    assert put(db, POST, edited).duplicates == 2
    back = replace(POST, edited_at=NOW + timedelta(minutes=2))
    assert put(db, back).revisions == (2,)
    assert put(db, POST, edited, back).duplicates == 3


def test_order_of_ids_is_the_order_of_the_posts(db: Database) -> None:
    put(db, *(replace(POST, native_id=str(n)) for n in (30, 4, 17, 2)))
    assert [r.native_id for r in rows(db)] == ["30", "4", "17", "2"]


def test_the_same_author_has_one_hash_until_the_key_rotates(db: Database) -> None:
    put(db, POST, replace(POST, native_id="2"), replace(POST, native_id="3", network="vk"))
    put(db, replace(POST, native_id="4"), at=NOW + timedelta(days=31))
    first, second, other_network, later = (r.author_key for r in rows(db))
    assert first == second
    assert len({first, other_network, later}) == 3


def test_hostile_text_is_stored(db: Database) -> None:
    hostile = replace(POST, native_id="a\x00b\ud800", url="http://x/\x00", text="\x00\ud800é" + "ж" * 1_100_000,
                      author=Author("\ud800", "\x00Аноним"), links=("http://x/\ud800",), raw={"a": ["\ud800\x00"]},
                      in_reply_to="\x00")
    put(db, hostile, replace(POST, native_id="empty", text=""))
    assert put(db, hostile).duplicates == 1
    long, empty = rows(db)
    assert 0 < len(long.text) <= 1_000_000
    assert long.author_display == "Аноним"
    assert empty.text == ""


def test_without_queue_nothing_waits_for_judging(db: Database) -> None:
    put(db, POST, queue=False)
    with db.reading() as c:
        assert not c.execute(select(unjudged)).all()


def test_two_writers_at_once_store_each_revision_once(db: Database) -> None:
    """Both bring the same 300 posts in opposite order, and each an edit of its own of post 0."""
    both = threading.Barrier(2)
    posts = [replace(POST, native_id=str(n)) for n in range(300)]
    failed: list[BaseException] = []
    counted: list[Stored] = []

    def write(mine: list[Post]) -> None:
        try:
            both.wait()
            with db.begin() as c:
                counted.append(store_posts(c, mine, NOW))
        except BaseException as e:
            failed.append(e)

    for turn in range(3):
        shifted = [replace(p, native_id=f"{turn}/{p.native_id}") for p in posts]
        mine = [replace(shifted[0], text="бірінші"), *shifted[1:]]
        other = [*reversed(shifted[1:]), replace(shifted[0], text="екінші")]
        threads = [threading.Thread(target=write, args=(batch,)) for batch in (mine, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
    stored = rows(db)
    assert len(stored) == 3 * 301
    assert sorted((r.revision, r.native_id) for r in stored if r.native_id.endswith("/0")) == [
        (revision, f"{turn}/0") for revision in (0, 1) for turn in range(3)]
    assert sum(len(one.ids) for one in counted) == len(stored)


def test_a_native_id_longer_than_an_index_entry_is_still_one_key(db: Database) -> None:
    """guid elements of feeds are as long as somebody likes."""
    long = replace(POST, native_id="ұ" * 5000)
    assert len(put(db, long, replace(POST, native_id="ұ" * 4999 + "x")).ids) == 2
    assert put(db, long).duplicates == 1
