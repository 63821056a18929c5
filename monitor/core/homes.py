"""Where the author of a text lives: a house with a flat, a house after a word for living there, a house in a signature.

The house before which a road is broken or a dog runs about is the place of the trouble (`location`), no home.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from monitor.core.text import Text
from monitor.core.verdict import Span

_U = "A-ZА-ЯЁӘІҢҒҮҰҚӨҺ"
_CAP = rf"[{_U}][\w’'-]{{1,30}}"
_KIND_BEFORE = r"(?:(?i:ул|улиц\w{1,2}|пр|пр-т|пр-кт|просп\w{0,6}|пер|переул\w{2,3}|б-р|бульвар|мкр|мкрн|мкр-н|м-н|микрорайон\w{0,2}|ст|с|п|пос|село|аул|г|қ|ЖК)(?:\.[ \t]{0,2}|[ \t]{1,2}))"
_KIND_AFTER = (r"(?i:батыр\w{0,2}|би|хан\w{0,2}|ата|баба|датқа|жырау|жолы|көш\w{0,7}|кошес\w{0,4}|к-сі|даң\w{0,8}|данг\w{0,7}|тұй\w{0,6}|ауыл\w{0,3}|аул\w{0,3}|ықш\w{0,9}|ыкш\w{0,9}|мкр|мөлт\w{0,9}"
               r"|шағ\w{0,9}|ш/а|кент\w{0,2}|орам\w{0,2}|k[oö]shes\w{0,3}|auyl\w{0,2})")
_STREET = rf"(?:{_KIND_BEFORE}{{0,2}}{_CAP}(?:[ \t](?:{_CAP}|{_KIND_AFTER})\.?){{0,3}})"
_BLOCK = r"(?:\d{1,3}(?:-?[а-яәі]{1,3})?[ -]?(?i:мкр\w?|мкр-н|микрорайон\w{0,3}|(?:ықш\w{0,9}|ыкш\w{0,9}|мөлт\w{0,12}|шағын\w{0,9})(?:[ \t]?ауд\w{0,6})?|ш/а|квартал\w{0,2})\.?)"
_ROAD = re.compile(rf"(?<![\w.])(?:{_STREET},[ \t])?(?:{_STREET}|{_BLOCK}|{_STREET},?[ \t]{_BLOCK}),?[ \t]{{0,2}}(?i:дом|д\.?|үй|уй)?[ \t]{{0,2}}(?:№[ \t]?)?$")
"""A street or a micro-district, with a settlement before it, at the end of what stands before a house number."""
_NUMBER = r"(?<![\d/.,:-])\d{1,3}(?:[а-яА-Яa-zA-Z](?!\w))?(?:/\d{1,3}[а-я]?)?"
_UNITS = (
    r"(?i:лет|год|жас|жыл|км|мың|тыс|млн|тг|теңге|тенге|руб|ай(?!\w)|күн|кун|дн[яе]|дней|недел|мес|адам|человек|рет|раз|шақырым|метр|процент|апта|сотық|соток|га(?!\w)|кг|тонн|градус|мкр|мкр-н|микрорайон|ықш|ыкш|мөлт|шағын|ш/а|квартал"
    r"|бала|дет|час|сағат|мин|этаж|қабат|бөлме|комнат|класс|сынып|үйлер|дома|домов|кв(?!\w)"
    r"|январ|феврал|март|апрел|ма[йя](?!\w)|июн|июл|август|сентябр|октябр|ноябр|декабр|қаңтар|ақпан|наурыз|сәуір|мамыр|маусым|шілде|тамыз|қыркүйек|қараша|желтоқсан|қазан(?!\w))")
"""What makes a number a count or a date rather than a house."""
_FLAT = re.compile(
    rf"{_NUMBER}(?:[ -]?(?i:үй|уй|uy)\w{{0,2}})?(?:(?P<dash>[ ]?[-–][ ]?[1-9]\d{{0,2}}(?![\d:-]|[ \t]?{_UNITS}))"
    r"|,?[ \t]{0,2}(?:[Кк]в|КВ|(?i:квартир\w|кв-ра|пәтер\w{0,4}|патер\w{0,4}|pater))(?![А-Я])\.?[ \t]{0,2}№?[ \t]?\d{1,3}(?!\d)"
    r"|,?[ \t]{0,2}\d{1,4}[ -]{0,2}(?i:ші|шы|інші|ншы)?[ -]?(?i:пәтер|патер|pater)\w{0,6}|(?P<first>,?[ \t]{1,2}\d{1,3}[ ]?[Кк]в(?!\w)(?!\.?[ ]?м)))"
    r"|\d{1,3}[ -]?(?i:үй|уй),[ \t]\d{1,3}(?![\d:-])(?!\w)")
_TYPED = re.compile(rf"(?<!\w){_KIND_BEFORE}|(?<!\w){_KIND_AFTER}|{_BLOCK}|(?i:ова|ева|ёва|ина|ына|ая|яя|бая|ұлы|улы|ого|мира|победы)(?!\w)")
"""What makes a capitalised word a street by itself: its kind, or the genitive or the adjective streets are named by."""
_RANGE = re.compile(r"(?i)(?:дома|домами|домов|между|үйлер\w{0,5}|с|от)[ \t,]{0,3}(?:(?:по|на)[ \t])?$")
_HOUSE = re.compile(rf"{_NUMBER}(?:[ -]?(?i:үй|уй|uy)\w{{0,6}})?(?:[-–][1-9]\d{{0,2}}(?!\d))?(?![\d:%/+-]|[.,]\d|[ \t]?{_UNITS})")
_LIVING = re.compile(
    r"(?i)(?<!\w)(?:жив(?:у|[её]м)|прожива(?:ю|ем|ющ\w{2,4})|прописан\w{0,2}|прописка|(?:мой|наш|домашний)[ \t]адрес|адрес(?:ім|іміз|им|[ \t](?:прописки|проживания))|мекен-?[ ]?жай(?:ым|ымыз|ы|ыміз)|тұрғылықты\w{0,6}[ \t]\w{0,10}"
    r"|тұратын[ \t](?:жерім|мекен\w{0,9})|туратын[ \t](?:жерим|мекен\w{0,9})|үйіміз|үйім|уйимиз|уйим|(?P<place>(?:в|у нас в)[ \t](?:нашем[ \t])?доме|в[ \t]квартире))(?!\w)")
_LIVING_WORDS = frozenset(
    ("живу", "живем", "проживаю", "проживаем", "проживающий", "проживающая", "проживающей", "проживающего", "проживающему", "прописан", "прописана", "прописаны",
     "прописка", "адрес", "адресим", "адресимиз", "мекенжайым", "мекенжайымыз", "мекенжайы", "жайым", "жайымыз", "жайы", "тургылыкты", "жерим", "мекеним", "мекенжайымыз",
     "уйимиз", "уйим", "доме", "квартира", "квартире", "квартиры"))
"""Words of which `_LIVING` needs one, in folded spelling."""
_LIVING_AFTER = re.compile(
    r"(?i)(?:-?(?:да|де|та|те|da|de))?[ \t]?(?:деген[ \t])?(?:үй\w{0,5}[ \t]|уй\w{0,5}[ \t]|көшесінде[ \t]|кошесинде[ \t])?(?:тұрамы[нз]|турамы[нз]|тұрып жатыр\w{1,4}|тұрғыны(?:мын|мыз)|тургыны(?:мын|мыз)|turam\w{1,3}|turamyn|жив[уеё]м?(?!\w)|проживаю)")
_KIN = re.compile(
    r"(?i)(?<!\w)(?:(?:әке|ана|апа|ата|әже|шеше|келін|келин|аке|аже)(?:м|міз|мыз|миз|ім|им|іміз|имиз)(?:н[ыіи][нң]|ды|ді|ни|ны|ні|ға|ге|га|д[ыіи][ңн]|мен)?"
    r"|мо(?:я|ей|ю|й|его|ему)[ \t](?:мам\w|бабушк\w|дедушк\w|от[е]?ц\w?|сестр\w|брат\w?)|в семье)(?!\w)")
_KIN_WORDS = frozenset(
    stem + end for stem in ("аке", "ана", "апа", "ата", "аже", "шеше", "келин") for mine in ("м", "мыз", "миз", "им", "имиз")
    for end in (mine, *(mine + case for case in ("нын", "нин", "ди", "ды", "ни", "ны", "га", "ге", "дын", "дин", "мен")))) | {"моя", "моей", "мою", "мой", "моего", "моему", "семе"}
_STOP = re.compile(r"[.!?\n]")
_OPPOSITE = re.compile(r"(?i)[-\w]{0,8}[ \t]{0,2}(?:қарама|қарсы|жаны|маңы|қасы|алды|тұсы|напротив|рядом)")
_LINK = re.compile(
    r"(?i)[\s,.:;()—–-]{0,4}(?:(?:тел\w{0,6}|моб\w{0,6}|сот\w{0,6}|ұялы\w{0,3}|байланыс\w{0,4}|хабарлас\w{0,10}|номер\w{0,2}|нөмір\w{0,3}|ватсап\w{0,2}|whats\s?app|звон\w{2,4}|почт\w|пошта\w{0,3}|иин|жсн|iin|jsn|өзім|я|мен|живу|проживаю"
    r"|тұрғыны|житель\w{0,3}|из|с)[\s,.:;()—–-]{1,3}){0,3}")
"""What may stand between a home and its owner's name or contact."""


