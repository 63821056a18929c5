"""Letters by e-mail, against a real SMTP server: what they say, what cannot be smuggled in, and what a refusal means."""

from __future__ import annotations

import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from fake_api import FakeTelegram
from pydantic import SecretStr
from rows import NOW, PAVLODAR, deliveries, put_office, put_person, put_ticket
from sqlalchemy import update
from stand import Clock, PlainNames

from config.reminders import Email
from monitor.store.engine import Database
from tests.conftest import skip
from ticketing.notify.channel import Barred
from ticketing.notify.email import EmailChannel, plain
from ticketing.notify.message import Wording
from ticketing.notify.telegram import TelegramChannel
from ticketing.outbox import Outbox, Policy
from ticketing.people import NotPossible, set_reach
from ticketing.tables import account

PASSWORD = "a password of the test"


class Mailbox:
    """Keeps what arrives; refuses where it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals: list[str] = []
        self.at_recipient: list[str] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str,  # noqa: N802 - aiosmtpd's name
                          options: list[str]) -> str:
        if self.at_recipient:
            return self.at_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(box: Mailbox) -> Iterator[Controller]:
    made = Controller(box, hostname="127.0.0.1", port=free_port())
    made.start()
    yield made
    made.stop()


def free_port() -> int:
    """aiosmtpd calls itself to begin, so it must know its port beforehand."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        number: int = taken.getsockname()[1]
        return number


def settings_for(server: Controller, **more: Any) -> Email:
    return Email(**{"host": "127.0.0.1", "port": server.port, "security": "none",
                    "sender": "Qulaq әкімдігі <qulaq@example.kz>", **more})


@pytest.fixture
def mail(server: Controller) -> EmailChannel:
    return EmailChannel(settings_for(server), Wording(PlainNames(), "https://qulaq.example"))


def a_reader(db: Database, name: str = "Аружан Тестова", language: str = "kk", **ticket: Any) -> tuple[int, str]:
    with db.begin() as c:
        put_office(c)
        person = put_person(c, "anna", None, language=language)
        c.execute(update(account).values(name=name))
        set_reach(c, "anna", email="anna@example.kz")
        return person, put_ticket(c, 1, f"user:{person}", responsible=person, **ticket)


async def test_a_letter_in_the_reader_s_language_as_text_and_as_html(db: Database, box: Mailbox, mail: EmailChannel) -> None:
    person, number = a_reader(db, text="Құрметті әкім! <b>Естай</b> & көшесінде шұңқыр <script>alert(1)</script> бар.")
    assert await Outbox(db, {"email": mail}, clock=Clock(NOW)).drain() == 1
    [letter] = box.mails
    assert letter["From"] == "Qulaq әкімдігі <qulaq@example.kz>"
    assert letter["To"] == "Аружан Тестова <anna@example.kz>"
    assert letter["Subject"] == f"{number}: Жаңа карточка"
    assert letter["Content-Language"] == "kk"
    assert letter["Auto-Submitted"] == "auto-generated"
    words, page = text_of(letter), text_of(letter, "html")
    assert "> Құрметті әкім! <b>Естай</b> & көшесінде шұңқыр <script>" in words
    assert "https://qulaq.example/tickets/" in words
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert 'lang="kk"' in page
    row = deliveries(db)[number, f"user:{person}"]
    assert (row.state, row.channel, row.handle) == ("sent", "email", {"id": letter["Message-ID"]})


@pytest.mark.parametrize("name", ["Анна\r\nBcc: all@example.kz", "Анна\nX: y", 'Анна" <other@example.kz>, "', "Анна\u2028Bcc: a@b.kz",
                                  "А" * 300])
async def test_no_header_can_be_smuggled_in(db: Database, box: Mailbox, mail: EmailChannel, name: str) -> None:
    a_reader(db, name=name, text="Акимат\r\n.\r\nRSET\r\nBcc: x@example.kz")
    await Outbox(db, {"email": mail}, clock=Clock(NOW)).drain()
    [letter] = box.mails
    assert letter["Bcc"] is None
    assert letter["X"] is None
    assert [a.addr_spec for a in letter["To"].addresses] == ["anna@example.kz"]
    assert "\n" not in letter["Subject"]


def test_an_address_that_is_none_is_refused_where_it_is_typed(db: Database) -> None:
    with db.begin() as c:
        put_office(c)
        put_person(c, "anna", None)
        for typed in ("anna", "anna@example.kz\nBcc: b@example.kz", "a b@example.kz", "<anna@example.kz>", "anna@"):
            with pytest.raises(NotPossible, match="no e-mail address"):
                set_reach(c, "anna", email=typed)


