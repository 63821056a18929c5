"""Personal data of private people in a text: spans to mask."""

from __future__ import annotations

import re

from monitor.core.text import Text
from monitor.core.verdict import Span

_DIGIT = re.compile(r"\d{3}")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,3}")
_PHONE = re.compile(r"(?<![\d+])(?:\+?7|8)[\s\-(]{0,3}7\d{2}[\s\-)]{0,3}\d{3}[\s\-]{0,2}\d{2}[\s\-]{0,2}\d{2}(?!\d)")
_CARD = re.compile(r"(?<!\d)[2-6]\d{3}(?:[ \-]?\d{4}){3}(?!\d)")
_IIN = re.compile(r"(?<!\d)\d{12}(?!\d)")


def _luhn(digits: str) -> bool:
    odd = sum(int(d) for d in digits[-1::-2])
    even = sum(sum(divmod(int(d) * 2, 10)) for d in digits[-2::-2])
    return (odd + even) % 10 == 0


def iin_date(digits: str) -> bool:
    """Whether twelve digits begin with a date of birth and a digit of century and sex, as an IIN does."""
    return 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31 and digits[6] in "0123456"


def numbers(text: str) -> list[Span]:
    """Phones, IINs, cards and e-mail addresses."""
    found: list[Span] = []
    if "@" in text:
        found += [Span("email", *m.span()) for m in _EMAIL.finditer(text)]
    if _DIGIT.search(text):
        taken = [(m.start(), m.end()) for m in _CARD.finditer(text) if _luhn(re.sub(r"\D", "", m[0]))]
        found += [Span("card", a, b) for a, b in taken]
        found += [Span("iin", *m.span()) for m in _IIN.finditer(text) if iin_date(m[0])]
        found += [Span("phone", *m.span()) for m in _PHONE.finditer(text)
                  if not any(a < m.end() and m.start() < b for a, b in taken)]
    return found


_U = "A-ZА-ЯЁӘІҢҒҮҰҚӨҺ"
_W = rf"[{_U}][a-zа-яёәіңғүұқөһ]{{1,30}}"
_PATRONYMIC = re.compile(
    rf"(?<!\w)(?:{_W}(?:-{_W})?[ \t]+){{0,2}}{_W}[ \t]+(?:[{_U}]\w{{1,25}}(?:ович|евич|ьич)(?:а|у|ем|ем|е)?|[{_U}]\w{{1,25}}(?:овн|евн|ичн)(?:а|ы|е|у|ой)"
    rf"|[{_U}]\w{{1,25}}(?:ұлы|улы|қызы|кызы|uly|qyzy|kyzy)(?:на|не|ның|нің|н|нын)?)(?!\w)(?:[ \t]+{_W})?")
_SIGNED = re.compile(
    rf"(?:[Мм]еня зовут|[Мм]енің атым|[Аа]ты-жөнім|[Сс] уважением,?|[Ққ]ұрметпен,?|ФИО:?|[Мм]енің есімім|[Оо]брататься:?|[Кк]онтакт\w{{0,3}}:?|[Хх]абарласу\w{{0,6}}:?)[ \t,:—–-]*({_W}(?:[ \t]+(?:{_W}|[{_U}]\.)){{0,2}})")
_NEAR = re.compile(rf"(?<!\w)({_W}(?:[ \t]+(?:{_W}|[{_U}]\.)){{0,2}})[ \t,:()—–-]{{0,4}}$")
_AFTER = re.compile(rf"^[ \t,:()—–-]{{1,4}}({_W}(?:[ \t]+(?:{_W}|[{_U}]\.)){{0,2}})(?!\w)")
_OFFICIAL = re.compile(r"(?i)(?:уважаем\w{2}|құрметті|господин\w?|госпожа|аким\w{0,2}|әкім\w{0,4}|мырза|директор\w?|министр\w?|имени|ул\.|улиц\w{1,2}|атындағы)[ \t,:]*$")
_NOT_NAME = frozenset(["тел", "телефон", "звоните", "моб", "телефоны", "номер", "ватсап", "whatsapp", "иин", "жсн", "контакты", "адрес", "мой", "тол", "вот", "прошу", "жду", "рахмет", "рақмет", "спасибо", "хабарласыңыз", "нөмірім", "нөмірі", "байланыс", "каспи", "kaspi"])
_HOME = re.compile(
    r"(?i)(?<!\w)(?:жив[уеё]\w{0,2}|прожива\w{2,5}|мой адрес|наш адрес|адрес|прописан\w?|тұрам\w{1,3}|турам\w{1,3}|тұратын\w{0,4}|мекенжай\w{0,6}|мекен-жай\w{0,6}|адресім|үйіміз|turamyn|(?:в|у нас в) (?:нашем )?доме|наш дом|квартир\w{1,2}|пәтер\w{0,6}|кв\.?|патер\w{0,6})(?!\w)")
_HOUSE = re.compile(rf"(?<!\w)[{_U}][\w.-]{{2,30}}(?:[ \t]+[\w.]{{1,14}}){{0,2}},?[ \t]*(?:д\.|дом|үй|уй)?[ \t]*\d{{1,4}}[а-яА-Я/]?\w{{0,3}}(?:[-,][ \t]*(?:үй|кв\.?|уй|квартира|пәтер)?[ \t]*\d{{0,4}})?")
_FLAT = re.compile(r"(?i)\d{1,4}\w?(?:-?(?:үй|уй))?[,\s]{1,3}(?:(?:кв\.?|квартира)[ \t]*\d{1,4}|\d{1,4}[ -]?(?:пәтер|патер))")


def names(text: str, contacts: list[Span]) -> list[Span]:
    """Full names with a patronymic, names after a signature and names beside a phone or an IIN; not officials spoken to."""
    found: list[Span] = []
    for m in _PATRONYMIC.finditer(text):
        if not _OFFICIAL.search(text[max(0, m.start() - 40):m.start()]):
            found.append(Span("name", *m.span()))
    for m in _SIGNED.finditer(text):
        found.append(Span("name", *m.span(1)))
    for one in contacts:
        if one.kind in ("phone", "iin"):
            at = max(0, one.start - 70)
            before = _NEAR.search(text[at:one.start])
            if before is not None and before[1].split()[-1].lower() not in _NOT_NAME and before[1].split()[0].lower() not in _NOT_NAME:
                found.append(Span("name", at + before.start(1), at + before.end(1)))
                continue
            after = _AFTER.search(text[one.end:one.end + 70])
            if after is not None and after[1].split()[0].lower() not in _NOT_NAME:
                found.append(Span("name", one.end + after.start(1), one.end + after.end(1)))
    return found


def homes(text: str) -> list[Span]:
    """Where the author lives: a street with a house beside a word for living there, or a flat."""
    found = [Span("address", *m.span()) for m in _FLAT.finditer(text)]
    if not found:
        for m in _HOME.finditer(text):
            at = max(0, m.start() - 60)
            house = _HOUSE.search(text[m.end():m.end() + 60])
            if house is not None:
                found.append(Span("address", m.end() + house.start(), m.end() + house.end()))
                break
            if m[0].lower().startswith(("тұр", "тур", "turam")):
                house = _HOUSE.search(text[at:m.start()])
                if house is not None:
                    found.append(Span("address", at + house.start(), at + house.end()))
                    break
    return found


def find(text: Text) -> list[Span]:
    """All personal data, in the places of the raw text."""
    clean = text.clean
    contacts = numbers(clean)
    out: list[Span] = []
    for one in (*contacts, *names(clean, contacts), *homes(clean)):
        out.append(Span(one.kind, *text.raw_span(one.start, one.end)))
    return out
