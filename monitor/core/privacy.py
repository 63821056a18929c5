"""Personal data of private people in a text: spans to mask.

Numbers tell themselves by their shape and check digits. A name is told by what stands in it (a patronymic, a first name
beside a surname) and by where it stands (beside a contact, in a signature, after "меня зовут"); the akim who is spoken
to and the poet a street is named after are none. A home is a house with a flat, a house after a word for living there,
or a house in a signature; the house before which the road is broken is none.
"""

from __future__ import annotations

import re
import unicodedata

from monitor.core.homes import homes, signed
from monitor.core.person_names import names
from monitor.core.text import Text, fold
from monitor.core.verdict import PersonalData, Span

_DIGIT = re.compile(r"[\d⓪①-⑨⁰¹²³⁴-⁹₀-₉]")
_MANY = re.compile(r"(?:[\d⓪①-⑨⁰¹²³⁴-⁹₀-₉][^\n\d⓪①-⑨⁰¹²³⁴-⁹₀-₉]{0,6}){5}")
_NO_DIGIT = re.compile(r"[^0-9]+")
_PHONE_LEAST = 7
"""Digits, beside letters that pass for them, that a text with a whole phone has at least."""
_ODD_DIGIT = re.compile(r"[\d⓪①-⑨⁰¹²³⁴-⁹₀-₉](?<![0-9])")
"""Digits that are not 0-9: full-width, Arabic, in circles. Boxed ones (8\ufe0f\u20e3) are 0-9 with marks behind."""
_APART = r"[\s().,\-‐-―−/_*~·•|\u20e3]"
"""What people put between the digits of a phone."""
_LIKE = r"[0-9OoОоЗзlI]"
"""A digit, or a letter that passes for one."""
_NETWORK = r"(?:0[0-9]|4[07]|5[01]|6[0-4]|7[0-9])"
_MOBILE = rf"7{_NETWORK}"
_CODE = re.compile(_MOBILE)
"""Codes of mobile networks: 700-709, 740, 747, 750, 751, 760-764, 770-779 (national numbering plan of Kazakhstan)."""
# What must not stand before a number is looked at behind its first letter: a pattern that begins with a set is found faster.
_PHONE = re.compile(rf"[+78](?<![\d+].)(?<!\d[./,-].)(?:(?<=\+){_APART}{{0,2}}7{_APART}{{0,3}}[3-79]|(?<=[78]){_APART}{{0,3}}[79])(?:{_APART}{{0,3}}{_LIKE}){{9}}(?!\d)")
_SHORT = re.compile(rf"[7(](?<![\d+].)(?<!\d[./,-].)(?:(?<=7){_NETWORK}|(?<=\(){_MOBILE}\)){_APART}{{0,3}}\d{{3}}{_APART}{{0,2}}\d\d{_APART}{{0,2}}\d\d(?!\d)")
_ABROAD = re.compile(rf"\+(?<![\d+].)[1-69]\d{{0,2}}(?:{_APART}{{0,3}}\d){{8,11}}(?!\d)")
_LANDLINE = re.compile(r"\((?<![\d+].)7[12]\d{2,3}\)[ \t-]{0,2}\d(?:[ -]{0,2}\d){4,5}(?!\d)")
_LOCAL = re.compile(r"[\d(](?<![\d+/.,:-].)(?:(?<=\d)|(?<=\()\d)\)?(?:[ ()-]{0,2}\d){4,9}(?![ -]?\d)")
_CALLED = re.compile(
    r"(?i)(?<!\w)(?:(тел|телефон\w{0,4}|тлф|домашн\w{2})|т|сот\w{0,6}|ұялы\w{0,3}|байланыс\w{0,4}|звон\w{2,4}|хабарлас\w{0,9}"
    r"|what'?s\s?app|ватсап\w{0,2}|вацап\w{0,2}|уатсап\w{0,2})(?:[.:№—–-]|\s){1,4}$")
