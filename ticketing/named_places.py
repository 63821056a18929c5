"""The place that a message names, as both languages say it: a house, a crossing, a stop, a numbered or a common object.

"Сейфуллин мен Жамбыл көшелерінің қиылысы" and "угол Жамбыла и Сейфуллина" come out alike. Pure, and only for comparing: a key is
no name to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from monitor.core.text import fold

READ = 1000
"""Characters of a message in which its place is looked for."""
_STREET = 4
_TOKEN = re.compile(r"[^\W_]+|[-–—/,.«»\"№()!?;:\n]")
_AND = frozenset(("и", "с", "со", "мен", "бен", "пен", "-", "–", "—", "/"))
_ORDINAL = frozenset(fold(w) for w in ["ші", "шы", "й", "ый", "ой", "го", "м", "ом", "інші", "ыншы", "нші", "ншы", "я", "ая", "е"])


def _folded(words: str) -> frozenset[str]:
    return frozenset(fold(words).split())


KINDS = _folded(
    "улица улице улицы улиц ул көшесі көшесінде көшесінің көшелері көшелерінің көше проспект проспекта проспекте проспектов пр даңғылы даңғылының даңғыл "
    "мкр микрорайон микрорайоне ықшамауданы дом дома доме д үй үйдің үйде двор дворе аула ауласында подъезд подъезде остановка остановке аялдама аялдамасында "
    "аялдамасы район районе ауданы қаласы город городе село ауылы ауылында на в во у возле около жанында қасында напротив перекресток перекрестке "
    "қиылысында қиылысы угол бұрышы и мен бульвар бульвара переулок шоссе трасса")
"""What a place is called by kind, and what stands around its name."""
_TITLES = _folded(
    "батыр батыра батырдың би бия жырау хан хана ханның ақын акына имени им атындағы академик академика ак акад генерал генерала ген маршал маршала майор майора герой "
    "героя космонавт космонавта летчик летчика ғалым")
"""What is said of the one whom a street is named after, or left out."""
_SAME = {fold(word): key for key, words in {
    "independence": "тәуелсіз независим", "victory": "жеңіс побед", "peace": "бейбітш мира", "friendship": "достық дружб достык", "cosmonauts": "ғарышкер космонавтов",
    "youth": "жастар молодеж", "builders": "құрылысшы строител", "miners": "кеншіл горняк шахтер", "railway": "теміржол железнодорож", "centre": "орталық централ",
    "embankment": "жағалау набереж", "steppe": "дала степн", "school": "мектеп школьн", "freedom": "азаттық свобод", "unity": "бірлік единств", "labour": "еңбек труд",
    "may": "мамыр мая", "march": "наурыз марта",
    "republic": "республик", "constitution": "конституци", "workers": "жұмысшы рабоч", "metal": "металлург", "energy": "энергетик", "turkestan": "түркістан туркестан",
}.items() for word in words.split()}
"""Beginnings of street names that are translated, by what they mean."""
_SAME_LONGEST = sorted(_SAME, key=len, reverse=True)
_CROSSING_RU = re.compile(r"перекрест\w*|пересечени\w*|угол|углу|угла")
_CROSSING_KK = re.compile(fold(r"қиылыс\w*|бұрыш\w*|тоғыс\w*|айрығ\w*|түйіс\w*"))
_ROAD = re.compile(fold(r"дорог\w|трасс\w{1,4}|шоссе|жол|жолы\w*"))
_DASH = frozenset("-–—")
_STOP = re.compile(fold(r"остановк\w*|аялдама\w*|павильон\w*"))
_BUS = re.compile(fold(r"автобус\w*|маршрут\w*|маршрутк\w*|бағыт\w*|троллейбус\w*|трамва\w*"))
_COUNTED = re.compile(fold(
    r"минут\w*|час\w*|сағат\w*|д(?:ень|ня|ней)|күн\w*|недел\w*|апта\w*|месяц\w*|ай(?:дан|ға|)|год\w*|жыл\w*|раз|рет|градус\w*|человек|адам\w*|этаж\w*|қабат\w*|метр\w*|тенге|теңге|подъезд\w*|кіреберіс\w*|кв|пәтер\w*|м"))
_UNIT = re.compile(fold(r"(?:санти)?метр\w*|километр\w*|шақырым\w*|процент\w*|пайыз\w*|минут\w*|час\w*|сағат\w*|школ\w*|мектеп\w*|температур\w*|номер\w*|код\w*|размер\w*|более|больше|около|уже|минус|плюс"))
"""What stands before a number that is no house: глубиной сантиметров 30."""
_DISTRICT = re.compile(fold(r"мкр|микрорайон\w*|мөлтек\w*|ықшамаудан\w*|шағын"))
_NUMBERED = tuple((name, re.compile(fold(p))) for name, p in (
    ("school", r"школ\w*|мектеб\w*|мектеп\w*|сош|гимнази\w*|лице\w*"), ("kindergarten", r"детсад\w*|садик\w*|сад|балабақша\w*"),
    ("clinic", r"поликлиник\w*|емхана\w*"), ("hospital", r"больниц\w*|аурухана\w*")))
_COMMON = (*_NUMBERED, *((name, re.compile(fold(p))) for name, p in (
    ("market", r"рын(?:ок|ка|ке)|базар\w*"), ("park", r"парк\w?|сквер\w?|саяба[қғ]\w*"), ("station", r"вокзал\w*"), ("mosque", r"мечет\w*|мешіт\w*"),
    ("pharmacy", r"аптек\w*|дәріхана\w*"), ("bridge", r"мост\w*|көпір\w*"), ("cemetery", r"кладбищ\w*|зират\w*"))))
WIDE = frozenset(("market", "park", "station", "bridge", "cemetery"))
"""Common objects that have no house number."""
_NEAR = _folded("возле около у напротив рядом жанында қасында маңында алдында жанындағы қасындағы маңындағы алдындағы")
_REACH = 3
"""Words between "near" and what it is near to."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a text names. `words` are the keys of all its words, `proper` of those with a
    capital, `pairs` a street with its house, `crossings` two streets (or the
    ends of a road), `objects` schools, parks and the like, `near` those of them that it lies near to."""

    words: frozenset[str] = frozenset()
    houses: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    crossings: frozenset[frozenset[str]] = frozenset()
    stops: frozenset[str] = frozenset()
    buses: frozenset[str] = frozenset()
    numbered: frozenset[tuple[str, str]] = frozenset()
    near: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    proper: frozenset[str] = frozenset()

    @property
    def exact(self) -> bool:
        """Whether it names one spot."""
        return bool(self.pairs or self.crossings or self.stops)


_SOUNDS = str.maketrans({"ю": "у", "я": "а", "э": "е", "ы": "и", "о": "у", "п": "б", "х": "к", "й": None, "ь": None, "ъ": None})


def key(word: str) -> str:
    """A name as both languages say it: Сәтбаев and Сатпаева, Қонаев and Кунаева, Жеңіс and Победы are one."""
    folded = fold(word)
    for beginning in _SAME_LONGEST:
        if folded.startswith(beginning):
            return _SAME[beginning]
    said = folded.translate(_SOUNDS)[:_STREET]
    return said.rstrip("аеиу") or said


@lru_cache(maxsize=4096)
def place_of(text: str) -> Place:
    """What in a text may name a place."""
    raw = _TOKEN.findall(text[:READ])
    folded = [fold(t) for t in raw]
    buses: set[str] = set()
    stops: set[str] = set()
    crossings: set[frozenset[str]] = set()
    numbered: set[tuple[str, str]] = set()
    near: set[str] = set()
    objects: set[str] = set()
    gone: set[int] = set()          # numbers that are no houses
    for i, word in enumerate(folded):
        if _BUS.fullmatch(word) and not (i + 1 < len(folded) and _STOP.fullmatch(folded[i + 1])):
            at = _number(folded, i)
            if at is not None:
                buses.add(folded[at])
                gone.add(at)
        elif _STOP.fullmatch(word):
            stops.update(_stop(raw, folded, i))
        elif _CROSSING_RU.fullmatch(word):
            crossings.update(_crossing_ru(raw, folded, i))
        elif _CROSSING_KK.fullmatch(word):
            crossings.update(_crossing_kk(raw, folded, i))
        elif _ROAD.fullmatch(word):
            crossings.update((*_crossing_ru(raw, folded, i, _DASH), *_crossing_kk(raw, folded, i, _DASH)))
        elif word[0].isdigit() and i + 1 < len(folded) and _COUNTED.fullmatch(folded[i + 1]):
            gone.add(i)
        for name, pattern in _NUMBERED:
            if pattern.fullmatch(word) and (at := _number(folded, i)) is not None:
                numbered.add((name, folded[at]))
                gone.add(at)
        for name, pattern in _COMMON:
            if pattern.fullmatch(word):
                objects.add(name)
                if not _NEAR.isdisjoint(folded[max(0, i - _REACH):i + 2]):
                    near.add(name)
    words = _words(folded, gone)
    said = [w for w in words if not w[0].isdigit() and len(w) >= 3 and not _ROAD.fullmatch(w) and not any(p.fullmatch(w) for _, p in _COMMON)]
    proper = {f for t, f in zip(raw, folded, strict=True) if t[0].isupper() or f[0].isdigit()}
    return Place(
        frozenset(key(w) for w in said),
        frozenset(w for w in words if w[0].isdigit() and len(w) <= 5),
        frozenset(_pairs(words)), frozenset(crossings), frozenset(stops), frozenset(buses), frozenset(numbered), frozenset(near), frozenset(objects), frozenset(key(w) for w in said if w in proper or w.startswith("мкр")))


def _words(folded: Sequence[str], gone: set[int]) -> list[str]:
    """The words that name: without kinds, titles and numbers that are no houses; a district and its number are one word."""
    out: list[str] = []
    taken: set[int] = set(gone)
    for i, word in enumerate(folded):
        if _DISTRICT.fullmatch(word) and (at := _number(folded, i, taken)) is not None:
            out = out[:-1] if out and out[-1] == folded[at] else out
            out.append(f"мкр{folded[at]}")
            taken.update((i, at))
        elif i not in taken and word[0].isalnum() and (word[0].isdigit() or not (word in KINDS or word in _TITLES or word in _ORDINAL or word == "аудан")):
            out.append(word)
    return out


def _pairs(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    for a, b in pairwise(words):
        if b[0].isdigit() and len(b) <= 5 and not a[0].isdigit() and len(a) >= 4 and not _UNIT.fullmatch(a):
            yield (a if a.startswith("мкр") else key(a)), b


def _number(folded: Sequence[str], at: int, taken: Iterable[int] = ()) -> int | None:
    """Where the number of an object stands: before it (8 мкр, 8-ші мектеп) or behind (школа № 21)."""
    before = at - 1
    while before >= 0 and (folded[before] in _ORDINAL or folded[before] in ("-", "№")):
        before -= 1
    if before >= 0 and folded[before][0].isdigit() and before not in taken:
        return before
    behind = at + 1
    while behind < len(folded) and folded[behind] in ("№", "-", "аудан"):
        behind += 1
    return behind if behind < len(folded) and folded[behind][0].isdigit() and len(folded[behind]) <= 4 else None


def _name(raw: Sequence[str], folded: Sequence[str], at: int, step: int) -> tuple[str | None, int]:
    """The name that begins (step 1) or ends (-1) at a token, as a key, and the token behind it. Of several capitalised words the last
    that is no title counts: Иса Байзақов, Бұқар жырау."""
    while 0 <= at < len(raw) and ((folded[at] in KINDS and folded[at] not in _AND) or folded[at] in ("«", "»", '"', ".")):
        at += step
    if step > 0 and at + 1 < len(raw) and folded[at].isdigit() and key(folded[at + 1]) in ("may", "march"):
        at += 1         # 1 Мая
    found: list[str] = []
    while 0 <= at < len(raw) and raw[at][0].isalpha() and folded[at] not in _AND and folded[at] not in KINDS:
        if found and not (raw[at][0].isupper() or folded[at] in _TITLES):
            break
        found.append(folded[at])
        at += step
        while 0 <= at < len(raw) and folded[at] in KINDS and folded[at] not in _AND:
            at += step
    if step < 0:
        if found and key(found[-1]) in ("may", "march") and at >= 0 and folded[at].isdigit():
            at -= 1
        found.reverse()
    names = [w for w in found if w not in _TITLES and len(w) >= 3]
    return (key(names[-1]) if names else None), at


def _two(one: str | None, other: str | None) -> Iterable[frozenset[str]]:
    if one and other and one != other:
        yield frozenset((one, other))


def _crossing_ru(raw: Sequence[str], folded: Sequence[str], cue: int, between: frozenset[str] = _AND) -> Iterable[frozenset[str]]:
    """Угол Абая и Гоголя; Абая угол Гоголя; дорога Павлодар — Ленинский."""
    one, at = _name(raw, folded, cue + 1, 1)
    if at < len(raw) and folded[at] in between:
        yield from _two(one, _name(raw, folded, at + 1, 1)[0])
    elif between is _AND and cue and folded[cue - 1] not in _AND and raw[cue - 1][0].isupper():
        yield from _two(_name(raw, folded, cue - 1, -1)[0], one)


def _crossing_kk(raw: Sequence[str], folded: Sequence[str], cue: int, between: frozenset[str] = _AND) -> Iterable[frozenset[str]]:
    """Абай мен Гоголь көшелерінің қиылысы; Павлодар — Кенжекөл жолы."""
    other, at = _name(raw, folded, cue - 1, -1)
    if at >= 0 and folded[at] in between:
        yield from _two(_name(raw, folded, at - 1, -1)[0], other)


def _stop(raw: Sequence[str], folded: Sequence[str], cue: int) -> Iterable[str]:
    """Остановка Гагарина, остановка «Базар»; Гагарин аялдамасы."""
    behind = cue + 1
    while behind < len(raw) and raw[behind] in ("«", '"', ","):
        behind += 1
    if behind < len(raw) and raw[behind][0].isupper() and (behind > cue + 1 or not folded[cue].startswith("аялдама")):
        yield key(raw[behind])
    before = cue - 1
    while before >= 0 and raw[before] in ("»", '"'):
        before -= 1
    if before >= 0 and raw[before][0].isupper() and folded[cue].startswith("аялдама"):
        yield key(raw[before])
