"""Every job of RQ in the ledger, without a change to the jobs.

In what enqueues:

    taskledger.rq.install()

and in workers the same, in the module that `rq worker --config` names, or by

    rq worker --worker-class taskledger.rq.Worker shop

The ledger's Redis is that of taskledger.producer(): REDIS_URL, or what taskledger.configure() was given; RQ's may be
another.

What is told, with the function's name, queue, worker, and the job that enqueued it:

    PENDING         waits for other jobs (data: depends_on) or for its time (data: scheduled_at)
    QUEUED          waits for a worker
    RUNNING         a worker begins it
    RETRY           failed, and RQ will retry it
    SUCCESS         data: result, up to result_bytes of JSON; not of jobs whose result_ttl is 0
    FAILURE         with type, message and traceback of the exception, that of a success callback too; where its process
                    was killed, or its worker has not been heard of, the type is WorkHorseTerminated
    CANCELLED       cancelled, deleted before it began, stopped, or ended by its timeout (error_type tells)

In a job, current_task() is the job: step(), progress(), message(), result() and partial_failure() work in its code and
in what it calls; retries are RQ's own.

Attempts are counted in the job's hash in Redis, field taskledger_attempt: one for each time it is begun, by a retry, a
requeue, or after its worker was lost. A job whose id is no UUID may have been there before; its attempts begin with the
second at which it was enqueued, counted from 2020 (a number above 200 million), as those of claims do.

The process that runs a job closes its producer when the job has ended, which takes a moment, with
TASKLEDGER_SPOOL=always until the ledger has what it said, and at most the producer's close_timeout.

Not told: jobs that vanish since their ttl is over, or since their queue is emptied. Tested with RQ 1.13."""

from __future__ import annotations

import functools
from typing import Any, Callable, List, Optional

import rq
from rq.job import Job
from rq.registry import StartedJobRegistry

from .._producer import Producer
from .._redaction import Redact
from ..reporting import RESULT_BYTES, Reporter, quietly
from . import enqueuing, jobs, working

Method = Callable[..., Any]

__all__ = ["SimpleWorker", "Worker", "install"]

# Kind, method, what makes a note before it, and what tells after it.
HOOKED = (
    (rq.Queue, "enqueue_job", enqueuing.note_time, enqueuing.tell_queued),
    (rq.Queue, "setup_dependencies", None, enqueuing.tell_deferred),
    (rq.Queue, "schedule_job", None, enqueuing.tell_scheduled),
    (Job, "cancel", enqueuing.note_status, enqueuing.tell_cancelled),
    (Job, "delete", enqueuing.note_attempt, enqueuing.tell_deleted),
    (Job, "restore", jobs.restored, None),
    (rq.Worker, "fork_work_horse", working.note_begun, None),
    (rq.Worker, "prepare_job_execution", None, working.tell_running),
    (rq.Worker, "handle_job_success", None, working.tell_success),
)

# Those that need more than that; named as the method is.
WRAPPED = (
    (rq.Queue, working.run_job),
    (rq.Worker, working.perform_job),
    (rq.Worker, working.handle_job_failure),
    (Job, working.retry),
    (StartedJobRegistry, working.cleanup),
)

_installed: List[Reporter] = []


def install(
    *, producer: Optional[Producer] = None, redact: Optional[Redact] = None, result_bytes: int = RESULT_BYTES
) -> None:
    """From now on the ledger hears of what this process does with jobs: methods of RQ's classes are replaced by such
    that call them, and so are those of classes that come from them. A second call does nothing.

    Arguments are as those of taskledger.celery.install()."""
    if _installed:
        return
    reporter = Reporter(producer, redact, result_bytes)
    _installed.append(reporter)
    for kind, name, before, after in HOOKED:
        replace(kind, name, hooked(reporter, before, after))
    for kind, around in WRAPPED:
        replace(kind, around.__name__, functools.partial(around, reporter))


def hooked(reporter: Reporter, before: Any, after: Any) -> Callable[[Method], Method]:
    note, tell = quietly(before or nothing), quietly(after or nothing)

    def around(method: Method) -> Method:
        def call(owner: Any, *arguments: Any, **named: Any) -> Any:
            noted = note(owner, *arguments, **named)
            answer = method(owner, *arguments, **named)
            tell(reporter, noted, owner, *arguments, **named)
            return answer

        return call

    return around


def nothing(*_: Any, **__: Any) -> None:
    pass


@quietly
def replace(kind: Any, name: str, around: Callable[[Method], Method]) -> None:
    method = vars(kind)[name]
    setattr(kind, name, functools.wraps(method)(around(method)))


class Worker(rq.Worker):  # type: ignore[misc]
    """rq.Worker, for those who have no place to call install()."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        install()
        super().__init__(*arguments, **named)


class SimpleWorker(rq.SimpleWorker):  # type: ignore[misc]
    """rq.SimpleWorker, likewise."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        install()
        super().__init__(*arguments, **named)
