"""audit: how fast a ledger is checked, sealed, made anew, copied, and asked about one task."""

import time

from suite.figures import Figure

TITLE = "A ledger is audited"
ABOUT = """
The ledger holds the events of the load, a task of seven events each; PostgreSQL's buffers hold most of it. Each command
runs as a process of its own, from its start to its end. The limits are bare COPYs to nowhere on one session: the payloads
alone, and all columns, both in the order in which verify has to come along the chains. One task's history is the
time of the whole command, of which starting the process and connecting is most: the same of `--version` is beside it.
"""
EVENTS = 1_000_000
ORDERED = "FROM taskledger.task_event ORDER BY producer_id, sequence"
VERIFY, HISTORY, EXPORT = "verify", "history of one task", "a.export"


def measure(bench):
    with bench.stage() as stage:
        events = stage_events(bench, stage)
        rates = bench.in_turn({what: rate(events, thing) for what, thing in things(stage).items()}, rounds=3)
        delays = bench.in_turn(delays_of(stage), rounds=5)
        rates.update(bench.in_turn({"import": rate(events, lambda: import_again(stage))}, rounds=3))
    return [
        *(Figure(what, "events/s", runs, to="" if what == VERIFY else VERIFY) for what, runs in rates.items()),
        *(Figure(what, "ms", runs) for what, runs in delays.items()),
    ]


def stage_events(bench, stage):
    """A ledger of so many events, vacuumed as it would be by the time somebody audits it."""
    with stage.consumer():
        stage.load(events=bench.events(EVENTS))
        stage.drained()
    stage.check()
    stage.redis.client().flushall()
    stage.postgres.rows("VACUUM ANALYZE")
    stage.settle()
    return stage.postgres.value("SELECT count(*) FROM taskledger.task_event")


def things(stage):
    """{what: callable that does it once to all events}."""
    seal, export = stage.scratch / "a.seal", stage.scratch / EXPORT
    return {
        VERIFY: lambda: replay(stage, "verify"),
        "verify --quick": lambda: replay(stage, "verify", "--quick"),
        "seal": lambda: anew(seal, lambda: replay(stage, "seal", seal)),
        "export": lambda: anew(export, lambda: replay(stage, "export", export)),
        "rebuild --execute": lambda: rebuild(stage),
        "limit: COPY of the payloads": lambda: copy_out(stage, "payload"),
        "limit: COPY of all columns": lambda: copy_out(stage, "*"),
    }


def rate(events, thing):
    def run():
        return events / thing()

    return run


def replay(stage, *arguments):
    """How long it took, without a look at the stream, which is not part of this."""
    begun = time.monotonic()
    stage.run(stage.build.bin("taskledger-replay"), *arguments, environment={"REDIS_URL": ""})
    return time.monotonic() - begun


def anew(path, thing):
    """What writes a file refuses one that is there."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    return thing()


def import_again(stage):
    """What was exported last, into a ledger of its own."""
    stage.empty()
    return replay(stage, "import", stage.scratch / EXPORT)


def rebuild(stage):
    took_s = replay(stage, "rebuild", "--execute")
    replay(stage, "rebuild", "--drop", "--execute")
    return took_s


def copy_out(stage, columns):
    connection = stage.postgres.connect()
    try:
        with connection.cursor() as cursor, open("/dev/null", "wb") as nowhere:
            begun = time.monotonic()
            cursor.copy_expert(f"COPY (SELECT {columns} {ORDERED}) TO STDOUT (FORMAT binary)", nowhere)
            return time.monotonic() - begun
    finally:
        connection.close()


def delays_of(stage):
    task_id = stage.postgres.value("SELECT task_id FROM taskledger.task ORDER BY event_count DESC LIMIT 1")
    return {
        HISTORY: lambda: 1000 * replay(stage, "history", task_id),
        "taskledger-replay --version": lambda: 1000 * replay(stage, "--version"),
    }
