"""YouTube against a local one: the quota and its midnight, closed comments, what is edited, deleted or answered late, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tube import CHANNEL, KEY, OTHER, REFRESH, Tube

from config.settings import Source
from connectors.errors import CLOSED, GONE, NOT_ALLOWED, TOO_LONG, AuthError, CannotAnswer, RateLimited, Transient
from connectors.youtube import YouTube
from monitor.collect import Clock, Collector
from monitor.core.post import Post
from monitor.http import WebHttp
from monitor.limits import Limiter
from monitor.store.engine import Database
from monitor.store.sources import load_source

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC).timestamp()
"""Ten in the morning in California, fourteen hours before its midnight."""
OWN, NEWS, QUIET = "pvl-jyly_01", "news-pvl_77", "pvl-closed1"


class Net:
    """The network, the way to it, and the connector's clock."""

    def __init__(self, tube: Tube, http: WebHttp) -> None:
        self.tube, self.http, self.now = tube, http, NOW
        tube.clock = lambda: self.now

    def source(self, **more: Any) -> YouTube:
        settings = YouTube.Settings.model_validate({"key": KEY, "channels": ["@akimat_pavlodar"], "base_url": self.tube.url,
                                                    "token_url": f"{self.tube.url}/token", **more})
        return YouTube("s", settings, clock=lambda: self.now)

    def voice(self, **more: Any) -> YouTube:
        return self.source(client_id="c.apps.example", client_secret="shh-secret", refresh_token=REFRESH, **more)

    def methods(self) -> list[str]:
        return [method for method, _ in self.tube.asked]


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    tube = Tube(videos={OWN: (CHANNEL, NOW - 9000), QUIET: (OTHER, NOW - 8000), NEWS: (OTHER, NOW - 7000)}, closed={QUIET})
    server = await tube.start()
    async with WebHttp(timeout=5) as http:
        yield Net(tube, http)
    await server.close()


async def everything(source: YouTube, http: Any, cursor: Any) -> tuple[dict[str, Post], Any]:
    got: dict[str, Post] = {}
    for _ in range(40):
        batch = await source.poll(http, cursor)
        got |= {post.native_id: post for post in batch.posts}
        cursor = batch.cursor
        if not batch.more:
            return got, cursor
    raise AssertionError("no end")


