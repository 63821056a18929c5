"""Places named in a text: a name with its word of level, and the units it may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.core.knowledge import Level, Street
from monitor.core.lexicon import Hit
from monitor.core.registry import Name, Registry
from monitor.core.sound import Sounds
from monitor.core.text import Text

_BREAK = re.compile(r"[.!?…;\n]")
_ABBREVIATIONS = frozenset(("г", "п", "с", "қ", "гор", "обл", "пос", "ул", "пр", "мкр", "р", "н", "им", "св", "ст", "д", "кв"))


_IN_HONOUR = frozenset(("им", "имени", "атындагы", "атын", "ат"))

LEAST_VILLAGE = 5
"""Letters that the bare name of a village must have: shorter ones are mostly other words (Ай, Шаң)."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in the text: its first and last word, the units it may be, and how surely it is a place.

    `typed`: a word of level stands beside it. `units` are called so; `settlements` have a settlement called so.
    """

    first: int
    last: int
    units: tuple[str, ...]
    settlements: tuple[str, ...]
    typed: bool
    common: bool = False
    """The name is also an everyday word or a person's: it names a place only right beside a word for an akimat."""


def joined(text: Text, i: int) -> bool:
    """Whether word i and the next stand in one phrase: no sentence or comma between them."""
    gap = text.gaps[i + 1]
    if "," in gap or ":" in gap or "(" in gap:
        return False
    if _BREAK.search(gap):
        return gap.strip() == "." and text.folded[i] in _ABBREVIATIONS
    return True


def abbreviated(text: Text, i: int) -> bool:
    """Whether a one-letter word (г, п, с, қ) is written as an abbreviation."""
    return len(text.folded[i]) > 1 or text.gaps[i + 1].startswith(".")


def mentions(text: Text, hits: Sequence[Hit], registry: Registry, sounds: Sounds) -> list[Mention]:
    """All places, in the order of the text. `sounds` knows names that are misspelt, where a word of level stands beside one."""
    names: list[tuple[int, int, list[Name]]] = []
    levels: dict[int, tuple[Level, int]] = {}  # by first word
    levels_end: dict[int, tuple[Level, int]] = {}  # by last word
    before: set[int] = set()
    after: set[int] = set()
    for hit in hits:
        of_name = []
        for mark in hit.marks:
            if isinstance(mark, Name):
                of_name.append(mark)
            elif isinstance(mark, Level):
                had = levels.get(hit.first)
                if had:
                    mark = Level("".join(dict.fromkeys(had[0].types + mark.types)), mark.adjective and had[0].adjective)
                levels[hit.first] = mark, hit.last
                levels_end[hit.last] = mark, hit.first
            elif isinstance(mark, Street):
                if mark.side == "before":
                    before.add(hit.last)
                else:
                    after.add(hit.first)
        if of_name:
            names.append((hit.first, hit.last, of_name))
    found: list[Mention] = []
    for first, last, marks in names:
        lead, follow = first - 1, last + 1      # where a word of level may stand
        if lead in before and text.folded[lead] in _IN_HONOUR and lead - 1 in levels_end:
            lead -= 1           # "район имени Габита Мусрепова" is a district, "улица имени ..." a street
        elif lead in before and joined(text, lead) and lead not in levels_end and not (
                first > 1 and text.folded[first - 2].isdigit()):     # "27 мкр Актау" is whole before the name
            continue
        if follow in after and text.folded[follow] in _IN_HONOUR and follow + 1 in levels:
            follow += 1
        elif follow in after and joined(text, last):
            continue
        units = tuple(dict.fromkeys(c for m in marks for c in m.units))
        settlements = tuple(dict.fromkeys(c for m in marks for c in m.settlements))
        adjective = all(m.adjective for m in marks)
        common = any(m.common for m in marks)
        start, end, types = first, last, ""
        if follow in levels and joined(text, last) and abbreviated(text, follow):
            level, end_level = levels[follow]
            types, end = level.types, end_level
        if lead in levels_end and joined(text, lead) and abbreviated(text, lead) and not adjective:
            level, start_level = levels_end[lead]
            if not level.adjective and (not types or not _fits(units, settlements, types, registry)):
                types, start, end = level.types, start_level, last
        typed = False
        if types:
            fit_units = tuple(c for c in units if registry[c].type in types)
            fit_settlements = settlements if set(types) & set("VKP") else ()
            if fit_units or fit_settlements:
                units, settlements, typed = fit_units, fit_settlements, True
            else:
                start, end = first, last
        if not typed:
            if adjective and not units:
                continue
            if not any(registry[c].level <= 2 for c in units) and not (
                    _capital(text, first) and len(text.folded[first]) >= LEAST_VILLAGE and not _numbered(text, last)):
                continue
        if units or settlements:
            found.append(Mention(start, end, units, settlements, typed, common and not typed))
    marked = {i for hit in hits for i in range(hit.first, hit.last + 1)}
    told = {i for m in found for i in range(m.first, m.last + 1)}
    for at, (level, last) in levels.items():
        if at in told or not set(level.types) & set("OCDU") or not abbreviated(text, at):
            continue
        for i in (at - 1, last + 1):
            if 0 <= i < len(text.words) and i not in marked and joined(text, min(i, last)) and (i < at or not level.adjective):
                units = tuple(c for c in sounds.units(text.folded[i]) if registry[c].type in level.types)
                if len(units) == 1:
                    found.append(Mention(min(i, at), max(i, last), units, (), True))
                    break
    return sorted(found, key=lambda m: m.first)


