"""memory: what is resident while a backlog is drained, and while a queue is full."""

import time
from pathlib import Path

from suite.figures import Figure

TITLE = "Resident memory"
ABOUT = """
The consumer's: the most that it ever had while it drained a backlog, and what it has five seconds after that. The
producer's: a process with one producer, while Redis answers and while it does not and the queue of 10,000 events is full.
A MB is a million bytes.
"""
BACKLOGS = {"events of 100 B": (300_000, 100), "events of 250 B": (300_000, 0), "events of 64 KiB": (6_000, 65_000)}
ROUNDS = 3
IDLE_S = 5
QUEUE_EVENTS, RATE = 10_000, 20_000


def measure(bench):
    told = {}
    with bench.stage() as stage:
        things = {what: consumer_of(stage, told, what, backlog) for what, backlog in BACKLOGS.items()}
        things["a full queue"] = lambda: note(told, **producer(stage))
        bench.in_turn(things, ROUNDS)
    return [Figure(what, "MB", runs) for what, runs in told.items()]


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


def resident_mb(pid, which):
    """VmRSS: now; VmHWM: the most that it ever was."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"process {pid} has no {which}")
