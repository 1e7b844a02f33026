"""drain: how fast a backlog becomes rows."""

import time

from suite import spent
from suite.figures import Figure
from suite.stage import told

TITLE = "A backlog is drained"
ABOUT = """
All events are in Redis before the clock starts, which runs from the start of the consumer's process until the last of
them is committed and settled. The limit sends the same rows to PostgreSQL, made ready in memory before its clock starts:
COPY and a plain upsert of the folded tasks, durable transactions of 5,000; it reads nothing from Redis and keeps no books.
"""
EVENTS = 200_000

OURS, COPY_AND_UPSERT, COPY = "taskledger-consumer", "limit: COPY and folded upsert", "limit: COPY alone"


def measure(bench):
    with bench.stage() as stage:
        stage.fill(bench.events(EVENTS))
        cost = {}
        things = {OURS: drain, COPY_AND_UPSERT: limit, COPY: lambda stage: limit(stage, "upsert=0")}
        runs = bench.in_turn({name: costing(stage, thing, cost.setdefault(name, [])) for name, thing in things.items()})
    return [
        *(Figure(what, "events/s", values, to="" if what == OURS else OURS) for what, values in runs.items()),
        *(Figure(f"PostgreSQL for {what}", "µs CPU/event", values) for what, values in cost.items()),
    ]


def costing(stage, thing, costs):
    """The thing as one to be taken in turn, which notes what PostgreSQL spent on it."""

    def run():
        stage.rewind()
        before = spent.seconds(stage.postgres.process.pid)
        rate = thing(stage)
        costs.append((spent.seconds(stage.postgres.process.pid) - before) / stage.length() * 1e6)
        stage.check()
        return rate

    return run


def drain(stage):
    begun = time.monotonic()
    with stage.consumer():
        stage.drained()
        return stage.length() / (time.monotonic() - begun)


def limit(stage, *arguments):
    """Reading and making ready is not in its time."""
    line = told(stage.run(stage.program("limit_copy"), *arguments))
    return line["events"] / line["seconds"]
