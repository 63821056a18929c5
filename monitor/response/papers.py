"""Drafts that a person reads, changes and sends: a dossier for an official channel, an explanation for the public. Pure.

They speak of a demand and never of who wrote or how they organised; that a machine drafted them is said on top (AI Law
230-VIII). No author, no link and no personal datum is in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.languages import N_, language

DEAF = N_("In this time a source could not be read: there may be more posts than were counted.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a draft may say, already in the reader's language and masked."""

    office: str
    unit: str
    topic: str
    authors: int
    posts: int
    cards: int
    since: str
    until: str
    places: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    deaf: bool = False
    """Whether a source was not heard in this time, and nothing has filled that since."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the channel is and asks for, in the reader's language."""

    name: str
    basis: str
    mark: str
    term: str = ""
    votes: str = ""
    conditions: str = ""
    url: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)


def dossier(code: str, facts: Facts, ask: Ask) -> str:
    """The dossier for a channel."""
    _ = language(code).gettext
    parts = [
        _("DRAFT. Made by a program; a person checks, changes and sends it."),
        _("To: %s") % ask.name,
        _("From: %s") % facts.office,
        _("Subject: %(topic)s, %(unit)s") % {"topic": facts.topic, "unit": facts.unit},
        _("1. What people ask about"),
        _("From %(since)s to %(until)s at least %(authors)d people wrote %(posts)d posts on this matter in open social "
          "networks. Messages registered by the office: %(cards)d; each has a number and a term and gets an answer.") % {
            "since": facts.since, "until": facts.until, "authors": facts.authors, "posts": facts.posts, "cards": facts.cards},
    ]
    if facts.deaf:
        parts.append(_(DEAF))
    if facts.places:
        parts.append(_("Places named most often: %s.") % "; ".join(facts.places))
    if facts.words:
        parts += [_("In their own words (personal data are hidden):"), "\n".join(f"— «{w}»" for w in facts.words)]
    parts += [_("2. What is asked"),
              _("[Write the demand in one or two sentences: what is to be done, where and by when.]"),
              _("Please consider the demand and tell the residents what was decided."),
              _("3. Basis"), f"{ask.basis} ({ask.mark})."]
    needs = [_("Votes needed: %(votes)s.") % {"votes": ask.votes}] if ask.votes else []
    needs += [_("Term for the answer: %s.") % ask.term] if ask.term else []
    needs += [ask.conditions] if ask.conditions else []
    needs += [ask.url] if ask.url else []
    if needs:
        parts += [_("4. What the channel needs"), "\n".join(needs)]
    parts.append(_("No list of authors is attached, and none is kept."))
    return "\n\n".join(parts)


def explanation(code: str, facts: Facts) -> str:
    """The explanation for the public."""
    _ = language(code).gettext
    known = _("Since %(since)s residents have been writing to us about this: %(posts)d posts by %(until)s.") % {
        "since": facts.since, "until": facts.until, "posts": facts.posts}
    if facts.deaf:
        known += " " + _(DEAF)
    if facts.places:
        known += " " + _("Places named most often: %s.") % "; ".join(facts.places)
    return "\n\n".join([
        f"{facts.office}: {facts.topic}, {facts.unit}",
        _("What is known so far"), known + " " + _("[Add the cause, if it is known, and who it concerns.]"),
        _("What is being done"), _("[Write who is working on it, what is done already and when the next news will come.]"),
        _("Where to apply"),
        _("Each message to the akimat in social networks is registered with a number and a term: %(cards)d of them on this "
          "matter. For an official answer apply through e-Otinish (eotinish.kz); for emergency repair call 109.") % {
            "cards": facts.cards},
    ])