_HOTLINE = re.compile(r"(?i)(?:горяч|қауырт|жедел|диспетчер|call|колл|справочн|при[её]мн|қабылдау|дежурн|кезекші|доверия|сенім)[^.!?\n]{0,25}$")
_CONTRACT = re.compile(
    r"(?i)(?:договор\w{0,3}|лицев\w{2,3}|л/?с|сч[её]т\w{0,2}|шот\w{0,3}|шарт\w{0,5}|квитанц\w{1,3}|түбіртек\w{0,3}|заявк\w|заявлени\w|өтінім\w{0,3}|кадастр\w{0,6}|накладн\w{2}"
    r"|талон\w{0,2}|біп|бин|bin)(?:[ \t]+(?:номер\w?|нөмір\w{0,2}|№|сч[её]т\w?|шот\w{0,2}))?[\s№:.-]{0,4}$")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,3}")
_EMAIL_SAID = re.compile(
    r"[a-z0-9_.+-]{2,64}(?:\s?[@＠]\s?|\s?[(\[]\s?(?:at|@|собак\w|ит)\s?[)\]]\s?|\s(?:собак[аи]|собачка|at)\s)"
    r"(?:[a-z0-9-]{2,63}\s?(?:\.|[(\[](?:dot|точка)[)\]]|\sточка\s)\s?(?:ru|kz|com|net|org|me|ру|кз|ком|example|invalid)"
    r"|(?:мейл|майл|гмейл|джимейл|яндекс)\s?(?:\.|точка)\s?(?:ру|ком|кз))(?!\w)", re.I)
"""An address with spaces, or with its signs in words."""
_OFFICE_EMAIL = re.compile(r"(?i)@(?:[\w-]+\.){0,3}gov\.kz$")
_CARD = re.compile(r"(?<![\dA-Za-z])[2-6](?:[ \t.–-]{0,2}\d){15}(?![ -]?\d)")
_CARD_SAID = re.compile(r"(?i)карт|kaspi|каспи|gold|голд|jusan|halyk|visa|master")
_IBAN = re.compile(r"(?i)kz\d\d[ ]?(?:[0-9a-z]{4}[ ]?){0,4}$")
_IIN = re.compile(r"(?<![\dA-Za-z+])\d(?:[ .–-]?\d){11}(?![ .-]?\d)")
_IIN_GROUPS = re.compile(r"\d{6}[ .–-]\d{6}|\d{6}[ .–-]\d{3}[ .–-]\d{3}|\d\d([ .–-])\d\d\1\d\d[ .–-]\d{3}[ .–-]?\d{3}|\d{4} \d{4} \d{4}|\d{3} \d{3} \d{3} \d{3}")
_IIN_SAID = re.compile(r"(?i)(?:иин|жсн|iin|jsn|жеке сәйкестендіру|индивидуальн)[^\d]{0,25}$")
_NUMERALS = frozenset(fold(
    "нөл бір екі үш төрт бес алты жеті сегіз тоғыз он жиырма отыз қырық елу алпыс жетпіс сексен тоқсан жүз"
    " ноль ноля один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
    " двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот").split())
_EIGHT = frozenset(fold("сегіз жеті восемь семь").split())
"""What a phone begins with, in words."""
_SPOKEN = 6
"""So many numerals in a row, none of them "thousand", are a phone said aloud: "восемь семьсот семь сто двадцать …"."""


def _luhn(digits: str) -> bool:
    odd = sum(int(d) for d in digits[-1::-2])
    even = sum(sum(divmod(int(d) * 2, 10)) for d in digits[-2::-2])
    return (odd + even) % 10 == 0


def iin_date(digits: str) -> bool:
    """Whether twelve digits begin with a date of birth and a digit of century and sex, as an IIN does; a BIN never does
    (its fifth digit is 4, 5 or 6)."""
    return 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31 and digits[6] in "0123456"


def iin_check(digits: str) -> bool:
    """Whether the last of twelve digits is the check digit of an IIN or BIN.

    Rules of forming the identification number, decree of the Government of Kazakhstan 406 of 22 May 2007: the sum of
    the first eleven by the weights 1 … 11, modulo 11; where that is 10, by the weights 3 … 11, 1, 2; 10 again is never given out.
    """
    for shift in (0, 2):
        rest = sum(int(d) * ((i + shift) % 11 + 1) for i, d in enumerate(digits[:11])) % 11
        if rest < 10:
            return rest == int(digits[11])
    return False


