"""running: what becomes of a task, told by the process that runs it.

RUNNING is told by task_prerun; the end by task_success, task_retry and task_failure, and by task_postrun what they
leave out: Ignore and Reject, errors of the result backend, errors that go on to the caller of an eager task. Of a task
that ends with its process (a signal, sys.exit) a pool's child says nothing: the main process tells that, see
supervising.

The Run is kept beside the request, which lives as long as the task runs, and is the one of this thread or greenlet: what a
task finds in its request, and may write as JSON, pickle or copy, is Celery's."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Optional
from weakref import WeakKeyDictionary

from billiard.process import current_process
from celery import signals
from celery._state import get_current_worker_task
from celery.exceptions import Ignore, Reject, Retry, WorkerTerminate

from ..reporting import Fields, Reporter, Run, quietly
from ..status import Status
from . import facts

MICROSECOND = 0.000001
GREEN_TIMEOUTS = ("gevent.timeout", "eventlet.timeout")


class TaskRun(Run):
    """A Run that may publish its task anew, as a retry or a replacement. The new message may be run before the present
    run has ended; RETRY and the new QUEUED, which are told then, are dated back to before that."""

    def __init__(self, reporter: Reporter, request: Any, name: str) -> None:
        super().__init__(reporter, request.id, facts.of_request(request, name))
        self.keeps_result = not request.ignore_result
        self.followed_at: Optional[float] = None
        self._following: Fields = {}

    def follow(self, at: float, fields: Fields) -> None:
        self.followed_at = at
        self._following = fields

    def leave(self) -> None:
        super().leave()
        if self.followed_at is not None:
            at = self.followed_at + MICROSECOND
            self._reporter.emit(self.task_id, Status.QUEUED, occurred_at=at, **self._following)


def current(task_id: str) -> Optional[TaskRun]:
    """The run of this very task around us."""
    task = get_current_worker_task()
    run = kept_of(task.request) if task is not None else None
    return run if run is not None and run.task_id == task_id else None


_runs: WeakKeyDictionary[Any, TaskRun] = WeakKeyDictionary()  # by their requests


def kept_of(request: Any) -> Optional[TaskRun]:
    return _runs.get(request)


def connect(app: Any, reporter: Reporter) -> None:
    """Signals are of the process, not of an application: those of others are left alone."""

    def on(signal: Any, handle: Callable[..., Any]) -> None:
        @functools.wraps(handle)
        def receive(sender: Any = None, task: Any = None, **named: Any) -> None:
            if sender.app is app and sender.name not in facts.PLUMBING:
                handle(reporter, sender, **named)

        signal.connect(quietly(receive), weak=False)

    on(signals.task_prerun, begin)
    on(signals.task_success, succeed)
    on(signals.task_retry, retry)
    on(signals.task_failure, fail)
    on(signals.task_postrun, end)


def begin(reporter: Reporter, task: Any, **_: Any) -> None:
    run = TaskRun(reporter, task.request, task.name)
    _runs[task.request] = run
    run.begin()


def succeed(_reporter: Reporter, task: Any, result: Any = None, **_: Any) -> None:
    run = kept_of(task.request)
    if run is not None:
        run.succeed(result if run.keeps_result and not task.ignore_result else None)


def retry(reporter: Reporter, task: Any, request: Any = None, reason: Any = None, **_: Any) -> None:
    """With a reason by the task; without one by the main process, which cancels what it cannot acknowledge any more."""
    run = kept_of(request)
    if run is not None:
        run.again(reason.exc, humanized(reason), run.followed_at)
    elif reason is None:
        fields = facts.of_request(request, task.name)
        reporter.emit(request.id, Status.RETRY, message="cancelled: the connection to the broker was lost", **fields)


def fail(_reporter: Reporter, task: Any, task_id: Any = None, exception: Any = None, **_: Any) -> None:
    """In the main process there is no run: supervising knows more."""
    run = kept_of(task.request)
    if run is not None and run.task_id == task_id:
        run.fail(exception)


def end(_reporter: Reporter, task: Any, retval: Any = None, **_: Any) -> None:
    run = kept_of(task.request)
    if run is None:
        return
    if not run.has_ended:
        in_flight = sys.exc_info()[1]
        conclude(run, task, retval if isinstance(retval, (Ignore, Reject)) else in_flight)
    run.leave()


def conclude(run: TaskRun, task: Any, left_by: Optional[BaseException]) -> None:
    """How a task ended of which no signal told."""
    if isinstance(left_by, Reject):
        if left_by.requeue:
            run.again(message="rejected, to be delivered again")
        else:
            run.fail(left_by.reason if isinstance(left_by.reason, BaseException) else left_by)
    elif isinstance(left_by, Retry):
        run.again(left_by.exc, humanized(left_by), run.followed_at)
    elif isinstance(left_by, Ignore):
        conclude_ignored(run, str(left_by))
    elif isinstance(left_by, Exception):
        run.fail(left_by)
    elif left_by is not None and not others_tell(task, left_by):
        run.fail(left_by)


def conclude_ignored(run: TaskRun, message: str) -> None:
    """By Task.replace(), or by itself."""
    if run.followed_at is not None:
        run.again(message=message, at=run.followed_at)
    else:
        run.drop(message or "ignored")


def others_tell(task: Any, left_by: BaseException) -> bool:
    """A pool's child is seen to end; cold shutdowns and hard time limits of green threads have hooks of their own."""
    if current_process()._name != "MainProcess" or isinstance(left_by, WorkerTerminate):
        return True
    return type(left_by).__module__ in GREEN_TIMEOUTS and bool(hard_time_limit(task))


def hard_time_limit(task: Any) -> Any:
    return (task.request.timelimit or (None,))[0] or task.time_limit


def humanized(reason: Any) -> str:
    return f"retry {reason.humanize()}" if reason.when is not None else "retry"
