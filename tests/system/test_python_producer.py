"""The Python package in a worker: what it says is in the ledger, and nothing that happens on the way disturbs it."""

import json

import pytest

from support.emitted import Emitted
from support.events import Stream
from support.package import Python, environment
from support.programs import Programs
from support.waiting import wait_until

# Talks in lines: each is Python, of which it tells the value as JSON, or the exception.
TALKER = """
import json, logging, sys, time
import taskledger
logging.basicConfig(format="%(levelname)s %(message)s", level="INFO")
producer = taskledger.producer()

def timed(function, count=1):
    slowest = 0
    for _ in range(count):
        began = time.perf_counter()
        function()
        slowest = max(slowest, time.perf_counter() - began)
    return slowest

for line in sys.stdin:
    try:
        value = eval(line)
    except Exception as error:
        value = repr(error)
    print(json.dumps(value), flush=True)
"""


class Talker(Python):
    def value(self, line):
        return json.loads(self.ask(line))

    def counter(self, name):
        return self.value(f"producer.counters().{name}")

    def emit(self, count=1):
        """How many were accepted."""
        return self.value(f"sum(producer.emit('t', 'RUNNING') for _ in range({count}))")

    def wait_for_log(self, text):
        """Which says something at emits only."""
        wait_until(lambda: self.emit() >= 0 and text in self.stderr(), 30, lambda: f"{text!r} in {self.stderr()}")


@pytest.fixture
def start(build, scratch):
    talkers = []

    def start(*servers, code=TALKER, **environ):
        environ = environment(build, scratch, *servers, **environ)
        talkers.append(Talker(code, environ, scratch, f"python{len(talkers)}"))
        return talkers[-1]

    yield start
    for talker in talkers:
        talker.kill()


# ---- from the block to the history --------------------------------------------------------------------------------

STORY = """
import datetime, taskledger
taskledger.configure(close_timeout=60)
data = {"customer": "Ü\\ud800", 7: float("nan")}
with taskledger.producer().task("order-4711", "invoice", queue="high", data=data) as task:
    task.step("render")
    task.progress(0.4, "12 of 30")
    with taskledger.producer().task("order-4711/mail", "mail"):
        pass
    task.partial_failure("page 7 is empty", step="proof")
    task.result({"at": datetime.date(2026, 1, 2)})
try:
    with taskledger.producer().task("order-4712", "invoice"):
        raise KeyError("no such order")
except KeyError:
    pass
"""


def test_a_story_is_in_the_ledger_as_it_was_told(redis, postgres, build, scratch, start):
    programs = Programs(build, scratch)
    programs.use(redis, postgres)
    try:
        consumer = programs.start("taskledger-consumer", "run")
        start(redis, code=STORY).end()
        stream = Stream(redis.client())
        wait_until(lambda: stream.is_settled() and redis.client().xlen("taskledger:events") > 0, 30, "all is settled")
        history = programs.run("taskledger-replay", "history", "order-4711", "--format", "json").stdout
        programs.run("taskledger-replay", "verify")
        assert consumer.term() == 0
    finally:
        programs.close()

    told = [(event["status"], event.get("step")) for event in json.loads(history)["events"]]
    assert told == [
        ("RUNNING", None),
        ("RUNNING", "render"),
        ("RUNNING", "render"),
        ("RUNNING", "proof"),
        ("PARTIAL_FAILURE", "proof"),
    ]
    columns = "task_id, status::text, data, error_type, parent_task_id"
    rows = postgres.rows(f"SELECT {columns} FROM taskledger.task ORDER BY 1")
    assert rows == [
        ("order-4711", "PARTIAL_FAILURE", {"at": "2026-01-02"}, None, None),
        ("order-4711/mail", "SUCCESS", None, None, "order-4711"),
        ("order-4712", "FAILURE", None, "KeyError", None),
    ]
    first = postgres.value("SELECT data FROM taskledger.task_event WHERE data ? 'customer'")
    assert first == {"customer": "Ü\ufffd", "7": "nan"}
    failed = postgres.value("SELECT payload FROM taskledger.task_event WHERE error_type IS NOT NULL")
    assert b"KeyError: 'no such order'" in bytes(failed)


@pytest.mark.parametrize(
    "data",
    [
        "{'d': nested(70)}",
        "{'n': 10 ** 4000}",
        "{'s': 'x' * 1_000_000}",
        "{'k' * 70_000: 1}",
        "{'u': '\\ud83d', 'n': 'a\\0b'}",
        "{'e': 1e308, 'f': -0.0, 'nan': float('nan')}",
        "{'list': list(range(50_000))}",
    ],
)
def test_any_data_is_accepted_by_the_library(redis, event_pb2, start, data):
    nested = "nested = lambda depth: {'a': nested(depth - 1)} if depth else 1\n"
    talker = start(redis, code=nested + TALKER)
    hooked = "taskledger.Producer(redact=lambda event: event)"
    for who in ("producer", f"globals().setdefault('hooked', {hooked})"):
        assert talker.value(f"{who}.emit('t', 'RUNNING', data={data}, message='m' * 10**6)") is True
        assert talker.value(f"{who}.flush(60)") == 0
    tasks = Emitted(redis, event_pb2).tasks()
    assert [(bool(json.loads(task.data_json)), len(task.message)) for task in tasks] == [(True, 8192)] * 2
    assert "not said" not in talker.stderr()


