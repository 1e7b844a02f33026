"""A task: one line per change, and its end told however it comes.

    with producer.task("order-4711", "invoice") as task:      # RUNNING
        task.step("render")
        task.progress(0.4, "12 of 30 pages")
        task.result({"pages": 30})                            # SUCCESS, or FAILURE with the exception's traceback

and in functions below, which need not be told about it:

    current_task().progress(0.5)
"""

from __future__ import annotations

import os
import sys
import uuid
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Type

from ._failure import Failure, failure_of
from ._interruption import let_through
from ._text import text_of
from .event import NO_PROGRESS, progress_of
from .status import Status

if TYPE_CHECKING:
    from .lease import Claim
    from ._producer import Producer

PARTS_TOLD_MAX = 20
COMPLETED = "completed"  # the step of what succeeded


class Task:
    """Says RUNNING when it is entered, and at its end what became of it; the exception goes on. Every method may be
    called from any thread; none raises; none waits, but retry() under a claim (Claim.next_attempt); each is True when the
    event was accepted.

    A child of fork() that leaves the block of its parent's task says nothing of its end: the parent will."""

    def __init__(
        self,
        producer: Optional[Producer],
        task_id: Optional[str] = None,
        name: Optional[str] = None,
        *,
        attempt: int = 1,
        queue: Optional[str] = None,
        parent_task_id: Optional[str] = None,
        traceparent: Optional[str] = None,
        data: Optional[Mapping[str, Any]] = None,
        claim: Optional[Claim] = None,
    ) -> None:
        if claim is not None:
            task_id, attempt = task_id or claim.task_id, claim.attempt
        self.task_id = task_id if task_id is not None else str(uuid.uuid4())
        self.attempt = attempt
        self._producer = producer
        self._claim = claim
        self._said_always: Dict[str, Any] = {
            "name": name,
            "queue": queue,
            "parent_task_id": parent_task_id,
            "traceparent": traceparent,
        }
        self._first_data = data
        self._step: Optional[str] = None
        self._progress: Optional[float] = None
        self._outcome = Outcome()
        self._retried: Optional[BaseException] = None
        self._began_in = 0  # the process; 0: it has not begun, or has ended
        self._token: Optional[Token[Optional[Task]]] = None

    # ---- while it runs ----------------------------------------------------------------------------------------------

    def step(self, name: str) -> bool:
        """RUNNING, with a new step."""
        self._step = name
        return self._say(Status.RUNNING, step=name)

    def progress(self, fraction: float, message: Optional[str] = None) -> bool:
        """RUNNING, with so much of it done: 0 to 1. What is no number changes nothing."""
        done = progress_of(fraction)
        if done == NO_PROGRESS:
            return self._say(Status.RUNNING, message=message)
        self._progress = done
        return self._say(Status.RUNNING, progress=done, message=message)

    def message(self, text: str) -> bool:
        return self._say(Status.RUNNING, message=text)

    def heartbeat(self) -> bool:
        """RUNNING again, so that it is not taken for stuck (which it is after five minutes of silence)."""
        return self._say(Status.RUNNING)

    def result(self, data: Mapping[str, Any]) -> None:
        """Said with the end; the last one counts."""
        self._outcome.data = data

    def partial_failure(
        self, message: Optional[str] = None, *, step: Optional[str] = None, data: Optional[Mapping[str, Any]] = None
    ) -> bool:
        """A part failed, in this step or the present one; the rest goes on. The end will be PARTIAL_FAILURE instead of
        SUCCESS, with the steps and messages of all such parts."""
        self._outcome.add_failed_part(step if step is not None else self._step, message)
        if data is not None:
            self._outcome.data = data
        if step is not None:
            self._step = step
        return self._say(Status.RUNNING, step=step if step is not None else self._step, message=message, data=data)

    def retry(self, exception: Optional[BaseException] = None) -> bool:
        """RETRY; what follows counts as the next attempt, which begins without step and progress. Where the block is
        left by the same exception nothing more is said: somebody else will try again."""
        failure = failure_of(exception) if exception is not None else Failure(Status.RETRY)
        accepted = self._say(Status.RETRY, **error_fields(failure))
        self._retried = exception
        self.attempt = self._next_attempt()
        self._step = self._progress = None
        return accepted

    def cancel(self, message: Optional[str] = None) -> None:
        """The end will be CANCELLED instead of SUCCESS."""
        self._outcome.cancelled = True
        self._outcome.message = message

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def __enter__(self) -> Task:
        around = _current.get()
        if self._said_always["parent_task_id"] is None and around is not None:
            self._said_always["parent_task_id"] = around.task_id
        if self._said_always["traceparent"] is None:
            self._said_always["traceparent"] = present_trace()
        self._began_in = os.getpid()
        self._token = _current.set(self)
        try:
            self._say(Status.RUNNING, data=self._first_data)
        except BaseException as interruption:  # by a handler of signals, before there is a block to be left
            self.__exit__(type(interruption), interruption, interruption.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            self._end(error)
        except BaseException as interruption:  # by a handler of signals; it goes on instead
            self._end(interruption)
            raise
        finally:
            self._began_in = 0
            self._retried = None  # whose traceback refers to us
            self._leave_context()

    async def __aenter__(self) -> Task:
        return self.__enter__()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.__exit__(kind, error, trace)

    def _end(self, error: Optional[BaseException]) -> None:
        if error is None:
            self._say(**self._outcome.fields(self._step))
        elif error is not self._retried:
            failure = failure_of(error)
            step = COMPLETED if failure.status is Status.SUCCESS else self._step
            self._say(failure.status, step=step, data=self._outcome.data, **error_fields(failure))

    def _leave_context(self) -> None:
        token, self._token = self._token, None
        try:
            if token is not None:
                _current.reset(token)
        except ValueError:
            pass  # left in another context than it was entered, as generators may be

    # ---- saying -----------------------------------------------------------------------------------------------------

    def _say(self, status: Status, **fields: Any) -> bool:
        if self._producer is None or not self._may_say(status):
            return False
        said: Dict[str, Any] = {"step": self._step, "progress": self._progress, **fields}
        return self._producer.emit(self.task_id, status, attempt=self.attempt, **self._said_always, **said)

    def _may_say(self, status: Status) -> bool:
        """While it runs; a child of fork() may speak of it, but not end it."""
        return self._began_in == os.getpid() or (self._began_in != 0 and not status.is_final)

    def _next_attempt(self) -> int:
        """Who has lost his claim keeps the number that he has: the next may be somebody else's."""
        return self.attempt + 1 if self._claim is None else self._claim.next_attempt() or self.attempt


class Outcome:
    """What the end will be, if no exception comes."""

    def __init__(self) -> None:
        self.data: Optional[Mapping[str, Any]] = None
        self.message: Optional[str] = None
        self.cancelled = False
        self._steps: List[str] = []  # each once
        self._messages: List[str] = []
        self._failed_parts = 0

    def add_failed_part(self, step: Optional[str], message: Optional[str]) -> None:
        self._failed_parts += 1
        add(self._steps, step)
        add(self._messages, message)

    def fields(self, step: Optional[str]) -> Dict[str, Any]:
        if self.cancelled:
            return {"status": Status.CANCELLED, "message": self.message, "data": self.data}
        if not self._failed_parts:
            return {"status": Status.SUCCESS, "step": COMPLETED, "data": self.data}
        return {
            "status": Status.PARTIAL_FAILURE,
            "step": ", ".join(self._steps) or step,
            "message": "; ".join(self._messages) or None,
            "data": self.data,
        }


class Nobody(Task):
    """The task where there is none."""

    def step(self, name: str) -> bool:
        return False

    def progress(self, fraction: float, message: Optional[str] = None) -> bool:
        return False

    def result(self, data: Mapping[str, Any]) -> None:
        pass

    def partial_failure(
        self, message: Optional[str] = None, *, step: Optional[str] = None, data: Optional[Mapping[str, Any]] = None
    ) -> bool:
        return False

    def retry(self, exception: Optional[BaseException] = None) -> bool:
        return False

    def cancel(self, message: Optional[str] = None) -> None:
        pass


def add(texts: List[str], value: Optional[str]) -> None:
    text = "" if value is None else text_of(value)
    if text and text not in texts and len(texts) < PARTS_TOLD_MAX:
        texts.append(text)


def error_fields(failure: Failure) -> Dict[str, Optional[str]]:
    return {
        "error_type": failure.error_type,
        "error_message": failure.error_message,
        "error_traceback": failure.error_traceback,
    }


def present_trace() -> Optional[str]:
    """The span around us, where the program uses OpenTelemetry."""
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return None
    try:
        span = opentelemetry.get_current_span().get_span_context()
        if not span.is_valid:
            return None
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
    except Exception as error:
        let_through(error)
        return None


_current: ContextVar[Optional[Task]] = ContextVar("taskledger_task", default=None)
_nobody = Nobody(None, "")


def current_task() -> Task:
    """The innermost task of this context (thread, or asyncio task), or one that says nothing."""
    return _current.get() or _nobody
