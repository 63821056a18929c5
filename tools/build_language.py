#!/usr/bin/env python3
"""Build config/knowledge/language: the tables of trigrams and words, and langdetect's Kazakh profiles.

usage: build_language.py KAZNERD.jsonl POSTS.jsonl... [--every N] [--out DIR]   (every N-th line of KAZNERD is left out, to measure on)

Kazakh words come from KazNERD (IS2AI, CC BY 4.0) and from our own labelled POSTS, Russian and English ones from those posts,
and the trigrams of other languages from the profiles that the package langdetect ships (Apache 2.0; counts of Wikipedia).
Only weights are written, no text.

A logistic regression over the trigrams of each word's form, plain letters, tells Kazakh words from the others; a word that
both languages have (a loan, a name) is in both heaps, so its trigrams say little. Words of which the trigrams would say
something else than their counts do get a line of their own: a whole word is looked up before its trigrams.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import langdetect
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

OUT = Path(__file__).parent.parent / "config" / "knowledge" / "language"
PROFILES = Path(langdetect.__file__).parent / "profiles"
PLAIN = str.maketrans("әіңғүұқөһё", "аингуукохе")
CYRILLIC = "абвгғдеёжзийіклмнңоөпрстуұүфхһцчшщыьъэюяәқ"
LATIN = tuple(dict(zip(CYRILLIC, letters.split(" "), strict=True)) for letters in (  # the alphabets of 2021 and 2018, and what people type
    "a b v g ğ d e io j z i i i k l m n ñ o ö p r s t u ū ü f h h ts ch ş şş y   e iu ia ä q",
    "a b v g ǵ d e io j z ı ı i k l m n ń o ó p r s t ý u ú f h h ts ch sh sh y   e iý ia á q",
    "a b v g g d e e zh z i i i k l m n n o o p r s t u u u f h h c ch sh sh y   e yu ya a k",
    "a b v g g d e e j z i i i k l m n n o o p r s t u u u f h h c ch sh sh y   e yu ya a q",
    "a b v g gh d e yo zh z y y i k l m n ng o o p r s t u u u f kh h ts ch sh shch y   e yu ya a k",
    "a b v g g d e e j z i i i k l m n n o o p r s t w u u f h h c sh w w y   e yu ya a k"))
RUSSIAN = dict(zip("абвгдеёжзийклмнопрстуфхцчшщыьъэюя", (
    "a b v g d e e zh z i i k l m n o p r s t u f h c ch sh sch y   e yu ya").split(" "), strict=True))
ELSEWHERE = ("en", "tr", "de", "fr", "es", "it")
RAREST = 4e-7
"""The share of a language's words that a word is taken to have at least."""
KEPT = 14_000
"""Trigrams of a table, the heaviest first."""
WORDS = 5_000
"""Words of their own, those that the trigrams misjudge most, weighed by how often they are met."""
CAP = 4.0
PROFILE_KEPT = 2500
WORD = re.compile(r"[^\W\d_]+")


def framed(word: str) -> str:
    """The word between blanks, as the table reads it."""
    return f" {word} "


def trigrams(word: str) -> Iterator[str]:
    """Trigrams of a word between blanks."""
    line = framed(word)
    return (line[i:i + 3] for i in range(len(line) - 2))


def profiled(codes: Iterable[str], script: re.Pattern[str]) -> Counter[str]:
    """The share of each trigram in langdetect's profiles, in lower case and plain letters; the most where several have it."""
    out: Counter[str] = Counter()
    for code in codes:
        counts = json.loads((PROFILES / code).read_text(encoding="utf-8"))["freq"]
        total = sum(n for gram, n in counts.items() if len(gram) == 3)
        for gram, n in counts.items():
            if len(gram) == 3 and gram[1] != " " and script.fullmatch(gram.strip().lower()):
                low = gram.lower().translate(PLAIN)
                out[low] = max(out[low], n / total)
    return out


def shares(words: Iterable[str], script: re.Pattern[str]) -> Counter[str]:
    """How often each word is met, in plain letters."""
    counts = Counter(word.translate(PLAIN) for word in words if script.fullmatch(word))
    total = sum(counts.values())
    return Counter({word: n / total for word, n in counts.items()})  # type: ignore[arg-type]


