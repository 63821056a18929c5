"""Reads config/knowledge (or an operator's folder of the same shape) into the values that detection works on.

Every error is one line: FILE:LINE: what is wrong and how to mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import get_args

import langdetect
import numpy as np
import yaml
from numpy.typing import NDArray

from monitor.core.classify import STRONG, SURE, WEAK, KindCue, SubjectLexicon, TopicWord, UrgencyCue
from monitor.core.knowledge import (
    AddressModel,
    Body,
    Cue,
    HeadWord,
    Knowledge,
    Level,
    Street,
    Topic,
)
from monitor.core.language import LanguageModel
from monitor.core.lexicon import BadPattern, Lexicon, one_word, spelt
from monitor.core.location import Nouns, PlaceReader
from monitor.core.registry import LEVELS, Akimat, Name, Registry
from monitor.core.verdict import Kind
from monitor.core.words import WordModel, with_labels

DEFAULT = Path(__file__).parent / "knowledge"
_SHIPPED = ("ru", "en", "tr", "uk", "bg", "mk", "de", "fr", "es", "it", "id", "so", "fi")
"""Profiles of langdetect beside our own: languages that are met, and those it else calls by ours."""
_LEVEL_TYPES = {"O": "O", "C": "CRT", "D": "DU", "V": "KV", "P": "P"}


class KnowledgeError(ValueError):
    """A knowledge file that cannot be used; the message is one line with file and line."""


class Source:
    """The files of one folder, each read once; their bytes make the ruleset."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hash = blake2b(digest_size=8)

    def data(self, name: str) -> bytes:
        """The bytes of a file."""
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as e:
            raise KnowledgeError(f"{path}:1: cannot be read ({e.strerror}); restore the file or drop the folder from the config") from e
        self._hash.update(name.encode() + b"\x00" + data)
        return data

    def text(self, name: str) -> str:
        """The contents of a text file."""
        try:
            return self.data(name).decode("utf-8")
        except UnicodeDecodeError as e:
            raise KnowledgeError(f"{self.folder / name}:1: not UTF-8 at byte {e.start}; save it as UTF-8") from e

    def rows(self, name: str, fields: int) -> Iterator[tuple[int, list[str]]]:
        """Numbered rows of a tab-separated file."""
        for number, line in enumerate(self.text(name).splitlines(), 1):
            if line and not line.startswith("#"):
                row = line.split("\t")
                if len(row) != fields:
                    raise KnowledgeError(f"{self.folder / name}:{number}: {len(row)} columns, {fields} expected, parted by tabs")
                yield number, row

    def document(self, name: str) -> Document:
        """A YAML file as a tree that knows its lines."""
        path = self.folder / name
        try:
            node = yaml.compose(self.text(name), Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as e:
            line = e.problem_mark.line + 1 if e.problem_mark else 1
            raise KnowledgeError(f"{path}:{line}: not YAML: {e.problem or e.context}") from e
        except yaml.YAMLError as e:
            raise KnowledgeError(f"{path}:1: not YAML: {str(e).splitlines()[0]}") from e
        if node is None:
            raise KnowledgeError(f"{path}:1: the file is empty")
        return Document(path, node)

    @property
    def ruleset(self) -> str:
        """Changes when any file changes."""
        return self._hash.hexdigest()


class Document:
    """A node of a YAML file."""

    def __init__(self, path: Path, node: yaml.Node) -> None:
        self.path, self.node = path, node

    def wrong(self, message: str) -> KnowledgeError:
        """An error at this node."""
        return KnowledgeError(f"{self.path}:{self.node.start_mark.line + 1}: {message}")

    def items(self) -> Iterator[tuple[str, Document]]:
        """Keys and values of a mapping."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("a mapping (key: value) is expected here")
        for key, value in self.node.value:
            yield str(key.value), Document(self.path, value)

    def get(self, key: str) -> Document | None:
        """The value of a key, or None."""
        return next((v for k, v in self.items() if k == key), None)

    def need(self, key: str) -> Document:
        """The value of a key that must be there."""
        found = self.get(key)
        if found is None:
            raise self.wrong(f"{key!r} is missing")
        return found

    def list(self) -> Iterator[Document]:
        """The members of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list is expected here")
        for value in self.node.value:
            yield Document(self.path, value)

    def text(self) -> str:
        """A scalar as text."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("a single value is expected here")
        return str(self.node.value)

    def number(self) -> float:
        """A scalar as a number."""
        try:
            return float(self.text())
        except ValueError as e:
            raise self.wrong(f"{self.text()!r} is not a number") from e

    def patterns(self, add: Callable[[str], None]) -> None:
        """Every pattern of the lists by language below this node."""
        for language, words in self.items():
            if language in ("ru", "kk", "en", "uz"):
                for word in words.list():
                    try:
                        add(word.text())
                    except BadPattern as e:
                        raise word.wrong(str(e)) from e


def load_knowledge(folder: Path | None = None) -> Knowledge:
    """Read a knowledge folder, the project's own by default. Raises KnowledgeError."""
    source = Source(folder or DEFAULT)
    aliases = source.document("aliases.yaml")
    registry = _registry(source, aliases)
    address = Lexicon()
    _names(source, registry, aliases, address)
    _heads(source, address)
    for name, group in source.document("cues.yaml").items():
        cue = Cue(name, group.get("called") is not None)
        group.patterns(partial(address.add, mark=cue))
        spared = group.get("except")
        for word in spared.list() if spared else ():
            address.spare(word.text(), cue)
    for kind, group in source.document("bodies.yaml").items():
        group.patterns(partial(address.add, mark=Body(kind)))
    address.misspelt(lambda mark: isinstance(mark, Level) or (isinstance(mark, HeadWord) and mark.kind in ("body", "person")))
    model = source.document("address_model.yaml")
    words = SubjectLexicon()
    topics = _topics(source, words)
    subject = _subject(source, words)
    return Knowledge(
        registry=registry, address=address.ready(), subject=subject,
        subject_words=with_labels(word_model(source, "words/subject.tsv"), "topic", tuple(topics)),
        model=AddressModel(model.need("bias").number(), {k: v.number() for k, v in model.need("weights").items()},
                           word_model(source, "words/address.tsv"),
                           model.need("register").number(), model.need("triage").number()),
        language=_language(source), places=_places(source), topics=topics, ruleset=source.ruleset)


def load_language(folder: Path | None = None) -> LanguageModel:
    """The language model of a knowledge folder alone. Raises KnowledgeError."""
    return _language(Source(folder or DEFAULT))


def word_model(source: Source, file: str, tool: str = "tools/fit_words.py") -> WordModel:
    """A fitted table: labels and biases in the first row; then signs with their idf and weights in hundredths, and marks of the
    word lists, whose idf is "-". `tool` made it."""
    labels: tuple[str, ...] = ()
    bias = np.zeros(0, np.float32)
    index: dict[str, int] = {}
    idf: list[float] = []
    rows: list[NDArray[np.float32]] = []
    lists: dict[str, int] = {}
    listed: list[NDArray[np.float32]] = []
    for number, (sign, weight, numbers) in source.rows(file, 3):
        try:
            if not labels:
                labels, bias = tuple(weight.split()), _hundredths(numbers)
                continue
            row = _hundredths(numbers)
            if len(row) != len(labels):
                raise ValueError(f"{len(row)} weights for {len(labels)} labels")
            if weight == "-":
                lists[sign] = len(listed)
                listed.append(row)
            else:
                index[sign] = len(rows)
                idf.append(float(weight))
                rows.append(row)
        except ValueError as e:
            raise KnowledgeError(f"{source.folder / file}:{number}: {e}; make the file anew with {tool}") from e
    if not rows:
        raise KnowledgeError(f"{source.folder / file}:1: no sign in it; make the file anew with {tool}")
    return WordModel(labels, bias, index, np.array(idf, np.float32), np.stack(rows), lists,
                     np.stack(listed) if listed else np.zeros((0, len(labels)), np.float32))


def _hundredths(numbers: str) -> NDArray[np.float32]:
    return (np.array(numbers.split(), np.float32) / 100).astype(np.float32)


def _places(source: Source) -> PlaceReader:
    try:
        model = unsealed(source.data("places.crfsuite"))
    except ValueError as e:
        raise KnowledgeError(f"{source.folder / 'places.crfsuite'}:1: {e}; restore it or make it anew with tools/fit_places.py") from e
    whole: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    for kind, group in source.document("landmarks.yaml").items():
        def add(pattern: str, kind: str = kind) -> None:
            for word in spelt(pattern):
                (beginnings if word.endswith("*") else whole)[one_word(word.rstrip("*"))] = kind
        group.patterns(add)
    return PlaceReader(model, Nouns(whole, beginnings))


_SEAL = 16


def sealed(model: bytes) -> bytes:
    """A binary model with its digest behind it: CRFsuite reads a damaged one into a crash of the whole process."""
    return model + blake2b(model, digest_size=_SEAL).digest()


def unsealed(data: bytes) -> bytes:
    """The model of a file that `sealed` made. Raises ValueError where it is damaged."""
    model, seal = data[:-_SEAL], data[-_SEAL:]
    if blake2b(model, digest_size=_SEAL).digest() != seal:
        raise ValueError("the file is damaged (its digest differs)")
    return model


def _language(source: Source) -> LanguageModel:
    tables = []
    for name in ("language/cyrillic.tsv", "language/latin.tsv"):
        table: dict[str, float] = {}
        for number, (gram, odds) in source.rows(name, 2):
            try:
                table[gram.replace("_", " ")] = int(odds) / 100
            except ValueError as e:
                raise KnowledgeError(f"{source.folder / name}:{number}: {odds!r} is not a whole number of hundredths") from e
        tables.append(table)
    listed = source.document("language/words.yaml")
    words = {name: frozenset(w.text() for w in listed.need(name).list()) for name in ("kk", "ru", "en", "latin")}
    foreign = listed.need("foreign")
    words |= {name: frozenset(w.text() for w in foreign.need(name).list()) for name in (
        "kyrgyz", "tatar", "uyghur", "uzbek", "karakalpak", "turkish", "ukrainian")}
    words |= {name: frozenset(foreign.need(name).text()) for name in ("letters", "strange")}
    shipped = Path(langdetect.__file__).parent / "profiles"
    profiles = [source.text(f"language/{name}.json") for name in ("kk", "kk-plain", "kk-latin")]
    profiles += [(shipped / code).read_text(encoding="utf-8") for code in _SHIPPED]
    return LanguageModel(tables[0], tables[1], words, profiles)


def _registry(source: Source, aliases: Document) -> Registry:
    extra: dict[str, tuple[str, ...]] = {}
    for code, names in aliases.items():
        extra[code] = tuple(n.text() for n in names.list())
    units = []
    for number, (code, parent, kind, kk, ru) in source.rows("akimats.tsv", 5):
        if kind not in LEVELS:
            raise KnowledgeError(f"{source.folder / 'akimats.tsv'}:{number}: type {kind!r} is none of {' '.join(LEVELS)}")
        units.append(Akimat(code, None if parent == "-" else parent, LEVELS[kind], kind, kk, ru, extra.get(code, ())))  # type: ignore[arg-type]
    return Registry(units)


_RUSSIAN = {
    "hard": ("", "а", "у", "ом", "е"), "soft": ("", "и", "ю", "я", "е", "ем"), "a": ("а", "ы", "е", "у", "ой"),
    "ka": ("а", "и", "е", "у", "ой"), "ya": ("я", "и", "е", "ю", "ей"), "ia": ("я", "и", "ю", "ей"),
    "o": ("о", "а", "у", "ом", "е"), "iy": ("й", "я", "ю", "ем", "е"), "still": ("",),
    "adj": ("ий", "ого", "ому", "им", "ом", "ая", "ой", "ую", "ое", "ие", "их", "ым", "ый", "ые"),
    "adjy": ("ый", "ого", "ому", "ым", "ом"), "adjf": ("ая", "ой", "ую"), "adjn": ("ое", "ого", "ому", "ом", "ым"),
}


def _kazakh(code: str) -> tuple[str, ...]:
    g, a, d, loc, abl, ins, adj = tuple(code[1:])
    return ("", g + "ын", g + "ин", a + "ы", a + "и", d + "а", d + "е", loc + "а", loc + "е", abl + "ан", abl + "ен",
            ins + "ен", loc + "агы", loc + "еги", adj + "ык", adj + "ик")


def name_endings(kind: str) -> tuple[str, ...]:
    """What a name of this class of names.tsv ends in, a case each. Raises KeyError where no class is called so."""
    return _kazakh(kind) if kind.startswith("=") and len(kind) == 8 else _RUSSIAN[kind]


def _names(source: Source, registry: Registry, aliases: Document, lexicon: Lexicon) -> None:
    common: set[str] = set()
    listed = source.document("common_names.yaml")
    for word in listed.need("names").list():
        common.add("  ".join(one_word(w) for w in word.text().lower().replace("-", " ").split()))
    for number, (stem, kind, codes) in source.rows("names.tsv", 3):
        try:
            forms = name_endings(kind)
        except KeyError as e:
            raise KnowledgeError(f"{source.folder / 'names.tsv'}:{number}: no endings are called {kind!r}") from e
        refs = codes.split()
        name = Name(tuple(c for c in refs if c[-1] != "*"), tuple(c[:-1] for c in refs if c[-1] == "*"),
                    kind == "adj", stem + forms[0] in common)
        lexicon.add_needles([f" {stem}{e} " for e in forms], name)
    for code, names in aliases.items():
        if code not in registry:
            raise names.wrong(f"{code} is not the code of an akimat")
        for alias in names.list():
            try:
                forms = tuple(spelt(alias.text()))
            except BadPattern as e:
                raise alias.wrong(str(e)) from e
            for form in forms:
                _alias(code, form, len(forms) == 1, common, lexicon)


def _alias(code: str, text: str, declines: bool, common: set[str], lexicon: Lexicon) -> None:
    """A name of the alias file: "~" marks the stem of a Russian adjective; a single word takes every ending."""
    endings: tuple[str, ...] = ("",)
    if text.endswith("~"):
        endings = _RUSSIAN["adj"]
    elif declines and " " not in text and not text.isupper():
        endings = (*_RUSSIAN["hard"], "ы", "ой", *_kazakh("=ннгддмл"), *_kazakh("=тткттпт"), *_kazakh("=ддгддмд"))
    words = [one_word(w) for w in text.rstrip("~").lower().replace("-", " ").split()]
    name = Name((code,), adjective=text.endswith("~"), common="  ".join(words) in common)
    lexicon.add_needles([f" {'  '.join(words)}{e} " for e in endings], name)


def _heads(source: Source, lexicon: Lexicon) -> None:
    for kind, group in source.document("heads.yaml").items():
        if kind == "levels":
            for letter, words in group.items():
                types = _LEVEL_TYPES.get(letter)
                if types is None:
                    raise words.wrong(f"level {letter!r} is none of {' '.join(_LEVEL_TYPES)}")
                words.patterns(partial(_add_level, lexicon, types))
        elif kind == "street":
            for side, words in group.items():
                for word in words.list():
                    lexicon.add(word.text(), Street(side))
        else:
            group.patterns(partial(lexicon.add, mark=HeadWord(kind)))


def _add_level(lexicon: Lexicon, types: str, pattern: str) -> None:
    adjective = "н(ой" in pattern or "н(ый" in pattern or "ск(ой" in pattern or "ск(ий" in pattern
    lexicon.add(pattern, Level(types, adjective))


def _topics(source: Source, lexicon: Lexicon) -> dict[str, Topic]:
    out: dict[str, Topic] = {}
    for code, body in source.document("topics.yaml").need("topics").items():
        out[code] = Topic(code, *(body.need(k).text() for k in ("group", "kk", "ru", "en", "department")))
        for part, weight in (("sure", SURE), ("strong", STRONG), ("weak", WEAK)):
            body.need(part).patterns(partial(lexicon.add, mark=TopicWord(code, weight)))
    return out


def _subject(source: Source, lexicon: SubjectLexicon) -> Lexicon:
    for kind, words in source.document("kinds.yaml").need("kinds").items():
        if kind not in get_args(Kind):
            raise words.wrong(f"kind {kind!r} is none of: {', '.join(get_args(Kind))}")
        words.patterns(partial(lexicon.kinds.add, mark=KindCue(kind)))  # type: ignore[arg-type]
    for part, words in source.document("urgency.yaml").need("signs").items():
        words.patterns(partial(lexicon.urgency.add, mark=UrgencyCue(part)))
    return lexicon.ready()
