"""taskledger.legacy: the old function says the same events as the bridge makes of what the old function pushed."""

import enum
import json
import logging
import os
import subprocess
import sys
import uuid

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "producer/python"))

import taskledger.testing  # noqa: E402
from taskledger import legacy  # noqa: E402
from support.emitted import Emitted  # noqa: E402
from support.legacy import CASES, LIST, check_data, check_text, expanded, push  # noqa: E402

PAGE = ROOT / "deploy/MIGRATION.md"
ALIKE = [case for case in CASES["cases"] if "beside" not in case]


@pytest.fixture
def events():
    with taskledger.testing.capture() as events:
        yield events


@pytest.mark.parametrize("case", ALIKE, ids=lambda case: case["name"])
def test_what_is_said_becomes_this_event(events, case):
    assert legacy.publish_task_event(**expanded(case["said"]))
    (event,) = events
    wanted = case["event"]
    assert (event.task_id, event.status.name, event.attempt) == (wanted["task_id"], wanted["status"], 1)
    assert event.name == wanted.get("task_name")
    check_text(event.error_type, wanted.get("error_type"))
    check_text(event.error_message, wanted.get("error_message"))
    check_text(event.error_traceback, wanted.get("error_traceback"))
    if wanted.get("data") != {"cut": True}:  # the library's part
        check_data(event.data, wanted.get("data"))


def test_both_know_the_same_statuses():
    words = {word.lower(): status for status, words in CASES["statuses"].items() for word in words}
    assert {word: status.name for word, status in legacy.STATUSES.items()} == words


def test_a_status_may_be_many_things(events):
    class State(str, enum.Enum):
        HALF = "partial_success"

    for status in (State.HALF, taskledger.Status.RETRY, "In Progress", b"done"):
        assert legacy.publish_task_event("r", status, {})
    assert [event.status.name for event in events] == ["PARTIAL_FAILURE", "RETRY", "RUNNING", "SUCCESS"]


def test_a_status_that_nobody_knows_is_not_said_and_told_once(events, caplog):
    word = f"odd-{uuid.uuid4().hex}"
    with caplog.at_level(logging.WARNING, "taskledger"):
        assert not legacy.publish_task_event("r", word, {})
        assert not legacy.publish_task_event("r", word.upper(), {})
    assert len(caplog.records) == 1 and "see taskledger.legacy.STATUSES" in caplog.text
    legacy.STATUSES[word.replace("-", "_")] = taskledger.Status.CANCELLED
    assert legacy.publish_task_event("r", word, {})
    assert [event.status.name for event in events] == ["CANCELLED"]


def test_a_log_that_fails_is_not_the_callers_trouble(events, monkeypatch):
    def fail(record):
        raise RuntimeError("no disk")

    monkeypatch.setattr(logging.getLogger("taskledger"), "filters", [fail])
    assert not legacy.publish_task_event("r", f"odd-{uuid.uuid4().hex}", {})


class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("outside of a request")


class Hostile(dict):
    def __iter__(self):
        raise RuntimeError("no")

    keys = items = __iter__


@pytest.mark.parametrize(
    "arguments",
    [
        (None, "done", {}),
        ("", "done", {}),
        ("r", None, {}),
        ("r", object(), {}),
        ("r", "done", Hostile(a=1)),
        ("r", "done", {"error": Hostile(a=1)}),
        ("r", "done", {1: object(), "error": object(), "nan": float("nan"), "bytes": b"\xff"}),
        ("r", "done", {"error": "\ud800\0", "traceback": ValueError("x")}),
        ("r", "done", object(), object()),
        ("r", "done", Proxy(), Proxy()),
        ("r", Proxy(), Proxy()),
        (uuid.uuid4(), "done", [float("inf")], ""),
    ],
    ids=repr,
)
def test_nothing_that_is_said_raises(events, arguments):
    said = legacy.publish_task_event(*arguments)
    assert said is bool(events)
    assert said is (arguments[0] not in (None, "") and arguments[1] == "done")


def test_an_exception_is_an_error(events):
    try:
        raise OSError("disk")
    except OSError as error:
        legacy.publish_task_event("r", "failed", {"error": error, "cpu_usage": 1})
    (event,) = events
    assert (event.error_type, event.error_message, event.data) == ("OSError", "disk", {"cpu_usage": 1})


def test_bridge_and_function_agree_in_the_stream(redis, programs, event_pb2, build):
    programs.use(redis)
    said = [expanded(case["said"]) for case in ALIKE]
    push(redis.client(), *said)
    programs.run("taskledger-emit", "bridge", "--list", LIST, "--once")
    script = (
        "import json, sys, taskledger\n"
        "from taskledger.legacy import publish_task_event\n"
        "assert all([publish_task_event(**said) for said in json.load(sys.stdin)])\n"
        "assert taskledger.producer().close(10) == 0\n"
    )
    environment = {"PYTHONPATH": str(ROOT / "producer/python"), "TASKLEDGER_LIBRARY": str(build.lib("libtaskledger.so.0"))}
    subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(said).encode(),
        env={**os.environ, **programs.environment, **environment},
        check=True,
        timeout=60,
    )
    emitted = Emitted(redis, event_pb2)
    tasks = emitted.tasks()
    bridged, direct = tasks[: len(said)], tasks[len(said) :]
    assert len(direct) == len(said)
    for a, b in zip(bridged, direct):
        assert (a.task_id, a.status, a.task_name, a.error.type) == (b.task_id, b.status, b.task_name, b.error.type)
        assert a.error.message == b.error.message or len(a.error.message.encode()) > 8000
        ours, theirs = (json.loads(task.data_json or "null") for task in (a, b))
        assert ours == theirs or "taskledger_cut" in ours and "taskledger_cut" in theirs
