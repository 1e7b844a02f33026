"""memory: what is resident while a backlog is drained, and while a queue is full."""

import time
from pathlib import Path
from subprocess import PIPE

from suite.figures import Figure
from support.processes import spawn
from support.waiting import wait_until

TITLE = "Resident memory"
ABOUT = """
The consumer's: the most that it ever had while it drained a backlog, and what it has five seconds after that; and what it
has on the way, after each 100,000 events of half a million. The producer's: a process with one producer, its spool off,
while Redis answers and while it does not and the queue of 10,000 events is full. The limits are processes that have the
same libraries and lines, and do nothing. A MB is a million bytes.
"""
BACKLOGS = {"events of 100 B": (300_000, 100), "events of 250 B": (300_000, 0), "events of 64 KiB": (6_000, 65_000)}
ROUNDS = 3
IDLE_S = 5
SERIES, SAMPLES = 500_000, 5
DRAINED_WITHIN_S = 300
QUEUE_EVENTS, RATE = 10_000, 20_000
CONSUMER, PRODUCER = "limit: connected to both servers", "limit: connected to Redis"


def measure(bench):
    told = {}
    with bench.stage() as stage:
        things = {what: consumer_of(stage, told, what, backlog) for what, backlog in BACKLOGS.items()}
        things["consumer over time"] = lambda: note(told, **over_time(stage))
        things["a full queue"] = lambda: note(told, **producer(stage))
        things["doing nothing"] = lambda: note(told, **connected(stage))
        bench.in_turn(things, ROUNDS)
    return [Figure(what, "MB", runs, limit_of(what)) for what, runs in told.items()]


def limit_of(what):
    return {"consumer": CONSUMER, "producer": PRODUCER}.get(what.partition(",")[0], "")


def note(told, **found):
    for what, value in found.items():
        told.setdefault(what, []).append(value)
    return max(found.values())


def consumer_of(stage, told, what, backlog):
    events, size = backlog
    return lambda: note(told, **draining(stage, f"consumer, {what}", stage.bench.events(events, 500), size))


def draining(stage, what, events, size):
    """The peak, and a while after."""
    stage.empty()
    stage.fill(events, bytes=size)
    with stage.consumer() as consumer:
        stage.drained()
        time.sleep(0 if stage.bench.quick else IDLE_S)
        return {f"{what}: peak": resident_mb(consumer.pid, "VmHWM"), f"{what}: idle": resident_mb(consumer.pid, "VmRSS")}


def over_time(stage):
    """The consumer's, after each part of a long drain."""
    events = stage.bench.events(SERIES)
    stage.empty()
    stage.fill(events)
    found = {}
    with stage.consumer() as consumer:
        for part in range(1, SAMPLES + 1):
            left = events - events * part // SAMPLES
            wait_until(lambda left=left: stage.unsettled() <= left, DRAINED_WITHIN_S, f"{left} events are left")
            what = f"consumer, events of 250 B: after {SERIES * part // SAMPLES:,}"
            found[what] = resident_mb(consumer.pid, "VmRSS")
    return found


def producer(stage):
    """While Redis answers, and while it does not."""
    stage.empty()
    with stage.loading(rate=RATE, events=RATE * 60, producers=1, threads=1, queue=QUEUE_EVENTS) as load:
        time.sleep(1)
        before = resident_mb(load.pid, "VmRSS")
        stage.redis.pause()
        time.sleep(3 * QUEUE_EVENTS / RATE)
        full = resident_mb(load.pid, "VmRSS")
    stage.redis.resume()
    return {"producer, Redis answers": before, "producer, 10,000 events in the queue": full}


def connected(stage):
    """Of the limits, when they have said that they have their lines."""
    return {CONSUMER: resident_of(stage, "limit_connected"), PRODUCER: resident_of(stage, "limit_line")}


def resident_of(stage, program):
    process = spawn([stage.program(program)], stage.scratch / f"{program}.log", env=stage.environment, stdout=PIPE)
    try:
        assert process.stdout.readline() == b"connected\n", (stage.scratch / f"{program}.log").read_text()
        return resident_mb(process.pid, "VmRSS")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def resident_mb(pid, which):
    """VmRSS: now; VmHWM: the most that it ever was."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"process {pid} has no {which}")