def test_what_cannot_be_said_is_told_once(redis, start):
    talker = start(redis)
    assert talker.value("[producer.emit('x' * 256, 'RUNNING') for _ in range(3)]") == [False] * 3
    assert talker.stderr().count("task_id: 256 bytes, at most 255") == 1
    assert talker.counter("rejected_invalid") == 3


# ---- Redis away ---------------------------------------------------------------------------------------------------


def test_redis_is_away_at_the_start_and_comes_back(redis, event_pb2, start):
    redis.kill()
    talker = start(redis)
    talker.emit(10)
    talker.wait_for_log("WARNING Redis is away")
    talker.wait_for_log("WARNING events go to the spool")
    redis.start()
    talker.wait_for_log("INFO Redis is back")
    assert talker.value("producer.flush(20)") == 0
    said = talker.counter("accepted")
    talker.end()
    log = talker.stderr()
    assert [log.count(text) for text in ("is away", "to the spool", "is back", "being emptied")] == [1, 1, 1, 1]
    assert len(Emitted(redis, event_pb2).tasks()) == said - 1


def test_a_redis_that_refuses_is_told(make_redis, start):
    redis = make_redis("closed", arguments=["--requirepass", "a secret"])
    talker = start(redis, TASKLEDGER_SPOOL="off")
    talker.wait_for_log("ERROR Redis refuses, until somebody mends it")
    assert "NOAUTH" in talker.stderr() and "a secret" not in talker.stderr()


def test_dropping_is_told_once_and_so_is_its_end(redis, start):
    redis.kill()
    talker = start(redis, TASKLEDGER_SPOOL="off", TASKLEDGER_QUEUE_EVENTS="100")
    assert talker.emit(200) < 200
    talker.wait_for_log("ERROR events are dropped")
    redis.start()
    talker.wait_for_log("INFO no more events are dropped")
    assert talker.stderr().count("events are dropped, ") == 1


def test_a_stopped_redis_delays_no_task(redis, start):
    talker = start(redis)
    assert talker.emit() == 1 and talker.value("producer.flush(20)") == 0
    redis.pause()
    slowest = talker.value("timed(lambda: producer.emit('t', 'RUNNING', message='m' * 1000), 20_000)")
    assert slowest < 5, "emits wait for nothing"
    assert talker.value("timed(lambda: producer.flush(0.2))") >= 0.2
    assert talker.counter("queued") + talker.counter("spooled") > 0
    redis.resume()
    assert talker.value("producer.flush(60)") == 0


def test_ending_while_redis_is_stopped_takes_close_timeout_and_loses_nothing(redis, event_pb2, start):
    redis.pause()
    code = "import taskledger\ntaskledger.configure(close_timeout=0.5, spool='overflow')\n" + TALKER
    talker = start(redis, code=code)
    assert talker.emit(100) == 100
    began = talker.value("time.monotonic()")
    talker.end()
    ended = start(redis, code="import time\nprint(time.monotonic())").answer()
    assert float(ended) - began < 30, "2 s of a process that starts, and a machine that is busy"
    redis.resume()
    successor = start(redis)
    assert successor.value("producer.sweep(60)") == 0
    assert len(Emitted(redis, event_pb2).wait_for_tasks(100)) == 100


# ---- no library, no settings --------------------------------------------------------------------------------------


USE = """
with producer.task("t") as task: task.step("s")
print(producer.flush(1), producer.counters().accepted, producer.sweep(1), producer.close())
try: producer.claim("t")
except taskledger.LeaseUnavailable as error: print(error)
"""


def test_without_a_library_all_is_silent_but_for_one_line(start):
    talker = start(code=TALKER.partition("for line")[0] + USE, TASKLEDGER_LIBRARY="/nowhere/lib.so")
    assert talker.end() == "0 0 0 0\nthe producer is disabled, or there is no libtaskledger\n"
    (line,) = talker.stderr().splitlines()
    assert line.startswith("ERROR taskledger is silent: /nowhere/lib.so") and "libtaskledger0" in line


def test_a_library_that_is_none_of_ours_is_named(start):
    talker = start(code=TALKER.partition("for line")[0] + USE, TASKLEDGER_LIBRARY="libc.so.6")
    talker.end()
    assert "libc.so.6 is too old" in talker.stderr()


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ("spool='sometimes'", "expected off, overflow, always"),
        ("shards=9999", "shards"),
        ("redis_url='http://x'", "must begin with redis://"),
        ("queue_bytes=-1", "not negative"),
        ("connect_timeout='soon'", "soon"),
    ],
)
def test_settings_that_are_no_good_are_named_and_nothing_is_raised(redis, start, arguments, reason):
    code = TALKER.partition("for line")[0].replace("taskledger.producer()", f"taskledger.Producer({arguments})") + USE
    talker = start(redis, code=code)
    assert talker.end().startswith("0 0 0 0\n")
    assert "taskledger is silent: " in talker.stderr() and reason in talker.stderr()


