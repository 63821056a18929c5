"""How well posts are understood, in one table: labelled posts, the same mistyped and with another place, posts that speak to no
akimat, languages and speed, with lingua, py3langid and pymorphy3 beside.

usage: python -m bench detection [--shared ../shared] [--most 3000] [--gold FILE ...]

Reads tests/detection/posts/*.jsonl and, where it is, the data of --shared, which is no part of the project; a row says so
where its data or a peer package (requirements/bench.in) is not there. At most --most texts of a set are drawn, always the same.
The last line is the figures as JSON.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.changed import Places, latin, mistyped, plain
from bench.scores import Row, of_pairs, scores
from config.knowledge import load_knowledge
from monitor.commands.judge import as_line
from monitor.core.judge import Judge
from monitor.core.row import as_post, parse_row
from monitor.core.text import Text

ROOT = Path(__file__).parent.parent
GIVEN = ("id", "text", "source", "author", "created_at", "in_reply_to_account", "mentions", "home")
GOALS = {
    "addressed_f1": 0.94, "addressed_p": 0.93, "registered_share": 0.80, "akimat_exact": 0.90, "akimat_precision_when_named": 0.95,
    "topic_acc": 0.85, "topic_macro_f1": 0.80, "kind_soft_acc": 0.92, "language_acc": 0.96, "urgent_f1": 0.85, "pii_f1": 0.90,
    "location_found": 0.85}
BY_LANGUAGE, ENOUGH = 0.85, 20
"""The least addressed F1 of a language that has that many posts."""
LOST, FOLLOWED = 0.05, 0.95
REGISTERED, TRIAGED = 0.01, 0.03
KAZAKH = ("kk", "kk_plain")
Told = Callable[[str], str]


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def drawn(listed: Sequence[Any], most: int) -> list[Any]:
    """At most that many, always the same."""
    return list(listed) if len(listed) <= most else random.Random(1).sample(list(listed), most)


def line(name: str, *cells: object) -> None:
    """A line of the table."""
    print(f"  {name:38}" + "".join(f" {f'{c:.3f}' if isinstance(c, float) else c!s:>11}" for c in cells), flush=True)


class Bench:
    """The judge, and what has been measured."""

    def __init__(self, shared: Path, most: int) -> None:
        self.text, self.gold, self.scorer = shared / "data" / "text", shared / "data" / "gold", shared / "tools" / "score_verdicts.py"
        self.most = most
        self.knowledge = load_knowledge()
        self.judge = Judge(self.knowledge)
        self.figures: dict[str, Any] = {}

    def verdict(self, row: Row, text: str | None = None) -> dict[str, Any]:
        """The verdict on a row, or on it with another text, as `judge` writes it; labels are kept from the judge."""
        given = {name: row[name] for name in GIVEN if row.get(name) is not None}
        parsed = parse_row(msgspec.json.encode(given if text is None else given | {"text": text}))
        return as_line(parsed, self.judge(as_post(parsed)), self.knowledge.registry)

    def texts(self, name: str) -> list[str] | None:
        """The texts of a set of the shared data, or None and a line that says that it is not there."""
        path = self.text / name
        if not path.exists():
            line(name, "not here")
            return None
        return [row["text"] for row in rows(path)]

    def labelled(self, sets: Mapping[str, list[dict[str, Any]]]) -> None:
        """The figures of the scorer for each set."""
        table = {}
        for name, gold in sets.items():
            out = [self.verdict(row) for row in gold]
            table[name] = scores(gold, out, self.knowledge.registry)
            if self.scorer.exists():
                self.compare(name, gold, out, table[name])
        print("Labelled posts" + (", figures equal to those of the scorer" if self.scorer.exists() else "; the scorer is not here"))
        line("", "goal", *table)
        line("posts", "", *(f["posts"] for f in table.values()))
        for figure, goal in GOALS.items():
            line(figure, goal, *(f[figure] for f in table.values()))
        for language in sorted({key for f in table.values() for key in f if key.startswith("addressed_f1_")}):
            counts = [sum(row["language"] == language.removeprefix("addressed_f1_") for row in gold) for gold in sets.values()]
            line(language, BY_LANGUAGE, *(f"{f[language]:.3f}/{n}" if n >= ENOUGH else f"-/{n}"
                                          for f, n in zip(({language: 0.0} | f for f in table.values()), counts, strict=True)))
        self.figures["labelled"] = table

    def compare(self, name: str, gold: Sequence[Row], out: Sequence[Row], own: Mapping[str, float]) -> None:
        """Stop where the scorer of the shared data says something else."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / part for part in ("gold.jsonl", "out.jsonl", "kato.csv")]
            for path, listed in zip(files, (gold, out), strict=False):
                path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in listed))
            with files[2].open("w", encoding="utf-8", newline="") as table:
                writer = csv.writer(table)
                writer.writerow(("code", "parent_code"))
                writer.writerows((unit.code, unit.parent or "") for unit in self.knowledge.registry)
            command = [sys.executable, str(self.scorer), *map(str, files[:2]), "--kato", str(files[2])]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        wrong = {key: (value, own.get(key)) for key, value in said.items() if abs(value - own.get(key, -1.0)) > 1e-4}
        if wrong:
            raise SystemExit(f"bench detection: {name}: the scorer and bench/scores.py differ: {wrong}")

    def mistyped(self, sets: Mapping[str, list[dict[str, Any]]]) -> None:
        """Addressed F1 of the sets, and what it loses where the posts are changed."""
        rng = random.Random(3)
        ways: dict[str, Callable[[str], str]] = {
            "as written": str, "special letters dropped": plain, "transliterated": latin, "typed errors": lambda t: mistyped(t, rng)}
        print(f"Mistyped: addressed F1, at most {LOST} lost")
        line("", *sets)
        table = {}
        for way, change in ways.items():
            table[way] = {name: of_pairs([(row["addressed"], self.verdict(row, change(row["text"]))["addressed"]) for row in gold])[2]
                          for name, gold in sets.items()}
            line(way, *table[way].values())
        raw = table["as written"]
        for way in list(table)[1:]:
            line(f"{way}: lost", *(raw[name] - f1 for name, f1 in table[way].items()))
        self.figures["mistyped"] = table

    def swapped(self, sets: Mapping[str, list[dict[str, Any]]]) -> None:
        """How often the akimat follows where the place that a post names is another one. Posts placed by their source are left out."""
        rng, places = random.Random(1), Places(self.knowledge.registry)
        print(f"Place swapped for another of its level, where the akimat was told; goal {FOLLOWED}")
        line("", "right posts", "swapped", "followed")
        table = {}
        for name, gold in sets.items():
            plain_ones = [row for row in gold if row["addressed"] and row.get("akimat_code") and not any(
                row.get(field) for field in ("home", "in_reply_to_account", "mentions", "akimat_also_codes"))]
            right = [row for row in plain_ones if (self.verdict(row)["akimat"] or {}).get("code") == row["akimat_code"]]
            pairs = [(row, new) for row in right if (new := places.swap(row["text"], row["akimat_code"], rng))]
            followed = [(self.verdict(row, text)["akimat"] or {}).get("code") == code for row, (text, code) in pairs]
            table[name] = (len(right), len(pairs), sum(followed) / max(1, len(followed)))
            line(name, *table[name])
        asked = sum(n for _, n, _ in table.values())
        line("all", sum(n for n, _, _ in table.values()), asked, sum(n * f for _, n, f in table.values()) / max(1, asked))
        self.figures["swapped"] = table

    def negatives(self) -> None:
        """How often posts that speak to no akimat come out otherwise."""
        print(f"Speak to no akimat: register at most {REGISTERED}, triage at most {TRIAGED}")
        line("", "texts", "register", "triage")
        table = {}
        for name, keep in (("ru_kz_news_ministry.jsonl", False), ("kk_news_kaznerd.jsonl", False), ("kk_news_kaznerd.jsonl", True),
                           ("ru_official_replies_spb.jsonl", False), ("ru_vk_posts_rusentiment.jsonl", False)):
            title = name.removesuffix(".jsonl") + (", with an akim" if keep else "")
            if not (self.text / name).exists():
                line(title, "not here")
                continue
            listed = [row for row in rows(self.text / name) if row.get("mentions_akim") or not keep]
            told = Counter(self.verdict({"id": row["id"], "text": row["text"]})["decision"] for row in drawn(listed, self.most))
            n = told.total()
            table[title] = (n, told["register"] / n, told["triage"] / n)
            line(title, *table[title])
        self.figures["negatives"] = table

    def languages(self) -> None:
        """How often the language is told, ours and the peers', and how fast."""
        ours = self.knowledge.language
        tellers: dict[str, Told | None] = {"ours": lambda text: ours.of(Text(text)), "lingua": lingua(), "py3langid": py3langid()}
        for name, teller in tellers.items():
            if teller is None:
                line(name, "not here: pip install -r requirements/bench.txt")
        present = {name: teller for name, teller in tellers.items() if teller}
        print("Language told right. The peers choose among kk, ru, en and tr; they know no kk_latin and no mixed. Our table of Kazakh\n"
              "words was counted on the Kazakh news: tools/build_language.py --every 2 gives one to measure on the other half")
        line("", "goal", "texts", *present)
        table: dict[str, dict[str, float]] = {}

        def row(title: str, goal: float | str, listed: Sequence[str], right: tuple[str, ...], only: Iterable[str] = tuple(present)) -> None:
            texts = drawn(listed, self.most)
            table[title] = {name: sum(present[name](text) in right for text in texts) / len(texts) for name in only}
            line(title, goal, len(texts), *(table[title].get(name, "-") for name in present))

        kazakh, reviews = self.texts("kk_news_kaznerd.jsonl"), self.text / "kk_reviews_kazsandra.jsonl"
        if kazakh:
            row("Kazakh news", 0.995, kazakh, KAZAKH)
            row("the same, 40 characters", 0.99, [text[:40] for text in kazakh if len(text) >= 40], KAZAKH)
            row("the same, special letters dropped", 0.98, [plain(text) for text in kazakh], KAZAKH)
            row("the same, in Latin", 0.99, [latin(text.lower()) for text in kazakh], ("kk_latin",), ("ours",))
        called: list[str] = []
        if reviews.exists():
            called = [r["text"] for r in rows(reviews) if r["lang"] == "kk"]
            row("Kazakh reviews", 0.995, called, KAZAKH)
            row("the same, mixed allowed", "", called, (*KAZAKH, "mixed"))
            row("the same, 40 characters", 0.99, [text[:40] for text in called if len(text) >= 40], KAZAKH)
            row("the same, special letters dropped", 0.98, [plain(text) for text in called], KAZAKH)
        else:
            line(reviews.name, "not here")
        russian: list[str] = []
        for name, title in (("ru_kz_news_ministry.jsonl", "Russian news"), ("ru_official_replies_spb.jsonl", "officials' replies"),
                            ("ru_vk_posts_rusentiment.jsonl", "VK posts")):
            if listed := self.texts(name):
                row(title, 0.995, listed, ("ru",))
                russian += listed
        if kazakh and russian:
            row("Kazakh and Russian sentence: mixed", 0.95, joined(kazakh, russian, self.most), ("mixed",), ("ours",))
            row("Kazakh news called mixed", "<= 0.02", kazakh, ("mixed",), ("ours",))
            row("Russian called mixed", "<= 0.02", russian, ("mixed",), ("ours",))
        stream = drawn(called + russian, 10_000)
        if stream:
            ours.weigh.cache_clear()
            speed = {name: per_second(teller, stream if name == "ours" else stream[:1500]) for name, teller in present.items()}
            line("texts a second, all distinct", "", len(stream), *speed.values())
            speed["ours, words met before"] = per_second(ours.of, [Text(text) for text in stream])
            line("the same, words met before", 30_000, len(stream), speed["ours, words met before"])
            self.figures["language_per_s"] = speed
        self.figures["languages"] = table

    def matching(self) -> None:
        """Posts per second: every name and cue found in all case forms, beside a lemma for every word by pymorphy3."""
        print("Matching: words and posts in a second of one core")
        listed = [row["text"] for path in (ROOT / "tests" / "detection" / "posts").glob("*.jsonl") for row in rows(path)]
        find, subject = self.knowledge.address.find, self.knowledge.subject.find
        words = [re.findall(r"[^\W\d_]+", text) for text in listed]

        def ours(text: str) -> None:
            read = Text(text)
            find(read)
            subject(read)

        speed = {"names, cues and topics in all forms": per_second(ours, listed)}
        try:
            analyser = importlib.import_module("pymorphy3").MorphAnalyzer(lang="ru")
        except ImportError:
            line("pymorphy3", "not here: pip install -r requirements/bench.txt")
        else:
            speed["pymorphy3, Russian lemmas alone"] = per_second(
                lambda text: [analyser.parse(word)[0].normal_form for word in re.findall(r"[^\W\d_]+", text)], listed[:400])
        mean = sum(map(len, words)) / len(words)
        for name, rate in speed.items():
            line(name, round(rate * mean), rate)
        self.figures["matching_per_s"] = speed


