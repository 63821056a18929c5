"""The composition root: the only module that builds everything. One TaskGroup holds what runs.

Settings and knowledge may be replaced while it runs: the parts that read them get the new ones, sources that changed
are driven anew, and nothing that was stored is touched.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from errno import EADDRINUSE
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import structlog
from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

import connectors
from config.answers import own_answers
from config.reload import Watcher
from config.reminders import Reminders
from config.settings import Settings, Source
from config.surges import load_rules
from connectors.base import Answers, secrets_of
from monitor import forgetting, likeness
from monitor.alert_presses import AlertPresses
from monitor.collect import Collector
from monitor.core.knowledge import Knowledge
from monitor.daily_head import daily
from monitor.forever import for_ever
from monitor.hearing import Listening
from monitor.http import WebHttp
from monitor.jobs import scheduler
from monitor.limits import Account, Limiter, PacedVoice
from monitor.live import Live
from monitor.pictures import OpenWeb, Pictures
from monitor.pipeline import Pipeline
from monitor.publish import Publisher
from monitor.renewal import SPEAKING, Speaking
from monitor.response.alerts import Policy as AlertPolicy
from monitor.response.alerts import Telling
from monitor.setting import WRONG, Setting, models, now, options_of
from monitor.store.authors import rotate_after
from monitor.store.engine import Database, reason_of
from monitor.store.sources import switch_off
from monitor.surges import SurgeWatch
from monitor.web import WebOptions, build
from monitor.web.site import SITE
from monitor.web.units import Units
from ticketing import groups, people
from ticketing.bot.citizen import CitizenBot
from ticketing.bot.inbound import Inbox
from ticketing.bot.outgoing import ToCitizens
from ticketing.bot.staff import StaffBot
from ticketing.bot.two import TwoBots
from ticketing.bot.voice import SpeakingBot
from ticketing.citizens import BOT
from ticketing.notify.callback import Callback
from ticketing.notify.channel import Channel
from ticketing.notify.edits import Edits
from ticketing.notify.email import EmailChannel
from ticketing.notify.message import Wording
from ticketing.notify.names import KnownNames
from ticketing.notify.quiet import QuietHours, quiet_hours
from ticketing.notify.telegram import TelegramChannel, open_bot
from ticketing.notify.webhook import open_hook
from ticketing.outbox import Outbox
from ticketing.reminding import Reminding
from ticketing.service import Service

if TYPE_CHECKING:
    from monitor.learning.inforce import Learned

log = structlog.get_logger("qulaq")

BOT_SOURCE = "telegram-bot"
"""The source that polls for the bots where no configured one has their token."""
LOCK_WAITS = 3.0
"""Seconds that one write waits for another program to let go of the database, before it is put off."""

KNOWLEDGE = Path(__file__).resolve().parents[1] / "config" / "knowledge"
P = ParamSpec("P")


class CannotListen(Exception):
    """The address of the pages cannot be had; the message is one line."""


def talk(level: int = logging.INFO) -> None:
    """Logs to stderr: one readable line an event on a terminal, JSON in a pipe."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
                    *([structlog.dev.ConsoleRenderer(
                        pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)] if terminal else
                      [structlog.processors.format_exc_info,
                       structlog.processors.JSONRenderer(ensure_ascii=False)])],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "apscheduler", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # Its errors reach us as exceptions; it would also print each page that is no answer of Telegram's, with a traceback.
    logging.getLogger("telegram").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class App:
    """Everything that runs, for one database. `watcher` brings each new setting; None: it never changes."""

    db: Database
    setting: Setting
    watcher: Watcher[Setting] | None = None
    notice: str = ""
    ready: Callable[[str], None] = field(default=lambda _address: None)
    _sources: dict[str, tuple[Source, Collector, asyncio.Task[None]]] = field(default_factory=dict)
    _speaking: Speaking = field(default_factory=Speaking)
    _told: Outbox | None = None
    _citizens: CitizenBot | None = None
    _voices: dict[str, tuple[str, Answers]] = field(default_factory=dict)
    """Connectors that can answer a post, by the name of their source."""
    _receivers: dict[str, object] = field(default_factory=dict)
    """Connectors that networks call, by the name of their source."""
    _limiter: Limiter | None = None

    @property
    def settings(self) -> Settings:
        """The config in force."""
        return self.setting.settings or Settings()

    async def run(self) -> None:
        """Run until cancelled."""
        self.db.hurry(LOCK_WAITS)
        service = self.setting.service()
        self._tell_models(None)
        pipeline = Pipeline(self.setting.judge(), service, now)
        live = Live(self.db)
        news = asyncio.Event()
        self.db.on_commit(news.set)
        watch = SurgeWatch(self.setting.rules or load_rules(), now)
        await self._written(_seat_offices, self.settings, self.setting.knowledge)
        await self._written(rotate_after, self.settings.retention.author_key_days, now())
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(WebHttp())
            open_web = await stack.enter_async_context(OpenWeb())
            address = await self._serve(stack, live, service)
            channel = await self._channel(stack, address)
            outbox = await self._outbox(stack, channel, address)
            async with asyncio.TaskGroup() as group:
                group.create_task(live.run(), name="live")
                group.create_task(pipeline.run(self.db, news), name="pipeline")
                group.create_task(watch.run(self.db), name="surges")
                listening = Listening(self.db, lambda: self.settings.hearing, now, address, tell=outbox is not None)
                group.create_task(listening.run(), name="listening")
                group.create_task(Pictures(self.db, http, open_web, self._receivers.get, now, self._limits()).run(), name="pictures")
                group.create_task(likeness.run(self.db, service, now), name="likeness")
                publisher = Publisher(self.db, service, http, lambda: self._voices, now, others=() if channel is None else (BOT,))
                staff = None
                if outbox is not None:
                    group.create_task(outbox.run(), name="outbox")
                if channel is not None:
                    username = self.settings.telegram.bot if self.settings.telegram else ""
                    staff = StaffBot(service, channel.wording, username=username)
                    speaking = SpeakingBot(self.db, staff, channel)
                    group.create_task(speaking.resume(), name="what the bot had not said")
                    self._citizens = CitizenBot(service, self.setting.judge(), address, lambda: self.settings.retention)
                    service.bot_source = _bot_source(self.settings).name
                    below = Units(self.setting.knowledge.registry).below
                    bot = AlertPresses(TwoBots(speaking, self._citizens), channel.bot, below)
                    group.create_task(ToCitizens(self.db, service, channel, clock=now).run(), name="to citizens")
                    group.create_task(Telling(self.db, lambda: self._alerts(address), now).run(), name="alerts")
                    group.create_task(Edits(self.db, channel).run(), name="edits")
                    group.create_task(for_ever(Callback(self.db, channel, now).look, 15.0, log, down="the database cannot be used; "
                                               "erased words are called back later", fault="erased words cannot be called back"), name="callback")
                    group.create_task(Inbox(self.db, dict.fromkeys((_bot_source(self.settings).name, BOT_SOURCE), bot)).run(), name="inbox")
                await self._drive(group, http)
                group.create_task(publisher.run(), name="publisher")    # now that those it speaks through are there
                jobs = scheduler(self.db, lambda: self.settings.retention, now, self._reminding(service),
                                 learned=lambda: self.setting.learned, service=service,
                                 forget=lambda c, texts: forgetting.everywhere(c, texts, self.settings.models))
                daily(jobs, self.db, lambda: self.settings.proof, now)
                jobs.start()
                stack.callback(jobs.shutdown, wait=False)
                if self.watcher is not None:
                    group.create_task(self._reload(group, http, pipeline, service, watch, channel, staff), name="reload")
                self.ready(address)

    async def _serve(self, stack: AsyncExitStack, live: Live, service: Service) -> str:
        """The pages; returns their address."""
        at = self.settings.web
        token = at.metrics_token.get_secret_value() if at.metrics_token else None
        options = WebOptions(public_url=at.address, metrics_token=token, behind_proxy=at.behind_proxy, notice=self.notice)
        pages = build(self.db, live, service, options, now, lambda: self.setting.channels, self._answering,
                      lambda: self.settings.retention, lambda: self.setting.judge(), self._receiver)
        self._speaking.metrics_token = lambda token: setattr(pages[SITE], "options", replace(pages[SITE].options, metrics_token=token))
        runner = web.AppRunner(pages, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.callback(live.close)      # streams first: they would keep the server waiting
        site = web.TCPSite(runner, at.host, at.port)
        try:
            await site.start()
        except OSError as e:
            said = os.strerror(e.errno) if e.errno and e.errno > 0 else e.strerror
            why = ("is taken by another program; choose another port" if e.errno == EADDRINUSE
                   else f"cannot be listened on ({said}); mend web.host or web.port")
            raise CannotListen(f"{at.host}:{at.port} {why}") from e
        return at.public_url or f"http://{at.host}:{runner.addresses[0][1]}"

    def _receiver(self, name: str) -> object:
        """The connector of a source, for what a network pushes to it. Between two configs, and before the first one is taken over,
        one made for this moment: what it keeps is read by the source's own."""
        source = next((s for s in self.settings.sources if s.name == name and s.enabled), None)
        return self._receivers.get(name) or (source and connectors.find(source.network)(name, source.settings))

    def _answering(self) -> frozenset[str]:
        """Networks in which a source of ours can answer."""
        return frozenset(network for network, _ in self._voices.values())

    async def _channel(self, stack: AsyncExitStack, address: str) -> TelegramChannel | None:
        """Telegram for staff, where a bot is configured."""
        settings = self.settings
        if settings.telegram is None:
            return None
        bot = await stack.enter_async_context(
            open_bot(settings.telegram.token.get_secret_value(), settings.telegram.api_url))
        channel = self._speaking.telegram = TelegramChannel(bot, self._wording(address))
        stack.push_async_callback(channel.close)
        return channel

    async def _outbox(self, stack: AsyncExitStack, telegram: TelegramChannel | None, address: str) -> Outbox | None:
        """The ways by which staff, and another system of the office, are told; None where there is none."""
        settings = self.settings
        channels: dict[str, Channel] = {} if telegram is None else {telegram.name: telegram}
        if settings.email is not None:
            mail = self._speaking.mail = EmailChannel(settings.email, self._wording(address))
            channels[mail.name] = mail
        if settings.webhook is not None:
            hook = self._speaking.hook = await stack.enter_async_context(open_hook(settings.webhook))
            channels[hook.name] = hook
        if not channels:
            return None
        self._told = Outbox(self.db, channels, quiet=self._quiet())
        return self._told

    def _quiet(self) -> QuietHours:
        """When the people of each office are left alone."""
        return quiet_hours({o.code: (o.quiet, self.setting.desk.rules_of(o.code).calendar) for o in self.settings.offices})

    def _reminding(self, service: Service) -> Reminding:
        """Reminders by the settings and calendars in force at each moment."""
        default = Reminders()

        def rules_of(code: str) -> Reminders:
            own = self.settings.office(code)
            return default if own is None else own.reminders
        return Reminding(rules_of, lambda code: service.desk.rules_of(code).calendar)

    def _alerts(self, address: str) -> AlertPolicy:
        """Who is told of surges and how, as it is settled now."""
        names = KnownNames(self.setting.knowledge.registry, self.setting.knowledge.topics)
        return AlertPolicy(self.settings.alerts, names, address, self.setting.desk.office_of)

    def _wording(self, address: str) -> Wording:
        """Names, and how much of a post each office lets out of the country, as they are settled now."""
        names = KnownNames(self.setting.knowledge.registry, self.setting.knowledge.topics)
        return Wording(names, address, {o.code: o.personal_data_in_messages for o in self.settings.offices})

    async def _drive(self, group: asyncio.TaskGroup, http: WebHttp) -> None:
        """One collector a source. Those that did not change go on; those gone or refused are made anew."""
        wanted = {source.name: source for source in polled(self.settings) if source.enabled}
        for name, (source, collector, task) in list(self._sources.items()):
            if name not in wanted or not _same(wanted[name], source) or task.done() or collector.refused:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._sources[name]
                self._voices.pop(name, None)
                self._receivers.pop(name, None)
        await self._written(switch_off, list(wanted), now())
        for name, source in wanted.items():
            if name in self._sources:
                continue
            connector = connectors.find(source.network)(name, source.settings)
            self._receivers[name] = connector
            if isinstance(connector, Answers):
                self._voices[name] = source.network, PacedVoice(connector, self._limits(), Account.of(connector, name))
            collector = Collector(self.db, source, connector, http, secrets=secrets_of(options_of(source)),
                                  limiter=self._limits(), shortest_hole=self.settings.hearing.shortest_hole)
            self._sources[name] = source, collector, group.create_task(collector.run(), name=f"source {name}")

    def _limits(self) -> Limiter:
        """The one counter of what is asked of the networks."""
        if self._limiter is None:
            self._limiter = Limiter(self.db, now)
        return self._limiter

    async def _reload(self, group: asyncio.TaskGroup, http: WebHttp, pipeline: Pipeline, service: Service,
                      watch: SurgeWatch, channel: TelegramChannel | None, staff: StaffBot | None) -> None:
        """Take over each new valid setting."""
        assert self.watcher is not None
        async for setting in self.watcher.changes():
            await self._take_over(setting, group, http, pipeline, service, watch, channel, staff)

    async def _take_over(self, setting: Setting, group: asyncio.TaskGroup, http: WebHttp, pipeline: Pipeline,
                         service: Service, watch: SurgeWatch, channel: TelegramChannel | None,
                         staff: StaffBot | None) -> None:
        before, earlier = self.settings, self.setting.learned
        if setting.learned is not None and earlier is not None:
            setting = replace(setting, learned=setting.learned.after(earlier))
        self.setting = setting
        self._tell_models(earlier)
        service.desk = setting.desk
        service.answer_by(setting.answers or own_answers())
        pipeline.judge = setting.judge()
        if self._citizens is not None:
            self._citizens.judge = pipeline.judge
        if setting.rules is not None:
            watch.judge_by(setting.rules)
        if channel is not None and staff is not None:
            channel.wording = staff.wording = self._wording(channel.wording.public_url)
        fixed = self._speaking.taken(before, self.settings)
        if self._told is not None and any(getattr(before, name) != getattr(self.settings, name) for name in SPEAKING):
            await self._written(self._told.renewed, now())
        if self._speaking.mail is not None:
            self._speaking.mail.wording = self._wording(self._speaking.mail.wording.public_url)
        if self._told is not None:
            self._told.leave_alone(self._quiet())
        await self._written(_seat_offices, self.settings, setting.knowledge)
        await self._written(rotate_after, self.settings.retention.author_key_days, now())
        await self._drive(group, http)
        log.info("config taken over", sources=len(self._sources), **({"needs_restart": fixed} if fixed else {}))

    def _tell_models(self, before: Learned | None) -> None:
        """What is in force now, where that changed; a line for each model that cannot be used."""
        learned = self.setting.learned
        known = {target: one.name for target, one in before.models.items()} if before else {}
        for target, one in (learned.models if learned else {}).items():
            if known.pop(target, None) != one.name:
                log.info("a learned model is in force", target=target, model=one.name)
        for target in known:
            log.info("no learned model is in force any more", target=target)
        for target, fault in (learned.faults if learned else {}).items():
            stays = "the old one stays" if learned and target in learned.models else "detection goes on without it"
            log.error(f"an adopted model cannot be used; {stays}", target=target, reason=fault)

    async def _written(self, function: Callable[Concatenate[Connection, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write, however long the database refuses: a lock or a full disk must not end what runs."""
        said = False
        while True:
            try:
                await self.db.write(function, *args, **kwargs)
            except OperationalError as e:
                if not said:
                    log.error("the database refuses to write; the config waits to be taken over",
                              reason=reason_of(e))
                said = True
                await asyncio.sleep(2.0)
            else:
                return


def watched(load: Callable[[], Setting]) -> Watcher[Setting]:
    """Loads a setting, now and whenever one of its files changes. Raises one of WRONG where it is wrong now."""
    return Watcher(load, _paths, _not_taken_over, WRONG)


def _not_taken_over(reason: str) -> None:
    log.error("config not taken over", reason=reason)


def _paths(setting: Setting) -> Iterable[Path]:
    """The files that make a setting."""
    settings = setting.settings
    folder = (settings.knowledge if settings else None) or KNOWLEDGE
    calendars = [o.holidays for o in settings.offices if o.holidays] if settings else []
    models = [settings.models] if settings and settings.models else []
    secrets = settings.secret_files if settings else ()
    return [*([settings.path] if settings and settings.path else []), folder, *calendars, *models, *secrets]


def _bot_source(settings: Settings) -> Source:
    """The source whose poller serves the staff bot: one bot token has one consumer of updates."""
    bot = settings.telegram
    assert bot is not None
    for source in settings.sources:
        if source.network == "telegram" and source.enabled and _token(source) == bot.token.get_secret_value():
            return source
    made = Source.model_validate({"name": BOT_SOURCE, "network": "telegram"})
    made._settings = models()["telegram"](token=bot.token, api_url=bot.api_url)
    return made


def _groups(settings: Settings) -> dict[int, str]:
    """The Telegram groups of the offices, by the config."""
    return {office.telegram_group: office.code for office in settings.offices if office.telegram_group is not None}


def polled(settings: Settings) -> list[Source]:
    """The configured sources and, where no source polls for the staff bot, one that does."""
    known = list(settings.sources)
    if settings.telegram is not None and (poller := _bot_source(settings)) not in known:
        known.append(poller)
    return known


def _token(source: Source) -> str:
    token: Any = getattr(source.settings, "token", None)
    return token.get_secret_value() if token is not None else ""


def _same(a: Source, b: Source) -> bool:
    return a == b and a.settings == b.settings


def _seat_offices(c: Connection, settings: Settings, knowledge: Knowledge) -> None:
    """The configured offices, known to the database, so that people can be put into them."""
    for office in settings.offices:
        unit = knowledge.registry[office.code]
        people.put_office(c, office.code, office.name_kk or unit.name_kk, office.name_ru or unit.name_ru)
    groups.settle(c, _groups(settings), now())
