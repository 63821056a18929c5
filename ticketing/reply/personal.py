"""Whether an answer shows a private person: a name beside a phone, an IIN or a home address.

The office's own hotline, its officials and its executor under the answer are no private people. An IIN, a bank card or a
private phone of the one who is addressed needs no name beside it: the thread shows whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from monitor.core import privacy
from monitor.core.text import Text
from monitor.core.verdict import Span

NEAR = 160
"""Characters between a name and a contact that belong together."""
READ = 8_000
_U, _L = "A-ZА-ЯЁӘІҢҒҮҰҚӨҺ", "a-zа-яёәіңғүұқөһ"
_SPOKEN_TO = re.compile(
    rf"(?i:уважаем\w{{2}}|құрметті|курметти|здравствуйте,?|сәлеметсіз бе,?|азамат(?:ша)?|гражданин\w?|гр\.|гражданк\w|г-н|г-жа|мырза|ханым|заявител\w{{1,2}}|өтініш иесі|өтініш беруші|тұрғын\w{{0,3}}|жительниц\w|жител\w{{1,2}}|пенсионер\w{{0,3}}):?[ \t]{{1,2}}((?!(?i:жител|заявител|пользоват|тұрғын|азамат|обратив|гражд|абонент|отправит))[{_U}][{_L}]{{2,25}}(?:[ \t][{_U}](?:[{_L}]{{2,25}}|\.)){{0,2}})")
_CASE = r"(?:ға|ге|қа|ке|ның|нің|тың|тің|дың|дің|ны|ні|ты|ті|ды|ді|дан|ден|тан|тен|мен|пен|бен|у|ым|ой|а)?"
_NAMED = re.compile(
    rf"(?<![\w.])(?:[{_U}]\.[ ]?){{1,2}}[{_U}][{_L}]{{3,25}}(?!\w)"
    rf"|(?<!\w)[{_U}][{_L}]{{2,25}}[ ][{_U}][{_L}]{{2,25}}(?:ұлы|қызы|улы|кызы){_CASE}(?!\w)"
    rf"|(?<!\w)[{_U}][{_L}]{{2,20}}(?<!мотр)(?:ов|ев|ёв|ова|ева|ин|ина){_CASE}[ ](?!Ваш|Сіз)[{_U}](?:[{_L}]{{2,25}}|\.(?:[ ]?[{_U}]\.)?)")
"""Names that detection leaves: the initial first, in a Kazakh case, or read as part of the address behind them."""
_HOME = re.compile(rf"(?<!\w)[{_U}][{_L}]{{3,25}},?[ ]\d{{1,3}}[а-гА-Г]?[-–]\d{{1,3}}(?![\d-])")
"""A street with house and flat: Ломова 42-17."""
_OF_STREET = re.compile(r"(?i)[ ]{1,2}(?:көше|даңғыл|атындағы|мектеб|мектеп|саябағ|алаң|гимназия|лице)")
_POST = re.compile(
    r"(?i)(?<!\w)(?:аким\w{0,3}|әкім\w{0,9}|исп\.?|исполнител\w{1,2}|орындаушы\w{0,3}|орын\.|отв\.?|ответственн\w{2,3}|жауапты\w{0,4}|руководител\w{1,2}|басшы\w{0,3}|начальник\w{0,3}|бастығы\w{0,3}|бастық|директор\w{0,3}|специалист\w{0,3}|маман\w{0,3}|инспектор\w{0,3}|мастер\w{0,2}|шебер\w{0,3}|инженер\w{0,3}"
    r"|заместител\w{1,2}|зам\.?|орынбасары\w{0,3}|депутат\w{0,2}|секретар\w{1,2}|хатшы\w{0,3}|диспетчер\w{0,3}|главн\w{2,3} врач\w{0,2}|бас дәрігер\w{0,3}|участков\w{2,3}|учаскелік\w{0,3}|министр\w{0,2}|председател\w{1,2}|төраға\w{0,3}|контактн\w{2} лиц\w|координатор\w{0,3}|оператор\w{0,3}|бригадир\w{0,3}|прораб\w{0,3}|куратор\w{0,3}|врач\w{0,2}|дәрігер\w{0,3}|завуч\w{0,2}|методист\w{0,2}|менеджер\w{0,2}|меңгеруші\w{0,3}|заведующ\w{2,3})(?!\w)(?:[^.!?\n]|(?<=[ \t(][^\W\d_])\.){0,90}$")
_OFFICE = re.compile(
    r"(?i)(?:горяч\w{2,3} лини\w{1,2}|жедел желі\w{0,3}|сенім телефон\w{0,3}|телефон\w? доверия|диспетчер\w{0,6}|кезекші\w{0,4}|дежурн\w{2,4}|при[её]мн\w{1,3}|қабылдау\w{0,4}|call|колл|справочн\w{0,3}|анықтама\w{0,6}|отдел\w{0,3}|бөлім\w{0,4}|управлени\w|басқарма\w{0,4}|канцеляри\w{1,2}|кеңсе\w{0,4}|аварийн\w{2,3} служб\w{1,2}|апаттық\w{0,4}|служб\w{1,2}|қызмет\w{0,4}|компани\w{1,3}|ТОО|ЖШС|КГП|МКК|единый номер|контакт-центр\w{0,3}|по вопросам|сұрақтар бойынша|справки)[^.!?\n]{0,60}$")
_OFFICE_AFTER = re.compile(r"(?i)[ \t(,–-]{1,4}(?:\w+[ \t]){0,2}(?:жедел желі|сенім телефон|телефон\w? доверия|қабылдау|кезекші|диспетчер|горяч\w{2,3} лини|бөлім|отдел|басқарма|анықтама|call|байланыс орталығ|нөмірі бойынша)")
_OF_OTHERS = re.compile(r"(?i)(?:имени|им\.|атындағы|ул\.|улиц\w{1,3}|пр\.|просп\w{0,6}|көшесі|мкр|школ\w{1,2}|парк\w{0,2})[ \t]{0,2}$")


def personal_data(text: str) -> list[Span]:
    """The spans that show a private person; none where the answer shows nobody."""
    text = text[:READ]
    found = privacy.find(Text(text))
    found += [home for m in _HOME.finditer(text) if not any(s.start < m.end() and m.start() < s.end for s in found)
              for home in [Span("address", *m.span())]]
    contacts = [s for s in found if s.kind in ("phone", "iin", "address", "card", "email") and not _office(text, s)]
    if not contacts:
        return []
    people = [s for s in found if s.kind == "name" and not _official(text, s)] + _spoken_to(text, found) + _named(text)
    alone = [s for s in contacts if s.kind in ("iin", "card")]
    shown: list[Span] = list(alone)
    for name in people:
        for contact in contacts:
            if contact.kind in ("phone", "iin", "address") and _near(name, contact):
                shown += [name, contact]
    return sorted(set(shown), key=lambda s: s.start)


def _near(a: Span, b: Span) -> bool:
    return max(a.start - b.end, b.start - a.end) <= NEAR


def _spoken_to(text: str, found: Sequence[Span]) -> list[Span]:
    """Whom the answer addresses or speaks of as a citizen."""
    return [Span("name", *m.span(1)) for m in _SPOKEN_TO.finditer(text)
            if not any(s.start <= m.start(1) < s.end for s in found if s.kind not in ("name", "address"))]


def _named(text: str) -> list[Span]:
    """The names that detection leaves, of private people."""
    names = [Span("name", *m.span()) for m in _NAMED.finditer(text) if not _OF_STREET.match(text, m.end())]
    return [name for name in names if not _official(text, name)]


def _official(text: str, name: Span) -> bool:
    before = text[max(0, name.start - 110):name.start]
    return bool(_POST.search(before) or _OF_OTHERS.search(before)) or bool(
        re.match(r"(?i)[ \t,(–-]{1,4}(?:\w+[ \t]){0,3}(?:специалист|маман|инспектор|начальник|бастығы|басшы|руководител|директор|мастер|инженер|аким|әкім|заместител|орынбасар)", text[name.end:name.end + 70]))


def _office(text: str, contact: Span) -> bool:
    return contact.kind in ("phone", "email") and bool(_OFFICE.search(text[max(0, contact.start - 90):contact.start]) or _OFFICE_AFTER.match(text, contact.end))
