"""latency: from emit to the row that a reader sees."""

import json
import os
import statistics
import time

from suite.figures import Figure

TITLE = "From emit to the visible row"
ABOUT = """
Events come at random times, as those of independent workers do, and each counts from when it was due, however late
anything was (no coordinated omission). A row is visible when another session sees it, which asks again a tenth of a
millisecond after each answer (a quarter from 10,000/s on): so a figure is too large by up to that and a question, and never
too small. One consumer, one producer with its spool off, commits durable. The limit is what this disk takes to make 8 KiB
durable, alone on the machine: every transaction waits for it once.
"""
RATES = {100: (30, 100), 1000: (30, 100), 10_000: (15, 250), 30_000: (10, 250)}  # events/s: seconds, µs between two looks
ROUNDS = 3
QUANTILES = ["p50", "p99", "p99.9", "max"]
SYNCS, SYNC_BYTES = 2000, 8192
FSYNC = "limit: write and fdatasync"
COMPARED = ("100/s", "1,000/s")  # with it; at greater rates an event waits for those before it, too


def measure(bench):
    told = {}
    with bench.stage() as stage:
        things = {FSYNC: lambda: note(told, FSYNC, sync_times(stage.scratch / "synced"))}
        for rate in RATES:
            things[f"{rate:,}/s"] = lambda rate=rate: note(told, f"{rate:,}/s", latencies(stage, rate))
        bench.in_turn(things, ROUNDS)
    return [
        Figure(f"{what}, {quantile}", "ms", [run[quantile] / 1000 for run in runs], compared(what, quantile))
        for what, runs in told.items()
        for quantile in QUANTILES
    ]


def compared(what, quantile):
    return f"{FSYNC}, {quantile}" if what in COMPARED and quantile != "max" else ""


def note(told, what, times):
    """Returns the median, for who watches."""
    told.setdefault(what, []).append(times)
    return times["p50"]


def latencies(stage, rate):
    """Quantiles in microseconds."""
    stage.empty()
    seconds, pause_us = RATES[rate]
    seconds = 3 if stage.bench.quick else seconds
    with stage.consumer() as consumer:
        consumer.wait_for_log('"event":"ready"')
        return json.loads(stage.run(stage.program("latency"), f"rate={rate}", f"seconds={seconds}", f"poll={pause_us}"))


def sync_times(path):
    """The same quantiles, of writing over what is there and syncing it."""
    times = []
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(SYNCS * SYNC_BYTES), 0)
    os.fsync(file)
    for number in range(SYNCS):
        begun = time.perf_counter()
        os.pwrite(file, b"x" * SYNC_BYTES, number * SYNC_BYTES)
        os.fdatasync(file)
        times.append(1e6 * (time.perf_counter() - begun))
    os.close(file)
    cuts = statistics.quantiles(times, n=1000, method="inclusive")
    return {"p50": cuts[499], "p99": cuts[989], "p99.9": cuts[998], "max": max(times)}
