"""Letters to an office's mailbox, by IMAP (RFC 9051), and answers by SMTP. Nothing is marked as read, moved or deleted.

IMAP is no HTTP: the connector opens its own connection, in a thread, for each poll and closes it. The cursor is UIDVALIDITY and the
last UID (RFC 9051, 2.3.1.1); a mailbox that was built anew is read from its beginning, the store drops what it knows.
A letter can't be edited or taken back. Automatic replies (RFC 3834) are no letters. IDLE is a doorbell only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import formataddr, getaddresses, parseaddr
from hashlib import blake2b
from typing import Any, ClassVar, Literal

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from pydantic import Field, SecretStr

from connectors.base import Batch, ConnectorSettings, Cursor, Damaged, Http
from connectors.errors import GONE, NOT_ALLOWED, AuthError, BadPayload, CannotAnswer, RateLimited, SourceError, Transient
from connectors.fields import account_of_person
from connectors.markup import hashtags_of, links_of_html, mentions_of, one_line, text_of_html, tidy, web_links
from monitor.core.post import Author, Post, as_utc, clean_text

BATCH = 20
"""Letters of one poll."""
FIRST = 50
"""Letters that stand in the mailbox at the first poll and are read, at most."""
LARGEST = 25 * 1024 * 1024
"""Bytes of a letter that is fetched whole; of a larger one the beginning is read."""
_ID = re.compile(r"<([^<>\s]{3,250})>")
_ADDRESS = re.compile(r"https?://[^\s<>\"')]+[^\s<>\"').,;:!?]")


class Email:
    """One mailbox."""

    name: ClassVar[str] = "email"
    poll_every: ClassVar[float] = 60.0
    max_requests_per_poll: ClassVar[int] = 1

    class Settings(ConnectorSettings):
        """Options of an email source."""

        host: str = Field(description="IMAP server")
        port: int = Field(default=993, ge=1, le=65535, description="Port of the IMAP server")
        security: Literal["tls", "starttls", "none"] = Field(default="tls", description="none: only on this machine or inside a VPN")
        user: str = Field(description="Name of the mailbox's user")
        password: SecretStr = Field(description="Password, or app password where the provider asks for one")
        folder: str = Field(default="INBOX", description="Folder of the mailbox")
        smtp_host: str = Field(default="", description="SMTP server for answers; empty: no answers")
        smtp_port: int = Field(default=465, ge=1, le=65535, description="Port of the SMTP server")
        smtp_security: Literal["tls", "starttls", "none"] = Field(default="tls", description="As for IMAP")
        sender: str = Field(default="", description="Address that answers come from, as in Name <office@example.kz>; empty: user")
        idle: bool = Field(default=True, description="Let the server ring when a letter comes (IDLE)")

    def __init__(self, source: str, settings: Settings) -> None:
        self.source = source
        self._settings = settings
        self.account = f"{settings.user}@{settings.host}"
        self._sender = settings.sender or settings.user

    async def poll(self, http: Http, cursor: Cursor) -> Batch:
        """Letters from the last known one on. `http` is not used: see above."""
        return await asyncio.to_thread(self._read, dict(cursor))

    async def answer(self, http: Http, post: Post, text: str) -> str:
        """A letter with In-Reply-To to whoever wrote `post`; the address is taken from the mailbox, we keep none."""
        letter = await asyncio.to_thread(self._reply_to, post.native_id, text)
        await asyncio.to_thread(self._send, letter)
        return str(letter["Message-ID"]).strip("<>")

    def can_answer(self, post: Post, now: datetime) -> str | None:
        """Only where an SMTP server is named."""
        return None if self._settings.smtp_host else NOT_ALLOWED

    async def probe(self, http: Http) -> list[str]:
        """What the password opens."""
        def look() -> list[str]:
            with self._session() as session:
                found = session.client.folder_status(self._settings.folder, ["MESSAGES", "UIDNEXT"])
                return [f"reads {self._settings.folder}: {found.get(b'MESSAGES', 0)} letters",
                        f"answers through {self._settings.smtp_host}" if self._settings.smtp_host else "may not answer: smtp_host is empty"]
        return await asyncio.to_thread(look)

    async def doorbell(self) -> None:
        """Returns when the server says that something came."""
        if not self._settings.idle:
            raise LookupError("no IDLE")
        over = threading.Event()
        try:
            await asyncio.to_thread(self._listen, over)
        finally:
            over.set()

    def _listen(self, over: threading.Event) -> None:
        with self._session() as session:
            session.client.select_folder(self._settings.folder, readonly=True)
            session.client.idle()
            for _ in range(29 * 60):  # a server may close after 30 minutes: RFC 2177
                if over.is_set() or any(b"EXISTS" in one or b"RECENT" in one for one in session.client.idle_check(timeout=1)):
                    break
            session.client.shutdown()  # whatever else the server would say of it, it has rung

    def _read(self, cursor: dict[str, Any]) -> Batch:
        place = f"{self.account}/{self._settings.folder}"
        known = cursor if cursor.get("place") == place else {}
        with self._session() as session:
            chosen = session.client.select_folder(self._settings.folder, readonly=True)
            validity, following = _number(chosen, b"UIDVALIDITY"), _number(chosen, b"UIDNEXT")
            first = 0 if known else max(0, following - 1 - FIRST)
            last = known["last"] if known.get("validity") == validity else first
            uids = sorted(uid for uid in session.client.search(["UID", f"{max(last, 1)}:*"]) if uid >= last)
            now, more = uids[:BATCH + 1], len(uids) > BATCH + 1
            sizes = session.client.fetch(now, ["RFC822.SIZE", "INTERNALDATE"]) if now else {}
            posts: dict[str, Post] = {}
            damaged: list[Damaged] = []
            for uid in now:
                if uid not in sizes:
                    continue  # taken away meanwhile
                whole = sizes[uid].get(b"RFC822.SIZE", 0) <= LARGEST
                part = "BODY.PEEK[]" if whole else f"BODY.PEEK[]<0.{LARGEST}>"
                body = next((value for key, value in session.client.fetch([uid], [part]).get(uid, {}).items()
                             if key.startswith(b"BODY[]")), None)
                if not isinstance(body, bytes):
                    continue
                try:
                    post = letter_of(body, sizes[uid].get(b"INTERNALDATE"), self.source)
                except Exception as e:  # whatever a letter holds, it must not hold up those behind it
                    damaged.append(Damaged(f"email: letter {uid} cannot be read ({type(e).__name__})", body[:65536]))
                    continue
                if post is not None and parseaddr(self._sender)[1].lower() != post.author.key:
                    posts[post.native_id] = post
        moved = {"place": place, "validity": validity, "last": max([last, *now])}
        return Batch(tuple(posts.values()), moved, damaged=tuple(damaged), more=more)

    def _session(self) -> _Session:
        return _Session(self._settings)

    def _reply_to(self, native_id: str, text: str) -> EmailMessage:
        with self._session() as session:
            session.client.select_folder(self._settings.folder, readonly=True)
            found = session.client.search(["HEADER", "Message-ID", f"<{native_id}>"])
            if not found:
                raise CannotAnswer(GONE)
            body = session.client.fetch([found[-1]], ["BODY.PEEK[HEADER]"])[found[-1]][b"BODY[HEADER]"]
        asked = BytesParser(policy=policy.default).parsebytes(body)
        to = _addresses(asked, "Reply-To") or _addresses(asked, "From")
        if not to:
            raise CannotAnswer(NOT_ALLOWED)
        subject = _header(asked, "Subject")
        letter = EmailMessage()
        letter["From"], letter["To"] = self._sender, formataddr(to[0])
        letter["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()
        mark = blake2b(f"{native_id}\x00{text}".encode(), digest_size=12).hexdigest()
        letter["Message-ID"] = f"<qulaq-{mark}@{parseaddr(self._sender)[1].rpartition('@')[2] or 'localhost'}>"
        letter["In-Reply-To"] = f"<{native_id}>"
        letter["References"] = " ".join([*(f"<{one}>" for one in _ID.findall(_header(asked, "References"))[-20:]), f"<{native_id}>"])
        letter["Date"] = datetime.now(UTC)
        letter["Auto-Submitted"] = "no"
        letter.set_content(text)
        return letter

    def _send(self, letter: EmailMessage) -> None:
        """One letter out. What breaks after the letter was handed over is uncertain."""
        chosen, sent = self._settings, False
        try:
            secure = chosen.smtp_security == "tls"
            make = smtplib.SMTP_SSL(chosen.smtp_host, chosen.smtp_port, timeout=30, context=ssl.create_default_context()) if secure \
                else smtplib.SMTP(chosen.smtp_host, chosen.smtp_port, timeout=30)
            with make as server:
                if chosen.smtp_security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if server.has_extn("auth") or chosen.smtp_security != "none":
                    server.login(chosen.user, chosen.password.get_secret_value())
                sent = True
                server.send_message(letter)
        except smtplib.SMTPAuthenticationError as e:
            raise AuthError(f"SMTP {chosen.smtp_host}: the password is refused ({e.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused as e:
            code = next(iter(e.recipients.values()), (550, b""))[0]
            if 400 <= code < 500:
                raise RateLimited(f"SMTP {chosen.smtp_host}: {code}, come back later", 300.0) from None
            raise CannotAnswer(GONE) from None
        except smtplib.SMTPResponseException as e:
            said = f"SMTP {chosen.smtp_host}: {e.smtp_code} {one_line(str(e.smtp_error))[:150]}"
            raise (Transient(said) if 400 <= e.smtp_code < 500 else BadPayload(said)) from None
        except (smtplib.SMTPException, OSError) as e:
            raise Transient(f"SMTP {chosen.smtp_host}: {type(e).__name__}", sent=sent) from None


class _Session:
    """A connection for one question; failures as the four errors, without what the server said of us."""

    def __init__(self, settings: Email.Settings) -> None:
        self._settings = settings
        self.client: Any = None

    def __enter__(self) -> _Session:
        chosen = self._settings
        try:
            secure = ssl.create_default_context() if chosen.security != "none" else None
            self.client = IMAPClient(chosen.host, chosen.port, ssl=chosen.security == "tls", ssl_context=secure, timeout=30)
            self.client.normalise_times = False
            if chosen.security == "starttls":
                self.client.starttls(secure)
            self.client.login(chosen.user, chosen.password.get_secret_value())
        except Exception as e:
            self._close()
            raise self._named(e) from None
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._close()
        if isinstance(error, Exception) and not isinstance(error, SourceError | CannotAnswer):
            raise self._named(error) from None

    def _close(self) -> None:
        if self.client is not None:
            try:
                self.client.logout()
            except Exception:  # the connection is gone already: nothing is left to close
                with contextlib.suppress(Exception):
                    self.client.shutdown()

    def _named(self, error: Exception) -> Exception:
        where = f"IMAP {self._settings.host}:{self._settings.port}"
        if isinstance(error, LoginError):
            return AuthError(f"{where}: user or password is refused")
        if isinstance(error, ssl.SSLCertVerificationError):
            return Transient(f"{where}: the server's certificate is refused: {one_line(error.verify_message)}")
        if isinstance(error, IMAPClientAbortError | OSError):
            return Transient(f"{where}: {type(error).__name__}")
        if isinstance(error, IMAPClientError):
            return BadPayload(f"{where}: {one_line(str(error))[:150]}")
        return error


def parse(body: bytes, received: datetime | None = None) -> list[Post]:
    """The post that a letter is, RFC 5322 and MIME; none for an automatic one."""
    found = letter_of(body, received)
    return [] if found is None else [found]


@dataclass(frozen=True, slots=True)
class _Body:
    text: str
    links: tuple[str, ...]
    files: tuple[str, ...]


def letter_of(body: bytes, received: Any = None, source: str = "") -> Post | None:
    """A letter as a post: subject and words, without what is quoted below them."""
    letter = BytesParser(policy=policy.default).parsebytes(body)
    if _header(letter, "Auto-Submitted").lower().partition(";")[0].strip() not in ("", "no"):
        return None
    replied = (_ID.findall(_header(letter, "In-Reply-To")) or [None])[0]
    inside = _body(letter)
    words = _own_words(inside.text) if replied else inside.text
    subject = "" if replied else _header(letter, "Subject")
    text = clean_text(tidy("\n\n".join(filter(None, (subject, words))))).strip()
    if not text and not inside.files:
        return None
    name, address = (_addresses(letter, "From") or [("", "")])[0]
    found = _ID.search(_header(letter, "Message-ID"))
    native = found[1] if found else f"sha-{blake2b(body, digest_size=16).hexdigest()}"
    return Post(
        network="email", source=source, native_id=native, text=text, published_at=_moment(letter, received),
        author=Author(address.lower(), account_of_person(name, "") or address.partition("@")[0]), in_reply_to=replied,
        mentions=mentions_of(text), hashtags=hashtags_of(text),
        links=tuple(web_links([*inside.links, *_ADDRESS.findall(words)])), media=inside.files)


def _body(letter: Any) -> _Body:
    """Plain text where there is some, else HTML as text; and what is attached, by name and content."""
    plain: list[str] = []
    html: list[str] = []
    files: list[str] = []
    for part in letter.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        content = part.get_payload(decode=True) or b""
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            mark = blake2b(content, digest_size=8).hexdigest()
            files.append(f"{kind}:{clean_text(one_line(str(name or ''))).strip()[:100]}:{mark}")
        elif kind == "text/html":
            html.append(_decoded(content, part))
        else:
            plain.append(_decoded(content, part))
    text = "\n\n".join(filter(None, (one.strip() for one in plain))) or "\n\n".join(text_of_html(one) for one in html)
    return _Body(text, tuple(link for one in html for link in links_of_html(one)), tuple(files))


def _own_words(text: str) -> str:
    """A reply without what it quotes: lines that begin with ">", and the one above that says who wrote them. Where nothing else is
    left, all of it: words must not vanish."""
    lines = text.split("\n")
    quoted = next((n for n, line in enumerate(lines) if line.startswith(">")), len(lines))
    if quoted < len(lines) and quoted and lines[quoted - 1].rstrip().endswith(":"):
        quoted -= 1
    rest = [line for line in lines[quoted:] if not line.startswith(">")][1 if quoted < len(lines) and not lines[quoted].startswith(">") else 0:]
    return tidy("\n".join([*lines[:quoted], *rest])) or text


def _decoded(content: bytes, part: Any) -> str:
    """The text of a part in its own charset, else in those that letters here are written in."""
    for charset in (part.get_content_charset(), "utf-8", "windows-1251"):
        try:
            return content.decode(charset or "utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("utf-8", "replace")


def _header(letter: Any, name: str) -> str:
    """A header on one line; damage in it makes it empty."""
    try:
        return clean_text(one_line(str(letter[name] or ""))).strip()
    except Exception:  # the standard library raises many kinds for damaged headers
        return ""


def _addresses(letter: Any, name: str) -> list[tuple[str, str]]:
    return [(clean_text(who), address) for who, address in getaddresses([_header(letter, name)]) if "@" in address]


def _moment(letter: Any, received: Any) -> datetime:
    """When the server received it; else as the letter says."""
    if isinstance(received, datetime):
        return as_utc(received)
    try:
        return as_utc(letter["Date"].datetime)
    except Exception:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _number(chosen: Mapping[bytes, Any], name: bytes) -> int:
    found = chosen.get(name)
    if not isinstance(found, int):
        raise BadPayload(f"IMAP: the server names no {name.decode()}")
    return found
