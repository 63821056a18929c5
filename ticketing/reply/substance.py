"""What an answer has to say: an action, a fact, when, where, who.

A brush-off has none of them: "принято к сведению", "тиісті шаралар қабылданады". An answer that names an action, but neither
when, where nor who, lacks specifics: "Яма засыпана." Its own appeal's number and date, the citizen's greeting, the office's
own signature and a law that is only cited are no substance. What the lists here miss, brush_off.py weighs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.core.lexicon import Lexicon
from ticketing.reply.dates import When
from ticketing.reply.line import lines
from ticketing.reply.promises import Finder

_U, _L = "A-ZА-ЯЁӘІҢҒҮҰҚӨҺ", "a-zа-яёәіңғүұқөһ"
_HELLO = r"(?i:здравствуйте|добрый день|добрый вечер|доброе утро|приветствуем|сәлеметсіз бе|салеметсиз бе|сәлем|қайырлы күн|қайырлы таң|қайырлы кеш|ассалаумағалейкум|армысыз)"
_DEAR = r"(?i:уважаем\w{2}|құрметті|курметти|дорог(?:ой|ая|ие))"
_GREETING = re.compile(
    rf"^\s{{0,5}}(?:{_HELLO}(?:,?[ \t](?:{_DEAR}[ \t])?(?:[{_U}][{_L}]{{1,25}}[ \t]?){{0,3}})?[ \t]?[.!,\n]\s{{0,3}})?"
    rf"(?:{_DEAR}[^.!?,\n]{{0,50}}[.!,\n]\s{{0,3}})?(?:{_HELLO}[ \t]?[.!,\n]\s{{0,3}})?")
_SIGNATURE = re.compile(r"(?:(?i:с уважением|құрметпен|курметпен|ізгі ниетпен))(?:[ \t]?[,\n–—-]|[ \t](?=[A-ZА-ЯЁӘІҢҒҮҰҚӨҺ]))[^\n]{0,160}(?:\n[^\n]{0,120}){0,3}\s*$")
_REFERENCE = re.compile(
    rf"(?i)(?:(?:на |по )?(?:ваш\w{{0,2}}|сіздің|сиздин)?[ \t]{{0,2}}(?:обращени\w{{1,2}}|заявлени\w|сообщени\w|жалоб\w|заявк\w|өтініш\w{{0,8}}|арыз\w{{0,8}}|хабарлама\w{{0,8}}|сұрау\w{{0,8}}|хат\w{{0,8}})[ \t]{{0,2}}(?:от[ \t]\d[\d.]{{4,9}}(?:[ \t]?г(?:ода|\.)?)?[ \t]{{0,2}})?(?:за[ \t])?(?:№|N|рег\.)[ \t]{{0,2}}[\w/-]{{1,24}}(?:[ \t]от[ \t](?:\d[\d.]{{4,9}}|\d{{1,2}}[ \t][{_L}]{{3,9}}(?:[ \t]20\d\d)?)(?:[ \t]?г(?:ода|\.)?)?)?)"
    rf"|(?:на )?ваш\w{{0,2}} (?:обращени|заявлени|сообщени|жалоб|вопрос)\w{{0,2}} от [\d.]{{5,10}}(?:[ \t]?г\.?)?"
    rf"|(?:20\d\d[ \t]?(?:жылғы|ж\.)[ \t])?\d{{1,2}}[ \t][{_L}]{{4,10}}(?:дағы|дегі|тағы|тегі)[ \t]{{0,2}}(?:№[ \t]?[\w/-]{{1,24}}[ \t]{{0,2}})?(?:өтініш|арыз|хабарлама|сұрау|хат)\w{{0,9}}"
    rf"|№[ \t]?[\w/-]{{1,24}}[ \t](?:өтініш|арыз|хабарлама|сұрау)\w{{0,9}}(?:[ \t]бойынша)?:?|(?:ӘЖ|АЖ|ҚБ|ЧБ)-\d{{2,9}}-20\d\d-\d{{3,8}}")
_LAW = re.compile(
    r"(?i)(?:(?:стать\w{1,4}|ст\.?|пункт\w{0,3}|п\.|п\.п\.|част\w{1,3}|ч\.)[ \t]{0,2}\d{1,3}(?:[-–]\d{1,2})?|\d{1,3}(?:-\d{1,2})?[ -]{0,2}(?:бабы\w{0,6}|бап\w{0,5}|тарма\w{1,8}))"
    r"|(?:в течение|в срок)[^.!?\n]{0,20}(?:15|пятнадцати)[^.!?\n]{0,12}рабочих дней|(?:15|он бес)[^.!?\n]{0,10}жұмыс күн\w{0,3}[^.!?\n]{0,10}ішінде"
    r"|№[ \t]?\d{1,5}(?:-[IVXLІ]{1,6})?[ \t](?:ЗРК|ҚРЗ)|закон\w{0,3}[^.!?\n]{0,80}от \d[^.!?\n]{0,20}(?:года|г\.)")
_NUMBER = re.compile(
    r"(?i)(?<![\w№-])\d+(?:[ .,]\d{3}){0,3}(?:,\d{1,3})?[ \t]{0,2}(?:-?(?:й|го|ти|метр\w{0,3}|м(?!\w)|м²|кв|км|шт|тонн\w{0,2}|кг|литр\w{0,2}|куб\w{0,3}|млн|млрд|тыс|тг|тенге|теңге|мың|процент\w{0,3}|пайыз\w{0,3}|%|градус\w{0,3}|°|единиц\w{0,2}|техник\w{0,3}|человек\w{0,2}|адам\w{0,3}|машин\w{0,2}|контейнер\w{0,3}|светильник\w{0,3}|опор\w{0,3}|дерев\w{0,4}|мест\w{0,2}|орын\w{0,3}|дана|бірлік|автобус\w{0,3}|собак\w{0,2}|ит(?!\w)|шам\w{0,4}|дом\w{0,2}|үй(?!\w)|ям\w{0,2}|шұңқыр\w{0,3}|рейс\w{0,3}|рет(?!\w)|раз(?!\w)|га(?!\w)|сотых|атм\w{0,3}|кВт|вольт|учащи\w{1,3}|оқушы\w{0,3}|бала\w{0,3}|дет\w{1,2}|квартир\w{0,2}|пәтер\w{0,3}|ұсыныс\w{0,3}|заяв\w{1,4}|бригад\w{0,2}|человек|текше|шақырым\w{0,3}|орамжапырақ))")
_PLACE = re.compile(
    rf"(?:(?<!\w)(?i:ул|улиц\w{{1,3}}|пр|пр-т|просп\w{{0,6}}|пер|переул\w{{2,3}}|мкр|микрорайон\w{{0,3}}|бульвар\w{{0,2}}|сел[оеау]|ауыл\w{{0,3}}|пос(?:[её]л\w{{2,4}})?|парк\w{{0,2}}|сквер\w{{0,2}}|площад\w{{1,2}}|трасс\w{{1,2}}|шоссе|жилой массив|жилмассив\w?|ЖК|СШ|СОШ|мост\w{{0,2}}|остановк\w{{1,3}}|дач\w{{1,3}}|городе|районе)\.?[ \t]{{0,2}}[«\"]?(?:им\.?[ \t]{{0,2}})?(?:[{_U}]|\d)"
    rf"|[{_U}\d][{_L}{_U}-]{{1,30}}(?:[ \t][{_U}][{_L}-]{{1,30}}){{0,2}}[ \t](?i:улиц\w{{1,3}}|проспект\w{{0,3}}|бульвар\w{{0,3}}|көше\w{{0,8}}|коше\w{{0,6}}|даңғыл\w{{0,8}}|ауыл\w{{0,6}}|шағын ?аудан\w{{0,6}}|шағын ауд\w{{0,3}}|мөлтек\w{{0,3}}|ықшам ?аудан\w{{0,6}}|мкр|микрорайон\w{{0,3}}|ауданы\w{{0,4}}|қаласы\w{{0,4}}|кент\w{{0,6}}|саябағы\w{{0,4}}|алаңы\w{{0,4}}|орамы\w{{0,4}}|тұйығы\w{{0,4}}|көпірі\w{{0,4}}|трассасы\w{{0,4}}|район\w{{0,2}}|сельск\w{{2,4}}|округ\w{{0,4}}|село|селе|аялдама\w{{0,5}}|атындағы)"
    rf"|[{_U}][{_L}-]{{2,30}}[ \t](?i:пр|ул|пер|наб|пл|ш|б-р|көш|даң|д-лы)\.|(?i:по адресу|мекенжайы\w{{0,4}}|мекен-жайы\w{{0,4}})[ \t:–-]{{1,3}}[{_U}\d]"
    rf"|(?i:дом\w{{0,2}}|д\.|үй|школ\w{{1,3}}|мектеп\w{{0,5}}|гимнази\w{{1,3}}|лице\w{{1,3}}|детск\w{{2,3}} сад\w{{0,2}}|садик\w{{0,2}}|балабақша\w{{0,5}}|подъезд\w{{0,2}}|кіреберіс\w{{0,4}}|ТП|КНС|котельн\w{{1,3}}|маршрут\w{{0,3}}|бағыт\w{{0,5}}|автобус\w{{0,3}}|опор\w{{1,2}}|кабинет\w{{0,2}}|квартал\w{{0,3}}|поликлиник\w{{1,2}}|участ\w{{2,4}})[ \t]{{0,2}}(?:№|N)?[ \t]{{0,2}}\d"
    rf"|№?[ \t]?\d{{1,4}}[ -]?(?:[{_L}]{{1,3}}[ \t])?(?i:үй\w{{0,6}}|мектеп\w{{0,5}}|балабақша\w{{0,5}}|бағыт\w{{0,6}}|маршрут\w{{0,6}}|автобус\w{{0,5}}|подъезд\w{{0,3}}|кіреберіс\w{{0,4}}|кабинет\w{{0,3}}|школ\w{{1,3}}|микрорайон\w{{0,3}}|мкр|орта мектеп\w{{0,4}}|мектеп-\w{{3,9}}|емхана\w{{0,4}}|гимназия\w{{0,4}}|лицей\w{{0,4}}|шағын ?аудан\w{{0,6}})"
    rf"|[{_U}][{_L}-]{{2,30}}[ \t]?[,\-–][ \t]?[{_U}][{_L}-]{{2,30}}[ \t](?i:қиылыс\w{{0,6}}|аралығ\w{{0,6}})|(?i:пересечени\w|на участке (?:от|между))[ \t](?:улиц[ \t])?[{_U}])")
_NAMED = re.compile(rf"[«\"“][{_U}][^»\"”\n]{{2,60}}[»\"”]|(?<!\w)[{_U}]\.[ \t]?(?:[{_U}]\.)?[ \t]?[{_U}][{_L}]{{2,20}}|(?<!\w)[{_U}][{_L}]{{2,20}}[ \t][{_U}]\.(?:[ \t]?[{_U}]\.)?"
                    rf"|(?<!\w)[{_U}][{_L}]{{2,20}}[ \t][{_U}][{_L}]{{2,20}}[ \t]?(?:[{_U}][{_L}]{{2,20}}(?:вич|вна|ұлы|қызы|улы|кызы)\w{{0,3}})|[{_U}][{_L}]{{2,20}}[ \t](?:[{_U}][{_L}]{{2,20}}(?:ов|ев|ин|ова|ева|ина|бек|бай|хан)(?:а|у|ым|ой)?)(?!\w)")
_PHONE = re.compile(r"(?<![\d.])(?:\+?[78][ (-]{0,2}\d{3,4}[ )-]{0,2}[\d -]{5,10}\d|\d{2}-\d{2}-\d{2}|\d{3}-\d{3}|1[0-4]\d{1,2}(?= номер|$|[.,! )])|(?<=тел\. )\d{3,6}|(?<=телефону )\d{3,4}|109|1414|112)(?!\d)|https?://|www\.|\w\.(?:kz|gov)\b|@\w{3}")

_REGULAR = re.compile(
    r"(?i)(?<!\w)(?:по (?:понедельник|вторник|сред|четверг|пятниц|суббот|воскресен)\w{1,3}|ежедневн\w{1,2}|еженедельн\w{1,2}|кажд(?:ый|ую|ое) (?:день|недел\w|час\w?|утро|понедельник|вторник|сред\w|четверг|пятниц\w|суббот\w|воскресенье)"
    r"|(?:күн|апта|ай|дүйсенбі|сейсенбі|сәрсенбі|бейсенбі|жұма|сенбі|жексенбі) сайын|(?:дүйсенбі|сейсенбі|сәрсенбі|бейсенбі|жұма|сенбі|жексенбі) күндері|күнделікті)(?!\w)|(?<![\d.])(?:[01]?\d|2[0-3]):[0-5]\d(?!\d)")
"""When something is done again and again, or at what hour."""
_DOES = re.compile(r"(?!замен|смен|цен|стен|охран|стран|экран|план|кран|колон)\w{4,}(?:ен|ан|ят|ыт)(?:а|о|ы)|\w{3,}(?:ылды|илди|лынды|линди|ланды|ленди|ылады|иледи|ылатын|илетин|ылып|илип)")
"""Passives, of what was or will be done; they count where nothing vague or of paper is in the text."""


@dataclass(frozen=True, slots=True)
class Substance:
    """What an answer has: something done or to be done, a fact, when, where, who, a question back."""

    action: bool
    fact: bool
    when: bool
    where: bool
    who: bool
    ask: bool

    @property
    def nothing(self) -> bool:
        """Nothing that the lists know."""
        return not (self.action or self.fact or self.when or self.where or self.who or self.ask)

    @property
    def no_specifics(self) -> bool:
        """An action, and nothing that it could be found by."""
        return self.action and not (self.when or self.where or self.who)


def core(text: str) -> str:
    """The answer without greeting, signature, its own appeal's number and laws only cited; other characters stay in place."""
    text = text[:READ]
    greeting = _GREETING.match(text)
    signature = _SIGNATURE.search(text, max(0, len(text) - 400))
    for span in [m.span() for m in (greeting, signature) if m is not None]:
        text = _blank(text, *span)
    for pattern in (_REFERENCE, _LAW):
        text = pattern.sub(lambda m: " " * len(m[0]), text)
    return text