def test_an_environment_that_is_no_good_is_named(redis, start):
    talker = start(redis, code=TALKER.partition("for line")[0] + USE, TASKLEDGER_SHARDS="many")
    assert talker.end().startswith("0 0 0 0\n") and "TASKLEDGER_SHARDS" in talker.stderr()


def test_who_is_switched_off_needs_no_library(start):
    switched_off = {"TASKLEDGER_ENABLED": "no", "TASKLEDGER_LIBRARY": "/nowhere/lib.so"}
    talker = start(code=TALKER.partition("for line")[0] + USE, **switched_off)
    assert talker.end().startswith("0 0 0 0\n") and talker.stderr() == ""


def test_arguments_come_before_the_environment(redis, event_pb2, start):
    settings = "stream='other', worker='w', enabled=True, close_timeout=60"
    code = TALKER.replace("taskledger.producer()", f"taskledger.configure({settings})")
    talker = start(redis, code=code, TASKLEDGER_ENABLED="0", TASKLEDGER_STREAM="one")
    talker.emit()
    talker.end()
    (task,) = Emitted(redis, event_pb2, keys=["other"]).tasks()
    assert task.worker == "w"


# ---- threads, logs ------------------------------------------------------------------------------------------------

CLOSING = """
import threading, taskledger
for turn in range(30):
    producer = taskledger.Producer(spool="off")
    go = threading.Barrier(5)
    def emit():
        go.wait()
        while producer.emit("t", "RUNNING"):
            pass
    threads = [threading.Thread(target=emit) for _ in range(4)]
    for thread in threads: thread.start()
    go.wait()
    producer.close(5)
    for thread in threads: thread.join()
print("well")
"""


def test_a_producer_may_be_closed_while_threads_emit(redis, start):
    assert start(redis, code=CLOSING).end() == "well\n"


ALARMS = """
import gc, signal, taskledger
gc.disable()  # what is raised in a __del__ is lost to everybody
class SoftTimeLimit(Exception): pass
rung = reached = accepted = 0
def ring(number, frame):
    global rung
    rung += 1
    raise SoftTimeLimit
signal.signal(signal.SIGALRM, ring)
producer = taskledger.Producer(spool="off", queue_events=1_000_000, queue_bytes=2**30)
for number in range(400):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.00002 + number % 200 * 0.000002)
        for _ in range(100_000):
            producer.emit("t", "RUNNING", message="m", data={"a": 1})
    except SoftTimeLimit:
        reached += 1
assert rung == reached == 400
signal.signal(signal.SIGALRM, signal.SIG_IGN)
users = len(producer.opened().handle.users)
assert producer.close(60) == 0
print("well", users)
"""


def test_a_time_limit_that_interrupts_the_library_leaves_it_whole(redis, event_pb2, start):
    assert start(redis, code=ALARMS).end() == "well 0\n"
    Emitted(redis, event_pb2).check_chains()


LOOP = """
import asyncio, taskledger
async def main():
    async with taskledger.Producer(close_timeout=60) as producer:
        async with producer.task("t"):
            pass
    print(producer.emit("t", "RUNNING"))
asyncio.run(main())
"""


def test_a_producer_may_be_closed_in_a_loop(redis, event_pb2, start):
    assert start(redis, code=LOOP).end() == "False\n"
    Emitted(redis, event_pb2).check_chains()


BUSY = """
import sys, threading, time, taskledger
producer = taskledger.Producer(queue_events=1_000_000)
producer.emit("t", "RUNNING")
producer._watch.next_look = float("inf")
sys.setswitchinterval(1000)  # first: a thread that waits for the lock already waits for as long as it was before
turns = 0
def work():
    global turns
    while True:
        time.sleep(0)  # lets the other one have the lock
        turns += 1
threading.Thread(target=work, daemon=True).start()
before = turns
for _ in range(20_000): producer.emit("t", "RUNNING")
print(turns - before)
"""


def test_an_emit_keeps_the_interpreters_lock(redis, start):
    """Who lets it go for a microsecond may have to wait 5 ms behind a thread that computes."""
    assert start(redis, code=BUSY, TASKLEDGER_SPOOL="overflow").end() == "0\n"


def test_an_emit_that_may_wait_for_a_disk_lets_others_run(redis, start):
    assert int(start(redis, code=BUSY, TASKLEDGER_SPOOL="always").end()) > 0


LOGGER = """
import logging, sys
class Broken(logging.Handler):
    def emit(self, record):
        print(record.getMessage(), file=sys.stderr, flush=True)
        raise OSError("the log's disk is full")
logging.getLogger("taskledger").addHandler(Broken())
"""


def test_a_log_that_fails_disturbs_no_task(redis, start):
    redis.kill()
    talker = start(redis, code=LOGGER + TALKER, TASKLEDGER_SPOOL="off", TASKLEDGER_QUEUE_EVENTS="10")
    wait_until(lambda: talker.emit(5) in range(6) and "dropped" in talker.stderr(), 30, "trouble that is told")
    assert talker.value("producer.emit('', 'RUNNING')") is False
