"""Puts events into the stream, or sees to it that nobody notices that it could not."""

from __future__ import annotations

import time
from ctypes import byref
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Set, Type, Union

from . import _capture, _exit, _library, _settings, _structs, _waiting
from ._interruption import OWN, let_through
from ._json import plain_again
from ._log import ERROR, WARNING, tell
from ._opened import Opened, open_one, said
from ._redaction import Redact, apply
from ._watch import Watch
from .counters import Counters, of_struct
from .event import complaint, pack, unpack
from .status import Status

if TYPE_CHECKING:
    from .lease import Claim, Permit
    from .task import Task

COMPLAINTS_MAX = 100


class Producer:
    """Says what tasks are doing. Arguments that are None come from the environment (REDIS_URL, TASKLEDGER_...: the
    variables of the C library), then from its defaults. Times are in seconds.

    Whatever happens here, the program that says something goes on: nothing but claim() and permit() raises. Where there
    is no library, or the settings are no good, the log is told once and all is silence.

    enabled         False: says nothing, and looks for no library
    redact          called with each Event before anything leaves the process: a copy of which it may change message,
                    data, error_message and error_traceback; if it fails, these four are withheld
    close_timeout   so long the process waits at its end (atexit), and a child of multiprocessing at its own

    One may be used by any number of threads, and in the children of fork(), where it is a producer of its own."""

    def __init__(
        self,
        redis_url: Optional[str] = None,
        *,
        stream: Optional[str] = None,
        shards: Optional[int] = None,
        worker: Optional[str] = None,
        spool: Optional[str] = None,
        spool_dir: _settings.Name = None,
        spool_bytes: Optional[int] = None,
        spool_sync: Optional[float] = None,
        spool_target: Optional[str] = None,
        confirm: Optional[float] = None,
        queue_events: Optional[int] = None,
        queue_bytes: Optional[int] = None,
        connect_timeout: Optional[float] = None,
        request_timeout: Optional[float] = None,
        backoff_base: Optional[float] = None,
        backoff_cap: Optional[float] = None,
        ca_file: _settings.Name = None,
        certificate_file: _settings.Name = None,
        key_file: _settings.Name = None,
        enabled: Optional[bool] = None,
        redact: Optional[Redact] = None,
        close_timeout: float = 2.0,
    ) -> None:
        self._settings: Dict[str, Any] = {
            "redis_url": redis_url,
            "stream": stream,
            "shards": shards,
            "worker": worker,
            "spool": spool,
            "spool_dir": spool_dir,
            "spool_bytes": spool_bytes,
            "spool_sync_ms": spool_sync,
            "spool_target": spool_target,
            "confirm_ms": confirm,
            "queue_events": queue_events,
            "queue_bytes": queue_bytes,
            "connect_timeout_ms": connect_timeout,
            "request_timeout_ms": request_timeout,
            "backoff_base_ms": backoff_base,
            "backoff_cap_ms": backoff_cap,
            "ca_file": ca_file,
            "certificate_file": certificate_file,
            "key_file": key_file,
        }
        self._enabled = enabled
        self._redact = redact
        self.close_timeout = close_timeout
        self._cell: Dict[str, Opened] = {}
        self._watch = Watch()
        self._complaints: Set[str] = set()

    # ---- emit -------------------------------------------------------------------------------------------------------

    def emit(
        self,
        task_id: str,
        status: Union[Status, str, int],
        *,
        attempt: int = 1,
        name: Optional[str] = None,
        worker: Optional[str] = None,
        step: Optional[str] = None,
        progress: Optional[float] = None,
        message: Optional[str] = None,
        error_type: Optional[str] = None,
        error_message: Optional[str] = None,
        error_traceback: Optional[str] = None,
        data: Optional[Mapping[str, Any]] = None,
        traceparent: Optional[str] = None,
        parent_task_id: Optional[str] = None,
        queue: Optional[str] = None,
        occurred_at: Union[datetime, float, None] = None,
    ) -> bool:
        """True when it has its number and will be sent, or its loss declared. Never raises, and waits for nothing but,
        with the spool `always`, a disk.

        data is written as JSON whatever it holds; more than fits is cut, with a mark and its SHA-256. Long texts are
        cut. occurred_at: a datetime, or seconds since 1970."""
        try:
            record = pack(
                task_id,
                status,
                attempt,
                name,
                worker,
                step,
                progress,
                message,
                error_type,
                error_message,
                error_traceback,
                data,
                traceparent,
                parent_task_id,
                queue,
                occurred_at,
            )
            if self._redact is not None:
                apply(self._redact, record, self._complain)
            return self._say(record) if not _capture.lists else self._capture(record)
        except OWN as error:
            let_through(error)
            self._complain(f"{type(error).__name__}: {error}")
            return False

    def _say(self, record: _structs.Event) -> bool:
        opened = self._cell.get("opened") or self._open()
        if opened.library is None:
            return False
        result = said(opened, record)
        if result == _library.INVALID and record.data_json is not None:
            record.data_json = plain_again(record.data_json)  # deeper, or with larger numbers, than can be stored
            result = said(opened, record)
        if result in (_library.INVALID, _library.TOO_BIG):
            self._complain(opened.library.invalid_reason().decode("utf-8", "replace"))
        if time.monotonic() >= self._watch.next_look:
            self.notice()
        return bool(result == _library.ACCEPTED)

    def _capture(self, record: _structs.Event) -> bool:
        reason = complaint(record)
        if reason is None:
            _capture.add(unpack(record))
        else:
            self._complain(reason)
        return reason is None

    def _complain(self, reason: str) -> None:
        """Once about each kind of thing."""
        kind = reason.partition(":")[0]
        if kind not in self._complaints and len(self._complaints) < COMPLAINTS_MAX:
            self._complaints.add(kind)
            tell(WARNING, "an event was not said, or not whole: %s (this is told once)", reason)

    # ---- tasks, claims, permits -------------------------------------------------------------------------------------

    def task(
        self,
        task_id: Optional[str] = None,
        name: Optional[str] = None,
        *,
        attempt: int = 1,
        queue: Optional[str] = None,
        parent_task_id: Optional[str] = None,
        traceparent: Optional[str] = None,
        data: Optional[Mapping[str, Any]] = None,
        claim: Optional[Claim] = None,
    ) -> Task:
        """A Task for `with` or `async with`. Without a task_id it is the claim's, else a new UUID; with a claim the
        attempt is the claim's; the parent is the task around it, unless given."""
        from .task import Task

        return Task(
            self,
            task_id,
            name,
            attempt=attempt,
            queue=queue,
            parent_task_id=parent_task_id,
            traceparent=traceparent,
            data=data,
            claim=claim,
        )

    def claim(
        self,
        task_id: str,
        *,
        lease: float = 30.0,
        wait: float = 0.0,
        holder: Optional[str] = None,
        timeout: float = 2.0,
    ) -> Claim:
        """Makes sure that this task is started once, however many workers were told to. Raises ClaimHeld when somebody
        else has it and does not give it back within `wait`, LeaseUnavailable when Redis does not answer within
        `timeout`; see taskledger.lease."""
        from .lease import claim

        return claim(self, task_id, lease=lease, wait=wait, holder=holder, timeout=timeout)

    def permit(
        self,
        name: str,
        limit: int,
        *,
        wait: float = 60.0,
        lease: float = 30.0,
        local_limit: int = 0,
        holder: Optional[str] = None,
        timeout: float = 2.0,
    ) -> Permit:
        """One of `limit` permits of that name among all workers, first come, first served. Raises PermitTimeout when
        none came free within `wait`, LeaseUnavailable when Redis does not answer within `timeout`, unless fewer than
        `local_limit` are in use in this process; see taskledger.lease."""
        from .lease import permit

        return permit(
            self, name, limit, wait=wait, lease=lease, local_limit=local_limit, holder=holder, timeout=timeout
        )

    # ---- flush, close, look -----------------------------------------------------------------------------------------

    def flush(self, timeout: float) -> int:
        """Waits until Redis has answered for what was said before. Returns how many events it has not answered for: 0
        is success. To be called where a process ends without its atexit functions."""
        return self._wait("flush", timeout)

    def sweep(self, timeout: float) -> int:
        """Sends what producers that are gone left in the spool folder. Returns how many of their events are left."""
        return self._wait("sweep", timeout)

    def _wait(self, function: str, timeout: float) -> int:
        opened = self._open_unless_captured()
        if opened is None or opened.library is None:
            return 0
        call, handle = getattr(opened.library, function), opened.handle

        def wait() -> int:
            with handle.use() as pointer:
                return int(call(pointer, _settings.milliseconds(max(timeout, 0))))

        left = _waiting.call(wait)
        self.notice()
        return left

    def close(self, timeout: Optional[float] = None) -> int:
        """Says goodbye, flushes, writes to the spool what is left, and is silent from then on. Returns how many events
        neither Redis nor the spool has. Without a timeout close_timeout counts. A second call does nothing."""
        return _waiting.call(lambda: self.close_here(self.close_timeout if timeout is None else timeout))

    def close_here(self, timeout: float) -> int:
        """The same in this very thread, which cannot be interrupted meanwhile."""
        opened = self._cell.get("opened") or self._cell.setdefault("opened", Opened(None))
        _exit.forget(self)
        if opened.library is None:
            return 0
        deadline = time.monotonic() + timeout
        pointer = opened.handle.take(timeout)
        # One that a call still uses cannot be freed; its thread goes on, and what is left is in its spool.
        end = opened.library.flush if opened.handle.is_used else opened.library.close
        left = int(end(pointer, _settings.milliseconds(max(deadline - time.monotonic(), 0))))
        if left > 0:
            tell(ERROR, "%d events were lost: neither Redis nor the spool has them", left)
        return left

    def counters(self) -> Counters:
        """Since this process first emitted."""
        opened = self._open_unless_captured()
        if opened is None or opened.library is None:
            return Counters()
        struct = _structs.new(_structs.Counters)
        with opened.handle.use() as pointer:
            opened.library.counters(pointer, byref(struct))
        return of_struct(struct)

    def notice(self) -> None:
        """Tells the log what has changed since it was last told. Emits do so by themselves, once a second."""
        self._watch.look(self.counters())

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    async def __aenter__(self) -> Producer:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        from asyncio import to_thread

        await to_thread(self.close)

    # ---- opening ----------------------------------------------------------------------------------------------------

    def opened(self) -> Opened:
        """The library's producer, opened at first use; its library is None when there is none."""
        return self._cell.get("opened") or self._open()

    def _open_unless_captured(self) -> Optional[Opened]:
        return None if _capture.lists else self.opened()

    def _open(self) -> Opened:
        made = open_one(self._settings, self._enabled)
        opened = self._cell.setdefault("opened", made)
        if opened is not made and made.library is not None:
            made.library.close(made.handle.take(0), 0)  # another thread was first
        elif made.library is not None:
            _exit.remember(self)
        elif made.trouble is not None and opened is made:  # by now: whoever listens to the log may emit
            tell(ERROR, "taskledger is silent: %s", made.trouble)
        return opened
