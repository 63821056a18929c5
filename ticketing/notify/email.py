"""Letters to staff by e-mail: the message of `ticketing.notify.message` as plain text and as HTML, in the reader's language.

Sent with the standard library in a thread: one letter at a time is enough for people. Whatever comes from outside is in
the body, escaped; a header holds our own words and numbers only, and a line break in one is an error (RFC 5322).
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html.parser import HTMLParser
from typing import Any

from config.languages import language
from config.reminders import Email
from ticketing.notify.channel import Barred, ChannelError, Failing, Rejected, Unreachable
from ticketing.notify.message import Letter, Wording
from ticketing.notify.reach import Address

TIMEOUT = 30.0
_POLICY = SMTP.clone(max_line_length=76)
_LINES = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")

_PAGE = ('<!doctype html><html lang="{tongue}"><meta charset="utf-8"><body style="font:16px/1.5 sans-serif;color:#111;'
         'max-width:40em">{body}<p style="color:#555;font-size:13px">{foot}</p></body></html>')


class EmailChannel:
    """Sends letters through one mail server."""

    name = "email"

    def __init__(self, settings: Email, wording: Wording, steady: Callable[[], float] = time.monotonic,
                 trust: ssl.SSLContext | None = None) -> None:
        self.wording = wording
        self.steady = steady
        self.settings = settings
        self._trust = trust

    def closed_until(self) -> float:
        """Mail servers give no order to wait that is known beforehand."""
        return float("-inf")

    def busy(self) -> Mapping[Any, float]:
        """Nobody."""
        return {}

    def orders(self) -> Mapping[Any, float]:
        """None: a temporary refusal (4xx) is tried again with growing pauses."""
        return {}

    def recall(self, orders: Mapping[Address | None, float]) -> None:
        """Nothing to keep."""

    async def send(self, letter: Letter, now: datetime) -> Mapping[str, Any]:
        """Send a letter; its handle is the Message-ID, the same for each repeat, so that mail programs show one."""
        mail = written(letter, self.wording, self.settings, now)
        try:
            await asyncio.to_thread(self._deliver, mail)
        except ChannelError:
            raise
        except Exception as e:
            raise meaning(e) from e
        return {"id": str(mail["Message-ID"])}

    def _deliver(self, mail: EmailMessage) -> None:
        s = self.settings
        trust = self._trust
        if s.security != "none" and trust is None:
            trust = ssl.create_default_context()
        server: smtplib.SMTP
        if s.security == "tls":
            server = smtplib.SMTP_SSL(s.host, s.port, timeout=TIMEOUT, context=trust)
        else:
            server = smtplib.SMTP(s.host, s.port, timeout=TIMEOUT)
        with server:
            if s.security == "starttls":
                server.starttls(context=trust)
            if s.user and s.password is not None:
                server.login(s.user, s.password.get_secret_value())
            server.send_message(mail)


def written(letter: Letter, wording: Wording, settings: Email, now: datetime) -> EmailMessage:
    """The letter as it goes out. Raises Rejected where it cannot be a mail."""
    tongue = letter.person.language
    _ = language(tongue).gettext
    html = wording.message(letter, now).html
    foot = _("You get this letter because Qulaq keeps you responsible. Please do not answer it: open the card.")
    mail = EmailMessage(policy=_POLICY)
    try:
        mail["From"] = settings.from_address
        mail["To"] = MailAddress(_line(letter.person.name), addr_spec=str(letter.address))
        mail["Subject"] = subject(letter, wording, html)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<qulaq-{letter.deliveries[0]}-{len(letter.deliveries)}@{settings.from_address.domain}>"
        mail["Auto-Submitted"] = "auto-generated"       # RFC 3834: no holiday note comes back
        mail.set_content(f"{plain(html)}\n\n--\n{foot}\n")
        body = html.replace("\n", "<br>\n")
        mail.add_alternative(_PAGE.format(tongue=tongue, body=body, foot=foot), subtype="html")
        if letter.notice is not None and letter.notice.picture is not None:
            mail.add_attachment(letter.notice.picture, maintype="image", subtype="png", filename="surge.png")
        mail["Content-Language"] = tongue
    except (ValueError, MessageError, IndexError) as e:
        raise Rejected(f"no mail can be made of it: {type(e).__name__}: {e}") from e
    return mail


def subject(letter: Letter, wording: Wording, html: str) -> str:
    """The first line of the message and, of a single card, its number: no word of the citizen's."""
    first = _line(plain(html.split("\n", 1)[0]))
    if letter.digest or len(letter.items) != 1:
        return first[:150]
    number = letter.items[0].facts.number
    return f"{number}: {first}"[:150] if number not in first else first[:150]


def plain(html: str) -> str:
    """Telegram's HTML as text: links with their address behind them, quotes with a bar before each line."""
    reader = _Plain()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._link = ""
        self._quoted = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._link = dict(attrs).get("href") or ""
        elif tag == "blockquote":
            self._quoted = True
            self.parts.append("> ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self.parts.append(f" ( {self._link} )")
            self._link = ""
        elif tag == "blockquote":
            self._quoted = False

    def handle_data(self, data: str) -> None:
        self.parts.append(data.replace("\n", "\n> ") if self._quoted else data)


def _line(text: str) -> str:
    return _LINES.sub(" ", text).strip()


def meaning(error: Exception) -> ChannelError:
    """What a failure means for the letter that met it. SMTP codes: RFC 5321, 4.2; RFC 4954 for sign-in."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Barred(f"{error.smtp_code}: the mail server refuses email.user and email.password")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()), (550, b""))
        said = f"{code}: {_said(words)}"
        return Unreachable(said) if code >= 500 else Failing(said)
    if isinstance(error, smtplib.SMTPSenderRefused):
        said = f"{error.smtp_code}: {_said(error.smtp_error)}"
        return Barred(f"{said}; check email.sender") if error.smtp_code >= 500 else Failing(said)
    if isinstance(error, smtplib.SMTPDataError):
        said = f"{error.smtp_code}: {_said(error.smtp_error)}"
        return Rejected(said) if error.smtp_code >= 500 else Failing(said)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Barred(f"the mail server's certificate is not trusted: {error.verify_message}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Barred(f"the mail server cannot do what email.security or email.user ask for: {_line(str(error))[:200]}")
    if isinstance(error, smtplib.SMTPException | OSError):
        return Failing(f"{type(error).__name__}: {_line(str(error))[:200]}")
    raise error


def _said(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return _line(text)[:200]
