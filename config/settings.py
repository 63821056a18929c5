"""The config: YAML to `Settings`, with every error at once as FILE:LINE: path: message.

It must not know the networks: the models of their options come in as an argument. Legal defaults carry how sure they
are: [V] read in a source, [S] a secondary source, [M] memory or inference (a lawyer of the akimat confirms them).
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    WithJsonSchema,
    field_validator,
)

from config.document import (
    ConfigErrors,
    Document,
    M,
    Problem,
    Unreadable,
    Where,
    as_mapping,
    did_you_mean,
    read,
    spelled,
)
from config.hearing import Hearing
from config.hours import DEFAULT, parse_week
from config.languages import N_
from config.reminders import Email, Quiet, Reminders, Webhook
from config.secrets import Secrets, written_out
from config.workdays import load_workdays

__all__ = ["Alerts", "ConfigErrors", "Office", "Problem", "Register", "Retention", "Routing", "Settings", "Source", "Telegram", "Terms",
           "Unreadable", "Web", "default_settings", "load"]

NUMBER_FORMAT = "ӘЖ-{office}-{year}-{seq:06}"
EXTERNAL_FORMAT = r"[A-ZА-ЯӘІҢҒҮҰҚӨҺ]{1,4}[ -]?[0-9][0-9/-]{3,30}"
FORBIDDEN_SERIES = ("ЖТ", "ЗТ")
_TERM = re.compile(r"[1-9][0-9]{0,3}(wd|wh|cd)")
_PADDING = re.compile(r"(0[1-9]|01[0-9])?")
_EVERY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_BASE = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def _code(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_or_many(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_code(part) for part in value]
    return [] if value is None else [_code(value)]


def _seconds(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        found = _EVERY.fullmatch(str(value).strip())
        if not found:
            raise ValueError(f'"{value}" is no time; write seconds, or like 30s, 5m, 1h')
        seconds = float(found[1]) * _SECONDS[found[2]]
    if not 1 <= seconds <= 86_400:
        raise ValueError("must be from 1s to 24h")
    return seconds


def _term(value: str) -> str:
    if not _TERM.fullmatch(value):
        raise ValueError(f'"{value}" is no term; write 7wd (working days), 9wh (working hours) or 15cd (calendar days)')
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:      # a port or an IPv6 address that is none
        known = False
    if not known:
        raise ValueError(f'"{value}" is no address; write it like https://qulaq.example.kz')
    return value.rstrip("/")


_CODE = r"^[0-9]{9}$"
_WRITTEN_CODE = {"anyOf": [{"type": "string", "pattern": _CODE}, {"type": "integer"}], "examples": ["551000000"]}
_WRITTEN_WORD = {"anyOf": [{"type": "string"}, {"type": "integer"}]}

_SPANS = {"type": "string", "pattern": r"^\s*\d{1,2}:\d\d\s*[-–—]\s*\d{1,2}:\d\d\s*$"}
_WRITTEN_WEEK = {"type": "object", "additionalProperties": {"anyOf": [_SPANS, {"type": "array", "items": _SPANS}]},
                 "examples": [{"mon-fri": ["09:00-13:00", "14:30-18:30"]}]}

# How a value is written in the file is wider than what it becomes: the JSON Schema describes the file.
Code = Annotated[str, BeforeValidator(_code), Field(pattern=_CODE), WithJsonSchema(_WRITTEN_CODE)]
Many = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), WithJsonSchema(
    {"anyOf": [*_WRITTEN_WORD["anyOf"], {"type": "array", "items": _WRITTEN_WORD}, {"type": "null"}]})]
Every = Annotated[float, BeforeValidator(_seconds), WithJsonSchema(
    {"type": ["number", "string"], "examples": ["60s", "5m", 60]})]
TermText = Annotated[str, WithJsonSchema(
    {"type": "string", "pattern": f"^{_TERM.pattern}$", "examples": ["9wh", "7wd", "15cd"]})]


class Web(BaseModel):
    """The pages and the API."""

    model_config = _BASE
    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        default="", description="Address at which people reach the pages; links in messages begin with it. Default: "
                                "http://HOST:PORT.")
    behind_proxy: bool = Field(
        default=False, description="Whether a reverse proxy of ours stands in front and appends the caller's address to "
                                   "X-Forwarded-For; without it everybody would share the limit of sign-in attempts.")
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, description="Opens /metrics and /readyz to a machine: Authorization: Bearer TOKEN. "
                                                 "Without one they need a person's sign-in.")

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return _http_url(value) if value else value

    @property
    def address(self) -> str:
        """Where links lead, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"


