"""Letters against a real IMAP server and a real SMTP server: what the shared suite cannot see."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from letterbox import PASSWORD, USER, Letterbox
from stage import body_of, recording

from connectors.email import Email, parse
from connectors.errors import GONE, AuthError, CannotAnswer, Transient
from monitor.http import WebHttp

LETTERS = [body_of(one) for one in recording("email").answers["recorded"]]


@pytest.fixture
def letterbox() -> Iterator[Letterbox]:
    box = Letterbox()
    box.fill(LETTERS)
    yield box
    box.close()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def source(box: Letterbox, **more: Any) -> Email:
    return Email("kala", Email.Settings.model_validate({
        "host": "127.0.0.1", "port": box.port, "security": "none", "user": USER, "password": PASSWORD, **more}))


async def test_the_server_rings_and_a_wrong_password_stops_the_source(letterbox: Letterbox) -> None:
    async with WebHttp() as http:
        mail = source(letterbox)
        before = await mail.poll(http, {})
        for _ in range(5):      # this server sometimes breaks off an IDLE while another session writes: the next poll would tell
            bell = asyncio.create_task(mail.doorbell())
            await asyncio.sleep(0.5)
            assert not bell.done() or bell.exception() is not None
            await asyncio.to_thread(letterbox.put, LETTERS[0].replace(b"<m1@", b"<m9@"))
            await asyncio.wait([bell], timeout=5)
            assert bell.done()
            if bell.exception() is None:
                break
            assert isinstance(bell.exception(), Transient)
        assert bell.exception() is None
        assert "m9@mail.example" in [post.native_id for post in (await mail.poll(http, before.cursor)).posts]
        with pytest.raises(AuthError):
            await source(letterbox, password="wrong").poll(http, {})
        with pytest.raises(Transient):
            await source(letterbox, port=1).poll(http, {})


async def test_an_answer_reaches_the_writer_in_the_thread_of_the_letter(letterbox: Letterbox) -> None:
    received: list[Any] = []

    class Keep:
        async def handle_DATA(  # noqa: N802 - aiosmtpd's name
                self, server: Any, session: Any, envelope: Any) -> str:
            received.append(envelope)
            return "250 OK"

    smtp = Controller(Keep(), hostname="127.0.0.1", port=free_port())
    smtp.start()
    try:
        mail = source(letterbox, smtp_host="127.0.0.1", smtp_port=smtp.port, smtp_security="none",
                      sender="Қабылдау <office@akimat.example>")
        async with WebHttp() as http:
            post = (await mail.poll(http, {})).posts[0]
            native = await mail.answer(http, post, "Жарық бүгін 18:00-де беріледі.")
            with pytest.raises(CannotAnswer, match=GONE):
                await mail.answer(http, replace(post, native_id="nobody@example"), "Жауап")
    finally:
        smtp.stop()
    said = received[0].content.decode()
    assert received[0].rcpt_tos == ["turgyn@mail.example"]
    assert f"In-Reply-To: <{post.native_id}>" in said
    assert f"Message-ID: <{native}>" in said


def test_damaged_letters_are_read_as_far_as_they_go() -> None:
    chance = random.Random(7)
    for letter in LETTERS:
        for _ in range(150):
            a, b = sorted(chance.sample(range(len(letter)), 2))
            for one in (letter[:a], letter[:a] + letter[b:], letter[:a] + chance.randbytes(6) + letter[a:], letter[a:] + letter[:a]):
                for post in parse(one):
                    assert post.text or post.media


def test_a_letter_in_an_old_charset_is_read() -> None:
    head = b"From: a@example.invalid\r\nMessage-ID: <1@a>\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\n"
    assert parse(head + "Нет воды на Лесной".encode("cp1251"))[0].text == "Нет воды на Лесной"
