"""What the office or its contractor undertakes by a date.

A phrase of a date is a promise unless something in its sentence makes it another's, a condition, a law's, a rule of every
day, or the past. Which words do so is data (config/knowledge/answers/promises.yaml); how they are weighed is here:

- "by" a date ("до", "к", "дейін", "в течение") is a promise where nothing speaks against it; "in" or "on" a date only
  beside a verb of the future, a plan or an order; "from" a date only beside a beginning.
- Money, a vote and an earlier promise count in the whole sentence, the rest in the clause: commas part clauses where each
  side has a verb of its own.
- The tense is that of the nearest verb; in Kazakh of the verb that ends the clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from monitor.core.lexicon import Lexicon
from monitor.core.text import fold
from ticketing.reply.dates import Phrase, When, phrases
from ticketing.reply.line import Calendar, Line, lines


@dataclass(frozen=True, slots=True)
class Promise:
    """What is undertaken by `due`; `start` and `end` are the phrase of the date in the answer."""

    start: int
    end: int
    due: date


_KAZAKH = re.compile("[әіңғүұқөһӘІҢҒҮҰҚӨҺ]")
_KAZAKH_WORDS = frozenset(fold(
    "дейін және бойынша үшін ішінде мен бен пен болады туралы сіздің өтініш жол көше су жылу жұмыс жұмыстары күні айында қайта барлық кейін бастап қала ауыл осы сәлеметсіз құрметті бригада").split()) - {"мен", "пен", "су", "бригада", "жол", "бен"}
_RUSSIAN_WORDS = frozenset(fold("и в во на с со по до не для что из к у за от при будет будут буду если уже или а но его их это вы мы").split())
_KK_FUTURE = re.compile(r"\w{2,}(?:ады|еди|иды|йды|йди|амыз|емиз|ймыз|ймиз|умыз|ямыз|ямиз|яды|амын|емин|мак|мек|макшы|мекши|макпыз|мекпиз|бак|бек|пак|пек|макпыз)")
_KK_DONE = re.compile(r"\w{2,}(?:[лнрйаеыиутсзкгпшбм](?:ды|ди|ты|ти)|дык|дик|тык|тик|ган|ген|кан|кен|ганбыз|генбиз|дым|дим|ып|ип|уде|уда)")
_NO_CONDITION = ("погод", "вопрос", "замет", "вы", "вас", "ваш", "повтор", "звон", "напиш", "сообщ")
_YOU = re.compile(r"(?!аласыз)\w{3,}(?:асыз|есиз|йсыз|йсиз)")
"""What the one addressed does: жазыласыз, бересіз; "аласыз" is what they get."""
_SAID = re.compile(r"\w{2,}(?:ган|ген|кан|кен)(?:ымыз|имиз|дары|дери)?\w{0,2}(?:дай|дей)")
"""As was said: айтқанымыздай."""
_YOURS = re.compile(r"\w{2,}(?:у|уы|уи)н?(?:ыныз|иниз|ныз|низ)(?:ды|ди|га|ге)?")
"""What the one addressed has to do: беруіңіз керек."""
_NEEDED = frozenset(fold("керек қажет тиіс сұраймыз өтінеміз болады мүмкін қажет").split())
_KK_NOT = re.compile(r"\w{2,}(?:ма|ме|ба|бе|па|пе)(?:йды|йди|ймыз|ймиз|ган|ген|йтин|йтын)")
"""What is not done: енгізілмеген, жөнделмейді; a participle before its noun (орындалмаған жұмыс) is left to the clause's verb."""
_KK_PAST_NOT = re.compile(r"(?!ком)\w*(?:[аеыиоурлй]м[ае]|[жзмн]б[ае]|[кпстшх]п[ае])(?:ды|ди)")
"""What was not done: болмады, жетпеді. After other sounds it is the stem's own: жабады, себеді will be."""
_IF = re.compile(r"\w{3,}(?:са|се)(?:к|к|ныз|низ)?")
_KK_GERUND = re.compile(r"\w{2,}(?:ып|ип|йп|п)")
DONE = re.compile(
    r"(?!ресторан|ветеран|член|замен|смен|цен|стен|охран|стран|экран|план|кран|арен|колон|тарелк|правил|материал|канал|квартал|персонал|сигнал|подвал|дел[ао]|сел[аоь]|школ|стол|дан(?:о|ы|а)$|числ|дол|недел|отдел|начальн|мусор|тротуар|зан[ия]|площад|жител|масл|стекл)"
    r"\w{3,}(?:(?:ен|ан|ят|ыт)(?:а|о|ы)|(?:ил|ал|ел|ял|ул|ыл)(?:а|о|и)?(?:с|ся)?|\w{2,}(?:лен|рен|чен|щен|жен|шен|нен|сен|ден|тен|ван|сан|дан|зан))")
