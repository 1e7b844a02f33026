"""Whatever somebody calls a text, as the ledger can store it: UTF-8, no NUL, no lone surrogate, not too long."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Optional

from ._interruption import let_through

# Together they leave room for data in the 64 KiB of an event.
NAME_BYTES_MAX = 1024
MESSAGE_BYTES_MAX = 8 * 1024
TRACEBACK_BYTES_MAX = 16 * 1024
ID_BYTES_MAX = 255

SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def encoded(value: Any, limit: int) -> Optional[bytes]:
    """In at most `limit` bytes; what is cut out of the middle is counted there. None stays None."""
    if value is None:
        return None
    text = value if type(value) is str else text_of(value)
    if len(text) <= limit:
        data = utf8(text)
        if len(data) <= limit:
            return data
    return cut(text, limit)


def encoded_id(value: Any) -> Optional[bytes]:
    """An identity is not cut: one that is too long is refused by whoever gets it."""
    if value is None:
        return None
    return utf8(value if type(value) is str else text_of(value))


def utf8(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = SURROGATE.sub(REPLACEMENT, text).encode()
    return data.replace(b"\0", REPLACEMENT.encode()) if b"\0" in data else data


def cut(text: str, limit: int) -> bytes:
    """The beginning and, of a traceback the more telling part, the end."""
    mark = f" [... {len(text)} characters in all ...] ".encode()
    room = limit - len(mark)
    head = utf8(text[: room // 4])[: room // 4]
    tail = utf8(text[-(room - room // 4) :])[-(room - room // 4) :]
    return head.decode(errors="ignore").encode() + mark + tail.decode(errors="ignore").encode()


def text_of(value: Any) -> str:
    """str(value), whatever str() does."""
    try:
        if isinstance(value, Enum) and isinstance(value.value, str):
            return value.value
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "replace")
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception as error:
        let_through(error)
        return f"<{type(value).__name__}, of which str() raised {type(error).__name__}>"
