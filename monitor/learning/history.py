"""Labelled rows as examples to learn from; and the finer field of the same rows that tells a missing label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

Label = int | str

WHO = ("author", "author_id")
"""Fields that say whose a row is: rows of one author are never split between learning and measuring."""
NEVER_FINER = frozenset(("id", "text", *WHO, "created_at", "ts", "language", "lang", "source"))
SURE, SEEN = 0.98, 2
"""A field tells the label where its values do in this share of the rows, each seen this often on average."""
TELLS, MORE = 0.5, 0.1
"""The share of labels that a way between must tell, and how much more than the context alone."""
LIKE, MOST = 5, 3
"""How often a value of a label-like field is seen on average, and how many such fields are learnt beside the label."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row: its text, what is known beside it, and its label where it has one."""

    id: Label
    text: str
    context: tuple[str, ...] = ()
    label: Label | None = None
    fields: Mapping[str, Label] = field(default_factory=dict)
    """The other plain fields, of which one may tell the label."""

    @property
    def held_out(self) -> bool:
        """Whether a row is of the tenth that a model is measured on; by its author where known, else by its id."""
        who = next((str(self.fields[name]) for name in WHO if name in self.fields), f"{type(self.id).__name__}:{self.id}")
        return blake2b(who.encode("utf-8", "replace"), digest_size=2).digest()[0] % 10 == 0


class BadExample(ValueError):
    """A row that cannot be read as an example; the message says why, for people."""


def as_example(row: Any, target: str | None, context: Sequence[str]) -> Example:
    """A row of JSONL; raises BadExample. Without `target`, labels and other fields are passed over."""
    if not isinstance(row, dict):
        raise BadExample("not an object; one JSON object with `id` and `text` a line")
    if not plain(row.get("id")):
        raise BadExample("no `id`; it is a number or a string")
    if not isinstance(row.get("text"), str):
        raise BadExample("no `text`; it is a string")
    beside = tuple(known(row.get(name)) for name in context)
    if target is None:
        return Example(row["id"], row["text"], beside)
    label = row.get(target)
    if label is not None and not plain(label):
        raise BadExample(f"`{target}` is no label; it is a whole number, a string or null")
    fields = {name: value for name, value in row.items() if name not in ("id", "text", target) and plain(value)}
    return Example(row["id"], row["text"], beside, label, fields)


def plain(value: Any) -> bool:
    """Whether a value is a number or a string, as labels and ids are."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def known(value: Any) -> str:
    """What stands beside a text, as one word; empty where nothing does."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def finer(examples: Sequence[Example], context: Sequence[str]) -> str | None:
    """The field whose values tell the label, with the most values (a topic tells its group); None where there is none."""
    names = {name for e in examples for name in e.fields} - NEVER_FINER - set(context)
    found: list[tuple[int, str]] = []
    for name in sorted(names):
        told: dict[Label, Counter[Label]] = defaultdict(Counter)
        for e in examples:
            if e.label is not None and name in e.fields:
                told[e.fields[name]][e.label] += 1
        rows = sum(sum(labels.values()) for labels in told.values())
        sure = sum(max(labels.values()) for labels in told.values())
        if rows and len(told) * SEEN <= rows and sure >= SURE * rows and len(told) > len({e.label for e in examples} - {None}):
            found.append((len(told), name))
    return max(found)[1] if found else None


def label_like(examples: Sequence[Example], context: Sequence[str]) -> list[str]:
    """Fields of the rows that look like labels: a few values, each seen again and again, in most rows. At most MOST of them."""
    names = {name for e in examples for name in e.fields} - NEVER_FINER - set(context)
    found = []
    for name in names:
        values = Counter(e.fields[name] for e in examples if name in e.fields)
        if len(values) > 1 and values.total() >= max(LIKE * len(values), len(examples) / 2):
            found.append((-values.total(), -len(values), name))
    return [name for _, _, name in sorted(found)[:MOST]]


def way_between(examples: Sequence[Example], context: Sequence[str]) -> str | None:
    """The field that, with what stands beside a text, says most of the label (a topic and a district say who answers).

    By how many labels are right when each row is told by the others of the same value and context. None where no field tells
    half of them, or little more than the context alone. A field that is the label by another name teaches nothing.
    """
    rows = [e for e in examples if e.label is not None]
    labels = len({e.label for e in rows})
    found = []
    for name in label_like(rows, context):
        known = [e for e in rows if name in e.fields]
        alone = _told(known, lambda e, name=name: e.fields[name])  # type: ignore[misc]
        if alone >= SURE and len({e.fields[name] for e in known}) < 1.5 * labels:
            continue
        share = _told(known, lambda e, name=name: (e.context, e.fields[name]))  # type: ignore[misc]
        if share >= TELLS and share >= _told(known, lambda e: e.context) + MORE:
            found.append((share, name))
    return max(found)[1] if found else None


def _told(examples: Sequence[Example], key: Callable[[Example], Hashable]) -> float:
    """The share of labels that the other rows under the same key tell."""
    cells: dict[Hashable, Counter[Label | None]] = defaultdict(Counter)
    for e in examples:
        cells[key(e)][e.label] += 1
    right = 0
    for counts in cells.values():
        (_, top), *rest = counts.most_common(2)
        right += top if top - 1 > (rest[0][1] if rest else 0) else 0
    return right / max(1, len(examples))


def filled(examples: Sequence[Example], name: str) -> list[Example]:
    """The examples with missing labels told by the finer field, where all its labelled rows agree."""
    told: dict[Label, set[Label]] = defaultdict(set)
    for e in examples:
        if e.label is not None and name in e.fields:
            told[e.fields[name]].add(e.label)
    out = []
    for e in examples:
        labels = told.get(e.fields[name], set()) if name in e.fields else set()
        out.append(Example(e.id, e.text, e.context, next(iter(labels)), e.fields) if e.label is None and len(labels) == 1 else e)
    return out