READ = 16_000
"""Characters that are looked at; whoever has said nothing by then says nothing."""


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


class Reader:
    """Tells substance; made once of the words of the knowledge, then only read."""

    def __init__(self, finder: Finder, words: Lexicon) -> None:
        self.finder, self.words = finder, words

    def __call__(self, text: str, when: When) -> Substance:
        """What an answer published then has to say."""
        said = core(text)
        marks: set[str] = set()
        dated = False
        for line in lines(said, self.finder.calendar):
            taken: set[int] = set()
            hits = list(self.words.find(line.text))
            for hit in hits:
                if "vague" in hit.marks:
                    taken.update(range(hit.first, hit.last + 1))
            for hit in hits:
                taken_here = not taken.isdisjoint(range(hit.first, hit.last + 1))
                if not ({"vague", "abstract"} & set(hit.marks)) and not taken_here:
                    marks.update(map(str, hit.marks))
                if "abstract" in hit.marks:
                    taken.update(range(hit.first, hit.last + 1))
            if not taken and "action" not in marks and any(map(_DOES.fullmatch, line.text.folded)):
                marks.add("action")
            dated = dated or self.finder.dated(line, when)
        return Substance(
            action="action" in marks, fact="cause" in marks or bool(_NUMBER.search(said)), when=dated or bool(_REGULAR.search(said)),
            where=bool(_PLACE.search(said)), who="body" in marks or bool(_NAMED.search(said) or _PHONE.search(said)), ask="ask" in marks)


def sentences(text: str) -> Iterator[str]:
    """The sentences of an answer, roughly: for the language of its parts."""
    at = 0
    for m in re.finditer(r"[.!?…]+[\s»\"]+|\n+|\s/{1,2}\s", text):
        if m.end() - at >= 12:
            yield text[at:m.end()]
            at = m.end()
    if at < len(text):
        yield text[at:]


