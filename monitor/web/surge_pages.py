"""The pages of surges: the list, the evidence of one, its papers. Read, render, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from config.channels import Channel
from config.languages import N_, language
from monitor.live import last_event
from monitor.response import papers, reading, verbs, words
from monitor.response.rights import DECISIONS
from monitor.store import surges
from monitor.store.surges import Wanted
from monitor.web import ask as asking
from monitor.web import moments
from monitor.web import words as row_words
from monitor.web.ask import Ask
from monitor.web.counts import Counts, counts
from monitor.web.guard import refusal
from monitor.web.pages import frame, stream_url
from monitor.web.site import SITE, Reader, Site, reader_of, render, view_for
from monitor.web.surge_view import SurgeView
from monitor.web.units import Units
from ticketing import feed
from ticketing.feed import SourceState

NO_SURGE = N_("There is no such surge, or it belongs to another office.")
STATES = ("waiting", *surges.SEVERITY)
SAID = (*DECISIONS, "note", "draft", "send", "outcome", "explain")


def read_ask(query: Mapping[str, str], units: Units, topics: Mapping[str, object]) -> Ask:
    """The filter of a query string: akimat, topic, and as `state` a verdict or `waiting`."""
    state = query.get("state", "")
    found = asking.read(query, units, topics)
    return replace(found, state=state if state in STATES else "", language="", period="", q="")


def wanted_of(ask: Ask, units: Units) -> Wanted:
    """The filter for the queries."""
    akimats = ask.filter(units).akimats
    return Wanted(akimats, ask.topic or None, ask.state if ask.state in surges.SEVERITY else None, ask.state == "waiting")


def surge_view(site: Site, code: str, role: str, now: datetime) -> SurgeView:
    """Words and rights for a language and a role."""
    return SurgeView(code, now, role, language(code))


@dataclass(frozen=True, slots=True)
class Listed:
    """A list page of one moment."""

    rows: list[Row[Any]]
    counts: Counts
    sources: list[SourceState]
    last_event: int


def _listed(c: Connection, scope: frozenset[str] | None, wanted: Wanted, now: datetime, limit: int, before: int | None) -> Listed:
    last = last_event(c)
    return Listed(surges.rows(c, scope, wanted, before=before, limit=limit), counts(c, scope, now), feed.sources(c), last)


async def show_surges(request: web.Request) -> web.Response:
    """All surges, the newest on top."""
    site, reader = request.app[SITE], reader_of(request)
    now, size = site.clock(), site.options.page_size
    ask = read_ask(request.query, site.units, site.knowledge.topics)
    typed = request.query.get("before", "")
    before = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
    page = await site.db.read(_listed, reader.scope, wanted_of(ask, site.units), now, size + 1, before)
    rows = page.rows[:size]
    view = view_for(site, reader.language, reader.person.role, now)
    older = f"/surges{ask.query(before=rows[-1].serial)}" if len(page.rows) > size else None
    return _html("surges.html", **frame(site, reader, view, page.counts, page.sources, "surges", request), ask=ask, rows=rows,
                 s=surge_view(site, reader.language, reader.person.role, now), older=older, surge_words=words,
                 stream=stream_url("surges", ask, page.last_event) if before is None else "")


async def show_surge(request: web.Request) -> web.Response:
    """One surge with its evidence and what people decided."""
    site, reader = request.app[SITE], reader_of(request)
    now, id_ = site.clock(), request.match_info["id"]
    found = await site.db.read(_whole, id_, reader.scope, now)
    if found is None:
        return refusal(request, 404, NO_SURGE)
    whole, seen, sources, last = found
    if whole.row.id != id_:
        raise web.HTTPSeeOther(SurgeView("ru", now, "", language("ru")).url(whole.row.id))
    view = view_for(site, reader.language, reader.person.role, now)
    said = request.query.get("said", "")
    return _html("surge.html", **frame(site, reader, view, seen, sources, "surges", request), x=whole,
                 s=surge_view(site, reader.language, reader.person.role, now), channels=offers(site, whole.row, reader.language),
                 named=channel_names(site, reader.language), said=said if said in SAID else "",
                 stream=f"/api/v1/events?view=surge&q={whole.row.id}&after={last}")


def _whole(c: Connection, id_: str, scope: frozenset[str] | None, now: datetime,
           ) -> tuple[reading.Whole, Counts, list[SourceState], int] | None:
    last = last_event(c)
    whole = reading.whole(c, id_, scope)
    return None if whole is None else (whole, counts(c, scope, now), feed.sources(c), last)


# --- channels and papers

@dataclass(frozen=True, slots=True)
class Offer:
    """A channel in the reader's language."""

    code: str
    name: str
    use: str
    basis: str
    mark: str
    votes: str
    conditions: str
    term: str
    url: str


def offers(site: Site, row: Row[Any], code: str) -> list[Offer]:
    """Channels that fit a surge; none where a person dismissed it or nobody knows the akimat."""
    registry = site.knowledge.registry
    if row.decision == "dismiss" or row.akimat not in registry:
        return []
    unit = registry[row.akimat]
    topic = site.knowledge.topics.get(row.topic)
    verdict = "organised" if row.verdict == "coordinated" and row.decision == "watch" else row.verdict
    return [offer(site, channel, row, code) for channel in
            site.channels.fitting(unit.type, row.topic, topic.group if topic else None, verdict)]


