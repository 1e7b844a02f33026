"""consumers: one, two and four of one group, on the same backlog."""

from suite.figures import Figure

TITLE = "More consumers"
ABOUT = """
The same backlog, drained by so many consumers of one group, all on this machine: with two cores, which Redis, PostgreSQL
and the consumers share, this shows what they get in each other's way more than what they gain.
"""
EVENTS = 150_000
COUNTS = (1, 2, 4)
ROUNDS = 3


def name(count):
    return "1 consumer" if count == 1 else f"{count} consumers"


def measure(bench):
    with bench.stage() as stage:
        stage.fill(bench.events(EVENTS))
        runs = bench.in_turn({name(count): lambda count=count: drain(stage, count) for count in COUNTS}, ROUNDS)
    return [Figure(what, "events/s", values, "" if what == name(1) else name(1)) for what, values in runs.items()]


def drain(stage, count):
    stage.rewind()
    return stage.length() / stage.drain(count)