def _is_iin(said: str, before: str) -> bool:
    digits = re.sub(r"\D", "", said)
    if digits[4] in "456" or _CONTRACT.search(before):
        return False
    named = bool(_IIN_SAID.search(before))
    if not iin_date(digits):        # since decree 853 of 26 August 2013 it need not begin with the date of birth
        return named
    return named or len(said) == 12 or (_IIN_GROUPS.fullmatch(said) is not None and iin_check(digits))


def _is_card(said: str, before: str, after: str) -> bool:
    digits = re.sub(r"\D", "", said)
    return not _IBAN.search(before) and (_luhn(digits) or bool(_CARD_SAID.search(before) or _CARD_SAID.search(after)))


def _is_phone(said: str, before: str) -> bool:
    digits = re.sub(r"\D", "", said)
    if len(digits) < 6:             # more letters than digits hardly is a number
        return False
    mobile = _CODE.match(digits) if len(digits) == 10 else _CODE.match(digits, 1)
    if not mobile and _HOTLINE.search(before):
        return False
    return said != digits or not _CONTRACT.search(before)


def numbers(text: str) -> list[Span]:
    """Phones, IINs, cards and e-mail addresses."""
    return _numbers(text, digits=_DIGIT.search(text) is not None)


def _numbers(text: str, *, digits: bool) -> list[Span]:
    found: list[Span] = []
    taken: set[int] = set()

    def take(kind: PersonalData, start: int, end: int) -> None:
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            found.append(Span(kind, start, end))

    if "@" in text or "собак" in text or "＠" in text or "(at" in text or "[at" in text:
        for pattern in (_EMAIL, _EMAIL_SAID):
            for m in pattern.finditer(text):
                if not _OFFICE_EMAIL.search(m[0]):
                    take("email", *m.span())
    if not digits or not _MANY.search(text):
        return found
    if not text.isascii() and _ODD_DIGIT.search(text):
        text = _ODD_DIGIT.sub(lambda m: str(unicodedata.digit(m[0], 0)), text)
    count = len(_NO_DIGIT.sub("", text))    # a pattern is tried only where its digits are there
    for m in _CARD.finditer(text) if count >= 16 else ():
        if _is_card(m[0], text[max(0, m.start() - 30):m.start()], text[m.end():m.end() + 20]):
            take("card", *m.span())
    for m in _IIN.finditer(text) if count >= 12 else ():
        if _is_iin(m[0], text[max(0, m.start() - 40):m.start()]):
            take("iin", *m.span())
    for pattern in (_PHONE, _SHORT, _ABROAD, _LANDLINE) if count >= _PHONE_LEAST else ():
        for m in pattern.finditer(text):
            if _is_phone(m[0], text[max(0, m.start() - 45):m.start()]):
                take("phone", *m.span())
    for m in _LOCAL.finditer(text):
        called = _CALLED.search(text[max(0, m.start() - 20):m.start()])
        if called and (called[1] or m.end() - m.start() > 5) and not _HOTLINE.search(text[max(0, m.start() - 45):m.start()]):
            take("phone", *m.span())
    return found


def spoken(text: Text) -> list[Span]:
    """Phones in words."""
    found: list[Span] = []
    if _EIGHT.isdisjoint(text.folded):
        return found
    at, words = 0, text.folded
    while at < len(words):
        end = at
        while end < len(words) and words[end] in _NUMERALS:
            end += 1
        if end - at >= _SPOKEN and words[at] in _EIGHT:
            found.append(Span("phone", text.spans[at][0], text.spans[end - 1][1]))
        at = end + 1
    return found


def find(text: Text) -> list[Span]:
    """All personal data, in the places of the raw text."""
    clean = text.clean
    digits = _DIGIT.search(clean) is not None
    contacts = _numbers(clean, digits=digits) + spoken(text)
    lived = homes(text, contacts) if digits else []
    named = names(text, contacts + lived)
    if named and digits and not lived:
        lived = signed(clean, contacts, named)
    found = contacts + named + lived
    return [Span(one.kind, *text.raw_span(one.start, one.end)) for one in found] if found else found
