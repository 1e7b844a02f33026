"""Every history of a job of RQ is right: a real worker that forks for each job, and processes that die.

All tests share a Redis, a PostgreSQL and a consumer, and most of them a worker, of the queue `jobs`."""

import importlib
import os
import signal
import sys
from datetime import timedelta

import pytest

from support.queues import SUPPORT, Ledger
from support.waiting import wait_until

UP = ["QUEUED 1", "RUNNING 1"]


@pytest.fixture(scope="module")
def ledger(build):
    ledger = Ledger(build)
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def jobs(ledger):
    """The functions, in a process that enqueues."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ledger.environment, "JOBS_PLACE": str(ledger.place)}.items():
            if name != "PATH":
                patch.setenv(name, value)
        sys.path[:0] = ledger.environment["PYTHONPATH"].split(os.pathsep)
        importlib.import_module("taskledger").configure()  # by this environment
        importlib.import_module("taskledger.rq").install()
        yield importlib.import_module("rq_jobs")


@pytest.fixture(scope="module")
def queue(ledger, jobs):
    import rq

    return rq.Queue("jobs", connection=ledger.redis.client())


@pytest.fixture(scope="module")
def worker(ledger, queue):
    return start_worker(ledger, "jobs", "--with-scheduler")


def start_worker(ledger, queue, *options, kind="Worker", **environment):
    command = ["-m", "rq.cli", "worker", "--url", ledger.redis.url, "--worker-class", f"taskledger.rq.{kind}"]
    command += ["--name", f"{queue}-{len(ledger.workers)}", "--path", SUPPORT]
    return ledger.start(queue, *command, *options, queue, env={"JOBS_PLACE": str(ledger.place), **environment})


def test_a_job_that_succeeds(ledger, jobs, queue, worker):
    job = queue.enqueue(jobs.add, 2, 3, on_success=jobs.on_success)
    row = ledger.expect(job.id, *UP, "SUCCESS 1")
    assert (row["task_name"], row["queue"], row["worker"]) == ("rq_jobs.add", "jobs", "jobs-0")
    assert (row["data"], row["step"]) == ({"result": 5}, "completed")
    assert row["queued_at"] <= row["started_at"] <= row["finished_at"]
    assert job.return_value() == 5
    ledger.reached("success.5")


def test_the_code_of_a_job_finds_its_task(ledger, jobs, queue, worker):
    row = ledger.expect(queue.enqueue(jobs.stepwise).id, *UP, "RUNNING 1", "RUNNING 1", "SUCCESS 1")
    assert row["data"] == {"result": "done"} and row["progress"] == 0.5


def test_a_job_that_fails(ledger, jobs, queue, worker):
    job = queue.enqueue(jobs.fail, "no paper", on_failure=jobs.on_failure)
    row = ledger.expect(job.id, *UP, "RUNNING 1", "FAILURE 1")
    assert (row["error_type"], row["error_message"], row["step"]) == ("ValueError", "no paper", "breaking")
    ledger.reached("failure.no paper")
    broken = queue.enqueue(jobs.add, 1, 1, on_success=jobs.broken_callback)
    assert ledger.expect(broken.id, *UP, "FAILURE 1")["error_type"] == "KeyError"


def test_retries_are_attempts(ledger, jobs, queue, worker):
    from rq import Retry

    job = queue.enqueue(jobs.flaky, "flaky", 2, retry=Retry(max=3))
    again = ["RETRY 1", "QUEUED 2", "RUNNING 2", "RETRY 2", "QUEUED 3", "RUNNING 3"]
    assert ledger.expect(job.id, *UP, *again, "SUCCESS 3")["data"] == {"result": 2}
    assert ledger.event(job.id, "RETRY", "error_message") == "no line, 1"
    hopeless = queue.enqueue(jobs.fail, "never", retry=Retry(max=1))
    history = [*UP, "RUNNING 1", "RETRY 1", "QUEUED 2", "RUNNING 2", "RUNNING 2", "FAILURE 2"]
    assert ledger.expect(hopeless.id, *history)["error_message"] == "never"


def test_a_requeued_job_begins_its_next_attempt(ledger, jobs, queue, worker):
    job = queue.enqueue(jobs.flaky, "requeued", 1)
    ledger.expect(job.id, *UP, "FAILURE 1")
    job.requeue()
    ledger.expect(job.id, *UP, "FAILURE 1", "QUEUED 2", "RUNNING 2", "SUCCESS 2")


def test_a_timeout_cancels(ledger, jobs, queue, worker):
    job = queue.enqueue(jobs.wait, "too-long", job_timeout=1)
    assert ledger.expect(job.id, *UP, "CANCELLED 1")["error_type"] == "rq.timeouts.JobTimeoutException"


def test_a_killed_work_horse_is_told_of_by_its_worker(ledger, jobs, queue, worker):
    from rq import Retry

    row = ledger.expect(queue.enqueue(jobs.killed).id, *UP, "FAILURE 1")
    assert (row["error_type"], row["worker"]) == ("WorkHorseTerminated", "jobs-0")
    assert "signal 9" in row["error_message"]
    job = queue.enqueue(jobs.killed_once, "killed-once", retry=Retry(max=1))
    row = ledger.expect(job.id, *UP, "RETRY 1", "QUEUED 2", "RUNNING 2", "SUCCESS 2")
    assert row["data"] == {"result": "second"} and row["task_name"] == "rq_jobs.killed_once"


def test_stopped_cancelled_and_deleted(ledger, jobs, queue, worker):
    from rq.command import send_stop_job_command

    running = queue.enqueue(jobs.wait, "to-stop")
    ledger.reached("to-stop.begun")
    cancelled, deleted = queue.enqueue(jobs.add, 1, 1), queue.enqueue(jobs.add, 1, 1)
    cancelled.cancel()
    deleted.delete()
    send_stop_job_command(queue.connection, running.id)
    assert ledger.expect(running.id, *UP, "CANCELLED 1")["message"] == "stopped"
    assert ledger.expect(cancelled.id, "QUEUED 1", "CANCELLED 1")["message"] == "cancelled"
    assert ledger.expect(deleted.id, "QUEUED 1", "CANCELLED 1")["message"] == "deleted"


def test_what_waits_for_others_or_for_its_time_is_pending(ledger, jobs, queue, worker):
    first = queue.enqueue(jobs.wait, "first")
    second = queue.enqueue(jobs.add, 1, 1, depends_on=first)
    ledger.expect(second.id, "PENDING 1")
    assert ledger.event(second.id, "PENDING", "data") == {"depends_on": [first.id]}
    ledger.let("first.go")
    ledger.expect(second.id, "PENDING 1", *UP, "SUCCESS 1")
    soon = queue.enqueue_in(timedelta(seconds=0.1), jobs.add, 1, 1)
    later = queue.enqueue_in(timedelta(hours=1), jobs.add, 1, 1)
    assert ledger.expect(later.id, "PENDING 1")["data"]["scheduled_at"]
    ledger.expect(soon.id, "PENDING 1", *UP, "SUCCESS 1")


def test_a_retry_may_wait_for_its_time(ledger, jobs, queue, worker):
    from rq import Retry

    job = queue.enqueue(jobs.flaky, "patient", 1, retry=Retry(max=1, interval=1))
    ledger.expect(job.id, *UP, "RETRY 1", "PENDING 2", "QUEUED 2", "RUNNING 2", "SUCCESS 2")


def test_a_job_knows_who_enqueued_it(ledger, jobs, queue, worker):
    parent = queue.enqueue(jobs.enqueue_another, ledger.redis.url)
    child = ledger.expect(parent.id, *UP, "SUCCESS 1")["data"]["result"]
    assert ledger.expect(child, *UP, "SUCCESS 1")["parent_task_id"] == parent.id


def test_an_id_that_is_used_again_outranks_its_past(ledger, jobs, queue, worker):
    job = queue.enqueue(jobs.add, 1, 1, job_id="order-4711")
    life = ["QUEUED T", "RUNNING T", "SUCCESS T"]
    ledger.expect("order-4711", *life)
    job.delete()
    wait_until(lambda: second_of(ledger) > first_attempt(ledger), 30, "the next second")
    queue.enqueue(jobs.add, 2, 2, job_id="order-4711")
    assert ledger.expect("order-4711", *life, *life)["data"] == {"result": 4}
    attempts = [attempt for _, attempt in ledger.attempts("order-4711")]
    assert attempts[0] == attempts[2] < attempts[3] == attempts[5]


def first_attempt(ledger):
    return ledger.attempts("order-4711")[0][1]


def second_of(ledger):
    return ledger.rows("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint - 1577836800")[0][0]


def test_a_worker_that_is_lost_is_told_of_by_the_next(ledger, jobs, queue):
    import rq

    lost = rq.Queue("lost", connection=queue.connection)
    job = lost.enqueue(jobs.wait, "lost", retry=rq.Retry(max=1))
    lose_worker(ledger, lost)
    ledger.expect(job.id, *UP, "RETRY 1", "QUEUED 2")
    lose_worker(ledger, lost)
    row = ledger.expect(job.id, *UP, "RETRY 1", "QUEUED 2", "RUNNING 2", "FAILURE 2")
    assert row["error_message"] == "its worker has not been heard of"


def lose_worker(ledger, queue):
    """One that runs `lost`, with its work-horse; who cleans up after it takes its silence for long."""
    worker = start_worker(ledger, queue.name)
    horse = ledger.reached("lost.begun")
    (ledger.place / "lost.begun").unlink()
    worker.kill()
    os.kill(horse, signal.SIGKILL)
    queue.started_job_registry.cleanup(2**40)


def test_a_warm_shutdown_lets_the_job_end(ledger, jobs, queue):
    import rq

    job = rq.Queue("warm", connection=queue.connection).enqueue(jobs.wait, "warm")
    worker = start_worker(ledger, "warm")
    ledger.reached("warm.begun")
    worker.send(signal.SIGTERM)
    ledger.let("warm.go")
    assert worker.wait() == 0
    ledger.expect(job.id, *UP, "SUCCESS 1")


@pytest.mark.parametrize("kind", ["Worker", "SimpleWorker"])
def test_a_burst(ledger, jobs, queue, kind):
    """Without a spool, in which others would find what a process did not say in time."""
    import rq

    burst = rq.Queue(f"burst-{kind}", connection=queue.connection)
    many = [burst.enqueue(jobs.stepwise) for _ in range(5)] + [burst.enqueue(jobs.fail, "no paper")]
    assert start_worker(ledger, burst.name, "--burst", kind=kind, TASKLEDGER_SPOOL="off").wait() == 0
    for job in many[:-1]:
        ledger.expect(job.id, *UP, "RUNNING 1", "RUNNING 1", "SUCCESS 1")
    ledger.expect(many[-1].id, *UP, "RUNNING 1", "FAILURE 1")


def test_a_queue_that_runs_its_jobs_itself(ledger, jobs, queue):
    import rq

    here = rq.Queue("here", connection=queue.connection, is_async=False)
    ledger.expect(here.enqueue(jobs.add, 1, 2).id, "RUNNING 1", "SUCCESS 1")
    failed = here.enqueue(jobs.fail, "no paper")
    assert ledger.expect(failed.id, "RUNNING 1", "RUNNING 1", "FAILURE 1")["error_message"] == "no paper"


def test_nothing_else_was_told_and_verify_finds_nothing(ledger, jobs):
    import taskledger

    taskledger.producer().close(10)
    ledger.audit()
    for worker in ledger.workers:
        assert "events are missing" not in worker.said()