def per_second(do: Callable[[Any], object], texts: Sequence[Any]) -> int:
    """Texts in a second of one core's time, whatever else the machine does."""
    began = time.process_time()
    for text in texts:
        do(text)
    return round(len(texts) / (time.process_time() - began))


def joined(kazakh: Sequence[str], russian: Sequence[str], count: int) -> list[str]:
    """A Kazakh and a Russian sentence of 25 to 150 characters in one text, in either order."""
    rng = random.Random(2)
    out: list[str] = []
    while len(out) < count:
        pair = [rng.choice(kazakh), re.split(r"(?<=[.!?])\s", rng.choice(russian))[0]]
        if all(25 < len(part) < 150 for part in pair):
            rng.shuffle(pair)
            out.append(" ".join(pair))
    return out


def lingua() -> Told | None:
    """lingua, or None where it is not installed."""
    try:
        package = importlib.import_module("lingua")
    except ImportError:
        return None
    known = package.Language
    detector = package.LanguageDetectorBuilder.from_languages(known.KAZAKH, known.RUSSIAN, known.ENGLISH, known.TURKISH).build()

    def told(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "other"
    return told


def py3langid() -> Told | None:
    """py3langid, or None where it is not installed."""
    try:
        package = importlib.import_module("py3langid")
    except ImportError:
        return None
    package.set_languages(["kk", "ru", "en", "tr"])
    return lambda text: str(package.classify(text)[0])


def main(argv: list[str]) -> int:
    """Print the table; 2 where there is nothing to measure on."""
    parser = argparse.ArgumentParser(prog="bench detection", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with the data that is no part of the project")
    parser.add_argument("--most", type=int, default=3000, help="texts drawn of each set")
    parser.add_argument("--gold", type=Path, nargs="*", default=[], help="more labelled sets")
    args = parser.parse_args(argv)
    paths = [*sorted((ROOT / "tests" / "detection" / "posts").glob("*.jsonl")), args.shared / "data" / "gold" / "dev.jsonl", *args.gold]
    sets = {path.stem: rows(path) for path in paths if path.exists()}
    for path in paths:
        if not path.exists():
            line(str(path.name), "not here")
    if not sets:
        print("bench detection: no labelled posts; name a file with --gold", file=sys.stderr)
        return 2
    bench = Bench(args.shared, args.most)
    bench.labelled(sets)
    bench.mistyped(sets)
    bench.swapped(sets)
    bench.negatives()
    bench.languages()
    bench.matching()
    bench.figures["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(json.dumps(bench.figures, ensure_ascii=False, default=float))
    return 0
