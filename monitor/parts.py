"""The parts of a source that a network may refuse, in words for people."""

from __future__ import annotations

from config.languages import N_, language

KINDS = {"comments": N_("comments"), "wall": N_("wall"), "search": N_("search"), "messages": N_("messages"), "tags": N_("tagged posts"),
         "tagged": N_("tagged posts"), "mentions": N_("mentions"), "feed": N_("posts")}


def part_words(part: str, code: str) -> str:
    """The name of a part (`connectors.base.Refused.part`) in a language; what is not known is named as the network names it."""
    kind, _, what = part.partition(":")
    said = language(code).gettext(KINDS[kind]) if kind in KINDS else kind
    return f"{said} {what}".strip()
