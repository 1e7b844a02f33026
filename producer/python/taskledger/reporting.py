"""What a task queue's hooks hear of, told to the ledger without ever disturbing the queue: for taskledger.celery and
taskledger.rq.

A Reporter says events of tasks; a Run is the present task of code that a worker runs; quietly() is around hooks."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, Optional, Set, TypeVar, cast

from . import _default
from ._failure import failure_of
from ._interruption import is_time_limit, let_through
from ._json import merged, object_text
from ._log import ERROR, tell
from .event import pack, unpack
from ._producer import Producer
from ._redaction import WITHHELD, Redact
from .status import Status
from .task import Task, error_fields

RESULT_BYTES = 4096

Fields = Dict[str, Any]
Hook = TypeVar("Hook", bound=Callable[..., Any])

_logged: Set[str] = set()


def quietly(hook: Hook) -> Hook:
    """What goes wrong in this hook is logged, once, and the hook's answer is None."""

    @functools.wraps(hook)
    def quiet(*arguments: Any, **named: Any) -> Any:
        try:
            return hook(*arguments, **named)
        except Exception as error:
            let_through(error)
            log_once(f"{hook.__qualname__} failed; the tasks go on, but events are missing", error)
            return None

    return cast(Hook, quiet)


def log_once(what: str, error: Exception) -> None:
    if what not in _logged:
        _logged.add(what)
        tell(ERROR, "%s (this is told once)", what, trouble=error)


class Reporter:
    """How the tasks of one application are told of.

    producer        None: taskledger.producer(), asked for anew each time
    redact          called with each Event that a hook makes, as the producer's own; that is called after it
    result_bytes    what a task returned is told up to so many bytes of JSON, behind redact, which sees all of it; 0: not
                    at all"""

    def __init__(self, producer: Optional[Producer], redact: Optional[Redact], result_bytes: int) -> None:
        self._producer = producer
        self._redact = redact
        self._result_bytes = result_bytes

    @property
    def producer(self) -> Producer:
        return self._producer or _default.producer()

    def emit(self, task_id: str, status: Status, *, returned: Any = None, **fields: Any) -> bool:
        """returned: what the task did, told as data."""
        tells = self._result_bytes > 0 and returned is not None
        if tells:
            fields = with_data(fields, result=returned)
        if self._redact is not None:
            fields.update(self._redacted(task_id, status, fields))
        if tells:
            fields["data"] = self._cut(fields["data"])
        return self.producer.emit(task_id, status, **fields)

    def _redacted(self, task_id: str, status: Status, fields: Fields) -> Fields:
        try:
            assert self._redact is not None
            event = unpack(pack(task_id, status, **fields))
            event = self._redact(event) or event
        except Exception as error:
            let_through(error)
            log_once("the redact hook failed; what it was to change is withheld", error)
            texts = {name: WITHHELD for name in ("message", "error_message") if fields.get(name) is not None}
            return {"data": None, "error_traceback": None, **texts}
        return {name: getattr(event, name) for name in ("message", "data", "error_message", "error_traceback")}

    def _cut(self, data: Any) -> Any:
        """The data, with a result that is not too long."""
        if not isinstance(data, dict) or "result" not in data:
            return data
        text = object_text({"result": data["result"]}) or b""
        if len(text) <= self._result_bytes:
            return data
        beginning = text[len('{"result":') :][: self._result_bytes].decode("utf-8", "ignore")
        others = {name: value for name, value in data.items() if name != "result"}
        return {**others, "result_cut": beginning, "result_bytes": len(text) - len('{"result":}')}

    def flush(self) -> None:
        producer = self.producer
        producer.flush(producer.close_timeout)

    def close(self) -> None:
        """At the end of a process that ends by os._exit."""
        self.producer.close()


def error(exception: BaseException) -> Fields:
    return error_fields(failure_of(exception))


def with_data(fields: Fields, **more: Any) -> Fields:
    """The fields, with what is not None added to their data."""
    given = {name: value for name, value in more.items() if value is not None}
    return {**fields, "data": {**(fields.get("data") or {}), **given} or None}


class Run(Task):
    """One attempt of a task, run by this process's worker; what its code knows as current_task().

    begin() says RUNNING, and one of the others how it ended. What the code itself announced as the end (a partial
    failure, a cancellation) becomes of a success."""

    def __init__(self, reporter: Reporter, task_id: str, fields: Fields) -> None:
        """fields: attempt, name, worker, queue, parent_task_id, traceparent and data, all but the data said by every
        event; the data by the first and the last."""
        said = dict(fields)
        super().__init__(
            cast(Producer, reporter),  # of which a Task wants emit() only
            task_id,
            said.pop("name", None),
            attempt=said.pop("attempt", 1),
            data=said.pop("data", None),
            queue=said.pop("queue", None),
            parent_task_id=said.pop("parent_task_id", None),
            traceparent=said.pop("traceparent", None),
        )
        self._said_always.update(said)
        self._reporter = reporter
        self.has_ended = False

    def begin(self) -> None:
        self.__enter__()

    def succeed(self, value: Any) -> None:
        """value: what it returned, or None if that is not to be told."""
        returned = value if self._outcome.data is None else None
        fields = self._outcome.fields(self._step)
        self._finish(fields.pop("status"), returned=returned, **fields)

    def fail(self, exception: BaseException) -> None:
        """CANCELLED where a time limit ended it."""
        failure = failure_of(exception)
        status = Status.CANCELLED if is_time_limit(exception) else failure.status
        if status is Status.SUCCESS:
            status = Status.FAILURE  # sys.exit() in a task: its worker counts it as lost
        self._finish(status, data=self._outcome.data, **error_fields(failure))

    def again(
        self, exception: Optional[BaseException] = None, message: Optional[str] = None, at: Optional[float] = None
    ) -> None:
        """RETRY: it will be run again, by whoever gets it then. at: when it was so decided, if not now."""
        told = error(exception) if exception is not None else {}
        self._finish(Status.RETRY, data=self._outcome.data, message=message, occurred_at=at, **told)

    def drop(self, message: str) -> None:
        """CANCELLED."""
        self._finish(Status.CANCELLED, message=message, data=self._outcome.data)

    def leave(self) -> None:
        """It is not this process's present task any more; what became of it others know, if nothing was said."""
        self.has_ended = True
        self._began_in = 0
        self._leave_context()

    def _finish(self, status: Status, data: Any, **fields: Any) -> None:
        """Its last word; a second one is not said."""
        if self.has_ended:
            return
        self.has_ended = True
        self._say(status, data=merged(self._first_data, data), **fields)


__all__ = ["RESULT_BYTES", "Reporter", "Run", "error", "is_time_limit", "quietly", "with_data"]
