"""What was asked for and may be granted: by the library, or, while taskledger.testing.capture() is at work, freely."""

from __future__ import annotations

from abc import ABC, abstractmethod
from ctypes import byref, c_void_p
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from . import _library, _settings, _structs
from ._handle import Handle
from .errors import LeaseError, LeaseUnavailable

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Refusal = Callable[[_structs.Holder], LeaseError]


class Grant(ABC):
    """A lease that was asked for."""

    @abstractmethod
    def is_decided(self, wait: float) -> bool:
        """After so many seconds at most. Raises a LeaseError if the answer is no."""

    @property
    @abstractmethod
    def is_held(self) -> bool: ...

    @property
    @abstractmethod
    def is_local(self) -> bool: ...

    @property
    @abstractmethod
    def left(self) -> float: ...

    @property
    @abstractmethod
    def attempt(self) -> int: ...

    @abstractmethod
    def next_attempt(self) -> int: ...

    @abstractmethod
    def release(self) -> None:
        """Also gives up waiting for it. A second time does nothing."""


class FreeGrant(Grant):
    """Held by everybody who asks."""

    attempt = 1
    is_local = False
    is_held = True

    def is_decided(self, wait: float) -> bool:
        return True

    @property
    def left(self) -> float:
        return float("inf") if self.is_held else 0.0

    def next_attempt(self) -> int:
        self.attempt += 1
        return self.attempt

    def release(self) -> None:
        self.is_held = False


class LibraryGrant(Grant):
    def __init__(self, library: _library.Library, pointer: int, refusal: Refusal) -> None:
        self._library = library
        self._handle = Handle(pointer)
        self._refusal = refusal
        self._attempt = 0

    def is_decided(self, wait: float) -> bool:
        holder = _structs.new(_structs.Holder)
        with self._handle.use() as pointer:
            result = self._library.lease_wait(pointer, round(wait * 1000), byref(holder))
        if result == _library.HELD:
            raise self._refusal(holder)
        if result not in (_library.GRANTED, _library.WAITING):
            raise LeaseUnavailable(reason(self._library))
        return bool(result == _library.GRANTED)

    @property
    def is_held(self) -> bool:
        return bool(self._ask("lease_is_held"))

    @property
    def is_local(self) -> bool:
        return bool(self._ask("lease_is_local"))

    @property
    def left(self) -> float:
        return self._ask("lease_left_ms") / 1000

    @property
    def attempt(self) -> int:
        self._attempt = self._ask("lease_attempt") or self._attempt
        return self._attempt

    def next_attempt(self) -> int:
        return self._ask("lease_next_attempt")

    def release(self) -> None:
        pointer = self._handle.take(timeout=1.0)
        if pointer is not None and not self._handle.is_used:
            self._library.lease_release(pointer)

    def _ask(self, function: str) -> int:
        """0 once it was released."""
        with self._handle.use() as pointer:
            return int(getattr(self._library, function)(pointer)) if pointer is not None else 0


def ask(library: _library.Library, producer: Handle, request: Any, refusal: Refusal) -> Grant:
    """By a ClaimRequest or a PermitRequest. Raises LeaseUnavailable, and ValueError for one that breaks a limit."""
    if not library.has_leases:
        raise LeaseUnavailable("this libtaskledger is too old for claims and permits")
    function = library.claim_ask if isinstance(request, _structs.ClaimRequest) else library.permit_ask
    lease = c_void_p()
    with producer.use() as pointer:
        result = function(pointer, byref(request), byref(lease))
    if lease.value is not None:
        return LibraryGrant(library, lease.value, refusal)
    if result == _library.LEASE_INVALID:
        raise ValueError(reason(library))
    raise LeaseUnavailable(reason(library))


def reason(library: _library.Library) -> str:
    return str(library.lease_reason().decode("utf-8", "replace"))


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def milliseconds(seconds: float) -> int:
    """0 stays 0, what is negative is 0."""
    return _settings.milliseconds(seconds) if seconds > 0 else 0
