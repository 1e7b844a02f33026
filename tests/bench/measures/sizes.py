"""sizes: small events and large ones."""

from suite.figures import Figure

TITLE = "Small and large events"
ABOUT = """
A backlog of events of one size, drained; the padding does not compress. The smallest say their task and its status only.
An event's bytes are stored twice, as they came and as the columns that are looked at.
"""
SIZES = {"100 B": 100, "1 KiB": 1024, "4 KiB": 4096, "16 KiB": 16384, "64 KiB": 65536}
EVENTS_MAX = 100_000
BYTES_MAX = 100 * 1024 * 1024  # of one backlog
ROUNDS = 3


def measure(bench):
    volumes = {name: [] for name in SIZES}
    with bench.stage() as stage:
        things = {
            name: lambda size=size, name=name: drain(stage, bench.events(many(size), few=200), size, volumes[name])
            for name, size in SIZES.items()
        }
        runs = bench.in_turn(things, ROUNDS)
    return [
        *(Figure(what, "events/s", values) for what, values in runs.items()),
        *(Figure(what, "MiB/s", values) for what, values in volumes.items()),
    ]


def many(size):
    return min(EVENTS_MAX, BYTES_MAX // size)


def drain(stage, events, size, volumes):
    stage.empty()
    stage.fill(events, bytes=size)
    seconds = stage.drain()
    stored = stage.postgres.value("SELECT sum(octet_length(payload)) FROM taskledger.task_event")
    volumes.append(float(stored) / 1024 / 1024 / seconds)
    return stage.length() / seconds
