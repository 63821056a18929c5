"""State as compact arrays and as bytes: what a million posts cost, and what a restart reads back.

Every part of the detector's memory is a dataclass of plain values, so that one encoder writes all of it.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import msgspec

if TYPE_CHECKING:
    Ints = array[int]
    Floats = array[float]
else:
    Ints = Floats = array


def encode(state: object) -> bytes:
    """A state as bytes (MessagePack)."""
    return msgspec.msgpack.encode(state, enc_hook=_plain)


T = TypeVar("T")


def decode(data: bytes, kind: type[T]) -> T:
    """The state again; raises msgspec.DecodeError or ValidationError where the bytes are not one."""
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_rich)


def _plain(value: Any) -> Any:
    if isinstance(value, array):
        return [value.typecode, value.tobytes()]
    if isinstance(value, deque):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} is no state")


def _rich(kind: Any, value: Any) -> Any:
    if kind is array:
        numbers: Ints = array(value[0])
        numbers.frombytes(value[1])
        return numbers
    if get_origin(kind) is deque:
        return deque(msgspec.convert(value, list[get_args(kind)[0]], dec_hook=_rich))  # type: ignore[misc]
    raise NotImplementedError(f"{kind} is no state")
