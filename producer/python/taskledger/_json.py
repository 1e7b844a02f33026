"""Whatever somebody gives as data, as a JSON object that the ledger can store.

Most data is written at once. Data that JSON or PostgreSQL has no word for (odd objects, NaN, keys that are no texts,
lone surrogates, NULs, cycles, more than 60 levels) is written again, made plain beforehand."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Set
from datetime import date, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Optional, Tuple
from uuid import UUID

from ._interruption import let_through
from ._text import REPLACEMENT, SURROGATE, text_of

DEPTH_MAX = 60
ITEMS_MAX = 10_000  # of one list or object, when it must be made plain
REPR_CHARACTERS_MAX = 200
INTEGER_BITS_MAX = 10_000  # numeric holds them

AS_TEXT = (UUID, PurePath, Decimal, Fraction)


def object_text(data: Any) -> Optional[bytes]:
    """None when there is no data."""
    if data is None:
        return None
    data = mapping_of(data)
    try:
        text = QUICK(data)
        if "\\u0000" not in text:
            return text.encode()
    except Exception as error:
        let_through(error)
    return plain_text(data)


def plain_text(data: Any) -> bytes:
    """The slower way, which takes anything."""
    try:
        return STRICT(plain(mapping_of(data), ())).encode()
    except Exception as error:
        let_through(error)
        return STRICT({"taskledger_unreadable": type(error).__name__}).encode()


def mapping_of(data: Any) -> Any:
    """Itself, if it is one. A proxy that is asked for its class may raise whatever it likes: then it is none."""
    try:
        return data if isinstance(data, Mapping) else {"value": data}
    except Exception as error:
        let_through(error)
        return {"value": data}


def merged(first: Optional[Mapping[str, Any]], data: Any) -> Any:
    """Both, as data."""
    if data is None:
        return first or None
    try:
        return {**(first or {}), **mapping_of(data)} or None
    except Exception as error:
        let_through(error)
        return {**(first or {}), "value": shown(data)}


def plain_again(text: bytes) -> bytes:
    """Of what was written before."""
    return plain_text(json.loads(text))


def odd(value: Any) -> Any:
    """Something that JSON has a word for in place of something that it has none for."""
    if isinstance(value, (date, time)):  # datetime is a date
        return value.isoformat()
    if isinstance(value, AS_TEXT):
        return str(value)
    if isinstance(value, Integral):  # of numpy and the like
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return list(value)
    if isinstance(value, bytes):
        return value[:REPR_CHARACTERS_MAX].decode("utf-8", "backslashreplace")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return shown(value)


def shown(value: Any) -> str:
    """repr(value), bounded, whatever repr() does."""
    try:
        return repr(value)[:REPR_CHARACTERS_MAX]
    except Exception as error:
        let_through(error)
        return f"<{type(value).__name__}>"


QUICK = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=odd).encode
STRICT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


# ---- the slower way -------------------------------------------------------------------------------------------------


def plain(value: Any, above: Tuple[int, ...]) -> Any:
    """The value in dicts, lists, texts and numbers. `above`: the ids of what it stands in."""
    try:
        return plain_value(value, above)
    except Exception as error:
        let_through(error)
        return shown(value)


def plain_value(value: Any, above: Tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= INTEGER_BITS_MAX else f"<an integer of {value.bit_length()} bits>"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, str):
        return plain_string(value)
    if id(value) in above:
        return "<itself>"
    if len(above) >= DEPTH_MAX:
        return "<deeper>"
    return plain_container(value, (*above, id(value)))


def plain_container(value: Any, above: Tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {plain_string(key): plain(item, above) for key, item in first(value.items())}
    if isinstance(value, (list, tuple)):
        return [plain(item, above) for item in first(value)]
    return plain(odd(value), above)


def plain_string(value: Any) -> str:
    return SURROGATE.sub(REPLACEMENT, text_of(value)).replace("\0", REPLACEMENT)


def first(items: Any) -> Any:
    return (item for item, _ in zip(items, range(ITEMS_MAX)))
