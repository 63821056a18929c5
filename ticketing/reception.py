"""The reception desk: a clerk enters a personal reception or a call into the same register as every post (series ҚБ).

It is no way around the official register: what is an appeal needs its number in e-Otinish, or the reason why there is none.
Name and contact lie behind commitments beside the text and go with it when it is erased.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Connection, Row, select

from config.languages import N_
from monitor.core.post import Author, Post
from monitor.core.verdict import Kind, Verdict
from monitor.store.posts import store_posts
from monitor.store.tables import event, post
from monitor.store.verdicts import insert_verdicts
from ticketing import access
from ticketing import intake as intake_rules
from ticketing.acting import Actor, Refused, cleaned, said
from ticketing.appeal import APPEALS
from ticketing.register import Secret
from ticketing.service import Opened, Service
from ticketing.store import DESKS, ticket_by_number, ticket_of_post

NAME, CONTACT = 200, 200
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Visit:
    """What the clerk writes down. `key` is the form's own: sent twice, it is one visit."""

    key: str
    channel: str
    name: str
    contact: str
    language: str
    text: str
    place: str
    akimat: str
    topic: str
    kind: str
    urgency: str = "normal"
    external_number: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class Coupon:
    """What the citizen takes away. `code` empty: this visit was entered before, its code was told then."""

    ticket: Row[Any]
    code: str


def receive(c: Connection, service: Service, visit: Visit, judged: Verdict, actor: Actor, now: datetime) -> Coupon:
    """Enter a visit; `judged` is what detection says of it, the clerk's words stand before it."""
    desk = service.desk
    if visit.channel not in DESKS:
        raise Refused(N_("Choose: a reception or a call."))
    text = said(visit.text, N_("Write what the citizen asks for."))
    if visit.akimat not in desk.knowledge.registry:
        raise Refused(N_("Say which akimat it is addressed to."))
    office = desk.office_of(visit.akimat)
    if office is None:
        raise Refused(N_("No office here registers for this akimat."))
    service._entitled(actor, "receive", office)
    if visit.topic not in desk.knowledge.topics:
        raise Refused(N_("Choose the topic."))
    kind = next((code for code in get_args(Kind) if code == visit.kind), None)
    if kind is None:
        raise Refused(N_("Choose the kind."))
    known = _entered(c, visit)
    if known is not None:
        return Coupon(known, "")
    number, without = cleaned(visit.external_number), visit.without
    if kind in APPEALS and not number and without not in desk.procedure.no_number:
        raise Refused(N_("This is an appeal: write its number in e-Otinish, or choose why there is none."))
    contact = cleaned(visit.contact)[:CONTACT]
    # People are told apart by how they can be reached; without that everybody is somebody else.
    made = Post(network=visit.channel, source="reception", native_id=visit.key, text=text, published_at=now, home=visit.akimat,
                author=Author(_reach(contact)))
    (id_,) = store_posts(c, [made], now, queue=False).ids
    key = c.execute(select(post.c.author_key).where(post.c.id == id_)).scalar_one()
    made = replace(made, collected_at=now, author=Author(key))
    about = replace(judged, addressed=True, decision="register", akimat=visit.akimat, candidates=(), topic=visit.topic,
                    kind=kind, urgency="urgent" if visit.urgency == "urgent" else "normal",
                    language="ru" if visit.language == "ru" else "kk", location_text=cleaned(visit.place)[:200] or None)
    who = tuple(Secret(name, words) for name, words in (("name", cleaned(visit.name)[:NAME]), ("contact", contact)) if words)
    service._write(c, [Opened(id_, id_, made, about, office, visit.akimat, intake_rules.text_key(text)[0], now, secrets=who)], [],
                   now, actor)
    insert_verdicts(c, [(id_, about)], {id_: "ticket"}, now)
    row = ticket_of_post(c, id_)
    assert row is not None, "it was entered a moment ago"
    if number or without:
        service.external(c, row.number, number, actor, now, without=without)
    fresh = ticket_by_number(c, row.number)
    assert fresh is not None, "a card does not vanish"
    return Coupon(fresh, access.issue(c, row.number, now))


def new_code(c: Connection, service: Service, number: str, actor: Actor, now: datetime) -> Coupon:
    """A code for somebody who has shown who they are: the author of a post, or who lost the coupon. The old one ends."""
    row = service._ticket(c, number, actor, "receive")
    if row.status == "void":
        raise Refused(N_("%(number)s is void: this is not possible any more."), number=row.number)
    c.execute(event.insert().values(at=now, kind="ticket", ref=row.number))
    return Coupon(row, access.issue(c, row.number, now))


def _entered(c: Connection, visit: Visit) -> Row[Any] | None:
    id_ = c.execute(select(post.c.id).where(post.c.network == visit.channel, post.c.native_id == visit.key)).scalar()
    return ticket_of_post(c, id_) if id_ is not None else None


def _reach(contact: str) -> str:
    digits = "".join(ch for ch in contact if ch.isdigit())
    return digits[-10:] if len(digits) >= _DIGITS else contact.casefold()
