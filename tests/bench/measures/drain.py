"""drain: how fast a backlog becomes rows."""

import time

from suite.figures import Figure

TITLE = "A backlog is drained"
ABOUT = """
All events are in Redis before the clock starts, which runs from the start of the consumer's process until the last event
is committed and settled.
"""
EVENTS = 300_000


def measure(bench):
    events = bench.events(EVENTS)
    with bench.stage() as stage:
        runs = bench.in_turn({"taskledger-consumer": lambda: ours(stage, events)})
    return [Figure(what, "events/s", values) for what, values in runs.items()]


def ours(stage, events):
    stage.empty()
    stage.fill(events)
    length = stage.length()
    begun = time.monotonic()
    with stage.consumer():
        stage.drained()
        seconds = time.monotonic() - begun
    stage.check()
    return length / seconds
