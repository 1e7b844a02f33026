"""enqueuing: a job that waits, for a worker (QUEUED) or for its time or other jobs (PENDING), or that will not be run.

Of each method of RQ that is replaced, what is called before it makes a note, and what is called after it tells."""

from __future__ import annotations

import time
from typing import Any

from rq.job import JobStatus

from ..reporting import Reporter
from ..status import Status
from . import jobs

NOT_BEGUN = (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


def note_time(_queue: Any, job: Any, *_: Any, **__: Any) -> float:
    """Before a worker can have begun it. What was enqueued before may have had attempts since."""
    if job.enqueued_at is not None:
        jobs.refresh(job)
    return time.time()


def tell_queued(reporter: Reporter, began_at: float, queue: Any, job: Any, *_: Any, **__: Any) -> None:
    if queue.is_async:
        reporter.emit(job.id, Status.QUEUED, occurred_at=began_at, **jobs.waiting(job))


def tell_deferred(reporter: Reporter, _note: None, _queue: Any, job: Any, **_: Any) -> None:
    if job.get_status(refresh=False) == JobStatus.DEFERRED:
        reporter.emit(job.id, Status.PENDING, **jobs.waiting(job, depends_on=list(job._dependency_ids)))


def tell_scheduled(reporter: Reporter, _note: None, _queue: Any, job: Any, at: Any, *_: Any, **__: Any) -> None:
    reporter.emit(job.id, Status.PENDING, **jobs.waiting(job, scheduled_at=at))


def note_status(job: Any, *_: Any, **__: Any) -> Any:
    jobs.refresh(job)
    return job.get_status()


def tell_cancelled(reporter: Reporter, status: Any, job: Any, *_: Any, **__: Any) -> None:
    fields = jobs.waiting(job) if status in NOT_BEGUN else jobs.begun(job, job.worker_name)
    reporter.emit(job.id, Status.CANCELLED, message="cancelled", **fields)


def note_attempt(job: Any, *_: Any, **__: Any) -> None:
    """Its hash will be gone."""
    jobs.refresh(job)


def tell_deleted(reporter: Reporter, _note: None, job: Any, *_: Any, **__: Any) -> None:
    """RQ has just looked what its status is."""
    if job.get_status(refresh=False) in NOT_BEGUN:
        reporter.emit(job.id, Status.CANCELLED, message="deleted", **jobs.waiting(job))
