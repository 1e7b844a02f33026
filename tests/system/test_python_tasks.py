"""The Python package's tasks, as those who test their own code see them: captured, without library and Redis."""

import asyncio
import concurrent.futures
import contextvars
import os
import sys
import threading
import types
from contextlib import contextmanager

import pytest

from support import package  # noqa: F401  finds the package

import taskledger
from taskledger import Status, current_task
from taskledger.testing import capture

GONE = "/nowhere/libtaskledger.so.0"


@pytest.fixture(autouse=True)
def no_library(monkeypatch):
    monkeypatch.setenv("TASKLEDGER_LIBRARY", GONE)


@pytest.fixture
def events():
    with capture() as events:
        yield events


@pytest.fixture
def producer():
    return taskledger.Producer()


def said(events):
    return [(event.task_id, event.status.name, event.attempt, event.step) for event in events]


# ---- the end ------------------------------------------------------------------------------------------------------


def test_a_task_says_running_its_steps_and_success(producer, events):
    with producer.task("t-1", "invoice", queue="q", data={"order": 7}) as task:
        assert task.step("render") and task.progress(0.4, "12 of 30")
        task.result({"pages": 30})
    assert said(events) == [
        ("t-1", "RUNNING", 1, None),
        ("t-1", "RUNNING", 1, "render"),
        ("t-1", "RUNNING", 1, "render"),
        ("t-1", "SUCCESS", 1, "completed"),
    ]
    assert [event.data for event in events] == [{"order": 7}, None, None, {"pages": 30}]
    assert (events[2].progress, events[2].message) == (0.4, "12 of 30")
    assert {(event.name, event.queue) for event in events} == {("invoice", "q")}


def test_an_exception_is_told_and_goes_on(producer, events):
    class Broken(Exception):
        pass

    with pytest.raises(Broken) as caught:
        with producer.task("t-1") as task:
            task.step("render")
            raise Broken("no paper")
    assert caught.value.args == ("no paper",)
    last = events[-1]
    assert (last.status, last.step, last.error_message) == (Status.FAILURE, "render", "no paper")
    assert last.error_type.endswith("test_an_exception_is_told_and_goes_on.<locals>.Broken")
    assert last.error_traceback.startswith("Traceback") and 'raise Broken("no paper")' in last.error_traceback


@pytest.mark.parametrize(
    "error, status, message",
    [
        (KeyboardInterrupt(), "CANCELLED", ""),
        (GeneratorExit(), "CANCELLED", ""),
        (asyncio.CancelledError("shutdown"), "CANCELLED", "shutdown"),
        (concurrent.futures.CancelledError(), "CANCELLED", ""),
        (SystemExit(), "SUCCESS", None),
        (SystemExit(0), "SUCCESS", None),
        (SystemExit(3), "FAILURE", "exit code 3"),
        (SystemExit("no disk"), "FAILURE", "exit code no disk"),
        (KeyError("k"), "FAILURE", "'k'"),
    ],
    ids=repr,
)
def test_each_way_to_end_has_its_status(producer, events, error, status, message):
    with pytest.raises(type(error)):
        with producer.task("t-1"):
            raise error
    assert (events[-1].status.name, events[-1].error_message) == (status, message or None)
    assert (events[-1].error_traceback is not None) == (status == "FAILURE")


def test_an_exception_that_cannot_be_shown_is_told_all_the_same(producer, events):
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("not even this")

    with pytest.raises(Odd):
        with producer.task("t-1"):
            raise Odd
    assert "str() raised RuntimeError" in events[-1].error_message


def test_a_long_traceback_keeps_its_beginning_and_its_end(producer, events):
    def descend(depth, text):
        if depth == 0:
            raise ValueError(text)
        exec(f"descend_{depth} = descend; descend_{depth}(depth - 1, text)", {"descend": descend, **locals()})

    with pytest.raises(ValueError):
        with producer.task("t-1"):
            descend(300, "x" * 100_000)
    last = events[-1]
    assert last.status is Status.FAILURE
    assert len(last.error_traceback.encode()) <= 16 * 1024 and len(last.error_message.encode()) <= 8 * 1024
    assert last.error_traceback.startswith("Traceback") and last.error_traceback.endswith("xxx\n")
    assert "characters in all" in last.error_traceback