class Telegram(BaseModel):
    """The bot through which staff are told. Sources of the network `telegram` use it too unless they have their own."""

    model_config = _BASE
    token: SecretStr = Field(description="Token from @BotFather.")
    api_url: str = Field(
        default="https://api.telegram.org", description="Bot API server; a local one for large installations.")
    bot: str = Field(default="", pattern=r"^(@?[A-Za-z][A-Za-z0-9_]{4,31})?$",
                     description="User name of the bot, for the links that bind people (https://t.me/BOT?start=…).")

    @field_validator("api_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return _http_url(value)


class Terms(BaseModel):
    """How long an office has. No norm with a term for messages from social networks was found [V]: each akimat sets its
    own. The defaults are practice elsewhere (Russia, several regions, 2020-2023) [V] and АППК."""

    model_config = _BASE
    first_reaction: TermText = Field(default="9wh", description="To the first reaction. Practice: 9 working hours [V].")
    first_reaction_urgent: TermText = Field(default="4wh", description="To the first reaction to an urgent message. "
                                                               "Practice: 4 working hours [V].")
    final: TermText = Field(
        default="7wd", description="To the final answer. Practice: 7 working days [V]; an official appeal has 15 "
                                   "working days (АППК Art. 76) [V].")
    redirect: TermText = Field(default="3wd", description="To pass it to the competent body (АППК Art. 65) [V].")
    tell: TermText = Field(default="3wd", description="To tell the citizen that the term was extended or the message "
                                                      "redirected (АППК Art. 65, 76) [V].")
    extension_inquiry: TermText = Field(
        default="15cd", description="By how much the term of a request for information may be extended, once (Law on "
                                    "access to information) [S].")
    extension_months: int = Field(
        default=2, ge=1, le=12, description="Months in all, from the receipt, to which every other term may be extended "
                                            "by a reasoned decision (АППК Art. 76) [V].")

    @field_validator("*")
    @classmethod
    def _terms(cls, value: str | int) -> str | int:
        return _term(value) if isinstance(value, str) else value


ARTICLES: Mapping[str, str] = {
    "first_reaction": N_("the office's own setting (no norm for social networks)"),
    "first_reaction_urgent": N_("the office's own setting (no norm for social networks)"),
    "final": N_("the office's own setting (no norm for social networks; Art. 76 of the АППК for official appeals)"),
    "redirect": N_("Art. 65 of the АППК"),
    "tell": N_("Art. 76 of the АППК"),
    "extension_inquiry": N_("the Law on access to information"),
    "extension_months": N_("Art. 76 of the АППК"),
}
"""What each term rests on, for its derivation."""


class Office(BaseModel):
    """An akimat that registers messages: for itself and for every unit below it that has no office of its own."""

    model_config = _BASE
    code: Code = Field(description="KATO code of the akimat, nine digits.")
    name_kk: str = Field(default="", description="Name in Kazakh where it is not that of the registry.")
    name_ru: str = Field(default="", description="Name in Russian where it is not that of the registry.")
    accounts: Many = Field(
        default=(), description="The office's own accounts in social networks: its posts never become tickets.")
    working_time: Annotated[dict[str, list[str]], WithJsonSchema(_WRITTEN_WEEK)] = Field(
        default_factory=lambda: {days: list(spans) for days, spans in DEFAULT.items()},
        description="Working time by day (mon-fri, sat): a list of intervals like 09:00-13:00.")
    holidays: Path | None = Field(
        default=None, description="File of days off and worked days that wins over the bundled one.")
    terms: Terms = Field(default_factory=Terms, description="How long the office has.")
    count_from: Literal["same", "next"] = Field(
        default="same", description="Whether a term in days counts from the day of receipt (same: the earlier date) "
                                    "or from the day after [M].")
    personal_data_in_messages: Literal["none", "masked", "full"] = Field(
        default="masked", description="What staff messages show of a post: none of it, an excerpt with personal data "
                                      "masked, or the full excerpt. Messengers store abroad (Law 94-V: storage inside "
                                      "Kazakhstan) [V].")

    pause_while_asked: str = Field(
        default="", description="How long, at most, the term of the final answer stands while the citizen is asked for what is "
                                "missing, like 5wd; it stands once. Empty: it does not stand. No norm was found for messages [M].")
    answers_approved_by: Literal["head", "officers"] = Field(
        default="head", description="Who approves an answer before it is published, never its author: a head or "
                                    "controller, or any other officer too.")
    reminders: Reminders = Field(default_factory=Reminders, description="When staff are reminded of a deadline.")
    quiet: Quiet = Field(default_factory=Quiet, description="When staff are left alone.")
    telegram_group: int | None = Field(
        default=None, lt=0, description="Id of the Telegram group in which the office's staff work, like -1001234567890; "
                                        "a head may also write /bind there.")

    @field_validator("pause_while_asked")
    @classmethod
    def _pause(cls, value: str) -> str:
        return _term(value) if value else value

    @field_validator("working_time", mode="before")
    @classmethod
    def _spans(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("must be a mapping of days, like mon-fri: [09:00-13:00, 14:30-18:30]")
        spans = {day: [part] if isinstance(part, str) else part for day, part in value.items()}
        for day, part in spans.items():
            if not isinstance(part, list | tuple) or not all(isinstance(p, str) for p in part):
                raise ValueError(f"{day}: must be a list of intervals like 09:00-13:00")
        parse_week(spans)
        return spans


class Routing(BaseModel):
    """One row of the table of topic and akimat to department and person; the most specific row wins."""

    model_config = _BASE
    akimat: Many = Field(
        default=(), description="KATO codes of addressees; each covers the units below it. Empty: any.")
    topic: Many = Field(default=(), description="Topics or groups of topics. Empty: any.")
    department: str = Field(default="", description="Department that answers. Empty: the topic's own.")
    responsible: str = Field(
        default="", description="Login of the person who answers; the deputy stands in while absent.")
    role: Literal["", "officer", "head", "controller", "duty"] = Field(
        default="", description="Instead of a person: the least loaded one in this role, or the duty officer.")
    _place: str = PrivateAttr("")

    @property
    def place(self) -> str:
        """FILE:LINE of the rule, shown as the reason of an assignment."""
        return self._place


class Source(BaseModel):
    """Where posts come from. Every other option belongs to the network."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$",
                      description="Its name, unique: letters, digits, dot, dash, underscore.")
    network: str = Field(description="Network of the source.")
    home: Code | None = Field(
        default=None, description="KATO code of the unit that the source belongs to; bare names are read as places "
                                  "inside it.")
    every: Every | None = Field(default=None, description="Time between polls; the network's own default where absent.")
    enabled: bool = Field(default=True, description="false: known, shown, but not asked.")
    confirms: bool = Field(
        False, description="Answer a post that became a card with its number and the address of its state, where the network lets "
                           "us. Needs web.public_url.")
    confirms_an_hour: int = Field(20, ge=1, le=1000, description="So many such answers in an hour, at most; the rest gets none.")
    keep_raw: bool = Field(False, description="Keep what the network sent beside the post (erasable).")
    _settings: BaseModel | None = PrivateAttr(None)

    @property
    def options(self) -> Mapping[str, Any]:
        """The network's own options, secrets filled in: not for logs."""
        return self.model_extra or {}

    @property
    def settings(self) -> BaseModel:
        """The options as the network's own model. Only of a config loaded with the models of the networks."""
        if self._settings is None:
            raise LookupError(f"{self.name}: the config was loaded without the models of the networks")
        return self._settings

    def __repr__(self) -> str:
        return f"Source(name={self.name!r}, network={self.network!r}, home={self.home!r})"


class Retention(BaseModel):
    """How long what is nobody's matter stays."""

    model_config = _BASE
    unaddressed_days: int = Field(
        default=30, ge=1, le=3650, description="Days after which the text of posts that are not addressed is erased.")
    author_key_days: int = Field(
        default=30, ge=1, le=3650, description="Days after which the key of the author hash changes.")
    closed_days: int | None = Field(
        default=1825, ge=30, le=36500, description="Days after which the texts of a closed card are erased; number and "
                                                   "entries stay. Empty: never. Five years is the usual storage of "
                                                   "citizens' appeals [M].")
    demand: TermText = Field(
        default="1wd", description="To an erasure that a citizen asks for (Law 94-V: within 1 working day) [V].")
    backup_days: int = Field(
        default=30, ge=1, le=3650, description="Days after which a backup expires: erasure must reach backups, too.")
    erasure_list: Path | None = Field(
        default=None, description="File outside the database in which every erasure is written down as a keyed hash, so that "
                                  "`qulaq db restore` does it again.")

    @field_validator("demand")
    @classmethod
    def _demand(cls, value: str) -> str:
        return _term(value)


class Register(BaseModel):
    """How the register is published, so that a vanished tail or chain shows. docs/register.md has the form."""

    model_config = _BASE
    signing_key: SecretStr | None = Field(
        default=None, description="Ed25519 key that signs heads: 64 hex digits, made by `openssl rand -hex 32`.")
    public_keys: Many = Field(
        default=(), description="Keys whose signature on a head is accepted, as `qulaq register head` prints them; the one "
                                "of signing_key is among them by itself.")
    folder: Path | None = Field(
        default=None, description="Folder into which the head is written once a day; best one that is copied to where the "
                                  "administrators of this machine cannot write.")

    @field_validator("signing_key")
    @classmethod
    def _seed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", value.get_secret_value()):
            raise ValueError("must be 64 hex digits; make one with: openssl rand -hex 32")
        return value

    @field_validator("public_keys")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if not re.fullmatch(r"[0-9a-f]{64}", key):
                raise ValueError(f'"{key[:70]}" is no public key; it has 64 hex digits, as `qulaq register head` prints it')
        return value


class Alerts(BaseModel):
    """Who is told of surges, and when. Alerts go by Telegram to the press service and the duty officer of the office."""

    model_config = _BASE
    verdicts: tuple[Literal["organic", "organised", "inconclusive", "coordinated"], ...] = Field(
        default=("organic", "organised", "coordinated"), description="Verdicts that are told; an empty list: none.")
    every: Every = Field(
        default=3600.0, description="At most one alert for an akimat and topic in this time; what comes meanwhile is joined.")
    quiet: str = Field(
        default="22:00-07:00", pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="Hours in which nobody is told (Asia/Almaty); what comes meanwhile is told when they are over. Empty: none.")
    escalate_after: Every = Field(
        default=7200.0, description="If nobody has decided on a flag for so long after its alert, the head is told.")


class Settings(BaseModel):
    """Qulaq's config."""

    model_config = _BASE
    database: str = Field(default="sqlite:///qulaq.db", repr=False,
                          description="sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/NAME; one with a password "
                                      "as {env: NAME} or {file: PATH}.")
    web: Web = Field(default_factory=Web, description="The pages and the API.")
    telegram: Telegram | None = Field(default=None, description="The bot through which staff are told.")
    email: Email | None = Field(default=None, description="The mail server for letters to staff.")
    webhook: Webhook | None = Field(default=None, description="Another system that hears of every entry of the register.")
    number_format: str = Field(
        default=NUMBER_FORMAT, description="Form of a number; must contain {office}, {year} and {seq}. ЖТ and ЗТ "
                                           "belong to e-Otinish and are refused.")
    external_number_format: str = Field(
        default=EXTERNAL_FORMAT, description="Regular expression of a number in e-Otinish: letters and a unique number, "
                                             "given once at the first registration [V].")
    knowledge: Path | None = Field(default=None, description="Folder of knowledge files in place of the bundled ones.")
    models: Path | None = Field(default=None, description="Folder of models that `qulaq learn adopt` wrote; absent: detection alone.")
    retention: Retention = Field(default_factory=Retention, description="How long what is nobody's matter stays.")
    proof: Register = Field(default_factory=Register, alias="register", description="How the register is published.")
    alerts: Alerts = Field(default_factory=Alerts, description="Who is told of surges, and when.")
    hearing: Hearing = Field(default_factory=Hearing, description="When operators are told that a source is not heard.")
    offices: tuple[Office, ...] = Field(
        default=(), description="Akimats that register here; none: every addressee for itself.")
    routing: tuple[Routing, ...] = Field(default=(), description="Topic and akimat to department and person.")
    sources: tuple[Source, ...] = Field(default=(), description="Where posts come from.")
    _path: Path | None = PrivateAttr(None)
    _unset: tuple[Problem, ...] = PrivateAttr(())
    _secret_files: tuple[Path, ...] = PrivateAttr(())

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files its secrets lie in."""
        return self._secret_files

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._path

    @property
    def unset(self) -> tuple[Problem, ...]:
        """Secrets that are not there, where the loader was told not to insist."""
        return self._unset

    def office(self, code: str) -> Office | None:
        """The office of exactly this unit."""
        return next((office for office in self.offices if office.code == code), None)

    @field_validator("database")
    @classmethod
    def _database(cls, value: str) -> str:
        if not re.match(r"(sqlite|postgresql)(\+\w+)?://", value):
            raise ValueError("is no database address; use sqlite:///FILE.db or postgresql://…")
        return value

    @field_validator("external_number_format")
    @classmethod
    def _external(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as e:
            raise ValueError(f"is no regular expression ({e}); use {EXTERNAL_FORMAT}") from e
        return value

    @field_validator("number_format")
    @classmethod
    def _number(cls, value: str) -> str:
        try:
            parts = [(name, spec or "", how) for _, name, spec, how in string.Formatter().parse(value) if name is not None]
            fields = {name for name, _, _ in parts}
            if any(how or not _PADDING.fullmatch(spec) for _, spec, how in parts):
                raise ValueError("only leading zeros can be asked for, like {seq:06}")
            example = value.format(office="551", year=2026, seq=123, series="ӘЖ")
        except (ValueError, KeyError, IndexError, AttributeError) as e:
            raise ValueError(f"is no format of {{office}}, {{year}}, {{seq}} and {{series}} ({str(e) or type(e).__name__}); "
                             f"use {NUMBER_FORMAT}") from e
        faults = []
        strange = fields - {"office", "year", "seq", "series"}
        if strange:
            faults.append(f"knows no {', '.join('{' + name + '}' for name in sorted(strange))}")
        missing = {"office", "year", "seq"} - fields
        if missing:
            faults.append(f"lacks {', '.join('{' + name + '}' for name in sorted(missing))}: numbers must be unique "
                          "per office and year")
        if len(example) > 64 or not example.isprintable():
            faults.append(f"would make a number of {len(example)} characters; one line of at most 64 is printed on letters")
        if any(series in example.upper() for series in FORBIDDEN_SERIES):
            faults.append("ЖТ and ЗТ are the numbers of official appeals in e-Otinish; use another series")
        if faults:
            raise ValueError("; ".join(faults))
        return value


class _Top(Settings):
    """Settings before their lists are looked at one by one."""

    offices: tuple[Any, ...] = ()
    routing: tuple[Any, ...] = ()
    sources: tuple[Any, ...] = ()
    telegram: Any = None
    email: Any = None
    webhook: Any = None


def default_settings() -> Settings:
    """The settings without a config file."""
    return Settings()


def load(path: Path | str | Document, connectors: Mapping[str, type[BaseModel]] | None = None, *,
         akimats: Collection[str] | None = None, topics: Collection[str] | None = None, insist: bool = True,
         environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a file, or of one that was read already.

    `connectors` has the model of each network's options, `akimats` the known KATO codes, `topics` the known topics and
    their groups: what is None isn't checked. `insist=False`: secrets that are not there are listed in `.unset` instead
    of being errors. Raises ConfigErrors with everything at once, Unreadable where the file cannot be opened.
    """
    document = path if isinstance(path, Document) else read(Path(path))
    return _Loading(document, connectors, akimats, topics, insist, environment).settings()


class _Loading:
    """One reading of one file: each part is checked for itself, so that one error never hides another."""

    def __init__(self, document: Document, connectors: Mapping[str, type[BaseModel]] | None,
                 akimats: Collection[str] | None, topics: Collection[str] | None, insist: bool,
                 environment: Mapping[str, str]) -> None:
        self.document = document
        self.connectors = connectors
        self.akimats = akimats
        self.topics = topics
        self.insist = insist
        self.secrets = Secrets(document, environment)

    def settings(self) -> Settings:
        document = self.document
        top = dict(as_mapping(document))
        if document.problems and document.data is None:
            document.raise_problems()       # not even YAML
        resolved = self.secrets.resolved(top)
        top = {name: value for name, value in resolved.items()
               if (value is not None or name not in {*Settings.model_fields, "register"})  # `web:` with nothing under it
               and (name,) not in self.secrets.missing}
        lists = {name: self._list(top, name) for name in ("offices", "routing", "sources")}
        telegram = top.pop("telegram", None)
        bot = self._telegram(telegram) if telegram is not None else None
        ways = {name: self._way(model, name, top.pop(name, None)) for name, model in (("email", Email), ("webhook", Webhook))}
        written = written_out(document, Register, ("register",))
        rest = document.validated(_Top, (), top, but=[*self.secrets.missing, *written])
        offices = [self._office(value, ("offices", i)) for i, value in lists["offices"]]
        routing = [self._rule(value, ("routing", i)) for i, value in lists["routing"]]
        sources = [self._source(value, ("sources", i), telegram) for i, value in lists["sources"]]
        self._unique(lists["offices"], "offices", "code")
        self._unique(lists["sources"], "sources", "name")
        self._unique(lists["sources"], "sources", "inbox")      # two would take each other's letters
        self._one_consumer(lists["sources"], telegram)
        for i, source in enumerate(sources):
            if source is not None and source.confirms and rest is not None and not rest.web.public_url:
                document.problem(("sources", i, "confirms"), "names the address of the pages to citizens: write web.public_url")
        unset = [Problem(str(document.path), document.line(where), spelled(where), message)
                 for where, message in self.secrets.missing.items()]
        if self.insist:
            document.problems += unset
        document.raise_problems()
        assert rest is not None
        made = rest.model_dump(exclude={"offices", "routing", "sources", "telegram", *ways})
        settings = Settings.model_construct(None, **{
            **{name: getattr(rest, name) for name in made}, "telegram": bot, **ways, "offices": tuple(offices),
            "routing": tuple(routing), "sources": tuple(sources)})
        settings._path = document.path
        settings._unset = tuple(unset)
        settings._secret_files = tuple(self.secrets.files)
        if settings.knowledge is not None:
            settings = settings.model_copy(update={"knowledge": self._beside(settings.knowledge)})
        if settings.proof.folder is not None:
            settings = settings.model_copy(update={
                "proof": settings.proof.model_copy(update={"folder": self._beside(settings.proof.folder)})})
        if settings.retention.erasure_list is not None:
            settings = settings.model_copy(update={"retention": settings.retention.model_copy(
                update={"erasure_list": self._beside(settings.retention.erasure_list)})})
        if settings.models is not None:
            models = self._beside(settings.models)
            if not models.is_dir():
                document.problem(("models",), f"{models} is no folder; create it, or take the line away")
                document.raise_problems()
            settings = settings.model_copy(update={"models": models})
        return settings

    def _list(self, top: dict[str, Any], name: str) -> list[tuple[int, Any]]:
        value = top.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list):
            self.document.problem((name,), f"must be a list: begin each of the {name} with a dash (- )")
            return []
        return list(enumerate(value))

    def _telegram(self, value: Any) -> Telegram | None:
        where: Where = ("telegram",)
        known = [*self.secrets.missing, *written_out(self.document, Telegram, where)]
        return self._model(Telegram, where, value, known)

    def _way(self, model: type[M], name: str, value: Any) -> M | None:
        """A section of its own with a secret in it."""
        if value is None:
            return None
        return self._model(model, (name,), value, [*self.secrets.missing, *written_out(self.document, model, (name,))])

    def _model(self, model: type[M], where: Where, value: Any, known: Sequence[Where] = ()) -> M | None:
        if not isinstance(value, dict):
            self.document.problem(where, "must be a mapping (name: value)")
            return None
        return self.document.validated(model, where, value, but=known)

    def _office(self, value: Any, where: Where) -> Office | None:
        office = self._model(Office, where, value)
        if isinstance(value, dict):
            self._akimat(value.get("code"), (*where, "code"))
        if office is None or office.holidays is None:
            return office
        path = self._beside(office.holidays)
        try:
            load_workdays(path)
        except ConfigErrors as e:
            self.document.problems += e.problems
        except Unreadable as e:
            self.document.problem((*where, "holidays"), str(e))
        return office.model_copy(update={"holidays": path})

    def _rule(self, value: Any, where: Where) -> Routing | None:
        rule = self._model(Routing, where, value)
        if rule is None:
            return None
        rule._place = f"{self.document.path.name}:{self.document.line(where)}"
        for code in rule.akimat:
            self._akimat(code, (*where, "akimat"))
        if self.topics is not None:
            for topic in rule.topic:
                if topic not in self.topics:
                    self.document.problem((*where, "topic"), f'no topic "{topic}"{did_you_mean(topic, self.topics)}')
        if rule.responsible and rule.role:
            self.document.problem((*where, "role"), "either responsible or role; remove one")
        if not (rule.department or rule.responsible or rule.role):
            self.document.problem(where, "names neither department nor responsible nor role: it routes nowhere")
        return rule

    def _source(self, value: Any, where: Where, telegram: Any) -> Source | None:
        if not isinstance(value, dict):
            self.document.problem(where, "must be a mapping (name: value)")
            return None
        base = {name: part for name, part in value.items() if name in Source.model_fields}
        options = {name: part for name, part in value.items() if name not in Source.model_fields}
        source = self.document.validated(Source, where, base)
        self._akimat(value.get("home"), (*where, "home"))
        network = value.get("network")
        if self.connectors is None or not isinstance(network, str):
            return None if source is None else source.model_copy(update=options)
        model = self.connectors.get(network)
        if model is None:
            self.document.problem((*where, "network"),
                                  f'no network "{network}"{did_you_mean(network, self.connectors)}')
            return None
        if isinstance(telegram, dict) and network == "telegram":
            inherited = {name: telegram[name] for name in ("token", "api_url")
                         if name in telegram and name in model.model_fields and name not in options}
            options = {**inherited, **options}
        known = [*self.secrets.missing, *written_out(self.document, model, where)]
        if ("telegram", "token") in self.secrets.missing:
            known.append((*where, "token"))
        for option, field in model.model_fields.items():
            if field.annotation is Path and isinstance(options.get(option), str):
                options[option] = str(self._beside(Path(options[option])))
        before = len(self.document.problems)
        settings = self.document.validated(model, where, options, but=known)
        for problem in self.document.problems[before:]:
            if problem.message.startswith("unknown option"):
                self._mend(problem, model)
        if source is None:
            return None
        source = source.model_copy(update=options)
        source._settings = settings
        return source

    def _mend(self, problem: Problem, model: type[BaseModel]) -> None:
        """An unknown option of a source may also be a misspelt common one."""
        name = problem.path.rsplit(".", 1)[-1]
        if problem.path.count(".") != 1:
            return
        names = [field.alias or key for key, field in model.model_fields.items()] + list(Source.model_fields)
        mended = Problem(problem.file, problem.line, problem.path, f"unknown option{did_you_mean(name, names)}")
        self.document.problems[self.document.problems.index(problem)] = mended

    def _akimat(self, code: Any, where: Where) -> None:
        text = str(code)
        if code is not None and self.akimats is not None and re.fullmatch(r"\d{9}", text) and text not in self.akimats:
            self.document.problem(where, f"no akimat has the KATO code {text}{did_you_mean(text, self.akimats)}")
        elif where[0] == "routing" and not re.fullmatch(r"\d{9}", text):
            self.document.problem(where, f'"{text}" is no KATO code; it has nine digits')

    def _unique(self, values: list[tuple[int, Any]], name: str, key: str) -> None:
        first: dict[str, int] = {}
        for i, value in values:
            if not isinstance(value, dict) or value.get(key) is None:
                continue
            said = str(value[key])
            line = self.document.line((name, i, key))
            if said in first:
                self.document.problem((name, i, key),
                                      f'"{said}" is taken (line {first[said]}); each needs its own {key}')
            first.setdefault(said, line)

    def _one_consumer(self, values: list[tuple[int, Any]], telegram: Any) -> None:
        """One bot token has one consumer of updates: a second source with it would steal the first one's."""
        first: dict[str, str] = {}
        for i, value in values:
            if not isinstance(value, dict) or value.get("network") != "telegram" or value.get("enabled") is False:
                continue
            where: Where = ("sources", i, "token") if "token" in value else ("telegram", "token")
            token = str(self.document.at(where)) if where in self.secrets.missing else str(
                value.get("token") or (isinstance(telegram, dict) and telegram.get("token")) or f"none {i}")
            name = str(value.get("name", f"sources[{i}]"))
            if token in first:
                self.document.problem(("sources", i, "token") if "token" in value else ("sources", i),
                                      f"the bot of {first[token]} again; one token serves one source, remove one")
            first.setdefault(token, name)

    def _beside(self, path: Path) -> Path:
        return self.document.path.parent / path
