"""Who is spoken to: words for an akimat with their place, the signs around them, and the units they mean."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from monitor.core.knowledge import Body, Cue, HeadWord, Level
from monitor.core.lexicon import Hit
from monitor.core.places import Choice, Mention, abbreviated, choose, joined, mentions, narrowed
from monitor.core.registry import Registry
from monitor.core.sound import Sounds
from monitor.core.text import Text

_END = re.compile(r"[.!?…;\n]")
_AND = frozenset(("и", "мен", "пен", "бен", "жане", "also", "and"))
_PASSED = frozenset(("биздин", "нашего", "нашему", "вашего", "осы", "уважаемый", "of", "the", "in", "нашей", "нашем", "наш"))
_SIR = frozenset(("мырза", "мырзага", "ханым", "ханымга", "мырзанын"))
_POLITE = frozenset(("уважаемый", "уважаемые", "уважаемая", "курметти", "кадирли", "кымбатты", "господин", "господа", "дорогой",
                     "дорогие", "dear", "деар", "товарищ", "уважаемого", "уважаемому", "хей"))
_GREETING = frozenset(("здравствуйте", "добрый", "ден", "вечер", "утро", "доброе", "привет", "салем", "саламатсыз", "саламатсыздар",
                       "салеметсиз", "салеметсиздер", "ме", "бе", "ассалаумагалейкум", "ассалаумагалайкум", "салам", "алейкум",
                       "а", "эй", "еи", "ей", "алло", "ау", "кайырлы", "кун", "саламатсызба", "армысыз", "хелло"))
_BEFORE = _GREETING | _POLITE | {"из", "жители", "люди", "вы", "сиздер", "барлык", "барша"}
_TO = frozenset(("в", "к", "ко", "от"))
_REGARDS = frozenset(("курметпен", "уважением"))
_INTRO = frozenset(("вопрос", "предложение", "обращение", "заявление", "просба", "жалоба", "прошу", "просим", "требую", "требуем",
                    "обращаюс", "обращаемся", "сообщаю", "писмо", "открытое", "предлагаю", "прощу", "спасибо", "благодарю",
                    "благодарим", "благодарност", "респект", "поклон"))
_DATIVE = re.compile(r"(ге|ке|га|ка|ине|ына)$")
_GIVEN = re.compile(r"^(?:.*(?:ауданына|каласына|облысына)|району|городу|области)$")
_PLURAL = frozenset(("акимы", "акимов", "акимам", "акимами", "акимдер", "акимдерге", "акимдердин", "акимдерди", "акимдери",
                     "акимдеринин", "акимдеримиз", "мэры", "акиматы", "акиматов", "акиматам", "акимах", "акимдерден", "акимдерине"))


@dataclass(slots=True)
class Head:
    """A word for an akimat with the names and levels around it. `first` to `last` is the whole group."""

    kind: str
    word: int
    first: int
    last: int
    named: list[Mention] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    cues: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that address detection saw in one text."""

    text: Text
    hits: Sequence[Hit]
    places: Sequence[Mention]
    heads: Sequence[Head]
    sentence: Sequence[int]


def sentences(text: Text) -> list[int]:
    """The number of the sentence that each word stands in."""
    number, out = 0, []
    for i in range(len(text.words)):
        if i and _END.search(text.gaps[i]) and not joined(text, i - 1):
            number += 1
        out.append(number)
    return out


def read(text: Text, hits: Sequence[Hit], registry: Registry, sounds: Sounds) -> Reading:
    """Find places and heads."""
    places = mentions(text, hits, registry, sounds)
    return Reading(text, hits, places, _heads(text, hits, places, registry, sounds), sentences(text))


