"""Names of private people in a text: by a patronymic, by a first name beside a surname, by where a name stands.

What stands before and after tells an official ("Уважаемый аким Ерлан Болатович"), a street and a poet from a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from monitor.core.given_names import ALSO_WORDS, FORMS, GIVEN
from monitor.core.text import Text, fold, one_spelling
from monitor.core.verdict import Span

_U = "A-ZА-ЯЁӘІҢҒҮҰҚӨҺ"
_L = "a-zа-яёәіңғүұқөһ"
_AFTER_CAPITAL = rf"[{_L}]{{1,30}}(?:[-’'][{_U}{_L}][{_L}]{{0,30}})?"
_CAP = rf"[{_U}]{_AFTER_CAPITAL}"
_INITIAL = rf"[{_U}]\.(?:[ \t]?[{_U}]\.)?"
_MORE = rf"(?:[ \t\u00a0]{{1,3}}{_CAP}(?!\w))"
_SHORT = rf"[ \t\u00a0]{{1,3}}{_INITIAL}(?!\w)"
# What must not stand before a name is looked at behind its first letter: a pattern that begins with a set is found faster.
_RUN = re.compile(rf"[{_U}](?<![\w.].)(?:{_AFTER_CAPITAL}{_MORE}{{0,4}}(?:{_SHORT})?(?!\w)|\.[ \t]?[{_U}]\.[ \t]?{_CAP}(?!\w))")
"""One to five capitalised words, or initials with a surname."""
_PAIR = re.compile(rf"[{_U}](?<![\w.].)(?:{_AFTER_CAPITAL}(?:{_MORE}{{1,4}}(?:{_SHORT})?|{_SHORT})|\.[ \t]?[{_U}]\.[ \t]?{_CAP})(?!\w)")
_LAST = re.compile(rf"[{_U}](?<![\w.].){_AFTER_CAPITAL}[\s.!)]*$")
_SURNAME_ENDS = (*(stem + case for stem in ("ов", "ев", "ин", "ын") for case in (
    "", "а", "у", "ым", "е", "ой", "ы", "ага", "аны", "адан", "анын", "тын", "тин", "ка", "ке", "ты", "ти", "тан", "тен", "пен", "нин", "нен", "ге")),
    "енко", "ук", "юк", "швили", "дзе", "улы", "кызы", "теги", "ский", "цкий", "ским", "цким", "ского", "цкого", "скому", "цкому", "ская", "цкая", "ской", "цкой")
_ALONE_ENDS = ("ов", "ев", "ова", "ева", "енко", "улы", "кызы")
"""Of a surname beside a contact with no first name."""
_NAME_ENDS = ("бек", "бай", "хан", "жан", "гул", "нур", "гали", "мурат", "болат", "султан", "бике")


def _surname(word: str) -> bool:
    return len(word) > 3 and word.endswith(_SURNAME_ENDS)


def _like_name(word: str) -> bool:
    return len(word) > 4 and word.endswith(_NAME_ENDS)


_PATRONYMIC = re.compile(
    r"\w{2,}(?:(?P<ru>(?:ов|ев|ил|ин|он|ом|ьм)?ич(?:а|у|ем|е)?|(?:овн|евн|ичн|иничн)(?:а|ы|е|у|ой))|(?:улы|кызы)(?:на|не|нын|нин|н|нан|нен|мен)?)")
_PATRONYMIC_LOW = re.compile(r"(?<!\w)([^\W\d_]{2,25})[ \t]{1,3}[^\W\d_]{3,20}(?:ович|евич|овна|евна)(?!\w)")
_OFFICIAL = re.compile(
    r"(?i)(?<!\w)(?:аким(?:а|у|ом|е|ы|ов|ы?н[ыи]н|и)?|әкім(?!д[іи][кг]|ш[іе])\w{0,7}|мэр\w{0,2}|министр\w{0,4}|депутат\w{0,5}|губернатор\w{0,2}|президент\w{0,4}|сенатор\w{0,3}|спикер\w{0,2}"
    r"|директор\w{0,4}|басшы\w{0,4}|бастығы\w{0,3}|руководител\w{1,3}|начальник\w{0,3}|глав\w{1,2}|замест\w{1,8}|зам|орынбасары\w{0,3}|помощни\w{1,4}|көмекші\w{0,4}"
    r"|господин\w?|госпож\w|уважаем\w{2}|құрметті|курметти|төраға\w{0,4}|председател\w{1,3}|пресс-секретар\w{1,3}|прокурор\w{0,3}|судь\w{1,2})(?!\w)([^.!?\n]{0,60})$")
_OFFICIAL_AFTER = re.compile(
    r"(?i)[ \t]{0,2}[,(–—-]?[ \t]{0,2}(?:\w+[ \t]){0,2}(?:аким|әкім|директор|министр|депутат|начальник|руководитель|бастығы|басшысы|төраға\w{0,3}|председатель|тағайындалды|назначен|поручил|доложил|заявил|мырза|отчитал|тапсырды|мәлімдеді)(?:а|і|іне|ы)?(?!\w)")
_NOT_OFFICIAL = re.compile(r"(?i)(?<!\w)(?:от|я|мен|меня|пиш\w{1,3}|жаз\w{2,9}|обраща\w{2,4}|атынан|тұрғын\w{0,4}|жител\w{1,3}|пенсионер\w{0,2}|мать|отец|анасы|әкесі|өзім|деген|атым|зовут)(?!\w)")
_STREET_BEFORE = re.compile(
    r"(?i)(?<!\w)(?:ул|улиц\w{0,3}|пр|пр-т|пр-кт\w?|просп\w{0,6}|пер|переул\w{2,3}|им|имени|мкр|микрорайон\w{0,2}|пл|площад\w|парк\w{0,2}|сквер\w{0,2}|школ\w{1,2}|памятник\w{0,2}"
    r"|район\w{0,2}|аудан\w{0,3}|акимат\w{0,2}|сел[оае]|ауыл\w{0,3}|пересечени\w|угол|углу|двор|дворе|в|во|из|на|по|возле|около|у|жк|бюст\w?|музе\w{1,2}|б|ч)\.?[ \t«\"]{0,3}$")
_STREET_AFTER = re.compile(
    r"(?i)[»\"]?(?:[ \t]{1,2}(?:батыр|би\b|хан|баба|датқа|жырау|атындағы|атында|көше|коше|к-с|кө?\.|даң|данг|ауд|ауыл|аул|ықш|ыкш|мектеп|школ|округ|алаң|саяба|парк|сквер|площад|проспект|улиц|мкр|музе|театр|кент|бульвар|орам"
    r"|шағын|мөлтек|тұйы|koshe|audan|auyl|жолы|мырза|қала|облыс|әкімд|акимд|ескерткіш|премия|кубогы)"
    r"|[ \t]{0,2},?[ \t]{0,2}(?:дом|д\.|үй|№)?[ \t]{0,2}\d{1,3}(?:[а-яА-Я]|[/-]\d{1,3})?(?![\d]|[ \t(.,-]{0,2}\d)(?![ \t]{0,2}(?:лет|жас|год)))")


def _same(words: Sequence[str]) -> tuple[str, ...]:
    """Two names that differ only in their endings are the same."""
    return tuple(w[:6] for w in words)


_REMEMBERED = frozenset(_same(fold(name).split()) for name in (
    "абай құнанбаев", "абай құнанбайұлы", "абай кунанбаев", "ыбырай алтынсарин", "шоқан уәлиханов", "чокан валиханов", "жамбыл жабаев", "мағжан жұмабаев", "ахмет байтұрсынов", "ахмет байтұрсынұлы",
    "мұхтар әуезов", "сәкен сейфуллин", "бейімбет майлин", "ілияс жансүгіров", "қаныш сәтбаев", "каныш сатпаев", "дінмұхамед қонаев", "динмухамед кунаев", "ғабит мүсірепов", "бауыржан момышұлы",
    "әлия молдағұлова", "алия молдагулова", "мәншүк мәметова", "маншук маметова", "мағжана жумабаева", "рақымжан қошқарбаев", "шәкен айманов", "күләш байсейітова", "талғат бигелдинов", "сұлтанбек қожанов", "тұрар рысқұлов", "турар рыскулов",
    "нұрсұлтан назарбаев", "касым-жомарт токаев", "қасым-жомарт тоқаев", "юрий гагарин", "александр пушкин", "лев толстой", "амангелді иманов", "исатай тайманов", "махамбет өтемісов", "әлихан бөкейханов", "қасым қайсенов", "димаш құдайберген"))
"""Those after whom streets and schools are named, and heads of state."""
_NOT_NAME = re.compile(
    r"(?:тел|моб|звон|жаз|хабарл|байлан|номер|номир|ватсап|вацап|уатсап|whatsapp|вхацапп|иин$|жсн|контакт|адрес|мекен|прош|спасибо|рахмет|ракмет|каспи|карт|почт|пошт|аким(?:а|у|ом|е|ы|и|дик\w*|диг\w*|ат\w*)?$|отдел|район|аудан|город|кала|област|облыс|уважаем"
    r"|курмет|салем|здравств|добр|ассал|тапсырыс|заказ|баг|цен|жалоб|обращ|спрос|узн|сатам|сатыл|прода|куп|такси|мастер|доставк|ремонт|срочно|тез|ауыл|село|посел|кент|улиц|кошес|школ|мектеп|жител|тургын|ждем|жду|вот$|мой|мне|мы$|мен$|маган|биз"
    r"|озим|уй$|дом$|наш|кто|где|как|что|когда|неге|кашан|еще|или|для|при|под|все|вы$|сиз|сох|ответ|пиш|ата$|ата-|ипх?$|тоо|жк$|кск|оси$|осі|газ|свет|вод|су$|жеке|кайырлы|кундиз|заранее|благодар|алгыс)"
    r"|набереж|губернат|президент|министр|бульвар|просп|переул|площад|ресепш|хирург|врач|доктор|даригер|паспорт|слав[аеу]$|болсын|здоров|рожден|дн[её]м|\w+(?:ыныз|иниз|ындар|индер|ныздар|низдер|ыншы|инши|лардын|лердин|мызга|мизге|дагы|деги|тагы|теги|ымыз|имиз)$")
_CUE = re.compile(
    r"(?i)(?<!\w)(?:меня зовут|мо[её] имя|менің атым|атым|есімім|аты-жөнім|аты жөнім|мені[нң] есімім|фио|тегім|с уважением|құрметпен|курметпен)[ \t,:—–-]{1,4}$")
_CUE_WORDS = frozenset(("зовут", "имя", "атым", "есимим", "жоним", "фио", "тегим", "уважением", "курметпен"))
_LOW_NAME = re.compile(r"(?i)(?<!\w)(?:меня зовут|менің атым|атым|есімім|мо[её] имя)[ \t:—–-]{1,3}([^\W\d_]{2,25}(?:[ \t][^\W\d_]{2,20}(?:ов|ев|ова|ева|ин|ина))?)(?!\w)")
_ROLE = re.compile(
    r"(?i)(?<!\w)(?:(?:пишет|обращается|беспокоит)[^.!?\n]{0,60}|от|атынан|комитетінен|анадан|иесі|на имя|анасы|әкесі|жаттықтырушы|тренера?|спросить|обращаться|обратиться|старшему|немересі|ұлы|қызы|келіні|сыныптасымыз|көршім\w{0,3}|сосед\w{0,3}|(?-i:Я|Мен|мен|я),?|өзім|ип|жк|подпись|қолы"
    r"|чемпионы|потерял\w{1,3}|поздравля\w{1,3}|құттықтаймыз,?)[ \t,:—–-]{1,3}$")
_SIGNED = re.compile(r"[\s.!)]{0,4}(?:[,–—-][ \t]{0,2}[^.!?\n,\d@]{3,45}[.!]?)?\s*$")
_BREAK = re.compile(r"(?:^|[.!?…»)\n]|[^\w\s,;:(-])\s*$")
_SPEAKERS = re.compile(r"(?i)(?:атынан|от имени[ \t][\w \t]{3,30})[ \t,:]{1,3}$")
_REPLY = re.compile(r"(?i)[ \t]?[!,.]\s{0,3}(?:сіздің|cіздің|ваш[аеу]?|на ваш\w?|спасибо за|рахмет|благодарим)[ \t][^.!?\n]{0,30}(?:өтініш|пікір|сұрағ|арыз|шағым|хат|обращени|заявлени|вопрос|жалоб|комментари|отзыв|хабарлама)")
"""An office that answers: the one it speaks to is the citizen."""
_STOP = re.compile(r"[ \t]?(?:[.\n]|$)")
_SPOKEN_TO = re.compile(r"[ \t]?[!,]")
_ALONE = GIVEN - ALSO_WORDS
_LINK = re.compile(
    r"(?i)[\s,.:;()—–-]{0,4}(?:(?:тел\w{0,6}|моб\w{0,6}|сот\w{0,6}|ұялы\w{0,3}|байланыс\w{0,4}|хабарлас\w{0,10}|номер\w{0,2}|нөмір\w{0,3}|ватсап\w{0,2}|вацап|уатсап|whats\s?app|звон\w{2,4}|почт\w|пошта\w{0,3}|e-?mail"
    r"|карт\w{0,4}|иин|жсн\w{0,3}|iin|jsn|домашн\w{2}|жеке|мой|менің|өзім|мен|я|для|возмещения|деп|деген|жазыңыз\w{0,3}|адрес\w{0,3}|мекенжай\w{0,3}|живу|проживаю|kaspi|gold|каспи|и|на|в|№|соты|анасы|әкесі|ата|апа\w?|әже|аға\w?)[\s,.:;()№—–-]{1,3}){0,5}")
"""What may stand between a name and a contact."""


_PART = re.compile(r"[^\s.]{2,}|[^\s.]\.?")


def _plain(word: str) -> str:
    """The folded spelling of a lower-case word."""
    return fold(one_spelling(word))


def _no_name(word: str) -> bool:
    """Whether a folded word that begins with a capital is "Звоните", "Акимат", "Уважаемый" rather than a name."""
    return word not in FORMS and _NOT_NAME.match(word) is not None and not _surname(word) and not _like_name(word)


def _likely(word: str) -> bool:
    """Whether a folded word looks like a first name or a surname."""
    return len(word) == 1 or word in FORMS or _surname(word) or _like_name(word)


class _Name:
    """A run of capitalised words, and what in it speaks for a name of a person."""

    __slots__ = ("given", "initials", "known", "parts", "patronymic", "surname", "words")

    def __init__(self, run: re.Match[str]) -> None:
        self.parts = [(m[0], run.start() + m.start(), run.start() + m.end()) for m in _PART.finditer(run[0])]
        plain = [_plain(p[0].strip(".").lower()) for p in self.parts]
        while len(plain) > 1 and _no_name(plain[0]):
            del plain[0], self.parts[0]
        fathers = [i for i, w in enumerate(plain) if i and _PATRONYMIC.fullmatch(w)]
        while len(plain) > 2 + bool(fathers) and not _likely(plain[0]) and min(len(plain[0]), len(plain[1])) > 1:
            del plain[0], self.parts[0]
        self.words = plain
        self.initials = sum(len(w) == 1 for w in plain)
        self.given = any(w in FORMS for w in plain)
        self.known = any(w in GIVEN or _like_name(w) for w in plain)
        self.patronymic = next((m for w in plain[1:] if (m := _PATRONYMIC.fullmatch(w))), None)
        names = [i for i, w in enumerate(plain) if w in FORMS]
        self.surname = any(_surname(w) and (i not in names or len(names) > 1) for i, w in enumerate(plain))

    @property
    def start(self) -> int:
        return self.parts[0][1]

    @property
    def end(self) -> int:
        return self.parts[-1][2]

    @property
    def long(self) -> int:
        return len(self.words)


def _official(before: str) -> bool:
    """Whether what stands before a name makes it that of an official."""
    said = _OFFICIAL.search(before)
    return said is not None and not _NOT_OFFICIAL.search(said[1])


def _apart(clean: str, start: int, end: int) -> bool:
    """Whether a name is part of the name of a street, a school or a district."""
    return bool(_STREET_BEFORE.search(clean[max(0, start - 25):start]) or _STREET_AFTER.match(clean, end))


def _is_person(name: _Name) -> bool:
    """Whether a run of capitalised words beside a contact or in a signature is a person's name."""
    if any(_no_name(w) for w in name.words):
        return False
    if name.long > 1:
        return name.given or name.surname or name.known or name.initials > 0
    return name.words[0] in FORMS or name.known or (len(name.words[0]) > 5 and name.words[0].endswith(_ALONE_ENDS))


