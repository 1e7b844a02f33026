"""Whatever somebody says, the Python package makes an event of it, and the limit of a task stays a limit."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import gc
import itertools
import json
import numbers
import pathlib
import signal
import uuid

import pytest
from rq.timeouts import JobTimeoutException

from support import package  # noqa: F401  finds the package

import taskledger
from taskledger import Status
from taskledger.testing import capture


@pytest.fixture
def events():
    with capture() as events:
        yield events


@pytest.fixture
def producer():
    return taskledger.Producer()


class Hostile:
    """Fails at whatever is asked of it."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __float__ = __int__ = __bool__ = __len__ = __iter__ = __hash__ = __eq__ = __repr__


class Proxy:
    """Of what is not there, as web frameworks have them."""

    @property
    def __class__(self):
        raise RuntimeError("outside of a request")

    __repr__ = __str__ = __float__ = __int__ = __bool__ = __class__.fget


@numbers.Integral.register
class Count:
    """A number as numpy has them."""

    def __int__(self):
        return 7


@numbers.Real.register
class Share:
    def __float__(self):
        return 0.5


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


def cycle():
    found = {"name": "cycle"}
    found["itself"] = found
    return found


def nested(depth, kind=dict):
    found = {"bottom": True}
    for _ in range(depth):
        found = {"a": found} if kind is dict else [found]
    return found


# ---- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, stored",
    [
        ("grüße 🎉", "grüße 🎉"),
        ("a\ud800b", "a\ufffdb"),
        ("a\0b", "a\ufffdb"),
        (b"bytes \xff", "bytes \ufffd"),
        (7, "7"),
        (Colour.RED, "red"),
        (pathlib.Path("/tmp"), "/tmp"),
        ("", None),
        (None, None),
    ],
    ids=ascii,
)
def test_anything_is_a_text(producer, events, text, stored):
    assert producer.emit("t", "RUNNING", message=text, step=text, error_type=text)
    assert [events[0].message, events[0].step, events[0].error_type] == [stored] * 3


def test_what_has_no_text_says_so(producer, events):
    assert producer.emit("t", "RUNNING", message=Hostile())
    assert "str() raised RuntimeError" in events[0].message


def test_long_texts_are_cut_in_the_middle(producer, events):
    trace = "begin" + "€" * 9000
    assert producer.emit("t", "RUNNING", message="é" * 100_000, step="s" * 5000, error_traceback=trace)
    event = events[0]
    assert len(event.message.encode()) <= 8192 and len(event.step) <= 1024
    assert event.error_traceback.startswith("begin") and event.error_traceback.endswith("€")
    assert "[... 100000 characters in all ...]" in event.message and "\ufffd" not in event.message


def test_an_impossible_parent_is_left_out(producer, events):
    assert producer.emit("t", "RUNNING", parent_task_id="p" * 256)
    assert events[0].parent_task_id is None


# ---- numbers and times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, stored",
    [(0.5, 0.5), (0, 0.0), (1, 1.0), (-0.1, 0.0), (1.7, 1.0), (float("nan"), None), (float("inf"), None)]
    + [("0.25", 0.25), ("half", None), (Hostile(), None), (decimal.Decimal("0.5"), 0.5), (None, None)],
    ids=lambda value: type(value).__name__,
)
def test_progress_is_from_nothing_to_one(producer, events, given, stored):
    assert producer.emit("t", "RUNNING", progress=given)
    assert events[0].progress == stored


