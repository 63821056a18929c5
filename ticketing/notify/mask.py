"""Post text as it may be shown in a messenger: personal data masked, hostile characters gone, nothing clickable. Pure.

Two nets: the spans that detection found, then patterns of our own. Masking too much costs a look at the page; masking
too little sends personal data abroad (Law 94-V), so the patterns lean to too much.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

from config.languages import N_
from monitor.core.verdict import PersonalData, Span

Privacy = Literal["none", "masked", "full"]
"""How much of a post an office sends to a messenger: nothing, with personal data masked, all of it."""

LABELS: Mapping[str, str] = {
    "phone": N_("[phone]"), "iin": N_("[IIN]"), "name": N_("[name]"), "address": N_("[address]"), "card": N_("[card]"),
    "email": N_("[e-mail]"),
}

# While text is cleaned and cut, a masked part is one private-use character; the author's own are taken out first.
_MARK = {kind: chr(0xE000 + i) for i, kind in enumerate(get_args(PersonalData))}
_KIND = {mark: kind for kind, mark in _MARK.items()}
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_MARKS = re.compile(f"[{''.join(_KIND)}]")

_APART = r"[\s().–—/_-]{0,3}"
"""What people put between the groups of a phone."""
_CAP = r"[A-ZА-ЯЁӘІҢҒҮҰҚӨҺ][\w'’-]{1,30}"
_NETS: tuple[tuple[PersonalData, re.Pattern[str]], ...] = (
    ("email", re.compile(r"[^\s@<>(),;:]{1,64}(?:\s?@\s?|\s?[(\[](?:at|собака|соб)[)\]]\s?)[^\s@<>(),;:]{1,120}\.\w{2,20}", re.I)),
    ("card", re.compile(r"(?<!\d)\d(?:[ -]?\d){15,18}(?!\d)")),
    ("phone", re.compile(rf"(?<!\d)(?:\+\s?7|7|8){_APART}\d{{3}}{_APART}\d{{3}}{_APART}\d{{2}}{_APART}\d{{2}}(?!\d)")),
    ("iin", re.compile(r"(?<!\d)\d{6}[ -]?\d{6}(?!\d)")),
    ("phone", re.compile(r"(?<!\d)\+?\d(?:[\s().-]{0,2}\d){9,14}(?!\d)")),
    ("phone", re.compile(r"(?:тел|телефон\w*|ұялы|сот\w*|whats\s?app|ватсап)[\s.:№—-]{0,4}(\d[\d -]{4,14}\d)", re.I)),
    # Three names, the last a patronymic; in an address ("Құрметті …") it is the official, who is no private person.
    ("name", re.compile(rf"\b(?<!Құрметті )(?<!Уважаемый )(?<!Уважаемая )(?!Құрметті|Уважаем){_CAP}\s+{_CAP}\s+"
                        r"[А-ЯЁӘІҢҒҮҰҚӨҺ][\w-]{1,30}(?:вич|вна|ұлы|қызы|улы|кызы|ична)\b")),
    ("name", re.compile(rf"(?:(?i:с уважением|құрметпен))[\s,:—-]{{1,4}}({_CAP}(?:\s+{_CAP}){{0,2}})")),
    ("name", re.compile(rf"(?:(?i:меня зовут|мо[её] имя|менің атым|менің есімім|аты-жөнім|фио|тегім))[\s,:—-]{{1,4}}"
                        rf"(\w{{2,30}}(?:\s+(?:{_CAP}|[А-ЯЁӘІҢҒҮҰҚӨҺ]\.|\w{{2,30}}(?:ов|ев|ин|ова|ева|ина|ұлы|қызы|улы|кызы)\b)){{0,2}})")),
    ("name", re.compile(rf"\b{_CAP}\s+[А-ЯЁӘІҢҒҮҰҚӨҺ]\.\s?[А-ЯЁӘІҢҒҮҰҚӨҺ]\.")),
    ("address", re.compile(r"(?:тұрамын|тұратын мекен\w*|мекенжай\w*|үйім(?:із)?\b|живу|прожива\w+|прописан\w*|мой адрес|адресім)"
                           r"(?:[^\n.!?]|\b(?:ул|көш|мкр|ш|пр|пер|д|кв|г|қ|с|а|п)\.){0,80}?\d{1,4}[^\s,]{0,3}"
                           r"(?:[,\s]{1,3}(?:пәтер\w*|п|кв|квартира|үй|дом|д)\.?\s?№?\s?\d{1,4}\w?)*", re.I)),
    ("address", re.compile(r"(?:\b(?:үй|дом|д)\.?\s?\d{1,4}\w?[,\s]{1,3})?"
                           r"\b(?:кв(?:артира)?|пәтер)\.?\s?№?\s?\d{1,4}\b", re.I)),
    ("address", re.compile(r"\b\d{1,4}\s?-?\s?(?:ші|шы)?\s?пәтер\w{0,4}\b", re.I)),
)

# Digits dressed up: 8\ufe0f\u20e37\ufe0f\u20e3 are digits in boxes.
_DRESSED = re.compile("(?<=\\d)[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff\ufe00-\ufe0f]+")

_SPACE = re.compile(r"[^\S\n]+")
_BLANK = re.compile(r"\s*\n\s*")
_STACK = re.compile(r"([\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{2})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+")

# What Telegram would make clickable: addresses, @names, #tags, $tags, /commands. Inside <code> it makes nothing of them.
# https://core.telegram.org/bots/api#formatting-options
LINKS = 12
"""So many get a <code> of their own, then all the rest gets one: beyond 100 entities Telegram drops those of a message
(https://limits.tginfo.me/en), and the author's would be live again."""
_LINKED = re.compile(r"(?:\w{2,10}://\S+|(?<!\w)[@#$/]\w\S*|(?<!\w)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}(?:[:/]\S*)?)")


def clean(text: str) -> str:
    """`text` without control, direction and invisible characters and towers of accents; spaces and line ends single."""
    text = text.replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn"))
    text = _STACK.sub(r"\1", text)
    return _BLANK.sub("\n", _SPACE.sub(" ", text)).strip()


def masked(text: str, spans: Iterable[Span], privacy: Privacy) -> str:
    """`text` cleaned, each piece of personal data one mark of `shown`; with `full` only cleaned."""
    text = _PRIVATE.sub("\ufffd", text)
    if privacy == "full":
        return clean(text)
    pieces, end = [], 0
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if 0 <= span.start < span.end and span.end > end:
            pieces.append(text[end:max(end, span.start)] + _MARK[span.kind])
            end = span.end
    text = _DRESSED.sub("", clean("".join(pieces) + text[end:]))
    for kind, net in _NETS:
        text = net.sub(lambda m, mark=_MARK[kind]: _within(m, mark), text)  # type: ignore[misc]
    return text


def _within(found: re.Match[str], mark: str) -> str:
    """Mask the group where the pattern has one (what stands before it is only the cue), else all of it."""
    if not found.re.groups:
        return mark
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found[0][:start] + mark + found[0][end:]


def shortened(text: str, length: int, lines: int) -> str:
    """At most `length` characters and `lines` lines, cut between words, with … where something is left out."""
    kept = "\n".join(text.split("\n")[:lines])
    if len(kept) > length:
        kept = kept[:length]
        kept = kept[:kept.rfind(" ")] if " " in kept[length // 2:] else kept
    return kept if len(kept) == len(text) else kept.rstrip(" .,…") + "…"


def shown(text: str, translate: Callable[[str], str]) -> str:
    """`text` (masked or not) as HTML for Telegram: escaped, nothing clickable, marks as words."""
    parts, end = [], 0
    for n, found in enumerate(_LINKED.finditer(text)):
        if n == LINKS:
            parts.append(html.escape(text[end:found.start()], quote=False))
            parts.append(f"<code>{html.escape(text[found.start():], quote=False)}</code>")
            end = len(text)
            break
        parts.append(html.escape(text[end:found.start()], quote=False))
        parts.append(f"<code>{html.escape(shortened(found[0], 60, 1), quote=False)}</code>")
        end = found.end()
    parts.append(html.escape(text[end:], quote=False))
    return _MARKS.sub(lambda m: html.escape(translate(LABELS[_KIND[m[0]]]), quote=False), "".join(parts))


def plain(text: str, translate: Callable[[str], str]) -> str:
    """Masked `text` with its marks as words, for a page that escapes it itself."""
    return _MARKS.sub(lambda m: translate(LABELS[_KIND[m[0]]]), text)