def _beside(clean: str, anchor: Span) -> _Name | None:
    """The name before or after a contact or an address, with nothing but "тел." and the like between."""
    at = max(0, anchor.start - 90)
    for run in reversed(list(_RUN.finditer(clean, at, anchor.start))):
        name = _Name(run)
        if _LINK.fullmatch(clean, run.end(), anchor.start) and _is_person(name):
            return name
        break
    after = _RUN.search(clean, anchor.end, anchor.end + 90)
    if after is not None and _LINK.fullmatch(clean, anchor.end, after.start()):
        name = _Name(after)
        return name if _is_person(name) else None
    return None


def _told(clean: str, name: _Name, cued: bool) -> bool:
    """Whether a run of capitalised words is a private person's name by itself, by the words before or as a signature."""
    strong = name.patronymic is not None or name.initials > 1 or (name.long > 1 and name.surname and (name.given or name.known)) \
        or (name.initials == 1 and name.words[0] in _ALONE)
    if not (strong or cued or name.long > 1 or name.words[0] in _ALONE):
        return False
    before = clean[max(0, name.start - 100):name.start]
    if cued and _CUE.search(before):
        return not _STREET_AFTER.match(clean, name.end) and not any(_no_name(w) for w in name.words)
    person = _is_person(name)
    in_role = person and name.long > 1 and _ROLE.search(before)
    last = person and _SIGNED.match(clean, name.end)
    if not (strong or in_role or last):
        return False
    if (_official(before) and not _REPLY.match(clean, name.end)) or (clean[name.end - 1] != "." and _OFFICIAL_AFTER.match(clean, name.end)) or _apart(clean, name.start, name.end) or _same(name.words) in _REMEMBERED:
        return False
    if in_role or (strong and _REPLY.match(clean, name.end)):
        return True
    full = name.long > name.initials
    if name.patronymic and full:
        # By first name and patronymic one speaks to an official or of a teacher; a surname makes it a person's full name.
        if name.long > 2 or not (name.patronymic["ru"] or _SPOKEN_TO.match(clean, name.end)):
            return True
        if _BREAK.search(before.rstrip(" ,")) or before.endswith(", "):
            return _STOP.match(clean, name.end) is not None
    elif strong:
        return full and (len(name.words[0]) > 1 or _surname(name.words[-1]))
    if not last:
        return False
    if name.long > 1:
        return bool(_BREAK.search(before) or before.endswith((", ", "- ", "– ", "— ")))
    return name.words[0] in _ALONE and bool(_SPEAKERS.search(before) or (_BREAK.search(before) and before))


