"""What taskledger.celery makes of tasks that run where they are called, of attempts, and of its own errors: without a
worker, a broker or a ledger."""

import gc
import copy
import logging
import pickle
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from billiard.exceptions import WorkerLostError
from billiard.pool import soft_timeout_sighandler
from celery import Celery
from celery.exceptions import Ignore

from support.queues import PYTHON, ROOT

sys.path.insert(0, str(ROOT / "producer/python"))

import taskledger.celery  # noqa: E402
from taskledger.celery import attempts, supervising  # noqa: E402
from taskledger.testing import capture  # noqa: E402


@pytest.fixture
def events():
    with capture() as events:
        yield events


def kiosk(**settings):
    app = Celery("kiosk", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update({"task_always_eager": True, **settings})
    return app


def answer(value):
    """Celery takes no lambda."""

    def task():
        return value

    return task


def told(events):
    return [f"{event.status.name} {event.attempt}" for event in events]


def test_an_eager_task_is_told_as_it_runs(events):
    app = kiosk()
    taskledger.celery.install(app)

    @app.task(bind=True)
    def twice(self, number):
        taskledger.current_task().step("doubling")
        if self.request.retries == 0:
            raise self.retry(exc=OSError("not yet"), countdown=0)
        return 2 * number

    twice.delay(4)
    assert told(events) == ["RUNNING 1", "RUNNING 1", "RETRY 1", "RUNNING 2", "RUNNING 2", "SUCCESS 2"]
    assert len({event.task_id for event in events}) == 1
    assert events[-1].data == {"result": 8} and events[-1].worker and events[-1].name.endswith("twice")
    assert events[2].error_message == "not yet" and events[2].step == "doubling"


def test_an_error_that_is_propagated_is_told(events):
    app = kiosk(task_eager_propagates=True)
    taskledger.celery.install(app)

    @app.task
    def fail():
        raise ValueError("no paper")

    @app.task
    def ignored():
        raise Ignore("nobody cares")

    with pytest.raises(ValueError):
        fail.delay()
    ignored.delay()
    assert told(events) == ["RUNNING 1", "FAILURE 1", "RUNNING 1", "CANCELLED 1"]
    assert "no paper" in events[1].error_traceback and events[3].message == "nobody cares"


def test_a_task_within_a_task_is_its_child(events):
    app = kiosk()
    taskledger.celery.install(app)

    @app.task
    def inner():
        return taskledger.current_task().task_id

    @app.task
    def outer():
        inner.delay()
        return taskledger.current_task().task_id

    outer.delay()
    inside, outside = events[1], events[0]
    assert told(events) == ["RUNNING 1", "RUNNING 1", "SUCCESS 1", "SUCCESS 1"]
    assert inside.parent_task_id == outside.task_id and outside.parent_task_id is None
    assert events[2].data["result"] == inside.task_id and events[3].data["result"] == outside.task_id
    assert taskledger.current_task().task_id == ""


def test_a_soft_time_limit_reaches_a_task_that_does_nothing_but_tell(events):
    app = kiosk()
    taskledger.celery.install(app)

    @app.task
    def chatter(seconds):
        deadline = time.monotonic() + 5
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while time.monotonic() < deadline:
            taskledger.current_task().progress(0.5)

    before = signal.signal(signal.SIGALRM, soft_timeout_sighandler)
    gc.disable()  # what is raised in a __del__, of Celery's results for instance, is lost to everybody
    try:
        for number in range(20):
            chatter.delay(0.005 + number / 10_000)
            assert told(events)[-1] == "CANCELLED 1" and events[-1].error_type.endswith(".SoftTimeLimitExceeded")
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)


def test_what_a_task_says_itself_counts(events):
    app = kiosk()
    taskledger.celery.install(app)

    @app.task
    def cancelled():
        taskledger.current_task().cancel("nothing to do")

    @app.task
    def own_result():
        taskledger.current_task().result({"pages": 3})
        return "not this"

    cancelled.delay()
    own_result.delay()
    assert told(events) == ["RUNNING 1", "CANCELLED 1", "RUNNING 1", "SUCCESS 1"]
    assert events[1].message == "nothing to do" and events[3].data == {"pages": 3}


