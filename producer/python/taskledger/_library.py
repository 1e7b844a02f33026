"""Finds libtaskledger and says how its functions are called.

Looked for are, in this order: the file that TASKLEDGER_LIBRARY names; libtaskledger.so.0 in the folder of this package;
libtaskledger.so.0 wherever the dynamic linker finds libraries. Where there is none, or one that is too old, load() says
so once to the log and returns None, and all that builds on it says nothing."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from . import _structs
from ._log import ERROR, tell

SONAME = "libtaskledger.so.0"

WHAT_TO_INSTALL = (
    "taskledger is silent: %s. Install the Debian package libtaskledger0, or name the file %s in TASKLEDGER_LIBRARY"
)

# enum taskledger_result.
ACCEPTED, FULL, TOO_BIG, INVALID, CLOSED = range(5)
# enum taskledger_lease_result.
GRANTED, HELD, AWAY, LEASE_INVALID, WAITING = range(5)
# enum taskledger_spool.
SPOOLS = {"off": 1, "overflow": 2, "always": 3}

Prototypes = Dict[str, Tuple[Any, List[Any]]]

PRODUCER: Prototypes = {
    "taskledger_version": (c_char_p, []),
    "taskledger_options_from_environment": (c_int, [POINTER(_structs.Options), c_char_p, c_size_t]),
    "taskledger_open": (c_void_p, [POINTER(_structs.Options), c_char_p, c_size_t]),
    "taskledger_emit": (c_int, [c_void_p, POINTER(_structs.Event)]),
    "taskledger_invalid_reason": (c_char_p, []),
    "taskledger_flush": (c_uint64, [c_void_p, c_int32]),
    "taskledger_close": (c_uint64, [c_void_p, c_int32]),
    "taskledger_sweep": (c_uint64, [c_void_p, c_int32]),
    "taskledger_counters": (None, [c_void_p, POINTER(_structs.Counters)]),
}

LEASES: Prototypes = {
    "taskledger_claim_ask": (c_int, [c_void_p, POINTER(_structs.ClaimRequest), POINTER(c_void_p)]),
    "taskledger_permit_ask": (c_int, [c_void_p, POINTER(_structs.PermitRequest), POINTER(c_void_p)]),
    "taskledger_lease_wait": (c_int, [c_void_p, c_int32, POINTER(_structs.Holder)]),
    "taskledger_lease_reason": (c_char_p, []),
    "taskledger_lease_attempt": (c_uint32, [c_void_p]),
    "taskledger_lease_next_attempt": (c_uint32, [c_void_p]),
    "taskledger_lease_is_local": (c_int, [c_void_p]),
    "taskledger_lease_is_held": (c_int, [c_void_p]),
    "taskledger_lease_left_ms": (c_int32, [c_void_p]),
    "taskledger_lease_release": (None, [c_void_p]),
}


class Missing(Exception):
    """Why there is no library."""


class Library:
    """The functions of one that was found, without their prefix: library.emit(producer, event)."""

    def __init__(self, path: str) -> None:
        """Raises Missing."""
        try:
            calls = ctypes.CDLL(path)
            # A call by this one keeps the interpreter's lock: for what returns within a microsecond, since who lets it
            # go may have to wait 5 ms behind another thread to get it back.
            self._brief = ctypes.PyDLL(path)
        except OSError as error:
            raise Missing(f"{error}") from None
        self._functions: Dict[str, Any] = {}
        try:
            self._bind(calls, PRODUCER)
        except AttributeError as error:
            raise Missing(f"{path} is too old: {error}") from None
        try:
            self._bind(calls, LEASES)
            self.has_leases = True
        except AttributeError:
            self.has_leases = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(name) from None

    def _bind(self, calls: ctypes.CDLL, prototypes: Prototypes) -> None:
        for symbol, prototype in prototypes.items():
            self._functions[symbol[len("taskledger_") :]] = bound(calls, symbol, prototype)

    def brief(self, name: str) -> Any:
        """The same function, keeping the interpreter's lock."""
        symbol = "taskledger_" + name
        return bound(self._brief, symbol, {**PRODUCER, **LEASES}[symbol])


def bound(calls: ctypes.CDLL, symbol: str, prototype: Tuple[Any, List[Any]]) -> Any:
    function = getattr(calls, symbol)
    function.restype, function.argtypes = prototype
    return function


def candidates() -> List[str]:
    named = os.environ.get("TASKLEDGER_LIBRARY")
    if named:
        return [named]
    beside = Path(__file__).with_name(SONAME)
    return [str(beside), SONAME] if beside.exists() else [SONAME]


def find() -> Library:
    """Raises Missing."""
    for path in candidates()[:-1]:
        try:
            return Library(path)
        except Missing:
            continue
    return Library(candidates()[-1])


_loaded: List[Optional[Library]] = []  # of this process and its children; at most one


def load() -> Optional[Library]:
    """The library; the first time that there is none, the log is told."""
    if not _loaded:
        try:
            _loaded.append(find())
        except Missing as error:
            _loaded.append(None)
            tell(ERROR, WHAT_TO_INSTALL, error, SONAME)
    return _loaded[0]