def test_parts_that_fail_make_a_partial_failure(producer, events):
    with producer.task("t-1") as task:
        task.step("images")
        task.partial_failure("7 is no image")
        task.partial_failure("no voice", step="speech", data={"missing": ["speech"]})
    assert said(events)[-1] == ("t-1", "PARTIAL_FAILURE", 1, "images, speech")
    assert (events[-1].message, events[-1].data) == ("7 is no image; no voice", {"missing": ["speech"]})
    assert [event.status.name for event in events[:-1]] == ["RUNNING"] * 4


def test_an_exception_outweighs_a_part_that_failed(producer, events):
    with pytest.raises(ValueError):
        with producer.task("t-1") as task:
            task.partial_failure("a part")
            raise ValueError
    assert events[-1].status is Status.FAILURE


def test_a_task_can_be_cancelled_by_itself(producer, events):
    with producer.task("t-1") as task:
        task.cancel("the order was withdrawn")
    assert (events[-1].status, events[-1].message) == (Status.CANCELLED, "the order was withdrawn")


def test_another_try_is_another_attempt(producer, events):
    with producer.task("t-1") as task:
        task.step("fetch")
        task.retry(TimeoutError("too slow"))
        assert task.attempt == 2
        task.step("fetch")
    assert said(events) == [
        ("t-1", "RUNNING", 1, None),
        ("t-1", "RUNNING", 1, "fetch"),
        ("t-1", "RETRY", 1, "fetch"),
        ("t-1", "RUNNING", 2, "fetch"),
        ("t-1", "SUCCESS", 2, "completed"),
    ]
    assert (events[2].error_type, events[2].error_message) == ("TimeoutError", "too slow")


def test_who_leaves_the_retry_to_others_has_said_the_last_word(producer, events):
    with pytest.raises(TimeoutError):
        with producer.task("t-1") as task:
            try:
                raise TimeoutError
            except TimeoutError as error:
                task.retry(error)
                raise
    assert said(events) == [("t-1", "RUNNING", 1, None), ("t-1", "RETRY", 1, None)]


def test_after_its_end_a_task_says_nothing(producer, events):
    with producer.task("t-1") as task:
        pass
    assert not task.progress(0.5) and not task.heartbeat()
    assert len(events) == 2


def test_before_its_beginning_a_task_says_nothing(producer, events):
    assert not producer.task("t-1").step("early") and not events


# ---- which task ---------------------------------------------------------------------------------------------------


def test_code_below_finds_its_task(producer, events):
    def below():
        current_task().message("from below")

    with producer.task("outer"):
        with producer.task("inner"):
            below()
        below()
    assert [event.task_id for event in events if event.message] == ["inner", "outer"]


def test_a_task_in_a_task_is_its_child(producer, events):
    with producer.task("outer"), producer.task("inner"), producer.task("other", parent_task_id="stranger"):
        pass
    parents = {event.task_id: event.parent_task_id for event in events}
    assert parents == {"outer": None, "inner": "outer", "other": "stranger"}


def test_where_there_is_no_task_nothing_is_said(events):
    task = current_task()
    assert not task.step("s") and not task.partial_failure("p") and not task.retry() and not task.heartbeat()
    task.result({"a": 1})
    task.cancel()
    assert not events and (task.task_id, task.attempt) == ("", 1)


def test_without_an_id_each_task_has_one_of_its_own(producer, events):
    for _ in range(2):
        with producer.task(name="nightly"):
            pass
    assert len({event.task_id for event in events}) == 2 and all(len(event.task_id) == 36 for event in events)


def test_a_claim_gives_its_task_name_and_attempt(producer, events):
    with producer.claim("t-1") as claim, producer.task(claim=claim) as task:
        assert claim.held and task.attempt == claim.attempt
        task.retry()
        assert task.attempt == claim.attempt == 2
    assert not claim.held and not claim.lost
    assert {event.task_id for event in events} == {"t-1"}


def test_threads_have_tasks_of_their_own_and_may_speak_for_another(producer, events):
    def work(number):
        assert current_task().task_id == ""
        with producer.task(f"t-{number}") as task:
            outer.progress(number / 10)
            task.step("s")

    with producer.task("outer") as outer:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told = {event.progress for event in events if event.task_id == "outer"}
    assert told == {None, *(number / 10 for number in range(8))}
    assert sum(event.status is Status.SUCCESS for event in events) == 9