def test_progress_that_is_no_number_changes_nothing(producer, events):
    with producer.task("t") as task:
        task.progress(0.5)
        task.progress(float("nan"))
    assert [event.progress for event in events] == [None, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    "given, stored",
    [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, datetime.timezone.utc), "2026-01-02T03:04:05.678901+00:00"),
        (1767323045.5, "2026-01-02T03:04:05.500000+00:00"),
        (-1, None),
        (float("nan"), None),
        (1e30, None),
        ("yesterday", None),
        (Hostile(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_time_is_exact_or_now(producer, events, given, stored):
    assert producer.emit("t", "RUNNING", occurred_at=given)
    assert (events[0].occurred_at and events[0].occurred_at.isoformat()) == stored


# ---- data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, stored",
    [
        ({"a": 1, "b": [True, None, "ü"]}, {"a": 1, "b": [True, None, "ü"]}),
        ({}, {}),
        ([1, 2], {"value": [1, 2]}),
        ("text", {"value": "text"}),
        ({1: "one", None: 2, (3, 4): 5}, {"1": "one", "None": 2, "(3, 4)": 5}),
        ({"n": float("nan"), "i": float("-inf")}, {"n": "nan", "i": "-inf"}),
        ({"s": "a\ud800", "n": "\0", "k\0": 1}, {"s": "a\ufffd", "n": "\ufffd", "k\ufffd": 1}),
        ({"not a nul": "\\u0000"}, {"not a nul": "\\u0000"}),
        ({"t": datetime.datetime(2026, 1, 2)}, {"t": "2026-01-02T00:00:00"}),
        ({"d": datetime.date(2026, 1, 2)}, {"d": "2026-01-02"}),
        ({"u": uuid.UUID(int=1), "d": decimal.Decimal("1.50")}, {"u": str(uuid.UUID(int=1)), "d": "1.50"}),
        ({"e": Colour.RED, "s": Status.SUCCESS, "p": Point(1, 2.5)}, {"e": "red", "s": 5, "p": {"x": 1, "y": 2.5}}),
        ({"set": {7}, "b": b"\xff"}, {"set": [7], "b": "\\xff"}),
        (cycle(), {"name": "cycle", "itself": "<itself>"}),
        ({"bits": 1 << 20000}, {"bits": "<an integer of 20001 bits>"}),
        ({"n": Count(), "x": [Share()], "f": fractions.Fraction(1, 2)}, {"n": 7, "x": [0.5], "f": "1/2"}),
        ({"n": Count(), "nan": float("nan")}, {"n": 7, "nan": "nan"}),
        ({"hostile": Hostile()}, {"hostile": "<Hostile>"}),
    ],
    ids=lambda value: "",
)
def test_anything_is_data(producer, events, given, stored):
    assert producer.emit("t", "RUNNING", data=given)
    assert events[0].data == stored


def test_the_data_of_the_task_is_left_alone(producer, events):
    given = {"a": float("nan"), "b": {1: 2}}
    producer.emit("t", "RUNNING", data=given)
    assert str(given) == "{'a': nan, 'b': {1: 2}}"


@pytest.mark.parametrize("kind", [dict, list])
def test_data_of_any_depth_is_taken(producer, events, kind):
    assert producer.emit("t", "RUNNING", data={"deep": nested(100_000, kind)})
    assert "<deeper>" in json.dumps(events[0].data)


class Liar(dict):
    def items(self):
        raise OSError("no items")

    keys = __iter__ = items


def test_a_mapping_that_fails_is_named(producer, events):
    liar = Liar(a=1)
    assert producer.emit("t", "RUNNING", data=liar) and producer.emit("t", "RUNNING", data={"liar": liar, "b": {1, 2}})
    assert all(event.data is not None for event in events)


def test_a_status_that_there_is_not_is_told_once_with_those_that_there_are(producer, events, caplog):
    assert not any(producer.emit("t", status) for status in ("DONE", "finished", 99, None))
    assert len(caplog.records) == 1 and not events
    assert "PENDING, QUEUED, RUNNING" in caplog.text and "found 'DONE'" in caplog.text


def test_what_raises_when_it_is_asked_for_its_class_takes_nothing_else_with_it(producer, events):
    assert producer.emit("t", "RUNNING", data=Proxy()) and producer.emit("t", "RUNNING", data={"a": 1, "b": [Proxy(), 2]})
    assert [event.data for event in events] == [{"value": "<Proxy>"}, {"a": 1, "b": ["<Proxy>", 2]}]


@pytest.mark.parametrize("odd", [Hostile, Proxy])
def test_a_task_raises_nothing_whatever_it_is_told(producer, events, odd):
    assert not producer.emit("t", odd()) and not producer.emit("t", "RUNNING", attempt=odd())
    with producer.task(odd(), odd(), data=odd(), queue=odd()) as task:
        task.step(odd())
        task.progress(odd(), odd())
        task.message(odd())
        task.partial_failure(odd(), step=odd(), data=odd())
        task.result(odd())
        task.cancel(odd())
    with producer.task("t") as task:
        for number in range(30):
            task.partial_failure(odd() if number % 2 else f"part {number}", step=odd())
    assert events[-1].status is Status.PARTIAL_FAILURE and "part 28" in events[-1].message


# ---- the hook -----------------------------------------------------------------------------------------------------


def test_the_hook_changes_what_leaves_and_nothing_else(events):
    def hide(event):
        event.data.pop("password")
        event.message = event.message.replace("4711", "****")
        event.task_id = "somebody else's"

    given = {"password": "secret", "user": "u"}
    taskledger.Producer(redact=hide).emit("t", "RUNNING", data=given, message="card 4711")
    assert (events[0].data, events[0].message, events[0].task_id) == ({"user": "u"}, "card ****", "t")
    assert given == {"password": "secret", "user": "u"}


def test_the_hook_may_return_another_event(events):
    def hide(event):
        return dataclasses.replace(event, error_message="hidden", error_traceback=None)

    taskledger.Producer(redact=hide).emit("t", "FAILURE", error_type="E", error_message="m", error_traceback="t")
    assert (events[0].error_type, events[0].error_message, events[0].error_traceback) == ("E", "hidden", None)


def test_a_hook_that_fails_lets_nothing_out(events, caplog):
    producer = taskledger.Producer(redact=lambda event: 1 / 0)
    said = {"data": {"secret": 1}, "message": "secret", "error_type": "E", "error_message": "secret"}
    for _ in range(3):
        assert producer.emit("t", "FAILURE", **said)
    assert "secret" not in repr(events) and events[0].status is Status.FAILURE
    assert events[0].message == events[0].error_message == "withheld: the redact hook failed"
    assert caplog.text.count("redact hook raised ZeroDivisionError") == 1


def test_a_hook_that_returns_nonsense_lets_nothing_out(events):
    assert taskledger.Producer(redact=lambda event: "nonsense").emit("t", "RUNNING", data={"secret": 1})
    assert events[0].data is None


# ---- what is not ours to catch ------------------------------------------------------------------------------------


class SoftTimeLimit(Exception):
    """As Celery and RQ raise theirs: an ordinary exception, by a handler of signals."""


class Alarms:
    """Raises the limit at every odd moment, in the task or in our own code."""

    def __init__(self, error):
        self.error = error
        self.rung = 0

    def ring(self, number, frame):
        self.rung += 1
        raise self.error


def test_a_time_limit_that_a_timer_put_into_the_thread_is_not_swallowed_either(events):
    def redact(event):
        raise JobTimeoutException("where the thread happened to be")

    with pytest.raises(JobTimeoutException):
        taskledger.Producer(redact=redact).emit("t", "RUNNING")


@pytest.mark.parametrize("error", [SoftTimeLimit, TimeoutError, ValueError])
@pytest.mark.parametrize("redact", [None, lambda event: event], ids=["plain", "hook"])
def test_a_time_limit_is_never_swallowed(events, error, redact):
    alarms = Alarms(error)
    producer = taskledger.Producer(redact=redact)
    data = {"odd": Colour.RED, "deep": nested(20), "nan": float("nan")}
    gc.disable()  # what is raised in a __del__, which the collector may call, is lost to everybody
    former = signal.signal(signal.SIGALRM, alarms.ring)
    reached = 0
    try:
        for number in itertools.count():
            # A little later each time, so that every part of the code is hit.
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00002 + number % 200 * 0.000002)
                for _ in range(100_000):
                    producer.emit("t", "RUNNING", data=data, message="m\0")
            except error:
                reached += 1
            events.clear()
            if number == 400:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        gc.enable()
    assert reached == alarms.rung == 401


@pytest.mark.parametrize("when", [Status.RUNNING, Status.SUCCESS])
def test_a_task_that_is_interrupted_while_it_says_something_fails(producer, events, monkeypatch, when):
    emit = producer.emit

    def interrupted(task_id, status, **fields):
        emit(task_id, status, **fields)
        if status is when:
            raise SoftTimeLimit

    monkeypatch.setattr(producer, "emit", interrupted)
    with pytest.raises(SoftTimeLimit):
        with producer.task("t"):
            pass
    assert events[0].status is Status.RUNNING and events[-1].status is Status.FAILURE
    assert taskledger.current_task().task_id == ""