RU_FUTURE = re.compile(
    r"(?:от|за|по|про|вы|у|при|на|до|рас|раз|раш|из|ис|вос|воз|об|под|пере|вз|в)\w{3,}(?:им|ем|ют|ят|ит|ут|ат|ет)|с\w{4,}(?:им|ем|ют|ят)|\w{3,}(?:ется|утся|ится|ятся|емся|имся)")
"""Perfective verbs by their prefix, for those that no list has."""
_NOT_VERB = frozenset(fold("причем затем совсем поэтому потом насчет расчет зачет отчет предмет проект совет просвет объем прием обьем подъем период объект сюжет дует будет подход всем университет приоритет проспект прокурат запрет обет вокзалам отделам поселкам районам поэтапно нельзя выбират запросам прогулкам условиям документам вопросам обращениям").split())
READ = 100_000
"""Characters of an answer that are read for promises; the longest real one seen has 9,000."""
MOST = 12
"""Dates of one sentence that are looked at; more are a list, not promises."""
WATCHED = 8
"""Words that may stand between "на контроле" and its date."""
_INSIDE = {"month": 31, "quarter": 92, "season": 92, "half": 184}
"""Days within which a date is a finer word for the same period."""
LEGAL_DAYS = 15
"""Working days within which an appeal is considered (АППК art. 76): an answer "within 15 working days" is the law's limit."""
LONG = 275
"""Days from which a day without a year rather is the one just gone."""
_REACH = 3
"""Words that may stand between "будет" and its participle."""


class Finder:
    """Finds promises; made once of the words of the knowledge, then only read."""

    def __init__(self, calendar: Calendar, cues: Lexicon) -> None:
        self.calendar, self.cues = calendar, cues

    def promises(self, text: str, when: When) -> list[Promise]:
        """Every promise of an answer, in the order of its text."""
        found: list[Promise] = []
        said: set[tuple[date, bool]] = set()
        read = [one for line in lines(text[:READ], self.calendar) for one in self._of(line, when)]
        finer = any(kind != "year" for _, _, kind, _ in read)
        for promise, kazakh, kind, where in read:
            if kind == "year" and finer:
                continue                # "in the programme of 2027": a date in the same answer says when in it
            if kind in _INSIDE and any(at == where and other == "date" and 0 <= (promise.due - p.due).days < _INSIDE[kind] for p, _, other, at in read):
                continue                # "in the second quarter, not later than 10 June"
            if (promise.due, not kazakh) in said:
                continue                # the other half of a bilingual answer says it again
            said.add((promise.due, kazakh))
            found.append(promise)
        return found

    def _of(self, line: Line, when: When) -> Iterator[tuple[Promise, bool, str, int]]:
        dated = phrases(line, when)
        if not dated:
            return
        groups = self._groups(line)
        before: tuple[int, date] | None = None
        read: _Sentence | None = None
        seen = 0
        for phrase in dated:
            sentence = line.sentence(phrase.first)
            if read is None or read.start != sentence[0]:
                read, seen = _Sentence(line, groups, *sentence), 0
            seen += 1
            if seen > MOST or phrase.due < when.day or before == (sentence[0], phrase.due):
                continue
            if read.promises(phrase, when):
                before = sentence[0], phrase.due
                yield Promise(*line.raw_span(phrase.first, phrase.last), phrase.due), read.kazakh, phrase.kind, line.base + sentence[0]

    def dated(self, line: Line, when: When) -> bool:
        """Whether a line says when: by any date but the terms of the law and of the citizen."""
        groups = self._groups(line)
        for phrase in phrases(line, when)[:MOST]:
            start, end = line.sentence(phrase.first)
            marks = {mark for i in range(start, end) for mark, _ in groups.get(i, ())}
            if phrase.frame == "ref" and phrase.kind in ("year", "current"):
                continue                # the budget of a year
            if phrase.kind != "term" or not marks & {"legal", "citizen"}:
                return True
        return False

    def _groups(self, line: Line) -> dict[int, list[tuple[str, int]]]:
        """Token -> the groups of cues that begin there, with their last token."""
        at = {word: i for i, t in enumerate(line.tokens) for word in range(t.first, t.last + 1)}
        found: dict[int, list[tuple[str, int]]] = {}
        for hit in self.cues.find(line.text):
            if hit.first in at and hit.last in at:
                found.setdefault(at[hit.first], []).extend((str(mark), at[hit.last]) for mark in hit.marks)
        return found


