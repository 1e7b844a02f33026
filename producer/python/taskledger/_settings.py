"""The arguments of a Producer, as the library takes them."""

from __future__ import annotations

import os
from ctypes import byref, create_string_buffer
from pathlib import Path
from typing import Any, Dict, Optional, Union

from . import _library, _structs

REASON_BYTES = 512
MILLISECONDS_MAX = 2**31 - 1
COUNT_MAX = 2**32 - 1
SIZE_MAX = 2**63 - 1
NO_WORDS = ("0", "false", "no", "off")

Name = Optional[Union[str, "os.PathLike[str]"]]


class Invalid(Exception):
    """Why there can be no such producer."""


def options(library: _library.Library, settings: Dict[str, Any]) -> _structs.Options:
    """What is None is taken from the environment, else from the library's defaults. Raises Invalid."""
    try:
        fields = {name: CONVERSIONS[name](value) for name, value in settings.items() if value is not None}
        filled = _structs.new(_structs.Options, **fields)
    except (TypeError, ValueError, OverflowError, LookupError) as error:
        raise Invalid(f"{error}") from None
    reason = create_string_buffer(REASON_BYTES)
    if library.options_from_environment(byref(filled), reason, REASON_BYTES) != 0:
        raise Invalid(reason.value.decode("utf-8", "replace"))
    return filled


def is_switched_off(enabled: Optional[bool]) -> bool:
    """Also where there is no library to ask."""
    if enabled is not None:
        return not enabled
    return os.environ.get("TASKLEDGER_ENABLED", "").lower() in NO_WORDS


def milliseconds(seconds: float) -> int:
    """At least one, since 0 stands for a default; negative stays negative."""
    number = float(seconds) * 1000
    return max(-1, round(min(number, MILLISECONDS_MAX))) or 1


def text(value: Name) -> bytes:
    return os.fsencode(Path(value) if isinstance(value, os.PathLike) else str(value))


def spool(word: str) -> int:
    if word not in _library.SPOOLS:
        raise ValueError(f"spool: expected {', '.join(_library.SPOOLS)}, found {word!r}")
    return _library.SPOOLS[word]


def size(number: int) -> int:
    if int(number) < 0:
        raise ValueError(f"expected a number that is not negative, found {number}")
    return min(int(number), SIZE_MAX)


def count(number: int) -> int:
    """One that does not fit is made the greatest that does: ctypes would take the rest of a division."""
    return min(size(number), COUNT_MAX)


CONVERSIONS: Dict[str, Any] = {
    "redis_url": text,
    "stream": text,
    "shards": count,
    "worker": text,
    "queue_events": count,
    "queue_bytes": size,
    "connect_timeout_ms": milliseconds,
    "request_timeout_ms": milliseconds,
    "backoff_base_ms": milliseconds,
    "backoff_cap_ms": milliseconds,
    "ca_file": text,
    "certificate_file": text,
    "key_file": text,
    "spool": spool,
    "spool_dir": text,
    "spool_bytes": size,
    "spool_sync_ms": milliseconds,
    "confirm_ms": milliseconds,
    "spool_target": text,
}