async def test_the_day_s_quota_is_obeyed_to_the_pacific_midnight_shown_and_kept_over_a_restart(net: Net, tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/q.db")
    from monitor.store.tables import metadata
    metadata.create_all(db.engine)
    net.tube.quota = 3
    limiter = Limiter(db, lambda: datetime.fromtimestamp(net.now, UTC))
    clock = Clock(now=lambda: datetime.fromtimestamp(net.now, UTC))
    source = Source(name="yt", network="youtube")
    collector = Collector(db, source, net.source(), net.http, limiter=limiter, clock=clock)
    for _ in range(2):
        net.now += 180
        wait = await collector.once()
    midnight = datetime(2026, 11, 25, 8, tzinfo=UTC).timestamp()
    assert wait == midnight - net.now
    state = await db.read(load_source, "yt", "youtube")
    assert state.state == "waiting"
    assert "quotaExceeded" in str(state.reason)
    asked, net.now = len(net.tube.asked), midnight - 5
    again = Collector(db, source, net.source(), net.http, limiter=Limiter(db, lambda: datetime.fromtimestamp(net.now, UTC)), clock=clock)
    assert await again.once() == 5
    assert len(net.tube.asked) == asked
    net.now = midnight + 1
    await again.once()
    assert (await db.read(load_source, "yt", "youtube")).state == "up"
    db.close()


async def test_closed_comments_are_no_refusal_and_hold_nobody_up(net: Net) -> None:
    net.tube.say("UgxAxxxxxxxxxxxxxx4AaABAg", "Жарық жоқ", NOW - 60, NEWS)
    source = net.source(channels=[], videos=[QUIET, NEWS, "gone-video1"])
    got, _ = await everything(source, net.http, {})
    assert {"UgxAxxxxxxxxxxxxxx4AaABAg", QUIET, NEWS} <= got.keys()
    assert source.can_answer(got[QUIET], datetime.now(UTC)) == NOT_ALLOWED
    voice = net.voice(channels=[], videos=[QUIET, NEWS])
    await everything(voice, net.http, {})
    assert voice.can_answer(got[QUIET], datetime.now(UTC)) == CLOSED
    assert voice.can_answer(got["UgxAxxxxxxxxxxxxxx4AaABAg"], datetime.now(UTC)) is None
    assert await net.source(channels=[], videos=[QUIET]).probe(net.http) == [
        f"may not read comments of video {QUIET} (closed, or not there)", "may not answer (no refresh_token)"]


@pytest.mark.parametrize("strict", [False, True])
async def test_an_edit_a_late_reply_and_a_deletion_of_an_old_thread_come_by_asking_again(net: Net, strict: bool) -> None:
    """They do not come up in the list: 120 newer threads stand above. One unknown thread may fail a request of fifty."""
    net.tube.strict = strict
    for n in range(30):
        net.tube.say(f"UgxOld{n:02}4AaABAg", f"Ескі {n}", NOW - 5000 + n, OWN)
    _, cursor = await everything(net.source(), net.http, {})
    for n in range(120):
        net.tube.say(f"UgxNew{n:03}4AaABAg", f"Жаңа {n}", NOW - 900 + n, OWN)
    _, cursor = await everything(net.source(), net.http, cursor)
    net.tube.comments["UgxOld034AaABAg"].text = "Ескі 3, бірақ түзетілген"
    net.tube.comments["UgxOld034AaABAg"].changed = NOW
    for n in range(130):
        net.tube.say(f"UgxOld044AaABAg.r{n:03}", f"Мен де {n}", NOW - 100 + n, OWN, parent="UgxOld044AaABAg")
    del net.tube.comments["UgxOld054AaABAg"]
    got: dict[str, Post] = {}
    for _ in range(6):
        net.now += 180
        found, cursor = await everything(net.source(), net.http, cursor)
        got |= found
    assert got["UgxOld034AaABAg"].text == "Ескі 3, бірақ түзетілген"
    assert got["UgxOld034AaABAg"].edited_at is not None
    assert sum(name.startswith("UgxOld044AaABAg.r") for name in got) == 130
    assert [name for name, post in got.items() if post.deleted_at] == ["UgxOld054AaABAg"]
    net.tube.comments.pop("UgxOld044AaABAg.r129")
    del net.tube.comments["UgxNew1194AaABAg"]
    for _ in range(8):
        net.now += 180
        found, cursor = await everything(net.source(), net.http, cursor)
        got |= found
    assert {name for name, post in got.items() if post.deleted_at} >= {"UgxNew1194AaABAg", "UgxOld054AaABAg"}


async def test_one_empty_answer_does_not_delete_everything(net: Net) -> None:
    for n in range(20):
        net.tube.say(f"UgxOld{n:02}4AaABAg", f"Ескі {n}", NOW - 5000 + n, OWN)
    _, cursor = await everything(net.source(), net.http, {})
    kept, net.tube.comments = net.tube.comments, {}
    got, cursor = await everything(net.source(), net.http, cursor)
    assert sum(post.deleted_at is not None for post in got.values()) <= 6      # each was asked for by itself
    net.tube.comments = kept
    assert (await net.source().poll(net.http, cursor)).posts


async def test_a_long_way_back_is_finished_by_the_next_polls_also_when_its_mark_has_aged(net: Net) -> None:
    net.tube.say("UgxFirst4AaABAg", "Бірінші", NOW - 90_000, OWN)
    _, cursor = await everything(net.source(), net.http, {})
    for n in range(740):
        net.tube.say(f"Ugx{n:04}4AaABAg", f"Пікір {n}", NOW - 80_000 + n * 10, OWN)
    first = await net.source().poll(net.http, cursor)
    assert first.more
    net.tube.aged = {first.cursor["lists"]["lists"][f"comments:{CHANNEL}"]["before"]}
    second = await net.source().poll(net.http, first.cursor)
    net.tube.aged = {"m100"}                                   # a mark that is refused as soon as it is given: nothing is skipped
    third = await net.source().poll(net.http, {**second.cursor, "lists": {"lists": {f"comments:{CHANNEL}": {"last": NOW - 90_000, "top": 0,
                                                                                                         "before": "m100"}}}})
    assert ["invalidPageToken" in one.reason for one in third.damaged] == [True]
    net.tube.aged = set()
    got, _ = await everything(net.source(), net.http, second.cursor)
    names = {post.native_id for post in (*first.posts, *second.posts)} | got.keys()
    assert {f"Ugx{n:04}4AaABAg" for n in range(740)} <= names


async def test_a_search_is_made_once_in_its_time_and_its_end_stops_no_comments(net: Net) -> None:
    net.tube.say("UgxAxxxxxxxxxxxxxx4AaABAg", "Акимат Павлодара, снег!", NOW - 60, NEWS)
    source = net.source(search=["акимат Павлодара", "Павлодар әкімдігі"])
    got, cursor = await everything(source, net.http, {})
    assert {NEWS, "UgxAxxxxxxxxxxxxxx4AaABAg"} <= got.keys()
    for _ in range(19):
        net.now += 180
        cursor = (await source.poll(net.http, cursor)).cursor
    assert [one["q"] for method, one in net.tube.asked if method == "search"] == ["акимат Павлодара|Павлодар әкімдігі"]
    net.now += 180
    cursor = (await source.poll(net.http, cursor)).cursor
    assert net.methods().count("search") == 2

    class Spent:
        """Our own count lets no search through."""

        async def get(self, url: str, **asked: Any) -> Any:
            if url.endswith("/search"):
                raise RateLimited("'searches' is used up", 7200)
            return await net.http.get(url, **asked)

        async def post(self, url: str, **asked: Any) -> Any:
            raise AssertionError

    net.now += 3600
    net.tube.say("UgxBxxxxxxxxxxxxxx4AaABAg", "Тағы қар", net.now, OWN)
    batch = await source.poll(Spent(), cursor)
    assert "UgxBxxxxxxxxxxxxxx4AaABAg" in {post.native_id for post in batch.posts}
    assert ["the search waits" in one.reason for one in batch.damaged] == [True]
    net.now += 7000
    assert (await source.poll(Spent(), batch.cursor)).damaged == ()
    with pytest.raises(RateLimited):
        await net.source(channels=[], search=["акимат"]).poll(Spent(), {})


async def test_the_past_is_read_back_page_by_page(net: Net) -> None:
    for n in range(250):
        net.tube.say(f"Ugx{n:04}4AaABAg", f"Пікір {n}", NOW - 5000 + n * 10, OWN)
    cursor: Any = {"since": datetime.fromtimestamp(NOW - 4500, UTC).isoformat(), "until": datetime.fromtimestamp(NOW - 3500, UTC).isoformat()}
    names: set[str] = set()
    for _ in range(9):
        batch = await net.source().backfill(net.http, cursor)
        names |= {post.native_id for post in batch.posts}
        cursor = batch.cursor
        if not batch.more:
            break
    assert not batch.more
    assert names == {f"Ugx{n:04}4AaABAg" for n in range(50, 151)}


async def test_a_day_of_polls_and_searches_costs_what_is_left_after_answers(net: Net) -> None:
    """Five channels are the most a source may have; here one, with everything on, at the pace of the network."""
    for n in range(110):
        net.tube.say(f"Ugx{n:04}4AaABAg", f"Пікір {n}", NOW - 80_000 + n * 10, OWN)
    source = net.source(search=["акимат"])
    _, cursor = await everything(source, net.http, {})
    net.tube.spent.clear()
    for _ in range(20):
        net.now += source.poll_every
        cursor = (await source.poll(net.http, cursor)).cursor
    assert sum(net.tube.spent.values()) * 24 < 9000


async def test_answers_go_into_the_thread_or_under_the_video_with_a_fresh_token(net: Net) -> None:
    net.tube.say("UgxAxxxxxxxxxxxxxx4AaABAg", "Жарық жоқ", NOW - 60, NEWS)
    net.tube.say("UgxAxxxxxxxxxxxxxx4AaABAg.r1", "Бізде де", NOW - 50, NEWS, parent="UgxAxxxxxxxxxxxxxx4AaABAg")
    voice = net.voice()
    got, _ = await everything(net.voice(channels=[], videos=[NEWS]), net.http, {})
    assert await voice.answer(net.http, got["UgxAxxxxxxxxxxxxxx4AaABAg.r1"], "Жөндейміз") == "UgxAxxxxxxxxxxxxxx4AaABAg.answer1"
    assert net.tube.posted[-1] == {"method": "comments.insert", "parentId": "UgxAxxxxxxxxxxxxxx4AaABAg", "textOriginal": "Жөндейміз"}
    net.now += 7200                                            # the token has run out
    assert (await voice.answer(net.http, got[NEWS], "Рахмет")).startswith("UgxAnswer")
    assert net.tube.posted[-1]["channelId"] == OTHER
    assert await voice.probe(net.http) == ["reads comments of @akimat_pavlodar", "answers as @akimat_pavlodar"]
    post = got["UgxAxxxxxxxxxxxxxx4AaABAg"]
    with pytest.raises(CannotAnswer, match=TOO_LONG):
        await voice.answer(net.http, post, "а" * 10_001)
    net.tube.closed.add(NEWS)
    with pytest.raises(CannotAnswer, match=CLOSED):
        await voice.answer(net.http, post, "а")
    net.tube.closed.clear()
    del net.tube.comments["UgxAxxxxxxxxxxxxxx4AaABAg"]
    with pytest.raises(CannotAnswer, match=GONE):
        await voice.answer(net.http, post, "а")
    net.tube.quota = 0
    with pytest.raises(RateLimited):
        await voice.answer(net.http, post, "а")
    with pytest.raises(AuthError, match="authorise the channel anew"):
        await net.source(client_id="c", client_secret="shh-secret", refresh_token="1//revoked-token").answer(net.http, post, "а")


async def test_an_answer_of_which_nobody_knows_whether_it_stands_is_said_so(net: Net) -> None:
    class Cut:
        async def get(self, url: str, **asked: Any) -> Any:
            return await net.http.get(url, **asked)

        async def post(self, url: str, **asked: Any) -> Any:
            if "comments" in url:
                raise Transient("reset")
            return await net.http.post(url, **asked)

    post = Post(network="youtube", source="s", native_id="UgxAxxxxxxxxxxxxxx4AaABAg", text="а", published_at=datetime.now(UTC))
    with pytest.raises(Transient) as told:
        await net.voice().answer(Cut(), post, "а")
    assert told.value.sent


@pytest.mark.parametrize(("more", "said"), [
    ({"channels": ["not a channel!"]}, "is no channel"), ({"channels": []}, "nothing to read"), ({"videos": ["short"]}, "is no video"),
    ({"refresh_token": "1//x"}, "all three")])
def test_settings_say_how_to_mend(net: Net, more: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        net.source(**more)


def test_addresses_are_taken_for_names() -> None:
    settings = YouTube.Settings.model_validate({"key": "k", "channels": ["https://www.youtube.com/@akimat_pavlodar/"],
                                                "videos": ["https://youtu.be/pvl-jyly_01", "https://www.youtube.com/watch?v=news-pvl_77"]})
    assert settings.channels == ("@akimat_pavlodar",)
    assert settings.videos == (OWN, NEWS)
