"""A classifier from the office's own history: text, and context such as a district, to a label.

  fit IN.jsonl --target FIELD [--context FIELD]… --out MODEL   learn; rows without a label are passed over
  predict MODEL IN.jsonl --out OUT.jsonl [--why]               {id, label, top3, score} for each row
  compare OLD NEW SAMPLE.jsonl                                 both on the same rows, per language; 1 where NEW does not win
  adopt MODEL --models DIR [--sample SAMPLE.jsonl]             into force, if it wins; versions and the sample stay in DIR
  drift MODEL IN.jsonl [--by FIELD]                            channels that no longer look as at the fit; 1 where one does not
  export --db URL --out FILE                                   what staff corrected, as labelled rows
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from config.knowledge import load_knowledge
from monitor.adopted import SAMPLE, BrokenList, put, sample_name, sample_now, versions
from monitor.commands import Unusable, add_database, lines_of, open_database, warn
from monitor.core.classify import subject
from monitor.core.text import Text
from monitor.learning.archive import BrokenModel, digest, pack, unpack
from monitor.learning.compare import Said, Standing, by_model, compare, wins
from monitor.learning.drift import drifts
from monitor.learning.history import BadExample, Example, Label, as_example
from monitor.learning.inforce import TOPIC, settled
from monitor.learning.lesson import learn
from monitor.learning.model import Model, NothingToLearn, answers
from monitor.learning.why import reasons
from monitor.store.corrections import labelled

BATCH = 500
SHOWN_ERRORS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`learn VERB …`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("fit", help="learn a model from labelled rows")
    verb.add_argument("input", metavar="IN.jsonl")
    verb.add_argument("--target", required=True, metavar="FIELD", help="the field to learn")
    verb.add_argument("--context", action="append", default=[], metavar="FIELD", help="a field known beside the text; may be repeated")
    verb.add_argument("--out", required=True, type=Path, metavar="MODEL")
    verb.add_argument("--by", default="source", metavar="FIELD", help="the field that names a row's channel (%(default)s)")
    verb.add_argument("--apart", type=Path, metavar="SAMPLE.jsonl", help="rows not to learn from, by id and by text: the frozen sample")
    verb = verbs.add_parser("predict", help="a label for each row")
    verb.add_argument("model", type=Path, metavar="MODEL")
    verb.add_argument("input", metavar="IN.jsonl")
    verb.add_argument("--out", required=True, type=Path, metavar="OUT.jsonl")
    verb.add_argument("--why", action="store_true", help="also the words that spoke for the label, and the model's name")
    verb = verbs.add_parser("compare", help="two models on the same rows")
    verb.add_argument("old", type=Path, metavar="OLD")
    verb.add_argument("new", type=Path, metavar="NEW")
    verb.add_argument("input", metavar="SAMPLE.jsonl")
    verb = verbs.add_parser("adopt", help="put a model into force if it wins")
    verb.add_argument("model", type=Path, metavar="MODEL")
    verb.add_argument("--models", required=True, type=Path, metavar="DIR")
    verb.add_argument("--sample", metavar="SAMPLE.jsonl", help="labelled rows kept from learning; later the kept copy does")
    verb = verbs.add_parser("drift", help="channels that no longer look as at the fit")
    verb.add_argument("model", type=Path, metavar="MODEL")
    verb.add_argument("input", metavar="IN.jsonl")
    verb.add_argument("--by", default="source", metavar="FIELD")
    verb = verbs.add_parser("export", help="what staff corrected, as labelled rows")
    add_database(verb)
    verb.add_argument("--out", required=True, type=Path, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Do what the verb says; 1 where a line was skipped, a new model does not win or a channel drifted."""
    return _VERBS[args.verb](args)


def _fit(args: argparse.Namespace) -> int:
    rows = Rows(args.input, args.target, args.context)
    examples = list(rows)
    for name in (args.target, *args.context):
        if name not in rows.fields:
            raise Unusable(f"{args.input}: no row has a field `{name}`; there are {', '.join(sorted(rows.fields)[:20]) or 'no rows'}")
    apart = None
    if args.apart is not None:
        sample = Rows(str(args.apart), None, ())
        kept = list(sample)
        ids, texts, apart = {e.id for e in kept}, {e.text for e in kept}, sample_name((e.id, e.text) for e in kept)
        examples = [e for e in examples if e.id not in ids and e.text not in texts]
    try:
        model = learn(examples, args.target, args.context, args.by, _program(), apart)
    except NothingToLearn as e:
        raise Unusable(f"{args.input}: {e}") from e
    data = pack(model)
    write(args.out, [data])
    facts = model.facts
    told = f", missing labels told by `{facts.told_by}`" if facts.told_by else ""
    if facts.way:
        told += f", also by way of `{facts.way}`"
    say(f"{args.out}: {digest(data)}, {len(model.labels)} labels of `{model.target}` from {facts.learnt_from} of {facts.rows} rows{told}")
    if facts.measured is not None:
        m = facts.measured
        say(f"on {m.rows} rows held out: weighted F1 {m.f1:.3f}, right {m.right:.1%}, right in three {m.in_top3:.1%}")
    return rows.status()


