"""emit: what emitting costs the caller."""

import os
import shutil
import signal
import statistics
import subprocess
import threading
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from suite.figures import Figure
from suite.stage import told

TITLE = "Emitting, as the worker feels it"
ABOUT = """
The time that one emit takes in the caller's thread, events of about 250 bytes. The threads go on without a pause, which
with many of them shows the scheduler first of all; or each emits so many a second and sleeps in between, as workers do.
Redis is present, away (nobody listens), stalled (stopped, once the producer has connected to it), or slow (stopped for 150
ms, five times a second). The yardstick is as many threads in the same rhythm that hash as many bytes, each for itself: what
the scheduler and the machine do to any program is in both, what threads do to each other is in the emits alone. It is no
limit: only an emit that spools computes a hash.
"""
EVENTS = 100_000
EVENTS_OF_MANY = 400_000  # by several threads: each shall have some time slices
PACE = 100  # a second, by each thread that takes its time
PACED_S = 2
FULL = 1000  # events in a queue that is to be full

STOPPED_S, RUNS_S = 0.15, 0.05  # in turn, while Redis is slow

PRESENT, AWAY, STALLED, SLOW = "present", "away", "stalled", "slow"


class Case(NamedTuple):
    spool: str
    redis: str
    threads: int = 1
    rate: int = 0  # a second, by each thread; 0: as fast as it can
    queue: int = 0  # events that may wait; 0: all


CASES = [
    *(Case(spool, redis) for spool in ("off", "overflow", "always") for redis in (PRESENT, AWAY, STALLED)),
    *(Case("overflow", redis, threads) for threads in (4, 16, 64) for redis in (PRESENT, AWAY)),
    Case("overflow", STALLED, threads=16),
    Case("always", PRESENT, threads=4),
    Case("off", AWAY, queue=FULL),
    *(Case("overflow", redis, threads=64, rate=PACE) for redis in (PRESENT, AWAY, STALLED, SLOW)),
]
SHOWN = {"median": "median", "p999": "p99.9"}


def measure(bench):
    with bench.stage(warm=False) as stage:
        told_by = {case: [] for case in CASES}
        bench.in_turn({name(case): noting(stage, case, events(bench, case), told_by[case]) for case in CASES})
    return [*yardsticks(told_by), *costs(told_by)]


def events(bench, case):
    if case.rate:
        return bench.events(case.threads * case.rate * PACED_S)
    return bench.events(EVENTS_OF_MANY if case.threads > 1 else EVENTS)


def name(case):
    queue = ", queue full" if case.queue else ""
    return f"spool {case.spool}, Redis {case.redis}{queue}, {callers(case)}"


def yardstick(case):
    return f"yardstick: SHA-256 of as many bytes, {callers(case)}"


def callers(case):
    pace = f" at {case.rate} events/s each" if case.rate else ""
    return f"{case.threads} thread{'s' if case.threads > 1 else ''}{pace}"


def noting(stage, case, events, told_by):
    """The case as one to be taken in turn, in microseconds, which notes all that the program told."""

    def run():
        told_by.append(emit(stage, case, events))
        return told_by[-1]["median"] / 1000

    return run


def emit(stage, case, events):
    folder = stage.scratch / "emit-spool"
    shutil.rmtree(folder, ignore_errors=True)
    environment = {"TASKLEDGER_SPOOL": case.spool, "TASKLEDGER_SPOOL_DIR": str(folder)}
    if case.redis == AWAY:
        environment["REDIS_URL"] = f"unix://{stage.scratch}/nobody.sock"
    stage.redis.client().flushall()
    numbers = {"emits": events // case.threads, "threads": case.threads, "rate": case.rate, "queue": case.queue}
    command = [stage.program("emit_cost"), *(f"{name}={value}" for name, value in numbers.items())]
    if case.redis == AWAY:
        return told(stage.run(*command, environment=environment))
    return told(connected(command, {**stage.environment, **environment}, BEFALLS[case.redis](stage.redis.process.pid)))


def connected(command, environment, befalls):
    """What it prints, emitting while that befalls the Redis which it has connected to before."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "waits=1"], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "ready\n", "emit_cost did not reach Redis"
        with befalls:
            output, _ = process.communicate("\n")
    assert process.returncode == 0, f"emit_cost ended with {process.returncode}"
    return output


@contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def slowed(pid):
    over = threading.Event()

    def stop_and_go():
        while not over.is_set():
            with stopped(pid):
                over.wait(STOPPED_S)
            over.wait(RUNS_S)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


BEFALLS = {PRESENT: nullcontext, STALLED: stopped, SLOW: slowed}


def yardsticks(told_by):
    """Of each kind of callers: of each round the median of what its runs found."""
    for kind in dict.fromkeys(map(yardstick, told_by)):
        lines = [lines for case, lines in told_by.items() if yardstick(case) == kind]
        for key, shown in SHOWN.items():
            rounds = [statistics.median(line[f"yardstick_{key}"] for line in round) / 1000 for round in zip(*lines)]
            yield Figure(f"{kind}: {shown}", "µs", rounds)


def costs(told_by):
    for case, lines in told_by.items():
        for key, shown in SHOWN.items():
            runs = [line[key] / 1000 for line in lines]
            to = f"{yardstick(case)}: {shown}" if key == "median" else ""
            yield Figure(f"{name(case)}: {shown}", "µs", runs, to)
