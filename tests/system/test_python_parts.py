"""Parts of the Python package by themselves: what is told of changes, and what is not freed while it is used."""

import logging
import os
import threading
import time

import pytest

from support import package  # noqa: F401  finds the package

import taskledger
from taskledger import Counters
from taskledger._handle import Handle
from taskledger._watch import Watch

AWAY = Counters(accepted=5, queued=5, refused=1, last_error="no route")


@pytest.fixture
def told(caplog):
    """told(counters...): the lines of the log that these looks, one after the other, make."""
    caplog.set_level("INFO", logger="taskledger")
    watch = Watch()

    def told(*looks):
        caplog.clear()
        for counters in looks:
            watch.look(counters)
        return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]

    told.watch = watch
    return told


def test_what_goes_well_is_not_told(told):
    assert told(Counters(), Counters(queued=9), Counters(connected=True, connects=1, sent=9)) == []


def test_a_connection_that_is_idle_and_ended_is_no_trouble(told):
    assert told(Counters(connected=True, connects=1), Counters(connects=1, last_error="closed by the other side")) == []


def test_away_and_back_are_told_once_each(told):
    waiting = AWAY._replace(queued=7)
    assert told(AWAY, waiting, waiting) == ["WARNING Redis is away (no route); 5 events wait in memory"]
    assert told(AWAY._replace(connected=True)) == ["INFO Redis is back; 5 events are on their way"]
    assert told(AWAY._replace(refused=2)) == ["WARNING Redis is away (no route); 5 events wait in memory"]


def test_what_only_an_operator_can_mend_is_an_error(told):
    refused = Counters(refused=3, refused_for_good=1, last_error="NOAUTH")
    assert told(refused, refused) == ["ERROR Redis refuses, until somebody mends it: NOAUTH"]
    assert told(Counters(refused=3, connected=True)) == ["INFO Redis does not refuse any more"]


def test_spooling_is_told_while_redis_is_away_only(told):
    assert told(Counters(connected=True, spooled=3)) == []
    lines = told(AWAY, AWAY._replace(spooled=3, spool_bytes=700))
    assert lines[1:] == ["WARNING events go to the spool: 3, 700 bytes on disk"]


def test_dropping_goes_on_until_redis_is_back(told):
    dropping = AWAY._replace(dropped_full=4)
    lines = told(AWAY, dropping, dropping, dropping._replace(dropped_full=9))
    assert lines[1:] == ["ERROR events are dropped, 4 so far: neither memory nor spool has room"]
    assert "INFO no more events are dropped; 9 were in all, and the ledger is told so" in told(
        dropping._replace(connected=True, dropped_full=9)
    )


def test_a_spool_that_takes_nothing_is_an_error(told):
    assert told(Counters(spool_error="disk full")) == ["ERROR the spool takes nothing: disk full"]
    assert told(Counters(spool_error="disk full", spool_works=True)) == ["INFO the spool works again"]
    assert told(Counters(spool_works=True, spool_lost=2)) == ["ERROR 2 events were lost in the spool"]


def test_permits_by_the_local_limit_are_told_until_redis_gives_one(told):
    local = Counters(permits_local=1, lease_error="no route")
    assert told(local, local) == ["WARNING permits are given by the local limit: Redis is away (no route)"]
    assert told(local._replace(permits_granted=1)) == [
        "INFO permits are given by Redis again; 1 were by the local limit"
    ]


def test_a_child_of_fork_begins_to_look_anew(told, monkeypatch):
    told(AWAY._replace(refused=100))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert told(AWAY) == ["WARNING Redis is away (no route); 5 events wait in memory"]


# ---- handles ---------------------------------------------------------------------------------------------------------


def test_a_handle_is_taken_when_nobody_uses_it_any_more():
    handle, entered, leave = Handle(7), threading.Event(), threading.Event()

    def use():
        with handle.use() as pointer:
            assert pointer == 7
            entered.set()
            leave.wait(30)

    user = threading.Thread(target=use)
    user.start()
    entered.wait(30)
    threading.Timer(0.1, leave.set).start()
    assert handle.take(timeout=30) == 7 and leave.is_set() and not handle.is_used
    user.join()
    with handle.use() as pointer:
        assert pointer is None
    assert handle.take(timeout=30) is None


def test_a_handle_that_is_used_for_too_long_is_not_waited_for():
    handle = Handle(7)
    began = time.monotonic()
    with handle.use():
        assert handle.take(timeout=0.05) == 7 and handle.is_used
    assert time.monotonic() - began < 10


def test_a_child_of_fork_waits_for_no_thread_of_its_parent():
    handle, entered, leave = Handle(7), threading.Event(), threading.Event()

    def use():
        with handle.use():
            entered.set()
            leave.wait(30)

    user = threading.Thread(target=use)
    user.start()
    entered.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(0 if handle.take(timeout=0) == 7 and not handle.is_used else 1)
    assert os.waitpid(child, 0)[1] == 0 and handle.is_used
    leave.set()
    user.join()


def test_settings_that_are_no_good_are_told_once_to_a_log_that_emits(monkeypatch):
    class Forwarding(logging.Handler):
        def emit(self, record):
            heard.append(record.getMessage())
            producer.emit("the-log", "RUNNING", message=heard[-1])

    heard = []
    producer = taskledger.Producer(shards="many")
    monkeypatch.setattr("taskledger._library.load", lambda: "a library that nobody asks anything")
    monkeypatch.setattr(logging.getLogger("taskledger"), "handlers", [Forwarding()])
    assert not producer.emit("t", "RUNNING")
    assert len(heard) == 1 and heard[0].startswith("taskledger is silent: ")