def test_other_applications_are_left_alone(events):
    mine, other = kiosk(), kiosk()
    taskledger.celery.install(mine)
    taskledger.celery.install(mine)
    for app in (mine, other):
        app.task(answer(1), name="one").delay()
    assert told(events) == ["RUNNING 1", "SUCCESS 1"]


def test_results_may_be_left_out(events):
    for result_bytes, data in ((0, None), (2, {"result_cut": "[1", "result_bytes": 7}), (20, {"result": [1, 2, 3]})):
        app = kiosk()
        taskledger.celery.install(app, result_bytes=result_bytes)
        app.task(answer([1, 2, 3]), name="list").delay()
        assert events[-1].data == data


def test_the_redact_hook_changes_what_leaves(events):
    def redact(event):
        event.data = event.data and {"result": "***"}
        event.name = "cannot be changed"

    app = kiosk()
    taskledger.celery.install(app, redact=redact)
    app.task(answer("secret"), name="tell").delay()
    assert events[-1].data == {"result": "***"} and events[-1].name == "tell"


def test_the_redact_hook_sees_all_of_a_result_before_it_is_cut(events):
    def redact(event):
        if event.data:
            event.data["result"]["password"] = "***"

    app = kiosk()
    taskledger.celery.install(app, redact=redact, result_bytes=40)
    app.task(answer({"password": "secret", "long": "x" * 100}), name="tell").delay()
    assert events[-1].data["result_cut"] == '{"password":"***","long":"xxxxxxxxxxxxxx'


def test_what_a_failing_redact_hook_was_to_hide_is_withheld(events):
    def redact(event):
        raise RuntimeError("no idea")

    def fail():
        raise ValueError("secret")

    app = kiosk()
    taskledger.celery.install(app, redact=redact)
    app.task(fail, name="fail").delay()
    app.task(answer("secret"), name="tell").delay()
    assert told(events) == ["RUNNING 1", "FAILURE 1", "RUNNING 1", "SUCCESS 1"]
    assert "secret" not in repr(events) and "withheld" in events[1].error_message


def test_our_own_errors_do_not_disturb_a_task(events, monkeypatch, caplog):
    def broken(*_, **__):
        raise KeyError("ours")

    app = kiosk()
    taskledger.celery.install(app)
    monkeypatch.setattr("taskledger.celery.facts.of_message", broken)
    one = app.task(answer(1), name="one")
    assert [one.delay().get(), one.delay().get()] == [1, 1]
    app.conf.task_always_eager = False
    one.delay()
    assert events == [] and 1 <= caplog.text.count("events are missing") <= 2


def test_a_log_that_fails_does_not_disturb_a_task(events, monkeypatch):
    def broken(*_, **__):
        raise KeyError("ours")

    app = kiosk()
    taskledger.celery.install(app)
    monkeypatch.setattr("taskledger.celery.facts.of_message", broken)
    monkeypatch.setattr("taskledger.reporting._logged", set())
    monkeypatch.setattr(logging.getLogger("taskledger"), "filters", [broken])
    one = app.task(answer(1), name="one")
    assert one.delay().get() == 1
    app.conf.task_always_eager = False
    assert one.delay().id


def test_what_a_task_finds_in_its_request_is_celerys(events):
    app = kiosk()
    taskledger.celery.install(app)

    @app.task(bind=True)
    def look(self):
        copy.deepcopy(self.request)
        pickle.dumps(self.request)
        return [name for name in vars(self.request) if "taskledger" in name]

    assert look.delay().get() == []
    assert told(events) == ["RUNNING 1", "SUCCESS 1"]


def test_the_end_is_told_whatever_the_task_called_its_result(events):
    class Proxy:
        @property
        def __class__(self):
            raise RuntimeError("outside of a request")

    app = kiosk()
    taskledger.celery.install(app, redact=lambda event: event)

    @app.task
    def odd():
        taskledger.current_task().result(Proxy())

    odd.delay()
    assert told(events) == ["RUNNING 1", "SUCCESS 1"] and "Proxy" in events[-1].data["value"]


