"""A config and the knowledge it names, read together; and the line from post to ticket under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from config.answers import AnswerKnowledge, load_answers
from config.channels import Channels, bundled, load_channels
from config.document import ConfigErrors, Document, Unreadable
from config.document import read as read_document
from config.knowledge import KnowledgeError, load_knowledge
from config.settings import Settings, Source, load
from config.surges import load_rules
from config.workdays import BUNDLED
from connectors.base import ConnectorSettings
from monitor.core.judge import Judge
from monitor.core.knowledge import Knowledge
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.surge.rules import Rules
from ticketing.desk import Desk, desk

if TYPE_CHECKING:
    from monitor.learning.inforce import Learned
    from monitor.pipeline import Pipeline
    from ticketing.service import Service

log = structlog.get_logger("qulaq")

WRONG = (ConfigErrors, Unreadable, KnowledgeError)
"""What an operator can mend in the files."""


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Setting:
    """A config with the knowledge it names: what can be replaced while Qulaq runs."""

    settings: Settings | None
    knowledge: Knowledge
    desk: Desk
    """What the offices have settled, their calendars read."""
    rules: Rules | None = None
    """Of surges; read only where they are watched, so that the line from post to ticket never waits for them."""
    channels: Channels = field(default_factory=bundled)
    answers: AnswerKnowledge | None = None
    """How answers are checked, and their templates; read with the rules of surges. None: the project's own."""
    learned: Learned | None = None
    """The office's adopted models, where the config names their folder."""

    def judge(self) -> Callable[[Post], Verdict]:
        """Detection, and behind it the models in force."""
        detection, learned, topics = Judge(self.knowledge), self.learned, self.knowledge.topics
        if learned is None or not learned.models:
            return detection

        def judged(post: Post) -> Verdict:
            verdict = detection(post)
            try:
                return learned.judged(post, verdict, topics)
            except Exception:
                log.exception("a learned model failed on a post; what detection says stands", network=post.network)
                return verdict
        return judged

    def service(self) -> Service:
        """The verbs under this setting."""
        from ticketing.service import Service  # with the database's libraries, that `check` need not wait for
        made = Service(self.desk)
        if self.answers is not None:
            made.answer_by(self.answers)
        return made


def options_of(source: Source) -> ConnectorSettings:
    """A source's options as its network's own model."""
    settings = source.settings
    assert isinstance(settings, ConnectorSettings), "the config was loaded with the models of the networks"
    return settings


def models() -> dict[str, type[BaseModel]]:
    """The model of each network's options."""
    connectors = import_module("connectors")    # their libraries take half a second that `ingest` alone need not wait
    found: dict[str, type[BaseModel]] = {}
    for network in connectors.networks():
        try:
            found[network] = connectors.find(network).Settings
        except connectors.UnknownNetwork as e:      # a package of others' must not stop what is ours
            log.error("a connector of an installed package is left out", reason=str(e))
    return found


def read(path: Path | str, *, insist: bool = True, surges: bool = False) -> Setting:
    """The config at `path`, checked against the networks and the knowledge that it names; with `surges` all that is shown and answered
    beyond the line from post to ticket, too.

    Raises one of WRONG.
    """
    document = read_document(Path(path))    # once: it may be a pipe, and an editor may write it meanwhile
    folder = knowledge_folder(document)
    knowledge = load_knowledge(folder)
    rules = load_rules(folder and folder / "surges.yaml") if surges else None
    channels = load_channels(folder / "channels.yaml") if surges and folder else bundled()
    answers = load_answers(folder) if surges else None
    settings = checked(document, knowledge, insist=insist)
    return Setting(settings, knowledge, desk(settings, knowledge, folder / "holidays.yaml" if folder else BUNDLED), rules,
                   channels, answers, learned(settings, knowledge))


def learned(settings: Settings, knowledge: Knowledge) -> Learned | None:
    """The models in force; None where the config names no folder of models."""
    if settings.models is None:
        return None
    adopted = import_module("monitor.adopted")      # its libraries take a second that others need not wait
    found: Learned = adopted.in_force(settings.models, knowledge.topics, knowledge.registry)
    return found


def read_settings(path: Path | str) -> Settings:
    """The settings alone, for commands that judge nothing; secrets that are not there are no error. Raises one of WRONG."""
    return checked(read_document(Path(path)), None, insist=False)


def knowledge_folder(document: Document) -> Path | None:
    """The folder that a config names; None, the bundled one, where it names none."""
    folder = document.at(("knowledge",))
    return document.path.parent / folder if isinstance(folder, str) else None


def checked(document: Document, knowledge: Knowledge | None, *, insist: bool = True) -> Settings:
    """The settings of a document, checked against the networks and, where it is known, the knowledge. Raises ConfigErrors."""
    if knowledge is None:
        return load(document, models(), insist=insist)
    topics = {*knowledge.topics, *(topic.group for topic in knowledge.topics.values())}
    return load(document, models(), akimats={akimat.code for akimat in knowledge.registry}, topics=topics, insist=insist)


def line(config: str | None, received: Callable[[Post], datetime] | None = None) -> Pipeline:
    """The way from a stored post to a ticket, for commands that need no network."""
    from monitor.pipeline import Pipeline
    from ticketing.service import Service
    if config:
        setting = read(config, insist=False)
        for fault in dict.fromkeys(setting.learned.faults.values() if setting.learned else ()):
            log.error("an adopted model cannot be used; detection goes on without it", reason=fault)
        return Pipeline(setting.judge(), setting.service(), now, received)
    knowledge = load_knowledge()
    return Pipeline(Judge(knowledge), Service(desk(None, knowledge)), now, received)