def _heads(text: Text, hits: Sequence[Hit], places: Sequence[Mention], registry: Registry, sounds: Sounds) -> list[Head]:
    ends = {m.last: m for m in places}
    starts = {m.first: m for m in places}
    level_last: dict[int, tuple[Level, int]] = {}
    level_first: dict[int, tuple[Level, int]] = {}
    words: list[tuple[HeadWord, int, int]] = []
    for hit in hits:
        for mark in hit.marks:
            if isinstance(mark, Level) and abbreviated(text, hit.first):    # "к акимату" is no "қ."
                level_last[hit.last], level_first[hit.first] = (mark, hit.first), (mark, hit.last)
            elif isinstance(mark, HeadWord):
                words.append((mark, hit.first, hit.last))
    marked = {i for hit in hits for i in range(hit.first, hit.last + 1)}
    found: list[Head] = []
    for mark, first, last in words:
        head = Head(mark.kind, first, first, last, types=[mark.types] if mark.types else [])
        i = first - 1
        passed = 0
        while i >= 0 and joined(text, i):
            if i in ends:
                head.named.append(ends[i])
                head.first = i = ends[i].first
            elif i in level_last:
                level, at = level_last[i]
                head.types.insert(0, level.types)
                head.first = i = at
            elif not (text.folded[i] in _AND and i - 1 in level_last and head.types) and not (
                    text.folded[i] in _PASSED and not passed):
                break
            else:
                passed += 1
            i -= 1
        if not head.named:
            i = last + 1
            passed = 0
            while i < len(text.words) and joined(text, i - 1):
                if i in starts:
                    head.named.append(starts[i])
                    head.last = i = starts[i].last
                elif i in level_first and not level_first[i][0].adjective and not head.named:
                    level, at = level_first[i]
                    if not head.types:
                        head.types.append(level.types)
                    head.last = i = at
                elif text.folded[i] not in _PASSED or passed:
                    break
                else:
                    passed += 1
                i += 1
        if mark.kind == "leaders" and not head.named and not head.types:
            continue
        if mark.kind in ("body", "person") and not head.named and not head.types:
            _sounding(head, text, marked, registry, sounds)
        found.append(head)
    return found or _called_upon(text, places, registry)


def _called_upon(text: Text, places: Sequence[Mention], registry: Registry) -> list[Head]:
    """Districts and cities that are called upon by their names alone ("Ақкөл ауданы, ...!"), where no word for an akimat stands."""
    found: list[Head] = []
    for m in places:
        if m.common or not any(registry[u].level <= 2 for u in m.units) or not (m.typed or text.clean[text.spans[m.first][0]].isupper()):
            continue
        before, after = text.gaps[m.first], text.gaps[m.last + 1]
        closed = bool(re.search(r"[,!:?.]", after)) or m.last + 1 == len(text.words)
        given = any(_GIVEN.search(text.folded[i]) for i in (m.first, m.last))
        if (m.first == 0 or _END.search(before) or "," in before) and (closed or (m.typed and given)):
            found.append(Head("unit", m.last, m.first, m.last, named=[m]))
    return found


def _sounding(head: Head, text: Text, marked: Container[int], registry: Registry, sounds: Sounds) -> None:
    """Name the unit of a head by a misspelt name right beside it (Павлодра әкімдігі, акимат Павладара)."""
    for i in (head.first - 1, head.last + 1):
        if not 0 <= i < len(text.words) or i in marked or not joined(text, min(i, head.last)):
            continue
        if len(text.folded[i]) < SOUNDING_LEAST or not text.clean[text.spans[i][0]].isupper():
            continue
        units = sounds.units(text.folded[i])
        if units:
            head.named.append(Mention(i, i, units, (), False))
            head.first, head.last = min(head.first, i), max(head.last, i)
            return


SOUNDING_LEAST = 5
"""Letters of a misspelt name beside a word for an akimat."""


def unit_of(head: Head | None, reading: Reading, context: Sequence[Sequence[str]], registry: Registry) -> Choice:
    """The unit that a head means: by its own name, else by its level and the places of the text, its home or its account.
    Where only a city is meant by that and the text names a district of it, the district ("Шымкент, Абай ауданы! ...")."""
    choice = _unit_of(head, reading, context, registry)
    if choice.code is None or registry[choice.code].type not in "RC" or (head and (head.types or (head.named and head.kind != "unit"))):
        return choice
    for m in reading.places:
        for unit in m.units:
            if m.typed and registry[unit].type == "U" and registry.within(unit, choice.code):
                return Choice(unit)
    return choice


def _unit_of(head: Head | None, reading: Reading, context: Sequence[Sequence[str]], registry: Registry) -> Choice:
    around: list[Sequence[str]] = [m.units + m.settlements for m in reading.places if not m.common]
    types = head.types if head else []
    if head and head.named:
        own = head.named[0]
        for other in head.named[1:]:
            if other.units and any(registry.within(u, o) for u in other.units for o in own.units) and not any(
                    registry.within(u, o) for u in own.units for o in other.units):
                own = other
        units = own.units or own.settlements
        if types and not own.typed:
            fit = tuple(u for u in own.units if registry[u].type in types[-1])
            if not fit and not set(types[-1]) & set("VKP"):     # "районный акимат Шемонаихи", "облакимат Костаная"
                fit = tuple(dict.fromkeys(c for u in units if (c := registry.at_level(u, types[-1])) is not None))
            units = fit or units
        return _settled(units, [h for h in around if set(h) != set(own.units + own.settlements)] + list(context), registry)
    if types:
        return next(iter(by_levels(types, [*around, *context], registry) or by_levels(types, _of_level(types[-1], reading, registry), registry)),
                    Choice(None))
    # A bare word that may be a village ("Шаң", dust) names nobody; a town, a district or a typed village does,
    # a village only inside the oblast that the source or the account belongs to: in a district, the district is meant.
    near = [c for hint in context for c in hint]
    hints: list[Sequence[str]] = []
    for m in reading.places:
        if m.common or not (m.typed or any(registry[u].level <= 2 for u in m.units)):
            continue
        units = m.units + m.settlements
        if near and all(registry[u].level > 2 for u in units):
            units = tuple(u for u in units if any(registry.within(u, c) and registry[c].level == 1 for c in near))
        if units:
            hints.append(units)
    hints += context
    if not hints:
        hints = [m.units for m in reading.places if m.common and _called(m, reading.text)]
    choices = [_settled(hint, [h for h in hints if h is not hint], registry) for hint in hints]
    return next((c for c in choices if c.code), next((c for c in choices if c.candidates), Choice(None)))