async def test_a_repeat_has_the_same_id_and_a_refusal_for_now_is_tried_again(
        db: Database, box: Mailbox, mail: EmailChannel) -> None:
    person, number = a_reader(db)
    clock = Clock(NOW)
    outbox = Outbox(db, {"email": mail}, clock=clock, chance=lambda: 0.0, policy=Policy(first_pause=5.0))
    box.refusals.append("451 greylisted, come again")
    assert await outbox.drain() == 0
    row = deliveries(db)[number, f"user:{person}"]
    assert (row.state, row.attempts) == ("queued", 1)
    assert "451" in row.reason
    clock.ahead = timedelta(minutes=5)
    assert await outbox.drain() == 1
    assert box.mails[0]["Message-ID"] == deliveries(db)[number, f"user:{person}"].handle["id"]


async def test_an_unknown_mailbox_ends_in_telegram_and_a_preference_is_kept(
        db: Database, api: FakeTelegram, channel: TelegramChannel, box: Mailbox, mail: EmailChannel) -> None:
    api.chat(501)
    person, number = a_reader(db, language="ru")
    with db.begin() as c:
        c.execute(update(account).values(telegram_id=501))
        set_reach(c, "anna", channels=["email", "telegram"])
    outbox = Outbox(db, {"telegram": channel, "email": mail}, clock=Clock(NOW))
    box.at_recipient.append("550 no such mailbox")
    await outbox.drain()
    assert box.mails == []
    assert number in api.by_bot(501)[0]["text"]
    with db.begin() as c:
        put_ticket(c, 2, f"user:{person}", responsible=person)
    await outbox.drain()
    assert len(box.mails) == 1, "the way that was chosen comes first"
    assert len(api.by_bot(501)) == 1


async def test_a_person_without_any_way_is_replaced_by_the_duty_officer_by_mail(
        db: Database, box: Mailbox, mail: EmailChannel) -> None:
    with db.begin() as c:
        put_office(c)
        new = put_person(c, "newcomer", None)
        put_person(c, "duty", None, duty=True, language="ru")
        set_reach(c, "duty", email="duty@example.kz")
        put_ticket(c, 1, f"user:{new}", responsible=new)
        put_ticket(c, 2, f"duty:{PAVLODAR}")
    await Outbox(db, {"email": mail}, clock=Clock(NOW)).drain()
    assert {m["To"].addresses[0].addr_spec for m in box.mails} == {"duty@example.kz"}


async def test_tls_is_checked_and_a_password_is_needed_only_inside_it(db: Database, box: Mailbox, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)

    def signs_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(handled=False, success=data.login == b"qulaq" and data.password == PASSWORD.encode())
    made = Controller(box, hostname="localhost", port=free_port(), tls_context=own, require_starttls=True, authenticator=signs_in,
                      auth_required=True)
    made.start()
    try:
        person, number = a_reader(db)
        words = Wording(PlainNames())
        right = settings_for(made, host="localhost", security="starttls", user="qulaq", password=SecretStr(PASSWORD))
        trust = ssl.create_default_context(cafile=str(certificate))
        clock = Clock(NOW)
        strange = Outbox(db, {"email": EmailChannel(right, words)}, clock=clock)
        assert await strange.drain() == 0
        assert "certificate" in deliveries(db)[number, f"user:{person}"].reason
        clock.ahead = timedelta(hours=1)
        wrong = right.model_copy(update={"password": SecretStr("another")})
        refused = Outbox(db, {"email": EmailChannel(wrong, words, trust=trust)}, clock=clock)
        assert await refused.drain() == 0
        reason = deliveries(db)[number, f"user:{person}"].reason
        assert "email.password" in reason
        assert "another" not in reason
        clock.ahead = timedelta(hours=2)
        assert await Outbox(db, {"email": EmailChannel(right, words, trust=trust)}, clock=clock).drain() == 1
        assert len(box.mails) == 1
    finally:
        made.stop()


def test_html_as_text() -> None:
    assert plain('<b>a &lt; b</b>\n<a href="https://x.example/?a=1&amp;b=2">№ 1</a>\n<blockquote>x\ny</blockquote>') == (
        "a < b\n№ 1 ( https://x.example/?a=1&b=2 )\n> x\n> y")


def test_errors_say_what_to_do() -> None:
    from ticketing.notify.email import meaning
    assert isinstance(meaning(smtplib.SMTPSenderRefused(550, b"not you", "x")), Barred)
    assert isinstance(meaning(smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server.")), Barred)
    with pytest.raises(ValueError, match="ours"):
        meaning(ValueError("ours"))
