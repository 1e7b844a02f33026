"""audit: how fast a ledger is checked, sealed, made anew, copied, and asked about one task."""

import time

from suite.figures import Figure
from suite.stage import told

TITLE = "A ledger is audited"
ABOUT = """
The ledger holds the events of the load, a task of seven events each; PostgreSQL's buffers hold most of it. Each command
runs as a process of its own, from its start to its end. The limits are a program that counts the rows of bare COPYs:
what verify compares, as it lies, with SHA-256 of each payload; for `verify --seal`, which follows the chains, the
payloads alone, what is compared, and all columns in their order, and what is compared as it is read then, by two sessions
at once, hashed; and what rebuild folds, as it lies, twice, since it looks at the table before it is put in place, and
its rows inserted into another table with the same indexes. One task's history is the time of the whole command, of which starting the process and connecting is most: the same of `--version`
is beside it.
"""
EVENTS = 1_000_000
VERIFY, SEALED, REBUILD, EXPORT = "verify", "verify --seal", "rebuild --execute", "a.export"
HISTORY, VERSION = "history of one task", "taskledger-replay --version"

# What limit_scan is told.
READ, ORDERED = "limit: verify's rows, hashed", "limit: verify's rows in order, two sessions, hashed"
FOLDED = "limit: COPY of what rebuild folds, twice, and its rows inserted"
LIMITS = {
    "limit: COPY of the payloads": ("columns=0",),
    "limit: COPY of what verify compares": ("columns=1",),
    "limit: COPY of all columns": ("columns=2",),
    READ: ("columns=4", "hash=1"),
    ORDERED: ("columns=1", "sessions=2", "hash=1"),
}
COMPARED = {VERIFY: READ, SEALED: ORDERED, REBUILD: FOLDED, READ: ""}


def measure(bench):
    with bench.stage() as stage:
        events = stage_events(bench, stage)
        rates = bench.in_turn({what: rate(events, thing) for what, thing in things(stage).items()}, rounds=3)
        delays = bench.in_turn(delays_of(stage), rounds=5)
        rates.update(bench.in_turn({"import": rate(events, lambda: import_again(stage))}, rounds=3))
    return [
        *(Figure(what, "events/s", runs, to=COMPARED.get(what, VERIFY)) for what, runs in rates.items()),
        *(Figure(what, "ms", runs, to=VERSION if what == HISTORY else "") for what, runs in delays.items()),
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
        SEALED: lambda: replay(stage, "verify", "--seal", seal),
        "export": lambda: anew(export, lambda: replay(stage, "export", export)),
        REBUILD: lambda: rebuild(stage),
        **{what: lambda words=words: scan(stage, *words) for what, words in LIMITS.items()},
        FOLDED: lambda: folded_and_inserted(stage, stage.postgres.rows),
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


def scan(stage, *words):
    return told(stage.run(stage.program("limit_scan"), *words))["seconds"]


def folded_and_inserted(stage, query):
    """What PostgreSQL has to do for a rebuild, when nobody folds."""
    took_s = scan(stage, "columns=3") + scan(stage, "columns=3")
    query("CREATE TABLE another (LIKE taskledger.task INCLUDING ALL)")
    begun = time.monotonic()
    query("INSERT INTO another SELECT * FROM taskledger.task")
    took_s += time.monotonic() - begun
    query("DROP TABLE another")
    return took_s


def delays_of(stage):
    task_id = stage.postgres.value("SELECT task_id FROM taskledger.task ORDER BY event_count DESC LIMIT 1")
    return {
        HISTORY: lambda: 1000 * replay(stage, "history", task_id),
        VERSION: lambda: 1000 * replay(stage, "--version"),
    }