def _predict(args: argparse.Namespace) -> int:
    model, name = read_model(args.model)
    rows = Rows(args.input, None, model.context)
    write(args.out, _lines(model, rows, name if args.why else None))
    return rows.status()


def _lines(model: Model, rows: Rows, name: str | None) -> Iterator[bytes]:
    with tqdm(unit=" rows", disable=not sys.stderr.isatty()) as bar:
        examples = iter(rows)
        while batch := list(islice(examples, BATCH)):
            for e, a in zip(batch, answers(model, batch), strict=True):
                line: dict[str, Any] = {"id": a.id, "label": a.label, "top3": a.top3, "score": a.score}
                if name is not None:
                    line |= {"why": [{"text": w.text, "weight": w.weight} for w in reasons(model, e, a)], "model": name}
                yield msgspec.json.encode(line) + b"\n"
            bar.update(len(batch))


def _compare(args: argparse.Namespace) -> int:
    (old, _), (new, _) = read_model(args.old), read_model(args.new)
    rows = Rows(args.input, new.target, new.context)
    _same_question(old, new)
    return max(_judged(by_model(old), by_model(new), list(rows), args.input, new.target), rows.status())


def _same_question(old: Model, new: Model) -> None:
    if old.target != new.target or old.context != new.context:
        raise Unusable(f"the models say different things: `{old.target}` with {list(old.context)} and `{new.target}` with "
                       f"{list(new.context)}; compare two of one target and context")


def _judged(old: Said | None, new: Said, sample: Sequence[Example], path: str, target: str) -> int:
    """0 where the new model wins; its table on stdout."""
    standings = compare(old, new, sample, _language())
    if not standings:
        raise Unusable(f"{path}: no row has a label in `{target}`; give labelled rows kept from learning (fit --apart)")
    say(table(standings))
    won = wins(standings)
    say("the new model wins: better in the whole, no worse in any language" if won else
        "the new model does not win: it must be better in the whole and no worse in any language")
    return 0 if won else 1


def _adopt(args: argparse.Namespace) -> int:
    new, name = read_model(args.model)
    apart = sample_now(args.models, new.facts.apart) if new.facts.apart else new.facts.apart
    path = args.sample or args.models / f"{apart}{SAMPLE}"
    if args.sample is None and not path.is_file():
        raise Unusable(f"{args.models}: keeps no sample that {args.model} was fitted without; give it with --sample")
    rows = Rows(str(path), new.target, new.context)
    sample = list(rows)
    if sample_name((e.id, e.text) for e in sample) not in (new.facts.apart, apart):
        raise Unusable(f"{args.model}: may have learnt from {path}; fit it with --apart {path}")
    try:
        before = versions(args.models).get(new.target, [])
    except BrokenList as e:
        raise Unusable(str(e)) from e
    if before and before[-1] == name:
        say(f"{name} is in force already")
        return 0
    old = read_model(args.models / f"{before[-1]}.model")[0] if before else None
    if old is not None:
        _same_question(old, new)
    if new.target == TOPIC:
        settles = _settling()
        status = _judged(settles(old), settles(new), sample, str(path), new.target)
    else:
        status = _judged(by_model(old) if old else None, by_model(new), sample, str(path), new.target)
    if status == 0:
        try:
            put(args.models, new.target, name, args.model.read_bytes(), Path(path))
        except OSError as e:
            raise Unusable(f"{args.models}: cannot be written: {e.strerror}; give a folder of our own") from e
        say(f"{name} is in force for `{new.target}`" + (f" after {before[-1]}, which stays in {args.models}" if before else ""))
    return max(status, rows.status())


