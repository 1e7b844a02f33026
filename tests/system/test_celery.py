"""Every history of a Celery task is right: real workers of every pool, a real broker, and processes that die.

All tests share a Redis, a PostgreSQL and a consumer; each kind of worker serves a queue of its own."""

import importlib
import os
import signal
import sys

import pytest

from support.queues import PYTHON, Ledger
from support.waiting import wait_until

QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
UP = ["PENDING 1", "QUEUED 1", "RUNNING 1"]


@pytest.fixture(scope="module")
def ledger(build):
    ledger = Ledger(build)
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def shop(ledger):
    """The application, as a web process has it: this one publishes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ledger.environment, **shop_environment(ledger)}.items():
            if name != "PATH":
                patch.setenv(name, value)
        sys.path[:0] = ledger.environment["PYTHONPATH"].split(os.pathsep)
        importlib.import_module("taskledger").configure()  # by this environment
        yield importlib.import_module("celery_shop")


def shop_environment(ledger, queue="shop", **more):
    return {
        "SHOP_PLACE": str(ledger.place),
        "SHOP_BROKER": f"redis+socket://{ledger.redis.socket}",
        "SHOP_QUEUE": queue,
        **more,
    }


def start_worker(ledger, queue, *options, **more):
    command = ["-m", "celery", "-A", "celery_shop", "worker", "-n", f"{queue}@here", "-Q", queue, *QUIET, *options]
    worker = ledger.start(queue, *command, env=shop_environment(ledger, queue, **more))
    worker.wait_for(" ready.")
    return worker


@pytest.fixture(scope="module")
def prefork(ledger, shop):
    """A worker with two processes, for the queue that is the default."""
    return start_worker(ledger, "shop", "--concurrency", "2")


def attempts_of(ledger, task_id, status):
    return [attempt for told, attempt in ledger.attempts(task_id) if told == status]


# ---- what a task comes to ----------------------------------------------------------------------------------------


def test_a_task_that_succeeds(ledger, shop, prefork):
    task_id = shop.add.delay(2, 3).id
    row = ledger.expect(task_id, *UP, "SUCCESS 1")
    assert (row["task_name"], row["queue"], row["worker"]) == ("celery_shop.add", "shop", "shop@here")
    assert (row["data"], row["step"], row["parent_task_id"]) == ({"result": 5}, "completed", None)
    assert row["queued_at"] <= row["started_at"] <= row["finished_at"]


def test_the_code_of_a_task_finds_its_task(ledger, shop, prefork):
    task_id = shop.stepwise.delay().id
    row = ledger.expect(task_id, *UP, "RUNNING 1", "RUNNING 1", "RUNNING 1", "SUCCESS 1")
    assert row["data"] == {"result": "done"} and row["progress"] == 0.5
    assert ledger.event(task_id, "RUNNING", "step") == "second"
    partly = shop.partly.delay().id
    row = ledger.expect(partly, *UP, "RUNNING 1", "PARTIAL_FAILURE 1")
    assert (row["step"], row["message"]) == ("upload", "2 of 3")


def test_a_task_that_fails(ledger, shop, prefork):
    row = ledger.expect(shop.fail.delay("no paper").id, *UP, "RUNNING 1", "FAILURE 1")
    assert (row["error_type"], row["error_message"], row["step"]) == ("ValueError", "no paper", "breaking")


def test_results_are_cut_and_kept_back(ledger, shop, prefork):
    strange = ledger.expect(shop.strange.delay().id, *UP, "SUCCESS 1")
    assert strange["data"]["result_bytes"] > 10_000 and len(strange["data"]["result_cut"].encode()) == 4096
    assert strange["data"]["result_cut"].startswith('{"text":"nul \ufffd and surrogate","long":"xxx')
    assert ledger.expect(shop.secret.delay().id, *UP, "SUCCESS 1")["data"] is None


def test_retries_are_attempts(ledger, shop, prefork):
    again = ["QUEUED 2", "RUNNING 2", "RETRY 2", "QUEUED 3", "RUNNING 3"]
    flaky = shop.flaky.delay(2).id
    row = ledger.expect(flaky, *UP, "RETRY 1", *again, "SUCCESS 3")
    assert row["data"] == {"result": 2}
    assert ledger.event(flaky, "RETRY", "error_message") == "no line, 1"
    row = ledger.expect(shop.hopeless.delay().id, *UP, "RETRY 1", *again[:2], "FAILURE 2")
    assert (row["error_type"], row["error_message"]) == ("OSError", "never a line")


def test_reject_ignore_and_replace(ledger, shop, prefork):
    row = ledger.expect(shop.reject.delay().id, *UP, "FAILURE 1")
    assert row["error_type"] == "celery.exceptions.Reject"
    assert ledger.expect(shop.ignore.delay().id, *UP, "CANCELLED 1")["message"] == "not worth it"
    row = ledger.expect(shop.replaced.delay().id, *UP, "RETRY 1", "QUEUED 2", "RUNNING 2", "SUCCESS 2")
    assert row["data"] == {"result": 21}


def test_time_limits_cancel(ledger, shop, prefork):
    hard, soft = shop.hard_limit.delay().id, shop.soft_limit.delay().id
    assert ledger.expect(hard, *UP, "CANCELLED 1")["error_type"] == "billiard.exceptions.TimeLimitExceeded"
    assert ledger.expect(soft, *UP, "CANCELLED 1")["error_type"] == "billiard.exceptions.SoftTimeLimitExceeded"


def test_a_lost_process_is_told_of_by_its_worker(ledger, shop, prefork):
    row = ledger.expect(shop.killed.delay().id, *UP, "FAILURE 1")
    assert row["error_type"] == "billiard.exceptions.WorkerLostError" and row["worker"] == "shop@here"
    assert ledger.expect(shop.exits.delay().id, *UP, "FAILURE 1")["error_type"] == row["error_type"]


def test_a_redelivery_is_a_greater_attempt(ledger, shop, prefork):
    once = shop.killed_once.delay("killed-once").id
    row = ledger.expect(once, *UP, "RETRY 1", "RUNNING T", "SUCCESS T")
    assert row["data"] == {"result": "second"} and row["status"] == "SUCCESS"
    flaky = shop.killed_then_flaky.delay("killed-then-flaky").id
    ledger.expect(flaky, *UP, "RETRY 1", "RUNNING T", "RETRY T", "QUEUED T", "RUNNING T", "SUCCESS T")
    first, second = attempts_of(ledger, flaky, "RUNNING")[1:]
    assert second == first + 1


def test_revoked_expired_and_terminated(ledger, shop, prefork):
    running = shop.wait.delay("to-terminate").id
    ledger.reached("to-terminate.begun")
    shop.app.control.revoke(running, terminate=True)
    assert ledger.expect(running, *UP, "CANCELLED 1")["message"] == "terminated"
    expired = shop.add.apply_async((1, 1), countdown=0.1, expires=-1).id
    assert ledger.expect(expired, *UP[:2], "CANCELLED 1")["message"] == "expired"
    waiting = [shop.wait.delay(f"revoke-{number}") for number in range(2)]
    for number in range(2):
        ledger.reached(f"revoke-{number}.begun")
    revoked = shop.add.delay(1, 1).id
    replies = shop.app.control.revoke(revoked, reply=True, timeout=60, limit=1, destination=["shop@here"])
    assert len(replies) == 1
    for number, task in enumerate(waiting):
        ledger.let(f"revoke-{number}.go")
        ledger.expect(task.id, *UP, "SUCCESS 1")
    assert ledger.expect(revoked, *UP[:2], "CANCELLED 1")["message"] == "revoked"


def test_an_unknown_task_fails(ledger, shop, prefork):
    row = ledger.expect(shop.app.send_task("celery_shop.missing").id, *UP[:2], "FAILURE 1")
    assert row["error_type"] == "celery.exceptions.NotRegistered"


def test_workflows_know_their_kin(ledger, shop, prefork):
    from celery import chain, chord

    result = chain(shop.add.s(1, 1), shop.add.s(2), shop.add.s(3))()
    last, middle, first = result.id, result.parent.id, result.parent.parent.id
    assert ledger.expect(first, *UP, "SUCCESS 1")["data"] == {"result": 2}
    row = ledger.expect(last, *UP, "SUCCESS 1")
    assert (row["parent_task_id"], row["data"]) == (middle, {"root_id": first, "result": 7})

    result = chord([shop.add.s(number, 1) for number in range(3)])(shop.total.s())
    for part in result.parent:
        assert ledger.expect(part.id, *UP, "SUCCESS 1")["data"]["group_id"] == result.parent.id
    assert ledger.expect(result.id, *UP, "SUCCESS 1")["data"]["result"] == 6

    parent = shop.leave.delay()
    child = ledger.expect(parent.id, *UP, "SUCCESS 1")["data"]["result"]
    assert ledger.expect(child, *UP, "SUCCESS 1")["parent_task_id"] == parent.id


def test_a_broker_that_is_away_fails_what_is_published(ledger, shop):
    from kombu.exceptions import OperationalError

    nowhere = shop.app.connection("redis+socket:///nowhere", transport_options={"max_retries": 0})
    task_id = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(OperationalError):
        shop.add.apply_async((1, 1), task_id=task_id, connection=nowhere, retry=False)
    row = ledger.expect(task_id, "PENDING 1", "FAILURE 1")
    assert (row["step"], row["error_type"]) == ("publish", "kombu.exceptions.OperationalError")


# ---- processes and pools -----------------------------------------------------------------------------------------


def test_no_event_is_missing_of_processes_that_run_one_task(ledger, shop):
    """Without a spool, so that nobody else can say goodbye for them."""
    options = ("--concurrency", "2", "--max-tasks-per-child", "1")
    worker = start_worker(ledger, "single", *options, TASKLEDGER_SPOOL="off")
    tasks = [shop.stepwise.apply_async(queue="single") for _ in range(8)]
    for task in tasks:
        ledger.expect(task.id, *UP, "RUNNING 1", "RUNNING 1", "RUNNING 1", "SUCCESS 1")
    of_single = "SELECT producer_id FROM taskledger.task_event WHERE queue = 'single' AND status = 'SUCCESS'"
    closed = f"SELECT count(*) FROM taskledger.producer WHERE producer_id IN ({of_single}) AND closed_at IS NOT NULL"
    wait_until(lambda: ledger.rows(closed) == [(8,)], 60, lambda: f"8 processes say goodbye: {ledger.rows(closed)}")
    worker.end()


def test_a_warm_shutdown_lets_tasks_end_and_gives_back_the_others(ledger, shop):
    worker = start_worker(ledger, "warm", "--concurrency", "1")
    task = shop.wait.apply_async(("warm",), queue="warm")
    ledger.reached("warm.begun")
    waiting = shop.add.apply_async((1, 1), queue="warm")
    worker.wait_for(f"{waiting.id}] received")
    worker.send(signal.SIGTERM)
    worker.wait_for("Warm shutdown")
    ledger.let("warm.go")
    assert worker.wait() == 0
    ledger.expect(task.id, *UP, "SUCCESS 1")
    second = start_worker(ledger, "warm", "--concurrency", "1", "--pool", "solo")
    ledger.expect(waiting.id, *UP[:2], "RUNNING T", "SUCCESS T")
    second.end()


def test_a_cold_shutdown_tells_of_what_it_kills(ledger, shop):
    worker = start_worker(ledger, "cold", "--concurrency", "2")
    early, late = (kind.apply_async((kind.name,), queue="cold") for kind in (shop.wait, shop.wait_late))
    for kind in (shop.wait, shop.wait_late):
        ledger.reached(f"{kind.name}.begun")
    worker.send(signal.SIGQUIT)
    worker.wait()
    assert ledger.expect(early.id, *UP, "FAILURE 1")["error_type"] == "billiard.exceptions.WorkerLostError"
    second = start_worker(ledger, "cold", "--concurrency", "1")
    ledger.let(f"{shop.wait_late.name}.go")
    ledger.expect(late.id, *UP, "RETRY 1", "RUNNING T", "SUCCESS T")
    second.end()


def test_a_cold_shutdown_lets_threads_end(ledger, shop):
    worker = start_worker(ledger, "threaded", "--concurrency", "1", "--pool", "threads")
    task = shop.wait.apply_async(("threaded",), queue="threaded")
    ledger.reached("threaded.begun")
    worker.send(signal.SIGQUIT)
    worker.wait_for("Cold shutdown")
    ledger.let("threaded.go")
    worker.wait()
    ledger.expect(task.id, *UP, "SUCCESS 1")


def test_a_killed_worker_is_outranked_by_who_gets_its_message(ledger, shop):
    first = start_worker(ledger, "fragile", "--concurrency", "1")
    task = shop.wait_late.apply_async(("fragile",), queue="fragile")
    ledger.reached("fragile.begun")
    first.kill()
    (ledger.place / "fragile.begun").unlink()
    second = start_worker(ledger, "fragile", "--concurrency", "1", "--pool", "solo", SHOP_VISIBILITY_S="0.2")
    ledger.reached("fragile.begun")
    ledger.let("fragile.go")
    row = ledger.expect(task.id, *UP, "RUNNING T", "SUCCESS T")
    assert row["status"] == "SUCCESS" and row["data"] == {"result": "fragile"}
    second.end()


def test_what_is_cancelled_since_the_broker_was_lost_is_run_again(ledger, shop):
    worker = start_worker(ledger, "cut", "--concurrency", "1", SHOP_VISIBILITY_S="1")
    task = shop.wait_late.apply_async(("cut",), queue="cut")
    ledger.reached("cut.begun")
    (ledger.place / "cut.begun").unlink()
    for kind in ("normal", "pubsub"):
        ledger.redis.client().client_kill_filter(_type=kind)
    ledger.reached("cut.begun")
    ledger.let("cut.go")
    ledger.expect(task.id, *UP, "RETRY 1", "RUNNING T", "SUCCESS T")
    worker.end()


@pytest.mark.parametrize("pool", ["threads", "gevent", "solo"])
def test_other_pools(ledger, shop, pool):
    worker = start_worker(ledger, pool, "--concurrency", "4", "--pool", pool)
    many = [shop.stepwise.apply_async(queue=pool) for _ in range(8)]
    failed = shop.fail.apply_async(("no paper",), queue=pool)
    flaky = shop.flaky.apply_async((1,), queue=pool)
    limited = shop.hard_limit.apply_async(queue=pool) if pool == "gevent" else None
    for task in many:
        ledger.expect(task.id, *UP, "RUNNING 1", "RUNNING 1", "RUNNING 1", "SUCCESS 1")
    assert ledger.expect(failed.id, *UP, "RUNNING 1", "FAILURE 1")["error_message"] == "no paper"
    ledger.expect(flaky.id, *UP, "RETRY 1", "QUEUED 2", "RUNNING 2", "SUCCESS 2")
    if limited:
        assert ledger.expect(limited.id, *UP, "CANCELLED 1")["error_type"] == "billiard.exceptions.TimeLimitExceeded"
    worker.end()


# ---- all of it ---------------------------------------------------------------------------------------------------


def test_nothing_else_was_told_and_verify_finds_nothing(ledger, shop):
    import taskledger

    taskledger.producer().close(10)
    ledger.audit()
    for worker in ledger.workers:
        assert "events are missing" not in worker.said()