def test_a_request_class_of_ones_own_may_take_its_arguments_by_name(events):
    class Own:
        def on_failure(self, exc_info, *, send_failed_event=True, return_ok=False):
            seen.append((exc_info, send_failed_event, return_ok))

        def reject(self, *, requeue=False):
            seen.append(requeue)

    seen = []
    request = object.__new__(supervising.watched(Own, None))
    request.acknowledged = False
    request.on_failure("info", return_ok=True)
    request.reject(requeue=True)
    assert seen == [("info", True, True), True]


def test_publishing_is_told_with_its_queue(events):
    app = kiosk(task_always_eager=False, task_default_queue="errands")
    taskledger.celery.install(app)
    one = app.task(answer(1), name="one")
    task_id = one.apply_async(countdown=60, headers={"traceparent": "00-" + 32 * "a" + "-" + 16 * "b" + "-01"}).id
    one.apply_async(queue="parcels")
    assert told(events) == 2 * ["PENDING 1", "QUEUED 1"]
    assert [event.queue for event in events] == 2 * ["errands"] + 2 * ["parcels"]
    assert events[1].task_id == task_id and events[1].data["eta"] and events[1].traceparent[-3:] == "-01"


def test_an_application_may_be_configured_after_it_was_installed(events):
    app = Celery("kiosk", set_as_current=False)
    taskledger.celery.install(app)
    routes = {"two": {"queue": "parcels"}}
    app.config_from_object({"broker_url": "memory://", "task_default_queue": "errands", "task_routes": routes})
    app.task(answer(1), name="one").delay()
    app.task(answer(2), name="two").delay()
    assert [event.queue for event in events] == 2 * ["errands"] + 2 * ["parcels"]


def test_only_who_installs_it_pays_for_it():
    command = [PYTHON, "-c", "import sys, taskledger; assert not {'celery', 'rq'} & set(sys.modules)"]
    subprocess.run(command, env={"PYTHONPATH": str(ROOT / "producer/python")}, check=True)


def test_protocol_1_is_told_too(events):
    app = kiosk(task_always_eager=False, task_protocol=1)
    taskledger.celery.install(app)
    task_id = app.task(answer(1), name="one").delay().id
    assert told(events) == ["PENDING 1", "QUEUED 1"] and events[1].task_id == task_id


@pytest.mark.parametrize("known_by", [None, "_already_cancelled", "_already_revoked"])
def test_of_a_lost_process_that_was_ended_on_purpose_nothing_is_told_again(known_by):
    said = []

    class Request:
        """What a worker's main process has of a task; so Celery marks what it has told of by a signal."""

        id, request_dict, task = "t", {}, SimpleNamespace(name="lost")

        def on_failure(self, exc_info, send_failed_event=True, return_ok=False):
            pass

    watched = supervising.watched(Request, SimpleNamespace(emit=lambda *event, **fields: said.append(event)))
    request = watched.__new__(watched)
    if known_by:
        setattr(request, known_by, True)
    request.on_failure(SimpleNamespace(exception=WorkerLostError("exitcode 0")))
    assert [status.name for _, status in said] == ([] if known_by else ["FAILURE"])


# ---- attempts ----------------------------------------------------------------------------------------------------


def test_first_deliveries_are_counted():
    assert attempts.give("t", {}, False) == 1
    assert attempts.give("t", {"retries": 4}, False) == 5
    assert attempts.give("t", {"retries": 1, attempts.HEADER: 300_000_001}, False) == 300_000_001
    assert attempts.give("t", {"retries": 1, attempts.HEADER: "nonsense"}, False) == 2


def test_redeliveries_are_times_and_never_the_same():
    since = int(time.time()) - attempts.EPOCH_S
    given = [attempts.give("again", {"retries": 2}, True) for _ in range(3)]
    assert since <= given[0] <= since + 60 and given[1:] == [given[0] + 1, given[0] + 2]
    later = given[0] + 1000
    assert attempts.give("other", {attempts.HEADER: later}, True) == later + 1


def test_what_is_remembered_of_redeliveries_is_bounded(monkeypatch):
    monkeypatch.setattr(attempts, "REMEMBERED_MAX", 3)
    for number in range(10):
        attempts.give(f"bounded-{number}", {}, True)
    assert len(attempts._last) <= 3
