"""Claims and permits: what one may hold for a while among all workers.

    with producer.claim("order-4711") as claim, producer.task(claim=claim, name="invoice") as task:
        ...                             # nobody else does this task now; its events outrank those of whoever did before

    async with producer.permit("tts", 5):
        ...                             # one of five, among all processes

Outside an event loop claim() and permit() wait, and what they return is held, with or without `with`, until it is
released or nobody refers to it any more. Where asyncio's loop runs in the thread they only ask: `async with`, or
`await`, waits, without holding up the loop. Either way Ctrl-C or a cancellation ends the wait, and gives up one's place
in the line.

Both are leases, renewed by a thread of the library every third of their time. A holder that is cut off, or stopped for
too long, loses them while it still runs: ask `held` before what must not be done twice. A child of fork() holds nothing
of what its parent holds."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generator, Optional, Type, TypeVar

from . import _capture, _settings, _structs, _waiting
from ._grant import FreeGrant, Grant, Refusal, ask, milliseconds, moment
from ._log import WARNING, tell
from ._text import encoded_id
from .errors import ClaimHeld, LeaseUnavailable, PermitTimeout

if TYPE_CHECKING:
    from ._producer import Producer

Self = TypeVar("Self", bound="Lease")


class Lease:
    """What Claim and Permit have in common. Any thread may look at it and release it."""

    def __init__(self, what: str, grant: Grant) -> None:
        self._what = what
        self._grant = grant
        self._is_awaited = False
        self._is_granted = False
        self._is_released = False
        self._asked_in = os.getpid()

    @property
    def held(self) -> bool:
        """As long as nobody else can have it; False from when it is lost, for good, or released. Costs a look at a
        clock."""
        return self._granted().is_held

    @property
    def lost(self) -> bool:
        """It ran out, or was taken away, before it was released: whatever it guards must stop."""
        return not self._is_released and not self._granted().is_held

    @property
    def left(self) -> float:
        """Seconds for which it is held for sure without a further renewal; 0: lost, or released."""
        return self._granted().left

    def release(self) -> None:
        """Give it back, or give up waiting for it; Redis is told in the background. A second time does nothing."""
        if self._is_granted and not self._is_released and self._is_ours and not self._grant.is_held:
            tell(WARNING, "%s was lost before it was released: it could not be renewed in time", self._what)
        self._is_released = True
        self._grant.release()

    @property
    def _is_ours(self) -> bool:
        """Not a parent's, of which we hold nothing and have lost nothing."""
        return self._asked_in == os.getpid()

    def _granted(self) -> Grant:
        if not self._is_granted:
            raise RuntimeError(f"{self._what} was asked for in an event loop: await it, or enter it by `async with`")
        return self._grant

    def _wait(self: Self) -> Self:
        self._is_awaited = True
        try:
            _waiting.wait(self._grant.is_decided)
        except BaseException:
            self._grant.release()
            raise
        self._begin()
        return self

    async def _wait_async(self: Self) -> Self:
        self._is_awaited = True
        try:
            await _waiting.wait_async(self._grant.is_decided)
        except BaseException:
            self._grant.release()
            raise
        self._begin()
        return self

    def _begin(self) -> None:
        self._is_granted = True

    def __await__(self: Self) -> Generator[Any, None, Self]:
        return self._wait_async().__await__()

    def __enter__(self: Self) -> Self:
        return self if self._is_granted else self._wait()

    async def __aenter__(self: Self) -> Self:
        return self if self._is_granted else await self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.release()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.release()

    def __del__(self) -> None:
        """What nobody can release any more is not renewed for ever."""
        if not self._is_awaited:
            tell(WARNING, "%s was asked for in an event loop and never awaited: nobody held it", self._what)
        elif self._is_granted and not self._is_released and self._grant.is_held:
            tell(WARNING, "%s was forgotten, and is given back: use `with`, or release()", self._what)
        self._grant.release()


class Claim(Lease):
    """A task that nobody else starts meanwhile."""

    def __init__(self, task_id: str, grant: Grant) -> None:
        super().__init__(f"the claim of {task_id!r}", grant)
        self.task_id = task_id

    @property
    def attempt(self) -> int:
        """Under which its events outrank those of every claim before it."""
        return self._granted().attempt

    def next_attempt(self) -> int:
        """Begin another attempt under the same claim; 0 when it is lost. Task.retry() does so by itself. Waits for Redis
        to hear of it: 0.2 s at most, or the claim's timeout when there were more attempts than its lease has seconds."""
        return self._granted().next_attempt()


class Permit(Lease):
    """One of so many."""

    def __init__(self, name: str, grant: Grant, producer: Producer) -> None:
        super().__init__(f"the permit {name!r}", grant)
        self.name = name
        self._producer = producer

    def _begin(self) -> None:
        super()._begin()
        if self.local:
            self._producer.notice()

    @property
    def local(self) -> bool:
        """By the local limit, since Redis was away."""
        return self._granted().is_local


def claim(
    producer: Producer, task_id: str, *, lease: float, wait: float, holder: Optional[str], timeout: float
) -> Claim:
    def refusal(held: _structs.Holder) -> ClaimHeld:
        name = held.name.decode("utf-8", "replace")
        return ClaimHeld(task_id, name, held.attempt, moment(held.since_us), held.left_ms / 1000)

    request = _structs.new(
        _structs.ClaimRequest,
        task_id=encoded_id(task_id),
        holder=encoded_id(holder),
        lease_ms=milliseconds(lease),
        wait_ms=milliseconds(wait),
        timeout_ms=milliseconds(timeout),
    )
    return started(Claim(task_id, granted(producer, request, refusal)))


def permit(
    producer: Producer,
    name: str,
    limit: int,
    *,
    wait: float,
    lease: float,
    local_limit: int,
    holder: Optional[str],
    timeout: float,
) -> Permit:
    def refusal(held: _structs.Holder) -> PermitTimeout:
        return PermitTimeout(name, limit, wait)

    request = _structs.new(
        _structs.PermitRequest,
        name=encoded_id(name),
        holder=encoded_id(holder),
        limit=_settings.count(limit),
        local_limit=_settings.count(local_limit),
        lease_ms=milliseconds(lease),
        wait_ms=milliseconds(wait),
        timeout_ms=milliseconds(timeout),
    )
    return started(Permit(name, granted(producer, request, refusal), producer))


def granted(producer: Producer, request: Any, refusal: Refusal) -> Grant:
    """While events are captured everybody is granted everything."""
    if _capture.lists:
        return FreeGrant()
    opened = producer.opened()
    if opened.library is None:
        raise LeaseUnavailable("the producer is disabled, or there is no libtaskledger")
    return ask(opened.library, opened.handle, request, refusal)


def started(lease: Self) -> Self:
    return lease if _waiting.loop_is_running() else lease._wait()