def _road(clean: str, number: int) -> int | None:
    """Where the street before a house number begins; None where no street stands there."""
    at = max(0, number - 70)
    road = _ROAD.search(clean[at:number])
    return None if road is None else at + road.start()


def homes(text: Text, contacts: Sequence[Span]) -> list[Span]:
    """Homes told by a flat or by a word for living there."""
    clean = text.clean
    found: list[Span] = []
    taken: set[int] = set()
    for one in contacts:
        taken.update(range(one.start, one.end))

    def take(start: int, end: int) -> None:
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            found.append(Span("address", start, end))

    def near(at: int, far: int) -> None:
        """Take the first house after `at`, if its street begins within `far` characters and in the same sentence."""
        house = _HOUSE.search(clean, at, min(len(clean), at + far + 40))
        start = None if house is None else _road(clean, house.start())
        if house is not None and start is not None and at <= start <= at + far and not _STOP.search(clean, at, start) \
                and not _OPPOSITE.match(clean, house.end()):
            take(start, house.end())

    line = text.line
    # A pattern is tried only where what it cannot do without is there: `_FLAT` a dash, "кв", "пәтер" or "үй".
    for m in _FLAT.finditer(clean) if "-" in clean or "–" in clean or "кв" in line or "патер" in line or "уй" in line else ():
        start = _road(clean, m.start())
        if (m["dash"] or m["first"]) and (start is None or clean[m.start() - 2:m.start()].strip() == "№" or not _TYPED.search(clean[start:m.start()]) or _RANGE.search(clean[max(0, start - 12):start]) or _RANGE.search(clean[max(0, m.start() - 8):m.start()])):
            continue
        take(m.start() if start is None else start, m.end())
    for m in _LIVING.finditer(clean) if not _LIVING_WORDS.isdisjoint(text.folded) else ():
        near(m.end(), 25 if m["place"] else 40)
    for m in _KIN.finditer(clean) if not _KIN_WORDS.isdisjoint(text.folded) else ():
        near(m.end(), 60)
    for m in _HOUSE.finditer(clean) if "тур" in line or "жив" in line else ():     # what `_LIVING_AFTER` needs
        if _LIVING_AFTER.match(clean, m.end()):
            start = _road(clean, m.start())
            if start is not None:
                take(start, m.end())
    return found


def signed(clean: str, contacts: Sequence[Span], people: Sequence[Span]) -> list[Span]:
    """Houses in a signature: beside a name, or beside a contact where the text has a name."""
    found: list[Span] = []
    for one in (*people, *contacts):
        for house in _HOUSE.finditer(clean, max(0, one.start - 60), one.start):
            if _LINK.fullmatch(clean, house.end(), one.start):
                start = _road(clean, house.start())
                if start is not None:
                    found.append(Span("address", start, house.end()))
                    break
        house = _HOUSE.search(clean, one.end, min(len(clean), one.end + 60))  # type: ignore[assignment]
        if house is not None:
            start = _road(clean, house.start())
            if start is not None and start >= one.end and _LINK.fullmatch(clean, one.end, start):
                found.append(Span("address", start, house.end()))
    return found

