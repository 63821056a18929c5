"""What all handlers share, and the one who asks. No routes here: `monitor.web.build` has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from config.channels import Channels, bundled
from config.languages import language
from config.settings import Retention
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.live import Live
from monitor.store.engine import Database
from monitor.web.options import WebOptions
from monitor.web.signin import Attempts
from monitor.web.units import Units
from monitor.web.view import View
from ticketing.people import Account, Session

if TYPE_CHECKING:
    from ticketing.service import Service

HERE = Path(__file__).parent
STATIC = HERE / "static"
PAGE_LANGUAGES = ("kk", "ru")


@dataclass(slots=True)
class Site:
    """The parts behind the pages. `service` may be replaced while running: a new config or new knowledge."""

    db: Database
    live: Live
    service: Service
    options: WebOptions
    clock: Callable[[], datetime]
    channels_in_force: Callable[[], Channels] = bundled
    by_account: Attempts = field(default_factory=lambda: Attempts(5, timedelta(minutes=15)))
    """By account and address together: who knows a colleague's login must not be able to lock them out."""
    by_login: Attempts = field(default_factory=lambda: Attempts(100, timedelta(minutes=15)))
    """By account from everywhere: many addresses together guess no faster than this."""
    by_address: Attempts = field(default_factory=lambda: Attempts(20, timedelta(minutes=15)))
    voices: Callable[[], frozenset[str]] = frozenset
    """Networks in which a source of ours can answer."""
    retention: Callable[[], Retention] = Retention
    judging: Callable[[], Callable[[Post], Verdict]] | None = None
    """The judge in force; None: the desk's knowledge alone."""
    _judge: tuple[Any, Callable[[Post], Verdict]] | None = None
    _units: Units | None = None

    @property
    def knowledge(self) -> Any:
        """The knowledge of the desk that acts."""
        return self.service.desk.knowledge

    def judge(self, post: Post) -> Verdict:
        """What detection says of a message that a clerk enters."""
        if self._judge is None or self._judge[0] is not self.knowledge:
            self._judge = (self.knowledge, self.judging() if self.judging is not None else Judge(self.knowledge))
        return self._judge[1](post)

    @property
    def channels(self) -> Channels:
        """The table of official channels in force."""
        return self.channels_in_force()

    @property
    def units(self) -> Units:
        """The index over the registry in force."""
        if self._units is None or self._units.registry is not self.knowledge.registry:
            self._units = Units(self.knowledge.registry)
        return self._units


@dataclass(frozen=True, slots=True)
class Reader:
    """The one who asks: a session, the language of the pages, and what it may see (None: everything)."""

    session: Session
    language: str
    scope: frozenset[str] | None

    @property
    def person(self) -> Account:
        """The account behind the session."""
        return self.session.account


SITE = web.AppKey("site", Site)
READER = web.RequestKey("reader", Reader)


def reader_of(request: web.Request) -> Reader:
    """The signed-in reader; the guard has let nobody else through."""
    return request[READER]


def language_of(request: web.Request, person_language: str | None = None) -> str:
    """The language of the pages: what the reader chose, else the person's, else Kazakh."""
    chosen = request.cookies.get("qulaq_language", "") or person_language or ""
    return chosen if chosen in PAGE_LANGUAGES else "kk"


def view_for(site: Site, code: str, role: str, now: datetime) -> View:
    """Names, times and states for a language and a role."""
    return View(code, now, role, site.units, site.knowledge.topics, language(code))


@cache
def templates(code: str) -> jinja2.Environment:
    """The templates in one language."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])
    env.install_gettext_translations(language(code), newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(static=static, query=_query, plurals=plurals(code), language=code)
    return env


def render(code: str, name: str, **values: Any) -> str:
    """A template as text."""
    return templates(code).get_template(name).render(**values)


def plurals(code: str) -> Callable[[str, str], dict[str, str]]:
    """The forms of a message for the script, by the category that Intl.PluralRules names."""
    def forms(one: str, many: str) -> dict[str, str]:
        say = language(code).ngettext
        return {name: say(one, many, n) for name, n in (("one", 1), ("few", 2), ("many", 5), ("other", 5))}
    return forms


@cache
def static(name: str) -> str:
    """The address of a static file with a mark that changes with its content, so that it may be cached for ever."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={mark}"


def _query(**values: Any) -> str:
    said = urlencode({k: v for k, v in values.items() if v not in ("", None)})
    return f"?{said}" if said else ""


def back_to(path: str | None) -> str:
    """A path of ours to return to; `/` for anything that could lead elsewhere.

    Control characters too: browsers and libraries drop a tab from an address, and what was /<tab>/x becomes //x.
    https://url.spec.whatwg.org/#concept-basic-url-parser
    """
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return path
