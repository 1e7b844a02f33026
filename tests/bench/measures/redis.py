"""redis: what Redis takes and gives, and how much of it producer and consumer get."""

from suite.figures import Figure
from suite.stage import STREAM, told

TITLE = "Redis alone"
ABOUT = """
Into Redis and out of it, without PostgreSQL. The limits are programs that do nothing else: XADD of commands made ready
in memory, over one connection; XREADGROUP of 5,000 and XACK, of which only the IDs are looked at. The producers also
make, check and hash every event, on the same cores; the consumer's source makes entries of what it reads.
"""
EVENTS = 300_000

ADD, PRODUCERS = "limit: XADD, pipelined", "4 taskledger producers"
READ, SOURCE = "limit: XREADGROUP + XACK of 5,000", "the consumer's source alone"


def measure(bench):
    with bench.stage(warm=False) as stage:
        events = bench.events(EVENTS)
        stage.fill(events)
        runs = bench.in_turn({
            ADD: lambda: after(stage, "limit", rate(stage, "limit_add")),
            PRODUCERS: lambda: after(stage, "offered", produced(stage, events)),
            READ: lambda: rate(stage, "limit_read", forgets="limit"),
            SOURCE: lambda: rate(stage, "source_alone", f"events={stage.length()}", forgets="alone"),
        })
    compared = {PRODUCERS: ADD, SOURCE: READ}
    return [Figure(what, "events/s", values, compared.get(what, "")) for what, values in runs.items()]


def rate(stage, program, *arguments, forgets=None):
    line = told(stage.run(stage.program(program), *arguments))
    if forgets:
        stage.redis.client().xgroup_destroy(STREAM, forgets)
    return line["events"] / line["seconds"]


def produced(stage, events):
    line = stage.load(events=events, environment={"TASKLEDGER_STREAM": "offered"})
    return line["accepted"] / line["seconds"]


def after(stage, stream, value):
    """What a program made there is taken away, so that each begins with the same Redis."""
    stage.redis.client().delete(stream)
    stage.settle()
    return value