def test_a_span_around_is_told_if_the_program_traces(producer, events, monkeypatch):
    context = types.SimpleNamespace(is_valid=True, trace_id=0xAB, span_id=0xCD, trace_flags=1)
    span = types.SimpleNamespace(get_span_context=lambda: context)
    trace = types.ModuleType("opentelemetry.trace")
    trace.get_current_span = lambda: span
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
    with producer.task("t-1"):
        pass
    assert events[0].traceparent == f"00-{0xAB:032x}-{0xCD:016x}-01"
    trace.get_current_span = lambda: 1 / 0
    with producer.task("t-2"):
        pass
    assert events[-1].traceparent is None


def test_a_block_may_be_left_in_another_context(producer, events):
    def generator():
        with producer.task("t-1"):
            yield

    steps = generator()
    contextvars.copy_context().run(next, steps)
    contextvars.copy_context().run(steps.close)
    assert said(events)[-1][:2] == ("t-1", "CANCELLED")


def test_a_forked_child_does_not_end_its_parents_task(producer, events):
    with producer.task("t-1") as task:
        pid = os.fork()
        if pid == 0:
            try:
                spoke = task.step("in the child")
                task.__exit__(None, None, None)
                os._exit(0 if spoke and len(events) == 2 else 1)
            finally:
                os._exit(2)
        assert os.waitpid(pid, 0)[1] == 0
    assert [event.status.name for event in events] == ["RUNNING", "SUCCESS"]


# ---- asyncio ------------------------------------------------------------------------------------------------------


def test_asynchronous_tasks_run_beside_each_other(producer, events):
    async def work(number):
        async with producer.task(f"t-{number}") as task:
            await asyncio.sleep(0)
            assert current_task() is task
            current_task().step("s")
            await asyncio.to_thread(current_task().step, "in a thread")

    async def main():
        async with producer.task("outer"):
            await asyncio.gather(*(work(number) for number in range(20)))

    asyncio.run(main())
    assert {event.parent_task_id for event in events if event.task_id != "outer"} == {"outer"}
    assert sum(event.step == "in a thread" for event in events) == 20
    assert sum(event.status is Status.SUCCESS for event in events) == 21


def test_a_cancelled_coroutine_is_a_cancelled_task(producer, events):
    async def work():
        async with producer.task("t-1"):
            await asyncio.sleep(3600)

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [event.status.name for event in events] == ["RUNNING", "CANCELLED"]


def test_claims_and_permits_are_awaited_in_a_loop(producer, events):
    async def main():
        async with producer.claim("t-1") as claim, producer.permit("tts", 5) as permit:
            assert claim.held and permit.held and not permit.local
        pending = producer.claim("t-2")
        with pytest.raises(RuntimeError, match="await it"):
            pending.attempt
        assert (await pending).attempt == 1
        pending.release()
        pending.release()

    asyncio.run(main())


# ---- capture ------------------------------------------------------------------------------------------------------


def test_captures_may_be_nested(producer, events):
    producer.emit("t-1", "PENDING")
    with capture() as inner:
        producer.emit("t-1", Status.QUEUED)
    producer.emit("t-1", 3)
    assert [event.status.name for event in events] == ["PENDING", "QUEUED", "RUNNING"]
    assert [event.status.name for event in inner] == ["QUEUED"]


def test_what_the_library_would_refuse_is_not_captured(producer, events, caplog):
    assert not producer.emit("", "RUNNING") and not producer.emit("x" * 256, "RUNNING")
    assert not producer.emit("t-1", "WAITING") and not producer.emit("t-1", "RUNNING", attempt=2**31)
    assert not events
    assert "task_id: empty" in caplog.text and "attempt: 2147483648" in caplog.text


@contextmanager
def at_work():
    """Something that is held while events are captured."""
    with capture() as events, taskledger.Producer().task("t"):
        yield events


def test_capturing_needs_nothing(caplog):
    with at_work() as events:
        assert taskledger.producer().flush(1) == 0
        assert taskledger.producer().counters() == taskledger.Counters()
        assert len(events) == 1
    assert not caplog.records