def _settling() -> Callable[[Model | None], Said]:
    """The topic as the daemon settles it: a model's where it is sure, else detection's; without a model, detection's alone."""
    knowledge = load_knowledge()

    def own(e: Example) -> str:
        return subject(Text(e.text), knowledge.subject, knowledge.subject_words).topic

    def of(model: Model | None) -> Said:
        def said(rows: Sequence[Example]) -> list[Label | None]:
            if model is None:
                return [own(e) for e in rows]
            return [settled(a.label, a.score, own(e), knowledge.topics) for a, e in zip(answers(model, rows), rows, strict=True)]
        return said
    return of


def _drift(args: argparse.Namespace) -> int:
    model, _ = read_model(args.model)
    if "" not in model.facts.seen:
        raise Unusable(f"{args.model}: learnt from too few rows to hold some out; there is nothing to compare with")
    rows = Rows(args.input, model.target, model.context)
    found = drifts(model, list(rows), args.by)
    say(in_columns([["channel", "posts", "PSI", "unknown words", "at the fit", "score", "at the fit", ""]] + [
        [d.channel, str(d.posts), f"{d.psi:.3f}", f"{d.unknown:.1%}", f"{d.unknown_before:.1%}", f"{d.score:.2f}",
         f"{d.score_before:.2f}", "DRIFTED" if d.drifted else "" if d.judged else "too few"] for d in found]))
    return 1 if any(d.drifted for d in found) else rows.status()


def _export(args: argparse.Namespace) -> int:
    with open_database(args) as db, db.reading() as c:
        lines = [msgspec.json.encode(row) + b"\n" for row in labelled(c)]
    write(args.out, lines)
    say(f"{args.out}: {len(lines)} corrected posts")
    return 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fit": _fit, "predict": _predict, "compare": _compare, "adopt": _adopt, "drift": _drift, "export": _export}


def read_model(path: Path) -> tuple[Model, str]:
    """The model of a file and its name, or one line of what is wrong with it."""
    try:
        data = path.read_bytes()
        return unpack(data), digest(data)
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}; give a file that `qulaq learn fit` wrote") from e
    except BrokenModel as e:
        raise Unusable(f"{path}: {e}; give a file that `qulaq learn fit` wrote") from e


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file, or one line of why it cannot be written."""
    try:
        with path.open("wb") as file:
            file.writelines(parts)
    except OSError as e:
        raise Unusable(f"{path}: cannot be written: {e.strerror}; give a file in a folder that exists") from e


def table(standings: Sequence[Standing]) -> str:
    """Standings in columns."""
    return in_columns([["language", "rows", "old F1", "new F1", "old right", "new right", ""]] + [
        [s.language, str(s.rows), f"{s.old_f1:.3f}", f"{s.new_f1:.3f}", f"{s.old_right:.1%}", f"{s.new_right:.1%}",
         "" if s.won else "lost"] for s in standings])


def in_columns(cells: Sequence[Sequence[str]]) -> str:
    """Cells under each other; what a channel is called cannot break the table or steer the terminal."""
    clean = [["".join(ch if ch.isprintable() else "?" for ch in cell)[:40] for cell in line] for line in cells]
    widths = [max(len(line[i]) for line in clean) for i in range(len(clean[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in clean)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text)  # noqa: T201


def _language() -> Callable[[str], str]:
    model = load_knowledge().language
    return lambda text: model.of(Text(text))


def _program() -> str:
    try:
        return version("qulaq")
    except PackageNotFoundError:
        return ""


class Rows:
    """The examples of a JSONL file; a line that is none is reported with its number and passed over."""

    def __init__(self, path: str, target: str | None, context: Sequence[str]) -> None:
        self.fields: set[str] = set()
        self._path, self._target, self._context = path, target, context
        self._bad = 0

    def __iter__(self) -> Iterator[Example]:
        decode = msgspec.json.Decoder().decode
        for number, line in lines_of(self._path):
            try:
                row = decode(line)
                example = as_example(row, self._target, self._context)
            except (msgspec.DecodeError, UnicodeDecodeError) as e:
                self._report(number, f"not JSON ({e}); one JSON object a line")
                continue
            except BadExample as e:
                self._report(number, str(e))
                continue
            self.fields.update(row)
            yield example

    def status(self) -> int:
        """The exit status: 1 where a line was passed over."""
        if self._bad > SHOWN_ERRORS:
            warn(f"{self._path}: {self._bad} lines skipped in all")
        return 1 if self._bad else 0

    def _report(self, number: int, what: str) -> None:
        self._bad += 1
        if self._bad <= SHOWN_ERRORS:
            warn(f"{self._path}:{number}: {what}; this line is skipped")
