"""working: a job that is run, and what becomes of it.

The work-horse, the process in which a worker runs one job, tells how it went, and closes its producer. When it was
killed the worker tells, by the same method, handle_job_failure; and when that was killed, too, whoever cleans its
registry."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

from rq.exceptions import NoSuchJobError
from rq.job import JobStatus

from ..reporting import Fields, Reporter, Run, error, is_time_limit, quietly
from ..status import Status
from . import jobs

Method = Callable[..., Any]

RUN = "_taskledger_run"
ENDING = "_taskledger_ending"
ABANDONED = "its worker has not been heard of"

begin_attempt = quietly(jobs.begin_attempt)


def run_of(job: Any) -> Optional[Run]:
    run = vars(job).get(RUN)
    return run if isinstance(run, Run) else None


def begin(reporter: Reporter, job: Any, worker: Any) -> None:
    run = Run(reporter, job.id, {**jobs.begun(job, worker), "name": job.func_name})
    setattr(job, RUN, run)
    run.begin()


@quietly
def leave(job: Any) -> None:
    run = run_of(job)
    if run is not None:
        delattr(job, RUN)
        run.leave()


# ---- before or after a worker's methods --------------------------------------------------------------------------


def note_begun(_worker: Any, job: Any, *_: Any) -> None:
    """Before the fork, so that the worker knows the attempt as well."""
    jobs.begin_attempt(job)


def tell_running(reporter: Reporter, _note: None, worker: Any, job: Any) -> None:
    begin(reporter, job, worker)


def tell_success(_reporter: Reporter, _note: None, worker: Any, job: Any, *_: Any, **__: Any) -> None:
    run = run_of(job)
    if run is not None:
        run.succeed(job._result if job.get_result_ttl(worker.default_result_ttl) != 0 else None)


# ---- around others -----------------------------------------------------------------------------------------------


def perform_job(reporter: Reporter, method: Method) -> Method:
    close = quietly(Reporter.close)

    def perform_job(worker: Any, job: Any, *arguments: Any, **named: Any) -> Any:
        if not worker.is_horse:
            begin_attempt(job)
        try:
            return method(worker, job, *arguments, **named)
        finally:
            leave(job)
            if worker.is_horse:
                close(reporter)

    return perform_job


def run_job(reporter: Reporter, method: Method) -> Method:
    """Of a queue that runs its jobs where they are enqueued."""

    @quietly
    def tell(job: Any, exception: Optional[BaseException] = None) -> None:
        run = run_of(job)
        if run is not None and exception is not None:
            run.fail(exception)
        elif run is not None:
            run.succeed(job._result)

    def run_job(queue: Any, job: Any) -> Any:
        begin_attempt(job)
        quietly(begin)(reporter, job, "sync")
        try:
            answer = method(queue, job)
            tell(job)
            return answer
        except BaseException as exception:
            tell(job, exception)
            raise
        finally:
            leave(job)

    return run_job


class Ending:
    """How a job ended that did not succeed. Without an exception its process was killed."""

    def __init__(self, fields: Fields, exception: Optional[BaseException], said: str, stopped: bool = False) -> None:
        self.fields, self.exception, self.said, self.stopped = fields, exception, said, stopped

    def tell(self, reporter: Reporter, job: Any) -> None:
        run = run_of(job)
        if self.stopped:
            reporter.emit(job.id, Status.CANCELLED, message="stopped", **self.fields)
        elif run is not None and self.exception is not None:
            run.fail(self.exception)
        else:
            status = Status.CANCELLED if self.exception and is_time_limit(self.exception) else Status.FAILURE
            reporter.emit(job.id, status, **self.fields, **self.reason())

    def tell_retry(self, reporter: Reporter, job: Any) -> None:
        run = run_of(job)
        if run is not None and self.exception is not None:
            run.again(self.exception)
        else:
            reporter.emit(job.id, Status.RETRY, **self.fields, **self.reason())

    def reason(self) -> Fields:
        if self.exception is not None:
            return error(self.exception)
        return {"error_type": "WorkHorseTerminated", "error_message": self.said.strip("; ")}


def handle_job_failure(reporter: Reporter, method: Method) -> Method:
    """Calls retry(), which then tells; else we do."""

    @quietly
    def foresee(worker: Any, job: Any, exc_string: str) -> None:
        stopped = worker._stopped_job_id == job.id
        setattr(job, ENDING, Ending(jobs.begun(job, worker), sys.exc_info()[1], exc_string, stopped))

    @quietly
    def tell(job: Any) -> None:
        ending = vars(job).pop(ENDING, None)
        if ending is not None:
            ending.tell(reporter, job)

    def handle_job_failure(worker: Any, job: Any, *arguments: Any, **named: Any) -> Any:
        foresee(worker, job, named.get("exc_string", ""))
        try:
            return method(worker, job, *arguments, **named)
        finally:
            tell(job)

    return handle_job_failure


def retry(reporter: Reporter, method: Method) -> Method:
    @quietly
    def tell(job: Any) -> None:
        ending = vars(job).pop(ENDING, None) or Ending(jobs.begun(job, job.worker_name), None, ABANDONED)
        ending.tell_retry(reporter, job)

    def retry(job: Any, *arguments: Any, **named: Any) -> Any:
        tell(job)
        return method(job, *arguments, **named)

    return retry


def cleanup(reporter: Reporter, method: Method) -> Method:
    """Of the registry of started jobs: those whose worker has not been heard of, and that are not retried, have
    failed."""

    @quietly
    def tell(registry: Any, job_id: str) -> None:
        try:
            job = registry.job_class.fetch(job_id, connection=registry.connection, serializer=registry.serializer)
        except NoSuchJobError:
            return
        if job.get_status(refresh=False) == JobStatus.FAILED:
            Ending(jobs.begun(job, job.worker_name), None, ABANDONED).tell(reporter, job)

    def cleanup(registry: Any, *arguments: Any, **named: Any) -> Any:
        job_ids = method(registry, *arguments, **named)
        for job_id in job_ids or ():
            tell(registry, job_id)
        return job_ids

    return cleanup