def _fits(units: Sequence[str], settlements: Sequence[str], types: str, registry: Registry) -> bool:
    return any(registry[c].type in types for c in units) or bool(settlements and set(types) & set("VKP"))


def _numbered(text: Text, i: int) -> bool:
    """Whether a house number follows ("Қабанбай батыр 58Б"): the name is a street, whatever village is called so."""
    return i + 1 < len(text.words) and text.words[i + 1][0].isdigit() and text.gaps[i + 1].strip() == ""


def _capital(text: Text, i: int) -> bool:
    return text.clean[text.spans[i][0]].isupper()


@dataclass(frozen=True, slots=True)
class Choice:
    """One unit, or several among which the text does not decide."""

    code: str | None
    candidates: tuple[str, ...] = ()


def choose(units: Sequence[str], registry: Registry) -> Choice:
    """One of units of the same name, where custom decides: a city before the district and oblast around it.

    Units of one family (the same oblast) are told apart by custom: a bare "Павлодар" is the city; a bare "Талғар" the
    district, whose akim the town's akim answers to. Units of different families are not: then all are candidates.
    """
    units = tuple(dict.fromkeys(units))
    if len(units) <= 1:
        return Choice(units[0] if units else None)
    high = [c for c in units if registry[c].level <= 2]
    pool = high or list(units)
    tops = {registry.ancestors(c)[-1] for c in pool}
    if len(tops) == 1:
        for types in ("RC", "DU", "O", "T", "P", "K", "V"):
            of_type = [c for c in pool if registry[c].type in types]
            if len(of_type) == 1:
                return Choice(of_type[0])
            if of_type:
                return Choice(None, tuple(of_type))
    republican = [c for c in pool if registry[c].type == "R"]
    if len(republican) == 1 and all(registry[c].type != "C" for c in pool):
        return Choice(republican[0])
    return Choice(None, tuple(pool))


def narrowed(units: Sequence[str], hints: Sequence[Sequence[str]], registry: Registry) -> tuple[str, ...]:
    """The units that agree with the other places of the text: inside one, around one, or in one oblast. Hints that fit none are skipped."""
    left = tuple(dict.fromkeys(units))
    for hint in hints:
        if len(left) <= 1:
            break
        fit = tuple(c for c in left if any(h != c and (registry.within(c, h) or registry.within(h, c)) for h in hint))
        # A place in the oblast says nothing against the city that gave the oblast its name.
        fit += tuple(c for c in left if c not in fit and registry[c].type in "RC"
                     and any(registry[f].type == "O" and registry.within(c, f) for f in fit))
        if not fit:
            tops = {registry.ancestors(h)[-1] for h in hint}
            if len(tops) == 1:     # a neighbour: the same oblast
                fit = tuple(c for c in left if registry.ancestors(c)[-1] in tops)
        if fit and len(fit) < len(left):
            left = fit
    return left
