"""`source record`: a recording that the acceptance suite can play, and that names nobody."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from cases import CASES, TOKEN
from klass import GROUP, KEY, SECRET, Klass
from klass import TOKEN as OK_TOKEN
from stage import RECORDINGS, Stage, recording
from test_telegram_web import Channel

from connectors.base import Response
from connectors.ok import Ok
from monitor.cli import main
from monitor.core.post import Author, Post
from monitor.http import WebHttp
from monitor.recording import Played, Tape, answers_of
from qulaq_kit import acceptance

CITIZEN = {"id": 777123456, "is_bot": False, "first_name": "Айгүл", "last_name": "Сәрсенова", "username": "aigul_s"}
UPDATES = [
    {"update_id": 1, "message": {"message_id": 5, "date": 1772349330, "chat": {"id": -100, "type": "supergroup", "title": "Аула"},
                                 "from": CITIZEN, "text": "Жарық жоқ, тел. 87011234567 #жарық",
                                 "entities": [{"type": "hashtag", "offset": 28, "length": 6}]}},
    {"update_id": 2, "message": {"message_id": 6, "date": 1772349330, "from": CITIZEN, "text": "aigul.s@mail.kz",
                                 "chat": {"id": 777123456, "type": "private", "first_name": "Айгүл", "username": "aigul_s"}}}]


@contextmanager
def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Iterator[str]:
    """A server in a thread of its own: the command under test runs its own event loop."""
    loop, ready, address = asyncio.new_event_loop(), threading.Event(), []

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        return runner

    runners = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        runners.append(loop.run_until_complete(start()))
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runners[0].cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(5)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


def record(folder: Path, source: str) -> Path:
    config, out = folder / "qulaq.yaml", folder / "made.json"
    config.write_text(f"database: sqlite:///{folder}/q.db\nsources:\n- {source}\n")
    (folder / "token").write_text(TOKEN)
    assert main(["source", "record", "it", "-c", str(config), "--out", str(out)]) == 0
    return out


async def plays(made: Path, name: str, folder: Path) -> None:
    """The recording passes the part of the acceptance suite that needs no `late` and no `edited`."""
    target = RECORDINGS / name
    played = replace(recording(target.stem), **{
        key: value for key, value in json.loads(made.read_text(encoding="utf-8")).items() if key in ("answers", "expect")})
    for check in (acceptance.yields_what_was_recorded, acceptance.the_same_answer_leaves_the_cursor_alone,
                  acceptance.posts_are_well_formed):
        async with Stage(played, folder) as stage, WebHttp(timeout=5) as http:
            case = CASES[target.stem]
            options = {**case.options, "channel": "qala_kz", "reread": 2} if target.stem == "telegram_web" else case.options
            await check(replace(case, options=options), stage, http)


async def test_nobody_is_named_and_it_plays(tmp_path: Path) -> None:
    async def serve(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "result": UPDATES})

    with serving(serve) as url:
        made = await asyncio.to_thread(
            record, tmp_path, f"{{name: it, network: telegram, token: {{file: token}}, api_url: '{url}', long_poll: 0}}")
    text = made.read_text(encoding="utf-8")
    for told in ("Айгүл", "Сәрсенова", "aigul", "777123456", "7011234567", TOKEN, TOKEN.partition(":")[2]):
        assert told not in text
    said = json.loads(text)
    assert [post["text"] for post in said["expect"]] == ["Жарық жоқ, тел. 00000000000 #жарық", "xxxxx.x@xxxx.xx"]
    assert said["expect"][0]["hashtags"] == ["#жарық"]
    await plays(made, "telegram.json", tmp_path)


async def test_pages_are_told_apart(tmp_path: Path) -> None:
    channel = Channel(list(range(1, 41)))
    with serving(channel.serve) as url:
        made = await asyncio.to_thread(
            record, tmp_path, f"{{name: it, network: telegram_web, channel: qala_kz, base_url: '{url}', reread: 2}}")
    said = json.loads(made.read_text(encoding="utf-8"))
    assert [one["when"] for one in said["answers"]["recorded"]] == [{"before": "21"}, {}]
    assert len(said["expect"]) == 40
    await plays(made, "telegram_web.json", tmp_path)


def test_the_authors_of_any_service_are_not_named() -> None:
    said = {"data": [{"id": 7, "text": "Айгүл С. жазды", "user": {"name": "Айгүл  С.", "login": "aigul_s"}, "url": "https://p.kz/u/aigul_s/7"}],
            "next": "/list?page=2&key=s3cret-key"}
    tape = Tape(None)  # type: ignore[arg-type]
    tape.exchanges = [({}, Response(200, {}, json.dumps(said).encode(), "https://p.kz/list"))]
    post = Post("http_json", "p", "p/7", "Айгүл С. жазды", datetime(2026, 11, 24, tzinfo=UTC), author=Author("u7", "Айгүл С. (@aigul_s)"))
    (one,) = answers_of(tape, [post], ["s3cret-key"])
    assert json.loads(one["body"]) == {
        "data": [{"id": 7, "text": "Айгүл С. жазды", "user": {"name": "person1", "login": "person2"}, "url": "https://p.kz/u/person2/7"}],
        "next": "/list?page=2&key=***"}


async def test_signed_calls_play_again_and_name_nobody() -> None:
    """OK: every call goes to one address, with a signature; people stand in fields of its own."""
    ok = Klass(topics={"154000000000002": ("Жарық жоқ", 1_795_500_000_000, "user:580000000007")})
    ok.say("GROUP_TOPIC/154000000000002", "c1", "Бізде де", 1_795_500_100, "580000000003")
    ok.write("chat:C3ecb9d02a600", 1, "Су жоқ", 1_795_500_200)
    server = await ok.start()
    source = Ok("s", Ok.Settings.model_validate({"group": GROUP, "username": "akimat.pavlodar", "application_key": KEY, "token": OK_TOKEN,
                                                 "application_secret": SECRET, "bot_token": "tkn1-group:CGROUP0123", "base_url": ok.url}))
    async with WebHttp(timeout=5) as http:
        tape = Tape(http)
        taken = await source.poll(tape, {})
    await server.close()
    answers = answers_of(tape, taken.posts, (OK_TOKEN, SECRET, "tkn1-group:CGROUP0123"))
    said = json.dumps(answers, ensure_ascii=False)
    for hidden in (OK_TOKEN, SECRET, "CGROUP0123", "580000000003", "580000000007", "Сергей", "Айгүл"):
        assert hidden not in said
    again = await source.poll(Played(answers), {})
    assert [post.text for post in again.posts] == [post.text for post in taken.posts] == ["Жарық жоқ", "Бізде де", "Су жоқ"]
