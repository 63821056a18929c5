"""A model as bytes and back: arrays and one JSON text in a zip (NumPy's npz). Nothing in it is ever run: no pickle is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from monitor.learning.facts import Facts
from monitor.learning.history import Label
from monitor.learning.model import TABLE, Beside, Linear, Model, Network, Way

FORM = 2
LARGEST = 1 << 30
"""Bytes that a model may unpack to."""


class BrokenModel(ValueError):
    """Bytes that are no model of ours; the message says why, for people."""


class Head(msgspec.Struct, forbid_unknown_fields=True):
    """What stands beside the arrays."""

    form: int
    target: str
    context: list[str]
    labels: list[int | str]
    counts: list[int]
    stems: list[str]
    stretches: list[str]
    beside: list[tuple[int, str]]
    combinations: list[list[str]]
    facts: Facts


def pack(model: Model) -> bytes:
    """The bytes of a model; the same model gives the same bytes."""
    head = Head(FORM, model.target, list(model.context), list(model.labels), list(model.counts), list(model.terms[0]),
                list(model.terms[1]), list(model.beside),
                [list(values) for values in model.way.combinations] if model.way else [], model.facts)
    arrays: dict[str, Any] = {
        "head": np.frombuffer(msgspec.json.encode(head), np.uint8), "rarity_0": model.rarity[0], "rarity_1": model.rarity[1],
        "weights": half(model.linear.weights), "bias": half(model.linear.bias)}
    if model.stack is not None:
        arrays |= {"stack_weights": half(model.stack.weights), "stack_bias": half(model.stack.bias)}
    if model.side is not None:
        for name, one in (("over", model.side.over), ("soft", model.side.soft),
                          *((f"field_{k}", field) for k, field in enumerate(model.side.fields))):
            arrays |= {f"{name}_weights": half(one.weights), f"{name}_bias": half(one.bias)}
    arrays |= _networks("", model.networks)
    if model.way is not None:
        arrays |= {"way_weights": half(model.way.linear.weights), "way_bias": half(model.way.linear.bias), "way_table": model.way.seen,
                   **_networks("way_", model.way.networks)}
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def _networks(of: str, networks: Sequence[Network]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for k, n in enumerate(networks):
        found |= {f"{of}seen_{k}": n.seen, f"{of}first_{k}": half(n.first), f"{of}first_bias_{k}": half(n.first_bias),
                  f"{of}second_{k}": half(n.second), f"{of}second_bias_{k}": half(n.second_bias)}
    return found


def unpack(data: bytes) -> Model:
    """The model of these bytes. Raises BrokenModel."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            if sum(entry.file_size for entry in z.infolist()) > LARGEST:
                raise BrokenModel("larger than a model can be")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = msgspec.json.decode(arrays["head"].tobytes(), type=Head)
    except (zipfile.BadZipFile, EOFError, OSError, KeyError, ValueError, NotImplementedError, RuntimeError, MemoryError) as e:
        raise e if isinstance(e, BrokenModel) else BrokenModel("not a file of `learn fit`, or damaged") from e
    except Exception as e:
        raise BrokenModel("not a file of `learn fit`, or damaged") from e
    if head.form != FORM:
        raise BrokenModel(f"of form {head.form}; this program reads form {FORM}: fit it anew")
    return _checked(head, arrays)


def digest(data: bytes) -> str:
    """The name by which a model is known: a hash of its bytes."""
    return blake2b(data, digest_size=8).hexdigest()


def half(values: Any) -> Any:
    """Half precision, as a file keeps weights."""
    return values.astype(np.float16)


def _checked(head: Head, arrays: dict[str, Any]) -> Model:
    """The model, if every array has the shape that the head says."""
    def array(name: str, *shape: int, kind: str = "f") -> Any:
        value = arrays.get(name)
        if value is None or value.shape != shape or value.dtype.kind != kind or not np.isfinite(value).all():
            raise BrokenModel(f"its array `{name}` is missing or damaged")
        return value.astype(np.float32) if kind == "f" else value

    labels: Sequence[Label] = head.labels
    terms = len(head.stems) + len(head.stretches) + len(head.beside)
    if len(labels) < 2 or len(head.counts) != len(labels) or min(head.counts) < 1 or len(set(head.stems)) != len(head.stems) \
            or len(set(head.stretches)) != len(head.stretches) or not head.stems or not head.stretches \
            or any(not 0 <= i < len(head.context) for i, _ in head.beside):
        raise BrokenModel("its labels or terms are damaged")
    stack = None
    extra = 0
    if "stack_bias" in arrays:
        extra = int(arrays["stack_bias"].size)
        stack = Linear(array("stack_weights", terms, extra), array("stack_bias", extra))

    def read_networks(of: str, answers: int) -> tuple[Network, ...]:
        found: list[Network] = []
        while (name := f"{of}seen_{len(found)}") in arrays:
            k, hidden = len(found), f"{of}first_bias_{len(found)}"
            seen, units = int(arrays[name].size), int(arrays[hidden].size) if hidden in arrays else 0
            places = array(name, seen, kind="i")
            if seen == 0 or places.min() < 0 or places.max() >= terms:
                raise BrokenModel(f"its array `{name}` is missing or damaged")
            found.append(Network(places, array(f"{of}first_{k}", seen, units), array(hidden, units),
                                 array(f"{of}second_{k}", units, answers), array(f"{of}second_bias_{k}", answers)))
        return tuple(found)

    networks = read_networks("", len(labels))
    way = None
    if "way_bias" in arrays:
        values, cells = int(arrays["way_bias"].size), len(arrays["way_table"]) if "way_table" in arrays else 0
        table = array("way_table", cells, 4, kind="i")
        sizes = (len(head.combinations), values, len(labels))
        if not cells or (table < 0).any() or (table[:, :3].max(axis=0) >= sizes).any() or (len(head.combinations) + 1) * values * len(labels) > TABLE \
                or any(len(one) != len(head.context) for one in head.combinations):
            raise BrokenModel("its array `way_table` is missing or damaged")
        way = Way(Linear(array("way_weights", terms, values), array("way_bias", values)), read_networks("way_", values),
                  tuple(tuple(one) for one in head.combinations), table, len(labels))
    side = None
    if "soft_bias" in arrays:
        fields: list[Linear] = []
        while f"field_{len(fields)}_bias" in arrays:
            k, size = len(fields), int(arrays[f"field_{len(fields)}_bias"].size)
            fields.append(Linear(array(f"field_{k}_weights", terms, size), array(f"field_{k}_bias", size)))
        more = sum(field.bias.size for field in fields)
        side = Beside(tuple(fields), Linear(array("over_weights", terms + more, len(labels)), array("over_bias", len(labels))),
                      Linear(array("soft_weights", terms, len(labels)), array("soft_bias", len(labels))))
    linear = Linear(array("weights", terms + extra, len(labels)), array("bias", len(labels)))
    return Model(head.target, tuple(head.context), tuple(labels), tuple(head.counts), (tuple(head.stems), tuple(head.stretches)),
                 (array("rarity_0", len(head.stems)), array("rarity_1", len(head.stretches))), tuple(head.beside), linear,
                 networks, stack, side, way, head.facts)
