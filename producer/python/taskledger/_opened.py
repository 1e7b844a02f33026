"""A producer of the library, as a Producer has one from its first use on."""

from __future__ import annotations

from ctypes import byref, create_string_buffer
from typing import Any, Dict, Optional

from . import _library, _settings, _structs
from ._handle import Handle


class Opened:
    """The library, a producer of its own, and how to emit by it."""

    trouble: Optional[str] = None  # why it has no library, if that is nobody's wish

    def __init__(self, library: Optional[_library.Library], pointer: Optional[int] = None, spool: int = 0) -> None:
        self.library = library
        self.handle = Handle(pointer)
        if library is not None:
            # With `always` an emit may wait for a disk.
            waits = spool == _library.SPOOLS["always"]
            self.emit = library.emit if waits else library.brief("emit")


def open_one(settings: Dict[str, Any], enabled: Optional[bool]) -> Opened:
    """Without a library, where there is none, of which the log is told, or where it cannot be opened."""
    library = None if _settings.is_switched_off(enabled) else _library.load()
    if library is None:
        return Opened(None)
    try:
        options = _settings.options(library, settings)
        if enabled:
            options.disabled = 0
        return Opened(library, pointer_of(library, options), options.spool)
    except _settings.Invalid as error:
        silent = Opened(None)
        silent.trouble = f"{error}"
        return silent


def pointer_of(library: _library.Library, options: _structs.Options) -> int:
    """Raises Invalid."""
    reason = create_string_buffer(_settings.REASON_BYTES)
    pointer = library.open(byref(options), reason, _settings.REASON_BYTES)
    if pointer is None:
        raise _settings.Invalid(reason.value.decode("utf-8", "replace"))
    return int(pointer)


def said(opened: Opened, record: _structs.Event) -> int:
    """The result of taskledger_emit. As `with opened.handle.use()` would do it, in half the time."""
    handle, user = opened.handle, object()
    try:
        handle.users.add(user)
        return int(opened.emit(handle.cell.get("pointer"), record))
    finally:
        handle.users.discard(user)