def offer(site: Site, channel: Channel, row: Row[Any], code: str) -> Offer:
    """A channel for a surge, with its threshold for this unit."""
    say = language(code).gettext
    registry = site.knowledge.registry
    unit = registry[row.akimat].type if row.akimat in registry else "C"
    votes, written = site.channels.votes(channel, row.akimat or "", unit)
    said = "" if not written else _grouped(votes) if votes is not None else written
    if votes is not None and written.endswith("%"):
        said = say(N_("about %(votes)s (%(share)s of the population)")) % {"votes": _grouped(votes), "share": written}
        if (source := site.channels.population_source) is not None:
            said += f" — {source.ru if code == 'ru' else source.kk} [{source.mark}]"
    ru = code == "ru"
    view = view_for(site, code, "", site.clock())
    return Offer(channel.code, channel.name_ru if ru else channel.name_kk, channel.use_ru if ru else channel.use_kk,
                 channel.basis.ru if ru else channel.basis.kk, say(words.MARK[channel.basis.mark]), said,
                 channel.conditions_ru if ru else channel.conditions_kk, view.term(channel.term) if channel.term else "",
                 channel.url)


def _grouped(votes: int) -> str:
    return f"{votes:,}".replace(",", "\u00a0")


def channel_names(site: Site, code: str) -> dict[str, str]:
    """What channels are called."""
    return {c.code: c.name_ru if code == "ru" else c.name_kk for c in site.channels.by_code.values()}


def drafts(site: Site, whole: reading.Whole, paper: str) -> dict[str, str]:
    """A paper in both languages: a person's last wording, else the program's draft."""
    made = {}
    for code in verbs.LANGUAGES:
        written = whole.papers.get(paper, {}).get(code)
        if written is not None:
            made[code] = str(written.text)
            continue
        facts = _facts(site, whole, code)
        if paper == verbs.EXPLANATION:
            made[code] = papers.explanation(code, facts)
        else:
            o = offer(site, site.channels.by_code[paper], whole.row, code)
            made[code] = papers.dossier(code, facts, papers.Ask(o.name, o.basis, o.mark, o.term, o.votes, o.conditions, o.url))
    return made


def _facts(site: Site, whole: reading.Whole, code: str) -> papers.Facts:
    row, say, now = whole.row, language(code).gettext, site.clock()
    view = view_for(site, code, "", now)
    office = site.service.desk.office_of(row.akimat) if row.akimat else None
    return papers.Facts(
        office=view.akimat(office or row.akimat), unit=view.akimat(row.akimat), topic=view.topic(row.topic),
        authors=row.authors, posts=row.posts, cards=whole.cards, since=_moment(row.window_start, code, now),
        until=_moment(row.window_end, code, now), places=whole.places,
        words=tuple(dict.fromkeys(reading.words(s, say, 240).replace("\n", " ") for s in whole.samples[:3])),
        deaf=any(h.filled_at is None and (h.until is None or h.until > row.window_start) for h in whole.holes))


def _moment(at: datetime, code: str, now: datetime) -> str:
    return f"{moments.day(at, code, now)} {moments.clock(at)}"


async def show_paper(request: web.Request) -> web.Response:
    """A draft to read, change, print, copy and send; `?text=kk` gives it as plain text."""
    site, reader = request.app[SITE], reader_of(request)
    now, id_, paper = site.clock(), request.match_info["id"], request.match_info["paper"]
    if paper != verbs.EXPLANATION and paper not in site.channels.by_code:
        return refusal(request, 404, NO_SURGE)
    found = await site.db.read(_with_papers, id_, reader.scope, now, (paper,))
    if found is None:
        return refusal(request, 404, NO_SURGE)
    whole, seen, sources = found
    texts = drafts(site, whole, paper)
    plain = request.query.get("text", "")
    if plain in texts:
        name = f"{whole.row.id}-{paper}-{plain}.txt"
        return web.Response(text=texts[plain] + "\n", content_type="text/plain", charset="utf-8",
                            headers={"Content-Disposition": f'attachment; filename="{name}"'})
    view = view_for(site, reader.language, reader.person.role, now)
    chosen = None if paper == verbs.EXPLANATION else offer(site, site.channels.by_code[paper], whole.row, reader.language)
    said = request.query.get("said", "")
    return _html("paper.html", **frame(site, reader, view, seen, sources, "surges", request), x=whole, paper=paper, texts=texts,
                 s=surge_view(site, reader.language, reader.person.role, now), o=chosen, said=said if said in SAID else "",
                 stream="")


def _with_papers(c: Connection, id_: str, scope: frozenset[str] | None, now: datetime, wanted: Sequence[str],
                 ) -> tuple[reading.Whole, Counts, list[SourceState]] | None:
    whole = reading.whole(c, id_, scope, wanted)
    return None if whole is None else (whole, counts(c, scope, now), feed.sources(c))


def evidence_html(site: Site, reader_language: str, role: str, whole: reading.Whole, now: datetime) -> str:
    """The evidence of a surge as its page shows it, for the live stream."""
    return render(reader_language, "surge_evidence.html", x=whole, s=surge_view(site, reader_language, role, now),
                  w=view_for(site, reader_language, role, now), words=row_words)


def _html(template: str, **values: Any) -> web.Response:
    reader: Reader = values["reader"]
    return web.Response(text=render(reader.language, template, **values), content_type="text/html")