def names(text: Text, anchors: Sequence[Span]) -> list[Span]:
    """Names of private people; `anchors` are contacts and addresses found before."""
    clean = text.clean
    found: list[Span] = []
    taken: set[int] = set()

    def take(start: int, end: int) -> None:
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            found.append(Span("name", start, end))

    cued = not _CUE_WORDS.isdisjoint(text.folded)
    if cued:
        for m in _LOW_NAME.finditer(clean):
            if _plain(m[1].split()[0].lower()) in GIVEN:
                take(*m.span(1))
    for anchor in anchors:
        beside = _beside(clean, anchor)
        if beside is not None and not (anchor.kind == "address" and beside.long == 1):
            take(beside.start, beside.end)
    # A run of capitalised words needs a capital, two of them one behind the first letter.
    for run in (_RUN if cued else _PAIR).finditer(clean) if not clean[1 - cued:].islower() else ():
        name = _Name(run)
        if _told(clean, name, cued):
            take(name.start, name.end)
    if not cued:
        last = None if clean[-45:].islower() else _LAST.search(clean, max(0, len(clean) - 45))
        if last is not None:
            name = _Name(last)
            if _told(clean, name, cued):
                take(name.start, name.end)
    line = text.line
    if "вич" in line or "вна" in line:
        for m in _PATRONYMIC_LOW.finditer(clean):
            if m[1].islower() and _plain(m[1]) in FORMS and not _SPOKEN_TO.match(clean, m.end()) and not _official(clean[max(0, m.start() - 100):m.start()]):
                take(*m.span())
    return found