def _of_level(types: str, reading: Reading, registry: Registry) -> list[Sequence[str]]:
    """Units of a level that a head names, called by names that are also everyday words ("Балхаш ... городскому акиму"); capitalised ones."""
    text = reading.text
    found = [tuple(u for u in m.units if registry[u].type in types) for m in reading.places
             if m.common and text.clean[text.spans[m.first][0]].isupper()]
    return [units for units in found if units]


def _called(place: Mention, text: Text) -> bool:
    """Whether a text begins by calling a place by its name: "Қонаев, ..."."""
    return place.first == 0 and text.clean[text.spans[0][0]].isupper() and text.gaps[place.last + 1][:1] in (",", "!", ".", ":")


def by_levels(types: Sequence[str], hints: Sequence[Sequence[str]], registry: Registry) -> list[Choice]:
    """A unit for each level that a head names ("облыстық және қалалық әкімдік"); first those whose name itself was said."""
    said = [kinds for kinds in types if any(registry[u].type in kinds for hint in hints for u in hint)]
    found = [_by_level(kinds, hints, registry) for kinds in [*said, *(k for k in types if k not in said)]]
    return [choice for choice in found if choice.code or choice.candidates]


def also(head: Head | None, reading: Reading, main: str, context: Sequence[Sequence[str]], registry: Registry) -> tuple[str, ...]:
    """Codes of further units that the text speaks to: a second level of the same head, or another head spoken to as clearly."""
    found: list[str] = []
    around: list[Sequence[str]] = [m.units + m.settlements for m in reading.places if not m.common]
    for one in reading.heads:
        if one.kind not in ("body", "person") or not (one.named or one.types):
            continue
        if one is head and not one.named:
            choices = by_levels(one.types, [*around, *context], registry)
        elif one is head or not (rank(one) >= ALSO_LEAST or (head and _paired(head, one, reading.text))):
            continue
        else:
            choices = [unit_of(one, reading, context, registry)]
        found += [c.code for c in choices if c.code]
    return tuple(dict.fromkeys(c for c in found if c != main))


def _paired(one: Head, other: Head, text: Text) -> bool:
    """Whether two heads stand side by side, with only "and" between them."""
    first, second = sorted((one, other), key=lambda head: head.first)
    between = text.folded[first.last + 1:second.first]
    return len(between) == 1 and between[0] in _AND


def _settled(units: Sequence[str], hints: Sequence[Sequence[str]], registry: Registry) -> Choice:
    return choose(narrowed(units, hints, registry), registry)


def _by_level(types: str, hints: Sequence[Sequence[str]], registry: Registry) -> Choice:
    """A unit of the given types that is, or lies around, a place of the text; the places agree or it is left open."""
    wanted = types + ("R" if "C" in types or "O" in types else "")
    open_: Choice = Choice(None)
    for hint in hints:
        own = tuple(u for u in hint if registry[u].type in wanted)
        if own:
            choice = _settled(own, [h for h in hints if h is not hint], registry)
        else:
            others = [h for h in hints if h is not hint]
            near = [u for u in hint if any(h != u and (registry.within(u, h) or registry.within(h, u)) for other in others for h in other)]
            above = [registry.at_level(u, wanted) for u in near or hint]
            # Where most places of a name have no such unit above them ("Қызылжар ..., қала әкімдігі") it rather is a quarter of
            # some city, which no list has, than the one village of that name that lies in a city's land.
            rare = 2 * above.count(None) > len(above)
            choice = Choice(None) if rare else _settled([c for c in above if c is not None], others, registry)
        if choice.code:
            return choice
        if choice.candidates and not open_.candidates:
            open_ = choice
    return open_


def counts(cue: Cue, hit: Hit, text: Text) -> bool:
    """Whether a cue counts where it stands."""
    return not cue.called or hit.first == 0 or text.gaps[hit.last + 1][:1] in (",", "!", ":", ".")


