"""supervising: what only a worker's main process knows.

It gives each message its attempt. It tells of tasks that are revoked, that never ran (unknown, invalid), and of those
whose process cannot tell any more: killed by a hard time limit, lost, or shut down cold. The process that ran the task
knows nothing of that, and the signal task_failure, which Celery sends for some of it, does not say which attempt it
was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from billiard.pool import MaybeEncodingError
from celery import signals
from celery.exceptions import InvalidTaskError, NotRegistered, Terminated
from celery.utils.imports import symbol_by_name
from celery.worker import state

from ..reporting import Reporter, error, is_time_limit, quietly
from ..status import Status
from . import attempts, facts

if TYPE_CHECKING:
    Base = Any
else:
    Base = object


def connect(app: Any, reporter: Reporter) -> None:
    """By signals, and by the class of a worker's requests."""

    workers: List[Any] = []

    @quietly
    def on_worker_init(sender: Any = None, **_: Any) -> None:
        if sender.app is app:
            workers[:] = [sender]
            watch_requests(app, reporter)

    @quietly
    def on_revoked(sender: Any = None, request: Any = None, **how: Any) -> None:
        if sender.app is app and sender.name not in facts.PLUMBING:
            message = next((word for word in ("expired", "terminated") if how.get(word)), "revoked")
            reporter.emit(request.id, Status.CANCELLED, message=message, **facts.of_request(request, sender.name))

    @quietly
    def on_unknown(sender: Any = None, message: Any = None, name: Any = None, **_: Any) -> None:
        if sender.app is app:
            tell_refused(reporter, sender.hostname, message, NotRegistered(name))

    @quietly
    def on_rejected(sender: Any = None, message: Any = None, exc: Any = None, **_: Any) -> None:
        if sender.app is app:
            tell_refused(reporter, sender.hostname, message, exc or InvalidTaskError("not understood"))

    @quietly
    def on_process_end(**_: Any) -> None:
        reporter.close()

    @quietly
    def on_shutting_down(how: Any = None, **_: Any) -> None:
        if how == "Cold" and not any(map(has_threads, workers)):
            for request in list(state.active_requests):
                if isinstance(request, Watched):
                    request.tell_lost()

    @quietly
    def on_shutdown(sender: Any = None, **_: Any) -> None:
        if sender.app is app:
            reporter.flush()

    signals.worker_init.connect(on_worker_init, weak=False)
    signals.task_revoked.connect(on_revoked, weak=False)
    signals.task_unknown.connect(on_unknown, weak=False)
    signals.task_rejected.connect(on_rejected, weak=False)
    signals.worker_process_shutdown.connect(on_process_end, weak=False)
    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.worker_shutdown.connect(on_shutdown, weak=False)


def has_threads(worker: Any) -> bool:
    """Its tasks end as they would, and tell: no thread can be killed."""
    return type(getattr(worker, "pool", None)).__module__ == "celery.concurrency.thread"


def tell_refused(reporter: Reporter, hostname: str, message: Any, problem: BaseException) -> None:
    """A message that names no task of this worker, or makes no sense to it. In protocol 1 its id is hidden."""
    said = message.headers or {}
    if "id" not in said:
        return
    said = {**said, "hostname": hostname, "delivery_info": message.delivery_info}
    fields = facts.of_request(said, said.get("task", ""))
    reporter.emit(said["id"], Status.FAILURE, **fields, **error(problem))


# ---- requests ----------------------------------------------------------------------------------------------------


def watch_requests(app: Any, reporter: Reporter) -> None:
    made: Dict[type, type] = {}
    for task in app.tasks.values():
        base = symbol_by_name(task.Request)
        if not issubclass(base, Watched) and task.name not in facts.PLUMBING:
            task.Request = made.get(base) or made.setdefault(base, watched(base, reporter))


def watched(base: type, reporter: Reporter) -> type:
    return type(f"Watched{base.__name__}", (Watched, base), {"_reporter": reporter})


class Watched(Base):  # type: ignore[misc]
    """Stands before celery.worker.request.Request, or before a class of the user's own that comes from it."""

    _reporter: Reporter
    _requeued = False
    _told = False

    def __init__(self, message: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(message, *arguments, **options)
        self._give_attempt()

    @quietly
    def _give_attempt(self) -> None:
        """For the process that will run it, too."""
        said = self.request_dict
        said.setdefault(attempts.HEADER, (self.message.headers or {}).get(attempts.HEADER))  # of protocol 1
        said[attempts.HEADER] = attempts.give(self.id, said, bool(self.delivery_info.get("redelivered")))

    def on_timeout(self, soft: bool, timeout: float) -> Any:
        try:
            return super().on_timeout(soft, timeout)
        finally:
            if not soft:
                self._tell_end(TimeLimitExceeded(timeout))

    def on_failure(self, exc_info: Any, *arguments: Any, **named: Any) -> Any:
        """return_ok: the process that ran it has told of it. All is handed on as it came: a user's own method may take
        it by name only."""
        try:
            return super().on_failure(exc_info, *arguments, **named)
        finally:
            if not (named.get("return_ok") or arguments[1:2] == (True,)):
                self._tell_end(exc_info.exception)

    def reject(self, requeue: bool = False) -> Any:
        self._requeued = self._requeued or (requeue and not self.acknowledged)
        return super().reject(requeue=requeue)

    @quietly
    def _tell_end(self, exception: Any) -> None:
        if isinstance(exception, ExceptionWithTraceback):
            exception = exception.exc
        if self._is_told() or isinstance(exception, (Terminated, MaybeEncodingError)):
            return  # task_revoked tells; the process did
        if self._requeued:
            status, message = Status.RETRY, "the worker's process was lost; the message goes back to its queue"
        else:
            status, message = Status.CANCELLED if is_time_limit(exception) else Status.FAILURE, None
        self._tell(status, message=message, **error(exception))

    @quietly
    def tell_lost(self) -> None:
        """The worker is shut down cold while it runs. What is not acknowledged is delivered again."""
        if not self._is_told():
            lost = error(WorkerLostError("the worker was shut down while the task ran"))
            self._tell(Status.FAILURE if self.acknowledged else Status.RETRY, **lost)

    def _is_told(self) -> bool:
        """By us, or by a signal: its process was ended on purpose, and sometimes counts as lost all the same."""
        by_signal = ("_already_cancelled", "_already_revoked")
        return self._told or any(getattr(self, name, False) for name in by_signal)

    def _tell(self, status: Status, **fields: Any) -> None:
        self._told = True
        self._reporter.emit(self.id, status, **facts.of_request(self.request_dict, self.task.name), **fields)
