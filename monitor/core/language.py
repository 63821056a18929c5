"""Which language a post is in, by a vote of its words; mixed where the words change sides in whole stretches.

Each word is weighed by lists of short words, by letters only Kazakh has, and by the log-odds of its trigrams or, where those
misjudge it, of the word itself: Kazakh against Russian (Latin: against six languages and Russian typed in Latin). Languages
akin to Kazakh are told by letters, long vowels and words of theirs. langdetect, given Kazakh profiles of our own, is asked
where the words do not decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from langdetect.detector_factory import DetectorFactory
from langdetect.lang_detect_exception import LangDetectException

from monitor.core.text import Text, cyrillic
from monitor.core.verdict import Language

_WORD = re.compile(r"[^\W\d_]+")
_SKIPPED = re.compile(r"https?://\S{1,500}|@[\w.]{1,64}|#\w{1,64}")
_KAZAKH = re.compile("[әіңғүұқөһ]")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_TYPED_FOR = str.maketrans("iəhaceopxy", "иәхасеорху")
"""Latin letters that stand for Cyrillic ones in a word that has both; i for і is typed in Kazakh and in Ukrainian alike."""
_INFLECTED = re.compile("(?:ее|ые|ие|[ое]го|[ое]му|[ыи]ми|[ыи]х|ую|юю|[аеиоуыя]ть|ться|тся|[аяиеы]л[аио]?|[аеиуюя]т"
                        "|ишь|ешь|ите|йте|ов|ев|ами|ями|ах|ях|ом|ем|ости|ени[еяю])$")
"""Endings that Russian words take in a sentence and loans in Kazakh do not, but for a few. Those of an adjective before its
noun are left out: Kazakh borrows тональный крем and детский мир whole."""
_KAZAKH_LATIN = re.compile("q(?!u)|[ǵńýūñ]|[gk]h|(?<![aeiou])y(?![aeiou])")
_ONLY_KAZAKH = re.compile("[әғқұі]")
_PLAIN = str.maketrans("әіңғүұқөһё", "аингуукохе")
_ODD = re.compile(r"[a-zə]|([^\W\d_])\1\1")
_MARKED = re.compile("[ңүөһщъё]")
_LATE = re.compile("[аәеиоөуүыіэ][^аәеиоөуүыіэ]+ә")
"""Tatar, Bashkir and Uyghur have ә in any syllable, Kazakh, but for a few words, in the first only."""
_LONG = re.compile("аа|оо|өө|уу|үү|ээ|[еөүи][бвгджзйклмнңпрстфхцчш]+[өү]")
_ALSO_TATAR = re.compile("[әғқұ]")
_CYRILLIC = re.compile("[а-яёӏ-ӿіўґєї]")
_BEYOND = re.compile("[^\\x00-ӿ]")
_SENTENCE = re.compile(r"[.!?…\n;]")
AS_CYRILLIC = 0.5
"""What the Kazakh look of a Latin word, spelt in Cyrillic, weighs beside its own trigrams."""
READ = 3_000
"""Characters whose language is looked at."""
CAP = 4.0
"""The most that one word may weigh."""
CHANGE, CHANGE_AT_STOP = 5.0, 2.0
"""What it costs to change sides between two words, and at the end of a sentence."""
STRETCH = 4.5
"""What the words of each side must weigh in all for a text to be mixed."""
UNLISTED = 7.5
"""The same for stretches without a single listed word or letter of their language."""
NAME = 0.3
SHORT = 18
"""Words up to which two words make a stretch; else three."""
SHARE = 0.1
"""The share of the words that each side must have in a long text: a name or a quotation does not make it mixed."""
DOUBT, DOUBT_UNLISTED = 0.8, 1.4
"""What a text without Kazakh letters must weigh to be Kazakh, and without a listed word: a lone loan or nickname is rather Russian."""
UNSURE = 0.35
"""Weight per word below which langdetect is asked."""
AKIN = {"kyrgyz": (1, 1), "uzbek": (1, 1), "tatar": (1, 3), "uyghur": (1, 3), "ukrainian": (2, 8)}
"""Languages in Cyrillic that must not be called by ours: how many listed words it takes at least, and how many eighths of the
words at most may have ә, ғ, қ, ұ or і."""
AKIN_LATIN = ("uzbek", "turkish", "karakalpak")
_OWN = {"kk": "kk", "kk-plain": "kk", "kk-latin": "kk_latin", "ru": "ru", "en": "en"}


class LanguageModel:
    """Tables of log-odds and lists of words; `profiles` are langdetect's, as JSON, ours among them."""

    def __init__(self, cyrillic: Mapping[str, float], latin: Mapping[str, float], words: Mapping[str, frozenset[str]],
                 profiles: Sequence[str]) -> None:
        self._cyrillic, self._latin, self._words = dict(cyrillic), dict(latin), dict(words)
        ours = self._words["kk"] | self._words["ru"] | self._words["latin"]
        for name in (*AKIN, *AKIN_LATIN):
            self._words[name] -= ours
        self._words["akin"] = frozenset().union(*[self._words[name] for name in AKIN])
        self._odd, self._strange = (re.compile(f"[{''.join(sorted(words[name]))}]") for name in ("letters", "strange"))
        self._detectors = DetectorFactory()
        self._detectors.seed = 0    # langdetect draws at random; the same text must get the same answer
        self._detectors.load_json_profile(list(profiles))
        self.weigh = lru_cache(maxsize=60_000)(self._weigh)
        self.weigh_latin = lru_cache(maxsize=20_000)(self._weigh_latin)

    def of(self, text: Text) -> Language:
        """The language of a text."""
        typed, clean, words = self._read(text)
        if not words:
            return "other"
        latin = [w for w in words if w[0] < "Ѐ" and not _CYRILLIC.search(w)]
        if 3 * len(latin) > 2 * len(words):
            return self._of_latin(latin, clean)
        if latin or _BEYOND.search(clean):
            words = [w for w in words if _CYRILLIC.search(w)]
            if not words:
                return "other"
        weigh = self.weigh
        weights = list(map(weigh, words))
        if self._foreign(words, clean):
            return "other"
        total = sum(weights)
        if max(weights) > 1 and min(weights) < -1 and sum([w > 1 for w in weights]) > 1 and sum([w < -1 for w in weights]) > 1 and (
                self._changes(self._said(typed))):
            return "mixed"
        if total < UNSURE * len(words) and _ONLY_KAZAKH.search(clean):
            own = sum([1 for w in words if _ONLY_KAZAKH.search(w)])
            if own * 4 >= len(words):       # names and loans weigh against it, Kazakh words carry it
                said = self._said(typed)
                if sum(w for _, w, _ in said) > 0 or not any(w < -1.5 and self._surely_russian(word) for word, w, _ in said):
                    return "kk"
        if abs(total) < UNSURE * len(words) and len(words) >= 4:
            asked = self._ask(clean)
            if asked in ("ru", "other"):
                return asked
            if asked == "kk":
                total = 1.0
        if total >= 0 and _KAZAKH.search(clean):
            return "kk"
        return "kk_plain" if total > (DOUBT if not self._words["kk"].isdisjoint(words) else DOUBT_UNLISTED) else "ru"

    def _read(self, text: Text) -> tuple[str, str, list[str]]:
        """The text as typed, in lower case without links and handles, and its words: letters only."""
        typed = clean = text.clean
        if len(clean) > READ:
            typed = clean = clean[:READ]
        clean = clean.lower()
        if "@" in clean or "#" in clean or "://" in clean:
            without = _SKIPPED.sub(" ", clean)
            clean = without if _WORD.search(without) else clean
        elif clean == text.lower and not text.spread:       # its words are found already, but for the digits in them
            return typed, clean, [part for word in text.words for part in ((word,) if word.isalpha() else _WORD.findall(word))]
        return typed, clean, _WORD.findall(clean)

    def _weigh(self, word: str) -> float:
        """Log-odds of a Cyrillic word, Kazakh above zero."""
        words = self._words
        kk, ru = word in words["kk"], word in words["ru"]
        if kk != ru:
            return (CAP if _KAZAKH.search(word) else 2.5) if kk else -2.5
        if kk:
            return 0.0
        if len(word) >= 4 and len(set(word)) <= 2:
            return 0.0      # ахаха, лалала, рррр
        if _ODD.search(word):
            if _REPEATED.search(word):
                return self.weigh(_REPEATED.sub(r"\1", word))
            word = word.translate(_TYPED_FOR)
        if _ONLY_KAZAKH.search(word):
            return CAP
        weight = 0.0
        if _MARKED.search(word):
            weight = CAP if _KAZAKH.search(word) else -2.0
            word = word.translate(_PLAIN)
        get, framed = self._cyrillic.get, f" {word} "
        whole = get(framed)
        weight += sum([get(framed[i:i + 3], 0.0) for i in range(len(word))]) if whole is None else whole
        return max(-CAP, min(CAP, weight))

    def _weigh_latin(self, word: str) -> float:
        """Log-odds of a Latin word, Kazakh above zero."""
        words = self._words
        kk, en = word in words["latin"], word in words["en"]
        if kk != en:
            return 2.5 if kk else -2.5
        table = self._latin
        framed = f" {word} "
        weight = max(-CAP, min(CAP, sum([table.get(framed[i:i + 3], 0.0) for i in range(len(framed) - 2)])))
        if _KAZAKH_LATIN.search(word):
            weight += 2.0
        return weight + AS_CYRILLIC * self.weigh(cyrillic(word))

    def _surely_kazakh(self, word: str) -> bool:
        return bool(_ONLY_KAZAKH.search(word)) or (word in self._words["kk"] and word not in self._words["ru"])

    def _surely_russian(self, word: str) -> bool:
        """Whether a word that weighs as Russian is one of a Russian sentence, and not a loan that Kazakh uses too."""
        words = self._words
        return (word in words["ru"] and word not in words["kk"]) or bool(_INFLECTED.search(word))

    def _said(self, typed: str) -> list[tuple[str, float, float]]:
        """The Cyrillic words, what each weighs and what it costs to change sides before it.

        A capital inside a sentence is a name, which says little of the language around it.
        """
        said: list[tuple[str, float, float]] = []
        at = 0
        for m in _WORD.finditer(typed):
            word = m[0].lower()
            if not _CYRILLIC.search(word):
                continue
            stop = at == 0 or bool(_SENTENCE.search(typed[at:m.start()]))
            named = not stop and m[0].istitle()
            said.append((word, self.weigh(word) * (NAME if named else 1.0), CHANGE_AT_STOP if stop else CHANGE))
            at = m.end()
        return said

    def _changes(self, said: Sequence[tuple[str, float, float]]) -> bool:
        """Whether the words change sides in whole stretches: the cheapest way to give each word a side (Viterbi)."""
        kk, ru = 0.0, 0.0
        back: list[tuple[bool, bool]] = []      # for each word: did its Kazakh and its Russian way stay on their side
        for _, weight, cost in said:
            stay_kk, stay_ru = kk >= ru - cost, ru >= kk - cost
            back.append((stay_kk, stay_ru))
            kk, ru = (kk if stay_kk else ru - cost) + weight, (ru if stay_ru else kk - cost) - weight
        side = kk >= ru
        sums, counts, sure = [0.0, 0.0], [0, 0], [0, 0]
        for (word, weight, _), (stay_kk, stay_ru) in zip(reversed(said), reversed(back), strict=True):
            sums[side] += weight if side else -weight
            if abs(weight) > 1 and (weight > 0) == side:
                counts[side] += 1
                sure[side] += self._surely_kazakh(word) if side else self._surely_russian(word)
            if not (stay_kk if side else stay_ru):
                side = not side
        least = max(2 if len(said) < SHORT else 3, SHARE * len(said))
        return min(sums) >= STRETCH and min(counts) >= least and (min(sure) >= 1 or min(sums) >= UNLISTED)

    def _foreign(self, words: Sequence[str], clean: str) -> bool:
        """Whether a Cyrillic text is in a language akin to Kazakh or Russian that is neither."""
        lists = self._words
        odd = len(self._odd.findall(clean))
        met = lists["akin"].intersection(words)
        if not odd and not met:
            return False
        strange = len(self._strange.findall(clean))
        if strange and ("і" not in clean or strange >= sum([1 for w in words if _ALSO_TATAR.search(w)])):
            return True     # no Kazakh text of some length is without і
        own = sum([1 for w in words if _ONLY_KAZAKH.search(w)])
        kazakh = sum([w in lists["kk"] for w in words])
        for name, (least, most) in AKIN.items() if met else ():
            said = sum([w in lists[name] for w in words])
            if said >= max(least, kazakh + 1) and said * (6 if said > 1 else 5) >= len(words) and (
                    own * 8 <= len(words) * most if said > 1 else own == 0):
                return True
        late = sum([1 for w in words if _LATE.search(w)]) if "ә" in clean else 0
        if late > 1 and late * 6 >= len(words) and late * 2 > kazakh:
            return True
        # Kyrgyz has ң, ө, ү, in any syllable, and long vowels, and none of ә, ғ, қ, ұ, і.
        return own == 0 and odd >= 2 and len(words) >= 4 and (
            not lists["kyrgyz"].isdisjoint(met) or sum([1 for w in words if _LONG.search(w)]) * 8 >= len(words))

    def _of_latin(self, words: Sequence[str], clean: str) -> Language:
        lists = self._words
        n = len(words)
        total = sum([self.weigh_latin(w) for w in words])
        english = sum(w in lists["en"] for w in words)
        kazakh = sum(w in lists["latin"] for w in words)
        for name in AKIN_LATIN:
            said = sum(w in lists[name] for w in words)
            if said >= 2 and said > kazakh and said > english and said * 8 >= n:
                return "other"
        if "oʻ" in clean or "o'" in clean or "g'" in clean or "gʻ" in clean or "oʼ" in clean:
            return "other"
        if english > kazakh and english * (6 if total <= 0 else 3) >= n:
            return "en"
        if total > 0 and kazakh >= english:
            return "kk_latin"
        asked = self._ask(clean)
        if asked == "kk_latin" and not kazakh and sum([self.weigh(cyrillic(w)) for w in words]) <= 0:
            return "other"
        return asked

    def _ask(self, clean: str) -> Language:
        """langdetect's answer, within our codes."""
        detector = self._detectors.create()
        detector.append(clean[:600])
        try:
            return _OWN.get(detector.detect(), "other")  # type: ignore[return-value]
        except LangDetectException:
            return "other"