def table(ours: Mapping[str, float], others: Mapping[str, float], grams: Mapping[str, float], words: int, path: Path) -> None:
    """The log-odds for ours, in hundredths, of each trigram, and of `words` whole words. `grams`: trigrams of the others of
    which no words are known; each stands as often as a word of that share."""
    pairs = [(w, share, True) for w, share in ours.items()] + [(w, share, False) for w, share in others.items()]
    pairs += [(gram, share, False) for gram, share in grams.items()]
    vectors = CountVectorizer(analyzer=lambda pair: trigrams(pair[0]) if len(pair[0]) != 3 or pair[0] not in grams or pair[2] else [pair[0]], min_df=2)
    counts: csr_matrix = vectors.fit_transform(pairs)
    weights = [1 + math.log(share / RAREST) if share > RAREST else 1.0 for _, share, _ in pairs]
    sums = {side: sum(w for w, (_, _, is_ours) in zip(weights, pairs, strict=True) if is_ours == side) for side in (True, False)}
    weights = [w * len(pairs) / sums[is_ours] / 2 for w, (_, _, is_ours) in zip(weights, pairs, strict=True)]
    fitted = LogisticRegression(C=2.0, fit_intercept=False, max_iter=400).fit(counts, [p[2] for p in pairs], weights)
    odds = dict(zip(vectors.get_feature_names_out(), fitted.coef_[0], strict=True))
    kept = dict(sorted(odds.items(), key=lambda item: -abs(item[1]))[:KEPT])
    lines = {gram: round(100 * weight) for gram, weight in kept.items() if round(100 * weight)}
    wrong: list[tuple[float, str, float]] = []
    for word in ours.keys() | others.keys() if words else ():
        share, other = ours.get(word, 0.0), others.get(word, 0.0)
        told = max(-CAP, min(CAP, math.log((share + RAREST) / (other + RAREST)) / 2))   # halved: news is not how people write
        guess = max(-CAP, min(CAP, sum(kept.get(gram, 0.0) for gram in trigrams(word))))
        miss = told - guess
        if abs(miss) > 1.0 and len(word) > 1:
            wrong.append((abs(miss) * math.log(1 + max(share, other) / RAREST), word, told))
    lines |= {framed(word): round(100 * told) for _, word, told in sorted(wrong, reverse=True)[:words]}
    path.write_text("# Generated by tools/build_language.py: trigram or whole word, log-odds for Kazakh in hundredths\n"
                    + "".join(f"{gram.replace(' ', '_')}\t{weight}\n" for gram, weight in sorted(lines.items())), encoding="utf-8")


def profile(name: str, words: Iterable[str], path: Path) -> None:
    """A profile in the form langdetect reads: counts of one, two and three letters."""
    freq: Counter[str] = Counter()
    for word in words:
        line = framed(word)
        for length in (1, 2, 3):
            for i in range(len(line) - length + 1):
                gram = line[i:i + length]
                if gram.strip():
                    freq[gram] += 1
    totals = [sum(c for g, c in freq.items() if len(g) == n) for n in (1, 2, 3)]
    kept = dict(sorted(freq.most_common(PROFILE_KEPT)))
    path.write_text(json.dumps({"name": name, "n_words": totals, "freq": kept}, ensure_ascii=False), encoding="utf-8")


def spelt(words: Mapping[str, float], alphabets: Iterable[Mapping[str, str]]) -> Counter[str]:
    """The words in each of the Latin alphabets."""
    out: Counter[str] = Counter()
    for letters in alphabets:
        for word, share in words.items():
            latin = "".join(letters.get(c, c) for c in word)
            out[latin] = max(out[latin], share)
    return out


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kaznerd", type=Path)
    parser.add_argument("posts", nargs="*", type=Path)
    parser.add_argument("--every", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    words: list[str] = []
    for number, line in enumerate(args.kaznerd.open(encoding="utf-8")):
        if not args.every or number % args.every:
            words += WORD.findall(json.loads(line)["text"].lower())
    posts: dict[str, list[str]] = {"kk": [], "ru": [], "en": []}
    for path in args.posts:
        for line in path.read_text(encoding="utf-8").splitlines():
            post = json.loads(line)
            if post["language"] in posts:
                posts[post["language"]] += WORD.findall(post["text"].lower())
    args.out.mkdir(exist_ok=True)
    cyrillic, latin = re.compile("[а-яёәіңғүұқөһ]+"), re.compile("[^\\W\\d_а-яё]+")
    kazakh = shares(words + posts["kk"], cyrillic)
    russian = shares(posts["ru"], re.compile("[а-яё]+"))
    table(kazakh, russian, profiled(["ru"], cyrillic), WORDS, args.out / "cyrillic.tsv")
    typed = [w for w in (*words, *posts["kk"]) if cyrillic.fullmatch(w)]
    others = shares(posts["en"], latin) | spelt(russian, [RUSSIAN])
    table(spelt({w: n / len(typed) for w, n in Counter(typed).items()}, LATIN), others, profiled(ELSEWHERE, latin), 0, args.out / "latin.tsv")
    profile("kk", words, args.out / "kk.json")
    profile("kk-plain", [w.translate(PLAIN) for w in words], args.out / "kk-plain.json")
    profile("kk-latin", ["".join(letters.get(c, c) for c in w) for letters in LATIN[:4] for w in words], args.out / "kk-latin.json")


if __name__ == "__main__":
    main()