class _Sentence:
    """A sentence with its cues and verbs."""

    def __init__(self, line: Line, groups: dict[int, list[tuple[str, int]]], start: int, end: int) -> None:
        self.line, self.groups, self.start, self.end = line, groups, start, end
        self.words = [t.text for t in line.tokens[start:end]]
        raw = line.text.clean[slice(*_extent(line, start, end))]
        kazakh = sum(1 for w in raw.split() if w[0].islower() and _KAZAKH.search(w)) + sum(w in _KAZAKH_WORDS for w in self.words)
        self.kazakh = kazakh > sum(w in _RUSSIAN_WORDS for w in self.words)
        self.verbs: dict[int, str] = {}     # token -> future, plan or done
        self.heads: set[int] = set()        # tokens that make a clause: verbs, and what a citizen may or a schedule does
        self._read()

    def _read(self) -> None:
        last_future = -9
        taken = -1
        for i in range(self.start, self.end):
            word = self.words[i - self.start]
            marks = dict(self.groups.get(i, ()))
            tense: str | None = next((m for m in ("future", "plan", "done") if m in marks), None)
            if tense is None and i > taken and not marks:
                tense = self._kazakh(word, i) if self.kazakh else _russian(word)
            if marks:
                taken = max(taken, *marks.values())
            if tense == "future":
                last_future = i
            if tense == "done" and i - last_future <= _REACH and not self.kazakh:
                tense = "future"            # будут выполнены
            if tense is not None:
                self.verbs[i] = tense
            if tense is not None or "citizen" in marks or "schedule" in marks:
                self.heads.add(i)

    def _kazakh(self, word: str, at: int) -> str | None:
        if len(word) < 5 or ":" in word:
            return None
        if _KK_PAST_NOT.fullmatch(word):
            return "done"
        if _SAID.fullmatch(word):
            return "done"
        if _KK_FUTURE.fullmatch(word):
            return "future"
        ends = at + 1 >= self.end or self.words[at + 1 - self.start] in {",", ")", "-", "жане", "деп", "бирак", "ал", ":"}
        return "done" if ends and _KK_DONE.fullmatch(word) and not _KK_GERUND.fullmatch(word) else None

    def _clause(self, first: int, last: int) -> tuple[int, int]:
        """The clause that a phrase stands in: commas part it where both sides have a verb."""
        words, base = self.words, self.start
        start, end = first, last + 1
        while start > base:
            if words[start - 1 - base] in {",", "(", ":"} and self._verb(base, start - 1) and self._verb(start, self._next(last)):
                break
            start -= 1
        while end < self.end:
            if words[end - base] in {",", ")", ":"} and self._verb(start, end) and self._verb(end + 1, self.end):
                break
            end += 1
        return start, end

    def _next(self, last: int) -> int:
        """The first comma behind, past which another verb stands; or the end."""
        for i in range(last + 1, self.end):
            if self.words[i - self.start] == "," and self._verb(last + 1, i):
                return i
        return self.end

    def _verb(self, start: int, end: int) -> bool:
        return any(start <= i < end for i in self.heads)

    def _has(self, name: str, start: int, end: int) -> bool:
        groups = self.groups
        return any(mark == name for i in range(start, end) if i in groups for mark, _ in groups[i])

    def promises(self, phrase: Phrase, when: When) -> bool:
        """Whether a phrase of a date in this sentence is a promise."""
        if phrase.frame == "ref":
            return False
        if self._has("money", self.start, self.end) or self._has("quoted", self.start, self.end) or self._depends() or self._if():
            return False
        start, end = self._clause(phrase.first, phrase.last)
        if self._has("citizen", start, end) or self._can(start, end) or self._not(start, end) or self._scheduled(phrase, start, end) or self._has("negated", start, end):
            return False
        if self._has("other", self._turned(start), end) and not self._has("contractor", start, end):
            return False
        if phrase.kind == "term" and (self._has("legal", self.start, self.end) or (
                phrase.due == when.working(LEGAL_DAYS) and self._has("appeal", self.start, self.end))):
            return False
        if self._quotation(phrase) or self._watched(phrase):
            return False
        return self._tense(phrase, start, end, when)

    def _depends(self) -> bool:
        """Whether the next sentence says that it all hangs on money: "Срок зависит от выделения средств"."""
        tokens = self.line.tokens
        at = self.end + 1
        if at >= len(tokens):
            return False
        start, end = self.line.sentence(at)
        lead = {t.text for t in tokens[start:min(end, start + 4)]}
        return self._has("money", start, end) and not lead.isdisjoint(_OF_TERMS)

    def _bare(self, phrase: Phrase) -> bool:
        """Whether a part without a verb names the date behind a dash: договор подписан, поставка — до 20 декабря."""
        start, end = self._segment(phrase)
        at = phrase.first - self.start
        return at > 0 and start > self.start and self.words[at - 1] in ("-", ":") and not any(start <= i < end for i in self.verbs)

    def _turned(self, start: int) -> int:
        """Where the part of the sentence begins that a clause belongs to: behind ", но" another one may act."""
        words, base = self.words, self.start
        return max((i + 1 for i in range(base + 1, start + 1) if i - base < len(words) and words[i - base] in _BUT and words[i - base - 1] == ","), default=base)

    def _quotation(self, phrase: Phrase) -> bool:
        """Whether the phrase stands inside quotation marks."""
        words = self.words
        before = words[:phrase.first - self.start]
        opened = before.count("«") - before.count("»")
        return opened > 0 and "»" in words[phrase.last + 1 - self.start:]

    def _scheduled(self, phrase: Phrase, start: int, end: int) -> bool:
        """Whether the phrase is part of a schedule: one between its commas, or in a clause that has no verb of its own."""
        return self._has("schedule", *self._segment(phrase)) or (
            self._has("schedule", start, end) and not any(start <= i < end for i in self.verbs))

    def _segment(self, phrase: Phrase) -> tuple[int, int]:
        """What stands between the commas around a phrase."""
        start, end = phrase.first, phrase.last + 1
        while start > self.start and self.words[start - 1 - self.start] != ",":
            start -= 1
        while end < self.end and self.words[end - self.start] != ",":
            end += 1
        return start, end

    def _if(self) -> bool:
        """Whether the sentence has a condition: если победит; төмендесе, … The weather and the citizen's questions are none."""
        if "если" in self.words:
            return not any(w.startswith(_NO_CONDITION) for w in self.words)
        return self.kazakh and any(comma == "," and _IF.fullmatch(w) for w, comma in pairwise(self.words)) \
            and not {"райы", "аба", "жауын", "аяз"} & set(self.words)

    def _can(self, start: int, end: int) -> bool:
        """Whether the clause says what the one addressed can do: бере аласыз (аласыз alone is "you will get")."""
        words = self.words[start - self.start:end - self.start]
        if any(_YOU.fullmatch(w) for w, then in zip(words, [*words[1:], ","], strict=True) if then in {",", ")", ":", "-"}):
            return True
        if any(_YOURS.fullmatch(w) and not _NEEDED.isdisjoint(words[i + 1:i + 3]) for i, w in enumerate(words)):
            return True
        if any(w.startswith(("кужат", "отиним")) for w in words) and any(w.startswith(("кабылдан", "тапсыр")) for w in words):
            return True
        return any(w.startswith(("аласыз", "аласын", "алатын")) and before[-1:] in "аейп" and ":" not in before for before, w in pairwise(words))

    def _not(self, start: int, end: int) -> bool:
        """Whether the clause says what is not done: не отремонтируем; енгізілмеген at its end."""
        words = self.words[start - self.start:end - self.start]
        if not self.kazakh:
            return any(before == "не" and self.verbs.get(start + i) == "future" for i, before in enumerate(words, 1))
        return any(_KK_NOT.fullmatch(w) and (then in {",", ")", ":", "-"}) for w, then in zip(words, [*words[1:], ","], strict=True))

    def _watched(self, phrase: Phrase) -> bool:
        """Whether a matter only stays under control until then: "остаётся на контроле района до 4 июня"."""
        for i in range(phrase.first - 1, max(self.start, phrase.first - WATCHED) - 1, -1):
            word = self.words[i - self.start]
            if word in {",", "-", ":", "срок"} or self.verbs.get(i) in ("future", "done"):
                return False
            if word.startswith(("контрол", "бакылау")) and not word.startswith("бакылауш"):
                return True
        return False

    def _tense(self, phrase: Phrase, start: int, end: int, when: When) -> bool:
        verbs = {i: t for i, t in self.verbs.items() if start <= i < end and not phrase.first <= i <= phrase.last}
        if phrase.frame == "from" and phrase.due <= when.day:
            return False                # from today on
        if phrase.frame == "from":
            return "future" in verbs.values() and (phrase.full or (phrase.due - when.day).days <= LONG)
        tense = None
        if self.kazakh:
            behind = sorted(i for i in verbs if i > phrase.last)
            tense = verbs[behind[0]] if behind else (verbs[max(verbs)] if verbs else None)
            if behind and tense == "plan" and len(behind) > 1 and verbs[behind[1]] == "done" and behind[1] - behind[0] == 1:
                tense = "done"
        elif verbs:
            nearest = min(verbs, key=lambda i: (max(phrase.first - i, i - phrase.last), verbs[i] == "done"))
            tense = verbs[nearest]
            if tense == "done" and "plan" in verbs.values() and phrase.frame == "by":
                tense = "plan"
        if tense is None and phrase.frame == "in" and phrase.kind in ("date", "month", "season", "quarter"):
            return self.words[phrase.first - self.start - 1:phrase.first - self.start] in (["-"], [":"])     # пуск котельной — 25 сентября
        if tense is None and phrase.kind == "near":
            return phrase.due > when.day
        if phrase.frame == "in" and phrase.kind == "date" and not phrase.full and (phrase.due - when.day).days > LONG:
            return False                # 1 марта, said on the 3rd, is a day gone
        if phrase.frame == "by":
            if tense != "done" or self._bare(phrase):
                return True
            return phrase.full and phrase.kind in ("date", "month", "season", "quarter") and phrase.due > when.day
        return tense in ("future", "plan")


_BUT = frozenset(fold("но однако зато бірақ алайда дегенмен").split())
_OF_TERMS = frozenset(fold("срок сроки мерзім мерзімі мерзімдер реализация работы жұмыстар бұл это при орындау орындалуы іске начало выполнение").split())


def _extent(line: Line, start: int, end: int) -> tuple[int, int]:
    """The characters of the clean text that tokens stand in."""
    words = [t for t in line.tokens[start:end] if t.last >= t.first]
    if not words:
        return 0, 0
    spans = line.text.spans
    return spans[words[0].first][0], spans[words[-1].last][1]


def _russian(word: str) -> str | None:
    if len(word) < 5 or ":" in word or word in _NOT_VERB:
        return None
    if DONE.fullmatch(word):
        return "done"
    return "future" if len(word) > 6 and RU_FUTURE.fullmatch(word) else None