def signs(reading: Reading, endings: Sequence[Hit]) -> None:
    """Put on each head the signs of its own sentence and its own place in it."""
    text, sentence = reading.text, reading.sentence
    of_sentence: dict[int, dict[str, None]] = {}     # no set: sums of weights must not depend on its order
    for hit in (*reading.hits, *endings):
        for mark in hit.marks:
            if isinstance(mark, Cue) and counts(mark, hit, text):
                of_sentence.setdefault(sentence[hit.first], {})[mark.name] = None
    n = len(text.words)
    beside = {i for hit in reading.hits for mark in hit.marks if isinstance(mark, Cue) and mark.name == "beside"
              for i in range(hit.first, hit.last + 1)}
    for head in reading.heads:
        cues = head.cues
        own = sentence[head.word]
        for name in of_sentence.get(own, ()):
            cues[f"with_{name}"] = 1.0
        word = text.folded[head.word]
        cues[f"head_{head.kind}"] = 1.0
        begin = head.first
        while begin > 0 and sentence[begin - 1] == own and text.folded[begin - 1] in _BEFORE:
            begin -= 1
        polite = any(text.folded[i] in _POLITE for i in range(begin, head.first)) or (
            head.last + 1 < n and text.folded[head.last + 1] in _SIR)
        starts = begin == 0 or sentence[begin - 1] != own
        after = text.gaps[head.last + 1]
        before = text.gaps[begin] if begin else "."
        closed = bool(re.search(r"[,!:?./\n—–]", after)) or head.last + 1 >= n
        if starts:
            cues["starts"] = 1.0
        if starts and closed:
            cues["vocative"] = 1.0
        elif closed and "," in before:
            cues["vocative_inside"] = 1.0
        if polite:
            cues["polite"] = 1.0
        if head.named:
            cues["placed"] = 1.0
        elif head.types:
            cues["levelled"] = 1.0
        elif head.kind == "person":
            cues["bare_person"] = 1.0
        if word in _PLURAL:
            cues["plural"] = 1.0
        if _DATIVE.search(word) and head.kind != "attached":
            cues["to_kazakh"] = 1.0
            if starts:
                cues["to_kazakh_first"] = 1.0
        lead = text.folded[head.first - 1] if head.first and sentence[head.first - 1] == own else ""
        lead2 = text.folded[head.first - 2] if head.first > 1 and sentence[head.first - 2] == own else ""
        if word in ("акиму", "акимату", "акимам") or (lead in _TO and word.startswith(("акимат", "аким"))):
            cues["to_russian"] = 1.0
            if starts or begin <= 1 or lead in _INTRO or lead2 in _INTRO or sentence[max(0, head.first - 2)] != own:
                cues["to_russian_first"] = 1.0
        if lead in _INTRO or lead2 in _INTRO:
            cues["asked"] = 1.0
        if head.last + 1 < n and text.folded[head.last + 1] == "назарына":
            cues["to_kazakh_first"] = 1.0
        if head.last >= n - 2 and any(w in _REGARDS for w in text.folded[max(0, begin - 4):begin]):
            cues["signed"] = 1.0
        if head.kind in ("body", "person"):
            cues[f"form_{word[-3:]}"] = 1.0     # the case it stands in: to, from, about, by an akimat
        if head.first - 1 in beside or (head.last + 1 in beside and joined(text, head.last)):
            cues["at_building"] = 1.0
        at = text.spans[head.word][0]
        if head.kind == "person" and text.clean[at].isupper() and not head.named and not head.types and (
                head.word and sentence[head.word - 1] == own) and not text.clean[at:at + 3].isupper():
            cues["like_a_name"] = 1.0


ALSO_LEAST = 2.0
"""Rank from which a second word for an akimat is spoken to as well."""
_RANK = {"vocative": 4, "polite": 3, "vocative_inside": 3, "to_kazakh_first": 3, "to_russian_first": 3, "asked": 2, "placed": 1.5,
         "levelled": 1, "with_order": 1.5, "with_you": 1, "with_reproach": 1, "with_wish": 1, "with_ask": .5, "with_request": 1,
         "with_thanks": 1, "at_building": -5, "with_news": -2, "with_bygone": -2, "with_occasion": -2, "plural": -1,
         "like_a_name": -3, "with_joke": -1, "bare_person": -.5, "starts": .5}


def rank(head: Head) -> float:
    """How much a head looks spoken to, to choose among several."""
    return sum(_RANK.get(name, 0) for name in head.cues)


def bodies(reading: Reading, kind: str) -> list[Hit]:
    """Other bodies (`other`) or places abroad (`abroad`)."""
    return [h for h in reading.hits if any(isinstance(m, Body) and m.kind == kind for m in h.marks)]
