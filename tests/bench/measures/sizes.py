"""sizes: small events and large ones."""

from suite.figures import Figure
from suite.stage import told

TITLE = "Small and large events"
ABOUT = """
A backlog of events of one size, drained; the padding does not compress. The smallest say their task and its status only.
An event's bytes are stored twice, as they came and as the columns that are looked at. The limit sends the same rows of
each size, made ready before its clock starts, by COPY and a plain upsert.
"""
SIZES = {"100 B": 100, "1 KiB": 1024, "4 KiB": 4096, "16 KiB": 16384, "64 KiB": 65536}
LIMIT = "limit: COPY and folded upsert, "
EVENTS_MAX = 100_000
BYTES_MAX = 100 * 1024 * 1024  # of one backlog
ROUNDS = 3


def measure(bench):
    rates, volumes = {}, {}
    with bench.stage() as stage:
        things = {name: taking(stage, name, size, rates, volumes) for name, size in SIZES.items()}
        bench.in_turn(things, ROUNDS)
    return [
        *(Figure(what, "events/s", runs, limit_of(what)) for what, runs in rates.items()),
        *(Figure(what, "MiB/s", runs, limit_of(what)) for what, runs in volumes.items()),
    ]


def limit_of(what):
    return "" if what.startswith(LIMIT) else LIMIT + what


def taking(stage, name, size, rates, volumes):
    """A backlog of this size, drained and then sent by the limit; what came through of both is noted."""

    def run():
        stage.empty()
        stage.fill(stage.bench.events(many(size), few=200), bytes=size)
        seconds = {name: stage.drain(), LIMIT + name: limit(stage)}
        stored = stage.postgres.value("SELECT sum(octet_length(payload)) FROM taskledger.task_event")
        for what, value in seconds.items():
            rates.setdefault(what, []).append(stage.length() / value)
            volumes.setdefault(what, []).append(float(stored) / 1024 / 1024 / value)
        return rates[name][-1]

    return run


def many(size):
    return min(EVENTS_MAX, BYTES_MAX // size)


def limit(stage):
    stage.rewind()
    seconds = told(stage.run(stage.program("limit_copy")))["seconds"]
    stage.check()
    return seconds
