"""jobs: what a job says about itself, as fields of an event, and which attempt of its task it is at.

RQ counts how many retries are left, not how often a job was run. So the job's hash in Redis gets a field, FIELD: the
attempt that was begun last. The next is one more; of a job whose id is no UUID, and so may have been used before, it is
at least the second at which the job was enqueued, counted from 2020, as the attempts of claims are."""

from __future__ import annotations

import calendar
import uuid
from datetime import datetime
from typing import Any, Mapping, Optional

from rq import get_current_job

from ..reporting import Fields

FIELD = "taskledger_attempt"
KEPT_AS = "_taskledger_attempt"
EPOCH_S = 1_577_836_800  # 2020-01-01


def restored(job: Any, raw: Mapping[Any, Any]) -> None:
    """From its hash."""
    begun = raw.get(FIELD.encode()) or raw.get(FIELD)
    if begun is not None:
        setattr(job, KEPT_AS, int(begun))


def refresh(job: Any) -> None:
    """For a job whose object may be older than its last attempt: that of whoever enqueued it."""
    begun = job.connection.hget(job.key, FIELD)
    if begun is not None:
        setattr(job, KEPT_AS, int(begun))


def last_attempt(job: Any) -> int:
    """0: it was never begun."""
    return int(vars(job).get(KEPT_AS, 0))


def next_attempt(job: Any) -> int:
    least = 1 if is_unique(job.id) else since_epoch(job.enqueued_at or job.created_at)
    return max(last_attempt(job) + 1, least)


def begin_attempt(job: Any) -> None:
    """Before the job is run; who is forked to run it knows."""
    attempt = next_attempt(job)
    setattr(job, KEPT_AS, attempt)
    job.connection.hset(job.key, FIELD, attempt)


def is_unique(job_id: str) -> bool:
    try:
        return str(uuid.UUID(job_id)) == job_id
    except ValueError:
        return False


def since_epoch(moment: Optional[datetime]) -> int:
    """RQ's times are UTC without saying so."""
    return max(1, calendar.timegm(moment.utctimetuple()) - EPOCH_S) if moment is not None else 1


def waiting(job: Any, **data: Any) -> Fields:
    """Of a job that is to be run."""
    return {**known(job), "attempt": next_attempt(job), "parent_task_id": parent_of(job), "data": data or None}


def begun(job: Any, worker: Any) -> Fields:
    """Of a job that was begun."""
    return {**known(job), "attempt": max(1, last_attempt(job)), "worker": getattr(worker, "name", worker)}


def known(job: Any) -> Fields:
    """The name only where it need not be unpickled: that may import whatever the job needs."""
    name = vars(job).get("_func_name")
    return {"name": name if isinstance(name, str) else None, "queue": job.origin}


def parent_of(job: Any) -> Optional[str]:
    """The job that enqueues it."""
    around = get_current_job()
    return around.id if around is not None and around.id != job.id else None
