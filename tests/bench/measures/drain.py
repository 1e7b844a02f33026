"""drain: how fast a backlog becomes rows."""

from suite import spent
from suite.figures import Figure
from suite.stage import told

TITLE = "A backlog is drained"
ABOUT = """
All events are in Redis before the clock starts, which runs from the first delivery until the last of them is committed
and settled. The limit sends the same rows to PostgreSQL, made ready in memory before its clock starts: COPY in
the same order and a plain upsert of the folded tasks, durable transactions of 5,000; it reads nothing from Redis and
keeps no books.
"""
EVENTS = 200_000

OURS, COPY_AND_UPSERT, COPY = "taskledger-consumer", "limit: COPY and folded upsert", "limit: COPY alone"
COMPARED = {OURS: COPY_AND_UPSERT, COPY: COPY_AND_UPSERT}


def measure(bench):
    with bench.stage() as stage:
        stage.fill(bench.events(EVENTS))
        cost = {}
        things = {OURS: stage.drain, COPY_AND_UPSERT: lambda: limit(stage), COPY: lambda: limit(stage, "upsert=0")}
        runs = bench.in_turn({what: costing(stage, thing, cost.setdefault(what, [])) for what, thing in things.items()})
    return [
        *(Figure(what, "events/s", values, COMPARED.get(what, "")) for what, values in runs.items()),
        *(Figure(f"PostgreSQL for {what}", "µs CPU/event", values) for what, values in cost.items()),
    ]


def costing(stage, seconds_of, costs):
    """The thing as one to be taken in turn, events a second; what PostgreSQL spent on it is noted."""

    def run():
        stage.rewind()
        before = spent.seconds(stage.postgres.process.pid)
        seconds = seconds_of()
        costs.append((spent.seconds(stage.postgres.process.pid) - before) / stage.length() * 1e6)
        return stage.length() / seconds

    return run


def limit(stage, *arguments):
    """Its seconds; reading and making ready is not in them."""
    line = told(stage.run(stage.program("limit_copy"), *arguments))
    stage.check()
    return line["seconds"]
