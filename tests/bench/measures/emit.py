"""emit: what emitting costs the caller."""

import os
import shutil
import signal
import statistics
from contextlib import contextmanager

from suite.figures import Figure
from suite.stage import told

TITLE = "Emitting, as the worker feels it"
ABOUT = """
The time that one emit takes in the caller's thread, events of about 250 bytes, as fast as the threads can and without a
pause. Redis is present, away (nobody listens), or stalled (stopped in the middle of everything). The limit is what an event
cannot do without, its SHA-256, by as many threads: with more threads than processors much of the highest percentile
is the scheduler's, and it is in both.
"""
EVENTS = 100_000
FULL = 1000  # events in a queue that is to be full

PRESENT, AWAY, STALLED = "present", "away", "stalled"

# spool, Redis, threads, events in the queue (0: all)
CASES = [
    *((spool, redis, 1, 0) for spool in ("off", "overflow", "always") for redis in (PRESENT, AWAY, STALLED)),
    *(("overflow", redis, threads, 0) for threads in (4, 16) for redis in (PRESENT, AWAY)),
    ("always", PRESENT, 4, 0),
    ("off", AWAY, 1, FULL),
]
SHOWN = {"median": "median", "p999": "p99.9"}


def measure(bench):
    with bench.stage(warm=False) as stage:
        events = bench.events(EVENTS)
        told_by = {case: [] for case in CASES}
        bench.in_turn({name(case): noting(stage, case, events, told_by[case]) for case in CASES})
    return [*limits(told_by), *costs(told_by)]


def name(case):
    spool, redis, threads, queue = case
    queue = ", queue full" if queue else ""
    return f"spool {spool}, Redis {redis}{queue}, {threads} thread{'s' if threads > 1 else ''}"


def limit(threads):
    return f"limit: SHA-256 alone, {threads} thread{'s' if threads > 1 else ''}"


def noting(stage, case, events, told_by):
    """The case as one to be taken in turn, in microseconds, which notes all that the program told."""

    def run():
        told_by.append(emit(stage, case, events))
        return told_by[-1]["median"] / 1000

    return run


def emit(stage, case, events):
    spool, redis, threads, queue = case
    folder = stage.scratch / "emit-spool"
    shutil.rmtree(folder, ignore_errors=True)
    environment = {"TASKLEDGER_SPOOL": spool, "TASKLEDGER_SPOOL_DIR": str(folder)}
    if redis == AWAY:
        environment["REDIS_URL"] = f"unix://{stage.scratch}/nobody.sock"
    stage.redis.client().flushall()
    with stopped(stage.redis.process.pid, redis == STALLED):
        words = f"emits={events // threads}", f"threads={threads}", f"queue={queue}"
        return told(stage.run(stage.program("emit_cost"), *words, environment=environment))


@contextmanager
def stopped(pid, really):
    try:
        if really:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def limits(told_by):
    """Of each number of threads: of each round the median of what its runs found."""
    for threads in sorted({case[2] for case in told_by}):
        lines = [lines for case, lines in told_by.items() if case[2] == threads]
        for key, shown in SHOWN.items():
            rounds = [statistics.median(line[f"limit_{key}"] for line in round) / 1000 for round in zip(*lines)]
            yield Figure(f"{limit(threads)}: {shown}", "µs", rounds)


def costs(told_by):
    for case, lines in told_by.items():
        for key, shown in SHOWN.items():
            runs = [line[key] / 1000 for line in lines]
            yield Figure(f"{name(case)}: {shown}", "µs", runs, to=f"{limit(case[2])}: {shown}")
